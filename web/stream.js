/*
 * The overview, told once a second by the engine (server-sent events), or asked for where it does not tell.
 *
 * Asking goes on until the stream has said its first word, and begins again as soon as it falls silent, so there is
 * no moment without numbers and the poller keeps deciding whether we are connected.  The stream is tried again and
 * again, ever less often: it costs one request, and an engine may have been replaced by a newer one.
 */
import {api} from './api.js';
import {Poller, connection} from './poll.js';

const PERIOD_MS = 1000;
const SILENCE_MAX_MS = 4000; /* a connection can die without a word */
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 30000;

export class OverviewFeed {
    /* received(answer) hears each overview, null when the engine has none for us; refused(error) as of a Poller. */
    constructor(received) {
        this.received = received;
        this.source = null;
        this.told = false; /* is the stream speaking? */
        this.retry_ms = RETRY_MIN_MS;
        this.wanted = false;
        this.poller = new Poller(PERIOD_MS, async (signal) => {
            const answer = await api.overview({signal}).catch((error) => {
                // An engine without this route, or a role without the right to it, leaves dashes and not an empty page.
                if (error.passing !== false) throw error;
                return null;
            });
            if (!this.told) this.received(answer);
        });
        document.addEventListener('visibilitychange', () => {
            if (!this.wanted) return;
            if (document.hidden) this.silence();
            else this.resume();
        });
    }

    start() {
        this.wanted = true;
        this.retry_ms = RETRY_MIN_MS;
        this.resume();
    }

    stop() {
        this.wanted = false;
        this.silence();
        this.poller.stop();
    }

    resume() {
        this.poller.start();
        this.open();
    }

    silence() {
        clearTimeout(this.retry);
        clearTimeout(this.watch);
        this.source?.close();
        this.source = null;
        this.told = false;
    }

    open() {
        this.silence();
        const source = new EventSource(api.stream);
        this.source = source;
        source.addEventListener('overview', (event) => this.hear(source, event.data));
        source.onerror = () => this.lose(source);
        this.watch = setTimeout(() => this.lose(source), SILENCE_MAX_MS);
    }

    hear(source, text) {
        if (source !== this.source) return;
        let answer;
        try {
            answer = JSON.parse(text);
        } catch {
            this.lose(source);
            return;
        }
        clearTimeout(this.watch);
        this.watch = setTimeout(() => this.lose(source), SILENCE_MAX_MS);
        if (!this.told) this.poller.stop();
        this.told = true;
        this.retry_ms = RETRY_MIN_MS;
        connection.set('live');
        this.received(answer);
    }

    /* Silent, closed, or never there: ask instead, and listen again later. */
    lose(source) {
        if (source !== this.source) return;
        const spoke = this.told;
        this.silence();
        if (spoke) this.poller.start();
        this.retry = setTimeout(() => this.open(), this.retry_ms);
        this.retry_ms = Math.min(RETRY_MAX_MS, this.retry_ms * 2);
    }
}
