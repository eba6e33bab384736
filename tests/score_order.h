/*
 * Score order: items of a row by score, best first, equal ones by item; for references that sort
 * where the product selects.
 */
#ifndef MR_TESTS_SCORE_ORDER_H
#define MR_TESTS_SCORE_ORDER_H

#include <stdint.h>
#include <stdlib.h>

static const float *score_order_row; /* for qsort */

static inline int score_order_compare(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    const float *row = score_order_row;
    if (row[left] < row[right] || row[left] > row[right])
        return row[left] < row[right] ? 1 : -1;
    return left < right ? -1 : left > right;
}

/* The items 0 … count - 1 into `ret_items`. */
static inline void score_order(const float *row, uint32_t count, uint32_t *ret_items)
{
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = i;
    score_order_row = row;
    qsort(ret_items, count, sizeof(*ret_items), score_order_compare);
}

#endif
