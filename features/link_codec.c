/*
 * Links in a checkpoint; reading trusts nothing, as profile_codec.c.
 */
#include "features/shard_private.h"

#include "core/assert.h"

#include <stdlib.h>

enum { COUNTERS = sizeof(mr_link_counters) / sizeof(uint64_t) };

/* In the order of the structure. */
static void counter_places(mr_link_counters *c, uint64_t *ret_places[COUNTERS])
{
    uint64_t *const places[] = {&c->requested,     &c->answered, &c->merged,
                                &c->dropped,       &c->refused,  &c->lines_moved_out,
                                &c->lines_moved_in};
    _Static_assert(sizeof(places) / sizeof(places[0]) == COUNTERS, "every counter");
    for (size_t i = 0; i < COUNTERS; i++)
        ret_places[i] = places[i];
}

void mr_links_encode(const mr_shard *shard, mr_buffer *buffer)
{
    const mr_links *links = &shard->links;
    mr_link_counters counters = links->counters;
    uint64_t *places[COUNTERS];
    counter_places(&counters, places);
    mr_buffer_put_varint(buffer, links->last_sequence);
    for (size_t i = 0; i < COUNTERS; i++)
        mr_buffer_put_varint(buffer, *places[i]);
    mr_buffer_put_varint(buffer, links->mark_count);
    for (size_t i = 0; i < links->mark_count; i++) {
        mr_buffer_put_varint(buffer, links->marks[i].source);
        mr_buffer_put_varint(buffer, links->marks[i].sequence);
    }
}

static mr_status decode_marks(mr_links *links, uint64_t count, mr_reader *reader)
{
    if (count > MR_LINK_SOURCES_MAX)
        return MR_ERR_CORRUPT;
    links->marks = malloc(((size_t)count + 1) * sizeof(*links->marks));
    if (links->marks == NULL)
        return MR_ERR_NO_MEMORY;
    links->mark_capacity = (size_t)count + 1;
    for (size_t i = 0; i < (size_t)count; i++) {
        const uint64_t source = mr_reader_varint(reader);
        const uint64_t sequence = mr_reader_varint(reader);
        if (reader->failed || source >= MR_LINK_SOURCES_MAX || sequence == 0 ||
            (i > 0 && source <= links->marks[i - 1].source))
            return MR_ERR_CORRUPT;
        links->marks[i] =
            (mr_link_mark){.sequence = sequence, .source = (uint32_t)source};
        links->mark_count++;
    }
    return MR_OK;
}

mr_status mr_links_decode(mr_shard *shard, mr_reader *reader)
{
    mr_links *links = &shard->links;
    uint64_t *places[COUNTERS];
    counter_places(&links->counters, places);
    links->last_sequence = mr_reader_varint(reader);
    for (size_t i = 0; i < COUNTERS; i++)
        *places[i] = mr_reader_varint(reader);
    const uint64_t marks = mr_reader_varint(reader);
    if (reader->failed || links->marks != NULL ||
        links->counters.requested + links->counters.answered != links->last_sequence)
        return MR_ERR_CORRUPT;
    return decode_marks(links, marks, reader);
}

static void put_id(const mr_block_pool *pool, mr_link_id id, mr_buffer *buffer)
{
    mr_buffer_put_u8(buffer, id.length);
    mr_buffer_put(buffer, mr_block_at(pool, id.block), id.length);
}

static bool get_id(mr_reader *reader, mr_text *ret_id)
{
    *ret_id = mr_reader_text(reader, mr_reader_u8(reader));
    return !reader->failed && ret_id->length > 0 &&
           ret_id->length <= MR_EVENT_ID_BYTES_MAX;
}

void mr_links_encode_entry(const mr_shard *shard, const mr_link_entry *entry,
                           mr_buffer *buffer)
{
    mr_buffer_put_varint(buffer, entry->sequence);
    mr_buffer_put_varint(buffer, (uint64_t)entry->time_ms);
    put_id(&shard->pool, entry->anonymous, buffer);
    put_id(&shard->pool, entry->user, buffer);
    mr_buffer_put_u8(buffer, entry->profile.block != 0);
    if (entry->profile.block != 0)
        mr_link_profile_encode(shard->plan, &shard->pool, entry->profile, buffer);
}

mr_status mr_links_decode_entry(mr_shard *shard, mr_reader *reader)
{
    mr_links *links = &shard->links;
    const uint64_t last_sequence = links->last_sequence;
    const uint64_t sequence = mr_reader_varint(reader);
    const uint64_t time_ms = mr_reader_varint(reader);
    mr_text anonymous_id;
    mr_text user_id;
    if (!get_id(reader, &anonymous_id) || !get_id(reader, &user_id))
        return MR_ERR_CORRUPT;
    const uint8_t is_answer = mr_reader_u8(reader);
    const uint64_t before =
        links->end > links->first ? links->entries[links->end - 1].sequence : 0;
    if (reader->failed || sequence <= before || sequence > last_sequence ||
        time_ms > INT64_MAX || is_answer > 1)
        return MR_ERR_CORRUPT;
    const mr_status status = mr_links_reserve(links, 1);
    if (status != MR_OK)
        return status == MR_ERR_FULL ? MR_ERR_CORRUPT : status;
    mr_link_profile profile = {0};
    if (is_answer == 1)
        MR_TRY(mr_link_profile_decode(shard->plan, &shard->pool, &shard->names, reader,
                                      &profile));
    MR_TRY(mr_block_pool_reserve(&shard->pool, mr_links_ids_bytes_max()));
    links->last_sequence = sequence - 1; /* the entry takes its own number again */
    mr_links_put(shard, anonymous_id, user_id, (int64_t)time_ms, profile);
    links->last_sequence = last_sequence;
    return MR_OK;
}

void mr_links_encode_noted(const mr_shard *shard, uint32_t row, mr_buffer *buffer)
{
    const mr_row parts = mr_shard_row(shard, row);
    const uint64_t *hashes = mr_links_noted(&shard->pool, parts);
    if (hashes == NULL)
        return;
    mr_buffer_put_u32(buffer, row);
    mr_buffer_put_u8(buffer, (uint8_t)parts.head->noted_count);
    for (size_t i = 0; i < parts.head->noted_count; i++)
        mr_buffer_put_u64(buffer, hashes[i]);
}

mr_status mr_links_decode_noted(mr_shard *shard, mr_reader *reader)
{
    const uint32_t row = mr_reader_u32(reader);
    const uint8_t count = mr_reader_u8(reader);
    if (reader->failed || row >= shard->store.row_count || count == 0 ||
        count > MR_LINK_NOTED_MAX)
        return MR_ERR_CORRUPT;
    const mr_row parts = mr_shard_row(shard, row);
    if (parts.head->noted_count > 0)
        return MR_ERR_CORRUPT;
    MR_TRY(mr_block_pool_reserve(
        &shard->pool, mr_list_growth_max(MR_LINK_NOTED_MAX, sizeof(uint64_t))));
    for (size_t i = 0; i < count; i++)
        mr_links_add_noted(&shard->pool, parts, mr_reader_u64(reader));
    return mr_reader_status(reader);
}
