/*
 * Member rows: the members' scores of all items, a few users at a time.
 *
 * What each kind of member needs for a row stands in one table here: item-item, EASE and
 * popularity answer user by user; iALS and the graph filter gather a vector a user and make one
 * product for all of them.  Evaluation and the search for a blend read the rows alike.
 *
 * Units      Scores on each member's own scale.
 * Ownership  Rows borrow the members and the histories, and own their buffers.
 * Threads    One a worker.
 * Cost       Per user: a pass over the history's neighbours, I additions a history item (EASE),
 *            2 I d flops for a product.
 */
#ifndef MR_MODELS_MEMBER_ROWS_H
#define MR_MODELS_MEMBER_ROWS_H

#include "core/status.h"
#include "models/blend.h"
#include "models/dense.h"
#include "models/graph_filter.h"
#include "models/sparse_matrix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Trained members; those that are NULL may not be in any blend. */
typedef struct mr_member_set {
    const mr_sparse_matrix *item_item;
    const mr_dense *user_factors; /* a row a user of the histories */
    const mr_dense *item_factors;
    const float *popular; /* a score an item */
    const mr_dense *ease;
    const mr_graph_filter *graph_filter;
} mr_member_set;

/* True when every member in use is there and of the histories' shape. */
bool mr_member_set_fits(const mr_member_set *set, const bool uses[MR_MEMBERS],
                        const mr_sparse_matrix *histories);

enum { MR_MEMBER_ROWS_USERS = 64 };

typedef struct mr_member_rows mr_member_rows;

/* `histories` is users x items; its values, if any, weigh the history for item-item. */
MR_MUST_USE mr_status mr_member_rows_create(const mr_member_set *set,
                                            const bool uses[MR_MEMBERS],
                                            const mr_sparse_matrix *histories,
                                            mr_member_rows **ret_rows);
void mr_member_rows_destroy(mr_member_rows *rows); /* NULL allowed */

/* Take up to MR_MEMBER_ROWS_USERS users; products for all of them are made here. */
void mr_member_rows_take(mr_member_rows *rows, const uint32_t *users, size_t count);

/* The rows of the place-th of them, valid until the next call; NULL for members not in use. */
void mr_member_rows_of(mr_member_rows *rows, size_t place,
                       const float *ret_rows[MR_MEMBERS]);

#endif
