/*
 * Trends: what is hot, popular and rising, as a picture and as the numbers behind it.
 */
import {api, get} from './api.js';
import {RankPlot} from './charts.js';
import {byId, el, emptyState, fillSegments, setText} from './dom.js';
import {DASH, compact, count, decimal, money} from './format.js';
import {Poller} from './poll.js';
import {t} from './text.js';
import {titleOf} from './titles.js';

const PERIOD_MS = 5000;
const ITEMS = 20;
const BARS_MAX = 12;
const KINDS = ['hot', 'popular', 'rising'];

const plot = new RankPlot(byId('trend-chart'));
let kind = 'hot';
let items = null;
let refusal = null;
let drawn = '';

const poller = new Poller(PERIOD_MS, async (signal) => {
    items = get(await api.trending(kind, ITEMS, {signal}), 'items') ?? [];
    refusal = null;
    draw();
}, (error) => {
    items = null;
    refusal = error;
    draw();
});

/* As many digits as the largest score needs, the same for all: the column aligns at its point. */
function amount(value) {
    const largest = Math.max(...(items ?? []).map((item) => Math.abs(get(item, 'score') ?? 0)));
    if (largest >= 1e6) return compact(value);
    const digits = largest >= 1000 ? 0 : largest >= 10 ? 1 : 2;
    return decimal(value, digits, digits);
}

function table() {
    const priced = items.some((item) => get(item, 'price') !== undefined);
    const sorted = items.some((item) => get(item, 'category') !== undefined);
    const head = (name, number) => el('th', {scope: 'col', class: number ? 'number' : null}, t(`trends.${name}`));
    return el('table', {'aria-label': t('trends.items')},
        el('thead', {}, el('tr', {}, head('rank', true), head('item'), sorted ? head('category') : null, priced ? head('price', true) : null, head('score', true))),
        el('tbody', {}, ...items.map((item, index) => el('tr', {},
            el('td', {class: 'number quiet'}, count(index + 1)),
            el('td', {class: 'item'}, el('span', {class: 'name'}, titleOf(item)), el('span', {class: 'code quiet'}, get(item, 'title') ? get(item, 'id') : '')),
            sorted ? el('td', {class: 'quiet'}, get(item, 'category') ?? DASH) : null,
            priced ? el('td', {class: 'number'}, money(get(item, 'price'), get(item, 'currency'))) : null,
            el('td', {class: 'number'}, amount(get(item, 'score')))))));
}

function state() {
    if (refusal) {
        const denied = refusal.status === 401 || refusal.status === 403;
        return emptyState(t('problem.title'), denied ? t('problem.denied') : refusal.message, 'bad');
    }
    if (items === null) return emptyState(t('loading'), null);
    return items.length === 0 ? emptyState(t('trends.none'), t('trends.none_text')) : table();
}

/* The chart is built again only when what it shows has changed: it would flicker each period. */
function draw() {
    setText(byId('trend-chart-title'), t(`trends.${kind}`));
    setText(byId('trend-note'), t(`trends.${kind}_note`));
    byId('trend-table').replaceChildren(state());
    const rows = (items ?? []).slice(0, BARS_MAX).map((item) => ({name: titleOf(item), value: get(item, 'score') ?? 0}));
    const content = JSON.stringify(rows);
    if (content === drawn) return;
    drawn = content;
    plot.build(rows, amount);
}

function choose(name) {
    kind = name;
    items = null;
    history.replaceState(null, '', name === KINDS[0] ? '#/trends' : `#/trends?kind=${name}`);
    poller.start();
}

export const trends = {
    show(parameters) {
        const wanted = KINDS.includes(parameters.kind) ? parameters.kind : KINDS[0];
        if (wanted !== kind) items = null;
        kind = wanted;
        this.redraw();
        poller.start();
    },
    hide: () => poller.stop(),
    redraw() {
        drawn = '';
        fillSegments(byId('kinds'), 'kind', KINDS.map((name) => ({value: name, text: t(`trends.${name}`)})), kind, choose);
        draw();
    },
};
