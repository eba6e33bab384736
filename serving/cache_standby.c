#include "serving/cache_driver.h"

#include <stdlib.h>

typedef struct standby_cache {
    mr_cache cache;
    mr_cache *primary;
    mr_cache *standby;
} standby_cache;

static standby_cache *self_of(mr_cache *cache)
{
    return (standby_cache *)cache;
}

/* What went wrong in primary, and what memory had no room for. */
static void mirror_counters(standby_cache *self)
{
    mr_cache_counters *own = &self->cache.counters;
    const mr_cache_counters *primary = mr_cache_counters_of(self->primary);
    const mr_cache_counters *standby = mr_cache_counters_of(self->standby);
    const struct {
        _Atomic uint64_t *to;
        const _Atomic uint64_t *from;
    } pairs[] = {
        {&own->fenced, &primary->fenced},     {&own->timeouts, &primary->timeouts},
        {&own->errors, &primary->errors},     {&own->rejected, &primary->rejected},
        {&own->connects, &primary->connects}, {&own->evictions, &standby->evictions},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        atomic_store_explicit(pairs[i].to,
                              atomic_load_explicit(pairs[i].from, memory_order_relaxed),
                              memory_order_relaxed);
}

static void count_found(standby_cache *self, const mr_text *values, size_t n)
{
    uint64_t hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += values[i].length > 0;
    mr_cache_count(&self->cache.counters.hits, hits);
    mr_cache_count(&self->cache.counters.misses, n - hits);
}

/* What primary left open, from standby. */
static mr_status fill_gaps(standby_cache *self, const mr_text *keys, size_t n,
                           int64_t timeout_ms, mr_buffer *storage, mr_text *values)
{
    mr_text asked[MR_CACHE_BATCH_MAX];
    mr_text found[MR_CACHE_BATCH_MAX];
    mr_cache_span spans[MR_CACHE_BATCH_MAX]; /* of primary's: the storage may move */
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!mr_cache_is_answered(values[i]))
            asked[count++] = keys[i];
        else if (values[i].length > 0)
            spans[i] =
                (mr_cache_span){(size_t)(values[i].bytes - (const char *)storage->bytes),
                                values[i].length};
    }
    if (count == 0)
        return MR_OK;
    const mr_status status =
        mr_cache_get_many(self->standby, asked, count, timeout_ms, storage, found);
    count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!mr_cache_is_answered(values[i]))
            values[i] = status == MR_OK ? found[count++] : (mr_text){0};
        else if (values[i].length > 0)
            values[i] = mr_cache_span_text(storage, spans[i]);
    }
    return status;
}

static mr_status standby_get_many(mr_cache *cache, const mr_text *keys, size_t n,
                                  int64_t timeout_ms, mr_buffer *storage,
                                  mr_text *ret_values)
{
    standby_cache *self = self_of(cache);
    mr_status status =
        mr_cache_get_many(self->primary, keys, n, timeout_ms, storage, ret_values);
    if (status == MR_ERR_UNAVAILABLE)
        status = fill_gaps(self, keys, n, timeout_ms, storage, ret_values);
    if (status == MR_OK)
        count_found(self, ret_values, n);
    mirror_counters(self);
    return status;
}

/* The standby first: it must hold what was written when primary turns out to be down. */
static mr_status standby_set_many(mr_cache *cache, const mr_cache_entry *entries,
                                  size_t n, int64_t timeout_ms)
{
    standby_cache *self = self_of(cache);
    const mr_status standby = mr_cache_set_many(self->standby, entries, n, timeout_ms);
    const mr_status primary = mr_cache_set_many(self->primary, entries, n, timeout_ms);
    mr_cache_count(&cache->counters.sets, n);
    mirror_counters(self);
    return primary != MR_OK ? primary : standby;
}

static mr_status standby_delete_many(mr_cache *cache, const mr_text *keys, size_t n,
                                     int64_t timeout_ms)
{
    standby_cache *self = self_of(cache);
    const mr_status standby = mr_cache_delete_many(self->standby, keys, n, timeout_ms);
    const mr_status primary = mr_cache_delete_many(self->primary, keys, n, timeout_ms);
    mr_cache_count(&cache->counters.deletes, n);
    mirror_counters(self);
    return primary != MR_OK ? primary : standby;
}

static int64_t standby_down_since_ms(const mr_cache *cache)
{
    return mr_cache_down_since_ms(((const standby_cache *)cache)->primary);
}

static const char *standby_last_error(const mr_cache *cache)
{
    return mr_cache_last_error(((const standby_cache *)cache)->primary);
}

static void standby_destroy(mr_cache *cache)
{
    standby_cache *self = self_of(cache);
    mr_cache_destroy(self->primary);
    mr_cache_destroy(self->standby);
    free(self);
}

static const mr_cache_driver standby_driver = {
    .get_many = standby_get_many,
    .set_many = standby_set_many,
    .delete_many = standby_delete_many,
    .down_since_ms = standby_down_since_ms,
    .last_error = standby_last_error,
    .destroy = standby_destroy,
};

mr_status mr_cache_standby_create(mr_cache *primary, mr_cache *standby,
                                  mr_cache **ret_cache)
{
    standby_cache *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return MR_ERR_NO_MEMORY;
    self->cache.driver = &standby_driver;
    self->primary = primary;
    self->standby = standby;
    *ret_cache = &self->cache;
    return MR_OK;
}
