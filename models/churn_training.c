#include "models/churn_model_internal.h"

#include "models/random.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* The strength matters when rows are few; beyond this many, every n-th row chooses it. */
    CHOICE_ROWS_MAX = 65536,
    ORIGINS_MAX = UINT16_MAX + 1,
};

static const double STRENGTHS[] = {1000.0, 100.0, 10.0, 1.0, 0.1};
static const double TIER_SHARES[MR_CHURN_TIERS] = {0.30, 0.15, 0.05};

typedef struct trainer {
    mr_churn_rows rows;
    uint64_t seed;
    uint16_t newest_origin;
    uint32_t origins;
    uint32_t *newest; /* rows of the newest origin */
    size_t newest_count;
    uint32_t *picks; /* scratch: rows of one fit */
    float *logits;   /* of the newest rows, by models that have not seen their subject */
    float *probabilities;
    uint8_t *labels; /* of the newest rows */
    mr_logistic
        folds[MR_CHURN_FOLDS]; /* the last fit without each fold: where the next begins */
} trainer;

static uint16_t origin_of(const trainer *t, size_t row)
{
    return t->rows.origins != NULL ? t->rows.origins[row] : 0;
}

static uint32_t fold_of(const trainer *t, size_t row)
{
    const uint64_t subject = t->rows.subjects != NULL ? t->rows.subjects[row] : row;
    return (uint32_t)(mr_random_bits(t->seed, subject) % MR_CHURN_FOLDS);
}

static uint32_t count_origins(const mr_churn_rows *rows, uint16_t *ret_newest)
{
    bool *seen = calloc(ORIGINS_MAX, sizeof(*seen));
    uint32_t count = 0;
    *ret_newest = 0;
    if (seen == NULL)
        return 0;
    for (size_t i = 0; i < rows->count; i++) {
        const uint16_t origin = rows->origins != NULL ? rows->origins[i] : 0;
        count += !seen[origin];
        seen[origin] = true;
        *ret_newest = origin > *ret_newest ? origin : *ret_newest;
    }
    free(seen);
    return count;
}

static void deinit(trainer *t)
{
    for (int fold = 0; fold < MR_CHURN_FOLDS; fold++)
        mr_logistic_deinit(&t->folds[fold]);
    free(t->newest);
    free(t->picks);
    free(t->logits);
    free(t->probabilities);
    free(t->labels);
}

static mr_status init(trainer *t, const mr_churn_rows *rows, uint64_t seed)
{
    *t = (trainer){.rows = *rows, .seed = seed};
    t->origins = count_origins(rows, &t->newest_origin);
    t->newest = malloc(rows->count * sizeof(*t->newest));
    t->picks = malloc(rows->count * sizeof(*t->picks));
    t->logits = malloc(rows->count * sizeof(*t->logits));
    t->probabilities = malloc(rows->count * sizeof(*t->probabilities));
    t->labels = malloc(rows->count);
    if (t->origins == 0 || t->newest == NULL || t->picks == NULL || t->logits == NULL ||
        t->probabilities == NULL || t->labels == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < rows->count; i++) {
        if (origin_of(t, i) != t->newest_origin)
            continue;
        t->labels[t->newest_count] = rows->labels[i] != 0;
        t->newest[t->newest_count++] = (uint32_t)i;
    }
    return MR_OK;
}

/* Fit to the first `count` picks. */
static mr_status fit_picks(const trainer *t, size_t count, double l2,
                           const mr_logistic *start, mr_logistic *ret_model)
{
    const mr_labelled_rows rows = {.values = t->rows.values,
                                   .labels = t->rows.labels,
                                   .picks = t->picks,
                                   .count = count,
                                   .columns = t->rows.columns};
    return mr_logistic_train(&rows, &(mr_logistic_options){.l2 = l2, .start = start},
                             ret_model);
}

