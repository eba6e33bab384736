#include "features/day_cut.h"

#include "core/assert.h"
#include "features/shard_private.h"

#include <stdlib.h>

enum { ROWS_A_WORD = 64 };

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

mr_status mr_day_cut_begin(mr_shard *shard, int64_t crossed_ms, mr_day_cut *ret_cut)
{
    const int64_t end_ms = mr_day_end_ms(shard);
    const uint32_t row_end = shard->store.row_count;
    MR_ASSERT(end_ms != MR_TIME_NONE);
    MR_ASSERT(shard->day_cut == NULL);
    uint64_t *seen = calloc(row_end / ROWS_A_WORD + 1, sizeof(*seen));
    if (seen == NULL)
        return MR_ERR_NO_MEMORY;
    *ret_cut = (mr_day_cut){
        .seen = seen,
        .row_end = row_end,
        .rows = {.plan_hash = mr_plan_hash(shard->plan),
                 .partition = shard->partition,
                 .width = (uint32_t)mr_plan_vector_width(shard->plan),
                 .day = mr_zone_day(&shard->plan->settings.zone, end_ms - 1),
                 .at_ms = end_ms - 1,
                 .since_offset = shard->day.cut_offset,
                 .next_offset = shard->next_offset,
                 .crossed_ms = crossed_ms},
    };
    shard->day_cut = ret_cut;
    mr_day_next(shard, crossed_ms);
    return MR_OK;
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
    mr_buffer_put(&rows->places, &index, sizeof(index));
    float *vector = mr_buffer_extend(&rows->vectors, rows->width * sizeof(float));
    if (vector != NULL)
        mr_shard_vector(shard, index, rows->at_ms, vector);
    rows->count++;
}

static void look_at(mr_shard *shard, uint32_t index)
{
    mr_day_cut *cut = shard->day_cut;
    const uint64_t bit = UINT64_C(1) << (index % ROWS_A_WORD);
    const mr_row row = mr_profile_store_row(&shard->store, index);
    if ((cut->seen[index / ROWS_A_WORD] & bit) != 0)
        return;
    cut->seen[index / ROWS_A_WORD] |= bit;
    if (row.head->offset >= cut->rows.since_offset && row.head->is_anonymous == 0 &&
        !mr_row_is_empty(row))
        take(shard, index, row, &cut->rows);
}

void mr_day_cut_touch(mr_shard *shard, uint32_t row)
{
    if (row < shard->day_cut->row_end && row >= shard->day_cut->row)
        look_at(shard, row);
}

bool mr_day_cut_step(mr_shard *shard, uint32_t rows)
{
    mr_day_cut *cut = shard->day_cut;
    for (; rows > 0 && cut->row < cut->row_end; rows--)
        look_at(shard, cut->row++);
    return cut->row == cut->row_end;
}

mr_status mr_day_cut_end(mr_shard *shard, mr_day_rows *ret_rows)
{
    mr_day_cut *cut = shard->day_cut;
    MR_ASSERT(cut->row == cut->row_end);
    shard->day_cut = NULL;
    *ret_rows = cut->rows;
    cut->rows = (mr_day_rows){0};
    mr_day_cut_deinit(cut);
    if (!ret_rows->ids.failed && !ret_rows->numbers.failed && !ret_rows->vectors.failed &&
        !ret_rows->places.failed)
        return MR_OK;
    mr_day_rows_deinit(ret_rows);
    return MR_ERR_NO_MEMORY;
}

void mr_day_cut_deinit(mr_day_cut *cut)
{
    mr_day_rows_deinit(&cut->rows);
    free(cut->seen);
    *cut = (mr_day_cut){0};
}
