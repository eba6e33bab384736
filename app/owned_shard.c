#include "app/owned_shard.h"

#include "app/beginning.h"
#include "app/link_letters.h"
#include "app/log_line.h"
#include "core/assert.h"
#include "features/plan_layout.h"
#include "ingest/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALERT_HEADERS = 2,
    SEQUENCE_BYTES = 48,
    LINKS_SHARE = 10,
    CUT_ENTRIES = 128, /* copied between two looks at the clock: some 60 us */
};
#define LINKS_NS INT64_C(1000000000)
#define DAY_MS INT64_C(86400000)

static int64_t now_ns(void)
{
    return mr_clock_monotonic_ns(mr_clock_system());
}

static void job_done(mr_checkpoint_job *job, void *context)
{
    (void)job;
    mr_owned_shard *owned = context;
    /* Release: whoever sees the flag sees what became of the job. */
    atomic_store_explicit(&owned->job_done, true, memory_order_release);
}

static mr_status note_beginning(const mr_owned_shard *owned, mr_error *ret_error)
{
    const mr_engine *engine = owned->engine;
    const mr_beginning beginning = {mr_log_topic_id(engine->topics.events),
                                    mr_log_partitions(engine->topics.events)};
    return mr_beginning_write(engine->config, owned->partition, &beginning, ret_error);
}

/* Checkpoints without a note: older than notes are, or the process died between the two. */
static mr_status note_if_absent(const mr_owned_shard *owned, mr_error *ret_error)
{
    mr_beginning found;
    const mr_status status =
        mr_beginning_read(owned->engine->config, owned->partition, &found, ret_error);
    return status == MR_ERR_NOT_FOUND ? note_beginning(owned, ret_error) : status;
}

/* A shard that has never been checkpointed: its first position is made durable before the
 * first record is read, so that "earliest" means the same after a crash. */
