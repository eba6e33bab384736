#include "models/content.h"

#include "core/assert.h"
#include "models/blas.h"
#include "models/content_internal.h"
#include "models/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond so many scales an element weighs less than a float can add to the newest. */
static const float SCALES_MAX = 30.0F;
/* Of rows of length 1, and what rounding may add. */
static const float SIMILARITY_MAX = 1.01F;

/* How far the length of a stored row may be from 1: float rounding over thousands of terms. */
static const double LENGTH_TOLERANCE = 1e-3;

struct mr_content_scratch {
    float *profile;    /* [buckets], zero between calls   */
    uint32_t *touched; /* [buckets]: which are not        */
    float *embedding;  /* [dimension]                     */
    float *cosines;    /* [items], for embeddings         */
};

/* ---- making and checking ---- */

mr_content_options mr_content_options_default(void)
{
    return (mr_content_options){.field_weights = {[MR_CONTENT_CATEGORY] = 1.0F,
                                                  [MR_CONTENT_BRAND] = 0.7F,
                                                  [MR_CONTENT_TAG] = 1.0F,
                                                  [MR_CONTENT_TITLE] = 0.7F,
                                                  [MR_CONTENT_TEXT] = 0.5F},
                                .bucket_bits = 18,
                                .document_min = 2,
                                .sparse_weight = 1.0F,
                                .dense_weight = 1.0F,
                                .price_weight = 0.1F,
                                .price_octaves = 2.0F,
                                .query_scale = 10.0F};
}

static bool is_weight(float value)
{
    return isfinite(value) && value >= 0.0F;
}

mr_status mr_content_options_check(const mr_content_options *options, mr_error *ret_error)
{
    for (size_t f = 0; f < MR_CONTENT_FIELDS; f++)
        if (!is_weight(options->field_weights[f]))
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "the weight of a field is negative or not finite");
    if (options->bucket_bits < MR_CONTENT_BUCKET_BITS_MIN ||
        options->bucket_bits > MR_CONTENT_BUCKET_BITS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "bucket_bits is not in %d … %d",
                            MR_CONTENT_BUCKET_BITS_MIN, MR_CONTENT_BUCKET_BITS_MAX);
    if (!is_weight(options->sparse_weight) || !is_weight(options->dense_weight) ||
        !is_weight(options->price_weight) || !is_weight(options->query_scale) ||
        !(options->price_octaves > 0.0F &&
          options->price_octaves <= MR_CONTENT_PRICE_OCTAVES_MAX))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "a weight or query_scale is negative or not finite, or "
                            "price_octaves out of range");
    return MR_OK;
}

mr_status mr_content_take(const mr_content_arrays *arrays, mr_content **ret_content)
{
    mr_content *content = calloc(1, sizeof(*content));
    if (content == NULL)
        return MR_ERR_NO_MEMORY;
    if (arrays->terms.rows > 0) {
        const mr_status status =
            mr_sparse_matrix_transpose(&arrays->terms, &content->lists);
        if (status != MR_OK) {
            free(content);
            return status;
        }
    }
    content->arrays = *arrays;
    content->owns_arrays = true;
    *ret_content = content;
    return MR_OK;
}

void mr_content_destroy(mr_content *content)
{
    if (content == NULL)
        return;
    if (content->owns_arrays) {
        mr_sparse_matrix_deinit(&content->arrays.terms);
        free(content->arrays.embeddings);
        free(content->arrays.price_log2);
    }
    mr_sparse_matrix_deinit(&content->lists);
    free(content);
}

static bool is_length_one_or_zero(const float *values, size_t count)
{
    double square = 0.0;
    for (size_t i = 0; i < count; i++)
        square += (double)values[i] * (double)values[i];
    return fabs(square) <= 0.0 || fabs(square - 1.0) <= LENGTH_TOLERANCE;
}

