#include "app/engine_backend.h"

#include "app/engine_analytics.h"
#include "app/event_intake.h"
#include "app/feeds.h"
#include "app/ingest_thread.h"
#include "app/profile_json.h"
#include "app/scoring.h"
#include "app/trending_board.h"
#include "serving/catalogue.h"
#include "serving/http_server.h"
#include "serving/result_codec.h"
#include "serving/user_state_codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_TIMEOUT_MS = 10, PROFILE_TIMEOUT_MS = 1000, ITEMS_AT_ONCE = 256 };

struct mr_engine_backend {
    mr_backend table;
    mr_engine *engine;
    mr_scoring *scoring;       /* one a thread */
    mr_event_intake **intakes; /* one a thread */
    mr_cache **caches;         /* one a thread; NULL where the owner is asked instead */
    uint32_t threads;
    mr_analytics_desk *desk;
};

static const mr_model_slot *slot_of(const mr_model_view *view)
{
    return mr_snapshot_object(view->model);
}

static const mr_recommender *recommender_of(const mr_model_view *view)
{
    return mr_model_slot_recommender(slot_of(view));
}

static mr_status acquire(void *context, mr_model_view *ret_view)
{
    const mr_engine_backend *self = context;
    mr_snapshot *snapshot = mr_snapshot_acquire(self->engine->models);
    if (snapshot == NULL)
        return MR_ERR_NOT_FOUND;
    *ret_view = (mr_model_view){.model = snapshot};
    const mr_recommender *recommender = recommender_of(ret_view);
    ret_view->version = mr_text_from(mr_recommender_version(recommender));
    ret_view->hash = mr_model_hash(ret_view->version);
    ret_view->dictionary = mr_recommender_item_count(recommender);
    return MR_OK;
}

static void release(void *context, mr_model_view *view)
{
    (void)context;
    mr_snapshot_release(view->model);
    *view = (mr_model_view){0};
}

static mr_text item_id(void *context, const mr_model_view *view, uint32_t item)
{
    (void)context;
    return mr_recommender_item_id(recommender_of(view), item);
}

static uint32_t item_index(void *context, const mr_model_view *view, mr_text id)
{
    (void)context;
    return mr_recommender_find_item(recommender_of(view), id);
}

static uint32_t item_by_hash(void *context, const mr_model_view *view, uint64_t hash)
{
    (void)context;
    return mr_model_slot_item_by_hash(slot_of(view), hash);
}

static mr_status score(void *context, uint32_t thread, const mr_model_view *view,
                       const mr_score_request *request, mr_scored_item *ret_items,
                       size_t *ret_count)
{
    const mr_engine_backend *self = context;
    return mr_scoring_score(&self->scoring[thread], slot_of(view), request->state,
                            request->context_items, request->context_count,
                            mr_clock_wall_ms(self->engine->clock), request->k, ret_items,
                            ret_count);
}

static mr_status similar(void *context, uint32_t thread, const mr_model_view *view,
                         uint32_t item, size_t k, mr_scored_item *ret_items,
                         size_t *ret_count)
{
    const mr_engine_backend *self = context;
    return mr_scoring_similar(&self->scoring[thread], slot_of(view), item, k, ret_items,
                              ret_count);
}

static mr_status rank(void *context, uint32_t thread, const mr_model_view *view,
                      const mr_score_request *request, const uint32_t *items,
                      size_t count, mr_scored_item *ret_items)
{
    const mr_engine_backend *self = context;
    return mr_scoring_rank(&self->scoring[thread], slot_of(view), request->state,
                           request->context_items, request->context_count,
                           mr_clock_wall_ms(self->engine->clock), items, count,
                           ret_items);
}

static mr_status bought_together(void *context, uint32_t thread,
                                 const mr_model_view *view, uint32_t item, size_t k,
                                 mr_scored_item *ret_items, size_t *ret_count)
{
    const mr_engine_backend *self = context;
    return mr_scoring_bought_together(&self->scoring[thread], slot_of(view), item, k,
                                      ret_items, ret_count);
}

