/*
 * The README's pictures, from a running engine with the demo's shop:
 *
 *     node tests/page/screenshots.mjs BASE_URL OUT_DIR [SHOP_URL]
 *
 * BASE_URL is the engine's (http://127.0.0.1:8080), SHOP_URL that of examples/storefront/serve.py.  Writes
 * overview, rules, users and trends, each as NAME-light.png and NAME-dark.png, and with a shop shop-light.png and
 * shop-dark.png.  MILLRACE_TEST_USER is whose recommendations are shown (17850 unless said otherwise).
 */
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Browser, sleep} from './cdp.mjs';
import {Visit} from './drive.mjs';

const WIDTH = 1440;
const HEIGHT = 960;
const SCALE = 1.5; /* sharp on dense screens, and still a small file */
const CHART_S = 30; /* of the rate, so that there is a line to see */

async function overview(visit) {
    await visit.fresh();
    await visit.drawn('overview');
    await sleep(CHART_S * 1000);
}

/* Rules that show each kind of mark on whatever this engine recommends. */
async function rules(visit) {
    const {items} = await visit.list(visit.user, {n: 10});
    const {items: popular} = (await visit.get('/v1/trending?kind=popular&n=40')).body;
    const pinned = popular.find(({id}) => !items.some((item) => item.id === id));
    const members = {
        exclude: [items[3].id],
        rules: {pin: [{item: pinned.id, position: 2}], boost: [{where: {items: [items[7].id]}, by: 2}], bury: [{where: {items: [items[0].id]}, by: 0.5}]},
        diversity: 0.2,
    };
    await visit.fresh(`#/recommendations?${new URLSearchParams({user: visit.user, n: 10, rules: JSON.stringify(members)})}`);
    await visit.page.until(() => document.querySelectorAll('#lists .list-card').length === 2);
    await sleep(500);
}

/* A page as high as a window, so that its cards are drawn. */
function page(view) {
    return async (visit) => {
        await visit.fresh(`#/${view}`);
        await visit.page.until(() => [...document.querySelectorAll('.view:not([hidden]) [aria-busy]')].every((card) => card.getAttribute('aria-busy') === 'false'), [], 60000);
        await sleep(1500); // charts move into place
    };
}

async function shop(visit) {
    await visit.page.goto('about:blank');
    await visit.page.goto(`${visit.shop}/`);
    await visit.page.until(() => document.querySelectorAll('#picks .card').length > 0);
    await sleep(500);
}

const [base, out, shopBase] = process.argv.slice(2).map((word) => word.replace(/\/$/, ''));
if (!out) {
    console.error('usage: node tests/page/screenshots.mjs BASE_URL OUT_DIR [SHOP_URL]');
    process.exit(2);
}
mkdirSync(out, {recursive: true});
const browser = new Browser();
try {
    const looks = {overview, rules, users: page('users'), trends: page('trends'), ...(shopBase && {shop})};
    await Promise.all(['light', 'dark'].flatMap((scheme) => Object.entries(looks).map(async ([name, prepare]) => {
        const page = await browser.page();
        await page.colourScheme(scheme);
        await page.resize(WIDTH, HEIGHT);
        await prepare(Object.assign(new Visit(page, base, null, process.env.MILLRACE_TEST_USER ?? '17850'), {shop: shopBase}));
        const path = join(out, `${name}-${scheme}.png`);
        writeFileSync(path, await page.screenshot(SCALE));
        console.log(path);
    })));
} finally {
    await browser.close();
}
