/*
 * Churn on the IBM Telco table, a public set: 7,043 customers, 1,869 of whom left.  Five
 * stratified folds; a logistic regression gives AUC .845, boosted trees .845 to .847, and
 * anything above .86 is a leak.
 */
#include "models/blas.h"
#include "models/churn_protocol.h"
#include "tests/data.h"
#include "tests/support.h"

#include <stdio.h>

static mr_table *table;

static void test_the_table_has_the_published_counts(void **state)
{
    (void)state;
    size_t left = 0;
    for (size_t i = 0; i < mr_table_rows(table); i++)
        left += mr_table_labels(table)[i];
    assert_int_equal(mr_table_rows(table), 7043);
    assert_int_equal(left, 1869);
}

static void test_five_folds_reach_the_gate_and_do_not_leak(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const mr_churn_table_options options = {
            .folds = 5, .seed = seed, .clock = mr_clock_system()};
        mr_churn_evaluation e;
        assert_ok(mr_churn_evaluate_table(table, &options, &e, NULL));
        print_message("seed %llu: auc %.4f (%.4f) log_loss %.4f brier %.4f ece %.4f "
                      "lift@10 %.4f train %.3f s\n",
                      (unsigned long long)seed, e.metrics.auc, e.auc_deviation,
                      e.metrics.log_loss, e.metrics.brier, e.metrics.ece,
                      e.metrics.lift_at_10, e.train_seconds);
        assert_true(e.metrics.auc >= 0.845);
        assert_true(e.metrics.auc <= 0.86);
        assert_true(e.metrics.ece <= 0.02);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_has_the_published_counts),
        cmocka_unit_test(test_five_folds_reach_the_gate_and_do_not_leak),
    };
    char path[4096];
    if (!test_data_path("telco-churn/wa_churn_modeldata.csv", path, sizeof(path)))
        return test_data_missing("telco-churn");
    if (mr_blas_start() == NULL)
        return 1;
    mr_error error;
    if (mr_table_read(path, MR_TEXT("churn"), MR_TEXT("Yes"), &table, &error) != MR_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const int failed = cmocka_run_group_tests_name("telco_churn", tests, NULL, NULL);
    mr_table_destroy(table);
    return failed;
}