/* Before anything is read that they point at. */
static bool do_pointers_ascend(const mr_sparse_matrix *matrix)
{
    for (uint32_t r = 0; r < matrix->rows; r++)
        if (matrix->ptr[r + 1] < matrix->ptr[r])
            return false;
    return true;
}

static mr_status check_terms(const mr_content_arrays *arrays, mr_error *ret_error)
{
    const mr_sparse_matrix *terms = &arrays->terms;
    if (terms->rows == 0)
        return MR_OK;
    if (terms->rows != arrays->items ||
        terms->columns != UINT32_C(1) << arrays->options.bucket_bits ||
        terms->values == NULL || !do_pointers_ascend(terms) ||
        mr_sparse_matrix_check(terms) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "content: the terms are no matrix of items and buckets");
    for (uint64_t e = 0; e < mr_sparse_matrix_count(terms); e++)
        if (!(terms->values[e] > 0.0F))
            return mr_error_set(ret_error, MR_ERR_CORRUPT,
                                "content: a term does not weigh more than nothing");
    for (uint32_t i = 0; i < terms->rows; i++)
        if (!is_length_one_or_zero(terms->values + terms->ptr[i],
                                   mr_sparse_matrix_row_count(terms, i)))
            return mr_error_set(ret_error, MR_ERR_CORRUPT,
                                "content: the terms of item %u have not length 1", i);
    return MR_OK;
}

static mr_status check_embeddings(const mr_content_arrays *arrays, mr_error *ret_error)
{
    if (arrays->embeddings == NULL && arrays->dimension == 0)
        return MR_OK;
    if (arrays->embeddings == NULL || arrays->dimension == 0 ||
        arrays->dimension > MR_CONTENT_DIMENSION_MAX ||
        arrays->embedding_stride < arrays->dimension)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "content: the embeddings are no table of items");
    for (uint32_t i = 0; i < arrays->items; i++)
        if (!is_length_one_or_zero(arrays->embeddings + i * arrays->embedding_stride,
                                   arrays->dimension)) /* which NaN has not */
            return mr_error_set(ret_error, MR_ERR_CORRUPT,
                                "content: the embedding of item %u has not length 1", i);
    return MR_OK;
}

static mr_status check_prices(const mr_content_arrays *arrays, mr_error *ret_error)
{
    for (uint32_t i = 0; arrays->price_log2 != NULL && i < arrays->items; i++)
        if (!(arrays->price_log2[i] >= MR_CONTENT_PRICE_UNKNOWN &&
              arrays->price_log2[i] <= -MR_CONTENT_PRICE_UNKNOWN))
            return mr_error_set(ret_error, MR_ERR_CORRUPT,
                                "content: the price of item %u is out of range", i);
    return MR_OK;
}

mr_status mr_content_open(const mr_content_arrays *arrays, mr_content **ret_content,
                          mr_error *ret_error)
{
    if (mr_content_options_check(&arrays->options, NULL) != MR_OK || arrays->items == 0)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "content: no items, or options out of range");
    MR_TRY(check_terms(arrays, ret_error));
    MR_TRY(check_embeddings(arrays, ret_error));
    MR_TRY(check_prices(arrays, ret_error));
    mr_content *content = NULL;
    MR_TRY(mr_content_take(arrays, &content));
    content->owns_arrays = false;
    *ret_content = content;
    return MR_OK;
}

mr_content_arrays mr_content_arrays_of(const mr_content *content)
{
    return content->arrays;
}

mr_status mr_content_scratch_create(const mr_content *content,
                                    mr_content_scratch **ret_scratch)
{
    const mr_content_arrays *arrays = &content->arrays;
    const size_t buckets = arrays->terms.columns;
    mr_content_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    scratch->profile = mr_dense_floats(buckets);
    scratch->touched = calloc(buckets + 1, sizeof(*scratch->touched));
    scratch->embedding = mr_dense_floats(arrays->dimension);
    scratch->cosines = mr_dense_floats(arrays->dimension > 0 ? arrays->items : 0);
    if (scratch->profile == NULL || scratch->touched == NULL ||
        scratch->embedding == NULL || scratch->cosines == NULL) {
        mr_content_scratch_destroy(scratch);
        return MR_ERR_NO_MEMORY;
    }
    *ret_scratch = scratch;
    return MR_OK;
}

