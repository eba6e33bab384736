/*
 * The dashboard, as a person uses it: a real Chromium, real keys and clicks, and the API's own answers as the truth.
 *
 *     node tests/page/test_dashboard.mjs                          against the small engine of fake_api.mjs
 *     node tests/page/test_dashboard.mjs http://127.0.0.1:8080    against a running one
 *
 * Nothing is compared with a number written here: the test asks the API and looks for the answer on the page.
 * MILLRACE_SHOTS names a directory for pictures, MILLRACE_TEST_USER a user the engine knows (else one of an alert).
 * Prints TAP and a closing count.  Without a Chromium it is skipped (77), and under CI=true it fails.
 */
import assert from 'node:assert/strict';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Browser, sleep} from './cdp.mjs';
import {startFake} from './fake_api.mjs';
import {faintTexts, markStops, stopNow, textOf, textsOf} from './probes.mjs';

const HOSTILE = '<img src=x onerror=document.title="taken"><b>bold</b>';
const VIEWS = ['overview', 'recommendations', 'growth', 'trends'];
const SHIFT_MAX = 0.1; /* "good" of web.dev's cumulative layout shift */
const STOPS_MAX = 400;

const cases = [];
const test = (name, run) => cases.push({name, run});

let base;
let page;
let user;

async function get(path) {
    const response = await fetch(base + path);
    return {status: response.status, body: await response.json()};
}

async function show(hash) {
    await page.run((wanted) => {
        location.hash = wanted;
    }, hash);
    await page.until((name) => document.querySelector(`#${name}:not([hidden])`) !== null, [/#\/([a-z]+)/.exec(hash)[1]]);
}

/* A fresh page: no language, no theme, nothing asked before. */
async function fresh(hash = '#/overview') {
    await page.run(() => localStorage.clear()).catch(() => {}); // about:blank has no storage
    await page.goto('about:blank');
    await page.goto(`${base}/${hash}`);
    await page.until(() => document.querySelector('#live')?.dataset.state === 'live');
}

/* What the page may have put around digits: separators, signs of money. */
const digits = (text) => text.replace(/[^\d]/g, '');

async function askFor(name) {
    await show('#/recommendations');
    await page.run(() => {
        document.querySelector('#user').value = '';
        document.querySelector('#user').focus();
    });
    await page.type(name);
    await page.press('Enter');
    await page.until((wanted) => document.querySelector('.user-title')?.textContent.includes(wanted), [name]);
}

/* Answer calls to a path ourselves until the returned function is called. */
async function intercept(part, status, body) {
    const patterns = [{urlPattern: `*${part}*`}];
    const answer = ({requestId}) => page.call('Fetch.fulfillRequest', {
        requestId, responseCode: status, responseHeaders: [{name: 'content-type', value: 'application/json'}],
        body: Buffer.from(JSON.stringify(body)).toString('base64'),
    }).catch(() => {}); // the page may have given up the call
    page.browser.on(page.sessionId, 'Fetch.requestPaused', answer);
    await page.call('Fetch.enable', {patterns});
    return async () => {
        await page.call('Fetch.disable');
        page.browser.listeners.delete(`${page.sessionId}|Fetch.requestPaused`);
    };
}

test('the page brings a policy that allows no inline script or style, and every file it names is there', async () => {
    const html = await (await fetch(`${base}/`)).text();
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe-|\*|data:/);
    assert.doesNotMatch(html, / style="| on[a-z]+="|<style|<script(?![^>]* src=)/);
    for (const [, path] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) assert.equal((await fetch(base + path)).status, 200, path);
});

test('the overview shows the numbers of the API', async () => {
    await fresh();
    const before = (await get('/v1/analytics/overview')).body;
    await page.until(() => document.querySelector('[data-name="users"] .value').textContent !== '–');
    await sleep(1200);
    const shown = await page.run(() => Object.fromEntries([...document.querySelectorAll('#overview-tiles .tile')].map((tile) => [tile.dataset.name, tile.innerText])));
    const after = (await get('/v1/analytics/overview')).body;
    for (const [tile, field] of [['events', 'events_applied'], ['users', 'users'], ['items', 'items'], ['revenue', 'revenue']]) {
        const value = Number(digits(shown[tile].split('\n').filter(Boolean)[1]));
        assert.ok(Number.isFinite(before[field]), `${field} is in the answer`);
        assert.ok(value >= Math.floor(before[field]) && value <= Math.ceil(after[field]), `${tile}: ${before[field]} <= ${value} <= ${after[field]}`);
    }
    assert.equal(shown.users.includes(before.customers.toLocaleString('en')), true, shown.users);
    if (before.model_version) assert.ok(shown.model.includes(before.model_version), shown.model);
});

test('the rate is drawn as a line and said in words', async () => {
    await page.until(() => /now [\d,.]+, at most [\d,.]+/.test(document.querySelector('#rate-chart').getAttribute('aria-label')));
    const points = await page.until(() => {
        const {data} = window.Chart.getChart('rate-chart').data.datasets[0];
        return data.length >= 3 ? data : null;
    });
    assert.ok(points.every(({x, y}) => x <= 0 && x >= -300 && Number.isFinite(y)));
    const inked = await page.run(() => {
        const canvas = document.querySelector('#rate-chart');
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte !== 0);
    });
    assert.ok(inked, 'the canvas is not empty');
});

