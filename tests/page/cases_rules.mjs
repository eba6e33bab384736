/*
 * Rules: what the panel says becomes the request, what the engine answers stands beside the list before, and every
 * item that moved is marked.  The marks are computed here once more, from two answers of the API.
 */
import assert from 'node:assert/strict';
import {skip} from './drive.mjs';
import {textOf} from './probes.mjs';

const N = 10;

const columns = () => [...document.querySelectorAll('#lists .list-card')].map((card) => [...card.querySelectorAll('.rec')].map((row) => ({
    id: row.dataset.id, mark: row.querySelector('.shift')?.innerText.replace(/\s+/g, ' ').trim() ?? '', spoken: row.querySelector('.shift .unseen')?.textContent ?? '',
})));

const bodyShown = () => JSON.parse(document.querySelector('#side-request [data-copy="body"]').closest('.request-block').querySelector('code').textContent);

const isSettled = (ids) => document.querySelector('#lists.two') !== null && !document.querySelector('#lists').hasAttribute('aria-busy')
    && JSON.stringify([...document.querySelectorAll('#lists.two .list-card:last-child .rec')].map(({dataset}) => dataset.id)) === JSON.stringify(ids);

async function openRules(visit, user = visit.user) {
    await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=${N}`);
    await visit.page.until(() => document.querySelector('.rec'));
    await visit.page.click('#sides input[value="rules"]');
}

/* The page shows what the API answers to these members, beside what it answers without them. */
async function expectEffect(visit, user, members) {
    const [before, after] = await Promise.all([visit.list(user, {n: N}), visit.list(user, {n: N, ...members})]);
    const ids = (list) => list.items.map(({id}) => id);
    await visit.page.until(isSettled, [ids(after)]);
    const [left, right] = await visit.page.run(columns);
    assert.deepEqual(left.map(({id}) => id), ids(before));
    left.forEach(({id, spoken}) => {
        const [was, is] = [ids(before).indexOf(id) + 1, ids(after).indexOf(id) + 1];
        assert.equal(spoken, is === 0 ? 'gone with the rules' : is === was ? '' : `goes to place ${is}`, id);
    });
    right.forEach(({id, mark, spoken}, index) => {
        const was = ids(before).indexOf(id) + 1;
        const expected = was === 0 ? ['+ new', 'new in this list'] : was === index + 1 ? ['= same', 'same place']
            : was > index + 1 ? [`▲ ${was - index - 1}`, `up from place ${was}`] : [`▼ ${index + 1 - was}`, `down from place ${was}`];
        assert.ok(mark.startsWith(expected[0]), `${id}: ${mark}`);
        assert.equal(spoken, expected[1], id);
    });
    const moved = ids(after).filter((id, index) => ids(before).includes(id) && ids(before).indexOf(id) !== index).length;
    const entered = ids(after).filter((id) => !ids(before).includes(id)).length;
    const gone = ids(before).filter((id) => !ids(after).includes(id)).length;
    const said = moved + entered + gone === 0 ? 'The rules change nothing here' : `${moved} moved · ${entered} new · ${gone} gone`;
    assert.equal(await visit.page.run(textOf, '#effect'), said);
    return {before, after};
}

async function needsRules(visit) {
    if ((await visit.get('/v1/placements')).status !== 200) skip('needs an engine with rules in its requests');
}

export const panel = [
    ['filters, stock and diversity become the request, and its list stands beside the one before', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        await openRules(visit);
        assert.match(await page.run(textOf, '#effect'), /Set a rule/);
        const {items} = await visit.list(user, {n: N});
        const prices = items.map(({price}) => price).filter(Number.isFinite).sort((a, b) => a - b);
        const max = prices[Math.floor(prices.length / 2)];
        await visit.fill('#rule-price_max', String(max));
        await expectEffect(visit, user, {price: {max}});
        const category = items.find((item) => item.category && !/[<>,]/.test(item.category))?.category;
        if (category) {
            await visit.fill('#rule-category', category);
            await expectEffect(visit, user, {category: [category], price: {max}});
            await visit.fill('#rule-category', ' ');
        }
        await page.click('#rule-in_stock');
        await visit.fill('#rule-price_max', '1000');
        await expectEffect(visit, user, {price: {max: 1000}, in_stock: true});
        await page.click('#rule-in_stock');
        await page.run(() => document.querySelector('#rule-diversity').focus());
        for (let step = 0; step < 10; step++) await page.press('ArrowRight');
        assert.equal(await page.run(textOf, '.slider-head output'), '0.5');
        await expectEffect(visit, user, {price: {max: 1000}, diversity: 0.5});
    }],

    ['the request is shown as it was sent, as JSON and for the shell, and can be copied', async (visit) => {
        await needsRules(visit);
        const {page, base, user} = visit;
        await page.click('#sides input[value="request"]');
        assert.deepEqual(await page.run(bodyShown), {n: N, explain: true, price: {max: 1000}, diversity: 0.5});
        const curl = await page.run(() => document.querySelector('#side-request [data-copy="curl"]').closest('.request-block').querySelector('code').textContent);
        assert.equal(curl, `curl -s '${base}/v1/users/${encodeURIComponent(user)}/recommendations' -H 'Content-Type: application/json' -d '{"n":${N},"explain":true,"price":{"max":1000},"diversity":0.5}'`);
        await page.run(() => {
            navigator.clipboard.writeText = async (text) => {
                if (window.taken) throw new Error('not allowed');
                window.taken = text;
            };
        });
        await page.click('#side-request [data-copy="curl"]');
        await page.until(() => document.querySelector('#side-request').innerText.includes('Copied'));
        assert.equal(await page.run(() => window.taken), curl);
        await page.click('#side-request [data-copy="curl"]'); // this time the clipboard is refused
        await page.until(() => document.querySelector('#side-request').innerText.includes('Selected'));
        assert.equal(await page.run(() => getSelection().toString()), curl);
    }],

    ['a user with a quote in the name stays one word for the shell', async (visit) => {
        const {page} = visit;
        await visit.fresh(`#/recommendations?user=${encodeURIComponent("o'neil; rm *")}&n=5`);
        await page.until(() => document.querySelector('.rec'));
        await page.click('#sides input[value="request"]');
        const curl = await page.run(() => document.querySelector('#side-request [data-copy="curl"]').closest('.request-block').querySelector('code').textContent);
        assert.equal(curl, `curl -s '${visit.base}/v1/users/o'\\''neil%3B%20rm%20*/recommendations?n=5&explain=true'`);
    }],

    ['pin, boost, bury, exclude and cap are set on the panel and taken away again', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        await openRules(visit);
        const {items} = await visit.list(user, {n: N});
        const named = items.filter(({title}) => title && !/[<>]/.test(title));
        const [last, second, third] = [named.at(-1), named[1], named[2]];
        const choose = async (kind, {id, title}) => {
            await page.click(`#rule-add [data-kind="${kind}"]`);
            await page.until(() => document.activeElement.closest('.rule'));
            await page.type(title.trim());
            const at = await page.until((name) => [...document.querySelectorAll('.rule [role="option"]')].findIndex((option) => option.querySelector('.code')?.textContent === name) + 1, [id]);
            for (let step = 1; step < at; step++) await page.press('ArrowDown');
            await page.press('Enter');
        };
        await choose('pin', last);
        const rules = {pin: [{item: last.id, position: 1}]};
        const {after} = await expectEffect(visit, user, {rules});
        assert.equal(after.items[0].id, last.id);
        assert.match(await page.run(textOf, '.list-card:last-child .rec .tag'), /Pinned/);
        await choose('boost', second);
        rules.boost = [{where: {items: [second.id]}, by: 2}];
        await expectEffect(visit, user, {rules});
        await choose('bury', third);
        rules.bury = [{where: {items: [third.id]}, by: 0.5}];
        await expectEffect(visit, user, {rules});
        await choose('exclude', items[0].id === last.id ? second : named[0]);
        const exclude = [items[0].id === last.id ? second.id : named[0].id];
        await expectEffect(visit, user, {rules, exclude});
        await page.click('#rule-add [data-kind="cap"]');
        rules.cap = [{by: 'category', most: 2}];
        await expectEffect(visit, user, {rules, exclude});
        assert.equal(await page.run(textOf, '#sides label:nth-of-type(2)'), 'Rules · 5');
        await page.click('.rule:first-child .remove');
        delete rules.pin;
        await expectEffect(visit, user, {rules, exclude});
        assert.ok(await page.run(() => document.activeElement.matches('.rule .remove')), 'the focus stays with the rules');
        await page.click('#rule-clear');
        await page.until(() => document.querySelectorAll('.list-card').length === 1 && document.querySelectorAll('.rule').length === 0);
        assert.doesNotMatch(await page.run(() => location.hash), /rules=/);
    }],

    ['an item\'s own menu makes a rule of it', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        const {items} = await visit.list(user, {n: N});
        await openRules(visit);
        await page.click('.rec:nth-child(3) .dots');
        await page.click('.rec:nth-child(3) [role="menuitem"]:nth-child(4)');
        await expectEffect(visit, user, {exclude: [items[2].id]});
        await page.click('.list-card:last-child .rec:nth-child(5) .dots');
        await page.click('.list-card:last-child .rec:nth-child(5) [role="menuitem"]:first-child');
        const pinned = items.filter((_, index) => index !== 2)[4];
        await expectEffect(visit, user, {exclude: [items[2].id], rules: {pin: [{item: pinned.id, position: 5}]}});
    }],

    ['an address with rules opens the same panel, and the same list', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        const members = {price: {min: 0.5, max: 100}, exclude: ['A'], rules: {boost: [{where: {category: 'Bags'}, by: 3}], bury: [{where: {brand: 'Hearth'}, by: 0}], cap: [{by: 'brand', most: 3}]}, diversity: 0.2};
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=${N}&rules=${encodeURIComponent(JSON.stringify(members))}`);
        await expectEffect(visit, user, members);
        assert.equal(await page.run(() => document.querySelector('#rule-price_min').value), '0.5');
        assert.deepEqual(await page.run(() => [...document.querySelectorAll('.rule .subject')].map(({value}) => value)), ['Bags', 'Hearth']);
        await page.click('#sides input[value="request"]');
        assert.deepEqual(await page.run(bodyShown), {n: N, explain: true, ...members});
    }],

    ['both lists go on to their next pages together', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        const members = {exclude: [(await visit.list(user, {n: N})).items[0].id]};
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=${N}&rules=${encodeURIComponent(JSON.stringify(members))}`);
        await expectEffect(visit, user, members);
        const pages = async (extra) => {
            const first = await visit.list(user, {n: N, ...extra});
            const second = await visit.list(user, {n: N, ...extra, next: first.next});
            return [...first.items, ...second.items].map(({id}) => id);
        };
        await page.click('.list-card:last-child .further button');
        await page.until(isSettled, [await pages(members)]);
        assert.deepEqual((await page.run(columns))[0].map(({id}) => id), await pages({}));
    }],
];