void mr_content_scratch_destroy(mr_content_scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->profile);
    free(scratch->touched);
    free(scratch->embedding);
    free(scratch->cosines);
    free(scratch);
}

/* ---- scoring ---- */

/* How much the element at `place` counts; 0 for one that is not in the catalogue. */
static float fade(const mr_content *content, const mr_query *query, size_t place)
{
    const float scale = content->arrays.options.query_scale;
    if (query->item[place] >= content->arrays.items)
        return 0.0F;
    if (scale <= 0.0F)
        return 1.0F;
    const float age = (float)(query->count - 1 - place) / scale;
    return age > SCALES_MAX ? 0.0F : expf(-age);
}

/* The sum of the query's rows, and which of its buckets are not zero. */
static uint32_t add_terms(const mr_content *content, const mr_query *query,
                          mr_content_scratch *scratch)
{
    const mr_sparse_matrix *terms = &content->arrays.terms;
    uint32_t touched = 0;
    for (size_t t = 0; t < query->count; t++) {
        const float weight = fade(content, query, t);
        if (weight <= 0.0F)
            continue;
        const uint32_t item = query->item[t];
        for (uint64_t e = terms->ptr[item]; e < terms->ptr[item + 1]; e++) {
            float *sum = &scratch->profile[terms->index[e]];
            if (*sum <= 0.0F)
                scratch->touched[touched++] = terms->index[e];
            *sum += weight * terms->values[e];
        }
    }
    return touched;
}

static void score_terms(const mr_content *content, mr_content_scratch *scratch,
                        const mr_query *query, float *row)
{
    const mr_sparse_matrix *lists = &content->lists;
    const uint32_t touched = add_terms(content, query, scratch);
    double square = 0.0;
    for (uint32_t i = 0; i < touched; i++) {
        const double sum = (double)scratch->profile[scratch->touched[i]];
        square += sum * sum;
    }
    const float factor =
        square > 0.0 ? content->arrays.options.sparse_weight / (float)sqrt(square) : 0.0F;
    for (uint32_t i = 0; i < touched; i++) {
        const uint32_t bucket = scratch->touched[i];
        const float sum = factor * scratch->profile[bucket];
        scratch->profile[bucket] = 0.0F;
        for (uint64_t e = lists->ptr[bucket]; e < lists->ptr[bucket + 1]; e++)
            row[lists->index[e]] += sum * lists->values[e];
    }
}

static void score_embeddings(const mr_content *content, mr_content_scratch *scratch,
                             const mr_query *query, float *row)
{
    const mr_content_arrays *arrays = &content->arrays;
    double square = 0.0;
    memset(scratch->embedding, 0, arrays->dimension * sizeof(*scratch->embedding));
    for (size_t t = 0; t < query->count; t++) {
        const float weight = fade(content, query, t);
        if (weight <= 0.0F)
            continue;
        const float *from =
            arrays->embeddings + query->item[t] * arrays->embedding_stride;
        for (uint32_t d = 0; d < arrays->dimension; d++)
            scratch->embedding[d] += weight * from[d];
    }
    for (uint32_t d = 0; d < arrays->dimension; d++)
        square += (double)scratch->embedding[d] * (double)scratch->embedding[d];
    if (!(square > 0.0))
        return;
    mr_blas_sgemv(MR_BLAS_PLAIN, arrays->items, arrays->dimension,
                  arrays->options.dense_weight / (float)sqrt(square), arrays->embeddings,
                  arrays->embedding_stride, scratch->embedding, 0.0F, scratch->cosines);
    for (uint32_t i = 0; i < arrays->items; i++)
        row[i] += scratch->cosines[i] > 0.0F ? scratch->cosines[i] : 0.0F;
}

