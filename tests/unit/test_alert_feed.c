/*
 * Alert feed: cursors are walked as a client would, page by page, and every alert must come
 * exactly once, in order, whatever is repeated, damaged or pushed out in between.
 */
#include "app/alert_feed.h"
#include "tests/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int open_feed(void **state)
{
    mr_alert_feed *feed = NULL;
    assert_ok(mr_alert_feed_create(&feed));
    *state = feed;
    return 0;
}

static int close_feed(void **state)
{
    mr_alert_feed_destroy(*state);
    return 0;
}

static void add(mr_alert_feed *feed, int64_t offset, const char *sequence,
                const char *json)
{
    const mr_log_header header = {mr_text_from(MR_ALERT_SEQUENCE_HEADER),
                                  mr_text_from(sequence)};
    const mr_log_record record = {.value = mr_text_from(json),
                                  .headers = &header,
                                  .header_count = 1,
                                  .offset = offset};
    assert_ok(mr_alert_feed_add(feed, &record));
}

static void add_numbered(mr_alert_feed *feed, int64_t number)
{
    char sequence[48];
    char json[96];
    (void)snprintf(sequence, sizeof(sequence), "0:%" PRId64, number + 1);
    (void)snprintf(json, sizeof(json), "{\"n\":%" PRId64 ",\"tier\":\"%s\"}", number,
                   number % 3 == 0 ? "critical" : "watch");
    add(feed, number, sequence, json);
}

/* A query's kind and tier by one word: "" for all. */
static mr_alert_kind kind_of(const char *what)
{
    mr_alert_kind kind = MR_ALERT_CHURN;
    while (kind < MR_ALERT_KINDS && strcmp(what, mr_alert_kind_name(kind)) != 0)
        kind++;
    return kind == MR_ALERT_KINDS && what[0] != '\0' ? MR_ALERT_CHURN : kind;
}

static mr_text tier_of(const char *what)
{
    return strcmp(what, mr_alert_kind_name(kind_of(what) % MR_ALERT_KINDS)) == 0
               ? (mr_text){0}
               : mr_text_from(what);
}

/* The `n` of each alert of the page, separated by commas; the cursor is moved on. */
static const char *page(mr_alert_feed *feed, const char *tier, size_t limit,
                        char cursor[MR_ALERT_FEED_CURSOR_BYTES])
{
    static char numbers[512];
    char next[MR_ALERT_FEED_CURSOR_BYTES];
    mr_buffer text = {0};
    mr_json *document = NULL;
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_array(&writer);
    assert_ok(mr_alert_feed_query(feed, kind_of(tier), tier_of(tier),
                                  mr_text_from(cursor), limit, &writer, next));
    mr_json_end_array(&writer);
    assert_ok(mr_json_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                            &document, NULL));
    mr_json_value *array = mr_json_root(document);
    numbers[0] = '\0';
    for (size_t i = 0; i < mr_json_count(array); i++) {
        const size_t length = strlen(numbers);
        (void)snprintf(numbers + length, sizeof(numbers) - length, "%s%" PRId64,
                       i > 0 ? "," : "",
                       mr_json_int(mr_json_get(mr_json_at(array, i), "n"), -1));
    }
    mr_json_destroy(document);
    mr_buffer_deinit(&text);
    (void)snprintf(cursor, MR_ALERT_FEED_CURSOR_BYTES, "%s", next);
    return numbers;
}

static void test_pages_follow_one_another_without_gap_or_repeat(void **state)
{
    char cursor[MR_ALERT_FEED_CURSOR_BYTES] = "";
    for (int64_t n = 0; n < 5; n++)
        add_numbered(*state, n);
    assert_string_equal(page(*state, "", 2, cursor), "0,1");
    assert_string_equal(page(*state, "", 2, cursor), "2,3");
    assert_string_equal(page(*state, "", 2, cursor), "4");
    assert_string_equal(page(*state, "", 2, cursor), "");
    add_numbered(*state, 5);
    assert_string_equal(page(*state, "", 2, cursor), "5"); /* the cursor was kept */
}

static void test_a_tier_walks_past_the_others(void **state)
{
    char cursor[MR_ALERT_FEED_CURSOR_BYTES] = "";
    for (int64_t n = 0; n < 8; n++)
        add_numbered(*state, n);
    assert_string_equal(page(*state, "critical", 2, cursor), "0,3");
    assert_string_equal(page(*state, "critical", 2, cursor), "6");
    assert_string_equal(cursor, "o7"); /* not to be walked again */
    assert_string_equal(page(*state, "critical", 2, cursor), "");
}

