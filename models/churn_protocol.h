/*
 * Churn protocol: a churn model judged as the published figures are.
 *
 *   table         K folds, stratified by label; each fold is scored by a model trained on the
 *                 others.  AUC, log-loss, Brier and lift are the mean of the folds, the
 *                 calibration error that of all rows together.
 *   transactions  Trained at one cut, tested at a later one, all customers who had bought by then.
 *                 The training part adds earlier cuts, a month apart; their labels were all
 *                 known when the training cut's were.
 *
 * Whatever is chosen (strength, calibration) is chosen inside the training part.
 *
 * Units      Days since 1970-01-01; seconds.
 * Ownership  Borrows its inputs for the call; a result owns nothing.
 * Threads    One.  The clock only fills in the seconds.
 * Cost       A training a fold.
 */
#ifndef MR_MODELS_CHURN_PROTOCOL_H
#define MR_MODELS_CHURN_PROTOCOL_H

#include "core/clock.h"
#include "core/status.h"
#include "models/binary_metrics.h"
#include "models/table.h"
#include "models/transactions.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_CHURN_MODEL_TEXT_BYTES = 256,
    MR_CHURN_TABLE_FOLDS_MAX = 50,
    MR_CHURN_ORIGINS_MAX = 3,
};

typedef enum mr_churn_family {
    MR_CHURN_AUTO, /* the best there is: the logistic */
    MR_CHURN_LOGISTIC,
} mr_churn_family;

/* "auto" or "logistic"; MR_ERR_INVALID otherwise. */
MR_MUST_USE mr_status mr_churn_family_parse(mr_text text, mr_churn_family *ret_family);

typedef struct mr_churn_table_options {
    mr_churn_family family;
    uint32_t folds; /* 2 .. MR_CHURN_TABLE_FOLDS_MAX */
    uint64_t seed;
    const mr_clock *clock;
} mr_churn_table_options;

typedef struct mr_churn_transactions_options {
    mr_churn_family family;
    int32_t train_day; /* the cuts, at the end of the day */
    int32_t test_day;
    uint32_t window_days; /* 0: the 95th percentile of the gaps up to train_day */
    uint64_t seed;
    const mr_clock *clock;
} mr_churn_transactions_options;

typedef struct mr_churn_evaluation {
    const char *protocol; /* "churn/table" or "churn/transactions"; static */
    size_t train_rows;    /* of a fold the others; summed over origins     */
    size_t test_rows;     /* all folds together                            */
    uint32_t features;
    uint32_t folds; /* 0: transactions                               */
    uint32_t origins;
    uint32_t window_days; /* 0: table                                      */
    double train_churn_rate;
    double test_churn_rate;
    char model[MR_CHURN_MODEL_TEXT_BYTES]; /* name and what was chosen, a fold each */
    mr_binary_metrics metrics;
    double auc_deviation; /* between folds; 0: transactions                */
    double train_seconds; /* all folds together                            */
    double score_seconds;
    uint64_t seed;
} mr_churn_evaluation;

/* MR_ERR_INVALID with the reason: folds out of range or too many for the rarer label. */
MR_MUST_USE mr_status mr_churn_evaluate_table(const mr_table *table,
                                              const mr_churn_table_options *options,
                                              mr_churn_evaluation *ret_evaluation,
                                              mr_error *ret_error);

/*
 * MR_ERR_INVALID with the reason: the training labels reach past the test cut (a leak), or the
 * file ends before the test labels are known, or one of the parts has only one label.
 */
MR_MUST_USE mr_status mr_churn_evaluate_transactions(
    const mr_transactions *transactions, const mr_churn_transactions_options *options,
    mr_churn_evaluation *ret_evaluation, mr_error *ret_error);

#endif
