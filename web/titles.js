/*
 * What items are called.  A history and a reason name items by their ids; people know titles.
 *
 * Every item an answer describes is remembered; learn() asks the catalogue for the rest, each id once.
 */
import {api, get} from './api.js';
import {DASH} from './format.js';

const KNOWN_MAX = 5000;
const known = new Map(); /* id → title, or the id where the catalogue has none */

export function remember(items) {
    for (const item of items ?? []) {
        const title = get(item, 'title');
        if (title) known.set(item.id, title);
    }
    while (known.size > KNOWN_MAX) known.delete(known.keys().next().value);
}

/* An item's name on the page: its title, or its id where none is known. */
export function titleOf(item) {
    const id = get(item, 'id');
    return get(item, 'title') || known.get(id) || id || DASH;
}

/* A title that cannot be had is no reason to fail: the id stands in its place. */
export async function learn(ids, signal) {
    const asked = [...new Set(ids)].filter((id) => typeof id === 'string' && !known.has(id));
    await Promise.all(asked.map(async (id) => {
        const answer = await api.items(id, {signal}).catch(() => null);
        const item = (get(answer, 'items') ?? []).find((candidate) => get(candidate, 'id') === id);
        if (answer !== null) known.set(id, get(item, 'title') || id);
    }));
}
