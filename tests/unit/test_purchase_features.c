/*
 * One customer whose features can be worked out on paper, and the wall at the cut: nothing that
 * happens after it may change a feature, nothing before it a label.
 */
#include "core/buffer.h"
#include "models/purchase_features.h"
#include "models/random.h"
#include "tests/support.h"

#include <stdio.h>

static mr_transactions *parse(const char *text)
{
    mr_transactions *transactions = NULL;
    assert_ok(mr_transactions_parse(mr_text_from(text), MR_TRANSACTIONS_CDNOW,
                                    &transactions, NULL));
    return transactions;
}

static int32_t day_of(const char *date)
{
    int64_t ms = 0;
    assert_ok(mr_text_to_time_ms(mr_text_from(date), &ms));
    return (int32_t)mr_time_day(ms);
}

static void assert_log(float feature, double value)
{
    assert_true(fabs((double)feature - log1p(value)) < 1e-6);
}

static void test_a_customer_worked_out_on_paper(void **state)
{
    (void)state;
    /* Days 0, 40, 50 and 150 of 2020; the cut is on day 170. */
    mr_transactions *t = parse("a 20200101 1 10\na 20200210 2 40\na 20200220 1 20\n"
                               "a 20200530 4 30\na 20200701 9 900\n");
    float row[MR_PURCHASE_FEATURES];
    assert_ok(mr_purchase_features_at(t, 0, day_of("2020-06-19"), row));
    assert_log(row[MR_PURCHASE_RECENCY], 20.0);
    assert_log(row[MR_PURCHASE_TENURE], 170.0);
    assert_log(row[MR_PURCHASE_FREQUENCY], 4.0);
    assert_log(row[MR_PURCHASE_UNITS], 8.0);
    assert_log(row[MR_PURCHASE_VALUE], 100.0);
    assert_log(row[MR_PURCHASE_MEAN_VALUE], 25.0);
    assert_log(row[MR_PURCHASE_LARGEST_VALUE], 40.0);
    assert_log(row[MR_PURCHASE_LAST_VALUE], 30.0);
    assert_log(row[MR_PURCHASE_DAYS_30], 1.0);
    assert_log(row[MR_PURCHASE_VALUE_30], 30.0);
    assert_log(row[MR_PURCHASE_DAYS_60], 1.0);
    assert_log(row[MR_PURCHASE_VALUE_60], 30.0);
    assert_log(row[MR_PURCHASE_DAYS_90], 1.0);
    assert_log(row[MR_PURCHASE_VALUE_90], 30.0);
    assert_log(row[MR_PURCHASE_DAYS_180], 4.0);
    assert_log(row[MR_PURCHASE_VALUE_180], 100.0);
    assert_log(row[MR_PURCHASE_MEAN_GAP], 50.0);
    assert_log(row[MR_PURCHASE_GAP_DEVIATION], sqrt((100.0 + 1600.0 + 2500.0) / 3.0));
    assert_log(row[MR_PURCHASE_OVERDUE], 20.0 / 50.0);
    assert_log(row[MR_PURCHASE_RATE], 4.0 * 30.0 / 200.0);
    assert_true(fabs((double)row[MR_PURCHASE_TREND] - (log1p(1.0) - log1p(3.0))) < 1e-6);
    assert_true(row[MR_PURCHASE_ONCE] == 0.0F);
    mr_transactions_destroy(t);
}

static void test_a_customer_who_bought_once_today(void **state)
{
    (void)state;
    mr_transactions *t = parse("a 20200101 1 10\n");
    float row[MR_PURCHASE_FEATURES];
    const int32_t day = day_of("2020-01-01");
    assert_int_equal(mr_purchase_features_at(t, 0, day - 1, row), MR_ERR_NOT_FOUND);
    assert_ok(mr_purchase_features_at(t, 0, day, row));
    assert_true(row[MR_PURCHASE_ONCE] == 1.0F);
    for (int f = 0; f < MR_PURCHASE_FEATURES; f++)
        assert_true(isfinite(row[f]));
    assert_log(row[MR_PURCHASE_RECENCY], 0.0);
    mr_transactions_destroy(t);
}

