/* Method: records are appended to a log in a directory of the test's own and replayed; the state
 * is compared with what the records say, and with a second replay of the same log. */
#include "tests/app_support.h"

#include "app/dead_letter_return.h"
#include "app/profile_json.h"
#include "app/replay.h"
#include "core/json.h"
#include "features/canonical_dump.h"
#include "ingest/dead_letter.h"

enum { USERS = 7, EVENTS = 105 };

typedef struct world {
    mr_config config;
    mr_keys keys;
    mr_plan *plan;
    mr_log *events;
    bool applies_late;
} world;

static void begin(world *w, int64_t partitions)
{
    *w = (world){.plan = NULL};
    assert_int_equal(app_set_up(NULL), 0);
    app_configure(&w->config, partitions);
    assert_ok(mr_keys_load(&w->config, MR_KEYS_OPTIONAL, &w->keys, NULL));
    assert_ok(mr_plan_create_default(&w->plan));
    w->events = app_open(&w->config, "events");
}

static void end(world *w)
{
    mr_log_close(w->events);
    mr_plan_destroy(w->plan);
    mr_keys_deinit(&w->keys);
    mr_config_deinit(&w->config);
    assert_int_equal(app_tear_down(NULL), 0);
}

static mr_status replay(const world *w, mr_replay *ret_replay, mr_error *ret_error)
{
    const mr_replay_options options = {.config = &w->config,
                                       .keys = &w->keys,
                                       .plan = w->plan,
                                       .events = w->events,
                                       .applies_late = w->applies_late};
    return mr_replay_run(&options, ret_replay, ret_error);
}

static void append(mr_log *log, const char *key, const char *value, int64_t time_ms)
{
    const mr_log_entry entry = {.partition = MR_LOG_ANY_PARTITION,
                                .key = mr_text_from(key),
                                .value = mr_text_from(value),
                                .time_ms = time_ms};
    assert_ok(mr_log_append(log, &entry, 1, NULL, NULL));
}

/* Purchases of 1.50, one a minute, by USERS users in turn. */
static void append_purchases(mr_log *log, int count)
{
    for (int i = 0; i < count; i++) {
        char key[16];
        char value[256];
        const int64_t time_ms = 1700000000000 + (int64_t)i * 60000;
        (void)snprintf(key, sizeof(key), "u%d", i % USERS);
        (void)snprintf(value, sizeof(value),
                       "{\"type\":\"purchase\",\"user_id\":\"%s\",\"item_id\":\"i%d\","
                       "\"price\":\"1.50\",\"order_id\":\"o%d\",\"time\":%lld}",
                       key, i % 11, i, (long long)time_ms);
        append(log, key, value, time_ms);
    }
}

static void hashes(const mr_replay *r, char ret_free[MR_SHA256_HEX_BYTES],
                   char ret_all[MR_SHA256_HEX_BYTES])
{
    const mr_shard *const *shards = (const mr_shard *const *)r->shards;
    assert_ok(mr_canonical_hash(shards, r->shard_count, MR_TIME_NONE, MR_DUMP_ORDER_FREE,
                                ret_free));
    assert_ok(
        mr_canonical_hash(shards, r->shard_count, MR_TIME_NONE, MR_DUMP_ALL, ret_all));
}

static void test_every_record_of_every_partition_is_counted_once(void **state)
{
    (void)state;
    world w;
    mr_replay r;
    begin(&w, 4);
    append_purchases(w.events, EVENTS);
    append(w.events, "u1", "no event", 1700000000000);
    append(w.events, "u2", "{\"type\":\"view\",\"item_id\":\"x\",\"time\":1}",
           1700000000000);
    assert_ok(replay(&w, &r, NULL));
    assert_int_equal(r.shard_count, 4);
    assert_int_equal(r.records, EVENTS + 2);
    assert_int_equal(r.records, mr_replay_records_held(w.events));
    assert_int_equal(r.events, EVENTS);
    assert_int_equal(r.users, USERS);
    assert_int_equal(r.poison[MR_POISON_NOT_JSON], 1);
    assert_int_equal(r.poison[MR_POISON_NO_USER], 1);
    assert_int_equal(mr_commerce_revenue_minor(&r.commerce.sums), EVENTS * 150);
    mr_replay_deinit(&r);
    end(&w);
}

