/*
 * Method: a log in a fresh directory, written and read through ingest/log.h alone; only where
 * bytes are broken on purpose are files touched, and only where the disk fails is a failing one
 * put in its place.
 */
#include "tests/support.h"

#include "core/file.h"
#include "ingest/log_file_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/mr_log_file.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/mr_log_file.XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    return mr_directory_remove(directory, NULL) != MR_OK;
}

static mr_log_file_options options_of(uint32_t partitions)
{
    return (mr_log_file_options){
        .path = directory, .topic = "events", .partitions = partitions};
}

static mr_log *open_with(const mr_log_file_options *options, int64_t *ret_cut_bytes)
{
    mr_log *log = NULL;
    mr_error error = {.message = ""};
    if (mr_log_open_file(options, &log, ret_cut_bytes, &error) != MR_OK)
        fail_msg("%s", error.message);
    return log;
}

static mr_log *open_log(uint32_t partitions)
{
    const mr_log_file_options options = options_of(partitions);
    return open_with(&options, NULL);
}

static void append_text(mr_log *log, uint32_t partition, const char *value,
                        int64_t time_ms)
{
    const mr_log_entry entry = {.partition = partition,
                                .key = MR_TEXT("k"),
                                .value = mr_text_from(value),
                                .time_ms = time_ms};
    assert_ok(mr_log_append(log, &entry, 1, NULL, NULL));
}

static mr_log_reader *read_from(mr_log *log, uint32_t partition, int64_t offset)
{
    const mr_log_reader_options options = {.partitions = &partition,
                                           .partition_count = 1};
    mr_log_reader *reader = NULL;
    assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
    mr_log_batch batch;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.signal, MR_LOG_ASSIGNED);
    assert_int_equal(batch.partition, partition);
    assert_ok(mr_log_reader_start(reader, partition, offset));
    return reader;
}

/* Read to the end, checking that values are "v<offset>"; returns how many. */
static int64_t read_numbered(mr_log *log, uint32_t partition, int64_t offset)
{
    mr_log_reader *reader = read_from(log, partition, offset);
    const int64_t first = offset;
    mr_log_batch batch = {.signal = MR_LOG_IDLE};
    while (batch.signal != MR_LOG_END) {
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        for (size_t i = 0; i < batch.count; i++, offset++) {
            char expected[32];
            (void)snprintf(expected, sizeof(expected), "v%" PRId64, offset);
            assert_int_equal(batch.records[i].offset, offset);
            assert_true(mr_text_is(batch.records[i].value, expected));
        }
        assert_int_equal(batch.next_offset, offset);
    }
    mr_log_reader_close(reader);
    return offset - first;
}

static void append_numbered(mr_log *log, uint32_t partition, int64_t first, int64_t count)
{
    for (int64_t i = first; i < first + count; i++) {
        char value[32];
        (void)snprintf(value, sizeof(value), "v%" PRId64, i);
        append_text(log, partition, value, 1000 + i);
    }
}

static void path_of_segment(uint32_t partition, int64_t base,
                            char path[MR_LOG_PATH_BYTES])
{
    char topic[MR_LOG_PATH_BYTES];
    (void)snprintf(topic, sizeof(topic), "%s/events", directory);
    mr_log_segment_path(topic, partition, base, path);
}

