/*
 * Method: every level that runs here against plain loops in double, over widths and row counts
 * that leave remainders, within the rounding of float sums.
 */
#include "tests/support.h"

#include "models/dense.h"
#include "models/random.h"
#include "models/vector.h"

#include <string.h>

enum { ROWS = 23, WIDTH_MAX = 80, N_MAX = 64 };

static const double CLOSE = 2e-5;

static float draw(uint64_t seed, uint64_t position)
{
    return (float)mr_random_normal(seed, position);
}

static mr_dense random_table(size_t rows, size_t columns, uint64_t seed)
{
    mr_dense table;
    assert_int_equal(mr_dense_init(&table, rows, columns), MR_OK);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            mr_dense_row(&table, r)[c] = draw(seed, r * columns + c);
    return table;
}

static void assert_near(float actual, double expected, double size)
{
    if (!isfinite(actual) || fabs((double)actual - expected) > CLOSE * (1.0 + size))
        fail_msg("%.9g, not %.9g", (double)actual, expected);
}

static void check_passes(const mr_vector_kernels *kernels, size_t width, size_t count,
                         bool weighed)
{
    static const uint32_t picks[ROWS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8,
                                         9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6};
    float weights[ROWS];
    mr_dense table = random_table(10, width, 1);
    mr_dense vectors = random_table(6, width, 2);
    float *x = mr_dense_row(&vectors, 0);
    float *sum = mr_dense_row(&vectors, 1);
    float *square = mr_dense_row(&vectors, 2);
    float *opened = mr_dense_row(&vectors, 3);
    float *product = mr_dense_row(&vectors, 4);
    for (size_t i = 0; i < count; i++)
        weights[i] = 0.5F + (float)i;
    const mr_vector_rows rows = {.base = table.values,
                                 .stride = table.stride,
                                 .index = picks,
                                 .weights = weighed ? weights : NULL,
                                 .count = count};
    kernels->open(&rows, width, x, sum, square, opened);
    kernels->product(&rows, width, x, product);
    for (size_t f = 0; f < width; f++) {
        double expected[3] = {0};
        double size = 0.0;
        for (size_t i = 0; i < count; i++) {
            const double c = weighed ? (double)weights[i] : 1.0;
            const float *z = mr_dense_row(&table, picks[i]);
            double dot = 0.0;
            for (size_t g = 0; g < width; g++)
                dot += (double)z[g] * (double)x[g];
            expected[0] += c * (double)z[f];
            expected[1] += c * (double)z[f] * (double)z[f];
            expected[2] += c * (double)z[f] * dot;
            size += c * fabs((double)z[f]) * (1.0 + fabs(dot));
        }
        assert_near(sum[f], expected[0], size);
        assert_near(square[f], expected[1], size);
        assert_near(opened[f], expected[2], size * 8.0);
        assert_near(product[f], expected[2], size * 8.0);
    }
    mr_dense_deinit(&table);
    mr_dense_deinit(&vectors);
}

static void test_passes_over_picked_rows_equal_their_sums(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_vector_kernels *const *all = mr_vector_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++)
        for (size_t width = 16; width <= WIDTH_MAX; width += 16)
            for (size_t count = 1; count <= ROWS; count += 5) {
                check_passes(all[l], width, count, false);
                check_passes(all[l], width, count, true);
            }
}

static void test_gather_scales_and_combine_sums(void **state)
{
    (void)state;
    enum { WIDTH = 48, COUNT = 7 };
    static const uint32_t picks[COUNT] = {2, 0, 1, 2, 4, 3, 1};
    static const float weights[COUNT] = {1, 4, 9, 16, 0.25F, 1, 2};
    size_t levels = 0;
    const mr_vector_kernels *const *all = mr_vector_kernels_all(&levels);
    mr_dense table = random_table(5, WIDTH, 3);
    mr_dense scale = random_table(1, WIDTH, 4);
    mr_dense out = random_table(COUNT, WIDTH, 5);
    mr_dense combined = random_table(1, WIDTH, 6);
    const mr_vector_rows rows = {.base = table.values,
                                 .stride = table.stride,
                                 .index = picks,
                                 .weights = weights,
                                 .count = COUNT};
    for (size_t l = 0; l < levels; l++) {
        all[l]->gather(&rows, WIDTH, scale.values, out.values);
        all[l]->combine(out.values, WIDTH, weights, COUNT, combined.values);
        for (size_t f = 0; f < WIDTH; f++) {
            double sum = 0.0;
            for (size_t i = 0; i < COUNT; i++) {
                const double value = (double)mr_dense_row(&table, picks[i])[f] *
                                     (double)scale.values[f] * sqrt((double)weights[i]);
                assert_near(out.values[i * WIDTH + f], value, fabs(value));
                sum += value * (double)weights[i];
            }
            assert_near(combined.values[f], sum, 50.0);
        }
    }
    mr_dense_deinit(&table);
    mr_dense_deinit(&scale);
    mr_dense_deinit(&out);
    mr_dense_deinit(&combined);
}

