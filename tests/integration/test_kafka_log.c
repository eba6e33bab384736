/*
 * Method: ingest/log.h over a real broker, named by MILLRACE_BROKER (host:port); each test has a
 * topic of its own.  tests/integration/run_kafka_log.sh starts a broker and runs this.
 */
#include "tests/support.h"

#include "ingest/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TIMEOUT_MS = 15000, PARTITIONS = 4 };

static const char *broker;
static int topic_number;

static mr_log *open_topic(const char *topic, uint32_t create_partitions)
{
    const mr_log_setting settings[] = {{"bootstrap.servers", broker},
                                       {"session.timeout.ms", "6000"},
                                       {"heartbeat.interval.ms", "500"}};
    const mr_log_kafka_options options = {.topic = topic,
                                          .settings = settings,
                                          .setting_count = 3,
                                          .create_partitions = create_partitions,
                                          .timeout_ms = TIMEOUT_MS};
    mr_log *log = NULL;
    mr_error error = {.message = ""};
    if (mr_log_open_kafka(&options, &log, &error) != MR_OK)
        fail_msg("%s", error.message);
    return log;
}

static mr_log *open_new(uint32_t partitions)
{
    char topic[64];
    (void)snprintf(topic, sizeof(topic), "t%d-%d", (int)getpid(), topic_number++);
    return open_topic(topic, partitions);
}

static void append_numbered(mr_log *log, uint32_t partition, int first, int count)
{
    mr_log_entry *entries = calloc((size_t)count, sizeof(*entries));
    char(*values)[32] = calloc((size_t)count, sizeof(*values));
    mr_log_position *positions = calloc((size_t)count, sizeof(*positions));
    for (int i = 0; i < count; i++) {
        (void)snprintf(values[i], sizeof(values[i]), "v%d", first + i);
        entries[i] = (mr_log_entry){.partition = partition,
                                    .key = MR_TEXT("k"),
                                    .value = mr_text_from(values[i])};
    }
    mr_error error = {.message = ""};
    if (mr_log_append(log, entries, (size_t)count, positions, &error) != MR_OK)
        fail_msg("%s", error.message);
    for (int i = 0; i < count; i++) {
        assert_int_equal(positions[i].partition, partition);
        assert_int_equal(positions[i].offset, first + i);
    }
    free(entries);
    free(values);
    free(positions);
}

/* Poll until something is said. */
static mr_status poll_for(mr_log_reader *reader, mr_log_batch *ret_batch)
{
    const time_t deadline = time(NULL) + TIMEOUT_MS / 1000;
    mr_status status;
    do {
        status = mr_log_reader_poll(reader, 100, ret_batch);
    } while (((status == MR_OK && ret_batch->signal == MR_LOG_IDLE) ||
              status == MR_ERR_UNAVAILABLE) &&
             time(NULL) < deadline);
    return status;
}

static mr_log_reader *read_static(mr_log *log, uint32_t partition, int64_t offset)
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

/* Records from `offset` on, all of them, then the end; returns how many. */
static int read_to_end(mr_log_reader *reader, int64_t offset)
{
    int count = 0;
    mr_log_batch batch = {.signal = MR_LOG_IDLE};
    while (batch.signal != MR_LOG_END) {
        assert_ok(poll_for(reader, &batch));
        assert_int_not_equal(batch.signal, MR_LOG_IDLE);
        for (size_t i = 0; i < batch.count; i++, count++, offset++) {
            char expected[32];
            (void)snprintf(expected, sizeof(expected), "v%d", (int)offset);
            assert_int_equal(batch.records[i].offset, offset);
            assert_true(mr_text_is(batch.records[i].value, expected));
        }
        assert_int_equal(batch.next_offset, offset);
    }
    return count;
}

