/*
 * Recommendations: ask for anybody, see each item with its reason, and the profile it came from.
 */
import {ApiError, api, get} from './api.js';
import {byId, el, emptyState, meter} from './dom.js';
import {count, dateTime, decimal, micros, money, percent, word} from './format.js';
import {drawProfile, recentItems} from './profile.js';
import {DONE, Poller} from './poll.js';
import {language, t} from './text.js';
import {learn, remember, titleOf} from './titles.js';

const EXAMPLES_MAX = 6;
const SIMILAR_N = 6;

let asked = null; /* {user, n} */
let answer = null; /* {list, profile}, or {error} */
let examples = [];
let abort = null;

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

/* Users worth a look: the alerts name some. */
const examplePoller = new Poller(3000, async (signal) => {
    const answered = await api.alerts({limit: 50}, {signal}).catch(unlessReached(null));
    const users = new Set((get(answered, 'alerts') ?? []).map((alert) => get(alert, 'user_id')));
    examples = users.size > 0 ? [...users].slice(0, EXAMPLES_MAX) : await demoUsers(signal);
    drawExamples();
    return DONE;
});

export const address = (user, n) => `#/recommendations?${new URLSearchParams(n ? {user, n} : {user})}`;

function drawExamples() {
    byId('examples').replaceChildren(...(examples.length === 0 ? [] : [
        el('span', {class: 'quiet'}, t('recommendations.examples')),
        ...examples.map((user) => el('a', {class: 'chip', href: address(user, byId('count').value)}, user)),
    ]));
}

/* The engine's own sentences hold titles; ids are needed where we say it ourselves. */
function becauseOf(list) {
    if (language() === 'en') return [];
    return (get(list, 'items') ?? []).flatMap((item) => get(item, 'reason', 'because') ?? []);
}

/* The engine writes its reasons in English; in another language we say the same from what they are made of. */
function reasonText(item) {
    const text = get(item, 'reason', 'text');
    if (language() === 'en' && text) return text;
    const because = get(item, 'reason', 'because') ?? [];
    return because.length > 0 ? t('recommendations.because', {items: because.map((id) => titleOf({id})).join('、')}) : '';
}

function similarList(items) {
    if (items.length === 0) return el('p', {class: 'quiet'}, t('recommendations.no_similar'));
    return el('ul', {}, ...items.map((item) => el('li', {},
        el('span', {class: 'name'}, titleOf(item)),
        el('span', {class: 'number'}, money(get(item, 'price'), get(item, 'currency'))))));
}

/* Asked for at the first opening; after a failure, at the next one. */
async function toggleSimilar(button, item, panel) {
    const open = button.getAttribute('aria-expanded') !== 'true';
    button.setAttribute('aria-expanded', String(open));
    panel.hidden = !open;
    if (!open || panel.dataset.known) return;
    panel.replaceChildren(el('p', {class: 'quiet'}, t('loading')));
    try {
        const items = get(await api.similar(item.id, SIMILAR_N), 'items') ?? [];
        panel.dataset.known = 'yes';
        panel.replaceChildren(similarList(items));
    } catch (error) {
        panel.replaceChildren(error.status === 404
            ? similarList([]) // an item the model has not met
            : el('p', {class: 'quiet bad'}, error.status === 0 ? t('notice.unreachable') : error.message));
    }
}

function itemRow(item, index, best) {
    const title = titleOf(item);
    const panel = el('div', {class: 'similar', id: `similar-${index}`, role: 'group', 'aria-label': t('recommendations.similar_to', {item: title}), hidden: true});
    const button = el('button', {
        type: 'button', class: 'more', 'aria-expanded': 'false', 'aria-controls': panel.id,
        'aria-label': `${t('recommendations.similar')}: ${title}`, onclick: () => toggleSimilar(button, item, panel),
    }, t('recommendations.similar'));
    const score = get(item, 'score');
    return el('li', {class: 'rec'},
        el('span', {class: 'rank'}, count(index + 1)),
        el('div', {class: 'what'},
            el('p', {class: 'title'}, title),
            el('p', {class: 'why'}, el('span', {class: 'tag'}, word('source', get(item, 'source'))), el('span', {class: 'reason'}, reasonText(item)))),
        el('div', {class: 'worth'},
            el('p', {class: 'price'}, money(get(item, 'price'), get(item, 'currency'))),
            el('p', {class: 'score', title: t('recommendations.score', {score: decimal(score, 4)})}, meter(score / best))),
        button, panel);
}

