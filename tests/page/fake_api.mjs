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
import {census} from './fake_census.mjs';
import {CATALOGUE, HOSTILE, PLACEMENTS, apply, beside, check, find, hash, pick, rank, recommend, shown} from './fake_engine.mjs';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '../../web');
const CHART = process.env.CHART_JS || '/usr/share/javascript/chart.js/chart.min.js';
const TYPES = {html: 'text/html; charset=utf-8', js: 'text/javascript; charset=utf-8', css: 'text/css; charset=utf-8', svg: 'image/svg+xml'};

/* The strictest policy the page can live under; the engine's own must not ask for more. */
export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const STREAM_PERIOD_MS = 1000;
const CACHED = 'max-age=60'; /* a run of the test loads the page a hundred times */

const REASONS = [
    'has not ordered for 96 days; usually orders every 21 days', 'opened 1 of the last 12 visits with a search',
    'spend of the last 90 days is 71 % below the 90 days before', 'took items out of the cart 4 times without buying',
];
const TIERS = ['watch', 'at-risk', 'critical', 'watch', 'recovered', 'at-risk', 'critical'];

const BUILT_MS = Date.now() - 5.2 * 3600000;
const iso = (ms) => new Date(ms).toISOString();
const MODEL = `${iso(BUILT_MS).slice(0, 16).replace(/[-:]/g, '')}Z-7f3a`;

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

function ranking(kind, n, category) {
    const shift = {hot: 0, popular: 5, rising: 11, new: 17}[kind];
    if (shift === undefined) return null;
    const items = CATALOGUE.map((_, index) => pick(CATALOGUE, shift + index)).filter((item) => item.stock !== 0 && (!category || item.category === category));
    return {kind, as_of: iso(Date.now()), items: items.slice(0, n).map((item, index) => ({...shown(item), score: 5210 * 0.87 ** index, source: 'trending'}))};
}

const ok = (body) => ({status: 200, body});

function problem(status, detail, errors) {
    const title = {400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed'}[status];
    return {status, body: {type: `urn:millrace:problem:${title.toLowerCase().replaceAll(' ', '-')}`, title, status, detail, errors}};
}

const FACTS = {model_version: MODEL, profile_as_of: iso(BUILT_MS + 18e6)};

/* A query's parameters as the body of the same request. */
function bodyOf(parameters) {
    const body = {};
    for (const [name, value] of parameters) {
        if (['items', 'exclude', 'include', 'category', 'brand'].includes(name)) body[name] = [...(body[name] ?? []), ...value.split(',')];
        else if (['n', 'price_min', 'price_max', 'min_stock', 'diversity'].includes(name)) body[name] = Number(value);
        else if (['explain', 'in_stock'].includes(name)) body[name] = value === 'true';
        else body[name] = value;
    }
    return body;
}

function recommendations(user, body) {
    const errors = check(body);
    if (errors.length > 0) return problem(400, `${errors[0].field} ${errors[0].message}`, errors);
    return ok(recommend(user, body, user === undefined ? {model_version: MODEL} : FACTS));
}

function events(body) {
    const list = Array.isArray(body) ? body : body.events ?? [body];
    const told = list.map((event, index) => {
        const event_id = event.event_id ?? event.messageId ?? `e_${index}`;
        if (!event.type || !(event.user_id ?? event.anonymous_id ?? event.userId ?? event.anonymousId)) return {status: 400, event_id, field: `events[${index}]`, message: 'is refused: no_user'};
        apply(event);
        return {status: 202, event_id};
    });
    const accepted = told.filter(({status}) => status === 202).length;
    return {status: accepted > 0 ? 202 : 400, body: {accepted, rejected: told.length - accepted, events: told}};
}

/* The answer to a read; null: there is no such thing. */
function read(url, parts) {
    const n = Number(url.searchParams.get('n') ?? 10);
    const category = url.searchParams.get('category');
    if (url.pathname === '/readyz') {
        return {ready: true, checks: [
            {name: 'log', ready: true, detail: '12 of 12 partitions caught up, 0 behind'}, {name: 'model', ready: true, detail: 'serving'},
            {name: 'cache', ready: true, detail: 'up'}, {name: 'feeds', ready: true, detail: 'catalogue, alerts and trending are read'}]};
    }
    if (url.pathname === '/v1/analytics/overview') return overview(Date.now());
    if (url.pathname === '/v1/analytics/trends') {
        const lists = (of) => Object.fromEntries(['rising', 'hot', 'popular'].map((kind) => [kind, of(kind)]));
        const counted = (kind) => [...new Set(CATALOGUE.map((item) => item.category).flat().filter(Boolean))]
            .slice(0, kind === 'rising' ? 2 : 6).map((id, index) => ({id, score: 1840 * 0.7 ** index}));
        return {
            as_of: iso(Date.now()), partitions: {counted: 4, of: 4}, rising_is: '(x - m) / sqrt(m + 1)',
            ...lists((kind) => ranking(kind, n, '').items.map(({id, score}) => ({id, score}))), categories: lists(counted),
        };
    }
    if (url.pathname === '/v1/placements') return {placements: PLACEMENTS};
    if (url.pathname === '/v1/items') {
        const wanted = (url.searchParams.get('q') ?? '').toLowerCase();
        return {items: CATALOGUE.filter(({id, title}) => `${id}\n${title ?? ''}`.toLowerCase().includes(wanted)).slice(0, n).map((item) => ({...shown(item), hidden: item.stock === 0}))};
    }
    if (url.pathname === '/v1/trending') return ranking(url.searchParams.get('kind') ?? 'hot', n, category);
    if (url.pathname === '/v1/popular') return ranking('popular', n, category);
    if (url.pathname === '/v1/new') return ranking('new', n, category);
    if (url.pathname === '/v1/churn/alerts') {
        const from = Number(url.searchParams.get('since') ?? 0);
        const alerts = ALERTS.slice(from, from + Number(url.searchParams.get('limit') ?? 100));
        return {alerts, next: String(from + alerts.length)};
    }
    if (parts[1] === 'users' && parts[3] === 'profile') return profile(parts[2]);
    const item = parts[1] === 'items' ? find(parts[2]) : undefined;
    if (!item) return null;
    if (parts.length === 3) return {...shown(item), stock: item.stock, hidden: false, attributes: {}};
    const shift = {similar: 1, 'bought-together': 5}[parts[3]];
    return shift === undefined ? null : {item: shown(item), items: beside(item.id, n, shift), model_version: MODEL, took_us: 90};
}

function answer(method, url, body) {
    const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    if (parts[1] === 'users' && parts[3] === 'recommendations') return recommendations(parts[2], body ?? bodyOf(url.searchParams));
    if (method === 'POST') {
        if (url.pathname === '/v1/sessions/recommendations') return recommendations(undefined, body);
        if (url.pathname === '/v1/events') return events(body);
        if (url.pathname === '/v1/rank') return ok({...rank(body), served_from: 'live', model_version: MODEL, took_us: 120});
        return problem(404, `there is no ${url.pathname}`);
    }
    const counted = census(url, parts);
    const found = counted === undefined ? read(url, parts) : counted;
    return found === null ? problem(404, `there is no ${url.pathname}`) : ok(found);
}

/* A picture of the shop: a plain shape, so that one sees at a glance which it is. */
function picture(path) {
    const name = /^\/pictures\/([a-z]+)\.svg$/.exec(path)?.[1];
    if (!name || name === 'gone') return null;
    const hue = hash(name) % 360;
    const bytes = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96"><rect width="96" height="96" fill="hsl(${hue} 45% 82%)"/><circle cx="48" cy="52" r="26" fill="hsl(${hue} 40% 52%)"/><path d="M22 78h52" stroke="hsl(${hue} 40% 32%)" stroke-width="4"/></svg>`;
    return {type: TYPES.svg, bytes};
}

function file(path) {
    if (path === '/') return {type: TYPES.html, bytes: readFileSync(join(WEB, 'index.html'))};
    const [, name, ext] = /^\/assets\/([a-z_]+\.(js|css|svg))$/.exec(path) ?? [];
    if (!name) return picture(path);
    return {type: TYPES[ext], bytes: readFileSync(name === 'chart.js' ? CHART : join(WEB, name))};
}

async function bodyRead(request) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks));
}

