/*
 * Row sums: a sparse item-by-item matrix made row by row.
 *
 * Whoever knows the terms of a row adds them in any order; the row is summed in a dense array of
 * which a byte for every 64 places says whether it was touched, and what is above zero there is
 * found with vectors.  A finished row is weighed
 *
 *     w_ij = s_ij  r_i  (sum over all j of s_ij)^-x  c_j
 *
 * and cut to its K largest weights (of equals, smaller columns).  Rows are spread over a pool; a
 * row is summed by one worker in the order of its terms, so the bits do not depend on threads.
 *
 * Units      Weights are plain numbers.
 * Ownership  The matrix is the caller's; an mr_row_sums is lent to the body for one row.
 * Threads    The body runs on all workers of the pool, a row on one of them.
 * Cost       An addition and a byte a term, a look at a byte for 64 columns a row; 12 bytes a column
 *            and worker while building.
 */
#ifndef MR_MODELS_ROW_SUMS_H
#define MR_MODELS_ROW_SUMS_H

#include "core/status.h"
#include "models/sparse_matrix.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_ROW_SUMS_A_FLAG = 64 }; /* as mr_vector_kernels' above_zero looks at */

/* One row in the making; its fields are private. */
typedef struct mr_row_sums {
    float *sums;      /* [columns, and as many as fill a flag], zero between rows */
    uint8_t *touched; /* [columns / MR_ROW_SUMS_A_FLAG + 1]: where one is not zero */
} mr_row_sums;

/* Add a term, which is finite and not negative. */
static inline void mr_row_sums_add(mr_row_sums *row, uint32_t column, float term)
{
    row->sums[column] += term;
    row->touched[column / MR_ROW_SUMS_A_FLAG] =
        1; /* a bit would have to be read before */
}

/* Take back all terms of a column. */
static inline void mr_row_sums_drop(mr_row_sums *row, uint32_t column)
{
    row->sums[column] = 0.0F;
}

/* Add all terms of `row` to `sums`. */
typedef void (*mr_row_sums_body)(void *context, uint32_t row, mr_row_sums *sums);

typedef struct mr_row_sums_job {
    uint32_t rows;
    uint32_t columns;            /* at least 1                                     */
    uint32_t best;               /* K, 1 … MR_TOP_K_MAX                            */
    float total_exponent;        /* x, 0 … 2                                       */
    const float *row_factors;    /* [rows] r; NULL for all ones                    */
    const float *column_factors; /* [columns] c, 0 … 1; NULL for all ones          */
    mr_row_sums_body body;
    void *context;
} mr_row_sums_job;

/* MR_ERR_NO_MEMORY.  The job's bounds are asserted. */
MR_MUST_USE mr_status mr_row_sums_run(const mr_row_sums_job *job, mr_worker_pool *pool,
                                      mr_sparse_matrix *ret_matrix);

#endif
