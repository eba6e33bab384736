/*
 * Recommendations: ask for anybody or for a visit, see each item with its reason, and try rules on the list.
 *
 * There are two lists: the plain one, and, while there are rules, the one with them beside it.  A change of a rule
 * asks for the second one only, so that the first stands still to be compared with.  The address holds the whole
 * question: who, how many, and the rules as the members of the request.
 */
import {ApiError, api, get} from './api.js';
import {compare} from './compare.js';
import {byId, el, emptyState, fillSegments, setText} from './dom.js';
import {count as counted} from './format.js';
import {becauseOf, listCard} from './lists.js';
import {ItemPicker} from './picker.js';
import {DONE, Poller} from './poll.js';
import {drawProfile, recentItems} from './profile.js';
import {requestPanel} from './request_panel.js';
import {body as rulesBody, count as rulesCount, noRules, rulesOf} from './rules.js';
import {addFor, finishPanel, learnNames, learnPlacements, rulesPanel, showErrors, showTitles} from './rules_panel.js';
import {t} from './text.js';
import {learn, remember, titleOf} from './titles.js';

const EXAMPLES_MAX = 6;
const RECENT_MAX = 4;
const VISIT_MAX = 50; /* items of a visit, as the API allows */
const RULES_DELAY_MS = 300; /* after the last key */
const RECENT_KEY = 'millrace.recent';

const asked = {who: 'customer', user: undefined, items: [], n: '10'};
const rules = noRules();
let plain = null; /* a list: {items, first, next, pending, problem, error} */
let ruled = null; /* likewise, null without rules */
let profile = null;
let examples = [];
let exampleItems = [];
let side = 'profile';
let ruledAbort = null;
let ruledTimer = null;
let visitPicker = null;

/* Customers of the demonstration shop: offered while there are no alerts, if this engine knows them. */
const DEMO_USERS = ['17850', '13047', '12583', '14688'];

/* Only "cannot be reached" is worth a notice here: the page does its work without examples. */
function unlessReached(nothing) {
    return (error) => {
        if (error.status > 0) return nothing;
        throw error;
    };
}

async function demoUsers(signal) {
    const profiles = await Promise.all(DEMO_USERS.map((user) => api.profile(user, {signal}).catch(unlessReached(null))));
    return DEMO_USERS.filter((_, index) => profiles[index] !== null);
}

/* Users worth a look: the alerts name some.  Items for a visit: what is popular. */
const examplePoller = new Poller(3000, async (signal) => {
    const [answered, popular] = await Promise.all([
        api.alerts({limit: 50}, {signal}).catch(unlessReached(null)),
        api.trending('popular', EXAMPLES_MAX, {signal}).catch(unlessReached(null)),
        learnPlacements(signal),
    ]);
    const users = new Set((get(answered, 'alerts') ?? []).map((alert) => get(alert, 'user_id')));
    examples = users.size > 0 ? [...users].slice(0, EXAMPLES_MAX) : await demoUsers(signal);
    exampleItems = (get(popular, 'items') ?? []).filter((item) => typeof get(item, 'id') === 'string');
    remember(exampleItems);
    drawExamples();
    return DONE;
});

/* Asked for in this tab; it is forgotten with it. */
function recentUsers() {
    try {
        const kept = JSON.parse(sessionStorage.getItem(RECENT_KEY) ?? '[]');
        return Array.isArray(kept) ? kept.filter((user) => typeof user === 'string').slice(0, RECENT_MAX) : [];
    } catch {
        return []; // storage may be forbidden, or hold something else
    }
}

function keepRecent(user) {
    try {
        sessionStorage.setItem(RECENT_KEY, JSON.stringify([user, ...recentUsers().filter((other) => other !== user)].slice(0, RECENT_MAX)));
    } catch {
        // then there are none
    }
}

export const address = (user, n) => `#/recommendations?${new URLSearchParams(n ? {user, n} : {user})}`;

/* The question as an address. */
function ownAddress() {
    const parameters = new URLSearchParams();
    if (asked.who === 'visit') parameters.set('visit', JSON.stringify(asked.items));
    else if (asked.user !== undefined) parameters.set('user', asked.user);
    parameters.set('n', asked.n);
    const members = rulesBody(rules);
    if (Object.keys(members).length > 0) parameters.set('rules', JSON.stringify(members));
    return `#/recommendations?${parameters}`;
}

/* The user of a request; undefined is what the API means by a visit. */
const userAsked = () => (asked.who === 'visit' ? undefined : asked.user);

const isAsked = () => (asked.who === 'visit' ? asked.items.length > 0 : asked.user !== undefined);

