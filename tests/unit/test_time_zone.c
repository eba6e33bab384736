/*
 * Time zone: tables against the C library asked second by second, their text in a plan, and what
 * happens where a day is skipped.
 */
#include "app/time_zone_table.h"
#include "features/checkpoint_decode.h"
#include "features/plan_layout.h"
#include "features/shard_private.h"
#include "models/random.h"
#include "tests/feature_batch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { INSTANTS = 3000 };

static mr_time_zone find(const char *name)
{
    mr_time_zone zone;
    mr_error error = {{0}};
    if (mr_time_zone_find(mr_text_from(name), &zone, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_true(mr_zone_is_sound(&zone));
    return zone;
}

static int64_t library_offset_s(int64_t time_s)
{
    const time_t at = (time_t)time_s;
    struct tm local;
    assert_non_null(localtime_r(&at, &local));
    return local.tm_gmtoff;
}

static int64_t ms_of(const char *text)
{
    int64_t time_ms = 0;
    assert_ok(mr_text_to_time_ms(mr_text_from(text), &time_ms));
    return time_ms;
}

/* ---- tests ---- */

static void test_a_table_says_what_the_library_says(void **state)
{
    static const char *const names[] = {"Asia/Shanghai",       "America/New_York",
                                        "Australia/Lord_Howe", "Pacific/Apia",
                                        "Europe/London",       "Africa/Casablanca"};
    (void)state;
    assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        const mr_time_zone zone = find(names[n]);
        assert_string_equal(getenv("TZ"), "Europe/Berlin"); /* put back */
        assert_int_equal(setenv("TZ", names[n], 1), 0);
        tzset();
        for (uint64_t i = 0; i < INSTANTS; i++) {
            const bool is_change = i % 3 == 0 && zone.count > 0;
            const int64_t time_s =
                is_change ? zone.changes[mr_random_bits(1, i) % zone.count].from_s -
                                (int64_t)(mr_random_bits(2, i) % 2)
                          : (int64_t)(mr_random_bits(3 + n, i) % UINT32_MAX);
            assert_int_equal(mr_zone_offset_ms(&zone, time_s * 1000),
                             library_offset_s(time_s) * 1000);
            assert_int_equal(mr_zone_offset_ms(&zone, time_s * 1000 + 999),
                             library_offset_s(time_s) * 1000);
        }
        assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
    }
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void test_days_begin_where_the_zone_says(void **state)
{
    (void)state;
    const mr_time_zone shanghai = find("Asia/Shanghai");
    const mr_time_zone new_york = find("America/New_York");
    const mr_time_zone apia = find("Pacific/Apia");
    const int64_t day = mr_time_day(ms_of("2026-03-08"));
    assert_int_equal(mr_zone_day(&shanghai, ms_of("2026-03-07T15:59:59.999Z")), day - 1);
    assert_int_equal(mr_zone_day(&shanghai, ms_of("2026-03-07T16:00:00Z")), day);
    /* The day on which clocks are put forward has 23 hours. */
    assert_int_equal(mr_zone_day(&new_york, ms_of("2026-03-08T04:59:59Z")), day - 1);
    assert_int_equal(mr_zone_day(&new_york, ms_of("2026-03-08T05:00:00Z")), day);
    assert_int_equal(mr_zone_day(&new_york, ms_of("2026-03-09T03:59:59Z")), day);
    assert_int_equal(mr_zone_day(&new_york, ms_of("2026-03-09T04:00:00Z")), day + 1);
    /* Samoa had no 30 December 2011. */
    const int64_t before = mr_zone_day(&apia, ms_of("2011-12-30T09:59:59Z"));
    assert_int_equal(mr_zone_day(&apia, ms_of("2011-12-30T10:00:00Z")), before + 2);
}

/* Against what the clock itself says, around every change there is. */
static void test_a_midnight_is_the_first_instant_of_its_day(void **state)
{
    static const char *const names[] = {
        "UTC",           "America/New_York",  "Asia/Shanghai", "Pacific/Apia",
        "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata",  "America/Havana"};
    (void)state;
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        const mr_time_zone zone = find(names[n]);
        for (uint32_t i = 0; i < 2000; i++) {
            const bool is_change = zone.count > 0 && i % 2 == 0;
            const int64_t near_ms =
                is_change ? zone.changes[mr_random_bits(1, i) % zone.count].from_s * 1000
                          : (int64_t)(mr_random_bits(2, i) % UINT32_MAX) * 1000;
            const int64_t day = mr_zone_day(&zone, near_ms < 0 ? 0 : near_ms) + i % 3;
            if (day < 2)
                continue;
            const int64_t midnight_ms = mr_zone_midnight_ms(&zone, day);
            assert_true(mr_zone_day(&zone, midnight_ms) >= day);
            for (int64_t back_ms = 1; back_ms < 2 * 86400000; back_ms = 3 * back_ms + 1)
                assert_true(mr_zone_day(&zone, midnight_ms - back_ms) < day);
            const int64_t next_ms = mr_zone_next_midnight_ms(&zone, midnight_ms);
            assert_true(next_ms > midnight_ms);
            assert_true(mr_zone_next_midnight_ms(&zone, next_ms - 1) == next_ms);
            assert_true(next_ms - midnight_ms <= 2 * 86400000 + 3600000);
        }
    }
    const mr_time_zone new_york = find("America/New_York");
    assert_int_equal(mr_zone_midnight_ms(&new_york, mr_time_day(ms_of("2026-03-09"))),
                     ms_of("2026-03-09T04:00:00Z"));
    assert_true(mr_zone_midnight_ms(&new_york, INT64_MAX) == INT64_MAX);
}

static void test_no_time_leaves_the_days_there_are(void **state)
{
    (void)state;
    const mr_time_zone zones[] = {find("UTC"), find("America/New_York"),
                                  find("Asia/Shanghai")};
    for (size_t z = 0; z < 3; z++) {
        assert_int_equal(mr_zone_day(&zones[z], 0), 0);
        assert_int_equal(mr_zone_day(&zones[z], INT64_MAX), INT64_C(106751991167));
        assert_true(mr_zone_local_ms(&zones[z], 1) >= 0);
    }
    assert_true(mr_zone_equal(&zones[0], &(mr_time_zone){.count = 0}));
}

static void test_what_is_no_zone_is_refused(void **state)
{
    static const char *const names[] = {"",          "Asia/Nowhere", "/etc/passwd",
                                        "../passwd", "Asia",         "UTC; rm"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        mr_time_zone zone;
        mr_error error = {{0}};
        assert_int_equal(mr_time_zone_find(mr_text_from(names[i]), &zone, &error),
                         MR_ERR_NOT_FOUND);
        assert_non_null(strstr(error.message, "is no time zone of"));
    }
}

static mr_plan *plan_in(const mr_time_zone *zone)
{
    mr_plan *plan = NULL;
    mr_plan_settings settings = {.dedup = mr_default_dedup};
    if (zone != NULL)
        settings.zone = *zone;
    assert_ok(mr_plan_compile(&settings, mr_default_features, mr_default_feature_count,
                              NULL, 0, &plan, NULL));
    return plan;
}

static void test_a_plan_keeps_its_zone_in_its_text(void **state)
{
    (void)state;
    const mr_time_zone zone = find("America/New_York");
    mr_plan *plan = plan_in(&zone);
    mr_plan *utc = plan_in(NULL);
    mr_plan *parsed = NULL;
    assert_true(mr_plan_hash(plan) != mr_plan_hash(utc));
    assert_ok(mr_plan_parse(mr_plan_canonical(plan), &parsed));
    assert_true(mr_zone_equal(&parsed->settings.zone, &zone));
    assert_true(mr_plan_hash(parsed) == mr_plan_hash(plan));
    mr_plan_destroy(parsed);
    mr_plan_destroy(plan);
    mr_plan_destroy(utc);
}

static void test_damaged_zones_do_not_parse(void **state)
{
    static const char *const lines[] = {"zone X offset=0 changes=5:1,5:2\n",
                                        "zone X offset=0 changes=5\n",
                                        "zone X offset=999999\n",
                                        "zone X offset=\n",
                                        "zone X\n",
                                        "zone X offset=0 changes=5:1;6:2\n",
                                        "zone X offset=0 chnges=5:1\n",
                                        "zone  offset=0\n"};
    (void)state;
    mr_plan *utc = plan_in(NULL);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        mr_plan *parsed = NULL;
        mr_buffer text = {0};
        mr_buffer_put_text(&text, mr_plan_canonical(utc));
        mr_buffer_put_text(&text, mr_text_from(lines[i]));
        assert_int_equal(
            mr_plan_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                          &parsed),
            MR_ERR_CORRUPT);
        mr_buffer_deinit(&text);
    }
    mr_plan_destroy(utc);
}

