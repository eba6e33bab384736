/*
 * Churn training: origins against the calendar, rows and labels against their definition over
 * a made-up year of purchases.
 */
#include "app/churn_training.h"
#include "models/random.h"
#include "tests/feature_batch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW_DAYS = 30, DAYS = 300, CUSTOMERS = 40, CUSTOMER_BYTES = 8 };

#define WINDOW_MS (WINDOW_DAYS * DAY_MS)
#define MIDNIGHT_MS (START_MS - 12 * HOUR_MS)

static void test_places_origins_half_a_window_apart_before_the_last_window(void **state)
{
    (void)state;
    int64_t origins[MR_CHURN_ORIGINS_MAX];
    const int64_t newest_ms = MIDNIGHT_MS + 100 * DAY_MS - 1; /* 100 whole days */
    const size_t count = mr_churn_origins(MIDNIGHT_MS, newest_ms, WINDOW_DAYS, origins);
    /* A window before and after each: days 30 to 70, from 70 backwards by 15. */
    assert_int_equal(count, 3);
    assert_int_equal(origins[0], MIDNIGHT_MS + 40 * DAY_MS);
    assert_int_equal(origins[1], MIDNIGHT_MS + 55 * DAY_MS);
    assert_int_equal(origins[2], MIDNIGHT_MS + 70 * DAY_MS);
}

static void test_gives_no_origins_when_three_do_not_fit(void **state)
{
    (void)state;
    int64_t origins[MR_CHURN_ORIGINS_MAX];
    assert_int_equal(mr_churn_origins(MIDNIGHT_MS, MIDNIGHT_MS + 90 * DAY_MS - 1,
                                      WINDOW_DAYS, origins),
                     3);
    assert_int_equal(mr_churn_origins(MIDNIGHT_MS, MIDNIGHT_MS + 90 * DAY_MS - 2,
                                      WINDOW_DAYS, origins),
                     0);
    assert_int_equal(
        mr_churn_origins(MIDNIGHT_MS, MIDNIGHT_MS + 5000 * DAY_MS, WINDOW_DAYS, origins),
        MR_CHURN_ORIGINS_MAX);
}

/* Does the customer buy on that day?  Each has a habit, and some stop. */
static bool buys(uint32_t customer, int64_t day)
{
    const double habit = 0.02 + 0.1 * mr_random_uniform(1, customer);
    const int64_t end = (int64_t)(mr_random_uniform(2, customer) * 2 * DAYS);
    return day < end &&
           mr_random_uniform(3, (uint64_t)day * CUSTOMERS + customer) < habit;
}

static bool buys_between(uint32_t customer, int64_t from_day, int64_t to_day)
{
    for (int64_t day = from_day < 0 ? 0 : from_day; day < to_day; day++)
        if (buys(customer, day))
            return true;
    return false;
}

/* A day's purchases, at noon. */
static void apply_day(mr_churn_samples *samples, mr_shard *shard, int64_t day,
                      char names[CUSTOMERS][CUSTOMER_BYTES])
{
    mr_event_batch batch = {0};
    int64_t offset = mr_shard_next_offset(shard);
    for (uint32_t c = 0; c < CUSTOMERS; c++)
        if (buys(c, day))
            test_batch_add(
                &batch, offset++,
                test_purchase(names[c], "tea", START_MS + day * DAY_MS, NULL, 100));
    assert_ok(mr_shard_apply(shard, &batch));
    assert_ok(mr_churn_samples_applied(samples, shard, &batch));
    mr_event_batch_deinit(&batch);
}

