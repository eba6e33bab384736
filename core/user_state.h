/*
 * User state: the small picture of one user that leaves the shard.
 *
 * It is all that scoring and request-time rules need: recent items, where in the log the
 * picture was taken, and a packed summary.  The shard fills it (features/), the cache keeps it
 * under the user's `:s` key (serving/), models score from it.  An API-only node can therefore
 * answer without the owner of the partition.
 *
 * Units      Event times in whole seconds since the epoch where they are u32, else ms.
 * Ownership  Item ids borrow: from the shard's item table, or from the bytes of the cached
 *            value it was decoded from.
 * Threads    A value; whoever holds it.
 * Cost       About 2.5 KiB; no allocation.
 */
#ifndef MR_CORE_USER_STATE_H
#define MR_CORE_USER_STATE_H

#include "core/text.h"

#include <stdint.h>

enum { MR_USER_STATE_ITEMS_MAX = 100 };

typedef struct mr_recent_item {
    mr_text item_id;
    uint32_t time_s;
    uint8_t type;   /* mr_event_type */
    uint8_t weight; /* quantity clamped to 255, rating in tenths for rate */
} mr_recent_item;

typedef struct mr_user_state {
    mr_text user_id;
    uint64_t epoch;   /* of the shard's owner                                      */
    int64_t offset;   /* of the newest record applied to this user                 */
    int64_t as_of_ms; /* event time of the newest event in it: a late one adds, and moves
                            it not                                                    */
    int64_t first_ms; /* first event ever; 0 when none                             */
    int64_t spend_minor; /* net of refunds, ever                                     */
    uint32_t events;     /* ever                                                      */
    uint32_t purchases;  /* orders ever                                               */
    uint16_t churn_permille; /* of the last sweep; UINT16_MAX when not scored        */
    uint8_t churn_tier;      /* 0 none, 1 watch, 2 at-risk, 3 critical               */
    uint8_t item_count;
    mr_recent_item items[MR_USER_STATE_ITEMS_MAX]; /* newest first */
} mr_user_state;

#endif
