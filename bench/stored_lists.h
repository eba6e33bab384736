/*
 * Stored lists: a cache full of recommendations and a model of numbered items, so that serving can
 * be measured without training.
 *
 * 10,000 users with a list of 100 items each, and the 48 events that a stored state holds, one in
 * ten a purchase; the model knows 50,000 items.
 *
 * Units      As serving/api.h.
 * Ownership  The backend lends texts of its own.
 * Threads    open: one.  The backend: any.
 * Cost       A few seconds of encoding to fill a cache.
 */
#ifndef MR_BENCH_STORED_LISTS_H
#define MR_BENCH_STORED_LISTS_H

#include "core/hash.h"
#include "serving/backend.h"
#include "serving/cache.h"
#include "serving/placement.h"

enum { MR_STORED_USERS = 10000, MR_STORED_ITEMS = 50000, MR_STORED_NAME_BYTES = 16 };

/* Store every user's two values; MR_ERR_* of the cache, or MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_stored_lists_fill(mr_cache *cache, const mr_hash_key *key);

/* The bytes of one stored list, which is what a client of the cache would read. */
MR_MUST_USE mr_status mr_stored_list_encode(const mr_hash_key *key, uint32_t user,
                                            mr_buffer *value);

const mr_backend *mr_stored_lists_backend(void);

/* "home": ten items, none of them bought before. */
const mr_placement *mr_stored_lists_placement(void);

/* "user-0042" into `name`; lends it. */
mr_text mr_stored_user(uint32_t user, char name[MR_STORED_NAME_BYTES]);

#endif
