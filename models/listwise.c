#include "models/listwise.h"

#include "models/blas.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNKS_MAX = 256, /* pieces of the work: a bound on the sums that are kept     */
    CHUNK_GROUPS_MIN = 16,
    ITERATIONS = 100,
    HALVINGS_MAX = 40, /* of one step                                              */
    DAMPINGS_MAX = 12, /* tries to make a singular curvature positive definite     */
    ALIGN_BYTES = 64,
};

/* Of the mean curvature: what holds a direction in which the loss is flat. */
static const double DAMPING = 1e-10;

/* Stop once a step promises less than this share of the loss; Newton's error is then its square. */
static const double STEP_SHARE_MIN = 1e-12;

/* The same when targets can be told apart without error, and the loss has no bound but 0. */
static const double DECREMENT_MIN = 1e-14;

/* A feature that varies by less than this share of its size varies by rounding. */
static const double VARIATION_MIN = 1e-6;

/* No step moves a weight by more deviations than this, or than the largest weight. */
static const double STEP_MAX = 10.0;

typedef struct fit_worker {
    double *block; /* [rows of the largest group][features]: the features, standardised */
    double *logit; /* the rows' logits, then their probabilities                        */
    double *mean;  /* [features] */
} fit_worker;

typedef struct fit {
    const mr_listwise_data *data;
    mr_worker_pool *pool;
    size_t chunk; /* groups a chunk: depends on their number alone                    */
    size_t chunks;
    size_t sum_doubles; /* of one chunk: loss, groups, gradient, curvature              */
    double *sums;       /* [chunks][sum_doubles]                                        */
    fit_worker *workers;
    uint32_t threads;
    bool with_curvature;
    double ridge;
    const double *at;  /* [features]: weights a deviation */
    double *inverse;   /* [features]: 1 / s_f, 0 for a feature that says nothing        */
    double *deviation; /* [features]: s_f, 0 likewise                                   */
    double *gradient;  /* [features] */
    double *curvature; /* [features][features], lower triangle                          */
    double *factor;    /* the same */
} fit;

static double *aligned_doubles(size_t count)
{
    const size_t lines = count * sizeof(double) / ALIGN_BYTES + 1;
    double *doubles = aligned_alloc(ALIGN_BYTES, lines * ALIGN_BYTES);
    if (doubles != NULL)
        memset(doubles, 0, lines * ALIGN_BYTES);
    return doubles;
}

/* ---- one group ---- */

static size_t count_targets(const mr_listwise_data *data, size_t group)
{
    size_t targets = 0;
    for (uint64_t r = data->ptr[group]; r < data->ptr[group + 1]; r++)
        targets += data->target[r] != 0;
    return targets;
}

/*
 * Rows are taken relative to the first one, which a softmax does not notice: a feature that does
 * not vary is then 0 exactly, however large it is.
 */
static void fill_block(const fit *f, const float *x, size_t rows, double *ret_block)
{
    const size_t features = f->data->features;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < features; j++)
            ret_block[r * features + j] =
                ((double)x[r * features + j] - (double)x[j]) * f->inverse[j];
}

/* Logits become probabilities in place; the log of the sum of their exponentials comes back. */
static double softmax(double *logit, size_t rows)
{
    double largest = -INFINITY;
    for (size_t r = 0; r < rows; r++)
        largest = fmax(largest, logit[r]);
    double sum = 0.0;
    for (size_t r = 0; r < rows; r++) {
        logit[r] = exp(logit[r] - largest);
        sum += logit[r];
    }
    for (size_t r = 0; r < rows; r++)
        logit[r] /= sum;
    return largest + log(sum);
}

static void add_curvature(const fit *f, fit_worker *own, size_t rows, double *ret_sum)
{
    const size_t features = f->data->features;
    for (size_t r = 0; r < rows; r++) {
        const double root = sqrt(own->logit[r]);
        for (size_t j = 0; j < features; j++)
            own->block[r * features + j] *= root;
    }
    mr_blas_dsyrk(features, rows, 1.0, own->block, features, 1.0, ret_sum, features);
    mr_blas_dsyrk(features, 1, -1.0, own->mean, features, 1.0, ret_sum, features);
}