static bool is_of_category(const mr_catalogue *catalogue, mr_text item_id_text,
                           mr_text category)
{
    const mr_catalogue_item *item = mr_catalogue_find(catalogue, item_id_text);
    return item != NULL && mr_text_equal(item->category, category);
}

/* The first `k` of a board's list, of one category when one is named. */
static size_t pick(const mr_engine_backend *self, const mr_trending_entry *entries,
                   size_t entry_count, mr_trending_kind kind, mr_text category, size_t k,
                   mr_arena *arena, mr_candidate *ret_items)
{
    mr_snapshot *snapshot =
        category.length > 0 ? mr_snapshot_acquire(self->engine->catalogue) : NULL;
    const mr_catalogue *catalogue =
        snapshot != NULL ? mr_snapshot_object(snapshot) : NULL;
    size_t count = 0;
    for (size_t i = 0; i < entry_count && count < k; i++) {
        const mr_trending_entry *entry = &entries[i];
        if (category.length > 0 && !is_of_category(catalogue, entry->item_id, category))
            continue;
        const mr_text id = mr_arena_copy(arena, entry->item_id);
        if (id.bytes == NULL)
            break;
        ret_items[count++] = (mr_candidate){
            .item_id = id,
            .score = (float)entry->score,
            .source = kind == MR_TRENDING_POPULAR || kind == MR_TRENDING_EVER
                          ? MR_SOURCE_POPULAR
                          : MR_SOURCE_TRENDING,
        };
    }
    mr_snapshot_release(snapshot);
    return count;
}

static mr_status trending(void *context, uint32_t thread, mr_trending_kind kind,
                          mr_text category, size_t k, mr_arena *arena,
                          mr_candidate *ret_items, size_t *ret_count)
{
    (void)thread;
    const mr_engine_backend *self = context;
    mr_snapshot *snapshot = mr_snapshot_acquire(self->engine->trending);
    *ret_count = 0;
    if (snapshot == NULL)
        return MR_OK;
    const mr_trending_board *board = mr_snapshot_object(snapshot);
    *ret_count = pick(self, board->entries[kind], board->count[kind], kind, category, k,
                      arena, ret_items);
    mr_snapshot_release(snapshot);
    return MR_OK;
}

static mr_status trending_categories(void *context, uint32_t thread,
                                     mr_trending_kind kind, size_t k, mr_arena *arena,
                                     mr_candidate *ret_categories, size_t *ret_count)
{
    (void)thread;
    const mr_engine_backend *self = context;
    mr_snapshot *snapshot = mr_snapshot_acquire(self->engine->trending);
    *ret_count = 0;
    if (snapshot == NULL)
        return MR_OK;
    const mr_trending_board *board = mr_snapshot_object(snapshot);
    *ret_count = pick(self, board->categories[kind], board->category_count[kind], kind,
                      (mr_text){0}, k, arena, ret_categories);
    mr_snapshot_release(snapshot);
    return MR_OK;
}

static mr_status trending_scope(void *context, uint32_t thread,
                                mr_trending_scope *ret_scope)
{
    (void)thread;
    const mr_engine_backend *self = context;
    mr_snapshot *snapshot = mr_snapshot_acquire(self->engine->trending);
    *ret_scope = (mr_trending_scope){0};
    if (snapshot == NULL)
        return MR_OK;
    const mr_trending_board *board = mr_snapshot_object(snapshot);
    *ret_scope = (mr_trending_scope){.as_of_ms = board->newest_ms,
                                     .counted = (uint32_t)board->shares,
                                     .of = board->of};
    mr_snapshot_release(snapshot);
    return MR_OK;
}

