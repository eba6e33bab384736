/*
 * Method: scales against mean, deviation and maximum worked out in double; a blend against the
 * weighted sum; popularity against counts and one half-life.
 */
#include "tests/support.h"

#include "models/blend.h"
#include "models/popular.h"
#include "models/random.h"

#include <string.h>

enum { ITEMS = 101 };

static void fill(float *row, uint64_t seed)
{
    for (uint64_t i = 0; i < ITEMS; i++)
        row[i] = (float)(mr_random_normal(seed, i) * 3.0 + 1.0);
}

static void test_a_scaled_row_has_mean_0_and_deviation_1_or_maximum_1(void **state)
{
    (void)state;
    float row[ITEMS];
    fill(row, 1);
    const mr_blend_term deviation = mr_blend_measure(MR_BLEND_DEVIATION, row, ITEMS);
    const mr_blend_term maximum = mr_blend_measure(MR_BLEND_MAXIMUM, row, ITEMS);
    double sum = 0.0;
    double squares = 0.0;
    double most = -1.0;
    for (size_t i = 0; i < ITEMS; i++) {
        const double value = (double)((row[i] - deviation.offset) * deviation.factor);
        sum += value;
        squares += value * value;
        most = fmax(most, (double)((row[i] - maximum.offset) * maximum.factor));
    }
    assert_true(fabs(sum / ITEMS) < 1e-6);
    assert_close(squares / ITEMS, 1.0, 1e-5);
    assert_close(most, 1.0, 1e-6);
}

static void test_a_constant_row_says_nothing(void **state)
{
    (void)state;
    const float row[4] = {0};
    assert_true(fabs((double)mr_blend_measure(MR_BLEND_DEVIATION, row, 4).factor) <= 0.0);
    assert_true(fabs((double)mr_blend_measure(MR_BLEND_MAXIMUM, row, 4).factor) <= 0.0);
}

static void test_a_blend_is_the_weighted_sum_of_scaled_rows(void **state)
{
    (void)state;
    float members[MR_MEMBERS][ITEMS];
    float out[ITEMS];
    const float *rows[MR_MEMBERS];
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        fill(members[m], 10 + m);
        rows[m] = members[m];
    }
    for (int scale = 0; scale < MR_BLEND_SCALES; scale++) {
        const mr_blend blend = {.scale = (mr_blend_scale)scale,
                                .weights = {1.0F, 0.5F, 0.25F}};
        mr_blend_terms terms = {0};
        for (int again = 0; again < 2; again++) /* the second time from the kept terms */
            mr_blend_rows(&blend, rows, ITEMS, &terms, out);
        for (size_t i = 0; i < ITEMS; i++) {
            double sum = 0.0;
            for (uint32_t m = 0; m < MR_MEMBERS; m++) {
                const mr_blend_term term = mr_blend_measure(blend.scale, rows[m], ITEMS);
                sum += (double)blend.weights[m] * (double)term.factor *
                       ((double)rows[m][i] - (double)term.offset);
            }
            assert_true(fabs((double)out[i] - sum) < 1e-5);
        }
    }
}

static void test_a_single_member_keeps_its_bits_and_needs_no_other_row(void **state)
{
    (void)state;
    float row[ITEMS];
    float out[ITEMS];
    fill(row, 3);
    const mr_blend blend = mr_blend_single(MR_MEMBER_IALS);
    const float *const rows[MR_MEMBERS] = {[MR_MEMBER_IALS] = row};
    mr_blend_terms terms = {0};
    mr_blend_rows(&blend, rows, ITEMS, &terms, out);
    assert_memory_equal(out, row, sizeof(row));
}

static void test_popularity_counts_and_fades_by_half_lives(void **state)
{
    (void)state;
    static const uint32_t items[] = {0, 1, 1, 7, 0};
    static const uint32_t times_s[] = {1000, 900, 1000, 1000, 800};
    float scores[2];
    mr_popular_score(items, NULL, 5, 100.0, 2, scores);
    assert_close(scores[0], 2.0, 0.0);
    assert_close(scores[1], 2.0, 0.0);
    mr_popular_score(items, times_s, 5, 100.0, 2, scores);
    assert_close(scores[0], 1.0 + 0.25, 1e-6);
    assert_close(scores[1], 1.0 + 0.5, 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_scaled_row_has_mean_0_and_deviation_1_or_maximum_1),
        cmocka_unit_test(test_a_constant_row_says_nothing),
        cmocka_unit_test(test_a_blend_is_the_weighted_sum_of_scaled_rows),
        cmocka_unit_test(test_a_single_member_keeps_its_bits_and_needs_no_other_row),
        cmocka_unit_test(test_popularity_counts_and_fades_by_half_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
