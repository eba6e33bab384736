/*
 * Method: the weights' definition as three nested loops in double on a small random matrix; rows
 * cut to K against a sort; scores and reasons against sums over the history.
 */
#include "tests/support.h"

#include "models/item_item.h"
#include "models/random.h"

#include <string.h>

enum { USERS = 60, ITEMS = 300, PAIRS = 1500 };

static const mr_item_item_options OPTIONS = {.user_exponent = 0.75F,
                                             .row_exponent = 0.6F,
                                             .column_exponent = 0.2F,
                                             .neighbours = 1000};

typedef struct data {
    mr_sparse_matrix users;
    mr_sparse_matrix items;
} data;

/* Squares of uniforms make some items popular. */
static data make_data(void)
{
    data d;
    mr_triple *triples = calloc(PAIRS, sizeof(*triples));
    for (uint64_t t = 0; t < PAIRS; t++) {
        const double u = mr_random_uniform(1, t);
        triples[t] = (mr_triple){.row = (uint32_t)(mr_random_bits(2, t) % USERS),
                                 .column = (uint32_t)(u * u * ITEMS)};
    }
    assert_ok(
        mr_sparse_matrix_from_triples(triples, PAIRS, USERS, ITEMS, false, &d.users));
    assert_ok(mr_sparse_matrix_transpose(&d.users, &d.items));
    free(triples);
    return d;
}

static void free_data(data *d)
{
    mr_sparse_matrix_deinit(&d->users);
    mr_sparse_matrix_deinit(&d->items);
}

static double weight_by_definition(const data *d, uint32_t i, uint32_t j)
{
    double sum = 0.0;
    for (uint32_t u = 0; u < USERS; u++)
        if (mr_sparse_matrix_has(&d->users, u, i) &&
            mr_sparse_matrix_has(&d->users, u, j))
            sum += pow(mr_sparse_matrix_row_count(&d->users, u),
                       -(double)OPTIONS.user_exponent);
    if (i == j || !(sum > 0.0))
        return 0.0;
    return sum *
           pow(mr_sparse_matrix_row_count(&d->items, i), -(double)OPTIONS.row_exponent) *
           pow(mr_sparse_matrix_row_count(&d->items, j),
               -(double)OPTIONS.column_exponent);
}

static mr_sparse_matrix build(const data *d, const mr_item_item_options *options,
                              uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_sparse_matrix model;
    assert_ok(mr_worker_pool_create(threads, &pool));
    assert_ok(mr_item_item_build(&d->users, &d->items, options, pool, &model));
    mr_worker_pool_destroy(pool);
    assert_ok(mr_sparse_matrix_check(&model));
    return model;
}

static void test_weights_equal_the_definition(void **state)
{
    (void)state;
    data d = make_data();
    mr_sparse_matrix model = build(&d, &OPTIONS, 2);
    for (uint32_t i = 0; i < ITEMS; i++) {
        uint64_t e = model.ptr[i];
        for (uint32_t j = 0; j < ITEMS; j++) {
            const double expected = weight_by_definition(&d, i, j);
            if (!(expected > 0.0))
                continue;
            assert_int_equal(model.index[e], j);
            assert_close(model.values[e], expected, 1e-5);
            e++;
        }
        assert_int_equal(e, model.ptr[i + 1]);
    }
    mr_sparse_matrix_deinit(&model);
    free_data(&d);
}

/* Everything kept is at least as good as everything dropped, ties going to smaller indices. */
static void test_a_short_row_keeps_the_largest_weights(void **state)
{
    (void)state;
    data d = make_data();
    mr_item_item_options options = OPTIONS;
    options.neighbours = 5;
    mr_sparse_matrix whole = build(&d, &OPTIONS, 1);
    mr_sparse_matrix cut = build(&d, &options, 1);
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t all = mr_sparse_matrix_row_count(&whole, i);
        assert_int_equal(mr_sparse_matrix_row_count(&cut, i), all < 5 ? all : 5);
        for (uint64_t e = whole.ptr[i]; e < whole.ptr[i + 1]; e++) {
            uint32_t better = 0;
            for (uint64_t f = whole.ptr[i]; f < whole.ptr[i + 1]; f++)
                better += whole.values[f] > whole.values[e] ||
                          (whole.values[f] >= whole.values[e] && f < e);
            assert_int_equal(mr_sparse_matrix_has(&cut, i, whole.index[e]), better < 5);
        }
    }
    mr_sparse_matrix_deinit(&whole);
    mr_sparse_matrix_deinit(&cut);
    free_data(&d);
}

