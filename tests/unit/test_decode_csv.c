/*
 * Method: lines as they stand in the published files, one rule each; and, where the file is at
 * hand, the whole of Online Retail against its known sum, and of CDNOW against its known counts.
 */
#include "tests/decode_support.h"

#include "ingest/decode_csv.h"

#include <stdio.h>
#include <string.h>

static const mr_event *decode(const char *format, const char *line)
{
    static decode_fixture fixture; /* its events live until the next call */
    decode_end(&fixture);
    decode_begin(&fixture, format);
    return decode_one(&fixture, line);
}

static mr_poison poison_of(const char *format, const char *line)
{
    decode_fixture fixture;
    decode_begin(&fixture, format);
    const mr_poison poison = decode_poison(&fixture, line);
    decode_end(&fixture);
    return poison;
}

static void test_a_line_of_online_retail_is_a_purchase(void **state)
{
    (void)state;
    const mr_event *event = decode("csv:online-retail",
                                   "536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,"
                                   "2010-12-01T08:26:00,2.55,17850.0,United Kingdom\r\n");
    assert_int_equal(event->type, MR_EVENT_PURCHASE);
    assert_text(event->user_id, "17850");
    assert_int_equal(event->anonymous_id.length, 0);
    assert_text(event->order_id, "536365");
    assert_text(event->item_id, "85123A");
    assert_text(event->geo, "United Kingdom");
    assert_int_equal(event->event_id.length, 0);
    assert_int_equal(event->time_ms, 1291191960000);
    assert_int_equal(event->quantity, 6);
    assert_int_equal(event->price_minor, 255);
    assert_int_equal(event->value_minor, 1530);
}

static void test_a_line_without_customer_is_its_invoices(void **state)
{
    (void)state;
    const mr_event *event = decode(
        "csv:online-retail", "536414,22139,,56,2010-12-01T11:52:00,1.25,,United Kingdom");
    assert_int_equal(event->user_id.length, 0);
    assert_text(event->anonymous_id, "invoice:536414");
}

static void test_a_cancelled_invoice_is_a_refund_of_what_came_back(void **state)
{
    (void)state;
    const mr_event *event =
        decode("csv:online-retail",
               "C536379,D,Discount,-1,2010-12-01T09:41:00,27.5,14527,United Kingdom");
    assert_int_equal(event->type, MR_EVENT_REFUND);
    assert_int_equal(event->quantity, 1);
    assert_int_equal(event->value_minor, 2750);
    assert_text(event->order_id, "C536379");
}

static void test_other_negative_lines_are_adjustments_with_their_sign(void **state)
{
    (void)state;
    const mr_event *event = decode(
        "csv:online-retail", "536589,21777,,-10,2010-12-01T16:50:00,0,,United Kingdom");
    assert_int_equal(event->type, MR_EVENT_CUSTOM);
    assert_text(event->name, "adjustment");
    assert_int_equal(event->quantity, -10);
    assert_int_equal(event->value_minor, 0);
    event = decode("csv:online-retail", "A563186,B,Adjust bad debt,1,2011-08-12T14:51:00,"
                                        "-11062.06,,United Kingdom");
    assert_text(event->name, "adjustment");
    assert_int_equal(event->value_minor, -1106206);
}

