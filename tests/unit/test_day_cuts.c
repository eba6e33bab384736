/*
 * Day cuts: a random log of some hundred records goes through an owned shard and the checkpoint
 * thread, cut into batches in many ways, with crashes in between, and what is on disk is held
 * against the definition, worked out here from the list of records alone.
 *
 * Some records are late, some days have no event, some of a day's users are nobody known, and some
 * records, the first of a day among them, are copies that touch nobody.
 */
#include "app/day_files.h"
#include "app/owned_shard.h"
#include "app/time_zone_table.h"
#include "core/file.h"
#include "models/random.h"
#include "tests/app_support.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

enum { RECORDS = 600, USERS = 12, VALUE_BYTES = 200, DAYS = 60, WINDOW = 5, LOGS = 6 };

typedef struct fixture {
    uint64_t seed;
    mr_config config;
    mr_engine engine;
    mr_owned_shard *owned;
    mr_event_batch batch;
    char values[RECORDS][VALUE_BYTES];
    mr_log_record records[RECORDS];
    int64_t times_ms[RECORDS];
    int user[RECORDS]; /* -1: no known one is touched */
    bool buys[RECORDS];
    size_t labels[3]; /* rows seen, by mr_day_label */
} fixture;

/* Rising, with gaps of days and with records that come a day and a half late. */
static void make_records(fixture *f)
{
    int64_t now_ms = START_MS;
    for (size_t i = 0; i < RECORDS; i++) {
        char time[MR_TIME_TEXT_BYTES];
        now_ms += (int64_t)(mr_random_uniform(f->seed, i) * (double)(3 * HOUR_MS));
        if (i % 97 == 96)
            now_ms += 3 * DAY_MS;
        const bool is_late = mr_random_uniform(f->seed + 1, i) < 0.15;
        f->times_ms[i] = now_ms - (is_late ? 36 * HOUR_MS : 0);
        f->user[i] = (int)(mr_random_uniform(f->seed + 2, i) * (USERS + 1)) - 1;
        const bool is_copy = i % 97 == 96 || i % 41 == 40; /* it has the id before it */
        f->buys[i] = mr_random_uniform(f->seed + 3, i) < 0.1 + 0.02 * f->user[i];
        mr_time_to_text(f->times_ms[i], time);
        (void)snprintf(
            f->values[i], VALUE_BYTES,
            "{\"type\":\"%s\",\"event_id\":\"e%d\",\"%s\":\"u%d\",\"item_id\":\"i%d\","
            "\"time\":\"%s\",\"quantity\":1,\"price\":\"2.50\"}",
            f->buys[i] ? "purchase" : "view", (int)(is_copy ? i - 1 : i),
            f->user[i] < 0 ? "anonymous_id" : "user_id", f->user[i], (int)(i % 7), time);
        if (is_copy)
            f->user[i] = -1; /* nobody is touched */
        f->records[i] = (mr_log_record){.value = mr_text_from(f->values[i]),
                                        .offset = (int64_t)i,
                                        .time_ms = START_MS + 1000 * DAY_MS};
    }
}

/* Every other log is of a shop in New York, where clocks are put forward in its second week. */
static mr_plan *plan_of(const fixture *f)
{
    mr_plan *plan = test_plan_without_late();
    mr_plan_settings settings = plan->settings;
    mr_plan_destroy(plan);
    if (f->seed % 2 == 0)
        assert_ok(mr_time_zone_find(MR_TEXT("America/New_York"), &settings.zone, NULL));
    assert_ok(mr_plan_compile(&settings, mr_default_features, mr_default_feature_count,
                              NULL, 0, &plan, NULL));
    return plan;
}

