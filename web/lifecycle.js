/*
 * The river of users: who is new, who stays, who is back, and, below zero, who was there and is not any more.
 */
import {api, get} from './api.js';
import {Card} from './card.js';
import {byId, el, emptyState, meter} from './dom.js';
import {compact, count, percent, word} from './format.js';
import {isRunning, lastWhole, legendOf, periodName, periodTick, titlesOf} from './period.js';
import {PeriodPlot} from './period_plot.js';
import {t} from './text.js';

const STREAMS = [['returning', '--chart-kept', 1], ['new', '--chart-new', 1], ['resurrected', '--chart-back', 1], ['dormant', '--chart-gone', -1]];

const plot = new PeriodPlot(byId('lifecycle-chart'));

/* Where everybody stands now, by the profile's own stages. */
function stages(answer) {
    const entries = Object.entries(get(answer, 'stages') ?? {}).filter(([, users]) => Number.isFinite(users));
    const all = entries.reduce((sum, [, users]) => sum + users, 0);
    return entries.map(([stage, users]) => el('div', {'data-name': stage},
        el('dt', {}, word('stage', stage)),
        el('dd', {class: 'value'}, count(users)),
        el('dd', {class: 'note'}, all > 0 ? percent(users / all) : ''),
        el('dd', {class: 'bar'}, meter(users / all))));
}

function paint(answer, period) {
    const entries = get(answer, 'periods') ?? [];
    const series = STREAMS.map(([name, colour, sign]) => ({
        name: t(`lifecycle.${name}`), colour, text: (value) => count(Math.abs(value)), short: (value) => compact(Math.abs(value)), values: entries.map((entry) => sign * (get(entry, name) ?? 0)),
    }));
    const list = stages(answer);
    byId('stages').replaceChildren(...list);
    byId('stages-part').hidden = list.length === 0;
    if (!series.some(({values}) => values.some((value) => value !== 0))) return emptyState(t('activity.none'), t('activity.none_text'));
    byId('lifecycle-legend').replaceChildren(...legendOf(series));
    plot.build({ticks: entries.map((entry) => periodTick(period, get(entry, 'from'))), titles: titlesOf(period, entries), running: entries.map(isRunning), series});
    const [last] = lastWhole(entries);
    plot.describe(t('lifecycle.chart', {
        period: periodName(period, get(last, 'from')), new: count(get(last, 'new')), returning: count(get(last, 'returning')), resurrected: count(get(last, 'resurrected')), dormant: count(get(last, 'dormant')),
    }));
    return null;
}

/* asked: {period} */
export const lifecycleCard = (asked) => new Card('lifecycle', {
    ask: (signal) => api.lifecycle({period: asked.period}, {signal}),
    paint: (answer) => paint(answer, asked.period),
});
