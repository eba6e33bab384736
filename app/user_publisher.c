#include "app/user_publisher.h"

#include "features/trending.h"

#include <stdlib.h>
#include <string.h>

enum { PUBLISH_BATCH = 256, CACHE_TIMEOUT_MS = 200 };
#define TRENDING_TTL_MS INT64_C(86400000)

struct mr_user_publisher {
    mr_engine *engine;
    mr_cache *cache;
    mr_buffer values;
    size_t next_scorer;
    mr_user_state state;
    mr_score_task task;
};

mr_status mr_user_publisher_create(mr_engine *engine, mr_user_publisher **ret_publisher,
                                   mr_error *ret_error)
{
    mr_user_publisher *publisher = calloc(1, sizeof(*publisher));
    if (publisher == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    publisher->engine = engine;
    const mr_status status = mr_engine_cache_create(engine, &publisher->cache, ret_error);
    if (status != MR_OK) {
        mr_user_publisher_destroy(publisher);
        return status;
    }
    *ret_publisher = publisher;
    return MR_OK;
}

void mr_user_publisher_destroy(mr_user_publisher *publisher)
{
    if (publisher == NULL)
        return;
    mr_cache_destroy(publisher->cache);
    mr_buffer_deinit(&publisher->values);
    free(publisher);
}

/* An anonymous id that is also somebody's user id would share a key: the known user has it. */
static bool has_a_key(const mr_owned_shard *owned, uint32_t row)
{
    return !mr_shard_is_anonymous(owned->shard, row) ||
           mr_shard_find(owned->shard, mr_shard_user_id(owned->shard, row)) ==
               MR_ROW_NONE;
}

static mr_status put_state(mr_user_publisher *publisher, mr_owned_shard *owned,
                           uint32_t row, mr_hash128 *ret_user)
{
    mr_shard_user_state(owned->shard, row, owned->epoch, &publisher->state);
    *ret_user = mr_hash_user(&publisher->engine->key, publisher->state.user_id);
    return mr_user_state_encode(&publisher->engine->key, *ret_user, &publisher->state,
                                &publisher->values);
}

static mr_status write_states(mr_user_publisher *publisher, mr_owned_shard *owned,
                              const uint32_t *rows, size_t count)
{
    mr_cache_entry entries[PUBLISH_BATCH];
    char keys[PUBLISH_BATCH][MR_CACHE_KEY_TEXT_BYTES];
    size_t ends[PUBLISH_BATCH];
    size_t ready = 0;
    mr_buffer_clear(&publisher->values);
    for (size_t i = 0; i < count; i++) {
        mr_hash128 user;
        if (!has_a_key(owned, rows[i]))
            continue;
        MR_TRY(put_state(publisher, owned, rows[i], &user));
        entries[ready].key = mr_cache_user_key(user, MR_CACHE_STATE, keys[ready]);
        entries[ready].ttl_ms = publisher->engine->config->cache.ttl_ms;
        ends[ready++] = publisher->values.length;
    }
    size_t start = 0;
    for (size_t i = 0; i < ready; i++) { /* the buffer has stopped moving */
        entries[i].value = (mr_text){(const char *)publisher->values.bytes + start,
                                     (uint32_t)(ends[i] - start)};
        start = ends[i];
    }
    /* A cache that is away costs freshness only: the state is in the shard, and is written
     * again when the user changes or is asked for. */
    if (mr_cache_set_many(publisher->cache, entries, ready, CACHE_TIMEOUT_MS) != MR_OK)
        atomic_fetch_add_explicit(&publisher->engine->statistics->cache_failures, 1,
                                  memory_order_relaxed);
    return MR_OK;
}

static mr_status queue_rows(mr_owned_shard *owned, const uint32_t *rows, size_t count)
{
    if (owned->rescore_first > 0) {
        memmove(owned->rescore, owned->rescore + owned->rescore_first,
                owned->rescore_count * sizeof(*rows));
        owned->rescore_first = 0;
    }
    const size_t needed = owned->rescore_count + count;
    /* More waiting rows than users means most wait twice: one entry each is enough. */
    if (owned->rescore_count > mr_shard_user_count(owned->shard))
        return MR_OK;
    if (needed > owned->rescore_capacity) {
        const size_t capacity = needed * 2;
        uint32_t *larger = realloc(owned->rescore, capacity * sizeof(*larger));
        if (larger == NULL)
            return MR_ERR_NO_MEMORY;
        owned->rescore = larger;
        owned->rescore_capacity = capacity;
    }
    memcpy(owned->rescore + owned->rescore_count, rows, count * sizeof(*rows));
    owned->rescore_count = needed;
    return MR_OK;
}

mr_status mr_user_publisher_flush(mr_user_publisher *publisher, mr_owned_shard *owned)
{
    const uint32_t *rows;
    const size_t count = mr_shard_changed(owned->shard, &rows);
    if (count == 0)
        return MR_OK;
    for (size_t done = 0; done < count; done += PUBLISH_BATCH) {
        const size_t left = count - done;
        MR_TRY(write_states(publisher, owned, rows + done,
                            left < PUBLISH_BATCH ? left : PUBLISH_BATCH));
    }
    MR_TRY(queue_rows(owned, rows, count));
    mr_shard_changed_clear(owned->shard);
    return MR_OK;
}

void mr_user_publisher_feed_scorers(mr_user_publisher *publisher, mr_owned_shard *owned)
{
    mr_engine *engine = publisher->engine;
    while (owned->rescore_count > 0) {
        const uint32_t row = owned->rescore[owned->rescore_first];
        if (has_a_key(owned, row)) {
            mr_buffer_clear(&publisher->values);
            if (put_state(publisher, owned, row, &publisher->task.user) != MR_OK)
                return;
            publisher->task.bytes = (uint32_t)publisher->values.length;
            memcpy(publisher->task.state, publisher->values.bytes,
                   publisher->values.length);
            /* By user, so that two results of one user are written in their order. */
            mr_scorer *scorer =
                engine->scorers[publisher->task.user.low % engine->scorer_count];
            if (mr_scorer_push(scorer, &publisher->task) != MR_OK)
                return;
        }
        owned->rescore_first++;
        owned->rescore_count--;
    }
    owned->rescore_first = 0;
}

mr_status mr_user_publisher_trending(mr_user_publisher *publisher, mr_owned_shard *owned)
{
    const int64_t at_ms = mr_shard_newest_ms(owned->shard);
    if (at_ms == MR_TIME_NONE)
        return MR_OK;
    char key[MR_CACHE_KEY_TEXT_BYTES];
    mr_buffer_clear(&publisher->values);
    mr_cache_put_fence(&publisher->values, owned->epoch,
                       mr_shard_next_offset(owned->shard));
    MR_TRY(mr_trending_encode(owned->shard, owned->epoch, at_ms, &publisher->values));
    const mr_cache_entry entry = {
        .key = mr_cache_trending_key(owned->partition, key),
        .value = {(const char *)publisher->values.bytes,
                  (uint32_t)publisher->values.length},
        .ttl_ms = TRENDING_TTL_MS,
    };
    return mr_cache_set_many(publisher->cache, &entry, 1, CACHE_TIMEOUT_MS);
}
