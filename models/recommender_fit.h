/*
 * Recommender fit: everything a recommender consists of, chosen and trained on rows of events.
 *
 * A hold-out is cut (the newest tenth of time where there are times, else a random tenth of each
 * user's items); on it one tuner chooses the set-type members and their blend, and where events
 * have times and enough users came back another one chooses what their order adds
 * (models/ranker_training.h); then the choice is trained on everything.
 *
 * Units      Times in seconds since the epoch.
 * Ownership  A fit owns what was trained until deinit; rows and content are lent and outlive it.
 * Threads    One caller; work is spread over the pool.  The same for any number of threads.
 * Cost       The tuners' tries, then one training.
 */
#ifndef MR_MODELS_RECOMMENDER_FIT_H
#define MR_MODELS_RECOMMENDER_FIT_H

#include "core/status.h"
#include "models/content.h"
#include "models/interactions.h"
#include "models/ranker_members.h"
#include "models/ranker_tuner.h"
#include "models/tuner.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_recommender_fit_options {
    const mr_interactions *rows; /* checked; weights and times may be NULL       */
    const mr_content *content;   /* of the rows' items, or NULL                  */
    uint64_t seed;
    uint32_t budget; /* tries in all, half of them the ranker's; 0: the defaults */
    void (*report)(void *context, const char *line); /* NULL allowed */
    /* How far one long training is; NULL allowed. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t of);
    void *context;
} mr_recommender_fit_options;

/* All-zero is an empty one. */
typedef struct mr_recommender_fit {
    mr_holdout holdout;
    mr_tuner_result tuned; /* no tries: too few users to choose on */
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_trained trained;
    bool has_ranker;
    mr_ranker_tuner_result ranked;
    mr_ranker_members ranker; /* without the rows of the set-type members */
} mr_recommender_fit;

/* MR_ERR_INVALID, MR_ERR_NO_MEMORY as the members say; the fit is then to be deinitialised. */
MR_MUST_USE mr_status mr_recommender_fit_run(const mr_recommender_fit_options *options,
                                             mr_worker_pool *pool,
                                             mr_recommender_fit *ret_fit);
void mr_recommender_fit_deinit(mr_recommender_fit *fit);

#endif
