/*
 * The request behind the list, to take along: its body as JSON and the whole as a line for the shell.
 */
import {listRequest} from './api.js';
import {el, setText} from './dom.js';
import {t} from './text.js';

/* A word for a POSIX shell, whatever is in it. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curlLine(user, body) {
    const {path, body: posted} = listRequest(user, body);
    const url = quoted(location.origin + path);
    return posted ? `curl -s ${url} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(posted))}` : `curl -s ${url}`;
}

/* Without the right to the clipboard (a page without TLS has none) the text is selected, and one key away. */
async function copy(text, shown, said) {
    try {
        await navigator.clipboard.writeText(text);
        setText(said, t('request.copied'));
    } catch {
        getSelection().selectAllChildren(shown);
        setText(said, t('request.selected'));
    }
}

function block(name, text) {
    const code = el('code', {}, text);
    const said = el('span', {class: 'quiet', role: 'status'});
    return el('div', {class: 'request-block'},
        el('div', {class: 'request-head'}, el('h3', {}, t(`request.${name}`)), said,
            el('button', {
                type: 'button', class: 'more', 'data-copy': name, 'aria-label': `${t('request.copy')}: ${t(`request.${name}`)}`, onclick: () => copy(text, code, said),
            }, t('request.copy'))),
        el('pre', {tabindex: 0, role: 'group', 'aria-label': t(`request.${name}`)}, code));
}

export function requestPanel(user, body) {
    const {path, body: posted} = listRequest(user, body);
    return el('div', {class: 'request'},
        el('p', {class: 'code path'}, `${posted ? 'POST' : 'GET'} ${path}`),
        posted ? block('body', JSON.stringify(body, null, 2)) : el('p', {class: 'quiet'}, t('request.no_body')),
        block('curl', curlLine(user, body)));
}