/* One small engine; its switches are for the test. */
class Fake {
    constructor() {
        this.has_stream = true; /* false: an engine without the route */
        this.has_placements = true;
        this.may_cache = false; /* the pages' files */
        this.streams = new Set();
        this.referrers = []; /* of the pictures asked for */
        this.events = []; /* received */
    }

    stream(response, headers) {
        response.writeHead(200, {...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store'});
        const tell = () => response.write(`event: overview\ndata: ${JSON.stringify(overview(Date.now()))}\n\n`);
        response.write(': keep-alive\n\n');
        tell();
        const timer = setInterval(tell, STREAM_PERIOD_MS);
        this.streams.add(response);
        response.on('close', () => {
            clearInterval(timer);
            this.streams.delete(response);
        });
    }

    dropStreams() {
        for (const response of this.streams) response.destroy();
    }

    async respond(request, response) {
        const url = new URL(request.url, 'http://fake');
        const headers = {'x-content-type-options': 'nosniff', 'content-security-policy': POLICY};
        if (url.pathname.startsWith('/pictures/')) this.referrers.push(request.headers.referer ?? '');
        const asset = file(url.pathname);
        if (asset) {
            response.writeHead(200, {...headers, 'content-type': asset.type, 'cache-control': this.may_cache ? CACHED : 'no-cache'}).end(asset.bytes);
            return;
        }
        const missing = url.pathname === '/v1/stream' && !this.has_stream || url.pathname === '/v1/placements' && !this.has_placements;
        if (url.pathname === '/v1/stream' && !missing) {
            this.stream(response, headers);
            return;
        }
        const given = await bodyRead(request);
        if (url.pathname === '/v1/events') this.events.push(...(Array.isArray(given) ? given : given.events ?? [given]));
        const {status, body} = missing ? problem(404, `there is no ${url.pathname}`) : answer(request.method, url, given);
        response.writeHead(status, {...headers, 'content-type': status < 300 ? 'application/json' : 'application/problem+json'}).end(JSON.stringify(body));
    }
}

/* Port 0 takes a free one. */
export function startFake(port = 0) {
    const fake = new Fake();
    return new Promise((resolve) => {
        const server = createServer((request, response) => fake.respond(request, response)).listen(port, '127.0.0.1', () => {
            fake.base = `http://127.0.0.1:${server.address().port}`;
            fake.close = () => {
                server.close();
                server.closeAllConnections();
            };
            resolve(fake);
        });
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const {base} = await startFake(Number(process.argv[2] ?? 8090));
    console.log(`${base}/`);
}