/* Add one group's loss, gradient and curvature to the sums of its chunk. */
static void add_group(const fit *f, fit_worker *own, size_t group, double *sums)
{
    const mr_listwise_data *data = f->data;
    const size_t features = data->features;
    const uint64_t first = data->ptr[group];
    const size_t rows = (size_t)(data->ptr[group + 1] - first);
    const size_t targets = count_targets(data, group);
    double *gradient = sums + 2;
    if (targets == 0)
        return;
    fill_block(f, data->x + first * features, rows, own->block);
    mr_blas_dgemv(MR_BLAS_PLAIN, rows, features, 1.0, own->block, features, f->at, 0.0,
                  own->logit);
    const double share = 1.0 / (double)targets;
    double chosen = 0.0;
    for (size_t r = 0; r < rows; r++) {
        if (data->target[first + r] == 0)
            continue;
        chosen += own->logit[r] * share;
        for (size_t j = 0; j < features; j++)
            gradient[j] -= own->block[r * features + j] * share;
    }
    sums[0] += softmax(own->logit, rows) - chosen;
    sums[1] += 1.0;
    mr_blas_dgemv(MR_BLAS_TRANSPOSED, rows, features, 1.0, own->block, features,
                  own->logit, 0.0, own->mean);
    for (size_t j = 0; j < features; j++)
        gradient[j] += own->mean[j];
    if (f->with_curvature)
        add_curvature(f, own, rows, gradient + features);
}

static void add_groups(void *context, uint32_t worker, size_t begin, size_t end)
{
    const fit *f = context;
    double *sums = f->sums + begin / f->chunk * f->sum_doubles;
    memset(sums, 0, f->sum_doubles * sizeof(*sums));
    for (size_t group = begin; group < end; group++)
        add_group(f, &f->workers[worker], group, sums);
}

/* ---- all groups ---- */

/* Run `body` and merge what it left into the sums of chunk 0, in chunk order. */
static const double *run_and_merge(fit *f, mr_worker_body body)
{
    mr_worker_pool_run(f->pool, f->data->groups, f->chunk, body, f);
    for (size_t c = 1; c < f->chunks; c++)
        for (size_t i = 0; i < f->sum_doubles; i++)
            f->sums[i] += f->sums[c * f->sum_doubles + i];
    return f->sums;
}

/* The loss at `at`, its gradient and its curvature, ridge and all. */
static double pass(fit *f, const double *at)
{
    const size_t features = f->data->features;
    f->at = at;
    const double *sums = run_and_merge(f, add_groups);
    const double share = 1.0 / sums[1];
    double loss = sums[0] * share;
    for (size_t j = 0; j < features; j++) {
        loss += 0.5 * f->ridge * at[j] * at[j];
        f->gradient[j] = sums[2 + j] * share + f->ridge * at[j];
        for (size_t i = 0; i <= j && f->with_curvature; i++)
            f->curvature[j * features + i] =
                sums[2 + features + j * features + i] * share;
        if (f->with_curvature)
            f->curvature[j * features + j] += f->ridge;
    }
    return loss;
}

/*
 * Over the groups with a target: the sums of squares within groups, then of the values themselves,
 * where the gradient and the curvature will be.  A value that is not finite makes the latter so.
 */
static void measure_groups(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const fit *f = context;
    const mr_listwise_data *data = f->data;
    const size_t features = data->features;
    double *sums = f->sums + begin / f->chunk * f->sum_doubles;
    memset(sums, 0, f->sum_doubles * sizeof(*sums));
    for (size_t group = begin; group < end; group++) {
        const size_t rows = (size_t)(data->ptr[group + 1] - data->ptr[group]);
        const float *x = data->x + data->ptr[group] * features;
        const double used = count_targets(data, group) > 0 ? 1.0 : 0.0;
        double total[MR_LISTWISE_FEATURES_MAX] = {0};
        double squares[MR_LISTWISE_FEATURES_MAX] = {0};
        for (size_t r = 0; r < rows; r++)
            for (size_t j = 0; j < features; j++) {
                const double value = (double)x[r * features + j];
                const double apart = value - (double)x[j];
                total[j] += apart;
                squares[j] += apart * apart;
                sums[2 + features + j] += used * value * value;
            }
        for (size_t j = 0; rows > 0 && j < features; j++) {
            const double within = squares[j] - total[j] * total[j] / (double)rows;
            sums[2 + j] += used * fmax(within, 0.0);
        }
        sums[0] += used * (double)rows;
        sums[1] += used;
    }
}

