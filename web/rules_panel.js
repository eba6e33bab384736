/*
 * The panel on which rules are set.  It edits one object of rules.js in place and says so after each change; what
 * the change does to the list is not its business.
 *
 * The fields are made once for a language and stay, so that nobody loses the place while the answers come in.
 */
import {api, get} from './api.js';
import {byId, el, setText} from './dom.js';
import {decimal} from './format.js';
import {ItemPicker} from './picker.js';
import {AMOUNTS, KINDS, SUBJECTS, hasRoom, newRule, noRules} from './rules.js';
import {t} from './text.js';

const SLIDER_STEPS = 20;

let rules = noRules();
let changed = () => {};
let placements = []; /* as configured; empty: an engine that does not tell */
let rows = []; /* {rule, node, focus, picker} in the order of rules.list */

/* An engine without the route has no choice of placements here. */
export async function learnPlacements(signal) {
    const answer = await api.placements({signal}).catch(() => null);
    placements = (get(answer, 'placements') ?? []).filter((placement) => typeof get(placement, 'name') === 'string');
    drawPlacements();
}

function labelled(id, text, control, extra = null) {
    control.id = id;
    return el('div', {class: 'field'}, el('label', {for: id}, text), control, extra);
}

function textField(name, extra = {}) {
    const input = el('input', {type: 'text', autocomplete: 'off', 'data-path': name, ...extra, oninput: () => set(name, input.value)});
    input.value = rules[name];
    return labelled(`rule-${name}`, t(`rules.${name}`), input);
}

function set(name, value) {
    rules[name] = value;
    changed();
}

/* What a placement does by itself, in words. */
function placementNote(placement) {
    if (!placement) return '';
    const purchased = get(placement, 'purchased');
    return [
        get(placement, 'n') !== undefined && t('rules.placement_n', {n: placement.n}),
        purchased && t(`rules.purchased_${['never', 'always'].includes(purchased) ? purchased : 'for'}`, {time: String(purchased).replace('hide_for ', '')}),
        get(placement, 'diversity') > 0 && t('rules.placement_diversity', {value: decimal(placement.diversity)}),
        Object.keys(get(placement, 'filter') ?? {}).length > 0 && t('rules.placement_filter'),
        Object.values(get(placement, 'rules') ?? {}).some((list) => list?.length > 0) && t('rules.placement_rules'),
    ].filter(Boolean).join(' · ');
}

function drawPlacements() {
    const place = byId('rule-placement-field');
    if (!place) return;
    place.hidden = placements.length === 0;
    const select = el('select', {'data-path': 'placement', 'aria-describedby': 'rule-placement-note', onchange: () => {
        setText(byId('rule-placement-note'), placementNote(placements.find(({name}) => name === select.value)));
        set('placement', select.value);
    }}, el('option', {value: ''}, t('rules.placement_default')), ...placements.map(({name}) => el('option', {value: name}, name)));
    select.value = rules.placement;
    place.replaceChildren(labelled('rule-placement', t('rules.placement'), select,
        el('p', {class: 'quiet', id: 'rule-placement-note'}, placementNote(placements.find(({name}) => name === rules.placement)))));
}

function filters() {
    const price = (name) => textField(name, {type: 'number', inputmode: 'decimal', min: 0, step: 'any', 'data-path': 'price'});
    const stock = el('input', {type: 'checkbox', id: 'rule-in_stock', 'data-path': 'in_stock', onchange: () => set('in_stock', stock.checked)});
    stock.checked = rules.in_stock;
    return el('fieldset', {class: 'rule-group'}, el('legend', {}, t('rules.only')),
        textField('category', {list: 'known-categories', placeholder: t('rules.any')}), textField('brand', {list: 'known-brands', placeholder: t('rules.any')}),
        el('div', {class: 'pair'}, price('price_min'), price('price_max')),
        el('label', {class: 'check', for: 'rule-in_stock'}, stock, el('span', {}, t('rules.in_stock'))));
}

