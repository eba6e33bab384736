/*
 * Ranking protocol: what the protocols on ordered data have in common.
 *
 * A protocol reads its files, says what may be learnt from and which questions are asked, and
 * names its metrics; between the two stands this: choose on a hold-out cut from the training
 * part, train on all of it, judge once.  The questions are not looked at before everything has
 * been decided.
 *
 * Units      Seconds of wall time for training (the choice included) and for scoring.
 * Ownership  Options are borrowed for the call, a result is a value; its names are static.
 * Threads    One caller; work is spread over a pool of its own.
 * Cost       The ranker's.
 */
#ifndef MR_MODELS_RANKING_PROTOCOL_H
#define MR_MODELS_RANKING_PROTOCOL_H

#include "core/clock.h"
#include "core/status.h"
#include "models/ranker_cut.h"
#include "models/ranker_recipe.h"
#include "models/ranking_metrics.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_ranking_options {
    const char *model; /* NULL: "auto"           */
    uint32_t budget;   /* 0: the ranker's default */
    uint64_t seed;
    uint32_t threads;                                /* 0: one a processor */
    void (*report)(void *context, const char *line); /* or NULL            */
    void *context;
    const mr_clock *clock; /* for the two durations alone */
} mr_ranking_options;

typedef struct mr_named_value {
    const char *name;
    double value;
} mr_named_value;

enum { MR_RANKING_VALUES_MAX = 8, MR_RANKING_MODEL_BYTES = 32 };

typedef struct mr_ranking_result {
    const char *protocol;
    mr_named_value data[MR_RANKING_VALUES_MAX]; /* counts */
    size_t data_count;
    char model[MR_RANKING_MODEL_BYTES]; /* what was chosen: "blend", "popular", … */
    char parameters[MR_RANKER_TEXT_BYTES];
    mr_named_value metrics[MR_RANKING_VALUES_MAX];
    size_t metric_count;
    double train_seconds;
    double score_seconds;
    uint64_t seed;
    uint32_t tries;
} mr_ranking_result;

/* What is to be done, in views. */
typedef struct mr_ranking_task {
    const char *protocol; /* for messages and the result */
    mr_ranking_form form;
    const mr_sequences *train;
    const mr_questions *questions;
    const uint32_t *ks;
    size_t k_count; /* 1 … MR_RANKER_KS_MAX */
} mr_ranking_task;

/* MR_ERR_INVALID, with a message, unless the model is one of the ranker's: to be asked before files
 * are read. */
MR_MUST_USE mr_status mr_ranking_options_check(const mr_ranking_options *options,
                                               const char *protocol, mr_error *ret_error);

/*
 * Fill all of the result but counts and metrics, and the metrics of each k.
 *
 * MR_ERR_INVALID when there is nothing to learn from or to ask, or for a model that the ranker
 * lacks; MR_ERR_NO_MEMORY; MR_ERR_UNAVAILABLE when the system gives no thread.
 */
MR_MUST_USE mr_status mr_ranking_protocol_run(const mr_ranking_task *task,
                                              const mr_ranking_options *options,
                                              mr_ranking_result *ret_result,
                                              mr_ranking_metrics *ret_metrics,
                                              mr_error *ret_error);

/* At most MR_RANKING_VALUES_MAX of each. */
void mr_ranking_result_add_data(mr_ranking_result *result, const char *name,
                                double value);
void mr_ranking_result_add_metric(mr_ranking_result *result, const char *name,
                                  double value);

/* Of targets: those outside the catalogue of the training part, which nothing can find. */
uint64_t mr_ranking_unseen_targets(const mr_ranking_task *task);

#endif
