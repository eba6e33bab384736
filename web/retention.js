/*
 * Who comes back: a row for all who began in one period, a column for each period since.
 *
 * The first column would be everybody, so the table begins with the period after.  Strength of colour is by the
 * largest share on the table, because one shop's best is another's worst.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, el, emptyState, setText} from './dom.js';
import {DASH, count, percent} from './format.js';
import {periodName, periodTick} from './period.js';
import {t} from './text.js';

const PERIODS_SHOWN = 13;

/* The share of a cohort that was back n periods later; undefined: not begun, or nobody to come back. */
function shareOf(cohort, n) {
    const returned = get(cohort, 'returned', n);
    const users = get(cohort, 'users');
    return returned !== undefined && users > 0 ? returned / users : undefined;
}

function heat(node, share, most) {
    node.style.setProperty('--heat-share', String(most > 0 ? Math.min(1, share / most) : 0));
    return node;
}

/* A cell of a period that is not over says so by its look, by its title, and to who hears it. */
function cell(cohort, n, most) {
    const share = shareOf(cohort, n);
    if (share === undefined) return el('td', {class: 'none'}, get(cohort, 'returned', n) === undefined ? null : DASH);
    const isOpen = n > get(cohort, 'complete_to');
    const title = t('retention.cell', {back: count(get(cohort, 'returned', n)), users: count(get(cohort, 'users'))});
    return heat(el('td', {class: isOpen ? 'heat open' : 'heat', title: isOpen ? `${title} · ${t('retention.open')}` : title},
        percent(share, share < 0.0995 ? 1 : 0), isOpen ? el('span', {class: 'unseen'}, ` ${t('retention.open')}`) : null), share, most);
}

function row(cohort, columns, most, period) {
    const from = get(cohort, 'from');
    return el('tr', {},
        el('th', {scope: 'row', title: periodName(period, from)}, periodTick(period, from)),
        el('td', {class: 'size'}, count(get(cohort, 'users'))),
        ...columns.map((n) => cell(cohort, n, most)));
}

function table(answer, period) {
    const cohorts = get(answer, 'cohorts') ?? [];
    const mean = get(answer, 'mean') ?? [];
    const columns = Array.from({length: Math.max(0, mean.length - 1)}, (_, index) => index + 1);
    const most = Math.max(0, ...cohorts.flatMap((cohort) => columns.map((n) => shareOf(cohort, n) ?? 0)));
    const head = (text, label) => el('th', {scope: 'col', 'aria-label': label}, text);
    return el('table', {class: 'triangle', 'aria-label': t('retention.title')},
        el('thead', {}, el('tr', {}, head(t(`retention.cohort_${period}`)), head(t('retention.users')), ...columns.map((n) => head(String(n), t(`retention.after_${period}`, {n}))))),
        el('tbody', {}, ...cohorts.map((cohort) => row(cohort, columns, most, period))),
        el('tfoot', {}, el('tr', {}, el('th', {scope: 'row', title: t('retention.mean_note')}, t('retention.mean')), el('td', {class: 'size'}, ''),
            ...columns.map((n) => (Number.isFinite(mean[n]) ? heat(el('td', {class: 'heat'}, percent(mean[n], mean[n] < 0.0995 ? 1 : 0)), mean[n], most) : el('td', {class: 'none'}))))));
}

function paint(answer, asked) {
    const cohorts = get(answer, 'cohorts') ?? [];
    if (!cohorts.some((cohort) => get(cohort, 'users') > 0)) return emptyState(t('activity.none'), t('activity.none_text'));
    byId('retention-table').replaceChildren(table(answer, asked.cohort));
    setText(byId('retention-note'), t(`retention.${asked.retention}_note_${asked.cohort}`));
    return null;
}

/* What can be scrolled can be reached by Tab; what cannot is no stop. */
const region = byId('retention-table');
new ResizeObserver(() => {
    if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
    else region.removeAttribute('tabindex');
}).observe(region);

/* asked: {cohort, retention} */
export const retentionCard = (asked) => new Card('retention', {
    ask: (signal) => api.retention({period: asked.cohort, periods: PERIODS_SHOWN, retention: asked.retention}, {signal}),
    paint: (answer) => paint(answer, asked),
});
