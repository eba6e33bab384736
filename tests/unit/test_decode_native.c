/* Method: a message with every field, then one message for each rule and each poison. */
#include "tests/decode_support.h"

#include <stdio.h>
#include <string.h>

static decode_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    decode_begin(&fixture, "native");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    decode_end(&fixture);
    return 0;
}

static void test_every_field_is_found_under_its_name(void **state)
{
    (void)state;
    const mr_event *event = decode_one(
        &fixture,
        "{\"type\":\"purchase\",\"user_id\":\"u\",\"anonymous_id\":\"a\",\"session_id\":"
        "\"s\","
        "\"event_id\":\"e\",\"order_id\":\"o\",\"item_id\":\"i\",\"category\":\"c\","
        "\"brand\":\"b\",\"quantity\":3,\"price\":2.675,\"currency\":\"GBP\",\"query\":"
        "\"q\","
        "\"text\":\"t\",\"rating\":4.5,\"device\":\"d\",\"channel\":\"ch\",\"campaign\":"
        "\"ca\","
        "\"geo\":\"g\",\"recommendation_id\":\"r\",\"placement\":\"p\",\"position\":7,"
        "\"name\":\"n\",\"time\":1699999999999,\"properties\":{\"x\":[1,{\"y\":null}]}}");
    assert_int_equal(event->type, MR_EVENT_PURCHASE);
    assert_text(event->user_id, "u");
    assert_text(event->anonymous_id, "a");
    assert_text(event->session_id, "s");
    assert_text(event->event_id, "e");
    assert_text(event->order_id, "o");
    assert_text(event->item_id, "i");
    assert_text(event->category, "c");
    assert_text(event->brand, "b");
    assert_text(event->currency, "GBP");
    assert_text(event->query, "q");
    assert_text(event->body, "t");
    assert_text(event->device, "d");
    assert_text(event->channel, "ch");
    assert_text(event->campaign, "ca");
    assert_text(event->geo, "g");
    assert_text(event->recommendation_id, "r");
    assert_text(event->placement, "p");
    assert_text(event->name, "n");
    assert_int_equal(event->time_ms, 1699999999999);
    assert_int_equal(event->quantity, 3);
    assert_int_equal(event->price_minor, 268); /* 2.675, half to even       */
    assert_int_equal(event->value_minor, 802); /* 8.025, after multiplying  */
    assert_int_equal(event->rating_centi, 450);
    assert_int_equal(event->position, 7);
    assert_int_equal(event->line, 0);
}

static void test_absent_fields_have_their_defaults(void **state)
{
    (void)state;
    const mr_event *event =
        decode_one(&fixture, "{\"type\":\"view\",\"anonymous_id\":\"a\",\"brand\":null}");
    assert_int_equal(event->user_id.length, 0);
    assert_int_equal(event->brand.length, 0);
    assert_int_equal(event->time_ms, DECODE_LOG_MS);
    assert_int_equal(event->quantity, 1);
    assert_int_equal(event->value_minor, 0);
    assert_int_equal(event->position, -1);
    assert_int_equal(event->rating_centi, 0);
}

static void test_numbers_may_be_strings_and_ids_may_be_numbers(void **state)
{
    (void)state;
    const mr_event *event = decode_one(
        &fixture,
        "{\"type\":\"cart_add\",\"user_id\":17850,\"item_id\":12345678901234567890,"
        "\"quantity\":\"2.0\",\"price\":\"1e1\",\"time\":\"1699999999000\"}");
    assert_text(event->user_id, "17850");
    assert_text(event->item_id, "12345678901234567890");
    assert_int_equal(event->quantity, 2);
    assert_int_equal(event->price_minor, 1000);
    assert_int_equal(event->value_minor, 2000);
    assert_int_equal(event->time_ms, 1699999999000);
}

static void test_texts_are_unescaped(void **state)
{
    (void)state;
    const mr_event *event =
        decode_one(&fixture, "{\"type\":\"search\",\"user_id\":\"\\u00fcser\\n\","
                             "\"query\":\"\\ud83d\\ude00\"}");
    assert_text(event->user_id, "\xc3\xbcser\n");
    assert_text(event->query, "\xf0\x9f\x98\x80");
}

static void test_an_order_is_one_record_with_a_line_for_each_item(void **state)
{
    (void)state;
    const mr_record_verdict *verdict = decode_text(
        &fixture,
        MR_TEXT(
            "{\"type\":\"purchase\",\"user_id\":\"u\",\"event_id\":\"e\",\"order_id\":"
            "\"o\","
            "\"category\":\"all\",\"value\":99,\"items\":[{\"item_id\":\"a\","
            "\"quantity\":2,"
            "\"price\":1.5},{\"item_id\":\"b\",\"value\":\"4\",\"category\":\"own\"}]}"));
    assert_int_equal(verdict->disposition, MR_RECORD_EVENTS);
    assert_int_equal(verdict->event_count, 2);
    const mr_event *events = &fixture.batch.events[verdict->first_event];
    assert_text(events[0].item_id, "a");
    assert_text(events[0].category, "all");
    assert_int_equal(events[0].value_minor, 300);
    assert_int_equal(events[0].line, 0);
    assert_text(events[1].item_id, "b");
    assert_text(events[1].category, "own");
    assert_text(events[1].order_id, "o");
    assert_text(events[1].event_id, "e");
    assert_int_equal(events[1].quantity, 1);
    assert_int_equal(events[1].value_minor, 400);
    assert_int_equal(events[1].line, 1);
}

