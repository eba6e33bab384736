/*
 * Row queue: against a list of ten lines that is searched before each put, over random puts, takes
 * and growth.
 */
#include "app/row_queue.h"
#include "tests/support.h"

#include <string.h>

enum { ROWS = 5000, STEPS = 200000 };

/* The definition. */
typedef struct list {
    uint32_t rows[ROWS];
    size_t count;
} list;

static void list_put(list *l, uint32_t row)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->rows[i] == row)
            return;
    l->rows[l->count++] = row;
}

static void list_take(list *l)
{
    memmove(l->rows, l->rows + 1, --l->count * sizeof(l->rows[0]));
}

static uint32_t draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (uint32_t)(*random >> 32);
}

static void test_rows_come_out_once_each_in_the_order_of_their_first_put(void **state)
{
    (void)state;
    static list expected;
    mr_row_queue queue = {0};
    uint64_t random = 88172645463325252ULL;
    uint32_t rows = 1;
    memset(&expected, 0, sizeof(expected));
    for (int step = 0; step < STEPS; step++) {
        rows += draw(&random) % 32 == 0 && rows < ROWS;
        /* Now it fills, now it empties. */
        const bool puts = draw(&random) % 4 < ((step / 20000) % 2 == 0 ? 3U : 1U);
        if (puts) {
            const uint32_t row = draw(&random) % rows;
            assert_ok(mr_row_queue_reserve(&queue, rows));
            mr_row_queue_put(&queue, row);
            list_put(&expected, row);
        } else if (expected.count > 0) {
            assert_int_equal(mr_row_queue_first(&queue), expected.rows[0]);
            mr_row_queue_take(&queue);
            list_take(&expected);
        }
        assert_int_equal(queue.count, expected.count);
    }
    while (expected.count > 0) {
        assert_int_equal(mr_row_queue_first(&queue), expected.rows[0]);
        mr_row_queue_take(&queue);
        list_take(&expected);
    }
    assert_int_equal(queue.count, 0);
    mr_row_queue_deinit(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_out_once_each_in_the_order_of_their_first_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
