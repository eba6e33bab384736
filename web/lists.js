/*
 * Lists of recommendations as cards: each item with its picture, price, source and reason, and, where two lists
 * stand side by side, a mark of where the item went.  A mark is a sign and a word, never a colour alone.
 */
import {api, get} from './api.js';
import {el, emptyState, meter} from './dom.js';
import {count, dateTime, decimal, micros, money, word} from './format.js';
import {menuButton} from './menu.js';
import {picture} from './pictures.js';
import {language, t} from './text.js';
import {remember, titleOf} from './titles.js';

const SIMILAR_N = 6;
const SIGNS = {up: '▲', down: '▼', entered: '+', left: '×', same: '='};

let panels = 0;

/* The engine writes its reasons in English; in another language we say the same from what they are made of. */
function reasonText(item) {
    const text = get(item, 'reason', 'text');
    if (language() === 'en' && text) return text;
    const because = get(item, 'reason', 'because') ?? [];
    return because.length > 0 ? t('recommendations.because', {items: because.map((id) => titleOf({id})).join('、')}) : '';
}

/* Which titles a list's reasons need: the engine's own sentences hold them. */
export function becauseOf(items) {
    return language() === 'en' ? [] : items.flatMap((item) => get(item, 'reason', 'because') ?? []);
}

function similarList(items) {
    if (items.length === 0) return el('p', {class: 'quiet'}, t('recommendations.no_similar'));
    return el('ul', {}, ...items.map((item) => el('li', {},
        el('span', {class: 'name'}, titleOf(item)),
        el('span', {class: 'number'}, money(get(item, 'price'), get(item, 'currency'))))));
}

/* Asked for at the first opening; after a failure, at the next one. */
async function toggleSimilar(button, item, panel) {
    const open = button.getAttribute('aria-expanded') !== 'true';
    button.setAttribute('aria-expanded', String(open));
    panel.hidden = !open;
    if (!open || panel.dataset.known) return;
    panel.replaceChildren(el('p', {class: 'quiet'}, t('loading')));
    try {
        const items = get(await api.similar(item.id, SIMILAR_N), 'items') ?? [];
        remember(items);
        panel.dataset.known = 'yes';
        panel.replaceChildren(similarList(items));
    } catch (error) {
        panel.replaceChildren(error.status === 404
            ? similarList([]) // an item the model has not met
            : el('p', {class: 'quiet bad'}, error.status === 0 ? t('notice.unreachable') : error.message));
    }
}

function similarOf(item, title) {
    panels++;
    const panel = el('div', {class: 'similar', id: `similar-${panels}`, role: 'group', 'aria-label': t('recommendations.similar_to', {item: title}), hidden: true});
    const button = el('button', {
        type: 'button', class: 'more', 'aria-expanded': 'false', 'aria-controls': panel.id,
        'aria-label': `${t('recommendations.similar')}: ${title}`, onclick: () => toggleSimilar(button, item, panel),
    }, t('recommendations.similar'));
    return [button, panel];
}

/* In the list with the rules the mark says where the item came from, in the one before where it went. */
function markOf(mark, isBefore) {
    if (!mark) return null;
    const {kind, was, is} = mark;
    const moved = kind === 'up' || kind === 'down';
    if (isBefore && !moved && kind !== 'left') return null;
    const text = isBefore && moved ? t('compare.to', {is}) : moved ? String(Math.abs(is - was)) : t(`compare.${kind}`);
    const spoken = moved ? t(isBefore ? 'compare.goes' : `compare.${kind}`, {was, is}) : t(`compare.${kind}_long`);
    return el('span', {class: `shift ${kind}`, title: spoken},
        el('span', {'aria-hidden': 'true'}, isBefore && moved ? text : `${SIGNS[kind]} ${text}`),
        el('span', {class: 'unseen'}, spoken));
}

const commands = (act, item, position) => ['pin', 'boost', 'bury', 'exclude']
    .map((kind) => ({text: t(`rules.do_${kind}`, {position}), run: () => act(kind, item, position)}));

