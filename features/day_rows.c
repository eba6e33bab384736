#include "features/day_rows.h"

#include "core/assert.h"
#include "features/shard_private.h"

#include <stdlib.h>

void mr_day_rows_deinit(mr_day_rows *rows)
{
    mr_buffer_deinit(&rows->ids);
    mr_buffer_deinit(&rows->numbers);
    mr_buffer_deinit(&rows->vectors);
    *rows = (mr_day_rows){0};
}

int64_t mr_day_end_ms(const mr_shard *shard)
{
    const int64_t end_ms = shard->day.end_ms;
    if (shard->newest_ms == MR_TIME_NONE || end_ms > shard->newest_ms)
        return end_ms;
    /* A checkpoint from before there were days, or another zone since. */
    return mr_zone_next_midnight_ms(&shard->plan->settings.zone, shard->newest_ms);
}

void mr_day_next(mr_shard *shard, int64_t crossed_ms)
{
    if (mr_day_end_ms(shard) != MR_TIME_NONE)
        shard->day.cut_offset = shard->next_offset;
    shard->day.end_ms = mr_zone_next_midnight_ms(&shard->plan->settings.zone, crossed_ms);
}

static int64_t last_purchase_ms(const mr_shard *shard, mr_row row)
{
    const int64_t stored = *mr_row_number(row, shard->plan->last_purchase->number_offset);
    return stored == 0 ? MR_TIME_NONE : stored - 1;
}

static void take(const mr_shard *shard, uint32_t index, mr_row row, mr_day_rows *rows)
{
    const mr_text id = mr_shard_user_id(shard, index);
    const mr_day_numbers numbers = {last_purchase_ms(shard, row), row.head->offset};
    mr_buffer_put_u8(&rows->ids, (uint8_t)id.length);
    mr_buffer_put_text(&rows->ids, id);
    mr_buffer_put(&rows->numbers, &numbers, sizeof(numbers));
    float *vector = mr_buffer_extend(&rows->vectors, rows->width * sizeof(float));
    if (vector != NULL)
        mr_shard_vector(shard, index, rows->at_ms, vector);
    rows->count++;
}

mr_status mr_day_rows_collect(const mr_shard *shard, int64_t crossed_ms,
                              mr_day_rows *ret_rows)
{
    const int64_t end_ms = mr_day_end_ms(shard);
    MR_ASSERT(end_ms != MR_TIME_NONE);
    mr_day_rows rows = {.plan_hash = mr_plan_hash(shard->plan),
                        .partition = shard->partition,
                        .width = (uint32_t)mr_plan_vector_width(shard->plan),
                        .day = mr_zone_day(&shard->plan->settings.zone, end_ms - 1),
                        .at_ms = end_ms - 1,
                        .since_offset = shard->day.cut_offset,
                        .next_offset = shard->next_offset,
                        .crossed_ms = crossed_ms};
    for (uint32_t i = 0; i < shard->store.row_count; i++) {
        const mr_row row = mr_profile_store_row(&shard->store, i);
        if (row.head->offset >= rows.since_offset && row.head->is_anonymous == 0 &&
            !mr_row_is_empty(row))
            take(shard, i, row, &rows);
    }
    if (rows.ids.failed || rows.numbers.failed || rows.vectors.failed) {
        mr_day_rows_deinit(&rows);
        return MR_ERR_NO_MEMORY;
    }
    *ret_rows = rows;
    return MR_OK;
}

mr_text *mr_day_rows_ids(const mr_day_rows *rows)
{
    mr_text *ids = calloc((size_t)rows->count + 1, sizeof(*ids));
    mr_reader reader = mr_reader_of(rows->ids.bytes, rows->ids.length);
    for (uint32_t i = 0; ids != NULL && i < rows->count; i++)
        ids[i] = mr_reader_text(&reader, mr_reader_u8(&reader));
    return ids;
}

size_t mr_day_rows_bytes(const mr_day_rows *rows)
{
    return rows->ids.capacity + rows->numbers.capacity + rows->vectors.capacity;
}
