/*
 * A quantile is checked against its definition: sort the values, count up to the rank.
 */
#include "core/histogram.h"
#include "tests/support.h"

#include <pthread.h>

enum { VALUES = 20000, THREADS = 4 };

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 20;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint64_t defining_quantile(const uint64_t *sorted, size_t count, double quantile)
{
    const double rank = ceil(quantile * (double)count);
    return sorted[rank < 1.0 ? 0 : (size_t)rank - 1];
}

static void assert_quantiles_of(mr_histogram *histogram, uint64_t *values)
{
    static const double quantiles[] = {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};
    *histogram = (mr_histogram){0};
    for (size_t i = 0; i < VALUES; i++)
        mr_histogram_record(histogram, values[i]);
    qsort(values, VALUES, sizeof(*values), by_size);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        assert_close(mr_histogram_quantile(histogram, quantiles[i]),
                     defining_quantile(values, VALUES, quantiles[i]), 0.03);
}

/* Uniform in the exponent, then in the value: both ends of the range get their share. */
static void test_quantiles_are_within_three_percent(void **state)
{
    (void)state;
    static mr_histogram histogram;
    static uint64_t values[VALUES];
    uint64_t seed = 7;

    for (size_t i = 0; i < VALUES; i++)
        values[i] = next_random(&seed) & ((UINT64_C(1) << next_random(&seed) % 41) - 1);
    assert_quantiles_of(&histogram, values);
    for (size_t i = 0; i < VALUES; i++)
        values[i] = 1000 + next_random(&seed) % 100000;
    assert_quantiles_of(&histogram, values);
}

static void test_every_single_value_reads_back_within_three_percent(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << 40; value += 1 + value / 50) {
        mr_histogram histogram = {0};
        mr_histogram_record(&histogram, value);
        assert_close(mr_histogram_quantile(&histogram, 0.5), value, 0.03);
        if (value < 64)
            assert_int_equal(mr_histogram_quantile(&histogram, 0.5), value);
    }
}

static void test_an_empty_histogram_reads_zero(void **state)
{
    (void)state;
    const mr_histogram histogram = {0};
    assert_int_equal(mr_histogram_quantile(&histogram, 0.99), 0);
}

static void test_what_is_beyond_the_range_counts_in_the_last_bucket(void **state)
{
    (void)state;
    mr_histogram histogram = {0};
    mr_histogram_record(&histogram, UINT64_MAX);
    mr_histogram_record(&histogram, 5);
    assert_close(mr_histogram_quantile(&histogram, 1.0), (double)(UINT64_C(1) << 40),
                 0.03);
    assert_int_equal(mr_histogram_quantile(&histogram, 0.5), 5);
}

static void test_a_share_outside_zero_to_one_is_taken_for_the_end(void **state)
{
    (void)state;
    mr_histogram histogram = {0};
    mr_histogram_record(&histogram, 1);
    mr_histogram_record(&histogram, 2);
    assert_int_equal(mr_histogram_quantile(&histogram, -1.0), 1);
    assert_int_equal(mr_histogram_quantile(&histogram, 2.0), 2);
}

static void *record_many(void *histogram)
{
    for (uint64_t i = 0; i < VALUES; i++)
        mr_histogram_record(histogram, i % 10);
    return NULL;
}

static void test_no_record_of_any_thread_is_lost(void **state)
{
    (void)state;
    static mr_histogram histogram;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, &histogram), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    assert_int_equal(histogram.count, THREADS * VALUES);
    assert_int_equal(histogram.sum, THREADS * VALUES / 10 * 45);
    for (int value = 0; value < 10; value++)
        assert_int_equal(histogram.buckets[value], THREADS * VALUES / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles_are_within_three_percent),
        cmocka_unit_test(test_every_single_value_reads_back_within_three_percent),
        cmocka_unit_test(test_an_empty_histogram_reads_zero),
        cmocka_unit_test(test_what_is_beyond_the_range_counts_in_the_last_bucket),
        cmocka_unit_test(test_a_share_outside_zero_to_one_is_taken_for_the_end),
        cmocka_unit_test(test_no_record_of_any_thread_is_lost),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