static void test_two_replays_agree_to_the_byte_and_a_further_event_shows(void **state)
{
    (void)state;
    char hash[6][MR_SHA256_HEX_BYTES];
    world w;
    begin(&w, 2);
    append_purchases(w.events, EVENTS);
    for (int i = 0; i < 3; i++) {
        mr_replay r;
        if (i == 2)
            append(w.events, "u1",
                   "{\"type\":\"view\",\"user_id\":\"u1\",\"item_id\":\"i1\","
                   "\"time\":1700006300000}",
                   1700006300000);
        assert_ok(replay(&w, &r, NULL));
        hashes(&r, hash[2 * i], hash[2 * i + 1]);
        mr_replay_deinit(&r);
    }
    assert_string_equal(hash[0], hash[2]);
    assert_string_equal(hash[1], hash[3]);
    assert_string_not_equal(hash[0], hash[4]);
    assert_string_not_equal(hash[1], hash[5]);
    end(&w);
}

static void test_a_backfill_applies_what_came_too_late_and_each_id_once(void **state)
{
    (void)state;
    static const char late[] = "{\"type\":\"view\",\"user_id\":\"u1\",\"item_id\":\"i1\","
                               "\"event_id\":\"v1\",\"time\":1600000000000}";
    static const char twice[] =
        "{\"type\":\"view\",\"user_id\":\"u1\",\"item_id\":\"i1\","
        "\"event_id\":\"v2\",\"time\":1700006300000}";
    world w;
    mr_replay r;
    begin(&w, 1);
    append_purchases(w.events, EVENTS);
    append(w.events, "u1", late, 1700000000000);
    append(w.events, "u1", twice, 1700006300000);
    append(w.events, "u1", twice, 1700006300000);
    for (int backfill = 0; backfill < 2; backfill++) {
        w.applies_late = backfill == 1;
        assert_ok(replay(&w, &r, NULL));
        assert_int_equal(r.late, 1 - backfill);
        assert_int_equal(r.duplicate, 1);
        assert_int_equal(r.events, EVENTS + 1 + backfill);
        mr_replay_deinit(&r);
    }
    end(&w);
}

static void test_the_features_do_not_depend_on_the_number_of_partitions(void **state)
{
    (void)state;
    char one[2][MR_SHA256_HEX_BYTES];
    char five[2][MR_SHA256_HEX_BYTES];
    for (int i = 0; i < 2; i++) {
        world w;
        mr_replay r;
        begin(&w, i == 0 ? 1 : 5);
        append_purchases(w.events, EVENTS);
        assert_ok(replay(&w, &r, NULL));
        hashes(&r, i == 0 ? one[0] : five[0], i == 0 ? one[1] : five[1]);
        mr_replay_deinit(&r);
        end(&w);
    }
    assert_string_equal(one[0], five[0]);
    assert_string_not_equal(one[1], five[1]); /* offsets are per partition */
}

static void test_an_empty_log_gives_empty_state(void **state)
{
    (void)state;
    world w;
    mr_replay r;
    begin(&w, 3);
    assert_ok(replay(&w, &r, NULL));
    assert_int_equal(r.records, 0);
    assert_int_equal(r.users, 0);
    assert_int_equal(r.shard_count, 3);
    mr_replay_deinit(&r);
    end(&w);
}

static void test_a_state_that_outgrows_its_limit_stops_and_names_the_key(void **state)
{
    (void)state;
    world w;
    mr_replay r;
    mr_error error = {{0}};
    begin(&w, 1);
    append_purchases(w.events, EVENTS);
    w.config.state.memory_bytes = 1;
    assert_int_equal(replay(&w, &r, &error), MR_ERR_FULL);
    assert_non_null(strstr(error.message, "state.memory_limit"));
    end(&w);
}

