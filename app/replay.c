#include "app/replay.h"

#include "app/topics.h"
#include "ingest/decoder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    POLL_TIMEOUT_MS = 1000,
    SILENT_POLLS_MAX = 60, /* without a signal before the log is called silent */
    BATCH_RECORDS = 1024,
};

typedef struct replaying {
    const mr_replay_options *options;
    mr_replay *result;
    mr_log_reader *reader;
    mr_decoder **decoders;
    bool *ended;
    uint32_t ended_count;
    mr_event_batch batch;
    mr_error *error;
} replaying;

static mr_status open_shard(replaying *run, uint32_t partition, int64_t offset)
{
    const mr_config *config = run->options->config;
    const mr_shard_options options = {
        .plan = run->options->plan,
        .hash_key = &run->options->keys->hash,
        .topic = config->log.topic,
        .partition = partition,
        .memory_limit_bytes = (size_t)config->state.memory_bytes,
        .is_replay = true,
        .applies_late = run->options->applies_late,
    };
    const mr_status status = mr_shard_create(&options, &run->result->shards[partition]);
    if (status == MR_ERR_INVALID)
        return mr_error_set(run->error, status, "log.topic: '%s' is no topic's name",
                            config->log.topic);
    if (status != MR_OK ||
        mr_shard_start_at(run->result->shards[partition], offset) != MR_OK)
        return mr_error_set(run->error, MR_ERR_NO_MEMORY, "out of memory for a shard");
    return mr_topics_decoder(config, &run->options->keys->control,
                             &run->decoders[partition], run->error);
}

static mr_status begin_partition(replaying *run, uint32_t partition)
{
    const mr_config *config = run->options->config;
    mr_log *events = run->options->events;
    int64_t offset = 0;
    if (strcmp(config->log.start, "latest") == 0)
        MR_TRY(
            mr_log_resolve(events, partition, MR_LOG_EARLIEST, 0, &offset, run->error));
    else
        MR_TRY(mr_topics_start(config, events, partition, &offset, run->error));
    MR_TRY(open_shard(run, partition, offset));
    if (mr_log_reader_start(run->reader, partition, offset) != MR_OK)
        return mr_error_set(run->error, MR_ERR_UNAVAILABLE,
                            "partition %" PRIu32 ": cannot be read from offset %" PRId64,
                            partition, offset);
    return MR_OK;
}

static void count_poison(replaying *run)
{
    for (size_t i = 0; i < run->batch.record_count; i++) {
        const mr_record_verdict *verdict = &run->batch.records[i];
        if (verdict->disposition == MR_RECORD_POISON)
            run->result->poison[verdict->poison]++;
    }
}

static mr_status apply(replaying *run, const mr_log_batch *read)
{
    mr_decoder *decoder = run->decoders[read->partition];
    mr_shard *shard = run->result->shards[read->partition];
    const mr_dialect before = mr_decoder_dialect(decoder);
    mr_status status = mr_decoder_decode(decoder, read->partition, read->records,
                                         read->count, &run->batch);
    if (status != MR_OK)
        return mr_error_set(run->error, status, "out of memory for a batch");
    const mr_dialect after = mr_decoder_dialect(decoder);
    if (after != before)
        mr_shard_set_dialect(shard, (uint8_t)after, (mr_text){0});
    status = mr_shard_apply(shard, &run->batch);
    if (status == MR_ERR_FULL)
        return mr_error_set(run->error, status,
                            "partition %" PRIu32
                            ": the state reaches state.memory_limit at "
                            "offset %" PRId64 "; raise it",
                            read->partition, mr_shard_next_offset(shard));
    if (status != MR_OK)
        return mr_error_set(
            run->error, status, "partition %" PRIu32 ": %s at offset %" PRId64,
            read->partition, mr_status_name(status), mr_shard_next_offset(shard));
    count_poison(run);
    run->result->records += read->count;
    if (run->options->progress != NULL)
        run->options->progress(run->options->context, run->result->records);
    return MR_OK;
}

/* The first end counts; what is appended behind it is another replay's. */
static mr_status end_partition(replaying *run, uint32_t partition)
{
    if (run->ended[partition])
        return MR_OK;
    run->ended[partition] = true;
    run->ended_count++;
    return mr_log_reader_pause(run->reader, partition);
}

static mr_status take_signal(replaying *run, const mr_log_batch *read)
{
    switch (read->signal) {
    case MR_LOG_ASSIGNED: return begin_partition(run, read->partition);
    case MR_LOG_RECORDS: return run->ended[read->partition] ? MR_OK : apply(run, read);
    case MR_LOG_END: return end_partition(run, read->partition);
    default: return MR_OK;
    }
}

