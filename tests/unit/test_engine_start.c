/* Method: the engine itself, run to the end of a log in the test's directory, again and again
 * while something is done to the log or the state between two runs: segments are removed, files
 * are lost or damaged, a topic is made anew.  What it then says and counts is compared with what
 * was done. */
#include "tests/app_support.h"

#include "app/beginning.h"
#include "app/engine.h"
#include "app/state_lock.h"
#include "features/checkpoint.h"
#include "features/shard.h"
#include "ingest/log_directory.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PARTITIONS = 2, RECORDS = 400, SEGMENT_BYTES = 4096, GROUP = 20 };
#define START_MS INT64_C(1700000000000)

typedef struct world {
    mr_config config;
    mr_error error;
} world;

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
    assert_non_null(*text);
}

static void begin(world *w)
{
    char path[APP_PATH_BYTES];
    *w = (world){.error = {{0}}};
    assert_int_equal(app_set_up(NULL), 0);
    app_configure(&w->config, PARTITIONS);
    set_text(&w->config.state.path, app_path("state", path));
    set_text(&w->config.models.path, app_path("models", path));
}

static void end(world *w)
{
    mr_config_deinit(&w->config);
    assert_int_equal(app_tear_down(NULL), 0);
}

static mr_status run_with(world *w, const char *begin_anew)
{
    const mr_engine_options options = {.until_end = true, .begin_anew = begin_anew};
    w->error = (mr_error){{0}};
    return mr_engine_run(&w->config, &options, &w->error);
}

static mr_status run(world *w)
{
    return run_with(w, NULL);
}

#define expect_error(w, call, code, ...)                                                 \
    do {                                                                                 \
        static const char *const parts_[] = {__VA_ARGS__};                               \
        assert_int_equal(call, code);                                                    \
        for (size_t i_ = 0; i_ < sizeof(parts_) / sizeof(parts_[0]); i_++)               \
            if (strstr((w)->error.message, parts_[i_]) == NULL)                          \
                fail_msg("no '%s' in: %s", parts_[i_], (w)->error.message);              \
    } while (0)

static mr_log_entry view(int i, char user[16], char item[16], char value[256], bool keyed)
{
    (void)snprintf(user, 16, "u%d", i % 13);
    (void)snprintf(item, 16, "i%d", i % 17);
    (void)snprintf(value, 256,
                   "{\"type\":\"view\",\"user_id\":\"%s\",\"item_id\":\"%s\","
                   "\"time\":%" PRId64 "}",
                   user, item, START_MS + i);
    return (mr_log_entry){.partition = MR_LOG_ANY_PARTITION,
                          .key = mr_text_from(keyed ? user : item),
                          .value = mr_text_from(value),
                          .time_ms = START_MS + i};
}

/* Views from number `first` on; with `keyed` false the key is the item's. */
static void append_views(const world *w, int first, int count, bool keyed)
{
    mr_log *log = NULL;
    const mr_log_file_options options = {.path = w->config.log.path,
                                         .topic = "events",
                                         .partitions = PARTITIONS,
                                         .segment_bytes = SEGMENT_BYTES};
    assert_ok(mr_log_open_file(&options, &log, NULL, NULL));
    for (int i = first; i < first + count; i += GROUP) {
        char users[GROUP][16];
        char items[GROUP][16];
        char values[GROUP][256];
        mr_log_entry entries[GROUP];
        for (int k = 0; k < GROUP; k++)
            entries[k] = view(i + k, users[k], items[k], values[k], keyed);
        const int left = first + count - i;
        assert_ok(mr_log_append(log, entries, (size_t)(left < GROUP ? left : GROUP), NULL,
                                NULL));
    }
    mr_log_close(log);
}

static const char *log_directory(const world *w, char path[APP_PATH_BYTES])
{
    (void)snprintf(path, APP_PATH_BYTES, "%s/events", w->config.log.path);
    return path;
}

