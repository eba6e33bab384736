/* Method: small files are sent to a log in a directory of the test's own, and the log is read
 * back: what is in it, in which order, under which key and time. */
#include "tests/app_support.h"

#include "app/file_import.h"
#include "app/replay.h"
#include "core/json.h"

#define DAY_MS INT64_C(86400000)

/* The sheet's header, then lines out of order: two equal ones, one without a customer, a
 * cancellation, a write-off, and one that is no line at all. */
static const char sheet[] =
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    "3,B,\"TRAY, RED\",1,2010-12-03T10:00:00,2.50,u1,France\n"
    "1,A,LAMP,2,2010-12-01T10:00:00,1.25,u1,France\n"
    "1,A,LAMP,2,2010-12-01T10:00:00,1.25,u1,France\n"
    "2,A,OLD LAMP,4,2010-12-02T10:00:00,1.00,,France\n"
    "C4,A,LAMP,-1,2010-12-04T10:00:00,1.25,u1,France\n"
    "5,B,damaged,-3,2010-12-05T10:00:00,0,u2,France\n"
    "nonsense\n";
/* 2.50 + 2.50 + 2.50 + 4.00 bought, 1.25 back, the write-off is of no price */
enum { SHEET_RECORDS = 6, SHEET_BOUGHT_MINOR = 1150, SHEET_BACK_MINOR = 125 };

typedef struct sending {
    mr_config config;
    mr_log *events;
    mr_file_catalogue *catalogue;
    mr_file_import *import;
} sending;

static void begin(sending *s, int64_t partitions)
{
    *s = (sending){.events = NULL};
    assert_int_equal(app_set_up(NULL), 0);
    app_configure(&s->config, partitions);
    s->events = app_open(&s->config, "events");
    assert_ok(mr_file_catalogue_create(&s->catalogue));
}

static void end(sending *s)
{
    mr_file_import_destroy(s->import);
    mr_file_catalogue_destroy(s->catalogue);
    mr_log_close(s->events);
    mr_config_deinit(&s->config);
    assert_int_equal(app_tear_down(NULL), 0);
}

static mr_status open_import(sending *s, const char *content,
                             mr_file_import_options options, mr_error *ret_error)
{
    char path[APP_PATH_BYTES];
    options.path = app_write_text("sheet", content, path);
    options.format = options.format != NULL ? options.format : "auto";
    options.log = s->events;
    mr_file_import_destroy(s->import);
    s->import = NULL;
    return mr_file_import_open(&options, &s->import, ret_error);
}

static void send(sending *s, const char *content, mr_file_import_options options)
{
    mr_error error = {{0}};
    if (open_import(s, content, options, &error) != MR_OK ||
        mr_file_import_send(s->import, s->catalogue, &error) != MR_OK)
        fail_msg("%s", error.message);
}

enum { SEEN_MAX = 64, SEEN_BYTES = 256 };

/* Copies of what a log holds. */
typedef struct seen {
    size_t count;
    char keys[SEEN_MAX][SEEN_BYTES];
    char values[SEEN_MAX][SEEN_BYTES];
    int64_t times_ms[SEEN_MAX];
} seen;

static void see(void *context, uint32_t partition, const mr_log_record *record)
{
    (void)partition;
    seen *s = context;
    assert_true(s->count < SEEN_MAX);
    (void)snprintf(s->keys[s->count], SEEN_BYTES, "%.*s", MR_TEXT_ARG(record->key));
    (void)snprintf(s->values[s->count], SEEN_BYTES, "%.*s", MR_TEXT_ARG(record->value));
    s->times_ms[s->count++] = record->time_ms;
}

static void test_lines_are_sent_in_order_of_time_then_line(void **state)
{
    (void)state;
    static const char *const keys[SHEET_RECORDS] = {"u1", "u1", "invoice:2",
                                                    "u1", "u1", "u2"};
    sending s;
    seen found = {0};
    begin(&s, 1);
    send(&s, sheet, (mr_file_import_options){.stamp = true});
    assert_int_equal(app_read(s.events, see, &found), SHEET_RECORDS);
    for (size_t i = 0; i < SHEET_RECORDS; i++) {
        assert_string_equal(found.keys[i], keys[i]);
        assert_true(i == 0 || found.times_ms[i] >= found.times_ms[i - 1]);
    }
    int64_t first_ms;
    assert_ok(mr_text_to_time_ms(MR_TEXT("2010-12-01T10:00:00"), &first_ms));
    assert_int_equal(found.times_ms[0], first_ms);
    assert_int_equal(found.times_ms[5], first_ms + 4 * DAY_MS);
    end(&s);
}

static mr_text member(mr_json *json, const char *key)
{
    return mr_json_text(mr_json_get(mr_json_root(json), key), (mr_text){0});
}