const plainBody = () => ({n: Number(asked.n), explain: true, ...(asked.who === 'visit' && {items: asked.items})});

const ruledBody = () => ({...plainBody(), ...rulesBody(rules)});

const hasRules = () => Object.keys(rulesBody(rules)).length > 0;

/* --- Asking --- */

function listOf(answer) {
    const items = (get(answer, 'items') ?? []).filter((item) => item !== null && typeof item === 'object');
    remember(items);
    learnNames(items);
    return {items, first: answer, next: get(answer, 'next')};
}

/* A refusal is a list too, one that says why. */
function refused(error) {
    const denied = error.status === 401 || error.status === 403;
    const words = denied ? t('problem.denied') : error.status === 0 ? t('notice.unreachable') : error.message;
    return {items: [], first: null, error: words, errors: get(error.problem, 'errors') ?? [], status: error.status};
}

async function askRuled(signal) {
    if (!hasRules()) return null;
    return listOf(await api.list(userAsked(), ruledBody(), {signal}));
}

/* The titles of what the page names by id only: reasons, the profile's items, the visit's, and those of rules. */
async function withTitles(signal) {
    const listed = [...(plain?.items ?? []), ...(ruled?.items ?? [])];
    const named = rules.list.filter(({by, what}) => by === 'item' && what !== '').map(({what}) => what);
    await learn([...becauseOf(listed), ...recentItems(profile).map((touch) => get(touch, 'item')), ...asked.items, ...named], signal);
    if (signal?.aborted) return;
    drawVisit();
    showTitles();
}

/* While the engine cannot be reached the question is asked again; any other answer ends it. */
const asker = new Poller(2000, async (signal) => {
    try {
        const user = userAsked();
        const [list, besides, known] = await Promise.all([
            api.list(user, plainBody(), {signal}),
            askRuled(signal).catch((error) => (error instanceof ApiError && error.status > 0 ? refused(error) : Promise.reject(error))),
            // The list is worth showing without the profile: a role may see the one and not the other.
            user === undefined ? null : api.profile(user, {signal}).catch((error) => ({error})),
        ]);
        plain = listOf(list);
        ruled = besides;
        profile = known;
        await withTitles(signal);
    } catch (error) {
        if (signal.aborted || !(error instanceof ApiError)) throw error;
        plain = refused(error);
        ruled = null;
        if (error.passing) {
            draw();
            throw error;
        }
    }
    if (!signal.aborted) draw();
    return DONE;
});

function ask() {
    plain = null;
    ruled = null;
    profile = null;
    clearTimeout(ruledTimer);
    ruledAbort?.abort();
    byId('lists').removeAttribute('aria-busy');
    draw();
    if (isAsked()) asker.start();
    else asker.stop();
}

/* The rules changed: the plain list stays. */
function askAgain() {
    clearTimeout(ruledTimer);
    ruledAbort?.abort();
    drawSwitch();
    ruledTimer = setTimeout(async () => {
        if (location.hash.startsWith('#/recommendations')) history.replaceState(null, '', ownAddress());
        if (!isAsked() || !plain || plain.error) return;
        ruledAbort = new AbortController();
        const {signal} = ruledAbort;
        byId('lists').setAttribute('aria-busy', 'true');
        let answered;
        try {
            answered = await askRuled(signal);
        } catch (error) {
            if (signal.aborted) return; // a later change has taken over
            if (!(error instanceof ApiError)) throw error;
            answered = refused(error);
        }
        if (signal.aborted) return;
        ruled = answered;
        await withTitles(signal);
        if (signal.aborted) return;
        byId('lists').removeAttribute('aria-busy');
        draw();
    }, RULES_DELAY_MS);
}

/* The next page of both lists, each by its own token. */
async function more() {
    const open = [[plain, plainBody()], [ruled, ruledBody()]].filter(([list]) => list?.next);
    const [first] = open[0];
    const at = first.items.length;
    for (const [list] of open) list.pending = true;
    draw();
    await Promise.all(open.map(async ([list, body]) => {
        try {
            const page = listOf(await api.list(userAsked(), {...body, next: list.next}));
            list.items.push(...page.items);
            list.next = page.next;
            list.problem = null;
        } catch (error) {
            if (!(error instanceof ApiError)) throw error;
            list.problem = error.status === 0 ? t('notice.unreachable') : error.message;
        }
        list.pending = false;
    }));
    await withTitles();
    draw();
    setText(byId('list-said'), t('recommendations.said', {n: counted(first.items.length)}));
    // The keyboard goes on where the new items begin, when it is still where the old ones ended.
    if (document.activeElement === document.body) byId('lists').querySelectorAll('.list-card:last-child .rec')[at]?.querySelector('button')?.focus({preventScroll: true});
}