/* Remove the segments of a partition below the one that begins at or before `offset`. */
static int64_t trim(const world *w, uint32_t partition, int64_t offset)
{
    char directory[APP_PATH_BYTES];
    char path[MR_LOG_PATH_BYTES];
    int64_t *bases = NULL;
    size_t count = 0;
    assert_ok(mr_log_segment_list(log_directory(w, directory), partition, &bases, &count,
                                  NULL));
    size_t i = 0;
    for (; i + 1 < count && bases[i + 1] <= offset; i++) {
        mr_log_segment_path(directory, partition, bases[i], path);
        assert_int_equal(unlink(path), 0);
    }
    const int64_t first = bases[i];
    free(bases);
    return first;
}

static int64_t end_of(const world *w, uint32_t partition)
{
    mr_log *log = NULL;
    const mr_log_file_options options = {
        .path = w->config.log.path, .topic = "events", .read_only = true};
    assert_ok(mr_log_open_file(&options, &log, NULL, NULL));
    int64_t first = 0;
    int64_t last = 0;
    mr_log_range(log, partition, &first, &last);
    mr_log_close(log);
    return last;
}

/* The newest checkpoint of a partition, and its counters. */
static mr_checkpoint_info newest(const world *w, uint32_t partition,
                                 mr_shard_counters *ret_counters)
{
    mr_plan *plan = NULL;
    mr_checkpoint_store *store = NULL;
    mr_shard *shard = NULL;
    mr_checkpoint_info info;
    mr_hash_key key;
    mr_error error = {{0}};
    mr_hash_key_init(&key, "", 0);
    assert_ok(mr_plan_create_default(&plan));
    assert_ok(mr_checkpoint_store_open(w->config.state.path, "events", 2, &store, NULL));
    if (mr_checkpoint_restore(store, partition, plan, &key, 0, &shard, &info, &error) !=
        MR_OK)
        fail_msg("%s", error.message);
    mr_shard_counters_get(shard, ret_counters);
    mr_shard_destroy(shard);
    mr_checkpoint_store_close(store);
    mr_plan_destroy(plan);
    return info;
}

static void state_path(const world *w, const char *name, char path[APP_PATH_BYTES])
{
    (void)snprintf(path, APP_PATH_BYTES, "%s/events/%s", w->config.state.path, name);
}

static void remove_state(const world *w, const char *name)
{
    char path[APP_PATH_BYTES];
    state_path(w, name, path);
    assert_ok(mr_directory_remove(path, NULL));
}

/* ---- gaps ---- */

/* Two runs with more records between them than the log then still holds.  Returns the first
 * offset held of partition 1; `ret_wanted` is what its checkpoint needs next. */
static int64_t run_and_trim(world *w, int64_t *ret_wanted)
{
    mr_shard_counters counters;
    append_views(w, 0, RECORDS, true);
    assert_ok(run(w));
    *ret_wanted = newest(w, 1, &counters).next_offset;
    append_views(w, RECORDS, RECORDS, true);
    const int64_t first = trim(w, 1, end_of(w, 1) - 10);
    assert_true(first > *ret_wanted);
    return first;
}

static void test_a_gap_stops_and_names_each_offset_that_is_lost(void **state)
{
    (void)state;
    world w;
    char gap[64];
    int64_t wanted;
    mr_shard_counters counters;
    begin(&w);
    const int64_t first = run_and_trim(&w, &wanted);
    (void)snprintf(gap, sizeof(gap), "gap 1:%" PRId64 "..%" PRId64 ":", wanted,
                   first - 1);
    expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "--on-gap earliest");
    assert_non_null(strstr(w.error.message, gap));
    assert_int_equal(newest(&w, 1, &counters).next_offset, wanted);
    assert_int_equal(counters.gap, 0);
    /* The other partition has gone on. */
    assert_int_equal(newest(&w, 0, &counters).next_offset, end_of(&w, 0));
    end(&w);
}

static void test_going_on_from_the_earliest_counts_what_is_lost_and_reads_the_rest(
    void **state)
{
    (void)state;
    world w;
    int64_t wanted;
    mr_shard_counters counters;
    begin(&w);
    const int64_t first = run_and_trim(&w, &wanted);
    w.config.log.on_gap = 1;
    assert_ok(run(&w));
    assert_int_equal(newest(&w, 1, &counters).next_offset, end_of(&w, 1));
    assert_int_equal(counters.gap, first - wanted);
    assert_int_equal(counters.applied, wanted + end_of(&w, 1) - first);
    end(&w);
}

