/*
 * EASE: weights between items, all at once, from one inverse.
 *
 *     G = X' diag(w) X + lambda I,   w_u = ((n_u + 1) / mean n)^-e
 *     P = G^-1,   B_ij = -P_ij / P_jj,   B_ii = 0,   a user's scores are x B
 *
 * What item-item counts pair by pair, this solves for jointly: an item that is explained by
 * another one is not counted twice.  Long histories say less, so a user's part of the squared
 * error fades with the length.  [Steck 2019, eq. 8; the weights as in weighted least squares]
 * The inverse is formed in float64 by symmetric block sweeps: the work of a Cholesky
 * factorisation and its inverse, all of it in products of tiles that are spread over a pool.
 *
 * Units      Weights are comparable within one model only.
 * Ownership  The model is an mr_dense, row i the weights from item i; a view of a mapped file
 *            does as well, any stride.
 * Threads    Training spreads rows over a pool, the same bits for any number of threads; scoring
 *            is a pure function.
 * Cost       Training: sum of n_u^2 additions and I^3 flops in float64, 12 I^2 bytes (4.8 GB at
 *            MR_EASE_ITEMS_MAX items).  Stored: 4 I^2 bytes.  Scoring: I additions a history item.
 */
#ifndef MR_MODELS_EASE_H
#define MR_MODELS_EASE_H

#include "core/status.h"
#include "models/dense.h"
#include "models/sparse_matrix.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_EASE_ITEMS_MAX = 20000 };

typedef struct mr_ease_options {
    float lambda;        /* > 0; some hundreds for catalogues of thousands */
    float user_exponent; /* e: 0 counts every history alike, 1/2 is usual  */
} mr_ease_options;

/*
 * Train on histories (`users`: users x items, values ignored) and their transpose (`items`).
 *
 * MR_ERR_INVALID for options out of range, for shapes that do not match, and above
 * MR_EASE_ITEMS_MAX items; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ease_train(const mr_sparse_matrix *users,
                                    const mr_sparse_matrix *items,
                                    const mr_ease_options *options, mr_worker_pool *pool,
                                    mr_dense *ret_model);

/*
 * Scores of all items (`ret_scores`, one an item, written whole) for a history; `weights` may be
 * NULL for all ones.  History items outside the model are passed over.
 */
void mr_ease_score(const mr_dense *model, const uint32_t *history, const float *weights,
                   size_t count, float *ret_scores);

/*
 * The place in `history` whose term of the score of `item` is largest (the first of equals) and
 * that term; `count` when no history item adds to it.
 */
size_t mr_ease_because(const mr_dense *model, const uint32_t *history,
                       const float *weights, size_t count, uint32_t item,
                       float *ret_term);

#endif
