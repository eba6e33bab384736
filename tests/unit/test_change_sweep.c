/*
 * Change sweep: stages and levels of users whose events are written down, so that every alert is
 * known beforehand.  Time is moved by events alone.
 */
#include "app/change_sweep.h"
#include "core/json.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

enum { CROWD = MR_SWEEP_SLICE_ROWS + 40 };

typedef struct fixture {
    mr_plan *plan;
    mr_hash_key key;
    mr_engine engine;
    mr_owned_shard owned;
    char alerts[2048]; /* of the latest sweeps: "user: before > now" */
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    mr_hash_key_init(&f->key, "secret", 6);
    f->plan = test_plan_without_late();
    f->engine = (mr_engine){.plan = f->plan, .key = f->key};
    const mr_shard_options options = {
        .plan = f->plan, .hash_key = &f->key, .topic = "events", .partition = 0};
    f->owned = (mr_owned_shard){.engine = &f->engine,
                                .epoch = 5,
                                .is_at_end = true,
                                .change_sweep.day = INT64_MIN};
    assert_ok(mr_shard_create(&options, &f->owned.shard));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_shard_destroy(f->owned.shard);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

static mr_text member(mr_json *alert, const char *key)
{
    return mr_json_text(mr_json_get(mr_json_root(alert), key), (mr_text){0});
}

static bool note(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    fixture *f = context;
    mr_json *alert = NULL;
    (void)sequence;
    assert_ok(mr_json_parse(record, &alert, NULL));
    assert_true(mr_text_equal(member(alert, "alert_id"), id));
    const bool is_level = mr_text_is(member(alert, "kind"), "level");
    const mr_text now = member(alert, is_level ? "level" : "stage");
    const mr_text before = member(alert, is_level ? "previous_level" : "previous_stage");
    const size_t length = strlen(f->alerts);
    (void)snprintf(f->alerts + length, sizeof(f->alerts) - length, "%.*s: %.*s > %.*s\n",
                   MR_TEXT_ARG(member(alert, "user_id")), MR_TEXT_ARG(before),
                   MR_TEXT_ARG(now));
    mr_json_destroy(alert);
    return true;
}

/* Sweep to the end; what it puts into the outbox, taken out again. */
static const char *sweep(fixture *f)
{
    uint64_t last = 0;
    do
        assert_ok(mr_change_sweep(&f->owned));
    while (f->owned.change_sweep.is_under_way);
    f->alerts[0] = '\0';
    mr_shard_outbox_pending(f->owned.shard, 0, note, f);
    assert_ok(mr_shard_outbox_put(f->owned.shard, MR_TEXT("last"), MR_TEXT("{}"), &last));
    mr_shard_outbox_acknowledge(f->owned.shard, last);
    return f->alerts;
}

static void view(fixture *f, const char *user, int64_t day)
{
    test_apply(f->owned.shard,
               test_event(MR_EVENT_VIEW, user, "tea", START_MS + day * DAY_MS));
}

static void buy(fixture *f, const char *user, int64_t day, int64_t whole)
{
    test_apply(f->owned.shard,
               test_purchase(user, "tea", START_MS + day * DAY_MS, "", whole * 100));
}

static void test_stages_that_matter_are_told_once(void **state)
{
    fixture *f = *state;
    view(f, "ann", 0);
    view(f, "clock", 1);
    assert_string_equal(sweep(f), ""); /* found for the first time */
    view(f, "clock", 29);
    assert_string_equal(sweep(f), "");
    view(f, "clock", 31);
    assert_string_equal(sweep(f), "ann: new > dormant\n");
    view(f, "clock", 32);
    assert_string_equal(sweep(f), "");
    view(f, "ann", 33);
    view(f, "clock", 33);
    assert_string_equal(sweep(f), "ann: dormant > returned\n");
    view(f, "clock", 62);
    assert_string_equal(sweep(f), "");
    view(f, "clock", 160);
    assert_string_equal(sweep(f), "ann: returned > lost\nclock: active > returned\n");
}

static void test_a_level_is_reached_at_once_and_lost_with_a_margin(void **state)
{
    fixture *f = *state;
    buy(f, "ann", 0, 95);
    view(f, "clock", 0);
    assert_string_equal(sweep(f), "");
    buy(f, "ann", 1, 60); /* 95 and 60 are a growth value of 154 */
    assert_string_equal(sweep(f), "ann: newcomer > bronze\n");
    /* Halved in 180 days: 100 from day 114 on, 95 from day 127 on. */
    for (int64_t day = 10; day <= 120; day += 10) {
        buy(f, "clock", day, 0);
        view(f, "ann", day);
        assert_string_equal(sweep(f), "");
    }
    view(f, "ann", 130);
    assert_string_equal(sweep(f), "ann: bronze > newcomer\n");
}

static bool keep(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    (void)sequence;
    (void)id;
    mr_buffer_put_text(context, record);
    return true;
}

static void test_an_alert_says_who_what_and_when(void **state)
{
    fixture *f = *state;
    buy(f, "ann", 0, 10);
    assert_string_equal(sweep(f), "");
    buy(f, "ann", 1, 640);
    assert_ok(mr_change_sweep(&f->owned));
    mr_buffer record = {0};
    mr_shard_outbox_pending(f->owned.shard, 0, keep, &record);
    mr_buffer_put_u8(&record, 0);
    const char *text = (const char *)record.bytes;
    assert_non_null(strstr(text, "\"kind\":\"level\",\"user_id\":\"ann\","
                                 "\"feature\":\"member_level\",\"level\":\"silver\","
                                 "\"previous_level\":\"newcomer\",\"direction\":\"up\","
                                 "\"score\":649,\"spend\":650.00,"
                                 "\"time\":\"2026-03-02T12:00:00.000Z\"}"));
    mr_buffer_deinit(&record);
}

static void test_strangers_and_bots_are_no_news(void **state)
{
    fixture *f = *state;
    mr_event stranger = test_event(MR_EVENT_VIEW, "", "tea", START_MS);
    stranger.anonymous_id = MR_TEXT("stranger");
    test_apply(f->owned.shard, stranger);
    view(f, "ann", 0);
    assert_string_equal(sweep(f), "");
    for (int i = 0; i < 2000; i++)
        view(f, "robot", 6);
    view(f, "clock", 7);
    assert_string_equal(sweep(f), "");
    view(f, "clock", 40);
    /* What was a robot is one no more, and is found for the first time. */
    assert_string_equal(sweep(f), "ann: new > dormant\nclock: new > returned\n");
}

static void test_once_a_day_and_only_at_the_end_of_the_log(void **state)
{
    fixture *f = *state;
    view(f, "ann", 0);
    assert_string_equal(sweep(f), "");
    f->owned.is_at_end = false;
    view(f, "clock", 31);
    assert_string_equal(sweep(f), "");
    f->owned.is_at_end = true;
    assert_string_equal(sweep(f), "ann: new > dormant\n");
    buy(f, "clock", 31, 600); /* the same day */
    assert_string_equal(sweep(f), "");
    view(f, "clock", 32);
    assert_string_equal(sweep(f), "clock: newcomer > silver\n");
}

static void test_a_large_shard_is_swept_in_slices_that_miss_nobody(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < CROWD; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "u%d", i);
        view(f, user, 0);
    }
    assert_string_equal(sweep(f), "");
    view(f, "clock", 31);
    assert_ok(mr_change_sweep(&f->owned));
    assert_true(f->owned.change_sweep.is_under_way);
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), MR_SWEEP_SLICE_ROWS);
    assert_ok(mr_change_sweep(&f->owned));
    assert_false(f->owned.change_sweep.is_under_way);
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), CROWD);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_stages_that_matter_are_told_once),
        CASE(test_a_level_is_reached_at_once_and_lost_with_a_margin),
        CASE(test_an_alert_says_who_what_and_when),
        CASE(test_strangers_and_bots_are_no_news),
        CASE(test_once_a_day_and_only_at_the_end_of_the_log),
        CASE(test_a_large_shard_is_swept_in_slices_that_miss_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
