/*
 * The latest items a user touched, so many of each type.
 *
 * The list is sorted by (time, item id, type, weight, session), oldest first, and a full type
 * gives up its smallest entry.  Ids are compared as text: item indices follow the order of
 * arrival, and two shards that saw the same events must keep the same ones.
 */
#include "features/aggregate.h"

#include "core/assert.h"

#include <string.h>

enum { ENTRIES_MAX = 2 * MR_SHARD_HISTORY_MAX };

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

int mr_history_compare(const mr_id_table *items, const mr_history_entry *a,
                       const mr_history_entry *b)
{
    int order = compare_numbers(a->time_s, b->time_s);
    if (order == 0 && a->item != b->item)
        order = mr_text_compare(mr_id_table_id(items, a->item),
                                mr_id_table_id(items, b->item));
    if (order == 0)
        order = compare_numbers(a->type, b->type);
    if (order == 0)
        order = compare_numbers(a->weight, b->weight);
    return order != 0 ? order : compare_numbers(a->session, b->session);
}

static size_t quota_index(const mr_operation *operation, uint8_t type)
{
    size_t index = 0;
    while (operation->spec.quotas[index].type != type)
        index++;
    MR_ASSERT(index < MR_QUOTAS_MAX);
    return index;
}

void mr_history_add(mr_block_pool *pool, const mr_id_table *items,
                    const mr_operation *operation, mr_list *list, uint8_t *counts,
                    mr_history_entry entry)
{
    const size_t quota = quota_index(operation, entry.type);
    if (counts[quota] == operation->spec.quotas[quota].keep) {
        mr_history_entry *entries = mr_list_elements(pool, list);
        size_t oldest = 0;
        while (entries[oldest].type != entry.type)
            oldest++;
        if (mr_history_compare(items, &entry, &entries[oldest]) <= 0)
            return;
        mr_list_remove(pool, list, oldest, 1, sizeof(entry));
    } else {
        counts[quota]++;
    }
    const mr_history_entry *entries = mr_list_elements(pool, list);
    size_t place = list->count;
    while (place > 0 && mr_history_compare(items, &entry, &entries[place - 1]) < 0)
        place--;
    mr_history_entry *gap = mr_list_insert(pool, list, place, sizeof(entry));
    *gap = entry;
}

static uint8_t weight_of(const mr_event *event)
{
    if (event->type == MR_EVENT_RATE)
        return (uint8_t)(event->rating_centi / 10);
    if (event->quantity <= 0)
        return event->quantity < 0 ? 0 : 1;
    return event->quantity < UINT8_MAX ? (uint8_t)event->quantity : UINT8_MAX;
}

void mr_recent_items_apply(mr_applying *applying, const mr_step *step)
{
    const mr_row row = *applying->row;
    const mr_event *event = applying->event;
    if (applying->item == MR_ID_NONE)
        return;
    const mr_history_entry entry = {.item = applying->item,
                                    .time_s = mr_time_seconds(event->time_ms),
                                    .session = row.head->sessions,
                                    .type = event->type,
                                    .weight = weight_of(event)};
    mr_history_add(applying->pool, applying->names->items,
                   &applying->plan->operations[step->operation],
                   mr_row_list(row, step->list_offset),
                   mr_row_at(row, step->number_offset), entry);
}

/* Both lists in their common order. */
static size_t interleave(const mr_block_pool *pool, const mr_id_table *items,
                         const mr_list *list, const mr_list *added,
                         mr_history_entry *ret_entries)
{
    const mr_history_entry *a = mr_list_elements(pool, list);
    const mr_history_entry *b = mr_list_elements(pool, added);
    size_t i = 0;
    size_t j = 0;
    while (i < list->count || j < added->count) {
        const bool take_a =
            j == added->count ||
            (i < list->count && mr_history_compare(items, &a[i], &b[j]) <= 0);
        ret_entries[i + j] = take_a ? a[i] : b[j];
        i += take_a;
        j += !take_a;
    }
    return i + j;
}

/* The latest of each type, as many as its quota: taken from the end. */
void mr_recent_items_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_history_entry entries[ENTRIES_MAX];
    mr_list *list = mr_row_list(merging->into, operation->list_offset);
    const size_t count =
        interleave(merging->pool, merging->names->items, list,
                   mr_row_list(merging->from, operation->list_offset), entries);
    uint8_t *counts = mr_row_at(merging->into, operation->number_offset);
    memset(counts, 0, MR_QUOTAS_MAX);
    size_t first = count;
    for (size_t i = count; i > 0; i--) {
        const size_t quota = quota_index(operation, entries[i - 1].type);
        if (counts[quota] == operation->spec.quotas[quota].keep)
            continue;
        counts[quota]++;
        entries[--first] = entries[i - 1];
    }
    mr_list_replace(merging->pool, list, &entries[first], count - first,
                    sizeof(*entries));
}

