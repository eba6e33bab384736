/*
 * Method: random terms over a catalogue wide enough for several words of the upper bitmap, against
 * a dense row in double; cut rows against a count of what is better; threads against each other.
 */
#include "tests/support.h"

#include "models/random.h"
#include "models/row_sums.h"
#include "models/top_k.h"

#include <string.h>

enum { ROWS = 300, COLUMNS = 9000, TERMS_MAX = 80 };

static float factors[COLUMNS];

/* A row's terms; every seventh row has none.  Cubes make the first columns meet often. */
static uint32_t terms_of(uint32_t row)
{
    return row % 7 == 0 ? 0 : row % TERMS_MAX;
}

static uint32_t term_column(uint32_t row, uint32_t term)
{
    const double u = mr_random_uniform(row, term);
    return (uint32_t)(u * u * u * COLUMNS);
}

static float term_value(uint32_t row, uint32_t term)
{
    return (float)(mr_random_bits(row + 1000, term) % 8) / 4.0F; /* 0 as well */
}

static void add_terms(void *context, uint32_t row, mr_row_sums *sums)
{
    (void)context;
    for (uint32_t t = 0; t < terms_of(row); t++)
        mr_row_sums_add(sums, term_column(row, t), term_value(row, t));
}

static mr_sparse_matrix run(uint32_t best, float exponent, const float *column_factors,
                            uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_sparse_matrix matrix;
    assert_ok(mr_worker_pool_create(threads, &pool));
    const mr_row_sums_job job = {.rows = ROWS,
                                 .columns = COLUMNS,
                                 .best = best,
                                 .total_exponent = exponent,
                                 .column_factors = column_factors,
                                 .body = add_terms};
    assert_ok(mr_row_sums_run(&job, pool, &matrix));
    mr_worker_pool_destroy(pool);
    assert_ok(mr_sparse_matrix_check(&matrix));
    return matrix;
}

static void test_rows_equal_the_definition(void **state)
{
    (void)state;
    static double dense[COLUMNS];
    mr_sparse_matrix matrix = run(MR_TOP_K_MAX, 0.6F, factors, 2);
    for (uint32_t row = 0; row < ROWS; row++) {
        double total = 0.0;
        memset(dense, 0, sizeof(dense));
        for (uint32_t t = 0; t < terms_of(row); t++) {
            dense[term_column(row, t)] += (double)term_value(row, t);
            total += (double)term_value(row, t);
        }
        uint64_t e = matrix.ptr[row];
        for (uint32_t c = 0; c < COLUMNS; c++)
            if (dense[c] > 0.0) {
                assert_int_equal(matrix.index[e], c);
                assert_close(matrix.values[e],
                             dense[c] * pow(total, -(double)0.6F) * (double)factors[c],
                             1e-6);
                e++;
            }
        assert_int_equal(e, matrix.ptr[row + 1]);
    }
    mr_sparse_matrix_deinit(&matrix);
}

static void test_without_exponent_and_factors_rows_are_plain_sums(void **state)
{
    (void)state;
    mr_sparse_matrix matrix = run(MR_TOP_K_MAX, 0.0F, NULL, 1);
    for (uint32_t row = 0; row < ROWS; row++) {
        float sum = 0.0F;
        float expected = 0.0F;
        for (uint64_t e = matrix.ptr[row]; e < matrix.ptr[row + 1]; e++)
            sum += matrix.values[e];
        for (uint32_t t = 0; t < terms_of(row); t++)
            expected += term_value(row, t);
        assert_close(sum, expected, 1e-9); /* quarters are exact */
    }
    mr_sparse_matrix_deinit(&matrix);
}

static void test_a_cut_row_keeps_the_largest_and_of_equals_the_first(void **state)
{
    (void)state;
    mr_sparse_matrix whole = run(MR_TOP_K_MAX, 0.0F, NULL, 1);
    mr_sparse_matrix cut = run(6, 0.0F, NULL, 1);
    for (uint32_t row = 0; row < ROWS; row++)
        for (uint64_t e = whole.ptr[row]; e < whole.ptr[row + 1]; e++) {
            uint32_t better = 0;
            for (uint64_t f = whole.ptr[row]; f < whole.ptr[row + 1]; f++)
                better += whole.values[f] > whole.values[e] ||
                          (whole.values[f] >= whole.values[e] && f < e);
            assert_int_equal(mr_sparse_matrix_has(&cut, row, whole.index[e]), better < 6);
        }
    mr_sparse_matrix_deinit(&whole);
    mr_sparse_matrix_deinit(&cut);
}

static void test_threads_do_not_show(void **state)
{
    (void)state;
    mr_sparse_matrix one = run(20, 0.5F, factors, 1);
    for (uint32_t threads = 2; threads <= 3; threads++) {
        mr_sparse_matrix many = run(20, 0.5F, factors, threads);
        const uint64_t count = mr_sparse_matrix_count(&one);
        assert_memory_equal(one.ptr, many.ptr, (ROWS + 1) * sizeof(*one.ptr));
        assert_memory_equal(one.index, many.index, count * sizeof(*one.index));
        assert_memory_equal(one.values, many.values, count * sizeof(*one.values));
        mr_sparse_matrix_deinit(&many);
    }
    mr_sparse_matrix_deinit(&one);
}

/* Terms so small that their power would be infinite. */
static void add_dust(void *context, uint32_t row, mr_row_sums *sums)
{
    (void)context;
    mr_row_sums_add(sums, row, 1e-20F);
}

static void test_a_row_that_faded_away_is_empty(void **state)
{
    (void)state;
    mr_worker_pool *pool = NULL;
    mr_sparse_matrix matrix;
    assert_ok(mr_worker_pool_create(1, &pool));
    const mr_row_sums_job job = {
        .rows = 3, .columns = 3, .best = 3, .total_exponent = 2.0F, .body = add_dust};
    assert_ok(mr_row_sums_run(&job, pool, &matrix));
    assert_int_equal(mr_sparse_matrix_count(&matrix), 0);
    mr_sparse_matrix_deinit(&matrix);
    mr_worker_pool_destroy(pool);
}

int main(void)
{
    for (uint32_t c = 0; c < COLUMNS; c++)
        factors[c] = 1.0F / (1.0F + (float)(c % 9));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_equal_the_definition),
        cmocka_unit_test(test_without_exponent_and_factors_rows_are_plain_sums),
        cmocka_unit_test(test_a_cut_row_keeps_the_largest_and_of_equals_the_first),
        cmocka_unit_test(test_threads_do_not_show),
        cmocka_unit_test(test_a_row_that_faded_away_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
