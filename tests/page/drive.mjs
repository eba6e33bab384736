/*
 * Somebody at the dashboard: what the cases do again and again, and the run of all of them.
 *
 * Cases come in groups.  A group has a page of its own, and a small engine of its own unless a running one was named;
 * its cases run one after the other, as a person would go on.  Groups run side by side: most of a case is waiting.
 */
import {Browser} from './cdp.mjs';
import {startFake} from './fake_api.mjs';

const GROUPS_AT_ONCE = 6;

/* What the page may have put around digits: separators, signs of money. */
export const digits = (text) => text.replace(/[^\d]/g, '');

export const plain = (text) => text.replace(/\s+/g, ' ').trim();

/* Is there something to look at on a view?  Travels into the page. */
function isDrawn(view) {
    const shown = document.querySelector(`#${view}:not([hidden])`);
    const wanted = {
        overview: () => shown.querySelector('[data-name="users"] .value')?.textContent !== '–' && document.querySelector('#ready-checks li') && window.Chart?.getChart('rate-chart')?.data.datasets[0].data.length > 0,
        recommendations: () => shown.querySelector('.rec, .empty') && !document.querySelector('#lists[aria-busy]') && (document.querySelector('#examples').childElementCount > 0 || shown.querySelector('.rec')),
        growth: () => shown.querySelector('tbody tr, .empty'),
        users: () => !shown.querySelector('[aria-busy="true"]'),
        trends: () => shown.querySelector('td.item, #trend-table .empty') && !shown.querySelector('[aria-busy="true"]'),
    }[view];
    return shown !== null && Boolean(wanted());
}

export class Visit {
    constructor(page, base, fake, user) {
        this.page = page;
        this.base = base;
        this.fake = fake; /* null with a running engine */
        this.user = user;
    }

