#include "models/ease.h"

#include "models/blas.h"
#include "models/vector.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 128, /* of the sweeps: part of the result's rounding, so never by threads */
    GRAM_ROWS = 32,
};

typedef struct training {
    const mr_sparse_matrix *users;
    const mr_sparse_matrix *items;
    size_t n;             /* items                                              */
    double *a;            /* [n][n], lower triangle: G, swept to -P step by step */
    double *user_weights; /* [users] */
    double *panel;        /* [n][TILE]: the columns that are swept, as they were */
    double *turned;       /* [n][TILE]: the same times the pivot's inverse       */
    double *pivot;        /* [TILE][TILE]: that inverse                          */
    size_t first;         /* of the columns that are swept … */
    size_t width;         /* … and how many                  */
    mr_dense *model;
} training;

static double *row_of(const training *t, size_t row)
{
    return t->a + row * t->n;
}

/* ---- the Gram matrix ---- */

static void weigh_users(training *t, double exponent)
{
    size_t some = 0;
    for (uint32_t u = 0; u < t->users->rows; u++)
        some += mr_sparse_matrix_row_count(t->users, u) > 0;
    const double mean =
        some > 0 ? (double)mr_sparse_matrix_count(t->users) / (double)some : 1.0;
    for (uint32_t u = 0; u < t->users->rows; u++)
        t->user_weights[u] =
            pow((mr_sparse_matrix_row_count(t->users, u) + 1.0) / mean, -exponent);
}

static void count_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const training *t = context;
    for (size_t i = begin; i < end; i++) {
        const uint32_t *owners = mr_sparse_matrix_row(t->items, (uint32_t)i);
        const uint32_t owner_count = mr_sparse_matrix_row_count(t->items, (uint32_t)i);
        double *row = row_of(t, i);
        for (uint32_t o = 0; o < owner_count; o++) {
            const uint32_t *others = mr_sparse_matrix_row(t->users, owners[o]);
            for (size_t e = 0; others[e] < i; e++) /* i itself ends every such row */
                row[others[e]] += t->user_weights[owners[o]];
            row[i] += t->user_weights[owners[o]];
        }
    }
}

/* ---- the inverse ---- */

/* Replace the pivot block by its inverse, both triangles, in t->pivot. */
static mr_status invert_pivot(training *t)
{
    double *pivot = t->pivot;
    for (size_t r = 0; r < t->width; r++)
        memcpy(pivot + r * TILE, row_of(t, t->first + r) + t->first,
               (r + 1) * sizeof(*pivot));
    MR_TRY(mr_blas_dpotrf(t->width, pivot, TILE));
    MR_TRY(mr_blas_dpotri(t->width, pivot, TILE));
    for (size_t r = 0; r < t->width; r++)
        for (size_t c = 0; c < r; c++)
            pivot[c * TILE + r] = pivot[r * TILE + c];
    return MR_OK;
}

/* Rows of the swept columns, read from whichever triangle holds them, and turned. */
static void take_panel(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const training *t = context;
    for (size_t i = begin; i < end; i++)
        for (size_t c = 0; c < t->width; c++)
            t->panel[i * TILE + c] =
                i < t->first ? row_of(t, t->first + c)[i] : row_of(t, i)[t->first + c];
    mr_blas_dgemm(MR_BLAS_PLAIN, MR_BLAS_PLAIN, end - begin, t->width, t->width, 1.0,
                  t->panel + begin * TILE, TILE, t->pivot, TILE, 0.0,
                  t->turned + begin * TILE, TILE);
}

/* Columns first … end - 1 of the rows begin …: A -= turned panel'. */
static void update(const training *t, size_t begin, size_t rows, size_t first, size_t end)
{
    if (end > first)
        mr_blas_dgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, rows, end - first, t->width,
                      -1.0, t->turned + begin * TILE, TILE, t->panel + first * TILE, TILE,
                      1.0, row_of(t, begin) + first, t->n);
}

/* One tile of rows: what is beside the pivot is updated, the pivot's rows and columns are
 * replaced.  The pivot's tile and the others meet in no element. */
static void sweep_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const training *t = context;
    const size_t after = t->first + t->width;
    if (begin == t->first) {
        for (size_t r = 0; r < t->width; r++) {
            double *row = row_of(t, begin + r);
            for (size_t j = 0; j < t->first; j++)
                row[j] = t->turned[j * TILE + r];
            for (size_t c = 0; c <= r; c++)
                row[t->first + c] = -t->pivot[r * TILE + c];
        }
        return;
    }
    if (begin < t->first) {
        update(t, begin, end - begin, 0, end);
        return;
    }
    update(t, begin, end - begin, 0, t->first);
    update(t, begin, end - begin, after, end);
    for (size_t i = begin; i < end; i++)
        memcpy(row_of(t, i) + t->first, t->turned + i * TILE,
               t->width * sizeof(*t->turned));
}

