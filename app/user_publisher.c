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
    mr_hash128 users[PUBLISH_BATCH]; /* of the batch at hand, those that have a key */
    uint32_t rows[PUBLISH_BATCH];
    size_t count;
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

/* Write the states of some rows, and note whose they are; a row without a key has none. */
static mr_status write_states(mr_user_publisher *publisher, mr_owned_shard *owned,
                              const uint32_t *rows, size_t count)
{
    mr_cache_entry entries[PUBLISH_BATCH];
    char keys[PUBLISH_BATCH][MR_CACHE_KEY_TEXT_BYTES];
    size_t ends[PUBLISH_BATCH];
    size_t ready = 0;
    mr_buffer_clear(&publisher->values);
    for (size_t i = 0; i < count; i++) {
        if (!has_a_key(owned, rows[i]))
            continue;
        mr_hash128 *user = &publisher->users[ready];
        MR_TRY(put_state(publisher, owned, rows[i], user));
        publisher->rows[ready] = rows[i];
        entries[ready].key = mr_cache_user_key(*user, MR_CACHE_STATE, keys[ready]);
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
    publisher->count = ready;
    return MR_OK;
}

/* Who was read lately will be read again, and gets a new list before all others. */
static void queue_rows(const mr_user_publisher *publisher, mr_owned_shard *owned)
{
    const mr_engine *engine = publisher->engine;
    const bool are_others_scored = engine->until_end || engine->config->models.unread > 0;
    for (size_t i = 0; i < publisher->count; i++) {
        if (mr_recent_readers_take(engine->readers, publisher->users[i]))
            mr_row_queue_put(&owned->read_rows, publisher->rows[i]);
        else if (are_others_scored)
            mr_row_queue_put(&owned->unread_rows, publisher->rows[i]);
    }
}

static mr_status make_room(mr_owned_shard *owned, const uint32_t *rows, size_t count)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = rows[i] > largest ? rows[i] : largest;
    MR_TRY(mr_row_queue_reserve(&owned->read_rows, (size_t)largest + 1));
    return mr_row_queue_reserve(&owned->unread_rows, (size_t)largest + 1);
}

mr_status mr_user_publisher_flush(mr_user_publisher *publisher, mr_owned_shard *owned)
{
    const uint32_t *rows;
    const size_t count = mr_shard_changed(owned->shard, &rows);
    if (count == 0)
        return MR_OK;
    MR_TRY(make_room(owned, rows, count));
    for (size_t done = 0; done < count; done += PUBLISH_BATCH) {
        const size_t left = count - done;
        MR_TRY(write_states(publisher, owned, rows + done,
                            left < PUBLISH_BATCH ? left : PUBLISH_BATCH));
        queue_rows(publisher, owned);
    }
    mr_shard_changed_clear(owned->shard);
    return MR_OK;
}

/* By user, so that two results of one user are written in their order. */
static mr_scorer *scorer_of(const mr_engine *engine, mr_hash128 user)
{
    return engine->scorers[user.low % engine->scorer_count];
}

/* MR_ERR_FULL: the scorer has enough to do; nothing was packed for it. */
static mr_status push_row(mr_user_publisher *publisher, mr_owned_shard *owned,
                          uint32_t row, mr_scorer_turn turn)
{
    mr_engine *engine = publisher->engine;
    if (!has_a_key(owned, row))
        return MR_OK;
    const mr_hash128 user =
        mr_hash_user(&engine->key, mr_shard_user_id(owned->shard, row));
    mr_scorer *scorer = scorer_of(engine, user);
    if (!mr_scorer_has_room(scorer, turn))
        return MR_ERR_FULL;
    mr_buffer_clear(&publisher->values);
    MR_TRY(put_state(publisher, owned, row, &publisher->task.user));
    publisher->task.bytes = (uint32_t)publisher->values.length;
    memcpy(publisher->task.state, publisher->values.bytes, publisher->values.length);
    return mr_scorer_push(scorer, turn, &publisher->task);
}

static void feed(mr_user_publisher *publisher, mr_owned_shard *owned, mr_row_queue *queue,
                 mr_scorer_turn turn)
{
    while (queue->count > 0 &&
           push_row(publisher, owned, mr_row_queue_first(queue), turn) == MR_OK)
        mr_row_queue_take(queue);
}

void mr_user_publisher_feed_scorers(mr_user_publisher *publisher, mr_owned_shard *owned)
{
    feed(publisher, owned, &owned->read_rows, MR_SCORER_FIRST);
    feed(publisher, owned, &owned->unread_rows, MR_SCORER_SPARE);
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
