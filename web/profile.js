/*
 * The profile panel: who this user is to the models, in the words of a marketeer.
 */
import {get} from './api.js';
import {el, emptyState} from './dom.js';
import {DASH, count, date, dateTime, decimal, money, percent, word} from './format.js';
import {t} from './text.js';

const RECENT_MAX = 8;
const FEATURES_MAX = 24;

function fact(name, value, title) {
    return el('div', {class: 'fact'}, el('dt', {}, t(`profile.${name}`)), el('dd', {title}, value));
}

function churnFact(profile) {
    const probability = get(profile, 'churn', 'probability');
    const tier = get(profile, 'churn', 'tier');
    if (probability === undefined && tier === undefined) return fact('churn', DASH);
    return fact('churn', el('span', {class: 'churn'},
        percent(probability, 0), tier && tier !== 'none' ? el('span', {class: `tier ${tier}`}, word('tier', tier)) : null));
}

/* Recency, frequency, monetary value, and what frames them. */
function facts(profile) {
    const last = get(profile, 'last_event_at') ?? get(profile, 'as_of');
    const first = get(profile, 'first_event_at');
    const stage = get(profile, 'lifecycle');
    return el('dl', {class: 'fact-grid'},
        fact('recency', date(last), dateTime(last)),
        fact('frequency', count(get(profile, 'orders'))),
        fact('monetary', money(get(profile, 'spend'), get(profile, 'currency'))),
        fact('events', count(get(profile, 'events'))),
        fact('first', date(first), dateTime(first)),
        churnFact(profile),
        stage ? fact('stage', word('stage', stage)) : null);
}

function recentItems(profile) {
    const items = get(profile, 'recent_items') ?? [];
    if (items.length === 0) return el('p', {class: 'quiet'}, t('profile.no_recent'));
    return el('ul', {class: 'recent'}, ...items.slice(0, RECENT_MAX).map((item) => el('li', {},
        el('span', {class: 'name'}, get(item, 'title') || get(item, 'id') || DASH),
        el('span', {class: 'quiet'}, word('action', get(item, 'type'))),
        el('time', {class: 'quiet number', title: dateTime(get(item, 'at'))}, date(get(item, 'at'))))));
}

function featureValue(value) {
    if (typeof value === 'number') return decimal(value);
    return typeof value === 'string' || typeof value === 'boolean' ? String(value) : DASH;
}

function features(profile) {
    const entries = Object.entries(get(profile, 'features') ?? {}).slice(0, FEATURES_MAX);
    if (entries.length === 0) return null;
    return el('details', {class: 'features'},
        el('summary', {}, t('profile.features')),
        el('dl', {}, ...entries.map(([name, value]) =>
            el('div', {}, el('dt', {}, name.replaceAll('_', ' ')), el('dd', {class: 'number'}, featureValue(value))))));
}

/* profile: the answer, or {error} when there was none. */
export function drawProfile(profile) {
    const head = el('div', {class: 'card-head'}, el('h2', {}, t('profile.title')));
    const {error} = profile;
    if (error) {
        const unknown = error.status === 404;
        return el('article', {class: 'card'}, head, emptyState(
            t(unknown ? 'profile.unknown' : 'problem.title'),
            unknown ? t('profile.unknown_text') : error.status === 401 || error.status === 403 ? t('problem.denied') : error.message));
    }
    return el('article', {class: 'card'}, head, facts(profile), el('h3', {}, t('profile.recent')), recentItems(profile), features(profile));
}
