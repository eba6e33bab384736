/*
 * Tuner: the recipe, found on a hold-out with a stated number of tries.
 *
 * Nobody knows good exponents or regularisation for a catalogue beforehand, and a blend is only
 * as good as its weights.  Starting points come from the data's size, not from any data set;
 * each family is then searched along its axes with steps that halve (a pattern search), and the
 * weights of the best members' blend one after the other (models/blend_search.h), and then the
 * parameters of its members once more with the blend's value for the objective.  The singles
 * stand in that choice, too, so the result is never below its best member on the hold-out.  The
 * search is bounded by tries, not by time, so that a recipe does not depend on the machine's speed.
 *
 * Units      A try is one training and scoring of one candidate; all weights of a blend are one.
 * Ownership  A recipe is a value; the hold-out and the callback's context are borrowed.
 * Threads    One caller; each try is spread over the pool.  Deterministic for a seed.
 * Cost       Tries x (training + scoring of at most MR_TUNER_USERS_MAX users).
 */
#ifndef MR_MODELS_TUNER_H
#define MR_MODELS_TUNER_H

#include "core/status.h"
#include "models/holdout.h"
#include "models/ranking_metrics.h"
#include "models/recipe.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stdint.h>

/* [Hooke and Jeeves 1961] for the search; the objective is the mean of recall@k and NDCG@k. */
enum {
    MR_TUNER_BUDGET_DEFAULT = 32,
    MR_TUNER_USERS_MAX = 32768, /* of the hold-out that are asked, picked by a hash */
    MR_TUNER_K = 20,
};

typedef struct mr_tuner_options {
    uint32_t
        budget; /* 0: the default; a family is tried once at least, whatever is left */
    uint64_t seed;
    bool families[MR_MEMBERS]; /* which may be tried; at least one */
    bool insist_on_blend;      /* take the best blend even below the best single */
    void (*report)(void *context,
                   const char *line); /* NULL allowed: what was tried, and why */
    void *context;
} mr_tuner_options;

typedef struct mr_tuner_result {
    mr_recipe recipe;
    mr_ranking_metrics holdout;             /* of the recipe                   */
    mr_ranking_metrics members[MR_MEMBERS]; /* of the best of each family      */
    bool tried[MR_MEMBERS];
    uint32_t tries;
} mr_tuner_result;

/* MR_ERR_INVALID without a family or without anything held out; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_tuner_run(const mr_holdout *holdout,
                                   const mr_tuner_options *options, mr_worker_pool *pool,
                                   mr_tuner_result *ret_result);

#endif
