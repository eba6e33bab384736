#include "app/batch_slice.h"

#include <stdlib.h>

void mr_batch_slice_deinit(mr_batch_slice *slice)
{
    free(slice->records);
    *slice = (mr_batch_slice){0};
}

static mr_status reserve(mr_batch_slice *slice, size_t count)
{
    if (count <= slice->capacity)
        return MR_OK;
    mr_record_verdict *grown = realloc(slice->records, count * sizeof(*grown));
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    slice->records = grown;
    slice->capacity = count;
    return MR_OK;
}

mr_status mr_batch_slice_take(mr_batch_slice *slice, const mr_event_batch *batch,
                              size_t first, size_t last, mr_event_batch *ret_part)
{
    const size_t count = last - first;
    MR_TRY(reserve(slice, count));
    size_t begin = batch->event_count;
    size_t end = 0;
    for (size_t i = first; i < last; i++) {
        const mr_record_verdict *record = &batch->records[i];
        slice->records[i - first] = *record;
        if (record->event_count == 0)
            continue;
        begin = record->first_event < begin ? record->first_event : begin;
        end = record->first_event + record->event_count;
    }
    begin = begin < end ? begin : end;
    for (size_t i = 0; i < count; i++) {
        mr_record_verdict *record = &slice->records[i];
        record->first_event =
            record->event_count > 0 ? record->first_event - (uint32_t)begin : 0;
    }
    *ret_part = (mr_event_batch){.partition = batch->partition,
                                 .events = batch->events + begin,
                                 .event_count = end - begin,
                                 .records = slice->records,
                                 .record_count = count};
    return MR_OK;
}

void mr_batch_slice_return(const mr_event_batch *part, mr_event_batch *batch,
                           size_t first)
{
    for (size_t i = 0; i < part->record_count; i++)
        batch->records[first + i].outcome = part->records[i].outcome;
}

int64_t mr_record_newest_ms(const mr_event_batch *batch, const mr_record_verdict *record)
{
    int64_t newest_ms = INT64_MIN;
    for (uint32_t e = 0; e < record->event_count; e++) {
        const int64_t time_ms = batch->events[record->first_event + e].time_ms;
        newest_ms = time_ms > newest_ms ? time_ms : newest_ms;
    }
    return newest_ms;
}
