/*
 * The users page: what is drawn is what the API counted, each switch asks its own question, and one refusal is one card's.
 */
import assert from 'node:assert/strict';
import {digits, skip} from './drive.mjs';
import {textOf, textsOf} from './probes.mjs';

/* The datasets of a chart by their labels, and its ticks. */
const chartOf = (id) => {
    const chart = window.Chart?.getChart(id);
    return chart && Object.fromEntries(chart.data.datasets.map(({label, data}) => [label, data]));
};

const isBusy = (id) => document.getElementById(id).getAttribute('aria-busy') === 'true';

/* A card's state, in place of its content; '' while there is content. */
const stateOf = ({page}, id) => page.run(textOf, `#${id} .state`);

async function settled({page}, ...ids) {
    for (const id of ids) await page.until((one) => document.getElementById(one).getAttribute('aria-busy') === 'false', [id]);
}

/* What the API says; an engine that does not count has nothing to compare with. */
async function said(visit, path) {
    const {status, body} = await visit.get(path);
    if (status === 404) skip('needs an engine that counts users');
    assert.equal(status, 200, path);
    return body;
}

const share = (text) => Number(text.replace(/[^\d.]/g, '')) / 100;

async function checkActivity(visit, period) {
    const {page} = visit;
    const {periods} = await said(visit, `/v1/analytics/activity?period=${period}`);
    await settled(visit, 'activity', 'lifecycle');
    if (!periods.some(({active}) => active > 0)) {
        assert.match(await stateOf(visit, 'activity'), /Nobody yet/);
        return;
    }
    const drawn = await page.until(chartOf, ['activity-chart']);
    assert.deepEqual(drawn['Seen before'].map((value, index) => value + drawn.New[index]), periods.map(({active}) => active));
    assert.deepEqual(drawn.New, periods.map((entry) => entry.new));
    const last = periods.filter(({complete}) => complete !== false).at(-1);
    const figures = await page.run(textsOf, '#activity-figures .value');
    assert.equal(digits(figures[0]), String(last.active));
    if (period !== 'day') return;
    assert.deepEqual(figures.slice(1, 3).map(digits), [String(last.active_7d), String(last.active_30d)]);
    if (last.stickiness !== null) assert.ok(Math.abs(share(figures[3]) - last.stickiness) < 0.00051, figures[3]);
}

async function checkLifecycle(visit, period) {
    const {page} = visit;
    const {periods, stages} = await said(visit, `/v1/analytics/lifecycle?period=${period}`);
    await settled(visit, 'lifecycle');
    if (!periods.some(({active}) => active > 0)) return;
    const drawn = await page.until(chartOf, ['lifecycle-chart']);
    for (const [label, name] of [['Stayed', 'returning'], ['New', 'new'], ['Came back', 'resurrected']]) assert.deepEqual(drawn[label], periods.map((entry) => entry[name]), name);
    assert.deepEqual(drawn['Went quiet'].map(Math.abs), periods.map(({dormant}) => dormant));
    assert.ok(drawn['Went quiet'].every((value) => value <= 0));
    assert.deepEqual((await page.run(textsOf, '#stages .value')).map(digits), Object.values(stages ?? {}).map(String));
}

async function checkRetention(visit, period, measure) {
    const {page} = visit;
    const {cohorts, mean} = await said(visit, `/v1/analytics/retention?period=${period}&periods=13&retention=${measure}`);
    await settled(visit, 'retention');
    const rows = await page.run(() => [...document.querySelectorAll('#retention tbody tr')].map((row) => [...row.cells].map((cell) => ({text: cell.innerText.trim(), isOpen: cell.classList.contains('open')}))));
    assert.equal(rows.length, cohorts.length);
    rows.forEach(([, users, ...cells], index) => {
        const {users: size, returned, complete_to: complete} = cohorts[index];
        assert.equal(digits(users.text), String(size));
        cells.forEach(({text, isOpen}, at) => {
            const back = returned[at + 1];
            if (back === null || size === 0) assert.ok(/^–?$/.test(text), text);
            else assert.ok(Math.abs(share(text) - back / size) < 0.00501, `${text}: ${back} of ${size}`);
            assert.equal(isOpen, back !== null && size > 0 && at + 1 > complete, `${index}, ${at + 1}`);
        });
    });
    const means = (await page.run(textsOf, '#retention tfoot td')).slice(1);
    means.forEach((text, at) => (mean[at + 1] === null ? assert.equal(text, '') : assert.ok(Math.abs(share(text) - mean[at + 1]) < 0.00501, text)));
}

