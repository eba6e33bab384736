/*
 * Redis complaint: what a server's error reply means, and what we do about it.
 *
 * Errors are told apart by their first word.  The table holds each that a cache may meet; what
 * it does not know is treated as a server that will not do: drop the connection and try again
 * later.
 *
 * Units      None.
 * Ownership  A complaint and its words are static.
 * Threads    Any: pure functions.
 * Cost       A walk of some twenty words, on errors alone.
 */
#ifndef MR_SERVING_REDIS_COMPLAINT_H
#define MR_SERVING_REDIS_COMPLAINT_H

#include "core/text.h"

typedef enum mr_redis_action {
    MR_REDIS_SKIP, /* this write was refused, the next may pass: keep the connection       */
    MR_REDIS_RECONNECT, /* this server will not do now: drop it, leave it alone for a while     */
    MR_REDIS_RESOLVE, /* it is the wrong server: the same, and look for the right one         */
    MR_REDIS_STOP, /* a person must mend it: the same, with the longest wait at once       */
    MR_REDIS_SEND_WHOLE, /* the script is not loaded: send its text                             */
    MR_REDIS_FOLLOW, /* the slot has moved: ask there, and renew the map                     */
    MR_REDIS_FOLLOW_ONCE, /* the slot is moving: ask there this once                            */
    MR_REDIS_SPLIT, /* the slot is moving and the keys are apart: ask for each               */
    MR_REDIS_REMAP, /* nobody has the slot: renew the map, the connection is good            */
} mr_redis_action;

typedef struct mr_redis_complaint {
    const char *word; /* of the reply; also the label of a metric */
    mr_redis_action action;
} mr_redis_complaint;

const mr_redis_complaint *mr_redis_complaint_of(mr_text error);

/* The same by its word; NULL when it has no row of its own. */
const mr_redis_complaint *mr_redis_complaint_named(const char *word);

#endif
