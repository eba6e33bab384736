/*
 * Churn on CDNOW, a public set: 23,570 customers of a music shop, trained at 1997-06-30, tested
 * at 1997-12-31, churned when nothing is bought in the 181 days that follow.  Published by nobody
 * as a benchmark but reproducible by anyone: recency alone gives AUC .7955, a logistic regression
 * over features of this kind .806 to .808 with a log-loss of .413 to .414.
 */
#include "models/blas.h"
#include "models/churn_protocol.h"
#include "models/purchase_features.h"
#include "tests/data.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { WINDOW_DAYS = 181 };

static mr_transactions *transactions;

static int32_t day_of(const char *date)
{
    int64_t ms = 0;
    assert_ok(mr_text_to_time_ms(mr_text_from(date), &ms));
    return (int32_t)mr_time_day(ms);
}

static void test_the_file_has_the_published_counts(void **state)
{
    (void)state;
    assert_int_equal(mr_transactions_customers(transactions), 23570);
    assert_int_equal(mr_transactions_lines(transactions), 69659);
    assert_int_equal(mr_transactions_left_out(transactions), 0);
    assert_int_equal(mr_transactions_first_day(transactions), day_of("1997-01-01"));
    assert_int_equal(mr_transactions_last_day(transactions), day_of("1998-06-30"));
}

/* Labels and the simplest score do not pass through a model: they pin the protocol itself. */
static void test_recency_alone_scores_what_was_published(void **state)
{
    (void)state;
    static float recency[23570];
    static uint8_t labels[23570];
    const int32_t cut = day_of("1997-12-31");
    for (uint32_t c = 0; c < 23570; c++) {
        float row[MR_PURCHASE_FEATURES];
        assert_ok(mr_purchase_features_at(transactions, c, cut, row));
        recency[c] = row[MR_PURCHASE_RECENCY] / 10.0F; /* order is all that counts */
        labels[c] = mr_purchase_churned(transactions, c, cut, WINDOW_DAYS);
    }
    mr_binary_metrics metrics;
    assert_ok(mr_binary_metrics_measure(recency, labels, 23570, &metrics));
    assert_true(fabs(metrics.auc - 0.7955) < 0.00005);
}

static void test_the_model_reaches_the_gate(void **state)
{
    (void)state;
    const mr_churn_transactions_options options = {.train_day = day_of("1997-06-30"),
                                                   .test_day = day_of("1997-12-31"),
                                                   .window_days = WINDOW_DAYS,
                                                   .seed = 1,
                                                   .clock = mr_clock_system()};
    mr_churn_evaluation e;
    assert_ok(mr_churn_evaluate_transactions(transactions, &options, &e, NULL));
    print_message("%s\nauc %.4f log_loss %.4f brier %.4f ece %.4f lift@10 %.4f "
                  "train %.3f s score %.4f s\n",
                  e.model, e.metrics.auc, e.metrics.log_loss, e.metrics.brier,
                  e.metrics.ece, e.metrics.lift_at_10, e.train_seconds, e.score_seconds);
    assert_int_equal(e.test_rows, 23570);
    assert_true(fabs(e.test_churn_rate - 0.772) < 0.0005);
    assert_true(e.metrics.auc >= 0.806);
    assert_true(e.metrics.log_loss <= 0.416);
    assert_true(e.metrics.ece <= 0.02);
}

static void test_another_seed_reaches_the_gate_too(void **state)
{
    (void)state;
    for (uint64_t seed = 2; seed <= 4; seed++) {
        const mr_churn_transactions_options options = {.train_day = day_of("1997-06-30"),
                                                       .test_day = day_of("1997-12-31"),
                                                       .window_days = WINDOW_DAYS,
                                                       .seed = seed,
                                                       .clock = mr_clock_system()};
        mr_churn_evaluation e;
        assert_ok(mr_churn_evaluate_transactions(transactions, &options, &e, NULL));
        assert_true(e.metrics.auc >= 0.806);
        assert_true(e.metrics.log_loss <= 0.416);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_file_has_the_published_counts),
        cmocka_unit_test(test_recency_alone_scores_what_was_published),
        cmocka_unit_test(test_the_model_reaches_the_gate),
        cmocka_unit_test(test_another_seed_reaches_the_gate_too),
    };
    char path[4096];
    if (!test_data_path("cdnow/CDNOW_master.txt", path, sizeof(path)))
        return test_data_missing("cdnow");
    if (mr_blas_start() == NULL)
        return 1;
    mr_error error;
    if (mr_transactions_read(path, MR_TRANSACTIONS_CDNOW, &transactions, &error) !=
        MR_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const int failed = cmocka_run_group_tests_name("cdnow_churn", tests, NULL, NULL);
    mr_transactions_destroy(transactions);
    return failed;
}
