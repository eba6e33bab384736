/*
 * Property: log_file against a list of texts.
 *
 * Random appends, reopenings and tears at the end; after each, what is read from a random offset
 * is what the list holds.  Then, on a small segment: every length the file can be cut to, and
 * every byte flipped.  A flip is always noticed: it is either damage, named with its file, or,
 * in the last group, which no later batch vouches for, it is cut like a torn tail.  No flip is
 * harmless, because two checksums cover every byte.
 */
#include "tests/overwrite.h"

#include "core/file.h"
#include "ingest/log_file_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEPS = 400, RECORDS_MAX = 4000, VALUE_BYTES = 40 };

static char directory[] = "/tmp/mr_log_model.XXXXXX";
static char model[RECORDS_MAX][VALUE_BYTES];
static int64_t model_count;
static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
    random_state ^= random_state << 13; /* [Marsaglia 2003, xorshift64] */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % below;
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/mr_log_model.XXXXXX");
    model_count = 0;
    random_state = 88172645463325252ULL;
    return mkdtemp(directory) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    return mr_directory_remove(directory, NULL) != MR_OK;
}

static mr_status try_open(size_t segment_bytes, bool compress, bool read_only,
                          mr_log **ret_log, int64_t *ret_cut_bytes, mr_error *ret_error)
{
    const mr_log_file_options options = {.path = directory,
                                         .topic = "t",
                                         .partitions = 1,
                                         .segment_bytes = segment_bytes,
                                         .compress = compress,
                                         .read_only = read_only};
    return mr_log_open_file(&options, ret_log, ret_cut_bytes, ret_error);
}

static void append_random(mr_log *log)
{
    mr_log_entry entries[20];
    const uint32_t count = 1 + next_random(20);
    assert_true(model_count + count <= RECORDS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char *value = model[model_count + i];
        (void)snprintf(value, VALUE_BYTES, "%" PRId64 ":%u", model_count + i,
                       next_random(1000000));
        entries[i] = (mr_log_entry){.value = mr_text_from(value), .time_ms = 1};
    }
    mr_log_position positions[20];
    assert_ok(mr_log_append(log, entries, count, positions, NULL));
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(positions[i].offset, model_count + i);
    model_count += count;
}

/* Read from `offset` to the end; returns MR_OK and the number, or what went wrong. */
static mr_status read_and_compare(mr_log *log, int64_t offset, int64_t *ret_end)
{
    const mr_log_reader_options options = {.batch_records = 1 + next_random(50)};
    mr_log_reader *reader = NULL;
    assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
    mr_log_batch batch;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_ok(mr_log_reader_start(reader, 0, offset));
    mr_status status;
    while ((status = mr_log_reader_poll(reader, 0, &batch)) == MR_OK &&
           batch.signal == MR_LOG_RECORDS) {
        for (size_t i = 0; i < batch.count; i++, offset++) {
            assert_int_equal(batch.records[i].offset, offset);
            assert_true(offset < model_count);
            assert_true(mr_text_is(batch.records[i].value, model[offset]));
        }
    }
    mr_log_reader_close(reader);
    *ret_end = offset;
    return status;
}

static void segment_path(int64_t base, char path[MR_LOG_PATH_BYTES])
{
    char topic[MR_LOG_PATH_BYTES];
    (void)snprintf(topic, sizeof(topic), "%s/t", directory);
    mr_log_segment_path(topic, 0, base, path);
}

static void newest_segment(char path[MR_LOG_PATH_BYTES])
{
    int64_t *bases = NULL;
    size_t count = 0;
    char topic[MR_LOG_PATH_BYTES];
    (void)snprintf(topic, sizeof(topic), "%s/t", directory);
    assert_ok(mr_log_segment_list(topic, 0, &bases, &count, NULL));
    path[0] = '\0';
    if (count > 0)
        segment_path(bases[count - 1], path);
    free(bases);
}

/* A crash in the middle of a write: bytes of a batch that was never acknowledged. */
static int64_t tear(void)
{
    char path[MR_LOG_PATH_BYTES];
    newest_segment(path);
    if (path[0] == '\0')
        return 0;
    uint8_t bytes[200];
    const uint32_t count = 1 + next_random(sizeof(bytes));
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)next_random(256);
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    (void)fclose(file);
    return count;
}

static void run_steps(bool compress)
{
    mr_log *log = NULL;
    assert_ok(try_open(2000, compress, false, &log, NULL, NULL));
    for (int step = 0; step < STEPS && model_count + 20 < RECORDS_MAX; step++) {
        const uint32_t kind = next_random(10);
        if (kind < 6) {
            append_random(log);
        } else if (kind < 8) {
            int64_t end = -1;
            assert_ok(
                read_and_compare(log, next_random((uint32_t)model_count + 1), &end));
            assert_int_equal(end, model_count);
        } else {
            mr_log_close(log);
            const int64_t torn_bytes = kind == 9 ? tear() : 0;
            int64_t cut_bytes = -1;
            assert_ok(try_open(2000, compress, false, &log, &cut_bytes, NULL));
            assert_int_equal(cut_bytes, torn_bytes);
        }
    }
    mr_log_close(log);
}

static void test_behaves_as_a_list_over_appends_reopenings_and_torn_tails(void **state)
{
    (void)state;
    run_steps(false);
}

