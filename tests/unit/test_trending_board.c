/*
 * Trending board: shares of several partitions in a memory cache, merged; each count must be the
 * sum over the shards, and a share that is missing or damaged must cost its own counts only.
 */
#include "app/trending_board.h"
#include "serving/cache_memory.h"
#include "tests/feature_batch.h"

#include <string.h>

enum {
    STORE_BYTES = 16 << 20,
    PARTITIONS = 70,
    WAIT_MS = 1000
}; /* more than a call asks */

typedef struct fixture {
    mr_plan *plan;
    mr_memory_store *store;
    mr_cache *cache;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    assert_ok(mr_plan_create_default(&f->plan));
    assert_ok(mr_memory_store_create(STORE_BYTES, mr_clock_system(), &f->store));
    assert_ok(mr_cache_memory_create(f->store, &f->cache));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    mr_cache_destroy(f->cache);
    mr_memory_store_destroy(f->store);
    mr_plan_destroy(f->plan);
    free(f);
    return 0;
}

/* The share of a shard with so many views of an item, one byte of it flipped if `damage` > 0. */
static void publish(fixture *f, uint32_t partition, const char *item, int views,
                    size_t damage, size_t bytes)
{
    char key[MR_CACHE_KEY_TEXT_BYTES];
    mr_buffer value = {0};
    mr_shard *shard = test_shard(f->plan, partition);
    for (int i = 0; i < views; i++)
        test_apply(shard, test_event(MR_EVENT_VIEW, "ann", item, START_MS + i));
    mr_cache_put_fence(&value, 1, mr_shard_next_offset(shard));
    assert_ok(mr_trending_encode(shard, 1, START_MS, &value));
    if (damage > 0)
        value.bytes[MR_CACHE_FENCE_BYTES + damage] ^= 0x10;
    const size_t length = bytes < value.length ? bytes : value.length;
    const mr_cache_entry entry = {
        .key = mr_cache_trending_key(partition, key),
        .value = {(const char *)value.bytes, (uint32_t)length},
        .ttl_ms = DAY_MS,
    };
    assert_ok(mr_cache_set_many(f->cache, &entry, 1, WAIT_MS));
    mr_buffer_deinit(&value);
    mr_shard_destroy(shard);
}

static uint64_t count_of(const mr_trending_board *board, mr_trending_kind kind,
                         const char *item)
{
    for (size_t i = 0; i < board->count[kind]; i++) {
        if (mr_text_is(board->entries[kind][i].item_id, item))
            return board->entries[kind][i].count;
    }
    return 0;
}

static void test_counts_are_summed_over_all_partitions(void **state)
{
    fixture *f = *state;
    mr_trending_board *board = NULL;
    publish(f, 0, "tea", 2, 0, SIZE_MAX);
    publish(f, 1, "yarn", 4, 0, SIZE_MAX);
    publish(f, PARTITIONS - 1, "tea", 3, 0, SIZE_MAX);
    assert_ok(mr_trending_board_create(f->cache, PARTITIONS, &board));
    assert_int_equal(count_of(board, MR_TRENDING_HOT, "tea"), 5);
    assert_int_equal(count_of(board, MR_TRENDING_EVER, "yarn"), 4);
    assert_int_equal(board->count[MR_TRENDING_POPULAR], 2);
    assert_true(mr_text_is(board->entries[MR_TRENDING_HOT][0].item_id, "tea"));
    mr_trending_board_destroy(board);
}

static void test_a_board_outlives_the_cache_it_was_read_from(void **state)
{
    fixture *f = *state;
    mr_trending_board *board = NULL;
    publish(f, 0, "tea", 2, 0, SIZE_MAX);
    assert_ok(mr_trending_board_create(f->cache, 1, &board));
    publish(f, 0, "something-else", 9, 0, SIZE_MAX);
    assert_int_equal(count_of(board, MR_TRENDING_HOT, "tea"), 2);
    mr_trending_board_destroy(board);
}

static void test_without_a_share_there_is_an_empty_board(void **state)
{
    fixture *f = *state;
    mr_trending_board *board = NULL;
    assert_ok(mr_trending_board_create(f->cache, PARTITIONS, &board));
    for (int kind = 0; kind < MR_TRENDING_KINDS; kind++)
        assert_int_equal(board->count[kind], 0);
    mr_trending_board_destroy(board);
    mr_trending_board_destroy(NULL);
}

static void test_a_damaged_share_is_left_out_wherever_the_damage_lies(void **state)
{
    fixture *f = *state;
    publish(f, 0, "tea", 2, 0, SIZE_MAX);
    for (size_t damage = 1; damage < 90; damage++) {
        mr_trending_board *board = NULL;
        publish(f, 1, "yarn", 4, damage, SIZE_MAX);
        assert_ok(mr_trending_board_create(f->cache, 2, &board));
        assert_int_equal(count_of(board, MR_TRENDING_HOT, "tea"), 2);
        assert_int_equal(count_of(board, MR_TRENDING_HOT, "yarn"), 0);
        mr_trending_board_destroy(board);
    }
}

static void test_a_share_cut_short_is_left_out(void **state)
{
    fixture *f = *state;
    publish(f, 0, "tea", 2, 0, SIZE_MAX);
    for (size_t bytes = MR_CACHE_FENCE_BYTES; bytes < 100; bytes++) {
        mr_trending_board *board = NULL;
        publish(f, 1, "yarn", 4, 0, bytes);
        assert_ok(mr_trending_board_create(f->cache, 2, &board));
        assert_int_equal(count_of(board, MR_TRENDING_HOT, "tea"), 2);
        assert_int_equal(count_of(board, MR_TRENDING_HOT, "yarn"), 0);
        mr_trending_board_destroy(board);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_are_summed_over_all_partitions,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_board_outlives_the_cache_it_was_read_from,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_share_there_is_an_empty_board,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_damaged_share_is_left_out_wherever_the_damage_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_share_cut_short_is_left_out, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
