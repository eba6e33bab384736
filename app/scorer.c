#include "app/scorer.h"

#include "app/scoring.h"
#include "serving/result_codec.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    SCORER_BATCH = 64,
    SPARE_BATCH = 8, /* as long as a first one may have to wait */
    IDLE_NS = 1000000,
    CACHE_TIMEOUT_MS = 1000,
    WHOLE_PERCENT = 100,
};

static const size_t ring_elements[MR_SCORER_TURNS] = {
    [MR_SCORER_FIRST] = MR_SCORER_RING_ELEMENTS,
    [MR_SCORER_SPARE] = MR_SCORER_SPARE_ELEMENTS,
};

struct mr_scorer {
    mr_engine *engine;
    mr_ring *rings[MR_SCORER_TURNS];
    int64_t spare_ns; /* no spare turn before */
    mr_cache *cache;
    mr_scoring scoring;
    mr_buffer values;
    pthread_t thread;
    _Atomic bool stopping;
    bool started;
    mr_score_task tasks[SCORER_BATCH];
};

/* The id behind a hash, for the codec. */
static mr_text resolve(void *context, uint64_t hash)
{
    const mr_model_slot *slot = context;
    const uint32_t item = mr_model_slot_item_by_hash(slot, hash);
    return item != MR_ITEM_NONE
               ? mr_recommender_item_id(mr_model_slot_recommender(slot), item)
               : (mr_text){0};
}

/* Score one task and append its packed result.  MR_ERR_CORRUPT cannot happen for what our own
 * ingest thread packed, and is only passed over. */
static mr_status score_one(mr_scorer *scorer, mr_model_slot *slot,
                           const mr_score_task *task)
{
    const mr_recommender *recommender = mr_model_slot_recommender(slot);
    const int64_t now_ms = mr_clock_wall_ms(scorer->engine->clock);
    mr_user_state state;
    mr_result result;
    const mr_text packed = {(const char *)task->state, task->bytes};
    MR_TRY(mr_user_state_decode(task->user, packed, resolve, slot, &state));
    size_t count = 0;
    MR_TRY(mr_scoring_score(&scorer->scoring, slot, &state, NULL, 0, now_ms,
                            MR_RESULT_ITEMS_MAX, result.items, &count));
    result.epoch = state.epoch;
    result.offset = state.offset;
    result.model = mr_model_hash(mr_text_from(mr_recommender_version(recommender)));
    result.dictionary = mr_recommender_item_count(recommender);
    result.profile_as_of_ms = state.as_of_ms;
    result.expires_ms = now_ms + scorer->engine->config->cache.ttl_ms;
    result.count = (uint32_t)count;
    return mr_result_encode(task->user, &result, &scorer->values);
}

static void score_batch(mr_scorer *scorer, mr_model_slot *slot, size_t count)
{
    mr_cache_entry entries[SCORER_BATCH];
    char keys[SCORER_BATCH][MR_CACHE_KEY_TEXT_BYTES];
    size_t starts[SCORER_BATCH + 1];
    size_t ready = 0;

    mr_buffer_clear(&scorer->values);
    for (size_t i = 0; i < count; i++) {
        starts[ready] = scorer->values.length;
        if (score_one(scorer, slot, &scorer->tasks[i]) != MR_OK)
            continue;
        entries[ready].key =
            mr_cache_user_key(scorer->tasks[i].user, MR_CACHE_RESULT, keys[ready]);
        entries[ready].ttl_ms = scorer->engine->config->cache.ttl_ms;
        ready++;
        starts[ready] = scorer->values.length;
    }
    for (size_t i = 0; i < ready; i++) /* the buffer has stopped moving */
        entries[i].value = (mr_text){(const char *)scorer->values.bytes + starts[i],
                                     (uint32_t)(starts[i + 1] - starts[i])};
    mr_statistics *statistics = scorer->engine->statistics;
    if (mr_cache_set_many(scorer->cache, entries, ready, CACHE_TIMEOUT_MS) != MR_OK)
        atomic_fetch_add_explicit(&statistics->cache_failures, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&statistics->scored, ready, memory_order_relaxed);
}

