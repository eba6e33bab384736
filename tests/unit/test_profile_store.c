/*
 * Profile store and block pool: grown past many splits, against ids that are counted, with
 * hashes chosen to collide where a hash cannot be trusted.
 */
#include "features/profile_store.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

typedef struct fixture {
    mr_plan *plan;
    mr_block_pool pool;
    mr_profile_store store;
    mr_hash_key key;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    assert_ok(mr_profile_store_init(&f->store, f->plan, &f->pool));
    mr_hash_key_init(&f->key, "k", 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    mr_profile_store_deinit(&f->store);
    mr_block_pool_deinit(&f->pool);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

static mr_text name_of(char buffer[32], uint32_t number)
{
    (void)snprintf(buffer, 32, "user-%u", number);
    return mr_text_from(buffer);
}

static void reserve(fixture *f, size_t rows)
{
    assert_ok(mr_profile_store_reserve(&f->store, rows));
    assert_ok(mr_block_pool_reserve(&f->pool, rows * 144));
}

static void test_rows_are_dense_and_found_again_through_all_splits(void **state)
{
    enum { USERS = 100000 };
    fixture *f = *state;
    char buffer[32];
    for (uint32_t i = 0; i < USERS; i++) {
        if (i % 100 == 0)
            reserve(f, 100);
        const mr_text id = name_of(buffer, i);
        assert_int_equal(
            mr_profile_store_put(&f->store, mr_hash_user(&f->key, id), id, false), i);
    }
    for (uint32_t i = 0; i < USERS; i++) {
        const mr_text id = name_of(buffer, i);
        assert_int_equal(
            mr_profile_store_find(&f->store, mr_hash_user(&f->key, id), id, false), i);
        assert_int_equal(
            mr_profile_store_find(&f->store, mr_hash_user(&f->key, id), id, true),
            MR_ROW_NONE);
    }
    mr_profile_store_check(&f->store);
    /* Sub-tables are three quarters full at most and more than a quarter on the whole. */
    assert_in_range(f->store.table_count, USERS / MR_STORE_SPLIT_AT + 1,
                    USERS / (MR_STORE_SLOTS / 4));
}

static void test_ids_of_equal_hashes_are_told_apart(void **state)
{
    fixture *f = *state;
    const mr_hash128 hash = {.high = 0x123456789abcdef0, .low = 42};
    const mr_hash128 same_tag = {.high = 0x1234567800000000, .low = 43};
    reserve(f, 4);
    assert_int_equal(mr_profile_store_put(&f->store, hash, MR_TEXT("a"), false), 0);
    assert_int_equal(mr_profile_store_put(&f->store, hash, MR_TEXT("b"), false), 1);
    assert_int_equal(mr_profile_store_put(&f->store, hash, MR_TEXT("a"), true), 2);
    assert_int_equal(mr_profile_store_put(&f->store, same_tag, MR_TEXT("d"), false), 3);
    assert_int_equal(mr_profile_store_put(&f->store, hash, MR_TEXT("b"), false), 1);
    assert_int_equal(mr_profile_store_find(&f->store, hash, MR_TEXT("c"), false),
                     MR_ROW_NONE);
    mr_profile_store_check(&f->store);
}

static void test_new_rows_are_zero_and_rows_never_move(void **state)
{
    fixture *f = *state;
    char buffer[32];
    reserve(f, 1);
    const mr_hash128 hash = {.high = 7, .low = 7};
    assert_int_equal(mr_profile_store_put(&f->store, hash, MR_TEXT("first"), false), 0);
    const mr_row first = mr_profile_store_row(&f->store, 0);
    reserve(f, 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        const mr_text id = name_of(buffer, i);
        const uint32_t row =
            mr_profile_store_put(&f->store, mr_hash_user(&f->key, id), id, false);
        const mr_row parts = mr_profile_store_row(&f->store, row);
        assert_int_equal(parts.head->events, 0);
        for (uint32_t at = 0; at < f->plan->body_bytes; at++)
            assert_int_equal(parts.body[at], 0);
    }
    assert_ptr_equal(mr_profile_store_row(&f->store, 0).head, first.head);
    assert_true(mr_text_is(mr_profile_store_id(&f->store, 0), "first"));
}

static void test_lists_keep_their_elements_while_they_grow_and_shrink(void **state)
{
    enum { ELEMENTS = 1000 };
    fixture *f = *state;
    mr_list list = {0};
    uint32_t expected[ELEMENTS];
    size_t count = 0;
    uint64_t random = 12345;
    for (int step = 0; step < 5000; step++) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        const size_t at = (size_t)(random >> 33) % (count + 1);
        if (count < ELEMENTS && step % 3 != 2) {
            assert_ok(mr_block_pool_reserve(&f->pool, MR_BLOCK_BYTES_MAX));
            uint32_t *place = mr_list_insert(&f->pool, &list, at, sizeof(*place));
            memmove(&expected[at + 1], &expected[at], (count - at) * sizeof(*expected));
            expected[at] = *place = (uint32_t)step;
            count++;
        } else if (at < count) {
            mr_list_remove(&f->pool, &list, at, 1, sizeof(uint32_t));
            memmove(&expected[at], &expected[at + 1],
                    (count - at - 1) * sizeof(*expected));
            count--;
        }
        assert_int_equal(list.count, count);
    }
    assert_memory_equal(mr_list_elements(&f->pool, &list), expected,
                        count * sizeof(*expected));
}

static void test_freed_blocks_are_used_again(void **state)
{
    fixture *f = *state;
    assert_ok(mr_block_pool_reserve(&f->pool, 1 << 20));
    uint8_t size_class;
    uint32_t blocks[100];
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = mr_block_pool_allocate(&f->pool, 100, &size_class);
        assert_int_not_equal(blocks[i], 0);
        memset(mr_block_at(&f->pool, blocks[i]), (int)i, 100);
    }
    const size_t bytes = mr_block_pool_bytes(&f->pool);
    for (size_t i = 0; i < 100; i++) {
        const uint8_t *block = mr_block_at(&f->pool, blocks[i]);
        assert_int_equal(block[0], i);
        assert_int_equal(block[99], i);
        mr_block_pool_free(&f->pool, blocks[i], size_class);
    }
    assert_int_equal(f->pool.used_bytes, 0);
    for (size_t i = 0; i < 100; i++)
        (void)mr_block_pool_allocate(&f->pool, 100, &size_class);
    assert_int_equal(mr_block_pool_bytes(&f->pool), bytes);
}

