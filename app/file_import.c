#include "app/file_import.h"

#include "app/event_file.h"
#include "core/buffer.h"
#include "features/plan_layout.h"
#include "features/shard.h"
#include "ingest/event_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH_LINES = 4096, /* an append waits for the disk: few large ones */
    ARENA_BLOCK_BYTES = 64 * 1024,
    HASH_PREFIX = 12,
    EVENT_ID_BYTES = HASH_PREFIX + 24,
    PROFILE_NAME_BYTES = 64,
    RAW_BYTES_MAX = 900000, /* what every log takes, with key and headers */
};

typedef struct import_line {
    int64_t time_ms;
    uint64_t at; /* in the text */
    uint64_t line;
    uint32_t length;
} import_line;

struct mr_file_import {
    mr_file_import_options options;
    mr_buffer text;
    import_line *lines;
    size_t line_count;
    size_t line_capacity;
    size_t decoded; /* lines before this one have their time */
    const mr_csv_profile *profile;
    mr_decoder *decoder;
    mr_event_batch batch;
    mr_arena *arena; /* of catalogue lines */
    mr_import_refusals refusals[MR_POISON_KINDS];
    int64_t *newest_ms; /* a partition */
    uint64_t late;
    int64_t last_ms; /* of the last line that decoded */
    char hash[MR_SHA256_HEX_BYTES];
};

/* -- what kind of file it is ------------------------------------------------------------- */

/* The profile whose header this is, or NULL. */
static const mr_csv_profile *profile_of_header(mr_text line)
{
    for (const char *name = mr_csv_profile_names(); *name != '\0';) {
        const size_t length = strcspn(name, ", ");
        char copy[PROFILE_NAME_BYTES];
        (void)snprintf(copy, sizeof(copy), "%.*s", (int)length, name);
        const mr_csv_profile *profile = mr_csv_profile_find(copy);
        if (profile != NULL && mr_csv_header_check(profile, line, NULL) == MR_OK)
            return profile;
        name += length + strspn(name + length, ", ");
    }
    return NULL;
}

static mr_status choose_profile(mr_file_import *import, mr_text first,
                                mr_error *ret_error)
{
    mr_dialect dialect = MR_DIALECT_AUTO;
    const char *profile_name = NULL;
    MR_TRY(mr_dialect_parse(import->options.format, &dialect, &profile_name, ret_error));
    if (dialect == MR_DIALECT_CSV) {
        import->profile = mr_csv_profile_find(profile_name);
    } else if (dialect == MR_DIALECT_AUTO &&
               (first.length == 0 || first.bytes[0] != '{')) {
        import->profile = profile_of_header(first);
        if (import->profile == NULL)
            return mr_error_set(
                ret_error, MR_ERR_INVALID,
                "%s: the first line is neither JSON nor the header of a known "
                "file; say --format csv:PROFILE (%s)",
                import->options.path, mr_csv_profile_names());
        dialect = MR_DIALECT_CSV;
    }
    const mr_decoder_options options = {
        .dialect = dialect,
        .csv_profile =
            import->profile != NULL ? mr_csv_profile_name(import->profile) : NULL,
    };
    return mr_decoder_create(&options, &import->decoder, ret_error);
}

/* Choose by the first line, and say whether it is a header. */
static mr_status begin(mr_file_import *import, mr_text first, bool *ret_is_header,
                       mr_error *ret_error)
{
    MR_TRY(choose_profile(import, first, ret_error));
    *ret_is_header = false;
    if (import->profile == NULL)
        return MR_OK;
    const mr_status status = mr_csv_header_check(import->profile, first, ret_error);
    *ret_is_header = status == MR_OK;
    return status == MR_ERR_NOT_FOUND ? MR_OK : status;
}

/* -- reading ----------------------------------------------------------------------------- */

static mr_text text_of(const mr_file_import *import, const import_line *line)
{
    return (mr_text){(const char *)import->text.bytes + line->at, line->length};
}

