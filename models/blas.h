/*
 * BLAS: the one door to OpenBLAS, and to the LAPACK inside it.
 *
 * Matrices are row-major float32 or float64 with a leading dimension.  The library's own
 * threads are switched off: a worker pool is the parallelism, and each worker calls in
 * here.  Debian 12's OpenBLAS 0.3.21 takes recent CPUs for Prescott (SSE3) and then runs
 * at a tenth of their speed; OPENBLAS_CORETYPE is read in the library's constructor,
 * before main(), so the cure is to set it and execute the program once more.
 * mr_blas_needs_reexec() decides; app/ does it.
 *
 * Units      Dimensions and leading dimensions in elements; each at most INT32_MAX
 * (asserted). Ownership  Borrows every operand for the call. Threads    mr_blas_start()
 * once, before the workers; everything else from any thread. Cost       About 0.3 us a
 * call, then the flops at the core's rate.
 */
#ifndef MR_MODELS_BLAS_H
#define MR_MODELS_BLAS_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { MR_BLAS_CORE_BYTES = 32 };

/*
 * One thread inside the library, then a product whose result is known.  Returns the
 * core's name
 * ("SkylakeX", "Haswell"), or NULL when the product is wrong and nothing computed with
 * this library can be trusted.
 */
const char *mr_blas_start(void);

/* The kernels in use; static, never NULL. */
const char *mr_blas_core_name(void);

/*
 * True when the library chose kernels below what the CPU can do and OPENBLAS_CORETYPE is
 * not set: `ret_core` (MR_BLAS_CORE_BYTES) is then the value to set before executing the
 * program again. An OPENBLAS_CORETYPE that is set, to anything, is the operator's choice:
 * false.
 */
bool mr_blas_needs_reexec(char *ret_core);

typedef enum mr_blas_transpose {
    MR_BLAS_PLAIN = 0,
    MR_BLAS_TRANSPOSED = 1
} mr_blas_transpose;

/* C (m x n) = alpha op(A) op(B) + beta C, where op(A) is m x k and op(B) is k x n. */
void mr_blas_sgemm(mr_blas_transpose op_a, mr_blas_transpose op_b, size_t m, size_t n,
                   size_t k, float alpha, const float *a, size_t lda, const float *b,
                   size_t ldb, float beta, float *c, size_t ldc);
void mr_blas_dgemm(mr_blas_transpose op_a, mr_blas_transpose op_b, size_t m, size_t n,
                   size_t k, double alpha, const double *a, size_t lda, const double *b,
                   size_t ldb, double beta, double *c, size_t ldc);

/* y = alpha op(A) x + beta y; A is rows x columns before op, vectors are dense. */
void mr_blas_sgemv(mr_blas_transpose op_a, size_t rows, size_t columns, float alpha,
                   const float *a, size_t lda, const float *x, float beta, float *y);
void mr_blas_dgemv(mr_blas_transpose op_a, size_t rows, size_t columns, double alpha,
                   const double *a, size_t lda, const double *x, double beta, double *y);

/* Lower triangle of C (n x n) = alpha A'A + beta C; A is k x n.  The rest of C is
 * untouched. */
void mr_blas_ssyrk(size_t n, size_t k, float alpha, const float *a, size_t lda,
                   float beta, float *c, size_t ldc);
void mr_blas_dsyrk(size_t n, size_t k, double alpha, const double *a, size_t lda,
                   double beta, double *c, size_t ldc);

/*
 * Cholesky in place: the lower triangle of A (n x n) becomes L with A = L L'; the rest is
 * not read.  MR_ERR_INVALID when A is not positive definite; A is then half done.
 */
MR_MUST_USE mr_status mr_blas_spotrf(size_t n, float *a, size_t lda);
MR_MUST_USE mr_status mr_blas_dpotrf(size_t n, double *a, size_t lda);

/* b = A^-1 b with the L of potrf. */
void mr_blas_spotrs(size_t n, const float *l, size_t lda, float *b);
void mr_blas_dpotrs(size_t n, const double *l, size_t lda, double *b);

/* The lower triangle of A^-1 in place of the L of potrf.  MR_ERR_INVALID: singular. */
MR_MUST_USE mr_status mr_blas_dpotri(size_t n, double *a, size_t lda);

/*
 * Eigenvalues (ascending) and vectors of the symmetric A (n x n, lower triangle read):
 * row r of A becomes the unit vector of ret_values[r], so A = sum of values[r] row_r'
 * row_r.
 *
 * MR_ERR_NO_MEMORY; MR_ERR_INVALID when it does not converge (A held NaN or infinity).
 */
MR_MUST_USE mr_status mr_blas_ssyevd(size_t n, float *a, size_t lda, float *ret_values);

#endif