static void open_engine(fixture *f)
{
    mr_engine *e = &f->engine;
    mr_error error = {{0}};
    char path[APP_PATH_BYTES];
    app_configure(&f->config, 1);
    free(f->config.state.path);
    f->config.state.path = strdup(app_path("checkpoints", path));
    f->config.models.training_window_ms = WINDOW * DAY_MS;
    *e = (mr_engine){.config = &f->config, .begin_anew = "", .plan = plan_of(f)};
    mr_hash_key_init(&e->key, "secret", 6);
    assert_ok(mr_topics_open(&f->config, MR_TOPICS_OWN, &e->topics, &error));
    assert_ok(mr_statistics_create(1, &e->statistics));
    assert_ok(mr_checkpoint_store_open(f->config.state.path, f->config.log.topic, 2,
                                       &e->store, &error));
    assert_ok(mr_checkpointer_create(e->store, e->topics.dead_letters, e->topics.late,
                                     e->topics.events, e->topics.alerts,
                                     &e->checkpointer));
}

static void close_engine(fixture *f)
{
    mr_engine *e = &f->engine;
    mr_owned_shard_close(f->owned);
    f->owned = NULL;
    mr_checkpointer_destroy(e->checkpointer);
    mr_checkpoint_store_close(e->store);
    mr_statistics_destroy(e->statistics);
    mr_topics_close(&e->topics);
    mr_plan_destroy(e->plan);
    mr_config_deinit(&f->config);
}

static void open_shard(fixture *f)
{
    mr_error error = {{0}};
    if (mr_owned_shard_open(&f->engine, 0, &f->owned, &error) != MR_OK)
        fail_msg("%s", error.message);
}

/* As a crash: what no checkpoint holds is gone. */
static void crash(fixture *f)
{
    mr_owned_shard_close(f->owned);
    f->owned = NULL;
    open_shard(f);
}

static void begin_anew(fixture *f)
{
    close_engine(f);
    assert_ok(mr_directory_remove(app_directory, NULL));
    assert_ok(mr_directory_make(app_directory, NULL));
    open_engine(f);
    open_shard(f);
}