/* What the model found popular when it was trained, or with no model what ever was. */
static mr_status static_list(void *context, size_t k, mr_arena *arena,
                             mr_candidate *ret_items, size_t *ret_count)
{
    enum { STATIC_MAX = MR_RECOMMEND_MAX };
    const mr_engine_backend *self = context;
    mr_scored_item items[STATIC_MAX];
    mr_snapshot *snapshot = mr_snapshot_acquire(self->engine->models);
    if (snapshot == NULL)
        return trending(context, 0, MR_TRENDING_EVER, (mr_text){0}, k, arena, ret_items,
                        ret_count);
    const mr_recommender *recommender =
        mr_model_slot_recommender(mr_snapshot_object(snapshot));
    size_t found = 0;
    size_t count = 0;
    const mr_status status = mr_recommender_popular(
        recommender, (uint32_t)(k < STATIC_MAX ? k : STATIC_MAX), NULL, 0, items, &found);
    for (size_t i = 0; status == MR_OK && i < found; i++) {
        const mr_text id =
            mr_arena_copy(arena, mr_recommender_item_id(recommender, items[i].item));
        if (id.bytes == NULL)
            break;
        ret_items[count++] = (mr_candidate){
            .item_id = id, .score = items[i].score, .source = MR_SOURCE_POPULAR};
    }
    mr_snapshot_release(snapshot);
    *ret_count = count;
    return status;
}

/* ---- questions to the ingest thread ---- */

typedef struct state_question {
    mr_user_question question; /* first: the answer gets a pointer to it */
    mr_owner_question *asked;
    const mr_hash_key *key;
    mr_buffer *storage;
} state_question;

static mr_status answer_state(mr_user_question *question)
{
    const state_question *q = (state_question *)(void *)question;
    mr_user_state state;
    mr_shard_user_state(question->owned->shard, question->row, question->owned->epoch,
                        &state);
    q->asked->offset = q->storage->length;
    MR_TRY(mr_user_state_encode(q->key, q->asked->user, &state, q->storage));
    q->asked->length = (uint32_t)(q->storage->length - q->asked->offset);
    return MR_OK;
}

static mr_status user_states(void *context, uint32_t thread, mr_owner_question *questions,
                             size_t count, mr_buffer *storage)
{
    (void)thread;
    const mr_engine_backend *self = context;
    state_question asked[MR_HTTP_WAITING_MAX];
    mr_user_question *pointers[MR_HTTP_WAITING_MAX] = {NULL};
    for (size_t i = 0; i < count; i++) {
        asked[i] = (state_question){{.user_id = questions[i].user_id},
                                    &questions[i],
                                    &self->engine->key,
                                    storage};
        pointers[i] = &asked[i].question;
    }
    MR_TRY(mr_ingest_thread_ask(self->engine->ingest, pointers, count, answer_state,
                                STATE_TIMEOUT_MS));
    for (size_t i = 0; i < count; i++)
        questions[i].status = asked[i].question.status;
    return MR_OK;
}

typedef struct profile_question {
    mr_user_question question;
    mr_json_writer *writer;
} profile_question;

static mr_status answer_profile(mr_user_question *question)
{
    profile_question *q = (profile_question *)(void *)question;
    const mr_shard *shard = question->owned->shard;
    mr_quintile_reading thresholds;
    (void)mr_quintile_board_read(question->owned->engine->quintiles, &thresholds);
    mr_profile_json_write(shard, question->row, mr_shard_newest_ms(shard),
                          &thresholds.quintiles, q->writer);
    return MR_OK;
}

static mr_status profile(void *context, uint32_t thread, mr_text user_id,
                         mr_json_writer *writer)
{
    (void)thread;
    const mr_engine_backend *self = context;
    profile_question q = {{.user_id = user_id}, writer};
    mr_user_question *question = &q.question;
    MR_TRY(mr_ingest_thread_ask(self->engine->ingest, &question, 1, answer_profile,
                                PROFILE_TIMEOUT_MS));
    return q.question.status;
}

/* ---- without the owner: what it wrote to the cache ---- */

typedef struct resolving {
    const mr_model_slot *slot; /* NULL: no model, nothing is known by its hash */
} resolving;

