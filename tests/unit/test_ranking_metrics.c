/*
 * Method: lists short enough to work out by hand, and the two ends of gini and coverage.
 */
#include "tests/support.h"

#include "models/ranking_metrics.h"

static const mr_ranked LIST[] = {{7, 0.9F}, {3, 0.8F}, {5, 0.7F}, {1, 0.6F}};

static void test_a_list_is_scored_as_by_hand(void **state)
{
    (void)state;
    static const uint32_t relevant[] = {1, 2, 3};
    mr_ranking_sums sums = {0};
    mr_ranking_sums_add(&sums, LIST, 4, 4, relevant, 3);
    assert_int_equal(sums.users, 1);
    assert_close(sums.recall, 2.0 / 3.0, 1e-12);
    assert_close(sums.precision, 2.0 / 4.0, 1e-12);
    assert_close(sums.hit, 1.0, 1e-12);
    assert_close(sums.reciprocal_rank, 1.0 / 2.0, 1e-12);
    assert_close(sums.ndcg,
                 (1.0 / log2(3) + 1.0 / log2(5)) /
                     (1.0 / log2(2) + 1.0 / log2(3) + 1.0 / log2(4)),
                 1e-12);
}

static void test_recall_divides_by_all_test_items_and_ndcg_by_k_at_most(void **state)
{
    (void)state;
    static const uint32_t relevant[] = {1, 3, 5, 7, 8, 9, 10, 11};
    mr_ranking_sums sums = {0};
    mr_ranking_sums_add(&sums, LIST, 4, 4, relevant, 8);
    assert_close(sums.recall, 0.5, 1e-12);
    assert_close(sums.ndcg, 1.0, 1e-12);
}

static void test_users_without_test_items_are_not_counted(void **state)
{
    (void)state;
    mr_ranking_sums sums = {0};
    mr_ranking_metrics metrics;
    static const uint32_t shown[3] = {0};
    mr_ranking_sums_add(&sums, LIST, 4, 4, NULL, 0);
    assert_int_equal(sums.users, 0);
    assert_ok(mr_ranking_metrics_of(&sums, 4, shown, 3, &metrics));
    assert_true(fabs(metrics.recall) <= 0.0 && fabs(metrics.gini) <= 0.0);
}

static void test_an_empty_list_misses(void **state)
{
    (void)state;
    static const uint32_t relevant[] = {1};
    mr_ranking_sums sums = {0};
    mr_ranking_sums_add(&sums, LIST, 0, 4, relevant, 1);
    assert_int_equal(sums.users, 1);
    assert_true(fabs(sums.recall) <= 0.0 && fabs(sums.hit) <= 0.0);
}

static void test_gini_and_coverage_tell_one_item_from_all(void **state)
{
    (void)state;
    static const uint32_t even[] = {5, 5, 5, 5};
    static const uint32_t single[] = {0, 20, 0, 0};
    const mr_ranking_sums sums = {.users = 1};
    mr_ranking_metrics metrics;
    assert_ok(mr_ranking_metrics_of(&sums, 4, even, 4, &metrics));
    assert_true(fabs(metrics.gini) < 1e-12);
    assert_close(metrics.coverage, 1.0, 1e-12);
    assert_ok(mr_ranking_metrics_of(&sums, 4, single, 4, &metrics));
    assert_close(metrics.gini, 0.75, 1e-12); /* (n - 1) / n */
    assert_close(metrics.coverage, 0.25, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_is_scored_as_by_hand),
        cmocka_unit_test(test_recall_divides_by_all_test_items_and_ndcg_by_k_at_most),
        cmocka_unit_test(test_users_without_test_items_are_not_counted),
        cmocka_unit_test(test_an_empty_list_misses),
        cmocka_unit_test(test_gini_and_coverage_tell_one_item_from_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
