/*
 * Events by the hour of the day, each count ending at 65535.
 *
 * Most users have few events in any hour: a count is a byte until one of them outgrows it, and then
 * all of them lie in a block, 16 bits each, for good.
 */
#include "features/aggregate.h"

enum { WIDE_BYTES = MR_PLAN_HOURS * sizeof(uint16_t), MARK_OF_WIDE = UINT8_MAX };

static mr_hours *hours_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

/* NULL: each is a byte. */
static uint16_t *wide_of(const mr_block_pool *pool, const mr_hours *hours)
{
    return hours->wide.mark == MARK_OF_WIDE ? mr_block_at(pool, hours->wide.block) : NULL;
}

static uint16_t count_of(const mr_block_pool *pool, const mr_hours *hours, size_t hour)
{
    const uint16_t *wide = wide_of(pool, hours);
    return wide != NULL ? wide[hour] : hours->counts[hour];
}

static uint16_t *widen(mr_block_pool *pool, mr_hours *hours)
{
    const mr_hours narrow = *hours;
    uint8_t size_class; /* told by its size: not kept */
    const uint32_t block = mr_block_pool_allocate(pool, WIDE_BYTES, &size_class);
    uint16_t *wide = mr_block_at(pool, block);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++)
        wide[hour] = narrow.counts[hour];
    *hours = (mr_hours){.wide = {.mark = MARK_OF_WIDE, .block = block}};
    return wide;
}

static void add(mr_block_pool *pool, mr_hours *hours, size_t hour, uint32_t count)
{
    const uint32_t sum = count_of(pool, hours, hour) + count;
    uint16_t *wide = wide_of(pool, hours);
    if (wide == NULL && sum > MR_HOURS_NARROW_MAX)
        wide = widen(pool, hours);
    if (wide == NULL)
        hours->counts[hour] = (uint8_t)sum;
    else
        wide[hour] = sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
}

bool mr_hours_has_spilled(mr_row row, const mr_operation *operation)
{
    return hours_at(row, operation->number_offset)->wide.mark == MARK_OF_WIDE;
}

void mr_hours_free_spill(mr_block_pool *pool, mr_row row, const mr_operation *operation)
{
    mr_hours *hours = hours_at(row, operation->number_offset);
    if (hours->wide.mark != MARK_OF_WIDE)
        return;
    mr_block_pool_free(pool, hours->wide.block, mr_block_class_of(WIDE_BYTES));
    *hours = (mr_hours){{0}};
}

void mr_hours_apply(mr_applying *applying, const mr_step *step)
{
    const int64_t hour = applying->effect.local_ms / MR_HOUR_MS % MR_PLAN_HOURS;
    add(applying->pool, hours_at(*applying->row, step->number_offset), (size_t)hour, 1);
}

void mr_hours_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_hours *into = hours_at(merging->into, operation->number_offset);
    const mr_hours *from = hours_at(merging->from, operation->number_offset);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++)
        add(merging->pool, into, hour, count_of(merging->pool, from, hour));
}

void mr_hours_encode(const mr_operation *operation, const mr_block_pool *pool, mr_row row,
                     mr_buffer *buffer)
{
    const mr_hours *hours = hours_at(row, operation->number_offset);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++)
        mr_put_varint(buffer, count_of(pool, hours, hour));
}

mr_status mr_hours_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                          mr_reader *reader)
{
    mr_hours *hours = hours_at(row, operation->number_offset);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        const uint64_t count = mr_get_varint(reader);
        if (count > UINT16_MAX)
            return MR_ERR_CORRUPT;
        add(pool, hours, hour, (uint32_t)count);
    }
    return MR_OK;
}

void mr_hours_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_hours *hours = hours_at(w->row, operation->number_offset);
    mr_json_begin_array(&w->json);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++)
        mr_json_put_int(&w->json, count_of(w->pool, hours, hour));
    mr_json_end_array(&w->json);
}

bool mr_hours_read_json(const mr_link_reading *r, const mr_operation *operation,
                        mr_json_value *value)
{
    mr_hours *hours = hours_at(r->row, operation->number_offset);
    if (!mr_link_is_array(value, MR_PLAN_HOURS) || mr_json_count(value) != MR_PLAN_HOURS)
        return false;
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        int64_t count;
        if (!mr_json_int_within(mr_json_at(value, hour), 0, UINT16_MAX, &count))
            return false;
        add(r->pool, hours, hour, (uint32_t)count);
    }
    return true;
}

void mr_hours_read(mr_reading *reading)
{
    const mr_hours *hours = hours_at(reading->row, reading->operation->number_offset);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        const uint16_t count = count_of(reading->pool, hours, hour);
        if (count > 0) {
            mr_reading_number(reading, (int64_t)hour);
            mr_reading_number(reading, count);
        }
    }
}