static void test_a_state_does_not_change_its_zone(void **state)
{
    (void)state;
    const mr_time_zone zone = find("Asia/Shanghai");
    mr_plan *plan = plan_in(&zone);
    mr_plan *utc = plan_in(NULL);
    mr_shard *shard = test_shard(utc, 3);
    mr_shard *moved = NULL;
    mr_error error = {{0}};
    assert_int_equal(mr_shard_migrate(shard, plan, &moved, &error), MR_ERR_INVALID);
    assert_non_null(
        strstr(error.message, "are those of UTC, this plan's of Asia/Shanghai"));
    mr_shard_destroy(shard);
    mr_plan_destroy(plan);
    mr_plan_destroy(utc);
}

/* A purchase at four in the morning in Shanghai is of the UTC day before. */
static void test_revenue_and_hours_are_of_the_zone(void **state)
{
    (void)state;
    const mr_time_zone zone = find("Asia/Shanghai");
    mr_plan *plan = plan_in(&zone);
    mr_shard *shard = test_shard(plan, 3);
    test_apply(shard,
               test_purchase("u", "item", ms_of("2026-03-07T20:00:00Z"), "o1", 500));
    assert_int_equal(mr_commerce_day_get(shard, 0).day, mr_time_day(ms_of("2026-03-08")));
    const mr_row row = mr_shard_row(shard, 0);
    const mr_operation *hours = mr_plan_operation_named(plan, "hours");
    const mr_hours *counts = mr_row_at(row, hours->number_offset);
    assert_int_equal(counts->counts[4], 1);
    mr_shard_destroy(shard);
    mr_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_says_what_the_library_says),
        cmocka_unit_test(test_days_begin_where_the_zone_says),
        cmocka_unit_test(test_a_midnight_is_the_first_instant_of_its_day),
        cmocka_unit_test(test_no_time_leaves_the_days_there_are),
        cmocka_unit_test(test_what_is_no_zone_is_refused),
        cmocka_unit_test(test_a_plan_keeps_its_zone_in_its_text),
        cmocka_unit_test(test_damaged_zones_do_not_parse),
        cmocka_unit_test(test_a_state_does_not_change_its_zone),
        cmocka_unit_test(test_revenue_and_hours_are_of_the_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
