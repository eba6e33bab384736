/*
 * The overview: the API's numbers, told by the stream or asked for, and what happens when there are none.
 */
import assert from 'node:assert/strict';
import {sleep} from './cdp.mjs';
import {digits, skip} from './drive.mjs';
import {textOf, textsOf} from './probes.mjs';

const tiles = () => Object.fromEntries([...document.querySelectorAll('#overview-tiles .tile')].map((tile) => [tile.dataset.name, tile.innerText]));

/* Readings of the overview by the page itself, not by the stream. */
const asked = () => performance.getEntriesByType('resource').filter(({name}) => name.endsWith('/v1/analytics/overview')).length;

export const numbers = [
    ['the page brings a policy that allows no inline script or style, and every file it names is there', async ({base}) => {
        const html = await (await fetch(`${base}/`)).text();
        const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? '';
        assert.match(policy, /default-src 'none'/);
        assert.match(policy, /img-src 'self' https:;/);
        assert.doesNotMatch(policy, /unsafe-|\*|data:|http:/);
        assert.match(html, /<meta name="referrer" content="no-referrer">/);
        assert.doesNotMatch(html, / style="| on[a-z]+="|<style|<script(?![^>]* src=)/);
        for (const [, path] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) assert.equal((await fetch(base + path)).status, 200, path);
    }],

    ['the overview shows the numbers of the API', async (visit) => {
        const {page} = visit;
        const before = (await visit.get('/v1/analytics/overview')).body;
        await visit.fresh();
        await visit.drawn('overview');
        const shown = await page.run(tiles);
        const after = (await visit.get('/v1/analytics/overview')).body;
        for (const [tile, field] of [['events', 'events_applied'], ['users', 'users'], ['items', 'items'], ['revenue', 'revenue']]) {
            const value = Number(digits(shown[tile].split('\n').filter(Boolean)[1]));
            assert.ok(Number.isFinite(before[field]), `${field} is in the answer`);
            assert.ok(value >= Math.floor(before[field]) && value <= Math.ceil(after[field]), `${tile}: ${before[field]} <= ${value} <= ${after[field]}`);
        }
        assert.equal(shown.users.includes(before.customers.toLocaleString('en')), true, shown.users);
        if (before.model_version) assert.ok(shown.model.includes(before.model_version), shown.model);
    }],

    ['the rate is drawn as a line and said in words', async ({page}) => {
        await page.until(() => /now [\d,.]+, at most [\d,.]+/.test(document.querySelector('#rate-chart').getAttribute('aria-label')));
        const points = await page.until(() => {
            const {data} = window.Chart.getChart('rate-chart').data.datasets[0];
            return data.length >= 2 ? data : null;
        });
        assert.ok(points.every(({x, y}) => x <= 0 && x >= -300 && Number.isFinite(y)));
        const inked = await page.run(() => {
            const canvas = document.querySelector('#rate-chart');
            return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte !== 0);
        });
        assert.ok(inked, 'the canvas is not empty');
    }],

    ['readiness lists every check the engine names', async (visit) => {
        const {body} = await visit.get('/readyz');
        const shown = await visit.page.run(textsOf, '#ready-checks li');
        assert.equal(shown.length, Math.max(1, body.checks.length));
        body.checks.forEach((check, index) => assert.ok(shown[index].includes(check.name) || shown[index].toLowerCase().includes(check.name), shown[index]));
        assert.equal(await visit.page.run(textOf, '#ready-state'), body.ready ? 'Ready' : 'Not ready');
    }],

    ['the stream tells the numbers: nothing is asked for while it speaks', async (visit) => {
        const {page} = visit;
        const head = await fetch(`${visit.base}/v1/stream`, {signal: AbortSignal.timeout(3000)}).catch(() => null);
        await head?.body?.cancel();
        if (head?.status !== 200) skip('needs an engine with /v1/stream');
        await visit.fresh();
        await visit.drawn('overview');
        await page.until(() => performance.getEntriesByType('resource').some(({name}) => name.endsWith('/v1/stream')) || window.Chart.getChart('rate-chart').data.datasets[0].data.length >= 3);
        const before = await page.run(asked);
        const points = () => page.run(() => window.Chart.getChart('rate-chart').data.datasets[0].data.length);
        const some = await points();
        await page.until((most) => window.Chart.getChart('rate-chart').data.datasets[0].data.length >= most, [some + 2]);
        assert.ok(await page.run(asked) <= before + 1, 'the overview was not asked for');
        assert.equal(await page.run(textOf, '#feed-note'), '');
    }],
];

