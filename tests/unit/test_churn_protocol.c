/*
 * Both protocols on made data where the truth is known: the fold that could not leak, the cuts
 * that must not, and a customer base whose silence is predictable.
 */
#include "core/buffer.h"
#include "models/churn_protocol.h"
#include "models/random.h"
#include "tests/support.h"

#include <stdbool.h>
#include <string.h>

static mr_clock_fake fake;

static int set_up(void **state)
{
    (void)state;
    mr_clock_fake_init(&fake, 0);
    return 0;
}

/* `rows` customers; with `signal`, those of plan b leave more often. */
static mr_table *make_table(size_t rows, bool signal)
{
    mr_buffer text = {0};
    mr_buffer_printf(&text, "plan,age,left\n");
    for (size_t i = 0; i < rows; i++) {
        const bool b = mr_random_uniform(1, i) < 0.5;
        const bool left = mr_random_uniform(2, i) < (signal && b ? 0.8 : 0.2);
        mr_buffer_printf(&text, "%s,%.3f,%s\n", b ? "b" : "a", mr_random_uniform(3, i),
                         left ? "yes" : "no");
    }
    mr_table *table = NULL;
    assert_ok(mr_table_parse(
        (mr_text){.bytes = (const char *)text.bytes, .length = (uint32_t)text.length},
        MR_TEXT("left"), MR_TEXT("yes"), &table, NULL));
    mr_buffer_deinit(&text);
    return table;
}

static mr_churn_evaluation evaluate(const mr_table *table, uint32_t folds, uint64_t seed)
{
    const mr_churn_table_options options = {
        .folds = folds, .seed = seed, .clock = &fake.clock};
    mr_churn_evaluation evaluation;
    mr_error error = {{0}};
    if (mr_churn_evaluate_table(table, &options, &evaluation, &error) != MR_OK)
        fail_msg("%s", error.message);
    return evaluation;
}

static void test_folds_find_the_signal_that_is_there(void **state)
{
    (void)state;
    mr_table *table = make_table(2000, true);
    const mr_churn_evaluation e = evaluate(table, 5, 1);
    /* Plan b: half of the rows, .8 against .2: AUC = .8 * .8 + .5 * (2 * .8 * .2) = .8. */
    assert_close(e.metrics.auc, 0.80, 0.04);
    assert_true(e.metrics.ece < 0.04);
    assert_int_equal(e.test_rows, 2000);
    assert_int_equal(e.folds, 5);
    assert_string_equal(e.protocol, "churn/table");
    assert_non_null(strstr(e.model, "logistic l2="));
    mr_table_destroy(table);
}

static void test_folds_find_nothing_where_nothing_is(void **state)
{
    (void)state;
    mr_table *table = make_table(2000, false);
    assert_true(fabs(evaluate(table, 5, 1).metrics.auc - 0.5) < 0.05);
    mr_table_destroy(table);
}

static void test_the_seed_decides_and_nothing_else(void **state)
{
    (void)state;
    mr_table *table = make_table(500, true);
    const mr_churn_evaluation a = evaluate(table, 4, 9);
    const mr_churn_evaluation b = evaluate(table, 4, 9);
    const mr_churn_evaluation c = evaluate(table, 4, 10);
    assert_memory_equal(&a.metrics, &b.metrics, sizeof(a.metrics));
    assert_string_equal(a.model, b.model);
    assert_memory_not_equal(&a.metrics, &c.metrics, sizeof(a.metrics));
    mr_table_destroy(table);
}

static void test_refuses_folds_that_leave_a_label_out(void **state)
{
    (void)state;
    mr_table *table = make_table(20, true);
    mr_churn_evaluation evaluation;
    const uint32_t folds[] = {0, 1, 19, MR_CHURN_TABLE_FOLDS_MAX + 1};
    for (size_t i = 0; i < sizeof(folds) / sizeof(folds[0]); i++) {
        const mr_churn_table_options options = {.folds = folds[i], .clock = &fake.clock};
        assert_int_equal(mr_churn_evaluate_table(table, &options, &evaluation, NULL),
                         MR_ERR_INVALID);
    }
    mr_table_destroy(table);
}

