/*
 * Segment sweep: who enters and leaves segments, by thresholds that the test says: a sample of another
 * partition, of so many customers that the few of the shard move nothing.
 */
#include "app/census.h"
#include "app/profile_json.h"
#include "features/segments.h"
#include "tests/app_support.h"
#include "tests/sweep_support.h"

static int set_up(void **state)
{
    *state = sweep_world_create();
    return app_set_up(state);
}

static int tear_down(void **state)
{
    sweep_world_destroy(*state);
    return app_tear_down(state);
}

/* By thresholds of 1, 2, 3 and 4 times these. */
static void put_sample(sweep_world *w, int64_t days, int64_t orders, int64_t minor)
{
    static const int counts[MR_QUINTILE_THRESHOLDS] = {150, 100, 100, 150};
    mr_rfm_sample sample = {.count = 0};
    for (int k = 0; k < MR_QUINTILE_THRESHOLDS; k++)
        for (int i = 0; i < counts[k]; i++)
            assert_ok(mr_rfm_sample_add(
                &sample, (int64_t[MR_RFM_VALUES]){days * (k + 1), orders * (k + 1),
                                                  minor * (k + 1)}));
    mr_quintile_board_put(w->engine.quintiles, 1, &sample, START_MS);
    sweep_settle(w->engine.quintiles);
}

/* Twice: the second does not wait for a sample of the shard. */
static void set_thresholds(sweep_world *w, int64_t days, int64_t orders, int64_t minor)
{
    put_sample(w, days, orders, minor);
    put_sample(w, days, orders, minor);
}

/* "user: before > now" of RFM, "user: +segment" and "user: -segment" of rules. */
static bool note(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    sweep_world *w = context;
    mr_json *alert = NULL;
    (void)sequence;
    assert_ok(mr_json_parse(record, &alert, NULL));
    assert_true(mr_text_equal(sweep_member(alert, "alert_id"), id));
    const bool is_rfm = mr_json_get(mr_json_root(alert), "previous_segment") != NULL;
    const mr_text direction = sweep_member(alert, "direction");
    const mr_text before = sweep_member(alert, "previous_segment");
    const size_t length = strlen(w->alerts);
    if (mr_text_is(sweep_member(alert, "kind"), "segment"))
        (void)snprintf(w->alerts + length, sizeof(w->alerts) - length,
                       "%.*s: %.*s%s%.*s\n", MR_TEXT_ARG(sweep_member(alert, "user_id")),
                       MR_TEXT_ARG(before),
                       is_rfm                             ? " > "
                       : mr_text_is(direction, "entered") ? "+"
                                                          : "-",
                       MR_TEXT_ARG(sweep_member(alert, "segment")));
    mr_json_destroy(alert);
    return true;
}

static const char *sweep(sweep_world *w)
{
    return sweep_noting(w, note);
}

/* ann has bought once, bea three times; both have been seen by thresholds. */
static void begin(sweep_world *w)
{
    sweep_buy(w, "ann", 0, "a1", 50);
    sweep_buy(w, "bea", 0, "b1", 150);
    sweep_buy(w, "bea", 0, "b2", 150);
    sweep_buy(w, "bea", 0, "b3", 150);
    set_thresholds(w, 10, 1, 10000);
    assert_string_equal(sweep(w), "");
    assert_string_equal(sweep(w), "");
}

static void test_segments_are_noted_first_and_then_told_once(void **state)
{
    sweep_world *w = *state;
    begin(w);
    sweep_view(w, "clock", 5);
    assert_string_equal(sweep(w), "");
    sweep_view(w, "clock", 11);
    assert_string_equal(sweep(w), "ann: new_customers > promising\n");
    sweep_view(w, "clock", 12);
    assert_string_equal(sweep(w), "");
    sweep_view(w, "clock", 31);
    assert_string_equal(sweep(w), "ann: +one_time_buyers\nann: promising > hibernating\n"
                                  "bea: +win_back\nbea: +big_spenders_at_risk\n"
                                  "bea: potential_loyalists > at_risk\n");
    sweep_buy(w, "bea", 32, "b4", 10);
    sweep_view(w, "clock", 32);
    assert_string_equal(sweep(w), "bea: -win_back\nbea: -big_spenders_at_risk\n"
                                  "bea: at_risk > champions\n");
    sweep_view(w, "clock", 33);
    assert_string_equal(sweep(w), "");
}

