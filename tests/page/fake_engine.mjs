/*
 * What the fake API recommends: a made-up shop, lists that depend on who asks, and the rules of a request.
 *
 * It follows docs/API.md in what a rule does to a list, not in how the engine does it: everything is sorted anew for
 * each request, which a shop of forty items can afford.
 */

export const HOSTILE = '<img src=x onerror=document.title="taken">';

/* id, title, price, category, brand, what its picture shows ('': none), stock (undefined: unknown) */
const ROWS = [
    ['85123A', 'WHITE HANGING HEART T-LIGHT HOLDER', 2.55, 'Lighting', 'Hearth', 'heart', 140], ['22423', 'REGENCY CAKESTAND 3 TIER', 12.75, 'Kitchen', 'Regency', 'cake', 12],
    ['47566', 'PARTY BUNTING', 4.95, 'Party', 'Spotty', 'bunting', 55], ['84879', 'ASSORTED COLOUR BIRD ORNAMENT', 1.69, 'Decoration', 'Hearth', '', 80],
    ['20725', 'LUNCH BAG RED RETROSPOT', 1.65, 'Bags', 'Retrospot', 'bag', 61], ['22720', 'SET OF 3 CAKE TINS PANTRY DESIGN', 4.95, 'Kitchen', 'Pantry', 'tin', 9],
    ['22197', 'SMALL POPCORN HOLDER', 0.85, 'Party', 'Retrospot', '', 210], ['23203', 'JUMBO BAG VINTAGE DOILY', 2.08, 'Bags', 'Vintage', 'bag', 33],
    ['22383', 'LUNCH BAG SUKI DESIGN', 1.65, 'Bags', 'Suki', 'bag', 47], ['22086', "PAPER CHAIN KIT 50'S CHRISTMAS", 2.95, 'Christmas', 'Vintage', 'star', undefined],
    ['23084', 'RABBIT NIGHT LIGHT', 2.08, 'Lighting', 'Toadstool', 'lamp', 18], ['84946', 'ANTIQUE SILVER TEA LIGHT GLASS', 1.25, 'Lighting', 'Antique', '', 96],
    ['22960', 'JAM MAKING SET WITH JARS', 4.25, 'Kitchen', 'Pantry', 'jar', 27], ['21931', 'JUMBO STORAGE BAG SUKI', 2.08, 'Bags', 'Suki', 'bag', 70],
    ['22457', 'NATURAL SLATE HEART CHALKBOARD', 2.95, 'Decoration', 'Hearth', 'heart', 14], ['23298', 'SPOTTY BUNTING', 4.95, 'Party', 'Spotty', 'bunting', 38],
    ['21212', 'PACK OF 72 RETROSPOT CAKE CASES', 0.55, 'Kitchen', 'Retrospot', 'cake', 320], ['22469', 'HEART OF WICKER SMALL', 1.65, 'Decoration', 'Hearth', 'heart', 88],
    ['22411', 'JUMBO SHOPPER VINTAGE RED PAISLEY', 2.08, 'Bags', 'Vintage', 'bag', 21], ['22138', 'BAKING SET 9 PIECE RETROSPOT', 4.95, 'Kitchen', 'Retrospot', '', undefined],
    ['22993', 'SET OF 4 PANTRY JELLY MOULDS', 1.25, 'Kitchen', 'Pantry', 'tin', 64], [HOSTILE, HOSTILE, 1, HOSTILE, HOSTILE, '', 5],
    ['99999', undefined, undefined, undefined, undefined, '', undefined], ['21731', 'RED TOADSTOOL LED NIGHT LIGHT', 1.65, 'Lighting', 'Toadstool', 'lamp', 90],
    ['22910', 'PAPER CHAIN KIT VINTAGE CHRISTMAS', 2.95, 'Christmas', 'Vintage', 'star', 44], ['23498', 'CLASSIC BICYCLE CLIPS', 1.45, 'Outdoor', 'Vintage', '', 13],
    ['22727', 'ALARM CLOCK BAKELIKE RED', 3.75, 'Clocks', 'Bakelike', 'clock', 25], ['22726', 'ALARM CLOCK BAKELIKE GREEN', 3.75, 'Clocks', 'Bakelike', 'clock', 0],
    ['22728', 'ALARM CLOCK BAKELIKE PINK', 3.75, 'Clocks', 'Bakelike', 'clock', 31], ['21754', 'HOME BUILDING BLOCK WORD', 5.95, 'Decoration', 'Hearth', '', 19],
    ['22114', 'HOT WATER BOTTLE TEA AND SYMPATHY', 3.95, 'Home', 'Hearth', '', 50], ['21485', 'RETROSPOT HEART HOT WATER BOTTLE', 4.95, 'Home', 'Retrospot', 'heart', 8],
    ['22865', 'HAND WARMER OWL DESIGN', 2.1, 'Outdoor', 'Toadstool', '', 160], ['22632', 'HAND WARMER RED RETROSPOT', 2.1, 'Outdoor', 'Retrospot', '', 144],
    ['22576', 'SWALLOW WOODEN CHRISTMAS DECORATION', 0.85, 'Christmas', 'Hearth', 'star', 201], ['22952', '60 CAKE CASES VINTAGE CHRISTMAS', 0.55, 'Christmas', 'Vintage', 'cake', 260],
    ['85099B', 'JUMBO BAG RED RETROSPOT', 1.95, 'Bags', 'Retrospot', 'bag', 410], ['22629', 'SPACEBOY LUNCH BOX', 1.95, 'Bags', 'Spaceboy', 'tin', 57],
];

