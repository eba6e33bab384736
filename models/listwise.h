/*
 * Listwise: the weights that lift what was chosen above the rest of its list.
 *
 * A group is one question: its candidates, a row of features each, and which of them were the
 * answer.  The score of a candidate is w.x, the model a softmax over its group:
 *
 *     loss = mean over groups of  -(1/|T|) sum over targets j of log softmax(Xw)_j
 *            + ridge/2  sum over features f of (s_f w_f)^2
 *
 * s_f is the deviation of the feature within groups, so the ridge is in deviations and does not
 * care for units: 1e-3 hardly shows, 1 holds a weight near zero.  The loss is convex; Newton with a
 * line search needs some ten passes, and the curvature less than doubles the price of a pass.
 * [Cao et al. 2007, ListNet; Nocedal and Wright, chapter 3]
 *
 * A feature that is the same for all candidates of each group says nothing: its weight is 0.  Equal
 * features share theirs, by a damping of 1e-10 of the mean curvature.  Where the targets can be told
 * apart without error and there is no ridge, the best weights are infinite and those after
 * `iterations_max` steps are given.
 *
 * Units      Weights belong to the features as they are given; losses in nats a group.
 * Ownership  Borrows everything for the call.
 * Threads    Groups are spread over the pool, sums merged in a fixed order: the same bits for any
 *            number of threads.  One caller a pool.
 * Cost       A pass: candidates * features^2 / 2 multiply-adds in double.  Memory: the largest
 *            group in double a worker, and 256 * features^2 doubles.
 */
#ifndef MR_MODELS_LISTWISE_H
#define MR_MODELS_LISTWISE_H

#include "core/status.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_LISTWISE_FEATURES_MAX = 128, MR_LISTWISE_ITERATIONS_MAX = 1000 };

/* Groups without a target are passed over. */
typedef struct mr_listwise_data {
    uint32_t features;
    size_t groups;
    const uint64_t *ptr;   /* [groups + 1], ascending from 0      */
    const float *x;        /* [ptr[groups]][features], row-major  */
    const uint8_t *target; /* [ptr[groups]], not 0: was chosen    */
} mr_listwise_data;

typedef struct mr_listwise_options {
    float ridge;             /* at least 0                               */
    uint32_t iterations_max; /* 1 … MR_LISTWISE_ITERATIONS_MAX; 0 is 100 */
} mr_listwise_options;

/*
 * Fit.  `weights` (one a feature) holds the start and receives the result; a start that is worse
 * than no weights at all is not used.  `ret_loss` is the loss there, ridge and all; NULL allowed.
 *
 * MR_ERR_INVALID: sizes or options out of range, pointers that do not ascend, a feature or a start
 * that is not finite, no group with a target.  MR_ERR_NO_MEMORY.  `weights` is then as it was.
 */
MR_MUST_USE mr_status mr_listwise_fit(const mr_listwise_data *data,
                                      const mr_listwise_options *options,
                                      mr_worker_pool *pool, float *weights,
                                      double *ret_loss);

/* The loss of other groups at given weights, without a ridge.  Errors as above. */
MR_MUST_USE mr_status mr_listwise_loss(const mr_listwise_data *data, const float *weights,
                                       mr_worker_pool *pool, double *ret_loss);

#endif