static void test_who_is_in_a_segment_at_first_sight_is_noted_without_a_word(void **state)
{
    sweep_world *w = *state;
    sweep_buy(w, "ann", 0, "a1", 50);
    sweep_view(w, "clock", 31);
    assert_string_equal(sweep(w), "");
    set_thresholds(w, 10, 1, 10000);
    assert_string_equal(sweep(w), "");
    sweep_buy(w, "ann", 32, "a2", 50);
    sweep_view(w, "clock", 32);
    assert_non_null(strstr(sweep(w), "ann: -one_time_buyers\n"));
}

static void test_a_first_order_gives_a_first_segment(void **state)
{
    sweep_world *w = *state;
    begin(w);
    sweep_view(w, "cat", 1);
    assert_string_equal(sweep(w), ""); /* no customer: in no RFM segment */
    sweep_buy(w, "cat", 2, "c1", 10);
    sweep_buy(w, "dan", 2, "d1", 10);
    assert_string_equal(sweep(w), "cat:  > new_customers\n");
}

static void test_before_there_are_thresholds_scores_are_not_judged(void **state)
{
    sweep_world *w = *state;
    mr_quintile_reading reading;
    mr_quintile_board_expect(w->engine.quintiles, 1);
    sweep_buy(w, "ann", 0, "a1", 50);
    assert_string_equal(sweep(w), "");
    assert_false(mr_quintile_board_read(w->engine.quintiles, &reading));
    assert_true(mr_change_sweep_is_settled(&w->owned));
    sweep_view(w, "clock", 31);
    assert_string_equal(sweep(w), "ann: +one_time_buyers\n"); /* without scores */
    set_thresholds(w, 10, 1, 10000);
    assert_true(mr_quintile_board_read(w->engine.quintiles, &reading));
    assert_int_equal(reading.partitions, 2);
    assert_false(mr_change_sweep_is_settled(&w->owned));
    assert_string_equal(sweep(w), ""); /* noted on the same day */
    assert_true(mr_change_sweep_is_settled(&w->owned));
    sweep_view(w, "clock", 32);
    sweep_buy(w, "ann", 32, "a2", 50);
    assert_string_equal(
        sweep(w), "ann: -one_time_buyers\nann: hibernating > potential_loyalists\n");
}

static void test_thresholds_that_move_are_no_news_of_a_user(void **state)
{
    sweep_world *w = *state;
    begin(w);
    sweep_view(w, "clock", 5);
    assert_string_equal(sweep(w), "");
    set_thresholds(w, 1, 10, 1000); /* both would be at risk now, bea in the best fifth */
    sweep_view(w, "clock", 6);
    assert_string_equal(sweep(w), "");
    set_thresholds(w, 10, 1, 10000);
    sweep_view(w, "clock", 7);
    assert_string_equal(sweep(w), ""); /* and back again */
    set_thresholds(w, 11, 1, 10000);
    sweep_view(w, "clock", 11);
    assert_string_equal(sweep(w), ""); /* not by both yet */
    sweep_view(w, "clock", 12);
    assert_string_equal(sweep(w), "ann: new_customers > promising\n");
}

static void test_what_was_told_of_scores_outlives_a_time_without_thresholds(void **state)
{
    sweep_world *w = *state;
    begin(w);
    mr_quintile_board_withdraw(w->engine.quintiles, 0);
    mr_quintile_board_withdraw(w->engine.quintiles, 1);
    mr_quintile_board_expect(w->engine.quintiles, 1);
    sweep_settle(w->engine.quintiles);
    mr_change_sweep_restart(&w->owned);
    sweep_view(w, "clock", 11);
    assert_string_equal(sweep(w), "");
    set_thresholds(w, 10, 1, 10000);
    assert_string_equal(sweep(w), "ann: new_customers > promising\n");
}

