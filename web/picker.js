/*
 * Choosing an item of the catalogue by typing: a text field with a list of what matches under it.
 *
 * It is the combobox of the ARIA practices: the focus stays in the field, the arrow keys walk the list, Enter
 * chooses, as Tab does in a field that keeps its choice, and Escape closes the list and then empties the field.  An id that the catalogue does not know can be entered too:
 * the model may know it.
 */
import {api, get} from './api.js';
import {el, setText} from './dom.js';
import {money} from './format.js';
import {t} from './text.js';
import {picture} from './pictures.js';
import {remember, titleOf} from './titles.js';

const DELAY_MS = 150; /* after the last key */
const SHOWN_MAX = 8;

let made = 0;

/* What an option shows of its item. */
function described(item) {
    if (item.typed) return [el('span', {class: 'name'}, t('picker.typed', {id: item.id}))];
    return [
        picture(item), el('span', {class: 'name'}, titleOf(item)), el('span', {class: 'code quiet'}, item.id),
        el('span', {class: 'number quiet'}, money(get(item, 'price'), get(item, 'currency'))),
    ];
}

export class ItemPicker {
    /* label: the field's name; chosen(id) hears what was picked.  `keeps`: the field then shows the choice, else it empties. */
    constructor({label, chosen, keeps = false, value = '', placeholder = ''}) {
        made++;
        this.chosen = chosen;
        this.keeps = keeps;
        this.value = value;
        this.found = [];
        this.active = -1;
        this.input = el('input', {
            type: 'text', id: `picker-${made}`, role: 'combobox', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', maxlength: 128,
            'aria-label': label, 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': `picker-list-${made}`, placeholder,
            oninput: () => this.ask(), onkeydown: (event) => this.key(event), onblur: () => this.leave(), onfocus: () => this.input.select(),
        });
        this.list = el('ul', {class: 'options', id: `picker-list-${made}`, role: 'listbox', 'aria-label': label, hidden: true});
        this.said = el('span', {class: 'unseen', role: 'status'});
        this.node = el('div', {class: 'picker'}, this.input, this.list, this.said);
        if (keeps) this.show(value);
    }

    show(id) {
        this.value = id;
        this.input.value = id === '' ? '' : titleOf({id});
        this.input.title = id;
    }

    focus() {
        this.input.focus();
    }

    ask() {
        clearTimeout(this.timer);
        this.abort?.abort();
        if (this.input.value.trim() === '') {
            this.close();
            if (this.keeps && this.value !== '') this.choose('');
            return;
        }
        this.timer = setTimeout(() => this.search(), DELAY_MS);
    }

    async search() {
        this.abort = new AbortController();
        const {signal} = this.abort;
        const typed = this.input.value.trim();
        const answer = await api.items(typed, {signal}).catch(() => null);
        if (signal.aborted) return;
        const found = (get(answer, 'items') ?? []).filter((item) => typeof get(item, 'id') === 'string');
        remember(found);
        const exact = found.findIndex(({id}) => id === typed);
        if (exact > 0) found.unshift(...found.splice(exact, 1));
        this.found = exact < 0 ? [...found.slice(0, SHOWN_MAX), {id: typed, typed: true}] : found.slice(0, SHOWN_MAX);
        this.open();
    }

    open() {
        if (document.activeElement !== this.input) return;
        this.list.replaceChildren(...this.found.map((item, index) => el('li', {
            role: 'option', id: `${this.list.id}-${index}`, 'aria-selected': 'false',
            onmousedown: (event) => event.preventDefault(), // or the field would lose the focus before the click
            onclick: () => this.choose(item.id),
        }, ...described(item))));
        this.list.hidden = false;
        this.input.setAttribute('aria-expanded', 'true');
        setText(this.said, t('picker.found', {n: this.found.filter(({typed}) => !typed).length}));
        this.move(0);
    }

    close() {
        clearTimeout(this.timer);
        this.abort?.abort();
        this.list.hidden = true;
        this.input.setAttribute('aria-expanded', 'false');
        this.input.removeAttribute('aria-activedescendant');
        this.active = -1;
        setText(this.said, '');
    }

    move(index) {
        const options = [...this.list.children];
        if (options.length === 0) return;
        this.active = (index + options.length) % options.length;
        options.forEach((option, at) => option.setAttribute('aria-selected', String(at === this.active)));
        this.input.setAttribute('aria-activedescendant', options[this.active].id);
        options[this.active].scrollIntoView({block: 'nearest'});
    }

    choose(id) {
        this.close();
        this.show(this.keeps ? id : '');
        this.chosen(id);
    }

    leave() {
        this.close();
        if (this.keeps) this.show(this.value);
    }

    key(event) {
        const open = !this.list.hidden;
        if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            event.preventDefault();
            if (open) this.move(this.active + (event.key === 'ArrowDown' ? 1 : -1));
            else this.ask();
        } else if (event.key === 'Enter') {
            event.preventDefault(); // it is no wish to send the form around it
            const typed = this.input.value.trim();
            if (open) this.choose(this.found[this.active].id);
            else if (typed !== '' && typed !== titleOf({id: this.value})) this.choose(typed);
        } else if (event.key === 'Tab' && open && this.keeps) {
            this.choose(this.found[this.active].id); // and on to the next field
        } else if (event.key === 'Escape' && (open || this.input.value !== '')) {
            event.preventDefault();
            if (!open) this.input.value = this.keeps && this.value !== '' ? titleOf({id: this.value}) : '';
            this.close();
        }
    }
}
