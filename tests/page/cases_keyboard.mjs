/*
 * Without a mouse: Tab comes to everything and one sees where it is, and the widgets answer the keys they should.
 */
import assert from 'node:assert/strict';
import {skip} from './drive.mjs';
import {markStops, stopNow, textOf} from './probes.mjs';

const STOPS_MAX = 400;

const focused = () => document.activeElement.closest('.rec')?.dataset.id ?? null;

/* Tab from the top until every stop was met. */
async function walk({page}, where) {
    const expected = await page.run(markStops);
    await page.run(() => document.querySelector('#skip').focus());
    const reached = new Set([await page.run(() => document.activeElement.dataset.stop)]);
    for (let press = 0; press < STOPS_MAX && reached.size < expected; press++) {
        await page.press('Tab');
        const now = await page.run(stopNow);
        if (now === null) break; // past the last one
        if (now.stop === null) continue;
        assert.ok(now.visible, `${where}: one sees the focus on "${now.name}"`);
        assert.ok(now.name.trim(), `${where}: stop ${now.stop} has a name`);
        reached.add(now.stop);
    }
    assert.equal(reached.size, expected, where);
}

export const stops = [
    ['Tab reaches everything on every page, visibly and by a name', async (visit) => {
        for (const view of ['overview', 'recommendations', 'growth', 'users', 'trends']) {
            await visit.fresh(view === 'recommendations' ? `#/recommendations?user=${encodeURIComponent(visit.user)}` : `#/${view}`);
            await visit.drawn(view);
            await walk(visit, view);
        }
    }],

    ['Tab reaches everything beside the lists, too: rules, request, and the items of a visit', async (visit) => {
        const {page, user} = visit;
        const ids = (await visit.list(user, {n: 5})).items.map(({id}) => id);
        const rules = {exclude: [ids[1]], rules: {pin: [{item: ids[0], position: 1}], cap: [{by: 'brand', most: 2}], bury: [{where: {category: 'Bags'}, by: 0.5}]}};
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=5&rules=${encodeURIComponent(JSON.stringify(rules))}`);
        await page.until(() => document.querySelector('.rule') && document.querySelector('#lists .list-card + .list-card'));
        await walk(visit, 'rules');
        await page.click('#sides input[value="request"]');
        await walk(visit, 'request');
        await visit.fresh(`#/recommendations?visit=${encodeURIComponent(JSON.stringify(ids.slice(0, 2)))}&n=5`);
        await page.until(() => document.querySelector('.rec'));
        await walk(visit, 'visit');
    }],
];

