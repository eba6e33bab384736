/*
 * Dense matrix: row-major float32, aligned for vector units.
 *
 * Rows start at multiples of 64 bytes (the stride is a multiple of 16 floats) and the
 * padding behind each row stays zero, so kernels may run over whole strides.
 *
 * Units      Rows, columns and stride in elements.
 * Ownership  A dense matrix owns its values until deinit.
 * Threads    Owner-only while written; any readers after.
 * Cost       One allocation, zeroed.
 */
#ifndef MR_MODELS_DENSE_H
#define MR_MODELS_DENSE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { MR_DENSE_ALIGN_BYTES = 64 };

/* All-zero is the empty matrix. */
typedef struct mr_dense {
    float *values;
    size_t rows;
    size_t columns;
    size_t stride;
} mr_dense;

/* Zeroed.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_dense_init(mr_dense *ret_dense, size_t rows, size_t columns);
void mr_dense_deinit(mr_dense *dense);

/* `columns` rounded up to whole 64-byte lines. */
size_t mr_dense_stride(size_t columns);

static inline float *mr_dense_row(const mr_dense *dense, size_t row)
{
    return dense->values + row * dense->stride;
}

/* Neither NaN nor infinity among `count` values. */
bool mr_dense_all_finite(const float *values, size_t count);

/* `count` zeroed floats at a 64-byte boundary, for free(); NULL when out of memory. */
float *mr_dense_floats(size_t count);

#endif
