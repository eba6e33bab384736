/*
 * The two charts, on Chart.js.  Colours are the tokens of style.css, read again when the theme changes.
 */

/* A token's colour as the browser resolves it in the current theme. */
function token(name) {
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

function axis(extra, ticks = {}) {
    return {
        border: {display: false},
        grid: {color: token('--line'), drawBorder: false, drawTicks: false},
        ticks: {color: token('--muted'), font: fonts(), padding: 8, ...ticks},
        ...extra,
    };
}

function tooltip(label, title) {
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
class Plot {
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

/* The last span_s seconds of one series, the newest at the right edge. */
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
                        {stepSize: this.span_s / 5, maxRotation: 0, callback: (value) => labels.ago(-value)}),
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
        this.chart.data.datasets[0].data = points.map((point) => ({x: (point.at_ms - now_ms) / 1000, y: point.value}));
        this.chart.update('none');
    }
}

const LABEL_CHARACTERS_MAX = 24;

const shorten = (text) => (text.length > LABEL_CHARACTERS_MAX ? `${text.slice(0, LABEL_CHARACTERS_MAX - 1)}…` : text);

/* A ranking as horizontal bars. */
export class RankPlot extends Plot {
    /* rows: [{name, value}]; text(number) → label */
    build(rows, text) {
        const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
        this.draw({
            type: 'bar',
            data: {
                labels: rows.map((row) => shorten(row.name)),
                datasets: [{
                    data: rows.map((row) => row.value), backgroundColor: token('--accent'), hoverBackgroundColor: token('--accent-strong'),
                    borderRadius: 4, borderSkipped: false, maxBarThickness: 20, categoryPercentage: 0.8,
                }],
            },
            options: {
                indexAxis: 'y', responsive: true, maintainAspectRatio: false, animation: still ? false : {duration: 250},
                scales: {
                    x: axis({beginAtZero: true}, {maxTicksLimit: 5, maxRotation: 0, callback: (value) => text(value)}),
                    y: axis({grid: {display: false, drawBorder: false}}, {color: token('--ink'), autoSkip: false, crossAlign: 'far'}),
                },
                plugins: {
                    legend: {display: false},
                    tooltip: tooltip((point) => text(point.parsed.x), (points) => rows[points[0].dataIndex].name),
                },
            },
        });
    }
}