static void test_what_was_appended_is_read_with_key_headers_and_time(void **state)
{
    (void)state;
    mr_log *log = open_log(2);
    const mr_log_header headers[] = {{MR_TEXT("a"), MR_TEXT("1")}, {MR_TEXT("b"), {0}}};
    const mr_log_entry entries[] = {
        {.partition = 1,
         .key = MR_TEXT("u1"),
         .value = MR_TEXT("x"),
         .headers = headers,
         .header_count = 2,
         .time_ms = 42},
        {.partition = 1, .value = {0}, .time_ms = -7},
    };
    mr_log_position positions[2];
    assert_ok(mr_log_append(log, entries, 2, positions, NULL));
    assert_int_equal(positions[0].offset, 0);
    assert_int_equal(positions[1].offset, 1);
    assert_int_equal(positions[1].partition, 1);

    mr_log_reader *reader = read_from(log, 1, 0);
    mr_log_batch batch;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.signal, MR_LOG_RECORDS);
    assert_int_equal(batch.count, 2);
    const mr_log_record *record = &batch.records[0];
    assert_true(mr_text_is(record->key, "u1"));
    assert_true(mr_text_is(record->value, "x"));
    assert_int_equal(record->header_count, 2);
    assert_true(mr_text_is(record->headers[0].value, "1"));
    assert_true(mr_text_is(record->headers[1].name, "b"));
    assert_int_equal(record->headers[1].value.length, 0);
    assert_int_equal(record->time_ms, 42);
    assert_int_equal(batch.records[1].time_ms, -7);
    assert_int_equal(batch.records[1].key.length, 0);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_the_end_is_told_once_each_time_it_is_reached(void **state)
{
    (void)state;
    mr_log *log = open_log(1);
    mr_log_reader *reader = read_from(log, 0, 0);
    mr_log_batch batch;
    for (int round = 0; round < 3; round++) {
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        assert_int_equal(batch.signal, MR_LOG_END);
        assert_int_equal(batch.next_offset, round);
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        assert_int_equal(batch.signal, MR_LOG_IDLE);
        append_text(log, 0, "x", 1);
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        assert_int_equal(batch.signal, MR_LOG_RECORDS);
    }
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_partitions_take_turns(void **state)
{
    (void)state;
    mr_log *log = open_log(2);
    append_numbered(log, 0, 0, 6);
    append_numbered(log, 1, 0, 6);
    const mr_log_reader_options options = {.batch_records = 2};
    mr_log_reader *reader = NULL;
    assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
    mr_log_batch batch;
    for (uint32_t i = 0; i < 2; i++) {
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        assert_int_equal(batch.signal, MR_LOG_ASSIGNED);
        assert_ok(mr_log_reader_start(reader, batch.partition, 0));
    }
    for (uint32_t i = 0; i < 6; i++) {
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        assert_int_equal(batch.count, 2);
        assert_int_equal(batch.partition, i % 2);
    }
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void *wake_soon(void *reader)
{
    (void)usleep(20000);
    mr_log_reader_wake(reader);
    return NULL;
}

static void test_a_reader_that_waits_or_is_about_to_can_be_woken(void **state)
{
    (void)state;
    enum { LONG_MS = 60000 }; /* longer than the test may take */
    mr_log *log = open_log(1);
    mr_log_reader *reader = read_from(log, 0, 0);
    mr_log_batch batch;
    pthread_t other;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.signal, MR_LOG_END);
    mr_log_reader_wake(reader);
    assert_ok(mr_log_reader_poll(reader, LONG_MS, &batch));
    assert_int_equal(batch.signal, MR_LOG_IDLE);
    assert_int_equal(pthread_create(&other, NULL, wake_soon, reader), 0);
    assert_ok(mr_log_reader_poll(reader, LONG_MS, &batch));
    assert_int_equal(batch.signal, MR_LOG_IDLE);
    (void)pthread_join(other, NULL);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_a_paused_partition_gives_nothing_and_goes_on_where_it_was(void **state)
{
    (void)state;
    mr_log *log = open_log(1);
    append_numbered(log, 0, 0, 4);
    mr_log_reader *reader = read_from(log, 0, 1);
    mr_log_batch batch;
    assert_ok(mr_log_reader_pause(reader, 0));
    assert_ok(mr_log_reader_poll(reader, 10, &batch));
    assert_int_equal(batch.signal, MR_LOG_IDLE);
    assert_ok(mr_log_reader_resume(reader, 0));
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.records[0].offset, 1);
    assert_int_equal(batch.count, 3);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_segments_roll_and_are_read_across_from_any_offset(void **state)
{
    (void)state;
    mr_log_file_options options = options_of(1);
    options.segment_bytes = 500;
    mr_log *log = open_with(&options, NULL);
    append_numbered(log, 0, 0, 40);
    int64_t *bases = NULL;
    size_t count = 0;
    char topic[MR_LOG_PATH_BYTES];
    (void)snprintf(topic, sizeof(topic), "%s/events", directory);
    assert_ok(mr_log_segment_list(topic, 0, &bases, &count, NULL));
    assert_true(count > 5);
    free(bases);
    for (int64_t offset = 0; offset <= 40; offset++)
        assert_int_equal(read_numbered(log, 0, offset), 40 - offset);
    mr_log_close(log);
    log = open_with(&options, NULL);
    append_numbered(log, 0, 40, 5);
    assert_int_equal(read_numbered(log, 0, 0), 45);
    mr_log_close(log);
}

static void test_compressed_batches_read_the_same(void **state)
{
    (void)state;
    mr_log_file_options options = options_of(1);
    options.compress = true;
    mr_log *log = open_with(&options, NULL);
    enum { COUNT = 5000 };
    mr_log_entry *entries = calloc(COUNT, sizeof(*entries));
    char(*values)[64] = calloc(COUNT, sizeof(*values));
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(values[i], sizeof(values[i]), "v%d", i);
        entries[i] = (mr_log_entry){.value = mr_text_from(values[i]), .time_ms = i};
    }
    assert_ok(mr_log_append(log, entries, COUNT, NULL, NULL));
    assert_int_equal(read_numbered(log, 0, 0), COUNT);
    assert_int_equal(read_numbered(log, 0, 4321), COUNT - 4321);
    char path[MR_LOG_PATH_BYTES];
    path_of_segment(0, 0, path);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < COUNT * 8);
    free(entries);
    free(values);
    mr_log_close(log);
}

