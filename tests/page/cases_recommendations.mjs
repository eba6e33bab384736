/*
 * Recommendations: the API's own list on the page, its pictures and pages, a visitor without a name.
 */
import assert from 'node:assert/strict';
import {plain, skip} from './drive.mjs';
import {textOf, textsOf} from './probes.mjs';

const HOSTILE = '<img src=x onerror=document.title="taken"><b>bold</b>';

const shownIds = () => [...document.querySelectorAll('#lists .list-card:last-child .rec')].map(({dataset}) => dataset.id);
const priceText = (price) => price.toFixed(2).replace(/\B(?=(\d{3})+(?=\.))/g, ',');

export const people = [
    ['a user typed in gets the API\'s items in their order, with price, source and reason', async (visit) => {
        const {page, user} = visit;
        await visit.fresh('#/recommendations');
        await visit.askFor(user);
        const {body} = await visit.get(`/v1/users/${encodeURIComponent(user)}/recommendations?n=10&explain=true`);
        const rows = await page.run(textsOf, '.rec');
        assert.ok(body.items.length > 0);
        assert.equal(rows.length, body.items.length);
        body.items.forEach((item, index) => {
            assert.ok(rows[index].includes(plain(item.title ?? item.id)), `${rows[index]} names ${item.title ?? item.id}`);
            if (item.price !== undefined) assert.ok(rows[index].includes(priceText(item.price)), `${rows[index]} costs ${item.price}`);
            if (item.reason?.text) assert.ok(rows[index].includes(plain(item.reason.text)), `${rows[index]} says ${item.reason.text}`);
        });
        assert.match(await page.run(() => location.hash), new RegExp(`user=${encodeURIComponent(user)}`));
    }],

    ['the profile panel shows what is known of the user', async (visit) => {
        const {page, user} = visit;
        const {status, body} = await visit.get(`/v1/users/${encodeURIComponent(user)}/profile`);
        assert.equal(status, 200);
        const text = await page.run(textOf, '#side-profile');
        for (const value of [body.features.events, body.features.rfm?.frequency].filter(Number.isFinite)) assert.ok(text.includes(value.toLocaleString('en')), text);
        // The newest of the history, by their titles where the catalogue has one.
        const newest = [...body.features.history].sort((a, b) => Date.parse(b.time) - Date.parse(a.time))[0];
        const {items} = (await visit.get(`/v1/items?q=${encodeURIComponent(newest.item)}&n=100`)).body;
        const title = items.find((item) => item.id === newest.item)?.title ?? newest.item;
        const atNewest = await page.run(textsOf, '#side-profile .recent .name');
        assert.equal(atNewest.length, Math.min(8, body.features.history.length));
        if (body.features.history.filter(({time}) => time === newest.time).length <= 8) assert.ok(atNewest.includes(plain(title)), text);
    }],

    ['"similar" opens the items the API calls similar, and closes again', async (visit) => {
        const {page, user} = visit;
        const {body} = await visit.get(`/v1/users/${encodeURIComponent(user)}/recommendations?n=10&explain=true`);
        const similar = await visit.get(`/v1/items/${encodeURIComponent(body.items[0].id)}/similar?n=6`);
        const expected = similar.status === 200 ? similar.body.items.length : 0;
        await page.click('.rec .more');
        await page.until((count) => document.querySelectorAll('.rec:first-child .similar li').length === count && !document.querySelector('.rec .similar').innerText.includes('Loading'), [expected]);
        for (const item of similar.body.items ?? []) assert.ok((await page.run(textOf, '.rec .similar')).includes(plain(item.title ?? item.id)));
        await page.click('.rec .more');
        assert.equal(await page.run(() => document.querySelector('.rec .similar').hidden), true);
    }],

    ['the next page goes on where the first ended, without a repeat, until there is none', async (visit) => {
        const {page, user} = visit;
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=20`);
        await page.until(() => document.querySelectorAll('.rec').length > 0);
        const first = await visit.list(user, {n: 20});
        if (!first.next) skip('needs an engine that gives a next token');
        const second = await visit.list(user, {n: 20, next: first.next});
        await page.click('#lists .further button');
        await page.until((count) => document.querySelectorAll('.rec').length === count, [first.items.length + second.items.length]);
        const ids = await page.run(shownIds);
        assert.deepEqual(ids, [...first.items, ...second.items].map(({id}) => id));
        assert.equal(new Set(ids).size, ids.length);
        assert.equal(await page.run(() => document.querySelector('#lists .further button') !== null), second.next !== undefined);
        assert.match(await page.run(textOf, '#list-said'), new RegExp(`${ids.length} items`));
    }],

    ['another number of items is asked for at once', async (visit) => {
        const {page, user} = visit;
        await visit.fresh(`#/recommendations?user=${encodeURIComponent(user)}&n=10`);
        await page.until(() => document.querySelectorAll('.rec').length > 0);
        await page.run(() => {
            const select = document.querySelector('#count');
            select.value = '5';
            select.dispatchEvent(new Event('change', {bubbles: true}));
        });
        const {items} = await visit.list(user, {n: 5});
        await page.until((ids) => JSON.stringify([...document.querySelectorAll('.rec')].map(({dataset}) => dataset.id)) === JSON.stringify(ids), [items.map(({id}) => id)]);
        assert.match(await page.run(() => location.hash), /n=5/);
    }],

    ['an example is one click away, and what was asked is remembered as recent', async (visit) => {
        const {page} = visit;
        const {alerts} = (await visit.get('/v1/churn/alerts?limit=1')).body;
        if (alerts.length === 0 && (await visit.get('/v1/users/17850/profile')).status === 404) skip('needs an engine with alerts, or with the demo\'s customers');
        await visit.fresh('#/recommendations');
        const example = await page.until(() => document.querySelector('#examples .chip')?.textContent);
        await page.click('#examples .chip');
        await page.until((name) => document.querySelector('.user-title')?.textContent.includes(name) && document.querySelector('#user').value === name, [example]);
        await visit.askFor('somebody else');
        const chips = await page.run(textsOf, '#examples .chip');
        assert.deepEqual(chips.slice(0, 2), ['somebody else', plain(example)]);
        assert.match(await page.run(textOf, '#examples'), /^Recent /);
    }],

    ['a user id that is HTML is shown as text', async (visit) => {
        const {page} = visit;
        await visit.fresh('#/recommendations');
        await visit.askFor(HOSTILE);
        assert.ok((await page.run(() => document.querySelector('.user-title').textContent)).includes(HOSTILE));
        await visit.show(`#/recommendations?user=${encodeURIComponent(`${HOSTILE}2`)}`);
        await page.until((name) => document.querySelector('.user-title')?.textContent.includes(name), [`${HOSTILE}2`]);
        assert.equal(await page.run(() => document.querySelectorAll('b, img[src="x"], :not(.picture) > img').length), 0);
        assert.match(await page.run(() => document.title), /Millrace/);
    }],

    ['pictures come from here or over TLS, tell nobody where they are shown, and a lost one leaves a letter', async (visit) => {
        const {page, fake} = visit;
        if (!fake) skip('needs the small engine, whose catalogue has pictures');
        await visit.fresh('#/recommendations?user=pictures&n=50');
        await page.until(() => document.querySelectorAll('.rec').length > 30);
        await page.run(() => {
            for (const image of document.querySelectorAll('.picture img')) image.loading = 'eager';
        });
        await page.until(() => [...document.querySelectorAll('.picture img')].every((image) => image.complete && image.naturalWidth > 0) && document.querySelectorAll('.picture img').length > 10);
        const without = await page.run(() => ['84879', '22197'].map((id) => document.querySelector(`.rec[data-id="${id}"] .picture`).innerHTML));
        assert.deepEqual(without, ['A', 'S'], 'the one without TLS and the one that is gone');
        assert.ok(fake.referrers.length > 0 && fake.referrers.every((referrer) => referrer === ''), fake.referrers.join());
    }],
];

