#include "app/ingest_thread.h"

#include "app/change_sweep.h"
#include "app/churn_sweep.h"
#include "app/log_line.h"
#include "app/user_publisher.h"
#include "features/link.h"
#include "features/trending.h"
#include "ingest/control_record.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    POLL_MS = 2, /* what falls due is seen so soon while the log is silent */
    BATCH_RECORDS = 1024,
    BATCH_EVENTS = 4096,
    BEHIND_RECORDS = 1 << 16,   /* so far behind the log's end it is catching up */
    LETTER_BYTES_MAX = 4 << 20, /* then a checkpoint is made early */
    ASSIGNED_TEXT_BYTES = 16,
    DAY_SLICE_ROWS = 256, /* of a day that is being cut: a third of a millisecond */
};
#define MS_NS INT64_C(1000000)
#define FLUSH_NS (50 * MS_NS)
#define FLUSH_BEHIND_NS                                                                  \
    (1000 * MS_NS) /* while catching up a user is written less often */
#define PUBLISH_NS (1000 * MS_NS)
#define RETRY_NS (1000 * MS_NS)
#define SWEEP_LOOK_NS (1000 * MS_NS)
#define SWEEP_SOON_NS (50 * MS_NS) /* the first thresholds may be there any moment */
#define CUT_SLICE_NS (MS_NS / 2)   /* between two batches, of all shards together */
#define TICK_NS (60000 * MS_NS)
#define RATE_NS (2000 * MS_NS)

struct mr_ingest_thread {
    mr_engine *engine;
    mr_log_reader *reader;
    mr_owned_shard **shards; /* by partition; NULL: never owned */
    uint32_t partition_count;
    mr_event_batch batch;
    mr_user_publisher *publisher;
    mr_mailbox *mailbox;
    pthread_t thread;
    bool started;
    _Atomic bool stopping;
    _Atomic bool is_done;
    uint32_t cut_partition; /* whose checkpoint is being copied */
    bool is_cutting;
    int64_t publish_ns;
    int64_t rate_ns;
    uint64_t rate_events;
};

static int64_t now_ns(void)
{
    return mr_clock_monotonic_ns(mr_clock_system());
}

static mr_partition_statistics *statistics_of(const mr_owned_shard *owned)
{
    return &owned->engine->statistics->partitions[owned->partition];
}

/* ---- signals ---- */

/* Give a shard up whose partition somebody else has; its last job is waited for, and what was
 * not submitted is of no use any more. */
static void drop(mr_ingest_thread *thread, uint32_t partition)
{
    int64_t oldest_offset;
    thread->shards[partition]->is_cutting = false;
    while (!mr_owned_shard_harvest(thread->shards[partition], &oldest_offset))
        (void)nanosleep(&(struct timespec){.tv_nsec = MS_NS}, NULL);
    mr_owned_shard_close(thread->shards[partition]);
    thread->shards[partition] = NULL;
    mr_quintile_board_withdraw(thread->engine->quintiles, partition);
}

static void assigned(mr_ingest_thread *thread, uint32_t partition)
{
    mr_engine *engine = thread->engine;
    mr_error error = {{0}};
    if (thread->shards[partition] != NULL &&
        !mr_owned_shard_is_current(thread->shards[partition]))
        drop(thread, partition);
    mr_owned_shard *owned = thread->shards[partition];
    if (owned == NULL) {
        const mr_status status = mr_owned_shard_open(engine, partition, &owned, &error);
        if (status != MR_OK) {
            mr_engine_fail(engine, "partition %" PRIu32 ": %s", partition, error.message);
            return;
        }
        thread->shards[partition] = owned;
    }
    owned->is_owned = true;
    owned->is_at_end = false;
    owned->is_stopped = false;
    mr_change_sweep_restart(owned);
    mr_quintile_board_expect(engine->quintiles, partition);
    const int64_t now = now_ns();
    owned->checkpoint_ns = now + engine->config->state.interval_ms * MS_NS;
    owned->tick_ns = now + TICK_NS;
    atomic_store_explicit(&statistics_of(owned)->is_owned, true, memory_order_relaxed);
    atomic_store_explicit(&statistics_of(owned)->stopped, 0, memory_order_relaxed);
    if (mr_log_reader_start(thread->reader, partition,
                            mr_shard_next_offset(owned->shard)) != MR_OK)
        mr_engine_fail(engine, "partition %" PRIu32 ": reading cannot start at %" PRId64,
                       partition, mr_shard_next_offset(owned->shard));
}

