/*
 * Cache driver: what an implementation of the cache interface provides.
 *
 * Each embeds an mr_cache as its first member; cache.c checks the bounds and dispatches, so a
 * driver sees only batches that keep to them.
 *
 * Units      Times in ms.
 * Ownership  destroy() frees the implementation, the mr_cache in it included.
 * Threads    Owner-only, but for the counters, `down_since_ms` and `last_error`.
 * Cost       One indirect call a batch.
 */
#ifndef MR_SERVING_CACHE_DRIVER_H
#define MR_SERVING_CACHE_DRIVER_H

#include "serving/cache.h"

typedef struct mr_cache_driver {
    mr_status (*get_many)(mr_cache *cache, const mr_text *keys, size_t n,
                          int64_t timeout_ms, mr_buffer *storage, mr_text *ret_values);
    mr_status (*set_many)(mr_cache *cache, const mr_cache_entry *entries, size_t n,
                          int64_t timeout_ms);
    mr_status (*delete_many)(mr_cache *cache, const mr_text *keys, size_t n,
                             int64_t timeout_ms);
    int64_t (*down_since_ms)(const mr_cache *cache);  /* NULL: the member below */
    const char *(*last_error)(const mr_cache *cache); /* NULL: the member below */
    void (*destroy)(mr_cache *cache);
} mr_cache_driver;

struct mr_cache {
    const mr_cache_driver *driver;
    _Atomic int64_t down_since_ms;
    const char *_Atomic last_error; /* static; NULL: none */
    mr_cache_counters counters;
};

/* Counters are statistics and order nothing. */
static inline void mr_cache_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* `error` is static, or NULL when all is well. */
static inline void mr_cache_set_error(mr_cache *cache, const char *error)
{
    atomic_store_explicit(&cache->last_error, error, memory_order_relaxed);
}

/* Turn offsets into `storage` (kept while it may still move) into texts: of an absent value
 * one that is empty, and answered. */
typedef struct mr_cache_span {
    size_t offset;
    uint32_t length;
} mr_cache_span;

static inline mr_text mr_cache_span_text(const mr_buffer *storage, mr_cache_span span)
{
    return span.length == 0
               ? (mr_text){"", 0}
               : (mr_text){(const char *)storage->bytes + span.offset, span.length};
}

#endif
