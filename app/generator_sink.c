#include "app/generator_sink.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "ingest/control_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH_RECORDS = 4096,
    BATCH_BYTES = 768 * 1024, /* below what one batch of the log takes */
    FILE_BYTES = 256 * 1024,
    BATCHES_A_SECOND = 50, /* when a pace is kept */
};
#define SECOND_NS INT64_C(1000000000)

/* A record that waits for its batch: everything it needs lies in the sink's own bytes. */
typedef struct waiting {
    size_t at; /* key, value and header, one after the other */
    uint32_t key_bytes;
    uint32_t value_bytes;
    uint32_t header_bytes; /* 0: none */
    uint32_t partition;
    int64_t time_ms;
} waiting;

struct mr_generator_sink {
    mr_generator_sink_options options;
    int descriptor; /* -1: no file */
    bool is_own;    /* close it    */
    mr_buffer text; /* lines       */
    mr_buffer bytes;
    waiting batch[BATCH_RECORDS];
    mr_log_entry entries[BATCH_RECORDS];
    mr_log_header headers[BATCH_RECORDS];
    size_t batch_count;
    size_t batch_most;
    uint64_t lines;
    uint64_t appended;
    int64_t start_ns;
};

mr_status mr_generator_sink_open(const mr_generator_sink_options *options,
                                 mr_generator_sink **ret_sink, mr_error *ret_error)
{
    mr_generator_sink *sink = calloc(1, sizeof(*sink));
    if (sink == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a batch");
    sink->options = *options;
    sink->descriptor = -1;
    sink->batch_most = BATCH_RECORDS;
    if (options->pace > 0.0 && options->pace / BATCHES_A_SECOND < BATCH_RECORDS)
        sink->batch_most = 1 + (size_t)(options->pace / BATCHES_A_SECOND);
    sink->start_ns = mr_clock_monotonic_ns(mr_clock_system());
    if (options->path != NULL && strcmp(options->path, "-") == 0) {
        sink->descriptor = STDOUT_FILENO;
    } else if (options->path != NULL) {
        sink->is_own = true;
        sink->descriptor =
            open(options->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (sink->descriptor < 0) {
            const int reason = errno;
            mr_generator_sink_close(sink);
            return mr_error_set(ret_error, MR_ERR_UNAVAILABLE, "%s: %s", options->path,
                                strerror(reason));
        }
    }
    *ret_sink = sink;
    return MR_OK;
}

void mr_generator_sink_close(mr_generator_sink *sink)
{
    if (sink == NULL)
        return;
    if (sink->is_own && sink->descriptor >= 0)
        (void)close(sink->descriptor);
    mr_buffer_deinit(&sink->text);
    mr_buffer_deinit(&sink->bytes);
    free(sink);
}

uint64_t mr_generator_sink_lines(const mr_generator_sink *sink)
{
    return sink->lines;
}

/* -- lines --------------------------------------------------------------------------------- */

static void put_base64(mr_json_writer *writer, mr_text bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    mr_buffer *buffer = writer->buffer;
    mr_json_put_raw(writer, MR_TEXT("\""));
    for (uint32_t i = 0; i < bytes.length; i += 3) {
        uint32_t three = 0;
        const uint32_t count = bytes.length - i < 3 ? bytes.length - i : 3;
        for (uint32_t k = 0; k < 3; k++)
            three = three << 8 | (k < count ? (uint8_t)bytes.bytes[i + k] : 0);
        for (uint32_t k = 0; k < 4; k++)
            mr_buffer_put_u8(
                buffer, k <= count ? (uint8_t)digits[three >> (18 - 6 * k) & 63] : '=');
    }
    mr_buffer_put_u8(buffer, '"');
}

void mr_generator_line_write(mr_buffer *buffer, const mr_generated *record)
{
    mr_json_writer writer = mr_json_writer_of(buffer);
    mr_json_begin_object(&writer);
    mr_json_key(&writer, "key");
    mr_json_put_text(&writer, record->key);
    mr_json_key(&writer, "time");
    mr_json_put_int(&writer, record->time_ms);
    mr_json_key(&writer, "partition");
    mr_json_put_uint(&writer, record->partition);
    mr_json_key(&writer, "expect");
    mr_json_put_string(&writer, mr_fate_name(record->fate));
    if (record->fate == MR_FATE_POISON) {
        mr_json_key(&writer, "reason");
        mr_json_put_string(&writer, mr_poison_name(record->reason));
    }
    if (record->is_clamped) {
        mr_json_key(&writer, "clamped");
        mr_json_put_bool(&writer, true);
    }
    if (record->header_count > 0) {
        mr_json_key(&writer, "headers");
        mr_json_begin_object(&writer);
        mr_json_key_text(&writer, record->header.name);
        put_base64(&writer, record->header.value);
        mr_json_end_object(&writer);
    }
    if (record->fate != MR_FATE_POISON || mr_text_is_utf8(record->value)) {
        mr_json_key(&writer, "value");
        mr_json_put_text(&writer, record->value);
    } else {
        mr_json_key(&writer, "value_base64");
        put_base64(&writer, record->value);
    }
    mr_json_end_object(&writer);
    mr_buffer_put_u8(buffer, '\n');
}

static mr_status write_text(mr_generator_sink *sink, mr_error *ret_error)
{
    if (mr_buffer_status(&sink->text) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a line");
    if (mr_file_write_all(sink->descriptor, sink->text.bytes, sink->text.length) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_UNAVAILABLE,
                            "%s: line %" PRIu64 " cannot be written: %s",
                            sink->options.path, sink->lines, strerror(errno));
    mr_buffer_clear(&sink->text);
    return MR_OK;
}

/* -- topic --------------------------------------------------------------------------------- */

/* So that never more than the pace allows have been sent. */
static void keep_pace(const mr_generator_sink *sink)
{
    if (!(sink->options.pace > 0.0))
        return;
    const double due_s = (double)sink->appended / sink->options.pace;
    const int64_t due_ns = sink->start_ns + (int64_t)(due_s * (double)SECOND_NS);
    const int64_t now_ns = mr_clock_monotonic_ns(mr_clock_system());
    if (now_ns >= due_ns)
        return;
    const int64_t left_ns = due_ns - now_ns;
    (void)nanosleep(&(struct timespec){.tv_sec = (time_t)(left_ns / SECOND_NS),
                                       .tv_nsec = (long)(left_ns % SECOND_NS)},
                    NULL);
}

static void make_entry(mr_generator_sink *sink, size_t index)
{
    const waiting *record = &sink->batch[index];
    const char *bytes = (const char *)sink->bytes.bytes + record->at;
    mr_log_header *header = &sink->headers[index];
    *header = (mr_log_header){
        .name = MR_TEXT(MR_CONTROL_HEADER),
        .value = {bytes + record->key_bytes + record->value_bytes, record->header_bytes}};
    sink->entries[index] = (mr_log_entry){
        .partition = record->partition,
        .key = {bytes, record->key_bytes},
        .value = {bytes + record->key_bytes, record->value_bytes},
        .headers = header,
        .header_count = record->header_bytes > 0 ? 1 : 0,
        .time_ms = record->time_ms,
    };
}

static mr_status append(mr_generator_sink *sink, mr_error *ret_error)
{
    if (sink->batch_count == 0)
        return MR_OK;
    if (mr_buffer_status(&sink->bytes) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a batch");
    for (size_t i = 0; i < sink->batch_count; i++)
        make_entry(sink, i);
    mr_error why = {{0}};
    const mr_status status =
        mr_log_append(sink->options.log, sink->entries, sink->batch_count, NULL, &why);
    if (status != MR_OK)
        return mr_error_set(
            ret_error, status,
            "%.120s (the lines before %" PRIu64
            " are in the topic: look which of the next %zu are, and go on "
            "with --from-line)",
            why.message, sink->options.first_line + sink->appended, sink->batch_count);
    sink->appended += sink->batch_count;
    sink->batch_count = 0;
    mr_buffer_clear(&sink->bytes);
    keep_pace(sink);
    return MR_OK;
}

static mr_status put_entry(mr_generator_sink *sink, const mr_generated *record,
                           mr_error *ret_error)
{
    if (sink->batch_count == sink->batch_most ||
        sink->bytes.length + record->value.length > BATCH_BYTES)
        MR_TRY(append(sink, ret_error));
    sink->batch[sink->batch_count++] = (waiting){
        .at = sink->bytes.length,
        .key_bytes = record->key.length,
        .value_bytes = record->value.length,
        .header_bytes = record->header_count > 0 ? record->header.value.length : 0,
        .partition = record->partition,
        .time_ms = record->time_ms,
    };
    mr_buffer_put_text(&sink->bytes, record->key);
    mr_buffer_put_text(&sink->bytes, record->value);
    if (record->header_count > 0)
        mr_buffer_put_text(&sink->bytes, record->header.value);
    return MR_OK;
}

mr_status mr_generator_sink_put(mr_generator_sink *sink, const mr_generated *record,
                                mr_error *ret_error)
{
    if (++sink->lines < sink->options.first_line)
        return MR_OK;
    if (sink->options.log != NULL)
        MR_TRY(put_entry(sink, record, ret_error));
    if (sink->descriptor < 0)
        return MR_OK;
    mr_generator_line_write(&sink->text, record);
    return sink->text.length < FILE_BYTES ? MR_OK : write_text(sink, ret_error);
}

mr_status mr_generator_sink_flush(mr_generator_sink *sink, mr_error *ret_error)
{
    if (sink->options.log != NULL)
        MR_TRY(append(sink, ret_error));
    return sink->descriptor >= 0 ? write_text(sink, ret_error) : MR_OK;
}