static void test_one_thread_and_three_give_the_same_bits(void **state)
{
    (void)state;
    data d = make_data();
    mr_sparse_matrix one = build(&d, &OPTIONS, 1);
    mr_sparse_matrix three = build(&d, &OPTIONS, 3);
    const uint64_t count = mr_sparse_matrix_count(&one);
    assert_int_equal(count, mr_sparse_matrix_count(&three));
    assert_memory_equal(one.index, three.index, count * sizeof(uint32_t));
    assert_memory_equal(one.values, three.values, count * sizeof(float));
    mr_sparse_matrix_deinit(&one);
    mr_sparse_matrix_deinit(&three);
    free_data(&d);
}

static void test_a_score_is_the_weighed_sum_and_its_reason_the_largest_term(void **state)
{
    (void)state;
    static const uint32_t history[] = {3, 17, 0, ITEMS + 5, 40};
    static const float weights[] = {1, 0.25F, 2, 9, 0.5F};
    data d = make_data();
    mr_sparse_matrix model = build(&d, &OPTIONS, 1);
    float scores[ITEMS];
    uint32_t marks[ITEMS] = {0};
    uint32_t backwards[ITEMS];
    size_t places[ITEMS];
    for (uint32_t j = 0; j < ITEMS; j++)
        backwards[j] = ITEMS - 1 - j;
    mr_item_item_reasons(&model, history, weights, 5, backwards, ITEMS, marks, places);
    mr_item_item_score(&model, history, weights, 5, scores);
    for (uint32_t j = 0; j < ITEMS; j++) {
        double sum = 0.0;
        double largest = 0.0;
        size_t reason = 5;
        for (size_t h = 0; h < 5; h++) {
            if (history[h] >= ITEMS)
                continue;
            const double term =
                (double)weights[h] * weight_by_definition(&d, history[h], j);
            sum += term;
            if (term > largest * (1.0 + 1e-6)) {
                largest = term;
                reason = h;
            }
        }
        assert_true(fabs((double)scores[j] - sum) <= 1e-5 * (sum + 1e-9));
        assert_int_equal(places[ITEMS - 1 - j], reason);
        assert_int_equal(marks[j], 0);
    }
    mr_sparse_matrix_deinit(&model);
    free_data(&d);
}

static void test_a_robot_leaves_no_trace(void **state)
{
    (void)state;
    enum { MANY = MR_ITEM_ITEM_USER_ITEMS_MAX + 1 };
    mr_triple *triples = calloc(MANY + 2, sizeof(*triples));
    data d;
    for (uint32_t i = 0; i < MANY; i++)
        triples[i] = (mr_triple){.row = 0, .column = i};
    triples[MANY] = (mr_triple){.row = 1, .column = 4};
    triples[MANY + 1] = (mr_triple){.row = 1, .column = 9};
    assert_ok(mr_sparse_matrix_from_triples(triples, MANY + 2, 2, MANY, false, &d.users));
    assert_ok(mr_sparse_matrix_transpose(&d.users, &d.items));
    mr_sparse_matrix model = build(&d, &OPTIONS, 1);
    assert_int_equal(mr_sparse_matrix_count(&model), 2);
    assert_true(mr_sparse_matrix_has(&model, 4, 9) && mr_sparse_matrix_has(&model, 9, 4));
    mr_sparse_matrix_deinit(&model);
    free_data(&d);
    free(triples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_equal_the_definition),
        cmocka_unit_test(test_a_short_row_keeps_the_largest_weights),
        cmocka_unit_test(test_one_thread_and_three_give_the_same_bits),
        cmocka_unit_test(test_a_score_is_the_weighed_sum_and_its_reason_the_largest_term),
        cmocka_unit_test(test_a_robot_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
