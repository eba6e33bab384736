/*
 * Change sweep: stages and levels of users whose events are written down, so that every alert is
 * known beforehand.  Time is moved by events alone.
 */
#include "tests/sweep_support.h"

enum { CROWD = MR_SWEEP_SLICE_ROWS + 40 };

static int set_up(void **state)
{
    *state = sweep_world_create();
    return 0;
}

static int tear_down(void **state)
{
    sweep_world_destroy(*state);
    return 0;
}

/* "user: before > now"; segments have a test of their own. */
static bool note(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    sweep_world *w = context;
    mr_json *alert = NULL;
    (void)sequence;
    assert_ok(mr_json_parse(record, &alert, NULL));
    assert_true(mr_text_equal(sweep_member(alert, "alert_id"), id));
    const mr_text kind = sweep_member(alert, "kind");
    const bool is_level = mr_text_is(kind, "level");
    const size_t length = strlen(w->alerts);
    if (!mr_text_is(kind, "segment"))
        (void)snprintf(w->alerts + length, sizeof(w->alerts) - length,
                       "%.*s: %.*s > %.*s\n", MR_TEXT_ARG(sweep_member(alert, "user_id")),
                       MR_TEXT_ARG(sweep_member(alert, is_level ? "previous_level"
                                                                : "previous_stage")),
                       MR_TEXT_ARG(sweep_member(alert, is_level ? "level" : "stage")));
    mr_json_destroy(alert);
    return true;
}

/* Sweep to the end; what it puts into the outbox, taken out again. */
static const char *sweep(sweep_world *w)
{
    return sweep_noting(w, note);
}

static void test_stages_that_matter_are_told_once(void **state)
{
    sweep_world *f = *state;
    sweep_view(f, "ann", 0);
    sweep_view(f, "clock", 1);
    assert_string_equal(sweep(f), ""); /* found for the first time */
    sweep_view(f, "clock", 29);
    assert_string_equal(sweep(f), "");
    sweep_view(f, "clock", 31);
    assert_string_equal(sweep(f), "ann: new > dormant\n");
    sweep_view(f, "clock", 32);
    assert_string_equal(sweep(f), "");
    sweep_view(f, "ann", 33);
    sweep_view(f, "clock", 33);
    assert_string_equal(sweep(f), "ann: dormant > returned\n");
    sweep_view(f, "clock", 62);
    assert_string_equal(sweep(f), "");
    sweep_view(f, "clock", 160);
    assert_string_equal(sweep(f), "ann: returned > lost\nclock: active > returned\n");
}

static void test_a_level_is_reached_at_once_and_lost_with_a_margin(void **state)
{
    sweep_world *f = *state;
    sweep_buy(f, "ann", 0, "", 95);
    sweep_view(f, "clock", 0);
    assert_string_equal(sweep(f), "");
    sweep_buy(f, "ann", 1, "", 60); /* 95 and 60 are a growth value of 154 */
    assert_string_equal(sweep(f), "ann: newcomer > bronze\n");
    /* Halved in 180 days: 100 from day 114 on, 95 from day 127 on. */
    for (int64_t day = 10; day <= 120; day += 10) {
        sweep_buy(f, "clock", day, "", 0);
        sweep_view(f, "ann", day);
        assert_string_equal(sweep(f), "");
    }
    sweep_view(f, "ann", 130);
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
    sweep_world *f = *state;
    sweep_buy(f, "ann", 0, "", 10);
    assert_string_equal(sweep(f), "");
    sweep_buy(f, "ann", 1, "", 640);
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
    sweep_world *f = *state;
    mr_event stranger = test_event(MR_EVENT_VIEW, "", "tea", START_MS);
    stranger.anonymous_id = MR_TEXT("stranger");
    test_apply(f->owned.shard, stranger);
    sweep_view(f, "ann", 0);
    assert_string_equal(sweep(f), "");
    for (int i = 0; i < 2000; i++)
        sweep_view(f, "robot", 6);
    sweep_view(f, "clock", 7);
    assert_string_equal(sweep(f), "");
    sweep_view(f, "clock", 40);
    /* What was a robot is one no more, and is found for the first time. */
    assert_string_equal(sweep(f), "ann: new > dormant\nclock: new > returned\n");
}

static void test_once_a_day_and_only_at_the_end_of_the_log(void **state)
{
    sweep_world *f = *state;
    sweep_view(f, "ann", 0);
    assert_string_equal(sweep(f), "");
    f->owned.is_at_end = false;
    sweep_view(f, "clock", 31);
    assert_string_equal(sweep(f), "");
    f->owned.is_at_end = true;
    assert_string_equal(sweep(f), "ann: new > dormant\n");
    sweep_buy(f, "clock", 31, "", 600); /* the same day */
    assert_string_equal(sweep(f), "");
    sweep_view(f, "clock", 32);
    assert_string_equal(sweep(f), "clock: newcomer > silver\n");
}

static void test_a_large_shard_is_swept_in_slices_that_miss_nobody(void **state)
{
    sweep_world *f = *state;
    for (int i = 0; i < CROWD; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "u%d", i);
        sweep_view(f, user, 0);
    }
    assert_string_equal(sweep(f), "");
    sweep_view(f, "clock", 31);
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
