/*
 * Numbers, money and time for people, by the chosen language.  Anything that is not a finite number is a dash.
 */
import {language, t} from './text.js';

export const DASH = '–';

/* Formatters are slow to make and used each second. */
const formatters = new Map();

function formatter(kind, options) {
    const key = `${language()}|${kind}|${JSON.stringify(options)}`;
    if (!formatters.has(key)) formatters.set(key, new Intl[kind](language(), options));
    return formatters.get(key);
}

const known = (value) => typeof value === 'number' && Number.isFinite(value);

export function count(value) {
    return known(value) ? formatter('NumberFormat', {maximumFractionDigits: 0}).format(value) : DASH;
}

/* Small numbers keep a digit after the point, large ones do not need it. */
export function decimal(value, digits = Math.abs(value) < 10 ? 2 : 1, digits_min = 0) {
    return known(value) ? formatter('NumberFormat', {minimumFractionDigits: digits_min, maximumFractionDigits: digits}).format(value) : DASH;
}

export function compact(value) {
    return known(value) ? formatter('NumberFormat', {notation: 'compact', maximumFractionDigits: 1}).format(value) : DASH;
}

/* Formats each of some numbers with as many digits as the largest needs, so that a column aligns at its point. */
export function alike(values) {
    const largest = Math.max(...values.map(Math.abs));
    if (largest >= 1e6) return compact;
    const digits = values.every(Number.isInteger) || largest >= 1000 ? 0 : largest >= 10 ? 1 : 2;
    return (value) => decimal(value, digits, digits);
}

export function percent(share, digits = 1) {
    return known(share)
        ? formatter('NumberFormat', {style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits}).format(share)
        : DASH;
}

/* With a currency in its style, without one as a plain amount: the engine does not guess what a shop sells in. */
export function money(value, currency, digits = 2) {
    if (!known(value)) return DASH;
    const places = {minimumFractionDigits: digits, maximumFractionDigits: digits};
    try {
        if (currency) return formatter('NumberFormat', {style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...places}).format(value);
    } catch {
        // not an ISO code: fall through to the plain amount
    }
    return formatter('NumberFormat', places).format(value);
}

/* Milliseconds since 1970 from either way an answer may carry a time; NaN when it carries none. */
export function instant(value) {
    if (known(value)) return value;
    return typeof value === 'string' ? Date.parse(value) : NaN;
}

export function date(value) {
    const at_ms = instant(value);
    return known(at_ms) ? formatter('DateTimeFormat', {dateStyle: 'medium'}).format(at_ms) : DASH;
}

export function dateTime(value) {
    const at_ms = instant(value);
    return known(at_ms) ? formatter('DateTimeFormat', {dateStyle: 'medium', timeStyle: 'short'}).format(at_ms) : DASH;
}

/* A day of the shop's calendar, "2011-12-07": the same day wherever it is read. */
export function calendar(value, options = {dateStyle: 'medium'}) {
    const at_ms = instant(value);
    return known(at_ms) ? formatter('DateTimeFormat', {...options, timeZone: 'UTC'}).format(at_ms) : DASH;
}

/* "+3.2 %" */
export function change(share) {
    return known(share) ? formatter('NumberFormat', {style: 'percent', maximumFractionDigits: 1, signDisplay: 'exceptZero'}).format(share) : DASH;
}

const UNITS = [['year', 31557600], ['month', 2629800], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

/* "3 hours ago" */
export function ago(value, now_ms = Date.now()) {
    const seconds = Math.round((now_ms - instant(value)) / 1000);
    if (!known(seconds)) return DASH;
    const [unit, size] = UNITS.find(([, unit_seconds]) => Math.abs(seconds) >= unit_seconds) || UNITS.at(-1);
    return formatter('RelativeTimeFormat', {numeric: 'auto'}).format(-Math.trunc(seconds / size), unit);
}

export function micros(value) {
    if (!known(value)) return DASH;
    return value < 1000 ? `${count(value)} µs` : `${decimal(value / 1000)} ms`;
}

/* A word the engine uses for a kind of thing ("item_item"), as people say it; unknown ones lose their underscores. */
export function word(group, code) {
    if (typeof code !== 'string' || code === '') return DASH;
    const key = `${group}.${code.replaceAll('-', '_')}`;
    const text = t(key);
    return text === key ? code.replaceAll('_', ' ') : text;
}
