#include "models/logistic.h"

#include "core/assert.h"
#include "models/blas.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_ROWS =
        256, /* rows standardised at a time: a block stays in the second cache  */
    ITERATIONS_MAX =
        50, /* Newton needs about eight; a separable set runs until l2 stops it */
    HALVINGS_MAX =
        30, /* of one step                                                      */
    JITTERS_MAX =
        12, /* tries to make a singular Hessian positive definite               */
    SKETCH_ROWS =
        32768, /* rows that find the starting point of a large fit                 */
    SKETCH_FROM = 4 * SKETCH_ROWS,
    LANES = 8, /* partial sums of a scored row                                     */
};

/* Log-odds of a stored weight or intercept; 2048 terms of four of them stay finite in float32. */
static const double WEIGHT_MAX = 1e6;

/* Stop once a step promises less than this share of the loss; Newton's error is then its square. */
static const double STEP_SHARE_MIN = 1e-9;

double mr_sigmoid(double logit)
{
    const double e = exp(-fabs(logit));
    return logit >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

double mr_softplus(double logit)
{
    return fmax(logit, 0.0) + log1p(exp(-fabs(logit)));
}

static size_t row_index(const mr_labelled_rows *rows, size_t i)
{
    return rows->picks != NULL ? rows->picks[i] : i;
}

/* (x - mean) / scale, cut; a value that is not known is average. */
static inline double standardised(double value, double mean, double inverse)
{
    const double z = (value - mean) * inverse;
    const double low = z < -MR_LOGISTIC_CUT ? -MR_LOGISTIC_CUT : z;
    const double cut = low > MR_LOGISTIC_CUT ? MR_LOGISTIC_CUT : low;
    return cut == cut ? cut : 0.0;
}

static double inverse_or_zero(double scale)
{
    return scale > 0.0 ? 1.0 / scale : 0.0;
}

/* One fit: the rows, and the scratch of a pass over them.  Vectors have p weights, then b. */
typedef struct fit {
    mr_labelled_rows rows;
    size_t stride; /* use every stride-th row */
    size_t order;  /* p + 1                   */
    double l2;
    const double *mean;
    const double *inverse;
    double *block;    /* BLOCK_ROWS x order, the last column 1 */
    double *residual; /* BLOCK_ROWS                            */
    double *root;     /* BLOCK_ROWS: square roots of P (1 - P) */
    double *gradient; /* order                                 */
    double *hessian;  /* order x order, lower triangle         */
    double *factor;   /* order x order                         */
} fit;

static void fill_block(const fit *f, size_t first, size_t count)
{
    const uint32_t p = f->rows.columns;
    for (size_t r = 0; r < count; r++) {
        const size_t i = row_index(&f->rows, (first + r) * f->stride);
        const float *row = f->rows.values + i * p;
        double *z = f->block + r * f->order;
        for (uint32_t j = 0; j < p; j++)
            z[j] = standardised((double)row[j], f->mean[j], f->inverse[j]);
        z[p] = 1.0;
    }
}

static size_t fit_rows(const fit *f)
{
    return (f->rows.count + f->stride - 1) / f->stride;
}

static double penalty(const fit *f, const double *weights)
{
    double squares = 0.0;
    for (uint32_t j = 0; j < f->rows.columns; j++)
        squares += weights[j] * weights[j];
    return 0.5 * f->l2 * squares;
}

/* Probabilities, residuals and root weights of a block whose log-odds lie in `residual`. */
static double block_loss(const fit *f, size_t first, size_t count)
{
    double loss = 0.0;
    for (size_t r = 0; r < count; r++) {
        const size_t i = row_index(&f->rows, (first + r) * f->stride);
        const bool positive = f->rows.labels[i] != 0;
        const double logit = f->residual[r];
        const double probability = mr_sigmoid(logit);
        loss += mr_softplus(positive ? -logit : logit);
        f->root[r] = sqrt(probability * (1.0 - probability));
        f->residual[r] = probability - (positive ? 1.0 : 0.0);
    }
    return loss;
}

/* The loss at `weights`, its gradient and its Hessian, in one pass over the rows. */
static double pass(fit *f, const double *weights)
{
    const size_t order = f->order;
    const size_t rows = fit_rows(f);
    memset(f->gradient, 0, order * sizeof(double));
    memset(f->hessian, 0, order * order * sizeof(double));
    double loss = penalty(f, weights);
    for (size_t first = 0; first < rows; first += BLOCK_ROWS) {
        const size_t count = rows - first < BLOCK_ROWS ? rows - first : BLOCK_ROWS;
        fill_block(f, first, count);
        mr_blas_dgemv(MR_BLAS_PLAIN, count, order, 1.0, f->block, order, weights, 0.0,
                      f->residual);
        loss += block_loss(f, first, count);
        mr_blas_dgemv(MR_BLAS_TRANSPOSED, count, order, 1.0, f->block, order, f->residual,
                      1.0, f->gradient);
        for (size_t r = 0; r < count; r++)
            for (size_t j = 0; j < order; j++)
                f->block[r * order + j] *= f->root[r];
        mr_blas_dsyrk(order, count, 1.0, f->block, order, 1.0, f->hessian, order);
    }
    for (uint32_t j = 0; j < f->rows.columns; j++) {
        f->gradient[j] += f->l2 * weights[j];
        f->hessian[j * order + j] += f->l2;
    }
    return loss;
}

/*
 * step = H^-1 gradient.  The penalty makes H positive definite but for the intercept, whose
 * curvature vanishes when every probability is 0 or 1; a growing diagonal then stands in.
 */
static mr_status newton_step(fit *f, double *ret_step)
{
    const size_t order = f->order;
    double trace = 0.0;
    for (size_t j = 0; j < order; j++)
        trace += f->hessian[j * order + j];
    double jitter = 0.0;
    for (int i = 0; i < JITTERS_MAX; i++) {
        memcpy(f->factor, f->hessian, order * order * sizeof(double));
        for (size_t j = 0; j < order; j++)
            f->factor[j * order + j] += jitter;
        if (mr_blas_dpotrf(order, f->factor, order) == MR_OK) {
            memcpy(ret_step, f->gradient, order * sizeof(double));
            mr_blas_dpotrs(order, f->factor, order, ret_step);
            return MR_OK;
        }
        jitter = jitter > 0.0 ? 10.0 * jitter : 1e-12 * (trace + 1.0);
    }
    return MR_ERR_CORRUPT;
}

/* Newton from `weights` to the minimum, in place.  `step` and `trial` are scratch. */
static mr_status minimise(fit *f, double *weights, double *step, double *trial)
{
    const size_t order = f->order;
    double loss = pass(f, weights);
    for (int iteration = 0; iteration < ITERATIONS_MAX; iteration++) {
        MR_TRY(newton_step(f, step));
        double decrement = 0.0;
        for (size_t j = 0; j < order; j++)
            decrement += f->gradient[j] * step[j];
        if (decrement <= STEP_SHARE_MIN * loss) {
            for (size_t j = 0; j < order; j++)
                weights[j] -= step[j];
            return MR_OK;
        }
        double length = 1.0;
        double trial_loss = 0.0;
        bool better = false;
        for (int halving = 0; halving < HALVINGS_MAX && !better; halving++) {
            for (size_t j = 0; j < order; j++)
                trial[j] = weights[j] - length * step[j];
            trial_loss = pass(f, trial);
            better = trial_loss <= loss - 1e-4 * length * decrement;
            length *= 0.5;
        }
        if (!better)
            return MR_OK; /* nothing is left but rounding */
        memcpy(weights, trial, order * sizeof(double));
        loss = trial_loss;
    }
    return MR_OK;
}

static void measure_columns(const mr_labelled_rows *rows, mr_logistic *model)
{
    const uint32_t p = rows->columns;
    double *known = model->weight; /* free until the fit: how many values are known */
    double *sum = model->mean;
    double *squares = model->scale;
    for (size_t i = 0; i < rows->count; i++) {
        const float *row = rows->values + row_index(rows, i) * p;
        for (uint32_t j = 0; j < p; j++) {
            const double value = isfinite(row[j]) ? (double)row[j] : 0.0;
            known[j] += isfinite(row[j]) ? 1.0 : 0.0;
            sum[j] += value;
        }
    }
    for (uint32_t j = 0; j < p; j++)
        sum[j] = known[j] > 0.0 ? sum[j] / known[j] : 0.0;
    for (size_t i = 0; i < rows->count; i++) {
        const float *row = rows->values + row_index(rows, i) * p;
        for (uint32_t j = 0; j < p; j++) {
            const double from_mean = isfinite(row[j]) ? (double)row[j] - sum[j] : 0.0;
            squares[j] += from_mean * from_mean;
        }
    }
    for (uint32_t j = 0; j < p; j++) {
        /* A column of one float repeated has a deviation of rounding alone. */
        const double deviation = known[j] > 0.0 ? sqrt(squares[j] / known[j]) : 0.0;
        squares[j] = deviation > 1e-7 * fabs(sum[j]) ? deviation : 0.0;
        known[j] = 0.0;
    }
}

/* The four arrays of the scoring loop: term = clamp((x - mean) * slope, low, high). */
static mr_status make_terms(mr_logistic *model)
{
    const size_t p = model->columns;
    model->terms = malloc(4 * p * sizeof(float));
    if (model->terms == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t j = 0; j < p; j++) {
        const bool varies = model->scale[j] > 0.0;
        const double cut = varies ? MR_LOGISTIC_CUT * fabs(model->weight[j]) : 0.0;
        model->terms[j] = (float)model->mean[j];
        model->terms[p + j] =
            (float)(model->weight[j] * inverse_or_zero(model->scale[j]));
        model->terms[2 * p + j] = (float)-cut;
        model->terms[3 * p + j] = (float)cut;
    }
    return MR_OK;
}

static mr_status allocate(mr_logistic *model, uint32_t columns)
{
    *model = (mr_logistic){.columns = columns};
    model->mean = calloc(columns, sizeof(double));
    model->scale = calloc(columns, sizeof(double));
    model->weight = calloc(columns, sizeof(double));
    if (model->mean == NULL || model->scale == NULL || model->weight == NULL)
        return MR_ERR_NO_MEMORY;
    return MR_OK;
}

static bool valid_rows(const mr_labelled_rows *rows)
{
    size_t positives = 0;
    for (size_t i = 0; i < rows->count; i++)
        positives += rows->labels[row_index(rows, i)] != 0;
    return rows->columns > 0 && rows->columns <= MR_LOGISTIC_COLUMNS_MAX &&
           positives > 0 && positives < rows->count;
}

static void start_weights(const fit *f, const mr_logistic *start, double *ret_weights)
{
    const uint32_t p = f->rows.columns;
    double positives = 0.0;
    for (size_t i = 0; i < f->rows.count; i++)
        positives += f->rows.labels[row_index(&f->rows, i)];
    ret_weights[p] = log(positives / ((double)f->rows.count - positives));
    if (start == NULL)
        return;
    MR_ASSERT(start->columns == p);
    memcpy(ret_weights, start->weight, p * sizeof(double));
    ret_weights[p] = start->intercept;
}

/* Everything but the rows lies in one allocation, which `*ret_scratch` keeps. */
static mr_status fit_model(const mr_labelled_rows *rows,
                           const mr_logistic_options *options, mr_logistic *model)
{
    const size_t p = rows->columns;
    const size_t order = p + 1;
    const size_t doubles =
        (size_t)BLOCK_ROWS * (order + 2) + 2 * order * order + 5 * order;
    double *scratch = calloc(doubles, sizeof(double));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    double *inverse = scratch;
    double *weights = inverse + order;
    double *step = weights + order;
    double *trial = step + order;
    double *gradient = trial + order;
    double *hessian = gradient + order;
    double *factor = hessian + order * order;
    double *residual = factor + order * order;
    double *root = residual + BLOCK_ROWS;
    for (size_t j = 0; j < p; j++)
        inverse[j] = inverse_or_zero(model->scale[j]);
    fit f = {.rows = *rows,
             .stride = 1,
             .order = order,
             .l2 = options->l2,
             .mean = model->mean,
             .inverse = inverse,
             .block = root + BLOCK_ROWS,
             .residual = residual,
             .root = root,
             .gradient = gradient,
             .hessian = hessian,
             .factor = factor};
    start_weights(&f, options->start, weights);
    mr_status status = MR_OK;
    if (options->start == NULL && rows->count >= SKETCH_FROM) {
        f.stride = rows->count / SKETCH_ROWS;
        status = minimise(&f, weights, step, trial);
        f.stride = 1;
    }
    if (status == MR_OK)
        status = minimise(&f, weights, step, trial);
    memcpy(model->weight, weights, p * sizeof(double));
    model->intercept = weights[p];
    free(scratch);
    return status;
}

mr_status mr_logistic_train(const mr_labelled_rows *rows,
                            const mr_logistic_options *options, mr_logistic *ret_model)
{
    if (!valid_rows(rows) || !(options->l2 > 0.0) || !isfinite(options->l2))
        return MR_ERR_INVALID;
    mr_logistic model;
    mr_status status = allocate(&model, rows->columns);
    if (status == MR_OK) {
        measure_columns(rows, &model);
        status = fit_model(rows, options, &model);
    }
    if (status == MR_OK)
        status = make_terms(&model);
    if (status != MR_OK) {
        mr_logistic_deinit(&model);
        return status;
    }
    *ret_model = model;
    return MR_OK;
}

static bool is_within(double value, double limit)
{
    return value >= -limit && value <= limit;
}

mr_status mr_logistic_init(uint32_t columns, double intercept, const double *mean,
                           const double *scale, const double *weight,
                           mr_logistic *ret_model)
{
    if (columns == 0 || columns > MR_LOGISTIC_COLUMNS_MAX ||
        !is_within(intercept, WEIGHT_MAX))
        return MR_ERR_INVALID;
    for (uint32_t j = 0; j < columns; j++)
        if (!is_within(mean[j], (double)FLT_MAX) || !is_within(weight[j], WEIGHT_MAX) ||
            !isfinite(scale[j]) || scale[j] < 0.0)
            return MR_ERR_INVALID;
    mr_logistic model;
    mr_status status = allocate(&model, columns);
    if (status == MR_OK) {
        model.intercept = intercept;
        memcpy(model.mean, mean, columns * sizeof(double));
        memcpy(model.scale, scale, columns * sizeof(double));
        memcpy(model.weight, weight, columns * sizeof(double));
        status = make_terms(&model);
    }
    if (status != MR_OK) {
        mr_logistic_deinit(&model);
        return status;
    }
    *ret_model = model;
    return MR_OK;
}

void mr_logistic_deinit(mr_logistic *model)
{
    free(model->mean);
    free(model->scale);
    free(model->weight);
    free(model->terms);
    *model = (mr_logistic){0};
}

static inline float fast_term(const float *terms, size_t p, const float *row, size_t j)
{
    const float term = (row[j] - terms[j]) * terms[p + j];
    const float low = term < terms[2 * p + j] ? terms[2 * p + j] : term;
    const float cut = low > terms[3 * p + j] ? terms[3 * p + j] : low;
    return cut == cut ? cut : 0.0F;
}

void mr_logistic_logits(const mr_logistic *model, const float *rows, size_t count,
                        float *ret_logits)
{
    const size_t p = model->columns;
    for (size_t i = 0; i < count; i++) {
        const float *row = rows + i * p;
        float sum[LANES] = {0};
        size_t j = 0;
        for (; j + LANES <= p; j += LANES)
            for (size_t lane = 0; lane < LANES; lane++)
                sum[lane] += fast_term(model->terms, p, row, j + lane);
        for (size_t lane = 0; j < p; j++, lane++)
            sum[lane] += fast_term(model->terms, p, row, j);
        for (size_t half = LANES / 2; half > 0; half /= 2)
            for (size_t lane = 0; lane < half; lane++)
                sum[lane] += sum[lane + half];
        ret_logits[i] = (float)model->intercept + sum[0];
    }
}

void mr_logistic_terms(const mr_logistic *model, const float *row, double *ret_terms)
{
    for (uint32_t j = 0; j < model->columns; j++)
        ret_terms[j] = model->weight[j] * standardised((double)row[j], model->mean[j],
                                                       inverse_or_zero(model->scale[j]));
}

double mr_logistic_loss(const mr_logistic *model, const mr_labelled_rows *rows, double l2)
{
    double loss = 0.0;
    for (uint32_t j = 0; j < model->columns; j++)
        loss += 0.5 * l2 * model->weight[j] * model->weight[j];
    for (size_t i = 0; i < rows->count; i++) {
        const float *row = rows->values + row_index(rows, i) * rows->columns;
        double logit = model->intercept;
        for (uint32_t j = 0; j < rows->columns; j++)
            logit += model->weight[j] * standardised((double)row[j], model->mean[j],
                                                     inverse_or_zero(model->scale[j]));
        loss += mr_softplus(rows->labels[row_index(rows, i)] != 0 ? -logit : logit);
    }
    return loss;
}