static void test_a_time_resolves_to_the_first_record_not_before_it(void **state)
{
    (void)state;
    mr_log_file_options options = options_of(1);
    options.segment_bytes = 300;
    mr_log *log = open_with(&options, NULL);
    const int64_t times[] = {100, 300, 200, 400, 400, 900, 800};
    for (size_t i = 0; i < 7; i++)
        append_text(log, 0, "x", times[i]);
    for (int64_t at = 0; at <= 1000; at += 50) {
        int64_t expected = 0;
        while (expected < 7 && times[expected] < at)
            expected++;
        int64_t offset = -1;
        assert_ok(mr_log_resolve(log, 0, MR_LOG_AT_TIME, at, &offset, NULL));
        assert_int_equal(offset, expected);
    }
    int64_t offset = -1;
    assert_ok(mr_log_resolve(log, 0, MR_LOG_LATEST, 0, &offset, NULL));
    assert_int_equal(offset, 7);
    assert_ok(mr_log_resolve(log, 0, MR_LOG_EARLIEST, 0, &offset, NULL));
    assert_int_equal(offset, 0);
    mr_log_close(log);
}

static void test_an_offset_that_is_gone_is_a_gap_that_names_the_first_held(void **state)
{
    (void)state;
    mr_log_file_options options = options_of(1);
    options.segment_bytes = 200;
    mr_log *log = open_with(&options, NULL);
    append_numbered(log, 0, 0, 10);
    char path[MR_LOG_PATH_BYTES];
    path_of_segment(0, 0, path);
    assert_int_equal(unlink(path), 0);

    mr_log_reader *reader = read_from(log, 0, 0);
    mr_log_batch batch;
    assert_int_equal(mr_log_reader_poll(reader, 0, &batch), MR_ERR_GAP);
    assert_true(batch.next_offset > 0);
    assert_ok(mr_log_reader_start(reader, 0, batch.next_offset));
    const int64_t first = batch.next_offset;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.records[0].offset, first);
    assert_ok(mr_log_reader_start(reader, 0, 11)); /* and beyond the end */
    assert_int_equal(mr_log_reader_poll(reader, 0, &batch), MR_ERR_GAP);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_a_second_writer_is_refused_and_a_reader_is_not(void **state)
{
    (void)state;
    mr_log *log = open_log(1);
    mr_log_file_options options = options_of(1);
    mr_log *other = NULL;
    mr_error error = {.message = ""};
    assert_int_equal(mr_log_open_file(&options, &other, NULL, &error),
                     MR_ERR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "another process"));
    options.read_only = true;
    other = open_with(&options, NULL);
    const mr_log_entry entry = {.value = MR_TEXT("x")};
    assert_int_equal(mr_log_append(other, &entry, 1, NULL, NULL), MR_ERR_INVALID);

    /* A reader beside the writer sees what is appended later, over the roll of a segment. */
    assert_int_equal(read_numbered(other, 0, 0), 0);
    mr_log_reader *reader = read_from(other, 0, 0);
    mr_log_batch batch;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.signal, MR_LOG_END);
    append_numbered(log, 0, 0, 3);
    assert_ok(mr_log_reader_poll(reader, 1000, &batch));
    assert_int_equal(batch.count, 3);
    int64_t first;
    int64_t end;
    mr_log_range(other, 0, &first, &end);
    assert_int_equal(end, 3);
    mr_log_reader_close(reader);
    mr_log_close(other);
    mr_log_close(log);
}

