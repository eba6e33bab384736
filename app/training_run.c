#include "app/training_run.h"

#include "app/keys.h"
#include "app/model_slot.h"
#include "app/plan_file.h"
#include "app/progress.h"
#include "app/training_catalogue.h"
#include "core/file.h"
#include "features/checkpoint.h"
#include "models/holdout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PARTITIONS_MAX = 4096, PLAN_HASH_BYTES = 20 };

typedef struct training {
    const mr_training_options *options;
    mr_training_outcome *outcome;
    mr_error *error;
    mr_keys keys;
    mr_training_catalogue *catalogue;
    mr_plan *plan;
    char plan_hash[PLAN_HASH_BYTES];
    uint32_t *partitions;
    int64_t *offsets; /* where each partition's checkpoint stands */
    mr_training_rows *rows;
    mr_training_past past;
    mr_churn_model *churn; /* NULL: none */
    mr_buffer metrics;     /* a JSON object: the outcome's */
    mr_progress choosing;
    mr_progress training; /* of one long training within it */
    bool is_training;
    unsigned tried;        /* candidates, by the line that came last */
    unsigned tried_before; /* by the tuners that had ended by then   */
} training;

/* Each candidate by its line when the caller wants to read them, else a bar of how many. */
static void report(void *context, const char *line)
{
    training *t = context;
    unsigned tried;
    if (t->options->is_verbose)
        (void)fprintf(stderr, "  %s\n", line);
    else if (sscanf(line, "try %u:", &tried) == 1) {
        if (tried < t->tried)
            t->tried_before += t->tried;
        t->tried = tried;
        mr_progress_update(&t->choosing, t->tried_before + tried);
    }
}

static void show_training(void *context, const char *what, uint64_t done, uint64_t of)
{
    training *t = context;
    if (!t->is_training)
        mr_progress_begin(&t->training, what, "batches", of);
    mr_progress_update(&t->training, done);
    t->is_training = done < of;
    /* A short one was never drawn and leaves no line. */
    if (!t->is_training && t->training.drawn_ns != t->training.start_ns)
        (void)mr_progress_end(&t->training, of);
}

/* Choose and train a recommender, showing how far it is. */
static mr_status train_recommender(training *t, const mr_training_set *set,
                                   const char *label, const char *path,
                                   mr_training_result *ret_result)
{
    const uint32_t budget = t->options->budget > 0
                                ? t->options->budget
                                : MR_TUNER_BUDGET_DEFAULT + MR_RANKER_BUDGET_DEFAULT;
    t->tried = t->tried_before = 0;
    mr_progress_begin(&t->choosing, label, "candidates", budget);
    const mr_status status = mr_recommender_train(set, path, ret_result, t->error);
    (void)mr_progress_end(&t->choosing, status == MR_OK ? budget : 0);
    return status;
}

/* ---- histories ---- */

static void widen_range(training *t, const mr_shard *shard)
{
    const int64_t newest_ms = mr_shard_newest_ms(shard);
    mr_user_state state;
    if (newest_ms > t->outcome->to_ms)
        t->outcome->to_ms = newest_ms;
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
        if (mr_shard_is_empty(shard, row))
            continue;
        mr_shard_user_state(shard, row, 0, &state);
        if (state.first_ms < t->outcome->from_ms)
            t->outcome->from_ms = state.first_ms;
    }
}

static mr_status read_partition(training *t, const mr_checkpoint_store *store,
                                uint32_t index)
{
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    MR_TRY(mr_checkpoint_restore(store, t->partitions[index], t->plan, &t->keys.hash, 0,
                                 &shard, &info, t->error));
    t->offsets[index] = info.next_offset;
    widen_range(t, shard);
    const mr_status status = mr_training_rows_add(t->rows, shard, NULL);
    mr_shard_destroy(shard);
    return status;
}

/* What the shop has and nobody has touched yet is in the model by its description. */
static mr_status name_catalogue(training *t)
{
    MR_TRY(mr_training_catalogue_read(t->options->config, &t->keys.hash, &t->catalogue,
                                      t->error));
    for (size_t i = 0; i < mr_training_catalogue_count(t->catalogue); i++)
        MR_TRY(mr_training_rows_name(t->rows, mr_training_catalogue_id(t->catalogue, i)));
    return MR_OK;
}