static mr_status begin(mr_owned_shard *owned, mr_error *ret_error)
{
    mr_engine *engine = owned->engine;
    const mr_shard_options options = {
        .plan = engine->plan,
        .hash_key = &engine->key,
        .topic = engine->config->log.topic,
        .partition = owned->partition,
        .memory_limit_bytes = (size_t)engine->config->state.memory_bytes,
    };
    int64_t offset = 0;
    MR_TRY(mr_topics_start(engine->config, engine->topics.events, owned->partition,
                           &offset, ret_error));
    if (mr_shard_create(&options, &owned->shard) != MR_OK ||
        mr_shard_start_at(owned->shard, offset) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a shard");
    if (mr_checkpoint_encode(owned->shard, owned->epoch, 0, &owned->job.state) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY,
                            "out of memory for a checkpoint");
    MR_TRY(mr_checkpoint_write(engine->store, owned->partition, owned->epoch, 0,
                               &owned->job.state, ret_error));
    MR_TRY(note_beginning(owned, ret_error));
    owned->begun_offset = offset;
    mr_log_info("event=shard_begun partition=%" PRIu32 " offset=%" PRId64
                " epoch=%" PRIu64,
                owned->partition, offset, owned->epoch);
    return MR_OK;
}

static mr_status restore(mr_owned_shard *owned, mr_error *ret_error)
{
    mr_engine *engine = owned->engine;
    mr_checkpoint_info info;
    bool is_anew;
    MR_TRY(mr_beginning_check_topic(engine->config, engine->topics.events,
                                    owned->partition, engine->begin_anew, &is_anew,
                                    ret_error));
    if (is_anew)
        return begin(owned, ret_error);
    const mr_status status = mr_checkpoint_restore(
        engine->store, owned->partition, engine->plan, &engine->key,
        (size_t)engine->config->state.memory_bytes, &owned->shard, &info, ret_error);
    if (status == MR_ERR_NOT_FOUND || status == MR_ERR_CORRUPT) {
        MR_TRY(mr_beginning_check_first(engine->config, engine->topics.events,
                                        owned->partition, engine->begin_anew, status,
                                        ret_error));
        return begin(owned, ret_error);
    }
    if (status != MR_OK)
        return status;
    MR_TRY(note_if_absent(owned, ret_error));
    owned->generation = info.generation;
    if (info.skipped > 0)
        mr_log_warn("event=checkpoint_skipped partition=%" PRIu32 " skipped=%" PRIu32
                    " using=%" PRIu64 "-%" PRIu64 " why=\"%s\"",
                    owned->partition, info.skipped, info.epoch, info.generation,
                    info.message);
    if (info.plan_hash != mr_plan_hash(engine->plan))
        mr_log_warn("event=plan_migrated partition=%" PRIu32 " from=%016" PRIx64
                    " to=%016" PRIx64 " offset=%" PRId64,
                    owned->partition, info.plan_hash, mr_plan_hash(engine->plan),
                    info.next_offset);
    mr_log_info("event=shard_restored partition=%" PRIu32 " offset=%" PRId64
                " users=%" PRIu32 " generation=%" PRIu64 " epoch=%" PRIu64,
                owned->partition, info.next_offset, info.users, info.generation,
                owned->epoch);
    return MR_OK;
}

static void keep_days(mr_owned_shard *owned)
{
    const mr_engine *engine = owned->engine;
    const int64_t retention_ms = engine->config->models.training_retention_ms;
    owned->day_files = (mr_day_files){
        .state_path = engine->config->state.path,
        .topic = engine->config->log.topic,
        .zone = &engine->plan->settings.zone,
        .retention_days = retention_ms / DAY_MS,
        .window_days = (uint32_t)(engine->config->models.training_window_ms / DAY_MS),
    };
    if (owned->day_files.retention_days > 0)
        owned->job.day_files = &owned->day_files;
}

mr_status mr_owned_shard_open(mr_engine *engine, uint32_t partition,
                              mr_owned_shard **ret_owned, mr_error *ret_error)
{
    mr_owned_shard *owned = calloc(1, sizeof(*owned));
    if (owned == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a shard");
    owned->engine = engine;
    owned->partition = partition;
    owned->is_owned = true;
    owned->begun_offset = -1;
    owned->churn_sweep.day = INT64_MIN;
    owned->change_sweep.day = INT64_MIN;
    owned->job.done = job_done;
    owned->job.context = owned;
    owned->job.partition = partition;
    keep_days(owned);
    const uint64_t now_s = (uint64_t)(mr_clock_wall_ms(mr_clock_system()) /
                                      1000); /* names files, never state */
    mr_status status = mr_letter_box_init(&owned->dead_letters);
    if (status == MR_OK)
        status = mr_letter_box_init(&owned->late);
    if (status == MR_OK)
        status = mr_letter_box_init(&owned->job.dead_letters);
    if (status == MR_OK)
        status = mr_letter_box_init(&owned->job.late);
    if (status == MR_OK)
        status = mr_letter_box_init(&owned->job.alerts);
    if (status == MR_OK)
        status = mr_letter_box_init(&owned->job.links);
    if (status == MR_OK)
        status = mr_topics_decoder(engine->config, &engine->control_key, &owned->decoder,
                                   ret_error);
    if (status == MR_OK)
        status = mr_checkpoint_take_epoch(engine->store, partition, now_s, &owned->epoch,
                                          ret_error);
    if (status == MR_OK)
        status = restore(owned, ret_error);
    if (status != MR_OK) {
        mr_owned_shard_close(owned);
        return status;
    }
    if (mr_shard_dialect(owned->shard) != MR_DIALECT_AUTO)
        mr_decoder_lock(owned->decoder, (mr_dialect)mr_shard_dialect(owned->shard));
    owned->checkpointed_offset = mr_shard_next_offset(owned->shard);
    mr_statistics_take(engine->statistics, owned->shard);
    *ret_owned = owned;
    return MR_OK;
}

bool mr_owned_shard_is_current(const mr_owned_shard *owned)
{
    mr_checkpoint_info newest;
    size_t count = 0;
    return !owned->is_stale &&
           mr_checkpoint_list(owned->engine->store, owned->partition, &newest, 1, &count,
                              NULL) == MR_OK &&
           count == 1 && newest.epoch == owned->epoch;
}

void mr_owned_shard_close(mr_owned_shard *owned)
{
    if (owned == NULL)
        return;
    MR_ASSERT(!owned->job_is_under_way);
    mr_shard_destroy(owned->shard);
    mr_decoder_destroy(owned->decoder);
    mr_buffer_deinit(&owned->job.state);
    mr_letter_box_deinit(&owned->job.dead_letters);
    mr_letter_box_deinit(&owned->job.late);
    mr_letter_box_deinit(&owned->job.alerts);
    mr_letter_box_deinit(&owned->job.links);
    mr_letter_box_deinit(&owned->dead_letters);
    mr_letter_box_deinit(&owned->late);
    mr_day_box_deinit(&owned->job.days);
    mr_day_box_deinit(&owned->days);
    mr_batch_slice_deinit(&owned->slice);
    mr_row_queue_deinit(&owned->read_rows);
    mr_row_queue_deinit(&owned->unread_rows);
    mr_rfm_sample_deinit(&owned->rfm_sample);
    free(owned);
}

static mr_status keep_letter(const mr_owned_shard *owned, mr_letter_box *box,
                             const mr_log_record *record, const char *reason)
{
    mr_dead_letter letter;
    mr_log_entry entry;
    mr_dead_letter_entry(&letter, record, owned->engine->config->log.topic,
                         owned->partition, reason, &entry);
    return mr_letter_box_put(box, &entry);
}

/* Keep what did not decode, for the dead letters, and what came too late; a record applied
 * before is not new. */
static mr_status keep_letters(mr_owned_shard *owned, const mr_event_batch *batch,
                              const mr_log_record *records, int64_t first_new)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        const mr_record_verdict *verdict = &batch->records[i];
        if (verdict->offset < first_new)
            continue;
        if (verdict->disposition == MR_RECORD_POISON)
            MR_TRY(keep_letter(owned, &owned->dead_letters, &records[i],
                               mr_poison_name((mr_poison)verdict->poison)));
        else if (verdict->outcome == MR_OUTCOME_LATE)
            MR_TRY(keep_letter(owned, &owned->late, &records[i], MR_LATE_REASON));
    }
    return MR_OK;
}