static int set_up(void **state)
{
    assert_int_equal(app_set_up(state), 0);
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->seed = 11;
    make_records(f);
    open_engine(f);
    open_shard(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    close_engine(f);
    mr_event_batch_deinit(&f->batch);
    free(f);
    return app_tear_down(state);
}

/* Records up to `end` in batches of `step`, from where the shard stands. */
static void feed(fixture *f, size_t end, size_t step)
{
    size_t at = (size_t)mr_shard_next_offset(f->owned->shard);
    while (at < end) {
        const size_t count = step < end - at ? step : end - at;
        mr_error error = {{0}};
        assert_ok(
            mr_owned_shard_apply(f->owned, &f->batch, f->records + at, count, &error));
        at += count;
        assert_int_equal(mr_shard_next_offset(f->owned->shard), at);
        assert_ok(mr_owned_shard_cut_day(f->owned, (uint32_t)(at % 3)));
    }
}

static mr_status checkpoint(fixture *f)
{
    int64_t oldest;
    assert_ok(mr_owned_shard_checkpoint(f->owned));
    assert_ok(mr_owned_shard_cut(f->owned, INT64_MAX));
    while (!mr_owned_shard_harvest(f->owned, &oldest))
        continue;
    return f->owned->job.status;
}

/* ---- what is on disk ---- */

/* All files' names and bytes, in their order; `kinds` 1: rows alone. */
static void read_all(const fixture *f, mr_buffer *all)
{
    mr_day_list list = {0};
    char path[2 * APP_PATH_BYTES];
    assert_ok(mr_day_files_list(&f->owned->day_files, 0, &list, NULL));
    for (size_t i = 0; i < list.count; i++) {
        char date[MR_TIME_TEXT_BYTES];
        mr_time_to_text(list.days[i] * DAY_MS, date);
        for (int kind = 0; kind < 2; kind++) {
            (void)snprintf(path, sizeof(path), "%s/%s/days/p00000/%.10s.%s",
                           f->config.state.path, f->config.log.topic, date,
                           kind == 0 ? "rows" : "labels");
            mr_buffer_put_i64(all, 2 * list.days[i] + kind);
            if (mr_file_read(path, all, NULL) == MR_ERR_NOT_FOUND)
                mr_buffer_put_text(all, MR_TEXT("absent"));
        }
    }
    mr_day_list_deinit(&list);
    assert_ok(mr_buffer_status(all));
}

static void assert_same_files(const fixture *f, const mr_buffer *expected)
{
    mr_buffer now = {0};
    read_all(f, &now);
    assert_int_equal(now.length, expected->length);
    assert_memory_equal(now.bytes, expected->bytes, now.length);
    mr_buffer_deinit(&now);
}

/* What one process without a stop leaves; then begin anew. */
static void read_reference(fixture *f, mr_buffer *reference)
{
    feed(f, RECORDS, RECORDS);
    assert_ok(checkpoint(f));
    read_all(f, reference);
    assert_true(reference->length > 1000);
    begin_anew(f);
}

/* ---- the definition ---- */

static int64_t midnight_ms(const fixture *f, int64_t day)
{
    return mr_zone_midnight_ms(&f->engine.plan->settings.zone, day);
}

/* The first record with an event at or after the time; RECORDS when there is none. */
static size_t cut_at(const fixture *f, int64_t time_ms)
{
    size_t i = 0;
    while (i < RECORDS && f->times_ms[i] < time_ms)
        i++;
    return i;
}

static int64_t bought_before(const fixture *f, int user, size_t end)
{
    int64_t newest_ms = MR_TIME_NONE;
    for (size_t i = 0; i < end; i++)
        if (f->user[i] == user && f->buys[i] && f->times_ms[i] > newest_ms)
            newest_ms = f->times_ms[i];
    return newest_ms;
}

static int64_t newest_record(const fixture *f, int user, size_t end)
{
    for (size_t i = end; i-- > 0;)
        if (f->user[i] == user)
            return (int64_t)i;
    return -1;
}

static int expected_label(const fixture *f, int user, int64_t day)
{
    const size_t over = cut_at(f, midnight_ms(f, day + 1 + WINDOW));
    if (over == RECORDS)
        return MR_LABEL_UNKNOWN;
    return bought_before(f, user, over) < midnight_ms(f, day + 1) ? MR_LABEL_LOST
                                                                  : MR_LABEL_STAYED;
}

static void check_row(const fixture *f, const mr_day_rows *rows, uint32_t row, mr_text id,
                      uint8_t label, bool seen[USERS])
{
    const mr_day_numbers *numbers = &mr_day_rows_numbers(rows)[row];
    const size_t end = cut_at(f, midnight_ms(f, rows->day + 1));
    int user = -1;
    char text[16] = "";
    (void)snprintf(text, sizeof(text), "%.*s", MR_TEXT_ARG(id));
    assert_int_equal(sscanf(text, "u%d", &user), 1);
    assert_in_range(user, 0, USERS - 1);
    assert_false(seen[user]);
    seen[user] = true;
    assert_int_equal(numbers->offset, newest_record(f, user, end));
    assert_int_equal(numbers->last_purchase_ms, bought_before(f, user, end));
    assert_int_equal(label, expected_label(f, user, rows->day));
}

/* The day's file, against the records; a day without events has none. */
static size_t check_day(fixture *f, int64_t day)
{
    const size_t begin = cut_at(f, midnight_ms(f, day));
    const size_t end = cut_at(f, midnight_ms(f, day + 1));
    mr_day_rows rows = {0};
    bool seen[USERS] = {false};
    uint8_t labels[USERS];
    uint32_t crc;
    const mr_status found =
        mr_day_files_read(&f->owned->day_files, 0, day, MR_DAY_ALL, &rows, &crc, NULL);
    if (begin == end || end == RECORDS) {
        assert_int_equal(found, MR_ERR_NOT_FOUND);
        return 0;
    }
    assert_ok(found);
    assert_int_equal(rows.since_offset, begin);
    assert_int_equal(rows.next_offset, end);
    assert_int_equal(rows.at_ms, midnight_ms(f, day + 1) - 1);
    assert_in_range(rows.count, 0, USERS);
    assert_ok(mr_day_files_labels_of(&f->owned->day_files, &rows, crc, labels, NULL));
    mr_text *ids = mr_day_rows_ids(&rows);
    assert_non_null(ids);
    for (uint32_t i = 0; i < rows.count; i++) {
        check_row(f, &rows, i, ids[i], labels[i], seen);
        f->labels[labels[i]]++;
    }
    for (int user = 0; user < USERS; user++)
        assert_int_equal(seen[user], newest_record(f, user, end) >= (int64_t)begin);
    free(ids);
    mr_day_rows_deinit(&rows);
    return 1;
}

/* ---- the tests ---- */

/* How many of the days around the log's have a file. */
static size_t check_days(fixture *f)
{
    size_t files = 0;
    const int64_t first = mr_time_day(START_MS);
    for (int64_t day = first - 3; day < first + DAYS; day++)
        files += check_day(f, day);
    return files;
}

static void test_files_are_what_the_records_say(void **state)
{
    fixture *f = *state;
    for (f->seed = 1; f->seed <= LOGS; f->seed++) {
        mr_day_list list = {0};
        make_records(f);
        begin_anew(f);
        feed(f, RECORDS, 64);
        assert_ok(checkpoint(f));
        assert_ok(mr_day_files_list(&f->owned->day_files, 0, &list, NULL));
        assert_int_equal(list.count, check_days(f));
        assert_in_range(list.count, 25,
                        list.days[list.count - 1] - list.days[0]); /* some lack */
        mr_day_list_deinit(&list);
    }
    for (int label = 0; label < 3; label++)
        assert_in_range(f->labels[label], 20, LOGS * 10 * RECORDS);
}

static void test_batches_split_anywhere_give_the_same_files(void **state)
{
    fixture *f = *state;
    static const size_t steps[] = {1, 2, 7, 50, 333};
    mr_buffer reference = {0};
    read_reference(f, &reference);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        feed(f, RECORDS, steps[s]);
        assert_ok(checkpoint(f));
        assert_same_files(f, &reference);
        begin_anew(f);
    }
    mr_buffer_deinit(&reference);
}