static void test_reading_what_is_not_there_is_not_found(void **state)
{
    (void)state;
    mr_log_file_options options = options_of(1);
    options.read_only = true;
    mr_log *log = NULL;
    assert_int_equal(mr_log_open_file(&options, &log, NULL, NULL), MR_ERR_NOT_FOUND);
}

static void test_a_topic_keeps_its_number_of_partitions(void **state)
{
    (void)state;
    mr_log_close(open_log(3));
    mr_log *log = open_log(8);
    assert_int_equal(mr_log_partitions(log), 3);
    mr_log_close(log);
    mr_log_file_options options = options_of(0);
    options.topic = "other";
    assert_int_equal(mr_log_open_file(&options, &log, NULL, NULL), MR_ERR_INVALID);
}

/* Values computed by Kafka's own Utils.toPositive(Utils.murmur2(key)) (UtilsTest). */
static void test_keys_go_where_javas_producer_sends_them(void **state)
{
    (void)state;
    mr_log *log = open_log(1000);
    static const struct {
        const char *key;
        int32_t hash;
    } cases[] = {{"21", -973932308},
                 {"foobar", -790332482},
                 {"a-little-bit-long-string", -985981536},
                 {"a-little-bit-longer-string", -1486304829},
                 {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                 {"abc", 479470107}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(mr_log_partition_of(log, mr_text_from(cases[i].key)),
                         ((uint32_t)cases[i].hash & 0x7fffffffU) % 1000);
    const mr_log_entry entry = {
        .partition = MR_LOG_ANY_PARTITION, .key = MR_TEXT("abc"), .value = MR_TEXT("x")};
    mr_log_position position;
    assert_ok(mr_log_append(log, &entry, 1, &position, NULL));
    assert_int_equal(position.partition, mr_log_partition_of(log, entry.key));
    mr_log_close(log);
}

/* Each record a stored batch of its own, so that a poll runs out of room for headers between
 * two of them. */
static void test_records_with_many_headers_are_all_read(void **state)
{
    (void)state;
    enum { RECORDS = 300 };
    mr_log *log = open_log(1);
    mr_log_header headers[MR_LOG_HEADERS_MAX];
    for (size_t i = 0; i < MR_LOG_HEADERS_MAX; i++)
        headers[i] = (mr_log_header){MR_TEXT("h"), MR_TEXT("v")};
    for (int i = 0; i < RECORDS; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "v%d", i);
        const mr_log_entry entry = {.value = mr_text_from(value),
                                    .headers = headers,
                                    .header_count = MR_LOG_HEADERS_MAX};
        assert_ok(mr_log_append(log, &entry, 1, NULL, NULL));
    }
    assert_int_equal(read_numbered(log, 0, 0), RECORDS);
    mr_log_close(log);
}

static void test_too_large_or_too_many_headers_append_nothing(void **state)
{
    (void)state;
    mr_log *log = open_log(1);
    static char large[MR_LOG_RECORD_BYTES_MAX + 1];
    const mr_log_header headers[MR_LOG_HEADERS_MAX + 1] = {{MR_TEXT("h"), MR_TEXT("v")}};
    const mr_log_entry good = {.value = MR_TEXT("x")};
    const mr_log_entry bad[] = {
        {.value = {.bytes = large, .length = sizeof(large)}},
        {.value = MR_TEXT("x"),
         .headers = headers,
         .header_count = MR_LOG_HEADERS_MAX + 1},
        {.partition = 1, .value = MR_TEXT("x")},
    };
    for (size_t i = 0; i < 3; i++) {
        const mr_log_entry entries[] = {good, bad[i]};
        assert_int_equal(mr_log_append(log, entries, 2, NULL, NULL), MR_ERR_INVALID);
    }
    int64_t first;
    int64_t end;
    mr_log_range(log, 0, &first, &end);
    assert_int_equal(end, 0);
    const mr_log_entry largest = {
        .value = {.bytes = large, .length = MR_LOG_RECORD_BYTES_MAX}, .time_ms = 1};
    assert_ok(mr_log_append(log, &largest, 1, NULL, NULL));
    mr_log_reader *reader = read_from(log, 0, 0);
    mr_log_batch batch;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.records[0].value.length, MR_LOG_RECORD_BYTES_MAX);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

/* Appends of many threads. */

enum { THREADS = 8, APPENDS = 50 };

static _Atomic int syncs;

static int counting_sync(int descriptor)
{
    syncs++;
    usleep(2000); /* as a disk would */
    return fdatasync(descriptor);
}

static void *append_many(void *argument)
{
    mr_log *log = argument;
    for (int i = 0; i < APPENDS; i++) {
        const mr_log_entry entry = {.value = MR_TEXT("x"), .time_ms = 1};
        mr_log_position position;
        if (mr_log_append(log, &entry, 1, &position, NULL) != MR_OK)
            return NULL;
    }
    return argument;
}

static void test_concurrent_appends_share_an_fsync(void **state)
{
    (void)state;
    static const mr_log_disk disk = {.write = pwrite, .sync = counting_sync};
    mr_log *log = open_log(1);
    mr_log_file_set_disk(log, &disk);
    syncs = 0;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, log), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        (void)pthread_join(threads[i], &result);
        assert_ptr_equal(result, log);
    }
    int64_t first;
    int64_t end;
    mr_log_range(log, 0, &first, &end);
    assert_int_equal(end, THREADS * APPENDS);
    assert_true(syncs < THREADS * APPENDS / 2);
    mr_log_close(log);
}

