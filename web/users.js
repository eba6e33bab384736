/*
 * Users: how many come, who comes back, at which stage of life they are, how far they go, and who is in which audience.
 *
 * The address holds every switch: "#/users?period=week&audience=rfm.champions".
 */
import {activityCard} from './activity.js';
import {audiencesCard, groupOf} from './audiences.js';
import {PERIOD_MS, refreshAll} from './card.js';
import {byId, fillSegments} from './dom.js';
import {funnelCard} from './funnel.js';
import {lifecycleCard} from './lifecycle.js';
import {membersCard} from './members.js';
import {PERIODS, periodOptions} from './period.js';
import {Poller} from './poll.js';
import {retentionCard} from './retention.js';
import {t} from './text.js';

const MEMBERS = 10;
const MEMBERS_MORE = 25;
const CHOICES = {period: PERIODS, cohort: ['week', 'month'], retention: ['n_day', 'unbounded']}; /* the first is the usual one */

const asked = {period: 'day', cohort: 'week', retention: 'n_day', group: undefined, audience: undefined, limit: MEMBERS};

const activity = activityCard(asked);
const lifecycle = lifecycleCard(asked);
const retention = retentionCard(asked);
const audiences = audiencesCard(asked, chooseAudience, chooseGroup);
const members = membersCard(asked, showMore);
const cards = [activity, retention, lifecycle, funnelCard(), audiences, members];
const depends = {period: [activity, lifecycle], cohort: [retention], retention: [retention]};

const poller = new Poller(PERIOD_MS, (signal) => refreshAll(cards, signal));

function ownAddress() {
    const parameters = new URLSearchParams();
    for (const [name, choices] of Object.entries(CHOICES)) if (asked[name] !== choices[0]) parameters.set(name, asked[name]);
    for (const name of ['group', 'audience']) if (asked[name] !== undefined) parameters.set(name, asked[name]);
    const search = String(parameters);
    return search === '' ? '#/users' : `#/users?${search}`;
}

/* Ask what is not answered any more. */
function ask(...changed) {
    for (const card of changed) {
        card.forget();
        card.draw();
    }
    poller.start();
}

function choose(name, value) {
    asked[name] = value;
    history.replaceState(null, '', ownAddress());
    ask(...depends[name]);
}

function chooseGroup(group) {
    asked.group = group;
    history.replaceState(null, '', ownAddress());
    audiences.redraw();
}

function chooseAudience(name) {
    asked.audience = name;
    asked.group = groupOf(name);
    asked.limit = MEMBERS;
    history.replaceState(null, '', ownAddress());
    audiences.redraw();
    ask(members);
}

function showMore() {
    asked.limit += MEMBERS_MORE;
    members.expire();
    poller.start();
}

function drawSwitches() {
    fillSegments(byId('user-periods'), 'period', periodOptions(CHOICES.period), asked.period, (value) => choose('period', value));
    fillSegments(byId('cohorts'), 'cohort', periodOptions(CHOICES.cohort), asked.cohort, (value) => choose('cohort', value));
    fillSegments(byId('measures'), 'retention', CHOICES.retention.map((value) => ({value, text: t(`retention.${value}`)})), asked.retention, (value) => choose('retention', value));
}

/* What an address asks for; what it changes is asked anew. */
function take(parameters) {
    for (const [name, choices] of Object.entries(CHOICES)) {
        const wanted = choices.includes(parameters[name]) ? parameters[name] : choices[0];
        if (wanted !== asked[name]) depends[name].forEach((card) => card.forget());
        asked[name] = wanted;
    }
    asked.group = parameters.group || undefined;
    if ((parameters.audience || undefined) === asked.audience) return;
    asked.audience = parameters.audience || undefined;
    asked.limit = MEMBERS;
    members.forget();
}

export const users = {
    show(parameters) {
        take(parameters);
        this.redraw();
        poller.start();
    },
    hide: () => poller.stop(),
    redraw() {
        drawSwitches();
        for (const card of cards) card.redraw();
    },
};