    async request(path, body) {
        const response = await fetch(this.base + path, body && {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)});
        return {status: response.status, body: await response.json()};
    }

    get(path) {
        return this.request(path);
    }

    /* The API's list for a user (undefined: for a visit), asked for as the page asks. */
    async list(user, body) {
        const path = user === undefined ? '/v1/sessions/recommendations' : `/v1/users/${encodeURIComponent(user)}/recommendations`;
        return (await this.request(path, {explain: true, ...body})).body;
    }

    drawn(view) {
        return this.page.until(isDrawn, [view]);
    }

    async show(hash) {
        await this.page.run((wanted) => {
            location.hash = wanted;
        }, hash);
        await this.page.until((name) => document.querySelector(`#${name}:not([hidden])`) !== null, [/#\/([a-z]+)/.exec(hash)[1]]);
    }

    /* A fresh page: no language, no theme, nothing asked before. */
    async fresh(hash = '#/overview') {
        await this.page.run(() => {
            localStorage.clear();
            sessionStorage.clear();
        }).catch(() => {}); // about:blank has no storage
        await this.open(hash);
        await this.page.until(() => document.querySelector('#live')?.dataset.state === 'live');
    }

    /* A page load, with what is remembered. */
    async open(hash) {
        const origin = await this.page.run(() => location.origin);
        if (origin !== new URL(this.base).origin) {
            await this.page.goto(`${this.base}/${hash}`);
            return;
        }
        // Another hash alone would load nothing; and a way over about:blank costs a process each time.
        await this.page.run((wanted) => {
            history.replaceState(null, '', `/${wanted}`);
            window.isOld = true;
        }, hash);
        await this.page.call('Page.reload');
        await this.page.until(() => !window.isOld && document.readyState === 'complete');
    }

    async askFor(name) {
        await this.show('#/recommendations');
        await this.page.run(() => {
            document.querySelector('#user').value = '';
            document.querySelector('#user').focus();
        });
        await this.page.type(name);
        await this.page.press('Enter');
        await this.page.until((wanted) => document.querySelector('.user-title')?.textContent.includes(wanted), [name]);
    }

    /* Put a text in a field, as somebody who types over what is there. */
    async fill(selector, text) {
        await this.page.run((wanted) => {
            const node = document.querySelector(wanted);
            node.focus();
            node.select();
        }, selector);
        await this.page.type(text);
    }

    /* Press Tab until the focus is on what the selector names. */
    async tabTo(selector, most = 150) {
        for (let press = 0; press < most; press++) {
            if (await this.page.run((wanted) => document.activeElement?.matches(wanted), selector)) return;
            await this.page.press('Tab');
        }
        throw new Error(`Tab does not reach ${selector}`);
    }

    /* Answer calls to a path ourselves until the returned function is called. */
    async intercept(part, status, body) {
        const answer = ({requestId}) => this.page.call('Fetch.fulfillRequest', {
            requestId, responseCode: status, responseHeaders: [{name: 'content-type', value: 'application/json'}],
            body: Buffer.from(JSON.stringify(body)).toString('base64'),
        }).catch(() => {}); // the page may have given up the call
        this.page.browser.on(this.page.sessionId, 'Fetch.requestPaused', answer);
        await this.page.call('Fetch.enable', {patterns: [{urlPattern: `*${part}*`}]});
        return async () => {
            await this.page.call('Fetch.disable');
            this.page.browser.listeners.delete(`${this.page.sessionId}|Fetch.requestPaused`);
        };
    }
}

async function knownUser(base) {
    if (process.env.MILLRACE_TEST_USER) return process.env.MILLRACE_TEST_USER;
    const alerts = await (await fetch(`${base}/v1/churn/alerts?limit=1`)).json();
    return alerts.alerts?.[0]?.user_id ?? '17850';
}

/* The cases of one group on a page of their own, given what visitOf(page) makes of it. */
async function runCases(browser, cases, visitOf) {
    const results = [];
    const page = await browser.page();
    await page.colourScheme('light');
    await page.resize(1360, 900);
    const visit = visitOf(page);
    for (const [name, run] of cases) {
        const begun = Date.now();
        const error = await Promise.resolve().then(() => run(visit)).then(() => null, (reason) => reason);
        results.push({name, error, skip: error?.skip, ms: Date.now() - begun});
    }
    const name = `${cases[0][0]}: in all of this group the page threw nothing and broke no policy`;
    results.push({name, error: page.problems.length > 0 ? new Error(page.problems.join('\n')) : null, ms: 0});
    await page.close();
    return results;
}

async function runGroup(browser, cases, named) {
    const fake = named ? null : await startFake();
    if (fake) fake.may_cache = true;
    const base = (named ?? fake.base).replace(/\/$/, '');
    try {
        const user = await knownUser(base);
        return await runCases(browser, cases, (page) => new Visit(page, base, fake, user));
    } finally {
        fake?.close();
    }
}

/* For a case that needs what this engine does not have. */
export function skip(reason) {
    throw Object.assign(new Error(reason), {skip: reason});
}

function report(results) {
    let failed = 0;
    let skipped = 0;
    results.forEach(({name, error, skip: reason, ms}, index) => {
        const bad = error && !reason;
        failed += bad ? 1 : 0;
        skipped += reason ? 1 : 0;
        console.log(`${bad ? 'not ok' : 'ok'} ${index + 1} - ${name}${reason ? ` # SKIP ${reason}` : ` (${(ms / 1000).toFixed(1)} s)`}`);
        if (bad) console.log(String(error.stack ?? error.message).split('\n').slice(0, 12).map((line) => `#   ${line}`).join('\n'));
    });
    console.log(`1..${results.length}\n${results.length - failed - skipped} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
    return failed;
}

/* Without one there is nothing to test: 77, and under CI=true a failure. */
function startBrowser() {
    try {
        return new Browser();
    } catch (error) {
        console.log(`1..0 # SKIP ${error.message}\n0 passed, 0 failed`);
        process.exit(process.env.CI === 'true' ? 1 : 77);
    }
}

/* All groups, in TAP; only those whose cases hold one of the words, if there are words.  Ends the process. */
export async function run(groups, named, words = []) {
    const chosen = groups.filter((cases) => words.length === 0 || words.some((word) => cases.some(([name]) => name.includes(word))));
    const browser = startBrowser();
    const results = chosen.map(() => []);
    try {
        let next = 0;
        const worker = async () => {
            for (let at = next++; at < chosen.length; at = next++) results[at] = await runGroup(browser, chosen[at], named);
        };
        await Promise.all(Array.from({length: GROUPS_AT_ONCE}, worker));
    } finally {
        await browser.close();
    }
    process.exit(report(results.flat()) === 0 ? 0 : 1);
}

/* One group whose cases know where to go; the exit code. */
export async function runAlone(cases) {
    const browser = startBrowser();
    try {
        return report(await runCases(browser, cases, (page) => new Visit(page, null, null, null))) === 0 ? 0 : 1;
    } finally {
        await browser.close();
    }
}
