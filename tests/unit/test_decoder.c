/* Method: what is common to the dialects: sniffing, locking, control records, batches. */
#include "tests/decode_support.h"

#include "ingest/control_record.h"

#include <stdio.h>
#include <string.h>

static const char native[] = "{\"type\":\"view\",\"user_id\":\"u\",\"item_id\":\"i\"}";
static const char segment[] =
    "{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"u\"}";
static const char line[] = "1433221332117,257597,view,355908,";

static void test_formats_are_parsed_by_name(void **state)
{
    (void)state;
    mr_dialect dialect;
    const char *profile;
    mr_error error = {.message = ""};
    assert_ok(mr_dialect_parse("auto", &dialect, &profile, &error));
    assert_int_equal(dialect, MR_DIALECT_AUTO);
    assert_ok(mr_dialect_parse("csv:cdnow", &dialect, &profile, &error));
    assert_int_equal(dialect, MR_DIALECT_CSV);
    assert_string_equal(profile, "cdnow");
    assert_int_equal(mr_dialect_parse("xml", &dialect, &profile, &error), MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "native"));
    assert_int_equal(mr_dialect_parse("csv:mine", &dialect, &profile, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "retailrocket"));
}

static void test_auto_locks_to_the_first_dialect_it_knows(void **state)
{
    (void)state;
    decode_fixture fixture;
    decode_begin(&fixture, "auto");
    assert_int_equal(decode_poison(&fixture, "not json"), MR_POISON_NOT_JSON);
    assert_int_equal(decode_poison(&fixture, "{\"type\":\"?\"}"), MR_POISON_NO_TYPE);
    assert_int_equal(mr_decoder_dialect(fixture.decoder), MR_DIALECT_AUTO);
    (void)decode_one(&fixture, segment);
    assert_int_equal(mr_decoder_dialect(fixture.decoder), MR_DIALECT_SEGMENT);
    assert_int_equal(decode_poison(&fixture, native), MR_POISON_WRONG_DIALECT);
    (void)decode_one(&fixture, segment);
    decode_end(&fixture);

    decode_begin(&fixture, "auto");
    (void)decode_one(&fixture, native);
    assert_int_equal(mr_decoder_dialect(fixture.decoder), MR_DIALECT_NATIVE);
    assert_int_equal(decode_poison(&fixture, segment), MR_POISON_WRONG_DIALECT);
    decode_end(&fixture);
}

static void test_a_lock_is_kept_from_before(void **state)
{
    (void)state;
    decode_fixture fixture;
    decode_begin(&fixture, "auto");
    mr_decoder_lock(fixture.decoder, MR_DIALECT_NATIVE);
    assert_int_equal(decode_poison(&fixture, segment), MR_POISON_WRONG_DIALECT);
    decode_end(&fixture);
}

static void test_auto_with_a_profile_takes_what_is_no_json_for_its_lines(void **state)
{
    (void)state;
    const mr_decoder_options options = {.csv_profile = "retailrocket"};
    decode_fixture fixture;
    assert_ok(mr_decoder_create(&options, &fixture.decoder, NULL));
    assert_ok(mr_event_batch_init(&fixture.batch, 1, 1));
    (void)decode_one(&fixture, line);
    assert_int_equal(mr_decoder_dialect(fixture.decoder), MR_DIALECT_CSV);
    assert_int_equal(decode_poison(&fixture, native), MR_POISON_WRONG_DIALECT);
    decode_end(&fixture);
    const mr_decoder_options unknown = {.dialect = MR_DIALECT_CSV};
    assert_int_equal(mr_decoder_create(&unknown, &fixture.decoder, NULL), MR_ERR_INVALID);
}

static void test_control_records_are_outside_the_dialect(void **state)
{
    (void)state;
    const mr_decoder_options options = {.dialect = MR_DIALECT_SEGMENT,
                                        .topic = "events",
                                        .control_key = "key",
                                        .control_key_bytes = 3};
    mr_decoder *decoder = NULL;
    mr_event_batch batch;
    assert_ok(mr_decoder_create(&options, &decoder, NULL));
    assert_ok(mr_event_batch_init(&batch, 1, 1));
    mr_buffer value = {0};
    uint8_t header[MR_CONTROL_HEADER_BYTES];
    const mr_control_record tick = {.kind = MR_CONTROL_TICK, .time_ms = 1234};
    assert_ok(mr_control_encode(&tick, "events", "key", 3, (mr_text){0}, &value, header));
    const mr_log_header headers[] = {
        {MR_TEXT(MR_CONTROL_HEADER),
         {.bytes = (const char *)header, .length = MR_CONTROL_HEADER_BYTES}}};
    mr_log_record records[] = {
        {.value = {.bytes = (const char *)value.bytes, .length = (uint32_t)value.length},
         .headers = headers,
         .header_count = 1,
         .offset = 1,
         .time_ms = 5},
        {.value = mr_text_from(segment), .offset = 2, .time_ms = 6},
        {.value = MR_TEXT("?"), .headers = headers, .header_count = 1, .offset = 4},
    };
    assert_ok(mr_decoder_decode(decoder, 0, records, 3, &batch));
    assert_int_equal(batch.record_count, 3);
    assert_int_equal(batch.records[0].disposition, MR_RECORD_TICK);
    assert_int_equal(batch.records[0].tick_ms, 1234);
    assert_int_equal(batch.records[0].log_time_ms, 5);
    assert_int_equal(batch.records[1].disposition, MR_RECORD_EVENTS);
    assert_int_equal(batch.records[1].event_count, 1);
    assert_int_equal(batch.records[2].poison, MR_POISON_BAD_CONTROL);
    assert_int_equal(batch.records[2].offset, 4);
    mr_decoder_destroy(decoder);
    mr_buffer_deinit(&value);
    mr_event_batch_deinit(&batch);
}