/* Apply a batch, or a part of one. */
static mr_status apply_part(mr_owned_shard *owned, mr_event_batch *part,
                            const mr_log_record *records)
{
    const int64_t first_new = mr_shard_next_offset(owned->shard);
    MR_TRY(mr_shard_apply(owned->shard, part));
    const mr_status kept = keep_letters(owned, part, records, first_new);
    /* A checkpoint would pass records that are in no topic: the next start reads them again. */
    owned->lacks_letters |= kept != MR_OK;
    return kept;
}

/* The first record from `first` on that ends the day under way; their number when none does. */
static size_t find_day_end(const mr_owned_shard *owned, const mr_event_batch *batch,
                           size_t first)
{
    const int64_t next_offset = mr_shard_next_offset(owned->shard);
    const int64_t end_ms = mr_day_end_ms(owned->shard);
    size_t i = first;
    while (i < batch->record_count &&
           (batch->records[i].offset < next_offset || /* applied before */
            batch->records[i].event_count == 0 ||
            mr_record_newest_ms(batch, &batch->records[i]) < end_ms))
        i++;
    return i;
}

/* The line of a day that has been cut whole. */
static void log_day(mr_owned_shard *owned)
{
    const mr_day_rows *rows = &owned->days.days[owned->days.count - 1];
    char date[MR_TIME_TEXT_BYTES];
    mr_time_to_text(rows->day * DAY_MS, date);
    mr_log_info("event=day_closed partition=%" PRIu32 " day=%.10s offset=%" PRId64
                " rows=%" PRIu32 " us=%" PRId64 " longest_us=%" PRId64,
                owned->partition, date, rows->next_offset, rows->count,
                owned->day_ns / 1000, owned->day_longest_ns / 1000);
}

static void note_day_pause(mr_owned_shard *owned, int64_t since_ns)
{
    const int64_t taken_ns = now_ns() - since_ns;
    owned->day_ns += taken_ns;
    if (taken_ns > owned->day_longest_ns)
        owned->day_longest_ns = taken_ns;
}

