/*
 * An example shop on Millrace: what a page asks, what it tells, and how the list changes a moment later.
 *
 *   a page asks   recommend() for whoever is here, similar() and boughtTogether() beside an item, session() for a basket
 *   a page tells  view, cart_add, cart_remove, purchase, each with the recommendation_id of the list it came from
 *
 * The address bar is the state: #/, #/item/ID, #/search?q=…, #/basket.  Everything the engine says becomes text nodes.
 */
import {Millrace} from '/millrace-client.mjs';

const CURRENCY = 'GBP'; /* the catalogue of the demo does not say */
const CUSTOMERS = ['12583', '13047', '17850', '12347', '14688'];
/* Codes of the demo's invoices that are no goods: postage, charges, samples. */
const NO_GOODS = ['POST', 'DOT', 'M', 'D', 'S', 'C2', 'PADS', 'CRUK', 'BANK CHARGES', 'AMAZONFEE'];
const ROW = 8;
const SEARCH_MAX = 40;
const CHANGE_MS_MAX = 3000; /* how long we look for a change of the list */
const CHANGE_LOOK_MS = 120;
const CALLS_SHOWN = 30;

/* Words of a title, and the drawing they stand for; the first that fits. */
const DRAWINGS = [
    [/\b(bag|shopper|tote|purse|rucksack)s?\b/, 'bag'],
    [/\b(cake\w*|baking|biscuit|muffin|bread)\b/, 'cake'],
    [/\b(light|lights|lantern|candle|candles|lamp|t-light|holder)\b/, 'light'],
    [/\bhearts?\b/, 'heart'],
    [/\b(bunting|flags?|garland|party|balloons?)\b/, 'bunting'],
    [/\b(clock|timer)s?\b/, 'clock'],
    [/\b(mug|\w*cup|saucer|tea|teapot|coffee|bottle|warmer)s?\b/, 'mug'],
    [/\b(christmas|star|stars|snow|reindeer|advent)\b/, 'star'],
    [/\b(jar|jars|jam|bowl|dish|vase|pot)\b/, 'jar'],
    [/\b(flower|flowers|rose|daisy|garden|plant|herb|lavender|tulip)s?\b/, 'flower'],
    [/\b(card|cards|napkin|paper|envelope|wrap|notebook|letter|postcard|tissue)s?\b/, 'card'],
    [/\b(frame|sign|mirror|picture|chalkboard|slate|doormat)s?\b/, 'frame'],
    [/\b(bird|birds|owl|hen|dove|rabbit|cat|dog)s?\b/, 'bird'],
    [/\b(toy|doll|game|blocks?|skittles|spaceboy|dolly|puzzle|bicycle)\b/, 'toy'],
    [/\b(tin|tins|box|boxes|case|set|kit|drawer|cabinet)\b/, 'tin'],
];

const byId = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function el(tag, props = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props)) {
        if (value === undefined || value === null || value === false) continue;
        if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
        else node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
    return node;
}

/* --- What the page asks, kept for the drawer at the foot --- */

const millrace = new Millrace('');

function note(words, begun, answer) {
    const took = `${(performance.now() - begun).toFixed(0)} ms`;
    const from = [
        answer?.served_from, answer?.fallback && `fallback ${answer.fallback}`, answer?.degraded && 'degraded', answer?.took_us !== undefined && `${answer.took_us} µs in the engine`,
    ].filter(Boolean).join(', ');
    byId('calls').prepend(el('li', {}, el('code', {}, words), ` ${took}`, from ? ` · ${from}` : ''));
    while (byId('calls').childElementCount > CALLS_SHOWN) byId('calls').lastChild.remove();
}

/* A list, or null: a shop goes on without one. */
async function asked(words, call) {
    const begun = performance.now();
    try {
        const answer = await call();
        note(words, begun, answer);
        return answer;
    } catch (error) {
        note(`${words} → ${error.message}`, begun);
        return null;
    }
}

/* --- Who is here, and when --- */

