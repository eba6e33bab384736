/*
 * The weeks or months in which something happened, a bit each: the newest one and the 47 before
 * it.  Read as the first days of those periods.
 */
#include "features/aggregate.h"

#include "features/period.h"

static mr_period_bitmap *bitmap_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

static mr_period period_of(mr_aggregate aggregate)
{
    return aggregate == MR_AGGREGATE_WEEK_BITMAP ? MR_PERIOD_WEEK : MR_PERIOD_MONTH;
}

static uint64_t bits_of(const mr_period_bitmap *bitmap)
{
    return (uint64_t)bitmap->bits[2] << 32 | (uint64_t)bitmap->bits[1] << 16 |
           bitmap->bits[0];
}

static void set_bits(mr_period_bitmap *bitmap, uint64_t bits)
{
    for (size_t i = 0; i < 3; i++)
        bitmap->bits[i] = (uint16_t)(bits >> (16 * i));
}

void mr_period_bitmap_set(mr_period_bitmap *bitmap, int64_t period)
{
    const uint16_t mark = (uint16_t)(period < UINT16_MAX ? period + 1 : UINT16_MAX);
    uint64_t bits = bits_of(bitmap);
    if (mark > bitmap->newest_plus_one) {
        const unsigned shift = (unsigned)(mark - bitmap->newest_plus_one);
        bits = shift < MR_PLAN_BITMAP_PERIODS ? bits << shift : 0;
        bitmap->newest_plus_one = mark;
    }
    const unsigned age = (unsigned)(bitmap->newest_plus_one - mark);
    if (age < MR_PLAN_BITMAP_PERIODS)
        bits |= UINT64_C(1) << age;
    set_bits(bitmap, bits & ((UINT64_C(1) << MR_PLAN_BITMAP_PERIODS) - 1));
}

bool mr_period_bitmap_has(const mr_period_bitmap *bitmap, int64_t period)
{
    const int64_t age = (int64_t)bitmap->newest_plus_one - 1 - period;
    return age >= 0 && age < MR_PLAN_BITMAP_PERIODS && (bits_of(bitmap) >> age & 1) != 0;
}

void mr_period_bitmap_apply(mr_applying *applying, const mr_step *step)
{
    mr_period_bitmap_set(
        bitmap_at(*applying->row, step->number_offset),
        mr_period_of_day(period_of((mr_aggregate)step->aggregate), applying->day));
}

void mr_period_bitmap_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_period_bitmap *into = bitmap_at(merging->into, operation->number_offset);
    const mr_period_bitmap *from = bitmap_at(merging->from, operation->number_offset);
    const int64_t newest = (int64_t)from->newest_plus_one - 1;
    for (int64_t p = newest; p >= 0 && p > newest - MR_PLAN_BITMAP_PERIODS; p--) {
        if (mr_period_bitmap_has(from, p))
            mr_period_bitmap_set(into, p);
    }
}

void mr_period_bitmap_encode(const mr_operation *operation, const mr_block_pool *pool,
                             mr_row row, mr_buffer *buffer)
{
    const mr_period_bitmap *bitmap = bitmap_at(row, operation->number_offset);
    (void)pool;
    mr_put_varint(buffer, bitmap->newest_plus_one);
    mr_put_varint(buffer, bits_of(bitmap));
}

mr_status mr_period_bitmap_decode(const mr_operation *operation, mr_block_pool *pool,
                                  mr_row row, mr_reader *reader)
{
    mr_period_bitmap *bitmap = bitmap_at(row, operation->number_offset);
    const uint64_t newest = mr_get_varint(reader);
    const uint64_t bits = mr_get_varint(reader);
    (void)pool;
    if (newest > UINT16_MAX || (newest == 0) != (bits == 0) ||
        bits >> MR_PLAN_BITMAP_PERIODS != 0 || (newest > 0 && (bits & 1) == 0))
        return MR_ERR_CORRUPT;
    bitmap->newest_plus_one = (uint16_t)newest;
    set_bits(bitmap, bits);
    return MR_OK;
}

/* Each period that has its bit, ascending. */
typedef void take_period(void *context, int64_t period);

static void walk(const mr_period_bitmap *bitmap, take_period *take, void *context)
{
    const int64_t newest = (int64_t)bitmap->newest_plus_one - 1;
    for (int64_t p = newest - MR_PLAN_BITMAP_PERIODS + 1; p <= newest; p++) {
        if (p >= 0 && mr_period_bitmap_has(bitmap, p))
            take(context, p);
    }
}

static void put_json(void *context, int64_t period)
{
    mr_json_put_int(context, period);
}

void mr_period_bitmap_write_json(mr_link_writing *w, const mr_operation *operation)
{
    mr_json_begin_array(&w->json);
    walk(bitmap_at(w->row, operation->number_offset), put_json, &w->json);
    mr_json_end_array(&w->json);
}

bool mr_period_bitmap_read_json(const mr_link_reading *r, const mr_operation *operation,
                                mr_json_value *value)
{
    mr_period_bitmap *bitmap = bitmap_at(r->row, operation->number_offset);
    if (!mr_link_is_array(value, MR_PLAN_BITMAP_PERIODS))
        return false;
    int64_t first = 0;
    int64_t least = 0;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        int64_t period;
        if (!mr_json_int_within(mr_json_at(value, i), least, UINT16_MAX - 1, &period))
            return false;
        first = i == 0 ? period : first;
        if (period - first >= MR_PLAN_BITMAP_PERIODS)
            return false;
        mr_period_bitmap_set(bitmap, period);
        least = period + 1;
    }
    return true;
}

static void read_period(void *context, int64_t period)
{
    mr_reading *reading = context;
    mr_reading_number(
        reading,
        mr_period_first_day(period_of(reading->operation->spec.aggregate), period));
}

void mr_period_bitmap_read(mr_reading *reading)
{
    walk(bitmap_at(reading->row, reading->operation->number_offset), read_period,
         reading);
}
