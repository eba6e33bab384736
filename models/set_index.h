/*
 * Set index: what finds the best of a set model's blend without scoring all items.
 *
 * Item-item touches few items, popularity says the same to everybody, and iALS is a product with a
 * table: its codes (models/int8_table.h) give a close upper bound on each score, its column means
 * and its Gram matrix the mean and the deviation of a whole row,
 *
 *     mean = u . m        mean of squares = u' (Y'Y) u / n
 *
 * which is what the blend scales a row by.  models/set_ranking.h ranks with it.
 *
 * Units      As the members' scores.
 * Ownership  Owns codes and moments; borrows the model, which outlives it.
 * Threads    Immutable.
 * Cost       Creating: a few passes over the factors; a byte a factor.  Moments of a user: d^2.
 */
#ifndef MR_MODELS_SET_INDEX_H
#define MR_MODELS_SET_INDEX_H

#include "core/status.h"
#include "models/blend.h"
#include "models/int8_table.h"
#include "models/set_scorer.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_set_index mr_set_index;

/*
 * MR_OK and NULL where the blend has a member that only whole rows tell (EASE, the graph filter)
 * or an item-item weight below 0.  MR_ERR_NO_MEMORY, MR_ERR_INVALID for factors not finite.
 */
MR_MUST_USE mr_status mr_set_index_create(const mr_set_model *model,
                                          mr_set_index **ret_index);
void mr_set_index_destroy(mr_set_index *index); /* NULL allowed */

/* Of the item factors; NULL when iALS is not in the blend. */
const mr_int8_table *mr_set_index_codes(const mr_set_index *index);

/* What popularity is scaled by, and its largest score. */
mr_blend_term mr_set_index_popular(const mr_set_index *index);
float mr_set_index_popular_largest(const mr_set_index *index);

/* Sum and sum of squares of a user's scores of all items. */
void mr_set_index_moments(const mr_set_index *index, const float *user, double *ret_sum,
                          double *ret_squares);

/* No score of the user is larger than this, nor smaller than its negative. */
double mr_set_index_largest(const mr_set_index *index, const float *user);

#endif