/* A = I + B'B for random B: solve, then multiply back. */
static void check_solve(const mr_vector_kernels *kernels, size_t n)
{
    const size_t stride = mr_dense_stride(n);
    mr_dense b = random_table(n, n, 7 + n);
    mr_dense a = random_table(n, n, 8);
    mr_dense kept = random_table(n, n, 8);
    _Alignas(64) float x[N_MAX + 16] = {0};
    float right[N_MAX];
    for (size_t i = 0; i < n; i++) {
        right[i] = draw(9, i);
        x[i] = right[i];
        for (size_t j = 0; j < n; j++) {
            float sum = i == j ? 1.0F : 0.0F;
            for (size_t k = 0; k < n; k++)
                sum += mr_dense_row(&b, k)[i] * mr_dense_row(&b, k)[j] / (float)n;
            mr_dense_row(&a, i)[j] = sum;
            mr_dense_row(&kept, i)[j] = sum;
        }
    }
    assert_true(kernels->solve_upper(a.values, stride, n, x));
    for (size_t i = 0; i < n; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < n; j++)
            sum += (double)mr_dense_row(&kept, i)[j] * (double)x[j];
        assert_near((float)sum, (double)right[i], 5.0);
    }
    mr_dense_deinit(&b);
    mr_dense_deinit(&a);
    mr_dense_deinit(&kept);
}

static void test_the_solution_of_a_system_multiplies_back(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_vector_kernels *const *all = mr_vector_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++)
        for (size_t n = 1; n <= N_MAX; n += n < 20 ? 1 : 11)
            check_solve(all[l], n);
}

static void test_gram_is_the_upper_triangle_of_all_products(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_vector_kernels *const *all = mr_vector_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++)
        for (size_t n = 1; n <= 22; n++) {
            mr_dense rows = random_table(n, 48, 11);
            mr_dense out;
            assert_ok(mr_dense_init(&out, n, n));
            all[l]->gram(rows.values, rows.stride, n, out.values, out.stride);
            for (size_t i = 0; i < n; i++)
                for (size_t j = i; j < n; j++) {
                    double sum = 0.0;
                    for (size_t f = 0; f < rows.stride; f++)
                        sum += (double)mr_dense_row(&rows, i)[f] *
                               (double)mr_dense_row(&rows, j)[f];
                    assert_near(mr_dense_row(&out, i)[j], sum, 48.0);
                }
            mr_dense_deinit(&rows);
            mr_dense_deinit(&out);
        }
}

static void test_a_system_that_is_not_positive_definite_is_refused(void **state)
{
    (void)state;
    size_t levels = 0;
    const mr_vector_kernels *const *all = mr_vector_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++) {
        mr_dense a = random_table(2, 2, 1);
        _Alignas(64) float x[16] = {1, 1};
        mr_dense_row(&a, 0)[0] = 1.0F;
        mr_dense_row(&a, 0)[1] = 2.0F;
        mr_dense_row(&a, 1)[1] = 1.0F;
        assert_false(all[l]->solve_upper(a.values, a.stride, 2, x));
        mr_dense_deinit(&a);
    }
}

static void test_what_is_above_zero_is_a_bit_at_its_place(void **state)
{
    (void)state;
    _Alignas(64) float row[64];
    size_t levels = 0;
    const mr_vector_kernels *const *all = mr_vector_kernels_all(&levels);
    for (size_t l = 0; l < levels; l++)
        for (uint64_t round = 0; round < 20; round++) {
            uint64_t expected = 0;
            for (size_t i = 0; i < 64; i++) {
                row[i] = draw(round, i) > 1.0F ? draw(round + 40, i) - 1.0F : 0.0F;
                expected |= (uint64_t)(row[i] > 0.0F) << i;
            }
            row[round] = NAN; /* above nothing */
            expected &= ~(UINT64_C(1) << round);
            assert_true(all[l]->above_zero(row) == expected);
        }
}

static void test_row_kernels_equal_loops_at_every_length(void **state)
{
    (void)state;
    enum { LENGTH_MAX = 70 };
    size_t levels = 0;
    const mr_vector_kernels *const *all = mr_vector_kernels_all(&levels);
    float row[LENGTH_MAX + 1];
    for (size_t i = 0; i <= LENGTH_MAX; i++)
        row[i] = draw(11, i) - 1.0F;
    for (size_t l = 0; l < levels; l++)
        for (size_t count = 0; count < LENGTH_MAX; count++) {
            const float *at = row + 1; /* not aligned */
            float out[LENGTH_MAX];
            double sum = 0.0;
            double squares = 0.0;
            double loop_sum = 0.0;
            double loop_squares = 0.0;
            float most = -INFINITY;
            for (size_t i = 0; i < count; i++) {
                loop_sum += (double)at[i];
                loop_squares += (double)at[i] * (double)at[i];
                most = at[i] > most ? at[i] : most;
            }
            all[l]->moments(at, count, &sum, &squares);
            assert_true(fabs(sum - loop_sum) <= 1e-4);
            assert_true(fabs(squares - loop_squares) <= 1e-3);
            assert_memory_equal(&(float){all[l]->maximum(at, count)}, &most,
                                sizeof(most));
            all[l]->blend(at, count, 0.5F, 2.0F, false, out);
            all[l]->blend(at, count, 0.0F, 1.0F, true, out);
            for (size_t i = 0; i < count; i++)
                assert_near(out[i], 3.0 * (double)at[i] - 1.0, 4.0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_over_picked_rows_equal_their_sums),
        cmocka_unit_test(test_gather_scales_and_combine_sums),
        cmocka_unit_test(test_the_solution_of_a_system_multiplies_back),
        cmocka_unit_test(test_gram_is_the_upper_triangle_of_all_products),
        cmocka_unit_test(test_a_system_that_is_not_positive_definite_is_refused),
        cmocka_unit_test(test_what_is_above_zero_is_a_bit_at_its_place),
        cmocka_unit_test(test_row_kernels_equal_loops_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
