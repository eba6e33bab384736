/*
 * Asking again: one poller a view, running only while the view is shown and the page is visible.
 *
 * The next call starts one period after the last *answer*, so a slow engine is never asked twice at once.  After a
 * failure the wait doubles up to RETRY_MAX_MS, and each failure tells the connection state below, which draws the
 * one notice on the page.
 */
import {ApiError} from './api.js';

const RETRY_MAX_MS = 8000;

/* What work() returns when there is nothing left to ask. */
export const DONE = Symbol('done');

/* Is the engine answering?  Listeners get {state: 'waiting'|'live'|'lost', error}. */
export const connection = {
    state: 'waiting',
    error: null,
    listeners: [],
    set(state, error = null) {
        if (state === this.state && error?.message === this.error?.message) return;
        this.state = state;
        this.error = error;
        for (const listener of this.listeners) listener(this);
    },
};

export class Poller {
    /*
     * work(signal) does one round; what it throws decides whether we are connected.  refused(error) hears of the
     * answers that asking again will not change, a missing route or role.
     */
    constructor(period_ms, work, refused = () => {}) {
        this.period_ms = period_ms;
        this.work = work;
        this.refused = refused;
        this.timer = null;
        this.abort = null;
        this.failures = 0;
        this.wanted = false;
        document.addEventListener('visibilitychange', () => {
            if (this.wanted) this.resume();
        });
    }

    start() {
        this.wanted = true;
        this.resume();
    }

    stop() {
        this.wanted = false;
        this.pause();
    }

    pause() {
        clearTimeout(this.timer);
        this.abort?.abort();
        this.abort = null;
    }

    resume() {
        this.pause();
        if (!document.hidden) this.round();
    }

    async round() {
        const abort = new AbortController();
        this.abort = abort;
        try {
            const outcome = await this.work(abort.signal);
            if (abort.signal.aborted) return;
            this.failures = 0;
            connection.set('live');
            if (outcome === DONE) {
                this.stop();
                return;
            }
        } catch (error) {
            if (abort.signal.aborted) return;
            if (!(error instanceof ApiError)) throw error;
            this.failures++;
            connection.set(error.passing ? 'lost' : 'live', error.passing ? error : null);
            if (!error.passing) this.refused(error);
        }
        this.timer = setTimeout(() => this.round(), this.wait_ms());
    }

    wait_ms() {
        return this.failures === 0 ? this.period_ms : Math.min(RETRY_MAX_MS, this.period_ms * 2 ** Math.min(this.failures - 1, 10));
    }
}
