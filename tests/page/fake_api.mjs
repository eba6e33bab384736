/*
 * A small engine that only talks: the API's answers with made-up numbers, and the dashboard's files from web/.
 *
 *     node tests/page/fake_api.mjs [PORT]        then open http://127.0.0.1:PORT/
 *
 * For work on the pages without an engine, and for their test.  The numbers move with the clock; lists do not.
 */
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '../../web');
const CHART = process.env.CHART_JS || '/usr/share/javascript/chart.js/chart.min.js';
const TYPES = {html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml'};

/* The strictest policy the page can live under; the engine's own must not ask for more. */
export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HOSTILE = '<img src=x onerror=document.title="taken">';

const CATALOGUE = [
    ['85123A', 'WHITE HANGING HEART T-LIGHT HOLDER', 2.55], ['22423', 'REGENCY CAKESTAND 3 TIER', 12.75],
    ['47566', 'PARTY BUNTING', 4.95], ['84879', 'ASSORTED COLOUR BIRD ORNAMENT', 1.69], ['20725', 'LUNCH BAG RED RETROSPOT', 1.65],
    ['22720', 'SET OF 3 CAKE TINS PANTRY DESIGN', 4.95], ['22197', 'SMALL POPCORN HOLDER', 0.85], ['23203', 'JUMBO BAG VINTAGE DOILY', 2.08],
    ['22383', 'LUNCH BAG SUKI DESIGN', 1.65], ['22086', "PAPER CHAIN KIT 50'S CHRISTMAS", 2.95], ['23084', 'RABBIT NIGHT LIGHT', 2.08],
    ['84946', 'ANTIQUE SILVER TEA LIGHT GLASS', 1.25], ['22960', 'JAM MAKING SET WITH JARS', 4.25], ['21931', 'JUMBO STORAGE BAG SUKI', 2.08],
    ['22457', 'NATURAL SLATE HEART CHALKBOARD', 2.95], ['23298', 'SPOTTY BUNTING', 4.95], ['21212', 'PACK OF 72 RETROSPOT CAKE CASES', 0.55],
    ['22469', 'HEART OF WICKER SMALL', 1.65], ['22411', 'JUMBO SHOPPER VINTAGE RED PAISLEY', 2.08], ['22138', 'BAKING SET 9 PIECE RETROSPOT', 4.95],
    ['22993', 'SET OF 4 PANTRY JELLY MOULDS', 1.25], [HOSTILE, HOSTILE, 1], ['99999', undefined, undefined],
].map(([id, title, price]) => ({id, title, price, currency: price === undefined ? undefined : 'GBP'}));

const SOURCES = ['item_item', 'ials', 'blend', 'repeat', 'content', 'trending'];
const REASONS = [
    'has not ordered for 96 days; usually orders every 21 days', 'opened 1 of the last 12 visits with a search',
    'spend of the last 90 days is 71 % below the 90 days before', 'took items out of the cart 4 times without buying',
];
const TIERS = ['watch', 'at-risk', 'critical', 'watch', 'recovered', 'at-risk', 'critical'];

const BUILT_MS = Date.now() - 5.2 * 3600000;
const iso = (ms) => new Date(ms).toISOString();
const MODEL = `${iso(BUILT_MS).slice(0, 16).replace(/[-:]/g, '')}Z-7f3a`;
const pick = (list, index) => list[((index % list.length) + list.length) % list.length];

function hash(text) {
    let h = 2166136261;
    for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 16777619) >>> 0;
    return h;
}

function alertAt(index) {
    const tier = pick(TIERS, index);
    return {
        alert_id: `a_${index}`, user_id: index === 3 ? HOSTILE : String(12346 + ((index * 911) % 5900)), tier, previous_tier: 'none',
        probability: tier === 'recovered' ? 0.12 : 0.45 + ((index * 37) % 50) / 100, horizon_days: 90,
        reasons: [pick(REASONS, index), pick(REASONS, index + 1)].slice(0, 1 + (index % 2)).map((text) => ({feature: 'recency_days', text, value: 96, log_odds: 0.8})),
        value_at_risk: Math.round(((index * 7919) % 90000) + 900) / 100, model_version: MODEL, time: iso(BUILT_MS + index * 6e6 - 137 * 6e6),
    };
}

const ALERTS = Array.from({length: 137}, (_, index) => alertAt(index));

function overview(now_ms) {
    const seconds = now_ms / 1000;
    const rate = 42000 + 6000 * Math.sin(seconds / 40) + 1500 * Math.sin(seconds / 3) + 900 * Math.sin(seconds * 7);
    return {
        events_applied: Math.floor(1.9e9 + (now_ms % 1e8) * 42), events_per_second: rate, lag_events: Math.floor(900 + 800 * Math.sin(seconds)),
        users: 1204831, customers: 88412, items: 3958, revenue: 9747747.93, cache_hit_share: 0.973, degraded_share: 0.0004,
        cache_down: false, catalogue_items: 3941, newest_event: iso(now_ms - 400),
        model_version: MODEL,
    };
}

