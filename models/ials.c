#include "models/ials.h"

#include "core/assert.h"
#include "models/blas.h"
#include "models/gram.h"
#include "models/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_A_CHUNK = 8,    /* of solving, longest rows first */
    LOSS_ROWS = 512,     /* of one partial sum of the loss */
    REFERENCE_ROWS = 64, /* gathered at a time by the reference */
};

static const double INIT_DEVIATION = 0.1; /* over sqrt(d) */

/* Two steps an epoch are enough: every epoch goes on where the last one stopped, and a third
 * lowers the loss after three epochs by a thousandth. */
static const mr_ials_stop EPOCH_STOP = {
    .direct_max = 32, .steps_max = 2, .tolerance = 1e-6F};
static const mr_ials_stop FINAL_STOP = {
    .direct_max = MR_IALS_WOODBURY_MAX, .steps_max = 32, .tolerance = 1e-5F};

/* One of the two tables, and the matrix whose rows it stands for. */
typedef struct side {
    const mr_sparse_matrix *matrix;
    mr_dense factors;
    uint32_t *order; /* rows by length, longest first */
} side;

struct mr_ials {
    mr_ials_options options;
    mr_worker_pool *pool;
    side users;
    side items;
    mr_ials_scratch **scratch; /* [threads] */
    float **dense_scratch;     /* [threads], reference only: d x d, then gathered rows */
    double *gram;              /* [d * d] */
    float *vectors;            /* [d * d] */
    float *values;             /* [width] */
    double flops;              /* beside those of the rows */
};

/* ---- making one ---- */

/* A counting sort, stable, so equal lengths stay in row order. */
static mr_status sort_by_length(const mr_sparse_matrix *matrix, uint32_t **ret_order)
{
    uint32_t longest = 0;
    for (uint32_t r = 0; r < matrix->rows; r++) {
        const uint32_t length = mr_sparse_matrix_row_count(matrix, r);
        longest = length > longest ? length : longest;
    }
    uint32_t *starts = calloc((size_t)longest + 2, sizeof(*starts));
    uint32_t *order = malloc(((size_t)matrix->rows + 1) * sizeof(*order));
    if (starts == NULL || order == NULL) {
        free(starts);
        free(order);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t r = 0; r < matrix->rows; r++)
        starts[longest - mr_sparse_matrix_row_count(matrix, r) + 1]++;
    for (uint32_t l = 0; l <= longest; l++)
        starts[l + 1] += starts[l];
    for (uint32_t r = 0; r < matrix->rows; r++)
        order[starts[longest - mr_sparse_matrix_row_count(matrix, r)]++] = r;
    free(starts);
    *ret_order = order;
    return MR_OK;
}

static mr_status side_init(side *s, const mr_sparse_matrix *matrix, size_t d)
{
    s->matrix = matrix;
    MR_TRY(mr_dense_init(&s->factors, matrix->rows, d));
    return sort_by_length(matrix, &s->order);
}

static void fill_random(mr_dense *table, uint64_t seed)
{
    const double deviation = INIT_DEVIATION / sqrt((double)table->columns);
    for (size_t r = 0; r < table->rows; r++)
        for (size_t c = 0; c < table->columns; c++)
            mr_dense_row(table, r)[c] =
                (float)(deviation * mr_random_normal(seed, r * table->columns + c));
}