static void test_profiles_that_grow_together_leave_no_small_blocks_behind(void **state)
{
    enum { LISTS = 2000, ELEMENTS = 100, ELEMENT_BYTES = 16 };
    fixture *f = *state;
    static mr_list lists[LISTS];
    memset(lists, 0, sizeof(lists));
    for (size_t round = 0; round < ELEMENTS; round++) {
        for (size_t i = 0; i < LISTS; i++) {
            assert_ok(mr_block_pool_reserve(&f->pool, MR_BLOCK_BYTES_MAX));
            void *place = mr_list_insert(&f->pool, &lists[i], round, ELEMENT_BYTES);
            memset(place, (int)(i + round), ELEMENT_BYTES);
        }
    }
    for (size_t i = 0; i < LISTS; i++) {
        const uint8_t *bytes = mr_list_elements(&f->pool, &lists[i]);
        for (size_t at = 0; at < ELEMENTS; at++)
            assert_int_equal(bytes[at * ELEMENT_BYTES], (uint8_t)(i + at));
    }
    /* 1600 bytes lie in blocks of 2048; while they were copied from 1536 both were held. */
    assert_true(mr_block_pool_bytes(&f->pool) < LISTS * 2048 * 2);
    assert_int_equal(f->pool.used_bytes, LISTS * 2048);
}

static void test_ids_of_every_length_are_kept_and_told_apart(void **state)
{
    fixture *f = *state;
    char text[MR_EVENT_ID_BYTES_MAX];
    memset(text, 'x', sizeof(text));
    reserve(f, MR_EVENT_ID_BYTES_MAX);
    for (uint32_t length = 1; length <= MR_EVENT_ID_BYTES_MAX; length++) {
        const mr_text id = {.bytes = text, .length = length};
        assert_int_equal(
            mr_profile_store_put(&f->store, mr_hash_user(&f->key, id), id, false),
            length - 1);
    }
    for (uint32_t length = 1; length <= MR_EVENT_ID_BYTES_MAX; length++) {
        const mr_text id = {.bytes = text, .length = length};
        assert_int_equal(
            mr_profile_store_find(&f->store, mr_hash_user(&f->key, id), id, false),
            length - 1);
        assert_true(mr_text_equal(mr_profile_store_id(&f->store, length - 1), id));
    }
    mr_profile_store_check(&f->store);
}

