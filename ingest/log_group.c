#include "ingest/log_group.h"

#include <stdlib.h>

enum { BATCHES_FIRST = 8 };

void mr_log_group_deinit(mr_log_group *group)
{
    mr_buffer_deinit(&group->records);
    free(group->batches);
    *group = (mr_log_group){0};
}

void mr_log_group_clear(mr_log_group *group)
{
    mr_buffer_clear(&group->records);
    group->batch_count = 0;
    group->record_count = 0;
}

static mr_status begin_batch(mr_log_group *group)
{
    if (group->batch_count == group->batch_capacity) {
        const size_t capacity =
            group->batch_capacity == 0 ? BATCHES_FIRST : group->batch_capacity * 2;
        void *grown = realloc(group->batches, capacity * sizeof(*group->batches));
        if (grown == NULL)
            return MR_ERR_NO_MEMORY;
        group->batches = grown;
        group->batch_capacity = capacity;
    }
    group->batches[group->batch_count++] = (struct mr_log_group_batch){
        .start = group->records.length, .max_time_ms = INT64_MIN};
    return MR_OK;
}

/* Encode as the next record of the newest batch; false when it does not fit there. */
static bool put(mr_log_group *group, const mr_log_entry *entry, int64_t time_ms)
{
    struct mr_log_group_batch *batch = &group->batches[group->batch_count - 1];
    const size_t before = group->records.length;
    mr_record_encode(&group->records, batch->record_count, entry, time_ms);
    if (group->records.failed || batch->record_count == MR_BATCH_RECORDS_MAX ||
        group->records.length - batch->start > MR_BATCH_RAW_BYTES_MAX) {
        group->records.length = before;
        return false;
    }
    batch->record_count++;
    if (time_ms > batch->max_time_ms)
        batch->max_time_ms = time_ms;
    group->record_count++;
    return true;
}

mr_status mr_log_group_add(mr_log_group *group, const mr_log_entry *entry,
                           int64_t time_ms)
{
    if (group->batch_count > 0 && put(group, entry, time_ms))
        return MR_OK;
    if (!group->records.failed) {
        MR_TRY(begin_batch(group));
        if (put(group, entry, time_ms))
            return MR_OK;
        group->batch_count--;
    }
    group->records.failed = false;
    return MR_ERR_NO_MEMORY;
}

mr_status mr_log_group_encode(const mr_log_group *group, int64_t base_offset,
                              uint64_t synced, mr_batch_codecs *codecs, mr_buffer *out)
{
    for (size_t i = 0; i < group->batch_count; i++) {
        const struct mr_log_group_batch *batch = &group->batches[i];
        const size_t end =
            i + 1 < group->batch_count ? batch[1].start : group->records.length;
        const mr_batch_header header = {
            .base_offset = base_offset,
            .record_count = batch->record_count,
            .synced = synced,
            .max_time_ms = batch->max_time_ms,
        };
        const mr_text records = {.bytes =
                                     (const char *)&group->records.bytes[batch->start],
                                 .length = (uint32_t)(end - batch->start)};
        MR_TRY(mr_batch_encode(&header, records, codecs, out));
        base_offset += batch->record_count;
    }
    return MR_OK;
}