static void test_what_was_appended_is_read_with_key_headers_and_time(void **state)
{
    (void)state;
    mr_log *log = open_new(1);
    const mr_log_header headers[] = {{MR_TEXT("a"), MR_TEXT("1")},
                                     {MR_TEXT("b"), MR_TEXT("")}};
    const mr_log_entry entries[] = {
        {.key = MR_TEXT("u1"),
         .value = MR_TEXT("x"),
         .headers = headers,
         .header_count = 2,
         .time_ms = 1700000000123},
        {.value = MR_TEXT("y")},
    };
    mr_log_position positions[2];
    assert_ok(mr_log_append(log, entries, 2, positions, NULL));
    assert_int_equal(positions[1].offset, 1);
    mr_log_reader *reader = read_static(log, 0, 0);
    mr_log_batch batch;
    assert_ok(poll_for(reader, &batch));
    assert_int_equal(batch.signal, MR_LOG_RECORDS);
    assert_int_equal(batch.count, 2);
    assert_true(mr_text_is(batch.records[0].key, "u1"));
    assert_int_equal(batch.records[0].time_ms, 1700000000123);
    assert_int_equal(batch.records[0].header_count, 2);
    assert_true(mr_text_is(batch.records[0].headers[0].name, "a"));
    assert_true(mr_text_is(batch.records[0].headers[0].value, "1"));
    assert_int_equal(batch.records[0].headers[1].value.length, 0);
    assert_int_equal(batch.records[1].key.length, 0);
    assert_int_equal(batch.records[1].header_count, 0);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_a_reader_goes_on_from_an_absolute_offset_and_tells_each_end(void **state)
{
    (void)state;
    mr_log *log = open_new(1);
    append_numbered(log, 0, 0, 5000);
    mr_log_reader *reader = read_static(log, 0, 0);
    assert_int_equal(read_to_end(reader, 0), 5000);
    append_numbered(log, 0, 5000, 10);
    assert_int_equal(read_to_end(reader, 5000), 10);
    int64_t first = -1;
    int64_t end = -1;
    mr_log_range(log, 0, &first, &end);
    assert_int_equal(end, 5010);
    mr_log_reader_close(reader);
    reader = read_static(log, 0, 4321);
    assert_int_equal(read_to_end(reader, 4321), 5010 - 4321);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_start_positions_resolve_as_the_broker_knows_them(void **state)
{
    (void)state;
    mr_log *log = open_new(1);
    const mr_log_entry entries[] = {{.value = MR_TEXT("x"), .time_ms = 1700000000000},
                                    {.value = MR_TEXT("x"), .time_ms = 1700000001000}};
    assert_ok(mr_log_append(log, &entries[0], 1, NULL, NULL));
    assert_ok(mr_log_append(log, &entries[1], 1, NULL, NULL));
    int64_t offset = -1;
    assert_ok(mr_log_resolve(log, 0, MR_LOG_EARLIEST, 0, &offset, NULL));
    assert_int_equal(offset, 0);
    assert_ok(mr_log_resolve(log, 0, MR_LOG_LATEST, 0, &offset, NULL));
    assert_int_equal(offset, 2);
    assert_ok(mr_log_resolve(log, 0, MR_LOG_AT_TIME, 1700000000500, &offset, NULL));
    assert_int_equal(offset, 1);
    assert_ok(mr_log_resolve(log, 0, MR_LOG_AT_TIME, 1800000000000, &offset, NULL));
    assert_int_equal(offset, 2);
    mr_log_close(log);
}

static void test_an_offset_the_log_does_not_hold_is_a_gap(void **state)
{
    (void)state;
    mr_log *log = open_new(1);
    append_numbered(log, 0, 0, 10);
    mr_log_reader *reader = read_static(log, 0, 1000);
    mr_log_batch batch;
    assert_int_equal(poll_for(reader, &batch), MR_ERR_GAP);
    assert_int_equal(batch.partition, 0);
    assert_int_equal(batch.next_offset, 0);
    assert_ok(mr_log_reader_start(reader, 0, batch.next_offset));
    assert_int_equal(read_to_end(reader, 0), 10);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

static void test_the_broker_tells_topics_apart_and_remembers_a_group(void **state)
{
    (void)state;
    int64_t offset = -1;
    mr_log *log = open_new(2);
    mr_log *other = open_new(2);
    mr_log *again = open_topic(mr_log_topic(log), 0);
    assert_true(mr_log_topic_id(log) != 0);
    assert_true(mr_log_topic_id(log) == mr_log_topic_id(again));
    assert_true(mr_log_topic_id(log) != mr_log_topic_id(other));
    mr_log_close(again);
    mr_log_close(other);

    append_numbered(log, 0, 0, 5);
    assert_int_equal(mr_log_committed(log, "fixed", 0, &offset, NULL), MR_ERR_NOT_FOUND);
    const uint32_t partition = 0;
    const mr_log_reader_options options = {
        .partitions = &partition, .partition_count = 1, .group = "fixed"};
    mr_log_reader *reader = NULL;
    mr_log_batch batch = {0};
    assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
    while (batch.signal != MR_LOG_END) {
        assert_ok(poll_for(reader, &batch));
        if (batch.signal == MR_LOG_ASSIGNED)
            assert_ok(mr_log_reader_start(reader, 0, 0));
    }
    mr_log_reader_commit(reader, 0, 3);
    mr_log_reader_close(reader); /* what was not yet sent goes out here */
    assert_ok(mr_log_committed(log, "fixed", 0, &offset, NULL));
    assert_int_equal(offset, 3);
    assert_int_equal(mr_log_committed(log, "fixed", 1, &offset, NULL), MR_ERR_NOT_FOUND);
    mr_log_close(log);
}

static void test_a_paused_partition_loses_and_repeats_nothing(void **state)
{
    (void)state;
    mr_log *log = open_new(2);
    append_numbered(log, 0, 0, 3000);
    append_numbered(log, 1, 0, 3000);
    const mr_log_reader_options options = {.batch_records = 700};
    mr_log_reader *reader = NULL;
    assert_ok(mr_log_reader_open(log, &options, &reader, NULL));
    int64_t next[2] = {0, 0};
    int ended = 0;
    for (int round = 0; ended < 2; round++) {
        mr_log_batch batch;
        assert_ok(poll_for(reader, &batch));
        if (batch.signal == MR_LOG_ASSIGNED)
            assert_ok(mr_log_reader_start(reader, batch.partition, 0));
        for (size_t i = 0; i < batch.count; i++)
            assert_int_equal(batch.records[i].offset, next[batch.partition]++);
        ended += batch.signal == MR_LOG_END && batch.next_offset == 3000;
        assert_true(round < 1000);
        if (batch.signal != MR_LOG_RECORDS)
            continue;
        /* Everything stops, as when the rings behind are full. */
        assert_ok(mr_log_reader_pause(reader, 0));
        assert_ok(mr_log_reader_pause(reader, 1));
        for (int i = 0; i < 3; i++) {
            assert_ok(mr_log_reader_poll(reader, 20, &batch));
            assert_int_not_equal(batch.signal, MR_LOG_RECORDS);
            ended += batch.signal == MR_LOG_END && batch.next_offset == 3000;
        }
        assert_ok(mr_log_reader_resume(reader, 0));
        assert_ok(mr_log_reader_resume(reader, 1));
    }
    assert_int_equal(next[0], 3000);
    assert_int_equal(next[1], 3000);
    mr_log_reader_close(reader);
    mr_log_close(log);
}

/* One member of a group as the engine would be: it keeps the offsets itself. */
typedef struct member {
    mr_log_reader *reader;
    bool owns[PARTITIONS];
} member;

static int64_t applied[PARTITIONS]; /* the shards' own next offsets */

static void join(member *ret_member, mr_log *log, const char *group, const char *instance)
{
    const mr_log_reader_options options = {
        .mode = MR_LOG_GROUP, .group = group, .instance_id = instance};
    *ret_member = (member){.reader = NULL};
    mr_error error = {.message = ""};
    if (mr_log_reader_open(log, &options, &ret_member->reader, &error) != MR_OK)
        fail_msg("%s", error.message);
}

static void step(member *self)
{
    mr_log_batch batch;
    const mr_status status = mr_log_reader_poll(self->reader, 20, &batch);
    if (status == MR_ERR_UNAVAILABLE)
        return;
    assert_int_equal(status, MR_OK);
    switch (batch.signal) {
    case MR_LOG_ASSIGNED:
        assert_false(self->owns[batch.partition]);
        self->owns[batch.partition] = true;
        assert_ok(
            mr_log_reader_start(self->reader, batch.partition, applied[batch.partition]));
        break;
    case MR_LOG_REVOKED:
        assert_true(self->owns[batch.partition]);
        self->owns[batch.partition] = false;
        break;
    case MR_LOG_RECORDS:
        assert_true(self->owns[batch.partition]);
        for (size_t i = 0; i < batch.count; i++)
            assert_int_equal(batch.records[i].offset, applied[batch.partition]++);
        mr_log_reader_commit(self->reader, batch.partition, applied[batch.partition]);
        break;
    case MR_LOG_END:
    case MR_LOG_IDLE: break;
    }
}

static int owned(const member *self)
{
    int count = 0;
    for (int i = 0; i < PARTITIONS; i++)
        count += self->owns[i];
    return count;
}

/* Step both until they own so many; NULL for a member that is not there. */
static void settle(member *a, int a_owns, member *b, int b_owns)
{
    const time_t deadline = time(NULL) + 2 * TIMEOUT_MS / 1000;
    while (owned(a) != a_owns || (b != NULL && owned(b) != b_owns)) {
        assert_true(time(NULL) < deadline);
        step(a);
        if (b != NULL)
            step(b);
    }
}

static void append_everywhere(mr_log *log, int first, int count)
{
    for (uint32_t i = 0; i < PARTITIONS; i++)
        append_numbered(log, i, first, count);
}

static void read_until(member *a, member *b, int64_t offset)
{
    const time_t deadline = time(NULL) + TIMEOUT_MS / 1000;
    for (int i = 0; i < PARTITIONS;) {
        if (applied[i] == offset) {
            i++;
            continue;
        }
        assert_true(time(NULL) < deadline);
        step(a);
        if (b != NULL)
            step(b);
    }
}

static void test_members_share_partitions_by_range_and_hand_them_over(void **state)
{
    (void)state;
    mr_log *log = open_new(PARTITIONS);
    mr_log *other = open_topic(mr_log_topic(log), 0);
    memset(applied, 0, sizeof(applied));
    member a;
    member b;
    append_everywhere(log, 0, 500);
    join(&a, log, mr_log_topic(log), "a");
    settle(&a, PARTITIONS, NULL, 0);
    read_until(&a, NULL, 500);

    join(&b, other, mr_log_topic(log), "b");
    settle(&a, PARTITIONS / 2, &b, PARTITIONS / 2);
    for (int i = 0; i < PARTITIONS; i++) /* range: the first half to the first name */
        assert_int_equal(a.owns[i], i < PARTITIONS / 2);
    append_everywhere(log, 500, 500);
    read_until(&a, &b, 1000);

    /* A static member that leaves keeps its place until its session ends; then all is a's. */
    mr_log_reader_close(b.reader);
    settle(&a, PARTITIONS, NULL, 0);
    append_everywhere(log, 1000, 100);
    read_until(&a, NULL, 1100);
    mr_log_reader_close(a.reader);
    mr_log_close(other);
    mr_log_close(log);
}

static void test_a_static_member_that_comes_back_in_time_takes_its_own_again(void **state)
{
    (void)state;
    mr_log *log = open_new(PARTITIONS);
    memset(applied, 0, sizeof(applied));
    append_everywhere(log, 0, 100);
    member a;
    join(&a, log, mr_log_topic(log), "a");
    settle(&a, PARTITIONS, NULL, 0);
    read_until(&a, NULL, 100);
    mr_log_reader_close(a.reader);
    append_everywhere(log, 100, 100);
    join(&a, log, mr_log_topic(log), "a");
    settle(&a, PARTITIONS, NULL, 0);
    read_until(&a, NULL, 200);
    mr_log_reader_close(a.reader);
    mr_log_close(log);
}

static void test_keys_go_where_partition_of_says(void **state)
{
    (void)state;
    enum { KEYS = 300 };
    mr_log *log = open_new(7);
    mr_log_entry entries[KEYS];
    static char keys[KEYS][24];
    mr_log_position positions[KEYS];
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "user-%d", i * i);
        entries[i] = (mr_log_entry){.partition = MR_LOG_ANY_PARTITION,
                                    .key = mr_text_from(keys[i]),
                                    .value = MR_TEXT("x")};
    }
    assert_ok(mr_log_append(log, entries, KEYS, positions, NULL));
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(positions[i].partition,
                         mr_log_partition_of(log, entries[i].key));
    mr_log_close(log);
}

static mr_status try_open(const mr_log_setting *settings, size_t count, const char *topic,
                          mr_error *ret_error)
{
    const mr_log_kafka_options options = {
        .topic = topic, .settings = settings, .setting_count = count, .timeout_ms = 2000};
    mr_log *log = NULL;
    const mr_status status = mr_log_open_kafka(&options, &log, ret_error);
    mr_log_close(log);
    return status;
}

static void test_what_cannot_be_opened_says_why(void **state)
{
    (void)state;
    mr_error error = {.message = ""};
    const mr_log_setting good = {"bootstrap.servers", broker};
    assert_int_equal(try_open(&good, 1, "no-such-topic", &error), MR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "no-such-topic"));
    const mr_log_setting nobody = {"bootstrap.servers", "127.0.0.1:1"};
    assert_int_equal(try_open(&nobody, 1, "t", &error), MR_ERR_UNAVAILABLE);
    assert_non_null(strstr(error.message, "127.0.0.1:1"));
    assert_int_equal(try_open(NULL, 0, "t", &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "bootstrap.servers"));
    const mr_log_setting unknown[] = {good, {"no.such.key", "1"}};
    assert_int_equal(try_open(unknown, 2, "t", &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "no.such.key"));
    const mr_log_setting fixed[] = {good, {"enable.auto.commit", "true"}};
    assert_int_equal(try_open(fixed, 2, "t", &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "enable.auto.commit"));
}

int main(void)
{
    broker = getenv("MILLRACE_BROKER");
    if (broker == NULL) {
        print_error(
            "MILLRACE_BROKER is not set: see tests/integration/run_kafka_log.sh\n");
        return 77; /* skipped */
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_appended_is_read_with_key_headers_and_time),
        cmocka_unit_test(
            test_a_reader_goes_on_from_an_absolute_offset_and_tells_each_end),
        cmocka_unit_test(test_start_positions_resolve_as_the_broker_knows_them),
        cmocka_unit_test(test_an_offset_the_log_does_not_hold_is_a_gap),
        cmocka_unit_test(test_the_broker_tells_topics_apart_and_remembers_a_group),
        cmocka_unit_test(test_a_paused_partition_loses_and_repeats_nothing),
        cmocka_unit_test(test_members_share_partitions_by_range_and_hand_them_over),
        cmocka_unit_test(
            test_a_static_member_that_comes_back_in_time_takes_its_own_again),
        cmocka_unit_test(test_keys_go_where_partition_of_says),
        cmocka_unit_test(test_what_cannot_be_opened_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