function row(item, index, best, {marks, isBefore, act, is_narrow}) {
    const title = titleOf(item);
    const mark = marks?.get(get(item, 'id'));
    const [button, panel] = is_narrow ? [null, null] : similarOf(item, title);
    const score = get(item, 'score');
    const reason = reasonText(item);
    return el('li', {class: `rec ${mark?.kind ?? ''}`, 'data-id': get(item, 'id')},
        el('span', {class: 'rank'}, count(index + 1)),
        picture(item),
        el('div', {class: 'what'},
            el('p', {class: 'title'}, title),
            el('p', {class: 'why'}, markOf(mark, isBefore), el('span', {class: 'tag'}, word('source', get(item, 'source'))),
                el('span', {class: 'reason', title: is_narrow ? reason : null}, reason))),
        el('div', {class: 'worth'},
            el('p', {class: 'price'}, money(get(item, 'price'), get(item, 'currency'))),
            el('p', {class: 'score', title: t('recommendations.score', {score: decimal(score, 4)})}, meter(score / best))),
        el('div', {class: 'acts'}, button, act ? menuButton(t('rules.menu', {item: title}), commands(act, item, index + 1)) : null),
        panel);
}

/* Beside another list there is room for the important half. */
function facts(list, {is_narrow, effect, is_visit}) {
    const fallback = get(list, 'fallback');
    const degraded = get(list, 'degraded') === true;
    const chips = [
        el('span', {class: `pill ${fallback ? '' : 'good'}`},
            fallback ? t('recommendations.fallback', {name: word('fallback', fallback)}) : t(is_visit ? 'recommendations.of_visit' : 'recommendations.personal')),
        degraded ? el('span', {class: 'pill warn'}, t('recommendations.degraded', {reason: word('degraded', get(list, 'degraded_reason'))})) : null,
    ];
    const notes = is_narrow ? [effect].filter(Boolean) : [
        get(list, 'placement') && t('recommendations.placement', {name: list.placement}),
        get(list, 'served_from') && t('recommendations.from', {place: word('served', list.served_from)}),
        get(list, 'took_us') !== undefined && t('recommendations.took', {time: micros(list.took_us)}),
        get(list, 'model_version') && t('recommendations.model', {version: list.model_version}),
        get(list, 'profile_as_of') && t('recommendations.profile_as_of', {time: dateTime(list.profile_as_of)}),
    ].filter(Boolean);
    return el('div', {class: 'facts'}, ...chips, el('span', {class: 'quiet'}, notes.join(' · ')));
}

/* The way to the next page: its own words while it is on the way, and why it did not come. */
function pageButton({next, pending, problem}, more) {
    if (!next) return null;
    return el('div', {class: 'further'},
        problem ? el('p', {class: 'quiet bad'}, problem) : null,
        el('button', {type: 'button', class: 'secondary', 'aria-disabled': pending ? 'true' : null, onclick: () => pending || more()}, t(pending ? 'loading' : 'recommendations.next')));
}

/*
 * One list.  shown: {items, first, next, pending, problem, error}; options: {title, effect, marks, isBefore, is_narrow, is_visit,
 * act(kind, item, position), more()}.
 */
export function listCard(shown, options) {
    const {items, first, error} = shown;
    const best = Math.max(...items.map((item) => get(item, 'score') ?? 0), Number.MIN_VALUE);
    const body = error ? [emptyState(t('problem.title'), error, 'bad')]
        : items.length === 0 ? [facts(first, options), emptyState(t('recommendations.none'), t('recommendations.none_text'))]
            : [facts(first, options), el('ol', {class: 'recs'}, ...items.map((item, index) => row(item, index, best, options))), pageButton(shown, options.more)];
    return el('article', {class: `card list-card ${options.isBefore ? 'before' : ''}`, 'aria-label': options.title},
        el('div', {class: 'card-head'}, el('h2', {class: 'user-title', tabindex: -1}, options.title)), ...body.filter(Boolean));
}
