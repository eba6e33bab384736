/*
 * The rules somebody tries on a list: what the panel edits, what the request says, what the address bar keeps.
 *
 * There is one form of them, the members of a recommendation request (docs/API.md).  The panel shows filters as
 * fields and everything else as a list of single rules, {kind, by, what, amount}; body() and rulesOf() go there and
 * back, so that an address can be sent to a colleague and opens the same panel.
 */
import {get} from './api.js';

export const LIST_MAX = 16; /* of one kind, as the API allows */
export const EXCLUDED_MAX = 1000;
export const KINDS = ['pin', 'boost', 'bury', 'exclude', 'cap'];

/* What a new rule of a kind begins with, and between which numbers its amount may lie. */
export const AMOUNTS = {
    pin: {value: 1, min: 1, max: 100, step: 1},
    boost: {value: 2, min: 1.01, max: 100, step: 'any'},
    bury: {value: 0.5, min: 0, max: 0.99, step: 'any'},
    cap: {value: 2, min: 1, max: 100, step: 1},
};

/* What a rule can be about. */
export const SUBJECTS = {pin: ['item'], boost: ['item', 'category', 'brand'], bury: ['item', 'category', 'brand'], exclude: ['item'], cap: ['category', 'brand']};

export const noRules = () => ({placement: '', category: '', brand: '', price_min: '', price_max: '', in_stock: false, diversity: null, list: []});

export function newRule(kind, what = '') {
    return {kind, by: SUBJECTS[kind][0], what, amount: AMOUNTS[kind]?.value};
}

/* "Bags, Home" → ["Bags", "Home"] */
const names = (text) => text.split(/[,，、]/).map((name) => name.trim()).filter(Boolean);

const number = (text) => (text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text));

/* A rule without its subject is not one yet. */
const isComplete = ({kind, what, amount}) => (kind === 'cap' || what !== '') && (kind === 'exclude' || Number.isFinite(amount));

const where = ({by, what}) => (by === 'item' ? {items: [what]} : {[by]: what});

const AS_JSON = {
    pin: ({what, amount}) => ({item: what, position: amount}),
    boost: (rule) => ({where: where(rule), by: rule.amount}),
    bury: (rule) => ({where: where(rule), by: rule.amount}),
    cap: ({by, amount}) => ({by, most: amount}),
};

/* The members that the rules add to a request; none of them: {}. */
export function body(rules) {
    const members = {};
    if (rules.placement) members.placement = rules.placement;
    for (const name of ['category', 'brand']) if (names(rules[name]).length > 0) members[name] = names(rules[name]);
    const price = {min: number(rules.price_min), max: number(rules.price_max)};
    if (price.min !== undefined || price.max !== undefined) members.price = price;
    if (rules.in_stock) members.in_stock = true;
    const complete = rules.list.filter(isComplete);
    const excluded = complete.filter(({kind}) => kind === 'exclude').map(({what}) => what);
    if (excluded.length > 0) members.exclude = excluded;
    for (const kind of Object.keys(AS_JSON)) {
        const some = complete.filter((rule) => rule.kind === kind);
        if (some.length > 0) members.rules = {...members.rules, [kind]: some.map(AS_JSON[kind])};
    }
    if (rules.diversity !== null) members.diversity = rules.diversity;
    return JSON.parse(JSON.stringify(members)); // without what is undefined
}

/* How many there are, for the tab's number. */
export function count(rules) {
    const {rules: _, exclude: __, ...others} = body(rules);
    return Object.keys(others).length + rules.list.filter(isComplete).length;
}

const text = (value) => (['string', 'number'].includes(typeof value) ? String(value) : '');
const texts = (value) => [value].flat().filter((one) => typeof one === 'string').join(', ');
const objects = (value) => (Array.isArray(value) ? value.filter((one) => one !== null && typeof one === 'object') : []);

function ruleOf(kind, one) {
    const amount = Number(get(one, {pin: 'position', cap: 'most'}[kind] ?? 'by'));
    if (kind === 'pin') return {kind, by: 'item', what: text(get(one, 'item')), amount};
    if (kind === 'cap') return {kind, by: SUBJECTS.cap.includes(one.by) ? one.by : 'category', what: '', amount};
    const by = ['category', 'brand'].find((name) => get(one, 'where', name) !== undefined) ?? 'item';
    return {kind, by, what: by === 'item' ? text(get(one, 'where', 'items', 0)) : text([get(one, 'where', by)].flat()[0]), amount};
}

/* The panel's rules for a request's members.  Whatever is not as it should be is left out: anybody can write an address. */
export function rulesOf(members) {
    const rules = noRules();
    if (members === null || typeof members !== 'object') return rules;
    rules.placement = text(members.placement);
    for (const name of ['category', 'brand']) rules[name] = texts(members[name]);
    rules.price_min = text(get(members, 'price', 'min'));
    rules.price_max = text(get(members, 'price', 'max'));
    rules.in_stock = members.in_stock === true;
    if (members.diversity >= 0 && members.diversity <= 1) rules.diversity = Number(members.diversity);
    for (const what of [members.exclude].flat().filter((one) => typeof one === 'string').slice(0, EXCLUDED_MAX)) rules.list.push({kind: 'exclude', by: 'item', what});
    for (const kind of Object.keys(AS_JSON)) rules.list.push(...objects(get(members, 'rules', kind)).slice(0, LIST_MAX).map((one) => ruleOf(kind, one)));
    return rules;
}

/* Is there room for one more of the kind? */
export function hasRoom(rules, kind) {
    return rules.list.filter((rule) => rule.kind === kind).length < (kind === 'exclude' ? EXCLUDED_MAX : LIST_MAX);
}
