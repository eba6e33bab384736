#include "app/cut_replay.h"

#include "app/batch_slice.h"
#include "app/topics.h"

#include <inttypes.h>

enum { POLL_MS = 1000, SILENT_POLLS_MAX = 30 };

typedef struct pass {
    const mr_cut_replay *replay;
    const mr_cut_visitor *visitor;
    mr_error *error;
    uint32_t partition;
    int64_t end_offset;
    size_t next_cut;
    uint64_t records;
    mr_log_reader *reader;
    mr_decoder *decoder;
    mr_shard *shard;
    mr_event_batch batch;
    mr_batch_slice slice;
} pass;

static mr_status open_all(pass *p)
{
    const mr_cut_replay *r = p->replay;
    const mr_log_reader_options reader = {
        .mode = MR_LOG_STATIC, .partitions = &p->partition, .partition_count = 1};
    const mr_shard_options shard = {.plan = r->plan,
                                    .hash_key = r->key,
                                    .topic = r->config->log.topic,
                                    .partition = p->partition,
                                    .is_replay = true};
    MR_TRY(mr_event_batch_init(&p->batch, MR_LOG_BATCH_RECORDS_MAX,
                               MR_LOG_BATCH_RECORDS_MAX));
    MR_TRY(mr_topics_decoder(r->config, r->control_key, &p->decoder, p->error));
    MR_TRY(mr_shard_create(&shard, &p->shard));
    return mr_log_reader_open(r->log, &reader, &p->reader, p->error);
}

static void close_all(pass *p)
{
    mr_log_reader_close(p->reader);
    mr_shard_destroy(p->shard);
    mr_decoder_destroy(p->decoder);
    mr_event_batch_deinit(&p->batch);
    mr_batch_slice_deinit(&p->slice);
}

/* What was a duplicate or late did not happen: records keep their applied lines alone. */
static void keep_applied(mr_event_batch *part)
{
    uint32_t kept = 0;
    for (size_t r = 0; r < part->record_count; r++) {
        mr_record_verdict *record = &part->records[r];
        const uint32_t first = record->first_event;
        const uint32_t end = first + record->event_count;
        record->first_event = kept;
        for (uint32_t i = first; i < end; i++) {
            if (part->events[i].outcome == MR_OUTCOME_APPLIED)
                part->events[kept++] = part->events[i];
        }
        record->event_count = kept - record->first_event;
    }
    part->event_count = kept;
}

/* Records [first, last) of the batch as a batch of its own. */
static mr_status apply_slice(pass *p, size_t first, size_t last)
{
    if (first == last)
        return MR_OK;
    mr_event_batch part;
    MR_TRY(mr_batch_slice_take(&p->slice, &p->batch, first, last, &part));
    MR_TRY(mr_shard_apply(p->shard, &part));
    mr_shard_changed_clear(p->shard);
    keep_applied(&part);
    return p->visitor->applied(p->visitor->context, p->shard, &part);
}

static mr_status visit_cut(pass *p)
{
    const size_t cut = p->next_cut++;
    return p->visitor->cut(p->visitor->context, cut, p->shard);
}

static mr_status apply_batch(pass *p)
{
    size_t first = 0;
    size_t i = 0;
    for (; i < p->batch.record_count && p->batch.records[i].offset < p->end_offset; i++) {
        const int64_t newest_ms = mr_record_newest_ms(&p->batch, &p->batch.records[i]);
        while (p->next_cut < p->replay->cut_count &&
               newest_ms >= p->replay->cuts_ms[p->next_cut]) {
            MR_TRY(apply_slice(p, first, i));
            first = i;
            MR_TRY(visit_cut(p));
        }
    }
    return apply_slice(p, first, i);
}

static mr_status begin(pass *p)
{
    int64_t first = 0;
    MR_TRY(mr_log_resolve(p->replay->log, p->partition, MR_LOG_EARLIEST, 0, &first,
                          p->error));
    MR_TRY(mr_shard_start_at(p->shard, first));
    return mr_log_reader_start(p->reader, p->partition, first);
}

/* One signal of the log; sets *ret_is_done at the end. */
static mr_status step(pass *p, uint32_t *silent, bool *ret_is_done)
{
    mr_log_batch batch = {0};
    const mr_status status = mr_log_reader_poll(p->reader, POLL_MS, &batch);
    const bool is_silent =
        status == MR_ERR_UNAVAILABLE || (status == MR_OK && batch.signal == MR_LOG_IDLE);
    if (status == MR_OK && batch.signal == MR_LOG_ASSIGNED)
        return begin(p);
    if (status == MR_OK && batch.signal == MR_LOG_RECORDS) {
        *silent = 0;
        MR_TRY(mr_decoder_decode(p->decoder, p->partition, batch.records, batch.count,
                                 &p->batch));
        MR_TRY(apply_batch(p));
        p->records += batch.count;
        p->visitor->progress(p->visitor->context, p->records);
        *ret_is_done = batch.next_offset >= p->end_offset;
        return MR_OK;
    }
    if (status == MR_OK && !is_silent) {
        *ret_is_done =
            true; /* its end, before the one that was asked for: a log restored */
        return MR_OK;
    }
    if (is_silent && ++*silent < SILENT_POLLS_MAX)
        return MR_OK;
    return mr_error_set(p->error, status == MR_OK ? MR_ERR_UNAVAILABLE : status,
                        "log %s, partition %" PRIu32 ": cannot be read on after %" PRIu64
                        " records: %s",
                        p->replay->config->log.topic, p->partition, p->records,
                        status == MR_OK ? "no answer" : mr_status_name(status));
}

mr_status mr_cut_replay_run(const mr_cut_replay *replay, uint32_t partition,
                            int64_t end_offset, const mr_cut_visitor *visitor,
                            mr_error *ret_error)
{
    pass p = {.replay = replay,
              .visitor = visitor,
              .error = ret_error,
              .partition = partition,
              .end_offset = end_offset};
    uint32_t silent = 0;
    bool is_done = false;
    mr_status status = open_all(&p);
    while (status == MR_OK && !is_done)
        status = step(&p, &silent, &is_done);
    if (status == MR_OK && visitor->ended != NULL)
        visitor->ended(visitor->context);
    while (status == MR_OK && p.next_cut < replay->cut_count)
        status = visit_cut(&p); /* nothing came after these */
    close_all(&p);
    return status;
}
