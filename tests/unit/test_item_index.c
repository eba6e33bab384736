/*
 * Item index: found is what was put, and nothing else.
 */
#include "app/item_index.h"
#include "tests/support.h"

enum { ITEMS = 1000 };

static void test_finds_every_item_by_its_hash(void **state)
{
    (void)state;
    mr_item_index *index = NULL;
    assert_ok(mr_item_index_create(ITEMS, &index));
    /* Hashes that share their low bits, so that all of them probe. */
    for (uint32_t i = 0; i < ITEMS; i++)
        mr_item_index_put(index, (uint64_t)i << 20, i);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_int_equal(mr_item_index_find(index, (uint64_t)i << 20), i);
    assert_int_equal(mr_item_index_find(index, 7), MR_ITEM_NONE);
    mr_item_index_destroy(index);
}

static void test_names_neither_of_two_items_with_one_hash(void **state)
{
    (void)state;
    mr_item_index *index = NULL;
    assert_ok(mr_item_index_create(4, &index));
    mr_item_index_put(index, 42, 0);
    mr_item_index_put(index, 43, 1);
    mr_item_index_put(index, 42, 2);
    mr_item_index_put(index, 42, 3);
    assert_int_equal(mr_item_index_find(index, 42), MR_ITEM_NONE);
    assert_int_equal(mr_item_index_find(index, 43), 1);
    mr_item_index_destroy(index);
}

static void test_is_empty_for_a_catalogue_without_items(void **state)
{
    (void)state;
    mr_item_index *index = NULL;
    assert_ok(mr_item_index_create(0, &index));
    assert_int_equal(mr_item_index_find(index, 0), MR_ITEM_NONE);
    mr_item_index_destroy(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_every_item_by_its_hash),
        cmocka_unit_test(test_names_neither_of_two_items_with_one_hash),
        cmocka_unit_test(test_is_empty_for_a_catalogue_without_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
