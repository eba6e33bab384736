/*
 * A headless Chromium, driven over the DevTools protocol.
 *
 * The protocol runs over two pipes (--remote-debugging-pipe: one JSON text a message, ended by a NUL), so nothing
 * but Node's own library is needed, no port is opened, and the browser ends when we do.
 */
import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const NAMES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const CALL_TIMEOUT_MS = 30000;
const UNTIL_MS_MAX = 30000; /* a busy machine is no fault of the page */

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function chromiumPath() {
    const path = process.env.CHROMIUM || NAMES.find((name) => existsSync(name));
    if (!path) throw new Error(`no Chromium at ${NAMES.join(', ')}: install chromium, or name one in CHROMIUM`);
    return path;
}

export class Browser {
    constructor() {
        this.profile = mkdtempSync(join(tmpdir(), 'millrace-page-'));
        this.process = spawn(chromiumPath(), [
            '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--hide-scrollbars',
            '--disable-background-networking', '--disable-component-update', '--force-color-profile=srgb', '--lang=en-US',
            `--user-data-dir=${this.profile}`, '--remote-debugging-pipe', 'about:blank',
        ], {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], detached: true}); // a group of its own: see close()
        this.exited = new Promise((done) => this.process.once('exit', done));
        this.out = this.process.stdio[3];
        this.out.on('error', () => {}); // the exit below says it better
        this.pending = new Map();
        this.listeners = new Map();
        this.next = 1;
        let rest = Buffer.alloc(0);
        this.process.stdio[4].on('data', (chunk) => {
            rest = Buffer.concat([rest, chunk]);
            for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
                this.receive(JSON.parse(rest.subarray(0, end).toString()));
                rest = rest.subarray(end + 1);
            }
        });
        this.exited.then((code) => {
            for (const {reject} of this.pending.values()) reject(new Error(`chromium ended with ${code}`));
        });
    }

    receive(message) {
        if (message.id === undefined) {
            for (const listener of this.listeners.get(`${message.sessionId ?? ''}|${message.method}`) ?? []) listener(message.params);
            return;
        }
        const call = this.pending.get(message.id);
        this.pending.delete(message.id);
        if (!call) return;
        clearTimeout(call.timer);
        if (message.error) call.reject(new Error(`${call.method}: ${message.error.message}`));
        else call.resolve(message.result);
    }

    call(method, params = {}, sessionId = undefined) {
        return new Promise((resolve, reject) => {
            const id = this.next++;
            const timer = setTimeout(() => reject(new Error(`${method}: no answer within ${CALL_TIMEOUT_MS} ms`)), CALL_TIMEOUT_MS);
            this.pending.set(id, {method, resolve, reject, timer});
            this.out.write(`${JSON.stringify({id, method, params, sessionId})}\0`);
        });
    }

    on(sessionId, method, listener) {
        const key = `${sessionId ?? ''}|${method}`;
        this.listeners.set(key, [...(this.listeners.get(key) ?? []), listener]);
    }

    async page() {
        // A context of its own: no storage left over from another page.
        const {browserContextId} = await this.call('Target.createBrowserContext');
        const {targetId} = await this.call('Target.createTarget', {url: 'about:blank', browserContextId});
        const {sessionId} = await this.call('Target.attachToTarget', {targetId, flatten: true});
        const page = new Page(this, sessionId, targetId);
        await page.enable();
        return page;
    }

    async close() {
        await Promise.race([this.call('Browser.close').catch(() => {}), sleep(2000)]);
        // The browser's own children too: one of them may still be writing into the profile.
        try {
            process.kill(-this.process.pid, 'SIGKILL');
        } catch {
            // all gone already
        }
        await this.exited;
        rmSync(this.profile, {recursive: true, force: true, maxRetries: 5, retryDelay: 100});
    }
}

