/*
 * Both dialects on lines written out by hand: what becomes a purchase day, what is left out, what
 * is refused and by which line.
 */
#include "models/transactions.h"
#include "tests/support.h"

#include <string.h>

static int32_t day_of(const char *date)
{
    int64_t ms = 0;
    assert_ok(mr_text_to_time_ms(mr_text_from(date), &ms));
    return (int32_t)mr_time_day(ms);
}

static mr_transactions *parse(const char *text, mr_transactions_format format)
{
    mr_transactions *transactions = NULL;
    mr_error error = {{0}};
    if (mr_transactions_parse(mr_text_from(text), format, &transactions, &error) != MR_OK)
        fail_msg("%s", error.message);
    return transactions;
}

static void assert_purchase(const mr_transactions *transactions, uint32_t customer,
                            size_t index, const char *date, uint32_t lines, double units,
                            double value)
{
    size_t count = 0;
    const mr_purchase *purchases = mr_transactions_of(transactions, customer, &count);
    assert_true(index < count);
    assert_int_equal(purchases[index].day, day_of(date));
    assert_int_equal(purchases[index].lines, lines);
    assert_close(purchases[index].units, units, 1e-12);
    assert_close(purchases[index].value, value, 1e-12);
}

static void test_lines_of_one_day_are_one_purchase(void **state)
{
    (void)state;
    mr_transactions *t = parse(" customer_id  date number_of_cds  dollar_value\n"
                               " 00002 19970112  1   12.00\n"
                               " 00001 19970301  1   11.77\r\n"
                               " 00002 19970112  5   77.00\n"
                               " 00002 19970101  2    3.00",
                               MR_TRANSACTIONS_CDNOW);
    assert_int_equal(mr_transactions_customers(t), 2);
    assert_int_equal(mr_transactions_lines(t), 4);
    assert_true(mr_text_is(mr_transactions_id(t, 0), "00001"));
    assert_true(mr_text_is(mr_transactions_id(t, 1), "00002"));
    assert_purchase(t, 0, 0, "1997-03-01", 1, 1.0, 11.77);
    assert_purchase(t, 1, 0, "1997-01-01", 1, 2.0, 3.0);
    assert_purchase(t, 1, 1, "1997-01-12", 2, 6.0, 89.0);
    assert_int_equal(mr_transactions_first_day(t), day_of("1997-01-01"));
    assert_int_equal(mr_transactions_last_day(t), day_of("1997-03-01"));
    mr_transactions_destroy(t);
}

static void test_the_published_sample_has_a_second_customer_number(void **state)
{
    (void)state;
    mr_transactions *t =
        parse(" 00004 0001 19970101  2   29.33\n 00021 0002 19970101  3   63.34\n",
              MR_TRANSACTIONS_CDNOW);
    assert_int_equal(mr_transactions_customers(t), 2);
    assert_true(mr_text_is(mr_transactions_id(t, 1), "00021"));
    assert_purchase(t, 1, 0, "1997-01-01", 1, 3.0, 63.34);
    mr_transactions_destroy(t);
}

static void test_columns_are_found_under_the_names_shops_use(void **state)
{
    (void)state;
    const char *const texts[] = {
        "Customer ID,InvoiceDate,Quantity,UnitPrice\n7,2010-12-01T08:26:00,3,2.5\n",
        "user_id;amount;date\n7;7.5;2010-12-01\n",
        "note,total,\"order date\",client,qty\n\"x,y\",7.5,20101201,7,3\n",
        "timestamp,customer,value\n1291192000,7,7.5\n",
        "timestamp,customer,value\n1291192000123,7,7.5\n",
    };
    const double units[] = {3.0, 1.0, 3.0, 1.0, 1.0};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        mr_transactions *t = parse(texts[i], MR_TRANSACTIONS_CSV);
        assert_true(mr_text_is(mr_transactions_id(t, 0), "7"));
        assert_purchase(t, 0, 0, "2010-12-01", 1, units[i], 7.5);
        mr_transactions_destroy(t);
    }
}

