#include "models/history_sequences.h"

#include "tests/support.h"

/* Rows: user 0 has two visits out of order, 1 nothing, 2 one event that is older than 0's last. */
static const uint64_t PTR[] = {0, 4, 4, 5};
static const uint32_t ITEM[] = {5, 2, 7, 2, 1};
static const uint32_t TIME_S[] = {9000, 1000, 1000, 1000 + MR_BASKET_GAP_S, 8000};
static const mr_interactions ROWS = {
    .users = 3, .items = 9, .ptr = PTR, .item = ITEM, .time_s = TIME_S};

static void test_users_stand_in_order_of_their_last_event(void **state)
{
    (void)state;
    mr_sequence_list list = {0};
    assert_ok(mr_history_sequences(&ROWS, &list));
    const mr_sequences view = mr_sequence_list_view(&list);
    assert_ok(mr_sequences_check(&view, NULL));
    assert_int_equal(view.count, 2);
    assert_int_equal(view.items, 9);
    assert_int_equal(mr_sequences_length(&view, 0), 1);
    assert_int_equal(view.item[0], 1);
    mr_sequence_list_deinit(&list);
}

static void test_events_stand_in_order_of_time_and_within_a_second_as_they_came(
    void **state)
{
    (void)state;
    static const uint32_t expected[] = {2, 7, 2, 5};
    static const uint32_t baskets[] = {0, 0, 0, 1};
    mr_sequence_list list = {0};
    assert_ok(mr_history_sequences(&ROWS, &list));
    const mr_sequences view = mr_sequence_list_view(&list);
    assert_int_equal(mr_sequences_length(&view, 1), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(view.item[view.ptr[1] + i], expected[i]);
        assert_int_equal(view.basket[view.ptr[1] + i], baskets[i]);
    }
    mr_sequence_list_deinit(&list);
}

static void test_a_pause_longer_than_the_gap_begins_a_basket(void **state)
{
    (void)state;
    static const uint32_t times_s[] = {10, 10, 10 + MR_BASKET_GAP_S,
                                       11 + 2 * MR_BASKET_GAP_S};
    uint32_t baskets[4];
    mr_history_baskets(times_s, 4, baskets);
    assert_int_equal(baskets[1], 0);
    assert_int_equal(baskets[2], 0);
    assert_int_equal(baskets[3], 1);
}

static void test_without_times_there_is_no_order(void **state)
{
    (void)state;
    mr_interactions rows = ROWS;
    mr_sequence_list list = {0};
    rows.time_s = NULL;
    assert_int_equal(mr_history_sequences(&rows, &list), MR_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_stand_in_order_of_their_last_event),
        cmocka_unit_test(
            test_events_stand_in_order_of_time_and_within_a_second_as_they_came),
        cmocka_unit_test(test_a_pause_longer_than_the_gap_begins_a_basket),
        cmocka_unit_test(test_without_times_there_is_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
