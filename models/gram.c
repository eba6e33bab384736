#include "models/gram.h"

#include "models/blas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLAB_ROWS =
        4096, /* of a product: part of the result's rounding, so never by threads */
    TURN_ROWS = 256,
    SLABS_AT_ONCE = 64, /* bounds the memory of partial products */
};

typedef struct product_job {
    const mr_dense *table;
    size_t first_slab;
    float *partial; /* [SLABS_AT_ONCE][d * d] */
} product_job;

static void multiply_slab(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const product_job *job = context;
    const size_t d = job->table->columns;
    for (size_t slab = begin; slab < end; slab++) {
        const size_t first = (job->first_slab + slab) * SLAB_ROWS;
        const size_t left = job->table->rows - first;
        mr_blas_ssyrk(d, left < SLAB_ROWS ? left : SLAB_ROWS, 1.0F,
                      mr_dense_row(job->table, first), job->table->stride, 0.0F,
                      job->partial + slab * d * d, d);
    }
}

mr_status mr_gram_of(const mr_dense *table, mr_worker_pool *pool, double *ret_gram)
{
    const size_t d = table->columns;
    const size_t slabs = (table->rows + SLAB_ROWS - 1) / SLAB_ROWS;
    const size_t at_once = slabs < SLABS_AT_ONCE ? slabs : SLABS_AT_ONCE;
    product_job job = {.table = table, .partial = mr_dense_floats(at_once * d * d)};
    if (job.partial == NULL)
        return MR_ERR_NO_MEMORY;
    memset(ret_gram, 0, d * d * sizeof(*ret_gram));
    for (; job.first_slab < slabs; job.first_slab += at_once) {
        const size_t left = slabs - job.first_slab;
        const size_t now = left < at_once ? left : at_once;
        mr_worker_pool_run(pool, now, 1, multiply_slab, &job);
        for (size_t slab = 0; slab < now; slab++)
            for (size_t row = 0; row < d; row++)
                for (size_t column = 0; column <= row; column++)
                    ret_gram[row * d + column] +=
                        (double)job.partial[slab * d * d + row * d + column];
    }
    free(job.partial);
    return MR_OK;
}

mr_status mr_gram_eigenbasis(const double *gram, size_t d, float *ret_vectors,
                             float *ret_values)
{
    for (size_t row = 0; row < d; row++)
        for (size_t column = 0; column <= row; column++) {
            const float value = (float)gram[row * d + column];
            if (!isfinite(value))
                return MR_ERR_INVALID;
            ret_vectors[row * d + column] = value;
        }
    MR_TRY(mr_blas_ssyevd(d, ret_vectors, d, ret_values));
    for (size_t e = 0; e < d; e++)
        if (ret_values[e] < 0.0F)
            ret_values[e] = 0.0F;
    return MR_OK;
}

typedef struct turn_job {
    mr_dense *table;
    const float *vectors;
    float **blocks; /* [threads], TURN_ROWS rows each */
} turn_job;

static void turn_rows(void *context, uint32_t worker, size_t begin, size_t end)
{
    const turn_job *job = context;
    const mr_dense *table = job->table;
    float *block = job->blocks[worker];
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, end - begin, table->columns,
                  table->columns, 1.0F, mr_dense_row(table, begin), table->stride,
                  job->vectors, table->columns, 0.0F, block, table->stride);
    for (size_t row = begin; row < end; row++)
        memcpy(mr_dense_row(table, row), block + (row - begin) * table->stride,
               table->columns * sizeof(*block));
}

mr_status mr_gram_turn(mr_dense *table, const float *vectors, mr_worker_pool *pool)
{
    const uint32_t threads = mr_worker_pool_threads(pool);
    mr_status status = MR_OK;
    turn_job job = {.table = table,
                    .vectors = vectors,
                    .blocks = calloc(threads, sizeof(*job.blocks))};
    if (job.blocks == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t w = 0; w < threads; w++) {
        job.blocks[w] = mr_dense_floats(TURN_ROWS * table->stride);
        if (job.blocks[w] == NULL)
            status = MR_ERR_NO_MEMORY;
    }
    if (status == MR_OK)
        mr_worker_pool_run(pool, table->rows, TURN_ROWS, turn_rows, &job);
    for (uint32_t w = 0; w < threads; w++)
        free(job.blocks[w]);
    free(job.blocks);
    return status;
}
