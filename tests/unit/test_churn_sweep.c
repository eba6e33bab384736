/*
 * Churn sweep: with a model whose probability is a known function of the days since the latest
 * purchase, tiers and alerts can be written down beforehand.  Time is moved by events alone.
 */
#include "app/churn_sweep.h"
#include "tests/feature_batch.h"
#include "tests/model_version.h"

#include <inttypes.h>
#include <string.h>

enum { CROWD = MR_SWEEP_SLICE_ROWS + 40 };

typedef struct fixture {
    char directory[64];
    mr_plan *plan;
    mr_hash_key key;
    mr_engine engine;
    mr_owned_shard owned;
    mr_model_slot *slot;
} fixture;

static mr_shard *new_shard(const fixture *f)
{
    const mr_shard_options options = {
        .plan = f->plan, .hash_key = &f->key, .topic = "events", .partition = 0};
    mr_shard *shard = NULL;
    assert_ok(mr_shard_create(&options, &shard));
    return shard;
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    char version[MR_MODEL_VERSION_BYTES];
    assert_non_null(f);
    (void)snprintf(f->directory, sizeof(f->directory), "/tmp/test_churn_sweep-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    mr_hash_key_init(&f->key, "secret", 6);
    f->plan = test_plan_without_late();
    mr_shard *taught = new_shard(f);
    test_apply(taught, test_purchase("ann", "tea", START_MS, "o1", 100));
    test_apply(taught, test_purchase("ann", "yarn", START_MS, "o1", 100));
    test_model_train(f->directory, f->plan, &f->key, taught, 1, version);
    mr_shard_destroy(taught);
    f->slot = test_model_slot(f->directory, version, f->plan, &f->key);
    f->engine = (mr_engine){.plan = f->plan, .key = f->key};
    f->owned = (mr_owned_shard){
        .engine = &f->engine, .shard = new_shard(f), .epoch = 5, .is_at_end = true};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_shard_destroy(f->owned.shard);
    mr_model_slot_destroy(f->slot);
    mr_plan_destroy(f->plan);
    assert_ok(mr_directory_remove(f->directory, NULL));
    free(f);
    return 0;
}

static void sweep(fixture *f)
{
    do
        assert_ok(mr_churn_sweep(&f->owned, f->slot));
    while (f->owned.churn_sweep.is_under_way);
}

/* Somebody's login is the newest event: now it is so many days after the start. */
static void move_to_day(fixture *f, int64_t day)
{
    test_apply(f->owned.shard,
               test_event(MR_EVENT_LOGIN, "clock", NULL, START_MS + day * DAY_MS));
}

static void buy(fixture *f, const char *user, int64_t day)
{
    test_apply(f->owned.shard,
               test_purchase(user, "tea", START_MS + day * DAY_MS, "", 6000));
}

static mr_churn_mark mark_of(const fixture *f, const char *user)
{
    const uint32_t row = mr_shard_find(f->owned.shard, mr_text_from(user));
    assert_int_not_equal(row, MR_ROW_NONE);
    return mr_shard_churn(f->owned.shard, row);
}

/* After `days` without a purchase, by tests/model_version.h. */
static double probability_after(double days)
{
    return 1.0 / (1.0 + exp(-(days - 20.0) / 8.0));
}

static bool keep_last(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    mr_json **last = context;
    (void)sequence;
    (void)id;
    mr_json_destroy(*last);
    *last = NULL;
    assert_ok(mr_json_parse(record, last, NULL));
    return true;
}

static mr_json *newest_alert(const fixture *f)
{
    mr_json *alert = NULL;
    mr_shard_outbox_pending(f->owned.shard, 0, keep_last, &alert);
    assert_non_null(alert);
    return alert;
}

static void assert_text(mr_json *alert, const char *key, const char *expected)
{
    const mr_text text =
        mr_json_text(mr_json_get(mr_json_root(alert), key), (mr_text){0});
    if (!mr_text_is(text, expected))
        fail_msg("%s is %.*s, not %s", key, (int)text.length, text.bytes, expected);
}

static void test_marks_hold_the_models_probability_and_tier(void **state)
{
    fixture *f = *state;
    const struct {
        const char *user;
        int64_t bought_on;
        uint8_t tier;
    } expected[] = {
        {"fresh", 58, 0}, {"slower", 44, 1}, {"silent", 35, 2}, {"gone", 2, 3}};
    for (size_t i = 0; i < 4; i++)
        buy(f, expected[i].user, expected[i].bought_on);
    move_to_day(f, 60);
    sweep(f);
    for (size_t i = 0; i < 4; i++) {
        const mr_churn_mark mark = mark_of(f, expected[i].user);
        const double days = (double)(60 - expected[i].bought_on);
        assert_int_equal(mark.tier, expected[i].tier);
        assert_true(fabs(mark.permille - 1000.0 * probability_after(days)) <= 0.6);
    }
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), 3); /* fresh is no news */
}

