#include "models/graph_filter.h"

#include "models/blas.h"
#include "models/gram.h"
#include "models/item_item.h"
#include "models/random.h"
#include "models/vector.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    OVERSAMPLED =
        16, /* vectors beyond k that are iterated along and dropped at the end */
    ROWS_A_CHUNK = 64,
};

/* Below this part of the largest eigenvalue a direction is rounding, not data. */
static const float RANK_TOLERANCE = 1e-9F;

typedef struct training {
    const mr_sparse_matrix *users;
    const mr_sparse_matrix *items;
    mr_worker_pool *pool;
    float *user_scales; /* n_u^-1/2, 0 for an empty row */
    float *item_scales; /* n_i^-1/2 */
    mr_dense left;      /* users x l */
    mr_dense right;     /* items x l: the subspace */
    double *gram;       /* l x l */
    float *vectors;     /* l x l */
    float *values;      /* l     */
} training;

/* ---- products with the sparse R and its transpose ---- */

typedef struct product_job {
    const mr_sparse_matrix *matrix; /* rows of the result */
    const float *row_scales;
    const float *column_scales;
    const mr_dense *table;
    mr_dense *result;
} product_job;

static void multiply_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const product_job *job = context;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    for (size_t row = begin; row < end; row++) {
        const uint32_t *columns = mr_sparse_matrix_row(job->matrix, (uint32_t)row);
        const uint32_t count = mr_sparse_matrix_row_count(job->matrix, (uint32_t)row);
        float *out = mr_dense_row(job->result, row);
        if (count == 0)
            memset(out, 0, job->result->stride * sizeof(*out));
        for (uint32_t e = 0; e < count; e++)
            kernels->blend(mr_dense_row(job->table, columns[e]), job->table->stride, 0.0F,
                           job->row_scales[row] * job->column_scales[columns[e]], e > 0,
                           out);
    }
}

/* left = R right */
static void multiply_left(training *t)
{
    product_job job = {t->users, t->user_scales, t->item_scales, &t->right, &t->left};
    mr_worker_pool_run(t->pool, t->users->rows, ROWS_A_CHUNK, multiply_rows, &job);
}

/* right = R' left */
static void multiply_right(training *t)
{
    product_job job = {t->items, t->item_scales, t->user_scales, &t->left, &t->right};
    mr_worker_pool_run(t->pool, t->items->rows, ROWS_A_CHUNK, multiply_rows, &job);
}

/* ---- the subspace ---- */

typedef struct scale_job {
    mr_dense *table;
    const float *factors;
} scale_job;

static void scale_columns(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const scale_job *job = context;
    for (size_t row = begin; row < end; row++)
        for (size_t c = 0; c < job->table->columns; c++)
            mr_dense_row(job->table, row)[c] *= job->factors[c];
}

/* The subspace's columns become orthonormal: into the eigenbasis of their products, scaled.  A
 * direction that is not there becomes zero and stays so. */
static mr_status make_orthonormal(training *t)
{
    const size_t l = t->right.columns;
    MR_TRY(mr_gram_of(&t->right, t->pool, t->gram));
    MR_TRY(mr_gram_eigenbasis(t->gram, l, t->vectors, t->values));
    MR_TRY(mr_gram_turn(&t->right, t->vectors, t->pool));
    const float least = t->values[l - 1] * RANK_TOLERANCE;
    for (size_t c = 0; c < l; c++)
        t->values[c] = t->values[c] > least && t->values[c] > 0.0F
                           ? 1.0F / sqrtf(t->values[c])
                           : 0.0F;
    scale_job job = {&t->right, t->values};
    mr_worker_pool_run(t->pool, t->right.rows, ROWS_A_CHUNK, scale_columns, &job);
    return MR_OK;
}

/* Within the subspace, the eigenvectors of R'R, ascending.  [Rayleigh, Ritz] */
static mr_status turn_to_eigenvectors(training *t)
{
    multiply_left(t);
    MR_TRY(mr_gram_of(&t->left, t->pool, t->gram));
    MR_TRY(mr_gram_eigenbasis(t->gram, t->right.columns, t->vectors, t->values));
    return mr_gram_turn(&t->right, t->vectors, t->pool);
}

static mr_status iterate(training *t, const mr_graph_filter_options *options)
{
    const size_t l = t->right.columns;
    for (size_t row = 0; row < t->right.rows; row++)
        for (size_t c = 0; c < l; c++)
            mr_dense_row(&t->right, row)[c] =
                (float)mr_random_normal(options->seed, (uint64_t)row * l + c);
    for (uint32_t i = 0; i < options->iterations; i++) {
        multiply_left(t);
        multiply_right(t);
        MR_TRY(make_orthonormal(t));
    }
    MR_TRY(
        make_orthonormal(t)); /* once more takes away what rounding left of the first */
    return turn_to_eigenvectors(t);
}

/* ---- training ---- */

static float *scales_of(const mr_sparse_matrix *matrix)
{
    float *scales = mr_dense_floats((size_t)matrix->rows + 1);
    for (uint32_t row = 0; scales != NULL && row < matrix->rows; row++) {
        const uint32_t count = mr_sparse_matrix_row_count(matrix, row);
        scales[row] = count > 0 ? (float)(1.0 / sqrt(count)) : 0.0F;
    }
    return scales;
}