static void test_crashes_leave_no_trace(void **state)
{
    fixture *f = *state;
    mr_buffer reference = {0};
    read_reference(f, &reference);
    for (size_t i = 0; (size_t)mr_shard_next_offset(f->owned->shard) < RECORDS; i++) {
        const size_t at = (size_t)mr_shard_next_offset(f->owned->shard);
        const size_t ahead = 1 + (size_t)(mr_random_uniform(f->seed + 5, i) * 90);
        feed(f, at + ahead < RECORDS ? at + ahead : RECORDS, 1 + i % 13);
        if (i % 2 == 0)
            crash(f); /* what was closed since is closed again */
        else
            assert_ok(checkpoint(f));
    }
    assert_ok(checkpoint(f));
    assert_same_files(f, &reference);
    mr_buffer_deinit(&reference);
}

static void test_what_cannot_be_written_holds_the_checkpoint_and_goes_again(void **state)
{
    fixture *f = *state;
    char path[2 * APP_PATH_BYTES];
    mr_buffer reference = {0};
    read_reference(f, &reference);
    (void)snprintf(path, sizeof(path), "%s/%s/days", f->config.state.path,
                   f->config.log.topic);
    assert_ok(mr_file_replace(path, "in the way", 10, NULL));
    feed(f, RECORDS / 2, 20);
    const int64_t before = f->owned->checkpointed_offset;
    assert_int_not_equal(checkpoint(f), MR_OK);
    assert_int_equal(f->owned->checkpointed_offset, before);
    feed(f, RECORDS, 20);
    assert_int_equal(remove(path), 0);
    assert_ok(checkpoint(f));
    assert_same_files(f, &reference);
    mr_buffer_deinit(&reference);
}

