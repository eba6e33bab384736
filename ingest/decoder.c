#include "ingest/decoder.h"

#include "ingest/control_record.h"
#include "ingest/decode_csv.h"
#include "ingest/decode_native.h"
#include "ingest/decode_segment.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 256 * 1024 };

struct mr_decoder {
    mr_dialect dialect;            /* MR_DIALECT_AUTO until the first record is known */
    const mr_csv_profile *profile; /* NULL: no CSV                                    */
    char *topic;
    uint8_t *control_key;
    size_t control_key_bytes;
    uint64_t clamped;
    mr_arena *arena;
    mr_json_parser *parser;
    mr_native_tables native;
    mr_segment_tables segment;
};

static const char CSV_PREFIX[] = "csv:";

mr_status mr_dialect_parse(const char *format, mr_dialect *ret_dialect,
                           const char **ret_csv_profile, mr_error *ret_error)
{
    static const mr_dialect plain[] = {MR_DIALECT_AUTO, MR_DIALECT_NATIVE,
                                       MR_DIALECT_SEGMENT};
    *ret_csv_profile = NULL;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strcmp(format, mr_dialect_name(plain[i])) == 0) {
            *ret_dialect = plain[i];
            return MR_OK;
        }
    }
    const size_t prefix = sizeof(CSV_PREFIX) - 1;
    if (strncmp(format, CSV_PREFIX, prefix) != 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "format %s: not one of auto, native, segment, csv:PROFILE",
                            format);
    const mr_csv_profile *profile = mr_csv_profile_find(format + prefix);
    if (profile == NULL)
        return mr_error_set(ret_error, MR_ERR_INVALID, "format %s: the profiles are %s",
                            format, mr_csv_profile_names());
    *ret_dialect = MR_DIALECT_CSV;
    *ret_csv_profile = mr_csv_profile_name(profile);
    return MR_OK;
}

const char *mr_dialect_name(mr_dialect dialect)
{
    switch (dialect) {
    case MR_DIALECT_AUTO: return "auto";
    case MR_DIALECT_NATIVE: return "native";
    case MR_DIALECT_SEGMENT: return "segment";
    case MR_DIALECT_CSV: return "csv";
    }
    return "unknown";
}

static mr_status copy_options(mr_decoder *decoder, const mr_decoder_options *options)
{
    decoder->topic = strdup(options->topic != NULL ? options->topic : "");
    if (decoder->topic == NULL)
        return MR_ERR_NO_MEMORY;
    if (options->control_key == NULL || options->control_key_bytes == 0)
        return MR_OK;
    decoder->control_key = malloc(options->control_key_bytes);
    if (decoder->control_key == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(decoder->control_key, options->control_key, options->control_key_bytes);
    decoder->control_key_bytes = options->control_key_bytes;
    return MR_OK;
}

mr_status mr_decoder_create(const mr_decoder_options *options, mr_decoder **ret_decoder,
                            mr_error *ret_error)
{
    const mr_csv_profile *profile =
        options->csv_profile != NULL ? mr_csv_profile_find(options->csv_profile) : NULL;
    if (profile == NULL &&
        (options->csv_profile != NULL || options->dialect == MR_DIALECT_CSV))
        return mr_error_set(ret_error, MR_ERR_INVALID, "csv:%s: the profiles are %s",
                            options->csv_profile != NULL ? options->csv_profile : "",
                            mr_csv_profile_names());
    mr_decoder *decoder = calloc(1, sizeof(*decoder));
    if (decoder == NULL)
        goto fail;
    decoder->dialect = options->dialect;
    decoder->profile = profile;
    decoder->arena = mr_arena_create(ARENA_BLOCK_BYTES);
    decoder->parser = mr_json_parser_create();
    if (decoder->arena == NULL || decoder->parser == NULL ||
        copy_options(decoder, options) != MR_OK)
        goto fail;
    mr_native_tables_init(&decoder->native);
    mr_segment_tables_init(&decoder->segment);
    *ret_decoder = decoder;
    return MR_OK;

fail:
    mr_decoder_destroy(decoder);
    return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "decoder: out of memory");
}