static void test_equal_lines_get_ids_of_their_own_that_are_the_same_next_time(
    void **state)
{
    (void)state;
    sending s;
    seen found = {0};
    begin(&s, 1);
    send(&s, sheet, (mr_file_import_options){.stamp = true});
    send(&s, sheet, (mr_file_import_options){.stamp = true});
    (void)app_read(s.events, see, &found);
    assert_int_equal(found.count, 2 * SHEET_RECORDS);
    for (size_t i = 0; i < SHEET_RECORDS; i++)
        assert_string_equal(found.values[i], found.values[SHEET_RECORDS + i]);

    mr_json *first;
    mr_json *second;
    assert_ok(mr_json_parse(mr_text_from(found.values[0]), &first, NULL));
    assert_ok(mr_json_parse(mr_text_from(found.values[1]), &second, NULL));
    assert_true(mr_text_equal(member(first, "item_id"), member(second, "item_id")));
    assert_false(mr_text_equal(member(first, "event_id"), member(second, "event_id")));

    char hash[MR_SHA256_HEX_BYTES];
    char expected[MR_SHA256_HEX_BYTES];
    mr_sha256 *sha = mr_sha256_create();
    mr_sha256_add(sha, sheet, sizeof(sheet) - 1);
    mr_sha256_hex(sha, hash);
    mr_sha256_destroy(sha);
    (void)snprintf(expected, sizeof(expected), "%.12s:3",
                   hash); /* the header is line 1 */
    assert_true(mr_text_is(member(first, "event_id"), expected));
    mr_json_destroy(first);
    mr_json_destroy(second);
    end(&s);
}

static void test_lines_that_do_not_decode_are_counted_with_their_numbers(void **state)
{
    (void)state;
    sending s;
    begin(&s, 1);
    send(&s, sheet, (mr_file_import_options){.stamp = true});
    uint64_t refused = 0;
    for (int i = 0; i < MR_POISON_KINDS; i++)
        refused += mr_file_import_refusals(s.import, (mr_poison)i)->count;
    const mr_import_refusals *refusals =
        mr_file_import_refusals(s.import, MR_POISON_NOT_JSON);
    assert_int_equal(refused, 1);
    assert_int_equal(refusals->count, 1);
    assert_int_equal(refusals->first_lines[0], 8);
    end(&s);
}

static void test_raw_lines_are_sent_as_they_are_poison_included(void **state)
{
    (void)state;
    sending s;
    seen found = {0};
    begin(&s, 1);
    send(&s, sheet, (mr_file_import_options){.stamp = true, .is_raw = true});
    assert_int_equal(mr_file_import_dialect(s.import), MR_DIALECT_CSV);
    (void)app_read(s.events, see, &found);
    assert_int_equal(found.count, SHEET_RECORDS + 1);
    assert_string_equal(found.values[0], "1,A,LAMP,2,2010-12-01T10:00:00,1.25,u1,France");
    assert_string_equal(found.keys[0], "u1");
    assert_string_equal(found.values[SHEET_RECORDS], "nonsense");
    assert_string_equal(found.keys[SHEET_RECORDS], "");
    end(&s);
}

static void test_json_lines_keep_their_bytes_and_their_dialect(void **state)
{
    (void)state;
    static const char content[] =
        "{\"type\":\"view\",\"user_id\":\"b\",\"item_id\":\"x\",\"time\":2000,\"own\":[1]"
        "}\n"
        "\n"
        "{\"type\":\"view\",\"user_id\":\"a\", \"item_id\":\"x\",\"time\":1000}\n"
        "{\"type\":\"view\",\"user_id\":\"c\",\"item_id\":\"x\"}\n";
    sending s;
    seen found = {0};
    begin(&s, 1);
    send(&s, content, (mr_file_import_options){.stamp = true});
    assert_int_equal(mr_file_import_dialect(s.import), MR_DIALECT_NATIVE);
    (void)app_read(s.events, see, &found);
    assert_int_equal(found.count,
                     2); /* the third has no time, and no clock to take one from */
    assert_int_equal(
        mr_file_import_refusals(s.import, MR_POISON_BAD_TIME)->first_lines[0], 4);
    assert_string_equal(
        found.values[0],
        "{\"type\":\"view\",\"user_id\":\"a\", \"item_id\":\"x\",\"time\":1000}");
    assert_non_null(strstr(found.values[1], "\"own\":[1]"));
    assert_int_equal(found.times_ms[0], 1000);

    send(&s, content, (mr_file_import_options){.now_ms = 5000});
    assert_int_equal(mr_file_import_records(s.import), 3);
    end(&s);
}

static void test_keep_order_counts_what_a_partition_would_take_for_late(void **state)
{
    (void)state;
    /* The largest time a partition has seen rules, not the one before; a view is late more than
     * an hour behind the watermark, a purchase not yet. */
    static const char content[] =
        "{\"type\":\"view\",\"user_id\":\"a\",\"item_id\":\"x\",\"time\":7200000}\n"
        "{\"type\":\"view\",\"user_id\":\"a\",\"item_id\":\"x\",\"time\":3000000}\n"
        "{\"type\":\"view\",\"user_id\":\"a\",\"item_id\":\"x\",\"time\":2999999}\n"
        "{\"type\":\"purchase\",\"user_id\":\"a\",\"item_id\":\"x\",\"time\":2000}\n"
        "{\"type\":\"view\",\"user_id\":\"a\",\"item_id\":\"x\",\"time\":1000}\n";
    sending s;
    seen found = {0};
    begin(&s, 1);
    send(&s, content, (mr_file_import_options){.keep_order = true, .stamp = true});
    assert_int_equal(mr_file_import_late(s.import), 2);
    (void)app_read(s.events, see, &found);
    assert_int_equal(found.times_ms[0], 7200000);
    assert_int_equal(found.times_ms[4], 1000);
    send(&s, content, (mr_file_import_options){.stamp = true});
    assert_int_equal(mr_file_import_late(s.import), 0);
    end(&s);
}