static void test_the_label_looks_at_the_window_after_the_cut_alone(void **state)
{
    (void)state;
    mr_transactions *t = parse("a 20200101 1 10\na 20200111 1 10\n");
    const int32_t cut = day_of("2020-01-01");
    assert_int_equal(mr_purchase_churned(t, 0, cut, 9), 1);
    assert_int_equal(mr_purchase_churned(t, 0, cut, 10), 0);
    assert_int_equal(mr_purchase_churned(t, 0, cut + 9, 1), 0);
    assert_int_equal(mr_purchase_churned(t, 0, cut + 10, 10000), 1);
    mr_transactions_destroy(t);
}

static void test_what_comes_after_the_cut_changes_no_feature(void **state)
{
    (void)state;
    const int32_t cut = day_of("2020-06-30");
    mr_buffer known = {0};
    mr_buffer all = {0};
    for (uint64_t i = 0; i < 3000; i++) {
        const int month = 1 + (int)(mr_random_bits(1, i) % 12);
        const int day = 1 + (int)(mr_random_bits(2, i) % 28);
        char line[64];
        (void)snprintf(line, sizeof(line), "c%02d 2020%02d%02d %d %d\n",
                       (int)(mr_random_bits(3, i) % 60), month, day, 1 + (int)(i % 4),
                       (int)(i % 90));
        mr_buffer_printf(&all, "%s", line);
        if (month <= 6)
            mr_buffer_printf(&known, "%s", line);
    }
    mr_buffer_put_u8(&known, '\0');
    mr_buffer_put_u8(&all, '\0');
    mr_transactions *past = parse((const char *)known.bytes);
    mr_transactions *full = parse((const char *)all.bytes);
    assert_int_equal(mr_transactions_customers(past), mr_transactions_customers(full));
    for (uint32_t c = 0; c < mr_transactions_customers(full); c++) {
        float a[MR_PURCHASE_FEATURES];
        float b[MR_PURCHASE_FEATURES];
        assert_ok(mr_purchase_features_at(past, c, cut, a));
        assert_ok(mr_purchase_features_at(full, c, cut, b));
        assert_memory_equal(a, b, sizeof(a));
    }
    mr_transactions_destroy(past);
    mr_transactions_destroy(full);
    mr_buffer_deinit(&known);
    mr_buffer_deinit(&all);
}

static void test_the_window_follows_from_the_gaps(void **state)
{
    (void)state;
    /* Gaps of 1, 2, 3 and 4 days up to the cut; a longer one ends behind it. */
    mr_transactions *t = parse("a 20200101 1 1\na 20200102 1 1\na 20200104 1 1\n"
                               "b 20200101 1 1\nb 20200104 1 1\nb 20200108 1 1\n"
                               "b 20200301 1 1\n");
    uint32_t days = 0;
    const int32_t cut = day_of("2020-01-31");
    assert_ok(mr_purchase_gap_days(t, cut, 0.0, &days));
    assert_int_equal(days, 1);
    assert_ok(mr_purchase_gap_days(t, cut, 0.5, &days));
    assert_int_equal(days, 3);
    assert_ok(mr_purchase_gap_days(t, cut, 0.95, &days));
    assert_int_equal(days, 4);
    assert_int_equal(mr_purchase_gap_days(t, day_of("2020-01-01"), 0.95, &days),
                     MR_ERR_NOT_FOUND);
    mr_transactions_destroy(t);
}

static void test_every_feature_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (uint32_t f = 0; f < MR_PURCHASE_FEATURES; f++) {
        assert_non_null(mr_purchase_feature_name(f));
        for (uint32_t g = 0; g < f; g++)
            assert_string_not_equal(mr_purchase_feature_name(f),
                                    mr_purchase_feature_name(g));
    }
    assert_null(mr_purchase_feature_name(MR_PURCHASE_FEATURES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_customer_worked_out_on_paper),
        cmocka_unit_test(test_a_customer_who_bought_once_today),
        cmocka_unit_test(test_the_label_looks_at_the_window_after_the_cut_alone),
        cmocka_unit_test(test_what_comes_after_the_cut_changes_no_feature),
        cmocka_unit_test(test_the_window_follows_from_the_gaps),
        cmocka_unit_test(test_every_feature_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests_name("purchase_features", tests, NULL, NULL);
}