/* Customers who buy every 10 days; each stops for good on a day of its own, or never. */
static mr_transactions *make_transactions(void)
{
    mr_buffer text = {0};
    for (uint64_t c = 0; c < 800; c++) {
        const int64_t stops = 10 + (int64_t)(mr_random_bits(5, c) % 900);
        for (int64_t day = (int64_t)(c % 10); day < 500; day += 10)
            if (day <= stops)
                mr_buffer_printf(&text, "%llu,%lld,%d\n", (unsigned long long)c,
                                 (long long)(1577836800 + day * 86400), 5);
    }
    mr_buffer all = {0};
    mr_buffer_printf(&all, "customer,timestamp,value\n");
    mr_buffer_put(&all, text.bytes, text.length);
    mr_transactions *transactions = NULL;
    assert_ok(mr_transactions_parse(
        (mr_text){.bytes = (const char *)all.bytes, .length = (uint32_t)all.length},
        MR_TRANSACTIONS_CSV, &transactions, NULL));
    mr_buffer_deinit(&text);
    mr_buffer_deinit(&all);
    return transactions;
}

static mr_status evaluate_in_time(const mr_transactions *transactions,
                                  int32_t train_after, int32_t test_after,
                                  uint32_t window_days,
                                  mr_churn_evaluation *ret_evaluation,
                                  mr_error *ret_error)
{
    const int32_t first = mr_transactions_first_day(transactions);
    return mr_churn_evaluate_transactions(
        transactions,
        &(mr_churn_transactions_options){.train_day = first + train_after,
                                         .test_day = first + test_after,
                                         .window_days = window_days,
                                         .seed = 1,
                                         .clock = &fake.clock},
        ret_evaluation, ret_error);
}

static void test_customers_who_have_stopped_are_found(void **state)
{
    (void)state;
    mr_transactions *t = make_transactions();
    mr_churn_evaluation e;
    mr_error error = {{0}};
    if (evaluate_in_time(t, 200, 400, 60, &e, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_string_equal(e.protocol, "churn/transactions");
    assert_int_equal(e.origins, MR_CHURN_ORIGINS_MAX);
    assert_int_equal(e.test_rows, 800);
    assert_true(e.metrics.auc > 0.95);
    assert_true(e.metrics.lift_at_10 > 1.5);
    mr_transactions_destroy(t);
}

static void test_a_window_that_is_not_stated_comes_from_the_gaps(void **state)
{
    (void)state;
    mr_transactions *t = make_transactions();
    mr_churn_evaluation e;
    assert_ok(evaluate_in_time(t, 200, 400, 0, &e, NULL));
    assert_int_equal(e.window_days, 10);
    mr_transactions_destroy(t);
}

static void test_cuts_that_leak_are_refused(void **state)
{
    (void)state;
    mr_transactions *t = make_transactions();
    mr_churn_evaluation e;
    mr_error error = {{0}};
    assert_int_equal(evaluate_in_time(t, 200, 259, 60, &e, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "past the test cut"));
    assert_ok(evaluate_in_time(t, 200, 260, 60, &e, NULL));
    assert_int_equal(evaluate_in_time(t, 200, 480, 60, &e, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "file ends"));
    mr_transactions_destroy(t);
}

static void test_families_have_names(void **state)
{
    (void)state;
    mr_churn_family family = MR_CHURN_LOGISTIC;
    assert_ok(mr_churn_family_parse(MR_TEXT("auto"), &family));
    assert_int_equal(family, MR_CHURN_AUTO);
    assert_ok(mr_churn_family_parse(MR_TEXT("logistic"), &family));
    assert_int_equal(family, MR_CHURN_LOGISTIC);
    assert_int_equal(mr_churn_family_parse(MR_TEXT("oracle"), &family), MR_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folds_find_the_signal_that_is_there),
        cmocka_unit_test(test_folds_find_nothing_where_nothing_is),
        cmocka_unit_test(test_the_seed_decides_and_nothing_else),
        cmocka_unit_test(test_refuses_folds_that_leave_a_label_out),
        cmocka_unit_test(test_customers_who_have_stopped_are_found),
        cmocka_unit_test(test_a_window_that_is_not_stated_comes_from_the_gaps),
        cmocka_unit_test(test_cuts_that_leak_are_refused),
        cmocka_unit_test(test_families_have_names),
    };
    return cmocka_run_group_tests_name("churn_protocol", tests, set_up, NULL);
}
