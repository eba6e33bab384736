/*
 * Memory cache: the embedded default, and the stand-in while Redis is down.
 *
 * A store of 64 shards, each a chained hash table behind its own lock with a list in the
 * order of writing.  At its share of the byte cap a shard pushes out what was written
 * longest ago and not read since; what was read gets a second chance.
 *
 * Units      Sizes in bytes, all bookkeeping included; times by the monotonic clock given.
 * Ownership  The store owns copies.  A handle borrows the store, which must outlive it.
 * Threads    The store: any.  A handle: one thread.
 * Cost       Two locks, one probe and one copy a key, the misses of some keys at once; no
 *            allocation for a value that fits where the old one was.
 */
#ifndef MR_SERVING_CACHE_MEMORY_H
#define MR_SERVING_CACHE_MEMORY_H

#include "core/clock.h"
#include "serving/cache.h"

typedef struct mr_memory_store mr_memory_store;

/* MR_ERR_INVALID for a cap under 8 MiB; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_memory_store_create(size_t bytes_max, const mr_clock *clock,
                                             mr_memory_store **ret_store);
void mr_memory_store_destroy(mr_memory_store *store); /* NULL allowed; no handle left */
size_t mr_memory_store_bytes(const mr_memory_store *store);
size_t mr_memory_store_count(const mr_memory_store *store);

/* A handle for one thread. */
MR_MUST_USE mr_status mr_cache_memory_create(mr_memory_store *store,
                                             mr_cache **ret_cache);

#endif