static mr_status read_partitions(training *t, const mr_checkpoint_store *store)
{
    size_t count = 0;
    MR_TRY(
        mr_checkpoint_partitions(store, t->partitions, PARTITIONS_MAX, &count, t->error));
    t->outcome->partitions = (uint32_t)count;
    t->outcome->from_ms = INT64_MAX;
    t->outcome->to_ms = INT64_MIN;
    mr_progress progress;
    mr_progress_begin(&progress, "reading checkpoints", "partitions", count);
    for (uint32_t i = 0; i < count; i++) {
        MR_TRY(read_partition(t, store, i));
        mr_progress_update(&progress, i + 1);
    }
    (void)mr_progress_end(&progress, count);
    MR_TRY(name_catalogue(t));
    MR_TRY(mr_training_rows_finish(t->rows));
    t->outcome->counts = mr_training_rows_counts(t->rows);
    if (t->outcome->counts.entries == 0)
        return mr_error_set(t->error, MR_ERR_NOT_FOUND,
                            "the checkpoints hold no histories: nobody has looked at or "
                            "bought an item yet");
    return MR_OK;
}

/* Pinned, so that a running engine may prune while this reads. */
static mr_status read_checkpoints(training *t)
{
    const mr_config *config = t->options->config;
    char name[MR_CHECKPOINT_NAME_BYTES_MAX];
    char path[MR_MODEL_PATH_BYTES];
    mr_checkpoint_store *store = NULL;
    mr_checkpoint_store *pinned = NULL;
    (void)snprintf(name, sizeof(name), "train-%ld", (long)getpid());
    MR_TRY(mr_checkpoint_store_open(config->state.path, config->log.topic,
                                    MR_CHECKPOINT_BASES_MIN, &store, t->error));
    mr_status status = mr_checkpoint_pin(store, name, path, sizeof(path), t->error);
    if (status == MR_ERR_NOT_FOUND)
        status =
            mr_error_set(t->error, status,
                         "%s: no checkpoint to learn from; `millrace run` writes them",
                         config->state.path);
    if (status != MR_OK) {
        mr_checkpoint_store_close(store);
        return status;
    }
    status = mr_checkpoint_store_open(path, config->log.topic, MR_CHECKPOINT_BASES_MIN,
                                      &pinned, t->error);
    if (status == MR_OK)
        status = read_partitions(t, pinned);
    mr_checkpoint_store_close(pinned);
    const mr_status unpinned =
        mr_checkpoint_unpin(store, name, status == MR_OK ? t->error : NULL);
    mr_checkpoint_store_close(store);
    return status == MR_OK ? unpinned : status;
}

static mr_status read_past(training *t)
{
    const mr_training_past_options options = {.config = t->options->config,
                                              .control_key = &t->keys.control,
                                              .key = &t->keys.hash,
                                              .plan = t->plan,
                                              .partitions = t->partitions,
                                              .offsets = t->offsets,
                                              .partition_count = t->outcome->partitions,
                                              .from_ms = t->outcome->from_ms,
                                              .to_ms = t->outcome->to_ms,
                                              .holdout_ms = t->options->holdout_ms,
                                              .churn_window_days =
                                                  t->options->churn_window_days};
    return mr_training_past_replay(&options, &t->past, &t->outcome->notes, t->error);
}

/* ---- the held-out report ---- */

static mr_status describe(void *context, mr_text id, uint32_t item,
                          mr_content_builder *builder)
{
    const training *t = context;
    return mr_training_catalogue_describe(t->catalogue, id, item, builder);
}

static mr_training_set set_of(training *t, const mr_training_rows *rows)
{
    return (mr_training_set){.interactions = mr_training_rows_view(rows),
                             .item_ids = mr_training_rows_item_ids(rows),
                             .plan_hash = t->plan_hash,
                             .data_from_ms = t->outcome->from_ms,
                             .seed = t->options->seed,
                             .threads = t->options->threads,
                             .budget = t->options->budget,
                             .describe = describe,
                             .report = report,
                             .progress = show_training,
                             .context = t};
}