static void test_a_file_nobody_knows_is_refused_and_the_way_out_named(void **state)
{
    (void)state;
    sending s;
    mr_error error = {{0}};
    begin(&s, 1);
    assert_int_equal(
        open_import(&s, "what,ever\n1,2\n", (mr_file_import_options){0}, &error),
        MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "--format csv:PROFILE"));
    assert_int_equal(open_import(&s, "what,ever\n1,2\n",
                                 (mr_file_import_options){.format = "csv:online-retail"},
                                 &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "InvoiceNo"));
    assert_int_equal(
        open_import(&s, sheet, (mr_file_import_options){.format = "csv:none"}, &error),
        MR_ERR_INVALID);
    end(&s);
}

static void test_the_catalogue_has_the_last_word_of_the_file_in_time(void **state)
{
    (void)state;
    sending s;
    seen found = {0};
    size_t appended;
    begin(&s, 1);
    mr_log *topic = app_open(&s.config, "catalogue");
    send(&s, sheet, (mr_file_import_options){.stamp = true});
    assert_ok(mr_file_catalogue_append(s.catalogue, topic, &appended, NULL));
    assert_int_equal(appended, 2);
    (void)app_read(topic, see, &found);
    assert_string_equal(found.keys[0], "A");
    assert_string_equal(found.values[0], "{\"title\":\"OLD LAMP\",\"price\":\"1.00\"}");
    assert_string_equal(found.keys[1], "B");
    assert_string_equal(found.values[1], "{\"title\":\"TRAY, RED\",\"price\":\"2.50\"}");

    /* The same again changes nothing; one new price is one record. */
    assert_ok(mr_file_catalogue_append(s.catalogue, topic, &appended, NULL));
    assert_int_equal(appended, 0);
    const mr_csv_item dearer = {.item_id = MR_TEXT("B"), .price_minor = 275};
    assert_ok(mr_file_catalogue_put(s.catalogue, &dearer));
    assert_ok(mr_file_catalogue_append(s.catalogue, topic, &appended, NULL));
    assert_int_equal(appended, 1);
    found.count = 0;
    assert_int_equal(app_read(topic, see, &found), 3);
    assert_string_equal(found.values[2], "{\"title\":\"TRAY, RED\",\"price\":\"2.75\"}");
    mr_log_close(topic);
    end(&s);
}

static void test_money_survives_the_way_through_the_log_for_any_partitioning(void **state)
{
    (void)state;
    for (int64_t partitions = 1; partitions <= 5; partitions += 2) {
        sending s;
        mr_keys keys = {0};
        mr_plan *plan;
        mr_replay replay;
        begin(&s, partitions);
        send(&s, sheet, (mr_file_import_options){.stamp = true});
        assert_ok(mr_keys_load(&s.config, MR_KEYS_OPTIONAL, &keys, NULL));
        assert_ok(mr_plan_create_default(&plan));
        const mr_replay_options options = {
            .config = &s.config, .keys = &keys, .plan = plan, .events = s.events};
        assert_ok(mr_replay_run(&options, &replay, NULL));
        assert_int_equal(replay.commerce.sums.purchases_minor, SHEET_BOUGHT_MINOR);
        assert_int_equal(replay.commerce.sums.refunds_minor, SHEET_BACK_MINOR);
        assert_int_equal(replay.commerce.sums.adjustment_lines, 1);
        assert_int_equal(replay.users, 3);
        mr_replay_deinit(&replay);
        mr_plan_destroy(plan);
        mr_keys_deinit(&keys);
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_sent_in_order_of_time_then_line),
        cmocka_unit_test(
            test_equal_lines_get_ids_of_their_own_that_are_the_same_next_time),
        cmocka_unit_test(test_lines_that_do_not_decode_are_counted_with_their_numbers),
        cmocka_unit_test(test_raw_lines_are_sent_as_they_are_poison_included),
        cmocka_unit_test(test_json_lines_keep_their_bytes_and_their_dialect),
        cmocka_unit_test(test_keep_order_counts_what_a_partition_would_take_for_late),
        cmocka_unit_test(test_a_file_nobody_knows_is_refused_and_the_way_out_named),
        cmocka_unit_test(test_the_catalogue_has_the_last_word_of_the_file_in_time),
        cmocka_unit_test(
            test_money_survives_the_way_through_the_log_for_any_partitioning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
