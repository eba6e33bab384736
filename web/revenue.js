/*
 * Revenue by day, week or month, and how many orders it came from.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, emptyState} from './dom.js';
import {compact, count, money, percent} from './format.js';
import {changeNote, figuresOf, isRunning, lastWhole, legendOf, periodName, periodTick, titlesOf} from './period.js';
import {PeriodPlot} from './period_plot.js';
import {t} from './text.js';

const plot = new PeriodPlot(byId('revenue-chart'));

function figures(period, entries) {
    const [last, before] = lastWhole(entries);
    const of = (name) => get(last, name);
    return [
        ['revenue.revenue', money(of('revenue'), undefined, 0), last && periodName(period, of('from'))],
        ['revenue.orders', count(of('orders')), changeNote(period, of('orders'), get(before, 'orders'))],
        ['revenue.order_value', money(of('order_value')), t('revenue.order_value_note')],
        ['revenue.refunds', money(of('refunds'), undefined, 0), of('purchases') > 0 ? t('revenue.refunds_note', {share: percent(of('refunds') / of('purchases'))}) : ''],
    ];
}

function paint(answer, period) {
    const entries = get(answer, 'periods') ?? [];
    if (!entries.some((entry) => get(entry, 'revenue') || get(entry, 'orders'))) return emptyState(t('revenue.none'), t('revenue.none_text'));
    const valuesOf = (name) => entries.map((entry) => get(entry, name) ?? 0);
    const series = [
        {name: t('revenue.revenue'), values: valuesOf('revenue'), colour: '--chart-kept', text: (value) => money(value), short: compact},
        {name: t('revenue.orders'), values: valuesOf('orders'), colour: '--chart-back', text: count, short: compact, is_line: true},
    ];
    byId('revenue-figures').replaceChildren(...figuresOf(figures(period, entries)));
    byId('revenue-legend').replaceChildren(...legendOf(series));
    plot.build({ticks: entries.map((entry) => periodTick(period, get(entry, 'from'))), titles: titlesOf(period, entries), running: entries.map(isRunning), series});
    const [last] = lastWhole(entries);
    plot.describe(t('revenue.chart', {
        from: periodName(period, get(entries[0], 'from')), to: periodName(period, get(entries.at(-1), 'from')),
        revenue: money(get(last, 'revenue'), undefined, 0), orders: count(get(last, 'orders')), last: periodName(period, get(last, 'from')),
    }));
    return null;
}

/* asked: {period} */
export const revenueCard = (asked) => new Card('revenue', {
    ask: (signal) => api.revenue({period: asked.period}, {signal}),
    paint: (answer) => paint(answer, asked.period),
});
