/*
 * Elements from data.  Everything the engine says reaches the page through here as text nodes and attributes;
 * nothing on this dashboard parses a string as HTML.
 */

/*
 * An element: el('a', {class: 'chip', href: '#/growth'}, 'Growth').  A function under "on…" listens; null and
 * false leave the attribute out.
 */
export function el(tag, props = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
        else node.setAttribute(name, value === true ? '' : String(value));
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

export const byId = (id) => document.getElementById(id);

/* Write only what differs: an unchanged node keeps its layout and a screen reader stays silent. */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

/* How full a meter is; without a number it is empty. */
export function setShare(node, share) {
    node.style.setProperty('--share', String(Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0));
}

/* A thin bar for a share of one.  The number stands beside it in words, so readers of the screen skip the bar. */
export function meter(share, kind = '') {
    const node = el('span', {class: `meter ${kind}`, 'aria-hidden': 'true'}, el('i'));
    setShare(node, share);
    return node;
}

/*
 * Radio buttons drawn as one segmented control.  They are real radio buttons: arrow keys, one tab stop and the
 * "checked" a screen reader says all come from the browser.
 */
export function fillSegments(fieldset, name, options, chosen, onchange) {
    for (const old of fieldset.querySelectorAll('label')) old.remove();
    for (const {value, text} of options) {
        const input = el('input', {type: 'radio', name, value, onchange: () => onchange(value)});
        input.checked = value === chosen;
        fieldset.append(el('label', {}, input, el('span', {}, text)));
    }
}

/* What stands where data would: an empty answer, or the reason there is none. */
export function emptyState(title, text, kind = '') {
    return el('div', {class: `empty ${kind}`}, el('p', {class: 'empty-title'}, title), text ? el('p', {}, text) : null);
}
