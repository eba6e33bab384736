/*
 * Sparse matrix: compressed rows of positives.
 *
 * Users by items while training, items by users after a transpose, items by neighbours in
 * a model.  Rows are sorted by index and free of duplicates, whatever came in; where a
 * pair came in twice the values are summed.  A matrix without values is all ones.
 *
 * Units      Row pointers count elements.
 * Ownership  The matrix owns its arrays until deinit; a view borrows them
 * (mr_sparse_matrix is a plain struct, and one whose arrays are a file's must not be
 * deinitialised). Threads    Immutable once built. Cost       8 bytes a row, 4 bytes an
 * element, 8 with values.
 */
#ifndef MR_MODELS_SPARSE_MATRIX_H
#define MR_MODELS_SPARSE_MATRIX_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero is the empty matrix. */
typedef struct mr_sparse_matrix {
    uint32_t rows;
    uint32_t columns;
    uint64_t *ptr;   /* [rows + 1] */
    uint32_t *index; /* [ptr[rows]] */
    float *values;   /* [ptr[rows]], or NULL: all ones */
} mr_sparse_matrix;

typedef struct mr_triple {
    uint32_t row;
    uint32_t column;
    float value;
} mr_triple;

static inline uint64_t mr_sparse_matrix_count(const mr_sparse_matrix *matrix)
{
    return matrix->rows > 0 ? matrix->ptr[matrix->rows] : 0;
}

static inline uint32_t mr_sparse_matrix_row_count(const mr_sparse_matrix *matrix,
                                                  uint32_t row)
{
    return (uint32_t)(matrix->ptr[row + 1] - matrix->ptr[row]);
}

static inline const uint32_t *mr_sparse_matrix_row(const mr_sparse_matrix *matrix,
                                                   uint32_t row)
{
    return matrix->index + matrix->ptr[row];
}

/*
 * Build from triples in any order; without `with_values` their values are ignored.
 *
 * MR_ERR_INVALID for a row or column outside, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_sparse_matrix_from_triples(const mr_triple *triples,
                                                    size_t count, uint32_t rows,
                                                    uint32_t columns, bool with_values,
                                                    mr_sparse_matrix *ret_matrix);

/*
 * Build from rows that lie one after the other: row r is index[ptr[r]] … index[ptr[r + 1]
 * - 1], in any order; `values` may be NULL.  Copies.  Errors as above.
 */
MR_MUST_USE mr_status mr_sparse_matrix_from_rows(const uint64_t *ptr,
                                                 const uint32_t *index,
                                                 const float *values, uint32_t rows,
                                                 uint32_t columns,
                                                 mr_sparse_matrix *ret_matrix);

MR_MUST_USE mr_status mr_sparse_matrix_transpose(const mr_sparse_matrix *matrix,
                                                 mr_sparse_matrix *ret_transposed);
void mr_sparse_matrix_deinit(mr_sparse_matrix *matrix);

/* True when `value` stands among `count` ascending ones. */
bool mr_sorted_has(const uint32_t *sorted, size_t count, uint32_t value);

/* True when `column` stands in `row`. */
bool mr_sparse_matrix_has(const mr_sparse_matrix *matrix, uint32_t row, uint32_t column);

/* MR_ERR_CORRUPT unless pointers ascend, rows are strictly sorted and inside, values
 * finite. */
MR_MUST_USE mr_status mr_sparse_matrix_check(const mr_sparse_matrix *matrix);

#endif
