/*
 * The dashboard: which view is shown, and the switches around it.
 *
 * The address bar is the state: "#/recommendations?user=17850" can be sent to a colleague.  A view is an object
 * {show(parameters), hide(), redraw()}: show() starts its poller, hide() stops it, redraw() paints what it already
 * has after the language or the theme changed.
 */
import {overview} from './overview.js';
import {recommendations} from './recommendations.js';
import {growth} from './growth.js';
import {trends} from './trends.js';
import {users} from './users.js';
import {byId, el, setText} from './dom.js';
import {connection} from './poll.js';
import {startLanguage, t, toggleLanguage} from './text.js';

const views = {overview, recommendations, growth, users, trends};
let shown = null;

function route() {
    const [, name, search] = /^#\/([a-z]+)(?:\?(.*))?$/.exec(location.hash) || [];
    return {name: name in views ? name : 'overview', parameters: Object.fromEntries(new URLSearchParams(search || ''))};
}

function navigate() {
    const {name, parameters} = route();
    const moved = shown !== null && shown !== name;
    if (moved) views[shown].hide();
    shown = name;
    for (const section of document.querySelectorAll('.view')) section.hidden = section.id !== name;
    for (const link of document.querySelectorAll('.tabs a')) {
        if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
    }
    titlePage();
    views[name].show(parameters);
    if (moved) {
        // A reader of the screen, or of the keyboard, continues in the new page and not in the menu.
        byId('main').focus({preventScroll: true});
        window.scrollTo(0, 0);
    }
}

function titlePage() {
    document.title = `${t(`nav.${shown}`)} · Millrace`;
}

function drawConnection() {
    const {state, error} = connection;
    const live = byId('live');
    live.dataset.state = state;
    setText(byId('live-text'), t(`live.${state}`));
    const notice = byId('notice');
    if (state !== 'lost') {
        notice.hidden = true;
        notice.replaceChildren();
        return;
    }
    notice.replaceChildren(
        el('strong', {}, t(error.status === 0 ? 'notice.unreachable' : 'notice.answered')),
        el('span', {}, error.status === 0 ? t('notice.shown') : `${error.status}: ${error.message}`));
    notice.hidden = false;
}

function labelSwitches() {
    const language = byId('language');
    const english = document.documentElement.lang === 'en';
    language.textContent = english ? '中文' : 'EN';
    language.lang = english ? 'zh-CN' : 'en';
    // The label begins with what is drawn, so that somebody who speaks commands can name what they see.
    language.setAttribute('aria-label', `${language.textContent}: ${t('switch.language')}`);
    byId('theme').setAttribute('aria-label', t(window.millraceTheme.current() === 'dark' ? 'switch.light' : 'switch.dark'));
}

function redraw() {
    labelSwitches();
    titlePage();
    drawConnection();
    views[shown].redraw();
}

function start() {
    startLanguage();
    labelSwitches();
    connection.listeners.push(drawConnection);
    drawConnection();
    byId('language').addEventListener('click', () => {
        toggleLanguage();
        redraw();
    });
    byId('theme').addEventListener('click', () => window.millraceTheme.toggle());
    document.addEventListener('millrace:theme', redraw);
    byId('skip').addEventListener('click', (event) => {
        event.preventDefault(); // the address is the state, so "#main" must not become it
        byId('main').focus();
    });
    window.addEventListener('hashchange', navigate);
    navigate();
}

start();
