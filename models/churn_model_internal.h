/*
 * Churn model, inside: what training, scoring and the JSON form share.
 *
 * Units, Ownership, Threads, Cost   As in models/churn_model.h.
 */
#ifndef MR_MODELS_CHURN_MODEL_INTERNAL_H
#define MR_MODELS_CHURN_MODEL_INTERNAL_H

#include "models/churn_model.h"
#include "models/logistic.h"

struct mr_churn_model {
    mr_logistic logistic;
    mr_calibration calibration;
    char **names; /* logistic.columns of them */
    double tier_begins[MR_CHURN_TIERS];
    uint32_t label_window_days;
    mr_churn_summary summary;
};

#endif