static mr_text resolve(void *context, uint64_t hash)
{
    const mr_model_slot *slot = ((const resolving *)context)->slot;
    const uint32_t item =
        slot != NULL ? mr_model_slot_item_by_hash(slot, hash) : MR_ITEM_NONE;
    return item != MR_ITEM_NONE
               ? mr_recommender_item_id(mr_model_slot_recommender(slot), item)
               : (mr_text){0};
}

static mr_status summary_of(const mr_engine_backend *self, uint32_t thread,
                            mr_text user_id, mr_buffer *storage, resolving *items,
                            mr_user_state *ret_state)
{
    char key[MR_CACHE_KEY_TEXT_BYTES];
    mr_text value;
    const mr_hash128 user = mr_hash_user(&self->engine->key, user_id);
    const mr_text name = mr_cache_user_key(user, MR_CACHE_STATE, key);
    MR_TRY(mr_cache_get_many(self->caches[thread], &name, 1,
                             self->engine->config->cache.timeout_ms, storage, &value));
    if (value.length == 0)
        return mr_cache_down_since_ms(self->caches[thread]) != 0 ? MR_ERR_UNAVAILABLE
                                                                 : MR_ERR_NOT_FOUND;
    const mr_status status = mr_user_state_decode(user, value, resolve, items, ret_state);
    if (status != MR_OK)
        return MR_ERR_NOT_FOUND; /* a value that does not read is as good as absent */
    return ret_state->events > 0 ? MR_OK : MR_ERR_NOT_FOUND;
}

static mr_status profile_summary(void *context, uint32_t thread, mr_text user_id,
                                 mr_json_writer *writer)
{
    const mr_engine_backend *self = context;
    mr_snapshot *model = mr_snapshot_acquire(self->engine->models);
    resolving items = {model != NULL ? mr_snapshot_object(model) : NULL};
    mr_buffer storage = {0};
    mr_user_state state;
    const mr_status status = summary_of(self, thread, user_id, &storage, &items, &state);
    if (status == MR_OK)
        mr_profile_json_write_summary(&state, user_id, writer);
    mr_buffer_deinit(&storage);
    mr_snapshot_release(model);
    return status;
}

/* ---- the rest ---- */

static const char *degraded(void *context)
{
    const mr_engine_backend *self = context;
    const mr_statistics *statistics = self->engine->statistics;
    if (atomic_load_explicit(&statistics->is_log_down, memory_order_relaxed))
        return "log";
    return NULL;
}

static mr_status append_events(void *context, uint32_t thread, mr_backend_event *events,
                               size_t count)
{
    const mr_engine_backend *self = context;
    return mr_event_intake_append(self->intakes[thread], events, count);
}

static mr_status append_items(void *context, uint32_t thread,
                              const mr_backend_item *items, size_t count)
{
    (void)thread;
    const mr_engine_backend *self = context;
    const int64_t now_ms = mr_clock_wall_ms(mr_clock_system());
    mr_log_entry entries[ITEMS_AT_ONCE];
    for (size_t at = 0; at < count; at += ITEMS_AT_ONCE) {
        const size_t left = count - at;
        const size_t some = left < ITEMS_AT_ONCE ? left : (size_t)ITEMS_AT_ONCE;
        for (size_t i = 0; i < some; i++)
            entries[i] = (mr_log_entry){.partition = MR_LOG_ANY_PARTITION,
                                        .key = items[at + i].id,
                                        .value = items[at + i].record,
                                        .time_ms = now_ms};
        MR_TRY(mr_log_append(self->engine->topics.catalogue, entries, some, NULL, NULL));
    }
    return MR_OK;
}

static void was_read(void *context, mr_hash128 user)
{
    const mr_engine_backend *self = context;
    mr_recent_readers_mark(self->engine->readers, user);
}