static mr_status decode(mr_file_import *import, const import_line *lines, size_t count)
{
    mr_log_record records[BATCH_LINES];
    for (size_t i = 0; i < count; i++)
        records[i] = (mr_log_record){
            .value = text_of(import, &lines[i]),
            .offset = (int64_t)i,
            .time_ms = import->profile == NULL ? import->options.now_ms : 0,
        };
    return mr_decoder_decode(import->decoder, 0, records, count, &import->batch);
}

static void refuse(mr_file_import *import, mr_poison reason, uint64_t line)
{
    mr_import_refusals *refusals = &import->refusals[reason];
    if (refusals->count < MR_IMPORT_LINES_NAMED)
        refusals->first_lines[refusals->count] = line;
    refusals->count++;
}

static void count_late(mr_file_import *import, const mr_event *event)
{
    const mr_dedup_spec *dedup = &mr_default_dedup;
    const int64_t horizon_ms = dedup->horizon_ms[mr_dedup_class_of(dedup, event->type)];
    const mr_text key = mr_event_profile_id(event);
    int64_t *newest_ms =
        &import->newest_ms[mr_log_partition_of(import->options.log, key)];
    if (*newest_ms != MR_TIME_NONE &&
        event->time_ms < *newest_ms - MR_SHARD_LATENESS_MS - horizon_ms)
        import->late++;
    if (event->time_ms > *newest_ms)
        *newest_ms = event->time_ms;
}

/* Whether the line will be sent; its time is then known. */
static bool settle(mr_file_import *import, const mr_record_verdict *verdict,
                   import_line *line)
{
    if (verdict->disposition == MR_RECORD_EVENTS && verdict->event_count > 0) {
        const mr_event *event = &import->batch.events[verdict->first_event];
        line->time_ms = event->time_ms;
        import->last_ms = event->time_ms;
        if (import->options.keep_order)
            count_late(import, event);
        return true;
    }
    refuse(import, (mr_poison)verdict->poison, line->line);
    line->time_ms = import->last_ms; /* it keeps its place among its neighbours */
    return import->options.is_raw && line->length <= RAW_BYTES_MAX;
}

/* Decode the lines read since the last time; those that will not be sent go. */
static mr_status take_times(mr_file_import *import)
{
    const size_t first = import->decoded;
    const size_t count = import->line_count - first;
    MR_TRY(decode(import, &import->lines[first], count));
    size_t kept = first;
    for (size_t i = 0; i < count; i++) {
        import_line line = import->lines[first + i];
        if (settle(import, &import->batch.records[i], &line))
            import->lines[kept++] = line;
    }
    import->line_count = kept;
    import->decoded = kept;
    return MR_OK;
}

static mr_status keep_line(mr_file_import *import, mr_text line, uint64_t number)
{
    if (import->line_count == import->line_capacity) {
        const size_t capacity =
            import->line_capacity > 0 ? 2 * import->line_capacity : 4 * BATCH_LINES;
        import_line *lines = realloc(import->lines, capacity * sizeof(*lines));
        if (lines == NULL)
            return MR_ERR_NO_MEMORY;
        import->lines = lines;
        import->line_capacity = capacity;
    }
    import->lines[import->line_count++] =
        (import_line){.at = import->text.length, .length = line.length, .line = number};
    mr_buffer_put_text(&import->text, line);
    MR_TRY(mr_buffer_status(&import->text));
    if (import->line_count - import->decoded < BATCH_LINES)
        return MR_OK;
    return take_times(import);
}

static mr_text without_mark(mr_text line)
{
    static const char mark[] = "\xef\xbb\xbf";
    const uint32_t bytes = sizeof(mark) - 1;
    if (line.length >= bytes && memcmp(line.bytes, mark, bytes) == 0)
        return (mr_text){line.bytes + bytes, line.length - bytes};
    return line;
}

