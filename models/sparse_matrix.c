#include "models/sparse_matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static mr_status reserve(mr_sparse_matrix *matrix, uint32_t rows, uint32_t columns,
                         size_t count, bool with_values)
{
    *matrix = (mr_sparse_matrix){.rows = rows, .columns = columns};
    matrix->ptr = calloc((size_t)rows + 1, sizeof(*matrix->ptr));
    matrix->index = calloc(count > 0 ? count : 1, sizeof(*matrix->index));
    if (with_values)
        matrix->values = calloc(count > 0 ? count : 1, sizeof(*matrix->values));
    if (matrix->ptr == NULL || matrix->index == NULL ||
        (with_values && matrix->values == NULL)) {
        mr_sparse_matrix_deinit(matrix);
        return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

void mr_sparse_matrix_deinit(mr_sparse_matrix *matrix)
{
    free(matrix->ptr);
    free(matrix->index);
    free(matrix->values);
    *matrix = (mr_sparse_matrix){0};
}

/* Two transposes sort a matrix: a counting sort by column, then one by row, each stable.
 */
mr_status mr_sparse_matrix_transpose(const mr_sparse_matrix *matrix,
                                     mr_sparse_matrix *ret_transposed)
{
    const uint64_t count = mr_sparse_matrix_count(matrix);
    mr_sparse_matrix out;
    MR_TRY(reserve(&out, matrix->columns, matrix->rows, count, matrix->values != NULL));
    for (uint64_t e = 0; e < count; e++)
        out.ptr[matrix->index[e] + 1]++;
    for (uint32_t c = 0; c < out.rows; c++)
        out.ptr[c + 1] += out.ptr[c];
    for (uint32_t r = 0; r < matrix->rows; r++)
        for (uint64_t e = matrix->ptr[r]; e < matrix->ptr[r + 1]; e++) {
            const uint64_t at = out.ptr[matrix->index[e]]++;
            out.index[at] = r;
            if (matrix->values != NULL)
                out.values[at] = matrix->values[e];
        }
    /* Filling moved each pointer to the start of the next row. */
    memmove(out.ptr + 1, out.ptr, out.rows * sizeof(*out.ptr));
    out.ptr[0] = 0;
    *ret_transposed = out;
    return MR_OK;
}

/* Rows are sorted; make one of neighbours that are equal. */
static void merge_duplicates(mr_sparse_matrix *matrix)
{
    uint64_t kept = 0;
    uint64_t begin = 0;
    for (uint32_t r = 0; r < matrix->rows; r++) {
        const uint64_t end = matrix->ptr[r + 1];
        const uint64_t first = kept;
        for (uint64_t e = begin; e < end; e++) {
            if (kept > first && matrix->index[kept - 1] == matrix->index[e]) {
                if (matrix->values != NULL)
                    matrix->values[kept - 1] += matrix->values[e];
                continue;
            }
            matrix->index[kept] = matrix->index[e];
            if (matrix->values != NULL)
                matrix->values[kept] = matrix->values[e];
            kept++;
        }
        begin = end;
        matrix->ptr[r + 1] = kept;
    }
}

mr_status mr_sparse_matrix_from_rows(const uint64_t *ptr, const uint32_t *index,
                                     const float *values, uint32_t rows, uint32_t columns,
                                     mr_sparse_matrix *ret_matrix)
{
    const uint64_t count = rows > 0 ? ptr[rows] : 0;
    for (uint64_t e = 0; e < count; e++)
        if (index[e] >= columns)
            return MR_ERR_INVALID;
    /* Only read through, as the transpose's operand. */
    const mr_sparse_matrix given = {.rows = rows,
                                    .columns = columns,
                                    .ptr = (uint64_t *)(uintptr_t)ptr,
                                    .index = (uint32_t *)(uintptr_t)index,
                                    .values = (float *)(uintptr_t)values};
    mr_sparse_matrix by_column = {0};
    mr_sparse_matrix sorted = {0};
    MR_TRY(mr_sparse_matrix_transpose(&given, &by_column));
    const mr_status status = mr_sparse_matrix_transpose(&by_column, &sorted);
    mr_sparse_matrix_deinit(&by_column);
    MR_TRY(status);
    merge_duplicates(&sorted);
    *ret_matrix = sorted;
    return MR_OK;
}

mr_status mr_sparse_matrix_from_triples(const mr_triple *triples, size_t count,
                                        uint32_t rows, uint32_t columns, bool with_values,
                                        mr_sparse_matrix *ret_matrix)
{
    for (size_t t = 0; t < count; t++)
        if (triples[t].row >= rows || triples[t].column >= columns)
            return MR_ERR_INVALID;
    /* The transpose first: a counting sort by column, whose own transpose is sorted. */
    mr_sparse_matrix by_column;
    MR_TRY(reserve(&by_column, columns, rows, count, with_values));
    for (size_t t = 0; t < count; t++)
        by_column.ptr[triples[t].column + 1]++;
    for (uint32_t c = 0; c < columns; c++)
        by_column.ptr[c + 1] += by_column.ptr[c];
    for (size_t t = 0; t < count; t++) {
        const uint64_t at = by_column.ptr[triples[t].column]++;
        by_column.index[at] = triples[t].row;
        if (with_values)
            by_column.values[at] = triples[t].value;
    }
    memmove(by_column.ptr + 1, by_column.ptr, columns * sizeof(*by_column.ptr));
    by_column.ptr[0] = 0;
    mr_sparse_matrix sorted = {0};
    const mr_status status = mr_sparse_matrix_transpose(&by_column, &sorted);
    mr_sparse_matrix_deinit(&by_column);
    MR_TRY(status);
    merge_duplicates(&sorted);
    *ret_matrix = sorted;
    return MR_OK;
}

bool mr_sorted_has(const uint32_t *sorted, size_t count, uint32_t value)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low] == value;
}

bool mr_sparse_matrix_has(const mr_sparse_matrix *matrix, uint32_t row, uint32_t column)
{
    return mr_sorted_has(mr_sparse_matrix_row(matrix, row),
                         mr_sparse_matrix_row_count(matrix, row), column);
}

mr_status mr_sparse_matrix_check(const mr_sparse_matrix *matrix)
{
    if (matrix->rows > 0 && matrix->ptr[0] != 0)
        return MR_ERR_CORRUPT;
    for (uint32_t r = 0; r < matrix->rows; r++) {
        if (matrix->ptr[r + 1] < matrix->ptr[r])
            return MR_ERR_CORRUPT;
        for (uint64_t e = matrix->ptr[r]; e < matrix->ptr[r + 1]; e++) {
            if (matrix->index[e] >= matrix->columns ||
                (e > matrix->ptr[r] && matrix->index[e - 1] >= matrix->index[e]))
                return MR_ERR_CORRUPT;
            if (matrix->values != NULL && !isfinite(matrix->values[e]))
                return MR_ERR_CORRUPT;
        }
    }
    return MR_OK;
}