function recommendations(user, n) {
    const start = hash(user);
    const fallback = user.startsWith('new') ? 'popular' : undefined;
    return {
        recommendation_id: 'r_AAAA', placement: 'home', variant: 'b', model_version: MODEL, profile_as_of: iso(BUILT_MS + 18e6),
        served_from: fallback ? 'fallback' : 'cache', fallback, degraded: false, took_us: 184,
        items: Array.from({length: Math.min(n, CATALOGUE.length)}, (_, index) => {
            const because = pick(CATALOGUE, start + index + 7);
            return {
                ...pick(CATALOGUE, start + index), score: 0.93 * 0.9 ** index, source: fallback ?? pick(SOURCES, index),
                reason: fallback ? {because: [], text: 'popular this week'} : {because: [because.id], text: `bought with ${because.title ?? because.id}`},
            };
        }),
    };
}

function profile(user) {
    if (user.startsWith('new')) return null;
    const start = hash(user);
    return {
        user_id: user, anonymous: false, as_of: iso(BUILT_MS + 18e6), churn: {probability: 0.62, tier: 'at-risk', since: iso(BUILT_MS)},
        features: {
            events: 412, first_seen: iso(BUILT_MS - 2.1e10), last_seen: iso(BUILT_MS + 17.9e6), sessions: 61, orders: 14, spend: 1873.42, spend_90d: 211.4,
            history: Array.from({length: 9}, (_, index) => ({time: iso(BUILT_MS + index * 8.3e6), item: pick(CATALOGUE, start + 3 * index).id, type: pick(['view', 'purchase', 'cart_add'], index), weight: 1, session: index})),
            rfm: {recency: 12, frequency: 14, monetary: 1873.42},
        },
    };
}

function trending(kind, n) {
    const shift = {hot: 0, popular: 5, rising: 11}[kind];
    if (shift === undefined) return null;
    return {kind, as_of: iso(Date.now()), items: Array.from({length: Math.min(n, 21)}, (_, index) => ({...pick(CATALOGUE, shift + index), score: 5210 * 0.87 ** index, source: 'trending'}))};
}

function answer(url) {
    const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    const n = Number(url.searchParams.get('n') ?? 10);
    if (url.pathname === '/readyz') {
        return {ready: true, checks: [
            {name: 'log', ready: true, detail: '12 of 12 partitions caught up, 0 behind'}, {name: 'model', ready: true, detail: 'serving'},
            {name: 'cache', ready: true, detail: 'up'}, {name: 'feeds', ready: true, detail: 'catalogue, alerts and trending are read'}]};
    }
    if (url.pathname === '/v1/analytics/overview') return overview(Date.now());
    if (url.pathname === '/v1/items') return {items: CATALOGUE.filter((item) => item.id.includes(url.searchParams.get('q'))).slice(0, n)};
    if (url.pathname === '/v1/trending') return trending(url.searchParams.get('kind') ?? 'hot', n);
    if (url.pathname === '/v1/churn/alerts') {
        const from = Number(url.searchParams.get('since') ?? 0);
        const alerts = ALERTS.slice(from, from + Number(url.searchParams.get('limit') ?? 100));
        return {alerts, next: String(from + alerts.length)};
    }
    if (parts[0] === 'v1' && parts[1] === 'users' && parts[3] === 'recommendations') return recommendations(parts[2], n);
    if (parts[0] === 'v1' && parts[1] === 'users' && parts[3] === 'profile') return profile(parts[2]);
    if (parts[0] === 'v1' && parts[1] === 'items' && parts[3] === 'similar') return {items: Array.from({length: n}, (_, index) => ({...pick(CATALOGUE, hash(parts[2]) + index), score: 0.8 - index / 20, source: 'item_item'}))};
    return null;
}

function file(path) {
    if (path === '/') return {type: TYPES.html, bytes: readFileSync(join(WEB, 'index.html'))};
    const [, name, ext] = /^\/assets\/([a-z_]+\.(js|css|svg))$/.exec(path) ?? [];
    if (!name) return null;
    return {type: TYPES[ext], bytes: readFileSync(name === 'chart.js' ? CHART : join(WEB, name))};
}

function respond(request, response) {
    const url = new URL(request.url, 'http://fake');
    const headers = {'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'content-security-policy': POLICY};
    const asset = file(url.pathname);
    if (asset) {
        response.writeHead(200, {...headers, 'content-type': asset.type}).end(asset.bytes);
        return;
    }
    const body = answer(url);
    const status = body === null ? 404 : 200;
    const problem = {type: 'urn:millrace:problem:not-found', title: 'Not Found', status, detail: `there is no ${url.pathname}`};
    response.writeHead(status, {...headers, 'content-type': status === 200 ? 'application/json' : 'application/problem+json'}).end(JSON.stringify(body ?? problem));
}

/* Port 0 takes a free one. */
export function startFake(port = 0) {
    return new Promise((resolve) => {
        const server = createServer(respond).listen(port, '127.0.0.1', () =>
            resolve({base: `http://127.0.0.1:${server.address().port}`, close: () => server.close()}));
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const {base} = await startFake(Number(process.argv[2] ?? 8090));
    console.log(`${base}/`);
}
