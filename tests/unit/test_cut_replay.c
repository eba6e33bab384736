/*
 * Cut replay: a log is written, replayed with cuts, and each cut's shard compared, by the
 * hash of its canonical dump, with a shard that was given only the records before the cut.
 */
#include "app/cut_replay.h"
#include "core/file.h"
#include "features/canonical_dump.h"
#include "ingest/decoder.h"
#include "models/random.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

enum { RECORDS = 3000, USERS = 40, ITEMS = 25, VALUE_BYTES = 200 };

typedef struct fixture {
    char path[64];
    mr_config config;
    mr_buffer control_key;
    mr_hash_key key;
    mr_plan *plan;
    mr_log *log;
    char values[RECORDS][VALUE_BYTES];
    int64_t times_ms[RECORDS];
    /* what the visitor saw */
    size_t cuts_seen;
    char hashes[4][MR_SHA256_HEX_BYTES];
    size_t events_seen[4]; /* applied before each cut */
    size_t events;
    uint64_t lines_applied; /* by the shard's own count */
    size_t fail_at_cut;     /* SIZE_MAX: never */
} fixture;

/* Mostly rising, some half a day late, and one far ahead of its neighbours. */
static int64_t time_of(size_t i)
{
    const int64_t time_ms = START_MS + (int64_t)i * 10 * MINUTE_MS;
    if (i == RECORDS / 2)
        return time_ms + 2 * DAY_MS;
    return mr_random_uniform(5, i) < 0.1 ? time_ms - 12 * HOUR_MS : time_ms;
}

