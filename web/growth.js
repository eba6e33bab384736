/*
 * Growth: who is about to leave, how sure we are, why, and what it would cost.
 *
 * The feed is a cursor from the oldest alert to the newest; the page follows it and keeps the newest alert of each
 * user, so that somebody who recovered is not counted as critical any more.
 */
import {api, get} from './api.js';
import {byId, el, emptyState, fillSegments, meter} from './dom.js';
import {DASH, count, date, dateTime, money, percent, word} from './format.js';
import {Poller} from './poll.js';
import {address} from './recommendations.js';
import {t} from './text.js';

const PERIOD_MS = 3000;
const PAGE_LIMIT = 500;
const PAGES_A_ROUND_MAX = 20;
const USERS_MAX = 20000; /* beyond it the users without news for longest are let go */
const ROWS_A_STEP = 50;

const TIERS = ['critical', 'at-risk', 'watch', 'recovered'];
const newest = new Map(); /* user → alert, the newest last */
let cursor;
let received = false;
let refusal = null;
let tier = 'all';
let rows_max = ROWS_A_STEP;

/* Only a tier we know becomes a class name. */
const tierOf = (alert) => TIERS.find((name) => name === get(alert, 'tier')) ?? 'none';

function keep(alert) {
    const user = get(alert, 'user_id');
    if (typeof user !== 'string') return;
    newest.delete(user);
    newest.set(user, alert);
    if (newest.size > USERS_MAX) newest.delete(newest.keys().next().value);
}

async function follow(signal) {
    let changed = !received || refusal !== null;
    for (let page = 0; page < PAGES_A_ROUND_MAX; page++) {
        const answer = await api.alerts({since: cursor, limit: PAGE_LIMIT}, {signal});
        const alerts = get(answer, 'alerts') ?? [];
        const next = get(answer, 'next');
        alerts.forEach(keep);
        changed ||= alerts.length > 0;
        const moved = next !== undefined && next !== cursor;
        cursor = next ?? cursor;
        if (alerts.length < PAGE_LIMIT || !moved) break;
    }
    received = true;
    refusal = null;
    if (changed) draw();
}

/* Newest first.  The feed's order is kept where two alerts carry the same time. */
function listed() {
    const alerts = [...newest.values()].reverse();
    return tier === 'all' ? alerts : alerts.filter((alert) => tierOf(alert) === tier);
}

function drawTiles() {
    const all = [...newest.values()];
    const place = byId('tier-tiles');
    place.replaceChildren(...TIERS.map((name) => {
        const alerts = all.filter((alert) => tierOf(alert) === name);
        const value = alerts.reduce((sum, alert) => sum + (get(alert, 'value_at_risk') ?? 0), 0);
        const currency = alerts.map((alert) => get(alert, 'currency')).find(Boolean);
        const atRisk = name === 'recovered' ? ' ' : t('growth.at_risk', {money: money(value, currency, 0)});
        return el('div', {class: 'tile', 'data-name': name},
            el('dt', {}, el('span', {class: `tier ${name}`}, word('tier', name))),
            el('dd', {class: 'value'}, received ? count(alerts.length) : DASH),
            el('dd', {class: 'note'}, received && alerts.length > 0 ? atRisk : ' '));
    }));
}

/* A reason is a sentence, or an object that holds one. */
function reasons(alert) {
    const texts = (get(alert, 'reasons') ?? []).map((reason) => (typeof reason === 'string' ? reason : get(reason, 'text'))).filter(Boolean);
    return texts.length === 0 ? DASH : el('ul', {class: 'reasons'}, ...texts.map((text) => el('li', {}, text)));
}

function row(alert) {
    const user = get(alert, 'user_id');
    const at = get(alert, 'time');
    const cell = (name, props, ...children) => el('td', {role: 'cell', 'data-head': t(`growth.${name}`), ...props}, ...children);
    return el('tr', {role: 'row'},
        cell('tier', {}, el('span', {class: `tier ${tierOf(alert)}`}, word('tier', tierOf(alert)))),
        cell('user', {}, el('a', {class: 'code', href: address(user), 'aria-label': t('growth.open', {user})}, user)),
        cell('probability', {class: 'number'}, el('span', {class: 'probability'}, percent(get(alert, 'probability'), 0), meter(get(alert, 'probability'), tierOf(alert)))),
        cell('reasons', {class: 'wide-cell'}, reasons(alert)),
        cell('value', {class: 'number'}, money(get(alert, 'value_at_risk'), get(alert, 'currency'))),
        cell('when', {class: 'quiet when'}, el('time', {title: dateTime(at)}, date(at))));
}

/* The roles are said again because the narrow layout takes the table's display away, and its meaning with it. */
function table(alerts) {
    const head = (name, number) => el('th', {role: 'columnheader', scope: 'col', class: number ? 'number' : null}, t(`growth.${name}`));
    return el('table', {class: 'feed', role: 'table', 'aria-label': t('growth.feed')},
        el('thead', {role: 'rowgroup'}, el('tr', {role: 'row'}, head('tier'), head('user'), head('probability', true), head('reasons'), head('value', true), head('when'))),
        el('tbody', {role: 'rowgroup'}, ...alerts.map(row)));
}

function drawAlerts() {
    const place = byId('alerts');
    const alerts = listed();
    if (refusal) {
        const denied = refusal.status === 401 || refusal.status === 403;
        place.replaceChildren(emptyState(t('problem.title'), denied ? t('problem.denied') : refusal.message, 'bad'));
    } else if (!received) place.replaceChildren(emptyState(t('loading'), null));
    else if (alerts.length === 0) place.replaceChildren(emptyState(t('growth.none'), t('growth.none_text')));
    else {
        const more = alerts.length > rows_max;
        place.replaceChildren(table(alerts.slice(0, rows_max)), ...(more ? [el('button', {type: 'button', class: 'secondary', onclick: showMore}, t('growth.older'))] : []));
    }
}

function showMore() {
    const first = rows_max;
    rows_max += ROWS_A_STEP;
    drawAlerts();
    byId('alerts').querySelectorAll('tbody a')[first]?.focus();
}

function drawFilter() {
    const options = ['all', ...TIERS].map((name) => ({value: name, text: word('tier', name)}));
    fillSegments(byId('tiers'), 'tier', options, tier, choose);
}

function choose(name) {
    tier = name;
    rows_max = ROWS_A_STEP;
    history.replaceState(null, '', name === 'all' ? '#/growth' : `#/growth?tier=${name}`);
    drawAlerts();
}

/* A redraw would take the keyboard's place away; it is put back on the same user. */
function draw() {
    const focused = document.activeElement?.closest?.('#alerts a')?.textContent;
    drawTiles();
    drawAlerts();
    if (focused) [...byId('alerts').querySelectorAll('tbody a')].find((link) => link.textContent === focused)?.focus({preventScroll: true});
}

const poller = new Poller(PERIOD_MS, follow, (error) => {
    refusal = error;
    draw();
});

export const growth = {
    show(parameters) {
        tier = TIERS.includes(parameters.tier) ? parameters.tier : 'all';
        this.redraw();
        poller.start();
    },
    hide: () => poller.stop(),
    redraw() {
        drawFilter();
        draw();
    },
};
