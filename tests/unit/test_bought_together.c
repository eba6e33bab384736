/*
 * Method: random orders against the definition, summed pair by pair over a dense table in double;
 * orders out of rows against orders that were known before; and the rows' ties and bounds by hand.
 */
#include "models/bought_together.h"
#include "models/history_sequences.h"
#include "models/random.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 40, ORDERS = 300, ORDER_MAX = 9 };

static mr_worker_pool *pools[2]; /* of one thread and of three */

static int set_up(void **state)
{
    (void)state;
    assert_ok(mr_worker_pool_create(1, &pools[0]));
    assert_ok(mr_worker_pool_create(3, &pools[1]));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_worker_pool_destroy(pools[0]);
    mr_worker_pool_destroy(pools[1]);
    return 0;
}

static mr_sparse_matrix draw_orders(uint64_t seed)
{
    static mr_triple triples[ORDERS * ORDER_MAX];
    size_t count = 0;
    mr_sparse_matrix orders;
    for (uint32_t o = 0; o < ORDERS; o++) {
        const uint64_t size = 1 + mr_random_bits(seed, o) % ORDER_MAX;
        for (uint64_t e = 0; e < size; e++, count++) {
            const double where = mr_random_uniform(seed + 1, count);
            triples[count] =
                (mr_triple){.row = o, .column = (uint32_t)(where * where * ITEMS)};
        }
    }
    assert_ok(
        mr_sparse_matrix_from_triples(triples, count, ORDERS, ITEMS, false, &orders));
    return orders;
}

/* ---- the definition ---- */

static double slow_score(const mr_sparse_matrix *orders,
                         const mr_bought_together_options *options, uint32_t i,
                         uint32_t j)
{
    double c_ij = 0.0;
    double c_i = 0.0;
    double c_j = 0.0;
    uint32_t n_ij = 0;
    for (uint32_t o = 0; o < orders->rows; o++) {
        const uint32_t size = mr_sparse_matrix_row_count(orders, o);
        if (size < 2 || size > MR_BOUGHT_TOGETHER_ORDER_MAX)
            continue;
        const double weight = pow(size - 1.0, -(double)options->size_exponent);
        const bool has_i = mr_sparse_matrix_has(orders, o, i);
        const bool has_j = mr_sparse_matrix_has(orders, o, j);
        c_i += has_i ? weight : 0.0;
        c_j += has_j ? weight : 0.0;
        c_ij += has_i && has_j ? weight : 0.0;
        n_ij += has_i && has_j;
    }
    return n_ij >= options->support
               ? c_ij / sqrt(c_i * c_j) * n_ij / (n_ij + (double)options->shrinkage)
               : 0.0;
}

/* Each kept partner has its score, and no item left out has a better one than the worst kept. */
static void check_row(const mr_sparse_matrix *orders,
                      const mr_bought_together_options *options,
                      const mr_sparse_matrix *table, uint32_t item)
{
    double worst = 1.0;
    uint32_t positive = 0;
    for (uint64_t e = table->ptr[item]; e < table->ptr[item + 1]; e++) {
        const double expected = slow_score(orders, options, item, table->index[e]);
        assert_int_not_equal(table->index[e], item);
        assert_true(expected > 0.0);
        assert_close(table->values[e], (float)expected, 1e-5);
        worst = fmin(worst, expected);
    }
    for (uint32_t j = 0; j < ITEMS; j++) {
        const double score = j != item ? slow_score(orders, options, item, j) : 0.0;
        positive += score > 0.0;
        if (!mr_sparse_matrix_has(table, item, j))
            assert_true(score <= worst + 1e-6);
    }
    assert_int_equal(mr_sparse_matrix_row_count(table, item),
                     positive < options->partners ? positive : options->partners);
}

static void test_equals_the_defining_sums_for_any_options(void **state)
{
    static const mr_bought_together_options all[] = {
        {.size_exponent = 0.5F, .shrinkage = 10.0F, .support = 2, .partners = 30},
        {.size_exponent = 0.0F, .shrinkage = 0.0F, .support = 1, .partners = 1024},
        {.size_exponent = 1.0F, .shrinkage = 3.0F, .support = 4, .partners = 5},
    };
    (void)state;
    for (size_t o = 0; o < sizeof(all) / sizeof(*all); o++) {
        mr_sparse_matrix orders = draw_orders(10 + o);
        mr_sparse_matrix table;
        assert_ok(mr_bought_together_build(&orders, &all[o], pools[0], &table));
        assert_ok(mr_sparse_matrix_check(&table));
        for (uint32_t i = 0; i < ITEMS; i++)
            check_row(&orders, &all[o], &table, i);
        mr_sparse_matrix_deinit(&table);
        mr_sparse_matrix_deinit(&orders);
    }
}

