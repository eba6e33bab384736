/*
 * A client of Millrace's HTTP API (docs/API.md) for Node 18 or newer and for browsers: copy this file, it needs
 * nothing else.
 *
 *     import {Millrace} from './millrace-client.mjs';
 *     const millrace = new Millrace('http://127.0.0.1:8080');
 *     const answer = await millrace.recommend('12583', {n: 6, placement: 'home', explain: true});
 *
 * Run as a program it does what a page of a shop does, for one customer:
 *
 *     node millrace-client.mjs http://127.0.0.1:8080 12583
 *
 * In a browser leave the address out and let the shop's own server forward /v1 to the engine: the engine answers
 * its own origin only, and should not be open to the world.
 */

/* What the engine says is wrong.  status 0: it could not be reached. */
export class MillraceError extends Error {
    constructor(status, problem) {
        super(`${status}: ${problem?.detail ?? problem?.title ?? 'no answer'}`);
        this.status = status;
        this.errors = problem?.errors ?? []; /* [{field: 'rules.boost[0].by', message: …}] */
    }
}

const id = (text) => encodeURIComponent(String(text));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/* Node 18 keeps it in a module.  randomUUID() exists only where a page came over TLS. */
const random = globalThis.crypto ?? (await import('node:crypto')).webcrypto;
function uuid() {
    const bytes = random.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export class Millrace {
    constructor(baseUrl = '', {timeout_ms = 2000, tries = 5, wait_ms = 100, wait_max_ms = 5000} = {}) {
        this.baseUrl = baseUrl.replace(/\/$/, '');
        Object.assign(this, {timeout_ms, tries, wait_ms, wait_max_ms});
    }

    /* Reading: one try.  A page has a list of its own for when there is no answer in time. */

    /* A list for a user.  Members as in docs/API.md: n, placement, exclude, rules, diversity, next, … */
    recommend(userId, members = {}) {
        return this.call('POST', `/v1/users/${id(userId)}/recommendations`, {body: members});
    }

    /* A list for a visit without a name: the ids of what was looked at, the newest first. */
    session(items, members = {}) {
        return this.call('POST', '/v1/sessions/recommendations', {body: {items, ...members}});
    }

    /* Up to 500 ids, a search result say, the best for this user first. */
    rank(items, userId = undefined, members = {}) {
        return this.call('POST', '/v1/rank', {body: {items, user_id: userId, ...members}});
    }

    similar(itemId, query = {}) {
        return this.call('GET', `/v1/items/${id(itemId)}/similar`, {query});
    }

    boughtTogether(itemId, query = {}) {
        return this.call('GET', `/v1/items/${id(itemId)}/bought-together`, {query});
    }

    /* One item of the catalogue, or null. */
    item(itemId) {
        return this.call('GET', `/v1/items/${id(itemId)}`).catch((error) => (error.status === 404 ? null : Promise.reject(error)));
    }

    /* The items whose id or title contains the text. */
    search(text, n = 20) {
        return this.call('GET', '/v1/items', {query: {q: text, n}});
    }

    /* kind: hot, popular or rising. */
    trending(kind, query = {}) {
        return this.call('GET', '/v1/trending', {query: {kind, ...query}});
    }

    /* The time of the newest event it has: the demo's shop lives in 2011. */
    async newestEvent() {
        return (await this.call('GET', '/v1/analytics/overview')).newest_event;
    }

    /* Writing: sent again, with growing pauses, until the engine has it or says that it is wrong. */

    /*
     * Up to 1,000 events.  Each gets an id here, so that one which arrives twice counts once.  The answer has a
     * status for each; those that are not 202 say why.
     */
    events(events) {
        return this.call('POST', '/v1/events', {body: events.map((event) => ({event_id: uuid(), ...event})), tries: this.tries});
    }

    /* Up to 1,000 items into the catalogue, each with its id; an item takes the place of an older one. */
    putItems(items) {
        return this.call('POST', '/v1/items', {body: items, tries: this.tries});
    }

    deleteItem(itemId) {
        return this.call('DELETE', `/v1/items/${id(itemId)}`, {tries: this.tries});
    }

    async call(method, path, {body, query = {}, tries = 1} = {}) {
        const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined));
        const url = `${this.baseUrl}${path}${search.size > 0 ? `?${search}` : ''}`;
        for (let attempt = 1; ; attempt++) {
            const {answer, failure, after_s} = await this.try(method, url, body);
            if (!failure) return answer;
            if (![0, 429, 503].includes(failure.status) || attempt >= tries) throw failure;
            const pause_ms = Math.min(this.wait_max_ms, this.wait_ms * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
            await sleep(Math.max(pause_ms, Math.min(this.wait_max_ms, (after_s || 0) * 1000)));
        }
    }

    async try(method, url, body) {
        try {
            const response = await fetch(url, {
                method, signal: AbortSignal.timeout(this.timeout_ms),
                ...(body !== undefined && {body: JSON.stringify(body), headers: {'content-type': 'application/json'}}),
            });
            const answer = await response.json().catch(() => null);
            return response.ok ? {answer} : {failure: new MillraceError(response.status, answer), after_s: Number(response.headers.get('retry-after'))};
        } catch (error) {
            return {failure: new MillraceError(0, {detail: error.cause?.message ?? error.message})};
        }
    }
}

/* A list, a look at its first item, and what goes with it. */
async function main(baseUrl, userId) {
    const millrace = new Millrace(baseUrl);
    const titles = ({items}) => items.map((item) => item.title ?? item.id).join(', ');
    const answer = await millrace.recommend(userId, {n: 5, explain: true});
    console.log(`for ${userId}, ${answer.fallback ?? 'personal'}:`);
    for (const item of answer.items) console.log(`  ${item.id.padEnd(10)} ${(item.title ?? '').slice(0, 36).padEnd(36)} ${item.reason?.text ?? ''}`);
    if (answer.items.length === 0) return;
    const first = answer.items[0].id;
    const time = await millrace.newestEvent(); // a shop of today leaves the time out: it is now
    const told = await millrace.events([{type: 'view', user_id: userId, item_id: first, recommendation_id: answer.recommendation_id, time}]);
    console.log(`told of a look at ${first}: ${told.accepted} accepted`);
    console.log(`with it goes: ${titles(await millrace.similar(first, {n: 3}))}`);
    console.log(`to a stranger who looked at it: ${titles(await millrace.session([first], {n: 3}))}`);
    const ranked = await millrace.rank(answer.items.map((item) => item.id).reverse(), userId);
    console.log(`the same five, ranked: ${ranked.items.map((item) => item.id).join(', ')}`);
}

if (typeof process !== 'undefined' && process.argv?.[1] && import.meta.url.endsWith(process.argv[1].split('/').pop())) {
    const words = process.argv.slice(2);
    if (words.length !== 2) {
        console.error('usage: node millrace-client.mjs BASE_URL USER_ID');
        process.exit(2);
    }
    main(...words).catch((error) => {
        console.error(`millrace-client: ${error.message}`);
        process.exit(1);
    });
}