test('readiness lists every check the engine names', async () => {
    const {body} = await get('/readyz');
    const shown = await page.run(textsOf, '#ready-checks li');
    assert.equal(shown.length, Math.max(1, body.checks.length));
    body.checks.forEach((check, index) => assert.ok(shown[index].includes(check.detail), `${shown[index]} has "${check.detail}"`));
    assert.equal(await page.run(textOf, '#ready-state'), body.ready ? 'Ready' : 'Not ready');
});

test('a user typed in gets the API\'s items in their order, with price, source and reason', async () => {
    await fresh('#/recommendations');
    await askFor(user);
    const {body} = await get(`/v1/users/${encodeURIComponent(user)}/recommendations?n=10&explain=true`);
    const rows = await page.run(textsOf, '.rec');
    assert.ok(body.items.length > 0);
    assert.equal(rows.length, body.items.length);
    body.items.forEach((item, index) => {
        assert.ok(rows[index].includes((item.title ?? item.id).replace(/\s+/g, ' ').trim()), `${rows[index]} names ${item.title ?? item.id}`);
        if (item.price !== undefined) assert.ok(rows[index].includes(item.price.toFixed(2).replace(/\B(?=(\d{3})+(?=\.))/g, ',')), `${rows[index]} costs ${item.price}`);
        assert.ok(rows[index].includes(item.reason.text.replace(/\s+/g, ' ').trim()), `${rows[index]} says ${item.reason.text}`);
    });
    assert.match(await page.run(() => location.hash), new RegExp(`user=${encodeURIComponent(user)}`));
});

test('the profile panel shows what is known of the user', async () => {
    const {status, body} = await get(`/v1/users/${encodeURIComponent(user)}/profile`);
    assert.equal(status, 200);
    const text = await page.run(textOf, '#answer > .card:nth-child(2)');
    assert.ok(text.includes('Profile'));
    for (const value of [body.features.events, body.features.rfm?.frequency].filter(Number.isFinite)) assert.ok(text.includes(value.toLocaleString('en')), text);
    // The newest of the history, by their titles where the catalogue has one.
    const newest = [...body.features.history].sort((a, b) => Date.parse(b.time) - Date.parse(a.time))[0];
    const {items} = (await get(`/v1/items?q=${encodeURIComponent(newest.item)}&n=100`)).body;
    const title = items.find((item) => item.id === newest.item)?.title ?? newest.item;
    const atNewest = await page.run(textsOf, '#answer .recent .name');
    assert.equal(atNewest.length, Math.min(8, body.features.history.length));
    if (body.features.history.filter(({time}) => time === newest.time).length <= 8) assert.ok(atNewest.includes(title.replace(/\s+/g, ' ').trim()), text);
});

test('"similar" opens the items the API calls similar, and closes again', async () => {
    const {body} = await get(`/v1/users/${encodeURIComponent(user)}/recommendations?n=10&explain=true`);
    const similar = await get(`/v1/items/${encodeURIComponent(body.items[0].id)}/similar?n=6`);
    const expected = similar.status === 200 ? similar.body.items.length : 0;
    await page.click('.rec .more');
    await page.until((count) => document.querySelectorAll('.rec:first-child .similar li').length === count && !document.querySelector('.rec .similar').innerText.includes('Loading'), [expected]);
    for (const item of similar.body.items ?? []) assert.ok((await page.run(textOf, '.rec .similar')).includes((item.title ?? item.id).replace(/\s+/g, ' ').trim()));
    await page.click('.rec .more');
    assert.equal(await page.run(() => document.querySelector('.rec .similar').hidden), true);
});

