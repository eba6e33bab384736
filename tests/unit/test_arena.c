/*
 * What an arena hands out is filled with a pattern of its own and looked at again when all is
 * handed out: pieces that overlap would show.
 */
#include "core/arena.h"
#include "tests/support.h"

#include <malloc.h>
#include <string.h>

enum { BLOCK_BYTES = 256, PIECES = 200 };

static mr_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = mr_arena_create(BLOCK_BYTES);
    return arena != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_destroy(arena);
    return 0;
}

/* Small pieces, and every 16th much larger than a block. */
static size_t piece_bytes(size_t i)
{
    return i % 16 == 15 ? 1000 + i : i % 40;
}

static void test_pieces_are_aligned_and_do_not_overlap(void **state)
{
    (void)state;
    unsigned char *pieces[PIECES];

    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = mr_arena_allocate(arena, piece_bytes(i));
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, piece_bytes(i));
    }

    for (size_t i = 0; i < PIECES; i++) {
        for (size_t at = 0; at < piece_bytes(i); at++)
            assert_int_equal(pieces[i][at], (unsigned char)i);
    }
}

static void test_two_empty_pieces_have_two_addresses(void **state)
{
    (void)state;
    assert_ptr_not_equal(mr_arena_allocate(arena, 0), mr_arena_allocate(arena, 0));
}

static void test_the_same_batch_again_lies_in_the_same_place(void **state)
{
    (void)state;
    void *first[PIECES];

    for (size_t i = 0; i < PIECES; i++)
        first[i] = mr_arena_allocate(arena, piece_bytes(i));
    mr_arena_reset(arena);

    for (size_t i = 0; i < PIECES; i++)
        assert_ptr_equal(mr_arena_allocate(arena, piece_bytes(i)), first[i]);
}

/* Large pieces first, then last: a chain that skipped blocks would grow at every turn.  (A
 * sanitizer's allocator reports no figures, and the test then shows nothing.) */
static void test_batches_of_one_size_in_any_order_stop_allocating(void **state)
{
    (void)state;
    size_t in_use_after_first_turns = 0;

    for (int turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < PIECES; i++) {
            const size_t piece = turn % 2 == 0 ? i : PIECES - 1 - i;
            assert_non_null(mr_arena_allocate(arena, piece_bytes(piece)));
        }
        mr_arena_reset(arena);
        if (turn == 3)
            in_use_after_first_turns = mallinfo2().uordblks;
    }

    assert_int_equal(mallinfo2().uordblks, in_use_after_first_turns);
}

static void test_a_copy_holds_the_bytes_and_is_its_own(void **state)
{
    (void)state;
    char original[] = "millrace";

    const mr_text copy = mr_arena_copy(arena, mr_text_from(original));
    original[0] = 'w';

    assert_true(mr_text_is(copy, "millrace"));
    assert_int_equal(mr_arena_copy(arena, (mr_text){0}).length, 0);
}

static void test_an_impossible_size_is_refused(void **state)
{
    (void)state;
    assert_null(mr_arena_allocate(arena, SIZE_MAX));
    assert_null(mr_arena_allocate(arena, SIZE_MAX - 40));
    assert_non_null(mr_arena_allocate(arena, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces_are_aligned_and_do_not_overlap,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_empty_pieces_have_two_addresses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_batch_again_lies_in_the_same_place,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_batches_of_one_size_in_any_order_stop_allocating, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_copy_holds_the_bytes_and_is_its_own,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_impossible_size_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