static void test_quoting_is_rfc_4180s(void **state)
{
    (void)state;
    const mr_event *event = decode(
        "csv:online-retail", "536477,\"2\"\"1,0\",\"RECORD FRAME 7\"\" SINGLE SIZE \",48,"
                             "2010-12-01T12:27:00,2.1,16210,United Kingdom");
    assert_text(event->item_id, "2\"1,0");
    static const char *const bad[] = {
        "1,a\"b,c,1,2010-12-01,1,2,U",   "1,\"ab,c,1,2010-12-01,1,2,U",
        "1,\"a\"b,c,1,2010-12-01,1,2,U", "1,a,c,1,2010-12-01,1,2",
        "1,a,c,1,2010-12-01,1,2,U,more", ",,,,,,,",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(poison_of("csv:online-retail", bad[i]), MR_POISON_NOT_JSON);
    assert_int_equal(
        poison_of("csv:online-retail", "{\"type\":\"view\",\"user_id\":\"u\"}"),
        MR_POISON_WRONG_DIALECT);
    assert_int_equal(poison_of("csv:online-retail", "1,a,\xff,1,2010-12-01,1,2,U"),
                     MR_POISON_NOT_UTF8);
    assert_int_equal(poison_of("csv:online-retail", "1,a,c,1,then,1,2,U"),
                     MR_POISON_BAD_TIME);
}

static void test_every_other_profile_reads_its_line(void **state)
{
    (void)state;
    const mr_event *event = decode("csv:cdnow", " 00001 19970101  1   11.77\r");
    assert_text(event->user_id, "00001");
    assert_int_equal(event->time_ms, 852076800000);
    assert_int_equal(event->value_minor, 1177);
    event = decode("csv:cdnow", " 00004 0001 19970118  2   29.73");
    assert_text(event->user_id, "00004");
    assert_int_equal(event->quantity, 2);
    assert_int_equal(event->value_minor, 2973);
    event = decode("csv:retailrocket", "1433221332117,257597,transaction,355908,4000");
    assert_int_equal(event->type, MR_EVENT_PURCHASE);
    assert_text(event->order_id, "4000");
    assert_int_equal(event->time_ms, 1433221332117);
    event = decode("csv:retailrocket", "1433221332117,257597,addtocart,355908,");
    assert_int_equal(event->type, MR_EVENT_CART_ADD);
    event = decode("csv:yoochoose-clicks", "1,2014-04-07T10:51:09.277Z,214536502,0");
    assert_int_equal(event->type, MR_EVENT_VIEW);
    assert_text(event->anonymous_id, "1");
    assert_text(event->session_id, "1");
    assert_int_equal(event->time_ms, 1396867869277);
    event =
        decode("csv:yoochoose-buys", "420374,2014-04-06T18:44:58.314Z,214537888,12462,1");
    assert_int_equal(event->type, MR_EVENT_PURCHASE);
    assert_int_equal(event->value_minor, 1246200);
    event = decode("csv:taobao", "1,2268318,2520377,fav,1511544070");
    assert_int_equal(event->type, MR_EVENT_WISHLIST);
    assert_text(event->category, "2520377");
    assert_int_equal(event->time_ms, 1511544070000);
    static const char *const ratings[] = {
        "196\t242\t3\t881250949", "196::242::3::881250949", "196,242,3.0,881250949"};
    for (size_t i = 0; i < 3; i++) {
        event = decode("csv:movielens", ratings[i]);
        assert_int_equal(event->type, MR_EVENT_RATE);
        assert_text(event->item_id, "242");
        assert_int_equal(event->rating_centi, 300);
        assert_int_equal(event->time_ms, 881250949000);
    }
    assert_int_equal(poison_of("csv:taobao", "1,2,3,look,1511544070"), MR_POISON_NO_TYPE);
}

static mr_status check(const char *profile, const char *line, mr_error *error)
{
    return mr_csv_header_check(mr_csv_profile_find(profile), mr_text_from(line), error);
}

static void test_a_header_is_checked_column_by_column(void **state)
{
    (void)state;
    mr_error error = {.message = ""};
    assert_ok(check(
        "online-retail",
        "\xef\xbb\xbfInvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,"
        "CustomerID,Country\r\n",
        &error));
    assert_int_equal(
        check("online-retail",
              "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,CustomerID,"
              "Country",
              &error),
        MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "UnitPrice"));
    assert_int_equal(
        check("online-retail",
              "StockCode,InvoiceNo,Description,Quantity,InvoiceDate,UnitPrice,"
              "CustomerID,Country",
              &error),
        MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "InvoiceNo is not number 1"));
    assert_int_equal(
        check("online-retail", "536365,85123A,X,6,2010-12-01,2.55,17850,U", &error),
        MR_ERR_INVALID);
    assert_ok(check("movielens", "userId,movieId,rating,timestamp", &error));
    assert_ok(check("movielens",
                    "user_id:token\titem_id:token\trating:float\ttimestamp:float",
                    &error));
    assert_int_equal(check("movielens", "1,31,2.5,1260759144", &error), MR_ERR_NOT_FOUND);
    assert_ok(check("cdnow", " customer_id  date number_of_cds dollar_value\r", &error));
    assert_int_equal(check("taobao", "1,2268318,2520377,pv,1511544070", &error),
                     MR_ERR_NOT_FOUND);
    assert_ok(check("yoochoose-clicks", "Session ID,Timestamp,Item ID,Category", &error));
}

