/*
 * Quintile board: samples of partitions against all their customers in one, as partitions come and go.
 */
#include "app/quintile_board.h"
#include "models/random.h"
#include "tests/sweep_support.h"

enum { PARTITIONS = SWEEP_PARTITIONS, CUSTOMERS = 1000 };

static int64_t values[PARTITIONS][CUSTOMERS][MR_RFM_VALUES];
static int64_t factor[PARTITIONS]; /* of a partition's values */

/* Unequal partitions, with ties, and of money both signs. */
static int make_values(void **state)
{
    (void)state;
    for (uint64_t p = 0; p < PARTITIONS; p++) {
        for (uint64_t i = 0; i < CUSTOMERS; i++) {
            const uint64_t place = p * CUSTOMERS + i;
            values[p][i][MR_RFM_RECENCY] =
                (int64_t)(mr_random_bits(1, place) % (90 * (p + 1)));
            values[p][i][MR_RFM_FREQUENCY] = 1 + (int64_t)(mr_random_bits(2, place) % 7);
            values[p][i][MR_RFM_MONETARY] =
                (int64_t)(mr_random_bits(3, place) % (1U << 30)) - (1 << 20);
        }
    }
    return 0;
}

static size_t count_of(uint32_t partition)
{
    return CUSTOMERS / (partition + 1);
}

static void add(uint32_t partition, mr_rfm_sample *sample)
{
    for (size_t i = 0; i < count_of(partition); i++) {
        int64_t now[MR_RFM_VALUES];
        for (int v = 0; v < MR_RFM_VALUES; v++)
            now[v] = values[partition][i][v] * (1 + factor[partition]);
        assert_ok(mr_rfm_sample_add(sample, now));
    }
}

static void put(mr_quintile_board *board, uint32_t partition)
{
    mr_rfm_sample sample = {.count = 0};
    add(partition, &sample);
    mr_quintile_board_put(board, partition, &sample, START_MS - partition);
    assert_int_equal(sample.count, 0);
    sweep_settle(board);
}

/* What the board says is what one sample of the partitions whose bits are set comes to. */
static void expect(mr_quintile_board *board, uint32_t partitions, uint32_t of)
{
    mr_quintile_reading reading;
    mr_rfm_sample whole = {.count = 0};
    mr_quintiles quintiles;
    uint32_t count = 0;
    int64_t at_ms = 0;
    for (uint32_t p = PARTITIONS; p-- > 0;) {
        if ((partitions >> p & 1) == 0)
            continue;
        add(p, &whole);
        at_ms = START_MS - p;
        count++;
    }
    mr_quintiles_of(&whole, at_ms, &quintiles);
    assert_int_equal(mr_quintile_board_read(board, &reading), count > 0);
    assert_int_equal(reading.partitions, count);
    assert_int_equal(reading.of, of);
    if (count > 0)
        assert_memory_equal(&reading.quintiles, &quintiles, sizeof(quintiles));
    mr_rfm_sample_deinit(&whole);
}

static void test_samples_add_up_to_those_of_all_customers(void **state)
{
    (void)state;
    mr_quintile_board *board = NULL;
    assert_ok(mr_quintile_board_create(PARTITIONS, &board));
    expect(board, 0, 0);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        mr_quintile_board_expect(board, p);
    put(board, 1);
    expect(board, 0, 3); /* not until all have one */
    put(board, 0);
    expect(board, 0, 3);
    put(board, 2);
    expect(board, 7, 3);
    mr_quintile_board_destroy(board);
}

static void put_other(mr_quintile_board *board, uint32_t partition)
{
    factor[partition]++;
    put(board, partition);
}

static void test_thresholds_change_when_each_has_left_a_new_sample(void **state)
{
    (void)state;
    mr_quintile_board *board = NULL;
    mr_quintile_reading before;
    mr_quintile_reading after;
    assert_ok(mr_quintile_board_create(PARTITIONS, &board));
    for (uint32_t p = 0; p < PARTITIONS; p++)
        mr_quintile_board_expect(board, p);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        put(board, p);
    assert_true(mr_quintile_board_read(board, &before));
    put_other(board, 0);
    put_other(board, 2);
    assert_true(mr_quintile_board_read(board, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    put_other(board, 1);
    expect(board, 7, 3);
    /* Nothing happens in partition 1 any more: a second sample of another one ends the round. */
    put_other(board, 2);
    assert_true(mr_quintile_board_read(board, &before));
    put_other(board, 0);
    assert_true(mr_quintile_board_read(board, &after));
    assert_memory_equal(&before, &after, sizeof(before));
    for (int round = 0; round < 2; round++) {
        put_other(board, 2);
        expect(board, 7, 3);
        assert_true(mr_quintile_board_read(board, &before));
        put_other(board, 0);
        assert_true(mr_quintile_board_read(board, &after));
        assert_memory_equal(&before, &after, sizeof(before));
    }
    mr_quintile_board_destroy(board);
    memset(factor, 0, sizeof(factor));
}

static void test_a_partition_takes_its_sample_along(void **state)
{
    (void)state;
    mr_quintile_board *board = NULL;
    assert_ok(mr_quintile_board_create(PARTITIONS, &board));
    mr_quintile_board_expect(board, 0);
    mr_quintile_board_expect(board, 2);
    put(board, 0);
    put(board, 2);
    expect(board, 5, 2);
    mr_quintile_board_withdraw(board, 0);
    sweep_settle(board);
    expect(board, 4, 1);
    mr_quintile_board_expect(board, 1); /* one that comes is not waited for */
    mr_quintile_board_expect(board, 1);
    sweep_settle(board);
    expect(board, 4, 2);
    put(board, 1);
    expect(board, 6, 2);
    mr_quintile_board_withdraw(board, 1);
    mr_quintile_board_withdraw(board, 2);
    sweep_settle(board);
    expect(board, 0, 0);
    mr_quintile_board_expect(board, 0); /* as at a start */
    mr_quintile_board_expect(board, 1);
    put(board, 0);
    expect(board, 0, 2);
    put(board, 1);
    expect(board, 3, 2);
    mr_quintile_board_destroy(board);
}

static void test_nobody_who_bought_is_no_thresholds(void **state)
{
    (void)state;
    mr_quintile_board *board = NULL;
    mr_quintile_reading reading;
    mr_rfm_sample nobody = {.count = 0};
    assert_ok(mr_quintile_board_create(PARTITIONS, &board));
    mr_quintile_board_expect(board, 0);
    mr_quintile_board_put(board, 0, &nobody, START_MS);
    sweep_settle(board);
    assert_false(mr_quintile_board_read(board, &reading));
    put(board, 0);
    expect(board, 1, 1);
    mr_quintile_board_destroy(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_add_up_to_those_of_all_customers),
        cmocka_unit_test(test_thresholds_change_when_each_has_left_a_new_sample),
        cmocka_unit_test(test_a_partition_takes_its_sample_along),
        cmocka_unit_test(test_nobody_who_bought_is_no_thresholds),
    };
    return cmocka_run_group_tests(tests, make_values, NULL);
}