/* After all sweeps the lower triangle holds -G^-1.  [Goodnight 1979, in blocks] */
static mr_status invert(training *t, mr_worker_pool *pool)
{
    for (t->first = 0; t->first < t->n; t->first += TILE) {
        const size_t left = t->n - t->first;
        t->width = left < TILE ? left : TILE;
        MR_TRY(invert_pivot(t));
        mr_worker_pool_run(pool, t->n, TILE, take_panel, t);
        mr_worker_pool_run(pool, t->n, TILE, sweep_rows, t);
    }
    return MR_OK;
}

/* ---- the weights ---- */

/* Rows of B; the part right of the diagonal is read down the columns, a tile of rows at once. */
static void fill_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const training *t = context;
    for (size_t i = begin; i < end; i++)
        for (size_t j = 0; j < i; j++)
            mr_dense_row(t->model, i)[j] = (float)(-row_of(t, i)[j] / row_of(t, j)[j]);
    for (size_t j = begin + 1; j < t->n; j++)
        for (size_t i = begin; i < end && i < j; i++)
            mr_dense_row(t->model, i)[j] = (float)(-row_of(t, j)[i] / row_of(t, j)[j]);
}

static mr_status train(training *t, const mr_ease_options *options, mr_worker_pool *pool)
{
    weigh_users(t, (double)options->user_exponent);
    mr_worker_pool_run(pool, t->n, GRAM_ROWS, count_rows, t);
    for (size_t i = 0; i < t->n; i++)
        row_of(t, i)[i] += (double)options->lambda;
    MR_TRY(invert(t, pool));
    MR_TRY(mr_dense_init(t->model, t->n, t->n));
    mr_worker_pool_run(pool, t->n, TILE, fill_rows, t);
    return MR_OK;
}

mr_status mr_ease_train(const mr_sparse_matrix *users, const mr_sparse_matrix *items,
                        const mr_ease_options *options, mr_worker_pool *pool,
                        mr_dense *ret_model)
{
    const size_t n = items->rows;
    mr_dense model = {0};
    if (users->columns != items->rows || users->rows != items->columns || n == 0 ||
        n > MR_EASE_ITEMS_MAX || !(options->lambda > 0.0F) ||
        !isfinite(options->lambda) || !isfinite(options->user_exponent))
        return MR_ERR_INVALID;
    training t = {.users = users,
                  .items = items,
                  .n = n,
                  .a = calloc(n * n, sizeof(double)),
                  .user_weights = calloc((size_t)users->rows + 1, sizeof(double)),
                  .panel = calloc(n * TILE, sizeof(double)),
                  .turned = calloc(n * TILE, sizeof(double)),
                  .pivot = calloc((size_t)TILE * TILE, sizeof(double)),
                  .model = &model};
    const bool failed = t.a == NULL || t.user_weights == NULL || t.panel == NULL ||
                        t.turned == NULL || t.pivot == NULL;
    const mr_status status = failed ? MR_ERR_NO_MEMORY : train(&t, options, pool);
    free(t.a);
    free(t.user_weights);
    free(t.panel);
    free(t.turned);
    free(t.pivot);
    if (status == MR_OK)
        *ret_model = model;
    return status;
}

/* ---- scoring ---- */

void mr_ease_score(const mr_dense *model, const uint32_t *history, const float *weights,
                   size_t count, float *ret_scores)
{
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    memset(ret_scores, 0, model->columns * sizeof(*ret_scores));
    for (size_t h = 0; h < count; h++)
        if (history[h] < model->rows)
            kernels->blend(mr_dense_row(model, history[h]), model->columns, 0.0F,
                           weights != NULL ? weights[h] : 1.0F, true, ret_scores);
}

size_t mr_ease_because(const mr_dense *model, const uint32_t *history,
                       const float *weights, size_t count, uint32_t item, float *ret_term)
{
    size_t best = count;
    float best_term = 0.0F;
    for (size_t h = 0; h < count && item < model->columns; h++) {
        if (history[h] >= model->rows)
            continue;
        const float term =
            mr_dense_row(model, history[h])[item] * (weights != NULL ? weights[h] : 1.0F);
        if (term > best_term) {
            best_term = term;
            best = h;
        }
    }
    *ret_term = best_term;
    return best;
}
