/*
 * Method: matrices built from shuffled triples with duplicates against a dense table of the same
 * sums; the transpose of the transpose; and what the check must refuse.
 */
#include "tests/support.h"

#include "models/random.h"
#include "models/sparse_matrix.h"

#include <string.h>

enum { ROWS = 13, COLUMNS = 9, TRIPLES = 80 };

static void fill(mr_triple *triples, float dense[ROWS][COLUMNS])
{
    memset(dense, 0, sizeof(float) * ROWS * COLUMNS);
    for (uint64_t t = 0; t < TRIPLES; t++) {
        triples[t] = (mr_triple){.row = (uint32_t)(mr_random_bits(1, t) % ROWS),
                                 .column = (uint32_t)(mr_random_bits(2, t) % COLUMNS),
                                 .value = (float)(1 + t % 4)};
        dense[triples[t].row][triples[t].column] += triples[t].value;
    }
}

static void assert_equals_dense(const mr_sparse_matrix *matrix,
                                float dense[ROWS][COLUMNS])
{
    assert_int_equal(mr_sparse_matrix_check(matrix), MR_OK);
    for (uint32_t r = 0; r < ROWS; r++) {
        uint64_t e = matrix->ptr[r];
        for (uint32_t c = 0; c < COLUMNS; c++) {
            assert_int_equal(mr_sparse_matrix_has(matrix, r, c), dense[r][c] > 0.0F);
            if (dense[r][c] > 0.0F) {
                assert_int_equal(matrix->index[e], c);
                assert_close(matrix->values[e], dense[r][c], 0.0);
                e++;
            }
        }
        assert_int_equal(e, matrix->ptr[r + 1]);
    }
}

static void test_triples_in_any_order_become_sorted_sums(void **state)
{
    (void)state;
    mr_triple triples[TRIPLES];
    float dense[ROWS][COLUMNS];
    mr_sparse_matrix matrix;
    fill(triples, dense);
    assert_ok(
        mr_sparse_matrix_from_triples(triples, TRIPLES, ROWS, COLUMNS, true, &matrix));
    assert_equals_dense(&matrix, dense);
    mr_sparse_matrix_deinit(&matrix);
}

static void test_rows_in_any_order_become_sorted_sums(void **state)
{
    (void)state;
    static const uint64_t ptr[] = {0, 4, 4, 6};
    static const uint32_t index[] = {3, 0, 3, 1, 2, 2};
    static const float values[] = {1, 2, 3, 4, 5, 6};
    mr_sparse_matrix matrix;
    assert_ok(mr_sparse_matrix_from_rows(ptr, index, values, 3, 4, &matrix));
    assert_ok(mr_sparse_matrix_check(&matrix));
    assert_memory_equal(matrix.ptr, ((uint64_t[]){0, 3, 3, 4}), 4 * sizeof(uint64_t));
    assert_memory_equal(matrix.index, ((uint32_t[]){0, 1, 3, 2}), 4 * sizeof(uint32_t));
    assert_memory_equal(matrix.values, ((float[]){2, 4, 4, 11}), 4 * sizeof(float));
    mr_sparse_matrix_deinit(&matrix);
}

static void test_transposing_twice_changes_nothing(void **state)
{
    (void)state;
    mr_triple triples[TRIPLES];
    float dense[ROWS][COLUMNS];
    mr_sparse_matrix matrix;
    mr_sparse_matrix once;
    mr_sparse_matrix twice;
    fill(triples, dense);
    assert_ok(
        mr_sparse_matrix_from_triples(triples, TRIPLES, ROWS, COLUMNS, true, &matrix));
    assert_ok(mr_sparse_matrix_transpose(&matrix, &once));
    assert_ok(mr_sparse_matrix_check(&once));
    assert_int_equal(once.rows, COLUMNS);
    for (uint32_t c = 0; c < COLUMNS; c++)
        for (uint32_t r = 0; r < ROWS; r++)
            assert_int_equal(mr_sparse_matrix_has(&once, c, r), dense[r][c] > 0.0F);
    assert_ok(mr_sparse_matrix_transpose(&once, &twice));
    assert_equals_dense(&twice, dense);
    mr_sparse_matrix_deinit(&matrix);
    mr_sparse_matrix_deinit(&once);
    mr_sparse_matrix_deinit(&twice);
}

static void test_what_lies_outside_is_refused(void **state)
{
    (void)state;
    mr_sparse_matrix matrix;
    const mr_triple outside = {.row = 0, .column = 2};
    static const uint64_t ptr[] = {0, 1};
    static const uint32_t index[] = {2};
    assert_int_equal(mr_sparse_matrix_from_triples(&outside, 1, 1, 2, false, &matrix),
                     MR_ERR_INVALID);
    assert_int_equal(mr_sparse_matrix_from_rows(ptr, index, NULL, 1, 2, &matrix),
                     MR_ERR_INVALID);
}

static void test_the_check_finds_what_a_file_may_hold(void **state)
{
    (void)state;
    uint64_t ptr[] = {0, 2};
    uint32_t index[] = {0, 1};
    float values[] = {1, 2};
    const mr_sparse_matrix matrix = {
        .rows = 1, .columns = 2, .ptr = ptr, .index = index, .values = values};
    assert_ok(mr_sparse_matrix_check(&matrix));
    values[1] = NAN;
    assert_int_equal(mr_sparse_matrix_check(&matrix), MR_ERR_CORRUPT);
    values[1] = 2;
    index[1] = 0;
    assert_int_equal(mr_sparse_matrix_check(&matrix), MR_ERR_CORRUPT);
    index[1] = 2;
    assert_int_equal(mr_sparse_matrix_check(&matrix), MR_ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_triples_in_any_order_become_sorted_sums),
        cmocka_unit_test(test_rows_in_any_order_become_sorted_sums),
        cmocka_unit_test(test_transposing_twice_changes_nothing),
        cmocka_unit_test(test_what_lies_outside_is_refused),
        cmocka_unit_test(test_the_check_finds_what_a_file_may_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