test('an example is one click away', async () => {
    await fresh('#/recommendations');
    const example = await page.until(() => document.querySelector('#examples .chip')?.textContent);
    await page.click('#examples .chip');
    await page.until((name) => document.querySelector('.user-title')?.textContent.includes(name) && document.querySelector('#user').value === name, [example]);
});

test('a user id that is HTML is shown as text', async () => {
    await fresh('#/recommendations');
    await askFor(HOSTILE);
    assert.ok((await page.run(() => document.querySelector('.user-title').textContent)).includes(HOSTILE));
    await show(`#/recommendations?user=${encodeURIComponent(`${HOSTILE}2`)}`);
    await page.until((name) => document.querySelector('.user-title')?.textContent.includes(name), [`${HOSTILE}2`]);
    assert.equal(await page.run(() => document.querySelectorAll('img, b').length), 0);
    assert.match(await page.run(() => document.title), /Millrace/);
});

test('growth lists the newest alert of each user, newest first, and filters by tier', async () => {
    await fresh('#/growth');
    const {body} = await get('/v1/churn/alerts?limit=1000');
    const latest = new Map();
    for (const alert of body.alerts) {
        latest.delete(alert.user_id);
        latest.set(alert.user_id, alert);
    }
    const newest = [...latest.values()].reverse();
    if (newest.length === 0) {
        await page.until(() => document.querySelector('#alerts .empty')?.innerText.includes('No alerts'));
        return;
    }
    const check = async (expected) => {
        const rows = await page.run(textsOf, '#alerts tbody tr');
        assert.equal(rows.length, Math.min(50, expected.length));
        rows.forEach((row, index) => {
            const alert = expected[index];
            const reasons = alert.reasons.map((reason) => reason.text ?? reason);
            const shown = Number(/(\d+)%/.exec(row)[1]);
            assert.ok(Math.abs(shown - alert.probability * 100) < 0.5001, `${row}: ${alert.probability}`);
            for (const part of [alert.user_id, ...reasons]) assert.ok(row.includes(part), `${row} has ${part}`);
            assert.ok(digits(row).includes(digits(alert.value_at_risk.toFixed(2))), `${row} has ${alert.value_at_risk}`);
        });
    };
    await page.until(() => document.querySelector('#alerts tbody tr'));
    await check(newest);
    for (const tier of ['critical', 'at-risk', 'watch', 'recovered']) {
        const expected = newest.filter((alert) => alert.tier === tier);
        assert.equal(digits(await page.run(textOf, `#tier-tiles [data-name="${tier}"] .value`)), String(expected.length));
        await page.click(`#tiers input[value="${tier}"]`);
        if (expected.length > 0) await check(expected);
        else await page.until(() => document.querySelector('#alerts .empty'));
    }
});

test('trends shows each kind as a table and as bars', async () => {
    await fresh('#/trends');
    for (const kind of ['hot', 'popular', 'rising']) {
        const {body} = await get(`/v1/trending?kind=${kind}&n=20`);
        await page.click(`#kinds input[value="${kind}"]`);
        assert.ok(body.items.length > 0);
        const names = body.items.map((item) => (item.title ?? item.id).replace(/\s+/g, ' ').trim());
        await page.until((wanted) => {
            const shown = [...document.querySelectorAll('#trend-table td.item .name')].map((node) => node.innerText.replace(/\s+/g, ' ').trim());
            return JSON.stringify(shown) === JSON.stringify(wanted);
        }, [names]);
        const bars = await page.run(() => window.Chart.getChart('trend-chart').data.datasets[0].data);
        assert.deepEqual(bars, body.items.slice(0, 12).map((item) => item.score));
    }
});