static mr_status read_lines(mr_file_import *import, mr_event_file *file,
                            mr_error *ret_error)
{
    for (;;) {
        mr_text line;
        mr_status status = mr_event_file_next(file, &line, ret_error);
        if (status == MR_ERR_NOT_FOUND)
            break;
        MR_TRY(status);
        if (line.length == 0)
            continue;
        if (import->decoder == NULL) {
            bool is_header = false;
            line = without_mark(line);
            MR_TRY(begin(import, line, &is_header, ret_error));
            if (is_header)
                continue;
        }
        if (keep_line(import, line, mr_event_file_line(file)) != MR_OK)
            return mr_error_set(ret_error, MR_ERR_NO_MEMORY,
                                "%s: does not fit into memory; split it by time",
                                import->options.path);
        if (import->options.reading != NULL && import->decoded == import->line_count)
            import->options.reading(import->options.context, mr_event_file_position(file),
                                    mr_event_file_bytes(file));
    }
    if (import->decoder != NULL && take_times(import) != MR_OK)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a batch");
    mr_event_file_hash(file, import->hash);
    return MR_OK;
}

static int by_time(const void *a, const void *b)
{
    const import_line *x = a;
    const import_line *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static mr_status allocate(mr_file_import *import)
{
    const uint32_t partitions = mr_log_partitions(import->options.log);
    import->newest_ms = malloc(partitions * sizeof(*import->newest_ms));
    import->arena = mr_arena_create(ARENA_BLOCK_BYTES);
    if (import->newest_ms == NULL || import->arena == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < partitions; i++)
        import->newest_ms[i] = MR_TIME_NONE;
    return mr_event_batch_init(&import->batch, BATCH_LINES, BATCH_LINES);
}

mr_status mr_file_import_open(const mr_file_import_options *options,
                              mr_file_import **ret_import, mr_error *ret_error)
{
    mr_event_file *file = NULL;
    mr_file_import *import = calloc(1, sizeof(*import));
    if (import == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for an import");
    import->options = *options;
    mr_status status = allocate(import);
    if (status != MR_OK)
        (void)mr_error_set(ret_error, status, "out of memory for an import");
    if (status == MR_OK)
        status = mr_event_file_open(options->path, &file, ret_error);
    if (status == MR_OK)
        status = read_lines(import, file, ret_error);
    mr_event_file_close(file);
    if (status != MR_OK) {
        mr_file_import_destroy(import);
        return status;
    }
    if (!options->keep_order && import->line_count > 0)
        qsort(import->lines, import->line_count, sizeof(*import->lines), by_time);
    *ret_import = import;
    return MR_OK;
}

void mr_file_import_destroy(mr_file_import *import)
{
    if (import == NULL)
        return;
    mr_buffer_deinit(&import->text);
    mr_decoder_destroy(import->decoder);
    mr_event_batch_deinit(&import->batch);
    mr_arena_destroy(import->arena);
    free(import->newest_ms);
    free(import->lines);
    free(import);
}

uint64_t mr_file_import_records(const mr_file_import *import)
{
    return import->line_count;
}

const mr_import_refusals *mr_file_import_refusals(const mr_file_import *import,
                                                  mr_poison reason)
{
    return &import->refusals[reason];
}

uint64_t mr_file_import_late(const mr_file_import *import)
{
    return import->late;
}

mr_dialect mr_file_import_dialect(const mr_file_import *import)
{
    if (import->profile != NULL)
        return import->options.is_raw ? MR_DIALECT_CSV : MR_DIALECT_NATIVE;
    return import->decoder != NULL ? mr_decoder_dialect(import->decoder)
                                   : MR_DIALECT_AUTO;
}

const mr_csv_profile *mr_file_import_profile(const mr_file_import *import)
{
    return import->profile;
}

/* -- sending ----------------------------------------------------------------------------- */

/* The records of one batch while they are made. */
typedef struct outgoing {
    mr_log_entry entries[BATCH_LINES];
    size_t value_at[BATCH_LINES];    /* in the JSON                   */
    size_t value_bytes[BATCH_LINES]; /* 0: the value is the line itself */
    mr_buffer json;
    char ids[BATCH_LINES][EVENT_ID_BYTES];
} outgoing;

static void write_native(mr_file_import *import, const mr_record_verdict *verdict,
                         const import_line *line, size_t index, outgoing *out)
{
    mr_event *event = &import->batch.events[verdict->first_event];
    if (event->event_id.length == 0) {
        const int length = snprintf(out->ids[index], EVENT_ID_BYTES, "%.*s:%" PRIu64,
                                    HASH_PREFIX, import->hash, line->line);
        event->event_id = (mr_text){out->ids[index], (uint32_t)length};
    }
    out->value_at[index] = out->json.length;
    mr_event_write(&out->json, event, verdict->event_count);
    out->value_bytes[index] = out->json.length - out->value_at[index];
}

static mr_status note_item(mr_file_import *import, mr_file_catalogue *catalogue,
                           mr_text line)
{
    mr_csv_item item;
    mr_arena_reset(import->arena);
    const mr_status status =
        mr_csv_catalogue(import->profile, line, import->arena, &item);
    if (status == MR_ERR_NOT_FOUND)
        return MR_OK;
    MR_TRY(status);
    return mr_file_catalogue_put(catalogue, &item);
}

static mr_status make_entries(mr_file_import *import, const import_line *lines,
                              size_t count, mr_file_catalogue *catalogue, outgoing *out)
{
    MR_TRY(decode(import, lines, count));
    mr_buffer_clear(&out->json);
    for (size_t i = 0; i < count; i++) {
        const mr_record_verdict *verdict = &import->batch.records[i];
        const bool is_event = verdict->event_count > 0;
        out->value_bytes[i] = 0;
        out->entries[i] = (mr_log_entry){
            .partition = MR_LOG_ANY_PARTITION,
            .value = text_of(import, &lines[i]),
            .time_ms = import->options.stamp ? lines[i].time_ms : 0,
        };
        if (!is_event)
            continue;
        out->entries[i].key =
            mr_event_profile_id(&import->batch.events[verdict->first_event]);
        if (import->profile != NULL && !import->options.is_raw)
            write_native(import, verdict, &lines[i], i, out);
        if (import->profile != NULL && catalogue != NULL)
            MR_TRY(note_item(import, catalogue, text_of(import, &lines[i])));
    }
    MR_TRY(mr_buffer_status(&out->json));
    /* Only now has the buffer stopped moving. */
    for (size_t i = 0; i < count; i++) {
        if (out->value_bytes[i] == 0)
            continue;
        out->entries[i].value =
            (mr_text){(const char *)out->json.bytes + out->value_at[i],
                      (uint32_t)out->value_bytes[i]};
    }
    return MR_OK;
}

mr_status mr_file_import_send(mr_file_import *import, mr_file_catalogue *catalogue,
                              mr_error *ret_error)
{
    outgoing *out = calloc(1, sizeof(*out));
    if (out == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory for a batch");
    mr_status status = MR_OK;
    for (size_t done = 0; done < import->line_count && status == MR_OK;) {
        const size_t left = import->line_count - done;
        const size_t count = left < BATCH_LINES ? left : BATCH_LINES;
        status = make_entries(import, &import->lines[done], count, catalogue, out);
        if (status != MR_OK) {
            (void)mr_error_set(ret_error, status, "out of memory for a batch");
            break;
        }
        status = mr_log_append(import->options.log, out->entries, count, NULL, ret_error);
        done += count;
        if (status == MR_OK && import->options.sending != NULL)
            import->options.sending(import->options.context, done, import->line_count);
    }
    mr_buffer_deinit(&out->json);
    free(out);
    return status;
}