mr_status mr_owned_shard_cut_day(mr_owned_shard *owned, uint32_t rows)
{
    if (!owned->days.is_cutting)
        return MR_OK;
    const int64_t start_ns = now_ns();
    MR_TRY(mr_day_box_step(&owned->days, owned->shard, rows));
    note_day_pause(owned, start_ns);
    if (!owned->days.is_cutting)
        log_day(owned);
    return MR_OK;
}

static mr_status close_day(mr_owned_shard *owned, const mr_event_batch *batch,
                           const mr_record_verdict *record)
{
    MR_TRY(mr_owned_shard_cut_day(owned, UINT32_MAX)); /* a day that was very short */
    const int64_t start_ns = now_ns();
    MR_TRY(mr_day_box_close(&owned->days, owned->shard,
                            mr_record_newest_ms(batch, record),
                            owned->day_files.retention_days > 0));
    owned->day_ns = 0;
    owned->day_longest_ns = 0;
    note_day_pause(owned, start_ns);
    return MR_OK;
}

static mr_status apply_by_days(mr_owned_shard *owned, mr_event_batch *batch,
                               const mr_log_record *records)
{
    size_t end = find_day_end(owned, batch, 0);
    if (end == batch->record_count)
        return apply_part(owned, batch, records);
    for (size_t first = 0; first < batch->record_count; first = end) {
        if (first == end) { /* before the record that ends the day */
            MR_TRY(close_day(owned, batch, &batch->records[end]));
            end = find_day_end(owned, batch, first + 1);
        }
        mr_event_batch part;
        MR_TRY(mr_batch_slice_take(&owned->slice, batch, first, end, &part));
        MR_TRY(apply_part(owned, &part, records + first));
        mr_batch_slice_return(&part, batch, first);
    }
    return MR_OK;
}

mr_status mr_owned_shard_apply(mr_owned_shard *owned, mr_event_batch *batch,
                               const mr_log_record *records, size_t count,
                               mr_error *ret_error)
{
    const mr_dialect before = mr_decoder_dialect(owned->decoder);
    MR_TRY(mr_decoder_decode(owned->decoder, owned->partition, records, count, batch));
    if (mr_log_partitions(owned->engine->topics.events) > 1)
        MR_TRY(mr_key_sample_take(&owned->keys, batch, records,
                                  owned->engine->config->log.topic, ret_error));
    const mr_dialect after = mr_decoder_dialect(owned->decoder);
    if (after != before) {
        mr_log_info("event=dialect_locked partition=%" PRIu32 " dialect=%s",
                    owned->partition, mr_dialect_name(after));
        mr_shard_set_dialect(owned->shard, (uint8_t)after, (mr_text){0});
    }
    return apply_by_days(owned, batch, records);
}

typedef struct collecting {
    mr_owned_shard *owned;
    mr_status status;
} collecting;

/* The user the alert is about is in the record; the key only spreads and orders. */
static bool collect_alert(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    collecting *c = context;
    char text[SEQUENCE_BYTES];
    const int length = snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu64,
                                c->owned->partition, sequence);
    const mr_log_header headers[ALERT_HEADERS] = {
        {mr_text_from(MR_ALERT_SEQUENCE_HEADER), {text, (uint32_t)length}},
        {MR_TEXT("mr-alert-id"), id},
    };
    const mr_log_entry entry = {.partition = 0,
                                .key = id,
                                .value = record,
                                .headers = headers,
                                .header_count = ALERT_HEADERS};
    c->status = mr_letter_box_put(&c->owned->job.alerts, &entry);
    c->owned->job.alerts_sequence = sequence;
    return c->status == MR_OK;
}

/* Letters of a job that failed are still in its box, and go again. */
static mr_status move_letters(mr_letter_box *from, mr_letter_box *to)
{
    for (size_t i = 0; i < from->count; i++)
        MR_TRY(mr_letter_box_put(to, &from->entries[i]));
    mr_letter_box_clear(from);
    return MR_OK;
}