static void test_is_symmetric_and_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    const mr_bought_together_options options = {
        .size_exponent = 0.5F, .shrinkage = 10.0F, .support = 1, .partners = ITEMS};
    mr_sparse_matrix orders = draw_orders(3);
    mr_sparse_matrix one;
    mr_sparse_matrix three;
    assert_ok(mr_bought_together_build(&orders, &options, pools[0], &one));
    assert_ok(mr_bought_together_build(&orders, &options, pools[1], &three));
    const uint64_t count = mr_sparse_matrix_count(&one);
    assert_true(count > ITEMS);
    assert_memory_equal(one.ptr, three.ptr, (ITEMS + 1) * sizeof(*one.ptr));
    assert_memory_equal(one.index, three.index, count * sizeof(*one.index));
    assert_memory_equal(one.values, three.values, count * sizeof(*one.values));
    for (uint32_t i = 0; i < ITEMS; i++)
        for (uint64_t e = one.ptr[i]; e < one.ptr[i + 1]; e++)
            assert_true(mr_sparse_matrix_has(&one, one.index[e], i));
    mr_sparse_matrix_deinit(&one);
    mr_sparse_matrix_deinit(&three);
    mr_sparse_matrix_deinit(&orders);
}

/* Cup 0 and saucer 1 always go together, 2 is in every second order of them, and in many others. */
static void test_a_set_comes_before_what_everybody_buys(void **state)
{
    (void)state;
    static mr_triple triples[200];
    const mr_bought_together_options options = mr_bought_together_defaults();
    size_t count = 0;
    uint32_t order = 0;
    for (; order < 20; order++) {
        triples[count++] = (mr_triple){.row = order, .column = 0};
        triples[count++] = (mr_triple){.row = order, .column = 1};
        if (order % 2 == 0)
            triples[count++] = (mr_triple){.row = order, .column = 2};
    }
    for (; order < 60; order++) {
        triples[count++] = (mr_triple){.row = order, .column = 2};
        triples[count++] = (mr_triple){.row = order, .column = 3 + order % 2};
    }
    mr_sparse_matrix orders;
    mr_sparse_matrix table;
    mr_ranked best[MR_BOUGHT_TOGETHER_PARTNERS_MAX];
    assert_ok(mr_sparse_matrix_from_triples(triples, count, order, 6, false, &orders));
    assert_ok(mr_bought_together_build(&orders, &options, pools[0], &table));
    assert_int_equal(mr_bought_together_best(&table, 0, 10, best), 2);
    assert_int_equal(best[0].index, 1);
    assert_close(best[0].score, 20.0F / 30.0F, 1e-5);
    assert_int_equal(best[1].index, 2);
    assert_int_equal(mr_bought_together_best(&table, 0, 1, best), 1);
    assert_int_equal(mr_bought_together_best(&table, 2, 10, best), 4);
    assert_int_equal(best[0].index, 3); /* as good as 4: the first by number */
    assert_int_equal(best[1].index, 4);
    assert_int_equal(mr_bought_together_best(&table, 5, 10, best), 0);
    mr_sparse_matrix_deinit(&table);
    mr_sparse_matrix_deinit(&orders);
}

static void test_an_order_of_a_warehouse_says_nothing(void **state)
{
    (void)state;
    enum { MANY = MR_BOUGHT_TOGETHER_ORDER_MAX + 1 };
    static uint32_t items[2 * MANY];
    const uint64_t ptr[] = {0, MANY, 2 * MANY};
    const mr_bought_together_options options = mr_bought_together_defaults();
    for (uint32_t i = 0; i < 2 * MANY; i++)
        items[i] = i % MANY;
    mr_sparse_matrix orders;
    mr_sparse_matrix table;
    assert_ok(mr_sparse_matrix_from_rows(ptr, items, NULL, 2, MANY, &orders));
    assert_ok(mr_bought_together_build(&orders, &options, pools[0], &table));
    assert_int_equal(mr_sparse_matrix_count(&table), 0);
    mr_sparse_matrix_deinit(&table);
    mr_sparse_matrix_deinit(&orders);
}

