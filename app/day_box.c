#include "app/day_box.h"

#include <stdlib.h>
#include <string.h>

void mr_day_box_deinit(mr_day_box *box)
{
    mr_day_box_clear(box);
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

mr_status mr_day_box_close(mr_day_box *box, mr_shard *shard, int64_t crossed_ms,
                           bool keeps)
{
    if (keeps && mr_day_end_ms(shard) != MR_TIME_NONE) {
        if (box->bytes > MR_DAY_BOX_BYTES_MAX)
            return MR_ERR_FULL;
        MR_TRY(reserve(box, 1));
        mr_day_rows *rows = &box->days[box->count];
        MR_TRY(mr_day_rows_collect(shard, crossed_ms, rows));
        box->count++;
        box->bytes += mr_day_rows_bytes(rows);
    }
    mr_day_next(shard, crossed_ms);
    return MR_OK;
}

mr_status mr_day_box_move(mr_day_box *from, mr_day_box *to)
{
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

mr_status mr_day_box_write(const mr_day_box *box, const mr_day_files *files,
                           mr_error *ret_error)
{
    for (size_t i = 0; i < box->count; i++)
        MR_TRY(mr_day_files_write(files, &box->days[i], ret_error));
    return MR_OK;
}
