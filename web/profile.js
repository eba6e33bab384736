/*
 * The profile panel: who this user is to the models, in the words of a marketeer.
 */
import {get} from './api.js';
import {el, emptyState} from './dom.js';
import {DASH, count, date, dateTime, decimal, money, percent, word} from './format.js';
import {t} from './text.js';
import {titleOf} from './titles.js';

const RECENT_MAX = 8;
const FEATURES_MAX = 40;

function fact(name, value, title) {
    return el('div', {class: 'fact'}, el('dt', {}, t(`profile.${name}`)), el('dd', {title}, value));
}

function churnFact(profile) {
    const probability = get(profile, 'churn', 'probability');
    const tier = get(profile, 'churn', 'tier');
    const pill = tier && tier !== 'none' ? el('span', {class: `tier ${tier}`}, word('tier', tier)) : null;
    return fact('churn', el('span', {class: 'churn'}, percent(probability, 0), pill));
}

/* Recency, frequency, monetary value, and what frames them. */
function facts(profile) {
    const seen = get(profile, 'features', 'last_seen');
    const first = get(profile, 'features', 'first_seen');
    const days = get(profile, 'features', 'rfm', 'recency');
    return el('dl', {class: 'fact-grid'},
        fact('recency', days === undefined ? DASH
            : t(days === 1 ? 'profile.day' : 'profile.days', {n: count(days)})),
        fact('frequency', count(get(profile, 'features', 'rfm', 'frequency'))),
        fact('monetary', money(get(profile, 'features', 'rfm', 'monetary'))),
        fact('events', count(get(profile, 'features', 'events'))),
        fact('first', date(first), dateTime(first)),
        fact('seen', date(seen), dateTime(seen)),
        churnFact(profile));
}

/* The newest things touched.  The history comes in the order of the log; times within an order are equal. */
export function recentItems(profile) {
    const history = get(profile, 'features', 'history') ?? [];
    return [...history].reverse().sort((a, b) => Date.parse(get(b, 'time')) - Date.parse(get(a, 'time'))).slice(0, RECENT_MAX);
}

function recentList(profile) {
    const items = recentItems(profile);
    if (items.length === 0) return el('p', {class: 'quiet'}, t('profile.no_recent'));
    return el('ul', {class: 'recent'}, ...items.map((touch) => el('li', {},
        el('span', {class: 'name'}, titleOf({id: get(touch, 'item')})),
        el('span', {class: 'quiet'}, word('action', get(touch, 'type'))),
        el('time', {class: 'quiet number', title: dateTime(get(touch, 'time'))}, date(get(touch, 'time'))))));
}

function featureValue(value) {
    if (typeof value === 'number') return decimal(value);
    if (typeof value !== 'string') return DASH;
    return /^\d{4}-\d\d-\d\dT/.test(value) ? date(value) : value;
}

/* Single values only: lists and histograms need a picture of their own. */
function features(profile) {
    const entries = Object.entries(get(profile, 'features') ?? {}).filter(([, value]) => typeof value !== 'object').slice(0, FEATURES_MAX);
    if (entries.length === 0) return null;
    return el('details', {class: 'features'},
        el('summary', {}, t('profile.features')),
        el('dl', {}, ...entries.map(([name, value]) =>
            el('div', {}, el('dt', {}, name.replaceAll('_', ' ')), el('dd', {class: 'number'}, featureValue(value))))));
}

/* profile: the answer, or {error} when there was none. */
export function drawProfile(profile) {
    const head = el('h2', {class: 'unseen'}, t('profile.title'));
    const {error} = profile;
    if (error) {
        const unknown = error.status === 404;
        const denied = error.status === 401 || error.status === 403;
        return el('article', {class: 'profile'}, head, emptyState(
            t(unknown ? 'profile.unknown' : 'problem.title'),
            unknown ? t('profile.unknown_text') : denied ? t('problem.denied') : error.message));
    }
    return el('article', {class: 'profile'}, head, facts(profile), el('h3', {}, t('profile.recent')), recentList(profile), features(profile));
}