void mr_decoder_destroy(mr_decoder *decoder)
{
    if (decoder == NULL)
        return;
    if (decoder->control_key != NULL)
        explicit_bzero(decoder->control_key, decoder->control_key_bytes);
    free(decoder->control_key);
    free(decoder->topic);
    mr_json_parser_destroy(decoder->parser);
    mr_arena_destroy(decoder->arena);
    free(decoder);
}

mr_dialect mr_decoder_dialect(const mr_decoder *decoder)
{
    return decoder->dialect;
}

void mr_decoder_lock(mr_decoder *decoder, mr_dialect dialect)
{
    decoder->dialect = dialect;
}

uint64_t mr_decoder_clamped(const mr_decoder *decoder)
{
    return decoder->clamped;
}

/* What the message looks like, whatever the decoder is locked to; AUTO when it looks like
 * nothing we know. */
static mr_dialect sniff(yyjson_val *root)
{
    if (mr_segment_matches(root))
        return MR_DIALECT_SEGMENT;
    return mr_native_matches(root) ? MR_DIALECT_NATIVE : MR_DIALECT_AUTO;
}

static mr_poison decode_json(mr_decoder *decoder, mr_text message,
                             mr_decode_output *output)
{
    yyjson_val *root = NULL;
    mr_poison poison = mr_json_parser_parse(decoder->parser, message, output, &root);
    if (poison != MR_POISON_NONE || output->status != MR_OK)
        return poison;
    mr_dialect dialect = decoder->dialect;
    if (dialect == MR_DIALECT_AUTO)
        dialect = sniff(root);
    if (dialect == MR_DIALECT_SEGMENT)
        poison = mr_segment_decode(&decoder->segment, root, output);
    else
        poison = mr_native_decode(&decoder->native, root, output);
    if (decoder->dialect == MR_DIALECT_AUTO)
        decoder->dialect = dialect; /* locked, unless nothing was recognised */
    else if (poison == MR_POISON_NO_TYPE || poison == MR_POISON_NO_USER) {
        const mr_dialect other = sniff(root);
        if (other != MR_DIALECT_AUTO && other != dialect)
            return MR_POISON_WRONG_DIALECT;
    }
    return poison;
}

static bool looks_like_json(mr_text message)
{
    for (uint32_t i = 0; i < message.length; i++) {
        const char byte = message.bytes[i];
        if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n')
            return byte == '{';
    }
    return false;
}

static mr_poison decode_csv(mr_decoder *decoder, mr_text message,
                            mr_decode_output *output)
{
    const mr_poison poison = mr_csv_decode(decoder->profile, message, output);
    if (poison == MR_POISON_NONE && output->status == MR_OK)
        decoder->dialect = MR_DIALECT_CSV;
    return poison == MR_POISON_NOT_JSON && looks_like_json(message)
               ? MR_POISON_WRONG_DIALECT
               : poison;
}

static mr_poison decode_message(mr_decoder *decoder, mr_text message,
                                mr_decode_output *output)
{
    if (message.length == 0)
        return MR_POISON_EMPTY;
    if (message.length > MR_EVENT_RECORD_BYTES_MAX)
        return MR_POISON_TOO_LARGE;
    const bool may_be_csv =
        decoder->profile != NULL &&
        (decoder->dialect == MR_DIALECT_CSV ||
         (decoder->dialect == MR_DIALECT_AUTO && !looks_like_json(message)));
    return may_be_csv ? decode_csv(decoder, message, output)
                      : decode_json(decoder, message, output);
}

static const mr_log_header *find_header(const mr_log_record *record, const char *name)
{
    for (uint32_t i = 0; i < record->header_count; i++) {
        if (mr_text_is(record->headers[i].name, name))
            return &record->headers[i];
    }
    return NULL;
}

