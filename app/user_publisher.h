/*
 * User publisher: what changed in the shards goes out to readers.
 *
 * Users who changed get their small key (`:s`) written, coalesced over some milliseconds.  Those
 * who were read lately (app/recent_readers.h) are queued to be scored at once; the lists of the
 * others are made in the scorers' spare time.  A partition's trending share follows once a second.
 * Nothing waits for it on the event path: a full ring or a silent cache is tried again later.
 *
 * Units      Times in ms.
 * Ownership  Owns its buffers and cache handle.
 * Threads    The ingest thread.
 * Cost       About 1 us a changed user, and one cache round trip for up to 256 of them.
 */
#ifndef MR_APP_USER_PUBLISHER_H
#define MR_APP_USER_PUBLISHER_H

#include "app/owned_shard.h"
#include "app/scorer.h"

typedef struct mr_user_publisher mr_user_publisher;

MR_MUST_USE mr_status mr_user_publisher_create(mr_engine *engine,
                                               mr_user_publisher **ret_publisher,
                                               mr_error *ret_error);
void mr_user_publisher_destroy(mr_user_publisher *publisher); /* NULL allowed */

/* Write the small keys of all users changed since the last call and queue their rows. */
MR_MUST_USE mr_status mr_user_publisher_flush(mr_user_publisher *publisher,
                                              mr_owned_shard *owned);

/* Push queued rows to the scorers while they have room. */
void mr_user_publisher_feed_scorers(mr_user_publisher *publisher, mr_owned_shard *owned);

/* Publish the partition's trending share. */
MR_MUST_USE mr_status mr_user_publisher_trending(mr_user_publisher *publisher,
                                                 mr_owned_shard *owned);

#endif