/* A model of the past lives in a directory of its own and is gone after it was asked. */
static mr_status measure_past(training *t, const mr_training_rows *rows, const char *path)
{
    char version_path[MR_MODEL_PATH_BYTES];
    mr_training_result result;
    mr_recommender *recommender = NULL;
    mr_training_set set = set_of(t, rows);
    set.data_to_ms = t->outcome->to_ms - t->options->holdout_ms;
    MR_TRY(train_recommender(t, &set, "choosing on the past", path, &result));
    const int length =
        snprintf(version_path, sizeof(version_path), "%s/%s", path, result.version);
    if (length < 0 || (size_t)length >= sizeof(version_path))
        return mr_error_set(t->error, MR_ERR_INVALID, "models.path is too long");
    MR_TRY(mr_recommender_open(version_path, &recommender, t->error));
    const mr_status status =
        mr_holdout_report_measure(t->past.report, recommender, &t->outcome->figures);
    t->outcome->has_figures = status == MR_OK;
    mr_recommender_destroy(recommender);
    return status;
}

static mr_status make_report(training *t)
{
    char path[MR_MODEL_PATH_BYTES];
    const mr_training_rows *rows = NULL;
    if (t->past.report == NULL)
        return MR_OK;
    MR_TRY(mr_holdout_report_finish(t->past.report, &rows));
    const size_t customers = mr_holdout_report_users(t->past.report);
    if (customers < MR_HOLDOUT_USERS_MIN) {
        mr_training_note(&t->outcome->notes,
                         "no held-out report: %zu customers came back in the hold-out, a "
                         "figure needs %d",
                         customers, MR_HOLDOUT_USERS_MIN);
        return MR_OK;
    }
    const char *models_path = t->options->config->models.path;
    MR_TRY(mr_directory_make(models_path, t->error));
    const int length = snprintf(path, sizeof(path), "%s/.holdout-XXXXXX", models_path);
    if (length < 0 || (size_t)length >= sizeof(path) || mkdtemp(path) == NULL)
        return mr_error_set(t->error, MR_ERR_UNAVAILABLE,
                            "%s: cannot make a directory in it", models_path);
    const mr_status status = measure_past(t, rows, path);
    const mr_status removed =
        mr_directory_remove(path, status == MR_OK ? t->error : NULL);
    return status == MR_OK ? removed : status;
}

/* ---- churn ---- */

/* Data that gives no churn model is no reason to have no recommendations. */
static mr_status train_churn(training *t)
{
    mr_training_outcome *outcome = t->outcome;
    mr_error why = {{0}};
    if (t->past.samples == NULL)
        return MR_OK;
    (void)fprintf(stderr, "training churn on %zu rows of %zu origins\n",
                  mr_churn_samples_count(t->past.samples), t->past.origin_count);
    const mr_status status =
        mr_churn_samples_train(t->past.samples, t->options->seed, &t->churn, &why);
    if (status == MR_ERR_INVALID) {
        mr_training_note(&outcome->notes, "no churn model: %.200s", why.message);
        return MR_OK;
    }
    if (status != MR_OK)
        return mr_error_set(t->error, status, "%s", why.message);
    outcome->has_churn = true;
    outcome->churn = mr_churn_model_summary(t->churn);
    outcome->churn_window_days = t->options->churn_window_days;
    outcome->origin_count = t->past.origin_count;
    memcpy(outcome->origins_ms, t->past.origins_ms, sizeof(outcome->origins_ms));
    return MR_OK;
}

/* ---- the version ---- */

static mr_status add_churn(void *context, mr_model_writer *writer, mr_error *ret_error)
{
    const training *t = context;
    char path[MR_MODEL_PATH_BYTES];
    mr_buffer json = {0};
    if (t->churn == NULL)
        return MR_OK;
    mr_churn_model_to_json(t->churn, &json);
    mr_model_writer_path(writer, MR_MODEL_CHURN_FILE, path);
    mr_status status = mr_buffer_status(&json);
    if (status == MR_OK)
        status = mr_file_replace(path, json.bytes, json.length, ret_error);
    mr_buffer_deinit(&json);
    return status == MR_OK ? mr_model_writer_note(writer, MR_MODEL_CHURN_FILE, ret_error)
                           : status;
}

static mr_status write_version(training *t)
{
    mr_json_writer writer = mr_json_writer_of(&t->metrics);
    mr_json_begin_object(&writer);
    mr_training_outcome_write(t->outcome, &writer);
    mr_json_end_object(&writer);
    MR_TRY(mr_buffer_status(&t->metrics));
    mr_training_set set = set_of(t, t->rows);
    set.data_to_ms = t->outcome->to_ms;
    set.add_files = add_churn;
    set.further_metrics =
        (mr_text){(const char *)t->metrics.bytes, (uint32_t)t->metrics.length};
    return train_recommender(t, &set, "choosing on everything",
                             t->options->config->models.path, &t->outcome->result);
}