/* --- Drawing --- */

function title() {
    return asked.who === 'visit' ? t('recommendations.for_visit') : t('recommendations.for', {user: asked.user});
}

function effectText({moved, entered, left}) {
    return moved + entered + left === 0 ? t('compare.nothing') : t('compare.summary', {moved: counted(moved), entered: counted(entered), left: counted(left)});
}

/* An item's menu: the rule it asks for appears on the panel. */
function act(kind, item, position) {
    show('rules');
    addFor(kind, item.id, position);
}

function cards() {
    const options = {act, more, is_visit: asked.who === 'visit'};
    if (!ruled) return [listCard(plain, {...options, title: title()})];
    const marks = ruled.error ? null : compare(plain.items, ruled.items);
    return [
        listCard(plain, {...options, act: null, title: t('compare.before'), isBefore: true, is_narrow: true, marks: marks?.before}),
        listCard(ruled, {...options, title: t('compare.after'), is_narrow: true, marks: marks?.after, effect: marks && effectText(marks)}),
    ];
}

function drawLists() {
    const place = byId('lists');
    const alone = (...state) => place.replaceChildren(el('div', {class: 'card'}, emptyState(...state)));
    const visit = asked.who === 'visit';
    place.classList.toggle('two', Boolean(plain && !plain.error && ruled));
    byId('answer').classList.toggle('compared', place.classList.contains('two'));
    if (!isAsked()) alone(t(visit ? 'recommendations.start_visit' : 'recommendations.start'), t(visit ? 'recommendations.start_visit_text' : 'recommendations.start_text'));
    else if (!plain) alone(t('loading'), null);
    else if (plain.error) alone(plain.status === 0 ? plain.error : t('problem.title'), plain.status === 0 ? null : plain.error, 'bad');
    else place.replaceChildren(...cards());
}

function drawEffect() {
    const place = byId('effect');
    if (!place) return;
    const both = plain && !plain.error && ruled;
    setText(place, !hasRules() ? t('rules.none') : !both ? '' : ruled.error ? ruled.error : effectText(compare(plain.items, ruled.items)));
    place.classList.toggle('bad', Boolean(both && ruled.error));
    showErrors(ruled?.errors ?? []);
}

/* The panel beside the lists.  Each part stays where it is while another one is shown. */
function drawSwitch() {
    const parts = asked.who === 'visit' ? ['rules', 'request'] : ['profile', 'rules', 'request'];
    const chosen = parts.includes(side) ? side : 'rules';
    const n = rulesCount(rules);
    const focused = document.activeElement?.name === 'side';
    fillSegments(byId('sides'), 'side', parts.map((value) => ({value, text: value === 'rules' && n > 0 ? t('side.rules_n', {n}) : t(`side.${value}`)})), chosen, show);
    if (focused) byId('sides').querySelector('input:checked').focus();
    for (const part of ['profile', 'rules', 'request']) byId(`side-${part}`).hidden = part !== chosen;
}

function show(part) {
    side = part;
    drawSwitch();
}

function drawSide() {
    const open = isAsked() && plain && !plain.error;
    byId('side').hidden = !open;
    byId('answer').classList.toggle('alone', !open);
    if (!open) return;
    drawSwitch();
    byId('side-profile').replaceChildren(...(profile ? [drawProfile(profile)] : []));
    byId('side-request').replaceChildren(requestPanel(userAsked(), hasRules() ? ruledBody() : plainBody()));
    if (!byId('rules')) buildRules();
    drawEffect();
}

function buildRules() {
    byId('side-rules').replaceChildren(rulesPanel(rules, askAgain));
    finishPanel();
}

/* The lists are made anew; the keyboard's place in them is found again by its item. */
function draw() {
    const focused = document.activeElement?.closest?.('#lists .rec')?.dataset.id;
    const wasInPages = document.activeElement?.matches?.('#lists .further button');
    drawLists();
    drawSide();
    if (wasInPages) byId('lists').querySelector('.list-card:last-child .further button')?.focus({preventScroll: true});
    if (focused === undefined) return;
    const row = [...byId('lists').querySelectorAll('.list-card:last-child .rec')].find(({dataset}) => dataset.id === focused);
    (row?.querySelector('.dots') ?? byId('lists').querySelector('.list-card:last-child .user-title'))?.focus({preventScroll: true});
}

function chips(label, users) {
    return users.length === 0 ? [] : [el('span', {class: 'quiet'}, label), ...users.map((user) => el('a', {class: 'chip', href: address(user, asked.n)}, user))];
}

