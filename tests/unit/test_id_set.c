/* Lists of every length are asked for each id that is in them and for others. */
#include "serving/id_set.h"

#include "tests/support.h"

#include <stdio.h>

enum { IDS = MR_ID_SET_MAX };

static char names[2 * IDS][8];

static void check(const mr_text *ids, size_t count, mr_arena *arena)
{
    mr_id_set set;
    mr_arena_reset(arena);
    assert_ok(mr_id_set_init(&set, ids, count, arena));
    for (size_t i = 0; i < 2 * (size_t)IDS; i += 1 + i % 7)
        assert_int_equal(mr_id_set_contains(&set, mr_text_from(names[i])), i < count);
}

static void test_contains_what_is_in_the_list_and_nothing_else(void **state)
{
    (void)state;
    static mr_text ids[IDS];
    mr_arena *arena = mr_arena_create(65536);
    for (int i = 0; i < 2 * IDS; i++)
        (void)snprintf(names[i], sizeof(names[i]), "%d", i);
    for (int i = 0; i < IDS; i++)
        ids[i] = mr_text_from(names[i]);
    for (size_t count = 0; count < 70; count++)
        check(ids, count, arena);
    check(ids, 1000, arena);
    check(ids, IDS, arena);
    mr_arena_destroy(arena);
}

static void test_an_id_may_stand_there_twice(void **state)
{
    (void)state;
    mr_text ids[40];
    mr_id_set set;
    mr_arena *arena = mr_arena_create(65536);
    for (int i = 0; i < 40; i++)
        ids[i] = i % 2 == 0 ? MR_TEXT("a") : MR_TEXT("b");
    assert_ok(mr_id_set_init(&set, ids, 40, arena));
    assert_true(mr_id_set_contains(&set, MR_TEXT("a")));
    assert_true(mr_id_set_contains(&set, MR_TEXT("b")));
    assert_false(mr_id_set_contains(&set, MR_TEXT("")));
    mr_arena_destroy(arena);
}

static void test_the_zero_set_is_empty(void **state)
{
    (void)state;
    const mr_id_set set = {0};
    assert_false(mr_id_set_contains(&set, MR_TEXT("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contains_what_is_in_the_list_and_nothing_else),
        cmocka_unit_test(test_an_id_may_stand_there_twice),
        cmocka_unit_test(test_the_zero_set_is_empty),
    };
    return cmocka_run_group_tests_name("id_set", tests, NULL, NULL);
}
