/*
 * A button that opens a short list of commands: the menu button of the ARIA practices.
 *
 * One tab stop.  Enter, Space and the down arrow open it, arrows, Home and End walk, Escape gives the focus back,
 * and leaving it closes it.
 */
import {el} from './dom.js';

let made = 0;

/* commands: [{text, run}] */
export function menuButton(label, commands) {
    made++;
    const items = commands.map(({text, run}) => el('button', {type: 'button', role: 'menuitem', tabindex: -1, onclick: () => {
        close(true);
        run();
    }}, text));
    const list = el('div', {class: 'menu', id: `menu-${made}`, role: 'menu', 'aria-label': label, hidden: true}, ...items);
    const button = el('button', {type: 'button', class: 'dots', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-controls': list.id, 'aria-label': label,
        onclick: () => (list.hidden ? open(0) : close(true))}, el('span', {'aria-hidden': 'true'}, '⋯'));
    const node = el('div', {class: 'menu-holder', onkeydown: key, onfocusout: (event) => !node.contains(event.relatedTarget) && close(false)}, button, list);

    function open(index) {
        list.hidden = false;
        button.setAttribute('aria-expanded', 'true');
        items.at(index).focus();
    }

    function close(back) {
        if (list.hidden) return;
        list.hidden = true;
        button.setAttribute('aria-expanded', 'false');
        if (back) button.focus();
    }

    function key(event) {
        const at = items.indexOf(document.activeElement);
        const to = {ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1}[event.key];
        if (event.key === 'Escape' && !list.hidden) close(true);
        else if (to !== undefined && (!list.hidden || event.key.startsWith('Arrow'))) {
            if (list.hidden) open(to === 0 ? 0 : -1);
            else items.at(to % items.length).focus();
        } else return;
        event.preventDefault();
    }

    return node;
}
