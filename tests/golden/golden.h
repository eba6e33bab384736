/*
 * Golden: the frozen log of these tests, replayed, and answers compared line by line.
 *
 * tests/golden/events.ndjson goes through the embedded log, decoder and shard as the engine would
 * take it; record n is appended with the time GOLDEN_LOG_START_MS + n * GOLDEN_LOG_STEP_MS.  A
 * comparison names the first line that differs, with both sides.
 */
#ifndef MR_TESTS_GOLDEN_GOLDEN_H
#define MR_TESTS_GOLDEN_GOLDEN_H

#include "core/buffer.h"
#include "core/file.h"
#include "features/shard.h"
#include "ingest/decoder.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

#define GOLDEN_LOG_START_MS INT64_C(1748736000000) /* 2025-06-01T00:00:00Z */
#define GOLDEN_LOG_STEP_MS INT64_C(21600000)

enum { GOLDEN_RECORDS_MAX = 1000, GOLDEN_PARTITIONS_MAX = 4, GOLDEN_PATH_BYTES = 1024 };

typedef struct golden_log {
    char directory[64];
    mr_hash_key key;
    mr_plan *plan;
    mr_buffer text; /* of the file */
    mr_log_entry entries[GOLDEN_RECORDS_MAX];
    size_t count;
} golden_log;

static inline void golden_path(const char *name, char ret_path[GOLDEN_PATH_BYTES])
{
    const char *source = getenv("MILLRACE_SOURCE");
    (void)snprintf(ret_path, GOLDEN_PATH_BYTES, "%s/tests/golden/%s",
                   source != NULL ? source : ".", name);
}

static inline void golden_read(const char *name, mr_buffer *text)
{
    char path[GOLDEN_PATH_BYTES];
    mr_error error = {{0}};
    golden_path(name, path);
    if (mr_file_read(path, text, &error) != MR_OK)
        fail_msg("%s", error.message);
}

/* What `SCRIPT events.ndjson ARGUMENTS` prints; a script lies beside the events. */
static inline void golden_run(const char *script, const char *arguments, mr_buffer *text)
{
    char path[GOLDEN_PATH_BYTES];
    char events[GOLDEN_PATH_BYTES];
    char command[3 * GOLDEN_PATH_BYTES];
    char block[4096];
    golden_path(script, path);
    golden_path("events.ndjson", events);
    (void)snprintf(command, sizeof(command), "python3 -B '%s' '%s' %s", path, events,
                   arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t got; (got = fread(block, 1, sizeof(block), pipe)) > 0;)
        mr_buffer_put(text, block, got);
    if (pclose(pipe) != 0)
        fail_msg("failed: %s", command);
}

static inline mr_decoder *golden_decoder(void)
{
    mr_decoder *decoder = NULL;
    const mr_decoder_options options = {.dialect = MR_DIALECT_NATIVE, .topic = "events"};
    assert_ok(mr_decoder_create(&options, &decoder, NULL));
    return decoder;
}

/* Everything of one user goes to one partition: keyed by whoever the decoder finds in it. */
static inline void golden_key_entries(golden_log *log)
{
    mr_decoder *decoder = golden_decoder();
    mr_event_batch batch = {0};
    for (size_t i = 0; i < log->count; i++) {
        const mr_log_record record = {.value = log->entries[i].value,
                                      .time_ms = log->entries[i].time_ms};
        assert_ok(mr_decoder_decode(decoder, 0, &record, 1, &batch));
        if (batch.event_count == 0)
            continue;
        const mr_event *event = &batch.events[0];
        const mr_text id =
            event->user_id.length > 0 ? event->user_id : event->anonymous_id;
        char *copy = malloc(id.length);
        assert_non_null(copy);
        memcpy(copy, id.bytes, id.length);
        log->entries[i].key = (mr_text){.bytes = copy, .length = id.length};
    }
    mr_event_batch_deinit(&batch);
    mr_decoder_destroy(decoder);
}

static inline golden_log *golden_open(void)
{
    golden_log *log = calloc(1, sizeof(*log));
    assert_non_null(log);
    (void)snprintf(log->directory, sizeof(log->directory), "/tmp/millrace-golden-XXXXXX");
    assert_non_null(mkdtemp(log->directory));
    mr_hash_key_init(&log->key, "golden", 6);
    assert_ok(mr_plan_create_default(&log->plan));
    golden_read("events.ndjson", &log->text);
    const char *line = (const char *)log->text.bytes;
    const char *end = line + log->text.length;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        assert_non_null(stop);
        assert_true(log->count < GOLDEN_RECORDS_MAX);
        log->entries[log->count] = (mr_log_entry){
            .partition = MR_LOG_ANY_PARTITION,
            .value = {.bytes = line, .length = (uint32_t)(stop - line)},
            .time_ms = GOLDEN_LOG_START_MS + (int64_t)log->count * GOLDEN_LOG_STEP_MS};
        log->count++;
        line = stop + 1;
    }
    golden_key_entries(log);
    return log;
}

