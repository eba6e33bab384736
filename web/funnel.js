/*
 * From looking to buying: of those who took the first step, how many took the next ones.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, el, emptyState, meter, setText} from './dom.js';
import {calendar, count, decimal, percent, word} from './format.js';
import {t} from './text.js';

const DAY_S = 86400;

/* The roles are said again because the narrow layout takes the table's display away, and its meaning with it. */
function row(step) {
    const cell = (name, kind, text) => el('td', {role: 'cell', class: `number ${kind}`, 'data-head': t(`funnel.${name}`)}, text);
    return el('tr', {role: 'row'},
        el('th', {role: 'rowheader', scope: 'row'}, word('step', get(step, 'step'))),
        el('td', {role: 'cell', class: 'funnel-bar'}, meter(get(step, 'of_first') ?? 0)),
        cell('users', 'strong', count(get(step, 'users'))),
        cell('of_first', '', percent(get(step, 'of_first'))),
        cell('of_previous', 'quiet', percent(get(step, 'of_previous'))));
}

function paint(answer) {
    const steps = get(answer, 'steps') ?? [];
    const since = calendar(get(answer, 'since'));
    setText(byId('funnel-note'), '');
    const first = word('step', get(steps[0], 'step'));
    if (!(get(steps[0], 'users') > 0)) return emptyState(t('funnel.none'), t('funnel.none_text', {step: first, day: since}));
    const head = (name, number = true) => el('th', {role: 'columnheader', scope: 'col', class: number ? 'number' : null}, t(`funnel.${name}`));
    byId('funnel-table').replaceChildren(el('table', {class: 'feed funnel', role: 'table', 'aria-label': t('funnel.title')},
        el('thead', {role: 'rowgroup'}, el('tr', {role: 'row'}, head('step', false), el('td', {role: 'cell'}), head('users'), head('of_first'), head('of_previous'))),
        el('tbody', {role: 'rowgroup'}, ...steps.map(row))));
    setText(byId('funnel-note'), t('funnel.note', {day: since, days: decimal(get(answer, 'window_seconds') / DAY_S, 1)}));
    return null;
}

export const funnelCard = () => new Card('funnel', {ask: (signal) => api.funnels({}, {signal}), paint});
