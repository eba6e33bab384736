/*
 * The largest different times, ascending.
 */
#include "features/aggregate.h"

enum { TIMES_MAX = 2 * MR_SHARD_HISTORY_MAX };

void mr_last_times_apply(mr_applying *applying, const mr_step *step)
{
    const int64_t time_ms = applying->event->time_ms;
    mr_block_pool *pool = applying->pool;
    mr_list *list = mr_row_list(*applying->row, step->list_offset);
    const int64_t *times = mr_list_elements(pool, list);
    size_t place = list->count;
    while (place > 0 && times[place - 1] > time_ms)
        place--;
    if (place > 0 && times[place - 1] == time_ms)
        return;
    if (list->count == step->length) {
        if (place == 0)
            return;
        mr_list_remove(pool, list, 0, 1, sizeof(*times));
        place--;
    }
    int64_t *gap = mr_list_insert(pool, list, place, sizeof(*times));
    *gap = time_ms;
}

void mr_last_times_merge(const mr_merging *merging, const mr_operation *operation)
{
    int64_t times[TIMES_MAX];
    mr_list *list = mr_row_list(merging->into, operation->list_offset);
    const mr_list *added = mr_row_list(merging->from, operation->list_offset);
    const int64_t *a = mr_list_elements(merging->pool, list);
    const int64_t *b = mr_list_elements(merging->pool, added);
    const size_t keep = operation->spec.length;
    size_t i = 0;
    size_t j = 0;
    size_t count = 0;
    while (i < list->count || j < added->count) {
        const bool take_a = j == added->count || (i < list->count && a[i] <= b[j]);
        const int64_t time_ms = take_a ? a[i++] : b[j++];
        if (count == 0 || times[count - 1] != time_ms)
            times[count++] = time_ms;
    }
    const size_t skip = count > keep ? count - keep : 0;
    mr_list_replace(merging->pool, list, &times[skip], count - skip, sizeof(*times));
}

void mr_last_times_encode(const mr_operation *operation, const mr_block_pool *pool,
                          mr_row row, mr_buffer *buffer)
{
    const mr_list *list = mr_row_list(row, operation->list_offset);
    const int64_t *times = mr_list_elements(pool, list);
    int64_t before = 0;
    mr_put_varint(buffer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        mr_put_varint(buffer, (uint64_t)(times[i] - before));
        before = times[i];
    }
}

mr_status mr_last_times_decode(const mr_operation *operation, mr_block_pool *pool,
                               mr_row row, mr_reader *reader)
{
    mr_list *list = mr_row_list(row, operation->list_offset);
    const uint64_t count = mr_reader_varint(reader);
    if (count > operation->spec.length)
        return MR_ERR_CORRUPT;
    uint64_t time_ms = 0;
    mr_list_start(pool, list, (size_t)count, sizeof(int64_t));
    for (size_t i = 0; i < (size_t)count; i++) {
        const uint64_t step_ms = mr_get_varint(reader);
        if (reader->failed || step_ms > INT64_MAX - time_ms || (i > 0 && step_ms == 0))
            return MR_ERR_CORRUPT;
        time_ms += step_ms;
        int64_t *place = mr_list_insert(pool, list, i, sizeof(*place));
        *place = (int64_t)time_ms;
    }
    return MR_OK;
}

void mr_last_times_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    mr_link_put_numbers(w, mr_list_elements(w->pool, list), list->count);
}

bool mr_last_times_read_json(const mr_link_reading *r, const mr_operation *operation,
                             mr_json_value *value)
{
    mr_list *list = mr_row_list(r->row, operation->list_offset);
    if (!mr_link_is_array(value, operation->spec.length))
        return false;
    int64_t least = 0;
    mr_list_start(r->pool, list, mr_json_count(value), sizeof(least));
    for (size_t i = 0; i < mr_json_count(value); i++) {
        int64_t time_ms;
        if (!mr_json_int_within(mr_json_at(value, i), least, INT64_MAX - 1, &time_ms))
            return false;
        int64_t *place = mr_list_insert(r->pool, list, i, sizeof(*place));
        *place = time_ms;
        least = time_ms + 1;
    }
    return true;
}

void mr_last_times_read(mr_reading *reading)
{
    const mr_list *list = mr_row_list(reading->row, reading->operation->list_offset);
    const int64_t *times = mr_list_elements(reading->pool, list);
    for (size_t i = 0; i < list->count; i++)
        mr_reading_number(reading, times[i]);
}
