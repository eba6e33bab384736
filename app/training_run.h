/*
 * Training run: from checkpoints and the log to a model version, with what it is worth.
 *
 *   1  The newest checkpoint of every partition is pinned and its histories are read.
 *   2  The log is replayed up to where they stand (app/training_past.h).
 *   3  A recommender is trained on what was known at the hold-out's cut, tuning included, and
 *      judged on what followed (app/holdout_report.h).
 *   4  The churn model is trained, then the recommender on everything, and both are written as
 *      one version.
 *
 * Units      Durations in ms of event time.
 * Ownership  An outcome is a plain value.
 * Threads    One caller; training is spread over `threads`.  The version is the same for any
 *            number of them.
 * Cost       Two trainings and one replay of the log.
 */
#ifndef MR_APP_TRAINING_RUN_H
#define MR_APP_TRAINING_RUN_H

#include "app/training_past.h"
#include "models/churn_model.h"
#include "models/recommender_train.h"

#include <stdbool.h>

typedef struct mr_training_options {
    const mr_config *config;
    uint64_t seed;
    uint32_t threads; /* 0: one a processor      */
    uint32_t budget;  /* 0: the tuner's default  */
    int64_t holdout_ms;
    uint32_t churn_window_days;
    bool is_verbose; /* a line a candidate on standard error, instead of a bar */
} mr_training_options;

typedef struct mr_training_outcome {
    mr_training_counts counts;
    uint32_t partitions;
    int64_t from_ms; /* first event of any profile */
    int64_t to_ms;   /* newest event               */
    bool has_figures;
    mr_holdout_figures figures;
    bool has_churn;
    mr_churn_summary churn;
    uint32_t churn_window_days;
    int64_t origins_ms[MR_CHURN_ORIGINS_MAX];
    size_t origin_count;
    mr_training_result result;
    mr_training_notes notes;
} mr_training_outcome;

/*
 * Train and write a version; nothing is activated.  Progress goes to standard error.
 *
 * MR_ERR_NOT_FOUND without checkpoints or without histories in them; otherwise MR_ERR_* of what
 * failed.
 */
MR_MUST_USE mr_status mr_training_run(const mr_training_options *options,
                                      mr_training_outcome *ret_outcome,
                                      mr_error *ret_error);

/* What was held out and what churn reached, as members of the object the writer is in. */
void mr_training_outcome_write(const mr_training_outcome *outcome,
                               mr_json_writer *writer);

#endif
