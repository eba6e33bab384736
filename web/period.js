/*
 * Days, weeks and months of an answer: what they are called, and the numbers beside a chart of them.
 */
import {get} from './api.js';
import {el} from './dom.js';
import {DASH, calendar, change} from './format.js';
import {t} from './text.js';

export const PERIODS = ['day', 'week', 'month'];

export const periodOptions = (names) => names.map((value) => ({value, text: t(`period.${value}`)}));

/* Short, for an axis. */
export function periodTick(period, from) {
    return calendar(from, period === 'month' ? {month: 'short', year: 'numeric'} : {month: 'short', day: 'numeric'});
}

export function periodName(period, from) {
    if (period === 'month') return calendar(from, {month: 'long', year: 'numeric'});
    return period === 'week' ? t('period.week_of', {day: calendar(from)}) : calendar(from);
}

/* The present one is not over: its numbers still grow. */
export const isRunning = (entry) => get(entry, 'complete') === false;

export function titlesOf(period, entries) {
    return entries.map((entry) => {
        const name = periodName(period, get(entry, 'from'));
        return isRunning(entry) ? t('period.running', {period: name}) : name;
    });
}

/* The last two that are over, the newer first: what a running one says is not comparable. */
export function lastWhole(entries) {
    return entries.filter((entry) => !isRunning(entry)).slice(-2).reverse();
}

/* "+3 % on the week before" */
export function changeNote(period, now, before) {
    return before > 0 && Number.isFinite(now) ? t(`period.change_${period}`, {change: change(now / before - 1)}) : '';
}

/* figures: [[name, value, note]] as a list of terms, the name a key of texts. */
export function figuresOf(figures) {
    return figures.map(([name, value, note]) => el('div', {'data-name': name},
        el('dt', {}, t(name)), el('dd', {class: 'value'}, value ?? DASH), el('dd', {class: 'note'}, note || '\u00a0')));
}

/* What a chart's colours mean; series: [{name, colour}]. */
export function legendOf(series) {
    return series.map(({name, colour, is_line}) => {
        const mark = el('i', {'aria-hidden': 'true', class: is_line ? 'line' : null});
        mark.style.setProperty('--key', `var(${colour})`);
        return el('li', {}, mark, name);
    });
}
