/*
 * LightGCN protocol: all-ranking on files of `user item item …`.
 *
 * Train on one file, rank every item a user does not have there, count what is found of a second
 * file: recall@20 divided by the number of test items, NDCG@20 with an ideal of min(20, that).
 * Parameters are chosen on a hold-out cut from the training file (or on the validation file, if
 * there is one), then the model is trained on all of both.  The test file is read for counting
 * only, after everything has been decided.  [He et al. 2020]
 *
 * Units      Seconds of wall time for training (tuning included) and scoring.
 * Ownership  The result is a value.
 * Threads    One caller; work is spread over a pool of its own.
 * Cost       The tuner's.
 */
#ifndef MR_MODELS_LIGHTGCN_PROTOCOL_H
#define MR_MODELS_LIGHTGCN_PROTOCOL_H

#include "core/clock.h"
#include "core/status.h"
#include "models/ranking_metrics.h"
#include "models/recipe.h"

#include <stdint.h>

/* Which families may be used: a single one, or with AUTO what is best on the hold-out; BLEND
 * insists on both item-item and iALS. */
typedef enum mr_lightgcn_model {
    MR_LIGHTGCN_AUTO = 0,
    MR_LIGHTGCN_ITEM_ITEM,
    MR_LIGHTGCN_IALS,
    MR_LIGHTGCN_POPULAR,
    MR_LIGHTGCN_BLEND,
    MR_LIGHTGCN_EASE,
    MR_LIGHTGCN_GRAPH_FILTER,
    MR_LIGHTGCN_MODELS,
} mr_lightgcn_model;

typedef struct mr_lightgcn_options {
    const char *train_path;
    const char *valid_path; /* or NULL */
    const char *test_path;
    mr_lightgcn_model model;
    uint32_t budget; /* 0: the tuner's default */
    uint64_t seed;
    uint32_t threads;                                /* 0: one a processor */
    void (*report)(void *context, const char *line); /* or NULL */
    void *context;
    const mr_clock *clock; /* for the two durations alone */
} mr_lightgcn_options;

typedef struct mr_lightgcn_result {
    const char *protocol; /* "lightgcn" */
    uint32_t users;
    uint32_t items;
    uint64_t train_count;
    uint64_t valid_count;
    uint64_t test_count;
    const char *model; /* what was chosen: "blend", "item_item", … */
    char parameters[MR_RECIPE_TEXT_BYTES];
    mr_ranking_metrics metrics; /* on the test file    */
    mr_ranking_metrics holdout; /* on the hold-out     */
    double train_seconds;
    double score_seconds;
    uint64_t seed;
    uint32_t tries;
} mr_lightgcn_result;

/* "auto", "item_item", … to the enum; MR_ERR_INVALID for another name. */
MR_MUST_USE mr_status mr_lightgcn_model_from(const char *name,
                                             mr_lightgcn_model *ret_model);

/* MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_CORRUPT for files; MR_ERR_INVALID when there is
 * nothing to train on or to test; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_lightgcn_run(const mr_lightgcn_options *options,
                                      mr_lightgcn_result *ret_result,
                                      mr_error *ret_error);

#endif