export const failures = [
    ['an engine without the stream is asked once a second, and the page says so quietly', async (visit) => {
        const {page, fake} = visit;
        if (!fake) skip('needs the small engine, which can do without');
        fake.has_stream = false;
        await visit.fresh();
        await page.until(() => document.querySelector('#feed-note').textContent.includes('no live stream'));
        assert.equal(await page.run(textOf, '#live-text'), 'Live');
        assert.equal(await page.run(() => document.querySelector('#notice').hidden), true);
        await page.click('#language');
        assert.match(await page.run(textOf, '#feed-note'), /没有实时推送/);
        await page.click('#language');
        fake.has_stream = true; // a newer engine took its place
        await page.until(() => document.querySelector('#feed-note').textContent === '');
    }],

    ['a stream that breaks is taken up again, and meanwhile the numbers go on', async ({page, fake}) => {
        if (!fake) skip('needs the small engine, whose stream can be cut');
        for (const cut of [1, 2]) {
            await page.until(() => document.querySelector('#feed-note').textContent === '');
            const before = await page.run(asked);
            fake.dropStreams();
            await page.until((count) => performance.getEntriesByType('resource').filter(({name}) => name.endsWith('/v1/analytics/overview')).length > count, [before]);
            const end = Date.now() + 30000;
            while (fake.streams.size === 0 && Date.now() < end) await sleep(20);
            assert.equal(fake.streams.size, 1, `taken up after cut ${cut}`);
        }
        await page.until(() => document.querySelector('#live').dataset.state === 'live');
    }],

    ['while the stream speaks, a readiness that does not answer is no lost connection', async (visit) => {
        const {page, fake} = visit;
        if (!fake) skip('needs the small engine, whose stream goes on');
        await page.until(() => document.querySelector('#feed-note').textContent === '');
        const states = await page.run(() => {
            window.states = [];
            new MutationObserver(() => window.states.push(document.querySelector('#live').dataset.state)).observe(document.querySelector('#live'), {attributes: true});
            return document.querySelector('#live').dataset.state;
        });
        assert.equal(states, 'live');
        const restore = await visit.intercept('/readyz', 502, {title: 'Bad Gateway', status: 502});
        await page.until(() => performance.getEntriesByType('resource').filter(({name, responseStatus}) => name.endsWith('/readyz') && responseStatus === 502).length > 0);
        await restore();
        assert.deepEqual(await page.run(() => window.states), []);
        assert.equal(await page.run(() => document.querySelectorAll('#ready-checks li').length > 1), true, 'what was known stays');
    }],

    ['leaving the overview ends its stream', async (visit) => {
        const {fake} = visit;
        if (!fake) skip('needs the small engine, which counts its streams');
        const settled = async (count) => {
            const end = Date.now() + 30000;
            while (fake.streams.size !== count && Date.now() < end) await sleep(20);
            assert.equal(fake.streams.size, count);
        };
        await settled(1);
        await visit.show('#/growth');
        await settled(0);
        await visit.show('#/overview');
        await settled(1);
    }],

];

export const losses = [
    ['when the engine cannot be reached the page says so, keeps its numbers, and recovers', async (visit) => {
        const {page} = visit;
        // Chromium's "offline" leaves a stream that is open alone: this page asks.
        await page.call('Network.setBlockedURLs', {urls: ['*/v1/stream']});
        await visit.fresh();
        await visit.drawn('overview');
        const users = await page.run(textOf, '[data-name="users"] .value');
        await page.offline(true);
        try {
            await page.until(() => !document.querySelector('#notice').hidden && document.querySelector('#notice').innerText.includes('Cannot reach the engine, retrying'));
            assert.equal(await page.run(textOf, '#live-text'), 'Reconnecting');
            assert.equal(await page.run(textOf, '[data-name="users"] .value'), users);
            await visit.show('#/recommendations?user=someone');
            await page.until(() => document.querySelector('#answer .empty.bad')?.innerText.includes('Cannot reach the engine'));
        } finally {
            await page.offline(false);
            await page.call('Network.setBlockedURLs', {urls: []});
        }
        await page.until(() => document.querySelector('#notice').hidden && document.querySelector('.user-title')?.textContent.includes('someone'));
    }],

    ['an error of the engine is shown in its own words, and goes away with it', async (visit) => {
        const {page} = visit;
        await visit.fresh('#/growth');
        const restore = await visit.intercept('/v1/churn/alerts', 503, {title: 'Service Unavailable', status: 503, detail: 'the shards are <b>moving</b>'});
        try {
            await page.until(() => document.querySelector('#notice').textContent.includes('503: the shards are <b>moving</b>'));
        } finally {
            await restore();
        }
        await page.until(() => document.querySelector('#notice').hidden);
    }],

    ['fields that are not there are dashes', async (visit) => {
        const {page} = visit;
        await page.call('Network.setBlockedURLs', {urls: ['*/v1/stream']}); // it would tell the numbers that are there
        for (const [view, part, body, selector] of [
            ['overview', '/v1/analytics/overview', {cache_hit_share: null, model_version: null}, '#overview-tiles'],
            ['recommendations?user=sparse', '/v1/users/', {items: [{id: 'a'}, {}, null]}, '#answer'],
            ['recommendations?user=sparse&rules=%7B%22diversity%22%3A1%7D', '/v1/users/', {items: [{id: 'a'}, {}, null]}, '#lists.two .list-card:last-child'],
            ['growth', '/v1/churn/alerts', {alerts: [{user_id: 'u'}, {tier: 'watch'}, null], next: 'x'}, '#alerts'],
            ['trends', '/v1/trending', {items: [{id: 'a'}, {}]}, '#trend-table'],
        ]) {
            const restore = await visit.intercept(part, 200, body);
            try {
                await visit.open(`#/${view}`);
                await page.until((where) => document.querySelector(where)?.innerText.includes('–'), [selector]);
                assert.doesNotMatch(await page.run(() => document.body.innerText), /NaN|undefined|null|Infinity|\[object/);
            } finally {
                await restore();
            }
        }
        await page.call('Network.setBlockedURLs', {urls: []});
    }],
];