static mr_status measure(fit *f)
{
    const size_t features = f->data->features;
    const double *sums = run_and_merge(f, measure_groups);
    if (sums[1] <= 0.0)
        return MR_ERR_INVALID;
    for (size_t j = 0; j < features; j++) {
        const double deviation = sqrt(sums[2 + j] / sums[0]);
        const double size = sqrt(sums[2 + features + j] / sums[0]);
        if (!isfinite(size))
            return MR_ERR_INVALID;
        const bool varies =
            deviation > VARIATION_MIN * size && deviation > (double)FLT_MIN;
        f->deviation[j] = varies ? deviation : 0.0;
        f->inverse[j] = varies ? 1.0 / deviation : 0.0;
    }
    return MR_OK;
}

/* ---- Newton ---- */

/* step = curvature^-1 gradient, with as much damping as makes that possible. */
static mr_status newton_step(fit *f, double *ret_step)
{
    const size_t features = f->data->features;
    double trace = 0.0;
    for (size_t j = 0; j < features; j++)
        trace += f->curvature[j * features + j];
    double damping = DAMPING * trace / (double)features + DBL_MIN;
    for (int i = 0; i < DAMPINGS_MAX; i++, damping *= 10.0) {
        memcpy(f->factor, f->curvature, features * features * sizeof(double));
        for (size_t j = 0; j < features; j++)
            f->factor[j * features + j] += f->inverse[j] > 0.0 ? damping : 1.0;
        if (mr_blas_dpotrf(features, f->factor, features) != MR_OK)
            continue;
        memcpy(ret_step, f->gradient, features * sizeof(double));
        mr_blas_dpotrs(features, f->factor, features, ret_step);
        return MR_OK;
    }
    return MR_ERR_NOT_FOUND;
}

/* Shorten a step that leaves the range in which the curvature means something. */
static void limit_step(size_t features, const double *at, double *step)
{
    double longest = 0.0;
    double largest = STEP_MAX;
    for (size_t j = 0; j < features; j++) {
        longest = fmax(longest, fabs(step[j]));
        largest = fmax(largest, fabs(at[j]));
    }
    for (size_t j = 0; longest > largest && j < features; j++)
        step[j] *= largest / longest;
}

/* Halve the step until it helps; false when rounding is all that is left. */
static bool search_line(fit *f, double *at, const double *step, double *trial,
                        double decrement, double *loss)
{
    const size_t features = f->data->features;
    double length = 1.0;
    for (int halving = 0; halving < HALVINGS_MAX; halving++, length *= 0.5) {
        for (size_t j = 0; j < features; j++)
            trial[j] = at[j] - length * step[j];
        const double trial_loss = pass(f, trial);
        if (trial_loss <= *loss - 1e-4 * length * decrement) {
            memcpy(at, trial, features * sizeof(double));
            *loss = trial_loss;
            return true;
        }
    }
    return false;
}

/* From `at` to the minimum, in place. */
static double minimise(fit *f, uint32_t iterations, double *at, double *step,
                       double *trial)
{
    const size_t features = f->data->features;
    memset(trial, 0, features * sizeof(double));
    const double loss_of_none = pass(f, trial);
    double loss = pass(f, at);
    if (loss > loss_of_none) {
        memcpy(at, trial, features * sizeof(double));
        loss = pass(f, at);
    }
    for (uint32_t i = 0; i < iterations; i++) {
        if (newton_step(f, step) != MR_OK)
            return loss;
        limit_step(features, at, step);
        double decrement = 0.0;
        for (size_t j = 0; j < features; j++)
            decrement += f->gradient[j] * step[j];
        if (decrement <= STEP_SHARE_MIN * loss + DECREMENT_MIN) {
            for (size_t j = 0; j < features; j++)
                at[j] -= step[j];
            return loss;
        }
        if (!search_line(f, at, step, trial, decrement, &loss))
            return loss;
    }
    return loss;
}

/* ---- setting up ---- */

static bool valid(const mr_listwise_data *data, const float *weights)
{
    if (data->features < 1 || data->features > MR_LISTWISE_FEATURES_MAX ||
        data->groups < 1 || data->ptr[0] != 0)
        return false;
    for (size_t g = 0; g < data->groups; g++)
        if (data->ptr[g + 1] < data->ptr[g])
            return false;
    for (uint32_t j = 0; j < data->features; j++)
        if (!isfinite(weights[j]))
            return false;
    return true;
}