/* Parked: it is checkpointed once more for whoever comes next, stays in memory, and goes on if
 * the partition comes back and nobody has had it meanwhile. */
static void revoked(mr_ingest_thread *thread, uint32_t partition)
{
    mr_owned_shard *owned = thread->shards[partition];
    if (owned == NULL)
        return;
    owned->is_owned = false;
    owned->is_parting = true;
    mr_quintile_board_withdraw(thread->engine->quintiles, owned->partition);
    atomic_store_explicit(&statistics_of(owned)->is_owned, false, memory_order_relaxed);
    if (mr_owned_shard_checkpoint(owned) != MR_OK)
        mr_log_warn("event=checkpoint_failed partition=%" PRIu32, partition);
    mr_log_info("event=partition_revoked partition=%" PRIu32 " offset=%" PRId64,
                partition, mr_shard_next_offset(owned->shard));
}

static void pause_full(mr_ingest_thread *thread, mr_owned_shard *owned)
{
    if (!owned->is_paused && owned->days.bytes > MR_DAY_BOX_BYTES_MAX)
        mr_log_info("event=days_wait partition=%" PRIu32 " offset=%" PRId64
                    " bytes=%zu for=checkpoint",
                    owned->partition, mr_shard_next_offset(owned->shard),
                    owned->days.bytes);
    else if (!owned->is_paused)
        mr_log_warn("event=memory_limit partition=%" PRIu32 " offset=%" PRId64
                    " bytes=%zu do=\"raise state.memory_limit; nothing is lost\"",
                    owned->partition, mr_shard_next_offset(owned->shard),
                    mr_shard_bytes(owned->shard));
    owned->is_paused = true;
    owned->retry_ns = now_ns() + RETRY_NS;
    atomic_store_explicit(&statistics_of(owned)->paused, 1, memory_order_relaxed);
    if (mr_log_reader_pause(thread->reader, owned->partition) != MR_OK)
        mr_engine_fail(thread->engine, "partition %" PRIu32 " cannot be paused",
                       owned->partition);
}

static void retry_full(mr_ingest_thread *thread, mr_owned_shard *owned)
{
    owned->is_paused = false;
    atomic_store_explicit(&statistics_of(owned)->paused, 0, memory_order_relaxed);
    if (mr_log_reader_resume(thread->reader, owned->partition) != MR_OK ||
        mr_log_reader_start(thread->reader, owned->partition,
                            mr_shard_next_offset(owned->shard)) != MR_OK)
        mr_engine_fail(thread->engine, "partition %" PRIu32 " cannot be resumed",
                       owned->partition);
}

static void records(mr_ingest_thread *thread, const mr_log_batch *batch)
{
    mr_owned_shard *owned = thread->shards[batch->partition];
    if (owned == NULL || !owned->is_owned || owned->is_paused || owned->is_stopped)
        return;
    mr_error error = {{0}};
    const mr_status status =
        mr_owned_shard_apply(owned, &thread->batch, batch->records, batch->count, &error);
    if (status == MR_ERR_FULL) {
        pause_full(thread, owned);
        return;
    }
    if (status != MR_OK) {
        owned->is_stopped = true; /* what the reader has passed must not become a gap */
        mr_engine_fail(thread->engine, "partition %" PRIu32 " offset %" PRId64 ": %s",
                       owned->partition, mr_shard_next_offset(owned->shard),
                       error.message[0] != '\0' ? error.message : mr_status_name(status));
        return;
    }
    owned->is_at_end = false;
    atomic_fetch_add_explicit(&thread->engine->statistics->events_this_run,
                              thread->batch.event_count, memory_order_relaxed);
    mr_statistics_take(thread->engine->statistics, owned->shard);
}

