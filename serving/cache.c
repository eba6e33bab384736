#include "serving/cache.h"

#include "core/assert.h"
#include "serving/cache_driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool keys_fit(const mr_text *keys, size_t n)
{
    if (n > MR_CACHE_BATCH_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (keys[i].length == 0 || keys[i].length > MR_CACHE_KEY_BYTES_MAX)
            return false;
    }
    return true;
}

static bool entry_fits(const mr_cache_entry *entry)
{
    return keys_fit(&entry->key, 1) && entry->value.length >= MR_CACHE_FENCE_BYTES &&
           entry->value.length <= MR_CACHE_VALUE_BYTES_MAX && entry->ttl_ms > 0;
}

mr_status mr_cache_get_many(mr_cache *cache, const mr_text *keys, size_t n,
                            int64_t timeout_ms, mr_buffer *storage, mr_text *ret_values)
{
    for (size_t i = 0; i < n && i < MR_CACHE_BATCH_MAX; i++)
        ret_values[i] = (mr_text){0};
    if (!keys_fit(keys, n))
        return MR_ERR_INVALID;
    return n == 0
               ? MR_OK
               : cache->driver->get_many(cache, keys, n, timeout_ms, storage, ret_values);
}

mr_status mr_cache_set_many(mr_cache *cache, const mr_cache_entry *entries, size_t n,
                            int64_t timeout_ms)
{
    if (n > MR_CACHE_BATCH_MAX)
        return MR_ERR_INVALID;
    for (size_t i = 0; i < n; i++) {
        if (!entry_fits(&entries[i]))
            return MR_ERR_INVALID;
    }
    return n == 0 ? MR_OK : cache->driver->set_many(cache, entries, n, timeout_ms);
}

mr_status mr_cache_delete_many(mr_cache *cache, const mr_text *keys, size_t n,
                               int64_t timeout_ms)
{
    if (!keys_fit(keys, n))
        return MR_ERR_INVALID;
    return n == 0 ? MR_OK : cache->driver->delete_many(cache, keys, n, timeout_ms);
}

int64_t mr_cache_down_since_ms(const mr_cache *cache)
{
    if (cache->driver->down_since_ms != NULL)
        return cache->driver->down_since_ms(cache);
    return atomic_load_explicit(&cache->down_since_ms, memory_order_relaxed);
}

const char *mr_cache_last_error(const mr_cache *cache)
{
    if (cache->driver->last_error != NULL)
        return cache->driver->last_error(cache);
    const char *error = atomic_load_explicit(&cache->last_error, memory_order_relaxed);
    return error != NULL ? error : "";
}

const mr_cache_counters *mr_cache_counters_of(const mr_cache *cache)
{
    return &cache->counters;
}

void mr_cache_destroy(mr_cache *cache)
{
    if (cache != NULL)
        cache->driver->destroy(cache);
}

static mr_text key_text(const char *key, int length)
{
    MR_ASSERT(length > 0 && length < MR_CACHE_KEY_TEXT_BYTES);
    return (mr_text){key, (uint32_t)length};
}

/* By hand: this runs twice a request, and snprintf would be a third of its cost. */
mr_text mr_cache_user_key(mr_hash128 user, mr_cache_kind kind,
                          char ret_key[MR_CACHE_KEY_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *end = ret_key;
    memcpy(end, "mr:{u:", 6);
    end += 6;
    for (int shift = 60; shift >= 0; shift -= 4)
        *end++ = digits[(user.high >> shift) & 15];
    for (int shift = 60; shift >= 0; shift -= 4)
        *end++ = digits[(user.low >> shift) & 15];
    *end++ = '}';
    *end++ = ':';
    *end++ = (char)kind;
    *end = '\0';
    return key_text(ret_key, (int)(end - ret_key));
}

mr_text mr_cache_trending_key(uint32_t partition, char ret_key[MR_CACHE_KEY_TEXT_BYTES])
{
    return key_text(ret_key, snprintf(ret_key, MR_CACHE_KEY_TEXT_BYTES,
                                      "mr:{p:%" PRIu32 "}:trending", partition));
}

static void put_big_endian(mr_buffer *buffer, uint64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    mr_buffer_put(buffer, bytes, sizeof(bytes));
}

void mr_cache_put_fence(mr_buffer *value, uint64_t epoch, int64_t offset)
{
    MR_ASSERT(offset >= 0);
    put_big_endian(value, epoch);
    put_big_endian(value, (uint64_t)offset);
}

int mr_cache_compare_fences(mr_text a, mr_text b)
{
    const bool a_has = a.length >= MR_CACHE_FENCE_BYTES;
    const bool b_has = b.length >= MR_CACHE_FENCE_BYTES;
    if (!a_has || !b_has)
        return (int)a_has - (int)b_has;
    return memcmp(a.bytes, b.bytes, MR_CACHE_FENCE_BYTES);
}