static void test_the_value_of_an_order_without_prices_is_its_first_lines(void **state)
{
    (void)state;
    const mr_record_verdict *verdict = decode_text(
        &fixture, MR_TEXT("{\"type\":\"purchase\",\"user_id\":\"u\",\"value\":12.34,"
                          "\"lines\":[{\"item_id\":\"a\"},{\"item_id\":\"b\"}]}"));
    assert_int_equal(verdict->event_count, 2);
    assert_int_equal(fixture.batch.events[0].value_minor, 1234);
    assert_int_equal(fixture.batch.events[1].value_minor, 0);
}

static void test_only_an_adjustment_may_be_negative(void **state)
{
    (void)state;
    const mr_event *event = decode_one(
        &fixture, "{\"type\":\"custom\",\"name\":\"adjustment\",\"user_id\":\"u\","
                  "\"quantity\":-3,\"price\":0.335}");
    assert_int_equal(event->quantity, -3);
    assert_int_equal(event->value_minor, -100); /* -1.005 */
    static const char *const negative[] = {"\"quantity\":-1", "\"price\":-1",
                                           "\"value\":-0.01"};
    for (size_t i = 0; i < 3; i++) {
        char message[128];
        (void)snprintf(message, sizeof(message),
                       "{\"type\":\"purchase\",\"user_id\":\"u\",%s}", negative[i]);
        assert_int_equal(decode_poison(&fixture, message), MR_POISON_BAD_NUMBER);
    }
}

static void test_a_time_from_the_future_is_brought_to_the_records_and_counted(
    void **state)
{
    (void)state;
    const mr_event *event = decode_one(
        &fixture, "{\"type\":\"view\",\"user_id\":\"u\",\"time\":1700000300001}");
    assert_int_equal(event->time_ms, DECODE_LOG_MS + MR_CLAMP_AHEAD_MS);
    assert_int_equal(mr_decoder_clamped(fixture.decoder), 1);
    event = decode_one(&fixture,
                       "{\"type\":\"view\",\"user_id\":\"u\",\"time\":1700000300000}");
    assert_int_equal(event->time_ms, 1700000300000);
    event = decode_one(
        &fixture,
        "{\"type\":\"view\",\"user_id\":\"u\",\"time\":\"2010-12-01T08:26:00Z\"}");
    assert_int_equal(event->time_ms, 1291191960000);
    assert_int_equal(mr_decoder_clamped(fixture.decoder), 1);
}

static void test_each_fault_has_its_own_reason(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        mr_poison poison;
    } cases[] = {
        {"", MR_POISON_EMPTY},
        {"hello", MR_POISON_NOT_JSON},
        {"{\"type\":\"view\",\"user_id\":\"u\"", MR_POISON_NOT_JSON},
        {"{\"type\":\"view\",\"user_id\":\"u\"} x", MR_POISON_NOT_JSON},
        {"[1]", MR_POISON_NOT_JSON},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"items\":7}", MR_POISON_NOT_JSON},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"items\":[7]}", MR_POISON_NOT_JSON},
        {"{\"type\":\"view\",\"user_id\":\"\xff\"}", MR_POISON_NOT_UTF8},
        {"{\"type\":\"view\",\"user_id\":\"\xed\xa0\x80\"}", MR_POISON_NOT_UTF8},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"a\":[[[[[[[[1]]]]]]]]}",
         MR_POISON_TOO_DEEP},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"type\":\"view\"}",
         MR_POISON_DUPLICATE_KEY},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"p\":{\"\\u0061\":1,\"a\":2}}",
         MR_POISON_DUPLICATE_KEY},
        {"{\"type\":\"view\"}", MR_POISON_NO_USER},
        {"{\"type\":\"view\",\"user_id\":\"\"}", MR_POISON_NO_USER},
        {"{\"type\":\"view\",\"user_id\":true}", MR_POISON_BAD_ID},
        {"{\"type\":\"view\",\"user_id\":[\"u\"]}", MR_POISON_BAD_ID},
        {"{\"user_id\":\"u\"}", MR_POISON_NO_TYPE},
        {"{\"type\":\"bought\",\"user_id\":\"u\"}", MR_POISON_NO_TYPE},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"time\":\"yesterday\"}",
         MR_POISON_BAD_TIME},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"time\":-1}", MR_POISON_BAD_TIME},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"quantity\":1.5}", MR_POISON_BAD_NUMBER},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"quantity\":1000000001}",
         MR_POISON_BAD_NUMBER},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"price\":\"free\"}",
         MR_POISON_BAD_NUMBER},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"price\":1e300}", MR_POISON_BAD_NUMBER},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"price\":99999999999999999999}",
         MR_POISON_BAD_NUMBER},
        {"{\"type\":\"view\",\"user_id\":\"u\",\"position\":-2}", MR_POISON_BAD_NUMBER},
        {"{\"type\":\"rate\",\"user_id\":\"u\",\"rating\":5.01}", MR_POISON_BAD_NUMBER},
        {"{\"type\":\"erase\",\"user_id\":\"u\"}", MR_POISON_PRIVILEGED},
        {"{\"type\":\"tick\",\"user_id\":\"u\"}", MR_POISON_PRIVILEGED},
        {"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"x\"}",
         MR_POISON_WRONG_DIALECT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const mr_poison poison = decode_poison(&fixture, cases[i].message);
        if (poison != cases[i].poison)
            fail_msg("%s: %s, not %s", cases[i].message, mr_poison_name(poison),
                     mr_poison_name(cases[i].poison));
        assert_int_equal(fixture.batch.event_count, 0);
    }
}