typedef struct fixture {
    mr_plan *plan;
    mr_shard *shard;
    mr_churn_samples *samples;
    int64_t origins[MR_CHURN_ORIGINS_MAX];
    size_t origin_count;
    char names[CUSTOMERS][CUSTOMER_BYTES];
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    f->shard = test_shard(f->plan, 0);
    f->origin_count = mr_churn_origins(MIDNIGHT_MS, MIDNIGHT_MS + DAYS * DAY_MS - 1,
                                       WINDOW_DAYS, f->origins);
    assert_ok(mr_churn_samples_create(f->plan, f->origins, f->origin_count, WINDOW_DAYS,
                                      &f->samples));
    for (uint32_t c = 0; c < CUSTOMERS; c++)
        (void)snprintf(f->names[c], CUSTOMER_BYTES, "c%u", c);
    mr_churn_samples_next_partition(f->samples);
    size_t origin = 0;
    for (int64_t day = 0; day < DAYS; day++) {
        if (origin < f->origin_count && f->origins[origin] == MIDNIGHT_MS + day * DAY_MS)
            assert_ok(mr_churn_samples_take(f->samples, origin++, f->shard));
        apply_day(f->samples, f->shard, day, f->names);
    }
    assert_int_equal(origin, f->origin_count);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_churn_samples_destroy(f->samples);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

static void test_takes_recent_customers_and_labels_those_who_buy_no_more(void **state)
{
    const fixture *f = *state;
    const mr_churn_rows rows = mr_churn_samples_rows(f->samples);
    size_t at = 0;
    size_t lost = 0;
    for (size_t o = 0; o < f->origin_count; o++) {
        const int64_t day = (f->origins[o] - MIDNIGHT_MS) / DAY_MS;
        size_t expected = 0;
        size_t expected_lost = 0;
        for (uint32_t c = 0; c < CUSTOMERS; c++)
            if (buys_between(c, day - 2 * WINDOW_DAYS, day)) {
                expected++;
                expected_lost += !buys_between(c, day, day + WINDOW_DAYS);
            }
        size_t found_lost = 0;
        for (size_t i = 0; i < expected; i++, at++) {
            assert_true(at < rows.count);
            assert_int_equal(rows.origins[at], o);
            found_lost += rows.labels[at];
        }
        assert_int_equal(found_lost, expected_lost);
        lost += found_lost;
    }
    assert_int_equal(at, rows.count);
    assert_true(lost > 0 && lost < rows.count);
}

static void test_reads_vectors_as_they_were_on_the_origin(void **state)
{
    const fixture *f = *state;
    const mr_churn_rows rows = mr_churn_samples_rows(f->samples);
    const size_t recency = mr_plan_vector_find(f->plan, "recency_days");
    const size_t lines = mr_plan_vector_find(f->plan, "purchase_lines");
    double row_lines = 0.0;
    double expected_lines = 0.0;
    assert_true(recency < rows.columns && lines < rows.columns);
    for (size_t i = 0; i < rows.count; i++) {
        const double days = (double)rows.values[i * rows.columns + recency];
        assert_true(days >= 0.0 && days <= 2.0 * WINDOW_DAYS);
        row_lines += (double)rows.values[i * rows.columns + lines];
    }
    for (size_t o = 0; o < f->origin_count; o++) {
        const int64_t day = (f->origins[o] - MIDNIGHT_MS) / DAY_MS;
        for (uint32_t c = 0; c < CUSTOMERS; c++)
            for (int64_t d = 0; buys_between(c, day - 2 * WINDOW_DAYS, day) && d < day;
                 d++)
                expected_lines += buys(c, d);
    }
    assert_close(row_lines, expected_lines, 1e-6);
}

static void test_counts_a_customer_of_several_origins_as_one_subject(void **state)
{
    const fixture *f = *state;
    const mr_churn_rows rows = mr_churn_samples_rows(f->samples);
    bool seen[CUSTOMERS][MR_CHURN_ORIGINS_MAX] = {{false}};
    for (size_t i = 0; i < rows.count; i++) {
        assert_true(rows.subjects[i] < CUSTOMERS);
        assert_false(seen[rows.subjects[i]][rows.origins[i]]);
        seen[rows.subjects[i]][rows.origins[i]] = true;
    }
}

static void test_trains_a_model_of_the_plans_columns(void **state)
{
    const fixture *f = *state;
    mr_churn_model *model = NULL;
    mr_error error = {{0}};
    assert_ok(mr_churn_samples_train(f->samples, 1, &model, &error));
    assert_int_equal(mr_churn_model_columns(model), mr_plan_vector_width(f->plan));
    assert_int_equal(mr_churn_model_label_window_days(model), WINDOW_DAYS);
    for (uint32_t j = 0; j < mr_churn_model_columns(model); j++)
        assert_string_equal(mr_churn_model_feature(model, j),
                            mr_plan_vector_column(f->plan, j)->name);
    mr_churn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_origins_half_a_window_apart_before_the_last_window),
        cmocka_unit_test(test_gives_no_origins_when_three_do_not_fit),
        cmocka_unit_test_setup_teardown(
            test_takes_recent_customers_and_labels_those_who_buy_no_more, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_reads_vectors_as_they_were_on_the_origin,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_counts_a_customer_of_several_origins_as_one_subject, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trains_a_model_of_the_plans_columns, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