static void test_a_link_is_handed_on_with_its_fields(void **state)
{
    (void)state;
    const mr_decoder_options options = {.dialect = MR_DIALECT_NATIVE,
                                        .topic = "events",
                                        .control_key = "key",
                                        .control_key_bytes = 3};
    const mr_control_record sent = {.kind = MR_CONTROL_LINK,
                                    .link = {.anonymous_id = MR_TEXT("x"),
                                             .user_id = MR_TEXT("u"),
                                             .profile = MR_TEXT("{\"events\":1}"),
                                             .time_ms = 5,
                                             .sequence = 7,
                                             .source = 2}};
    mr_decoder *decoder = NULL;
    mr_event_batch batch;
    mr_buffer value = {0};
    uint8_t header[MR_CONTROL_HEADER_BYTES];
    assert_ok(mr_decoder_create(&options, &decoder, NULL));
    assert_ok(mr_event_batch_init(&batch, 1, 1));
    assert_ok(mr_control_encode(&sent, "events", "key", 3, MR_TEXT("u"), &value, header));
    const mr_log_header headers[] = {
        {MR_TEXT(MR_CONTROL_HEADER),
         {.bytes = (const char *)header, .length = MR_CONTROL_HEADER_BYTES}}};
    const mr_log_record record = {
        .key = MR_TEXT("u"),
        .value = {.bytes = (const char *)value.bytes, .length = (uint32_t)value.length},
        .headers = headers,
        .header_count = 1};
    assert_ok(mr_decoder_decode(decoder, 0, &record, 1, &batch));
    assert_int_equal(batch.records[0].disposition, MR_RECORD_LINK);
    const mr_link *link = batch.records[0].link;
    assert_true(mr_text_equal(link->anonymous_id, MR_TEXT("x")));
    assert_true(mr_text_equal(link->profile, sent.link.profile));
    assert_int_equal(link->sequence, 7);
    mr_decoder_destroy(decoder);
    mr_buffer_deinit(&value);
    mr_event_batch_deinit(&batch);
}

static void test_without_a_key_every_control_record_is_poison(void **state)
{
    (void)state;
    decode_fixture fixture;
    decode_begin(&fixture, "native");
    const mr_log_header headers[] = {{MR_TEXT(MR_CONTROL_HEADER), MR_TEXT("x")}};
    const mr_log_record record = {
        .value = mr_text_from(native), .headers = headers, .header_count = 1};
    assert_ok(mr_decoder_decode(fixture.decoder, 0, &record, 1, &fixture.batch));
    assert_int_equal(fixture.batch.records[0].poison, MR_POISON_BAD_CONTROL);
    assert_int_equal(fixture.batch.event_count, 0);
    decode_end(&fixture);
}

static void test_events_of_a_batch_stay_apart_and_all_live_to_its_end(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    decode_fixture fixture;
    decode_begin(&fixture, "native");
    static char values[COUNT][80];
    static mr_log_record records[COUNT];
    for (int i = 0; i < COUNT; i++) {
        /* Every third is poison in its second line, after its first was taken. */
        (void)snprintf(
            values[i], sizeof(values[i]),
            "{\"type\":\"view\",\"user_id\":\"u%d\",\"items\":[{},{\"price\":%s}]}", i,
            i % 3 == 0 ? "\"x\"" : "1");
        records[i] = (mr_log_record){
            .value = mr_text_from(values[i]), .offset = i, .time_ms = DECODE_LOG_MS};
    }
    for (int round = 0; round < 2; round++) {
        assert_ok(mr_decoder_decode(fixture.decoder, 0, records, COUNT, &fixture.batch));
        size_t next = 0;
        for (int i = 0; i < COUNT; i++) {
            const mr_record_verdict *verdict = &fixture.batch.records[i];
            assert_int_equal(verdict->first_event, next);
            assert_int_equal(verdict->event_count, i % 3 == 0 ? 0 : 2);
            next += verdict->event_count;
            char user[16];
            (void)snprintf(user, sizeof(user), "u%d", i);
            if (verdict->event_count > 0)
                assert_text(fixture.batch.events[verdict->first_event + 1].user_id, user);
        }
        assert_int_equal(fixture.batch.event_count, next);
    }
    decode_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_are_parsed_by_name),
        cmocka_unit_test(test_auto_locks_to_the_first_dialect_it_knows),
        cmocka_unit_test(test_a_lock_is_kept_from_before),
        cmocka_unit_test(test_auto_with_a_profile_takes_what_is_no_json_for_its_lines),
        cmocka_unit_test(test_control_records_are_outside_the_dialect),
        cmocka_unit_test(test_a_link_is_handed_on_with_its_fields),
        cmocka_unit_test(test_without_a_key_every_control_record_is_poison),
        cmocka_unit_test(test_events_of_a_batch_stay_apart_and_all_live_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