export const edges = [
    ['a placement is chosen by name and says what it does by itself', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        await openRules(visit);
        const {placements} = (await visit.get('/v1/placements')).body;
        assert.deepEqual(await page.run(() => [...document.querySelectorAll('#rule-placement option')].map(({value}) => value)), ['', ...placements.map(({name}) => name)]);
        const last = placements.at(-1);
        await page.run((name) => {
            const select = document.querySelector('#rule-placement');
            select.value = name;
            select.dispatchEvent(new Event('change', {bubbles: true}));
        }, last.name);
        await expectEffect(visit, user, {placement: last.name});
        assert.match(await page.run(textOf, '#rule-placement-note'), new RegExp(`${last.n} items`));
    }],

    ['an engine without the route of placements has no choice of them', async (visit) => {
        const {page, fake} = visit;
        if (!fake) skip('needs the small engine, which can do without');
        fake.has_placements = false;
        await openRules(visit);
        assert.equal(await page.run(() => document.querySelector('#rule-placement-field').hidden), true);
        fake.has_placements = true;
    }],

    ['what the engine refuses is said in its words, at the rule that is wrong', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        const members = {rules: {boost: [{where: {category: 'Bags'}, by: 2}, {where: {category: 'Party'}, by: 0.2}]}};
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=${N}&rules=${encodeURIComponent(JSON.stringify(members))}`);
        const refusal = (await visit.request(`/v1/users/${encodeURIComponent(user)}/recommendations`, {n: N, explain: true, ...members})).body;
        assert.match(refusal.errors[0].field, /^rules\.boost\[1\]/);
        await page.until((words) => document.querySelector('#effect.bad')?.textContent === words, [refusal.detail]);
        assert.deepEqual(await page.run(() => [...document.querySelectorAll('.rule')].map((row) => !row.querySelector('.wrong').hidden)), [false, true]);
        assert.equal(await page.run(textOf, '.rule:last-child .wrong'), refusal.errors[0].message);
        assert.equal(await page.run(() => document.querySelectorAll('.rule:last-child [aria-invalid="true"]').length > 0), true);
        await visit.fill('.rule:last-child .amount', '4');
        await expectEffect(visit, user, {rules: {boost: [members.rules.boost[0], {where: {category: 'Party'}, by: 4}]}});
        assert.equal(await page.run(() => document.querySelectorAll('[aria-invalid], .wrong:not([hidden])').length), 0);
    }],

    ['the last of many quick changes is the one that is shown', async (visit) => {
        await needsRules(visit);
        const {page, user} = visit;
        await openRules(visit);
        for (const max of ['9', '5', '3', '2.5']) await visit.fill('#rule-price_max', max);
        await expectEffect(visit, user, {price: {max: 2.5}});
        await visit.fill('#rule-price_max', '0');
        await page.until(() => document.querySelector('.list-card:last-child .empty')?.innerText.includes('Nothing to recommend'));
    }],

    ['rules hold for a visit, too', async (visit) => {
        await needsRules(visit);
        const item = (await visit.get('/v1/trending?kind=popular&n=1')).body.items[0].id;
        await visit.fresh(`#/recommendations?visit=${encodeURIComponent(JSON.stringify([item]))}&n=${N}`);
        await visit.page.until(() => document.querySelector('.rec'));
        await visit.fill('#rule-price_max', '4');
        const [before, after] = await Promise.all([visit.list(undefined, {n: N, items: [item]}), visit.list(undefined, {n: N, items: [item], price: {max: 4}})]);
        await visit.page.until(isSettled, [after.items.map(({id}) => id)]);
        assert.deepEqual((await visit.page.run(columns))[0].map(({id}) => id), before.items.map(({id}) => id));
    }],
];
