#include "features/shard_private.h"

#include "core/assert.h"
#include "features/profile_merge.h"

#include <stdlib.h>
#include <string.h>

void mr_links_deinit(mr_links *links)
{
    free(links->marks);
    free(links->entries);
    free(links->answers);
    *links = (mr_links){0};
}

size_t mr_links_bytes(const mr_links *links)
{
    return links->mark_capacity * sizeof(*links->marks) +
           links->capacity * sizeof(*links->entries) +
           links->answer_capacity * sizeof(*links->answers);
}

void mr_shard_link_counters_get(const mr_shard *shard, mr_link_counters *ret_counters)
{
    *ret_counters = shard->links.counters;
}

uint64_t mr_shard_link_sequence(const mr_shard *shard)
{
    return shard->links.last_sequence;
}

/* ---- before the first change ---- */

typedef struct link_counts {
    size_t pairs; /* events that show both ids */
    size_t requests;
    size_t answers;
} link_counts;

static bool shows_pair(const mr_event *event)
{
    return event->user_id.length > 0 && event->anonymous_id.length > 0;
}

static link_counts count_links(const mr_event_batch *batch, size_t first)
{
    link_counts counts = {0};
    for (size_t i = 0; i < batch->event_count; i++)
        counts.pairs += shows_pair(&batch->events[i]);
    for (size_t i = first; i < batch->record_count; i++) {
        const mr_record_verdict *record = &batch->records[i];
        if (record->disposition != MR_RECORD_LINK)
            continue;
        counts.requests += record->link->profile.length == 0;
        counts.answers += record->link->profile.length > 0;
    }
    return counts;
}

static mr_status reserve_marks(mr_links *links, size_t more)
{
    const size_t needed = links->mark_count + more;
    if (needed <= links->mark_capacity)
        return MR_OK;
    mr_link_mark *marks = realloc(links->marks, 2 * needed * sizeof(*marks));
    if (marks == NULL)
        return MR_ERR_NO_MEMORY;
    links->marks = marks;
    links->mark_capacity = 2 * needed;
    return MR_OK;
}

static mr_status reserve_answers(mr_links *links, size_t count)
{
    if (count <= links->answer_capacity)
        return MR_OK;
    mr_link_profile *answers = realloc(links->answers, count * sizeof(*answers));
    if (answers == NULL)
        return MR_ERR_NO_MEMORY;
    links->answers = answers;
    links->answer_capacity = count;
    return MR_OK;
}

static mr_status read_answers(mr_shard *shard, const mr_event_batch *batch, size_t first,
                              size_t count)
{
    mr_links *links = &shard->links;
    MR_TRY(reserve_answers(links, count));
    for (size_t i = first; i < batch->record_count; i++) {
        const mr_record_verdict *record = &batch->records[i];
        if (record->disposition != MR_RECORD_LINK || record->link->profile.length == 0)
            continue;
        mr_link_profile profile = {0};
        const mr_status status = mr_link_profile_read(
            shard->plan, &shard->pool, &shard->names, record->link->profile, &profile);
        if (status != MR_OK && status != MR_ERR_CORRUPT)
            return status;
        links->answers[links->answer_count++] = profile;
    }
    return MR_OK;
}

mr_status mr_links_prepare(mr_shard *shard, const mr_event_batch *batch, size_t first,
                           mr_links_need *ret_need)
{
    const link_counts counts = count_links(batch, first);
    const size_t sent = counts.pairs + counts.requests;
    *ret_need = (mr_links_need){0};
    if (sent + counts.answers == 0)
        return MR_OK;
    if (!shard->is_replay)
        MR_TRY(mr_links_reserve(&shard->links, sent));
    MR_TRY(reserve_marks(&shard->links, counts.requests + counts.answers));
    MR_TRY(read_answers(shard, batch, first, counts.answers));
    ret_need->rows = counts.answers;
    ret_need->block_bytes =
        counts.pairs * mr_list_growth_max(MR_LINK_NOTED_MAX, sizeof(uint64_t)) +
        sent * mr_links_ids_bytes_max() +
        (counts.requests + counts.answers) * mr_link_profile_bytes_max(shard->plan);
    return MR_OK;
}

void mr_links_end_batch(mr_shard *shard)
{
    mr_links *links = &shard->links;
    for (size_t i = links->answer_next; i < links->answer_count; i++)
        mr_link_profile_free(shard->plan, &shard->pool, links->answers[i]);
    links->answer_count = 0;
    links->answer_next = 0;
}

/* ---- a pair is seen ---- */

/* Whether the id is new among the last ones noted, which it then is one of.  The hash has no key,
 * as that of an order id: what is asked for is a function of the log alone. */
static bool note(mr_block_pool *pool, mr_row row, mr_text id)
{
    const uint64_t hash = mr_hash_bytes(id.bytes, id.length);
    const uint64_t *hashes = mr_links_noted(pool, row);
    for (size_t i = 0; i < row.head->noted_count; i++) {
        if (hashes[i] == hash)
            return false;
    }
    mr_links_add_noted(pool, row, hash);
    return true;
}

void mr_links_note(mr_shard *shard, uint32_t row, const mr_event *event)
{
    if (!shows_pair(event))
        return;
    if (!note(&shard->pool, mr_shard_row(shard, row), event->anonymous_id))
        return;
    shard->links.counters.requested++;
    mr_links_put(shard, event->anonymous_id, event->user_id, event->time_ms,
                 (mr_link_profile){0});
}