static mr_status explain(replaying *run, mr_status status, const mr_log_batch *read)
{
    const mr_shard *shard = run->result->shards[read->partition];
    const int64_t wanted = shard != NULL ? mr_shard_next_offset(shard) : -1;
    if (status == MR_ERR_GAP)
        return mr_error_set(run->error, status,
                            "partition %" PRIu32 ": offset %" PRId64
                            " is no longer held, the log begins at %" PRId64
                            "; set log.start to earliest",
                            read->partition, wanted, read->next_offset);
    return mr_error_set(run->error, status,
                        "partition %" PRIu32 ": a stored batch behind offset %" PRId64
                        " does not verify; restore the log from a copy",
                        read->partition, wanted);
}

static mr_status read_all(replaying *run)
{
    for (int silent = 0; run->ended_count < run->result->shard_count;) {
        mr_log_batch read = {0};
        const mr_status status = mr_log_reader_poll(run->reader, POLL_TIMEOUT_MS, &read);
        if (status == MR_ERR_GAP || status == MR_ERR_CORRUPT)
            return explain(run, status, &read);
        if (status != MR_OK && status != MR_ERR_UNAVAILABLE)
            return mr_error_set(run->error, status, "the log cannot be read: %s",
                                mr_status_name(status));
        if (status == MR_ERR_UNAVAILABLE || read.signal == MR_LOG_IDLE) {
            if (++silent == SILENT_POLLS_MAX)
                return mr_error_set(
                    run->error, MR_ERR_UNAVAILABLE,
                    "the log has been silent for a minute before its end");
            continue;
        }
        silent = 0;
        MR_TRY(take_signal(run, &read));
    }
    return MR_OK;
}

static void sum_up(mr_replay *replay)
{
    replay->commerce =
        (mr_commerce_totals){.first_day = INT64_MAX, .last_day = INT64_MIN};
    for (uint32_t i = 0; i < replay->shard_count; i++) {
        mr_shard_counters counters;
        mr_commerce_totals commerce;
        mr_shard_counters_get(replay->shards[i], &counters);
        mr_commerce_totals_get(replay->shards[i], &commerce);
        mr_commerce_totals_add(&replay->commerce, &commerce);
        replay->events += counters.lines_applied;
        replay->duplicate += counters.duplicate;
        replay->late += counters.late;
        replay->users += mr_shard_live_count(replay->shards[i]);
        replay->items += mr_shard_item_count(replay->shards[i]);
    }
}

static mr_status open_run(replaying *run)
{
    const mr_log_reader_options options = {.mode = MR_LOG_STATIC,
                                           .batch_records = BATCH_RECORDS};
    const uint32_t partitions = mr_log_partitions(run->options->events);
    run->result->shards = calloc(partitions, sizeof(mr_shard *));
    run->decoders = calloc(partitions, sizeof(mr_decoder *));
    run->ended = calloc(partitions, sizeof(bool));
    if (run->result->shards == NULL || run->decoders == NULL || run->ended == NULL ||
        mr_event_batch_init(&run->batch, BATCH_RECORDS, BATCH_RECORDS) != MR_OK)
        return mr_error_set(run->error, MR_ERR_NO_MEMORY, "out of memory for a replay");
    run->result->shard_count = partitions;
    return mr_log_reader_open(run->options->events, &options, &run->reader, run->error);
}

mr_status mr_replay_run(const mr_replay_options *options, mr_replay *ret_replay,
                        mr_error *ret_error)
{
    mr_replay replay = {0};
    replaying run = {.options = options, .result = &replay, .error = ret_error};
    mr_status status = open_run(&run);
    if (status == MR_OK)
        status = read_all(&run);
    mr_log_reader_close(run.reader);
    for (uint32_t i = 0; run.decoders != NULL && i < replay.shard_count; i++)
        mr_decoder_destroy(run.decoders[i]);
    free(run.decoders);
    free(run.ended);
    mr_event_batch_deinit(&run.batch);
    if (status != MR_OK) {
        mr_replay_deinit(&replay);
        return status;
    }
    sum_up(&replay);
    *ret_replay = replay;
    return MR_OK;
}

void mr_replay_deinit(mr_replay *replay)
{
    for (uint32_t i = 0; replay->shards != NULL && i < replay->shard_count; i++)
        mr_shard_destroy(replay->shards[i]);
    free(replay->shards);
    *replay = (mr_replay){0};
}

uint64_t mr_replay_records_held(mr_log *events)
{
    uint64_t records = 0;
    for (uint32_t i = 0; i < mr_log_partitions(events); i++) {
        int64_t first = -1;
        int64_t end = -1;
        mr_log_range(events, i, &first, &end);
        if (first >= 0 && end > first)
            records += (uint64_t)(end - first);
    }
    return records;
}
