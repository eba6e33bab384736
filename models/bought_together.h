/*
 * Bought together: which items stand in the same orders.
 *
 * Item-item counts what people had over all of their history; this counts orders, which is what
 * "bought together" promises: the cup with its saucer, not last year's lamp.  A cosine, in which an
 * order of many items says less of each pair of them, drawn towards 0 where it rests on few orders:
 *
 *     c_ij = sum over orders o with i and j of (|o| - 1)^-a
 *     c_i  = sum over orders o with i, |o| > 1, of (|o| - 1)^-a
 *     n_ij = number of orders with i and j
 *     s_ij = c_ij / sqrt(c_i c_j)  x  n_ij / (n_ij + shrinkage)        n_ij >= support
 *
 * Cosine of items [Sarwar et al. 2001], rows weighed by their length [Deshpande and Karypis 2004],
 * shrunk by support [Bell and Koren 2007].  s_ij = s_ji, in 0 … 1.  Lift, which knows no scale of
 * evidence, is what this is not: in it pairs of rare items win.
 *
 * An order is what a row bought within MR_BASKET_GAP_S between one purchase and the next
 * (models/history_sequences.h); an item counts once in it.  Orders of more than
 * MR_BOUGHT_TOGETHER_ORDER_MAX items are a warehouse's and are passed over.
 *
 * Units      Scores are plain numbers, comparable between items.
 * Ownership  Orders and table are the caller's to deinit.
 * Threads    Building spreads items over a pool and gives the same bits for any number of threads;
 *            reading is a pure function.
 * Cost       Building: an addition a pair of items of an order, sum of |o|^2; 8 bytes a partner and
 *            item meanwhile.  Reading: a row of at most `partners`.
 */
#ifndef MR_MODELS_BOUGHT_TOGETHER_H
#define MR_MODELS_BOUGHT_TOGETHER_H

#include "core/status.h"
#include "models/interactions.h"
#include "models/sparse_matrix.h"
#include "models/top_k.h"
#include "models/worker_pool.h"

#include <stdint.h>

enum {
    MR_BOUGHT_TOGETHER_VERSION = 1, /* of the table in a model directory */
    MR_BOUGHT_TOGETHER_PARTNERS_MAX = 1024,
    MR_BOUGHT_TOGETHER_ORDER_MAX = 1024,
};

typedef struct mr_bought_together_options {
    float size_exponent; /* a, 0 … 2                                         */
    float shrinkage;     /* >= 0, orders                                     */
    uint32_t support;    /* >= 1, orders that a pair needs                   */
    uint32_t partners;   /* an item keeps, 1 … MR_BOUGHT_TOGETHER_PARTNERS_MAX */
} mr_bought_together_options;

/* a = 1/2, shrinkage 10, support 2, 30 partners. */
mr_bought_together_options mr_bought_together_defaults(void);

/*
 * The orders of rows that have times and `bought`: a row an order, an item a column.
 * MR_ERR_INVALID without those or for 2^32 - 1 purchases, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_bought_together_orders(const mr_interactions *rows,
                                                mr_sparse_matrix *ret_orders);

/* Row i: the partners of item i.  MR_ERR_INVALID for options out of range, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_bought_together_build(const mr_sparse_matrix *orders,
                                               const mr_bought_together_options *options,
                                               mr_worker_pool *pool,
                                               mr_sparse_matrix *ret_table);

/* The best k partners of an item, best first, equal ones by item; returns how many.  `ret_best` has
 * room for MR_BOUGHT_TOGETHER_PARTNERS_MAX; the item is inside and no row is longer. */
uint32_t mr_bought_together_best(const mr_sparse_matrix *table, uint32_t item, uint32_t k,
                                 mr_ranked *ret_best);

#endif