static void test_a_profile_as_json_says_what_the_log_said(void **state)
{
    (void)state;
    world w;
    mr_replay r;
    mr_buffer text = {0};
    mr_json *json;
    begin(&w, 1);
    append_purchases(w.events, 2 * USERS);
    assert_ok(replay(&w, &r, NULL));
    const uint32_t row = mr_shard_find(r.shards[0], MR_TEXT("u3"));
    assert_int_not_equal(row, MR_ROW_NONE);
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_profile_json_write(r.shards[0], row, 1700000000000 + 86400000,
                          mr_shard_told_by(r.shards[0]), &writer);
    assert_ok(mr_buffer_status(&text));
    assert_ok(
        mr_json_parse((mr_text){(char *)text.bytes, (uint32_t)text.length}, &json, NULL));
    mr_json_value *root = mr_json_root(json);
    assert_true(
        mr_text_is(mr_json_text(mr_json_get(root, "user_id"), (mr_text){0}), "u3"));
    assert_false(mr_json_bool(mr_json_get(root, "anonymous"), true));
    assert_true(mr_text_is(mr_json_text(mr_json_get(root, "as_of"), (mr_text){0}),
                           "2023-11-15T22:13:20.000Z"));
    /* Nobody has looked at segments in a replay. */
    assert_non_null(mr_json_get(root, "rfm_scores"));
    assert_false(mr_json_is_object(mr_json_get(root, "rfm_scores")));
    assert_false(mr_json_is_array(mr_json_get(root, "segments")));
    mr_json_value *features = mr_json_get(root, "features");
    assert_int_equal(mr_json_count(features), mr_plan_feature_count(w.plan));
    for (size_t i = 0; i < mr_plan_feature_count(w.plan); i++)
        assert_non_null(mr_json_get(features, mr_plan_feature(w.plan, i)->name));
    /* 2 purchases of 1.50 each */
    assert_close(mr_json_double(mr_json_get(features, "spend"), -1.0), 3.0, 1e-12);
    assert_int_equal(mr_json_int(mr_json_get(features, "orders"), -1), 2);
    mr_json_value *recent = mr_json_get(features, "history");
    assert_int_equal(mr_json_count(recent), 2);
    assert_true(mr_text_is(
        mr_json_text(mr_json_get(mr_json_at(recent, 0), "item"), (mr_text){0}), "i3"));
    mr_json_destroy(json);
    mr_buffer_deinit(&text);
    mr_replay_deinit(&r);
    end(&w);
}

static void append_letter(mr_log *topic, const char *key, const char *value,
                          int64_t time_ms)
{
    const mr_log_record record = {.key = mr_text_from(key),
                                  .value = mr_text_from(value),
                                  .offset = 5,
                                  .time_ms = time_ms};
    mr_dead_letter letter;
    mr_log_entry entry;
    mr_dead_letter_entry(&letter, &record, "events", 0,
                         mr_poison_name(MR_POISON_NOT_JSON), &entry);
    assert_ok(mr_log_append(topic, &entry, 1, NULL, NULL));
}

static void expect_restored(void *context, uint32_t partition,
                            const mr_log_record *record)
{
    (void)partition;
    int *count = context;
    (*count)++;
    assert_true(mr_text_is(record->key, "u1"));
    assert_true(mr_text_is(record->value, "once broken"));
    assert_int_equal(record->time_ms, 1234567);
    assert_int_equal(record->header_count, 0);
}

static void test_dead_letters_return_as_the_records_they_were(void **state)
{
    (void)state;
    world w;
    mr_dead_letter_counts counts;
    int found = 0;
    begin(&w, 2);
    mr_log *letters = app_open(&w.config, "dead-letters");
    for (int i = 0; i < 300; i++)
        append_letter(letters, "u1", "once broken", 1234567);
    append(letters, "u1", "put there by somebody else", 1);
    assert_ok(mr_dead_letter_return(letters, w.events, &counts, NULL));
    assert_int_equal(counts.returned, 300);
    assert_int_equal(counts.foreign, 1);
    assert_int_equal(app_read(w.events, expect_restored, &found), 300);
    mr_log_close(letters);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_record_of_every_partition_is_counted_once),
        cmocka_unit_test(test_two_replays_agree_to_the_byte_and_a_further_event_shows),
        cmocka_unit_test(test_a_backfill_applies_what_came_too_late_and_each_id_once),
        cmocka_unit_test(test_the_features_do_not_depend_on_the_number_of_partitions),
        cmocka_unit_test(test_an_empty_log_gives_empty_state),
        cmocka_unit_test(test_a_state_that_outgrows_its_limit_stops_and_names_the_key),
        cmocka_unit_test(test_a_profile_as_json_says_what_the_log_said),
        cmocka_unit_test(test_dead_letters_return_as_the_records_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
