/*
 * Cache: where results wait for their readers.
 *
 * One interface, three implementations: cache_redis (what production reads), cache_memory
 * (the embedded default, and what answers while Redis is down) and cache_behind (the
 * second with the first written behind it).  The cache is never trusted and never needed: a value
 * may be missing, old or foreign at any time, and the codecs say so.
 *
 * Every value begins with a fence: 16 bytes, big-endian (epoch, offset), in clear.  A set
 * is refused when what is stored carries a larger fence, so an owner that was paused and
 * came back cannot undo its successor's writes.  Every value has a time to live.
 *
 * Units      Times in ms; a time-out is the budget of the whole batch.
 * Ownership  Keys and values given are borrowed for the call.  Values found are lent by
 *            the `storage` buffer of the caller, until it is next cleared.
 * Threads    A handle belongs to one thread; handles are cheap.  mr_cache_counters_of(),
 *            mr_cache_down_since_ms() and mr_cache_last_error(): any thread.
 * Cost       One round trip a batch (Redis); one lock and one copy a key (memory).
 */
#ifndef MR_SERVING_CACHE_H
#define MR_SERVING_CACHE_H

#include "core/buffer.h"
#include "core/hash.h"
#include "core/status.h"
#include "core/text.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_CACHE_BATCH_MAX = 1024,   /* keys of one call                  */
    MR_CACHE_KEY_BYTES_MAX = 64, /* a longer key is refused           */
    MR_CACHE_VALUE_BYTES_MAX =
        1 << 20, /* a longer value is refused: a trending share is the longest */
    MR_CACHE_FENCE_BYTES = 16,
    MR_CACHE_KEY_TEXT_BYTES = 48, /* for mr_cache_user_key(), with its NUL */
};

typedef struct mr_cache mr_cache;

typedef struct mr_cache_entry {
    mr_text key;
    mr_text value;  /* at least MR_CACHE_FENCE_BYTES */
    int64_t ttl_ms; /* > 0 */
} mr_cache_entry;

/* Totals since the handle was made.  Read them with atomic_load. */
typedef struct mr_cache_counters {
    _Atomic uint64_t hits;
    _Atomic uint64_t misses;
    _Atomic uint64_t sets;
    _Atomic uint64_t fenced; /* sets refused: a newer owner has written */
    _Atomic uint64_t deletes;
    _Atomic uint64_t timeouts; /* batches given up on                     */
    _Atomic uint64_t errors;   /* error replies and broken connections    */
    _Atomic uint64_t rejected; /* batches not tried: the breaker was open */
    _Atomic uint64_t connects;
    _Atomic uint64_t evictions; /* memory: values pushed out by the cap    */
} mr_cache_counters;

/*
 * Look `n` keys up.  An absent or expired key gives an empty text.
 *
 * MR_ERR_UNAVAILABLE when some keys were not answered in time.  Values that are there are good
 * all the same (a cluster has other nodes), and mr_cache_is_answered() tells an absent key from
 * one that nobody answered for.  MR_ERR_INVALID for too many keys and MR_ERR_NO_MEMORY: no
 * value.
 */
MR_MUST_USE mr_status mr_cache_get_many(mr_cache *cache, const mr_text *keys, size_t n,
                                        int64_t timeout_ms, mr_buffer *storage,
                                        mr_text *ret_values);

/* A value of mr_cache_get_many(): found, or known to be absent. */
static inline bool mr_cache_is_answered(mr_text value)
{
    return value.bytes != NULL;
}

/*
 * Store `n` values.  A value whose fence is smaller than the stored one's is refused,
 * which is counted and is no failure: the newer value stands.
 *
 * MR_ERR_UNAVAILABLE when some may not have been written; MR_ERR_INVALID for an entry
 * that breaks a bound above, nothing written.
 */
MR_MUST_USE mr_status mr_cache_set_many(mr_cache *cache, const mr_cache_entry *entries,
                                        size_t n, int64_t timeout_ms);

MR_MUST_USE mr_status mr_cache_delete_many(mr_cache *cache, const mr_text *keys, size_t n,
                                           int64_t timeout_ms);

/* 0 while it answers; else the wall time at which it stopped answering. */
int64_t mr_cache_down_since_ms(const mr_cache *cache);

/*
 * What is wrong with it in a word, or "".  In capitals what the server said last in the way of
 * an error ("LOADING", "NOPERM"); in small letters what we saw: "timeout", "connection" (refused
 * or broken), "protocol" (no reply of a Redis).  Gone when a whole batch has been answered.
 */
const char *mr_cache_last_error(const mr_cache *cache);

const mr_cache_counters *mr_cache_counters_of(const mr_cache *cache);

void mr_cache_destroy(mr_cache *cache); /* NULL allowed */

/* Which of a user's two values. */
typedef enum mr_cache_kind {
    MR_CACHE_RESULT = 'r',
    MR_CACHE_STATE = 's',
} mr_cache_kind;

/* "mr:{u:<32 hex digits>}:r" into `ret_key` (NUL-terminated); lends it. */
mr_text mr_cache_user_key(mr_hash128 user, mr_cache_kind kind,
                          char ret_key[MR_CACHE_KEY_TEXT_BYTES]);

/* "mr:{p:<partition>}:trending" */
mr_text mr_cache_trending_key(uint32_t partition, char ret_key[MR_CACHE_KEY_TEXT_BYTES]);

/* The first 16 bytes of a value.  `offset` >= 0. */
void mr_cache_put_fence(mr_buffer *value, uint64_t epoch, int64_t offset);

/* < 0, 0, > 0 as the fence of `a` is smaller, equal, larger; a short value counts as
 * smallest. */
int mr_cache_compare_fences(mr_text a, mr_text b);

#endif
