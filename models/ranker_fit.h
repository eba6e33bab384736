/*
 * Ranker fit: the weights of a blend, from questions whose answers are known.
 *
 * Units      Losses in nats a question.
 * Ownership  Groups own what was collected until deinit.
 * Threads    One caller; collecting and fitting spread over the pool.  The same bits for any
 *            number of threads.
 * Cost       A query a question; some 30 kB each, so 500 MB for 16,000.
 */
#ifndef MR_MODELS_RANKER_FIT_H
#define MR_MODELS_RANKER_FIT_H

#include "core/status.h"
#include "models/listwise.h"
#include "models/ranker.h"
#include "models/ranker_cut.h"
#include "models/worker_pool.h"

#include <stddef.h>

/* The candidates of questions that hold a target; all-zero is empty. */
typedef struct mr_ranker_groups {
    mr_listwise_data data;
    uint64_t *ptr;
    float *x;
    uint8_t *target;
    size_t
        asked; /* questions; those without a target among the candidates left no group */
} mr_ranker_groups;

/* `recipe` says which signals are in use and what of the user's own items; its weights are not
 * looked at.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_ranker_groups_collect(const mr_ranker_members *members,
                                               const mr_ranker_recipe *recipe,
                                               const mr_questions *questions,
                                               mr_worker_pool *pool,
                                               mr_ranker_groups *ret_groups);
void mr_ranker_groups_deinit(mr_ranker_groups *groups);

/*
 * Weights for a choice.  `prior` holds them near 0 where questions are few: weights whose squares, in
 * deviations of their features, sum to 2 cost as much as `prior` nats spread over the questions; 0
 * leaves no more than settles what the data do not say.  Errors as mr_listwise_fit(): MR_ERR_INVALID
 * without a single group.
 */
MR_MUST_USE mr_status mr_ranker_groups_fit(const mr_ranker_groups *groups,
                                           mr_worker_pool *pool, float prior,
                                           mr_ranker_choice *choice, double *ret_loss);

#endif