static mr_status load_keys(training *t)
{
    mr_error why = {{0}};
    const mr_status status =
        mr_keys_load(t->options->config, MR_KEYS_NEEDED, &t->keys, &why);
    if (status == MR_ERR_NOT_FOUND)
        return mr_error_set(
            t->error, status,
            "%.150s; `millrace run` makes it, and the checkpoints to learn from",
            why.message);
    return status == MR_OK ? status : mr_error_set(t->error, status, "%s", why.message);
}

static mr_status run(training *t)
{
    MR_TRY(load_keys(t));
    MR_TRY(mr_plan_file_load(t->options->config->state.plan, &t->plan, t->error));
    (void)snprintf(t->plan_hash, sizeof(t->plan_hash), "%016" PRIx64,
                   mr_plan_hash(t->plan));
    t->partitions = malloc(PARTITIONS_MAX * sizeof(*t->partitions));
    t->offsets = malloc(PARTITIONS_MAX * sizeof(*t->offsets));
    if (t->partitions == NULL || t->offsets == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(mr_training_rows_create(&t->keys.hash, &t->rows));
    MR_TRY(read_checkpoints(t));
    MR_TRY(read_past(t));
    MR_TRY(make_report(t));
    MR_TRY(train_churn(t));
    return write_version(t);
}

mr_status mr_training_run(const mr_training_options *options,
                          mr_training_outcome *ret_outcome, mr_error *ret_error)
{
    mr_training_outcome outcome = {0};
    training t = {.options = options, .outcome = &outcome, .error = ret_error};
    const mr_status status = run(&t);
    mr_churn_model_destroy(t.churn);
    mr_training_past_deinit(&t.past);
    mr_training_rows_destroy(t.rows);
    mr_training_catalogue_destroy(t.catalogue);
    mr_plan_destroy(t.plan);
    mr_keys_deinit(&t.keys);
    mr_buffer_deinit(&t.metrics);
    free(t.partitions);
    free(t.offsets);
    if (status == MR_ERR_NO_MEMORY)
        return mr_error_set(ret_error, status, "out of memory");
    if (status == MR_OK)
        *ret_outcome = outcome;
    return status;
}

/* ---- as JSON ---- */

static void write_churn(const mr_training_outcome *outcome, mr_json_writer *writer)
{
    const mr_churn_summary *churn = &outcome->churn;
    char time[MR_TIME_TEXT_BYTES];
    mr_json_begin_object(writer);
    mr_json_key(writer, "window_days");
    mr_json_put_uint(writer, outcome->churn_window_days);
    mr_json_key(writer, "origins");
    mr_json_begin_array(writer);
    for (size_t o = 0; o < outcome->origin_count; o++) {
        mr_time_to_text(outcome->origins_ms[o], time);
        mr_json_put_string(writer, time);
    }
    mr_json_end_array(writer);
    mr_json_key(writer, "rows");
    mr_json_put_uint(writer, churn->rows);
    mr_json_key(writer, "churn_rate");
    mr_json_put_fixed(writer, churn->churn_rate, 6);
    mr_json_key(writer, "auc");
    mr_json_put_fixed(writer, churn->expected.auc, 6);
    mr_json_key(writer, "log_loss");
    mr_json_put_fixed(writer, churn->expected.log_loss, 6);
    mr_json_key(writer, "ece");
    mr_json_put_fixed(writer, churn->expected.ece, 6);
    mr_json_key(writer, "lift@10");
    mr_json_put_fixed(writer, churn->expected.lift_at_10, 6);
    mr_json_end_object(writer);
}

void mr_training_outcome_write(const mr_training_outcome *outcome, mr_json_writer *writer)
{
    mr_json_key(writer, "held_out");
    if (outcome->has_figures)
        mr_holdout_figures_write(&outcome->figures, writer);
    else
        mr_json_put_null(writer);
    mr_json_key(writer, "churn");
    if (outcome->has_churn)
        write_churn(outcome, writer);
    else
        mr_json_put_null(writer);
}