export const counts = [
    ['activity and lifecycle draw what the API counts, by day, week and month', async (visit) => {
        const {page} = visit;
        await said(visit, '/v1/analytics/activity?period=day');
        await visit.fresh('#/users');
        for (const period of ['day', 'week', 'month']) {
            await page.click(`#user-periods input[value="${period}"]`);
            await checkActivity(visit, period);
            await checkLifecycle(visit, period);
        }
        assert.equal(await page.run(() => location.hash), '#/users?period=month');
    }],

    ['the retention triangle has the API\'s shares, marks what is not over, and follows its switches', async (visit) => {
        const {page} = visit;
        await said(visit, '/v1/analytics/retention?period=week');
        await visit.fresh('#/users?cohort=month');
        await settled(visit, 'retention');
        if (/Nobody/.test(await stateOf(visit, 'retention'))) return;
        await checkRetention(visit, 'month', 'n_day');
        await page.click('#measures input[value="unbounded"]');
        await checkRetention(visit, 'month', 'unbounded');
        await page.click('#cohorts input[value="week"]');
        await settled(visit, 'retention');
        if (!/Nobody/.test(await stateOf(visit, 'retention'))) await checkRetention(visit, 'week', 'unbounded');
        assert.equal(await page.run(() => location.hash), '#/users?retention=unbounded');
    }],

    ['the funnel has a row for each step with its users and shares', async (visit) => {
        const {page} = visit;
        const {steps, since} = await said(visit, '/v1/analytics/funnels');
        await visit.fresh('#/users');
        await settled(visit, 'funnel');
        if (steps[0].users === 0) {
            assert.match(await stateOf(visit, 'funnel'), /first step/);
            return;
        }
        const rows = await page.run(() => [...document.querySelectorAll('#funnel tbody tr')].map((row) => [...row.cells].map((cell) => cell.innerText.trim())));
        assert.equal(rows.length, steps.length);
        rows.forEach(([, , users, ofFirst, ofPrevious], index) => {
            assert.equal(digits(users), String(steps[index].users));
            assert.ok(Math.abs(share(ofFirst) - steps[index].of_first) < 0.00051, ofFirst);
            if (steps[index].of_previous !== null) assert.ok(Math.abs(share(ofPrevious) - steps[index].of_previous) < 0.00051, ofPrevious);
        });
        assert.ok((await page.run(textOf, '#funnel-note')).includes(since.slice(0, 4)));
    }],

    ['every card says of when and of how much its numbers are', async (visit) => {
        const {partitions} = await said(visit, '/v1/analytics/activity');
        await visit.drawn('users');
        const scopes = await visit.page.run(textsOf, '#users .scope');
        for (const scope of scopes.slice(0, 5)) {
            assert.match(scope, /as of/);
            assert.ok(scope.includes(`${partitions.counted} of ${partitions.of} partitions`), scope);
        }
    }],

    ['an engine that refuses one answer loses one card, and no connection', async (visit) => {
        const {page} = visit;
        for (const [status, words] of [[404, /does not answer/], [403, /right role/], [503, /no checkpoint/]]) {
            const allow = await visit.intercept('/v1/analytics/retention', status, {status, title: 'No', detail: 'there is no checkpoint to count yet'});
            await visit.fresh('#/users');
            await visit.drawn('users');
            assert.match(await stateOf(visit, 'retention'), words);
            for (const id of ['activity', 'lifecycle', 'audiences']) assert.equal(await page.run((one) => document.querySelector(`#${one} .content`).hidden, id), false, id);
            assert.equal(await page.run(() => document.querySelector('#notice').hidden), true);
            assert.equal(await page.run(textOf, '#live-text'), 'Live');
            await allow();
        }
        assert.equal(await page.run(isBusy, 'retention'), false);
    }],
];