/* In the record's own dialect where it names one, in the partition's otherwise. */
static mr_poison decode_value(mr_decoder *decoder, const mr_log_record *record,
                              mr_decode_output *output)
{
    const mr_log_header *own = find_header(record, MR_DIALECT_HEADER);
    if (own == NULL || !mr_text_is(own->value, "native"))
        return decode_message(decoder, record->value, output);
    const mr_dialect locked = decoder->dialect;
    decoder->dialect = MR_DIALECT_NATIVE;
    const mr_poison poison = decode_message(decoder, record->value, output);
    decoder->dialect = locked;
    return poison;
}

static mr_status decode_control(const mr_decoder *decoder, const mr_log_record *record,
                                mr_record_verdict *verdict)
{
    mr_control_record control;
    const mr_status status =
        mr_control_decode(record, decoder->topic, decoder->control_key,
                          decoder->control_key_bytes, decoder->arena, &control);
    if (status == MR_ERR_NO_MEMORY)
        return status;
    if (status != MR_OK) {
        verdict->disposition = MR_RECORD_POISON;
        verdict->poison = MR_POISON_BAD_CONTROL;
    } else if (control.kind == MR_CONTROL_TICK) {
        verdict->disposition = MR_RECORD_TICK;
        verdict->tick_ms = control.time_ms;
    } else if (control.kind == MR_CONTROL_LINK) {
        mr_link *link = mr_arena_allocate(decoder->arena, sizeof(*link));
        if (link == NULL)
            return MR_ERR_NO_MEMORY;
        *link = control.link;
        verdict->disposition = MR_RECORD_LINK;
        verdict->link = link;
    } else {
        verdict->disposition = MR_RECORD_CONTROL;
    }
    return MR_OK;
}

/* An event without a time has its record's; one from the future is brought back to it. */
static mr_poison settle_times(mr_decoder *decoder, int64_t log_time_ms, mr_event *events,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (events[i].time_ms == MR_DRAFT_NO_TIME)
            events[i].time_ms = log_time_ms;
        if (events[i].time_ms < 0 || (events[i].time_ms == 0 && log_time_ms <= 0))
            return MR_POISON_BAD_TIME;
        if (log_time_ms > 0 && events[i].time_ms > log_time_ms + MR_CLAMP_AHEAD_MS) {
            events[i].time_ms = log_time_ms + MR_CLAMP_AHEAD_MS;
            decoder->clamped++;
        }
    }
    return MR_POISON_NONE;
}

static mr_status decode_record(mr_decoder *decoder, const mr_log_record *record,
                               mr_event_batch *batch)
{
    mr_record_verdict verdict = {
        .offset = record->offset,
        .log_time_ms = record->time_ms,
        .first_event = (uint32_t)batch->event_count,
        .disposition = MR_RECORD_EVENTS,
    };
    if (find_header(record, MR_CONTROL_HEADER) != NULL) {
        MR_TRY(decode_control(decoder, record, &verdict));
    } else {
        mr_decode_output output = {
            .arena = decoder->arena, .batch = batch, .log_time_ms = record->time_ms};
        mr_poison poison = decode_value(decoder, record, &output);
        MR_TRY(output.status);
        if (poison == MR_POISON_NONE)
            poison = settle_times(decoder, record->time_ms,
                                  &batch->events[verdict.first_event],
                                  batch->event_count - verdict.first_event);
        if (poison != MR_POISON_NONE) {
            batch->event_count = verdict.first_event;
            verdict.disposition = MR_RECORD_POISON;
        }
        verdict.poison = (uint8_t)poison;
        verdict.event_count = (uint32_t)(batch->event_count - verdict.first_event);
    }
    batch->records[batch->record_count++] = verdict;
    return MR_OK;
}

mr_status mr_decoder_decode(mr_decoder *decoder, uint32_t partition,
                            const mr_log_record *records, size_t count,
                            mr_event_batch *batch)
{
    mr_event_batch_clear(batch);
    mr_arena_reset(decoder->arena);
    batch->partition = partition;
    mr_status status = mr_event_batch_reserve(batch, count, count);
    for (size_t i = 0; status == MR_OK && i < count; i++)
        status = decode_record(decoder, &records[i], batch);
    if (status != MR_OK)
        mr_event_batch_clear(batch);
    return status;
}
