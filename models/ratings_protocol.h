/*
 * Ratings protocol: who likes what later, and what is worth something for the new.
 *
 * The newest share of all ratings is cut off and never learnt from.  Every question of the cut
 * (models/ratings_cut.h) ranks all items but the given ones, and cold items a second time among
 * themselves.  The rank of a target is the number of candidates with a score as high or higher:
 * ties count against us, and a score of 0 finds nothing.  Recall divides by the number of targets,
 * the ideal list of NDCG holds min(20, that); both are means over questions.
 *
 * A model's parameters are chosen on another cut, of the same share, made in what lies before the
 * first; it is then trained on all of that.  The yardsticks popular and item_knn (cosine) stand
 * beside it in every result.
 *
 * Units      Seconds of wall time for training (choosing included) and scoring.
 * Ownership  The result is a value.
 * Threads    One caller; work is spread over a pool of its own.
 * Cost       Budget x (a training and one row a question).
 */
#ifndef MR_MODELS_RATINGS_PROTOCOL_H
#define MR_MODELS_RATINGS_PROTOCOL_H

#include "core/clock.h"
#include "core/status.h"
#include "models/ratings_scorers.h"

#include <stdint.h>

enum {
    MR_RATINGS_K = 20,
    MR_RATINGS_BUDGET_DEFAULT = 24,
    MR_RATINGS_METRICS = 12, /* recall and NDCG of each kind, and of cold items alone */
    MR_RATINGS_ROWS_MAX = 3,
};

typedef struct mr_ratings_options {
    const char *data_path;
    const char *items_path;
    const char *users_path; /* or NULL */
    const char *model;      /* a name of mr_ratings_scorer_find() */
    double test_share;      /* 0: 0.2                             */
    uint32_t budget;        /* candidates tried; 0: the default   */
    uint64_t seed;
    uint32_t threads;                                /* 0: one a processor */
    void (*report)(void *context, const char *line); /* or NULL            */
    void *context;
    const mr_clock *clock; /* for the durations alone */
} mr_ratings_options;

/* One model. */
typedef struct mr_ratings_row {
    const char *model;
    char parameters[MR_RATINGS_PARAMETERS_BYTES];
    double metrics[MR_RATINGS_METRICS];
    double holdout; /* what was maximised: the mean of the hold-out's metrics */
    uint32_t tries;
    double train_seconds;
    double score_seconds;
} mr_ratings_row;

typedef struct mr_ratings_result {
    const char *protocol; /* "ratings" */
    uint32_t users;
    uint32_t items;
    uint64_t train_count;
    uint64_t test_count;
    uint32_t cut_s;
    uint32_t cold_users;
    uint32_t cold_items;
    uint32_t questions[MR_RATINGS_KINDS];
    mr_ratings_row rows[MR_RATINGS_ROWS_MAX]; /* the model's, then the yardsticks' */
    uint32_t row_count;
    uint64_t seed;
} mr_ratings_result;

/* "recall@20", "ndcg@20", "cold_user_1_recall@20", … of `metrics[index]`. */
const char *mr_ratings_metric_name(uint32_t index);

/*
 * MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_CORRUPT for files; MR_ERR_INVALID for a model that
 * is none, a share out of range, or when a cut leaves nothing to learn or to find;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ratings_run(const mr_ratings_options *options,
                                     mr_ratings_result *ret_result, mr_error *ret_error);

/*
 * The metrics of a trained model on a cut's questions; those of a kind that is not asked are 0.
 * The same bits for any number of threads.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ratings_measure(const mr_ratings_scorer *scorer,
                                         const void *model, const mr_ratings_cut *cut,
                                         mr_worker_pool *pool,
                                         double ret_metrics[MR_RATINGS_METRICS]);

#endif
