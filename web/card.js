/*
 * A card of the dashboard that counts: it asks one question, and stands for itself when that is refused.
 *
 * In the page a card is an element with a .content, a .state that says why there is none, and a .scope that says of
 * when the numbers are.  Such answers are walks over all users, so cards are asked one after the other (refreshAll),
 * and each only when its last answer is old.
 */
import {ApiError, get} from './api.js';
import {byId, emptyState, setText} from './dom.js';
import {count, dateTime} from './format.js';
import {t} from './text.js';

export const PERIOD_MS = 30000;

function refusedState(refusal) {
    const denied = refusal.status === 401 || refusal.status === 403;
    const words = denied ? t('problem.denied') : refusal.status === 404 ? t('card.missing') : refusal.message;
    return refusal.passing ? emptyState(t('card.not_yet'), words) : emptyState(t('problem.title'), words, 'bad');
}

/* Of when an answer is, and of how much of the shop. */
function scopeOf(answer) {
    const parts = get(answer, 'partitions');
    const bots = get(answer, 'bots_left_out') ?? get(answer, 'bots');
    return [
        get(answer, 'as_of') && t('card.as_of', {time: dateTime(answer.as_of)}),
        parts && t('card.partitions', {counted: count(get(parts, 'counted')), of: count(get(parts, 'of'))}),
        bots > 0 && t('card.bots', {n: count(bots)}),
    ].filter(Boolean).join(' · ');
}

export class Card {
    /*
     * ask(signal) → an answer; paint(answer) fills the content, or returns what stands in its place; head() draws what
     * does not wait for an answer.  An answer is asked for again after period_ms.
     */
    constructor(id, {ask, paint, head = () => {}, period_ms = PERIOD_MS}) {
        this.root = byId(id);
        this.ask = ask;
        this.paint = paint;
        this.head = head;
        this.period_ms = period_ms;
        this.forget();
    }

    /* Another question: what is shown does not answer it. */
    forget() {
        this.answer = null;
        this.refusal = null;
        this.drawn = '';
        this.expire();
    }

    /* The same question once more, the old answer shown meanwhile. */
    expire() {
        this.due_ms = 0;
    }

    async refresh(signal) {
        if (Date.now() < this.due_ms) return;
        try {
            const answer = await this.ask(signal);
            if (signal.aborted) return;
            this.answer = answer;
            this.refusal = null;
        } catch (error) {
            if (signal.aborted || !(error instanceof ApiError) || error.status === 0) throw error;
            if (!error.passing || this.answer === null) {
                this.answer = null;
                this.refusal = error;
            }
        }
        this.due_ms = Date.now() + this.period_ms;
        this.draw();
    }

    /* The same numbers a moment later are not drawn again: a chart would flicker, a table lose its selection. */
    draw() {
        setText(this.root.querySelector('.scope'), scopeOf(this.answer));
        const content = JSON.stringify([this.answer && {...this.answer, as_of: null}, this.refusal?.status, this.refusal?.message]);
        if (content === this.drawn) return;
        this.drawn = content;
        const key = this.root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
        this.show();
        if (key !== undefined) this.root.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({preventScroll: true});
    }

    show() {
        this.head();
        const place = this.root.querySelector('.content');
        place.hidden = false; // a chart takes its size from what is drawn
        const isLoading = this.answer === null && this.refusal === null;
        this.root.setAttribute('aria-busy', String(isLoading));
        const instead = this.refusal ? refusedState(this.refusal) : isLoading ? emptyState(t('loading'), null) : this.paint(this.answer) ?? null;
        place.hidden = instead !== null;
        this.root.querySelector('.state').replaceChildren(...(instead ? [instead] : []));
    }

    /* After the language or the theme changed. */
    redraw() {
        this.drawn = '';
        this.draw();
    }
}

export async function refreshAll(cards, signal) {
    for (const card of cards) {
        if (signal.aborted) return;
        await card.refresh(signal);
    }
}
