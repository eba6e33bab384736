/*
 * Trends: what is hot, popular and rising, as a picture and as the numbers behind it, by category too; revenue, and what is
 * bought together.
 */
import {api, get} from './api.js';
import {categoriesCard} from './categories.js';
import {PERIOD_MS as CARD_PERIOD_MS, refreshAll} from './card.js';
import {RankPlot} from './charts.js';
import {byId, el, emptyState, fillSegments, setText} from './dom.js';
import {DASH, alike, count, money} from './format.js';
import {PERIODS, periodOptions} from './period.js';
import {Poller} from './poll.js';
import {revenueCard} from './revenue.js';
import {t} from './text.js';
import {titleOf} from './titles.js';
import {togetherCard} from './together.js';

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

const asked = {period: PERIODS[0]};
const chosen = {get kind() { return kind; }};
const categories = categoriesCard(chosen);
const revenue = revenueCard(asked);
const cards = [categories, revenue, togetherCard()];
const cardPoller = new Poller(CARD_PERIOD_MS, (signal) => refreshAll(cards, signal));

const scores = () => (items ?? []).map((item) => get(item, 'score') ?? 0);

function table() {
    const amount = alike(scores());
    const priced = items.some((item) => get(item, 'price') !== undefined);
    const sorted = items.some((item) => get(item, 'category') !== undefined);
    const head = (name, number) => el('th', {scope: 'col', class: number ? 'number' : name}, t(`trends.${name}`));
    return el('table', {'aria-label': t('trends.items')},
        el('thead', {}, el('tr', {}, head('rank', true), head('item'), sorted ? head('category') : null, priced ? head('price', true) : null, head('score', true))),
        el('tbody', {}, ...items.map((item, index) => el('tr', {},
            el('td', {class: 'number quiet'}, count(index + 1)),
            el('td', {class: 'item'}, el('span', {class: 'name'}, titleOf(item)), el('span', {class: 'code quiet'}, get(item, 'title') ? get(item, 'id') : '')),
            sorted ? el('td', {class: 'quiet category'}, get(item, 'category') ?? DASH) : null,
            priced ? el('td', {class: 'number'}, money(get(item, 'price'), get(item, 'currency'))) : null,
            el('td', {class: 'number'}, amount(get(item, 'score')))))));
}

function state() {
    if (refusal) {
        const denied = refusal.status === 401 || refusal.status === 403;
        return emptyState(t('problem.title'), denied ? t('problem.denied') : refusal.message, 'bad');
    }
    if (items === null) return emptyState(t('loading'), null, 'waiting');
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
    plot.build(rows, alike(scores()));
}

function ownAddress() {
    const parameters = new URLSearchParams();
    if (kind !== KINDS[0]) parameters.set('kind', kind);
    if (asked.period !== PERIODS[0]) parameters.set('period', asked.period);
    const search = String(parameters);
    return search === '' ? '#/trends' : `#/trends?${search}`;
}

function choose(name) {
    kind = name;
    items = null;
    categories.redraw();
    history.replaceState(null, '', ownAddress());
    poller.start();
}

function choosePeriod(period) {
    asked.period = period;
    history.replaceState(null, '', ownAddress());
    revenue.forget();
    revenue.draw();
    cardPoller.start();
}

export const trends = {
    show(parameters) {
        const wanted = KINDS.includes(parameters.kind) ? parameters.kind : KINDS[0];
        if (wanted !== kind) items = null;
        kind = wanted;
        const period = PERIODS.includes(parameters.period) ? parameters.period : PERIODS[0];
        if (period !== asked.period) revenue.forget();
        asked.period = period;
        this.redraw();
        poller.start();
        cardPoller.start();
    },
    hide() {
        poller.stop();
        cardPoller.stop();
    },
    redraw() {
        drawn = '';
        fillSegments(byId('kinds'), 'kind', KINDS.map((name) => ({value: name, text: t(`trends.${name}`)})), kind, choose);
        fillSegments(byId('revenue-periods'), 'revenue-period', periodOptions(PERIODS), asked.period, choosePeriod);
        draw();
        for (const card of cards) card.redraw();
    },
};
