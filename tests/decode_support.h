/*
 * Decode support: what the tests of the decoders share.
 *
 * A message is text in, and a verdict and its events out; log time is DECODE_LOG_MS unless said
 * otherwise.
 */
#ifndef MR_TESTS_DECODE_SUPPORT_H
#define MR_TESTS_DECODE_SUPPORT_H

#include "tests/support.h"

#include "ingest/decoder.h"

#define DECODE_LOG_MS INT64_C(1700000000000)

typedef struct decode_fixture {
    mr_decoder *decoder;
    mr_event_batch batch;
} decode_fixture;

static inline void decode_begin(decode_fixture *fixture, const char *format)
{
    mr_decoder_options options = {.topic = "events"};
    mr_error error = {.message = ""};
    assert_ok(mr_dialect_parse(format, &options.dialect, &options.csv_profile, &error));
    assert_ok(mr_decoder_create(&options, &fixture->decoder, &error));
    assert_ok(mr_event_batch_init(&fixture->batch, 16, 16));
}

static inline void decode_end(decode_fixture *fixture)
{
    mr_decoder_destroy(fixture->decoder);
    mr_event_batch_deinit(&fixture->batch);
}

/* Decode one message; the verdict.  Its events are fixture->batch.events. */
static inline const mr_record_verdict *decode_text(decode_fixture *fixture, mr_text value)
{
    const mr_log_record record = {.value = value, .offset = 9, .time_ms = DECODE_LOG_MS};
    assert_ok(mr_decoder_decode(fixture->decoder, 2, &record, 1, &fixture->batch));
    assert_int_equal(fixture->batch.record_count, 1);
    assert_int_equal(fixture->batch.records[0].offset, 9);
    assert_int_equal(fixture->batch.partition, 2);
    return &fixture->batch.records[0];
}

/* The one event of a good message. */
static inline const mr_event *decode_one(decode_fixture *fixture, const char *value)
{
    const mr_record_verdict *verdict = decode_text(fixture, mr_text_from(value));
    if (verdict->disposition != MR_RECORD_EVENTS || verdict->event_count != 1)
        fail_msg("%s: %s, %u events", value, mr_poison_name((mr_poison)verdict->poison),
                 verdict->event_count);
    return &fixture->batch.events[0];
}

/* Why a message is poison. */
static inline mr_poison decode_poison(decode_fixture *fixture, const char *value)
{
    const mr_record_verdict *verdict = decode_text(fixture, mr_text_from(value));
    assert_int_equal(fixture->batch.event_count, verdict->event_count);
    return (mr_poison)verdict->poison;
}

#define assert_text(text, string)                                                        \
    do {                                                                                 \
        if (!mr_text_is((text), (string)))                                               \
            fail_msg("%s is \"%.*s\", not \"%s\"", #text, MR_TEXT_ARG(text), (string));  \
    } while (0)

#endif