export const audiences = [
    ['audiences are listed by kind with their users and shares', async (visit) => {
        const {page} = visit;
        const {audiences: all, known_users: known} = await said(visit, '/v1/audiences');
        await visit.fresh('#/users');
        await settled(visit, 'audiences');
        const groups = await page.run(() => [...document.querySelectorAll('#groups input')].map(({value}) => value));
        assert.deepEqual(groups, [...new Set(all.map(({name}) => name.split('.')[0]))]);
        for (const group of groups) {
            await page.click(`#groups input[value="${group}"]`);
            const rows = await page.run(() => [...document.querySelectorAll('#audience-table tbody tr')].map((row) => [row.dataset.name, row.cells[1].innerText, row.cells[2].innerText]));
            const expected = all.filter(({name}) => name.startsWith(`${group}.`));
            assert.deepEqual(rows.map(([name, users]) => [name, digits(users)]), expected.map(({name, users}) => [name, String(users)]));
            if (known > 0) rows.forEach(([, , text], index) => assert.ok(Math.abs(share(text) - expected[index].users / known) < 0.00051, text));
        }
    }],

    ['a click on an audience lists its members, more on demand, each the way to its recommendations', async (visit) => {
        const {page} = visit;
        const {audiences: all} = await said(visit, '/v1/audiences');
        const {name} = all.reduce((most, one) => (one.users > most.users ? one : most));
        const listed = async (limit) => {
            const {members} = await said(visit, `/v1/audiences/${encodeURIComponent(name)}/members?limit=${limit}`);
            await page.until((count) => document.querySelectorAll('#member-table tbody tr').length === count, [members.length]);
            assert.deepEqual(await page.run(textsOf, '#member-table tbody a'), members.map((member) => member.user_id));
            const rows = await page.run(textsOf, '#member-table tbody tr');
            members.forEach(({orders, spend}, index) => orders === undefined || assert.ok(digits(rows[index]).includes(digits(spend.toFixed(2))), rows[index]));
            return members;
        };
        await page.click(`#groups input[value="${name.split('.')[0]}"]`);
        await page.click(`[data-name="${name}"] .pick`);
        await listed(10);
        assert.ok((await page.run(() => location.hash)).includes(`audience=${name}`));
        assert.equal(await page.run(() => document.activeElement.getAttribute('aria-pressed')), 'true', 'the keyboard stays where it was');
        if (all.find((one) => one.name === name).users > 10) {
            await page.click('#member-table .secondary');
            await listed(35);
        }
        const [member] = await listed((await page.run(textsOf, '#member-table tbody a')).length);
        await page.click('#member-table tbody a');
        await page.until((user) => document.querySelector('.user-title')?.textContent.includes(user), [member.user_id]);
    }],

    ['an address brings its period, its cohorts and its audience', async (visit) => {
        const {page} = visit;
        const {audiences: all} = await said(visit, '/v1/audiences');
        const {name} = all.find(({users}) => users > 0);
        await visit.fresh(`#/users?period=week&cohort=month&retention=unbounded&audience=${encodeURIComponent(name)}`);
        await visit.drawn('users');
        const checked = await page.run(() => ['user-periods', 'cohorts', 'measures', 'groups'].map((id) => document.querySelector(`#${id} input:checked`).value));
        assert.deepEqual(checked, ['week', 'month', 'unbounded', name.split('.')[0]]);
        await page.until(() => document.querySelector('#member-table tbody tr'));
        assert.equal(await page.run((one) => document.querySelector(`[data-name="${one}"] .pick`).getAttribute('aria-pressed'), name), 'true');
    }],
];