/* A disk that fails. */

static int writes_left;
static int syncs_left;

static ssize_t failing_write(int descriptor, const void *bytes, size_t count,
                             off_t position)
{
    if (writes_left-- > 0)
        return pwrite(descriptor, bytes, count, position);
    /* Half of it lands, as when the disk is full. */
    if (count > 1)
        (void)!pwrite(descriptor, bytes, count / 2, position);
    errno = ENOSPC;
    return -1;
}

static int failing_sync(int descriptor)
{
    if (syncs_left-- > 0)
        return fdatasync(descriptor);
    errno = EIO;
    return -1;
}

/* Fail at the n-th call, for every n; what was acknowledged is read back and nothing else. */
static void check_failures(bool of_writes)
{
    static const mr_log_disk failing = {.write = failing_write, .sync = failing_sync};
    static const mr_log_disk sound = {.write = pwrite, .sync = fdatasync};
    for (int n = 0; n < 8; n++) {
        mr_log_file_options options = options_of(1);
        char topic[16];
        (void)snprintf(topic, sizeof(topic), "t%d%d", of_writes, n);
        options.topic = topic;
        options.segment_bytes = 300;
        mr_log *log = open_with(&options, NULL);
        mr_log_file_set_disk(log, &failing);
        writes_left = of_writes ? n : 1000;
        syncs_left = of_writes ? 1000 : n;
        int64_t acknowledged = 0;
        int failed = 0;
        for (int i = 0; i < 10; i++) {
            char value[32];
            (void)snprintf(value, sizeof(value), "v%" PRId64, acknowledged);
            const mr_log_entry entry = {.value = mr_text_from(value), .time_ms = 1};
            mr_error error = {.message = ""};
            const mr_status status = mr_log_append(log, &entry, 1, NULL, &error);
            if (status == MR_OK) {
                acknowledged++;
            } else {
                assert_int_equal(status, MR_ERR_UNAVAILABLE);
                assert_true(error.message[0] != '\0');
                failed++;
                assert_int_equal(read_numbered(log, 0, 0), acknowledged);
                mr_log_file_set_disk(log, &sound); /* there is room again */
            }
        }
        assert_int_equal(failed, 1);
        assert_int_equal(read_numbered(log, 0, 0), acknowledged);
        mr_log_close(log);
        int64_t cut_bytes = -1;
        log = open_with(&options, &cut_bytes);
        assert_int_equal(cut_bytes, 0);
        assert_int_equal(read_numbered(log, 0, 0), acknowledged);
        mr_log_close(log);
    }
}

