#include "models/sparse_row.h"

#include "models/dense.h"

#include <stdlib.h>
#include <string.h>

enum {
    WHOLE_SHARE = 8, /* from an eighth of the items on, a pass over all is shorter */
    AHEAD = 16,      /* terms whose place in the row is fetched early              */
};

mr_status mr_sparse_row_init(mr_sparse_row *ret_row, uint32_t items)
{
    mr_sparse_row row = {.items = items,
                         .values = mr_dense_floats((size_t)items + 1),
                         .touched = malloc(((size_t)items + 1) * sizeof(*row.touched))};
    if (row.values == NULL || row.touched == NULL) {
        mr_sparse_row_deinit(&row);
        return MR_ERR_NO_MEMORY;
    }
    *ret_row = row;
    return MR_OK;
}

void mr_sparse_row_deinit(mr_sparse_row *row)
{
    free(row->values);
    free(row->touched);
    *row = (mr_sparse_row){0};
}

static bool is_full(const mr_sparse_row *row)
{
    return row->count > row->items / WHOLE_SHARE;
}

void mr_sparse_row_clear(mr_sparse_row *row)
{
    if (is_full(row))
        memset(row->values, 0, row->items * sizeof(*row->values));
    else
        for (uint32_t i = 0; i < row->count; i++)
            row->values[row->touched[i]] = 0.0F;
    row->count = 0;
}

/* The fields in locals: a store into the list might else be one into the count. */
static void add_listed(mr_sparse_row *row, const uint32_t *items, const float *terms,
                       size_t count, float weight)
{
    float *values = row->values;
    uint32_t *touched = row->touched;
    uint32_t held = row->count;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            __builtin_prefetch(&values[items[i + AHEAD]], 1);
        const float before = values[items[i]];
        const float after = before + weight * terms[i];
        values[items[i]] = after;
        touched[held] = items[i];
        held += mr_sparse_row_is_zero(before) & !mr_sparse_row_is_zero(after);
    }
    row->count = held;
}

void mr_sparse_row_add_scaled(mr_sparse_row *row, const uint32_t *items,
                              const float *terms, size_t count, float weight)
{
    if (row->touched != NULL) {
        add_listed(row, items, terms, count, weight);
        return;
    }
    for (size_t i = 0; i < count; i++)
        row->values[items[i]] += weight * terms[i];
}

uint32_t mr_sparse_row_best(const mr_sparse_row *row, uint32_t k,
                            mr_top_k_selector *selector, mr_ranked *ret_best)
{
    mr_top_k_selector_init(selector, k, MR_TOP_K_AUTO);
    if (is_full(row))
        mr_top_k_selector_add(selector, row->values, row->items, 0);
    else
        mr_top_k_selector_add_listed(selector, row->values, row->touched, row->count);
    uint32_t found = mr_top_k_selector_finish(selector, ret_best);
    while (found > 0 && !(ret_best[found - 1].score > 0.0F))
        found--;
    return found;
}

void mr_sparse_row_moments(const mr_sparse_row *row, double *ret_sum, double *ret_squares,
                           double *ret_largest)
{
    double largest = 0.0;
    double sum = 0.0;
    double squares = 0.0;
    for (uint32_t i = 0; i < row->count; i++) {
        const double value = (double)row->values[row->touched[i]];
        sum += value;
        squares += value * value;
        largest = value > largest ? value : largest;
    }
    *ret_sum = sum;
    *ret_squares = squares;
    *ret_largest = largest;
}