static void at_end(mr_ingest_thread *thread, const mr_log_batch *batch)
{
    mr_owned_shard *owned = thread->shards[batch->partition];
    if (owned == NULL)
        return;
    owned->is_at_end = true;
    owned->sweep_look_ns = 0;
    if (!atomic_load_explicit(&statistics_of(owned)->is_caught_up, memory_order_relaxed))
        thread->publish_ns = 0; /* what is popular is wanted at once */
    atomic_store_explicit(&statistics_of(owned)->is_caught_up, true,
                          memory_order_relaxed);
}

/* Read no more of a partition, and say so; the others go on.  A run to the end could not end,
 * and a process whose own partitions have all stopped does nothing: both give up.  In a group it
 * stays: whoever got its partitions would stop the same way, one node after the other. */
static void stop_shard(mr_ingest_thread *thread, mr_owned_shard *owned, const char *why)
{
    owned->is_stopped = true;
    atomic_store_explicit(&statistics_of(owned)->stopped, 1, memory_order_relaxed);
    mr_log_warn("event=shard_stopped partition=%" PRIu32 " why=\"%s\"", owned->partition,
                why);
    uint32_t stopped = 0;
    for (uint32_t p = 0; p < thread->partition_count; p++)
        stopped += thread->shards[p] != NULL && thread->shards[p]->is_stopped;
    const bool is_idle =
        thread->engine->config->log.mode == 0 &&
        stopped == atomic_load_explicit(&thread->engine->statistics->expected_partitions,
                                        memory_order_relaxed);
    if (is_idle || thread->engine->until_end)
        mr_engine_fail(thread->engine, "partition %" PRIu32 ": %s", owned->partition,
                       why);
}

/* Where to go on when the log's first offset is `*offset` and not the one that is wanted. */
static mr_status choose_after_gap(const mr_engine *engine, uint32_t partition,
                                  int64_t wanted, int64_t *offset, mr_error *ret_error)
{
    if (*offset < wanted)
        return mr_error_set(ret_error, MR_ERR_GAP,
                            "the checkpoint stands at offset %" PRId64
                            ", the log ends before that: bring the whole log back, or go "
                            "back to a checkpoint it reaches (millrace checkpoint list)",
                            wanted);
    if (engine->config->log.on_gap == 0)
        return mr_error_set(ret_error, MR_ERR_GAP,
                            "gap %" PRIu32 ":%" PRId64 "..%" PRId64
                            ": the log no longer holds these offsets; bring them back, "
                            "or go on with the loss counted: run --on-gap earliest or "
                            "latest",
                            partition, wanted, *offset - 1);
    if (engine->config->log.on_gap == 1)
        return MR_OK;
    return mr_log_resolve(engine->topics.events, partition, MR_LOG_LATEST, 0, offset,
                          ret_error);
}

/* The log no longer holds what comes next: the operator has said what to do then. */
static void gap(mr_ingest_thread *thread, const mr_log_batch *batch)
{
    mr_engine *engine = thread->engine;
    mr_owned_shard *owned = thread->shards[batch->partition];
    if (owned == NULL)
        return;
    const int64_t wanted = mr_shard_next_offset(owned->shard);
    int64_t offset = batch->next_offset;
    mr_error why = {{0}};
    if (choose_after_gap(engine, batch->partition, wanted, &offset, &why) != MR_OK) {
        stop_shard(thread, owned, why.message);
        return;
    }
    mr_log_warn("event=gap partition=%" PRIu32 " gap=%" PRIu32 ":%" PRId64 "..%" PRId64,
                batch->partition, batch->partition, wanted, offset - 1);
    mr_shard_skip_to(owned->shard, offset);
    mr_statistics_take(engine->statistics, owned->shard);
    if (mr_log_reader_start(thread->reader, batch->partition, offset) != MR_OK)
        mr_engine_fail(engine, "partition %" PRIu32 " cannot be read from %" PRId64,
                       batch->partition, offset);
}

