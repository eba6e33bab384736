/*
 * Purchase features: what a customer's purchase days say on a given day.
 *
 * Recency, frequency and monetary value, the rhythm between purchases, and how the last months
 * compare; days, counts and money in logarithms, because a customer acts by ratio.  A **cut** is
 * the end of a day: features see that day and those before, the label the days after.
 *
 * Units      Days since 1970-01-01.  Feature names carry their own.
 * Ownership  Borrows the transactions.
 * Threads    Any: pure functions.
 * Cost       O(purchase days of the customer).
 */
#ifndef MR_MODELS_PURCHASE_FEATURES_H
#define MR_MODELS_PURCHASE_FEATURES_H

#include "models/transactions.h"

typedef enum mr_purchase_feature {
    MR_PURCHASE_RECENCY,
    MR_PURCHASE_TENURE,
    MR_PURCHASE_FREQUENCY,
    MR_PURCHASE_UNITS,
    MR_PURCHASE_VALUE,
    MR_PURCHASE_MEAN_VALUE,
    MR_PURCHASE_LARGEST_VALUE,
    MR_PURCHASE_LAST_VALUE,
    MR_PURCHASE_DAYS_30, /* purchase days and value in the last 30, 60, 90 and 180 days */
    MR_PURCHASE_VALUE_30,
    MR_PURCHASE_DAYS_60,
    MR_PURCHASE_VALUE_60,
    MR_PURCHASE_DAYS_90,
    MR_PURCHASE_VALUE_90,
    MR_PURCHASE_DAYS_180,
    MR_PURCHASE_VALUE_180,
    MR_PURCHASE_MEAN_GAP,
    MR_PURCHASE_GAP_DEVIATION,
    MR_PURCHASE_OVERDUE, /* recency over the mean gap: 1 is on time */
    MR_PURCHASE_RATE,    /* purchase days a month of tenure         */
    MR_PURCHASE_TREND,   /* the last 90 days against the 90 before  */
    MR_PURCHASE_ONCE,    /* 1: has bought on one day only           */
    MR_PURCHASE_FEATURES,
} mr_purchase_feature;

/* "recency_log_days", ...; static. */
const char *mr_purchase_feature_name(uint32_t feature);

/*
 * All features of a customer at a cut.
 *
 * MR_ERR_NOT_FOUND when the customer had not bought by then.
 */
MR_MUST_USE mr_status mr_purchase_features_at(const mr_transactions *transactions,
                                              uint32_t customer, int32_t cut_day,
                                              float ret_row[MR_PURCHASE_FEATURES]);

/* 1 when the customer buys nothing in the `window_days` days after the cut. */
uint8_t mr_purchase_churned(const mr_transactions *transactions, uint32_t customer,
                            int32_t cut_day, uint32_t window_days);

/*
 * The `share` quantile (0.90 to 0.95 for churn) of the gaps between purchase days up to the cut:
 * how long a silence has to be before it says something.
 *
 * MR_ERR_NOT_FOUND when nobody had bought twice; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_purchase_gap_days(const mr_transactions *transactions,
                                           int32_t cut_day, double share,
                                           uint32_t *ret_days);

#endif
