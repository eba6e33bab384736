/*
 * Decode target: the invariants of a decoder, for the fuzz targets of its dialects.
 *
 * Whatever the bytes: the verdict is events or poison and never both; the texts of an event lie
 * within bounds and are UTF-8; amounts keep their sign and range; the same bytes give the same
 * verdict again; and what came out, written as native JSON, decodes to as many events.
 */
#ifndef MR_TESTS_FUZZ_DECODE_TARGET_H
#define MR_TESTS_FUZZ_DECODE_TARGET_H

#include "core/assert.h"
#include "ingest/decoder.h"
#include "ingest/event_writer.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DECODE_TARGET_LOG_MS INT64_C(1700000000000)

typedef struct decode_target {
    mr_decoder *decoder;
    mr_event_batch batch;
} decode_target;

static inline void decode_target_open(decode_target *target, mr_dialect dialect,
                                      const char *profile)
{
    const mr_decoder_options options = {
        .dialect = dialect, .csv_profile = profile, .topic = "events"};
    MR_ASSERT(mr_decoder_create(&options, &target->decoder, NULL) == MR_OK);
    MR_ASSERT(mr_event_batch_init(&target->batch, 1, 1) == MR_OK);
}

static inline mr_record_verdict decode_target_run(decode_target *target, mr_text value)
{
    const mr_log_record record = {.value = value, .time_ms = DECODE_TARGET_LOG_MS};
    MR_ASSERT(mr_decoder_decode(target->decoder, 0, &record, 1, &target->batch) == MR_OK);
    MR_ASSERT(target->batch.record_count == 1);
    return target->batch.records[0];
}

static inline void decode_target_check_event(const mr_event *event)
{
    const bool is_adjustment =
        event->type == MR_EVENT_CUSTOM && mr_text_is(event->name, "adjustment");
    MR_ASSERT(event->type > MR_EVENT_NONE && event->type < MR_EVENT_TYPES);
    MR_ASSERT(mr_event_profile_id(event).length > 0);
    MR_ASSERT(event->user_id.length <= MR_EVENT_ID_BYTES_MAX);
    MR_ASSERT(event->item_id.length <= MR_EVENT_ID_BYTES_MAX);
    MR_ASSERT(mr_text_is_utf8(event->user_id));
    MR_ASSERT(mr_text_is_utf8(event->item_id));
    MR_ASSERT(mr_text_is_utf8(event->query));
    MR_ASSERT(event->time_ms >= 0);
    MR_ASSERT(event->time_ms <= DECODE_TARGET_LOG_MS + MR_CLAMP_AHEAD_MS);
    MR_ASSERT(is_adjustment || event->quantity >= 0);
    MR_ASSERT(is_adjustment || event->price_minor >= 0);
    MR_ASSERT(is_adjustment || event->value_minor >= 0);
    MR_ASSERT(event->position >= -1);
    MR_ASSERT(event->rating_centi == 0 ||
              (event->rating_centi >= 100 && event->rating_centi <= 500));
}

static inline void decode_target_check(decode_target *target, decode_target *native,
                                       const uint8_t *data, size_t size)
{
    const mr_text value = {.bytes = (const char *)data, .length = (uint32_t)size};
    const mr_record_verdict first = decode_target_run(target, value);
    const mr_record_verdict again = decode_target_run(target, value);
    MR_ASSERT(first.poison == again.poison);
    MR_ASSERT(first.event_count == again.event_count);
    MR_ASSERT((first.disposition == MR_RECORD_EVENTS) == (first.event_count > 0));
    MR_ASSERT((first.disposition == MR_RECORD_POISON) ==
              (first.poison != MR_POISON_NONE));
    MR_ASSERT(target->batch.event_count == first.event_count);
    for (uint32_t i = 0; i < first.event_count; i++)
        decode_target_check_event(&target->batch.events[i]);
    if (first.event_count == 0)
        return;
    mr_buffer written = {0};
    mr_event_write(&written, target->batch.events, first.event_count);
    MR_ASSERT(mr_buffer_status(&written) == MR_OK);
    const mr_record_verdict round =
        decode_target_run(native, (mr_text){.bytes = (const char *)written.bytes,
                                            .length = (uint32_t)written.length});
    MR_ASSERT(round.event_count == first.event_count ||
              round.poison == MR_POISON_TOO_LARGE); /* escaping can make it longer */
    mr_buffer_deinit(&written);
}

#endif