static mr_status make_scratch(mr_ials *model)
{
    const size_t d = model->options.dimension;
    const uint32_t threads = mr_worker_pool_threads(model->pool);
    model->gram = calloc(d * d, sizeof(*model->gram));
    model->vectors = mr_dense_floats(d * d);
    model->values = mr_dense_floats(d);
    model->scratch = calloc(threads, sizeof(mr_ials_scratch *));
    model->dense_scratch = calloc(threads, sizeof(*model->dense_scratch));
    if (model->gram == NULL || model->vectors == NULL || model->values == NULL ||
        model->scratch == NULL || model->dense_scratch == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        MR_TRY(mr_ials_scratch_create(d, &model->scratch[w]));
        if (!model->options.reference)
            continue;
        model->dense_scratch[w] = mr_dense_floats(d * d + REFERENCE_ROWS * d);
        if (model->dense_scratch[w] == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

mr_status mr_ials_create(const mr_sparse_matrix *users, const mr_sparse_matrix *items,
                         const mr_ials_options *options, mr_worker_pool *pool,
                         mr_ials **ret_model)
{
    if (options->dimension < 1 || options->dimension > MR_IALS_DIMENSION_MAX ||
        !(options->alpha0 > 0.0F) || !(options->lambda > 0.0F) ||
        !isfinite(options->nu) || users->rows != items->columns ||
        users->columns != items->rows ||
        mr_sparse_matrix_count(users) != mr_sparse_matrix_count(items))
        return MR_ERR_INVALID;
    mr_ials *model = calloc(1, sizeof(*model));
    if (model == NULL)
        return MR_ERR_NO_MEMORY;
    model->options = *options;
    model->pool = pool;
    mr_status status = side_init(&model->users, users, options->dimension);
    if (status == MR_OK)
        status = side_init(&model->items, items, options->dimension);
    if (status == MR_OK)
        status = make_scratch(model);
    if (status != MR_OK)
        goto fail;
    fill_random(&model->items.factors, options->seed);
    *ret_model = model;
    return MR_OK;
fail:
    mr_ials_destroy(model);
    return status;
}

void mr_ials_destroy(mr_ials *model)
{
    if (model == NULL)
        return;
    for (uint32_t w = 0; w < mr_worker_pool_threads(model->pool); w++) {
        if (model->scratch != NULL)
            mr_ials_scratch_destroy(model->scratch[w]);
        if (model->dense_scratch != NULL)
            free(model->dense_scratch[w]);
    }
    free(model->scratch);
    free(model->dense_scratch);
    mr_dense_deinit(&model->users.factors);
    mr_dense_deinit(&model->items.factors);
    free(model->users.order);
    free(model->items.order);
    free(model->gram);
    free(model->vectors);
    free(model->values);
    free(model);
}

/* ---- one half: `target` given `fixed` ---- */

typedef struct half_job {
    const mr_ials *model;
    side *target;
    mr_ials_basis basis;
    mr_ials_stop stop;
} half_job;

static void solve_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    const half_job *job = context;
    const mr_sparse_matrix *matrix = job->target->matrix;
    for (size_t place = begin; place < end; place++) {
        const uint32_t row = job->target->order[place];
        const uint64_t first = matrix->ptr[row];
        if (place + 1 < end) {
            const uint32_t next = job->target->order[place + 1];
            mr_ials_prefetch_row(&job->basis, mr_sparse_matrix_row(matrix, next),
                                 mr_sparse_matrix_row_count(matrix, next));
        }
        mr_ials_solve_row(&job->basis, job->model->scratch[worker], matrix->index + first,
                          matrix->values != NULL ? matrix->values + first : NULL,
                          mr_sparse_matrix_row_count(matrix, row), job->stop,
                          mr_dense_row(&job->target->factors, row));
    }
}

/* A = alpha0 G + lambda_u I + Z'C Z, factored as it stands.  [Hu et al. 2008, eq. 4] */
static void solve_rows_by_definition(void *context, uint32_t worker, size_t begin,
                                     size_t end)
{
    const half_job *job = context;
    const mr_ials *model = job->model;
    const mr_sparse_matrix *matrix = job->target->matrix;
    const mr_dense *fixed = job->basis.factors;
    const size_t d = fixed->columns;
    float *a = model->dense_scratch[worker];
    float *gathered = a + d * d;
    for (size_t place = begin; place < end; place++) {
        const uint32_t row = job->target->order[place];
        float *x = mr_dense_row(&job->target->factors, row);
        float weight = 0.0F;
        memset(x, 0, d * sizeof(*x));
        for (size_t i = 0; i < d * d; i++)
            a[i] = model->options.alpha0 * (float)model->gram[i];
        for (uint64_t e = matrix->ptr[row]; e < matrix->ptr[row + 1];) {
            size_t n = 0;
            for (; n < REFERENCE_ROWS && e < matrix->ptr[row + 1]; n++, e++) {
                const float c = matrix->values != NULL ? matrix->values[e] : 1.0F;
                const float *y = mr_dense_row(fixed, matrix->index[e]);
                weight += c;
                for (size_t f = 0; f < d; f++) {
                    gathered[n * d + f] = sqrtf(c) * y[f];
                    x[f] += c * y[f];
                }
            }
            mr_blas_ssyrk(d, n, 1.0F, gathered, d, 1.0F, a, d);
        }
        const float regularisation = mr_ials_regularisation(&job->basis, weight);
        for (size_t f = 0; f < d; f++)
            a[f * d + f] += regularisation;
        if (mr_blas_spotrf(d, a, d) == MR_OK)
            mr_blas_spotrs(d, a, d, x);
        else
            x[0] = NAN; /* found by the next Gram matrix */
    }
}

/* The Gram matrix, its eigenvectors, both tables turned. */
static double basis_flops(const side *fixed, const side *target)
{
    const double d = (double)fixed->factors.columns;
    const double rows = (double)(fixed->factors.rows + target->factors.rows);
    return d * d * ((double)fixed->factors.rows + 2.0 * rows + 9.0 * d);
}

static mr_status solve_half(mr_ials *model, side *target, side *fixed, mr_ials_stop stop)
{
    half_job job = {.model = model,
                    .target = target,
                    .stop = stop,
                    .basis = {.factors = &fixed->factors,
                              .eigenvalues = model->values,
                              .alpha0 = model->options.alpha0,
                              .lambda = model->options.lambda,
                              .nu = model->options.nu}};
    MR_TRY(mr_gram_of(&fixed->factors, model->pool, model->gram));
    if (!model->options.reference) {
        MR_TRY(mr_gram_eigenbasis(model->gram, model->options.dimension, model->vectors,
                                  model->values));
        MR_TRY(mr_gram_turn(&fixed->factors, model->vectors, model->pool));
        MR_TRY(mr_gram_turn(&target->factors, model->vectors, model->pool));
        model->flops += basis_flops(fixed, target);
    }
    mr_worker_pool_run(model->pool, target->matrix->rows, ROWS_A_CHUNK,
                       model->options.reference ? solve_rows_by_definition : solve_rows,
                       &job);
    return MR_OK;
}

mr_status mr_ials_epoch(mr_ials *model)
{
    MR_TRY(solve_half(model, &model->users, &model->items, EPOCH_STOP));
    return solve_half(model, &model->items, &model->users, EPOCH_STOP);
}

mr_status mr_ials_train(mr_ials *model)
{
    for (uint32_t epoch = 0; epoch < model->options.epochs; epoch++)
        MR_TRY(mr_ials_epoch(model));
    return solve_half(model, &model->users, &model->items, FINAL_STOP);
}

double mr_ials_flops(const mr_ials *model)
{
    double flops = model->flops;
    for (uint32_t w = 0; w < mr_worker_pool_threads(model->pool); w++)
        flops += mr_ials_scratch_flops(model->scratch[w]);
    return flops;
}

/* ---- the loss ---- */

typedef struct loss_job {
    const mr_ials *model;
    double *sums; /* one a chunk of LOSS_ROWS users */
} loss_job;

static double squared_length(const mr_dense *table, size_t row)
{
    double sum = 0.0;
    for (size_t f = 0; f < table->columns; f++)
        sum += (double)mr_dense_row(table, row)[f] * (double)mr_dense_row(table, row)[f];
    return sum;
}

static void add_seen(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const loss_job *job = context;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    const mr_sparse_matrix *matrix = job->model->users.matrix;
    const mr_dense *users = &job->model->users.factors;
    const mr_dense *items = &job->model->items.factors;
    double sum = 0.0;
    for (size_t u = begin; u < end; u++)
        for (uint64_t e = matrix->ptr[u]; e < matrix->ptr[u + 1]; e++) {
            const float dot =
                kernels->dot(mr_dense_row(users, u),
                             mr_dense_row(items, matrix->index[e]), users->stride);
            const double miss = 1.0 - (double)dot;
            sum +=
                (matrix->values != NULL ? (double)matrix->values[e] : 1.0) * miss * miss;
        }
    job->sums[begin / LOSS_ROWS] = sum;
}

static double regularisation_of(const mr_ials *model, const side *own, const side *other)
{
    const mr_ials_basis basis = {.factors = &other->factors,
                                 .alpha0 = model->options.alpha0,
                                 .lambda = model->options.lambda,
                                 .nu = model->options.nu};
    double sum = 0.0;
    for (uint32_t r = 0; r < own->matrix->rows; r++) {
        float weight = 0.0F;
        for (uint64_t e = own->matrix->ptr[r]; e < own->matrix->ptr[r + 1]; e++)
            weight += own->matrix->values != NULL ? own->matrix->values[e] : 1.0F;
        sum += (double)mr_ials_regularisation(&basis, weight) *
               squared_length(&own->factors, r);
    }
    return sum;
}

mr_status mr_ials_loss(const mr_ials *model, double *ret_loss)
{
    const size_t d = model->options.dimension;
    const size_t chunks = model->users.matrix->rows / LOSS_ROWS + 1;
    loss_job job = {.model = model, .sums = calloc(chunks, sizeof(*job.sums))};
    double *gram = calloc(d * d, sizeof(*gram));
    mr_status status = job.sums == NULL || gram == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    if (status == MR_OK)
        status = mr_gram_of(&model->users.factors, model->pool, model->gram);
    if (status == MR_OK)
        status = mr_gram_of(&model->items.factors, model->pool, gram);
    if (status == MR_OK) {
        mr_worker_pool_run(model->pool, model->users.matrix->rows, LOSS_ROWS, add_seen,
                           &job);
        double loss = regularisation_of(model, &model->users, &model->items) +
                      regularisation_of(model, &model->items, &model->users);
        for (size_t c = 0; c < chunks; c++)
            loss += job.sums[c];
        /* The sum over all pairs is the trace of the product of the two Gram matrices. */
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j <= i; j++)
                loss += (i == j ? 1.0 : 2.0) * (double)model->options.alpha0 *
                        model->gram[i * d + j] * gram[i * d + j];
        *ret_loss = loss;
    }
    free(job.sums);
    free(gram);
    return status;
}

const mr_dense *mr_ials_users(const mr_ials *model)
{
    return &model->users.factors;
}

const mr_dense *mr_ials_items(const mr_ials *model)
{
    return &model->items.factors;
}