static void test_going_on_from_the_latest_counts_all_that_is_not_read(void **state)
{
    (void)state;
    world w;
    int64_t wanted;
    mr_shard_counters counters;
    begin(&w);
    (void)run_and_trim(&w, &wanted);
    w.config.log.on_gap = 2;
    assert_ok(run(&w));
    assert_int_equal(newest(&w, 1, &counters).next_offset, end_of(&w, 1));
    assert_int_equal(counters.gap, end_of(&w, 1) - wanted);
    assert_int_equal(counters.applied, wanted);
    assert_ok(run(&w)); /* the loss is in the checkpoint: no second gap */
    end(&w);
}

static void test_a_log_that_ends_before_the_checkpoint_is_no_gap_to_skip(void **state)
{
    (void)state;
    world w;
    char directory[APP_PATH_BYTES];
    char path[MR_LOG_PATH_BYTES];
    int64_t *bases = NULL;
    size_t count = 0;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    assert_ok(mr_log_segment_list(log_directory(&w, directory), 0, &bases, &count, NULL));
    mr_log_segment_path(directory, 0, bases[count - 1], path);
    assert_int_equal(unlink(path), 0);
    free(bases);
    for (w.config.log.on_gap = 0; w.config.log.on_gap <= 2; w.config.log.on_gap++)
        expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "partition 0",
                     "the log ends before that");
    end(&w);
}

/* ---- beginnings ---- */

/* Start a process that serves, and kill it as soon as every partition has begun: nothing was
 * read, no last checkpoint is made. */
static void kill_when_begun(world *w)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    set_text(&w->config.http.listen, "127.0.0.1:0");
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const mr_engine_options options = {.until_end = false};
        _exit(mr_engine_run(&w->config, &options, NULL) == MR_OK ? 0 : 1);
    }
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        mr_beginning begun;
        for (int i = 0; mr_beginning_read(&w->config, p, &begun, NULL) != MR_OK; i++) {
            assert_in_range(i, 0, 20000);
            (void)nanosleep(&nap, NULL);
        }
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void test_the_first_position_is_durable_before_the_first_record(void **state)
{
    (void)state;
    world w;
    mr_shard_counters counters;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    set_text(&w.config.log.start, "latest");
    const int64_t ends[PARTITIONS] = {end_of(&w, 0), end_of(&w, 1)};
    kill_when_begun(&w);
    append_views(&w, RECORDS, RECORDS, true);
    assert_ok(run(&w));
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(newest(&w, p, &counters).next_offset, end_of(&w, p));
        assert_int_equal(counters.first_offset, ends[p]);
        assert_int_equal(counters.applied, end_of(&w, p) - ends[p]);
    }
    end(&w);
}

static void test_a_lost_partition_does_not_begin_as_if_it_were_new(void **state)
{
    (void)state;
    world w;
    mr_shard_counters counters;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    remove_state(&w, "p00001");
    expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "partition 1", "no checkpoint",
                 "it has run", "millrace checkpoint list", "--begin-anew 1");
    expect_error(&w, run_with(&w, "0"), MR_ERR_UNAVAILABLE, "--begin-anew 1");
    assert_ok(run_with(&w, "0,1"));
    assert_int_equal(newest(&w, 1, &counters).next_offset, end_of(&w, 1));
    assert_int_equal(counters.applied, end_of(&w, 1));
    assert_ok(run(&w));
    end(&w);
}

static void test_an_emptied_state_directory_is_noticed_by_the_log(void **state)
{
    (void)state;
    world w;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    assert_ok(mr_directory_remove(w.config.state.path, NULL));
    expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "no checkpoint",
                 "its log says that it has run", "--begin-anew");
    set_text(&w.config.log.group, "another");
    assert_ok(run(&w)); /* another reader of the same log is new to it */
    end(&w);
}

