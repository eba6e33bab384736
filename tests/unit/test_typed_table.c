/*
 * Method: small files written to a temporary one; fields as they stand there, and for each way a
 * file can be wrong the message with its line.
 */
#include "tests/support.h"

#include "models/typed_table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int make_path(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/test_typed_table_%d", (int)getpid());
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static mr_status read_text(const char *text, mr_typed_table **ret_table, mr_error *error)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    return mr_typed_table_read(path, ret_table, error);
}

static void assert_refused(const char *text, const char *message)
{
    mr_typed_table *table = NULL;
    mr_error error = {{0}};
    assert_int_equal(read_text(text, &table, &error), MR_ERR_CORRUPT);
    assert_null(table);
    if (strstr(error.message, message) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, message);
}

static void assert_field(const mr_typed_table *table, uint32_t row, uint32_t column,
                         const char *expected)
{
    assert_true(mr_text_is(mr_typed_table_field(table, row, column), expected));
}

static void test_fields_stand_where_they_stood(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "id:token\tgenres:token_seq\tprice:float\tv:float_seq\n"
        "7\tDrama War\t2.5\t1 2\n\"8\"\t\t-1\t\n",
        "id:token\tgenres:token_seq\tprice:float\tv:float_seq\r\n"
        "7\tDrama War\t2.5\t1 2\r\n\"8\"\t\t-1\t",
    };
    for (size_t t = 0; t < 2; t++) {
        mr_typed_table *table = NULL;
        double value = 0.0;
        assert_ok(read_text(texts[t], &table, NULL));
        assert_int_equal(mr_typed_table_rows(table), 2);
        assert_int_equal(mr_typed_table_columns(table), 4);
        for (uint32_t c = 0; c < 4; c++)
            assert_int_equal(mr_typed_table_column_kind(table, c), c);
        assert_int_equal(mr_typed_table_find(table, "price"), 2);
        assert_int_equal(mr_typed_table_find(table, "pric"), MR_TYPED_COLUMN_NONE);
        assert_field(table, 0, 1, "Drama War");
        assert_field(table, 0, 3, "1 2");
        assert_field(table, 1, 0, "\"8\"");
        assert_field(table, 1, 1, "");
        assert_field(table, 1, 3, "");
        assert_ok(mr_typed_table_number(table, 0, 2, &value, NULL));
        assert_close(value, 2.5, 0.0);
        mr_typed_table_destroy(table);
    }
}

static void test_a_heading_alone_has_no_rows(void **state)
{
    (void)state;
    mr_typed_table *table = NULL;
    assert_ok(read_text("id:token", &table, NULL));
    assert_int_equal(mr_typed_table_rows(table), 0);
    mr_typed_table_destroy(table);
}

static void test_a_wrong_line_is_named(void **state)
{
    (void)state;
    assert_refused("", "line 1: there is no heading");
    assert_refused("id\n1\n", "line 1: a column is headed `id`");
    assert_refused("id:number\n1\n", "line 1: a column is headed `id:number`");
    assert_refused(":token\n1\n", "line 1");
    assert_refused("\n", "line 1");
    assert_refused("a:token\tb:token\n1\t2\n3\n", "line 3: fields: 1, of the heading: 2");
    assert_refused("a:token\tb:token\n1\t2\t3\n", "line 2: fields: 3");
    assert_refused("a:token\tb:token\n1\t2\n\n3\t4\n", "line 3: fields: 1");
}

static void test_too_many_columns_are_refused(void **state)
{
    (void)state;
    char text[MR_TYPED_COLUMNS_MAX * 8 + 16] = "a:token";
    for (int c = 0; c < MR_TYPED_COLUMNS_MAX; c++)
        strcat(text, "\ta:token");
    assert_refused(text, "over 64 columns");
}

static void test_what_is_no_number_is_named(void **state)
{
    (void)state;
    mr_typed_table *table = NULL;
    mr_error error = {{0}};
    double value = 0.0;
    uint32_t column = 0;
    assert_ok(read_text("id:token\tprice:float\n1\t2\n2\tx\n", &table, NULL));
    assert_ok(mr_typed_table_need(table, "price", &column, &error));
    assert_int_equal(mr_typed_table_number(table, 1, column, &value, &error),
                     MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "line 3: price is not a number"));
    assert_int_equal(mr_typed_table_need(table, "brand", &column, &error),
                     MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "no column `brand`"));
    mr_typed_table_destroy(table);
}

static void test_a_file_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    mr_typed_table *table = NULL;
    assert_int_equal(mr_typed_table_read("/nowhere/at.all", &table, NULL),
                     MR_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_stand_where_they_stood),
        cmocka_unit_test(test_a_heading_alone_has_no_rows),
        cmocka_unit_test(test_a_wrong_line_is_named),
        cmocka_unit_test(test_too_many_columns_are_refused),
        cmocka_unit_test(test_what_is_no_number_is_named),
        cmocka_unit_test(test_a_file_that_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
