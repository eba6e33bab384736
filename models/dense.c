#include "models/dense.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    LINE_FLOATS = MR_DENSE_ALIGN_BYTES / sizeof(float),
    LARGE_PAGE_BYTES = 2 << 20,
    LARGE_BYTES = 4 << 20, /* from here on rows in any order miss the table of pages */
};

size_t mr_dense_stride(size_t columns)
{
    return (columns + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
}

/* Before the pages are first touched, or it comes too late.  A wish, not a need. */
static void wish_for_large_pages(float *values, size_t bytes)
{
    if (bytes >= LARGE_BYTES)
        (void)madvise(values, bytes / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES, MADV_HUGEPAGE);
}

float *mr_dense_floats(size_t count)
{
    const size_t bytes = mr_dense_stride(count > 0 ? count : 1) * sizeof(float);
    if (bytes / sizeof(float) < count)
        return NULL;
    const size_t align =
        bytes >= LARGE_BYTES ? (size_t)LARGE_PAGE_BYTES : (size_t)MR_DENSE_ALIGN_BYTES;
    float *values = aligned_alloc(align, bytes);
    if (values == NULL)
        return NULL;
    wish_for_large_pages(values, bytes);
    memset(values, 0, bytes);
    return values;
}

mr_status mr_dense_init(mr_dense *ret_dense, size_t rows, size_t columns)
{
    const size_t stride = mr_dense_stride(columns);
    if (stride != 0 && rows > SIZE_MAX / sizeof(float) / stride)
        return MR_ERR_NO_MEMORY;
    float *values = mr_dense_floats(rows * stride);
    if (values == NULL)
        return MR_ERR_NO_MEMORY;
    *ret_dense =
        (mr_dense){.values = values, .rows = rows, .columns = columns, .stride = stride};
    return MR_OK;
}

void mr_dense_deinit(mr_dense *dense)
{
    free(dense->values);
    *dense = (mr_dense){0};
}

bool mr_dense_all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}
