#include "models/set_index.h"

#include "models/gram.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>

struct mr_set_index {
    const mr_dense *factors; /* NULL without iALS */
    mr_int8_table *codes;
    double *sums; /* [columns] */
    double *gram; /* [columns][columns], the lower triangle */
    double longest;
    mr_blend_term popular;
    float popular_largest;
};

static bool uses(const mr_set_model *model, mr_member member)
{
    return model->recipe->blend.weights[member] > 0.0F;
}

static bool is_answerable(const mr_set_model *model)
{
    if (uses(model, MR_MEMBER_EASE) || uses(model, MR_MEMBER_GRAPH_FILTER))
        return false;
    if (!uses(model, MR_MEMBER_ITEM_ITEM))
        return true;
    const mr_sparse_matrix *rows = model->item_item;
    for (uint64_t e = 0; e < rows->ptr[rows->rows]; e++)
        if (!(rows->values[e] >= 0.0F))
            return false;
    return true;
}

static mr_status measure_factors(mr_set_index *index)
{
    const mr_dense *factors = index->factors;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    mr_worker_pool *pool = NULL;
    double longest = 0.0;
    MR_TRY(mr_worker_pool_create(1, &pool));
    const mr_status status = mr_gram_of(factors, pool, index->gram);
    mr_worker_pool_destroy(pool);
    for (size_t i = 0; i < factors->rows && status == MR_OK; i++) {
        const float *row = mr_dense_row(factors, i);
        longest = fmax(longest, (double)kernels->dot(row, row, factors->stride));
        for (size_t f = 0; f < factors->columns; f++)
            index->sums[f] += (double)row[f];
    }
    index->longest = sqrt(longest);
    return status;
}

static mr_status prepare(const mr_set_model *model, mr_set_index *index)
{
    if (uses(model, MR_MEMBER_POPULAR)) {
        index->popular =
            mr_blend_measure(model->recipe->blend.scale, model->popular, model->items);
        index->popular_largest =
            mr_vector_kernels_best()->maximum(model->popular, model->items);
    }
    if (!uses(model, MR_MEMBER_IALS))
        return MR_OK;
    index->factors = mr_fold_in_items(model->fold_in);
    const size_t d = index->factors->columns;
    index->sums = calloc(d, sizeof(*index->sums));
    index->gram = calloc(d * d, sizeof(*index->gram));
    if (index->sums == NULL || index->gram == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(measure_factors(index));
    return mr_int8_table_build(index->factors, &index->codes);
}

mr_status mr_set_index_create(const mr_set_model *model, mr_set_index **ret_index)
{
    *ret_index = NULL;
    if (!is_answerable(model))
        return MR_OK;
    mr_set_index *index = calloc(1, sizeof(*index));
    if (index == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = prepare(model, index);
    if (status != MR_OK) {
        mr_set_index_destroy(index);
        return status;
    }
    *ret_index = index;
    return MR_OK;
}

void mr_set_index_destroy(mr_set_index *index)
{
    if (index == NULL)
        return;
    mr_int8_table_destroy(index->codes);
    free(index->sums);
    free(index->gram);
    free(index);
}

const mr_int8_table *mr_set_index_codes(const mr_set_index *index)
{
    return index->codes;
}

mr_blend_term mr_set_index_popular(const mr_set_index *index)
{
    return index->popular;
}

float mr_set_index_popular_largest(const mr_set_index *index)
{
    return index->popular_largest;
}

void mr_set_index_moments(const mr_set_index *index, const float *user, double *ret_sum,
                          double *ret_squares)
{
    const size_t d = index->factors->columns;
    double sum = 0.0;
    double squares = 0.0;
    for (size_t f = 0; f < d; f++) {
        const double *gram = index->gram + f * d;
        double across = 0.0;
        for (size_t g = 0; g < f; g++)
            across += gram[g] * (double)user[g];
        sum += index->sums[f] * (double)user[f];
        squares += (double)user[f] * (gram[f] * (double)user[f] + 2.0 * across);
    }
    *ret_sum = sum;
    *ret_squares = squares;
}

double mr_set_index_largest(const mr_set_index *index, const float *user)
{
    const size_t stride = index->factors->stride;
    const float square = mr_vector_kernels_best()->dot(user, user, stride);
    return sqrt((double)square) * index->longest;
}
