#include "features/day_rows.h"

#include <stdlib.h>

void mr_day_rows_deinit(mr_day_rows *rows)
{
    mr_buffer_deinit(&rows->ids);
    mr_buffer_deinit(&rows->numbers);
    mr_buffer_deinit(&rows->vectors);
    mr_buffer_deinit(&rows->places);
    *rows = (mr_day_rows){0};
}

static int compare_places(const void *a, const void *b, void *places)
{
    const uint32_t x = ((const uint32_t *)places)[*(const uint32_t *)a];
    const uint32_t y = ((const uint32_t *)places)[*(const uint32_t *)b];
    return x < y ? -1 : x > y;
}

static uint32_t *order_of(const mr_day_rows *rows)
{
    uint32_t *order = calloc((size_t)rows->count + 1, sizeof(*order));
    for (uint32_t i = 0; order != NULL && i < rows->count; i++)
        order[i] = i;
    if (order != NULL)
        qsort_r(order, rows->count, sizeof(*order), compare_places, rows->places.bytes);
    return order;
}

static void put_row(const mr_day_rows *from, const mr_text *ids, uint32_t row,
                    mr_day_rows *to)
{
    mr_buffer_put_u8(&to->ids, (uint8_t)ids[row].length);
    mr_buffer_put_text(&to->ids, ids[row]);
    mr_buffer_put(&to->numbers, &mr_day_rows_numbers(from)[row], sizeof(mr_day_numbers));
    mr_buffer_put(&to->vectors, mr_day_rows_vector(from, row),
                  from->width * sizeof(float));
}

mr_status mr_day_rows_order(mr_day_rows *rows)
{
    if (rows->places.length == 0)
        return MR_OK;
    mr_day_rows ordered = *rows;
    ordered.ids = ordered.numbers = ordered.vectors = ordered.places = (mr_buffer){0};
    uint32_t *order = order_of(rows);
    mr_text *ids = mr_day_rows_ids(rows);
    for (uint32_t i = 0; order != NULL && ids != NULL && i < rows->count; i++)
        put_row(rows, ids, order[i], &ordered);
    const bool is_whole = order != NULL && ids != NULL && !ordered.ids.failed &&
                          !ordered.numbers.failed && !ordered.vectors.failed;
    free(ids);
    free(order);
    mr_day_rows_deinit(is_whole ? rows : &ordered);
    if (is_whole)
        *rows = ordered;
    return is_whole ? MR_OK : MR_ERR_NO_MEMORY;
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
    return rows->ids.capacity + rows->numbers.capacity + rows->vectors.capacity +
           rows->places.capacity;
}