const visitor = sessionStorage.getItem('visitor') ?? `visitor-${Math.random().toString(36).slice(2, 12)}`;
sessionStorage.setItem('visitor', visitor);

const who = () => byId('who').value; /* '' is the visitor */
const person = () => (who() === '' ? {anonymous_id: visitor} : {user_id: who()});
const stored = (name) => JSON.parse(sessionStorage.getItem(`${name} ${who()}`) ?? '[]');
const store = (name, value) => sessionStorage.setItem(`${name} ${who()}`, JSON.stringify(value));

/* A replayed year has a time of its own: the newest event's, and on from there.  Undefined: now is now. */
let began_ms;

async function startClock() {
    const {now} = await (await fetch('/shop.json')).json().catch(() => ({}));
    const newest_ms = Date.parse(now ?? '');
    if (Date.now() - newest_ms > 24 * 3600000) began_ms = newest_ms + 1000 - performance.now();
}

const shopTime = () => (began_ms === undefined ? undefined : new Date(began_ms + performance.now()).toISOString());

/* --- What the page tells --- */

/* From which list an item was taken: {recommendation_id, placement, position}. */
const takenFrom = new Map();

async function tell(type, members) {
    const event = {type, ...person(), session_id: visitor, time: shopTime(), ...members};
    const begun = performance.now();
    try {
        const answer = await millrace.events([event]);
        note(`event ${type}${event.item_id ? ` of ${event.item_id}` : ''}`, begun);
        return answer.accepted === 1;
    } catch (error) {
        note(`event ${type} → ${error.message}`, begun);
        return false;
    }
}

function remember(id) {
    store('visit', [id, ...stored('visit').filter((other) => other !== id)].slice(0, 20));
}

/* --- Drawing --- */

function hash(text) {
    let h = 2166136261;
    for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 16777619) >>> 0;
    return h;
}