static void test_too_many_days_that_wait_hold_the_shard(void **state)
{
    fixture *f = *state;
    mr_buffer reference = {0};
    mr_error error = {{0}};
    read_reference(f, &reference);
    feed(f, 100, 30);
    f->owned->days.bytes = MR_DAY_BOX_BYTES_MAX + 1;
    assert_int_equal(mr_owned_shard_apply(f->owned, &f->batch, f->records + 100,
                                          RECORDS - 100, &error),
                     MR_ERR_FULL);
    const int64_t stopped = mr_shard_next_offset(f->owned->shard);
    assert_in_range(stopped, 100, 150); /* up to the end of a day */
    assert_int_equal(
        mr_owned_shard_apply(f->owned, &f->batch, f->records + stopped, 1, &error),
        MR_ERR_FULL);
    assert_int_equal(mr_shard_next_offset(f->owned->shard), stopped);
    assert_ok(checkpoint(f));
    feed(f, RECORDS, 30);
    assert_ok(checkpoint(f));
    assert_same_files(f, &reference);
    mr_buffer_deinit(&reference);
}

static void test_labels_left_due_are_made_good_at_the_next_start(void **state)
{
    fixture *f = *state;
    char path[2 * APP_PATH_BYTES];
    mr_buffer whole = {0};
    feed(f, RECORDS, 50);
    assert_ok(checkpoint(f));
    read_all(f, &whole);
    char date[MR_TIME_TEXT_BYTES];
    mr_time_to_text(START_MS, date);
    (void)snprintf(path, sizeof(path), "%s/%s/days/p00000/%.10s.labels",
                   f->config.state.path, f->config.log.topic, date);
    assert_int_equal(remove(path), 0);
    crash(f);
    assert_ok(mr_shard_outbox_put(f->owned->shard, MR_TEXT("a"), MR_TEXT("{}"),
                                  &(uint64_t){0})); /* there is something to checkpoint */
    assert_ok(checkpoint(f));
    assert_same_files(f, &whole);
    mr_buffer_deinit(&whole);
}

static void test_files_past_their_retention_are_removed(void **state)
{
    fixture *f = *state;
    mr_day_list list = {0};
    f->owned->day_files.retention_days = 10;
    feed(f, RECORDS, 50);
    assert_ok(checkpoint(f));
    assert_ok(mr_day_files_list(&f->owned->day_files, 0, &list, NULL));
    assert_in_range(list.count, 3, 11);
    assert_in_range(list.days[list.count - 1] - list.days[0], 3, 10);
    mr_day_list_deinit(&list);
}

static void test_without_retention_there_are_none_and_the_cuts_go_on(void **state)
{
    fixture *f = *state;
    mr_day_list list = {0};
    f->owned->day_files.retention_days = 0;
    f->owned->job.day_files = NULL;
    feed(f, RECORDS / 2, 50);
    assert_ok(checkpoint(f));
    assert_ok(mr_day_files_list(&f->owned->day_files, 0, &list, NULL));
    assert_int_equal(list.count, 0);
    crash(f); /* now with them */
    feed(f, RECORDS, 50);
    assert_ok(checkpoint(f));
    assert_ok(mr_day_files_list(&f->owned->day_files, 0, &list, NULL));
    assert_true(list.count > 3);
    mr_day_rows rows = {0};
    uint32_t crc;
    assert_ok(mr_day_files_read(&f->owned->day_files, 0, list.days[0], MR_DAY_ALL, &rows,
                                &crc, NULL));
    assert_int_equal(rows.since_offset, cut_at(f, midnight_ms(f, list.days[0])));
    mr_day_rows_deinit(&rows);
    mr_day_list_deinit(&list);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_files_are_what_the_records_say),
        CASE(test_batches_split_anywhere_give_the_same_files),
        CASE(test_crashes_leave_no_trace),
        CASE(test_what_cannot_be_written_holds_the_checkpoint_and_goes_again),
        CASE(test_too_many_days_that_wait_hold_the_shard),
        CASE(test_labels_left_due_are_made_good_at_the_next_start),
        CASE(test_files_past_their_retention_are_removed),
        CASE(test_without_retention_there_are_none_and_the_cuts_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