static void test_an_alert_says_who_when_how_likely_and_why(void **state)
{
    fixture *f = *state;
    buy(f, "silent", 0);
    move_to_day(f, 40);
    sweep(f);
    mr_json *alert = newest_alert(f);
    mr_json_value *root = mr_json_root(alert);
    mr_json_value *reasons = mr_json_get(root, "reasons");
    assert_text(alert, "user_id", "silent");
    assert_text(alert, "tier", "critical");
    assert_text(alert, "previous_tier", "none");
    assert_text(alert, "time", "2026-04-10T12:00:00.000Z");
    assert_text(alert, "model_version",
                mr_recommender_version(mr_model_slot_recommender(f->slot)));
    assert_close(mr_json_double(mr_json_get(root, "probability"), -1.0), 0.924, 0.001);
    /* 60.00 in 40 days are 45.00 in the window of 30. */
    assert_close(mr_json_double(mr_json_get(root, "value_at_risk"), -1.0),
                 45.0 * probability_after(40.0), 0.001);
    assert_int_equal(mr_json_count(reasons), 1);
    assert_true(mr_text_is(
        mr_json_text(mr_json_get(mr_json_at(reasons, 0), "text"), (mr_text){0}),
        "no purchase for 40 days"));
    mr_json_destroy(alert);
}

static void test_strangers_and_who_never_bought_are_left_alone(void **state)
{
    fixture *f = *state;
    mr_event stranger = test_purchase("", "tea", START_MS, "", 100);
    stranger.anonymous_id = MR_TEXT("stranger");
    test_apply(f->owned.shard, stranger);
    test_apply(f->owned.shard, test_event(MR_EVENT_VIEW, "looker", "tea", START_MS));
    buy(f, "long-gone", -40); /* 80 days: more than twice the window */
    move_to_day(f, 40);
    sweep(f);
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), 0);
    assert_int_equal(mark_of(f, "looker").permille, UINT16_MAX);
    assert_int_equal(mark_of(f, "long-gone").permille, UINT16_MAX);
}

static void test_one_sweep_a_day_of_event_time(void **state)
{
    fixture *f = *state;
    buy(f, "ann", 0);
    move_to_day(f, 20);
    sweep(f);
    const mr_churn_mark first = mark_of(f, "ann");
    test_apply(f->owned.shard, test_event(MR_EVENT_LOGIN, "clock", NULL,
                                          START_MS + 20 * DAY_MS + 11 * HOUR_MS));
    sweep(f);
    assert_int_equal(mark_of(f, "ann").permille, first.permille); /* the same day */
    move_to_day(f, 21);
    sweep(f);
    assert_true(mark_of(f, "ann").permille > first.permille);
    assert_int_equal(mark_of(f, "ann").since_ms, first.since_ms); /* of the tier */
}

static void test_nothing_is_swept_before_the_log_was_read_to_its_end(void **state)
{
    fixture *f = *state;
    f->owned.is_at_end = false;
    buy(f, "ann", 0);
    move_to_day(f, 40);
    sweep(f);
    assert_int_equal(mark_of(f, "ann").permille, UINT16_MAX);
}

static void test_a_tier_is_left_only_well_below_its_beginning(void **state)
{
    fixture *f = *state;
    const uint32_t row = 0;
    buy(f, "ann", 0);
    /* 22 days: 0.562, below at-risk's 0.6 but within the margin. */
    mr_shard_set_churn(f->owned.shard, row, (mr_churn_mark){700, 2, START_MS});
    move_to_day(f, 22);
    sweep(f);
    assert_int_equal(mark_of(f, "ann").tier, 2);
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), 0);
    /* Bought again: 2 days are 0.095, watch's 0.3 is far above. */
    buy(f, "ann", 22);
    move_to_day(f, 24);
    sweep(f);
    assert_int_equal(mark_of(f, "ann").tier, 0);
    mr_json *alert = newest_alert(f);
    assert_text(alert, "tier", "recovered");
    assert_text(alert, "previous_tier", "at-risk");
    mr_json_destroy(alert);
}

static void test_a_change_found_again_has_the_same_id(void **state)
{
    fixture *f = *state;
    char first[64];
    buy(f, "ann", 0);
    move_to_day(f, 40);
    sweep(f);
    mr_json *alert = newest_alert(f);
    const mr_text id =
        mr_json_text(mr_json_get(mr_json_root(alert), "alert_id"), (mr_text){0});
    (void)snprintf(first, sizeof(first), "%.*s", (int)id.length, id.bytes);
    mr_json_destroy(alert);
    /* As after a restart: the mark is lost, the day is swept again. */
    mr_shard_set_churn(f->owned.shard, 0, (mr_churn_mark){UINT16_MAX, 0, 0});
    f->owned.churn_sweep.day = 0;
    sweep(f);
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), 2);
    alert = newest_alert(f);
    assert_text(alert, "alert_id", first);
    mr_json_destroy(alert);
}

static void test_a_large_shard_is_swept_in_slices_that_miss_nobody(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < CROWD; i++) {
        char user[16];
        (void)snprintf(user, sizeof(user), "user-%d", i);
        buy(f, user, 0);
    }
    move_to_day(f, 40);
    assert_ok(mr_churn_sweep(&f->owned, f->slot));
    assert_true(f->owned.churn_sweep.is_under_way);
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), MR_SWEEP_SLICE_ROWS);
    sweep(f);
    assert_int_equal(mr_shard_outbox_count(f->owned.shard), CROWD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_marks_hold_the_models_probability_and_tier,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_alert_says_who_when_how_likely_and_why,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_strangers_and_who_never_bought_are_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_sweep_a_day_of_event_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_nothing_is_swept_before_the_log_was_read_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_tier_is_left_only_well_below_its_beginning,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_found_again_has_the_same_id, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_large_shard_is_swept_in_slices_that_miss_nobody, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
