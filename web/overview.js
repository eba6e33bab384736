/*
 * Overview: throughput, health, and the eight numbers somebody on call looks at first.
 */
import {api, get} from './api.js';
import {RatePlot} from './charts.js';
import {byId, el, meter, setShare, setText} from './dom.js';
import {DASH, ago, count, dateTime, decimal, instant, money, percent, word} from './format.js';
import {Poller} from './poll.js';
import {OverviewFeed} from './stream.js';
import {t} from './text.js';

const SPAN_S = 300;
const READY_PERIOD_MS = 3000;
const ASKED_QUIETLY = 2; /* overviews may be asked for before the stream has begun */

const plot = new RatePlot(byId('rate-chart'), SPAN_S);
let points = []; /* {at_ms, value}, the last SPAN_S seconds */
let previous = null; /* {at_ms, events} of the last answer */
let statistics = null;
let readiness = null;
let asked = 0; /* overviews asked for in a row: the stream does not tell */

/* From the engine when it says so, else from two readings of the counter; a restart begins anew. */
function ratePerSecond(answer, at_ms) {
    const stated = get(answer, 'events_per_second');
    if (Number.isFinite(stated)) return stated;
    const events = get(answer, 'events_applied');
    const before = previous;
    previous = Number.isFinite(events) ? {at_ms, events} : null;
    if (!before || !previous || events < before.events || at_ms <= before.at_ms) return NaN;
    return ((events - before.events) * 1000) / (at_ms - before.at_ms);
}

function receive(answer) {
    const at_ms = Date.now();
    const value = ratePerSecond(answer, at_ms);
    points = points.filter((point) => at_ms - point.at_ms <= SPAN_S * 1000);
    if (Number.isFinite(value)) points.push({at_ms, value});
    statistics = answer;
    asked = feed.told ? 0 : asked + 1;
    draw();
}

const feed = new OverviewFeed(receive);

const readyPoller = new Poller(READY_PERIOD_MS, async (signal) => {
    readiness = await api.ready({signal}).catch((error) => {
        if (feed.told) return readiness; // we hear the engine: one lost answer is no lost connection
        if (error.passing !== false) throw error;
        return null;
    });
    drawReadiness();
});

/* A model's version begins with the time it was made, "20261121T0300Z-7f3a". */
function modelTime(version) {
    const [, y, mo, d, h, mi] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)\d*Z/.exec(version ?? '') ?? [];
    return y === undefined ? NaN : Date.UTC(y, mo - 1, d, h, mi);
}

/* Its age by the engine's clock, which follows the newest event when old data is replayed. */
function modelNote(version, newest) {
    if (!version) return t('overview.no_model');
    const made_ms = modelTime(version);
    return Number.isFinite(made_ms) ? t('overview.model_age', {ago: ago(made_ms, Number.isFinite(instant(newest)) ? instant(newest) : Date.now())}) : '';
}

/* name, value, note under it, share of one for a bar */
function tiles(s) {
    const model = get(s, 'model_version');
    const newest = get(s, 'newest_event');
    return [
        ['events', count(get(s, 'events_applied')), newest === undefined ? '' : t('overview.newest', {time: dateTime(newest)})],
        ['lag', count(get(s, 'lag_events')), t('overview.lag_note')],
        ['revenue', money(get(s, 'revenue'), get(s, 'currency'), 0), t('overview.revenue_note')],
        ['users', count(get(s, 'users')), t('overview.customers', {n: count(get(s, 'customers'))})],
        ['items', count(get(s, 'items')), t('overview.items_note', {n: count(get(s, 'catalogue_items'))})],
        ['cache', percent(get(s, 'cache_hit_share')), get(s, 'cache_down') === true ? t('overview.cache_down') : t('overview.cache_note'), get(s, 'cache_hit_share') ?? NaN],
        ['degraded', percent(get(s, 'degraded_share'), 2), t('overview.degraded_note'), get(s, 'degraded_share') ?? NaN, 'warn'],
        ['model', model || DASH, s === null ? '' : modelNote(model, newest)],
    ];
}

function buildTile([name, , , share, kind]) {
    return el('div', {class: 'tile', 'data-name': name},
        el('dt', {}),
        el('dd', {class: name === 'model' ? 'value code' : 'value'}),
        share === undefined ? null : el('dd', {class: 'bar'}, meter(share, kind)),
        el('dd', {class: 'note'}));
}

/* The tiles are made once and only their texts change, so that a number can be selected and copied. */
function drawTiles() {
    const place = byId('overview-tiles');
    const list = tiles(statistics);
    if (place.childElementCount === 0) place.append(...list.map(buildTile));
    list.forEach(([name, value, note, share], index) => {
        const tile = place.children[index];
        setText(tile.querySelector('dt'), t(`overview.${name}`));
        setText(tile.querySelector('.value'), value);
        setText(tile.querySelector('.note'), note ?? '');
        if (name === 'model') tile.querySelector('.value').title = value;
        if (share !== undefined) setShare(tile.querySelector('.meter'), share);
    });
}

function checkRow({name, ready, detail}) {
    return el('li', {class: ready ? 'good' : 'bad'},
        el('i', {'aria-hidden': 'true'}),
        el('span', {class: 'check-name'}, word('check', name)),
        el('span', {class: 'check-detail'}, detail || t(ready ? 'overview.is_ready' : 'overview.not_ready')));
}

function drawReadiness() {
    const pill = byId('ready-state');
    const ready = get(readiness, 'ready');
    pill.className = `pill ${ready === undefined ? '' : ready ? 'good' : 'bad'}`;
    setText(pill, ready === undefined ? DASH : t(ready ? 'overview.is_ready' : 'overview.not_ready'));
    const checks = get(readiness, 'checks') ?? [];
    const none = readiness === null ? [] : [el('li', {class: 'quiet'}, t('overview.no_checks'))];
    byId('ready-checks').replaceChildren(...(checks.length === 0 ? none : checks.map(checkRow)));
}

function drawRate() {
    const now = points.at(-1)?.value;
    setText(byId('rate'), decimal(now, 0));
    plot.update(points, points.at(-1)?.at_ms ?? Date.now());
    plot.describe(t('overview.rate_chart', {now: decimal(now, 0), most: decimal(Math.max(...points.map((p) => p.value)), 0)}));
}

/* How the numbers come is no news while they come; that they are asked for is worth a quiet word. */
function drawFeedNote() {
    setText(byId('feed-note'), asked > ASKED_QUIETLY ? t('overview.asked') : '');
}

function draw() {
    drawFeedNote();
    drawRate();
    drawTiles();
    drawReadiness();
}

function secondsAgo(seconds) {
    if (seconds < 1) return t('overview.now');
    return seconds < 60 ? t('overview.seconds_ago', {n: Math.round(seconds)}) : t('overview.minutes_ago', {n: decimal(seconds / 60, 1)});
}

export const overview = {
    show() {
        this.redraw();
        asked = 0;
        previous = null; // the gap since the last visit is not a second
        feed.start();
        readyPoller.start();
    },
    hide() {
        feed.stop();
        readyPoller.stop();
    },
    redraw() {
        plot.build({value: (value) => decimal(value, value < 10 ? 1 : 0), ago: secondsAgo});
        draw();
    },
};
