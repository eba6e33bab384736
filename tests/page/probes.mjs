/*
 * Questions the test asks inside the page.  Each function travels there as text, so it uses nothing from outside.
 */

/* Text that is drawn with less than 4.5:1 against what is behind it [WCAG 2.2, 1.4.3], as "ratio text". */
export function faintTexts() {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    // The canvas understands every colour syntax the browser has, and gives back bytes.
    const known = new Map();
    const rgba = (colour) => {
        if (known.has(colour)) return known.get(colour);
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        known.set(colour, canvas.getImageData(0, 0, 1, 1).data);
        return known.get(colour);
    };
    const over = (top, below) => [0, 1, 2].map((i) => (top[i] * top[3] + below[i] * (255 - top[3])) / 255);
    const surfaces = new Map();
    const behind = (node) => {
        if (!surfaces.has(node)) {
            const colour = rgba(getComputedStyle(node).backgroundColor);
            surfaces.set(node, over(colour, colour[3] === 255 || !node.parentElement ? [255, 255, 255] : behind(node.parentElement)));
        }
        return surfaces.get(node);
    };
    const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
        const c = colour[i] / 255;
        return sum + weight * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    }, 0);
    const faint = new Set();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = walk.nextNode(); text; text = walk.nextNode()) {
        const node = text.parentElement;
        const box = node.getBoundingClientRect();
        if (!text.data.trim() || box.width < 2 || box.height < 2 || !node.checkVisibility()) continue;
        const below = behind(node);
        const [a, b] = [luminance(over(rgba(getComputedStyle(node).color), below)), luminance(below)].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) faint.add(`${ratio.toFixed(2)} ${text.data.trim().slice(0, 40)}`);
    }
    return [...faint];
}

/* Edges of fields, and texts in empty ones, that do not stand out: 3:1 and 4.5:1 [WCAG 2.2, 1.4.11 and 1.4.3]. */
export function faintFields() {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const bytes = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return canvas.getImageData(0, 0, 1, 1).data;
    };
    const luminance = (colour) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, i) => {
        const c = colour[i] / 255;
        return sum + weight * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    }, 0);
    const ratio = (one, other) => {
        const [a, b] = [luminance(bytes(one)), luminance(bytes(other))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    };
    const behind = (node) => {
        const colour = getComputedStyle(node).backgroundColor;
        return bytes(colour)[3] === 255 || !node.parentElement ? colour : behind(node.parentElement);
    };
    const faint = [];
    for (const node of document.querySelectorAll('input:not([type="radio"], [type="range"], [type="checkbox"]), select')) {
        if (!node.checkVisibility()) continue;
        const name = node.id || node.className;
        const style = getComputedStyle(node);
        for (const surface of [behind(node), behind(node.parentElement)]) {
            const edge = ratio(style.borderTopColor, surface);
            if (edge < 3) faint.push(`${edge.toFixed(2)} edge of ${name}`);
        }
        const text = node.placeholder ? ratio(getComputedStyle(node, '::placeholder').color, behind(node)) : 21;
        if (text < 4.5) faint.push(`${text.toFixed(2)} placeholder of ${name}`);
    }
    return faint;
}

/* Faults of the document itself: ids twice, references to nothing, pictures without a word on them, headings that jump. */
export function brokenMarkup() {
    const faults = [];
    const ids = [...document.querySelectorAll('[id]')].map(({id}) => id);
    for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) faults.push(`the id ${id} twice`);
    for (const name of ['for', 'aria-controls', 'aria-labelledby', 'aria-describedby', 'aria-activedescendant', 'list']) {
        for (const node of document.querySelectorAll(`[${name}]`)) {
            for (const id of node.getAttribute(name).split(' ')) if (!document.getElementById(id)) faults.push(`${name} of ${node.id || node.className} names ${id}, which is not there`);
        }
    }
    for (const node of document.querySelectorAll('img:not([alt])')) faults.push(`no alt: ${node.src}`);
    let level = 0;
    for (const node of document.querySelectorAll('h1, h2, h3, h4')) {
        if (!node.checkVisibility()) continue;
        const at = Number(node.tagName[1]);
        if (at > level + 1) faults.push(`${node.tagName} "${node.textContent}" after a heading of level ${level}`);
        level = at;
    }
    if (!document.documentElement.lang) faults.push('no language');
    return faults;
}

/* What is drawn outside its card; what scrolls in a frame of its own is not. */
export function spilled() {
    const out = [];
    for (const card of document.querySelectorAll('.card')) {
        if (!card.checkVisibility()) continue;
        const {left, right} = card.getBoundingClientRect();
        for (const node of card.querySelectorAll('*:not(svg *)')) {
            if (!node.checkVisibility() || node.closest('.scroller, .unseen, .menu, thead') || node.matches('input')) continue;
            const box = node.getBoundingClientRect();
            if (box.width > 2 && (box.left < left - 1 || box.right > right + 1)) out.push(`${node.tagName} ${node.className}: ${node.textContent.slice(0, 40)}`);
        }
    }
    return out.slice(0, 5);
}

/* A mark on everything the keyboard must reach; a group of radio buttons is one stop. */
export function markStops() {
    for (const old of document.querySelectorAll('[data-stop]')) delete old.dataset.stop;
    const groups = new Set();
    let count = 0;
    for (const node of document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')) {
        if (!node.checkVisibility() || node.disabled || node.tabIndex < 0) continue;
        if (node.type === 'radio') {
            if (groups.has(node.name)) continue;
            groups.add(node.name);
        }
        node.dataset.stop = node.type === 'radio' ? `radio ${node.name}` : String(count);
        count++;
    }
    return count;
}

/* Where the keyboard is, and whether one sees it there. */
export function stopNow() {
    const node = document.activeElement;
    if (!node || node === document.body) return null;
    const drawn = node.type === 'radio' ? node.nextElementSibling : node;
    const style = getComputedStyle(drawn);
    return {
        stop: node.type === 'radio' ? `radio ${node.name}` : node.dataset.stop ?? null,
        name: node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.[0]?.textContent || '',
        visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    };
}

/* Visible text of one place, spaces made plain, as a person would read it. */
export function textOf(selector) {
    return (document.querySelector(selector)?.innerText ?? '').replace(/\s+/g, ' ').trim();
}

export function textsOf(selector) {
    return [...document.querySelectorAll(selector)].map((node) => node.innerText.replace(/\s+/g, ' ').trim());
}
