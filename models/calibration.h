/*
 * Calibration: from a score that ranks to a probability that can be acted upon.
 *
 * Fitted on rows the score has not learnt from.  Two maps, both in log-odds:
 *
 *   Platt     probability = sigmoid(slope * score + offset)   [Platt 1999; Lin, Lin, Weng 2007]
 *   isotonic  the best rising step function of small groups (pool adjacent violators), then
 *             straight lines between the middles of the steps, so that no two scores tie.
 *             Outside the outermost steps the line goes on with slope 1.
 *
 * Isotonic assumes less and needs more rows; it is considered from MR_ISOTONIC_CLASS_ROWS of
 * either label.  mr_calibration_choose() takes the map with the smallest log-loss on rows it was
 * not fitted to, and leaves the score alone when neither map helps.
 *
 * Units      Scores in log-odds.
 * Ownership  A fitted calibration owns its knots; mr_calibration_deinit() frees them.
 * Threads    Fitting: one.  A fitted calibration is immutable: any readers.
 * Cost       Fitting: one sort.  Applying: a binary search among at most MR_ISOTONIC_GROUPS_MAX.
 */
#ifndef MR_MODELS_CALIBRATION_H
#define MR_MODELS_CALIBRATION_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_ISOTONIC_CLASS_ROWS = 1000, /* of each label, before isotonic is considered */
    MR_ISOTONIC_GROUP_ROWS = 50,   /* at least so many rows a group                */
    MR_ISOTONIC_GROUPS_MAX = 200,
};

typedef enum mr_calibration_kind {
    MR_CALIBRATION_NONE, /* probability = sigmoid(score) */
    MR_CALIBRATION_PLATT,
    MR_CALIBRATION_ISOTONIC,
} mr_calibration_kind;

typedef struct mr_calibration {
    mr_calibration_kind kind;
    double slope, offset; /* Platt; slope >= 0                       */
    uint32_t knots;       /* isotonic                                */
    double *score;        /* rising                                  */
    double *logit;        /* rising; what a score at the knot becomes */
} mr_calibration;

/* "none", "platt", "isotonic". */
const char *mr_calibration_kind_name(mr_calibration_kind kind);

/* Fit one kind.  MR_ERR_INVALID when the labels are all alike; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_calibration_fit(mr_calibration_kind kind, const float *scores,
                                         const uint8_t *labels, size_t count,
                                         mr_calibration *ret_calibration);

/* Choose the kind by two-fold cross-validation, then fit it on all rows.  Codes as above. */
MR_MUST_USE mr_status mr_calibration_choose(const float *scores, const uint8_t *labels,
                                            size_t count,
                                            mr_calibration *ret_calibration);

/* Isotonic from stored knots, copied.  MR_ERR_INVALID when they are not finite and rising. */
MR_MUST_USE mr_status mr_calibration_init_isotonic(uint32_t knots, const double *score,
                                                   const double *logit,
                                                   mr_calibration *ret_calibration);

/* An all-zero calibration is allowed: it is MR_CALIBRATION_NONE. */
void mr_calibration_deinit(mr_calibration *calibration);

/* The calibrated log-odds; never falls when `score` rises. */
double mr_calibration_logit(const mr_calibration *calibration, double score);

/*
 * Pool adjacent violators [Ayer et al. 1955]: the rising sequence nearest to `values` by
 * weighted squares, in place.  `starts` receives the index each step begins at; returns how
 * many steps there are, 0 when out of memory.  Weights are positive; O(count).
 */
size_t mr_isotonic_pool(double *values, const double *weights, size_t count,
                        size_t *starts);

#endif
