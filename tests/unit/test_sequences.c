#include "models/sequences.h"

#include "tests/support.h"

static mr_sequence_list two_baskets_and_one(void)
{
    mr_sequence_list list = {.has_baskets = true, .has_times = true};
    assert_int_equal(mr_sequence_list_add(&list, 3, 0, 10), MR_OK);
    assert_int_equal(mr_sequence_list_add(&list, 1, 0, 10), MR_OK);
    assert_int_equal(mr_sequence_list_add(&list, 3, 1, 20), MR_OK);
    assert_int_equal(mr_sequence_list_end(&list), MR_OK);
    assert_int_equal(mr_sequence_list_add(&list, 0, 0, 15), MR_OK);
    assert_int_equal(mr_sequence_list_end(&list), MR_OK);
    return list;
}

static void test_a_list_is_viewed_as_it_was_filled(void **state)
{
    (void)state;
    mr_sequence_list list = two_baskets_and_one();
    const mr_sequences view = mr_sequence_list_view(&list);
    assert_int_equal(view.count, 2);
    assert_int_equal(view.items, 4);
    assert_int_equal(mr_sequences_length(&view, 0), 3);
    assert_int_equal(mr_sequences_length(&view, 1), 1);
    assert_int_equal(view.item[2], 3);
    assert_int_equal(view.basket[2], 1);
    assert_int_equal(view.time_s[3], 15);
    assert_int_equal(mr_sequences_check(&view, NULL), MR_OK);
    mr_sequence_list_deinit(&list);
}

static void test_a_query_is_the_head_of_a_sequence(void **state)
{
    (void)state;
    mr_sequence_list list = two_baskets_and_one();
    const mr_sequences view = mr_sequence_list_view(&list);
    const mr_query head = mr_sequences_query(&view, 0, 2);
    assert_int_equal(head.count, 2);
    assert_ptr_equal(head.item, view.item);
    assert_ptr_equal(head.basket, view.basket);
    assert_int_equal(mr_sequences_query(&view, 1, 9).count, 1);
    mr_sequence_list_deinit(&list);
}

static void test_a_slice_begins_where_it_is_told(void **state)
{
    (void)state;
    mr_sequence_list list = two_baskets_and_one();
    const mr_sequences view = mr_sequence_list_view(&list);
    const mr_sequences slice = mr_sequences_slice(&view, 1, 1);
    assert_int_equal(slice.count, 1);
    assert_int_equal(mr_sequences_query(&slice, 0, 1).item[0], 0);
    mr_sequence_list_deinit(&list);
}

static void test_what_is_not_a_sequence_is_named(void **state)
{
    (void)state;
    mr_error error = {{0}};
    mr_sequence_list list = two_baskets_and_one();
    mr_sequences view = mr_sequence_list_view(&list);
    view.items = 3;
    assert_int_equal(mr_sequences_check(&view, &error), MR_ERR_INVALID);
    assert_string_equal(error.message, "sequence 0: item 3 of a catalogue of 3");
    view.items = 4;
    list.time_s[2] = 9;
    assert_int_equal(mr_sequences_check(&view, &error), MR_ERR_INVALID);
    assert_string_equal(error.message, "sequence 0: times run backwards");
    list.time_s[2] = 20;
    list.basket[1] = 2;
    assert_int_equal(mr_sequences_check(&view, &error), MR_ERR_INVALID);
    assert_string_equal(error.message, "sequence 0: a basket stands before an older one");
    mr_sequence_list_deinit(&list);
}

static void test_a_list_grows_past_its_first_room(void **state)
{
    (void)state;
    mr_sequence_list list = {0};
    for (uint32_t s = 0; s < 3000; s++) {
        for (uint32_t i = 0; i < s % 3; i++)
            assert_int_equal(mr_sequence_list_add(&list, s + i, 0, 0), MR_OK);
        assert_int_equal(mr_sequence_list_end(&list), MR_OK);
    }
    const mr_sequences view = mr_sequence_list_view(&list);
    assert_int_equal(view.count, 3000);
    assert_int_equal(mr_sequences_length(&view, 2999), 2);
    assert_int_equal(view.item[view.ptr[2999] + 1], 3000);
    assert_null(view.basket);
    assert_null(view.time_s);
    mr_sequence_list_deinit(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list_is_viewed_as_it_was_filled),
        cmocka_unit_test(test_a_query_is_the_head_of_a_sequence),
        cmocka_unit_test(test_a_slice_begins_where_it_is_told),
        cmocka_unit_test(test_what_is_not_a_sequence_is_named),
        cmocka_unit_test(test_a_list_grows_past_its_first_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