function diversity() {
    const said = () => (rules.diversity === null ? t('rules.diversity_off') : decimal(rules.diversity, 2));
    const output = el('output', {for: 'rule-diversity', class: 'number'}, said());
    const slider = el('input', {type: 'range', min: 0, max: SLIDER_STEPS, step: 1, 'data-path': 'diversity', 'aria-valuetext': said(), oninput: () => {
        const value = Number(slider.value) / SLIDER_STEPS;
        rules.diversity = value === 0 ? null : value;
        setText(output, said());
        slider.setAttribute('aria-valuetext', said());
        changed();
    }});
    slider.value = String((rules.diversity ?? 0) * SLIDER_STEPS);
    slider.id = 'rule-diversity';
    return el('div', {class: 'rule-group'},
        el('div', {class: 'slider-head'}, el('label', {for: slider.id}, t('rules.diversity')), output), slider,
        el('div', {class: 'slider-ends quiet', 'aria-hidden': 'true'}, el('span', {}, t('rules.relevant')), el('span', {}, t('rules.varied'))));
}

/* Of a rule about a category or brand, its name; of one about an item, the item. */
function subject(rule, label) {
    if (rule.kind === 'cap') return {node: null};
    if (rule.by === 'item') {
        const picker = new ItemPicker({label, keeps: true, value: rule.what, placeholder: t('rules.find_item'), chosen: (id) => {
            rule.what = id;
            changed();
        }});
        return {node: picker.node, focus: picker.input, picker};
    }
    const list = rule.by === 'category' ? 'known-categories' : 'known-brands';
    const input = el('input', {type: 'text', class: 'subject', autocomplete: 'off', maxlength: 128, 'aria-label': label, list, oninput: () => {
        rule.what = input.value.trim();
        changed();
    }});
    input.value = rule.what;
    return {node: input, focus: input};
}

function amount(rule) {
    const limits = AMOUNTS[rule.kind];
    if (!limits) return null;
    const input = el('input', {type: 'number', class: 'amount', inputmode: 'decimal', min: limits.min, max: limits.max, step: limits.step, 'aria-label': t(`rules.amount_${rule.kind}`), oninput: () => {
        rule.amount = input.value === '' ? NaN : Number(input.value);
        changed();
    }});
    input.value = String(rule.amount);
    return el('span', {class: 'amount-field'}, el('span', {'aria-hidden': 'true'}, t(`rules.sign_${rule.kind}`)), input);
}

function ruleRow(rule) {
    const name = t(`rules.${rule.kind}`);
    const by = SUBJECTS[rule.kind].length === 1 ? null
        : el('select', {class: 'by', 'aria-label': t('rules.by'), onchange: () => {
            rule.by = by.value;
            if (rule.kind !== 'cap') rule.what = '';
            drawRows();
            rows.find((row) => row.rule === rule).node.querySelector('.by').focus();
            changed();
        }}, ...SUBJECTS[rule.kind].map((value) => el('option', {value}, t(`rules.by_${value}`))));
    if (by) by.value = rule.by;
    const {node, focus, picker} = subject(rule, `${name}: ${t(`rules.by_${rule.by}`)}`);
    const remove = el('button', {type: 'button', class: 'remove', 'aria-label': t('rules.remove', {rule: name}), onclick: () => removeRule(rule)}, el('span', {'aria-hidden': 'true'}, '×'));
    return {rule, picker, focus: focus ?? by, node: el('li', {class: 'rule', role: 'group', 'aria-label': name},
        el('span', {class: `kind ${rule.kind}`}, name), by, node, amount(rule), remove, el('p', {class: 'wrong', hidden: true}))};
}

/* Titles came in: a field that is not being typed in shows its item's. */
export function showTitles() {
    for (const {picker} of rows) if (picker && document.activeElement !== picker.input) picker.show(picker.value);
}

function removeRule(rule) {
    const index = rules.list.indexOf(rule);
    rules.list.splice(index, 1);
    drawRows();
    (rows[Math.min(index, rows.length - 1)]?.node.querySelector('.remove') ?? byId('rule-add').querySelector('button')).focus();
    changed();
}