static void test_limits_hold_at_their_edge(void **state)
{
    (void)state;
    static char message[MR_EVENT_RECORD_BYTES_MAX + 2];
    char id[MR_EVENT_ID_BYTES_MAX + 2];
    memset(id, 'x', sizeof(id));
    for (uint32_t bytes = MR_EVENT_ID_BYTES_MAX; bytes <= MR_EVENT_ID_BYTES_MAX + 1;
         bytes++) {
        (void)snprintf(message, sizeof(message),
                       "{\"type\":\"view\",\"user_id\":\"%.*s\"}", (int)bytes, id);
        assert_int_equal(decode_poison(&fixture, message), bytes <= MR_EVENT_ID_BYTES_MAX
                                                               ? MR_POISON_NONE
                                                               : MR_POISON_BAD_ID);
    }
    const int head = snprintf(message, sizeof(message),
                              "{\"type\":\"view\",\"user_id\":\"u\",\"x\":\"");
    memset(message + head, 'y', sizeof(message) - (size_t)head);
    for (uint32_t bytes = MR_EVENT_RECORD_BYTES_MAX;
         bytes <= MR_EVENT_RECORD_BYTES_MAX + 1; bytes++) {
        memcpy(&message[bytes - 2], "\"}", 2);
        const mr_record_verdict *verdict =
            decode_text(&fixture, (mr_text){.bytes = message, .length = bytes});
        assert_int_equal(verdict->poison, bytes <= MR_EVENT_RECORD_BYTES_MAX
                                              ? MR_POISON_NONE
                                              : MR_POISON_TOO_LARGE);
        memset(&message[bytes - 2], 'y', 2);
    }
    for (int lines = MR_EVENT_LINES_MAX; lines <= MR_EVENT_LINES_MAX + 1; lines++) {
        size_t length =
            (size_t)snprintf(message, sizeof(message),
                             "{\"type\":\"purchase\",\"user_id\":\"u\",\"items\":[");
        for (int i = 0; i < lines; i++)
            length += (size_t)snprintf(message + length, sizeof(message) - length, "%s{}",
                                       i > 0 ? "," : "");
        (void)snprintf(message + length, sizeof(message) - length, "]}");
        assert_int_equal(decode_poison(&fixture, message),
                         lines <= MR_EVENT_LINES_MAX ? MR_POISON_NONE
                                                     : MR_POISON_TOO_MANY_LINES);
    }
}

static void test_a_twin_is_found_among_thousands_of_keys(void **state)
{
    (void)state;
    static char message[MR_EVENT_RECORD_BYTES_MAX];
    for (int twin = 0; twin < 2; twin++) {
        size_t length = (size_t)snprintf(message, sizeof(message),
                                         "{\"type\":\"view\",\"user_id\":\"u\"");
        for (int i = 0; i < 3000; i++)
            length += (size_t)snprintf(message + length, sizeof(message) - length,
                                       ",\"%d\":0", i);
        (void)snprintf(message + length, sizeof(message) - length, "%s}",
                       twin ? ",\"1234\":0" : "");
        assert_int_equal(decode_poison(&fixture, message),
                         twin ? MR_POISON_DUPLICATE_KEY : MR_POISON_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_field_is_found_under_its_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_absent_fields_have_their_defaults, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_numbers_may_be_strings_and_ids_may_be_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_texts_are_unescaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_an_order_is_one_record_with_a_line_for_each_item, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_the_value_of_an_order_without_prices_is_its_first_lines, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_only_an_adjustment_may_be_negative, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_time_from_the_future_is_brought_to_the_records_and_counted, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_each_fault_has_its_own_reason, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_limits_hold_at_their_edge, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_twin_is_found_among_thousands_of_keys,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
