/*
 * Ranker training: what the order of events adds to a recommender.
 *
 * The same rows that the set-type members learn from, put in order (models/history_sequences.h),
 * with the same newest part held out: the tuner finds a ranker whose signals include the blend of
 * those members, and its own members are trained on everything.
 *
 * Units      None.
 * Ownership  What was trained is the caller's to deinit.
 * Threads    One caller; work is spread over the pool.
 * Cost       The tuner's, then one training.
 */
#ifndef MR_MODELS_RANKER_TRAINING_H
#define MR_MODELS_RANKER_TRAINING_H

#include "core/status.h"
#include "models/holdout.h"
#include "models/interactions.h"
#include "models/ranker_members.h"
#include "models/ranker_tuner.h"
#include "models/recipe.h"
#include "models/worker_pool.h"

#include <stdint.h>

typedef struct mr_ranker_training_set {
    const mr_interactions *rows; /* with times                                       */
    const mr_holdout *holdout;   /* by time, of the same rows: what `recipe` is for  */
    const mr_recipe *recipe;     /* of the set-type members                          */
    double share;                /* of the events, held out: as the hold-out's was   */
    uint32_t budget;             /* tries; 0: the tuner's default                    */
    uint64_t seed;
    const mr_content *content; /* of all items of the rows; NULL: none */
    void (*report)(void *context, const char *line); /* NULL allowed */
    /* How far one long training is; NULL allowed. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t of);
    void *context;
} mr_ranker_training_set;

/*
 * Choose and train.  The members' rows source is not set: it is serving's.  Content is lent.
 *
 * MR_ERR_NOT_FOUND when there are too few questions to choose on, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ranker_training_run(const mr_ranker_training_set *set,
                                             mr_worker_pool *pool,
                                             mr_ranker_tuner_result *ret_tuned,
                                             mr_ranker_members *ret_members);

#endif