function drawRows() {
    rows = rules.list.map(ruleRow);
    byId('rule-list').replaceChildren(...rows.map(({node}) => node));
    byId('rule-list').hidden = rows.length === 0;
}

/* A rule from the panel's own buttons is empty and waits for its subject. */
function add(kind) {
    if (!hasRoom(rules, kind)) return;
    rules.list.push(newRule(kind));
    drawRows();
    rows.at(-1).focus.focus();
    if (kind === 'cap') changed();
}

/* From a list: the item is known.  A second rule of the kind for the same item takes the place of the first. */
export function addFor(kind, id, position) {
    rules.list = rules.list.filter((rule) => !(rule.kind === kind && rule.by === 'item' && rule.what === id));
    if (!hasRoom(rules, kind)) return;
    rules.list.push({...newRule(kind, id), ...(kind === 'pin' && {amount: position})});
    if (byId('rule-list')) drawRows();
    changed();
}

const knownNames = {category: new Set(), brand: new Set()};

/* Names to choose from: of the items seen so far. */
export function learnNames(items) {
    for (const item of items) for (const name of ['category', 'brand']) if (typeof get(item, name) === 'string') knownNames[name].add(get(item, name));
    drawNames();
}

function drawNames() {
    for (const [id, name] of [['known-categories', 'category'], ['known-brands', 'brand']]) {
        byId(id)?.replaceChildren(...[...knownNames[name]].sort().map((value) => el('option', {value})));
    }
}

/* The engine's words on a field, at the field: "rules.boost[0].by" is the first complete boost. */
export function showErrors(errors) {
    const panel = byId('rules');
    if (!panel) return;
    for (const old of panel.querySelectorAll('[aria-invalid]')) old.removeAttribute('aria-invalid');
    for (const old of panel.querySelectorAll('.wrong')) old.hidden = true;
    for (const {field, message} of errors) {
        const [, kind, index] = /^rules\.(\w+)\[(\d+)\]/.exec(field ?? '') ?? [];
        const found = kind && rows.filter(({rule}) => rule.kind === kind && (kind === 'cap' || rule.what !== ''))[Number(index)];
        if (found) {
            for (const input of found.node.querySelectorAll('input')) input.setAttribute('aria-invalid', 'true');
            const said = found.node.querySelector('.wrong');
            said.hidden = false;
            setText(said, message ?? '');
        } else {
            for (const input of panel.querySelectorAll(`[data-path="${CSS.escape(String(field).split(/[.[]/)[0])}"]`)) input.setAttribute('aria-invalid', 'true');
        }
    }
}

/* The panel for these rules; hear() is called after each change of them. */
export function rulesPanel(edited, hear) {
    rules = edited;
    changed = hear;
    const clear = el('button', {type: 'button', class: 'plain', id: 'rule-clear', onclick: () => {
        Object.assign(rules, noRules());
        byId('rules').replaceWith(rulesPanel(rules, hear));
        byId('rule-clear').focus();
        finishPanel();
        changed();
    }}, t('rules.clear'));
    return el('form', {class: 'rules', id: 'rules', 'aria-label': t('rules.title'), onsubmit: (event) => event.preventDefault()},
        el('p', {class: 'effect', id: 'effect', role: 'status'}),
        el('div', {id: 'rule-placement-field', hidden: true}),
        filters(), diversity(),
        el('div', {class: 'rule-group'}, el('h3', {id: 'rule-list-title'}, t('rules.list')),
            el('ul', {class: 'rule-list', id: 'rule-list', 'aria-labelledby': 'rule-list-title'}),
            el('div', {class: 'adds', id: 'rule-add', role: 'group', 'aria-label': t('rules.add')},
                ...KINDS.map((kind) => el('button', {type: 'button', class: 'chip add', 'data-kind': kind, onclick: () => add(kind)},
                    el('span', {'aria-hidden': 'true'}, '+ '), t(`rules.${kind}`))))),
        clear,
        el('datalist', {id: 'known-categories'}), el('datalist', {id: 'known-brands'}));
}

/* After it is on the page. */
export function finishPanel() {
    drawPlacements();
    drawRows();
    drawNames();
}