/* As a history at its quota: one more at the end, one less near the front. */
static void test_a_list_that_is_a_queue_stays_itself_in_about_one_block(void **state)
{
    enum { KEPT = 200, TURNS = 20000, ELEMENT_BYTES = 3 * sizeof(uint32_t) };
    fixture *f = *state;
    mr_list list = {0};
    uint32_t expected[KEPT + 1];
    size_t count = 0;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        assert_ok(mr_block_pool_reserve(&f->pool, MR_BLOCK_BYTES_MAX));
        uint32_t *place = mr_list_insert(&f->pool, &list, count, ELEMENT_BYTES);
        place[0] = place[1] = place[2] = expected[count++] = turn;
        if (count > KEPT) {
            const size_t gone = turn % 7;
            mr_list_remove(&f->pool, &list, gone, 1, ELEMENT_BYTES);
            memmove(&expected[gone], &expected[gone + 1],
                    (count - gone - 1) * sizeof(*expected));
            count--;
        }
        const uint32_t *elements = mr_list_elements(&f->pool, &list);
        assert_int_equal(list.count, count);
        for (size_t i = 0; turn % 97 == 0 && i < count; i++)
            for (size_t word = 0; word < 3; word++)
                assert_int_equal(elements[3 * i + word], expected[i]);
    }
    assert_true(f->pool.used_bytes <=
                mr_list_growth_max(KEPT + 1, ELEMENT_BYTES)); /* the larger ones freed */
}

static mr_event event_of(uint8_t type)
{
    return (mr_event){.user_id = MR_TEXT("u"),
                      .order_id = MR_TEXT("o"),
                      .time_ms = 1000,
                      .quantity = 1,
                      .value_minor = 250,
                      .type = type};
}

static void test_a_row_has_no_fields_of_purchases_before_its_first(void **state)
{
    fixture *f = *state;
    mr_names names = {NULL, NULL, NULL};
    uint32_t words[MR_WORD_FIELDS];
    memset(words, 0xff, sizeof(words)); /* none: MR_ID_NONE */
    assert_ok(mr_id_table_create(&f->key, &names.items));
    assert_ok(mr_id_table_create(&f->key, &names.words));
    reserve(f, 1);
    assert_ok(mr_block_pool_reserve(&f->pool, 4 * f->plan->growth_bytes));
    const mr_text id = MR_TEXT("u");
    const mr_row row = mr_profile_store_row(
        &f->store, mr_profile_store_put(&f->store, mr_hash_user(&f->key, id), id, false));
    const uint32_t spend = f->plan->spend->number_offset;
    const mr_event view = event_of(MR_EVENT_VIEW);
    const mr_event purchase = event_of(MR_EVENT_PURCHASE);

    (void)mr_profile_apply(f->plan, &f->pool, &names, &row, &view, MR_ID_NONE, words, 1);
    assert_int_equal(row.head->extra_block, 0);
    assert_int_equal(*mr_row_number(row, spend), 0);
    const mr_profile_effect effect = mr_profile_apply(f->plan, &f->pool, &names, &row,
                                                      &purchase, MR_ID_NONE, words, 2);
    assert_true(effect.is_first_purchase);
    assert_int_not_equal(row.head->extra_block, 0);
    assert_int_equal(*mr_row_number(row, spend), 250);
    mr_profile_check(f->plan, &f->pool, &names, row);

    /* Not empty: it stays. */
    mr_profile_drop_empty_extra(f->plan, &f->pool, row);
    assert_int_equal(*mr_row_number(row, spend), 250);
    mr_id_table_destroy(names.items);
    mr_id_table_destroy(names.words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        STORE_TEST(test_rows_are_dense_and_found_again_through_all_splits),
        STORE_TEST(test_ids_of_equal_hashes_are_told_apart),
        STORE_TEST(test_new_rows_are_zero_and_rows_never_move),
        STORE_TEST(test_lists_keep_their_elements_while_they_grow_and_shrink),
        STORE_TEST(test_profiles_that_grow_together_leave_no_small_blocks_behind),
        STORE_TEST(test_freed_blocks_are_used_again),
        STORE_TEST(test_ids_of_every_length_are_kept_and_told_apart),
        STORE_TEST(test_a_list_that_is_a_queue_stays_itself_in_about_one_block),
        STORE_TEST(test_a_row_has_no_fields_of_purchases_before_its_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
