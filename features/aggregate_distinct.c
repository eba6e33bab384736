/*
 * How many different orders: an id is a new one when it is not among the last different ones.
 */
#include "features/aggregate.h"

#include <string.h>

enum { MARKS_MAX = 2 * MR_SHARD_HISTORY_MAX };

static bool holds(const uint64_t *marks, size_t count, uint64_t mark)
{
    for (size_t i = count; i > 0; i--) {
        if (marks[i - 1] == mark)
            return true;
    }
    return false;
}

/* An order id is an order's name; without one each record is an order of its own. */
static bool count_distinct(mr_applying *applying, const mr_step *step)
{
    const mr_event *event = applying->event;
    uint32_t *count = mr_row_count(*applying->row, step->number_offset);
    if (event->order_id.length == 0) {
        *count += event->line == 0;
        return event->line == 0;
    }
    mr_list *list = mr_row_list(*applying->row, step->list_offset);
    const uint64_t mark = mr_hash_bytes(event->order_id.bytes, event->order_id.length);
    if (holds(mr_list_elements(applying->pool, list), list->count, mark))
        return false;
    if (list->count == step->length)
        mr_list_remove(applying->pool, list, 0, 1, sizeof(mark));
    uint64_t *place = mr_list_insert(applying->pool, list, list->count, sizeof(mark));
    *place = mark;
    (*count)++;
    return true;
}

void mr_distinct_apply(mr_applying *applying, const mr_step *step)
{
    const mr_operation *operation = &applying->plan->operations[step->operation];
    if (count_distinct(applying, step))
        applying->effect.is_new_order |= operation == applying->plan->orders;
}

void mr_distinct_merge(const mr_merging *merging, const mr_operation *operation)
{
    uint64_t marks[MARKS_MAX];
    mr_list *list = mr_row_list(merging->into, operation->list_offset);
    const mr_list *added = mr_row_list(merging->from, operation->list_offset);
    const uint64_t *added_marks = mr_list_elements(merging->pool, added);
    const size_t keep = operation->spec.length;
    size_t first = 0;
    size_t end = list->count;
    uint32_t known = 0;
    if (end > 0)
        memcpy(marks, mr_list_elements(merging->pool, list), end * sizeof(*marks));
    for (size_t i = 0; i < added->count; i++) {
        if (holds(&marks[first], end - first, added_marks[i])) {
            known++;
            continue;
        }
        marks[end++] = added_marks[i];
        first += end - first > keep;
    }
    *mr_row_count(merging->into, operation->number_offset) +=
        *mr_row_count(merging->from, operation->number_offset) - known;
    mr_list_replace(merging->pool, list, &marks[first], end - first, sizeof(*marks));
}

void mr_distinct_encode(const mr_operation *operation, const mr_block_pool *pool,
                        mr_row row, mr_buffer *buffer)
{
    const mr_list *list = mr_row_list(row, operation->list_offset);
    const uint64_t *marks = mr_list_elements(pool, list);
    mr_count_encode(operation, pool, row, buffer);
    mr_put_varint(buffer, list->count);
    for (size_t i = 0; i < list->count; i++)
        mr_buffer_put_u64(buffer, marks[i]);
}

mr_status mr_distinct_decode(const mr_operation *operation, mr_block_pool *pool,
                             mr_row row, mr_reader *reader)
{
    mr_list *list = mr_row_list(row, operation->list_offset);
    MR_TRY(mr_count_decode(operation, pool, row, reader));
    const uint64_t count = mr_reader_varint(reader);
    if (count > operation->spec.length)
        return MR_ERR_CORRUPT;
    mr_list_start(pool, list, (size_t)count, sizeof(uint64_t));
    for (size_t i = 0; i < (size_t)count; i++) {
        uint64_t *place = mr_list_insert(pool, list, i, sizeof(*place));
        *place = mr_reader_u64(reader);
    }
    return MR_OK;
}

void mr_distinct_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    mr_json_begin_object(&w->json);
    mr_json_key(&w->json, "count");
    mr_count_write_json(w, operation);
    mr_json_key(&w->json, "ids");
    mr_link_put_numbers(w, mr_list_elements(w->pool, list), list->count);
    mr_json_end_object(&w->json);
}

bool mr_distinct_read_json(const mr_link_reading *r, const mr_operation *operation,
                           mr_json_value *value)
{
    mr_json_value *ids = mr_json_get(value, "ids");
    mr_list *list = mr_row_list(r->row, operation->list_offset);
    int64_t count;
    if (!mr_link_is_array(ids, operation->spec.length) ||
        !mr_json_int_within(mr_json_get(value, "count"), (int64_t)mr_json_count(ids),
                            r->row.head->events, &count))
        return false;
    *mr_row_count(r->row, operation->number_offset) = (uint32_t)count;
    mr_list_start(r->pool, list, mr_json_count(ids), sizeof(uint64_t));
    for (size_t i = 0; i < mr_json_count(ids); i++) {
        int64_t hash;
        if (!mr_json_int_within(mr_json_at(ids, i), INT64_MIN, INT64_MAX, &hash))
            return false;
        uint64_t *place = mr_list_insert(r->pool, list, i, sizeof(*place));
        *place = (uint64_t)hash;
    }
    return true;
}

void mr_distinct_read(mr_reading *reading)
{
    mr_reading_number(reading,
                      *mr_row_count(reading->row, reading->operation->number_offset));
}