static void poll_once(mr_ingest_thread *thread)
{
    mr_log_batch batch;
    const mr_status status =
        mr_log_reader_poll(thread->reader, thread->is_cutting ? 0 : POLL_MS, &batch);
    mr_statistics *statistics = thread->engine->statistics;
    if (status == MR_ERR_GAP) {
        gap(thread, &batch);
        return;
    }
    if (status == MR_ERR_CORRUPT) {
        mr_engine_fail(thread->engine,
                       "the events log is damaged: a stored batch does not verify");
        return;
    }
    atomic_store_explicit(&statistics->is_log_down, status != MR_OK,
                          memory_order_relaxed);
    if (status != MR_OK) {
        (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * MS_NS}, NULL);
        return;
    }
    switch (batch.signal) {
    case MR_LOG_RECORDS: records(thread, &batch); break;
    case MR_LOG_END: at_end(thread, &batch); break;
    case MR_LOG_ASSIGNED: assigned(thread, batch.partition); break;
    case MR_LOG_REVOKED: revoked(thread, batch.partition); break;
    case MR_LOG_IDLE: break;
    }
}

/* ---- between batches ---- */

static void append_tick(mr_ingest_thread *thread, mr_owned_shard *owned)
{
    mr_engine *engine = thread->engine;
    const mr_control_record tick = {.kind = MR_CONTROL_TICK,
                                    .time_ms = mr_clock_wall_ms(mr_clock_system())};
    mr_buffer value = {0};
    uint8_t header[MR_CONTROL_HEADER_BYTES];
    mr_status status =
        mr_control_encode(&tick, engine->config->log.topic, engine->control_key.bytes,
                          engine->control_key.length, (mr_text){0}, &value, header);
    const mr_log_header headers[] = {
        {MR_TEXT(MR_CONTROL_HEADER), {(const char *)header, sizeof(header)}}};
    const mr_log_entry entry = {
        .partition = owned->partition,
        .value = {(const char *)value.bytes, (uint32_t)value.length},
        .headers = headers,
        .header_count = 1,
        .time_ms = tick.time_ms,
    };
    mr_error error = {{0}};
    if (status == MR_OK)
        status = mr_log_append(engine->topics.events, &entry, 1, NULL, &error);
    if (status != MR_OK)
        mr_log_warn("event=tick_failed partition=%" PRIu32 " why=\"%s\"",
                    owned->partition, error.message);
    mr_buffer_deinit(&value);
}

static void checkpoint_if_due(mr_ingest_thread *thread, mr_owned_shard *owned,
                              int64_t now)
{
    int64_t oldest_offset;
    const bool is_free = mr_owned_shard_harvest(owned, &oldest_offset);
    if (oldest_offset >= 0 && owned->is_owned)
        mr_log_reader_commit(thread->reader, owned->partition, oldest_offset);
    const bool is_due =
        owned->is_owned
            ? now >= owned->checkpoint_ns ||
                  owned->dead_letters.bytes + owned->late.bytes > LETTER_BYTES_MAX ||
                  owned->days.bytes > MR_DAY_BOX_BYTES_DUE ||
                  mr_owned_shard_links_are_due(owned, now)
            : owned->is_parting;
    if (!is_free || !is_due || (owned->is_owned && owned->days.is_cutting))
        return;
    owned->checkpoint_ns = now + thread->engine->config->state.interval_ms * MS_NS;
    if (mr_owned_shard_checkpoint(owned) != MR_OK)
        mr_log_warn("event=checkpoint_failed partition=%" PRIu32 " why=\"out of memory\"",
                    owned->partition);
}

