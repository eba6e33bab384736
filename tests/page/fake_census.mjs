/*
 * What the fake API counts: the answers of a census, with the member names and the modes of docs/API.md.
 *
 * The numbers are made up by formulas of the period, so that they add up as a shop's would: who is new was not there
 * before, a funnel narrows, a cohort shrinks.
 */
import {CATALOGUE, hash, pick} from './fake_engine.mjs';

const DAY_MS = 86400000;
const USUAL = {day: 30, week: 16, month: 13};
const SIZE = {day: 1, week: 4.2, month: 11};

const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);
const round = (value, digits = 4) => Number(value.toFixed(digits));

/* The first day of the period that is `back` before the present one; weeks begin on Mondays. */
function begins(period, back, now) {
    const at = new Date(now);
    if (period === 'month') return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - back, 1);
    const today = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate());
    return period === 'day' ? today - back * DAY_MS : today - ((at.getUTCDay() + 6) % 7 + 7 * back) * DAY_MS;
}

/* [{from, complete?}], the oldest first */
function calendar(period, count, now) {
    return Array.from({length: count}, (_, index) => {
        const back = count - 1 - index;
        return {from: dayOf(begins(period, back, now)), ...(back === 0 && {complete: false})};
    });
}

const scope = (now) => ({as_of: new Date(now - 4000).toISOString(), time_zone: 'UTC', partitions: {counted: 12, of: 12}});

const wave = (index, period) => 1 + 0.16 * Math.sin(index * (period === 'day' ? 0.9 : 0.6)) + 0.012 * index;

function flows(period, now, count) {
    return calendar(period, count, now).map((entry, index) => {
        const part = entry.complete === false ? 0.45 : 1;
        const active = Math.round(8400 * SIZE[period] * wave(index, period) * part);
        const fresh = Math.round(active * (0.17 + 0.03 * Math.cos(index)));
        const resurrected = Math.round(active * 0.11);
        return {...entry, active, new: fresh, returning: active - fresh - resurrected, resurrected, dormant: Math.round(active * (0.24 + 0.03 * Math.sin(index)))};
    });
}

function activity(ask, now) {
    const {period, count} = ask;
    const periods = flows(period, now, count).map(({from, complete, active, new: fresh}) => ({
        from, ...(complete === false && {complete}), active, new: fresh,
        ...(period === 'day' && {active_7d: Math.round(active * 3.1), active_30d: Math.round(active * 6.4), stickiness: round(1 / 6.4)}),
    }));
    return {...scope(now), of: 'any', period, bots_left_out: 214, periods, ...(period === 'day' && {users_by_active_days_of_30: Array.from({length: 30}, (_, n) => Math.round(42000 * 0.72 ** n))})};
}

function lifecycle({period, count}, now) {
    return {...scope(now), of: 'any', period, bots_left_out: 214, periods: flows(period, now, count), stages: {new: 96120, growing: 41877, active: 118402, returned: 30551, dormant: 302118, lost: 615763}};
}

function retention({period, count, measure}, now) {
    const cohorts = calendar(period, count, now).map(({from}, index) => {
        const begun = count - 1 - index;
        const users = Math.round(5200 * SIZE[period] * wave(index * 3, period) * (begun === 0 ? 0.4 : 1));
        const returned = Array.from({length: count}, (_, n) => {
            if (n > begun) return null;
            if (n === 0) return users;
            const share = 0.34 * n ** (measure === 'unbounded' ? -0.35 : -0.62) * (1 + 0.1 * Math.sin(index + n)) * (n === begun ? 0.5 : 1);
            return Math.round(users * share);
        });
        return {from, users, returned, complete_to: begun - 1};
    });
    const mean = Array.from({length: count}, (_, n) => {
        const over = cohorts.filter(({complete_to: last}) => n <= last);
        return over.length === 0 ? null : round(over.reduce((sum, {returned}) => sum + returned[n], 0) / over.reduce((sum, {users}) => sum + users, 0));
    });
    return {
        ...scope(now), retention: measure, clock: 'calendar', cohort: 'first', mean_of: 'weighted', period, start: 'any', return: 'any', read_from: 'profiles',
        users_with_a_full_history: 0, bots_left_out: 214, cohorts, mean,
    };
}

function funnels(_, now) {
    const users = [148210, 39177, 17342];
    const steps = ['view', 'cart_add', 'purchase'].map((step, index) => ({step, users: users[index], of_first: round(users[index] / users[0]), of_previous: round(users[index] / users[Math.max(0, index - 1)])}));
    return {
        ...scope(now), anchor: 'latest', order: 'loose, other events may lie between', counted: 'users', window_seconds: 604800, since: dayOf(now - 30 * DAY_MS),
        users_with_a_full_history: 2245, bots_left_out: 214, steps,
    };
}