/* "WHITE HANGING HEART" is shouting. */
function titleOf(item) {
    const title = (item.title ?? item.id).trim();
    return /[a-z]/.test(title) ? title : title.toLowerCase().replace(/(^|[\s\-/(])(\p{L})/gu, (_, before, letter) => before + letter.toUpperCase());
}

const money = (amount, currency = CURRENCY) => (Number.isFinite(amount) ? new Intl.NumberFormat('en-GB', {style: 'currency', currency}).format(amount) : '');

/* A picture of the catalogue, from here or over TLS; where there is none, a drawing of what the title says. */
function drawing(item) {
    const frame = el('span', {class: `art hue-${hash(item.id) % 8}`});
    if (/^(https:|\/(?!\/))/.test(item.image ?? '')) {
        frame.append(el('img', {src: item.image, alt: '', loading: 'lazy', referrerpolicy: 'no-referrer', onerror: () => frame.replaceChildren(drawn(item))}));
    } else frame.append(drawn(item));
    return frame;
}

function drawn(item) {
    const words = titleOf(item).toLowerCase();
    const name = DRAWINGS.find(([pattern]) => pattern.test(words))?.[1] ?? 'box';
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    use.setAttribute('href', `#art-${name}`);
    svg.setAttribute('aria-hidden', 'true');
    svg.append(use);
    return svg;
}

const itemAddress = (id) => `#/item/${encodeURIComponent(id)}`;

function card(item, index, list, fresh) {
    const from = list.recommendation_id && {recommendation_id: list.recommendation_id, placement: list.placement, position: index + 1};
    const why = item.reason?.because?.length > 0 || item.reason?.text?.startsWith('because') ? item.reason.text : undefined;
    return el('li', {class: fresh ? 'card fresh' : 'card', 'data-id': item.id},
        el('a', {href: itemAddress(item.id), onclick: () => from && takenFrom.set(item.id, from)},
            drawing(item), el('span', {class: 'name'}, titleOf(item)), el('span', {class: 'price'}, money(item.price, item.currency))),
        fresh && el('span', {class: 'badge'}, 'New for you'), why && el('p', {class: 'why'}, sentence(why)));
}

/* "because of RABBIT NIGHT LIGHT" in the shop's own voice. */
const sentence = (text) => text.replace(/[A-Z0-9][A-Z0-9'&.,\-/ ]{3,}/g, (shout) => titleOf({title: shout})).replace(/^./, (first) => first.toUpperCase());

/* A shelf; without an answer, or with nothing on it, none. */
function shelf(id, title, list, {fresh = new Set(), note: words} = {}) {
    if (!list || list.items.length === 0) return null;
    return el('section', {class: 'shelf', id, 'aria-labelledby': `${id}-title`},
        el('div', {class: 'shelf-head'}, el('h2', {id: `${id}-title`}, title), words && el('p', {}, words)),
        el('ul', {class: 'cards'}, list.items.map((item, index) => card(item, index, list, fresh.has(item.id)))));
}

function toast(words) {
    byId('toast').textContent = words;
    byId('toast').classList.toggle('shown', words !== '');
    clearTimeout(toast.timer);
    if (words !== '') toast.timer = setTimeout(() => toast(''), 6000);
}

let arriving = false; /* at another page: its first drawing takes the keyboard and the view to the top */

function page(title, ...content) {
    document.title = `${title} · Lantern & Thread`;
    byId('main').replaceChildren(...content.filter(Boolean));
    drawBasketCount();
    if (!arriving) return;
    arriving = false;
    window.scrollTo(0, 0);
    byId('main').querySelector('h1').focus({preventScroll: true});
}

/* --- Home --- */

/* For a customer their list; for a visitor what the visit says, once there is one. */
function picks() {
    const visit = stored('visit');
    if (who() === '' && visit.length > 0) return asked(`session recommendations of ${visit.length} items`, () => millrace.session(visit, {n: ROW, explain: true, session_id: visitor, exclude: NO_GOODS}));
    return asked(`recommendations of ${who() || visitor}`, () => millrace.recommend(who() || visitor, {n: ROW, explain: true, session_id: visitor, exclude: NO_GOODS}));
}

const keyOf = (list) => (list?.items ?? []).map(({id}) => id).join(' ');
let shownPicks = null; /* of `shownWho`, as last seen on the home page */
let shownWho = null;

const picksTitle = (list) => (list?.fallback === 'popular' ? 'Loved by everybody' : who() === '' ? 'Going by your visit' : 'Picked for you');

async function home() {
    const at = current;
    const [mine, hot, recent] = await Promise.all([
        picks(), asked('trending', () => millrace.trending('popular', {n: ROW})), asked('new', () => millrace.call('GET', '/v1/new', {query: {n: ROW}})),
    ]);
    if (at !== current) return;
    const before = shownWho === who() ? new Set((shownPicks?.items ?? []).map(({id}) => id)) : null;
    const fresh = new Set(before ? (mine?.items ?? []).map(({id}) => id).filter((id) => !before.has(id)) : []);
    [shownPicks, shownWho] = [mine, who()];
    page('Home',
        el('section', {class: 'hero'},
            el('p', {class: 'eyebrow'}, who() === '' ? 'Welcome' : 'Welcome back'),
            el('h1', {tabindex: -1}, 'Small lights, soft bags, and cake on a stand.'),
            el('p', {}, who() === '' ? 'Look around: the shelf below learns from what you open.' : `The shelf below is customer ${who()}’s, and it follows what they do.`)),
        shelf('picks', picksTitle(mine), mine, {fresh, note: fresh.size > 0 ? `${fresh.size} of ${mine.items.length} are new since you last looked` : undefined}),
        shelf('popular', 'Everybody’s favourites', hot), shelf('new', 'New in the shop', recent),
        !mine && !hot && el('p', {class: 'sorry'}, 'Our shelves are out of reach for a moment. Please try again.'));
}

/*
 * After something was told: look until the list is another one, and say how long that took.  The engine counts an
 * event within a tenth of a second; the rest is this page's looking.
 */
async function followChange(what, before) {
    const begun = performance.now();
    while (performance.now() - begun < CHANGE_MS_MAX) {
        await sleep(CHANGE_LOOK_MS);
        const now = await picks();
        if (!now || keyOf(now) === keyOf(before)) continue;
        const old = new Set((before?.items ?? []).map(({id}) => id));
        const entered = now.items.filter(({id}) => !old.has(id)).length;
        toast(`${what} ${entered > 0 ? `${entered} of your ${now.items.length} picks are new` : 'Your picks moved'}, ${((performance.now() - begun) / 1000).toFixed(1)} s later.`);
        return;
    }
}

/* --- An item --- */

async function itemOf(id) {
    const item = await asked(`item ${id}`, () => millrace.item(id));
    if (item) return item;
    const found = await asked(`items with ${id}`, () => millrace.search(id, 100));
    return found?.items.find((one) => one.id === id) ?? {id};
}

let current = ''; /* the address being drawn: a slow answer for another one is dropped */

async function item(id) {
    const at = current;
    const before = await picks();
    remember(id);
    const told = tell('view', {item_id: id, ...takenFrom.get(id)});
    const [one, alike, together] = await Promise.all([
        itemOf(id), asked(`similar to ${id}`, () => millrace.similar(id, {n: ROW})), asked(`bought together with ${id}`, () => millrace.boughtTogether(id, {n: 4})),
    ]);
    if (at !== current) return;
    page(titleOf(one),
        el('article', {class: 'item'}, drawing(one),
            el('div', {class: 'item-text'},
                el('p', {class: 'eyebrow'}, one.category ?? one.brand ?? `No. ${one.id}`), el('h1', {tabindex: -1}, titleOf(one)),
                el('p', {class: 'item-price'}, money(one.price, one.currency)),
                el('button', {type: 'button', class: 'buy', id: 'add', onclick: () => add(one)}, 'Add to basket'),
                el('p', {class: 'small'}, 'Free returns within thirty days. Sent tomorrow, wrapped by hand.'))),
        shelf('together', 'Often bought together', together), shelf('similar', 'You may also like', alike));
    if (await told) followChange(`You looked at ${titleOf(one)}.`, before);
}

/* --- The basket: [{id, title, price, currency, quantity, from}] --- */

function drawBasketCount() {
    const pieces = stored('basket').reduce((sum, {quantity}) => sum + quantity, 0);
    byId('basket-count').textContent = String(pieces);
    byId('basket-link').setAttribute('aria-label', `Basket, ${pieces} ${pieces === 1 ? 'item' : 'items'}`);
}

async function add({id, title, price, currency}) {
    const basket = stored('basket');
    const line = basket.find((one) => one.id === id);
    if (line) line.quantity++;
    else basket.push({id, title, price, currency, quantity: 1, from: takenFrom.get(id)});
    store('basket', basket);
    drawBasketCount();
    const before = await picks();
    toast(`${titleOf({id, title})} is in your basket.`);
    if (await tell('cart_add', {item_id: id, quantity: 1, price, currency, ...takenFrom.get(id)})) followChange('It is in your basket.', before);
}

function change(id, by) {
    const basket = stored('basket');
    const line = basket.find((one) => one.id === id);
    line.quantity += by;
    store('basket', basket.filter(({quantity}) => quantity > 0));
    tell(by > 0 ? 'cart_add' : 'cart_remove', {item_id: id, quantity: 1, price: line.price, currency: line.currency, ...line.from});
    const place = `[data-line="${CSS.escape(id)}"] ${by > 0 ? '.plus' : '.minus'}`;
    basketPage().then(() => (document.querySelector(place) ?? byId('main').querySelector('h1')).focus());
}

async function buy() {
    const basket = stored('basket');
    const before = await picks();
    const order_id = `shop-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
    const from = basket.map((line) => line.from).find(Boolean);
    const items = basket.map(({id, quantity, price, currency}) => ({item_id: id, quantity, price, currency}));
    if (!await tell('purchase', {order_id, items, recommendation_id: from?.recommendation_id, placement: from?.placement})) {
        toast('The order did not arrive. Please try again.');
        return;
    }
    store('basket', []);
    arriving = true;
    page('Thank you', el('section', {class: 'hero'}, el('p', {class: 'eyebrow'}, `Order ${order_id}`),
        el('h1', {tabindex: -1}, 'Thank you. We are wrapping it now.'), el('p', {}, el('a', {href: '#/'}, 'Back to the shop'))));
    followChange('You bought something.', before);
}

async function basketPage() {
    const at = current;
    const basket = stored('basket');
    const goesWith = basket.length === 0 ? null
        : await asked(`session recommendations of ${basket.length} items`, () => millrace.session(basket.map(({id}) => id).reverse(), {n: 4, session_id: visitor, exclude: NO_GOODS}));
    if (at !== current) return;
    const total = basket.reduce((sum, {price, quantity}) => sum + (price ?? 0) * quantity, 0);
    const step = (line, by) => el('button', {
        type: 'button', class: by > 0 ? 'step plus' : 'step minus', 'aria-label': `${by > 0 ? 'One more' : 'One less'}: ${titleOf(line)}`, onclick: () => change(line.id, by),
    }, by > 0 ? '+' : '−');
    page('Basket', el('section', {class: 'basket'}, el('h1', {tabindex: -1}, 'Your basket'),
        basket.length === 0 ? el('p', {class: 'sorry'}, 'It is empty. ', el('a', {href: '#/'}, 'Have a look around.'))
            : [el('ul', {class: 'lines'}, basket.map((line) => el('li', {'data-line': line.id}, drawing(line),
                el('a', {class: 'name', href: itemAddress(line.id)}, titleOf(line)),
                el('span', {class: 'steps'}, step(line, -1), el('span', {}, String(line.quantity)), step(line, 1)),
                el('span', {class: 'price'}, money((line.price ?? 0) * line.quantity, line.currency))))),
            el('div', {class: 'total'}, el('span', {}, 'Total'), el('b', {}, money(total)), el('button', {type: 'button', class: 'buy', id: 'buy', onclick: buy}, 'Buy now'))]),
    shelf('goes-with', 'Goes with your basket', goesWith));
}

/* --- Search --- */

async function search(query) {
    const at = current;
    const found = await asked(`items with “${query}”`, () => millrace.search(query, SEARCH_MAX));
    if (at !== current) return;
    const items = (found?.items ?? []).filter(({hidden}) => hidden !== true);
    page(query, el('section', {class: 'hero'}, el('p', {class: 'eyebrow'}, 'Search'), el('h1', {tabindex: -1}, `“${query}”`),
        items.length === 0 && el('p', {class: 'sorry'}, 'We have nothing of that name.')),
    shelf('found', items.length === SEARCH_MAX ? `The first ${items.length}` : `${items.length} found`, {items}));
}

/* --- Where we are --- */

async function go(moved = true) {
    const [, name = '', rest = ''] = /^#\/?([a-z]*)[/?]?(.*)$/.exec(location.hash) ?? [];
    current = location.hash;
    arriving = moved;
    toast('');
    if (name === 'item') await item(decodeURIComponent(rest));
    else if (name === 'basket') await basketPage();
    else if (name === 'search') await search(new URLSearchParams(rest).get('q') ?? '');
    else await home();
}

async function start() {
    const remembered = sessionStorage.getItem('who') ?? CUSTOMERS[0];
    const known = [...new Set([remembered, ...CUSTOMERS])].filter(Boolean);
    byId('who').append(...known.map((id) => el('option', {value: id}, `Customer ${id}`)), el('option', {value: ''}, 'A new visitor'));
    byId('who').value = remembered;
    byId('who').addEventListener('change', () => {
        sessionStorage.setItem('who', who());
        go(false);
    });
    byId('find').addEventListener('submit', (event) => {
        event.preventDefault();
        if (byId('query').value.trim() !== '') location.hash = `#/search?q=${encodeURIComponent(byId('query').value.trim())}`;
    });
    byId('skip').addEventListener('click', (event) => {
        event.preventDefault();
        byId('main').focus();
    });
    window.addEventListener('hashchange', () => go());
    await startClock().catch(() => {}); // then now is now
    await go(false);
}

start();