static bool keep(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    (void)sequence;
    (void)id;
    mr_buffer_put_text(context, record);
    mr_buffer_put_u8(context, '\n');
    return true;
}

static const char *records(sweep_world *w, mr_buffer *text)
{
    mr_buffer_clear(text);
    sweep_take_alerts(w, keep, text);
    mr_buffer_put_u8(text, 0);
    assert_ok(mr_buffer_status(text));
    return (const char *)text->bytes;
}

static void test_an_alert_says_by_which_thresholds(void **state)
{
    sweep_world *w = *state;
    mr_buffer text = {0};
    char expected[512];
    char version[MR_QUINTILES_VERSION_BYTES];
    begin(w);
    sweep_view(w, "clock", 31);
    sweep_through(w);
    const char *alerts = records(w, &text);
    assert_non_null(strstr(alerts, "\"kind\":\"segment\",\"user_id\":\"ann\","
                                   "\"segment\":\"one_time_buyers\",\"direction\":"
                                   "\"entered\",\"spend\":50.00,"
                                   "\"time\":\"2026-04-01T12:00:00.000Z\"}\n"));
    mr_quintiles_version_text(mr_shard_told_by(w->owned.shard), version);
    (void)snprintf(expected, sizeof(expected),
                   "\"segment\":\"at_risk\",\"previous_segment\":\"potential_loyalists\","
                   "\"thresholds_version\":\"%s\","
                   "\"thresholds_as_of\":\"2026-03-01T12:00:00.000Z\",\"spend\":450.00,",
                   version);
    assert_non_null(strstr(alerts, expected));
    (void)snprintf(expected, sizeof(expected),
                   "\"segment\":\"big_spenders_at_risk\",\"direction\":\"entered\","
                   "\"thresholds_version\":\"%s\",",
                   version);
    assert_non_null(strstr(alerts, expected));
    mr_buffer_deinit(&text);
}

/* ---- crashes ---- */

static mr_shard *restored(const mr_shard *shard, const mr_plan *plan,
                          const mr_hash_key *key)
{
    mr_buffer state = {0};
    mr_buffer file = {0};
    mr_shard *copy = NULL;
    mr_checkpoint_info info;
    assert_ok(mr_checkpoint_encode(shard, 5, 1, &state));
    assert_ok(mr_checkpoint_seal(&state, &file));
    assert_ok(
        mr_checkpoint_decode(file.bytes, file.length, plan, key, 0, &copy, &info, NULL));
    mr_buffer_deinit(&state);
    mr_buffer_deinit(&file);
    return copy;
}

/* As a process that starts: of another board, and the first look is without thresholds. */
static void go_on_with(sweep_world *w, mr_shard *shard)
{
    mr_shard_destroy(w->owned.shard);
    mr_quintile_board_destroy(w->engine.quintiles);
    assert_ok(mr_quintile_board_create(SWEEP_PARTITIONS, &w->engine.quintiles));
    mr_quintile_board_expect(w->engine.quintiles, 0);
    mr_quintile_board_expect(w->engine.quintiles, 1);
    w->owned.shard = shard;
    mr_change_sweep_restart(&w->owned);
}

static bool keep_id(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    (void)sequence;
    (void)record;
    mr_buffer_put_text(context, id);
    mr_buffer_put_u8(context, ' ');
    return true;
}

static void assert_same_words(const mr_buffer *a, const mr_buffer *b)
{
    assert_int_equal(a->length, b->length);
    for (size_t at = 0; at < a->length;) {
        const uint8_t *blank = memchr(a->bytes + at, ' ', a->length - at);
        assert_non_null(blank);
        const size_t length = (size_t)(blank - (a->bytes + at)) + 1;
        assert_non_null(memmem(b->bytes, b->length, a->bytes + at, length));
        at += length;
    }
}

