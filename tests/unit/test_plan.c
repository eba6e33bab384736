/*
 * Plan: what compiles, what is refused and why, and that the hash follows the meaning.
 */
#include "features/plan_layout.h"
#include "features/profile.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

/* The smallest plan a shard can run on. */
static const mr_feature_spec needed[] = {
    {.name = "purchases",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_COUNT},
    {.name = "orders",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_DISTINCT,
     .of = MR_OF_ORDER_ID,
     .length = 16},
    {.name = "spend",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_SUM,
     .of = MR_OF_NET_VALUE},
    {.name = "last_purchase",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_LAST_TIME},
    {.name = "history",
     .on = MR_ON(MR_EVENT_VIEW),
     .aggregate = MR_AGGREGATE_RECENT_ITEMS,
     .quotas = {{MR_EVENT_VIEW, 10}}},
};
enum { NEEDED = sizeof(needed) / sizeof(needed[0]) };

static mr_status compile_with(mr_feature_spec extra, mr_plan **ret_plan,
                              mr_error *ret_error)
{
    mr_feature_spec specs[NEEDED + 1];
    memcpy(specs, needed, sizeof(needed));
    specs[NEEDED] = extra;
    return mr_plan_compile(NULL, specs, NEEDED + 1, NULL, 0, ret_plan, ret_error);
}

static void refuse(mr_feature_spec extra, const char *reason)
{
    mr_plan *plan;
    mr_error error = {{0}};
    assert_int_equal(compile_with(extra, &plan, &error), MR_ERR_INVALID);
    if (strstr(error.message, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
}

static void refuse_dedup(mr_dedup_spec dedup)
{
    mr_plan *plan;
    assert_int_equal(mr_plan_create_with(&dedup, &plan), MR_ERR_INVALID);
}

static void test_what_is_remembered_of_ids_is_bounded_and_part_of_the_hash(void **state)
{
    (void)state;
    mr_dedup_spec dedup = mr_default_dedup;
    dedup.entries_max = 0;
    refuse_dedup(dedup);
    dedup = mr_default_dedup;
    dedup.horizon_ms[MR_DEDUP_SHORT] = dedup.bucket_ms[MR_DEDUP_SHORT] - 1;
    refuse_dedup(dedup);
    dedup = mr_default_dedup;
    dedup.bucket_ms[MR_DEDUP_LONG] = 60000;
    refuse_dedup(dedup); /* more than 10,000 buckets */

    mr_plan *plans[4];
    mr_dedup_spec others[4] = {mr_default_dedup, mr_default_dedup, mr_default_dedup,
                               mr_default_dedup};
    others[1].entries_max--;
    others[2].horizon_ms[MR_DEDUP_LONG] += 3600000;
    others[3].on_long |= MR_ON(MR_EVENT_SHARE);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(mr_plan_create_with(&others[i], &plans[i]));
        for (size_t j = 0; j < i; j++)
            assert_true(mr_plan_hash(plans[i]) != mr_plan_hash(plans[j]));
    }
    for (size_t i = 0; i < 4; i++)
        mr_plan_destroy(plans[i]);
}

static void test_the_default_plan_describes_every_feature_and_column(void **state)
{
    (void)state;
    mr_plan *plan;
    assert_ok(mr_plan_create_default(&plan));
    assert_true(mr_plan_feature_count(plan) >= 20);
    for (size_t i = 0; i < mr_plan_feature_count(plan); i++) {
        const mr_feature *feature = mr_plan_feature(plan, i);
        assert_true(strlen(feature->meaning) > 10);
        assert_non_null(feature->unit);
        assert_in_range(feature->column_count, 1, MR_FEATURE_COLUMNS_MAX);
    }
    for (size_t i = 0; i < mr_plan_vector_width(plan); i++) {
        const mr_vector_column *column = mr_plan_vector_column(plan, i);
        assert_non_null(strstr(column->phrase, "{}"));
        assert_int_equal(mr_plan_vector_find(plan, column->name), i);
    }
    assert_true(mr_plan_vector_find(plan, "no such column") == SIZE_MAX);
    mr_plan_destroy(plan);
}

static void test_two_plans_of_the_same_words_have_the_same_hash(void **state)
{
    (void)state;
    mr_plan *plans[2];
    assert_ok(mr_plan_create_default(&plans[0]));
    assert_ok(mr_plan_create_default(&plans[1]));
    assert_true(mr_plan_hash(plans[0]) == mr_plan_hash(plans[1]));
    mr_plan_destroy(plans[0]);
    mr_plan_destroy(plans[1]);
}

static void test_the_hash_follows_every_word_that_changes_a_value(void **state)
{
    (void)state;
    const mr_feature_spec base = {.name = "x",
                                  .on = MR_ON(MR_EVENT_VIEW),
                                  .aggregate = MR_AGGREGATE_COUNT,
                                  .window_days = 7};
    mr_feature_spec changed[4] = {base, base, base, base};
    changed[0].window_days = 8;
    changed[1].on = MR_ON(MR_EVENT_CLICK);
    changed[2].name = "y";
    changed[3].aggregate = MR_AGGREGATE_SUM;
    mr_plan *plan;
    assert_ok(compile_with(base, &plan, NULL));
    const uint64_t hash = mr_plan_hash(plan);
    mr_plan_destroy(plan);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(compile_with(changed[i], &plan, NULL));
        assert_true(mr_plan_hash(plan) != hash);
        mr_plan_destroy(plan);
    }
}

