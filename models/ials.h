/*
 * iALS: factors of users and items by alternating least squares on implicit feedback.
 *
 *     loss = sum over seen (u,i)  c_ui (1 - x_u.y_i)^2  +  alpha0 sum over all (u,i) (x_u.y_i)^2
 *          + sum over u of lambda_u |x_u|^2 + sum over i of lambda_i |y_i|^2
 *     lambda_u = lambda (n_u + alpha0 I)^nu,   lambda_i = lambda (n_i + alpha0 U)^nu
 *
 * [Hu, Koren, Volinsky 2008; the scaled regularisation of Rendle et al. 2022].  An epoch solves
 * all users given the items, then all items given the users.  Each half first turns both tables
 * into the eigenbasis of the fixed side's Gram matrix, once for all rows (models/ials_solver.h);
 * the reference mode instead forms and factors every row's d x d matrix, as the papers do.
 *
 * Units      Weights c are confidences above the alpha0 of the unseen; 1 when there are none.
 * Ownership  A model borrows both matrices and the pool, and owns its factors.
 * Threads    One caller; work is spread over the pool.  The factors are the same bits for any
 *            number of threads.
 * Cost       N elements, R = users + items: about N (n d + n^2/3) for short rows and 16 N d for
 *            long ones (an opening pass and two steps), 4 R d^2 to rotate and 18 d^3 for the
 *            eigenvectors.
 */
#ifndef MR_MODELS_IALS_H
#define MR_MODELS_IALS_H

#include "core/status.h"
#include "models/dense.h"
#include "models/ials_solver.h"
#include "models/sparse_matrix.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_ials_options {
    uint32_t dimension; /* 1 … MR_IALS_DIMENSION_MAX */
    uint32_t epochs;
    float alpha0; /* > 0 */
    float lambda; /* > 0 */
    float nu;     /* usually 1 */
    uint64_t seed;
    bool reference; /* plain Cholesky for every row: slow, exact, for tests and benches */
} mr_ials_options;

typedef struct mr_ials mr_ials;

/*
 * Random factors (deviation 0.1 / sqrt(d), from the seed).  `items` is the transpose of `users`.
 *
 * MR_ERR_INVALID for options or shapes that are wrong, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ials_create(const mr_sparse_matrix *users,
                                     const mr_sparse_matrix *items,
                                     const mr_ials_options *options, mr_worker_pool *pool,
                                     mr_ials **ret_model);
void mr_ials_destroy(mr_ials *model); /* NULL allowed */

/* One epoch.  MR_ERR_NO_MEMORY; MR_ERR_INVALID when the numbers left float32 (alpha0 or lambda
 * far too small). */
MR_MUST_USE mr_status mr_ials_epoch(mr_ials *model);

/* All epochs of the options, then the users once more, so that they fit the final items. */
MR_MUST_USE mr_status mr_ials_train(mr_ials *model);

/* The loss above, in double: O(N d + R d^2).  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_ials_loss(const mr_ials *model, double *ret_loss);

/* Floating-point operations of all epochs so far, as the formulas above count them. */
double mr_ials_flops(const mr_ials *model);

const mr_dense *mr_ials_users(const mr_ials *model); /* lends */
const mr_dense *mr_ials_items(
    const mr_ials *model); /* lends; in the basis of the last half */

#endif
