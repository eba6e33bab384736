/*
 * The example shop in a real Chromium, behind its own proxy: lists, an item, a basket, and what the engine was told.
 *
 *     node tests/page/test_storefront.mjs                             against the small engine of fake_api.mjs
 *     node tests/page/test_storefront.mjs http://127.0.0.1:8080       against a running one
 *
 * Prints TAP and a closing count.  Without a Chromium or a Python it is skipped (77), and under CI=true it fails.
 */
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {sleep} from './cdp.mjs';
import {Visit, plain, runAlone, skip} from './drive.mjs';
import {startFake} from './fake_api.mjs';
import {brokenMarkup, faintFields, faintTexts, textOf, textsOf} from './probes.mjs';

const SERVE = join(dirname(fileURLToPath(import.meta.url)), '../../examples/storefront/serve.py');
const CUSTOMER = '12583';
const exclude = ['POST', 'DOT', 'M', 'D', 'S', 'C2', 'PADS', 'CRUK', 'BANK CHARGES', 'AMAZONFEE']; // as the shop does

const shelfIds = (shelf) => [...document.querySelectorAll(`#${shelf} .card`)].map(({dataset}) => dataset.id);

/* The shop's own server, in front of the engine: {base, stop}. */
function startShop(engine) {
    return new Promise((resolve, reject) => {
        const server = spawn('python3', [SERVE, '--engine', engine, '--listen', '127.0.0.1:0'], {stdio: ['ignore', 'pipe', 'inherit']});
        server.once('error', reject);
        server.stdout.once('data', (text) => resolve({base: /shop: (\S+)\//.exec(text)[1], stop: () => server.kill()}));
        server.once('exit', (code) => reject(new Error(`serve.py ended with ${code}`)));
    });
}

const cases = (shop, engine) => [
    ['home shows the customer\'s list in its order, with prices and reasons', async (visit) => {
        const {page} = visit;
        await page.goto(`${shop}/`);
        await page.until(() => document.querySelectorAll('#picks .card').length > 0);
        const list = await engine.list(CUSTOMER, {n: 8, exclude});
        assert.deepEqual(await page.run(shelfIds, 'picks'), list.items.map(({id}) => id));
        const cards = await page.run(textsOf, '#picks .card');
        list.items.forEach((item, index) => item.price !== undefined && assert.ok(cards[index].includes(`£${item.price.toFixed(2)}`), cards[index]));
        assert.ok(await page.run(() => document.querySelectorAll('#popular .card').length > 0));
        assert.equal(await page.run(() => document.querySelectorAll('main img[src="x"], main b').length), 0, 'a title that is HTML is text');
    }],

    ['an item opened from the list shows what goes with it, and the view says which list it came from', async (visit) => {
        const {page} = visit;
        const list = await engine.list(CUSTOMER, {n: 8, exclude});
        const wanted = list.items.findIndex(({title}) => title && !/[<>]/.test(title));
        const {id} = list.items[wanted];
        await page.click(`#picks .card:nth-child(${wanted + 1}) a`);
        await page.until((name) => location.hash === `#/item/${encodeURIComponent(name)}` && document.querySelector('#add') !== null, [id]);
        const similar = (await engine.get(`/v1/items/${encodeURIComponent(id)}/similar?n=8`)).body;
        assert.deepEqual(await page.run(shelfIds, 'similar'), similar.items.map((item) => item.id));
        const together = await engine.get(`/v1/items/${encodeURIComponent(id)}/bought-together?n=4`);
        if (together.status === 200) assert.deepEqual(await page.run(shelfIds, 'together'), together.body.items.map((item) => item.id));
        assert.equal(await page.run(() => document.activeElement.tagName), 'H1');
        if (!engine.fake) return;
        const view = engine.fake.events.at(-1);
        assert.equal(view.type, 'view');
        assert.deepEqual([view.user_id, view.item_id, view.placement, view.position], [CUSTOMER, id, list.placement, wanted + 1]);
        assert.match(view.recommendation_id, /^r_/);
        assert.match(view.event_id, /^[0-9a-f-]{36}$/);
    }],

    ['a moment later the list is another one, the page says so, and what is new is marked', async (visit) => {
        const {page} = visit;
        await page.until(() => /picks/.test(document.querySelector('#toast').textContent));
        assert.match(await page.run(textOf, '#toast'), /later\.$/);
        await page.run(() => {
            location.hash = '#/';
        });
        await page.until(() => document.querySelectorAll('#picks .card').length > 0);
        const list = await engine.list(CUSTOMER, {n: 8, exclude});
        assert.deepEqual(await page.run(shelfIds, 'picks'), list.items.map(({id}) => id));
        const marked = await page.run(() => document.querySelectorAll('#picks .badge').length);
        const said = await page.run(textOf, '#picks .shelf-head p');
        assert.equal(said, marked > 0 ? `${marked} of ${list.items.length} are new since you last looked` : '');
    }],

    ['the basket counts, shows what goes with it, and is bought', async (visit) => {
        const {page} = visit;
        const {items} = (await engine.get('/v1/trending?kind=popular&n=8')).body;
        const [one, other] = items.filter(({title, price}) => price && title && !/[<>]/.test(title));
        for (const {id} of [one, other]) {
            await page.run((name) => {
                location.hash = `#/item/${encodeURIComponent(name)}`;
            }, id);
            await page.until((name) => document.querySelector('#add') && location.hash.endsWith(encodeURIComponent(name)) && document.querySelector('.item'), [id]);
            await page.until((title) => document.querySelector('h1').textContent.toLowerCase() === title, [plain(one.id === id ? one.title : other.title).toLowerCase()]);
            await page.click('#add');
        }
        await page.until(() => document.querySelector('#basket-count').textContent === '2');
        await page.click('#basket-link');
        await page.until(() => document.querySelectorAll('.lines li').length === 2);
        await page.click('.lines li:first-child .plus');
        await page.until(() => document.querySelector('.lines .steps span').textContent === '2');
        await page.until(() => document.activeElement.matches('.plus'));
        assert.equal(await page.run(textOf, '.total b'), `£${(2 * one.price + other.price).toFixed(2)}`);
        const answer = await engine.list(undefined, {n: 4, items: [other.id, one.id], exclude});
        await page.until((ids) => JSON.stringify([...document.querySelectorAll('#goes-with .card')].map(({dataset}) => dataset.id)) === JSON.stringify(ids), [answer.items.map(({id}) => id)]);
        await page.click('#buy');
        await page.until(() => document.querySelector('h1').textContent.startsWith('Thank you'));
        assert.equal(await page.run(textOf, '#basket-count'), '0');
        if (!engine.fake) return;
        const purchase = engine.fake.events.findLast(({type}) => type === 'purchase');
        assert.deepEqual(purchase.items.map(({item_id, quantity, price}) => [item_id, quantity, price]), [[one.id, 2, one.price], [other.id, 1, other.price]]);
        assert.deepEqual(engine.fake.events.filter(({type}) => type === 'cart_add').map(({item_id}) => item_id), [one.id, other.id, one.id]);
    }],

    ['a new visitor begins with what is popular and then gets what the visit says', async (visit) => {
        const {page} = visit;
        await page.run(() => {
            const select = document.querySelector('#who');
            select.value = '';
            select.dispatchEvent(new Event('change'));
            location.hash = '#/';
        });
        await page.until(() => document.querySelectorAll('#picks .card').length > 0 && document.querySelector('.hero .eyebrow').textContent === 'Welcome');
        const {items} = (await engine.get('/v1/trending?kind=popular&n=8')).body;
        const {id} = items.find(({title}) => title && !/[<>]/.test(title));
        await page.run((name) => {
            location.hash = `#/item/${encodeURIComponent(name)}`;
        }, id);
        await page.until(() => document.querySelector('#add'));
        await page.run(() => {
            location.hash = '#/';
        });
        const answer = await engine.list(undefined, {n: 8, items: [id], exclude});
        await page.until((ids) => JSON.stringify([...document.querySelectorAll('#picks .card')].map(({dataset}) => dataset.id)) === JSON.stringify(ids), [answer.items.map((item) => item.id)]);
        assert.equal(await page.run(textOf, '#picks h2'), answer.fallback ? 'Loved by everybody' : 'Going by your visit');
    }],

    ['the search finds items by their titles, by the keyboard alone', async (visit) => {
        const {page} = visit;
        await visit.tabTo('#query');
        await page.type('bag');
        await page.press('Enter');
        await page.until(() => document.querySelectorAll('#found .card').length > 0);
        const {items} = (await engine.get('/v1/items?q=bag&n=40')).body;
        assert.deepEqual(await page.run(shelfIds, 'found'), items.filter(({hidden}) => hidden !== true).map(({id}) => id));
    }],

    ['it reads well in light and dark, wide and narrow, and everything has a name', async (visit) => {
        const {page} = visit;
        for (const [scheme, width, height] of [['light', 1360, 900], ['dark', 1360, 900], ['light', 360, 780], ['dark', 360, 780]]) {
            await page.colourScheme(scheme);
            await page.resize(width, height);
            for (const hash of ['#/', '#/item/22086', '#/basket']) {
                await page.run((wanted) => {
                    location.hash = wanted;
                }, hash);
                await page.until((wanted) => location.hash === wanted && document.querySelector({'#/': '.hero', '#/basket': '.basket'}[wanted] ?? '.item') !== null, [hash]);
                const where = `${scheme} ${width} ${hash}`;
                assert.deepEqual(await page.run(faintTexts), [], where);
                assert.deepEqual(await page.run(faintFields), [], where);
                assert.deepEqual(await page.run(brokenMarkup), [], where);
                assert.ok(await page.run(() => document.documentElement.scrollWidth) <= width, where);
                const unnamed = (await page.spoken()).filter(({role, name}) => ['button', 'link', 'searchbox', 'combobox', 'region'].includes(role) && !name.trim());
                assert.deepEqual(unnamed, [], where);
                if (process.env.MILLRACE_SHOTS) {
                    mkdirSync(process.env.MILLRACE_SHOTS, {recursive: true});
                    await sleep(300);
                    writeFileSync(join(process.env.MILLRACE_SHOTS, `shop-${scheme}-${width}-${hash.replace(/\W+/g, '')}.png`), await page.screenshot());
                }
            }
        }
    }],

    ['the proxy forwards a shop\'s calls and nothing else', async () => {
        const status = async (path, options) => (await fetch(shop + path, options)).status;
        for (const path of ['/v1/users/17850/profile', '/v1/churn/alerts', '/v1/analytics/overview', '/metrics', '/../serve.py', '/serve.py']) assert.equal(await status(path), 404, path);
        assert.equal(await status('/v1/items', {method: 'POST', body: '[]'}), 404);
        assert.equal(await status('/v1/events', {method: 'POST', body: 'x'.repeat(70000)}), 413);
        assert.equal(await status('/v1/trending?kind=hot&n=3'), 200);
    }],

    ['without an engine the shop says so and stays a shop', async (visit) => {
        if (!engine.fake) skip('needs the small engine, which can be stopped');
        engine.fake.close();
        await visit.page.run(() => {
            location.hash = '#/nowhere';
        });
        await visit.page.until(() => document.querySelector('main .sorry')?.textContent.includes('out of reach'));
    }],
];

const named = process.argv[2]?.replace(/\/$/, '');
const fake = named ? null : await startFake();
const engine = new Visit(null, named ?? fake.base, fake, CUSTOMER);
const shop = await startShop(engine.base).catch((error) => {
    console.log(`1..0 # SKIP ${error.message}\n0 passed, 0 failed`);
    process.exit(process.env.CI === 'true' ? 1 : 77);
});
let status = 1;
try {
    status = await runAlone(cases(shop.base, engine));
} finally {
    shop.stop();
    fake?.close();
}
process.exit(status);