export const CATALOGUE = ROWS.map(([id, title, price, category, brand, picture, stock]) => ({
    id, title, category, brand, price, currency: price === undefined ? undefined : 'GBP',
    image: picture ? `/pictures/${picture}.svg` : undefined, url: title && picture ? `https://shop.example/${id}` : undefined, stock,
}));
/* What a page must not load: not over TLS, and not there. */
CATALOGUE[3].image = 'http://pictures.example/bird.jpg';
CATALOGUE[6].image = '/pictures/gone.svg';

const SHOWN = ['id', 'title', 'category', 'brand', 'price', 'currency', 'image', 'url'];
const LIKED = 12; /* so many times the score, for what is of a category that somebody looked at */
const SOURCES = ['item_item', 'ials', 'blend', 'repeat', 'content', 'trending'];
const MEMBERS = ['placement', 'n', 'session_id', 'user_id', 'items', 'exclude', 'include', 'category', 'brand', 'price', 'price_min', 'price_max', 'in_stock', 'min_stock',
    'attributes', 'rules', 'diversity', 'explain', 'fields', 'next'];

export const PLACEMENTS = [
    {name: 'home', n: 10, purchased: 'hide_for 30d'},
    {name: 'basket', n: 6, purchased: 'never', filter: {price: {max: 5}}, rules: {cap: [{by: 'category', most: 2}]}},
    {name: 'discover', n: 20, purchased: 'always', diversity: 0.4},
];

export const pick = (list, index) => list[((index % list.length) + list.length) % list.length];

export function hash(text) {
    let h = 2166136261;
    for (const c of text) h = Math.imul(h ^ c.codePointAt(0), 16777619) >>> 0;
    return h;
}

export const find = (id) => CATALOGUE.find((item) => item.id === id);
export const shown = (item) => Object.fromEntries(SHOWN.map((name) => [name, item[name]]));

/* What somebody did since the start: user → item ids, newest first. */
const touched = new Map();

export function apply(event) {
    const user = event.user_id ?? event.anonymous_id ?? event.userId ?? event.anonymousId;
    const items = [event.item_id, ...(event.items ?? []).map((line) => line.item_id)].filter(Boolean);
    if (items.length > 0) touched.set(user, [...items, ...(touched.get(user) ?? [])].slice(0, 50));
}

/* A body as the engine takes it, or the fields that are wrong. */
export function check(body) {
    const errors = [];
    const wrong = (field, message) => errors.push({field, message});
    for (const name of Object.keys(body)) if (!MEMBERS.includes(name)) wrong(name, 'is not a member of this request');
    if (body.n !== undefined && !(Number.isInteger(body.n) && body.n >= 1 && body.n <= 100)) wrong('n', 'must be 1 to 100');
    if (body.diversity !== undefined && !(body.diversity >= 0 && body.diversity <= 1)) wrong('diversity', 'must be 0 to 1');
    if (body.placement !== undefined && !PLACEMENTS.some(({name}) => name === body.placement)) wrong('placement', 'is not configured');
    (body.rules?.boost ?? []).forEach((rule, index) => rule.by > 1 && rule.by <= 100 || wrong(`rules.boost[${index}].by`, 'must be above 1 and at most 100'));
    (body.rules?.bury ?? []).forEach((rule, index) => rule.by >= 0 && rule.by < 1 || wrong(`rules.bury[${index}].by`, 'must be at least 0 and below 1'));
    (body.rules?.cap ?? []).forEach((rule, index) => rule.most >= 1 || wrong(`rules.cap[${index}].most`, 'must be at least 1'));
    (body.rules?.pin ?? []).forEach((rule, index) => rule.position >= 1 && rule.position <= 100 || wrong(`rules.pin[${index}].position`, 'must be 1 to 100'));
    return errors;
}

const list = (value) => (value === undefined ? [] : [value].flat());

function matches(where, item) {
    const price = {min: where.price?.min ?? where.price_min, max: where.price?.max ?? where.price_max};
    return (where.items === undefined || where.items.includes(item.id))
        && (where.category === undefined || list(where.category).includes(item.category))
        && (where.brand === undefined || list(where.brand).includes(item.brand))
        && (price.min === undefined || item.price >= price.min) && (price.max === undefined || item.price <= price.max)
        && (where.min_stock === undefined || item.stock >= where.min_stock);
}

