/*
 * Set ranking: the best of a set model's blend without a row of all items.
 *
 * Every item gets an upper bound on its blended score: of iALS by its codes, of the others exactly.
 * The best by bounds are scored exactly, and when the k-th of them is above the best bound left
 * out, nothing left out can belong; otherwise more are scored, at last all.
 *
 * What mr_set_score() would have given is given, but for the rounding of means and deviations,
 * which come from the index (models/set_index.h) and not from the row.
 *
 * Units      As models/set_scorer.h says.
 * Ownership  The scratch is a model's with an index.
 * Threads    One scratch a thread.
 * Cost       A byte read a factor, and some 12 bytes read or written an item.  No allocation.
 */
#ifndef MR_MODELS_SET_RANKING_H
#define MR_MODELS_SET_RANKING_H

#include "models/set_index.h"
#include "models/set_scorer.h"

#include <stddef.h>
#include <stdint.h>

/* Take up a query for the calls below and mr_set_explain().  The model has an index. */
void mr_set_ask(const mr_set_model *model, mr_set_scratch *scratch,
                const mr_query *query);

/*
 * The best k by the blend, best first, equal ones by item; returns how many.  Nothing for a query
 * without a known item.  1 <= k <= MR_TOP_K_MAX: asserted.
 */
uint32_t mr_set_best(const mr_set_model *model, mr_set_scratch *scratch, uint32_t k,
                     mr_ranked *ret_best);

/* The blended scores of `items` into their places of `ret_row` [items of the model]. */
void mr_set_at(const mr_set_model *model, mr_set_scratch *scratch, const uint32_t *items,
               size_t count, float *ret_row);

#endif