static void test_after_a_failed_write_nothing_is_lost_and_nothing_half_is_read(
    void **state)
{
    (void)state;
    check_failures(true);
}

static void test_after_a_failed_fsync_a_new_segment_is_begun(void **state)
{
    (void)state;
    check_failures(false);
}

static void test_a_batch_that_failed_is_not_read_even_where_it_was_already_fetched(
    void **state)
{
    (void)state;
    static const mr_log_disk failing = {.write = pwrite, .sync = failing_sync};
    static const mr_log_disk sound = {.write = pwrite, .sync = fdatasync};
    mr_log *log = open_log(1);
    append_text(log, 0, "kept", 1);
    mr_log_file_set_disk(log, &failing);
    syncs_left = 0;
    const mr_log_entry lost = {.value = MR_TEXT("lost"), .time_ms = 1};
    assert_int_equal(mr_log_append(log, &lost, 1, NULL, NULL), MR_ERR_UNAVAILABLE);

    /* The failed batch still stands in the file behind the good one. */
    mr_log_reader *reader = read_from(log, 0, 0);
    mr_log_batch batch;
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.count, 1);
    mr_log_file_set_disk(log, &sound);
    append_text(log, 0, "new", 1);
    assert_ok(mr_log_reader_poll(reader, 0, &batch));
    assert_int_equal(batch.signal, MR_LOG_RECORDS);
    assert_int_equal(batch.records[0].offset, 1);
    assert_true(mr_text_is(batch.records[0].value, "new"));
    mr_log_reader_close(reader);
    mr_log_close(log);
}

/* The reader knows how far each partition is durable, not only the one it read last. */
static void test_a_batch_that_failed_is_not_read_after_a_longer_partition(void **state)
{
    (void)state;
    static const mr_log_disk failing = {.write = pwrite, .sync = failing_sync};
    mr_log *log = open_log(2);
    append_numbered(log, 0, 0, 5);
    append_text(log, 1, "kept", 1);
    mr_log_file_set_disk(log, &failing);
    syncs_left = 0;
    const mr_log_entry lost = {.partition = 1, .value = MR_TEXT("lost"), .time_ms = 1};
    assert_int_equal(mr_log_append(log, &lost, 1, NULL, NULL), MR_ERR_UNAVAILABLE);

    static const uint32_t both[] = {0, 1};
    const mr_log_reader_options options = {.partitions = both, .partition_count = 2};
    mr_log_reader *reader = NULL;
    mr_log_batch batch;
    assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
    for (uint32_t p = 0; p < 2; p++) {
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        assert_int_equal(batch.signal, MR_LOG_ASSIGNED);
    }
    for (uint32_t p = 0; p < 2; p++)
        assert_ok(mr_log_reader_start(reader, p, 0));
    static const size_t counts[] = {5, 1};
    for (uint32_t p = 0; p < 2; p++) {
        assert_ok(mr_log_reader_poll(reader, 0, &batch));
        assert_int_equal(batch.signal, MR_LOG_RECORDS);
        assert_int_equal(batch.partition, p);
        assert_int_equal(batch.count, counts[p]);
    }
    mr_log_reader_close(reader);
    mr_log_close(log);
}