static void test_a_line_says_what_its_item_is_called_and_costs(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_create(1024);
    mr_csv_item item;
    const mr_csv_profile *retail = mr_csv_profile_find("online-retail");
    assert_ok(mr_csv_catalogue(retail,
                               MR_TEXT("536365,85123A,\"HEART, 7\"\" HOLDER\",6,"
                                       "2010-12-01T08:26:00,2.55,17850,United Kingdom"),
                               arena, &item));
    assert_text(item.item_id, "85123A");
    assert_text(item.title, "HEART, 7\" HOLDER");
    assert_int_equal(item.price_minor, 255);
    assert_int_equal(
        mr_csv_catalogue(retail,
                         MR_TEXT("C536379,D,Discount,-1,2010-12-01T09:41:00,27.5,"
                                 "14527,United Kingdom"),
                         arena, &item),
        MR_ERR_NOT_FOUND);
    assert_int_equal(mr_csv_catalogue(mr_csv_profile_find("movielens"),
                                      MR_TEXT("1,31,2.5,1260759144"), arena, &item),
                     MR_ERR_NOT_FOUND);
    mr_arena_destroy(arena);
}

/* The published data, or NULL when it is not here; in CI it must be. */
static FILE *open_data(const char *name)
{
    char path[1024];
    const char *data = getenv("MILLRACE_DATA");
    const char *source = getenv("MILLRACE_SOURCE");
    if (data != NULL)
        (void)snprintf(path, sizeof(path), "%s/%s", data, name);
    else
        (void)snprintf(path, sizeof(path), "%s/../shared/data/%s", source ? source : ".",
                       name);
    FILE *file = fopen(path, "r");
    if (file == NULL && getenv("CI") != NULL)
        fail_msg("%s is not there", path);
    return file;
}

static void test_the_whole_of_online_retail_adds_up(void **state)
{
    (void)state;
    FILE *file = open_data("online-retail/online_retail.csv");
    if (file == NULL)
        skip();
    decode_fixture fixture;
    decode_begin(&fixture, "csv:online-retail");
    char line[4096];
    mr_error error = {.message = ""};
    assert_non_null(fgets(line, sizeof(line), file));
    assert_ok(check("online-retail", line, &error));
    int64_t purchases = 0;
    int64_t refunds = 0;
    int64_t adjustments = 0;
    int64_t of_customers = 0;
    int lines = 0;
    int without_customer = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        const mr_event *event = decode_one(&fixture, line);
        const int64_t value =
            event->type == MR_EVENT_REFUND ? -event->value_minor : event->value_minor;
        assert_true(event->type == MR_EVENT_PURCHASE || event->type == MR_EVENT_REFUND ||
                    mr_text_is(event->name, "adjustment"));
        purchases += event->type == MR_EVENT_PURCHASE ? event->value_minor : 0;
        refunds += event->type == MR_EVENT_REFUND ? event->value_minor : 0;
        adjustments += event->type == MR_EVENT_CUSTOM ? event->value_minor : 0;
        of_customers += event->user_id.length > 0 ? value : 0;
        without_customer += event->user_id.length == 0;
        lines++;
    }
    (void)fclose(file);
    assert_int_equal(lines, 541909);
    assert_int_equal(without_customer, 135080);
    assert_int_equal(purchases - refunds + adjustments, 974774793); /* 9,747,747.93 */
    assert_close((double)of_customers, 830006581.0, 1e-6);          /* 8,300,065.81 */
    decode_end(&fixture);
}

static void test_the_whole_of_cdnow_has_its_customers_and_purchases(void **state)
{
    (void)state;
    FILE *file = open_data("cdnow/CDNOW_master.txt");
    if (file == NULL)
        skip();
    decode_fixture fixture;
    decode_begin(&fixture, "csv:cdnow");
    char line[256];
    int purchases = 0;
    int customers = 0;
    char last[16] = "";
    assert_non_null(fgets(line, sizeof(line), file));
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strspn(line, " \r\n") == strlen(line))
            continue;
        const mr_event *event = decode_one(&fixture, line);
        purchases++;
        if (!mr_text_is(event->user_id, last)) {
            customers++;
            (void)snprintf(last, sizeof(last), "%.*s", MR_TEXT_ARG(event->user_id));
        }
    }
    (void)fclose(file);
    assert_int_equal(purchases, 69659);
    assert_int_equal(customers, 23570);
    decode_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_of_online_retail_is_a_purchase),
        cmocka_unit_test(test_a_line_without_customer_is_its_invoices),
        cmocka_unit_test(test_a_cancelled_invoice_is_a_refund_of_what_came_back),
        cmocka_unit_test(test_other_negative_lines_are_adjustments_with_their_sign),
        cmocka_unit_test(test_quoting_is_rfc_4180s),
        cmocka_unit_test(test_every_other_profile_reads_its_line),
        cmocka_unit_test(test_a_header_is_checked_column_by_column),
        cmocka_unit_test(test_a_line_says_what_its_item_is_called_and_costs),
        cmocka_unit_test(test_the_whole_of_online_retail_adds_up),
        cmocka_unit_test(test_the_whole_of_cdnow_has_its_customers_and_purchases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