/* A slice of each day that is being cut; returns whether one goes on. */
static bool cut_days(mr_ingest_thread *thread)
{
    bool goes_on = false;
    for (uint32_t i = 0; i < thread->partition_count; i++) {
        mr_owned_shard *owned = thread->shards[i];
        if (owned == NULL || !owned->days.is_cutting)
            continue;
        if (mr_owned_shard_cut_day(owned, DAY_SLICE_ROWS) != MR_OK)
            mr_engine_fail(thread->engine,
                           "partition %" PRIu32 ": out of memory for the rows of a day",
                           owned->partition);
        goes_on |= owned->days.is_cutting;
    }
    return goes_on;
}

/* One shard's checkpoint after the other, so that as little as may be changes under way. */
static void cut_a_slice(mr_ingest_thread *thread)
{
    thread->is_cutting = cut_days(thread);
    for (uint32_t i = 0; i < thread->partition_count; i++) {
        mr_owned_shard *owned = thread->shards[thread->cut_partition];
        if (owned != NULL && owned->is_cutting) {
            if (mr_owned_shard_cut(owned, CUT_SLICE_NS) != MR_OK)
                mr_log_warn("event=checkpoint_failed partition=%" PRIu32
                            " why=\"out of memory\"",
                            owned->partition);
            thread->is_cutting = true;
            return;
        }
        thread->cut_partition = (thread->cut_partition + 1) % thread->partition_count;
    }
}

/* Looked at once a second: acquiring the model is not for every batch. */
static void sweep(mr_ingest_thread *thread, mr_owned_shard *owned, int64_t now)
{
    if (!owned->churn_sweep.is_under_way && !owned->change_sweep.is_under_way &&
        now < owned->sweep_look_ns)
        return;
    if (mr_change_sweep(owned) == MR_ERR_NO_MEMORY)
        mr_log_warn("event=change_sweep_failed partition=%" PRIu32
                    " why=\"out of memory\"",
                    owned->partition);
    owned->sweep_look_ns =
        now + (owned->thresholds.quintiles.customers > 0 ? SWEEP_LOOK_NS : SWEEP_SOON_NS);
    mr_snapshot *snapshot = mr_snapshot_acquire(thread->engine->models);
    if (snapshot == NULL)
        return;
    /* MR_ERR_FULL: the outbox empties with the next checkpoint, the sweep goes on then. */
    if (mr_churn_sweep(owned, mr_snapshot_object(snapshot)) == MR_ERR_NO_MEMORY)
        mr_log_warn("event=churn_sweep_failed partition=%" PRIu32
                    " why=\"out of memory\"",
                    owned->partition);
    mr_snapshot_release(snapshot);
}

/*
 * A checkpoint was refused: another process has the partition.  In a group the broker decides
 * who is right, and if it still says us, we begin again from the newest checkpoint with a newer
 * epoch; with fixed partitions two processes were given the same ones, and that is a mistake.
 */
static void give_way(mr_ingest_thread *thread, mr_owned_shard *owned)
{
    const uint32_t partition = owned->partition;
    const bool is_owned = owned->is_owned;
    if (is_owned && thread->engine->config->log.mode != 1) {
        mr_engine_fail(thread->engine,
                       "partition %" PRIu32
                       ": another process has taken it over; only one "
                       "may own a partition and its checkpoints in %s",
                       partition, thread->engine->config->state.path);
        return;
    }
    drop(thread, partition);
    if (is_owned)
        assigned(thread, partition);
}

static void look_after(mr_ingest_thread *thread, mr_owned_shard *owned, int64_t now)
{
    int64_t first;
    int64_t end;
    mr_log_range(thread->engine->topics.events, owned->partition, &first, &end);
    atomic_store_explicit(&statistics_of(owned)->end_offset, end, memory_order_relaxed);
    checkpoint_if_due(thread, owned, now);
    if (!owned->is_owned)
        return;
    if (owned->is_paused && now >= owned->retry_ns)
        retry_full(thread, owned);
    if (thread->engine->config->log.clock_wall == 1 && now >= owned->tick_ns) {
        owned->tick_ns = now + TICK_NS;
        append_tick(thread, owned);
    }
    sweep(thread, owned, now);
    mr_user_publisher_feed_scorers(thread->publisher, owned);
}