static void serve_batch(mr_scorer *scorer, size_t count)
{
    mr_snapshot *snapshot = mr_snapshot_acquire(scorer->engine->models);
    if (snapshot == NULL) {
        atomic_fetch_add_explicit(&scorer->engine->statistics->score_deferred, count,
                                  memory_order_relaxed);
        return;
    }
    /* The slot is immutable; the codec's callback takes a plain pointer. */
    mr_model_slot *slot = (mr_model_slot *)(uintptr_t)mr_snapshot_object(snapshot);
    score_batch(scorer, slot, count);
    mr_snapshot_release(snapshot);
}

static int64_t now_ns(void)
{
    return mr_clock_monotonic_ns(mr_clock_system());
}

/* A spare turn, and then a rest as long as its share of the time asks for. */
static size_t serve_spare(mr_scorer *scorer)
{
    const mr_engine *engine = scorer->engine;
    const int64_t share =
        engine->until_end ? (int64_t)WHOLE_PERCENT : engine->config->models.unread;
    const int64_t start_ns = now_ns();
    if (share == 0 || start_ns < scorer->spare_ns)
        return 0;
    const size_t count =
        mr_ring_pop(scorer->rings[MR_SCORER_SPARE], scorer->tasks, SPARE_BATCH);
    if (count > 0) {
        serve_batch(scorer, count);
        const int64_t end_ns = now_ns();
        scorer->spare_ns = end_ns + (end_ns - start_ns) * (WHOLE_PERCENT - share) / share;
    }
    return count;
}

static void *run(void *context)
{
    mr_scorer *scorer = context;
    while (!atomic_load_explicit(&scorer->stopping, memory_order_relaxed)) {
        const size_t count =
            mr_ring_pop(scorer->rings[MR_SCORER_FIRST], scorer->tasks, SCORER_BATCH);
        if (count > 0)
            serve_batch(scorer, count);
        else if (serve_spare(scorer) == 0)
            (void)nanosleep(&(struct timespec){.tv_nsec = IDLE_NS}, NULL);
    }
    return NULL;
}

static mr_status create_rings(mr_scorer *scorer)
{
    for (int turn = 0; turn < MR_SCORER_TURNS; turn++)
        MR_TRY(mr_ring_create(ring_elements[turn], sizeof(mr_score_task),
                              &scorer->rings[turn]));
    return MR_OK;
}

mr_status mr_scorer_create(mr_engine *engine, mr_scorer **ret_scorer, mr_error *ret_error)
{
    mr_scorer *scorer = calloc(1, sizeof(*scorer));
    if (scorer == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    scorer->engine = engine;
    mr_status status = create_rings(scorer);
    if (status == MR_OK)
        status = mr_engine_cache_create(engine, &scorer->cache, ret_error);
    if (status == MR_OK && pthread_create(&scorer->thread, NULL, run, scorer) != 0)
        status =
            mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "cannot start a scorer thread");
    if (status != MR_OK) {
        mr_scorer_destroy(scorer);
        return status;
    }
    scorer->started = true;
    *ret_scorer = scorer;
    return MR_OK;
}

void mr_scorer_destroy(mr_scorer *scorer)
{
    if (scorer == NULL)
        return;
    if (scorer->started) {
        atomic_store_explicit(&scorer->stopping, true, memory_order_relaxed);
        (void)pthread_join(scorer->thread, NULL);
    }
    mr_scoring_deinit(&scorer->scoring);
    mr_cache_destroy(scorer->cache);
    for (int turn = 0; turn < MR_SCORER_TURNS; turn++)
        mr_ring_destroy(scorer->rings[turn]);
    mr_buffer_deinit(&scorer->values);
    free(scorer);
}

bool mr_scorer_has_room(const mr_scorer *scorer, mr_scorer_turn turn)
{
    return mr_ring_count(scorer->rings[turn]) < ring_elements[turn];
}

mr_status mr_scorer_push(mr_scorer *scorer, mr_scorer_turn turn,
                         const mr_score_task *task)
{
    return mr_ring_push(scorer->rings[turn], task);
}

bool mr_scorer_is_idle(const mr_scorer *scorer)
{
    return mr_ring_count(scorer->rings[MR_SCORER_FIRST]) == 0 &&
           mr_ring_count(scorer->rings[MR_SCORER_SPARE]) == 0;
}
