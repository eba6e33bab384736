/*
 * Fold-in: factors of a user who was not there when the items' were trained.
 *
 * The half-epoch of iALS for one row, at request time: the same formulas in the same eigenbasis,
 * prepared once for a model.  So users need no retraining and their factors are never stored.
 *
 * Units      Weights as in training (1 for a plain history).
 * Ownership  A fold-in borrows the item factors and owns its eigenvalues.
 * Threads    Immutable once made; one scratch (models/ials_solver.h) a thread.
 * Cost       See models/ials_solver.h; a dot a scored item after it.
 */
#ifndef MR_MODELS_FOLD_IN_H
#define MR_MODELS_FOLD_IN_H

#include "core/status.h"
#include "models/dense.h"
#include "models/ials.h"
#include "models/ials_solver.h"
#include "models/worker_pool.h"

typedef struct mr_fold_in mr_fold_in;

/*
 * Turn `items` into its eigenbasis, in place, and prepare for the options' alpha0, lambda, nu.
 *
 * MR_ERR_NO_MEMORY; MR_ERR_INVALID when the factors are not finite.
 */
MR_MUST_USE mr_status mr_fold_in_create(mr_dense *items, const mr_ials_options *options,
                                        mr_worker_pool *pool, mr_fold_in **ret_fold_in);

/*
 * The same for a table that already lies in its eigenbasis (as a stored one does), with its
 * eigenvalues (`columns` of them, copied).  Borrows the table.
 */
MR_MUST_USE mr_status mr_fold_in_open(const mr_dense *items, const float *eigenvalues,
                                      const mr_ials_options *options,
                                      mr_fold_in **ret_fold_in);
void mr_fold_in_destroy(mr_fold_in *fold_in); /* NULL allowed */

const mr_dense *mr_fold_in_items(const mr_fold_in *fold_in);    /* lends */
const float *mr_fold_in_eigenvalues(const mr_fold_in *fold_in); /* lends: `columns` */

/* Ask memory for the rows of a history that is folded in soon, while other work is done. */
void mr_fold_in_prefetch(const mr_fold_in *fold_in, const uint32_t *history,
                         size_t count);

/* The user's factors (padded to the stride) from items with weights (NULL: ones). */
void mr_fold_in_user(const mr_fold_in *fold_in, mr_ials_scratch *scratch,
                     const uint32_t *history, const float *weights, size_t count,
                     float *ret_factors);

#endif