static bool is_behind(const mr_owned_shard *owned)
{
    const int64_t end =
        atomic_load_explicit(&statistics_of(owned)->end_offset, memory_order_relaxed);
    return !owned->is_at_end &&
           (end < 0 || end - mr_shard_next_offset(owned->shard) > BEHIND_RECORDS);
}

static void flush_if_due(mr_ingest_thread *thread, mr_owned_shard *owned, int64_t now)
{
    if (now - owned->flush_ns < (is_behind(owned) ? FLUSH_BEHIND_NS : FLUSH_NS))
        return;
    owned->flush_ns = now;
    if (mr_user_publisher_flush(thread->publisher, owned) != MR_OK)
        mr_log_warn("event=publish_failed partition=%" PRIu32, owned->partition);
}

/* Whether all that changed has been written, and every list that is to be made. */
static bool is_published(const mr_owned_shard *owned)
{
    const uint32_t *rows;
    return mr_shard_changed(owned->shard, &rows) == 0 && owned->read_rows.count == 0 &&
           owned->unread_rows.count == 0;
}

static bool scorers_are_idle(const mr_engine *engine)
{
    for (size_t i = 0; i < engine->scorer_count; i++)
        if (!mr_scorer_is_idle(engine->scorers[i]))
            return false;
    return true;
}

static void measure_rate(mr_ingest_thread *thread, int64_t now)
{
    mr_statistics *statistics = thread->engine->statistics;
    if (now - thread->rate_ns < RATE_NS)
        return;
    const uint64_t events =
        atomic_load_explicit(&statistics->events_this_run, memory_order_relaxed);
    const double seconds = (double)(now - thread->rate_ns) / 1e9;
    const double rate = (double)(events - thread->rate_events) / seconds;
    atomic_store_explicit(&statistics->rate_milli, (uint64_t)(rate * 1000.0),
                          memory_order_relaxed);
    thread->rate_events = events;
    thread->rate_ns = now;
}

/* Links have gone out to partitions that were read to their end: they are not any more, and the
 * reader will say when they are again. */
static void expect_links(mr_ingest_thread *thread)
{
    for (uint32_t p = 0; p < thread->partition_count; p++) {
        mr_owned_shard *owned = thread->shards[p];
        if (owned == NULL)
            continue;
        int64_t first;
        int64_t end;
        mr_log_range(thread->engine->topics.events, p, &first, &end);
        if (end > mr_shard_next_offset(owned->shard))
            owned->is_at_end = false;
    }
}

static void count_waiting(const mr_ingest_thread *thread)
{
    mr_statistics *statistics = thread->engine->statistics;
    uint64_t first = 0;
    uint64_t spare = 0;
    for (uint32_t p = 0; p < thread->partition_count; p++) {
        const mr_owned_shard *owned = thread->shards[p];
        first += owned != NULL && owned->is_owned ? owned->read_rows.count : 0;
        spare += owned != NULL && owned->is_owned ? owned->unread_rows.count : 0;
    }
    atomic_store_explicit(&statistics->lists_first, first, memory_order_relaxed);
    atomic_store_explicit(&statistics->lists_spare, spare, memory_order_relaxed);
}

