/*
 * Hold-out: what a model is chosen on.
 *
 * A part of the training data that the candidates do not see.  With times the newest part of
 * everything is held out, as the future will be; without, a random share of each user's items.
 * A test set never comes near this.
 *
 * Units      Shares in 0 … 1.
 * Ownership  A hold-out owns its matrices until deinit.
 * Threads    Immutable once cut.
 * Cost       A few passes over the data; by time one sort of the times.
 */
#ifndef MR_MODELS_HOLDOUT_H
#define MR_MODELS_HOLDOUT_H

#include "core/status.h"
#include "models/interactions.h"
#include "models/sparse_matrix.h"

#include <stdbool.h>
#include <stdint.h>

/* All-zero is an empty one. */
typedef struct mr_holdout {
    mr_sparse_matrix
        train;             /* users x items                                             */
    mr_sparse_matrix held; /* the same shape; rows of users without training are empty  */
    bool by_time;
    double repeat_share; /* of held (user, item) pairs: those that stand in train, too */
    /* The training events themselves, user by user, for popularity and faded histories. */
    uint64_t *vote_ptr;     /* [rows + 1]; NULL when only the matrix is known */
    uint32_t *votes;        /* items */
    float *vote_weights;    /* NULL: 1 */
    uint32_t *vote_times_s; /* NULL without times */
    size_t vote_count;
    uint32_t cut_s; /* by time: the first second held out */
} mr_holdout;

/*
 * Hold out `share` of the pairs of every user, by a hash of seed, user and item; one at least
 * where that share rounds to one.  A user keeps at least one item.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_holdout_random(const mr_interactions *interactions, double share,
                                        uint64_t seed, mr_holdout *ret_holdout);

/*
 * Hold out the newest `share` of all events.  MR_ERR_INVALID without times; MR_ERR_NOT_FOUND when
 * fewer than MR_HOLDOUT_USERS_MIN users have both a past and a future; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_holdout_by_time(const mr_interactions *interactions,
                                         double share, mr_holdout *ret_holdout);

enum { MR_HOLDOUT_USERS_MIN = 50 };

/*
 * The first second that is held out when the newest `share` of `count` events is.
 * MR_ERR_NOT_FOUND without events, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_holdout_cut_time(const uint32_t *time_s, size_t count,
                                          double share, uint32_t *ret_cut_s);

/* Take ready parts (both copied): a validation file beside a training file. */
MR_MUST_USE mr_status mr_holdout_given(const mr_sparse_matrix *train,
                                       const mr_sparse_matrix *held,
                                       mr_holdout *ret_holdout);

/*
 * The training histories with each item weighing the sum of its events' weights, faded by
 * 2^-(age / half_life_s) at the cut (0: not faded).  Needs a hold-out by time: MR_ERR_INVALID.
 */
MR_MUST_USE mr_status mr_holdout_faded(const mr_holdout *holdout, double half_life_s,
                                       mr_sparse_matrix *ret_histories);

void mr_holdout_deinit(mr_holdout *holdout);

#endif