static mr_status fill_job(mr_owned_shard *owned)
{
    mr_checkpoint_job *job = &owned->job;
    MR_TRY(move_letters(&owned->dead_letters, &job->dead_letters));
    MR_TRY(move_letters(&owned->late, &job->late));
    /* What the checkpoint passes is whole. */
    MR_TRY(mr_owned_shard_cut_day(owned, UINT32_MAX));
    MR_TRY(mr_day_box_move(&owned->days, &job->days));

    mr_letter_box_clear(&job->alerts);
    collecting c = {owned, MR_OK};
    mr_shard_outbox_pending(owned->shard, 0, collect_alert, &c);
    MR_TRY(c.status);

    mr_letter_box_clear(&job->links);
    if (owned->is_owned)
        MR_TRY(mr_link_letters_collect(owned->shard, owned->engine->topics.events,
                                       &owned->engine->control_key, &job->links,
                                       &job->links_sequence));

    job->epoch = owned->epoch;
    job->generation = owned->generation + 1;
    job->next_offset = mr_shard_next_offset(owned->shard);
    return MR_OK;
}

static void note_pause(mr_owned_shard *owned, int64_t since_ns)
{
    const int64_t taken_ns = now_ns() - since_ns;
    owned->cut_ns += taken_ns;
    if (taken_ns > owned->cut_longest_ns)
        owned->cut_longest_ns = taken_ns;
    mr_histogram_record(&owned->engine->statistics->cut_pause_us,
                        (uint64_t)(taken_ns / 1000));
}

bool mr_owned_shard_links_are_due(const mr_owned_shard *owned, int64_t now_ns)
{
    if (owned->job_is_under_way)
        return false; /* the job is the checkpoint thread's, its times too */
    const int64_t apart_ns = LINKS_SHARE * owned->job.took_ns;
    return mr_shard_links_waiting(owned->shard) > 0 &&
           now_ns - owned->submitted_ns >= (apart_ns > LINKS_NS ? apart_ns : LINKS_NS);
}

mr_status mr_owned_shard_checkpoint(mr_owned_shard *owned)
{
    if (owned->job_is_under_way || owned->is_cutting || owned->is_stale ||
        owned->lacks_letters)
        return MR_OK;
    owned->is_parting = false;
    if (mr_shard_next_offset(owned->shard) == owned->checkpointed_offset &&
        mr_shard_outbox_count(owned->shard) == 0 &&
        mr_shard_links_waiting(owned->shard) == 0)
        return MR_OK;
    const int64_t start_ns = now_ns();
    MR_TRY(fill_job(owned));
    owned
        ->generation++; /* a name that was begun is not used again, whatever becomes of it */
    owned->is_cutting = true;
    owned->cut_ns = 0;
    owned->cut_longest_ns = 0;
    mr_checkpoint_cut_begin(owned->shard, owned->job.epoch, owned->job.generation,
                            &owned->job.state);
    note_pause(owned, start_ns);
    return MR_OK;
}

static mr_partition_statistics *statistics_of(const mr_owned_shard *owned)
{
    return &owned->engine->statistics->partitions[owned->partition];
}

static mr_status submit(mr_owned_shard *owned)
{
    mr_partition_statistics *p = statistics_of(owned);
    owned->is_cutting = false;
    if (mr_buffer_status(&owned->job.state) != MR_OK) {
        mr_checkpoint_cut_settle(owned->shard, false);
        mr_buffer_deinit(&owned->job.state);
        atomic_fetch_add_explicit(&p->checkpoint_failures, 1, memory_order_relaxed);
        return MR_ERR_NO_MEMORY;
    }
    atomic_store_explicit(&p->checkpoint_cut_us, owned->cut_ns / 1000,
                          memory_order_relaxed);
    atomic_store_explicit(&p->checkpoint_pause_us, owned->cut_longest_ns / 1000,
                          memory_order_relaxed);
    owned->job_is_under_way = true;
    owned->submitted_ns = mr_clock_monotonic_ns(mr_clock_system());
    atomic_store_explicit(&owned->job_done, false, memory_order_relaxed);
    mr_checkpointer_submit(owned->engine->checkpointer, &owned->job);
    return MR_OK;
}