test('the two languages have the same texts, and the switch changes every one and is remembered', async () => {
    await fresh();
    const keys = await page.run(async () => {
        const {TEXTS} = await import('/assets/text.js');
        return Object.values(TEXTS).map((texts) => Object.keys(texts).sort());
    });
    assert.deepEqual(keys[0], keys[1]);
    const english = await page.run(textsOf, '.tabs a, h1, #overview-tiles dt');
    await page.click('#language');
    const chinese = await page.run(textsOf, '.tabs a, h1, #overview-tiles dt');
    english.forEach((text, index) => text && assert.match(chinese[index], /[\u4e00-\u9fff]/, `${text} became ${chinese[index]}`));
    assert.equal(await page.run(() => document.documentElement.lang), 'zh-CN');
    await page.goto(`${base}/#/growth`);
    assert.equal(await page.until(() => document.querySelector('#growth h1').textContent), '增长');
    await page.click('#language');
    assert.equal(await page.run(() => document.querySelector('#growth h1').textContent), 'Growth');
});

test('the theme follows the system, the switch overrides it, and switching back follows again', async () => {
    const scheme = () => page.run(() => getComputedStyle(document.body).backgroundColor);
    await page.colourScheme('light');
    await fresh();
    const light = await scheme();
    await page.colourScheme('dark');
    const dark = await scheme();
    assert.notEqual(light, dark);
    await page.click('#theme');
    assert.equal(await scheme(), light);
    await page.goto(`${base}/`);
    assert.equal(await scheme(), light, 'remembered');
    await page.click('#theme');
    assert.equal(await scheme(), dark);
    await page.colourScheme('light');
    assert.equal(await scheme(), light, 'follows the system again');
});

test('Tab reaches everything on every page, visibly and by a name', async () => {
    for (const hash of ['#/overview', `#/recommendations?user=${encodeURIComponent(user)}`, '#/growth', '#/trends']) {
        await fresh(hash);
        await sleep(1500);
        const expected = await page.run(markStops);
        const reached = new Set();
        for (let press = 0; press < STOPS_MAX && reached.size < expected; press++) {
            await page.press('Tab');
            const now = await page.run(stopNow);
            if (now === null) break; // past the last one
            if (now.stop === null) continue;
            assert.ok(now.visible, `${hash}: one sees the focus on "${now.name}"`);
            assert.ok(now.name.trim(), `${hash}: stop ${now.stop} has a name`);
            reached.add(now.stop);
        }
        assert.equal(reached.size, expected, hash);
    }
});

test('the keyboard alone skips to the content, changes the page and filters', async () => {
    await fresh('#/trends');
    await page.press('Tab');
    await page.press('Enter');
    assert.equal(await page.run(() => document.activeElement.id), 'main');
    await page.press('Tab');
    await page.press('ArrowRight');
    await page.until(() => location.hash === '#/trends?kind=popular');
    await page.run(() => document.querySelector('.tabs a[data-view="growth"]').focus());
    await page.press('Enter');
    await page.until(() => document.querySelector('.tabs a[aria-current]').dataset.view === 'growth' && document.activeElement.id === 'main');
});

test('when the engine cannot be reached the page says so, keeps its numbers, and recovers', async () => {
    await fresh();
    await page.until(() => document.querySelector('[data-name="users"] .value').textContent !== '–');
    const users = await page.run(textOf, '[data-name="users"] .value');
    await page.offline(true);
    try {
        await page.until(() => !document.querySelector('#notice').hidden && document.querySelector('#notice').innerText.includes('Cannot reach the engine, retrying'));
        assert.equal(await page.run(textOf, '#live-text'), 'Reconnecting');
        assert.equal(await page.run(textOf, '[data-name="users"] .value'), users);
        await show('#/recommendations?user=someone');
        await page.until(() => document.querySelector('#answer .empty.bad')?.innerText.includes('Cannot reach the engine'));
    } finally {
        await page.offline(false);
    }
    await page.until(() => document.querySelector('#notice').hidden && document.querySelector('.user-title')?.textContent.includes('someone'), [], 20000);
});

test('an error of the engine is shown in its own words, and goes away with it', async () => {
    await fresh();
    const restore = await intercept('/v1/analytics/overview', 503, {title: 'Service Unavailable', status: 503, detail: 'the shards are <b>moving</b>'});
    try {
        await page.until(() => document.querySelector('#notice').textContent.includes('503: the shards are <b>moving</b>'));
    } finally {
        await restore();
    }
    await page.until(() => document.querySelector('#notice').hidden, [], 20000);
});

