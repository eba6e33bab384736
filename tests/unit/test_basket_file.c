/*
 * Small files as the format has them, then files that are wrong in one place each: the message
 * must name the file and, where there is one, the user.
 */
#include "models/basket_file.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char history_path[64];
static char future_path[64];
static mr_sequence_list history;
static mr_basket_targets targets;
static mr_error error;

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(history_path, sizeof(history_path), "/tmp/test_basket_history_%d",
                   (int)getpid());
    (void)snprintf(future_path, sizeof(future_path), "/tmp/test_basket_future_%d",
                   (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(history_path);
    (void)unlink(future_path);
    return 0;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static mr_status read_texts(const char *history_text, const char *future_text)
{
    mr_sequence_list_deinit(&history);
    mr_basket_targets_deinit(&targets);
    write_text(history_path, history_text);
    if (future_text != NULL)
        write_text(future_path, future_text);
    return mr_basket_file_read(history_path, future_text != NULL ? future_path : NULL,
                               &history, &targets, &error);
}

static void clean(void)
{
    mr_sequence_list_deinit(&history);
    mr_basket_targets_deinit(&targets);
}

static void test_baskets_are_read_in_order_and_ends_passed_over(void **state)
{
    (void)state;
    assert_ok(read_texts("{\"b\": [[-1], [3, 1], [], [7], [-1]], \"a\": [[2], [2, 0]]}",
                         "{\"a\": [[-1], [5], [-1]], \"b\": [[9, 3, 9]]}"));
    const mr_sequences view = mr_sequence_list_view(&history);
    mr_error why;
    assert_ok(mr_sequences_check(&view, &why));
    const uint64_t ptr[] = {0, 3, 6};
    const uint32_t item[] = {3, 1, 7, 2, 2, 0};
    const uint32_t basket[] = {0, 0, 1, 0, 1, 1};
    assert_int_equal(view.count, 2);
    assert_int_equal(view.items, 8);
    assert_memory_equal(view.ptr, ptr, sizeof(ptr));
    assert_memory_equal(view.item, item, sizeof(item));
    assert_memory_equal(view.basket, basket, sizeof(basket));
    const uint64_t target_ptr[] = {0, 2, 3};
    const uint32_t target[] = {3, 9, 5};
    assert_memory_equal(targets.ptr, target_ptr, sizeof(target_ptr));
    assert_memory_equal(targets.item, target, sizeof(target));
    clean();
}

static void test_users_are_matched_by_name_and_strangers_come_last(void **state)
{
    (void)state;
    assert_ok(read_texts("{\"x\": [[1]], \"y\": [[2]], \"w\": [[-1], [-1]]}",
                         "{\"new\": [[4]], \"y\": [[6]]}"));
    assert_int_equal(history.count, 4);
    const uint64_t ptr[] = {0, 1, 2, 2, 2};
    const uint64_t target_ptr[] = {0, 0, 1, 1, 2};
    assert_memory_equal(history.ptr, ptr, sizeof(ptr));
    assert_memory_equal(targets.ptr, target_ptr, sizeof(target_ptr));
    assert_int_equal(targets.item[0], 6);
    assert_int_equal(targets.item[1], 4);
    clean();
}

static void test_of_several_baskets_to_come_the_first_one_counts(void **state)
{
    (void)state;
    assert_ok(read_texts("{\"x\": [[1]]}", "{\"x\": [[-1], [2, 1], [3], [-1]]}"));
    assert_int_equal(targets.ptr[1], 2);
    clean();
}

static void test_without_a_future_nobody_has_targets(void **state)
{
    (void)state;
    assert_ok(read_texts("{\"x\": [[1]], \"y\": [[0]]}", NULL));
    assert_int_equal(history.count, 2);
    assert_int_equal(targets.ptr[2], 0);
    clean();
}

static void test_a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    assert_int_equal(
        mr_basket_file_read("/tmp/no such baskets", NULL, &history, &targets, &error),
        MR_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "no such baskets"));
}

static void test_what_is_wrong_is_named_by_file_and_user(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"", NULL},
        {"[]", NULL},
        {"{}", NULL},
        {"{\"ann\": [[1]]", NULL},
        {"{\"ann\": 7}", "ann"},
        {"{\"ann\": {\"0\": [1]}}", "ann"},
        {"{\"bob\": [[1]], \"ann\": [1]}", "ann"},
        {"{\"ann\": [[\"1\"]]}", "ann"},
        {"{\"ann\": [[1.5]]}", "ann"},
        {"{\"ann\": [[1, -1]]}", "ann"},
        {"{\"ann\": [[-2]]}", "ann"},
        {"{\"ann\": [[100000001]]}", "ann"},
        {"{\"ann\": [[18446744073709551615]]}", "ann"},
        {"{\"ann\": [[[1]]]}", "ann"},
        {"{\"ann\": [null]}", "ann"},
        {"{\"ann\": [[1]], \"bob\": [[1]], \"ann\": [[2]]}", "ann"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(read_texts(wrong[i][0], NULL), MR_ERR_CORRUPT);
        assert_non_null(strstr(error.message, history_path));
        if (wrong[i][1] != NULL)
            assert_non_null(strstr(error.message, wrong[i][1]));
        assert_int_equal(read_texts("{\"bob\": [[1]]}", wrong[i][0]), MR_ERR_CORRUPT);
        assert_non_null(strstr(error.message, future_path));
        if (wrong[i][1] != NULL)
            assert_non_null(strstr(error.message, wrong[i][1]));
    }
    clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_baskets_are_read_in_order_and_ends_passed_over),
        cmocka_unit_test(test_users_are_matched_by_name_and_strangers_come_last),
        cmocka_unit_test(test_of_several_baskets_to_come_the_first_one_counts),
        cmocka_unit_test(test_without_a_future_nobody_has_targets),
        cmocka_unit_test(test_a_file_that_is_not_there_is_named),
        cmocka_unit_test(test_what_is_wrong_is_named_by_file_and_user),
    };
    return cmocka_run_group_tests_name("basket_file", tests, set_up, tear_down);
}
