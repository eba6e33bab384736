#include "app/day_box.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

void mr_day_box_deinit(mr_day_box *box)
{
    mr_day_box_clear(box);
    mr_day_cut_deinit(&box->cut);
    free(box->days);
    *box = (mr_day_box){0};
}

void mr_day_box_clear(mr_day_box *box)
{
    for (size_t i = 0; i < box->count; i++)
        mr_day_rows_deinit(&box->days[i]);
    box->count = 0;
    box->bytes = 0;
}

static mr_status reserve(mr_day_box *box, size_t more)
{
    if (box->count + more <= box->capacity)
        return MR_OK;
    const size_t capacity = 2 * (box->count + more);
    mr_day_rows *days = realloc(box->days, capacity * sizeof(*days));
    if (days == NULL)
        return MR_ERR_NO_MEMORY;
    box->days = days;
    box->capacity = capacity;
    return MR_OK;
}

mr_status mr_day_box_step(mr_day_box *box, mr_shard *shard, uint32_t rows)
{
    if (box->lacks_rows)
        return MR_ERR_NO_MEMORY;
    if (!box->is_cutting || !mr_day_cut_step(shard, rows))
        return MR_OK;
    mr_day_rows *day =
        &box->days[box->count]; /* there has been room since it was begun */
    const mr_status status = mr_day_cut_end(shard, day);
    box->is_cutting = false;
    box->lacks_rows = status != MR_OK;
    MR_TRY(status);
    box->count++;
    box->bytes += mr_day_rows_bytes(day);
    return MR_OK;
}

mr_status mr_day_box_finish(mr_day_box *box, mr_shard *shard)
{
    return mr_day_box_step(box, shard, UINT32_MAX);
}

mr_status mr_day_box_close(mr_day_box *box, mr_shard *shard, int64_t crossed_ms,
                           bool keeps)
{
    MR_TRY(mr_day_box_finish(box, shard));
    if (!keeps || mr_day_end_ms(shard) == MR_TIME_NONE) {
        mr_day_next(shard, crossed_ms);
        return MR_OK;
    }
    if (box->bytes > MR_DAY_BOX_BYTES_MAX)
        return MR_ERR_FULL;
    MR_TRY(reserve(box, 1));
    MR_TRY(mr_day_cut_begin(shard, crossed_ms, &box->cut));
    box->is_cutting = true;
    return MR_OK;
}

mr_status mr_day_box_move(mr_day_box *from, mr_day_box *to)
{
    MR_ASSERT(!from->is_cutting);
    if (from->count == 0)
        return MR_OK;
    MR_TRY(reserve(to, from->count));
    memcpy(to->days + to->count, from->days, from->count * sizeof(*from->days));
    to->count += from->count;
    to->bytes += from->bytes;
    from->count = 0;
    from->bytes = 0;
    return MR_OK;
}

mr_status mr_day_box_write(mr_day_box *box, const mr_day_files *files,
                           mr_error *ret_error)
{
    for (size_t i = 0; i < box->count; i++) {
        if (mr_day_rows_order(&box->days[i]) != MR_OK)
            return mr_error_set(ret_error, MR_ERR_NO_MEMORY,
                                "out of memory for the rows of a day");
        MR_TRY(mr_day_files_write(files, &box->days[i], ret_error));
    }
    return MR_OK;
}
