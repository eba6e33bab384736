/*
 * Sparse row: a row of scores over all items of which few are not 0.
 *
 * The row is a plain array, so whoever looks an item up needs not know of this; beside it stands
 * the list of the items that are not 0.  What a query writes, chooses from and clears is then what
 * it touched and not the catalogue.  Where it touched much of it, whole passes are the shorter way
 * and are taken.
 *
 * Without a list the same sums go into any array: rows that are written whole are made so.
 *
 * Units      Scores are plain numbers; terms are not negative.
 * Ownership  A row owns its arrays, from init to deinit; one without a list borrows its values.
 * Threads    One a thread.
 * Cost       About a nanosecond a term; choosing and clearing the same an item that is not 0.
 *            Memory: 8 bytes an item.
 */
#ifndef MR_MODELS_SPARSE_ROW_H
#define MR_MODELS_SPARSE_ROW_H

#include "core/status.h"
#include "models/top_k.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct mr_sparse_row {
    float *values;     /* [items]                                        */
    uint32_t *touched; /* [items + 1]: those not 0, once each; NULL: none */
    uint32_t count;    /* of them                                        */
    uint32_t items;
} mr_sparse_row;

/* All 0.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_sparse_row_init(mr_sparse_row *ret_row, uint32_t items);
void mr_sparse_row_deinit(mr_sparse_row *row); /* all-zero allowed */

/* Make all 0 again. */
void mr_sparse_row_clear(mr_sparse_row *row);

/* By its bits, which costs a third of asking the number; sums of terms are never -0. */
static inline bool mr_sparse_row_is_zero(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits == 0;
}

static inline void mr_sparse_row_add(mr_sparse_row *row, uint32_t item, float term)
{
    const float before = row->values[item];
    const float after = before + term;
    row->values[item] = after;
    if (row->touched == NULL)
        return;
    /* Written in any case, counted when it became other than 0: no branch to foretell. */
    row->touched[row->count] = item;
    row->count += mr_sparse_row_is_zero(before) & !mr_sparse_row_is_zero(after);
}

/* Add weight x terms[i] to items[i], in this order; all are inside. */
void mr_sparse_row_add_scaled(mr_sparse_row *row, const uint32_t *items,
                              const float *terms, size_t count, float weight);

/* The best k above 0, best first, equal ones by item; returns how many.  1 <= k <= MR_TOP_K_MAX. */
uint32_t mr_sparse_row_best(const mr_sparse_row *row, uint32_t k,
                            mr_top_k_selector *selector, mr_ranked *ret_best);

/* Sum, sum of squares and the largest of all scores, which are not negative. */
void mr_sparse_row_moments(const mr_sparse_row *row, double *ret_sum, double *ret_squares,
                           double *ret_largest);

#endif
