/*
 * How it looks, and how it is read out: every view in both themes, both languages and from 360 to 1920 pixels wide.
 * MILLRACE_SHOTS names a directory for pictures.
 */
import assert from 'node:assert/strict';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {sleep} from './cdp.mjs';
import {brokenMarkup, faintFields, faintTexts, spilled} from './probes.mjs';

const SHIFT_MAX = 0.1; /* "good" of web.dev's cumulative layout shift */
const SETTLED_MS = 1500; /* after a view is drawn, it must stand still for so long */
const VIEWS = ['overview', 'recommendations', 'rules', 'visit', 'growth', 'users', 'audience', 'trends'];

/* What must be named to somebody who cannot see it. */
const NAMED = ['button', 'link', 'textbox', 'combobox', 'spinbutton', 'slider', 'checkbox', 'radio', 'listbox', 'option', 'menu', 'menuitem', 'table', 'image', 'complementary', 'form'];

/* The first two have both themes, both languages and both ends of the widths; MILLRACE_ALL_LOOKS asks for the others too. */
const LOOKS = [
    ['light', 'light', 'en', 1360, 900], ['narrow-dark', 'dark', 'zh-CN', 360, 780],
    ...(process.env.MILLRACE_ALL_LOOKS ? [
        ['dark', 'dark', 'en', 1360, 900], ['chinese', 'light', 'zh-CN', 1360, 900], ['wide', 'dark', 'zh-CN', 1920, 1080, ['rules', 'users', 'trends']],
        ['tablet', 'light', 'en', 800, 1000, ['rules', 'growth', 'users']], ['narrow', 'light', 'en', 360, 780],
    ] : []),
];

/* One rule of each kind, about what this engine recommends. */
function rulesFor(items) {
    const [first, second, third] = items.map(({id}) => id);
    return {
        exclude: [first], rules: {pin: [{item: items.at(-1).id, position: 2}], boost: [{where: {items: [third]}, by: 2}, {where: {category: 'Bags'}, by: 1.5}], bury: [{where: {items: [second]}, by: 0.5}], cap: [{by: 'brand', most: 2}]},
        diversity: 0.3,
    };
}

function address(view, user, items) {
    const parameters = {
        recommendations: {user}, rules: {user, rules: JSON.stringify(rulesFor(items))}, visit: {visit: JSON.stringify(items.slice(0, 2).map(({id}) => id)), rules: '{"diversity":0.4}'},
        audience: {period: 'month', cohort: 'month', audience: 'rfm.champions'},
    }[view];
    const page = view === 'audience' ? 'users' : 'recommendations';
    return parameters ? `#/${page}?${new URLSearchParams(parameters)}` : `#/${view}`;
}

async function look(visit, [name, , language, width], view, items) {
    const {page} = visit;
    const hash = address(view, visit.user, items);
    await visit.show(hash);
    await visit.drawn(hash.match(/[a-z]+/)[0]);
    if (view === 'visit') await page.click('#sides input[value="request"]');
    if (view === 'rules') {
        await page.until(() => document.querySelectorAll('#lists .list-card').length === 2);
        await page.click('.list-card:last-child .dots');
    }
    const where = `${name} ${view}`;
    if (process.env.MILLRACE_SHOTS) {
        mkdirSync(process.env.MILLRACE_SHOTS, {recursive: true});
        writeFileSync(join(process.env.MILLRACE_SHOTS, `${name}-${view}.png`), await page.screenshot());
    }
    assert.deepEqual(await page.run(faintTexts), [], where);
    assert.deepEqual(await page.run(faintFields), [], where);
    assert.deepEqual(await page.run(brokenMarkup), [], where);
    assert.deepEqual(await page.run(spilled), [], where);
    const wide = await page.run(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${where}: ${wide} px wide`);
    const unnamed = (await page.spoken()).filter(({role, name: said}) => NAMED.includes(role) && !said.trim());
    assert.deepEqual(unnamed, [], where);
    if (language === 'zh-CN') {
        const english = await page.run(() => [...document.querySelectorAll('[data-text], #who span, #sides span, .segments span, .figures dt, .stages dt, .legend li, .count-card th, .funnel th, .rules label, .rules legend, .rules h3, .tag, .shift, .pill, .field-name, .further button, #rule-add button')]
            .filter((node) => node.checkVisibility() && /^[A-Za-z ]{3,}$/.test(node.textContent.trim())).map((node) => node.textContent));
        assert.deepEqual(english, [], where);
    }
}

export const looks = LOOKS.map((one) => [[
    `${one[0]}: text and fields stand out, everything has a name, and nothing is wider than ${one[3]} px`, async (visit) => {
        const [, scheme, language, width, height, views = VIEWS] = one;
        await visit.page.colourScheme(scheme);
        await visit.page.resize(width, height);
        await visit.fresh();
        if (language !== 'en') await visit.page.click('#language');
        const {items} = await visit.list(visit.user, {n: 10});
        for (const view of views) await look(visit, one, view, items);
    },
]]);

export const still = [
    ['nothing moves while the numbers come in', async (visit) => {
        const {page} = visit;
        await page.goto('about:blank');
        await page.call('Page.addScriptToEvaluateOnNewDocument', {source:
            'window.shifts = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) window.shifts += e.value; })'
            + ".observe({type: 'layout-shift', buffered: true});"});
        for (const view of ['overview', 'recommendations', 'growth', 'users', 'trends']) {
            await visit.open(`#/${view}`);
            await visit.drawn(view);
            await sleep(SETTLED_MS);
            const shifts = await page.run(() => window.shifts);
            assert.ok(shifts < SHIFT_MAX, `${view}: ${shifts}`);
        }
    }],
];