static float logit_of(const trainer *t, const mr_logistic *model, size_t row)
{
    float logit;
    mr_logistic_logits(model, t->rows.values + row * t->rows.columns, 1, &logit);
    return logit;
}

/* Fit to all subjects but a fold's, from where the last such fit ended. */
static mr_status fit_without(trainer *t, uint32_t fold, double l2, size_t stride)
{
    size_t count = 0;
    for (size_t i = 0; i < t->rows.count; i += stride)
        if (fold_of(t, i) != fold)
            t->picks[count++] = (uint32_t)i;
    mr_logistic *last = &t->folds[fold];
    mr_logistic model;
    MR_TRY(fit_picks(t, count, l2, last->columns > 0 ? last : NULL, &model));
    mr_logistic_deinit(last);
    *last = model;
    return MR_OK;
}

/*
 * Log-odds of the newest rows, each by a model fitted to the other folds' subjects.  Only every
 * `stride`-th row is used and given.  MR_ERR_INVALID when a fold leaves one label only.
 */
static mr_status score_unseen(trainer *t, double l2, size_t stride)
{
    for (uint32_t fold = 0; fold < MR_CHURN_FOLDS; fold++) {
        MR_TRY(fit_without(t, fold, l2, stride));
        for (size_t i = 0; i < t->newest_count; i += stride)
            if (fold_of(t, t->newest[i]) == fold)
                t->logits[i] = logit_of(t, &t->folds[fold], t->newest[i]);
    }
    return MR_OK;
}

/* The same by one model fitted to the earlier origins. */
static mr_status score_forward(trainer *t, double l2, size_t stride)
{
    size_t count = 0;
    for (size_t i = 0; i < t->rows.count; i += stride)
        if (origin_of(t, i) != t->newest_origin)
            t->picks[count++] = (uint32_t)i;
    mr_logistic model;
    MR_TRY(fit_picks(t, count, l2, NULL, &model));
    for (size_t i = 0; i < t->newest_count; i += stride)
        t->logits[i] = logit_of(t, &model, t->newest[i]);
    mr_logistic_deinit(&model);
    return MR_OK;
}

static double strided_loss(const trainer *t, size_t stride)
{
    double loss = 0.0;
    for (size_t i = 0; i < t->newest_count; i += stride)
        loss +=
            mr_softplus(t->labels[i] != 0 ? -(double)t->logits[i] : (double)t->logits[i]);
    return loss;
}

static mr_status choose_strength(trainer *t, double *ret_l2)
{
    const size_t stride = 1 + t->rows.count / CHOICE_ROWS_MAX;
    double best = (double)INFINITY;
    *ret_l2 = STRENGTHS[0];
    for (size_t s = 0; s < sizeof(STRENGTHS) / sizeof(STRENGTHS[0]); s++) {
        const mr_status status = t->origins > 1 ? score_forward(t, STRENGTHS[s], stride)
                                                : score_unseen(t, STRENGTHS[s], stride);
        if (status == MR_ERR_INVALID)
            return MR_OK; /* too few rows to judge by: the strongest */
        MR_TRY(status);
        const double loss = strided_loss(t, stride);
        if (loss < best) {
            best = loss;
            *ret_l2 = STRENGTHS[s];
        }
    }
    return MR_OK;
}

static int by_falling_probability(const void *left, const void *right)
{
    const float a = *(const float *)left;
    const float b = *(const float *)right;
    return (a < b) - (a > b);
}

/* Sorts the probabilities. */
static void place_tiers(trainer *t, const double *shares, double *ret_begins)
{
    qsort(t->probabilities, t->newest_count, sizeof(float), by_falling_probability);
    for (int tier = 0; tier < MR_CHURN_TIERS; tier++) {
        const size_t count = (size_t)ceil(shares[tier] * (double)t->newest_count);
        ret_begins[tier] = (double)t->probabilities[count > 0 ? count - 1 : 0];
    }
}

