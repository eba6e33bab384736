/*
 * The dashboard, as a person uses it: a real Chromium, real keys and clicks, and the API's own answers as the truth.
 *
 *     node tests/page/test_dashboard.mjs                               against the small engine of fake_api.mjs
 *     node tests/page/test_dashboard.mjs http://127.0.0.1:8080         against a running one
 *     node tests/page/test_dashboard.mjs [URL] WORD...                 the groups of cases that hold one of the words
 *
 * Nothing is compared with a number written here: a case asks the API and looks for the answer on the page.
 * MILLRACE_SHOTS names a directory for pictures, MILLRACE_TEST_USER a user the engine knows (else one of an alert).
 * Prints TAP and a closing count.  Without a Chromium it is skipped (77), and under CI=true it fails.
 */
import * as keyboard from './cases_keyboard.mjs';
import * as looks from './cases_looks.mjs';
import * as overview from './cases_overview.mjs';
import * as pages from './cases_pages.mjs';
import * as recommendations from './cases_recommendations.mjs';
import * as rules from './cases_rules.mjs';
import * as users from './cases_users.mjs';
import {run} from './drive.mjs';

const words = process.argv.slice(2);
const named = words[0]?.startsWith('http') ? words.shift() : null;

// The longest first: they run side by side.
await run([
    overview.failures, rules.panel, overview.losses, keyboard.stops, keyboard.keys, looks.still, ...looks.looks, rules.edges,
    recommendations.people, recommendations.visits, users.counts, users.audiences, pages.pages, pages.switches, overview.numbers,
], named, words);