static bool knows_price(const mr_content *content, uint32_t item)
{
    return content->arrays.price_log2[item] > MR_CONTENT_PRICE_UNKNOWN;
}

static void score_prices(const mr_content *content, const mr_query *query, float *row)
{
    const mr_content_options *options = &content->arrays.options;
    const float *price_log2 = content->arrays.price_log2;
    float weights = 0.0F;
    float sum = 0.0F;
    for (size_t t = 0; t < query->count; t++) {
        const float weight = fade(content, query, t);
        if (weight <= 0.0F || !knows_price(content, query->item[t]))
            continue;
        weights += weight;
        sum += weight * price_log2[query->item[t]];
    }
    if (weights <= 0.0F)
        return;
    const float mean = sum / weights;
    const float per_octave = 1.0F / options->price_octaves;
    for (uint32_t i = 0; i < content->arrays.items; i++) {
        /* an unknown price is hundreds of octaves from any other, so it needs no branch */
        const float closeness = 1.0F - fabsf(price_log2[i] - mean) * per_octave;
        row[i] += options->price_weight * (closeness > 0.0F ? closeness : 0.0F);
    }
}

void mr_content_score(const mr_content *content, mr_content_scratch *scratch,
                      const mr_query *query, float *ret_row)
{
    memset(ret_row, 0, content->arrays.items * sizeof(*ret_row));
    if (content->arrays.terms.rows > 0)
        score_terms(content, scratch, query, ret_row);
    if (content->arrays.embeddings != NULL)
        score_embeddings(content, scratch, query, ret_row);
    if (content->arrays.price_log2 != NULL)
        score_prices(content, query, ret_row);
}

/* ---- reasons ---- */

/* Which of the two comes first cannot be foretold: both are looked at and moved on without a branch. */
static float shared_terms(const mr_sparse_matrix *terms, uint32_t a, uint32_t b)
{
    uint64_t e = terms->ptr[a];
    uint64_t f = terms->ptr[b];
    float sum = 0.0F;
    while (e < terms->ptr[a + 1] && f < terms->ptr[b + 1]) {
        const uint32_t left = terms->index[e];
        const uint32_t right = terms->index[f];
        const float product = terms->values[e] * terms->values[f];
        sum += left == right ? product : 0.0F;
        e += left <= right;
        f += right <= left;
    }
    return sum;
}

float mr_content_similarity(const mr_content *content, uint32_t a, uint32_t b)
{
    const mr_content_arrays *arrays = &content->arrays;
    MR_ASSERT(a < arrays->items && b < arrays->items);
    float similarity = 0.0F;
    if (arrays->terms.rows > 0)
        similarity += arrays->options.sparse_weight * shared_terms(&arrays->terms, a, b);
    if (arrays->embeddings == NULL)
        return similarity;
    const float *left = arrays->embeddings + a * arrays->embedding_stride;
    const float *right = arrays->embeddings + b * arrays->embedding_stride;
    float cosine = 0.0F;
    for (uint32_t d = 0; d < arrays->dimension; d++)
        cosine += left[d] * right[d];
    return similarity + arrays->options.dense_weight * fmaxf(cosine, 0.0F);
}

/* Newest first, whose terms may be largest: none is above its fading times what a similarity can be. */
size_t mr_content_because(const mr_content *content, const mr_query *query, uint32_t item,
                          float *ret_term)
{
    const mr_content_options *options = &content->arrays.options;
    const float largest =
        (options->sparse_weight + options->dense_weight) * SIMILARITY_MAX;
    size_t best = query->count;
    float best_term = 0.0F;
    for (size_t t = query->count; t-- > 0;) {
        const float weight = fade(content, query, t);
        if (weight <= 0.0F || weight * largest < best_term)
            continue;
        const float term = weight * mr_content_similarity(content, query->item[t], item);
        if (term > 0.0F && term >= best_term) {
            best_term = term;
            best = t;
        }
    }
    *ret_term = best_term;
    return best;
}
