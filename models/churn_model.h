/*
 * Churn model: who will fall silent in the next weeks, how surely, and why.
 *
 * A logistic regression over named features, calibrated, with three alert tiers.  It learns from
 * rows seen at one or more **origins**: days on which the features were frozen and the label
 * (nothing bought in the window that followed) was waited for.
 *
 *   strength     With several origins, models fitted to the earlier ones are judged on the newest;
 *                with one, on the fold of subjects each has not seen.
 *   calibration  Fitted to log-odds of the newest origin's rows, each given by a model of the
 *                chosen strength that has seen nothing of the row's subject.
 *   weights      Then fitted to all rows.
 *   tiers        Probabilities that a stated share of the newest origin's rows exceeds: alerts
 *                come in a number the team asked for, whatever the base rate.
 *
 * Units      Probabilities in [0, 1]; contributions in log-odds before calibration.
 * Ownership  The model owns all it holds; texts are lent.  Rows are borrowed for the call.
 * Threads    Training is one thread.  A model is immutable: any readers.
 * Cost       Training: about ten fits (models/logistic.h).  Scoring: some ns a feature and row.
 */
#ifndef MR_MODELS_CHURN_MODEL_H
#define MR_MODELS_CHURN_MODEL_H

#include "core/buffer.h"
#include "core/status.h"
#include "models/binary_metrics.h"
#include "models/calibration.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_CHURN_FOLDS = 5,
    MR_CHURN_TIERS = 3, /* watch, at risk, critical */
    MR_CHURN_REASONS_MAX = 16,
    MR_CHURN_MODEL_VERSION = 1, /* of the JSON */
};

typedef struct mr_churn_model mr_churn_model;

typedef struct mr_churn_rows {
    const float *values;      /* row-major; NaN: not known                              */
    const uint8_t *labels;    /* 1: fell silent                                         */
    const uint16_t *origins;  /* larger is later; NULL: one origin                      */
    const uint32_t *subjects; /* whose row it is, any numbering; NULL: each its own    */
    size_t count;             /* at most UINT32_MAX                                     */
    uint32_t columns;
} mr_churn_rows;

typedef struct mr_churn_options {
    const char *const *names;           /* a feature name each column                 */
    uint32_t label_window_days;         /* what the label means; kept with the model  */
    double tier_shares[MR_CHURN_TIERS]; /* falling; all 0: 30 %, 15 %, 5 %            */
    uint64_t seed;                      /* deals subjects to folds                    */
} mr_churn_options;

/* What training saw and what it expects; rows of the newest origin, unseen by their model. */
typedef struct mr_churn_summary {
    uint64_t rows;
    uint32_t origins;
    double churn_rate; /* of the newest origin */
    double l2;
    mr_calibration_kind calibration;
    mr_binary_metrics expected; /* the calibration alone has seen these rows */
} mr_churn_summary;

/*
 * MR_ERR_INVALID with the reason when there is no row, the newest origin has only one label, the
 * columns are too many or the tier shares do not fall; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_churn_model_train(const mr_churn_rows *rows,
                                           const mr_churn_options *options,
                                           mr_churn_model **ret_model,
                                           mr_error *ret_error);
void mr_churn_model_destroy(mr_churn_model *model); /* NULL allowed */

uint32_t mr_churn_model_columns(const mr_churn_model *model);
const char *mr_churn_model_feature(const mr_churn_model *model, uint32_t column);
uint32_t mr_churn_model_label_window_days(const mr_churn_model *model);
mr_churn_summary mr_churn_model_summary(const mr_churn_model *model);

/* The probability from which `tier` (1 watch, 2 at risk, 3 critical) begins. */
double mr_churn_model_tier_begins(const mr_churn_model *model, uint32_t tier);

/* 0 (none) to 3 (critical). */
uint8_t mr_churn_model_tier(const mr_churn_model *model, float probability);

/* Calibrated probabilities of `count` rows of mr_churn_model_columns() values. */
void mr_churn_model_score(const mr_churn_model *model, const float *rows, size_t count,
                          float *ret_probabilities);

/* Words for a feature, given by the caller; several features may share a phrase. */
typedef struct mr_churn_phrase {
    const char *feature;
    const char *phrase;
} mr_churn_phrase;

/*
 * Each column's phrase, borrowed from the table, or NULL; equal phrases become one pointer.
 * Made once for a model, for mr_churn_model_explain().
 */
void mr_churn_model_phrases(const mr_churn_model *model, const mr_churn_phrase *table,
                            size_t count, const char **ret_phrases);

typedef struct mr_churn_reason {
    uint32_t feature;   /* the column; of a phrase the one that adds most         */
    float contribution; /* log-odds against a customer who is average in it; > 0  */
    float value;        /* of the feature in the row                              */
    const char *phrase; /* the caller's; the feature's name where there is none   */
} mr_churn_reason;

/*
 * What raises this row's risk, the largest first: at most `reasons_max` (MR_CHURN_REASONS_MAX at
 * most).  Features of one phrase are added up, those that lower the risk among them, so that
 * "buys less often" said by three windows is one reason and not three.  `phrases` as from
 * mr_churn_model_phrases(); NULL: each feature stands for itself.  Returns how many.
 */
uint32_t mr_churn_model_explain(const mr_churn_model *model, const float *row,
                                const char *const *phrases, uint32_t reasons_max,
                                mr_churn_reason *ret_reasons);

/* Append the model as one JSON object; check the buffer's status. */
void mr_churn_model_to_json(const mr_churn_model *model, mr_buffer *buffer);

/*
 * A model whose probabilities are the stored one's to the bit.
 *
 * MR_ERR_CORRUPT naming the field when the text is not JSON, of another version, or holds lengths
 * that do not fit, numbers that are not finite or knots that do not rise; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_churn_model_from_json(mr_text json, mr_churn_model **ret_model,
                                               mr_error *ret_error);

#endif
