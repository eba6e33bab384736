/*
 * iALS solver: one row's factors, given the other side's.
 *
 *     A x = Z'C 1      with  A = D + Z'C Z,   D = diag(alpha0 e + lambda_n)
 *
 * Z holds the factors of the row's n items, C their weights.  In the Gram matrix's eigenbasis
 * (eigenvalues e) everything the row does not have is the diagonal D, for any lambda of the row's
 * own.  So a short row needs an n x n Cholesky instead of a d x d one (Woodbury, exact), and a
 * long row converges in a few steps of conjugate gradient, because what is left of A is low rank
 * beside a diagonal that preconditions it.  Factors stay in that basis: dot products do not
 * change.
 *
 * Units      d factors padded to `width`, a multiple of 16; padding is zero in and out.
 * Ownership  A basis borrows the table and the eigenvalues; a scratch owns its buffers.
 * Threads    A basis is immutable; one scratch a thread.
 * Cost       Woodbury n^2 d + n^3 / 3 flops; gradient 4 n d a step.  d = 128, n = 20: see
 *            docs/BENCHMARKS.md.  No allocation after the scratch is made.
 */
#ifndef MR_MODELS_IALS_SOLVER_H
#define MR_MODELS_IALS_SOLVER_H

#include "core/status.h"
#include "models/dense.h"
#include "models/vector.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_IALS_DIMENSION_MAX = 2048,
    MR_IALS_WOODBURY_MAX = 64,
};

typedef struct mr_ials_basis {
    const mr_dense *factors;  /* of the other side, in the eigenbasis        */
    const float *eigenvalues; /* [width] of its Gram matrix, >= 0            */
    float alpha0;             /* weight of what was not seen                 */
    float lambda;             /* regularisation                              */
    float nu;                 /* its exponent: lambda (n + alpha0 I)^nu      */
} mr_ials_basis;

/* lambda (n + alpha0 I)^nu: n the row's weight, I the other side's rows.  [Rendle et al. 2022] */
float mr_ials_regularisation(const mr_ials_basis *basis, float weight);

typedef struct mr_ials_scratch mr_ials_scratch;

MR_MUST_USE mr_status mr_ials_scratch_create(size_t dimension,
                                             mr_ials_scratch **ret_scratch);
void mr_ials_scratch_destroy(mr_ials_scratch *scratch); /* NULL allowed */

/* Floating-point operations of all rows solved with it. */
double mr_ials_scratch_flops(const mr_ials_scratch *scratch);

/*
 * Rows up to `direct_max` (at most MR_IALS_WOODBURY_MAX) are solved exactly; the gradient of longer
 * ones stops after `steps_max`, or at a residual of `tolerance` x the first.
 */
typedef struct mr_ials_stop {
    uint32_t direct_max;
    uint32_t steps_max;
    float tolerance;
} mr_ials_stop;

/* Ask memory for the first items of a row that is solved soon: random rows of a large table. */
void mr_ials_prefetch_row(const mr_ials_basis *basis, const uint32_t *index,
                          size_t count);

/*
 * Solve one row.  `index` and `weights` (NULL: ones, else > 0) name its items.  `x` holds the
 * first guess for the gradient on entry and the factors on return; a row without items becomes
 * zero.
 */
void mr_ials_solve_row(const mr_ials_basis *basis, mr_ials_scratch *scratch,
                       const uint32_t *index, const float *weights, size_t count,
                       mr_ials_stop stop, float *x);

#endif