static void test_cancellations_and_strangers_are_counted_and_left_out(void **state)
{
    (void)state;
    mr_transactions *t = parse("customer,date,quantity,price\n"
                               "a,2020-01-01,1,5\n"
                               ",2020-01-01,1,5\n"
                               "a,2020-01-02,-1,5\n",
                               MR_TRANSACTIONS_CSV);
    assert_int_equal(mr_transactions_lines(t), 1);
    assert_int_equal(mr_transactions_left_out(t), 2);
    mr_transactions_destroy(t);
}

static void test_the_order_of_lines_does_not_matter(void **state)
{
    (void)state;
    mr_transactions *a = parse("x 20200101 1 0.1\nx 20200101 2 0.2\nx 20200101 3 0.3\n",
                               MR_TRANSACTIONS_CDNOW);
    mr_transactions *b = parse("x 20200101 3 0.3\nx 20200101 1 0.1\nx 20200101 2 0.2\n",
                               MR_TRANSACTIONS_CDNOW);
    size_t count = 0;
    assert_memory_equal(mr_transactions_of(a, 0, &count),
                        mr_transactions_of(b, 0, &count), sizeof(mr_purchase));
    mr_transactions_destroy(a);
    mr_transactions_destroy(b);
}

static void assert_refused(const char *text, mr_transactions_format format,
                           const char *part)
{
    mr_transactions *t = NULL;
    mr_error error = {{0}};
    assert_int_equal(mr_transactions_parse(mr_text_from(text), format, &t, &error),
                     MR_ERR_CORRUPT);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    assert_null(t);
}

static void test_what_does_not_parse_is_named_by_its_line(void **state)
{
    (void)state;
    assert_refused("1 19970101 1 2\n1 19971301 1 2\n", MR_TRANSACTIONS_CDNOW, "line 2");
    assert_refused("1 19970101 1 2\n1 19970101 1\n", MR_TRANSACTIONS_CDNOW, "line 2");
    assert_refused("", MR_TRANSACTIONS_CDNOW, "no purchase");
    assert_refused("", MR_TRANSACTIONS_CSV, "empty");
    assert_refused("a,date,value\n", MR_TRANSACTIONS_CSV, "no customer column");
    assert_refused("user,when,value\n", MR_TRANSACTIONS_CSV, "no date column");
    assert_refused("user,date,b\n", MR_TRANSACTIONS_CSV, "no value column");
    assert_refused("user,date,value\n1,soon,2\n", MR_TRANSACTIONS_CSV,
                   "line 2: \"soon\"");
    assert_refused("user,date,value\n1,2020-01-01,much\n", MR_TRANSACTIONS_CSV,
                   "\"much\"");
    assert_refused("user,date,value\n1,2020-01-01\n", MR_TRANSACTIONS_CSV, "2 fields");
}

static void test_formats_have_names(void **state)
{
    (void)state;
    mr_transactions_format format = MR_TRANSACTIONS_CSV;
    assert_ok(mr_transactions_format_parse(MR_TEXT("cdnow"), &format));
    assert_int_equal(format, MR_TRANSACTIONS_CDNOW);
    assert_ok(mr_transactions_format_parse(MR_TEXT("csv"), &format));
    assert_int_equal(format, MR_TRANSACTIONS_CSV);
    assert_int_equal(mr_transactions_format_parse(MR_TEXT("xls"), &format),
                     MR_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_one_day_are_one_purchase),
        cmocka_unit_test(test_the_published_sample_has_a_second_customer_number),
        cmocka_unit_test(test_columns_are_found_under_the_names_shops_use),
        cmocka_unit_test(test_cancellations_and_strangers_are_counted_and_left_out),
        cmocka_unit_test(test_the_order_of_lines_does_not_matter),
        cmocka_unit_test(test_what_does_not_parse_is_named_by_its_line),
        cmocka_unit_test(test_formats_have_names),
    };
    return cmocka_run_group_tests_name("transactions", tests, NULL, NULL);
}