static mr_status alerts(void *context, uint32_t thread, const mr_alert_query *query,
                        mr_json_writer *writer, char ret_cursor[MR_ALERT_CURSOR_BYTES])
{
    (void)thread;
    const mr_engine_backend *self = context;
    mr_alert_kind kind = MR_ALERT_CHURN;
    while (kind < MR_ALERT_KINDS && !mr_text_is(query->kind, mr_alert_kind_name(kind)))
        kind++;
    return mr_alert_feed_query(self->engine->alerts, kind, query->tier, query->since,
                               query->limit, writer, ret_cursor);
}

static mr_status analytics(void *context, uint32_t thread,
                           const mr_analytics_request *request, mr_json_writer *writer,
                           mr_error *ret_error)
{
    (void)thread;
    const mr_engine_backend *self = context;
    return mr_analytics_desk_answer(self->desk, request, writer, ret_error);
}

static mr_status audiences(void *context, uint32_t thread, mr_json_writer *writer,
                           mr_error *ret_error)
{
    (void)thread;
    const mr_engine_backend *self = context;
    return mr_analytics_desk_audiences(self->desk, writer, ret_error);
}

static mr_status audience_members(void *context, uint32_t thread,
                                  const mr_members_request *request,
                                  mr_json_writer *writer,
                                  char ret_next[MR_ALERT_CURSOR_BYTES],
                                  mr_error *ret_error)
{
    (void)thread;
    const mr_engine_backend *self = context;
    return mr_analytics_desk_members(self->desk, request, writer, ret_next, ret_error);
}

static void metrics(void *context, mr_buffer *text)
{
    const mr_engine_backend *self = context;
    mr_statistics_metrics(self->engine->statistics, text);
    mr_write_behind *writer = self->engine->cache_writer; /* NULL without Redis */
    mr_buffer_printf(text,
                     "# TYPE millrace_cache_writes_waiting gauge\n"
                     "millrace_cache_writes_waiting %zu\n"
                     "# TYPE millrace_cache_writes_forgotten_total counter\n"
                     "millrace_cache_writes_forgotten_total %" PRIu64 "\n",
                     writer != NULL ? mr_write_behind_waiting(writer) : 0,
                     writer != NULL ? mr_write_behind_forgotten(writer) : 0);
}

static void statistics_json(void *context, mr_json_writer *writer)
{
    const mr_engine_backend *self = context;
    mr_engine *engine = self->engine;
    mr_statistics_json(engine->statistics, writer);
    mr_json_key(writer, "alerts");
    mr_json_put_uint(writer, mr_alert_feed_count(engine->alerts));
}

static void check(mr_readiness *ret_check, const char *name, bool ready,
                  const char *detail)
{
    ret_check->name = name;
    ret_check->ready = ready;
    (void)snprintf(ret_check->detail, sizeof(ret_check->detail), "%s", detail);
}

static void check_log(const mr_engine *engine, mr_readiness *ret_check)
{
    const mr_statistics *statistics = engine->statistics;
    const bool is_down =
        atomic_load_explicit(&statistics->is_log_down, memory_order_relaxed);
    char detail[128];
    if (!engine->is_owner) {
        check(ret_check, "log", !is_down, is_down ? "does not answer" : "answers");
        return;
    }
    const mr_statistics_totals totals = mr_statistics_sum(statistics);
    (void)snprintf(detail, sizeof(detail),
                   "%" PRIu64 " of %" PRIu64 " partitions caught up, %" PRId64 " behind",
                   totals.caught_up, totals.owned, totals.lag_events);
    check(ret_check, "log", mr_statistics_is_caught_up(statistics) && !is_down, detail);
}

