#include "app/feeds.h"

#include "app/log_line.h"
#include "app/model_slot.h"
#include "app/trending_board.h"
#include "serving/catalogue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POLLS_A_TURN_MAX = 64, RECORD_ARENA_BYTES = 16384 };
#define MS_NS INT64_C(1000000)
#define TURN_NS (50 * MS_NS)
#define MODEL_NS (1000 * MS_NS)
#define TRENDING_NS (250 * MS_NS)

struct mr_feeds {
    mr_engine *engine;
    mr_log_reader *catalogue;
    mr_log_reader *alerts;
    mr_catalogue_builder *builder;
    mr_arena *arena; /* of one catalogue record */
    mr_cache *cache;
    bool catalogue_changed;
    _Atomic bool catalogue_read;
    _Atomic bool alerts_read;
    _Atomic bool board_made; /* or there is nothing to make one of */
    char version[MR_MODEL_VERSION_BYTES];
    char refused[MR_MODEL_VERSION_BYTES]; /* said once, not every second */
    int64_t model_ns;
    int64_t trending_ns;
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
};

static void take_catalogue(mr_feeds *feeds, const mr_log_record *record)
{
    mr_catalogue_item item;
    mr_error error = {{0}};
    mr_arena_reset(feeds->arena);
    mr_status status =
        mr_catalogue_item_parse(record->key, record->value, feeds->arena, &item, &error);
    if (status == MR_OK)
        status = mr_catalogue_builder_put(feeds->builder, &item);
    if (status != MR_OK)
        mr_log_warn("event=catalogue_record_refused offset=%lld why=\"%s\"",
                    (long long)record->offset, error.message);
    feeds->catalogue_changed |= status == MR_OK;
}

static void take_alert(mr_feeds *feeds, const mr_log_record *record)
{
    if (mr_alert_feed_add(feeds->engine->alerts, record) != MR_OK)
        mr_log_warn("event=alert_not_kept why=\"out of memory\"");
}

/* Read what is there of one topic, from its beginning on. */
static void tail(mr_feeds *feeds, mr_log_reader *reader, _Atomic bool *is_read,
                 void (*take)(mr_feeds *feeds, const mr_log_record *record))
{
    for (int polls = 0; polls < POLLS_A_TURN_MAX; polls++) {
        mr_log_batch batch;
        const mr_status status = mr_log_reader_poll(reader, 0, &batch);
        if (!feeds->engine->is_owner) /* an owner hears it from its events */
            atomic_store_explicit(&feeds->engine->statistics->is_log_down,
                                  status == MR_ERR_UNAVAILABLE, memory_order_relaxed);
        if (status == MR_ERR_GAP) { /* retention has passed: go on with what is held */
            if (mr_log_reader_start(reader, batch.partition, batch.next_offset) != MR_OK)
                return;
            continue;
        }
        if (status != MR_OK || batch.signal == MR_LOG_IDLE)
            return;
        if (batch.signal == MR_LOG_ASSIGNED &&
            mr_log_reader_start(reader, batch.partition, 0) != MR_OK)
            return;
        if (batch.signal == MR_LOG_END)
            atomic_store_explicit(is_read, true, memory_order_relaxed);
        for (size_t i = 0; batch.signal == MR_LOG_RECORDS && i < batch.count; i++)
            take(feeds, &batch.records[i]);
    }
}

static void publish_catalogue(mr_feeds *feeds)
{
    mr_catalogue *catalogue = NULL;
    if (!feeds->catalogue_changed ||
        !atomic_load_explicit(&feeds->catalogue_read, memory_order_relaxed))
        return;
    if (mr_catalogue_build(feeds->builder, &catalogue) != MR_OK)
        return; /* tried again in the next turn */
    const size_t items = mr_catalogue_count(catalogue);
    if (mr_snapshot_swap(feeds->engine->catalogue, catalogue, mr_catalogue_destroy) !=
        MR_OK) {
        mr_catalogue_destroy(catalogue);
        return;
    }
    feeds->catalogue_changed = false;
    mr_log_info("event=catalogue items=%zu", items);
}

static void refuse(mr_feeds *feeds, const char *version, const mr_error *error)
{
    if (strcmp(feeds->refused, version) == 0)
        return;
    (void)snprintf(feeds->refused, sizeof(feeds->refused), "%s", version);
    mr_log_warn("event=model_refused version=%s why=\"%s\"", version, error->message);
}

static void follow_model(mr_feeds *feeds)
{
    const char *path = feeds->engine->config->models.path;
    char version[MR_MODEL_VERSION_BYTES];
    mr_error error = {{0}};
    const mr_status found = mr_models_current(path, version, &error);
    if (found == MR_ERR_NOT_FOUND ||
        (found == MR_OK && strcmp(version, feeds->version) == 0))
        return;
    mr_model_slot *slot = NULL;
    if (found != MR_OK ||
        mr_model_slot_open(path, version, &feeds->engine->key, feeds->engine->plan, &slot,
                           &error) != MR_OK) {
        refuse(feeds, found == MR_OK ? version : "CURRENT", &error);
        return;
    }
    const uint32_t items = mr_recommender_item_count(mr_model_slot_recommender(slot));
    const bool has_churn = mr_model_slot_churn(slot) != NULL;
    if (mr_model_slot_churn_refused(slot)[0] != '\0')
        mr_log_warn("event=churn_model_refused version=%s why=\"%s\"", version,
                    mr_model_slot_churn_refused(slot));
    if (mr_snapshot_swap(feeds->engine->models, slot, mr_model_slot_destroy) != MR_OK) {
        mr_model_slot_destroy(slot);
        return;
    }
    (void)snprintf(feeds->version, sizeof(feeds->version), "%s", version);
    mr_log_info("event=model version=%s items=%u churn=%s", version, items,
                has_churn ? "yes" : "no");
}

