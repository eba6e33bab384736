/*
 * AUC against the count of pairs that defines it, with many ties; the other four against sums
 * written out by hand.
 */
#include "models/binary_metrics.h"
#include "models/random.h"
#include "tests/support.h"

enum { ROWS = 300 };

static double auc_by_pairs(const float *probabilities, const uint8_t *labels,
                           size_t count)
{
    double won = 0.0;
    double pairs = 0.0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            if (labels[i] == 0 || labels[j] != 0)
                continue;
            pairs += 1.0;
            won += probabilities[i] > probabilities[j]   ? 1.0
                   : probabilities[i] < probabilities[j] ? 0.0
                                                         : 0.5;
        }
    return won / pairs;
}

static mr_binary_metrics measure(const float *probabilities, const uint8_t *labels,
                                 size_t count)
{
    mr_binary_metrics metrics;
    assert_ok(mr_binary_metrics_measure(probabilities, labels, count, &metrics));
    return metrics;
}

static void test_auc_is_the_share_of_pairs_in_order_ties_one_half(void **state)
{
    (void)state;
    for (uint64_t steps = 1; steps <= 64; steps *= 4) {
        float probabilities[ROWS];
        uint8_t labels[ROWS];
        for (size_t i = 0; i < ROWS; i++) {
            const double p = mr_random_uniform(steps, i);
            probabilities[i] = (float)(floor(p * (double)steps) / (double)steps);
            labels[i] = mr_random_uniform(steps + 100, i) < 0.2 + 0.6 * p;
        }
        assert_close(measure(probabilities, labels, ROWS).auc,
                     auc_by_pairs(probabilities, labels, ROWS), 1e-12);
    }
}

static void test_the_numbers_of_four_rows_worked_by_hand(void **state)
{
    (void)state;
    const float probabilities[] = {0.875F, 0.5F, 0.25F, 0.125F};
    const uint8_t labels[] = {1, 0, 1, 0};
    const mr_binary_metrics m = measure(probabilities, labels, 4);
    assert_close(m.auc, 0.75, 1e-12);
    assert_close(m.log_loss, -(log(0.875) + log(0.5) + log(0.25) + log(0.875)) / 4.0,
                 1e-12);
    assert_close(m.brier, (0.125 * 0.125 + 0.25 + 0.5625 + 0.015625) / 4.0, 1e-12);
    /* Each row in a bin of its own. */
    assert_close(m.ece, (0.125 + 0.5 + 0.75 + 0.125) / 4.0, 1e-12);
    /* A tenth of four rows is one: the first, a positive; the rate among all is a half. */
    assert_close(m.lift_at_10, 2.0, 1e-12);
}

static void test_the_calibration_error_compares_a_bin_with_its_rate(void **state)
{
    (void)state;
    /* Ten rows promised 0.25, four came: one bin, a gap of 0.15; certain rows add nothing. */
    float probabilities[12];
    uint8_t labels[12] = {1, 1, 1, 1};
    for (int i = 0; i < 10; i++)
        probabilities[i] = 0.25F;
    probabilities[10] = 1.0F;
    labels[10] = 1;
    probabilities[11] = 0.0F;
    assert_close(measure(probabilities, labels, 12).ece, 0.15 * 10.0 / 12.0, 1e-12);
}

static void test_rows_that_tie_at_the_tenth_count_in_proportion(void **state)
{
    (void)state;
    /* Twenty rows: the first stands alone, four tie for the second place, one of them positive. */
    float probabilities[20] = {0.9F, 0.8F, 0.8F, 0.8F, 0.8F};
    uint8_t labels[20] = {1, 0, 0, 1, 0};
    for (int i = 5; i < 20; i++)
        probabilities[i] = 0.1F;
    labels[19] = 1;
    labels[18] = 1;
    const double found = (1.0 + 0.25) / 2.0;
    assert_close(measure(probabilities, labels, 20).lift_at_10, found / (4.0 / 20.0),
                 1e-12);
}

static void test_a_certain_mistake_costs_much_but_not_everything(void **state)
{
    (void)state;
    const float probabilities[] = {0.0F, 1.0F};
    const uint8_t labels[] = {1, 0};
    const mr_binary_metrics m = measure(probabilities, labels, 2);
    assert_close(m.log_loss, -log(1e-15), 1e-2);
    assert_close(m.ece, 1.0, 1e-12);
    assert_true(m.auc == 0.0);
}

static void test_the_log_loss_of_log_odds_is_that_of_their_probabilities(void **state)
{
    (void)state;
    const float logits[] = {-3.0F, 0.0F, 2.5F, 200.0F};
    const uint8_t labels[] = {0, 1, 0, 1};
    double sum = 0.0;
    for (int i = 0; i < 3; i++) {
        const double p = 1.0 / (1.0 + exp(-(double)logits[i]));
        sum -= labels[i] != 0 ? log(p) : log(1.0 - p);
    }
    assert_close(mr_logit_log_loss(logits, labels, 4), sum / 4.0, 1e-12);
}

static void test_refuses_labels_that_are_all_alike(void **state)
{
    (void)state;
    const float probabilities[] = {0.1F, 0.2F};
    const uint8_t labels[] = {1, 1};
    mr_binary_metrics metrics;
    assert_int_equal(mr_binary_metrics_measure(probabilities, labels, 2, &metrics),
                     MR_ERR_INVALID);
    assert_int_equal(mr_binary_metrics_measure(probabilities, labels, 0, &metrics),
                     MR_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auc_is_the_share_of_pairs_in_order_ties_one_half),
        cmocka_unit_test(test_the_numbers_of_four_rows_worked_by_hand),
        cmocka_unit_test(test_the_calibration_error_compares_a_bin_with_its_rate),
        cmocka_unit_test(test_rows_that_tie_at_the_tenth_count_in_proportion),
        cmocka_unit_test(test_a_certain_mistake_costs_much_but_not_everything),
        cmocka_unit_test(test_the_log_loss_of_log_odds_is_that_of_their_probabilities),
        cmocka_unit_test(test_refuses_labels_that_are_all_alike),
    };
    return cmocka_run_group_tests_name("binary_metrics", tests, NULL, NULL);
}