/* In a checkpoint histories have blocks of their own: mr_history_encode(). */
void mr_recent_items_encode(const mr_operation *operation, const mr_block_pool *pool,
                            mr_row row, mr_buffer *buffer)
{
    (void)operation;
    (void)pool;
    (void)row;
    (void)buffer;
}

mr_status mr_recent_items_decode(const mr_operation *operation, mr_block_pool *pool,
                                 mr_row row, mr_reader *reader)
{
    (void)operation;
    (void)pool;
    (void)row;
    (void)reader;
    return MR_OK;
}

void mr_recent_items_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    const mr_history_entry *entries = mr_list_elements(w->pool, list);
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < list->count; i++) {
        mr_json_begin_array(&w->json);
        mr_json_put_int(&w->json, entries[i].time_s);
        mr_json_put_text(&w->json, mr_id_table_id(w->names->items, entries[i].item));
        mr_json_put_int(&w->json, entries[i].type);
        mr_json_put_int(&w->json, entries[i].weight);
        mr_json_put_int(&w->json, entries[i].session);
        mr_json_end_array(&w->json);
    }
    mr_json_end_array(&w->json);
}

/* It comes last, when all else is known to be right: mr_history_read_json(). */
bool mr_recent_items_read_json(const mr_link_reading *r, const mr_operation *operation,
                               mr_json_value *value)
{
    (void)r;
    (void)operation;
    (void)value;
    return true;
}

static bool get_entry(mr_json_value *value, mr_history_entry *ret_entry,
                      mr_text *ret_item)
{
    int64_t time_s;
    int64_t type;
    int64_t weight;
    int64_t session;
    if (!mr_json_is_array(value) || mr_json_count(value) != 5 ||
        !mr_json_int_within(mr_json_at(value, 0), 0, UINT32_MAX, &time_s) ||
        !mr_json_int_within(mr_json_at(value, 2), MR_EVENT_NONE + 1, MR_EVENT_TYPES - 1,
                            &type) ||
        !mr_json_int_within(mr_json_at(value, 3), 0, UINT8_MAX, &weight) ||
        !mr_json_int_within(mr_json_at(value, 4), 0, UINT16_MAX, &session))
        return false;
    *ret_item = mr_json_text(mr_json_at(value, 1), (mr_text){0});
    *ret_entry = (mr_history_entry){.time_s = (uint32_t)time_s,
                                    .type = (uint8_t)type,
                                    .weight = (uint8_t)weight,
                                    .session = (uint16_t)session};
    return ret_item->length > 0 && ret_item->length <= MR_EVENT_ID_BYTES_MAX;
}

/* Before any item gets a number: whether every entry is one. */
static bool is_history(mr_json_value *value)
{
    if (!mr_link_is_array(value, MR_SHARD_HISTORY_MAX))
        return false;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        mr_history_entry entry;
        mr_text item;
        if (!get_entry(mr_json_at(value, i), &entry, &item))
            return false;
    }
    return true;
}

/* What the plan keeps of it: another plan may have had other quotas. */
mr_status mr_history_read_json(const mr_link_reading *r)
{
    const mr_operation *history = r->plan->history;
    mr_json_value *value = mr_json_get(r->root, history->spec.name);
    if (value != NULL && !is_history(value))
        return MR_ERR_CORRUPT;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        mr_history_entry entry;
        mr_text item;
        if (!get_entry(mr_json_at(value, i), &entry, &item))
            return MR_ERR_CORRUPT;
        if ((history->spec.on & MR_ON(entry.type)) == 0)
            continue;
        MR_TRY(mr_id_table_put(r->names->items, item, &entry.item));
        mr_history_add(r->pool, r->names->items, history,
                       mr_row_list(r->row, history->list_offset),
                       mr_row_at(r->row, history->number_offset), entry);
    }
    return MR_OK;
}

void mr_recent_items_read(mr_reading *reading)
{
    const mr_list *list = mr_row_list(reading->row, reading->operation->list_offset);
    const mr_history_entry *entries = mr_list_elements(reading->pool, list);
    for (size_t i = 0; i < list->count; i++) {
        const mr_history_entry *entry = &entries[i];
        mr_reading_number(reading, (int64_t)entry->time_s * 1000);
        mr_reading_text(reading, entry->item,
                        mr_id_table_id(reading->names->items, entry->item));
        mr_reading_text(reading, entry->type,
                        mr_text_from(mr_event_type_name((mr_event_type)entry->type)));
        mr_reading_number(reading, entry->weight);
        mr_reading_number(reading, entry->session);
    }
}
