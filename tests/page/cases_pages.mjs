/*
 * Growth, trends with revenue and pairs, and the switches of language and theme.
 */
import assert from 'node:assert/strict';
import {digits, plain, skip} from './drive.mjs';
import {textOf, textsOf} from './probes.mjs';

export const pages = [
    ['growth lists the newest alert of each user, newest first, and filters by tier', async (visit) => {
        const {page} = visit;
        await visit.fresh('#/growth');
        const {body} = await visit.get('/v1/churn/alerts?limit=1000');
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
    }],

    ['trends shows each kind as a table and as bars', async (visit) => {
        const {page} = visit;
        await visit.fresh('#/trends');
        for (const kind of ['hot', 'popular', 'rising']) {
            const {body} = await visit.get(`/v1/trending?kind=${kind}&n=20`);
            await page.click(`#kinds input[value="${kind}"]`);
            assert.ok(body.items.length > 0);
            const names = body.items.map((item) => plain(item.title ?? item.id));
            await page.until((wanted) => {
                const shown = [...document.querySelectorAll('#trend-table td.item .name')].map((node) => node.innerText.replace(/\s+/g, ' ').trim());
                return JSON.stringify(shown) === JSON.stringify(wanted);
            }, [names]);
            const bars = await page.run(() => window.Chart.getChart('trend-chart').data.datasets[0].data);
            assert.deepEqual(bars, body.items.slice(0, 12).map((item) => item.score));
        }
    }],

    ['trends ranks the categories of each kind', async (visit) => {
        const {page} = visit;
        await visit.fresh('#/trends?kind=popular');
        for (const kind of ['popular', 'hot', 'rising']) {
            await page.click(`#kinds input[value="${kind}"]`);
            await page.until(() => document.querySelector('#categories').getAttribute('aria-busy') === 'false');
            const {categories} = (await visit.get('/v1/analytics/trends?limit=10')).body;
            if (categories[kind].length === 0) {
                await page.until(() => document.querySelector('#categories .state').innerText.includes('No categories yet'));
                continue;
            }
            await page.until((wanted) => {
                const shown = [...document.querySelectorAll('#categories td.item .name')].map((node) => node.innerText.trim());
                return JSON.stringify(shown) === JSON.stringify(wanted);
            }, [categories[kind].map(({id}) => plain(id))]);
        }
        assert.match(await page.run(textOf, '#categories .scope'), /partition/i);
    }],

    ['trends draws revenue and orders by day, week and month', async (visit) => {
        const {page} = visit;
        if ((await visit.get('/v1/analytics/revenue')).status === 404) skip('needs an engine that counts revenue');
        await visit.fresh('#/trends?kind=popular');
        for (const period of ['day', 'week', 'month']) {
            const {periods} = (await visit.get(`/v1/analytics/revenue?period=${period}`)).body;
            await page.click(`#revenue-periods input[value="${period}"]`);
            await page.until(() => document.querySelector('#revenue').getAttribute('aria-busy') === 'false');
            if (!periods.some(({revenue, orders}) => revenue || orders)) {
                assert.match(await page.run(textOf, '#revenue .state'), /No revenue yet/);
                continue;
            }
            const drawn = await page.run(() => window.Chart.getChart('revenue-chart').data.datasets.map(({type, data}) => [type, data]));
            assert.deepEqual(drawn, [['bar', periods.map(({revenue}) => revenue)], ['line', periods.map(({orders}) => orders)]]);
            const last = periods.filter(({complete}) => complete !== false).at(-1);
            const [revenue, orders] = (await page.run(textsOf, '#revenue-figures .value')).map(digits);
            assert.deepEqual([revenue, orders], [digits(Math.abs(last.revenue).toFixed(0)), String(last.orders)]);
        }
        assert.equal(await page.run(() => location.hash), '#/trends?kind=popular&period=month');
    }],

    ['trends lists what is bought together, by the titles of the catalogue', async (visit) => {
        const {page} = visit;
        const {status, body} = await visit.get('/v1/analytics/associations?limit=10&least=10');
        if (status === 404) skip('needs an engine that counts pairs');
        await page.until(() => document.querySelector('#together').getAttribute('aria-busy') === 'false');
        if (body.associations.length === 0) {
            assert.match(await page.run(textOf, '#together .state'), /No pairs yet/);
            return;
        }
        const rows = await page.run(() => [...document.querySelectorAll('#together tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText.trim().split(/\s*\n\s*/))));
        assert.equal(rows.length, body.associations.length);
        for (const [index, [names, baskets, support, confidence, lift]] of rows.entries()) {
            const pair = body.associations[index];
            const titles = await Promise.all([pair.a, pair.b].map(async (id) => (await visit.get(`/v1/items/${encodeURIComponent(id)}`)).body.title ?? id));
            assert.deepEqual(names.map(plain), titles.map(plain));
            assert.equal(digits(baskets[0]), String(pair.baskets));
            assert.ok(Math.abs(parseFloat(support[0]) - pair.support * 100) < 0.0051, support[0]);
            [pair.confidence_a_to_b, pair.confidence_b_to_a].forEach((value, at) => assert.ok(Math.abs(parseFloat(confidence[at].replace(/^\D+/, '')) - value * 100) < 0.501, confidence[at]));
            assert.ok(Math.abs(parseFloat(lift[0].replace(/,/g, '')) - pair.lift) < 0.051, lift[0]);
        }
    }],
];

export const switches = [
    ['the two languages have the same texts, and the switch changes every one and is remembered', async (visit) => {
        const {page} = visit;
        await visit.fresh();
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
        await page.goto(`${visit.base}/#/growth`);
        assert.equal(await page.until(() => document.querySelector('#growth h1').textContent), '增长');
        await page.click('#language');
        assert.equal(await page.run(() => document.querySelector('#growth h1').textContent), 'Growth');
    }],

    ['the theme follows the system, the switch overrides it, and switching back follows again', async (visit) => {
        const {page} = visit;
        const scheme = () => page.run(() => getComputedStyle(document.body).backgroundColor);
        await page.colourScheme('light');
        await visit.fresh();
        const light = await scheme();
        await page.colourScheme('dark');
        const dark = await scheme();
        assert.notEqual(light, dark);
        await page.click('#theme');
        assert.equal(await scheme(), light);
        await page.goto(`${visit.base}/`);
        assert.equal(await scheme(), light, 'remembered');
        await page.click('#theme');
        assert.equal(await scheme(), dark);
        await page.colourScheme('light');
        assert.equal(await scheme(), light, 'follows the system again');
    }],
];
