/*
 * Events by the hour of the day, each count ending at 65535.
 */
#include "features/aggregate.h"

static uint16_t *hours_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

void mr_hours_apply(mr_applying *applying, const mr_step *step)
{
    uint16_t *hours = hours_at(*applying->row, step->number_offset);
    const int64_t local_ms =
        mr_zone_local_ms(&applying->plan->settings.zone, applying->event->time_ms);
    const int64_t hour = local_ms / MR_HOUR_MS % MR_PLAN_HOURS;
    if (hours[hour] < UINT16_MAX)
        hours[hour]++;
}

void mr_hours_merge(const mr_merging *merging, const mr_operation *operation)
{
    uint16_t *into = hours_at(merging->into, operation->number_offset);
    const uint16_t *from = hours_at(merging->from, operation->number_offset);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        const uint32_t sum = (uint32_t)into[hour] + from[hour];
        into[hour] = sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
    }
}

void mr_hours_encode(const mr_operation *operation, const mr_block_pool *pool, mr_row row,
                     mr_buffer *buffer)
{
    const uint16_t *hours = hours_at(row, operation->number_offset);
    (void)pool;
    for (size_t i = 0; i < MR_PLAN_HOURS; i++)
        mr_put_varint(buffer, hours[i]);
}

mr_status mr_hours_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                          mr_reader *reader)
{
    uint16_t *hours = hours_at(row, operation->number_offset);
    (void)pool;
    for (size_t i = 0; i < MR_PLAN_HOURS; i++) {
        const uint64_t count = mr_get_varint(reader);
        if (count > UINT16_MAX)
            return MR_ERR_CORRUPT;
        hours[i] = (uint16_t)count;
    }
    return MR_OK;
}

void mr_hours_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const uint16_t *hours = hours_at(w->row, operation->number_offset);
    mr_json_begin_array(&w->json);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++)
        mr_json_put_int(&w->json, hours[hour]);
    mr_json_end_array(&w->json);
}

bool mr_hours_read_json(const mr_link_reading *r, const mr_operation *operation,
                        mr_json_value *value)
{
    uint16_t *hours = hours_at(r->row, operation->number_offset);
    if (!mr_link_is_array(value, MR_PLAN_HOURS) || mr_json_count(value) != MR_PLAN_HOURS)
        return false;
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        int64_t count;
        if (!mr_json_int_within(mr_json_at(value, hour), 0, UINT16_MAX, &count))
            return false;
        hours[hour] = (uint16_t)count;
    }
    return true;
}

void mr_hours_read(mr_reading *reading)
{
    const uint16_t *hours = hours_at(reading->row, reading->operation->number_offset);
    for (int64_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        if (hours[hour] > 0) {
            mr_reading_number(reading, hour);
            mr_reading_number(reading, hours[hour]);
        }
    }
}
