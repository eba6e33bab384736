/*
 * Gram: Y'Y of a tall factor table, its eigenbasis, and turning tables into it.
 *
 * The table is cut into slabs of a fixed number of rows; each slab's product is formed in
 * float32 by one worker and the slabs are added in order in double, so that ten million rows
 * lose no digits and the sum does not depend on the number of threads.
 *
 * Units      A Gram matrix is d x d, row-major, its lower triangle filled.
 * Ownership  Results go into the caller's arrays.
 * Threads    One caller; work is spread over the pool.
 * Cost       R d^2 flops for the product, 2 R d^2 for a turn, about 9 d^3 for the eigenvectors.
 */
#ifndef MR_MODELS_GRAM_H
#define MR_MODELS_GRAM_H

#include "core/status.h"
#include "models/dense.h"
#include "models/worker_pool.h"

/* Lower triangle of Y'Y into `ret_gram` (columns x columns).  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_gram_of(const mr_dense *table, mr_worker_pool *pool,
                                 double *ret_gram);

/*
 * Eigenvectors of a Gram matrix as the rows of `ret_vectors` (d x d, stride d) and its
 * eigenvalues, ascending, those below zero by rounding set to zero.
 *
 * MR_ERR_NO_MEMORY; MR_ERR_INVALID when the Gram matrix is not finite.
 */
MR_MUST_USE mr_status mr_gram_eigenbasis(const double *gram, size_t d, float *ret_vectors,
                                         float *ret_values);

/* Replace every row y of the table by its coordinates V y.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_gram_turn(mr_dense *table, const float *vectors,
                                   mr_worker_pool *pool);

#endif