static void test_a_restarted_process_says_the_same_under_the_same_ids(void **state)
{
    sweep_world *w = *state;
    mr_buffer first = {0};
    mr_buffer second = {0};
    begin(w);
    mr_shard *before = restored(w->owned.shard, w->plan, &w->key);
    assert_memory_equal(mr_shard_told_by(before), mr_shard_told_by(w->owned.shard),
                        sizeof(mr_quintiles));
    sweep_view(w, "clock", 31);
    sweep_through(w);
    sweep_take_alerts(w, keep_id, &first);
    assert_true(first.length > 0);
    go_on_with(w, before);
    sweep_view(w, "clock", 31);
    sweep_through(w);
    set_thresholds(w, 10, 1, 10000);
    sweep_through(w);
    sweep_take_alerts(w, keep_id, &second);
    assert_same_words(&first, &second);
    go_on_with(w, restored(w->owned.shard, w->plan, &w->key)); /* all is noted in it */
    assert_string_equal(sweep(w), "");
    set_thresholds(w, 10, 1, 10000);
    assert_string_equal(sweep(w), "");
    mr_buffer_deinit(&first);
    mr_buffer_deinit(&second);
}

static void test_a_full_outbox_is_met_again_at_the_same_user(void **state)
{
    sweep_world *w = *state;
    mr_quintile_reading before;
    mr_quintile_reading after;
    uint64_t last = 0;
    begin(w);
    assert_true(mr_quintile_board_read(w->engine.quintiles, &before));
    sweep_view(w, "clock", 31);
    /* Room for the stage and the first segment of ann. */
    while (mr_shard_outbox_count(w->owned.shard) < MR_OUTBOX_ENTRIES_MAX - 2)
        assert_ok(
            mr_shard_outbox_put(w->owned.shard, MR_TEXT("x"), MR_TEXT("{}"), &last));
    assert_int_equal(mr_change_sweep(&w->owned), MR_ERR_FULL);
    assert_int_equal(mr_change_sweep(&w->owned), MR_ERR_FULL);
    assert_int_equal(w->owned.change_sweep.row, 0);
    mr_shard_outbox_acknowledge(w->owned.shard, last);
    assert_string_equal(sweep(w),
                        "ann: +one_time_buyers\n" /* twice, under one id */
                        "ann: +one_time_buyers\nann: new_customers > hibernating\n"
                        "bea: +win_back\nbea: +big_spenders_at_risk\n"
                        "bea: potential_loyalists > at_risk\n");
    assert_true(mr_quintile_board_read(w->engine.quintiles, &after));
    assert_int_equal(after.quintiles.customers, before.quintiles.customers);
}

static void test_of_other_segments_nothing_was_told(void **state)
{
    sweep_world *w = *state;
    begin(w);
    const uint32_t row = mr_shard_find(w->owned.shard, MR_TEXT("ann"));
    assert_true(mr_shard_told_segments(w->owned.shard, row) > 0);
    mr_shard *same = restored(w->owned.shard, w->plan, &w->key);
    assert_true(mr_shard_told_segments(same, row) ==
                mr_shard_told_segments(w->owned.shard, row));
    mr_shard_destroy(same);
    mr_plan *other = test_plan_without_late();
    assert_ok(mr_plan_add_segment(other, "buyers", "", MR_TEXT("orders > 0"), NULL));
    assert_true(mr_plan_hash(other) == mr_plan_hash(w->plan));
    mr_shard *shard = restored(w->owned.shard, other, &w->key);
    assert_int_equal(mr_shard_told_segments(shard, row), 0);
    assert_int_equal(mr_shard_told_by(shard)->customers, 0);
    assert_int_equal(mr_shard_told(shard, row), mr_shard_told(w->owned.shard, row));
    mr_shard_destroy(shard);
    mr_plan_destroy(other);
}

/* ---- readers ---- */