mr_status mr_owned_shard_cut(mr_owned_shard *owned, int64_t budget_ns)
{
    if (!owned->is_cutting)
        return MR_OK;
    const int64_t start_ns = now_ns();
    bool is_whole = false;
    do {
        is_whole = mr_checkpoint_cut_step(owned->shard, CUT_ENTRIES);
    } while (!is_whole && now_ns() - start_ns < budget_ns);
    note_pause(owned, start_ns);
    return is_whole ? submit(owned) : MR_OK;
}

static void count_job(const mr_owned_shard *owned)
{
    mr_partition_statistics *p = statistics_of(owned);
    const mr_checkpoint_job *job = &owned->job;
    if (job->status != MR_OK) {
        atomic_fetch_add_explicit(&p->checkpoint_failures, 1, memory_order_relaxed);
        return;
    }
    const bool is_base = mr_checkpoint_cut_is_base(owned->shard);
    atomic_store_explicit(&p->generation, job->generation, memory_order_relaxed);
    atomic_store_explicit(is_base ? &p->checkpoint_base_bytes
                                  : &p->checkpoint_delta_bytes,
                          job->bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(is_base ? &p->checkpoint_bases : &p->checkpoint_deltas, 1,
                              memory_order_relaxed);
    atomic_store_explicit(&p->checkpoint_took_us, job->took_ns / 1000,
                          memory_order_relaxed);
    atomic_store_explicit(&p->checkpoint_wall_ms, mr_clock_wall_ms(mr_clock_system()),
                          memory_order_relaxed);
}

bool mr_owned_shard_harvest(mr_owned_shard *owned, int64_t *ret_oldest_offset)
{
    *ret_oldest_offset = owned->begun_offset;
    owned->begun_offset = -1;
    if (owned->is_cutting)
        return false;
    if (!owned->job_is_under_way)
        return true;
    /* Acquire: pairs with the release in job_done(). */
    if (!atomic_load_explicit(&owned->job_done, memory_order_acquire))
        return false;
    mr_checkpoint_job *job = &owned->job;
    owned->job_is_under_way = false;
    count_job(owned);
    mr_checkpoint_cut_settle(owned->shard, job->status == MR_OK);
    if (job->status == MR_ERR_STALE) {
        mr_log_warn("event=partition_taken_over partition=%" PRIu32 " epoch=%" PRIu64
                    " why=\"%s\"",
                    owned->partition, owned->epoch, job->error.message);
        owned->is_stale = true;
        return true;
    }
    if (job->status != MR_OK) {
        mr_log_warn("event=checkpoint_failed partition=%" PRIu32 " generation=%" PRIu64
                    " why=\"%s\"",
                    owned->partition, job->generation, job->error.message);
        return true;
    }
    mr_letter_box_clear(&job->dead_letters);
    mr_letter_box_clear(&job->late);
    mr_day_box_clear(&job->days);
    owned->checkpointed_offset = job->next_offset;
    *ret_oldest_offset = job->oldest_offset;
    if (job->alerts_sent && job->alerts.count > 0)
        mr_shard_outbox_acknowledge(owned->shard, job->alerts_sequence);
    else if (!job->alerts_sent)
        mr_log_warn("event=alerts_delayed partition=%" PRIu32 " why=\"%s\"",
                    owned->partition, job->error.message);
    if (job->links_sent && job->links.count > 0) {
        mr_shard_links_acknowledge(owned->shard, job->links_sequence);
        mr_statistics_take(owned->engine->statistics, owned->shard);
    } else if (!job->links_sent)
        mr_log_warn("event=links_delayed partition=%" PRIu32 " why=\"%s\"",
                    owned->partition, job->error.message);
    mr_log_info("event=checkpoint partition=%" PRIu32 " generation=%" PRIu64
                " offset=%" PRId64 " kind=%s bytes=%" PRIu64 " ms=%" PRId64,
                owned->partition, job->generation, job->next_offset,
                mr_checkpoint_cut_is_base(owned->shard) ? "base" : "delta", job->bytes,
                job->took_ns / 1000000);
    return true;
}
