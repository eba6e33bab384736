/*
 * What people want now by category: the same three lists as of the items, of the chosen kind.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, el, emptyState} from './dom.js';
import {alike, count} from './format.js';
import {t} from './text.js';

const CATEGORIES = 10;

/* `chosen` has the kind, which may change between answers. */
export const categoriesCard = (chosen) => new Card('categories', {
    ask: (signal) => api.trends({limit: CATEGORIES}, {signal}),
    paint(answer) {
        const rows = get(get(answer, 'categories'), chosen.kind) ?? [];
        if (rows.length === 0) return emptyState(t('categories.none'), t('categories.none_text'));
        const amount = alike(rows.map((row) => get(row, 'score') ?? 0));
        const head = (name, number) => el('th', {scope: 'col', class: number ? 'number' : null}, t(name));
        byId('categories-table').replaceChildren(el('table', {'aria-label': t('categories.title')},
            el('thead', {}, el('tr', {}, head('trends.rank', true), head('trends.category'), head('trends.score', true))),
            el('tbody', {}, ...rows.map((row, index) => el('tr', {},
                el('td', {class: 'number quiet'}, count(index + 1)),
                el('td', {class: 'item'}, el('span', {class: 'name'}, get(row, 'id'))),
                el('td', {class: 'number'}, amount(get(row, 'score'))))))));
        return null;
    },
});
