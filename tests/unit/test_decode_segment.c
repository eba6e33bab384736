/* Method: messages as Segment's specification shows them, one rule each. */
#include "tests/decode_support.h"

#include <stdio.h>

static decode_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    decode_begin(&fixture, "segment");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    decode_end(&fixture);
    return 0;
}

static void test_a_track_call_fills_the_canonical_event(void **state)
{
    (void)state;
    const mr_event *event = decode_one(
        &fixture,
        "{\"type\":\"track\",\"event\":\"Product "
        "Added\",\"userId\":\"u\",\"anonymousId\":\"a\","
        "\"messageId\":\"m\",\"timestamp\":\"2023-11-14T22:13:20.000Z\",\"channel\":"
        "\"server\","
        "\"context\":{\"campaign\":{\"name\":\"spring\"},\"device\":{\"type\":\"ios\"},"
        "\"location\":{\"country\":\"NL\"}},\"properties\":{\"product_id\":\"p1\","
        "\"sku\":\"s\","
        "\"category\":\"Games\",\"brand\":\"Hasbro\",\"price\":18.99,\"quantity\":2,"
        "\"position\":3,\"currency\":\"EUR\"}}");
    assert_int_equal(event->type, MR_EVENT_CART_ADD);
    assert_text(event->user_id, "u");
    assert_text(event->anonymous_id, "a");
    assert_text(event->event_id, "m");
    assert_text(event->item_id, "p1");
    assert_text(event->category, "Games");
    assert_text(event->brand, "Hasbro");
    assert_text(event->currency, "EUR");
    assert_text(event->channel, "server");
    assert_text(event->campaign, "spring");
    assert_text(event->device, "ios");
    assert_text(event->geo, "NL");
    assert_int_equal(event->time_ms, 1700000000000);
    assert_int_equal(event->quantity, 2);
    assert_int_equal(event->price_minor, 1899);
    assert_int_equal(event->value_minor, 3798);
    assert_int_equal(event->position, 3);
}

static void test_names_of_both_versions_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mr_event_type type;
    } cases[] = {
        {"Product Viewed", MR_EVENT_VIEW},
        {"Viewed Product", MR_EVENT_VIEW},
        {"Product Clicked", MR_EVENT_CLICK},
        {"Product List Viewed", MR_EVENT_LIST_VIEW},
        {"Viewed Product Category", MR_EVENT_LIST_VIEW},
        {"Products Searched", MR_EVENT_SEARCH},
        {"Product Added", MR_EVENT_CART_ADD},
        {"Added Product", MR_EVENT_CART_ADD},
        {"Product Removed", MR_EVENT_CART_REMOVE},
        {"Removed Product", MR_EVENT_CART_REMOVE},
        {"Product Added to Wishlist", MR_EVENT_WISHLIST},
        {"Checkout Started", MR_EVENT_CHECKOUT},
        {"Order Completed", MR_EVENT_PURCHASE},
        {"Completed Order", MR_EVENT_PURCHASE},
        {"Order Refunded", MR_EVENT_REFUND},
        {"Order Cancelled", MR_EVENT_REFUND},
        {"Product Reviewed", MR_EVENT_REVIEW},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char message[160];
        (void)snprintf(message, sizeof(message),
                       "{\"type\":\"track\",\"event\":\"%s\",\"userId\":\"u\"}",
                       cases[i].name);
        const mr_event *event = decode_one(&fixture, message);
        assert_int_equal(event->type, cases[i].type);
        assert_int_equal(event->name.length, 0);
    }
}

static void test_products_are_lines_and_ids_fall_back(void **state)
{
    (void)state;
    const mr_record_verdict *verdict = decode_text(
        &fixture,
        MR_TEXT("{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u\","
                "\"properties\":{\"order_id\":\"o\",\"revenue\":25,\"total\":27.5,"
                "\"products\":["
                "{\"product_id\":\"a\",\"sku\":\"x\",\"price\":10,\"quantity\":2},"
                "{\"sku\":\"b\",\"price\":\"5.5\"},{\"id\":\"c\"}]}}"));
    assert_int_equal(verdict->event_count, 3);
    const mr_event *events = fixture.batch.events;
    assert_text(events[0].item_id, "a");
    assert_text(events[1].item_id, "b");
    assert_text(events[2].item_id, "c");
    assert_int_equal(events[0].value_minor, 2000);
    assert_int_equal(events[1].value_minor, 550);
    assert_int_equal(events[2].value_minor, 0);
    assert_text(events[2].order_id, "o");
}