static void test_orders_are_the_purchases_of_a_row_that_lie_close(void **state)
{
    (void)state;
    enum { GAP = MR_BASKET_GAP_S, EVENTS = 9 };
    static const uint64_t ptr[] = {0, 7, 7, 9};
    static const uint32_t item[EVENTS] = {3, 1, 2, 3, 3, 0, 4, 1, 2};
    static const uint32_t time_s[EVENTS] = {
        1000 + GAP, 1000, 1001, 1002 + 3 * GAP, 1000, 1000, 1003 + 3 * GAP, 50, 50};
    /* Item 0 was looked at, with the first two; 1 by the last row, who bought 2. */
    static const uint8_t bought[EVENTS] = {1, 1, 1, 1, 1, 0, 1, 0, 1};
    mr_interactions rows = {.users = 3,
                            .items = 5,
                            .ptr = ptr,
                            .item = item,
                            .time_s = time_s,
                            .bought = bought};
    mr_sparse_matrix orders;
    assert_ok(mr_bought_together_orders(&rows, &orders));
    assert_int_equal(orders.rows, 3);
    assert_int_equal(orders.columns, 5);
    static const uint64_t expected_ptr[] = {0, 1, 4, 6};
    static const uint32_t expected[] = {2, 1, 2, 3, 3, 4};
    assert_memory_equal(orders.ptr, expected_ptr, sizeof(expected_ptr));
    assert_memory_equal(orders.index, expected, sizeof(expected));
    mr_sparse_matrix_deinit(&orders);
    rows.bought = NULL;
    assert_int_equal(mr_bought_together_orders(&rows, &orders), MR_ERR_INVALID);
    rows.bought = bought;
    rows.time_s = NULL;
    assert_int_equal(mr_bought_together_orders(&rows, &orders), MR_ERR_INVALID);
}

static void test_rows_without_a_purchase_give_no_orders(void **state)
{
    (void)state;
    static const uint64_t ptr[] = {0, 1};
    static const uint32_t zero[] = {0};
    static const uint8_t bought[] = {0};
    const mr_interactions rows = {.users = 1,
                                  .items = 1,
                                  .ptr = ptr,
                                  .item = zero,
                                  .time_s = zero,
                                  .bought = bought};
    const mr_bought_together_options options = mr_bought_together_defaults();
    mr_sparse_matrix orders;
    mr_sparse_matrix table;
    assert_ok(mr_bought_together_orders(&rows, &orders));
    assert_int_equal(orders.rows, 0);
    assert_ok(mr_bought_together_build(&orders, &options, pools[0], &table));
    assert_int_equal(mr_sparse_matrix_count(&table), 0);
    mr_sparse_matrix_deinit(&table);
    mr_sparse_matrix_deinit(&orders);
}

static void test_options_out_of_range_are_refused(void **state)
{
    (void)state;
    mr_sparse_matrix orders = draw_orders(1);
    mr_sparse_matrix table;
    for (uint32_t o = 0; o < 7; o++) {
        mr_bought_together_options options = mr_bought_together_defaults();
        const float strange[] = {-0.1F, 2.1F, NAN};
        if (o < 3)
            options.size_exponent = strange[o];
        else if (o == 3)
            options.shrinkage = -1.0F;
        else if (o == 4)
            options.support = 0;
        else
            options.partners = o == 5 ? 0 : MR_BOUGHT_TOGETHER_PARTNERS_MAX + 1;
        assert_int_equal(mr_bought_together_build(&orders, &options, pools[0], &table),
                         MR_ERR_INVALID);
    }
    mr_sparse_matrix_deinit(&orders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_defining_sums_for_any_options),
        cmocka_unit_test(test_is_symmetric_and_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(test_a_set_comes_before_what_everybody_buys),
        cmocka_unit_test(test_an_order_of_a_warehouse_says_nothing),
        cmocka_unit_test(test_orders_are_the_purchases_of_a_row_that_lie_close),
        cmocka_unit_test(test_rows_without_a_purchase_give_no_orders),
        cmocka_unit_test(test_options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
