/*
 * The table's promises one by one; the property test holds it against a model.
 */
#include "core/id_table.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { IDS = 100000 };

static mr_hash_key key;
static mr_id_table *table;

static int set_up(void **state)
{
    (void)state;
    mr_hash_key_init(&key, "test", 4);
    return mr_id_table_create(&key, &table) == MR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_id_table_destroy(table);
    return 0;
}

static mr_text id_of(uint32_t number)
{
    static char text[32];
    (void)snprintf(text, sizeof(text), "item-%u", number);
    return mr_text_from(text);
}

static uint32_t put(mr_text id)
{
    uint32_t index = MR_ID_NONE;
    assert_ok(mr_id_table_put(table, id, &index));
    return index;
}

static void test_indices_follow_the_order_of_first_appearance(void **state)
{
    (void)state;
    assert_int_equal(put(MR_TEXT("b")), 0);
    assert_int_equal(put(MR_TEXT("a")), 1);
    assert_int_equal(put(MR_TEXT("b")), 0);
    assert_int_equal(put(MR_TEXT("c")), 2);
    assert_int_equal(mr_id_table_count(table), 3);
    assert_true(mr_text_is(mr_id_table_id(table, 1), "a"));
}

static void test_all_ids_are_found_again_after_much_growth(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < IDS; i++)
        assert_int_equal(put(id_of(i)), i);
    for (uint32_t i = 0; i < IDS; i++) {
        assert_int_equal(mr_id_table_find(table, id_of(i)), i);
        assert_true(mr_text_equal(mr_id_table_id(table, i), id_of(i)));
        assert_true(mr_id_table_hash(table, i) == mr_hash_item(&key, id_of(i)));
    }
    assert_int_equal(mr_id_table_find(table, id_of(IDS)), MR_ID_NONE);
    assert_int_equal(mr_id_table_count(table), IDS);
}

static void test_lent_ids_do_not_move_when_the_table_grows(void **state)
{
    (void)state;
    const mr_text first = mr_id_table_id(table, put(MR_TEXT("the first")));
    for (uint32_t i = 0; i < IDS; i++)
        (void)put(id_of(i));
    assert_ptr_equal(mr_id_table_id(table, 0).bytes, first.bytes);
    assert_true(mr_text_is(first, "the first"));
}

static void test_the_table_keeps_its_own_copy(void **state)
{
    (void)state;
    char id[] = "mine";
    (void)put(mr_text_from(id));
    id[0] = 'f';
    assert_int_equal(mr_id_table_find(table, MR_TEXT("mine")), 0);
    assert_int_equal(mr_id_table_find(table, mr_text_from(id)), MR_ID_NONE);
}

/* One hash for all: what separates the ids is the comparison alone. */
static void test_ids_that_share_a_hash_get_indices_of_their_own(void **state)
{
    (void)state;
    enum { SHARING = 300 };
    for (uint32_t i = 0; i < SHARING; i++) {
        uint32_t index = MR_ID_NONE;
        assert_int_equal(mr_id_table_find_hashed(table, UINT64_MAX, id_of(i)),
                         MR_ID_NONE);
        assert_ok(mr_id_table_put_hashed(table, UINT64_MAX, id_of(i), &index));
        assert_int_equal(index, i);
    }
    for (uint32_t i = 0; i < SHARING; i++)
        assert_int_equal(mr_id_table_find_hashed(table, UINT64_MAX, id_of(i)), i);
}

static void test_hashed_and_plain_calls_see_the_same_ids(void **state)
{
    (void)state;
    const uint64_t hash = mr_hash_item(&key, MR_TEXT("x"));
    uint32_t index = MR_ID_NONE;
    mr_id_table_prefetch(table, hash);
    assert_ok(mr_id_table_put_hashed(table, hash, MR_TEXT("x"), &index));
    assert_int_equal(mr_id_table_find(table, MR_TEXT("x")), index);
    assert_int_equal(put(MR_TEXT("x")), index);
}

static void test_empty_and_very_long_ids_are_ids(void **state)
{
    (void)state;
    enum { LONG_BYTES = 3 << 20 };
    char *bytes = malloc(LONG_BYTES);
    assert_non_null(bytes);
    memset(bytes, 'l', LONG_BYTES);
    const mr_text long_id = {.bytes = bytes, .length = LONG_BYTES};

    assert_int_equal(mr_id_table_find(table, (mr_text){0}), MR_ID_NONE);
    assert_int_equal(put((mr_text){0}), 0);
    assert_int_equal(put(long_id), 1);
    assert_int_equal(put(MR_TEXT("")), 0);
    assert_int_equal(put(MR_TEXT("after")), 2);
    assert_int_equal(mr_id_table_find(table, long_id), 1);
    assert_int_equal(mr_id_table_id(table, 0).length, 0);
    free(bytes);
}

static void test_the_memory_held_is_near_what_the_ids_need(void **state)
{
    (void)state;
    size_t id_bytes = 0;
    for (uint32_t i = 0; i < IDS; i++) {
        id_bytes += id_of(i).length;
        (void)put(id_of(i));
    }
    /* Slots of 12 bytes, 3/8 to 3/4 taken; entries of 24, and their last segment may be empty. */
    const size_t held = mr_id_table_bytes(table);
    assert_true(held >= id_bytes + (size_t)IDS * (12 * 4 / 3 + 24));
    assert_true(held <= 2 * id_bytes + (size_t)IDS * (12 * 8 / 3 + 2 * 24) + (1 << 20));
}

#define WITH_A_TABLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_TABLE(test_indices_follow_the_order_of_first_appearance),
        WITH_A_TABLE(test_all_ids_are_found_again_after_much_growth),
        WITH_A_TABLE(test_lent_ids_do_not_move_when_the_table_grows),
        WITH_A_TABLE(test_the_table_keeps_its_own_copy),
        WITH_A_TABLE(test_ids_that_share_a_hash_get_indices_of_their_own),
        WITH_A_TABLE(test_hashed_and_plain_calls_see_the_same_ids),
        WITH_A_TABLE(test_empty_and_very_long_ids_are_ids),
        WITH_A_TABLE(test_the_memory_held_is_near_what_the_ids_need),
    };
    return cmocka_run_group_tests_name("id_table", tests, NULL, NULL);
}
