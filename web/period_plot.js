/*
 * Series by day, week or month: bars on top of each other, below zero what is lost, and a line by a scale of its own.
 */
import {Plot, axis, token, tooltip} from './charts.js';

const FADED = 0.42; /* of a period that is not over */

const faded = (colour) => colour.replace(/^rgb\((.+)\)$/, `rgba($1, ${FADED})`);

function bars({name, values, colour}, running) {
    const [whole, part] = [token(colour), faded(token(colour))];
    return {
        type: 'bar', label: name, data: values, stack: 'all', order: 1, yAxisID: 'y',
        backgroundColor: values.map((_, index) => (running[index] ? part : whole)), hoverBackgroundColor: whole,
        borderRadius: 3, maxBarThickness: 34, categoryPercentage: 0.82, barPercentage: 0.88,
    };
}

function line({name, values, colour}, running) {
    return {
        type: 'line', label: name, data: values, order: 0, yAxisID: 'right', borderColor: token(colour), backgroundColor: token(colour),
        borderWidth: 2, pointRadius: values.length > 20 ? 0 : 2.5, pointHitRadius: 12, tension: 0.25,
        segment: {borderDash: (context) => (running[context.p1DataIndex] ? [4, 4] : undefined)},
    };
}

/* One tooltip for all of a period's numbers. */
function hints(titles, series) {
    return {
        ...tooltip((point) => {
            const {name, text} = series[point.datasetIndex];
            return ` ${name}: ${text(point.raw)}`;
        }, (points) => titles[points[0].dataIndex]),
        displayColors: true, boxWidth: 8, boxHeight: 8, boxPadding: 2, itemSort: (a, b) => a.datasetIndex - b.datasetIndex,
    };
}

export class PeriodPlot extends Plot {
    /*
     * ticks, titles: a word and a sentence for each period; running: whether it is not over.
     * series: [{name, values, colour (a token), text(number), is_line, short(number) for the axis}]
     */
    build({ticks, titles, running, series}) {
        const onLeft = series.find(({is_line}) => !is_line);
        const onRight = series.find(({is_line}) => is_line);
        const scale = ({short}, extra) => axis({beginAtZero: true, grace: '4%', ...extra}, {maxTicksLimit: 6, precision: 0, callback: short});
        this.draw({
            data: {labels: ticks, datasets: series.map((one) => (one.is_line ? line : bars)(one, running))},
            options: {
                animation: false, responsive: true, maintainAspectRatio: false,
                interaction: {mode: 'index', intersect: false},
                scales: {
                    x: axis({stacked: true, grid: {display: false, drawBorder: false}}, {maxRotation: 0, autoSkipPadding: 14}),
                    y: scale(onLeft, {stacked: true}),
                    ...(onRight && {right: scale(onRight, {position: 'right', grid: {display: false, drawBorder: false}})}),
                },
                plugins: {legend: {display: false}, tooltip: hints(titles, series)},
            },
        });
    }
}