function revenue({period, count}, now) {
    const periods = calendar(period, count, now).map((entry, index) => {
        const orders = Math.round(920 * SIZE[period] * wave(index + 2, period) * (entry.complete === false ? 0.45 : 1));
        const purchases = round(orders * (46 + 5 * Math.sin(index * 1.7)), 2);
        const refunds = round(purchases * (0.03 + 0.02 * Math.sin(index * 2.3) ** 2), 2);
        const net = round(purchases - refunds, 2);
        return {...entry, revenue: net, purchases, refunds, orders, lines: orders * 4, order_value: round(net / orders, 2)};
    });
    return {...scope(now), period, revenue_is: 'purchases less refunds, with adjustments', periods};
}

function associations({limit, least}, now) {
    const pairs = Array.from({length: 40}, (_, index) => {
        const baskets = 640 - 15 * index;
        return {
            a: pick(CATALOGUE, index * 3).id, b: pick(CATALOGUE, index * 3 + 8).id, baskets, support: round(baskets / 88412, 6),
            confidence_a_to_b: round(0.61 - 0.012 * index), confidence_b_to_a: round(0.48 - 0.009 * index), lift: round(38.4 * 0.93 ** index, 3),
        };
    }).filter(({baskets}) => baskets >= least);
    return {...scope(now), basket: 'what one user bought in one visit, as far as kept', baskets: 88412, pairs: 1238139, short_by_at_most: 0, associations: pairs.slice(0, limit)};
}

const LIFE = 'lost after 120 silent days, dormant after 30, new for 30 days, returned for 30 days after a silence of 30, growing with two purchases in 60 days, else active.';
const AUDIENCES = [
    ['member_level', 'What growth_value has reached: newcomer, bronze from 100, silver from 500.', {newcomer: 48120, bronze: 27730, silver: 12562}],
    ['lifecycle', LIFE, {new: 6210, growing: 5177, active: 12402, returned: 8806, dormant: 21451, lost: 34366}],
    ['rfm', 'By the quintiles of recency and frequency.', {
        champions: 6040, loyal: 6950, potential_loyalists: 4950, new_customers: 670, promising: 1750, need_attention: 1180, about_to_sleep: 4760, at_risk: 3480, cannot_lose: 350, hibernating: 13250,
    }],
    ['segment', null, {buyers: 43380, best: 3230, 'asleep<b>': 0}],
].flatMap(([group, meaning, parts]) => Object.entries(parts).map(([part, users]) => ({name: `${group}.${part}`, users, meaning: meaning ?? (part === 'best' ? 'Fives in all three.' : '')})));

function audiences(_, now) {
    return {
        ...scope(now), known_users: 88412, anonymous_users: 1116419, bots: 214,
        quintiles: {version: 'q-afccb68589826f25', customers: 43380, recency_days: [12, 32, 71, 178], orders: [1, 2, 3, 6], spend_minor: [24322, 47528, 91493, 201891]}, audiences: AUDIENCES,
    };
}

function members(name, {limit, since}, now) {
    const audience = AUDIENCES.find((one) => one.name === name);
    if (!audience) return null;
    const from = since ? Number(since.split('.')[1]) : 0;
    const count = Math.max(0, Math.min(limit, audience.users - from));
    const list = Array.from({length: count}, (_, index) => {
        const seed = hash(`${name} ${from + index}`);
        return {
            user_id: String(12346 + (seed % 5900)), last_seen: new Date(now - (seed % 90) * DAY_MS).toISOString(),
            ...(seed % 5 > 0 && {recency_days: seed % 90, orders: 1 + (seed % 24), spend: round((seed % 700000) / 100, 2), r: 1 + (seed % 5), f: 1 + ((seed >>> 3) % 5), m: 1 + ((seed >>> 6) % 5)}),
        };
    });
    return {audience: name, members: list, next: from + count < audience.users ? `0.${from + count}` : null};
}

const ANSWERS = {activity, lifecycle, retention, funnels, revenue, associations};

/* The answer to a read of the census; undefined: it is none, null: there is no such thing. */
export function census(url, parts) {
    const given = url.searchParams;
    const now = Math.floor(Date.now() / 60000) * 60000; // two readings of a moment say the same
    const period = given.get('period') ?? 'day';
    const ask = {period, count: Number(given.get('periods') ?? USUAL[period]), measure: given.get('retention') ?? 'n_day', least: Number(given.get('least') ?? 3), limit: Number(given.get('limit') ?? 50)};
    if (parts[1] === 'analytics') return ANSWERS[parts[2]]?.(ask, now);
    if (parts[1] !== 'audiences') return undefined;
    return parts.length === 2 ? audiences(ask, now) : members(parts[2], {limit: Number(given.get('limit') ?? 100), since: given.get('since')}, now);
}