/* Whether the board is all there is to be known: something on it, or nothing that could be. */
static bool is_whole(const mr_engine *engine, const mr_trending_board *board)
{
    if (board->count[MR_TRENDING_EVER] > 0 || !engine->is_owner)
        return true;
    return mr_statistics_is_caught_up(engine->statistics) &&
           mr_statistics_sum(engine->statistics).applied == 0;
}

static void merge_trending(mr_feeds *feeds)
{
    mr_engine *engine = feeds->engine;
    mr_trending_board *board = NULL;
    if (mr_trending_board_create(feeds->cache, engine->statistics->partition_count,
                                 &board) != MR_OK)
        return;
    const bool is_made = is_whole(engine, board);
    if (!engine->is_owner) /* the time of a deployment whose clock is its data's */
        atomic_store_explicit(&engine->statistics->newest_ms, board->newest_ms,
                              memory_order_relaxed);
    if (mr_snapshot_swap(engine->trending, board, mr_trending_board_destroy) != MR_OK)
        mr_trending_board_destroy(board);
    else
        atomic_store_explicit(&feeds->board_made, is_made, memory_order_relaxed);
    const bool is_down = mr_cache_down_since_ms(feeds->cache) != 0;
    if (is_down !=
        atomic_load_explicit(&engine->statistics->is_cache_down, memory_order_relaxed))
        mr_log_warn("event=cache state=%s error=%s", is_down ? "down" : "up",
                    mr_cache_last_error(feeds->cache));
    atomic_store_explicit(&engine->statistics->is_cache_down, is_down,
                          memory_order_relaxed);
}

static void *run(void *context)
{
    mr_feeds *feeds = context;
    while (!atomic_load_explicit(&feeds->stopping, memory_order_relaxed)) {
        tail(feeds, feeds->catalogue, &feeds->catalogue_read, take_catalogue);
        tail(feeds, feeds->alerts, &feeds->alerts_read, take_alert);
        publish_catalogue(feeds);
        const int64_t now = mr_clock_monotonic_ns(mr_clock_system());
        if (now >= feeds->model_ns) {
            follow_model(feeds);
            feeds->model_ns = now + MODEL_NS;
        }
        if (now >= feeds->trending_ns) {
            merge_trending(feeds);
            feeds->trending_ns = now + TRENDING_NS;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = TURN_NS}, NULL);
    }
    return NULL;
}

mr_status mr_feeds_create(mr_engine *engine, mr_feeds **ret_feeds, mr_error *ret_error)
{
    const mr_log_reader_options whole = {.mode = MR_LOG_STATIC};
    mr_feeds *feeds = calloc(1, sizeof(*feeds));
    if (feeds == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    feeds->engine = engine;
    feeds->arena = mr_arena_create(RECORD_ARENA_BYTES);
    mr_status status = feeds->arena == NULL
                           ? MR_ERR_NO_MEMORY
                           : mr_catalogue_builder_create(&engine->key, &feeds->builder);
    if (status == MR_OK)
        status = mr_engine_cache_create(engine, &feeds->cache, ret_error);
    if (status == MR_OK)
        status = mr_log_reader_open(engine->topics.catalogue, &whole, &feeds->catalogue,
                                    ret_error);
    if (status == MR_OK)
        status =
            mr_log_reader_open(engine->topics.alerts, &whole, &feeds->alerts, ret_error);
    if (status == MR_OK) {
        follow_model(feeds); /* before the first request is answered */
        if (pthread_create(&feeds->thread, NULL, run, feeds) != 0)
            status = mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                                  "cannot start the thread of the feeds");
    }
    if (status != MR_OK) {
        mr_feeds_destroy(feeds);
        return status;
    }
    feeds->started = true;
    *ret_feeds = feeds;
    return MR_OK;
}

void mr_feeds_destroy(mr_feeds *feeds)
{
    if (feeds == NULL)
        return;
    if (feeds->started) {
        atomic_store_explicit(&feeds->stopping, true, memory_order_relaxed);
        (void)pthread_join(feeds->thread, NULL);
    }
    mr_log_reader_close(feeds->catalogue);
    mr_log_reader_close(feeds->alerts);
    mr_catalogue_builder_destroy(feeds->builder);
    mr_arena_destroy(feeds->arena);
    mr_cache_destroy(feeds->cache);
    free(feeds);
}

bool mr_feeds_are_ready(const mr_feeds *feeds)
{
    return atomic_load_explicit(&feeds->catalogue_read, memory_order_relaxed) &&
           atomic_load_explicit(&feeds->alerts_read, memory_order_relaxed) &&
           atomic_load_explicit(&feeds->board_made, memory_order_relaxed);
}
