#include "models/encoder.h"

#include "models/blas.h"
#include "models/encoder_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows are checked after they were rounded to float32 and perhaps stored. */
static const float UNIT_TOLERANCE = 1e-3F;
/* Of a weight or a length.  Training stays below a hundred; far above, float32 would overflow. */
static const float LARGEST = 1e6F;

struct mr_encoder {
    mr_encoder_arrays arrays;
    mr_dense items;
    bool owns_arrays;
};

/* ---- made from arrays ---- */

static bool all_moderate(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(values[i]) <= LARGEST))
            return false;
    return true;
}

static mr_status check_item(const mr_encoder_arrays *arrays, uint32_t item,
                            mr_error *ret_error)
{
    const float *row = arrays->units + (size_t)item * arrays->dimension;
    const float length = arrays->lengths[item];
    const float square = mr_encoder_kernels_best()->dot(row, row, arrays->dimension);
    if (!(length >= 0.0F && length <= LARGEST))
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "encoder: item %u has length %g",
                            item, (double)length);
    /* An infinite or missing number makes the sum of squares one as well. */
    if (!(length > 0.0F ? fabsf(square - 1.0F) <= UNIT_TOLERANCE : square == 0.0F))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "encoder: the row of item %u is not of length 1", item);
    return MR_OK;
}

static mr_status check_arrays(const mr_encoder_arrays *arrays, mr_error *ret_error)
{
    const uint32_t d = arrays->dimension;
    if (d == 0 || d > MR_ENCODER_DIMENSION_MAX || d % MR_ENCODER_DIMENSION_STEP != 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "encoder: dimension %u is not a multiple of %d up to %d", d,
                            MR_ENCODER_DIMENSION_STEP, MR_ENCODER_DIMENSION_MAX);
    if (arrays->units == NULL || arrays->lengths == NULL || arrays->places == NULL ||
        arrays->attention == NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID, "encoder: an array is missing");
    if (!all_moderate(arrays->places, MR_ENCODER_PLACES) ||
        !all_moderate(arrays->attention, d))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "encoder: a weight of the places or of the attention is out "
                            "of bounds");
    for (uint32_t item = 0; item < arrays->items; item++)
        MR_TRY(check_item(arrays, item, ret_error));
    return MR_OK;
}

static mr_status make(const mr_encoder_arrays *arrays, bool owns_arrays,
                      mr_encoder **ret_encoder, mr_error *ret_error)
{
    MR_TRY(check_arrays(arrays, ret_error));
    mr_encoder *encoder = calloc(1, sizeof(*encoder));
    if (encoder == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "encoder: out of memory");
    encoder->arrays = *arrays;
    encoder->owns_arrays = owns_arrays;
    encoder->items = (mr_dense){.values = (float *)(uintptr_t)arrays->units,
                                .rows = arrays->items,
                                .columns = arrays->dimension,
                                .stride = arrays->dimension};
    *ret_encoder = encoder;
    return MR_OK;
}

mr_status mr_encoder_open(const mr_encoder_arrays *arrays, mr_encoder **ret_encoder,
                          mr_error *ret_error)
{
    return make(arrays, false, ret_encoder, ret_error);
}

mr_status mr_encoder_take(const mr_encoder_arrays *arrays, mr_encoder **ret_encoder,
                          mr_error *ret_error)
{
    return make(arrays, true, ret_encoder, ret_error);
}

void mr_encoder_destroy(mr_encoder *encoder)
{
    if (encoder == NULL)
        return;
    if (encoder->owns_arrays) {
        free((void *)(uintptr_t)encoder->arrays.units);
        free((void *)(uintptr_t)encoder->arrays.lengths);
        free((void *)(uintptr_t)encoder->arrays.places);
        free((void *)(uintptr_t)encoder->arrays.attention);
    }
    free(encoder);
}

const mr_encoder_arrays *mr_encoder_view(const mr_encoder *encoder)
{
    return &encoder->arrays;
}

const mr_dense *mr_encoder_items(const mr_encoder *encoder)
{
    return &encoder->items;
}

/* ---- a query ---- */

/* The places of the query that are looked at, oldest first, and their weights a. */
typedef struct attended {
    size_t count;
    size_t place[MR_ENCODER_LENGTH_MAX];
    uint32_t item[MR_ENCODER_LENGTH_MAX];
    float weight[MR_ENCODER_LENGTH_MAX];
} attended;

static bool is_known(const mr_encoder *encoder, uint32_t item)
{
    return item < encoder->arrays.items && encoder->arrays.lengths[item] > 0.0F;
}