export const keys = [
    ['the keyboard alone skips to the content, changes the page and filters', async (visit) => {
        const {page} = visit;
        await visit.fresh('#/trends');
        await page.press('Tab');
        await page.press('Enter');
        assert.equal(await page.run(() => document.activeElement.id), 'main');
        await page.press('Tab');
        await page.press('ArrowRight');
        await page.until(() => location.hash === '#/trends?kind=popular');
        await page.run(() => document.querySelector('.tabs a[data-view="growth"]').focus());
        await page.press('Enter');
        await page.until(() => document.querySelector('.tabs a[aria-current]').dataset.view === 'growth' && document.activeElement.id === 'main');
    }],

    ['from the first Tab to a pinned item: a user, the rules, an item, the list', async (visit) => {
        const {page, user} = visit;
        if ((await visit.get('/v1/placements')).status !== 200) skip('needs an engine with rules in its requests');
        await visit.fresh();
        await visit.tabTo('.tabs a[data-view="recommendations"]');
        await page.press('Enter');
        await page.until(() => document.activeElement.id === 'main');
        await visit.tabTo('#user');
        await page.type(user);
        await page.press('Enter');
        await page.until(() => document.querySelector('.rec'));
        await visit.tabTo('#sides input');
        await page.press('ArrowRight');
        await page.until(() => !document.querySelector('#side-rules').hidden && document.activeElement.value === 'rules');
        await visit.tabTo('#rule-add [data-kind="pin"]');
        await page.press('Enter');
        await page.until(() => document.activeElement.getAttribute('role') === 'combobox');
        const wanted = (await visit.list(user, {n: 10})).items.at(-1);
        await page.type(wanted.id);
        await page.until((id) => document.querySelector(`#${document.activeElement.getAttribute('aria-activedescendant')} .code`)?.textContent === id, [wanted.id]);
        assert.equal(await page.run(() => document.activeElement.getAttribute('aria-expanded')), 'true');
        await page.press('Enter');
        await page.until((id) => document.querySelector('.list-card:last-child .rec')?.dataset.id === id, [wanted.id]);
        assert.match(await page.run(textOf, '#effect'), /moved|new/);
        assert.equal(await page.run(() => document.querySelector('#effect').getAttribute('role')), 'status');
        await visit.tabTo('.amount');
        await page.press('ArrowUp');
        await page.until((id) => document.querySelectorAll('.list-card:last-child .rec')[1]?.dataset.id === id, [wanted.id]);
        await visit.tabTo('.rule .remove', 400);
        await page.press('Space');
        await page.until(() => document.querySelectorAll('.list-card').length === 1);
        assert.ok(await page.run(() => document.activeElement.matches('#rule-add button')));
    }],

    ['a list of matches is walked by the arrows and closed by Escape, first the list, then the text', async (visit) => {
        const {page} = visit;
        await visit.fresh('#/recommendations');
        await visit.tabTo('#who input');
        await page.press('ArrowRight');
        await page.until(() => !document.querySelector('#visit').hidden);
        await visit.tabTo('#visit-picker input');
        await page.type('e');
        const count = await page.until(() => document.querySelectorAll('#visit-picker [role="option"]').length);
        assert.ok(count > 2);
        const active = () => page.run(() => [...document.querySelectorAll('#visit-picker [role="option"]')]
            .findIndex((option) => option.id === document.activeElement.getAttribute('aria-activedescendant') && option.getAttribute('aria-selected') === 'true'));
        assert.equal(await active(), 0);
        await page.press('ArrowDown');
        assert.equal(await active(), 1);
        await page.press('ArrowUp');
        await page.press('ArrowUp');
        assert.equal(await active(), count - 1, 'around the end');
        await page.press('Escape');
        const state = await page.run(() => [document.querySelector('#visit-picker [role="listbox"]').hidden, document.activeElement.getAttribute('aria-expanded'), document.activeElement.value]);
        assert.deepEqual(state, [true, 'false', 'e']);
        await page.press('Escape');
        assert.equal(await page.run(() => document.activeElement.value), '');
        assert.equal(await page.run(() => document.activeElement.matches('#visit-picker input')), true);
    }],

    ['Tab takes the match that is marked and goes on to the rule\'s next field', async (visit) => {
        const {page, user} = visit;
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=5`);
        await page.until(() => document.querySelector('.rec'));
        const {items} = await visit.list(user, {n: 5});
        await page.click('#sides input[value="rules"]');
        await page.click('#rule-add [data-kind="boost"]');
        await page.until(() => document.activeElement.getAttribute('role') === 'combobox');
        await page.type(items[4].id);
        await page.until((id) => document.querySelector(`#${document.activeElement.getAttribute('aria-activedescendant')} .code`)?.textContent === id, [items[4].id]);
        await page.press('Tab');
        assert.equal(await page.run(() => document.activeElement.className), 'amount');
        await page.until((id) => decodeURIComponent(location.hash).includes(`"boost":[{"where":{"items":["${id}"]}`), [items[4].id]);
    }],

    ['an item\'s menu opens by a key, is walked by the arrows, and Escape gives the focus back', async (visit) => {
        const {page, user} = visit;
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=5`);
        await page.until(() => document.querySelector('.rec'));
        await visit.tabTo('.rec .dots');
        const item = await page.run(focused);
        const at = () => page.run(() => [...document.activeElement.parentElement.children].indexOf(document.activeElement));
        await page.press('Enter');
        assert.equal(await page.run(() => document.activeElement.getAttribute('role')), 'menuitem');
        assert.equal(await at(), 0);
        await page.press('ArrowDown');
        assert.equal(await at(), 1);
        await page.press('End');
        assert.equal(await at(), 3);
        await page.press('ArrowDown');
        assert.equal(await at(), 0);
        await page.press('ArrowUp');
        assert.equal(await at(), 3);
        await page.press('Escape');
        assert.equal(await page.run(() => document.activeElement.matches('.dots[aria-expanded="false"]')), true);
        assert.equal(await page.run(focused), item);
        await page.press('ArrowDown');
        await page.press('Tab');
        assert.equal(await page.run(() => document.querySelector('.menu:not([hidden])')), null, 'leaving closes it');
    }],

    ['a rule from an item\'s menu leaves the keyboard at the item', async (visit) => {
        const {page} = visit;
        if ((await visit.get('/v1/placements')).status !== 200) skip('needs an engine with rules in its requests');
        await visit.tabTo('.rec:nth-child(3) .dots');
        const item = await page.run(focused);
        await page.press('Enter');
        await page.press('Enter');
        await page.until(() => document.querySelectorAll('.list-card').length === 2);
        assert.equal(await page.run(focused), item);
    }],
];