static inline void golden_close(golden_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        free((void *)(uintptr_t)log->entries[i].key.bytes);
    assert_ok(mr_directory_remove(log->directory, NULL));
    mr_buffer_deinit(&log->text);
    mr_plan_destroy(log->plan);
    free(log);
}

static inline void golden_apply(mr_shard *shard, mr_decoder *decoder,
                                const mr_log_batch *read, mr_event_batch *batch)
{
    assert_ok(
        mr_decoder_decode(decoder, read->partition, read->records, read->count, batch));
    assert_ok(mr_shard_apply(shard, batch));
    mr_shard_check_counters(shard);
}

/* Read every partition of the log to its end, `batch_records` at a time. */
static inline void golden_read_log(mr_log *events, size_t batch_records,
                                   mr_shard *const *shards)
{
    const mr_log_reader_options options = {.mode = MR_LOG_STATIC,
                                           .batch_records = batch_records};
    mr_decoder *decoders[GOLDEN_PARTITIONS_MAX] = {NULL};
    mr_log_reader *reader = NULL;
    mr_event_batch batch = {0};
    uint32_t ended = 0;
    assert_ok(mr_log_reader_open(events, &options, &reader, NULL));
    while (ended < mr_log_partitions(events)) {
        mr_log_batch read;
        assert_ok(mr_log_reader_poll(reader, 10000, &read));
        assert_int_not_equal(read.signal, MR_LOG_IDLE);
        if (read.signal == MR_LOG_ASSIGNED) {
            decoders[read.partition] = golden_decoder();
            assert_ok(mr_log_reader_start(reader, read.partition, 0));
        } else if (read.signal == MR_LOG_RECORDS) {
            golden_apply(shards[read.partition], decoders[read.partition], &read, &batch);
        } else {
            ended += read.signal == MR_LOG_END;
        }
    }
    mr_event_batch_deinit(&batch);
    for (size_t p = 0; p < GOLDEN_PARTITIONS_MAX; p++)
        mr_decoder_destroy(decoders[p]);
    mr_log_reader_close(reader);
}

/* The log written with so many partitions and read again: a shard each, to be destroyed. */
static inline void golden_replay(golden_log *log, uint32_t partitions,
                                 size_t batch_records, mr_shard **ret_shards)
{
    char topic[32];
    (void)snprintf(topic, sizeof(topic), "events-%u-%zu", partitions, batch_records);
    const mr_log_file_options options = {.path = log->directory,
                                         .topic = topic,
                                         .partitions = partitions,
                                         .clock = mr_clock_system()};
    mr_log *events = NULL;
    mr_error error = {{0}};
    if (mr_log_open_file(&options, &events, NULL, &error) != MR_OK ||
        mr_log_append(events, log->entries, log->count, NULL, &error) != MR_OK)
        fail_msg("%s", error.message);
    for (uint32_t p = 0; p < partitions; p++) {
        const mr_shard_options shard = {
            .plan = log->plan, .hash_key = &log->key, .topic = "events", .partition = p};
        assert_ok(mr_shard_create(&shard, &ret_shards[p]));
    }
    golden_read_log(events, batch_records, ret_shards);
    mr_log_close(events);
}

/* -- comparing -------------------------------------------------------------------------- */

static inline mr_text golden_line(mr_text *rest)
{
    uint32_t length = 0;
    while (length < rest->length && rest->bytes[length] != '\n')
        length++;
    const mr_text line = {.bytes = rest->bytes, .length = length};
    const uint32_t taken = length < rest->length ? length + 1 : length;
    *rest = (mr_text){.bytes = rest->bytes + taken, .length = rest->length - taken};
    return line;
}

static inline mr_text golden_text(const mr_buffer *buffer)
{
    return (mr_text){.bytes = (const char *)buffer->bytes,
                     .length = (uint32_t)buffer->length};
}

/* The same bytes, or the test fails showing the first line that differs. */
static inline void golden_compare(const char *actual_name, const mr_buffer *actual,
                                  const char *expected_name, const mr_buffer *expected)
{
    mr_text mine = golden_text(actual);
    mr_text theirs = golden_text(expected);
    assert_ok(mr_buffer_status(actual));
    assert_ok(mr_buffer_status(expected));
    assert_true(expected->length > 0);
    for (size_t number = 1; mine.length > 0 || theirs.length > 0; number++) {
        const mr_text a = golden_line(&mine);
        const mr_text e = golden_line(&theirs);
        if (!mr_text_equal(a, e))
            fail_msg("line %zu differs\n%s:\n%.*s\n%s:\n%.*s", number, actual_name,
                     (int)a.length, a.bytes, expected_name, (int)e.length, e.bytes);
    }
    assert_int_equal(actual->length, expected->length); /* a last line end */
}

#endif
