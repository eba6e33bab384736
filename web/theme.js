/*
 * The theme, applied before the first paint: a classic script in <head>, so it runs before the body is drawn.
 *
 * No attribute means "as the system says".  The button writes a choice only while it differs from the system, so
 * somebody who switches there and back follows the system again.
 */
(function () {
    'use strict';
    const KEY = 'millrace.theme';
    const system = matchMedia('(prefers-color-scheme: dark)');
    const root = document.documentElement;

    function stored() {
        try {
            return localStorage.getItem(KEY);
        } catch {
            return null; // storage may be forbidden: the choice then lasts as long as the page
        }
    }

    function remember(theme) {
        try {
            if (theme) localStorage.setItem(KEY, theme);
            else localStorage.removeItem(KEY);
        } catch {
            // as above
        }
    }

    const announce = () => document.dispatchEvent(new Event('millrace:theme'));

    function apply(theme) {
        if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
        else delete root.dataset.theme;
    }

    window.millraceTheme = {
        current: () => root.dataset.theme || (system.matches ? 'dark' : 'light'),
        toggle() {
            const next = this.current() === 'dark' ? 'light' : 'dark';
            const choice = next === (system.matches ? 'dark' : 'light') ? null : next;
            apply(choice);
            remember(choice);
            announce();
        },
    };

    apply(stored());
    system.addEventListener('change', announce);
})();
