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

static void test_one_target_is_scored_by_its_rank(void **state)
{
    (void)state;
    mr_ranking_sums at_five = {0};
    mr_ranking_sums at_ten = {0};
    static const uint32_t ranks[] = {1, 3, 7, MR_RANK_NONE};
    for (size_t q = 0; q < 4; q++) {
        mr_ranking_sums_add_ranks(&at_five, 5, &ranks[q], 1, 1);
        mr_ranking_sums_add_ranks(&at_ten, 10, &ranks[q], 1, 1);
    }
    assert_int_equal(at_five.users, 4);
    assert_close(at_five.hit, 2.0, 1e-12);
    assert_close(at_five.recall, 2.0, 1e-12);
    assert_close(at_five.reciprocal_rank, 1.0 + 1.0 / 3.0, 1e-12);
    assert_close(at_five.ndcg, 1.0 + 1.0 / log2(4), 1e-12);
    assert_close(at_ten.hit, 3.0, 1e-12);
    assert_close(at_ten.reciprocal_rank, 1.0 + 1.0 / 3.0 + 1.0 / 7.0, 1e-12);
    assert_close(at_ten.ndcg, 1.0 + 1.0 / log2(4) + 1.0 / log2(8), 1e-12);
}

static void test_ranks_of_several_targets_are_scored_as_their_list(void **state)
{
    (void)state;
    static const uint32_t relevant[] = {1, 2, 3}; /* LIST has 3 and 1 */
    static const uint32_t ranks[] = {4, MR_RANK_NONE, 2};
    mr_ranking_sums by_list = {0};
    mr_ranking_sums by_ranks = {0};
    mr_ranking_sums_add(&by_list, LIST, 4, 4, relevant, 3);
    mr_ranking_sums_add_ranks(&by_ranks, 4, ranks, 3, 3);
    assert_close(by_ranks.recall, by_list.recall, 1e-12);
    assert_close(by_ranks.ndcg, by_list.ndcg, 1e-12);
    assert_close(by_ranks.precision, by_list.precision, 1e-12);
    assert_close(by_ranks.hit, by_list.hit, 1e-12);
    assert_close(by_ranks.reciprocal_rank, by_list.reciprocal_rank, 1e-12);
}

static void test_targets_that_tie_cannot_gain_more_than_the_ideal(void **state)
{
    (void)state;
    static const uint32_t tied[] = {3, 3,
                                    3}; /* three items share the first three places */
    mr_ranking_sums sums = {0};
    mr_ranking_sums_add_ranks(&sums, 3, tied, 3, 3);
    assert_close(sums.recall, 1.0, 1e-12);
    assert_close(sums.ndcg,
                 3.0 / log2(4) / (1.0 / log2(2) + 1.0 / log2(3) + 1.0 / log2(4)), 1e-12);
    mr_ranking_sums_add_ranks(&sums, 2, tied, 3, 3);
    assert_close(sums.hit, 1.0, 1e-12);
    mr_ranking_sums_add_ranks(&sums, 2, tied, 0, 0);
    assert_int_equal(sums.users, 2);
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
        cmocka_unit_test(test_one_target_is_scored_by_its_rank),
        cmocka_unit_test(test_ranks_of_several_targets_are_scored_as_their_list),
        cmocka_unit_test(test_targets_that_tie_cannot_gain_more_than_the_ideal),
        cmocka_unit_test(test_an_empty_list_misses),
        cmocka_unit_test(test_gini_and_coverage_tell_one_item_from_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
