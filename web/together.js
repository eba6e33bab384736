/*
 * What is bought together, more often than chance would have it.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, el, emptyState} from './dom.js';
import {count, decimal, percent} from './format.js';
import {t} from './text.js';
import {learn, titleOf} from './titles.js';

const PAIRS = 10;
const BASKETS_LEAST = 10; /* a pair of two rare items has the highest lift of all, and says nothing */

function row(pair) {
    const cell = (name, props, ...children) => el('td', {role: 'cell', 'data-head': t(`together.${name}`), ...props}, ...children);
    const [a, b] = [titleOf({id: get(pair, 'a')}), titleOf({id: get(pair, 'b')})];
    const sure = (name, arrow, from, to) => {
        const share = percent(get(pair, name), 0);
        return el('span', {title: t('together.sure', {from, to, share})}, el('span', {class: 'arrow', 'aria-hidden': 'true'}, arrow), share);
    };
    return el('tr', {role: 'row'},
        cell('pair', {class: 'wide-cell basket'}, el('span', {class: 'name'}, a), el('span', {class: 'name'}, b)),
        cell('baskets', {class: 'number'}, count(get(pair, 'baskets'))),
        cell('support', {class: 'number'}, percent(get(pair, 'support'), 2)),
        cell('confidence', {class: 'number sure'}, sure('confidence_a_to_b', '→', a, b), sure('confidence_b_to_a', '←', b, a)),
        cell('lift', {class: 'number strong'}, t('together.times', {n: decimal(get(pair, 'lift'), 1, 1)})));
}

function paint(answer) {
    const pairs = get(answer, 'associations') ?? [];
    if (pairs.length === 0) return emptyState(t('together.none'), t('together.none_text', {n: BASKETS_LEAST}));
    const head = (name, number = true) => el('th', {role: 'columnheader', scope: 'col', class: number ? 'number' : null, title: t(`together.${name}_note`)}, t(`together.${name}`));
    byId('together-table').replaceChildren(el('table', {class: 'feed', role: 'table', 'aria-label': t('together.title')},
        el('thead', {role: 'rowgroup'}, el('tr', {role: 'row'}, head('pair', false), head('baskets'), head('support'), head('confidence'), head('lift'))),
        el('tbody', {role: 'rowgroup'}, ...pairs.map(row))));
    return null;
}

export const togetherCard = () => new Card('together', {
    async ask(signal) {
        const answer = await api.associations({limit: PAIRS, least: BASKETS_LEAST}, {signal});
        await learn((get(answer, 'associations') ?? []).flatMap((pair) => [get(pair, 'a'), get(pair, 'b')]), signal);
        return answer;
    },
    paint,
});