static void release(fit *f)
{
    for (uint32_t w = 0; f->workers != NULL && w < f->threads; w++) {
        free(f->workers[w].block);
        free(f->workers[w].logit);
        free(f->workers[w].mean);
    }
    free(f->workers);
    free(f->sums);
    free(f->inverse);
    free(f->deviation);
    free(f->gradient);
    free(f->curvature);
    free(f->factor);
}

static mr_status prepare(const mr_listwise_data *data, mr_worker_pool *pool, fit *f)
{
    const size_t features = data->features;
    const size_t even = (data->groups + CHUNKS_MAX - 1) / CHUNKS_MAX;
    uint64_t rows = 0;
    for (size_t g = 0; g < data->groups; g++)
        if (data->ptr[g + 1] - data->ptr[g] > rows)
            rows = data->ptr[g + 1] - data->ptr[g];
    *f = (fit){.data = data, .pool = pool, .threads = mr_worker_pool_threads(pool)};
    f->chunk = even > CHUNK_GROUPS_MIN ? even : CHUNK_GROUPS_MIN;
    f->chunks = (data->groups + f->chunk - 1) / f->chunk;
    f->sum_doubles = 2 + features + features * features;
    f->sums = aligned_doubles(f->chunks * f->sum_doubles);
    f->inverse = aligned_doubles(features);
    f->deviation = aligned_doubles(features);
    f->gradient = aligned_doubles(features);
    f->curvature = aligned_doubles(features * features);
    f->factor = aligned_doubles(features * features);
    f->workers = calloc(f->threads, sizeof(*f->workers));
    if (f->sums == NULL || f->inverse == NULL || f->deviation == NULL ||
        f->gradient == NULL || f->curvature == NULL || f->factor == NULL ||
        f->workers == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < f->threads; w++) {
        fit_worker *own = &f->workers[w];
        own->block = aligned_doubles((size_t)rows * features);
        own->logit = aligned_doubles((size_t)rows);
        own->mean = aligned_doubles(features);
        if (own->block == NULL || own->logit == NULL || own->mean == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static float as_float(double value)
{
    return (float)fmin(fmax(value, -(double)FLT_MAX), (double)FLT_MAX);
}

mr_status mr_listwise_fit(const mr_listwise_data *data,
                          const mr_listwise_options *options, mr_worker_pool *pool,
                          float *weights, double *ret_loss)
{
    if (!isfinite(options->ridge) || options->ridge < 0.0F ||
        options->iterations_max > MR_LISTWISE_ITERATIONS_MAX || !valid(data, weights))
        return MR_ERR_INVALID;
    const uint32_t iterations =
        options->iterations_max > 0 ? options->iterations_max : ITERATIONS;
    double at[MR_LISTWISE_FEATURES_MAX];
    double step[MR_LISTWISE_FEATURES_MAX];
    double trial[MR_LISTWISE_FEATURES_MAX];
    fit f;
    mr_status status = prepare(data, pool, &f);
    if (status == MR_OK)
        status = measure(&f);
    if (status == MR_OK) {
        f.with_curvature = true;
        f.ridge = (double)options->ridge;
        for (uint32_t j = 0; j < data->features; j++)
            at[j] = (double)weights[j] * f.deviation[j];
        const double loss = minimise(&f, iterations, at, step, trial);
        for (uint32_t j = 0; j < data->features; j++)
            weights[j] = as_float(at[j] * f.inverse[j]);
        if (ret_loss != NULL)
            *ret_loss = loss;
    }
    release(&f);
    return status;
}

mr_status mr_listwise_loss(const mr_listwise_data *data, const float *weights,
                           mr_worker_pool *pool, double *ret_loss)
{
    if (!valid(data, weights))
        return MR_ERR_INVALID;
    fit f;
    mr_status status = prepare(data, pool, &f);
    if (status == MR_OK)
        status = measure(&f);
    if (status == MR_OK) {
        double at[MR_LISTWISE_FEATURES_MAX];
        for (uint32_t j = 0; j < data->features; j++) {
            f.inverse[j] = 1.0;
            at[j] = (double)weights[j];
        }
        *ret_loss = pass(&f, at);
    }
    release(&f);
    return status;
}