static size_t readiness(void *context, mr_readiness ret_checks[MR_READINESS_CHECKS_MAX])
{
    const mr_engine_backend *self = context;
    mr_engine *engine = self->engine;
    check_log(engine, &ret_checks[0]);
    mr_snapshot *model = mr_snapshot_acquire(engine->models);
    check(&ret_checks[1], "model", model != NULL,
          model != NULL ? "serving" : "none yet: run `millrace train`");
    mr_snapshot_release(model);
    const bool is_down =
        atomic_load_explicit(&engine->statistics->is_cache_down, memory_order_relaxed);
    check(&ret_checks[2], "cache", !is_down,
          is_down ? "down: answers come from memory" : "up");
    const bool is_read = mr_feeds_are_ready(engine->feeds);
    check(&ret_checks[3], "feeds", is_read,
          is_read ? "catalogue, alerts and trending are read" : "being read");
    return 4;
}

/* What only an owner answers, and what an API-only node does instead. */
static void fill_in_by_role(mr_engine_backend *self)
{
    const mr_config *config = self->engine->config;
    mr_backend *table = &self->table;
    if (self->engine->is_owner) {
        table->user_states = user_states;
        table->profile = profile;
        table->was_read = was_read;
    } else {
        table->profile = profile_summary;
    }
    if (self->engine->is_owner || config->log.kind == MR_KIND_REMOTE) {
        table->append_events = append_events;
        table->append_items = append_items;
    } else {
        table->no_appends = "this node only answers: a local log has one writer, so send "
                            "events and items to the process of `millrace run`";
    }
}

static mr_status create_thread_parts(mr_engine_backend *self, mr_error *ret_error)
{
    mr_engine *engine = self->engine;
    self->scoring = calloc(self->threads, sizeof(*self->scoring));
    self->intakes = calloc(self->threads, sizeof(*self->intakes));
    self->caches = calloc(self->threads, sizeof(mr_cache *));
    if (self->scoring == NULL || self->intakes == NULL || self->caches == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; i < self->threads; i++) {
        MR_TRY(mr_event_intake_create(engine, &self->intakes[i], ret_error));
        if (!engine->is_owner)
            MR_TRY(mr_engine_cache_create(engine, &self->caches[i], ret_error));
    }
    return MR_OK;
}

mr_status mr_engine_backend_create(mr_engine *engine, uint32_t threads,
                                   mr_engine_backend **ret_backend, mr_error *ret_error)
{
    mr_engine_backend *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    self->engine = engine;
    self->threads = threads;
    self->table = (mr_backend){
        .context = self,
        .acquire = acquire,
        .release = release,
        .item_id = item_id,
        .item_index = item_index,
        .item_by_hash = item_by_hash,
        .score = score,
        .similar = similar,
        .rank = rank,
        .bought_together = bought_together,
        .trending = trending,
        .trending_categories = trending_categories,
        .trending_scope = trending_scope,
        .static_list = static_list,
        .degraded = degraded,
        .alerts = alerts,
        .analytics = analytics,
        .audiences = audiences,
        .audience_members = audience_members,
        .metrics = metrics,
        .statistics = statistics_json,
        .readiness = readiness,
    };
    fill_in_by_role(self);
    mr_status status = mr_analytics_desk_create(engine, &self->desk);
    if (status == MR_OK)
        status = create_thread_parts(self, ret_error);
    if (status != MR_OK) {
        mr_engine_backend_destroy(self);
        return status;
    }
    *ret_backend = self;
    return MR_OK;
}

void mr_engine_backend_destroy(mr_engine_backend *backend)
{
    if (backend == NULL)
        return;
    for (uint32_t i = 0; backend->scoring != NULL && i < backend->threads; i++)
        mr_scoring_deinit(&backend->scoring[i]);
    for (uint32_t i = 0; backend->intakes != NULL && i < backend->threads; i++)
        mr_event_intake_destroy(backend->intakes[i]);
    for (uint32_t i = 0; backend->caches != NULL && i < backend->threads; i++)
        mr_cache_destroy(backend->caches[i]);
    mr_analytics_desk_destroy(backend->desk);
    free(backend->scoring);
    free(backend->intakes);
    free(backend->caches);
    free(backend);
}

const mr_backend *mr_engine_backend_table(const mr_engine_backend *backend)
{
    return &backend->table;
}