function facts(list) {
    const fallback = get(list, 'fallback');
    const degraded = get(list, 'degraded') === true;
    const chips = [
        el('span', {class: `pill ${fallback ? '' : 'good'}`},
            fallback ? t('recommendations.fallback', {name: word('fallback', fallback)}) : t('recommendations.personal')),
        degraded ? el('span', {class: 'pill warn'}, t('recommendations.degraded', {reason: word('degraded', get(list, 'degraded_reason'))})) : null,
    ];
    const notes = [
        get(list, 'served_from') && t('recommendations.from', {place: word('served', list.served_from)}),
        get(list, 'took_us') !== undefined && t('recommendations.took', {time: micros(list.took_us)}),
        get(list, 'model_version') && t('recommendations.model', {version: list.model_version}),
        get(list, 'profile_as_of') && t('recommendations.profile_as_of', {time: dateTime(list.profile_as_of)}),
    ].filter(Boolean);
    return el('div', {class: 'facts'}, ...chips, el('span', {class: 'quiet'}, notes.join(' · ')));
}

function listCard({list}) {
    const items = get(list, 'items') ?? [];
    const best = Math.max(...items.map((item) => get(item, 'score') ?? 0), Number.MIN_VALUE);
    return el('article', {class: 'card'},
        el('div', {class: 'card-head'}, el('h2', {class: 'user-title'}, t('recommendations.for', {user: asked.user}))),
        facts(list),
        items.length === 0
            ? emptyState(t('recommendations.none'), t('recommendations.none_text'))
            : el('ol', {class: 'recs'}, ...items.map((item, index) => itemRow(item, index, best))));
}

function draw() {
    const place = byId('answer');
    if (!asked) place.replaceChildren(el('div', {class: 'card wide'}, emptyState(t('recommendations.start'), t('recommendations.start_text'))));
    else if (!answer) place.replaceChildren(el('div', {class: 'card wide'}, emptyState(t('loading'), null)));
    else if (answer.error) {
        const denied = answer.error.status === 401 || answer.error.status === 403;
        place.replaceChildren(el('div', {class: 'card wide'}, emptyState(
            answer.error.status === 0 ? t('notice.unreachable') : t('problem.title'),
            denied ? t('problem.denied') : answer.error.status === 0 ? null : answer.error.message, 'bad')));
    } else place.replaceChildren(listCard(answer), drawProfile(answer.profile));
}

/* While the engine cannot be reached the question is asked again; any other answer ends it. */
const asker = new Poller(2000, async (signal) => {
    try {
        const [list, profile] = await Promise.all([
            api.recommendations(asked.user, asked.n, {signal}),
            // The list is worth showing without the profile: a role may see the one and not the other.
            api.profile(asked.user, {signal}).catch((error) => ({error})),
        ]);
        remember(get(list, 'items'));
        await learn([...becauseOf(list), ...recentItems(profile).map((touch) => get(touch, 'item'))], signal);
        answer = {list, profile};
    } catch (error) {
        if (signal.aborted || !(error instanceof ApiError)) throw error;
        answer = {error};
        if (error.passing) {
            draw();
            throw error;
        }
    }
    if (!signal.aborted) draw();
    return DONE;
});

function submit(event) {
    event.preventDefault();
    const user = byId('user').value.trim();
    if (user === '') return;
    const next = address(user, byId('count').value);
    if (next === location.hash) ask(user, byId('count').value);
    else location.hash = next;
}

function ask(user, n) {
    asked = {user, n};
    answer = null;
    draw();
    asker.start();
}

byId('ask').addEventListener('submit', submit);

export const recommendations = {
    show({user, n}) {
        const input = byId('user');
        const select = byId('count');
        if ([...select.options].some((option) => option.value === n)) select.value = n;
        examplePoller.start();
        if (user && (user !== asked?.user || select.value !== asked?.n)) {
            input.value = user;
            ask(user, select.value);
        } else {
            draw();
        }
        drawExamples();
    },
    hide() {
        examplePoller.stop();
        asker.stop();
    },
    redraw() {
        drawExamples();
        draw();
        if (answer?.list) learn(becauseOf(answer.list)).then(draw);
    },
};
