/*
 * Method: files of a few lines, and the sequences that a reader of the format would write down;
 * each is written as text ("0 1|2" is two sequences) and compared as such.
 */
#include "tests/text_file.h"

#include "models/sequence_file.h"

enum { SHOWN_BYTES = 256 };

/* "0 1|2 0", with "@seconds" behind each element where there are times. */
static const char *shown(const mr_sequence_list *list)
{
    static char text[SHOWN_BYTES];
    const mr_sequences view = mr_sequence_list_view(list);
    size_t used = 0;
    text[0] = '\0';
    assert_int_equal(mr_sequences_check(&view, NULL), MR_OK);
    for (uint32_t s = 0; s < view.count; s++)
        for (uint64_t e = view.ptr[s]; e <= view.ptr[s + 1] && used < sizeof(text); e++)
            if (e == view.ptr[s + 1])
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
                                         s + 1 < view.count ? "|" : "");
            else if (view.time_s != NULL)
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u@%u",
                                         e > view.ptr[s] ? " " : "", view.item[e],
                                         view.time_s[e]);
            else
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u",
                                         e > view.ptr[s] ? " " : "", view.item[e]);
    return text;
}

typedef mr_status reader(const char *path, mr_id_table *items, mr_sequence_list *ret_list,
                         mr_error *ret_error);

static void expect(reader *read, const char *text, const char *wanted, uint32_t items)
{
    char path[TEXT_PATH_BYTES];
    mr_id_table *table = NULL;
    mr_sequence_list list;
    mr_error error = {{0}};
    assert_ok(mr_sequence_file_items(&table));
    if (read(text_write("f", text, path), table, &list, &error) != MR_OK)
        fail_msg("%s", error.message);
    assert_string_equal(shown(&list), wanted);
    assert_int_equal(list.items, items);
    mr_sequence_list_deinit(&list);
    mr_id_table_destroy(table);
}

static void expect_refused(reader *read, const char *text, const char *reason)
{
    char path[TEXT_PATH_BYTES];
    mr_id_table *table = NULL;
    mr_sequence_list list;
    mr_error error = {{0}};
    assert_ok(mr_sequence_file_items(&table));
    assert_int_equal(read(text_write("f", text, path), table, &list, &error),
                     MR_ERR_CORRUPT);
    assert_names_file(error.message, "f", reason);
    mr_id_table_destroy(table);
}

static void test_users_keep_the_order_of_their_items(void **state)
{
    (void)state;
    expect(mr_sequence_file_read_users, "1 10 20 10\n2 20 30\n", "0 1 0|1 2", 3);
}

static void test_ids_may_be_any_text(void **state)
{
    (void)state;
    expect(mr_sequence_file_read_users, "ann B00-x \xC3\xA9 B00-x\nbob 007 7\n",
           "0 1 0|2 3", 4);
}

static void test_a_user_on_two_lines_is_one_and_one_without_items_none(void **state)
{
    (void)state;
    expect(mr_sequence_file_read_users, "1 a b\n2 c\n3\n1 c a\n", "0 1 2 0|2", 3);
}

static void test_line_ends_and_blanks_do_not_matter(void **state)
{
    (void)state;
    static const char *const same[] = {"1 a b\n2 b", "\n1 a b\n\n2 b\n\n",
                                       "1 a b\r\n\r\n2 b\r\n",
                                       "\xEF\xBB\xBF"
                                       "1\ta  b \n  \n 2 b\t\n"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        expect(mr_sequence_file_read_users, same[i], "0 1|1", 2);
    expect(mr_sequence_file_read_users, "", "", 0);
}

static void test_a_session_is_a_line(void **state)
{
    (void)state;
    expect(mr_sequence_file_read_sessions, "5 6\r\n\n6\n5 5 7", "0 1|1|0 0 2", 3);
}

static void test_test_items_that_training_lacks_get_numbers_above(void **state)
{
    (void)state;
    char path[TEXT_PATH_BYTES];
    mr_id_table *table = NULL;
    mr_sequence_list train;
    mr_sequence_list given;
    mr_sequence_list next;
    assert_ok(mr_sequence_file_items(&table));
    assert_ok(mr_sequence_file_read_sessions(text_write("a", "7 8\n8 9\n", path), table,
                                             &train, NULL));
    assert_ok(mr_sequence_file_read_examples(
        text_write("b", "8 4\t9\n\n7\t5\r\n9\t7", path), table, &given, &next, NULL));
    assert_int_equal(train.items, 3);
    assert_int_equal(given.items, 5);
    assert_string_equal(shown(&given), "1 3|0|2");
    assert_string_equal(shown(&next), "2|4|0");
    mr_sequence_list_deinit(&train);
    mr_sequence_list_deinit(&given);
    mr_sequence_list_deinit(&next);
    mr_id_table_destroy(table);
}

static void test_an_example_without_one_next_item_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *reason;
    } wrong[] = {
        {"1\t2\n\n3 4\n", ":3: not `item item ...`, a tab and the next item"},
        {"1 2\t\n", ":1: not `item item ...`, a tab and the next item"},
        {"1\t2\n3\t4 5\n", ":2: more than one item after the tab"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char path[TEXT_PATH_BYTES];
        mr_id_table *table = NULL;
        mr_sequence_list given;
        mr_sequence_list next;
        mr_error error = {{0}};
        assert_ok(mr_sequence_file_items(&table));
        assert_int_equal(
            mr_sequence_file_read_examples(text_write("f", wrong[i].text, path), table,
                                           &given, &next, &error),
            MR_ERR_CORRUPT);
        assert_names_file(error.message, "f", wrong[i].reason);
        mr_id_table_destroy(table);
    }
}