static void between_batches(mr_ingest_thread *thread)
{
    const int64_t now = now_ns();
    const bool publish = now - thread->publish_ns >= PUBLISH_NS;
    bool all_done = thread->partition_count > 0;
    for (uint32_t p = 0; p < thread->partition_count; p++) {
        mr_owned_shard *owned = thread->shards[p];
        if (owned == NULL) {
            all_done = false;
            continue;
        }
        const size_t links = mr_shard_links_waiting(owned->shard);
        look_after(thread, owned, now);
        if (mr_shard_links_waiting(owned->shard) < links)
            expect_links(thread);
        if (owned->is_stale) {
            give_way(thread, owned);
            continue;
        }
        if (!owned->is_owned)
            continue;
        flush_if_due(thread, owned, now);
        if (publish && mr_user_publisher_trending(thread->publisher, owned) != MR_OK)
            atomic_fetch_add_explicit(&thread->engine->statistics->cache_failures, 1,
                                      memory_order_relaxed);
        all_done &= owned->is_at_end && links == 0 && !owned->churn_sweep.is_under_way &&
                    is_published(owned) && mr_change_sweep_is_settled(owned);
    }
    cut_a_slice(thread);
    if (publish)
        thread->publish_ns = now;
    measure_rate(thread, now);
    count_waiting(thread);
    all_done = all_done && scorers_are_idle(thread->engine);
    atomic_store_explicit(&thread->is_done, all_done, memory_order_relaxed);
    mr_mailbox_serve(thread->mailbox, thread);
}

/* What is under way is copied whole and waited for. */
static void finish_checkpoint(mr_ingest_thread *thread, mr_owned_shard *owned)
{
    int64_t oldest_offset = -1;
    if (mr_owned_shard_cut(owned, INT64_MAX) != MR_OK)
        mr_log_warn("event=checkpoint_failed partition=%" PRIu32 " why=\"out of memory\"",
                    owned->partition);
    while (!mr_owned_shard_harvest(owned, &oldest_offset))
        (void)nanosleep(&(struct timespec){.tv_nsec = MS_NS}, NULL);
    if (oldest_offset >= 0 && owned->is_owned)
        mr_log_reader_commit(thread->reader, owned->partition, oldest_offset);
}

/* The last checkpoints: all are submitted, then waited for. */
static void leave(mr_ingest_thread *thread)
{
    mr_mailbox_close(thread->mailbox);
    for (int round = 0; round < 2; round++) {
        for (uint32_t p = 0; p < thread->partition_count; p++) {
            mr_owned_shard *owned = thread->shards[p];
            if (owned == NULL)
                continue;
            finish_checkpoint(thread, owned);
            if (round == 0 && (mr_owned_shard_checkpoint(owned) != MR_OK ||
                               mr_owned_shard_cut(owned, INT64_MAX) != MR_OK))
                mr_log_warn("event=checkpoint_failed partition=%" PRIu32, p);
        }
    }
}

static void *run(void *context)
{
    mr_ingest_thread *thread = context;
    while (!atomic_load_explicit(&thread->stopping, memory_order_relaxed)) {
        poll_once(thread);
        between_batches(thread);
    }
    leave(thread);
    return NULL;
}

/* ---- from outside ---- */

static void rouse(void *context)
{
    mr_log_reader_wake(((mr_ingest_thread *)context)->reader);
}

static mr_status open_reader(mr_ingest_thread *thread, mr_error *ret_error)
{
    const mr_config *config = thread->engine->config;
    uint32_t partitions[MR_TRENDING_PARTITIONS_MAX];
    size_t count = 0;
    const char *cursor = config->log.assigned;
    while (*cursor != '\0') {
        char *end;
        const unsigned long partition = strtoul(cursor, &end, 10);
        if (end == cursor || partition >= thread->partition_count ||
            count == MR_TRENDING_PARTITIONS_MAX)
            return mr_error_set(
                ret_error, MR_ERR_INVALID,
                "log.assigned: '%s' is not a list of partitions below %" PRIu32,
                config->log.assigned, thread->partition_count);
        partitions[count++] = (uint32_t)partition;
        cursor = *end == ',' ? end + 1 : end;
    }
    const bool is_group = config->log.mode == 1;
    atomic_store_explicit(&thread->engine->statistics->expected_partitions,
                          is_group    ? 1
                          : count > 0 ? (uint32_t)count
                                      : thread->partition_count,
                          memory_order_relaxed);
    const mr_log_reader_options options = {
        .mode = is_group ? MR_LOG_GROUP : MR_LOG_STATIC,
        .partitions = partitions,
        .partition_count = count,
        .group = config->log.group,
        .instance_id = config->log.instance_id,
        .batch_records = BATCH_RECORDS,
    };
    return mr_log_reader_open(thread->engine->topics.events, &options, &thread->reader,
                              ret_error);
}