static void pick_newest_known(const mr_encoder *encoder, const mr_query *query,
                              attended *ret_seen)
{
    size_t known = 0;
    size_t from = query->count;
    while (from > 0 && known < MR_ENCODER_LENGTH_MAX)
        known += is_known(encoder, query->item[--from]);
    ret_seen->count = 0;
    for (size_t place = from; place < query->count; place++) {
        if (!is_known(encoder, query->item[place]))
            continue;
        ret_seen->place[ret_seen->count] = place;
        ret_seen->item[ret_seen->count++] = query->item[place];
    }
}

static const float *unit_of(const mr_encoder *encoder, uint32_t item)
{
    return encoder->arrays.units + (size_t)item * encoder->arrays.dimension;
}

static void attend(const mr_encoder *encoder, const mr_query *query, attended *ret_seen)
{
    const mr_encoder_kernels *kernels = mr_encoder_kernels_best();
    const mr_encoder_arrays *arrays = &encoder->arrays;
    pick_newest_known(encoder, query, ret_seen);
    const size_t n = ret_seen->count;
    float largest = -INFINITY;
    float sum = 0.0F;
    for (size_t t = 0; t < n; t++) {
        const uint32_t item = ret_seen->item[t];
        ret_seen->weight[t] =
            arrays->places[(n - 1) * MR_ENCODER_LENGTH_MAX + (n - 1 - t)] +
            arrays->lengths[item] * kernels->dot(unit_of(encoder, item),
                                                 arrays->attention, arrays->dimension);
        largest = fmaxf(largest, ret_seen->weight[t]);
    }
    for (size_t t = 0; t < n; t++) {
        ret_seen->weight[t] = expf(ret_seen->weight[t] - largest);
        sum += ret_seen->weight[t];
    }
    for (size_t t = 0; t < n; t++)
        ret_seen->weight[t] /= sum;
}

/* h, not yet of length 1 */
static void sum_up(const mr_encoder *encoder, const attended *seen, float *ret_vector)
{
    const mr_encoder_kernels *kernels = mr_encoder_kernels_best();
    const uint32_t d = encoder->arrays.dimension;
    memset(ret_vector, 0, d * sizeof(*ret_vector));
    for (size_t t = 0; t < seen->count; t++)
        kernels->add(unit_of(encoder, seen->item[t]),
                     seen->weight[t] * encoder->arrays.lengths[seen->item[t]], d,
                     ret_vector);
}

bool mr_encoder_encode(const mr_encoder *encoder, const mr_query *query,
                       float *ret_vector)
{
    attended seen;
    attend(encoder, query, &seen);
    sum_up(encoder, &seen, ret_vector);
    (void)mr_encoder_kernels_best()->normalise(ret_vector, encoder->arrays.dimension,
                                               ret_vector);
    return seen.count > 0;
}

void mr_encoder_score(const mr_encoder *encoder, const mr_query *query, float *ret_row)
{
    const mr_encoder_arrays *arrays = &encoder->arrays;
    _Alignas(MR_DENSE_ALIGN_BYTES) float vector[MR_ENCODER_DIMENSION_MAX];
    if (!mr_encoder_encode(encoder, query, vector)) {
        memset(ret_row, 0, arrays->items * sizeof(*ret_row));
        return;
    }
    mr_blas_sgemv(MR_BLAS_PLAIN, arrays->items, arrays->dimension, 1.0F, arrays->units,
                  arrays->dimension, vector, 0.0F, ret_row);
    for (uint32_t item = 0; item < arrays->items; item++)
        ret_row[item] = ret_row[item] > 0.0F ? ret_row[item] : 0.0F;
}

size_t mr_encoder_because(const mr_encoder *encoder, const mr_query *query, uint32_t item,
                          float *ret_term)
{
    const mr_encoder_kernels *kernels = mr_encoder_kernels_best();
    const mr_encoder_arrays *arrays = &encoder->arrays;
    attended seen;
    float vector[MR_ENCODER_DIMENSION_MAX];
    attend(encoder, query, &seen);
    *ret_term = 0.0F;
    if (seen.count == 0 || !is_known(encoder, item))
        return query->count;
    sum_up(encoder, &seen, vector);
    const float length = kernels->normalise(vector, arrays->dimension, vector);
    size_t best = 0;
    for (size_t t = 0; t < seen.count; t++) {
        const float share = seen.weight[t] * arrays->lengths[seen.item[t]] *
                            kernels->dot(unit_of(encoder, seen.item[t]),
                                         unit_of(encoder, item), arrays->dimension) /
                            (length > 0.0F ? length : 1.0F);
        if (t > 0 && share < *ret_term)
            continue;
        *ret_term = share;
        best = seen.place[t];
    }
    return best;
}
