/*
 * The days on which something happened, a bit each: the newest one and those before it.
 */
#include "features/aggregate.h"

static mr_day_bitmap *bitmap_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

void mr_day_bitmap_apply(mr_applying *applying, const mr_step *step)
{
    mr_day_bitmap_set(bitmap_at(*applying->row, step->number_offset), applying->day);
}

void mr_day_bitmap_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_day_bitmap *into = bitmap_at(merging->into, operation->number_offset);
    const mr_day_bitmap *from = bitmap_at(merging->from, operation->number_offset);
    const int64_t newest = mr_day_bitmap_newest(from);
    for (int64_t day = newest; day > newest - MR_PLAN_BITMAP_DAYS; day--) {
        if (mr_day_bitmap_has(from, day))
            mr_day_bitmap_set(into, day);
    }
}

void mr_day_bitmap_encode(const mr_operation *operation, const mr_block_pool *pool,
                          mr_row row, mr_buffer *buffer)
{
    const mr_day_bitmap *bitmap = bitmap_at(row, operation->number_offset);
    (void)pool;
    mr_put_varint(buffer, (uint64_t)(mr_day_bitmap_newest(bitmap) + 1));
    for (size_t i = 0; i < 4; i++)
        mr_buffer_put_u32(buffer, bitmap->bits[i]);
}

/* The newest day has its bit. */
mr_status mr_day_bitmap_decode(const mr_operation *operation, mr_block_pool *pool,
                               mr_row row, mr_reader *reader)
{
    mr_day_bitmap *bitmap = bitmap_at(row, operation->number_offset);
    const uint64_t newest_plus_one = mr_reader_varint(reader);
    uint32_t any = 0;
    (void)pool;
    for (size_t i = 0; i < 4; i++)
        any |= bitmap->bits[i] = mr_reader_u32(reader);
    if (newest_plus_one > (uint64_t)UINT32_MAX + 1 ||
        (newest_plus_one == 0 ? any != 0 : (bitmap->bits[0] & 1) == 0))
        return MR_ERR_CORRUPT;
    bitmap->newest_day = newest_plus_one > 0 ? (uint32_t)(newest_plus_one - 1) : 0;
    return MR_OK;
}

void mr_day_bitmap_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_day_bitmap *bitmap = bitmap_at(w->row, operation->number_offset);
    const int64_t newest = mr_day_bitmap_newest(bitmap);
    mr_json_begin_array(&w->json);
    for (int64_t day = newest - MR_PLAN_BITMAP_DAYS + 1; day <= newest; day++) {
        if (mr_day_bitmap_has(bitmap, day))
            mr_json_put_int(&w->json, day);
    }
    mr_json_end_array(&w->json);
}

bool mr_day_bitmap_read_json(const mr_link_reading *r, const mr_operation *operation,
                             mr_json_value *value)
{
    mr_day_bitmap *bitmap = bitmap_at(r->row, operation->number_offset);
    if (!mr_link_is_array(value, MR_PLAN_BITMAP_DAYS))
        return false;
    int64_t first = 0;
    int64_t least = 0;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        int64_t day;
        if (!mr_json_int_within(mr_json_at(value, i), least, UINT32_MAX, &day))
            return false;
        first = i == 0 ? day : first;
        if (day - first >= MR_PLAN_BITMAP_DAYS)
            return false;
        mr_day_bitmap_set(bitmap, day);
        least = day + 1;
    }
    return true;
}

void mr_day_bitmap_read(mr_reading *reading)
{
    const mr_day_bitmap *bitmap =
        bitmap_at(reading->row, reading->operation->number_offset);
    const int64_t newest = mr_day_bitmap_newest(bitmap);
    for (int64_t day = newest - MR_PLAN_BITMAP_DAYS + 1; day <= newest; day++) {
        if (mr_day_bitmap_has(bitmap, day))
            mr_reading_number(reading, day);
    }
}
