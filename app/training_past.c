#include "app/training_past.h"

#include "app/progress.h"
#include "app/topics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS INT64_C(86400000)

enum { CUTS_MAX = MR_CHURN_ORIGINS_MAX + 1 };

typedef struct replaying {
    const mr_training_past_options *options;
    mr_training_past *past;
    mr_training_notes *notes;
    mr_error *error;
    mr_log *log;
    int64_t holdout_cut_ms;
    int64_t cuts_ms[CUTS_MAX];
    size_t cut_count;
    mr_progress progress;
    uint64_t records_before; /* of the partitions that are done */
} replaying;

void mr_training_note(mr_training_notes *notes, const char *format, ...)
{
    if (notes->count == MR_TRAINING_NOTES_MAX)
        return;
    mr_error *line = &notes->lines[notes->count++];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line->message, sizeof(line->message), format, arguments);
    va_end(arguments);
}

/* ---- what to stop for ---- */

static mr_status plan_churn(replaying *r)
{
    const mr_training_past_options *options = r->options;
    mr_training_past *past = r->past;
    past->origin_count = mr_churn_origins(options->from_ms, options->to_ms,
                                          options->churn_window_days, past->origins_ms);
    if (past->origin_count == 0) {
        mr_training_note(r->notes,
                         "no churn model: a window of %" PRIu32
                         " days needs about %" PRIu32 " days of data, there are %" PRId64,
                         options->churn_window_days, 3 * options->churn_window_days,
                         (options->to_ms - options->from_ms) / DAY_MS);
        return MR_OK;
    }
    return mr_churn_samples_create(options->plan, past->origins_ms, past->origin_count,
                                   options->churn_window_days, &past->samples);
}

static mr_status plan_report(replaying *r)
{
    r->holdout_cut_ms = r->options->to_ms + 1 - r->options->holdout_ms;
    if (r->holdout_cut_ms > r->options->from_ms)
        return mr_holdout_report_create(r->options->key, r->holdout_cut_ms,
                                        &r->past->report);
    mr_training_note(r->notes, "no held-out report: the hold-out is as long as the data");
    return MR_OK;
}

/* Ascending, each time once: the hold-out's cut may be an origin, too. */
static void order_cuts(replaying *r)
{
    size_t o = 0;
    bool is_report_due = r->past->report != NULL;
    while (o < r->past->origin_count || is_report_due) {
        const bool is_report =
            is_report_due &&
            (o == r->past->origin_count || r->holdout_cut_ms <= r->past->origins_ms[o]);
        const int64_t next_ms = is_report ? r->holdout_cut_ms : r->past->origins_ms[o];
        o += o < r->past->origin_count && r->past->origins_ms[o] == next_ms;
        is_report_due = is_report_due && !is_report;
        r->cuts_ms[r->cut_count++] = next_ms;
    }
}

/* ---- the replay ---- */

static mr_status on_cut(void *context, size_t cut, const mr_shard *shard)
{
    const replaying *r = context;
    const int64_t cut_ms = r->cuts_ms[cut];
    if (r->past->report != NULL && cut_ms == r->holdout_cut_ms)
        MR_TRY(mr_holdout_report_cut(r->past->report, shard));
    for (size_t o = 0; o < r->past->origin_count; o++)
        if (r->past->origins_ms[o] == cut_ms)
            return mr_churn_samples_take(r->past->samples, o, shard);
    return MR_OK;
}

static mr_status on_applied(void *context, const mr_shard *shard,
                            const mr_event_batch *batch)
{
    const replaying *r = context;
    if (r->past->samples != NULL)
        MR_TRY(mr_churn_samples_applied(r->past->samples, shard, batch));
    return r->past->report != NULL
               ? mr_holdout_report_applied(r->past->report, shard, batch)
               : MR_OK;
}

static void on_progress(void *context, uint64_t records)
{
    replaying *r = context;
    mr_progress_update(&r->progress, r->records_before + records);
}

static mr_status replay_all(replaying *r, uint64_t total)
{
    const mr_training_past_options *options = r->options;
    const mr_cut_replay cut_replay = {.config = options->config,
                                      .control_key = options->control_key,
                                      .key = options->key,
                                      .plan = options->plan,
                                      .log = r->log,
                                      .cuts_ms = r->cuts_ms,
                                      .cut_count = r->cut_count};
    const mr_cut_visitor visitor = {r, on_cut, on_applied, on_progress, NULL};
    mr_progress_begin(&r->progress, "replaying the log", "records", total);
    for (size_t i = 0; i < options->partition_count; i++) {
        if (r->past->report != NULL)
            mr_holdout_report_next_partition(r->past->report);
        if (r->past->samples != NULL)
            mr_churn_samples_next_partition(r->past->samples);
        MR_TRY(mr_cut_replay_run(&cut_replay, options->partitions[i], options->offsets[i],
                                 &visitor, r->error));
        r->records_before += (uint64_t)options->offsets[i];
    }
    (void)mr_progress_end(&r->progress, total);
    return MR_OK;
}

/* A log whose beginning has been dropped would make old customers look new. */
static mr_status look_at_log(replaying *r, bool *ret_is_whole, uint64_t *ret_total)
{
    *ret_is_whole = true;
    *ret_total = 0;
    for (size_t i = 0; i < r->options->partition_count; i++) {
        int64_t first = 0;
        MR_TRY(mr_log_resolve(r->log, r->options->partitions[i], MR_LOG_EARLIEST, 0,
                              &first, r->error));
        *ret_is_whole = *ret_is_whole && (first == 0 || r->options->offsets[i] == 0);
        *ret_total += (uint64_t)r->options->offsets[i];
    }
    return MR_OK;
}

static mr_status run(replaying *r)
{
    bool is_whole = false;
    uint64_t total = 0;
    const mr_config *config = r->options->config;
    const mr_status status =
        mr_topic_open(config, MR_TOPICS_READ, config->log.topic, 0, &r->log, r->error);
    if (status == MR_ERR_NOT_FOUND) {
        mr_training_note(r->notes,
                         "no held-out report and no churn model: there is no log");
        return MR_OK;
    }
    MR_TRY(status);
    MR_TRY(look_at_log(r, &is_whole, &total));
    if (!is_whole) {
        mr_training_note(r->notes,
                         "no held-out report and no churn model: the log no longer "
                         "holds its beginning, and replaying the rest would make "
                         "old customers look new");
        return MR_OK;
    }
    MR_TRY(plan_churn(r));
    MR_TRY(plan_report(r));
    order_cuts(r);
    return r->cut_count > 0 ? replay_all(r, total) : MR_OK;
}

mr_status mr_training_past_replay(const mr_training_past_options *options,
                                  mr_training_past *ret_past, mr_training_notes *notes,
                                  mr_error *ret_error)
{
    mr_training_past past = {0};
    replaying r = {.options = options, .past = &past, .notes = notes, .error = ret_error};
    const mr_status status = run(&r);
    mr_log_close(r.log);
    if (status != MR_OK) {
        mr_training_past_deinit(&past);
        return status;
    }
    *ret_past = past;
    return MR_OK;
}

void mr_training_past_deinit(mr_training_past *past)
{
    mr_holdout_report_destroy(past->report);
    mr_churn_samples_destroy(past->samples);
    *past = (mr_training_past){0};
}
