/*
 * Evaluation: full-ranking metrics of members and blends, many blends at once.
 *
 * Each user's row of scores over all items is made once a member; every blend under test is then
 * a weighted sum of those rows.  So trying forty weights costs little more than trying one.
 *
 * Units      See models/ranking_metrics.h.
 * Ownership  Borrows everything for the call.
 * Threads    One caller; users are spread over the pool, sums merged in order of users.
 * Cost       Users x (member rows + blends x items); about 30 us a user and member at 40 k items.
 */
#ifndef MR_MODELS_EVALUATION_H
#define MR_MODELS_EVALUATION_H

#include "core/status.h"
#include "models/blend.h"
#include "models/member_rows.h"
#include "models/ranking_metrics.h"
#include "models/sparse_matrix.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_evaluation_task {
    const mr_member_set *members;
    const mr_sparse_matrix
        *histories; /* users x items; values, if any, weigh the history */
    const mr_sparse_matrix
        *excluded; /* users x items left out of lists, or NULL         */
    const mr_sparse_matrix
        *relevant;         /* users x items to be found                        */
    const uint32_t *users; /* whom to ask, or NULL for all                     */
    uint32_t user_count;
    uint32_t k;
} mr_evaluation_task;

/* One result a blend.  MR_ERR_NO_MEMORY; MR_ERR_INVALID for shapes that do not match. */
MR_MUST_USE mr_status mr_evaluate_blends(const mr_evaluation_task *task,
                                         const mr_blend *blends, size_t blend_count,
                                         mr_worker_pool *pool,
                                         mr_ranking_metrics *ret_metrics);

#endif