static void damage_all(const world *w, const char *partition, const char *suffix)
{
    char directory[APP_PATH_BYTES];
    char path[2 * APP_PATH_BYTES];
    state_path(w, partition, directory);
    DIR *stream = opendir(directory);
    assert_non_null(stream);
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, suffix) != 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, 100, SEEK_SET), 0);
        assert_int_equal(fputc('~', file), '~');
        assert_int_equal(fclose(file), 0);
    }
    assert_int_equal(closedir(stream), 0);
}

static void test_damage_of_every_generation_is_no_first_start(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".base", ".manifest"};
    for (size_t i = 0; i < 2; i++) {
        world w;
        mr_shard_counters counters;
        begin(&w);
        append_views(&w, 0, RECORDS, true);
        assert_ok(run(&w));
        damage_all(&w, "p00000", suffixes[i]);
        expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "partition 0",
                     "no undamaged checkpoint", "--begin-anew 0");
        assert_ok(run_with(&w, "0"));
        assert_int_equal(newest(&w, 0, &counters).next_offset, end_of(&w, 0));
        end(&w);
    }
}

static void test_checkpoints_without_a_note_are_taken_and_noted(void **state)
{
    (void)state;
    world w;
    mr_beginning found;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    assert_ok(mr_beginning_read(&w.config, 1, &found, NULL));
    assert_int_equal(found.partitions, PARTITIONS);
    assert_int_not_equal(found.topic_id, 0);
    remove_state(&w, "p00001.json");
    assert_ok(run(&w));
    mr_beginning again;
    assert_ok(mr_beginning_read(&w.config, 1, &again, NULL));
    assert_true(again.topic_id == found.topic_id);
    end(&w);
}

static void test_a_topic_made_anew_is_not_the_one_the_checkpoints_are_of(void **state)
{
    (void)state;
    world w;
    mr_shard_counters counters;
    char directory[APP_PATH_BYTES];
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    assert_ok(mr_directory_remove(log_directory(&w, directory), NULL));
    append_views(&w, 0, 3 * RECORDS, true); /* long enough to be read from the middle */
    expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "made anew", "--begin-anew all");
    assert_ok(run_with(&w, "all"));
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        assert_int_equal(newest(&w, p, &counters).next_offset, end_of(&w, p));
        assert_int_equal(counters.applied, end_of(&w, p));
    }
    assert_ok(run(&w));
    end(&w);
}

static void test_another_number_of_partitions_is_named_before_anything_is_read(
    void **state)
{
    (void)state;
    world w;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    const mr_beginning other = {0, PARTITIONS + 1};
    assert_ok(mr_beginning_write(&w.config, 1, &other, NULL));
    expect_error(&w, run(&w), MR_ERR_INVALID, "has 2 partitions", "had 3", "partition 1");
    end(&w);
}

static void test_a_note_of_a_newer_format_names_both(void **state)
{
    (void)state;
    world w;
    char path[APP_PATH_BYTES];
    mr_beginning found;
    begin(&w);
    append_views(&w, 0, 1, true);
    assert_ok(run(&w));
    (void)app_write_text("state/events/p00000.json",
                         "{\"format\":7,\"topic_id\":\"0000000000000001\","
                         "\"partitions\":2}",
                         path);
    assert_int_equal(mr_beginning_read(&w.config, 0, &found, &w.error), MR_ERR_INVALID);
    assert_non_null(strstr(w.error.message, "format 7"));
    assert_non_null(strstr(w.error.message, "up to 1"));
    (void)app_write_text("state/events/p00000.json", "{\"format\":1}", path);
    assert_int_equal(mr_beginning_read(&w.config, 0, &found, NULL), MR_ERR_CORRUPT);
    (void)app_write_text("state/events/p00000.json",
                         "{\"format\":1,\"topic_id\":\"-000000000000001\","
                         "\"partitions\":2}",
                         path); /* strtoull() would take it */
    assert_int_equal(mr_beginning_read(&w.config, 0, &found, NULL), MR_ERR_CORRUPT);
    end(&w);
}

static void test_the_words_of_begin_anew(void **state)
{
    (void)state;
    static const char *const right[] = {"all", "0", "0,3", "12,4000000000"};
    static const char *const wrong[] = {"",   "none", "0,",   "0,,1",
                                        "-1", "1x",   "0, 1", ","};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_ok(mr_beginning_check_anew(right[i], NULL));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(mr_beginning_check_anew(wrong[i], NULL), MR_ERR_INVALID);
    assert_true(mr_beginning_is_anew("all", 7));
    assert_true(mr_beginning_is_anew("0,17,3", 17));
    assert_false(mr_beginning_is_anew("0,17,3", 1));
    assert_false(mr_beginning_is_anew("", 0));
}

