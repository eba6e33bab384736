/*
 * Checkpoint formats: every one that was ever released is read as it was written.
 *
 * formats/checkpoint-N holds a directory of checkpoints in format N, frozen when the format was
 * new, and the canonical dump of what it holds.  What a later program adds to the dump are lines
 * about the shard as a whole; every line of the frozen one must still be there, in its order.
 *
 *     test_checkpoint_formats freeze DIRECTORY      writes one in the present format
 */
#include "features/canonical_dump.h"
#include "features/checkpoint.h"
#include "features/checkpoint_cut.h"
#include "features/segments.h"
#include "tests/golden/frozen_shard.h"

#include "core/file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* mr_plan_segments_hash() of the default plan then. */
#define FROZEN_SEGMENTS_HASH UINT64_C(0x115de8526f38b67e)

static mr_plan *plan;
static mr_hash_key key;

static int open_plan(void **state)
{
    (void)state;
    assert_ok(mr_plan_create_default(&plan));
    frozen_key(&key);
    return 0;
}

static int close_plan(void **state)
{
    (void)state;
    mr_plan_destroy(plan);
    return 0;
}

static mr_status keep(void *context, mr_text lines)
{
    mr_buffer_put_text(context, lines);
    return MR_OK;
}

static void dump(const mr_shard *shard, mr_buffer *text)
{
    assert_ok(mr_canonical_dump(&shard, 1, MR_TIME_NONE, MR_DUMP_ALL, keep, text));
    assert_ok(mr_buffer_status(text));
}

static void path_of(int format, const char *name, char ret_path[PATH_MAX])
{
    const char *source = getenv("MILLRACE_SOURCE");
    (void)snprintf(ret_path, PATH_MAX, "%s/tests/golden/formats/checkpoint-%d%s%s",
                   source != NULL ? source : ".", format, name[0] == '\0' ? "" : "/",
                   name);
}

static mr_text take_line(mr_text *rest)
{
    const char *end = memchr(rest->bytes, '\n', rest->length);
    assert_non_null(end);
    const mr_text line = {.bytes = rest->bytes, .length = (uint32_t)(end - rest->bytes)};
    rest->bytes = end + 1;
    rest->length -= line.length + 1;
    return line;
}

/* Whether the line is about the shard as a whole, or of a feature that came after the format. */
static bool is_later(const mr_shard *shard, mr_text line)
{
    if (line.length >= 3 && memcmp(line.bytes, "\\s\t", 3) == 0)
        return true;
    const char *tab = memchr(line.bytes, '\t', line.length);
    for (size_t i = 0; tab != NULL && i < mr_plan_feature_count(plan); i++) {
        const char *name = mr_plan_feature(plan, i)->name;
        const size_t length = strlen(name);
        const size_t left = line.length - (size_t)(tab + 1 - line.bytes);
        int64_t offset;
        int64_t time_ms;
        if (length <= left && memcmp(tab + 1, name, length) == 0 &&
            (length == left || tab[1 + length] == '\t'))
            return mr_shard_feature_since(shard, i, &offset, &time_ms);
    }
    return false;
}

/* Every frozen line in its order; between them only later ones. */
static void assert_holds(const mr_shard *shard, const mr_buffer *actual,
                         const mr_buffer *frozen)
{
    mr_text now = {(const char *)actual->bytes, (uint32_t)actual->length};
    mr_text then = {(const char *)frozen->bytes, (uint32_t)frozen->length};
    while (then.length > 0) {
        const mr_text expected = take_line(&then);
        for (;;) {
            if (now.length == 0)
                fail_msg("no line '%.*s'", (int)expected.length, expected.bytes);
            const mr_text line = take_line(&now);
            if (mr_text_equal(line, expected))
                break;
            if (!is_later(shard, line))
                fail_msg("'%.*s' where '%.*s' was", (int)line.length, line.bytes,
                         (int)expected.length, expected.bytes);
        }
    }
    while (now.length > 0)
        assert_true(is_later(shard, take_line(&now)));
}

static bool is_second_alert(void *context, uint64_t sequence, mr_text id, mr_text record)
{
    assert_int_equal(sequence, 2);
    assert_true(mr_text_is(id, "a2"));
    assert_true(mr_text_is(record, "{\"n\":2}"));
    ++*(size_t *)context;
    return true;
}

/* What was told of segments is of those that the default plan had when the format was new. */
static void check_told_segments(const mr_shard *shard, int format)
{
    const bool is_told =
        format > 3 && mr_plan_segments_hash(plan) == FROZEN_SEGMENTS_HASH;
    const mr_quintiles frozen = frozen_quintiles();
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++)
        assert_true(mr_shard_told_segments(shard, row) ==
                    (is_told ? frozen_told_segments(row) : 0));
    if (is_told)
        assert_memory_equal(mr_shard_told_by(shard), &frozen, sizeof(frozen));
    else
        assert_int_equal(mr_shard_told_by(shard)->customers, 0);
}

