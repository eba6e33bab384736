/*
 * Charts on Chart.js: what all have, the rate and the ranking.  Colours are the tokens of style.css, read again when the theme changes.
 */

const MINUTE_S = 60;
const TICKS = 5;

/* A token's colour as the browser resolves it in the current theme. */
export function token(name) {
    const probe = document.createElement('i');
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
}

function fonts() {
    return {family: getComputedStyle(document.body).fontFamily, size: 12};
}

export function axis(extra, ticks = {}) {
    return {
        border: {display: false},
        grid: {color: token('--line'), drawBorder: false, drawTicks: false},
        ticks: {color: token('--muted'), font: fonts(), padding: 8, ...ticks},
        ...extra,
    };
}

export function tooltip(label, title) {
    return {
        displayColors: false,
        backgroundColor: token('--ink'),
        titleColor: token('--surface'),
        bodyColor: token('--surface'),
        titleFont: fonts(),
        bodyFont: fonts(),
        padding: 10,
        cornerRadius: 6,
        callbacks: {label, title},
    };
}

/* A chart that is built once and painted again after a theme or language change. */
export class Plot {
    constructor(canvas) {
        this.canvas = canvas;
        this.chart = null;
    }

    /* Chart.js may be missing (a broken proxy): the numbers beside the chart still show. */
    draw(config) {
        if (!window.Chart) return;
        this.chart?.destroy();
        this.chart = new window.Chart(this.canvas, config);
    }

    describe(text) {
        if (this.canvas.getAttribute('aria-label') !== text) this.canvas.setAttribute('aria-label', text);
    }
}

/*
 * The last seconds of one series, the newest at the right edge: a minute at first, up to span_s as points come in.
 */
export class RatePlot extends Plot {
    constructor(canvas, span_s) {
        super(canvas);
        this.span_s = span_s;
    }

    /* labels: {value(number) → text, ago(seconds) → text} */
    build(labels) {
        const line = token('--accent');
        this.draw({
            type: 'line',
            data: {datasets: [{
                data: [], borderColor: line, backgroundColor: token('--accent-wash'), fill: true,
                borderWidth: 2, pointRadius: 0, pointHitRadius: 12, tension: 0.25, spanGaps: false,
            }]},
            options: {
                animation: false, responsive: true, maintainAspectRatio: false, parsing: false,
                interaction: {mode: 'nearest', axis: 'x', intersect: false},
                scales: {
                    x: axis({type: 'linear', min: -this.span_s, max: 0, grid: {display: false, drawBorder: false}},
                        {maxRotation: 0, callback: (value) => labels.ago(-value)}),
                    y: axis({beginAtZero: true, suggestedMax: 10, grace: '10%'},
                        {maxTicksLimit: 5, callback: (value) => labels.value(value)}),
                },
                plugins: {
                    legend: {display: false},
                    tooltip: tooltip((point) => labels.value(point.parsed.y), (points) => labels.ago(-points[0].parsed.x)),
                },
            },
        });
    }

    /* points: [{at_ms, value}], oldest first. */
    update(points, now_ms) {
        if (!this.chart) return;
        const {x} = this.chart.options.scales;
        const age_s = points.length === 0 ? 0 : (now_ms - points[0].at_ms) / 1000;
        x.min = -Math.min(this.span_s, Math.max(MINUTE_S, Math.ceil(age_s / MINUTE_S) * MINUTE_S));
        x.ticks.stepSize = -x.min / TICKS;
        this.chart.data.datasets[0].data = points.map((point) => ({x: (point.at_ms - now_ms) / 1000, y: point.value}));
        this.chart.update('none');
    }
}

/* Labels take at most about half of the chart. */
const LABEL_CHARACTERS_MAX = 24;
const PIXELS_A_CHARACTER = 18;

function shorten(text, width) {
    const most = Math.min(LABEL_CHARACTERS_MAX, Math.max(8, Math.floor(width / PIXELS_A_CHARACTER)));
    return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/* A ranking as horizontal bars. */
export class RankPlot extends Plot {
    /* rows: [{name, value}]; text(number) → label */
    build(rows, text) {
        this.draw({
            type: 'bar',
            data: {
                labels: rows.map((row) => row.name),
                datasets: [{
                    data: rows.map((row) => row.value), backgroundColor: token('--accent'), hoverBackgroundColor: token('--accent-strong'),
                    borderRadius: 4, borderSkipped: false, maxBarThickness: 20, categoryPercentage: 0.8,
                }],
            },
            options: {
                indexAxis: 'y', responsive: true, maintainAspectRatio: false, animation: false,
                scales: {
                    x: axis({beginAtZero: true}, {maxTicksLimit: 5, maxRotation: 0, precision: rows.every((row) => Number.isInteger(row.value)) ? 0 : undefined, callback: (value) => text(value)}),
                    y: axis({grid: {display: false, drawBorder: false}}, {color: token('--ink'), autoSkip: false, crossAlign: 'far', callback: (_, index) => shorten(rows[index].name, this.canvas.clientWidth)}),
                },
                plugins: {
                    legend: {display: false},
                    tooltip: tooltip((point) => text(point.parsed.x), (points) => rows[points[0].dataIndex].name),
                },
            },
        });
    }
}
