/*
 * Who is in an audience: the first members, with the way to what each of them is recommended.
 */
import {api, get} from './api.js';
import {audienceName} from './audiences.js';
import {Card} from './card.js';
import {byId, el, emptyState, setText} from './dom.js';
import {DASH, count, date, dateTime, money} from './format.js';
import {address} from './recommendations.js';
import {t} from './text.js';

function scores(member) {
    const all = ['r', 'f', 'm'].map((name) => get(member, name));
    return all.every(Number.isFinite) ? all.join(' · ') : DASH;
}

function row(member, has) {
    const user = get(member, 'user_id');
    const seen = get(member, 'last_seen');
    return el('tr', {},
        el('td', {class: 'name'}, el('a', {class: 'code', href: address(user), 'data-key': user, 'aria-label': t('growth.open', {user})}, user)),
        el('td', {class: 'quiet'}, el('time', {title: dateTime(seen)}, date(seen))),
        has.orders ? el('td', {class: 'number'}, count(get(member, 'orders'))) : null,
        has.orders ? el('td', {class: 'number'}, money(get(member, 'spend'))) : null,
        has.scores ? el('td', {class: 'number quiet scores'}, scores(member)) : null);
}

const titleOf = (asked) => (asked.audience ? t('members.of', {audience: audienceName(asked.audience)}) : t('members.title'));

function paint(answer, asked, more) {
    if (!asked.audience) return emptyState(t('members.start'), t('members.start_text'));
    const members = get(answer, 'members') ?? [];
    if (members.length === 0) return emptyState(t('members.none'), t('members.none_text'));
    const has = {orders: members.some((member) => get(member, 'orders') !== undefined), scores: members.some((member) => get(member, 'r') !== undefined)};
    const head = (name, number) => el('th', {scope: 'col', class: number ? 'number' : null, title: name === 'scores' ? t('members.scores_note') : null}, t(`members.${name}`));
    byId('member-table').replaceChildren(
        el('table', {'aria-label': titleOf(asked)},
            el('thead', {}, el('tr', {}, head('user'), head('seen'), has.orders ? head('orders', true) : null, has.orders ? head('spend', true) : null, has.scores ? head('scores', true) : null)),
            el('tbody', {}, ...members.map((member) => row(member, has)))),
        ...(get(answer, 'next') === undefined ? [] : [el('button', {type: 'button', class: 'secondary', 'data-key': 'more', onclick: more}, t('growth.older'))]));
    return null;
}

/* asked: {audience, limit}; more() hears that more are wanted.  Who is listed stays listed: it is not asked again. */
export const membersCard = (asked, more) => new Card('members', {
    ask: async (signal) => (asked.audience ? api.members(asked.audience, {limit: asked.limit}, {signal}) : {}),
    paint: (answer) => paint(answer, asked, more),
    head: () => setText(byId('members-title'), titleOf(asked)),
    period_ms: Infinity,
});