mr_status mr_ingest_thread_create(mr_engine *engine, mr_ingest_thread **ret_thread,
                                  mr_error *ret_error)
{
    mr_ingest_thread *thread = calloc(1, sizeof(*thread));
    if (thread == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    thread->engine = engine;
    thread->partition_count = mr_log_partitions(engine->topics.events);
    thread->rate_ns = now_ns();
    thread->shards = calloc(thread->partition_count, sizeof(mr_owned_shard *));
    mr_status status = thread->shards != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = mr_event_batch_init(&thread->batch, BATCH_RECORDS, BATCH_EVENTS);
    if (status == MR_OK)
        status = mr_mailbox_create(&thread->mailbox);
    if (status == MR_OK)
        status = mr_user_publisher_create(engine, &thread->publisher, ret_error);
    if (status == MR_OK)
        status = open_reader(thread, ret_error);
    if (status == MR_OK)
        mr_mailbox_rouse_by(thread->mailbox, rouse, thread);
    if (status == MR_OK && pthread_create(&thread->thread, NULL, run, thread) != 0)
        status =
            mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "cannot start the ingest thread");
    if (status != MR_OK) {
        mr_ingest_thread_destroy(thread);
        return status;
    }
    thread->started = true;
    *ret_thread = thread;
    return MR_OK;
}

void mr_ingest_thread_destroy(mr_ingest_thread *thread)
{
    if (thread == NULL)
        return;
    if (thread->started) {
        atomic_store_explicit(&thread->stopping, true, memory_order_relaxed);
        (void)pthread_join(thread->thread, NULL);
    }
    mr_log_reader_close(thread->reader);
    for (uint32_t p = 0; thread->shards != NULL && p < thread->partition_count; p++)
        mr_owned_shard_close(thread->shards[p]);
    free(thread->shards);
    mr_event_batch_deinit(&thread->batch);
    mr_user_publisher_destroy(thread->publisher);
    mr_mailbox_destroy(thread->mailbox);
    free(thread);
}

bool mr_ingest_thread_is_done(const mr_ingest_thread *thread)
{
    return atomic_load_explicit(&thread->is_done, memory_order_relaxed);
}

typedef struct asked {
    mr_user_question *const *questions;
    size_t count;
    mr_user_answer *answer;
} asked;

static mr_status find_and_answer(const mr_ingest_thread *thread,
                                 mr_user_question *question, mr_user_answer *answer)
{
    for (int anonymous = 0; anonymous < 2; anonymous++) {
        for (uint32_t p = 0; p < thread->partition_count; p++) {
            mr_owned_shard *owned = thread->shards[p];
            if (owned == NULL || !owned->is_owned)
                continue;
            question->row =
                anonymous == 0 ? mr_shard_find(owned->shard, question->user_id)
                               : mr_shard_find_anonymous(owned->shard, question->user_id);
            question->owned = owned;
            if (question->row != MR_ROW_NONE)
                return answer(question);
        }
    }
    return MR_ERR_NOT_FOUND;
}

static mr_status answer_all(void *owner, void *letter)
{
    const asked *a = letter;
    for (size_t i = 0; i < a->count; i++)
        a->questions[i]->status = find_and_answer(owner, a->questions[i], a->answer);
    return MR_OK;
}

mr_status mr_ingest_thread_ask(mr_ingest_thread *thread,
                               mr_user_question *const *questions, size_t count,
                               mr_user_answer *answer, int timeout_ms)
{
    asked letter = {questions, count, answer};
    return mr_mailbox_ask(thread->mailbox, answer_all, &letter, timeout_ms);
}