/* ---- who may write, and what may be read ---- */

static void test_a_second_owner_of_the_state_is_refused(void **state)
{
    (void)state;
    world w;
    int lock = -1;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    assert_ok(mr_state_lock_take(&w.config, MR_LOCK_SHARED, &lock, NULL));
    expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "lock is held", "state.path");
    int second = -1;
    assert_ok(mr_state_lock_take(&w.config, MR_LOCK_SHARED, &second, NULL));
    (void)close(second);
    assert_int_equal(mr_state_lock_take(&w.config, MR_LOCK_ALONE, &second, NULL),
                     MR_ERR_UNAVAILABLE);
    (void)close(lock);
    assert_ok(run(&w));
    end(&w);
}

static void test_nodes_that_share_the_partitions_share_the_lock(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_int_equal(mr_state_lock_kind(&w.config), MR_LOCK_ALONE);
    set_text(&w.config.log.assigned, "0,1");
    assert_int_equal(mr_state_lock_kind(&w.config), MR_LOCK_SHARED);
    set_text(&w.config.log.assigned, "");
    w.config.log.mode = 1;
    assert_int_equal(mr_state_lock_kind(&w.config), MR_LOCK_SHARED);
    end(&w);
}

static void test_a_topic_keyed_by_something_else_is_refused_and_not_read(void **state)
{
    (void)state;
    world w;
    mr_shard_counters counters;
    begin(&w);
    append_views(&w, 0, RECORDS, false);
    expect_error(&w, run(&w), MR_ERR_UNAVAILABLE, "not keyed by profile id", "user_id");
    for (uint32_t p = 0; p < PARTITIONS; p++)
        assert_int_equal(newest(&w, p, &counters).next_offset, 0);
    end(&w);
}

static void test_a_few_strange_keys_among_many_right_ones_are_read(void **state)
{
    (void)state;
    world w;
    mr_shard_counters counters;
    begin(&w);
    append_views(&w, 0, RECORDS, true);
    append_views(&w, 0, 10, false);
    append_views(&w, 0, RECORDS, true);
    assert_ok(run(&w));
    uint64_t applied = 0;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        (void)newest(&w, p, &counters);
        applied += counters.applied;
    }
    assert_int_equal(applied, 2 * RECORDS + 10);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_gap_stops_and_names_each_offset_that_is_lost),
        cmocka_unit_test(
            test_going_on_from_the_earliest_counts_what_is_lost_and_reads_the_rest),
        cmocka_unit_test(test_going_on_from_the_latest_counts_all_that_is_not_read),
        cmocka_unit_test(test_a_log_that_ends_before_the_checkpoint_is_no_gap_to_skip),
        cmocka_unit_test(test_the_first_position_is_durable_before_the_first_record),
        cmocka_unit_test(test_a_lost_partition_does_not_begin_as_if_it_were_new),
        cmocka_unit_test(test_an_emptied_state_directory_is_noticed_by_the_log),
        cmocka_unit_test(test_damage_of_every_generation_is_no_first_start),
        cmocka_unit_test(test_checkpoints_without_a_note_are_taken_and_noted),
        cmocka_unit_test(test_a_topic_made_anew_is_not_the_one_the_checkpoints_are_of),
        cmocka_unit_test(
            test_another_number_of_partitions_is_named_before_anything_is_read),
        cmocka_unit_test(test_a_note_of_a_newer_format_names_both),
        cmocka_unit_test(test_the_words_of_begin_anew),
        cmocka_unit_test(test_a_second_owner_of_the_state_is_refused),
        cmocka_unit_test(test_nodes_that_share_the_partitions_share_the_lock),
        cmocka_unit_test(test_a_topic_keyed_by_something_else_is_refused_and_not_read),
        cmocka_unit_test(test_a_few_strange_keys_among_many_right_ones_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