test('fields that are not there are dashes', async () => {
    for (const [view, part, body, selector] of [
        ['overview', '/v1/analytics/overview', {cache_hit_share: null, model_version: null}, '#overview-tiles'],
        ['recommendations?user=sparse', '/v1/users/', {items: [{id: 'a'}, {}]}, '#answer'],
        ['growth', '/v1/churn/alerts', {alerts: [{user_id: 'u'}, {tier: 'watch'}, null], next: 'x'}, '#alerts'],
        ['trends', '/v1/trending', {items: [{id: 'a'}, {}]}, '#trend-table'],
    ]) {
        const restore = await intercept(part, 200, body);
        try {
            await page.goto('about:blank');
            await page.goto(`${base}/#/${view}`);
            await page.until((where) => document.querySelector(where)?.innerText.includes('–'), [selector]);
            assert.doesNotMatch(await page.run(() => document.body.innerText), /NaN|undefined|null|Infinity|\[object/);
        } finally {
            await restore();
        }
    }
});

test('nothing moves while the numbers come in', async () => {
    await page.goto('about:blank');
    const {identifier} = await page.call('Page.addScriptToEvaluateOnNewDocument', {source:
        'window.shifts = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifts += e.value; })'
        + ".observe({type: 'layout-shift', buffered: true});"});
    for (const view of VIEWS) {
        await page.goto('about:blank');
        await page.goto(`${base}/#/${view}`);
        await sleep(3500);
        const shifts = await page.run(() => window.shifts);
        assert.ok(shifts < SHIFT_MAX, `${view}: ${shifts}`);
    }
    await page.call('Page.removeScriptToEvaluateOnNewDocument', {identifier});
});

async function eachLook(visit) {
    for (const [look, scheme, language, width, height] of [
        ['light', 'light', 'en', 1360, 900], ['dark', 'dark', 'en', 1360, 900], ['chinese', 'light', 'zh-CN', 1360, 900],
        ['narrow', 'light', 'en', 400, 860], ['narrow-dark', 'dark', 'zh-CN', 400, 860],
    ]) {
        await page.colourScheme(scheme);
        await page.resize(width, height);
        await fresh();
        if (language !== 'en') await page.click('#language');
        for (const view of VIEWS) {
            await show(view === 'recommendations' ? `#/recommendations?user=${encodeURIComponent(user)}` : `#/${view}`);
            await sleep(1500);
            await visit(look, view, width);
        }
    }
    await page.colourScheme('light');
    await page.resize(1360, 900);
}

test('in every look, text stands out and nothing is wider than the screen', async () => {
    const shots = process.env.MILLRACE_SHOTS;
    if (shots) mkdirSync(shots, {recursive: true});
    await eachLook(async (look, view, width) => {
        if (shots) writeFileSync(join(shots, `${look}-${view}.png`), await page.screenshot());
        assert.deepEqual(await page.run(faintTexts), [], `${look} ${view}`);
        const wide = await page.run(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${look} ${view}: ${wide} px wide`);
    });
});

test('in all of this the page threw nothing and broke no policy', () => {
    assert.deepEqual(page.problems, []);
});

async function knownUser() {
    if (process.env.MILLRACE_TEST_USER) return process.env.MILLRACE_TEST_USER;
    const alerts = await get('/v1/churn/alerts?limit=1');
    return alerts.body.alerts?.[0]?.user_id ?? '17850';
}

async function main() {
    let browser;
    try {
        browser = new Browser();
    } catch (error) {
        console.log(`1..0 # SKIP ${error.message}\n0 passed, 0 failed`);
        process.exit(process.env.CI === 'true' ? 1 : 77);
    }
    const fake = process.argv[2] ? null : await startFake();
    base = (process.argv[2] ?? fake.base).replace(/\/$/, '');
    let failed = 0;
    try {
        user = await knownUser();
        page = await browser.page();
        await page.colourScheme('light');
        await page.resize(1360, 900);
        for (const [index, {name, run}] of cases.entries()) {
            const error = await Promise.resolve().then(run).then(() => null, (reason) => reason);
            console.log(`${error ? 'not ok' : 'ok'} ${index + 1} - ${name}`);
            if (error) {
                failed++;
                console.log(String(error.message).split('\n').map((line) => `#   ${line}`).join('\n'));
            }
        }
    } finally {
        await browser.close();
        fake?.close();
    }
    console.log(`1..${cases.length}\n${cases.length - failed} passed, ${failed} failed`);
    process.exit(failed === 0 ? 0 : 1);
}

await main();
