/*
 * Feeds: the thread that keeps what requests read up to date.
 *
 * It tails the catalogue topic and publishes a new snapshot when something changed, tails the
 * alerts topic into the alert feed, follows models/CURRENT and swaps the model in, and merges
 * the partitions' trending shares.  A model that does not open is refused with its reason, and
 * the one that serves goes on serving.
 *
 * Units      None.
 * Ownership  Owns its readers, catalogue builder and cache handle; borrows the engine.
 * Threads    One of its own.
 * Cost       Off every hot path; it looks around twenty times a second.
 */
#ifndef MR_APP_FEEDS_H
#define MR_APP_FEEDS_H

#include "app/engine.h"

typedef struct mr_feeds mr_feeds;

MR_MUST_USE mr_status mr_feeds_create(mr_engine *engine, mr_feeds **ret_feeds,
                                      mr_error *ret_error);
void mr_feeds_destroy(mr_feeds *feeds); /* stops the thread; NULL allowed */

/* Whether the catalogue and the alerts have been read to their end once, and what is popular is
 * known. */
bool mr_feeds_are_ready(const mr_feeds *feeds);

#endif