static void test_what_cannot_be_kept_is_refused_by_name(void **state)
{
    (void)state;
    refuse((mr_feature_spec){.name = "spend"}, "spend: declared twice");
    refuse((mr_feature_spec){.name = "sessions"}, "sessions: every profile has another");
    refuse((mr_feature_spec){.name = "x", .window_days = 1001}, "x: window above");
    refuse((mr_feature_spec){.name = "x", .aggregate = MR_AGGREGATE_FADING_SUM},
           "x: a half-life is");
    refuse((mr_feature_spec){.name = "x",
                             .aggregate = MR_AGGREGATE_LAST_TIMES,
                             .length = 1001},
           "x: length above");
    refuse((mr_feature_spec){.name = "x",
                             .on = MR_ON(MR_EVENT_VIEW) | MR_ON(MR_EVENT_RATE),
                             .aggregate = MR_AGGREGATE_RECENT_ITEMS,
                             .quotas = {{MR_EVENT_VIEW, 10}}},
           "x: each type needs a quota");
    mr_plan *plan;
    mr_error error;
    assert_int_equal(mr_plan_compile(NULL, needed, NEEDED - 1, NULL, 0, &plan, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "history"));
}

static void test_a_column_must_find_its_feature_and_its_days(void **state)
{
    (void)state;
    mr_plan *plan;
    mr_error error;
    const mr_vector_spec absent = {.column = {.name = "c"},
                                   .kind = MR_VECTOR_NUMBER,
                                   .scale = 1.0F,
                                   .first = "absent"};
    assert_int_equal(mr_plan_compile(NULL, needed, NEEDED, &absent, 1, &plan, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "column c"));
    const mr_vector_spec windowless = {.column = {.name = "c"},
                                       .kind = MR_VECTOR_WINDOW_COUNT,
                                       .days = 30,
                                       .scale = 1.0F,
                                       .first = "purchases"};
    assert_int_equal(mr_plan_compile(NULL, needed, NEEDED, &windowless, 1, &plan, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "looks back 30 days"));
}

static void test_fading_halves_exactly_at_whole_half_lives(void **state)
{
    (void)state;
    const uint64_t one = (uint64_t)1 << MR_PLAN_FADE_BITS;
    for (uint16_t half_life = 1; half_life <= MR_PLAN_HALF_LIFE_MAX; half_life++) {
        for (int64_t n = 0; n < MR_PLAN_FADE_HALF_LIVES; n++)
            assert_true(mr_plan_fade(half_life, n * half_life) == one >> n);
        assert_int_equal(
            mr_plan_fade(half_life, MR_PLAN_FADE_HALF_LIVES * (int64_t)half_life), 0);
        for (int64_t age = 1; age < 3 * half_life; age++)
            assert_true(mr_plan_fade(half_life, age) < mr_plan_fade(half_life, age - 1));
    }
}

static void test_the_day_bitmap_keeps_the_newest_128_days_in_any_order(void **state)
{
    (void)state;
    const int64_t days[] = {1000, 1001, 937, 1127, 1128, 1000, 872, 1064, 1128 + 64};
    enum { DAYS = sizeof(days) / sizeof(days[0]) };
    for (size_t start = 0; start < DAYS; start++) {
        mr_day_bitmap bitmap = {{0}, 0};
        for (size_t i = 0; i < DAYS; i++)
            mr_day_bitmap_set(&bitmap, days[(start + i * 4) % DAYS]);
        for (int64_t day = 800; day < 1300; day++) {
            bool is_set = false;
            for (size_t i = 0; i < DAYS; i++)
                is_set |= days[i] == day && day > 1192 - 128;
            assert_int_equal(mr_day_bitmap_has(&bitmap, day), is_set);
        }
        assert_int_equal(mr_day_bitmap_count(&bitmap, 1192, 128), 3);
        assert_int_equal(mr_day_bitmap_count(&bitmap, 1128, 2), 2);
    }
    mr_day_bitmap bitmap = {{0}, 0};
    assert_int_equal(mr_day_bitmap_newest(&bitmap), -1);
    mr_day_bitmap_set(&bitmap, 0);
    assert_int_equal(mr_day_bitmap_newest(&bitmap), 0);
    mr_day_bitmap_set(&bitmap, UINT32_MAX);
    assert_int_equal(mr_day_bitmap_newest(&bitmap), UINT32_MAX);
    assert_false(mr_day_bitmap_has(&bitmap, 0));
    assert_true(mr_day_bitmap_has(&bitmap, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_remembered_of_ids_is_bounded_and_part_of_the_hash),
        cmocka_unit_test(test_the_default_plan_describes_every_feature_and_column),
        cmocka_unit_test(test_two_plans_of_the_same_words_have_the_same_hash),
        cmocka_unit_test(test_the_hash_follows_every_word_that_changes_a_value),
        cmocka_unit_test(test_what_cannot_be_kept_is_refused_by_name),
        cmocka_unit_test(test_a_column_must_find_its_feature_and_its_days),
        cmocka_unit_test(test_fading_halves_exactly_at_whole_half_lives),
        cmocka_unit_test(test_the_day_bitmap_keeps_the_newest_128_days_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