static void test_thresholds_are_those_of_a_census_of_the_same_state(void **state)
{
    sweep_world *w = *state;
    for (int i = 0; i < 700; i++) {
        char user[16];
        char order[16];
        (void)snprintf(user, sizeof(user), "u%d", i % 311);
        (void)snprintf(order, sizeof(order), "o%d", i);
        sweep_buy(w, user, i / 40, order, 1 + i * 7919 % 500);
        if (i % 3 == 0)
            sweep_view(w, "just looking", i / 40);
    }
    for (int i = 0; i < 2000; i++)
        sweep_view(w, "robot", 17);
    sweep_through(w);
    mr_quintile_reading reading;
    assert_true(mr_quintile_board_read(w->engine.quintiles, &reading));
    assert_int_equal(reading.quintiles.customers, 311);

    char path[APP_PATH_BYTES];
    char topic[] = "events";
    mr_config config = {.log.topic = topic};
    (void)app_path("state", path);
    config.state.path = path;
    mr_checkpoint_store *store = NULL;
    mr_buffer encoded = {0};
    assert_ok(mr_checkpoint_store_open(config.state.path, "events", 2, &store, NULL));
    assert_ok(mr_checkpoint_encode(w->owned.shard, 5, 1, &encoded));
    assert_ok(mr_checkpoint_write(store, 0, 5, 1, &encoded, NULL));
    const mr_census_source source = {.config = &config, .plan = w->plan, .key = &w->key};
    mr_census *census = NULL;
    assert_ok(mr_census_open(&source, &census, NULL));
    assert_ok(mr_census_need_quintiles(census));
    assert_memory_equal(&reading.quintiles, &census->quintiles, sizeof(mr_quintiles));
    mr_census_close(census);
    mr_buffer_deinit(&encoded);
    mr_checkpoint_store_close(store);
}

static const char *profile(sweep_world *w, const char *user, mr_buffer *text)
{
    const mr_shard *shard = w->owned.shard;
    mr_quintile_reading reading;
    (void)mr_quintile_board_read(w->engine.quintiles, &reading);
    mr_buffer_clear(text);
    mr_json_writer writer = mr_json_writer_of(text);
    mr_profile_json_write(shard, mr_shard_find(shard, mr_text_from(user)),
                          mr_shard_newest_ms(shard), &reading.quintiles, &writer);
    mr_buffer_put_u8(text, 0);
    assert_ok(mr_buffer_status(text));
    return (const char *)text->bytes;
}

static void test_a_profile_says_where_its_user_stands(void **state)
{
    sweep_world *w = *state;
    mr_buffer text = {0};
    sweep_buy(w, "ann", 0, "a1", 50);
    assert_non_null(strstr(profile(w, "ann", &text),
                           "\"rfm_scores\":null,\"rfm_segment\":null,\"segments\":null,"
                           "\"thresholds_as_of\":null,"));
    begin(w);
    sweep_view(w, "clock", 31);
    sweep_through(w);
    assert_non_null(strstr(profile(w, "bea", &text),
                           "\"rfm_scores\":{\"r\":2,\"f\":3,\"m\":5},\"rfm_segment\":"
                           "\"at_risk\",\"segments\":[\"win_back\","
                           "\"big_spenders_at_risk\"],"
                           "\"thresholds_as_of\":\"2026-04-01T12:00:00.000Z\","));
    assert_non_null(strstr(profile(w, "clock", &text),
                           "\"rfm_scores\":null,\"rfm_segment\":null,\"segments\":[],"
                           "\"thresholds_as_of\":\"2026-04-01T12:00:00.000Z\","));
    mr_buffer_deinit(&text);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_segments_are_noted_first_and_then_told_once),
        CASE(test_who_is_in_a_segment_at_first_sight_is_noted_without_a_word),
        CASE(test_a_first_order_gives_a_first_segment),
        CASE(test_before_there_are_thresholds_scores_are_not_judged),
        CASE(test_thresholds_that_move_are_no_news_of_a_user),
        CASE(test_what_was_told_of_scores_outlives_a_time_without_thresholds),
        CASE(test_an_alert_says_by_which_thresholds),
        CASE(test_a_restarted_process_says_the_same_under_the_same_ids),
        CASE(test_a_full_outbox_is_met_again_at_the_same_user),
        CASE(test_of_other_segments_nothing_was_told),
        CASE(test_thresholds_are_those_of_a_census_of_the_same_state),
        CASE(test_a_profile_says_where_its_user_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
