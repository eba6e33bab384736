/*
 * What waits to be sent: a queue of ids and profiles, in the order of their sequences.
 *
 * An answer holds the profile as it was moved out of its row; it becomes text only when somebody
 * looks, so that applying a record allocates nothing that was not reserved.
 */
#include "features/shard_private.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

mr_status mr_links_reserve(mr_links *links, size_t more)
{
    const size_t waiting = links->end - links->first;
    if (waiting + more > MR_LINKS_WAITING_MAX)
        return MR_ERR_FULL;
    if (links->end + more <= links->capacity)
        return MR_OK;
    if (links->first > 0) {
        memmove(links->entries, links->entries + links->first,
                waiting * sizeof(*links->entries));
        links->first = 0;
        links->end = waiting;
    }
    if (waiting + more <= links->capacity)
        return MR_OK;
    const size_t capacity = 2 * (waiting + more);
    mr_link_entry *entries = realloc(links->entries, capacity * sizeof(*entries));
    if (entries == NULL)
        return MR_ERR_NO_MEMORY;
    links->entries = entries;
    links->capacity = capacity;
    return MR_OK;
}

size_t mr_links_ids_bytes_max(void)
{
    return 2 * mr_list_growth_max(MR_EVENT_ID_BYTES_MAX, 1);
}

static mr_link_id keep_id(mr_block_pool *pool, mr_text id)
{
    mr_link_id kept = {.length = (uint8_t)id.length};
    kept.block = mr_block_pool_allocate(pool, id.length, &kept.size_class);
    memcpy(mr_block_at(pool, kept.block), id.bytes, id.length);
    return kept;
}

mr_text mr_links_id(const mr_block_pool *pool, mr_link_id id)
{
    return (mr_text){.bytes = mr_block_at(pool, id.block), .length = id.length};
}

void mr_links_put(mr_shard *shard, mr_text anonymous_id, mr_text user_id, int64_t time_ms,
                  mr_link_profile profile)
{
    mr_links *links = &shard->links;
    links->last_sequence++;
    if (shard->is_replay) {
        mr_link_profile_free(shard->plan, &shard->pool, profile);
        return;
    }
    MR_ASSERT(links->end < links->capacity);
    links->entries[links->end++] =
        (mr_link_entry){.sequence = links->last_sequence,
                        .time_ms = time_ms,
                        .anonymous = keep_id(&shard->pool, anonymous_id),
                        .user = keep_id(&shard->pool, user_id),
                        .profile = profile};
}

static mr_status visit(const mr_shard *shard, const mr_link_entry *entry, mr_buffer *json,
                       mr_link_visitor *visitor, void *context, bool *ret_goes_on)
{
    mr_link link = {.anonymous_id = mr_links_id(&shard->pool, entry->anonymous),
                    .user_id = mr_links_id(&shard->pool, entry->user),
                    .time_ms = entry->time_ms,
                    .sequence = entry->sequence,
                    .source = shard->partition};
    if (entry->profile.block != 0) {
        mr_buffer_clear(json);
        mr_link_profile_write(shard->plan, &shard->pool, &shard->names, entry->profile,
                              json);
        MR_TRY(mr_buffer_status(json));
        link.profile = (mr_text){.bytes = (const char *)json->bytes,
                                 .length = (uint32_t)json->length};
    }
    *ret_goes_on = visitor(context, &link);
    return MR_OK;
}

mr_status mr_shard_links_pending(const mr_shard *shard, mr_link_visitor *visitor,
                                 void *context)
{
    const mr_links *links = &shard->links;
    mr_buffer json = {0};
    mr_status status = MR_OK;
    bool goes_on = true;
    for (size_t i = links->first; i < links->end && goes_on && status == MR_OK; i++)
        status = visit(shard, &links->entries[i], &json, visitor, context, &goes_on);
    mr_buffer_deinit(&json);
    return status;
}

size_t mr_shard_links_waiting(const mr_shard *shard)
{
    return shard->links.end - shard->links.first;
}

static void drop_entry(mr_shard *shard, const mr_link_entry *entry)
{
    mr_block_pool *pool = &shard->pool;
    mr_block_pool_free(pool, entry->anonymous.block, entry->anonymous.size_class);
    mr_block_pool_free(pool, entry->user.block, entry->user.size_class);
    mr_link_profile_free(shard->plan, pool, entry->profile);
}

void mr_shard_links_acknowledge(mr_shard *shard, uint64_t sequence)
{
    mr_links *links = &shard->links;
    while (links->first < links->end && links->entries[links->first].sequence <= sequence)
        drop_entry(shard, &links->entries[links->first++]);
}
