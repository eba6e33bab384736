/*
 * Tuner, inside: what the flow of a tuning (models/tuner.c) and the search of each family's own
 * parameters (models/tuner_members.c) share.
 *
 * Units      See models/tuner.h.
 * Ownership  A tuning owns its matrices and the trained best of each family.
 * Threads    One caller.
 * Cost       See models/tuner.h.
 */
#ifndef MR_MODELS_TUNER_INTERNAL_H
#define MR_MODELS_TUNER_INTERNAL_H

#include "models/blend_search.h"
#include "models/tuner.h"

typedef struct mr_tuning {
    const mr_holdout *holdout;
    const mr_tuner_options *options;
    mr_worker_pool *pool;
    mr_sparse_matrix faded; /* histories as the recipe weighs them; empty: all ones */
    mr_sparse_matrix items; /* transpose of the hold-out's training part */
    uint32_t *users;        /* who is asked */
    uint32_t user_count;
    mr_tuner_result *result;
    mr_recipe best[MR_MEMBERS];  /* each family's best so far, as a single */
    mr_trained kept[MR_MEMBERS]; /* trained, for the blend */
    /* While a blend is refined: its search, and what stands in it now. */
    mr_blend_search *search; /* NULL: candidates are tried as singles */
    mr_recipe blended;
    double blended_value;
    mr_trained
        replaced[MR_MEMBERS]; /* members that are not the best single of their family */
} mr_tuning;

/* Train and score a candidate: as a single, kept, trained, if it is its family's best; or in the
 * place of its family's member in the blend.  The value is the objective: larger is better. */
MR_MUST_USE mr_status mr_tuning_try(mr_tuning *t, mr_member member,
                                    const mr_recipe *recipe, double *ret_value);

/* A family of candidates: one member and how its parameters are searched. */
typedef struct mr_tuner_family {
    uint32_t share;                            /* of the tries, relative to the others' */
    bool (*is_affordable)(const mr_tuning *t); /* beside others; NULL: always */
    mr_status (*tune)(mr_tuning *t, uint32_t looks);
    mr_status (*refine)(mr_tuning *t, uint32_t looks); /* around t->blended; NULL: not */
} mr_tuner_family;

const mr_tuner_family *mr_tuner_family_of(mr_member member); /* static */

#endif