function drawExamples() {
    const place = byId('examples');
    if (asked.who === 'visit') {
        const offered = exampleItems.filter(({id}) => !asked.items.includes(id));
        place.replaceChildren(...(offered.length === 0 ? [] : [el('span', {class: 'quiet'}, t('recommendations.examples')),
            ...offered.map((item) => el('button', {type: 'button', class: 'chip item', onclick: () => addToVisit(item.id)}, titleOf(item)))]));
        return;
    }
    const recent = recentUsers();
    place.replaceChildren(...chips(t('recommendations.recent'), recent), ...chips(t('recommendations.examples'), examples.filter((user) => !recent.includes(user))));
}

/* --- Who --- */

function setVisit(items) {
    asked.items = items.slice(0, VISIT_MAX);
    history.replaceState(null, '', ownAddress());
    drawVisit();
    drawExamples();
    ask();
}

const addToVisit = (id) => id !== '' && setVisit([id, ...asked.items.filter((other) => other !== id)]);

function removeFromVisit(index) {
    setVisit(asked.items.filter((_, at) => at !== index));
    (byId('visit').querySelectorAll('.remove')[Math.min(index, asked.items.length - 1)] ?? visitPicker.input).focus();
}

function drawVisit() {
    const list = byId('visit-items');
    list.hidden = asked.items.length === 0;
    list.replaceChildren(...asked.items.map((id, index) => {
        const item = titleOf({id});
        return el('li', {class: 'chosen'}, el('span', {class: 'name'}, item),
            el('button', {type: 'button', class: 'remove', 'aria-label': t('visit.remove', {item}), onclick: () => removeFromVisit(index)}, el('span', {'aria-hidden': 'true'}, '×')));
    }));
}

function drawWho() {
    const visit = asked.who === 'visit';
    fillSegments(byId('who'), 'who', ['customer', 'visit'].map((value) => ({value, text: t(`recommendations.${value}`)})), asked.who, (value) => {
        asked.who = value;
        history.replaceState(null, '', ownAddress());
        drawWho();
        byId('who').querySelector('input:checked').focus();
        drawExamples();
        ask();
    });
    byId('user-field').hidden = visit;
    byId('ask').querySelector('.primary').hidden = visit;
    byId('visit').hidden = !visit;
    byId('user').required = !visit;
}

function buildVisitPicker() {
    visitPicker = new ItemPicker({label: t('visit.add'), placeholder: t('visit.placeholder'), chosen: addToVisit});
    byId('visit-picker').replaceChildren(visitPicker.node);
    drawVisit();
}

function submit(event) {
    event.preventDefault();
    const user = byId('user').value.trim();
    if (asked.who !== 'customer' || user === '') return;
    asked.user = user;
    asked.n = byId('count').value;
    const next = ownAddress();
    if (next === location.hash) ask();
    else location.hash = next;
}

/* A list of strings from JSON that anybody may have written. */
function parsed(text, nothing) {
    try {
        return JSON.parse(text);
    } catch {
        return nothing;
    }
}

function take({user, visit, n, rules: members}) {
    asked.who = visit === undefined ? 'customer' : 'visit';
    if (user) asked.user = user;
    if (visit !== undefined) asked.items = [parsed(visit, [])].flat().filter((id) => typeof id === 'string' && id !== '').slice(0, VISIT_MAX);
    if ([...byId('count').options].some((option) => option.value === n)) asked.n = n;
    byId('count').value = asked.n;
    if (JSON.stringify(rulesBody(rules)) === (members ?? '{}')) return;
    Object.assign(rules, rulesOf(parsed(members, {})));
    if (byId('rules')) buildRules();
    if (hasRules()) side = 'rules';
}

byId('ask').addEventListener('submit', submit);
byId('count').addEventListener('change', () => {
    asked.n = byId('count').value;
    if (!isAsked()) return;
    history.replaceState(null, '', ownAddress());
    ask();
});

export const recommendations = {
    show(parameters) {
        const before = ownAddress();
        if (parameters.user || parameters.visit !== undefined) take(parameters);
        examplePoller.start();
        drawWho();
        buildVisitPicker();
        if (asked.who === 'customer' && asked.user !== undefined) {
            byId('user').value = asked.user;
            keepRecent(asked.user);
        }
        drawExamples();
        if (ownAddress() === before && plain) draw();
        else ask();
    },
    hide() {
        examplePoller.stop();
        asker.stop();
        clearTimeout(ruledTimer);
        ruledAbort?.abort();
    },
    redraw() {
        drawWho();
        buildVisitPicker();
        drawExamples();
        if (byId('rules')) buildRules();
        draw();
        if (plain) withTitles().then(draw);
    },
};