export const visits = [
    ['a visit is made of items found by their titles, and the list is the API\'s for it', async (visit) => {
        const {page} = visit;
        const {items} = (await visit.get('/v1/trending?kind=popular&n=20')).body;
        const wanted = items.filter(({title}) => title && !/[<>]/.test(title)).slice(0, 2);
        await visit.fresh('#/recommendations');
        await page.click('#who input[value="visit"]');
        await page.until(() => document.querySelector('#lists .empty')?.innerText.includes('What has the visitor looked at?'));
        for (const {title, id} of wanted) {
            await visit.fill('#visit-picker input', title.trim());
            const at = await page.until((name) => {
                const found = [...document.querySelectorAll('#visit-picker [role="option"]')].findIndex((option) => option.querySelector('.code')?.textContent === name);
                return found < 0 ? null : found + 1;
            }, [id]);
            await page.click(`#visit-picker [role="option"]:nth-child(${at})`);
            await page.until((name) => JSON.parse(new URLSearchParams(location.hash.split('?')[1]).get('visit'))?.[0] === name, [id]);
        }
        const newestFirst = wanted.map(({id}) => id).reverse();
        const answer = await visit.list(undefined, {n: 10, items: newestFirst});
        await page.until((ids) => JSON.stringify([...document.querySelectorAll('.rec')].map(({dataset}) => dataset.id)) === JSON.stringify(ids), [answer.items.map(({id}) => id)]);
        assert.deepEqual(await page.run(textsOf, '#visit-items .name'), wanted.map(({title}) => plain(title)).reverse());
        assert.equal(await page.run(() => document.querySelector('#sides input[value="profile"]')), null, 'a visitor has no profile');
        await page.click('#sides input[value="request"]');
        assert.match(await page.run(textOf, '#side-request .path'), /^POST \/v1\/sessions\/recommendations$/);
    }],

    ['an item is taken out again, the address keeps the rest, and an id nobody knows can be used', async (visit) => {
        const {page} = visit;
        const before = await page.run(textsOf, '#visit-items .name');
        await page.click('#visit-items .remove');
        await page.until((count) => document.querySelectorAll('#visit-items li').length === count, [before.length - 1]);
        await visit.fill('#visit-picker input', 'no-such-item');
        await page.until(() => document.querySelector('#visit-picker [role="option"]')?.textContent.includes('Use the id “no-such-item”'));
        await page.press('Enter');
        await page.until(() => document.querySelector('#visit-items .name')?.textContent === 'no-such-item');
        await page.run(() => document.activeElement.blur());
        const hash = await page.run(() => location.hash);
        await visit.open(hash);
        await page.until(() => document.querySelectorAll('.rec').length > 0);
        assert.deepEqual(await page.run(textsOf, '#visit-items .name'), ['no-such-item', ...before.slice(1)]);
    }],

    ['an address that somebody wrote by hand breaks nothing', async (visit) => {
        const {page, user} = visit;
        for (const bad of ['visit=%5B', 'visit=%7B%7D', 'visit=%5B1%2Cnull%5D', `user=${encodeURIComponent(user)}&rules=nonsense`, `user=${encodeURIComponent(user)}&rules=%5B1%5D`,
            `user=${encodeURIComponent(user)}&n=7&rules=${encodeURIComponent('{"rules":{"pin":[null,1,{"item":3}],"boost":{"by":1}},"price":7,"category":{"a":1},"diversity":"x"}')}`]) {
            await visit.open(`#/recommendations?${bad}`);
            await page.until(() => document.querySelector('#lists .rec, #lists .empty-title'));
            assert.doesNotMatch(await page.run(() => document.body.innerText), /NaN|undefined|null|\[object/, bad);
        }
    }],
];