static mr_status prepare(training *t, uint32_t dimension)
{
    const size_t least =
        t->users->rows < t->items->rows ? t->users->rows : t->items->rows;
    const size_t wanted = (size_t)dimension + OVERSAMPLED;
    const size_t l = wanted < least ? wanted : least;
    t->user_scales = scales_of(t->users);
    t->item_scales = scales_of(t->items);
    t->gram = calloc(l * l, sizeof(*t->gram));
    t->vectors = mr_dense_floats(l * l);
    t->values = mr_dense_floats(l);
    if (t->user_scales == NULL || t->item_scales == NULL || t->gram == NULL ||
        t->vectors == NULL || t->values == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(mr_dense_init(&t->left, t->users->rows, l));
    return mr_dense_init(&t->right, t->items->rows, l);
}

/* The k leading vectors, largest first, with the degrees before and behind them. */
static mr_status take_tables(const training *t, uint32_t dimension,
                             mr_graph_filter *filter)
{
    const size_t l = t->right.columns;
    const size_t k = dimension < l ? dimension : l;
    MR_TRY(mr_dense_init(&filter->in, t->right.rows, k));
    MR_TRY(mr_dense_init(&filter->out, t->right.rows, k));
    for (size_t row = 0; row < t->right.rows; row++)
        for (size_t c = 0; c < k; c++) {
            const float value = mr_dense_row(&t->right, row)[l - 1 - c];
            const float scale = t->item_scales[row];
            mr_dense_row(&filter->in, row)[c] = value * scale;
            mr_dense_row(&filter->out, row)[c] = scale > 0.0F ? value / scale : 0.0F;
        }
    return MR_OK;
}

static mr_status train(training *t, const mr_graph_filter_options *options,
                       mr_graph_filter *filter)
{
    MR_TRY(prepare(t, options->dimension));
    MR_TRY(iterate(t, options));
    MR_TRY(take_tables(t, options->dimension, filter));
    if (!(options->linear_weight > 0.0F))
        return MR_OK;
    const mr_item_item_options linear = {.user_exponent = 1.0F,
                                         .row_exponent = 1.0F,
                                         .column_exponent = 0.0F,
                                         .neighbours = options->neighbours};
    filter->linear_weight = options->linear_weight;
    return mr_item_item_build(t->users, t->items, &linear, t->pool, &filter->linear);
}

mr_status mr_graph_filter_train(const mr_sparse_matrix *users,
                                const mr_sparse_matrix *items,
                                const mr_graph_filter_options *options,
                                mr_worker_pool *pool, mr_graph_filter *ret_filter)
{
    training t = {.users = users, .items = items, .pool = pool};
    mr_graph_filter filter = {0};
    if (users->columns != items->rows || users->rows != items->columns ||
        users->rows == 0 || items->rows == 0 || options->dimension < 1 ||
        options->dimension > MR_GRAPH_FILTER_DIMENSION_MAX || options->iterations < 1 ||
        options->iterations > MR_GRAPH_FILTER_ITERATIONS_MAX ||
        !(options->linear_weight >= 0.0F) || !isfinite(options->linear_weight))
        return MR_ERR_INVALID;
    const mr_status status = train(&t, options, &filter);
    mr_dense_deinit(&t.left);
    mr_dense_deinit(&t.right);
    free(t.user_scales);
    free(t.item_scales);
    free(t.gram);
    free(t.vectors);
    free(t.values);
    if (status != MR_OK) {
        mr_graph_filter_deinit(&filter);
        return status;
    }
    *ret_filter = filter;
    return MR_OK;
}

void mr_graph_filter_deinit(mr_graph_filter *filter)
{
    mr_dense_deinit(&filter->in);
    mr_dense_deinit(&filter->out);
    mr_sparse_matrix_deinit(&filter->linear);
    *filter = (mr_graph_filter){0};
}

/* ---- scoring ---- */

void mr_graph_filter_project(const mr_graph_filter *filter, const uint32_t *history,
                             const float *weights, size_t count, float *ret_vector)
{
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    memset(ret_vector, 0, filter->in.stride * sizeof(*ret_vector));
    for (size_t h = 0; h < count; h++)
        if (history[h] < filter->in.rows)
            kernels->blend(mr_dense_row(&filter->in, history[h]), filter->in.columns,
                           0.0F, weights != NULL ? weights[h] : 1.0F, true, ret_vector);
}

void mr_graph_filter_add_linear(const mr_graph_filter *filter, const uint32_t *history,
                                const float *weights, size_t count, float *scratch,
                                float *row)
{
    if (filter->linear.rows == 0)
        return;
    mr_item_item_score(&filter->linear, history, weights, count, scratch);
    mr_vector_kernels_best()->blend(scratch, filter->linear.columns, 0.0F,
                                    filter->linear_weight, true, row);
}

void mr_graph_filter_score(const mr_graph_filter *filter, const uint32_t *history,
                           const float *weights, size_t count, float *vector,
                           float *ret_scores)
{
    mr_graph_filter_project(filter, history, weights, count, vector);
    mr_blas_sgemv(MR_BLAS_PLAIN, filter->out.rows, filter->out.columns, 1.0F,
                  filter->out.values, filter->out.stride, vector, 0.0F, ret_scores);
}
