/*
 * Audiences: every named group of known users and how large it is, by what they are grouped by.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, el, emptyState, fillSegments, meter} from './dom.js';
import {count, percent, word} from './format.js';
import {language, t} from './text.js';

const USUAL_GROUP = 'rfm';

/* "rfm.at_risk" is one of "rfm". */
export const groupOf = (name) => String(name).split('.', 1)[0];

/* As people say it; what a shop's own plan names keeps that name. */
export function audienceName(name) {
    const [group, ...rest] = String(name).split('.');
    const part = rest.join('.') || group;
    const said = word(group === 'lifecycle' ? 'stage' : group, part);
    return said.charAt(0).toUpperCase() + said.slice(1);
}

function groupName(group) {
    const said = word('group', group);
    return said.charAt(0).toUpperCase() + said.slice(1);
}

function chosenGroup(asked, groups) {
    const wanted = asked.group ?? (asked.audience && groupOf(asked.audience));
    return [wanted, USUAL_GROUP].find((group) => groups.includes(group)) ?? groups[0];
}

function row(audience, known, asked, choose, withMeaning) {
    const name = get(audience, 'name');
    const share = known > 0 ? get(audience, 'users') / known : NaN;
    const meaning = withMeaning && get(audience, 'meaning');
    return el('tr', {'data-name': name},
        el('td', {class: 'item'},
            el('button', {type: 'button', class: 'pick', 'data-key': name, 'aria-controls': 'members', 'aria-pressed': String(name === asked.audience), onclick: () => choose(name)}, audienceName(name)),
            el('span', {class: 'code quiet'}, name), meaning ? el('span', {class: 'quiet'}, meaning) : null),
        el('td', {class: 'number'}, count(get(audience, 'users'))),
        el('td', {class: 'number share'}, percent(share), meter(share)));
}

/* Filled again only when it differs: the keyboard may be in it. */
let filled = '';
function drawGroups(groups, group, chooseGroup) {
    const content = JSON.stringify([groups, group, language()]);
    if (content === filled) return;
    filled = content;
    const place = byId('groups');
    const isInside = place.contains(document.activeElement);
    fillSegments(place, 'group', groups.map((value) => ({value, text: groupName(value)})), group, chooseGroup);
    if (isInside) place.querySelector('input:checked')?.focus();
}

function paint(answer, asked, choose, chooseGroup) {
    const all = (get(answer, 'audiences') ?? []).filter((audience) => typeof get(audience, 'name') === 'string');
    if (all.length === 0) return emptyState(t('audiences.none'), t('audiences.none_text'));
    const groups = [...new Set(all.map(({name}) => groupOf(name)))];
    const group = chosenGroup(asked, groups);
    const shown = all.filter(({name}) => groupOf(name) === group);
    const meanings = new Set(shown.map((audience) => get(audience, 'meaning') ?? ''));
    drawGroups(groups, group, chooseGroup);
    const head = (name, number) => el('th', {scope: 'col', class: number ? 'number' : null}, t(`audiences.${name}`));
    const meaning = meanings.size === 1 ? [...meanings][0] : '';
    byId('audience-table').replaceChildren(el('p', {class: 'quiet meaning'}, meaning), el('table', {'aria-label': t('audiences.title')},
        el('thead', {}, el('tr', {}, head('name'), head('users', true), head('share', true))),
        el('tbody', {}, ...shown.map((audience) => row(audience, get(answer, 'known_users'), asked, choose, meanings.size > 1)))));
    return null;
}

/* asked: {group, audience}; choose(name) and chooseGroup(name) hear of clicks. */
export const audiencesCard = (asked, choose, chooseGroup) => new Card('audiences', {
    ask: (signal) => api.audiences({signal}),
    paint: (answer) => paint(answer, asked, choose, chooseGroup),
});