const KEYS = {
    Tab: {key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9},
    Enter: {key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r'},
    Space: {key: ' ', code: 'Space', windowsVirtualKeyCode: 32, text: ' '},
    Escape: {key: 'Escape', code: 'Escape', windowsVirtualKeyCode: 27},
    End: {key: 'End', code: 'End', windowsVirtualKeyCode: 35},
    Home: {key: 'Home', code: 'Home', windowsVirtualKeyCode: 36},
    ArrowLeft: {key: 'ArrowLeft', code: 'ArrowLeft', windowsVirtualKeyCode: 37},
    ArrowUp: {key: 'ArrowUp', code: 'ArrowUp', windowsVirtualKeyCode: 38},
    ArrowRight: {key: 'ArrowRight', code: 'ArrowRight', windowsVirtualKeyCode: 39},
    ArrowDown: {key: 'ArrowDown', code: 'ArrowDown', windowsVirtualKeyCode: 40},
};

export class Page {
    constructor(browser, sessionId, targetId) {
        this.browser = browser;
        this.targetId = targetId;
        this.sessionId = sessionId;
        this.problems = []; /* exceptions, console errors and policy violations, as text */
    }

    call(method, params) {
        return this.browser.call(method, params, this.sessionId);
    }

    close() {
        return this.browser.call('Target.closeTarget', {targetId: this.targetId});
    }

    async enable() {
        const on = (method, listener) => this.browser.on(this.sessionId, method, listener);
        on('Runtime.exceptionThrown', ({exceptionDetails}) => this.problems.push(exceptionDetails.exception?.description ?? exceptionDetails.text));
        on('Log.entryAdded', ({entry}) => {
            // A failed request is the engine's business, and the page's to show; all else here is a fault of the page.
            if (entry.level === 'error' && entry.source !== 'network') this.problems.push(`${entry.source}: ${entry.text}`);
        });
        on('Runtime.consoleAPICalled', ({type, args}) => {
            if (type === 'error' || type === 'assert') this.problems.push(`console: ${args.map((a) => a.value ?? a.description).join(' ')}`);
        });
        for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.call(`${domain}.enable`);
        // Several pages at once each have the keyboard.
        await this.call('Emulation.setFocusEmulationEnabled', {enabled: true});
    }

    async goto(url) {
        await this.call('Page.navigate', {url});
        await this.until(() => document.readyState === 'complete');
    }

    /* Run a function in the page; its arguments and result travel as JSON. */
    async run(fn, ...args) {
        const {result, exceptionDetails} = await this.call('Runtime.evaluate', {
            expression: `(${fn})(...${JSON.stringify(args)})`, awaitPromise: true, returnByValue: true,
        });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
    }

    /* Wait until the function gives something true, and return that. */
    async until(fn, args = [], timeout_ms = UNTIL_MS_MAX) {
        const end_ms = Date.now() + timeout_ms;
        for (;;) {
            // A document that is being replaced has no context for a moment; that is a "not yet".
            const value = await this.run(fn, ...args).catch((error) => (Date.now() < end_ms ? null : Promise.reject(error)));
            if (value) return value;
            if (Date.now() >= end_ms) throw new Error(`not within ${timeout_ms} ms: ${fn} ${JSON.stringify(args)}`);
            await sleep(50);
        }
    }

    async press(name) {
        const key = KEYS[name];
        await this.call('Input.dispatchKeyEvent', {type: key.text ? 'keyDown' : 'rawKeyDown', ...key});
        await this.call('Input.dispatchKeyEvent', {type: 'keyUp', ...key, text: undefined});
    }

    type(text) {
        return this.call('Input.insertText', {text});
    }

    async click(selector) {
        const at = await this.until((wanted) => {
            const node = document.querySelector(wanted);
            if (!node) return null;
            node.scrollIntoView({block: 'center'});
            const box = node.getBoundingClientRect();
            return box.width > 0 ? {x: box.x + box.width / 2, y: box.y + box.height / 2} : null;
        }, [selector]);
        for (const type of ['mousePressed', 'mouseReleased']) {
            await this.call('Input.dispatchMouseEvent', {type, ...at, button: 'left', clickCount: 1});
        }
    }

    resize(width, height) {
        return this.call('Emulation.setDeviceMetricsOverride', {width, height, deviceScaleFactor: 1, mobile: width < 600});
    }

    /* The system's colour scheme, "light" or "dark". */
    colourScheme(value) {
        return this.call('Emulation.setEmulatedMedia', {features: [{name: 'prefers-color-scheme', value}]});
    }

    /* Nothing reaches the engine while offline. */
    offline(offline) {
        return this.call('Network.emulateNetworkConditions', {offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1});
    }

    /* What a reader of the screen is told: [{role, name}] of everything that is not ignored. */
    async spoken() {
        const {nodes} = await this.call('Accessibility.getFullAXTree');
        return nodes.filter(({ignored}) => !ignored).map(({role, name}) => ({role: role?.value, name: name?.value ?? ''}));
    }

    /* scale: pixels of the picture for one of the page. */
    async screenshot(scale = 1) {
        const {cssVisualViewport: {clientWidth: width, clientHeight: height, pageX: x, pageY: y}} = await this.call('Page.getLayoutMetrics');
        const {data} = await this.call('Page.captureScreenshot', {format: 'png', clip: {x, y, width, height, scale}});
        return Buffer.from(data, 'base64');
    }
}
