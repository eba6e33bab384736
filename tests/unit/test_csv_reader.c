/*
 * Rows out of texts that a spreadsheet, a database and a careless script would write.
 */
#include "models/csv_reader.h"
#include "tests/support.h"

#include <string.h>

static mr_csv_reader reader;
static mr_csv_row row;

static void open_text(const char *text)
{
    assert_ok(mr_csv_reader_init(mr_text_from(text), &reader));
}

static void assert_row(uint32_t count, const char *const *fields)
{
    assert_ok(mr_csv_reader_next(&reader, &row, NULL));
    assert_int_equal(row.count, count);
    for (uint32_t i = 0; i < count; i++)
        if (!mr_text_is(row.fields[i], fields[i]))
            fail_msg("field %u is \"%.*s\", not \"%s\"", i, MR_TEXT_ARG(row.fields[i]),
                     fields[i]);
}

static void assert_end(void)
{
    assert_int_equal(mr_csv_reader_next(&reader, &row, NULL), MR_ERR_NOT_FOUND);
    assert_int_equal(mr_csv_reader_next(&reader, &row, NULL), MR_ERR_NOT_FOUND);
    mr_csv_reader_deinit(&reader);
}

static void test_quoted_fields_hold_anything(void **state)
{
    (void)state;
    open_text("a,\"b,\"\"c\"\"\",\"two\nlines\"\r\n\"\",x\"y,\"\"\"\"");
    assert_row(3, (const char *[]){"a", "b,\"c\"", "two\nlines"});
    assert_int_equal(row.line, 1);
    assert_row(3, (const char *[]){"", "x\"y", "\""});
    assert_int_equal(row.line, 3);
    assert_end();
}

static void test_empty_fields_count_and_empty_lines_do_not(void **state)
{
    (void)state;
    open_text("\xEF\xBB\xBF,a,\n\n\r\n,,\n");
    assert_row(3, (const char *[]){"", "a", ""});
    assert_row(3, (const char *[]){"", "", ""});
    assert_end();
}

static void test_the_separator_is_the_first_lines_most_frequent(void **state)
{
    (void)state;
    open_text("a;b;c,d\n1;2;3\n");
    assert_row(3, (const char *[]){"a", "b", "c,d"});
    assert_row(3, (const char *[]){"1", "2", "3"});
    assert_end();
    open_text("a\tb\n");
    assert_row(2, (const char *[]){"a", "b"});
    assert_end();
}

static void test_an_empty_text_has_no_row(void **state)
{
    (void)state;
    open_text("");
    assert_end();
    open_text("\n\r\n");
    assert_end();
}

static void test_a_broken_quote_is_named_by_its_line(void **state)
{
    (void)state;
    mr_error error;
    open_text("a\n\"b");
    assert_row(1, (const char *[]){"a"});
    assert_int_equal(mr_csv_reader_next(&reader, &row, &error), MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "line 2"));
    mr_csv_reader_deinit(&reader);
    open_text("\"a\"b\n");
    assert_int_equal(mr_csv_reader_next(&reader, &row, &error), MR_ERR_CORRUPT);
    mr_csv_reader_deinit(&reader);
}

static void test_too_many_fields_are_refused(void **state)
{
    (void)state;
    static char commas[MR_CSV_FIELDS_MAX + 1];
    for (int i = 0; i < MR_CSV_FIELDS_MAX; i++)
        commas[i] = ',';
    open_text(commas);
    assert_int_equal(mr_csv_reader_next(&reader, &row, NULL), MR_ERR_FULL);
    mr_csv_reader_deinit(&reader);
    commas[MR_CSV_FIELDS_MAX - 1] = '\0';
    open_text(commas);
    assert_ok(mr_csv_reader_next(&reader, &row, NULL));
    assert_int_equal(row.count, MR_CSV_FIELDS_MAX);
    assert_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoted_fields_hold_anything),
        cmocka_unit_test(test_empty_fields_count_and_empty_lines_do_not),
        cmocka_unit_test(test_the_separator_is_the_first_lines_most_frequent),
        cmocka_unit_test(test_an_empty_text_has_no_row),
        cmocka_unit_test(test_a_broken_quote_is_named_by_its_line),
        cmocka_unit_test(test_too_many_fields_are_refused),
    };
    return cmocka_run_group_tests_name("csv_reader", tests, NULL, NULL);
}
