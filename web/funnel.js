/*
 * From looking to buying: of those who took the first step, how many took the next ones.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, el, emptyState, meter} from './dom.js';
import {calendar, count, decimal, percent, word} from './format.js';
import {t} from './text.js';

const DAY_S = 86400;

function row(step) {
    return el('tr', {},
        el('th', {scope: 'row'}, word('step', get(step, 'step'))),
        el('td', {class: 'funnel-bar'}, meter(get(step, 'of_first') ?? 0)),
        el('td', {class: 'number strong'}, count(get(step, 'users'))),
        el('td', {class: 'number'}, percent(get(step, 'of_first'))),
        el('td', {class: 'number quiet'}, percent(get(step, 'of_previous'))));
}

function paint(answer) {
    const steps = get(answer, 'steps') ?? [];
    const since = calendar(get(answer, 'since'));
    const first = word('step', get(steps[0], 'step'));
    if (!(get(steps[0], 'users') > 0)) return emptyState(t('funnel.none'), t('funnel.none_text', {step: first, day: since}));
    const head = (name, number = true) => el('th', {scope: 'col', class: number ? 'number' : null}, t(`funnel.${name}`));
    byId('funnel-table').replaceChildren(el('table', {class: 'funnel', 'aria-label': t('funnel.title')},
        el('thead', {}, el('tr', {}, head('step', false), el('td', {}), head('users'), head('of_first'), head('of_previous'))),
        el('tbody', {}, ...steps.map(row))));
    byId('funnel-note').textContent = t('funnel.note', {day: since, days: decimal(get(answer, 'window_seconds') / DAY_S, 1)});
    return null;
}

export const funnelCard = () => new Card('funnel', {ask: (signal) => api.funnels({}, {signal}), paint});
