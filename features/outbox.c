#include "features/shard_private.h"

#include <stdlib.h>
#include <string.h>

void mr_outbox_deinit(mr_outbox *outbox)
{
    for (size_t i = outbox->first; i < outbox->end; i++)
        free(outbox->entries[i].bytes);
    free(outbox->entries);
    *outbox = (mr_outbox){0};
}

/* Room for one more: move the waiting ones to the front when half is free, else double. */
static mr_status make_room(mr_outbox *outbox)
{
    if (outbox->end < outbox->capacity)
        return MR_OK;
    const size_t waiting = outbox->end - outbox->first;
    if (outbox->first >= waiting && outbox->first > 0) {
        memmove(outbox->entries, outbox->entries + outbox->first,
                waiting * sizeof(*outbox->entries));
        outbox->first = 0;
        outbox->end = waiting;
        return MR_OK;
    }
    const size_t capacity = outbox->capacity == 0 ? 64 : 2 * outbox->capacity;
    mr_outbox_entry *entries = realloc(outbox->entries, capacity * sizeof(*entries));
    if (entries == NULL)
        return MR_ERR_NO_MEMORY;
    outbox->entries = entries;
    outbox->capacity = capacity;
    return MR_OK;
}

mr_status mr_outbox_put(mr_outbox *outbox, uint64_t sequence, mr_text id, mr_text record)
{
    if (outbox->end - outbox->first >= MR_OUTBOX_ENTRIES_MAX)
        return MR_ERR_FULL;
    if (sequence <= outbox->last_sequence)
        return MR_ERR_INVALID;
    MR_TRY(make_room(outbox));
    char *bytes = malloc((size_t)id.length + record.length + 1);
    if (bytes == NULL)
        return MR_ERR_NO_MEMORY;
    if (id.length > 0)
        memcpy(bytes, id.bytes, id.length);
    if (record.length > 0)
        memcpy(bytes + id.length, record.bytes, record.length);
    outbox->entries[outbox->end++] = (mr_outbox_entry){.sequence = sequence,
                                                       .bytes = bytes,
                                                       .id_length = id.length,
                                                       .record_length = record.length};
    outbox->bytes += (size_t)id.length + record.length;
    outbox->last_sequence = sequence;
    return MR_OK;
}

mr_status mr_shard_outbox_put(mr_shard *shard, mr_text id, mr_text record,
                              uint64_t *ret_sequence)
{
    const uint64_t sequence = shard->outbox.last_sequence + 1;
    MR_TRY(mr_outbox_put(&shard->outbox, sequence, id, record));
    *ret_sequence = sequence;
    return MR_OK;
}

void mr_shard_outbox_pending(const mr_shard *shard, uint64_t from,
                             mr_outbox_visitor *visitor, void *context)
{
    const mr_outbox *outbox = &shard->outbox;
    for (size_t i = outbox->first; i < outbox->end; i++) {
        const mr_outbox_entry *entry = &outbox->entries[i];
        const mr_text id = {.bytes = entry->bytes, .length = entry->id_length};
        const mr_text record = {.bytes = entry->bytes + entry->id_length,
                                .length = entry->record_length};
        if (entry->sequence >= from && !visitor(context, entry->sequence, id, record))
            return;
    }
}

size_t mr_shard_outbox_count(const mr_shard *shard)
{
    return shard->outbox.end - shard->outbox.first;
}

void mr_shard_outbox_acknowledge(mr_shard *shard, uint64_t sequence)
{
    mr_outbox *outbox = &shard->outbox;
    while (outbox->first < outbox->end &&
           outbox->entries[outbox->first].sequence <= sequence) {
        const mr_outbox_entry *entry = &outbox->entries[outbox->first++];
        outbox->bytes -= (size_t)entry->id_length + entry->record_length;
        free(entry->bytes);
    }
}