static mr_status calibrate(trainer *t, const double *shares, mr_churn_model *model)
{
    const mr_status status = score_unseen(t, model->summary.l2, 1);
    if (status == MR_ERR_INVALID) /* too few rows for folds: what the model has seen */
        for (size_t i = 0; i < t->newest_count; i++)
            t->logits[i] = logit_of(t, &model->logistic, t->newest[i]);
    else
        MR_TRY(status);
    MR_TRY(mr_calibration_choose(t->logits, t->labels, t->newest_count,
                                 &model->calibration));
    for (size_t i = 0; i < t->newest_count; i++)
        t->probabilities[i] = (float)mr_sigmoid(
            mr_calibration_logit(&model->calibration, (double)t->logits[i]));
    MR_TRY(mr_binary_metrics_measure(t->probabilities, t->labels, t->newest_count,
                                     &model->summary.expected));
    place_tiers(t, shares, model->tier_begins);
    return MR_OK;
}

static mr_status copy_names(const char *const *names, uint32_t columns,
                            mr_churn_model *model)
{
    model->names = calloc(columns, sizeof(*model->names));
    if (model->names == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t j = 0; j < columns; j++) {
        model->names[j] = strdup(names[j]);
        if (model->names[j] == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static mr_status train(trainer *t, const mr_churn_options *options, const double *shares,
                       mr_churn_model *model)
{
    double positives = 0.0;
    for (size_t i = 0; i < t->newest_count; i++)
        positives += t->labels[i];
    model->label_window_days = options->label_window_days;
    model->summary.rows = t->rows.count;
    model->summary.origins = t->origins;
    model->summary.churn_rate = positives / (double)t->newest_count;
    MR_TRY(choose_strength(t, &model->summary.l2));
    for (size_t i = 0; i < t->rows.count; i++)
        t->picks[i] = (uint32_t)i;
    MR_TRY(fit_picks(t, t->rows.count, model->summary.l2, NULL, &model->logistic));
    MR_TRY(copy_names(options->names, t->rows.columns, model));
    MR_TRY(calibrate(t, shares, model));
    model->summary.calibration = model->calibration.kind;
    return MR_OK;
}

static bool shares_fall(const double *shares)
{
    return shares[0] <= 1.0 && shares[0] >= shares[1] && shares[1] >= shares[2] &&
           shares[2] > 0.0;
}

static mr_status check_rows(const trainer *t, mr_error *ret_error)
{
    size_t positives = 0;
    for (size_t i = 0; i < t->newest_count; i++)
        positives += t->labels[i];
    if (positives > 0 && positives < t->newest_count)
        return MR_OK;
    return mr_error_set(
        ret_error, MR_ERR_INVALID,
        "churn: all %zu rows of the newest origin are labelled %s: choose "
        "another window",
        t->newest_count, positives == 0 ? "active" : "churned");
}

mr_status mr_churn_model_train(const mr_churn_rows *rows, const mr_churn_options *options,
                               mr_churn_model **ret_model, mr_error *ret_error)
{
    const double *shares =
        options->tier_shares[0] > 0.0 ? options->tier_shares : TIER_SHARES;
    if (!shares_fall(shares))
        return mr_error_set(ret_error, MR_ERR_INVALID, "churn: tier shares must fall");
    if (rows->count == 0 || rows->count > UINT32_MAX || rows->columns == 0 ||
        rows->columns > MR_LOGISTIC_COLUMNS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "churn: %zu rows of %u columns cannot be learnt from",
                            rows->count, rows->columns);
    trainer t = {0};
    mr_churn_model *model = calloc(1, sizeof(*model));
    mr_status status = init(&t, rows, options->seed);
    if (model == NULL)
        status = MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = check_rows(&t, ret_error);
    if (status == MR_OK)
        status = train(&t, options, shares, model);
    deinit(&t);
    if (status != MR_OK) {
        mr_churn_model_destroy(model);
        return status;
    }
    *ret_model = model;
    return MR_OK;
}