function capped(items, caps) {
    const counts = new Map();
    return items.filter((item) => caps.every(({by, most}) => {
        const key = `${by}|${item[by] ?? ''}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
        return item[by] === undefined || counts.get(key) <= most;
    }));
}

/* Maximal marginal relevance [Carbonell and Goldstein 1998]. */
function diversified(items, diversity) {
    const like = (a, b) => (a.category === b.category ? 0.5 : 0) + (a.brand === b.brand ? 0.25 : 0);
    const rest = [...items];
    const chosen = [];
    while (rest.length > 0) {
        const worth = rest.map((item) => (1 - diversity) * item.score - diversity * Math.max(0, ...chosen.map((other) => like(item, other))));
        chosen.push(...rest.splice(worth.indexOf(Math.max(...worth)), 1));
    }
    return chosen;
}

function scored(user, context) {
    const start = hash(user ?? context.join());
    const liked = new Set([...context, ...(touched.get(user) ?? [])].map((id) => find(id)?.category).filter(Boolean));
    return CATALOGUE.map((_, index) => {
        const item = pick(CATALOGUE, start + index);
        return {...item, score: 0.93 * 0.9 ** index * (liked.has(item.category) ? LIKED : 1), source: pick(SOURCES, index)};
    }).sort((a, b) => b.score - a.score);
}

function reason(item, index, fallback) {
    if (fallback) return {because: [], text: 'popular this week'};
    const because = pick(CATALOGUE, hash(item.id) + index + 7);
    return {because: [because.id], text: `bought with ${because.title ?? because.id}`};
}

/* The list of a request; user undefined: a visit, scored from the items alone. */
export function recommend(user, body, facts) {
    const placement = PLACEMENTS.find(({name}) => name === (body.placement ?? PLACEMENTS[0].name));
    const rules = body.rules ?? placement.rules ?? {};
    const filter = {...placement.filter, ...body};
    const context = list(body.items);
    const page = body.next ? JSON.parse(Buffer.from(body.next.slice(2), 'base64url')) : {number: 0, shown: []};
    const hidden = new Set([...list(body.exclude), ...context, ...page.shown]);
    const n = body.n ?? placement.n;
    let items = scored(user, context).filter((item) => !hidden.has(item.id) && item.stock !== 0 && matches({...filter, items: body.include}, item)
        && (filter.in_stock !== true || item.stock > 0));
    for (const item of items) {
        for (const {where, by} of rules.boost ?? []) if (matches(where, item)) item.score *= by;
        for (const {where, by} of rules.bury ?? []) if (matches(where, item)) item.score *= by;
    }
    items = items.filter((item) => item.score > 0).sort((a, b) => b.score - a.score);
    items = capped(diversified(items, body.diversity ?? placement.diversity ?? 0), rules.cap ?? []);
    for (const {item: id, position} of page.number === 0 ? rules.pin ?? [] : []) {
        if (!find(id) || hidden.has(id)) continue;
        items = items.filter((item) => item.id !== id);
        items.splice(position - 1, 0, {...find(id), score: 0, source: 'pinned', pinned: true});
    }
    const fallback = user?.startsWith('new') && context.length === 0 || user === undefined && !context.some(find) ? 'popular' : undefined;
    const told = items.slice(0, n).map((item, index) => ({
        ...shown(item), score: item.score, source: fallback ?? item.source, pinned: item.pinned, reason: body.explain && !item.pinned ? reason(item, index, fallback) : undefined,
    }));
    const next = items.length > n ? `n_${Buffer.from(JSON.stringify({number: page.number + 1, shown: [...page.shown, ...told.map(({id}) => id)]})).toString('base64url')}` : undefined;
    return {
        recommendation_id: `r_${hash(`${user}|${page.number}`).toString(36)}`, items: told, placement: placement.name, ...facts, session_id: body.session_id,
        page: page.number || undefined, next, fallback, served_from: fallback ? 'fallback' : user === undefined ? 'live' : 'cache', degraded: false, took_us: 184,
    };
}

/* Items beside one: the same category first. */
export function beside(id, n, shift) {
    const item = find(id);
    return Array.from(CATALOGUE, (_, index) => pick(CATALOGUE, hash(id) + shift + index)).filter((other) => other.id !== id && other.stock !== 0)
        .sort((a, b) => (b.category === item.category) - (a.category === item.category))
        .slice(0, n).map((other, index) => ({...shown(other), score: 0.8 - index / 50, source: 'item_item'}));
}

export function rank(body) {
    const known = scored(body.user_id, list(body.context));
    const given = body.items.map((id, position_before) => ({id, position_before: position_before + 1, found: known.find((item) => item.id === id)}));
    const left_out = given.filter(({found}) => found?.stock === 0).map(({id}) => ({id, why: 'out_of_stock'}));
    const items = given.filter(({found}) => found?.stock !== 0).sort((a, b) => (b.found?.score ?? -1) - (a.found?.score ?? -1));
    return {items: items.map(({id, position_before, found}) => ({...(found ? shown(found) : {id}), score: found?.score ?? null, source: found?.source, position_before})), left_out};
}
