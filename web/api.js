/*
 * The engine's HTTP API, as far as the dashboard reads it.
 *
 * This is the only file that knows routes.  An answer is returned as it came; views read it with get(), which gives
 * undefined for whatever an older or smaller engine leaves out, and the page shows a dash there.
 */

const TIMEOUT_MS = 8000;
const WALK_TIMEOUT_MS = 60000; /* an answer that counts all users, behind others that do */

/* Why there is no answer.  status 0: the engine could not be reached at all. */
export class ApiError extends Error {
    constructor(status, problem) {
        super(problem?.detail || problem?.title || (status ? `HTTP ${status}` : 'unreachable'));
        this.status = status;
        this.problem = problem;
    }

    /* Trying again later can help: not reached, not ready, overloaded, broken behind a proxy. */
    get passing() {
        return this.status === 0 || this.status === 429 || this.status >= 500;
    }
}

/* With a body it is a POST. */
async function request(path, {signal, body: given, accept = () => false, timeout_ms = TIMEOUT_MS} = {}) {
    const limits = [AbortSignal.timeout(timeout_ms)];
    if (signal) limits.push(signal);
    let response;
    let body;
    try {
        response = await fetch(path, {
            signal: AbortSignal.any(limits), cache: 'no-store', method: given ? 'POST' : 'GET', body: given && JSON.stringify(given),
            headers: {accept: 'application/json', ...(given && {'content-type': 'application/json'})},
        });
        body = await response.json().catch(() => null);
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new ApiError(0, null);
    }
    if (!response.ok && !accept(response.status, body)) throw new ApiError(response.status, body);
    if (body === null) throw new ApiError(502, {title: 'The answer is not JSON'});
    return body;
}

function query(parameters) {
    const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== '' && value !== null);
    return given.length ? `?${new URLSearchParams(given)}` : '';
}

const id = encodeURIComponent;

/* Members of a request that a query says as well; a request of these alone is a GET, as a shop's page would send it. */
const PLAIN = ['n', 'explain', 'placement', 'next'];

/*
 * How a list is asked for: {path, body}, the body undefined for a GET.  user undefined: an anonymous visitor, whose
 * visit is the body's items.
 */
export function listRequest(user, body) {
    if (user === undefined) return {path: '/v1/sessions/recommendations', body};
    const path = `/v1/users/${id(user)}/recommendations`;
    return Object.keys(body).every((name) => PLAIN.includes(name)) ? {path: path + query(body)} : {path, body};
}

const walk = (path, parameters, options) => request(path + query(parameters), {...options, timeout_ms: WALK_TIMEOUT_MS});

export const api = {
    overview: (options) => request('/v1/analytics/overview', options),
    /* "Not ready" is an answer too: 503 with the same body. */
    ready: (options) => request('/readyz', {...options, accept: (status, body) => status === 503 && body !== null}),
    list(user, body, options) {
        const asked = listRequest(user, body);
        return request(asked.path, {...options, body: asked.body});
    },
    placements: (options) => request('/v1/placements', options),
    profile: (user, options) => request(`/v1/users/${id(user)}/profile`, options),
    similar: (item, n, options) => request(`/v1/items/${id(item)}/similar${query({n})}`, options),
    /* Those whose id or title contains the text; a hundred, so that an exact id is among them. */
    items: (text, options) => request(`/v1/items${query({q: text, n: 100})}`, options),
    /* Where the overview is told once a second, for an EventSource. */
    stream: '/v1/stream',
    trending: (kind, n, options) => request(`/v1/trending${query({kind, n})}`, options),
    activity: (parameters, options) => walk('/v1/analytics/activity', parameters, options),
    lifecycle: (parameters, options) => walk('/v1/analytics/lifecycle', parameters, options),
    retention: (parameters, options) => walk('/v1/analytics/retention', parameters, options),
    funnels: (parameters, options) => walk('/v1/analytics/funnels', parameters, options),
    revenue: (parameters, options) => walk('/v1/analytics/revenue', parameters, options),
    trends: (parameters, options) => request(`/v1/analytics/trends${query(parameters)}`, options),
    associations: (parameters, options) => walk('/v1/analytics/associations', parameters, options),
    audiences: (options) => walk('/v1/audiences', {}, options),
    members: (audience, parameters, options) => walk(`/v1/audiences/${id(audience)}/members`, parameters, options),
    alerts: (parameters, options) => request(`/v1/churn/alerts${query(parameters)}`, options),
};

/* The value at a path of names, or undefined: get(profile, 'rfm', 'recency_days'). */
export function get(value, ...path) {
    let at = value;
    for (const name of path) {
        if (at === null || typeof at !== 'object') return undefined;
        at = at[name];
    }
    return at === null ? undefined : at;
}
