/*
 * Int8 table: item factors as bytes, for an exact top-k at a quarter of the memory traffic.
 *
 * An item is a scale s and codes q with y = s q + e (column by column, after a scaling c of the
 * columns that makes their spreads alike), a user the same with a scale t and codes p.  What the
 * codes miss of a dot product is bounded,
 *
 *     | x.y - t s p.q |  <=  s (|x| rho + |x - t p| mu),     rho >= |e| / s,  mu >= |q|
 *
 * so byte arithmetic gives an upper bound on every score.  The first pass ranks those bounds; the
 * best few are scored again in float32, and when the k-th of them is above the best bound left
 * out, nothing left out can belong: the answer is that of scoring all items in float32.  Otherwise
 * more are scored again, at last all.  So recall is 1 by construction and not by measurement.
 *
 * Units      Scores are float32 dot products by models/vector.h, larger first, equal ones by
 *            smaller index.
 * Ownership  A table owns its codes, or borrows them when opened on stored ones, and always borrows
 *            the factors.
 * Threads    A table is immutable; one scratch a thread.
 * Cost       Building: two passes over the factors.  A user: items x stride bytes read, and a few
 *            dozen dots.  A batch reads the codes once for 128 users.  No allocation in
 *            mr_int8_table_top_k().
 */
#ifndef MR_MODELS_INT8_TABLE_H
#define MR_MODELS_INT8_TABLE_H

#include "core/status.h"
#include "models/dense.h"
#include "models/int8_kernels.h"
#include "models/sparse_matrix.h"
#include "models/top_k.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_int8_table mr_int8_table;
typedef struct mr_int8_scratch mr_int8_scratch;

/* The arrays of a table, to be stored and mapped again. */
typedef struct mr_int8_arrays {
    const uint8_t
        *codes; /* [code_count]: groups of 16 items, see models/int8_kernels.h */
    size_t code_count;
    const float *scales; /* [scale_count]: s, 0 behind the last item */
    size_t scale_count;
    const float *columns; /* [column_count]: c, then rho and mu */
    size_t column_count;
} mr_int8_arrays;

/* MR_ERR_INVALID for no items or factors that are not finite, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_int8_table_build(const mr_dense *items,
                                          mr_int8_table **ret_table);

/*
 * The same from stored arrays, borrowed.  MR_ERR_INVALID when they are not of this table's size,
 * not finite or do not hold what mr_int8_table_build() makes of the first item of each block.
 */
MR_MUST_USE mr_status mr_int8_table_open(const mr_dense *items,
                                         const mr_int8_arrays *arrays,
                                         mr_int8_table **ret_table);
void mr_int8_table_destroy(mr_int8_table *table);                /* NULL allowed */
mr_int8_arrays mr_int8_table_arrays(const mr_int8_table *table); /* lends */
const mr_dense *mr_int8_table_items(const mr_int8_table *table); /* lends */

/* `kernel` NULL is the fastest. */
MR_MUST_USE mr_status mr_int8_scratch_create(const mr_int8_table *table,
                                             const mr_int8_kernel *kernel,
                                             mr_int8_scratch **ret_scratch);
void mr_int8_scratch_destroy(mr_int8_scratch *scratch); /* NULL allowed */

/*
 * The best k items by the dot product with `user` (`stride` floats, padding 0), best first, without
 * those of `excluded` (sorted).  Returns how many were written.  1 <= k <= MR_TOP_K_MAX: asserted.
 */
uint32_t mr_int8_table_top_k(const mr_int8_table *table, mr_int8_scratch *scratch,
                             const float *user, uint32_t k, const uint32_t *excluded,
                             size_t excluded_count, mr_ranked *ret_best);

/*
 * An upper bound on every item's score, close to it, into `ret_upper` (room for scale_count): for
 * whoever ranks a sum of scores by bounds first and scores what is left exactly.  False for a user
 * that cannot be coded (not finite, or all but zero).
 */
bool mr_int8_table_upper(const mr_int8_table *table, mr_int8_scratch *scratch,
                         const float *user, float *ret_upper);

/* What exactness cost so far. */
typedef struct mr_int8_work {
    uint64_t users;
    uint64_t rescored; /* items scored again in float32                  */
    uint64_t repeated; /* users whose first few were too few             */
    uint64_t scanned;  /* users for whom every item was scored in float32 */
} mr_int8_work;

mr_int8_work mr_int8_scratch_work(const mr_int8_scratch *scratch);

/* As mr_top_k_batch(): for each user the best k.  `ret_work` may be NULL. */
MR_MUST_USE mr_status mr_int8_table_top_k_batch(const mr_int8_table *table,
                                                const mr_dense *users, uint32_t k,
                                                const mr_sparse_matrix *excluded,
                                                mr_worker_pool *pool, mr_ranked *ret_best,
                                                uint32_t *ret_counts,
                                                mr_int8_work *ret_work);

#endif
