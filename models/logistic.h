/*
 * Logistic regression: a probability as a sum of named parts.
 *
 *     log-odds(x) = b + sum over j of  w_j * clamp((x_j - mean_j) / scale_j, -4, +4)
 *
 * Fitted by Newton's method (iteratively reweighted least squares) on the penalised
 * log-likelihood  sum_i log P(y_i | x_i) - l2/2 * |w|^2, the intercept free.  Means and standard
 * deviations are part of the model, and values are cut at four deviations: one absurd order
 * value cannot buy a probability of 1.  Each term of the sum is an exact explanation: what the
 * feature adds to the log-odds against a customer who is average in it.
 *
 * Units      Terms and intercept in log-odds; weights in log-odds a standard deviation.
 * Ownership  A trained model owns its arrays; mr_logistic_deinit() frees them.  Rows are borrowed
 *            for the call.
 * Threads    Training is one thread.  A trained model is immutable: any readers.
 * Cost       Training: n * p^2 multiply-adds an iteration, three to ten iterations over all
 *            rows.  Scoring: p multiply-adds and one pass over the row.
 */
#ifndef MR_MODELS_LOGISTIC_H
#define MR_MODELS_LOGISTIC_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_LOGISTIC_COLUMNS_MAX = 2048 };

/* Values are cut this many standard deviations away from the mean. */
#define MR_LOGISTIC_CUT 4.0

/* Rows to learn from: row-major values, a NaN standing for "not known". */
typedef struct mr_labelled_rows {
    const float *values;   /* row i at values + i * columns                        */
    const uint8_t *labels; /* 0 or 1                                               */
    const uint32_t *picks; /* the rows to use, `count` of them; NULL: 0 .. count-1 */
    size_t count;
    uint32_t columns;
} mr_labelled_rows;

typedef struct mr_logistic {
    uint32_t columns;
    double intercept;
    double *mean;
    double *scale;  /* 0: the column did not vary and adds nothing */
    double *weight; /* a standard deviation's worth of log-odds    */
    float *terms;   /* private: the same sum in four float arrays  */
} mr_logistic;

typedef struct mr_logistic_options {
    double l2; /* > 0, in rows' worth of evidence: 1 is weak, 1000 is strong */
    const mr_logistic
        *start; /* begin at these weights; NULL: at the base rate             */
} mr_logistic_options;

/*
 * Fit.  Deterministic: the same rows in the same order give the same bits.
 *
 * MR_ERR_INVALID when there is no column or too many, l2 is not positive and finite, or the
 * labels are all alike; MR_ERR_NO_MEMORY.  Infinite values count as their column's cut.
 */
MR_MUST_USE mr_status mr_logistic_train(const mr_labelled_rows *rows,
                                        const mr_logistic_options *options,
                                        mr_logistic *ret_model);

/*
 * A model from stored numbers, copied.
 *
 * MR_ERR_INVALID when one of them is not finite, a scale is negative, or a weight or the
 * intercept is beyond a million (no fit ends there); MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_logistic_init(uint32_t columns, double intercept,
                                       const double *mean, const double *scale,
                                       const double *weight, mr_logistic *ret_model);

/* An all-zero model is allowed. */
void mr_logistic_deinit(mr_logistic *model);

/* The log-odds of `count` rows, always finite; a value that is NaN adds nothing. */
void mr_logistic_logits(const mr_logistic *model, const float *rows, size_t count,
                        float *ret_logits);

/* What each column adds: log-odds = intercept + the sum of these. */
void mr_logistic_terms(const mr_logistic *model, const float *row, double *ret_terms);

/* The penalised negative log-likelihood at the model's weights: what training makes small. */
double mr_logistic_loss(const mr_logistic *model, const mr_labelled_rows *rows,
                        double l2);

/* 1 / (1 + e^-x) and log(1 + e^x), exact at both ends. */
double mr_sigmoid(double logit);
double mr_softplus(double logit);

#endif
