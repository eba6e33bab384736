/*
 * Binary metrics: how good a column of probabilities is, against what happened.
 *
 * AUC judges the order, log-loss and Brier the numbers, expected calibration error the gap
 * between what was promised and what came, lift what a campaign of a given size would find.
 *
 * Units      Log-loss in nats a row; the rest are shares, lift a ratio.
 * Ownership  Borrows its arrays.
 * Threads    Any.
 * Cost       One sort.
 */
#ifndef MR_MODELS_BINARY_METRICS_H
#define MR_MODELS_BINARY_METRICS_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Bins of equal width over [0, 1] for the calibration error. */
enum { MR_CALIBRATION_BINS = 10 };

typedef struct mr_binary_metrics {
    double auc; /* P(a positive outranks a negative), a tie counting one half        */
    double
        log_loss; /* mean of -log P(what happened), P held to [1e-15, 1 - 1e-15]       */
    double brier; /* mean of (P - y)^2                                                 */
    double ece;   /* sum over bins of share * |mean P - rate|                          */
    double lift_at_10; /* rate among the tenth of rows ranked first / rate among all;
                         rows that tie at the border count in proportion                   */
} mr_binary_metrics;

/*
 * All five.  Probabilities are finite and in [0, 1]; labels 0 or 1.
 *
 * MR_ERR_INVALID when the labels are all alike (AUC is then not defined); MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_binary_metrics_measure(const float *probabilities,
                                                const uint8_t *labels, size_t count,
                                                mr_binary_metrics *ret_metrics);

/* Mean log-loss of log-odds, without going through rounded probabilities. */
double mr_logit_log_loss(const float *logits, const uint8_t *labels, size_t count);

#endif
