/*
 * An item's picture, from this server or over TLS from another, and never with a word on where it is shown.
 *
 * The page's policy says the same (index.html); asking here as well keeps the console clean of what a catalogue may
 * hold.  Without a picture, or where it cannot be had, stands the first letter of the title.
 */
import {get} from './api.js';
import {el} from './dom.js';
import {titleOf} from './titles.js';

function address(item) {
    try {
        const url = new URL(get(item, 'image'), location.href);
        return url.protocol === 'https:' || url.origin === location.origin ? url.href : null;
    } catch {
        return null; // none, or not an address
    }
}

/* What a picture is of stands beside it, so it has no text of its own. */
export function picture(item) {
    const frame = el('span', {class: 'picture', 'aria-hidden': 'true'});
    const letter = () => frame.replaceChildren([...titleOf(item).replace(/[^\p{L}\p{N}]/gu, '')][0]?.toUpperCase() ?? '·');
    const src = typeof get(item, 'image') === 'string' ? address(item) : null;
    if (src === null) letter();
    else frame.append(el('img', {src, alt: '', loading: 'lazy', decoding: 'async', referrerpolicy: 'no-referrer', onerror: letter}));
    return frame;
}
