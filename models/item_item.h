/*
 * Item-item: what was chosen together, with the popularity taken out by exponents.
 *
 *     w_ij = sum over users u who have i and j of  n_u^-a  d_i^-b  d_j^-c
 *
 * n_u is the length of the user's history, d_i the number of users of item i.  Cosine is
 * a = 0, b = c = 1/2 and far from the best: the exponents decide more than the choice of
 * algorithm does, so they are chosen on a hold-out (models/tuner.h).  A row keeps its K largest
 * weights.  A user's score of j is the sum over the history of weight x w_ij, which also says
 * which history item an answer is owed to.
 *
 * Units      Exponents are plain numbers; weights are comparable within one model only.
 * Ownership  The model is an mr_sparse_matrix: row i holds item i's neighbours, sorted by index.
 * Threads    Building spreads rows over a pool; scoring is a pure function.
 * Cost       Building: one addition a pair of items a user has, sum of n_u^2.  Scoring: one
 *            addition a neighbour of a history item, about 0.7 ns each.
 */
#ifndef MR_MODELS_ITEM_ITEM_H
#define MR_MODELS_ITEM_ITEM_H

#include "core/status.h"
#include "models/sparse_matrix.h"
#include "models/sparse_row.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_ITEM_ITEM_NEIGHBOURS_MAX = 1024,
    MR_ITEM_ITEM_REASONS_MAX = 1024,
    /* A history longer than this is a robot's: it costs its square, says nothing, is skipped. */
    MR_ITEM_ITEM_USER_ITEMS_MAX = 10000,
};

typedef struct mr_item_item_options {
    float user_exponent;   /* a */
    float row_exponent;    /* b: of the item the user has    */
    float column_exponent; /* c: of the item that is scored  */
    uint32_t neighbours;   /* K, 1 … MR_ITEM_ITEM_NEIGHBOURS_MAX */
} mr_item_item_options;

/*
 * Build from histories (`users`: users x items, values ignored) and their transpose (`items`).
 *
 * MR_ERR_INVALID for options out of range or shapes that do not match, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_item_item_build(const mr_sparse_matrix *users,
                                         const mr_sparse_matrix *items,
                                         const mr_item_item_options *options,
                                         mr_worker_pool *pool,
                                         mr_sparse_matrix *ret_model);

/*
 * Scores of all items (`ret_scores`, one an item, written whole) for a history; `weights` may
 * be NULL for all ones.  History items outside the model are passed over.
 */
void mr_item_item_score(const mr_sparse_matrix *model, const uint32_t *history,
                        const float *weights, size_t count, float *ret_scores);

/* The same into a row that is empty. */
void mr_item_item_add(const mr_sparse_matrix *model, const uint32_t *history,
                      const float *weights, size_t count, mr_sparse_row *row);

/*
 * For each of `item_count` items, distinct and inside, at most MR_ITEM_ITEM_REASONS_MAX, the place in
 * `history` whose term of the item's score is largest (the first of equals); `count` when no history
 * item has it as a neighbour.  One pass over the history's rows, for a list as for one.  `marks` has a
 * 0 for each item of the model, and has it again afterwards.
 */
void mr_item_item_reasons(const mr_sparse_matrix *model, const uint32_t *history,
                          const float *weights, size_t count, const uint32_t *items,
                          size_t item_count, uint32_t *marks, size_t *ret_places);

#endif
