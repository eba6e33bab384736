#include "models/item_item.h"

#include "core/assert.h"
#include "models/dense.h"
#include "models/row_sums.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct build_job {
    const mr_sparse_matrix *users;
    const mr_sparse_matrix *items;
    const mr_item_item_options *options;
    float *user_factors;   /* n_u^-a, 0 for robots */
    float *row_factors;    /* d_i^-b */
    float *column_factors; /* d_j^-c */
} build_job;

static float inverse_power(uint32_t count, float exponent)
{
    return count == 0 ? 0.0F : (float)pow((double)count, -(double)exponent);
}

/* What the users of an item have beside it. */
static void add_users(void *context, uint32_t item, mr_row_sums *sums)
{
    const build_job *job = context;
    const mr_sparse_matrix *users = job->users;
    mr_row_sums row =
        *sums; /* in registers: the sums could be anything's for all the compiler knows */
    const uint64_t end = job->items->ptr[item + 1];
    for (uint64_t e = job->items->ptr[item]; e < end; e++) {
        const uint32_t user = job->items->index[e];
        const float factor = job->user_factors[user];
        if (factor <= 0.0F)
            continue;
        const uint32_t *other = users->index + users->ptr[user];
        const uint32_t *last = users->index + users->ptr[user + 1];
        if (e + 1 < end) /* the next user's items lie anywhere */
            __builtin_prefetch(users->index + users->ptr[job->items->index[e + 1]]);
        for (; other < last; other++)
            mr_row_sums_add(&row, *other, factor);
    }
    mr_row_sums_drop(&row, item);
}

static mr_status prepare(build_job *job)
{
    const uint32_t users = job->users->rows;
    const uint32_t items = job->items->rows;
    job->user_factors = mr_dense_floats(users);
    job->row_factors = mr_dense_floats(items);
    job->column_factors = mr_dense_floats(items);
    if (job->user_factors == NULL || job->row_factors == NULL ||
        job->column_factors == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t u = 0; u < users; u++) {
        const uint32_t count = mr_sparse_matrix_row_count(job->users, u);
        if (count <= MR_ITEM_ITEM_USER_ITEMS_MAX)
            job->user_factors[u] = inverse_power(count, job->options->user_exponent);
    }
    for (uint32_t i = 0; i < items; i++) {
        const uint32_t count = mr_sparse_matrix_row_count(job->items, i);
        job->row_factors[i] = inverse_power(count, job->options->row_exponent);
        job->column_factors[i] = inverse_power(count, job->options->column_exponent);
    }
    return MR_OK;
}

static mr_status sum(build_job *job, mr_worker_pool *pool, mr_sparse_matrix *ret_model)
{
    MR_TRY(prepare(job));
    const uint32_t items = job->items->rows;
    const mr_row_sums_job rows = {.rows = items,
                                  .columns = items,
                                  .best = job->options->neighbours,
                                  .row_factors = job->row_factors,
                                  .column_factors = job->column_factors,
                                  .body = add_users,
                                  .context = job};
    return mr_row_sums_run(&rows, pool, ret_model);
}

mr_status mr_item_item_build(const mr_sparse_matrix *users, const mr_sparse_matrix *items,
                             const mr_item_item_options *options, mr_worker_pool *pool,
                             mr_sparse_matrix *ret_model)
{
    if (users->columns != items->rows || users->rows != items->columns ||
        items->rows == 0 || options->neighbours < 1 ||
        options->neighbours > MR_ITEM_ITEM_NEIGHBOURS_MAX ||
        !isfinite(options->user_exponent) || !isfinite(options->row_exponent) ||
        !isfinite(options->column_exponent))
        return MR_ERR_INVALID;
    build_job job = {.users = users, .items = items, .options = options};
    const mr_status status = sum(&job, pool, ret_model);
    free(job.user_factors);
    free(job.row_factors);
    free(job.column_factors);
    return status;
}

/* ---- scoring ---- */

void mr_item_item_add(const mr_sparse_matrix *model, const uint32_t *history,
                      const float *weights, size_t count, mr_sparse_row *row)
{
    for (size_t h = 0; h < count; h++) {
        if (history[h] >= model->rows)
            continue;
        const uint64_t first = model->ptr[history[h]];
        mr_sparse_row_add_scaled(row, model->index + first, model->values + first,
                                 (size_t)(model->ptr[history[h] + 1] - first),
                                 weights != NULL ? weights[h] : 1.0F);
    }
}

void mr_item_item_score(const mr_sparse_matrix *model, const uint32_t *history,
                        const float *weights, size_t count, float *ret_scores)
{
    mr_sparse_row row = {.values = ret_scores, .items = model->columns};
    memset(ret_scores, 0, row.items * sizeof(*ret_scores));
    mr_item_item_add(model, history, weights, count, &row);
}

void mr_item_item_reasons(const mr_sparse_matrix *model, const uint32_t *history,
                          const float *weights, size_t count, const uint32_t *items,
                          size_t item_count, uint32_t *marks, size_t *ret_places)
{
    float best[MR_ITEM_ITEM_REASONS_MAX];
    MR_ASSERT(item_count <= MR_ITEM_ITEM_REASONS_MAX);
    for (size_t i = 0; i < item_count; i++) {
        marks[items[i]] = (uint32_t)i + 1;
        ret_places[i] = count;
        best[i] = 0.0F;
    }
    for (size_t h = 0; h < count; h++) {
        if (history[h] >= model->rows)
            continue;
        const float weight = weights != NULL ? weights[h] : 1.0F;
        const uint64_t end = model->ptr[history[h] + 1];
        for (uint64_t e = model->ptr[history[h]]; e < end; e++) {
            const uint32_t mark = marks[model->index[e]];
            if (mark == 0 || !(model->values[e] * weight > best[mark - 1]))
                continue;
            best[mark - 1] = model->values[e] * weight;
            ret_places[mark - 1] = h;
        }
    }
    for (size_t i = 0; i < item_count; i++)
        marks[items[i]] = 0;
}
