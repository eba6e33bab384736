/*
 * How many come: active users by day, week or month, and those of them who came for the first time.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, emptyState} from './dom.js';
import {change, compact, count, percent} from './format.js';
import {changeNote, figuresOf, isRunning, lastWhole, legendOf, periodName, periodTick, titlesOf} from './period.js';
import {PeriodPlot} from './period_plot.js';
import {t} from './text.js';

const plot = new PeriodPlot(byId('activity-chart'));

function figures(period, entries) {
    const [last, before] = lastWhole(entries);
    const [active, fresh] = [get(last, 'active'), get(last, 'new')];
    const first = [`activity.active_${period}`, count(active), last && periodName(period, get(last, 'from'))];
    if (period === 'day') {
        return [
            first, ['activity.active_week', count(get(last, 'active_7d')), t('activity.of_7')], ['activity.active_month', count(get(last, 'active_30d')), t('activity.of_30')],
            ['activity.stickiness', percent(get(last, 'stickiness')), t('activity.stickiness_note')],
        ];
    }
    return [
        first, ['activity.new', count(fresh), changeNote(period, fresh, get(before, 'new'))], ['activity.share_new', percent(fresh / active), t('activity.share_new_note')],
        ['activity.change', get(before, 'active') > 0 ? change(active / before.active - 1) : null, t(`activity.change_${period}`)],
    ];
}

function paint(answer, period) {
    const entries = get(answer, 'periods') ?? [];
    if (!entries.some((entry) => get(entry, 'active') > 0)) return emptyState(t('activity.none'), t('activity.none_text'));
    const known = entries.map((entry) => (get(entry, 'active') ?? 0) - (get(entry, 'new') ?? 0));
    const fresh = entries.map((entry) => get(entry, 'new') ?? 0);
    const series = [
        {name: t('activity.known'), values: known, colour: '--chart-kept', text: count, short: compact},
        {name: t('activity.new'), values: fresh, colour: '--chart-new', text: count, short: compact},
    ];
    byId('activity-figures').replaceChildren(...figuresOf(figures(period, entries)));
    byId('activity-legend').replaceChildren(...legendOf(series));
    plot.build({ticks: entries.map((entry) => periodTick(period, get(entry, 'from'))), titles: titlesOf(period, entries), running: entries.map(isRunning), series});
    plot.describe(t('activity.chart', {
        from: periodName(period, get(entries[0], 'from')), to: periodName(period, get(entries.at(-1), 'from')),
        most: count(Math.max(...entries.map((entry) => get(entry, 'active') ?? 0))), last: count(get(lastWhole(entries)[0], 'active')),
    }));
    return null;
}

/* asked: {period} */
export const activityCard = (asked) => new Card('activity', {
    ask: (signal) => api.activity({period: asked.period}, {signal}),
    paint: (answer) => paint(answer, asked.period),
});