static void write_log(fixture *f)
{
    static mr_log_entry entries[RECORDS];
    mr_error error = {{0}};
    for (size_t i = 0; i < RECORDS; i++) {
        char time[MR_TIME_TEXT_BYTES];
        f->times_ms[i] = time_of(i);
        mr_time_to_text(f->times_ms[i], time);
        (void)snprintf(f->values[i], VALUE_BYTES,
                       "{\"type\":\"%s\",\"user_id\":\"u%d\",\"item_id\":\"i%d\","
                       "\"time\":\"%s\",\"quantity\":1,\"price\":\"2.50\"}",
                       mr_random_uniform(6, i) < 0.3 ? "purchase" : "view",
                       (int)(mr_random_uniform(7, i) * USERS),
                       (int)(mr_random_uniform(8, i) * ITEMS), time);
        entries[i] = (mr_log_entry){.partition = 0,
                                    .value = mr_text_from(f->values[i]),
                                    .time_ms = START_MS + 1000 * DAY_MS};
    }
    assert_ok(mr_log_append(f->log, entries, RECORDS, NULL, &error));
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    mr_error error = {{0}};
    (void)snprintf(f->path, sizeof(f->path), "/tmp/millrace-cut-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    assert_ok(mr_config_load(NULL, &f->config, &error));
    mr_hash_key_init(&f->key, "secret", 6);
    f->plan = test_plan_without_late();
    const mr_log_file_options options = {.path = f->path,
                                         .topic = f->config.log.topic,
                                         .partitions = 1,
                                         .clock = mr_clock_system()};
    assert_ok(mr_log_open_file(&options, &f->log, NULL, &error));
    write_log(f);
    f->fail_at_cut = SIZE_MAX;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_log_close(f->log);
    mr_plan_destroy(f->plan);
    mr_config_deinit(&f->config);
    assert_ok(mr_directory_remove(f->path, NULL));
    free(f);
    return 0;
}

static void hash_of(const mr_shard *shard, char ret_hex[MR_SHA256_HEX_BYTES])
{
    assert_ok(
        mr_canonical_hash(&shard, 1, START_MS + 500 * DAY_MS, MR_DUMP_ALL, ret_hex));
}

static mr_status on_cut(void *context, size_t cut, const mr_shard *shard)
{
    fixture *f = context;
    assert_int_equal(cut, f->cuts_seen++);
    if (cut == f->fail_at_cut)
        return MR_ERR_FULL;
    f->events_seen[cut] = f->events;
    hash_of(shard, f->hashes[cut]);
    return MR_OK;
}

static mr_status on_applied(void *context, const mr_shard *shard,
                            const mr_event_batch *batch)
{
    fixture *f = context;
    size_t in_records = 0;
    const mr_record_verdict *last = &batch->records[batch->record_count - 1];
    assert_int_equal(mr_shard_next_offset(shard), last->offset + 1);
    f->events += batch->event_count;
    mr_shard_counters counters;
    mr_shard_counters_get(shard, &counters);
    f->lines_applied = counters.lines_applied;
    for (size_t i = 0; i < batch->record_count; i++)
        in_records += batch->records[i].event_count;
    assert_int_equal(in_records, batch->event_count);
    return MR_OK;
}

static void on_progress(void *context, uint64_t records)
{
    (void)context;
    assert_true(records <= RECORDS);
}

static mr_status replay(fixture *f, const int64_t *cuts_ms, size_t count, int64_t end,
                        mr_error *error)
{
    const mr_cut_replay cut_replay = {.config = &f->config,
                                      .control_key = &f->control_key,
                                      .key = &f->key,
                                      .plan = f->plan,
                                      .log = f->log,
                                      .cuts_ms = cuts_ms,
                                      .cut_count = count};
    const mr_cut_visitor visitor = {f, on_cut, on_applied, on_progress, NULL};
    return mr_cut_replay_run(&cut_replay, 0, end, &visitor, error);
}

/* The shard that was given the first `count` records and no others. */
static void hash_of_first(fixture *f, size_t count, char ret_hex[MR_SHA256_HEX_BYTES])
{
    mr_shard *shard = test_shard(f->plan, 0);
    mr_decoder *decoder = NULL;
    mr_event_batch batch = {0};
    const mr_decoder_options options = {.dialect = MR_DIALECT_NATIVE};
    assert_ok(mr_decoder_create(&options, &decoder, NULL));
    for (size_t i = 0; i < count; i++) {
        const mr_log_record record = {.value = mr_text_from(f->values[i]),
                                      .offset = (int64_t)i,
                                      .time_ms = START_MS + 1000 * DAY_MS};
        assert_ok(mr_decoder_decode(decoder, 0, &record, 1, &batch));
        assert_ok(mr_shard_apply(shard, &batch));
    }
    hash_of(shard, ret_hex);
    mr_event_batch_deinit(&batch);
    mr_decoder_destroy(decoder);
    mr_shard_destroy(shard);
}

static size_t records_before(const fixture *f, int64_t cut_ms)
{
    size_t count = 0;
    while (count < RECORDS && f->times_ms[count] < cut_ms)
        count++;
    return count;
}

static void test_shows_at_a_cut_what_came_before_it_and_nothing_else(void **state)
{
    fixture *f = *state;
    mr_error error = {{0}};
    const int64_t cuts_ms[] = {START_MS + 3 * DAY_MS + 1, START_MS + 11 * DAY_MS,
                               START_MS + 11 * DAY_MS + 1, START_MS + 15 * DAY_MS};
    assert_ok(replay(f, cuts_ms, 4, RECORDS, &error));
    assert_int_equal(f->cuts_seen, 4);
    assert_int_equal(f->events, RECORDS);
    for (size_t c = 0; c < 4; c++) {
        char expected[MR_SHA256_HEX_BYTES];
        const size_t before = records_before(f, cuts_ms[c]);
        assert_true(before > 0 && before < RECORDS);
        assert_int_equal(f->events_seen[c], before);
        hash_of_first(f, before, expected);
        assert_string_equal(f->hashes[c], expected);
    }
}

static void test_shows_cuts_that_nothing_follows_at_the_end(void **state)
{
    fixture *f = *state;
    mr_error error = {{0}};
    const int64_t cuts_ms[] = {START_MS - DAY_MS, START_MS + 900 * DAY_MS};
    assert_ok(replay(f, cuts_ms, 2, RECORDS, &error));
    assert_int_equal(f->cuts_seen, 2);
    assert_int_equal(f->events_seen[0], 0);
    assert_int_equal(f->events_seen[1], RECORDS);
}

static void test_shows_nothing_that_came_too_late_to_be_applied(void **state)
{
    fixture *f = *state;
    mr_error error = {{0}};
    mr_plan_destroy(f->plan);
    assert_ok(mr_plan_create_default(&f->plan)); /* half a day is too late for a view */
    assert_ok(replay(f, NULL, 0, RECORDS, &error));
    assert_true(f->events < RECORDS);
    assert_int_equal(f->events, f->lines_applied);
}

static void test_stops_at_the_offset_it_was_given(void **state)
{
    fixture *f = *state;
    mr_error error = {{0}};
    assert_ok(replay(f, NULL, 0, 1234, &error));
    assert_int_equal(f->events, 1234);
}

static void test_hands_on_what_the_visitor_returns(void **state)
{
    fixture *f = *state;
    mr_error error = {{0}};
    const int64_t cuts_ms[] = {START_MS + 3 * DAY_MS, START_MS + 4 * DAY_MS};
    f->fail_at_cut = 1;
    assert_int_equal(replay(f, cuts_ms, 2, RECORDS, &error), MR_ERR_FULL);
    assert_int_equal(f->cuts_seen, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_shows_at_a_cut_what_came_before_it_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shows_cuts_that_nothing_follows_at_the_end,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_shows_nothing_that_came_too_late_to_be_applied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stops_at_the_offset_it_was_given, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_hands_on_what_the_visitor_returns, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