/* ---- a link is read ---- */

/* The first mark of a source not below it. */
static size_t mark_place(const mr_links *links, uint32_t source)
{
    size_t place = 0;
    while (place < links->mark_count && links->marks[place].source < source)
        place++;
    return place;
}

static bool is_second_copy(const mr_links *links, const mr_link *link)
{
    const size_t place = mark_place(links, link->source);
    return place < links->mark_count && links->marks[place].source == link->source &&
           link->sequence <= links->marks[place].sequence;
}

static void set_mark(mr_links *links, const mr_link *link)
{
    const size_t place = mark_place(links, link->source);
    if (place == links->mark_count || links->marks[place].source != link->source) {
        MR_ASSERT(links->mark_count < links->mark_capacity);
        memmove(&links->marks[place + 1], &links->marks[place],
                (links->mark_count - place) * sizeof(*links->marks));
        links->mark_count++;
    }
    links->marks[place] =
        (mr_link_mark){.sequence = link->sequence, .source = link->source};
}

static void apply_request(mr_shard *shard, const mr_link *link, int64_t offset)
{
    mr_links *links = &shard->links;
    if (is_second_copy(links, link)) {
        links->counters.dropped++;
        return;
    }
    set_mark(links, link);
    const uint32_t row = mr_shard_find_anonymous(shard, link->anonymous_id);
    if (row == MR_ROW_NONE)
        return;
    mr_shard_touch(shard, row);
    const mr_row parts = mr_shard_row(shard, row);
    links->counters.answered++;
    links->counters.lines_moved_out += parts.head->events;
    shard->live_count--;
    mr_links_put(shard, link->anonymous_id, link->user_id, link->time_ms,
                 mr_link_profile_take(shard->plan, &shard->pool, parts));
    /* What is published of the empty row must not lose against what was before. */
    parts.head->offset = offset;
    parts.head->applied_ms = link->time_ms;
}

static uint32_t row_of_user(mr_shard *shard, mr_text user_id)
{
    return mr_profile_store_put(&shard->store, mr_hash_user(&shard->key, user_id),
                                user_id, false);
}

static bool has_bought(const mr_shard *shard, mr_row row)
{
    return *mr_row_count(row, shard->plan->purchases->number_offset) > 0;
}

static void merge(mr_shard *shard, const mr_link *link, mr_row from, int64_t offset)
{
    const uint32_t number = row_of_user(shard, link->user_id);
    mr_shard_touch(shard, number);
    const mr_row into = mr_shard_row(shard, number);
    const bool was_customer = has_bought(shard, into);
    shard->live_count += mr_row_is_empty(into);
    mr_profile_merge(shard->plan, &shard->pool, &shard->names, into, from);
    into.head->offset = offset;
    into.head->applied_ms = link->time_ms;
    shard->commerce.totals.customers += !was_customer && has_bought(shard, into);
    shard->links.counters.merged++;
    shard->links.counters.lines_moved_in += from.head->events;
}

/* Whether the user, who may be new here, can take the events in. */
static bool fits(const mr_shard *shard, const mr_link *link, mr_row from)
{
    const uint32_t row = mr_shard_find(shard, link->user_id);
    return row == MR_ROW_NONE || mr_profile_can_merge(mr_shard_row(shard, row), from);
}

static void apply_answer(mr_shard *shard, const mr_link *link, mr_link_profile profile,
                         int64_t offset)
{
    mr_links *links = &shard->links;
    if (is_second_copy(links, link)) {
        links->counters.dropped++;
        return;
    }
    if (profile.block == 0 ||
        !fits(shard, link, mr_link_profile_row(&shard->pool, profile))) {
        links->counters.refused++;
        return;
    }
    set_mark(links, link);
    merge(shard, link, mr_link_profile_row(&shard->pool, profile), offset);
}

void mr_links_apply(mr_shard *shard, const mr_link *link, int64_t offset)
{
    mr_links *links = &shard->links;
    if (link->profile.length == 0) {
        apply_request(shard, link, offset);
        return;
    }
    MR_ASSERT(links->answer_next < links->answer_count);
    const mr_link_profile profile = links->answers[links->answer_next++];
    apply_answer(shard, link, profile, offset);
    mr_link_profile_free(shard->plan, &shard->pool, profile);
}

/* ---- invariants ---- */

void mr_links_check(const mr_shard *shard)
{
    const mr_links *links = &shard->links;
    for (size_t i = 0; i < links->mark_count; i++) {
        MR_ASSERT(links->marks[i].sequence > 0);
        MR_ASSERT(i == 0 || links->marks[i - 1].source < links->marks[i].source);
    }
    MR_ASSERT(links->counters.requested + links->counters.answered ==
              links->last_sequence);
    uint64_t before = 0;
    for (size_t i = links->first; i < links->end; i++) {
        const mr_link_entry *entry = &links->entries[i];
        MR_ASSERT(entry->sequence > before);
        MR_ASSERT(entry->sequence <= links->last_sequence);
        before = entry->sequence;
        if (entry->profile.block != 0)
            mr_profile_check(shard->plan, &shard->pool, &shard->names,
                             mr_link_profile_row(&shard->pool, entry->profile));
    }
    for (uint32_t row = 0; row < shard->store.row_count; row++)
        MR_ASSERT(mr_shard_row(shard, row).head->noted_count <= MR_LINK_NOTED_MAX);
}