static void test_kinds_are_walked_alone_or_in_the_order_of_their_offsets(void **state)
{
    static const char *const kinds[] = {"churn\",\"tier\":\"watch", "level", "lifecycle",
                                        "segment", "of tomorrow"};
    char cursor[MR_ALERT_FEED_CURSOR_BYTES] = "";
    for (int64_t n = 0; n < 10; n++) {
        char sequence[48];
        char json[96];
        (void)snprintf(sequence, sizeof(sequence), "0:%" PRId64, n + 1);
        (void)snprintf(json, sizeof(json), "{\"n\":%" PRId64 ",\"kind\":\"%s\"}", n,
                       kinds[n % 5]);
        add(*state, n, sequence, json);
    }
    assert_int_equal(mr_alert_feed_count(*state), 8);
    assert_string_equal(page(*state, "", 5, cursor), "0,1,2,3,5");
    assert_string_equal(page(*state, "", 5, cursor), "6,7,8");
    cursor[0] = '\0';
    assert_string_equal(page(*state, "level", 4, cursor), "1,6");
    cursor[0] = '\0';
    assert_string_equal(page(*state, "lifecycle", 1, cursor), "2");
    assert_string_equal(page(*state, "lifecycle", 1, cursor), "7");
    cursor[0] = '\0';
    assert_string_equal(page(*state, "segment", 4, cursor), "3,8");
    cursor[0] = '\0';
    assert_string_equal(page(*state, "watch", 4, cursor), "0,5");
}

static void test_an_empty_feed_gives_a_cursor_that_misses_nothing(void **state)
{
    char cursor[MR_ALERT_FEED_CURSOR_BYTES] = "";
    assert_string_equal(page(*state, "", 10, cursor), "");
    add_numbered(*state, 0);
    assert_string_equal(page(*state, "", 10, cursor), "0");
}

static void test_an_alert_sent_twice_is_kept_once(void **state)
{
    char cursor[MR_ALERT_FEED_CURSOR_BYTES] = "";
    add(*state, 0, "0:1", "{\"n\":1,\"tier\":\"watch\"}");
    add(*state, 1, "0:2", "{\"n\":2,\"tier\":\"watch\"}");
    add(*state, 2, "0:1", "{\"n\":1,\"tier\":\"watch\"}"); /* after a crash */
    add(*state, 3, "0:2", "{\"n\":2,\"tier\":\"watch\"}");
    add(*state, 4, "1:1", "{\"n\":3,\"tier\":\"watch\"}"); /* another partition's first */
    assert_int_equal(mr_alert_feed_count(*state), 3);
    assert_string_equal(page(*state, "", 10, cursor), "1,2,3");
}

static void test_what_is_no_alert_is_passed_over(void **state)
{
    static const char *const sequences[] = {"", "1", "x:1", "4096:1", "0:"};
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
        add(*state, (int64_t)i, sequences[i], "{\"tier\":\"watch\"}");
    add(*state, 10, "0:1", "{\"tier\":");
    add(*state, 11, "0:1", "{\"tier\":7}");
    add(*state, 12, "0:1", "{\"tier\":\"a tier of far too many letters\"}");
    const mr_log_record bare = {.value = MR_TEXT("{\"tier\":\"watch\"}")};
    assert_ok(mr_alert_feed_add(*state, &bare));
    assert_int_equal(mr_alert_feed_count(*state), 0);
    add(*state, 13, "0:1", "{\"tier\":\"watch\"}");
    assert_int_equal(mr_alert_feed_count(*state), 1);
}

static void test_a_cursor_that_is_none_is_refused(void **state)
{
    static const char *const cursors[] = {
        "5", "o", "o-1", "ox", "o1x", "p1", "o99999999999999999999"};
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    char next[MR_ALERT_FEED_CURSOR_BYTES];
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++)
        assert_int_equal(mr_alert_feed_query(*state, MR_ALERT_KINDS, (mr_text){0},
                                             mr_text_from(cursors[i]), 1, &writer, next),
                         MR_ERR_INVALID);
    mr_buffer_deinit(&text);
}

static void test_a_full_feed_drops_the_oldest(void **state)
{
    char cursor[MR_ALERT_FEED_CURSOR_BYTES] = "o4";
    for (int64_t n = 0; n < MR_ALERT_FEED_MAX + 10; n++)
        add_numbered(*state, n);
    assert_int_equal(mr_alert_feed_count(*state), MR_ALERT_FEED_MAX);
    assert_string_equal(page(*state, "", 2, cursor), "10,11"); /* 5 to 9 are gone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_pages_follow_one_another_without_gap_or_repeat, open_feed, close_feed),
        cmocka_unit_test_setup_teardown(test_a_tier_walks_past_the_others, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(
            test_kinds_are_walked_alone_or_in_the_order_of_their_offsets, open_feed,
            close_feed),
        cmocka_unit_test_setup_teardown(
            test_an_empty_feed_gives_a_cursor_that_misses_nothing, open_feed, close_feed),
        cmocka_unit_test_setup_teardown(test_an_alert_sent_twice_is_kept_once, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(test_what_is_no_alert_is_passed_over, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(test_a_cursor_that_is_none_is_refused, open_feed,
                                        close_feed),
        cmocka_unit_test_setup_teardown(test_a_full_feed_drops_the_oldest, open_feed,
                                        close_feed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