static void test_behaves_as_a_list_when_compressed(void **state)
{
    (void)state;
    run_steps(true);
}

/* Three appends in one segment; `ret_ends` gets the file's size after each. */
static void make_small(mr_buffer *ret_file, int64_t ret_ends[3], int64_t ret_counts[3])
{
    mr_log *log = NULL;
    char path[MR_LOG_PATH_BYTES];
    assert_ok(try_open(0, false, false, &log, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        append_random(log);
        ret_counts[i] = model_count;
        struct stat status;
        newest_segment(path);
        assert_int_equal(stat(path, &status), 0);
        ret_ends[i] = status.st_size;
    }
    mr_log_close(log);
    assert_ok(mr_file_read(path, ret_file, NULL));
}

static void put_file(const void *bytes, size_t length)
{
    char path[MR_LOG_PATH_BYTES];
    segment_path(0, path);
    test_overwrite(path, bytes, length);
}

static void test_a_file_cut_anywhere_keeps_the_whole_batches_before_the_cut(void **state)
{
    (void)state;
    mr_buffer file = {0};
    int64_t ends[3];
    int64_t counts[3];
    make_small(&file, ends, counts);
    for (size_t length = 0; length <= file.length; length++) {
        put_file(file.bytes, length);
        int whole = 0;
        while (whole < 3 && ends[whole] <= (int64_t)length)
            whole++;
        const int64_t kept = whole > 0 ? counts[whole - 1] : 0;
        const int64_t kept_bytes = whole > 0 ? ends[whole - 1]
                                   : length < MR_SEGMENT_HEADER_BYTES
                                       ? 0
                                       : MR_SEGMENT_HEADER_BYTES;
        int64_t cut_bytes = -1;
        int64_t end = -1;
        mr_log *log = NULL;
        assert_ok(try_open(0, false, true, &log, &cut_bytes, NULL)); /* a reader first */
        assert_int_equal(cut_bytes, (int64_t)length - kept_bytes);
        assert_ok(read_and_compare(log, 0, &end));
        assert_int_equal(end, kept);
        mr_log_close(log);
        assert_ok(try_open(0, false, false, &log, &cut_bytes, NULL));
        assert_int_equal(cut_bytes, (int64_t)length - kept_bytes);
        assert_ok(read_and_compare(log, 0, &end));
        assert_int_equal(end, kept);
        mr_log_close(log);
        /* A segment torn while it was begun is gone; the next append begins it again. */
        char path[MR_LOG_PATH_BYTES];
        segment_path(0, path);
        (void)unlink(path);
    }
    mr_buffer_deinit(&file);
}

static void test_every_flipped_byte_is_damage_or_cut_with_the_last_batch(void **state)
{
    (void)state;
    mr_buffer file = {0};
    int64_t ends[3];
    int64_t counts[3];
    make_small(&file, ends, counts);
    mr_buffer sound = {0};
    mr_buffer_put(&sound, file.bytes, file.length);
    for (size_t at = 0; at < file.length; at++) {
        file.bytes[at] ^= (uint8_t)(1 << next_random(8));
        put_file(file.bytes, file.length);
        mr_log *log = NULL;
        mr_error error = {.message = ""};
        int64_t cut_bytes = -1;
        const mr_status status = try_open(0, false, false, &log, &cut_bytes, &error);
        if ((int64_t)at < ends[1]) {
            assert_int_equal(status, MR_ERR_CORRUPT);
            const size_t batch_start = at < MR_SEGMENT_HEADER_BYTES ? 0
                                       : (int64_t)at < ends[0] ? MR_SEGMENT_HEADER_BYTES
                                                               : (size_t)ends[0];
            char expected[64];
            (void)snprintf(expected, sizeof(expected),
                           "damage at byte %zu:", batch_start);
            assert_non_null(strstr(error.message, expected));
            assert_non_null(strstr(error.message, ".log"));
        } else {
            assert_int_equal(status, MR_OK);
            assert_int_equal(cut_bytes, ends[2] - ends[1]);
            int64_t end = -1;
            assert_ok(read_and_compare(log, 0, &end));
            assert_int_equal(end, counts[1]);
        }
        mr_log_close(log);
        memcpy(file.bytes, sound.bytes, sound.length);
    }
    mr_buffer_deinit(&sound);
    mr_buffer_deinit(&file);
}

static void test_a_reader_beside_the_damage_says_corrupt_and_not_end(void **state)
{
    (void)state;
    mr_buffer file = {0};
    int64_t ends[3];
    int64_t counts[3];
    make_small(&file, ends, counts);
    mr_log *log = NULL;
    assert_ok(try_open(0, false, true, &log, NULL, NULL));
    file.bytes[ends[0] + 70] ^= 1;
    put_file(file.bytes, file.length);
    int64_t end = -1;
    assert_int_equal(read_and_compare(log, 0, &end), MR_ERR_CORRUPT);
    assert_int_equal(end, counts[0]);
    mr_log_close(log);
    mr_buffer_deinit(&file);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_behaves_as_a_list_over_appends_reopenings_and_torn_tails),
        TEST(test_behaves_as_a_list_when_compressed),
        TEST(test_a_file_cut_anywhere_keeps_the_whole_batches_before_the_cut),
        TEST(test_every_flipped_byte_is_damage_or_cut_with_the_last_batch),
        TEST(test_a_reader_beside_the_damage_says_corrupt_and_not_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