/* A reader that commits for `group`, standing at offset 0 of partition 0. */
static mr_log_reader *read_as(mr_log *log, const char *group)
{
    mr_log_batch batch;
    mr_log_reader *reader = NULL;
    const mr_log_reader_options options = {.group = group};
    assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
    assert_ok(mr_log_reader_poll(reader, 1000, &batch));
    assert_int_equal(batch.signal, MR_LOG_ASSIGNED);
    assert_ok(mr_log_reader_start(reader, batch.partition, 0));
    return reader;
}

static void test_a_group_that_has_read_is_remembered_and_no_other_is(void **state)
{
    (void)state;
    int64_t offset = -1;
    mr_log *log = open_log(2);
    assert_int_equal(mr_log_committed(log, "shop/1", 0, &offset, NULL), MR_ERR_NOT_FOUND);
    mr_log_reader *reader = read_as(log, "shop/1");
    assert_int_equal(mr_log_committed(log, "shop/1", 0, &offset, NULL), MR_ERR_NOT_FOUND);
    mr_log_reader_commit(reader, 0, 7);
    mr_log_reader_commit(reader, 0, 9); /* the first one stays */
    mr_log_reader_close(reader);
    mr_log_close(log);

    log = open_log(2);
    assert_ok(mr_log_committed(log, "shop/1", 0, &offset, NULL));
    assert_int_equal(offset, 7);
    assert_int_equal(mr_log_committed(log, "shop/1", 1, &offset, NULL), MR_ERR_NOT_FOUND);
    assert_int_equal(mr_log_committed(log, "shop/2", 0, &offset, NULL), MR_ERR_NOT_FOUND);
    assert_int_equal(mr_log_committed(log, "shop/1", 2, &offset, NULL), MR_ERR_INVALID);
    mr_log_close(log);
}

static void test_a_topic_made_anew_has_another_id(void **state)
{
    (void)state;
    char path[256];
    mr_log *log = open_log(1);
    const uint64_t id = mr_log_topic_id(log);
    mr_log_close(log);
    log = open_log(1);
    assert_true(mr_log_topic_id(log) == id && id != 0);
    mr_log_close(log);
    (void)snprintf(path, sizeof(path), "%s/events", directory);
    assert_ok(mr_directory_remove(path, NULL));
    log = open_log(1);
    assert_true(mr_log_topic_id(log) != id);
    mr_log_close(log);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_appended_is_read_with_key_headers_and_time),
        TEST(test_the_end_is_told_once_each_time_it_is_reached),
        TEST(test_partitions_take_turns),
        TEST(test_a_reader_that_waits_or_is_about_to_can_be_woken),
        TEST(test_a_paused_partition_gives_nothing_and_goes_on_where_it_was),
        TEST(test_segments_roll_and_are_read_across_from_any_offset),
        TEST(test_compressed_batches_read_the_same),
        TEST(test_a_time_resolves_to_the_first_record_not_before_it),
        TEST(test_an_offset_that_is_gone_is_a_gap_that_names_the_first_held),
        TEST(test_a_second_writer_is_refused_and_a_reader_is_not),
        TEST(test_reading_what_is_not_there_is_not_found),
        TEST(test_a_topic_keeps_its_number_of_partitions),
        TEST(test_a_group_that_has_read_is_remembered_and_no_other_is),
        TEST(test_a_topic_made_anew_has_another_id),
        TEST(test_keys_go_where_javas_producer_sends_them),
        TEST(test_records_with_many_headers_are_all_read),
        TEST(test_too_large_or_too_many_headers_append_nothing),
        TEST(test_concurrent_appends_share_an_fsync),
        TEST(test_after_a_failed_write_nothing_is_lost_and_nothing_half_is_read),
        TEST(test_after_a_failed_fsync_a_new_segment_is_begun),
        TEST(test_a_batch_that_failed_is_not_read_even_where_it_was_already_fetched),
        TEST(test_a_batch_that_failed_is_not_read_after_a_longer_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
