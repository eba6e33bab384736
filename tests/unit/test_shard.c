/*
 * Shard: small logs written by hand; what a profile then says is counted by eye.
 */
#include "features/commerce.h"
#include "features/shard.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

typedef struct fixture {
    mr_plan *plan;
    mr_shard *shard;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    f->shard = test_shard(f->plan, 3);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mr_shard_check(f->shard);
    mr_shard_destroy(f->shard);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

typedef struct wanted {
    const char *name;
    int64_t numbers[64];
    size_t count;
    bool is_found;
} wanted;

static void find_feature(void *context, const mr_feature *feature, const mr_value *values,
                         size_t row_count)
{
    wanted *want = context;
    if (strcmp(feature->name, want->name) != 0)
        return;
    want->is_found = true;
    want->count = row_count * feature->column_count;
    assert_true(want->count <= 64);
    for (size_t i = 0; i < want->count; i++)
        want->numbers[i] = values[i].number;
}

static wanted read_feature(const mr_shard *shard, uint32_t row, int64_t at_ms,
                           const char *name)
{
    wanted want = {.name = name};
    mr_shard_profile_visit(shard, row, at_ms, find_feature, &want);
    assert_true(want.is_found);
    return want;
}

static int64_t read_number(const mr_shard *shard, const char *user, int64_t at_ms,
                           const char *name)
{
    const uint32_t row = mr_shard_find(shard, mr_text_from(user));
    assert_int_not_equal(row, MR_ROW_NONE);
    const wanted want = read_feature(shard, row, at_ms, name);
    assert_int_equal(want.count, 1);
    return want.numbers[0];
}

static void test_windows_count_utc_days_up_to_the_one_of_reading(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    for (int64_t day = 0; day < 10; day++)
        test_apply(shard, test_event(MR_EVENT_VIEW, "u", "i", START_MS + day * DAY_MS));
    const int64_t last_ms = START_MS + 9 * DAY_MS;
    assert_int_equal(read_number(shard, "u", last_ms, "views_7d"), 7);
    assert_int_equal(read_number(shard, "u", last_ms + 2 * DAY_MS, "views_7d"), 5);
    assert_int_equal(read_number(shard, "u", last_ms + 7 * DAY_MS, "views_7d"), 0);
    assert_int_equal(read_number(shard, "u", last_ms, "events"), 10);
    assert_int_equal(read_number(shard, "u", last_ms, "carts_7d"), 0);
}

static void test_spend_fades_by_half_each_half_life(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    test_apply(shard, test_purchase("u", "i", START_MS, "o1", 800));
    assert_int_equal(read_number(shard, "u", START_MS, "spend_fading"), 800);
    assert_int_equal(read_number(shard, "u", START_MS + 30 * DAY_MS, "spend_fading"),
                     400);
    assert_int_equal(read_number(shard, "u", START_MS + 90 * DAY_MS, "spend_fading"),
                     100);
    /* 800 x 2^(-1/2) = 565.68…, towards zero. */
    assert_int_equal(read_number(shard, "u", START_MS + 15 * DAY_MS, "spend_fading"),
                     565);
    assert_int_equal(read_number(shard, "u", START_MS + 300 * DAY_MS, "spend_fading"), 0);
}

static void test_an_order_counts_once_whatever_its_lines(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    mr_event_batch batch = {.partition = 3};
    test_batch_add(&batch, 0, test_purchase("u", "a", START_MS, "o1", 100));
    test_batch_add_line(&batch, test_purchase("u", "b", START_MS, "o1", 200));
    test_batch_add(&batch, 1, test_purchase("u", "c", START_MS + 1, "o1", 50));
    test_batch_add(&batch, 2, test_purchase("u", "c", START_MS + 2, "o2", 50));
    test_batch_add(&batch, 3, test_purchase("u", "c", START_MS + 3, "", 50));
    test_batch_add_line(&batch, test_purchase("u", "d", START_MS + 3, "", 50));
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
    assert_int_equal(read_number(shard, "u", START_MS, "orders"), 3);
    assert_int_equal(read_number(shard, "u", START_MS, "purchases"), 6);
    mr_commerce_totals totals;
    mr_commerce_totals_get(shard, &totals);
    assert_int_equal(totals.sums.orders, 3);
    assert_int_equal(totals.sums.purchase_lines, 6);
    assert_int_equal(totals.customers, 1);
}

static void test_revenue_is_purchases_less_refunds_plus_adjustments(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    mr_event refund = test_event(MR_EVENT_REFUND, "u", "a", START_MS + DAY_MS);
    refund.value_minor = 300;
    mr_event adjustment = test_event(MR_EVENT_CUSTOM, "u", "", START_MS + DAY_MS);
    adjustment.name = MR_TEXT("adjustment");
    adjustment.value_minor = -75;
    mr_event custom = adjustment;
    custom.name = MR_TEXT("something");
    mr_event anonymous = test_purchase("", "a", START_MS, "o9", 10);
    anonymous.anonymous_id = MR_TEXT("visitor");
    test_apply(shard, test_purchase("u", "a", START_MS, "o1", 1000));
    test_apply(shard, refund);
    test_apply(shard, adjustment);
    test_apply(shard, custom);
    test_apply(shard, anonymous);
    mr_commerce_totals totals;
    mr_commerce_totals_get(shard, &totals);
    assert_int_equal(mr_commerce_revenue_minor(&totals.sums), 1010 - 300 - 75);
    assert_int_equal(totals.sums.adjustment_lines, 1);
    assert_int_equal(totals.customers, 1);
    assert_int_equal(read_number(shard, "u", START_MS, "spend"), 700);
    assert_int_equal(mr_commerce_day_count(shard), 2);
    assert_int_equal(mr_commerce_day_get(shard, 1).sums.refunds_minor, 300);
}

static void test_a_user_and_a_visitor_of_the_same_text_are_two_profiles(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    mr_event visit = test_event(MR_EVENT_VIEW, "", "i", START_MS);
    visit.anonymous_id = MR_TEXT("same");
    test_apply(shard, visit);
    test_apply(shard, test_event(MR_EVENT_VIEW, "same", "i", START_MS));
    assert_int_equal(mr_shard_user_count(shard), 2);
    const uint32_t user = mr_shard_find(shard, MR_TEXT("same"));
    const uint32_t visitor = mr_shard_find_anonymous(shard, MR_TEXT("same"));
    assert_int_not_equal(user, visitor);
    assert_true(mr_shard_is_anonymous(shard, visitor));
    assert_false(mr_shard_is_anonymous(shard, user));
    assert_int_equal(mr_shard_find(shard, MR_TEXT("other")), MR_ROW_NONE);
}

static void test_redelivered_offsets_change_nothing(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    mr_event_batch batch = {.partition = 3};
    for (int64_t i = 0; i < 4; i++)
        test_batch_add(&batch, i, test_event(MR_EVENT_VIEW, "u", "i", START_MS + i));
    assert_ok(mr_shard_apply(shard, &batch));
    assert_ok(mr_shard_apply(shard, &batch));
    test_batch_add(&batch, 4, test_event(MR_EVENT_VIEW, "u", "i", START_MS + 4));
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
    assert_int_equal(read_number(shard, "u", START_MS, "events"), 5);
    assert_int_equal(mr_shard_next_offset(shard), 5);
    assert_int_equal(mr_shard_redelivered(shard), 8);
}

static void test_every_record_is_accounted_for_once(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    assert_ok(mr_shard_start_at(shard, 100));
    mr_event_batch batch = {.partition = 3};
    test_batch_add(&batch, 102, test_event(MR_EVENT_VIEW, "u", "i", START_MS));
    test_batch_add_line(&batch, test_event(MR_EVENT_VIEW, "u", "j", START_MS));
    test_batch_add_other(&batch, 103, MR_RECORD_POISON, 0);
    test_batch_add_other(&batch, 104, MR_RECORD_TICK, START_MS + HOUR_MS);
    test_batch_add_other(&batch, 105, MR_RECORD_CONTROL, 0);
    test_batch_add(&batch, 110, test_event(MR_EVENT_VIEW, "u", "i", START_MS));
    assert_ok(mr_shard_apply(shard, &batch));
    mr_event_batch_deinit(&batch);
    mr_shard_counters counters;
    mr_shard_counters_get(shard, &counters);
    assert_int_equal(counters.first_offset, 100);
    assert_int_equal(mr_shard_next_offset(shard), 111);
    assert_int_equal(counters.applied, 2);
    assert_int_equal(counters.poison, 1);
    assert_int_equal(counters.control, 2);
    assert_int_equal(counters.gap, 6);
    assert_int_equal(counters.lines, 3);
    /* The tick moved the watermark past the last record. */
    assert_int_equal(counters.late_applied, 1);
    assert_int_equal(mr_shard_newest_ms(shard), START_MS);
    assert_int_equal(mr_shard_watermark_ms(shard),
                     START_MS + HOUR_MS - MR_SHARD_LATENESS_MS);
    assert_int_equal(mr_shard_start_at(shard, 5), MR_ERR_INVALID);
}

static void test_a_batch_that_is_not_ours_is_refused(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    mr_event_batch batch = {.partition = 4};
    test_batch_add(&batch, 0, test_event(MR_EVENT_VIEW, "u", "i", START_MS));
    assert_int_equal(mr_shard_apply(shard, &batch), MR_ERR_INVALID);
    batch.partition = 3;
    test_batch_add(&batch, 0, test_event(MR_EVENT_VIEW, "u", "i", START_MS));
    assert_int_equal(mr_shard_apply(shard, &batch), MR_ERR_INVALID);
    assert_int_equal(mr_shard_next_offset(shard), 0);
    mr_event_batch_deinit(&batch);
}

static void test_at_the_memory_limit_nothing_of_a_batch_is_applied(void **state)
{
    const fixture *f = *state;
    mr_hash_key key;
    mr_hash_key_init(&key, NULL, 0);
    const mr_shard_options options = {.plan = f->plan,
                                      .hash_key = &key,
                                      .topic = "events",
                                      .memory_limit_bytes = 1 << 20};
    mr_shard *shard;
    assert_ok(mr_shard_create(&options, &shard));
    mr_event_batch batch = {0};
    mr_status status = MR_OK;
    int64_t offset = 0;
    char user[32];
    while (status == MR_OK && offset < 100000) {
        mr_event_batch_clear(&batch);
        (void)snprintf(user, sizeof(user), "user-%lld", (long long)offset);
        test_batch_add(&batch, offset, test_event(MR_EVENT_VIEW, user, "i", START_MS));
        status = mr_shard_apply(shard, &batch);
        offset += status == MR_OK;
    }
    assert_int_equal(status, MR_ERR_FULL);
    assert_int_equal(mr_shard_next_offset(shard), offset);
    assert_int_equal(mr_shard_user_count(shard), offset);
    assert_true(offset > 1000);
    /* Passed by the growth of one batch, an array that doubles among it. */
    assert_true(mr_shard_bytes(shard) <= (1 << 20) / 8 * 9);
    mr_shard_check(shard);
    mr_event_batch_deinit(&batch);
    mr_shard_destroy(shard);
}

static void test_the_small_picture_shows_the_newest_items_first(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    test_apply(shard, test_event(MR_EVENT_VIEW, "u", "a", START_MS));
    mr_event rating = test_event(MR_EVENT_RATE, "u", "b", START_MS + 5000);
    rating.rating_centi = 450;
    test_apply(shard, rating);
    test_apply(shard, test_event(MR_EVENT_VIEW, "u", "c", START_MS + 2000)); /* late */
    mr_event many = test_purchase("u", "d", START_MS + 9000, "o", 700);
    many.quantity = 1000;
    test_apply(shard, many);
    const uint32_t row = mr_shard_find(shard, MR_TEXT("u"));
    static mr_user_state picture;
    mr_shard_user_state(shard, row, 77, &picture);
    const char *order[] = {"d", "b", "c", "a"};
    const int weights[] = {255, 45, 1, 1};
    assert_int_equal(picture.item_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(mr_text_is(picture.items[i].item_id, order[i]));
        assert_int_equal(picture.items[i].weight, weights[i]);
    }
    assert_int_equal(picture.epoch, 77);
    assert_int_equal(picture.offset, 3);
    assert_int_equal(picture.as_of_ms, START_MS + 9000);
    assert_int_equal(picture.first_ms, START_MS);
    assert_int_equal(picture.spend_minor, 700);
    assert_int_equal(picture.events, 4);
    assert_int_equal(picture.purchases, 1);
    assert_int_equal(picture.churn_permille, UINT16_MAX);
}

static void test_a_late_event_is_in_the_picture_and_makes_it_no_older(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    static mr_user_state picture;
    test_apply(shard, test_event(MR_EVENT_VIEW, "u", "a", START_MS + 9000));
    test_apply(shard, test_event(MR_EVENT_VIEW, "u", "b", START_MS + 2000));
    mr_shard_user_state(shard, mr_shard_find(shard, MR_TEXT("u")), 77, &picture);
    assert_int_equal(picture.offset, 1);
    assert_int_equal(picture.item_count, 2);
    assert_int_equal(picture.as_of_ms, START_MS + 9000);
}

static void test_history_keeps_the_newest_of_each_type(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    char items[200][8];
    test_apply(shard, test_event(MR_EVENT_CART_ADD, "u", "cart", START_MS - DAY_MS));
    for (int i = 0; i < 200; i++) {
        (void)snprintf(items[i], sizeof(items[i]), "i%03d", i);
        test_apply(shard, test_event(MR_EVENT_VIEW, "u", items[i],
                                     START_MS + (i * 37 % 200) * 1000));
    }
    mr_history_entry entries[MR_SHARD_HISTORY_MAX];
    const size_t count = mr_shard_history(shard, 0, entries, MR_SHARD_HISTORY_MAX);
    assert_int_equal(count, 121);
    assert_true(mr_text_is(mr_shard_item_id(shard, entries[0].item), "cart"));
    for (size_t i = 1; i < count; i++)
        assert_int_equal(entries[i].time_s, START_MS / 1000 + 80 + (int64_t)i - 1);
    assert_int_equal(mr_shard_history(shard, 0, entries, 5), 5);
    assert_int_equal(entries[4].time_s, START_MS / 1000 + 199);
}

static void test_sessions_are_thirty_minutes_apart(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    const int64_t minutes[] = {0, 30, 61, 62, 200};
    for (size_t i = 0; i < 5; i++)
        test_apply(shard, test_event(MR_EVENT_VIEW, "u", "i",
                                     START_MS + minutes[i] * MINUTE_MS));
    assert_int_equal(read_number(shard, "u", START_MS, "sessions"), 3);
}

static void test_changed_rows_are_listed_once_until_cleared(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    test_apply(shard, test_event(MR_EVENT_VIEW, "a", "i", START_MS));
    test_apply(shard, test_event(MR_EVENT_VIEW, "b", "i", START_MS));
    test_apply(shard, test_event(MR_EVENT_VIEW, "a", "i", START_MS));
    const uint32_t *rows;
    assert_int_equal(mr_shard_changed(shard, &rows), 2);
    assert_true(mr_text_is(mr_shard_user_id(shard, rows[0]), "a"));
    mr_shard_changed_clear(shard);
    assert_int_equal(mr_shard_changed(shard, &rows), 0);
    mr_shard_set_churn(shard, 1,
                       (mr_churn_mark){.permille = 612, .tier = 2, .since_ms = START_MS});
    assert_int_equal(mr_shard_changed(shard, &rows), 1);
    const mr_churn_mark mark = mr_shard_churn(shard, 1);
    assert_int_equal(mark.permille, 612);
    assert_int_equal(mark.tier, 2);
    assert_int_equal(mark.since_ms, START_MS);
    assert_int_equal(mr_shard_churn(shard, 0).permille, UINT16_MAX);
}

static float column(const fixture *f, const float *vector, const char *name)
{
    const size_t index = mr_plan_vector_find(f->plan, name);
    assert_true(index < mr_plan_vector_width(f->plan));
    return vector[index];
}

static void test_the_vector_is_what_its_columns_say(void **state)
{
    const fixture *f = *state;
    mr_shard *shard = f->shard;
    /* Purchases on days 0, 10, 30; read on day 50. */
    test_apply(shard, test_purchase("u", "a", START_MS, "o1", 1000));
    test_apply(shard, test_purchase("u", "a", START_MS + 10 * DAY_MS, "o2", 2000));
    test_apply(shard, test_purchase("u", "a", START_MS + 30 * DAY_MS, "o3", 3000));
    mr_event refund = test_event(MR_EVENT_REFUND, "u", "a", START_MS + 31 * DAY_MS);
    refund.value_minor = 600;
    test_apply(shard, refund);
    float vector[64];
    mr_shard_vector(shard, 0, START_MS + 50 * DAY_MS, vector);
    assert_close(column(f, vector, "recency_days"), 20.0, 1e-6);
    assert_close(column(f, vector, "inactive_days"), 19.0, 1e-6);
    assert_close(column(f, vector, "tenure_days"), 50.0, 1e-6);
    assert_close(column(f, vector, "orders"), 3.0, 0);
    assert_close(column(f, vector, "spend_net"), 54.0, 1e-6);
    assert_close(column(f, vector, "order_value"), 18.0, 1e-6);
    assert_close(column(f, vector, "refund_share"), 1.0 / 3.0, 1e-6);
    assert_close(column(f, vector, "purchases_30d"), 1.0, 0);
    assert_close(column(f, vector, "purchases_90d"), 3.0, 0);
    assert_close(column(f, vector, "spend_90d"), 60.0, 1e-6);
    assert_close(column(f, vector, "spend_trend"), 30.0 / 20.0, 1e-6);
    assert_close(column(f, vector, "gap_mean_days"), 15.0, 1e-6);
    assert_close(column(f, vector, "gap_deviation_days"), sqrt(50.0), 1e-6);
    assert_close(column(f, vector, "gap_overdue"), 20.0 / 15.0, 1e-6);
    assert_close(column(f, vector, "active_days_30"), 2.0, 0);
    assert_close(column(f, vector, "active_days_90"), 4.0, 0);
    assert_close(column(f, vector, "active_trend"), 0.0, 0); /* {30, 31} less {0, 10} */
}

static void test_vectors_are_finite_for_any_time_and_amount(void **state)
{
    const fixture *f = *state;
    const int64_t times[] = {0, 1, START_MS, INT64_MAX / 2, INT64_MAX - 1};
    const int64_t amounts[] = {0, 1, INT64_MAX, INT64_MIN, -5};
    for (size_t t = 0; t < 5; t++) {
        for (size_t a = 0; a < 5; a++)
            test_apply(f->shard, test_purchase("u", "a", times[t], "o", amounts[a]));
    }
    float vector[64];
    const int64_t reads[] = {INT64_MIN / 2, 0, START_MS, INT64_MAX};
    for (size_t r = 0; r < 4; r++) {
        mr_shard_vector(f->shard, 0, reads[r], vector);
        for (size_t i = 0; i < mr_plan_vector_width(f->plan); i++)
            assert_true(isfinite(vector[i]));
    }
}

static bool count_entry(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    uint64_t *last = context;
    assert_true(sequence > *last);
    assert_true(mr_text_is(id, sequence % 2 == 1 ? "odd" : "even"));
    assert_true(mr_text_is(record, "{}"));
    *last = sequence;
    return true;
}

static void test_the_outbox_holds_what_is_not_acknowledged(void **state)
{
    mr_shard *shard = ((fixture *)*state)->shard;
    uint64_t sequence = 0;
    for (int i = 1; i <= 500; i++) {
        assert_ok(mr_shard_outbox_put(shard, mr_text_from(i % 2 == 1 ? "odd" : "even"),
                                      MR_TEXT("{}"), &sequence));
        assert_int_equal(sequence, i);
        if (i % 3 == 0)
            mr_shard_outbox_acknowledge(shard, sequence - 2);
    }
    assert_int_equal(mr_shard_outbox_count(shard), 4);
    uint64_t last = 0;
    mr_shard_outbox_pending(shard, 498, count_entry, &last);
    assert_int_equal(last, 500);
    mr_shard_outbox_acknowledge(shard, 500);
    assert_int_equal(mr_shard_outbox_count(shard), 0);
    assert_ok(mr_shard_outbox_put(shard, MR_TEXT("odd"), MR_TEXT("{}"), &sequence));
    assert_int_equal(sequence, 501);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SHARD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        SHARD_TEST(test_windows_count_utc_days_up_to_the_one_of_reading),
        SHARD_TEST(test_spend_fades_by_half_each_half_life),
        SHARD_TEST(test_an_order_counts_once_whatever_its_lines),
        SHARD_TEST(test_revenue_is_purchases_less_refunds_plus_adjustments),
        SHARD_TEST(test_a_user_and_a_visitor_of_the_same_text_are_two_profiles),
        SHARD_TEST(test_redelivered_offsets_change_nothing),
        SHARD_TEST(test_every_record_is_accounted_for_once),
        SHARD_TEST(test_a_batch_that_is_not_ours_is_refused),
        SHARD_TEST(test_at_the_memory_limit_nothing_of_a_batch_is_applied),
        SHARD_TEST(test_the_small_picture_shows_the_newest_items_first),
        SHARD_TEST(test_a_late_event_is_in_the_picture_and_makes_it_no_older),
        SHARD_TEST(test_history_keeps_the_newest_of_each_type),
        SHARD_TEST(test_sessions_are_thirty_minutes_apart),
        SHARD_TEST(test_changed_rows_are_listed_once_until_cleared),
        SHARD_TEST(test_the_vector_is_what_its_columns_say),
        SHARD_TEST(test_vectors_are_finite_for_any_time_and_amount),
        SHARD_TEST(test_the_outbox_holds_what_is_not_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
