/*
 * Top-k: the best k of a row of scores, and of a product of two factor tables.
 *
 * A scan against the current k-th score lets few scores through (about k ln(n/k) of n), so the
 * scan is all that matters: 16 scores a compare with AVX-512, 8 with AVX2, survivors compacted
 * into a small buffer, which is cut back to the best k when it is full.  Products are never
 * stored whole: 128 users by 1024 items go through sgemm into a tile that stays in L2 and are
 * scanned from there.
 *
 * Order      Larger score first; equal scores by smaller index; NaN never appears.
 * Units      Indices count columns of the row or items of the table.
 * Ownership  Everything borrowed for the call; a selector owns nothing.
 * Threads    Pure functions; mr_top_k_batch() spreads blocks of users over a pool.
 * Cost       About 0.1 ns a score beyond reading it; nothing is allocated except one tile a
 *            worker in mr_top_k_batch().
 */
#ifndef MR_MODELS_TOP_K_H
#define MR_MODELS_TOP_K_H

#include "models/dense.h"
#include "models/sparse_matrix.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_TOP_K_MAX = 1024,
    MR_TOP_K_BUFFER = 2048, /* survivors held before they are cut back to k */
    MR_TOP_K_KEYS_A_STORE = 8,
    MR_TOP_K_USER_BLOCK = 128,
    MR_TOP_K_ITEM_BLOCK = 1024,
};

typedef struct mr_ranked {
    uint32_t index;
    float score;
} mr_ranked;

/* Which scan to use; AUTO takes the widest this CPU has. */
typedef enum mr_top_k_kernel {
    MR_TOP_K_AUTO = 0,
    MR_TOP_K_SCALAR,
    MR_TOP_K_AVX2,
    MR_TOP_K_AVX512,
} mr_top_k_kernel;

/* False for a kernel this CPU cannot run. */
bool mr_top_k_kernel_runs(mr_top_k_kernel kernel);

/* Takes scores in any number of runs, in which indices ascend from run to run, or one by one. */
typedef struct mr_top_k_selector {
    uint32_t k;
    uint32_t held;
    float threshold;        /* the k-th score so far, or -infinity */
    mr_top_k_kernel kernel; /* private */
    /* Private: order-preserving (score, index) keys, and what a store may write behind them. */
    uint64_t survivors[MR_TOP_K_BUFFER + MR_TOP_K_KEYS_A_STORE];
} mr_top_k_selector;

/* 1 <= k <= MR_TOP_K_MAX, and a kernel that runs: asserted. */
void mr_top_k_selector_init(mr_top_k_selector *ret_selector, uint32_t k,
                            mr_top_k_kernel kernel);

/* Scores of the columns base, base + 1, … */
void mr_top_k_selector_add(mr_top_k_selector *selector, const float *scores, size_t count,
                           uint32_t base);

/* One score, in any order of the indices. */
void mr_top_k_selector_offer(mr_top_k_selector *selector, uint32_t index, float score);

/* Scores row[indices[i]], in any order of the indices. */
void mr_top_k_selector_add_listed(mr_top_k_selector *selector, const float *row,
                                  const uint32_t *indices, size_t count);

/* Write the best, best first, and empty the selector; returns how many (at most k).  Scores of
 * -infinity mean "excluded" and are left out. */
uint32_t mr_top_k_selector_finish(mr_top_k_selector *selector, mr_ranked *ret_best);

/*
 * The worst of the best k, without ordering or emptying anything: an entry belongs to the best
 * exactly when its score is larger, or equal with an index not larger.  False while fewer than k
 * are held.
 */
bool mr_top_k_selector_limit(mr_top_k_selector *selector, mr_ranked *ret_worst);

/*
 * The best k of one dense row.  `excluded` is sorted; its scores in the row are overwritten with
 * -infinity.  Returns how many were written.
 */
uint32_t mr_top_k_row(float *scores, size_t count, uint32_t k, const uint32_t *excluded,
                      size_t excluded_count, mr_top_k_selector *selector,
                      mr_ranked *ret_best);

/*
 * For each user the best k items by the dot product of their factors.
 *
 * `excluded` has a row a user (sorted items left out), or is NULL.  Row u of `ret_best`
 * (users->rows x k) gets ret_counts[u] entries.  MR_ERR_NO_MEMORY; MR_ERR_INVALID when the
 * dimensions differ or k is not in 1 … MR_TOP_K_MAX.
 */
MR_MUST_USE mr_status mr_top_k_batch(const mr_dense *users, const mr_dense *items,
                                     uint32_t k, const mr_sparse_matrix *excluded,
                                     mr_top_k_kernel kernel, mr_worker_pool *pool,
                                     mr_ranked *ret_best, uint32_t *ret_counts);

#endif