static void check_derived(const mr_shard *shard, int format)
{
    check_told_segments(shard, format);
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
        const mr_churn_mark mark = mr_shard_churn(shard, row);
        const bool is_scored = row % 5 == 0;
        assert_int_equal(mark.permille, is_scored ? 10 * row + 7 : UINT16_MAX);
        assert_int_equal(mark.tier, is_scored ? row % 4 : 0);
        assert_int_equal(mark.since_ms, is_scored ? START_MS + row * 1000 : 0);
        const bool is_told = row % 3 == 0 && format > 2;
        assert_int_equal(mr_shard_told(shard, row), is_told ? row * 50 + 1 : 0);
    }
    size_t alerts = 0;
    mr_shard_outbox_pending(shard, 0, is_second_alert, &alerts);
    assert_int_equal(alerts, 1);
    assert_int_equal(mr_shard_dialect(shard), 3);
    const mr_day_mark day = mr_shard_day_mark(shard);
    assert_int_equal(day.cut_offset, format > 2 ? 120 : 0);
    assert_int_equal(day.end_ms, format > 2 ? START_MS + 20 * DAY_MS : MR_TIME_NONE);
    assert_true(mr_text_is(mr_shard_dialect_profile(shard), "online-retail"));
}

static mr_shard *restore(int format, mr_checkpoint_info *ret_info)
{
    char path[PATH_MAX];
    path_of(format, "", path);
    mr_checkpoint_store *store;
    mr_error error = {{0}};
    mr_shard *shard = NULL;
    assert_ok(mr_checkpoint_store_open(path, "events", 2, &store, NULL));
    if (mr_checkpoint_restore(store, FROZEN_PARTITION, plan, &key, 0, &shard, ret_info,
                              &error) != MR_OK)
        fail_msg("format %d: %s", format, error.message);
    assert_int_equal(ret_info->skipped, 0);
    mr_checkpoint_store_close(store);
    return shard;
}

static void check_format(int format)
{
    char path[PATH_MAX];
    mr_buffer frozen = {0};
    mr_buffer actual = {0};
    path_of(format, "dump.txt", path);
    assert_ok(mr_file_read(path, &frozen, NULL));
    mr_checkpoint_info info;
    mr_shard *shard = restore(format, &info);
    mr_shard_check(shard);
    dump(shard, &actual);
    assert_holds(shard, &actual, &frozen);
    check_derived(shard, format);
    assert_int_equal(mr_shard_links_waiting(shard), format == 1 ? 0 : 2);
    frozen_put_events(shard, 0, 2); /* and it goes on */
    mr_shard_check(shard);
    mr_shard_destroy(shard);
    mr_buffer_deinit(&actual);
    mr_buffer_deinit(&frozen);
}

static void test_format_1_is_read_to_the_byte_of_its_dump(void **state)
{
    (void)state;
    check_format(1);
}

static void test_format_2_is_read_to_the_byte_of_its_dump(void **state)
{
    (void)state;
    check_format(2);
}

static void test_format_3_is_read_to_the_byte_of_its_dump(void **state)
{
    (void)state;
    check_format(3);
}

static void test_format_4_is_read_to_the_byte_of_its_dump(void **state)
{
    (void)state;
    check_format(4);
}

static void write_cut(mr_checkpoint_store *store, mr_shard *shard, uint64_t generation)
{
    mr_buffer state = {0};
    mr_checkpoint_cut_begin(shard, FROZEN_EPOCH, generation, &state);
    while (!mr_checkpoint_cut_step(shard, 10))
        continue;
    assert_ok(mr_checkpoint_write(store, FROZEN_PARTITION, FROZEN_EPOCH, generation,
                                  &state, NULL));
    mr_checkpoint_cut_settle(shard, true);
    mr_buffer_deinit(&state);
}

/* A base, and the last users in a delta on it. */
static int freeze(const char *directory)
{
    char path[PATH_MAX];
    mr_checkpoint_store *store;
    mr_buffer text = {0};
    (void)open_plan(NULL);
    mr_shard *shard = frozen_shard(plan);
    assert_ok(mr_checkpoint_store_open(directory, "events", 2, &store, NULL));
    frozen_put_events(shard, 0, FROZEN_USERS - 6);
    write_cut(store, shard, 7);
    frozen_put_events(shard, FROZEN_USERS - 6, 6);
    frozen_put_links(shard);
    frozen_put_others(shard);
    write_cut(store, shard, 8);
    assert_false(mr_checkpoint_cut_is_base(shard));
    dump(shard, &text);
    (void)snprintf(path, sizeof(path), "%s/dump.txt", directory);
    assert_ok(mr_file_replace(path, text.bytes, text.length, NULL));
    mr_buffer_deinit(&text);
    mr_checkpoint_store_close(store);
    mr_shard_destroy(shard);
    return close_plan(NULL);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "freeze") == 0)
        return freeze(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_1_is_read_to_the_byte_of_its_dump),
        cmocka_unit_test(test_format_2_is_read_to_the_byte_of_its_dump),
        cmocka_unit_test(test_format_3_is_read_to_the_byte_of_its_dump),
        cmocka_unit_test(test_format_4_is_read_to_the_byte_of_its_dump),
    };
    return cmocka_run_group_tests(tests, open_plan, close_plan);
}