static void test_an_order_without_prices_has_its_revenue_before_its_total(void **state)
{
    (void)state;
    (void)decode_text(
        &fixture,
        MR_TEXT("{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":"
                "\"u\",\"properties\":{\"revenue\":25,\"total\":27.5,\"products\":["
                "{\"product_id\":\"a\"},{\"product_id\":\"b\"}]}}"));
    assert_int_equal(fixture.batch.events[0].value_minor, 2500);
    const mr_event *event = decode_one(
        &fixture, "{\"type\":\"track\",\"event\":\"Order Refunded\",\"userId\":\"u\","
                  "\"properties\":{\"order_id\":\"o\",\"total\":30}}");
    assert_int_equal(event->type, MR_EVENT_REFUND);
    assert_int_equal(event->value_minor, 3000);
}

/* timestamp = receivedAt - (sentAt - originalTimestamp) */
static void test_the_senders_clock_is_taken_out(void **state)
{
    (void)state;
    const mr_event *event = decode_one(
        &fixture,
        "{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\",\"originalTimestamp\":"
        "\"1999-01-01T00:00:10Z\",\"sentAt\":\"1999-01-01T00:00:15Z\","
        "\"receivedAt\":\"2023-11-14T22:13:00Z\"}");
    assert_int_equal(event->time_ms, 1700000000000 - 20000 - 5000);
    event = decode_one(
        &fixture,
        "{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\",\"originalTimestamp\":"
        "\"1999-01-01T00:00:10Z\",\"sentAt\":\"1999-01-01T00:00:15Z\"}");
    assert_int_equal(event->time_ms, DECODE_LOG_MS - 5000);
    event = decode_one(&fixture, "{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\","
                                 "\"originalTimestamp\":\"1999-01-01T00:00:10Z\"}");
    assert_int_equal(event->time_ms, 915148810000);
    event = decode_one(&fixture, "{\"type\":\"track\",\"event\":\"x\",\"userId\":\"u\"}");
    assert_int_equal(event->time_ms, DECODE_LOG_MS);
}

static void test_other_calls_are_identify_or_custom_under_their_name(void **state)
{
    (void)state;
    const mr_event *event = decode_one(
        &fixture,
        "{\"type\":\"identify\",\"userId\":\"u\",\"anonymousId\":\"a\",\"traits\":{}}");
    assert_int_equal(event->type, MR_EVENT_IDENTIFY);
    event = decode_one(&fixture,
                       "{\"type\":\"alias\",\"userId\":\"u\",\"previousId\":\"old\"}");
    assert_int_equal(event->type, MR_EVENT_IDENTIFY);
    assert_text(event->anonymous_id, "old");
    assert_text(event->user_id, "u");
    event =
        decode_one(&fixture, "{\"type\":\"page\",\"anonymousId\":\"a\",\"name\":\"Home\","
                             "\"properties\":{\"rating\":\"none\",\"id\":{}}}");
    assert_int_equal(event->type, MR_EVENT_CUSTOM);
    assert_text(event->name, "page");
    event = decode_one(&fixture,
                       "{\"type\":\"track\",\"event\":\"Quiz Taken\",\"userId\":\"u\"}");
    assert_int_equal(event->type, MR_EVENT_CUSTOM);
    assert_text(event->name, "Quiz Taken");
}

static void test_faults_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(decode_poison(&fixture, "{\"type\":\"track\",\"userId\":\"u\"}"),
                     MR_POISON_NO_TYPE);
    assert_int_equal(decode_poison(&fixture, "{\"type\":\"track\",\"event\":\"x\"}"),
                     MR_POISON_NO_USER);
    assert_int_equal(decode_poison(&fixture, "{\"type\":\"view\",\"user_id\":\"u\"}"),
                     MR_POISON_WRONG_DIALECT);
    assert_int_equal(
        decode_poison(&fixture,
                      "{\"type\":\"track\",\"event\":\"Product Added\",\"userId\":"
                      "\"u\",\"properties\":{\"price\":\"cheap\"}}"),
        MR_POISON_BAD_NUMBER);
    assert_int_equal(decode_poison(&fixture,
                                   "{\"type\":\"track\",\"event\":\"x\",\"userId\":"
                                   "\"u\",\"timestamp\":\"soon\"}"),
                     MR_POISON_BAD_TIME);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_track_call_fills_the_canonical_event),
        TEST(test_names_of_both_versions_are_known),
        TEST(test_products_are_lines_and_ids_fall_back),
        TEST(test_an_order_without_prices_has_its_revenue_before_its_total),
        TEST(test_the_senders_clock_is_taken_out),
        TEST(test_other_calls_are_identify_or_custom_under_their_name),
        TEST(test_faults_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