static void test_a_log_is_grouped_by_session_and_ordered_by_time(void **state)
{
    (void)state;
    expect(mr_sequence_file_read_log,
           "SessionId\tItemId\tTime\n"
           "9\ta\t50.5\n"
           "4\tb\t20.75\n"
           "9\tc\t10\n"
           "4\td\t20.5\n"
           "6\ta\t30\n",
           "3@20 1@20|0@30|2@10 0@50", 4);
}

static void test_rows_of_one_time_keep_their_order_and_so_do_sessions(void **state)
{
    (void)state;
    expect(mr_sequence_file_read_log,
           "SessionId,ItemId,Time\n"
           "z,a,5\nz,b,5\ny,b,5\nz,c,5\n",
           "0@5 1@5 2@5|1@5", 3);
}

static void test_a_log_may_have_other_columns_names_and_times(void **state)
{
    (void)state;
    expect(mr_sequence_file_read_log,
           "\r\ntimestamp:float;\"item_id\";price;Session\r\n"
           "1396860869277;\"x;1\";3.5;s\r\n"
           "\r\n"
           "2014-04-07T08:54:30Z;y;;s",
           "0@1396860869 1@1396860870", 2);
}

static void test_what_is_not_a_log_is_named(void **state)
{
    (void)state;
    expect_refused(mr_sequence_file_read_log, "", ": no header");
    expect_refused(mr_sequence_file_read_log, "SessionId\tTime\n1\t2\n",
                   ":1: the header has no column ItemId");
    expect_refused(mr_sequence_file_read_log, "SessionId,ItemId,Time\n\n1,2,soon\n",
                   ":3: 'soon' is not a time");
    expect_refused(mr_sequence_file_read_log, "SessionId,ItemId,Time\n1,2,-1\n",
                   ":2: '-1' is not a time");
    expect_refused(mr_sequence_file_read_log, "SessionId,ItemId,Time\n1,2\n",
                   ":2: no Time");
    expect_refused(mr_sequence_file_read_log, "SessionId,ItemId,Time\n1,,5\n",
                   ":2: no ItemId");
    expect_refused(mr_sequence_file_read_log, "SessionId,ItemId,Time\n\"1,2,3\n",
                   ": line 2: a quote stays open");
}

static void test_a_file_that_is_not_there_is_not_found(void **state)
{
    (void)state;
    char path[TEXT_PATH_BYTES];
    mr_id_table *table = NULL;
    mr_sequence_list list;
    assert_ok(mr_sequence_file_items(&table));
    assert_int_equal(
        mr_sequence_file_read_log(text_path("none", path), table, &list, NULL),
        MR_ERR_NOT_FOUND);
    mr_id_table_destroy(table);
}

static void test_a_long_log_equals_its_sorted_rows(void **state)
{
    (void)state;
    enum { ROWS = 5000, SESSIONS = 700 };
    static char text[ROWS * 24 + 64];
    char path[TEXT_PATH_BYTES];
    size_t used = (size_t)snprintf(text, sizeof(text), "SessionId,ItemId,Time\n");
    for (uint32_t r = 0; r < ROWS; r++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%u,%u,%u\n",
                                 r * 31 % SESSIONS, r % 97, (r * 7919U) % 6007);
    mr_id_table *table = NULL;
    mr_sequence_list list;
    assert_ok(mr_sequence_file_items(&table));
    assert_ok(mr_sequence_file_read_log(text_write("f", text, path), table, &list, NULL));
    const mr_sequences view = mr_sequence_list_view(&list);
    assert_int_equal(mr_sequences_check(&view, NULL), MR_OK);
    assert_int_equal(view.count, SESSIONS);
    assert_int_equal(view.ptr[SESSIONS], ROWS);
    for (uint32_t s = 1; s < view.count; s++)
        assert_true(view.time_s[view.ptr[s] - 1] <= view.time_s[view.ptr[s + 1] - 1]);
    mr_sequence_list_deinit(&list);
    mr_id_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_keep_the_order_of_their_items),
        cmocka_unit_test(test_ids_may_be_any_text),
        cmocka_unit_test(test_a_user_on_two_lines_is_one_and_one_without_items_none),
        cmocka_unit_test(test_line_ends_and_blanks_do_not_matter),
        cmocka_unit_test(test_a_session_is_a_line),
        cmocka_unit_test(test_test_items_that_training_lacks_get_numbers_above),
        cmocka_unit_test(test_an_example_without_one_next_item_is_named),
        cmocka_unit_test(test_a_log_is_grouped_by_session_and_ordered_by_time),
        cmocka_unit_test(test_rows_of_one_time_keep_their_order_and_so_do_sessions),
        cmocka_unit_test(test_a_log_may_have_other_columns_names_and_times),
        cmocka_unit_test(test_what_is_not_a_log_is_named),
        cmocka_unit_test(test_a_file_that_is_not_there_is_not_found),
        cmocka_unit_test(test_a_long_log_equals_its_sorted_rows),
    };
    return cmocka_run_group_tests(tests, text_set_up, text_tear_down);
}
