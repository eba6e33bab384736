/*
 * Small tables with one peculiarity each, and the columns and notes they have to become.
 */
#include "core/buffer.h"
#include "models/table.h"
#include "tests/support.h"

#include <string.h>

static mr_table *parse(const char *text)
{
    mr_table *table = NULL;
    mr_error error = {{0}};
    if (mr_table_parse(mr_text_from(text), MR_TEXT("left"), MR_TEXT("Yes"), &table,
                       &error) != MR_OK)
        fail_msg("%s", error.message);
    return table;
}

static uint32_t column_of(const mr_table *table, const char *name)
{
    for (uint32_t c = 0; c < mr_table_columns(table); c++)
        if (strcmp(mr_table_column_name(table, c), name) == 0)
            return c;
    fail_msg("no column \"%s\"", name);
    return 0;
}

static float value_of(const mr_table *table, size_t row, const char *name)
{
    return mr_table_values(table)[row * mr_table_columns(table) + column_of(table, name)];
}

static void test_numbers_stay_and_words_become_columns(void **state)
{
    (void)state;
    mr_table *table =
        parse("age,plan,left\n30,gold,Yes\n41.5,basic,No\n-2,gold,\"No\"\n");
    assert_int_equal(mr_table_rows(table), 3);
    assert_int_equal(mr_table_columns(table), 3);
    assert_true(value_of(table, 1, "age") == 41.5F);
    assert_true(value_of(table, 0, "plan=gold") == 1.0F);
    assert_true(value_of(table, 1, "plan=gold") == 0.0F);
    assert_true(value_of(table, 1, "plan=basic") == 1.0F);
    const uint8_t expected[] = {1, 0, 0};
    assert_memory_equal(mr_table_labels(table), expected, 3);
    mr_table_destroy(table);
}

static void test_what_is_not_known_is_said_and_not_guessed(void **state)
{
    (void)state;
    mr_table *table =
        parse("age,plan,left\n30, ,Yes\n ,gold,No\nNA,basic,No\n5,gold,No\n");
    assert_true(isnan(value_of(table, 1, "age")));
    assert_true(isnan(value_of(table, 2, "age")));
    assert_true(value_of(table, 1, "age=(unknown)") == 1.0F);
    assert_true(value_of(table, 0, "age=(unknown)") == 0.0F);
    assert_true(value_of(table, 0, "plan=(unknown)") == 1.0F);
    assert_true(value_of(table, 0, "plan=gold") == 0.0F);
    assert_true(value_of(table, 1, "plan=(unknown)") == 0.0F);
    assert_non_null(strstr(mr_table_notes(table), "age: 2 values unknown"));
    mr_table_destroy(table);
}

/* `rows` rows of: an id, a running number, a constant, one of `levels` words, an amount. */
static mr_table *parse_made(size_t rows, size_t levels)
{
    mr_buffer text = {0};
    mr_buffer_printf(&text, "code,number,same,word,amount,left\n");
    for (size_t i = 0; i < rows; i++)
        mr_buffer_printf(&text, "u-%zu,%zu,1,w%zu,%zu.25,%s\n", i * 7919 % rows, i,
                         i % levels, i, i % 3 == 0 ? "Yes" : "No");
    mr_buffer_put_u8(&text, '\0');
    mr_table *table = parse((const char *)text.bytes);
    mr_buffer_deinit(&text);
    return table;
}

static void test_ids_and_constants_are_left_out_and_said_so(void **state)
{
    (void)state;
    mr_table *table = parse_made(200, 3);
    const char *notes = mr_table_notes(table);
    assert_non_null(strstr(notes, "code: left out as an id"));
    assert_non_null(strstr(notes, "number: left out as an id"));
    assert_non_null(strstr(notes, "same: left out, it is the same"));
    for (uint32_t c = 0; c < mr_table_columns(table); c++)
        assert_null(strstr(mr_table_column_name(table, c), "code"));
    /* An amount differs in every row too, but is no whole number. */
    assert_true(value_of(table, 3, "amount") == 3.25F);
    mr_table_destroy(table);
}

static void test_an_amount_has_its_logarithm_beside_it(void **state)
{
    (void)state;
    mr_table *table = parse_made(200, 3);
    assert_close(value_of(table, 9, "amount (log)"), log1p(9.25), 1e-6);
    mr_table_destroy(table);
}

static void test_rare_words_are_pooled(void **state)
{
    (void)state;
    mr_table *table = parse_made(400, 50);
    uint32_t columns = 0;
    for (uint32_t c = 0; c < mr_table_columns(table); c++)
        columns += strncmp(mr_table_column_name(table, c), "word=", 5) == 0;
    assert_int_equal(columns, MR_TABLE_LEVELS_MAX);
    for (size_t row = 0; row < 50; row++) {
        float sum = 0.0F;
        for (uint32_t c = 0; c < mr_table_columns(table); c++)
            if (strncmp(mr_table_column_name(table, c), "word=", 5) == 0)
                sum += mr_table_values(table)[row * mr_table_columns(table) + c];
        assert_true(sum == 1.0F);
    }
    assert_non_null(strstr(mr_table_notes(table), "word: 50 values"));
    mr_table_destroy(table);
}

static void assert_refused(const char *text, mr_status status, const char *part)
{
    mr_table *table = NULL;
    mr_error error = {{0}};
    assert_int_equal(mr_table_parse(mr_text_from(text), MR_TEXT("left"), MR_TEXT("Yes"),
                                    &table, &error),
                     status);
    if (strstr(error.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    assert_null(table);
}

static void test_refusals_say_what_to_mend(void **state)
{
    (void)state;
    assert_refused("", MR_ERR_CORRUPT, "empty");
    assert_refused("a,b\n1,2\n", MR_ERR_INVALID, "left");
    assert_refused("a,left\n1,No\n2,No\n", MR_ERR_INVALID, "0 of 2");
    assert_refused("a,left\n1,Yes\n2,Yes\n", MR_ERR_INVALID, "2 of 2");
    assert_refused("a,left\n1,Yes\n2\n", MR_ERR_CORRUPT, "line 3");
    assert_refused("a,left\n", MR_ERR_INVALID, "0 rows");
    assert_refused("a,left\n7,Yes\n7,No\n", MR_ERR_INVALID, "0 usable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_stay_and_words_become_columns),
        cmocka_unit_test(test_what_is_not_known_is_said_and_not_guessed),
        cmocka_unit_test(test_ids_and_constants_are_left_out_and_said_so),
        cmocka_unit_test(test_an_amount_has_its_logarithm_beside_it),
        cmocka_unit_test(test_rare_words_are_pooled),
        cmocka_unit_test(test_refusals_say_what_to_mend),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
