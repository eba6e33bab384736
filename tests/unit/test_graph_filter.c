/*
 * Method: scores against the definition, R'R formed in double and its leading vectors taken one by
 * one by power iteration with deflation, on taste groups whose edge after k is clear; the linear
 * term against a triple sum.
 */
#include "tests/support.h"

#include "models/blas.h"
#include "models/graph_filter.h"
#include "models/random.h"

#include <string.h>

enum { USERS = 120, ITEMS = 60, GROUPS = 5, EACH = 9, POWERS = 3000 };

static const mr_graph_filter_options OPTIONS = {
    .dimension = GROUPS, .iterations = 12, .seed = 7};

typedef struct data {
    mr_sparse_matrix users;
    mr_sparse_matrix items;
} data;

/* Users choose within their group, now and then beside it; the last user and item have nothing. */
static data make_data(void)
{
    data d;
    mr_triple triples[USERS * EACH];
    size_t count = 0;
    for (uint32_t u = 0; u + 1 < USERS; u++)
        for (uint32_t n = 0; n < EACH; n++) {
            const uint64_t place = (uint64_t)u * EACH + n;
            const uint64_t bits = mr_random_bits(3, place);
            const bool strays = mr_random_uniform(4, place) < 0.05;
            const uint32_t group = strays ? (uint32_t)(bits >> 40) % GROUPS : u % GROUPS;
            const uint32_t within = (uint32_t)(bits % (ITEMS / GROUPS));
            const uint32_t item = within * GROUPS + group;
            if (item + 1 < ITEMS)
                triples[count++] = (mr_triple){.row = u, .column = item};
        }
    assert_ok(
        mr_sparse_matrix_from_triples(triples, count, USERS, ITEMS, false, &d.users));
    assert_ok(mr_sparse_matrix_transpose(&d.users, &d.items));
    return d;
}

static void free_data(data *d)
{
    mr_sparse_matrix_deinit(&d->users);
    mr_sparse_matrix_deinit(&d->items);
}

static mr_graph_filter train(const data *d, const mr_graph_filter_options *options,
                             uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_graph_filter filter = {0};
    assert_ok(mr_worker_pool_create(threads, &pool));
    assert_ok(mr_graph_filter_train(&d->users, &d->items, options, pool, &filter));
    mr_worker_pool_destroy(pool);
    return filter;
}

static double degree(const mr_sparse_matrix *matrix, uint32_t row)
{
    return mr_sparse_matrix_row_count(matrix, row);
}

/* R'R */
static void multiply(const data *d, double s[ITEMS][ITEMS])
{
    memset(s, 0, sizeof(double) * ITEMS * ITEMS);
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t a = 0; a < ITEMS; a++)
            for (uint32_t b = 0; b < ITEMS; b++)
                if (mr_sparse_matrix_has(&d->users, u, a) &&
                    mr_sparse_matrix_has(&d->users, u, b))
                    s[a][b] += 1.0 / (degree(&d->users, u) *
                                      sqrt(degree(&d->items, a) * degree(&d->items, b)));
}

/* The leading eigenvector of s, which is then taken out of s. */
static void take_vector(double s[ITEMS][ITEMS], uint64_t seed, double v[ITEMS])
{
    double value = 0.0;
    for (uint64_t i = 0; i < ITEMS; i++)
        v[i] = mr_random_normal(seed, i);
    for (int power = 0; power < POWERS; power++) {
        double next[ITEMS] = {0};
        double norm = 0.0;
        for (size_t a = 0; a < ITEMS; a++) {
            for (size_t b = 0; b < ITEMS; b++)
                next[a] += s[a][b] * v[b];
            norm += next[a] * next[a];
        }
        value = sqrt(norm);
        for (size_t a = 0; a < ITEMS; a++)
            v[a] = next[a] / value;
    }
    for (size_t a = 0; a < ITEMS; a++)
        for (size_t b = 0; b < ITEMS; b++)
            s[a][b] -= value * v[a] * v[b];
}

static void test_scores_equal_the_projection_on_the_leading_vectors(void **state)
{
    (void)state;
    static const uint32_t history[] = {0, 7, 12, UINT32_MAX};
    static double s[ITEMS][ITEMS];
    data d = make_data();
    mr_graph_filter filter = train(&d, &OPTIONS, 2);
    double expected[ITEMS] = {0};
    float vector[MR_GRAPH_FILTER_DIMENSION_MAX];
    float scores[ITEMS];
    double largest = 0.0;
    multiply(&d, s);
    for (uint64_t k = 0; k < GROUPS; k++) {
        double v[ITEMS];
        double part = 0.0;
        take_vector(s, k, v);
        for (size_t h = 0; h < 3; h++)
            part += v[history[h]] / sqrt(degree(&d.items, history[h]));
        for (uint32_t j = 0; j < ITEMS; j++)
            expected[j] += part * v[j] * sqrt(degree(&d.items, j));
    }
    mr_graph_filter_score(&filter, history, NULL, 4, vector, scores);
    for (size_t j = 0; j < ITEMS; j++)
        largest = fmax(largest, fabs(expected[j]));
    for (size_t j = 0; j < ITEMS; j++)
        if (!(fabs((double)scores[j] - expected[j]) <= 1e-4 * largest))
            fail_msg("item %zu has %.9g, not %.9g", j, (double)scores[j], expected[j]);
    mr_graph_filter_deinit(&filter);
    free_data(&d);
}

/* With as many dimensions as items the filter lets everything through: x itself. */
static void test_a_whole_basis_gives_the_history_back(void **state)
{
    (void)state;
    static const uint32_t history[] = {5, 20};
    static const float weights[] = {1.0F, 3.0F};
    data d = make_data();
    mr_graph_filter_options options = OPTIONS;
    options.dimension = 500;
    mr_graph_filter filter = train(&d, &options, 1);
    float vector[MR_GRAPH_FILTER_DIMENSION_MAX];
    float scores[ITEMS];
    assert_int_equal(filter.in.columns, ITEMS);
    mr_graph_filter_score(&filter, history, weights, 2, vector, scores);
    for (size_t j = 0; j < ITEMS; j++) {
        const float expected = j == 5 ? 1.0F : j == 20 ? 3.0F : 0.0F;
        assert_true(fabsf(scores[j] - expected) < 2e-3F);
    }
    mr_graph_filter_deinit(&filter);
    free_data(&d);
}

static void test_the_linear_term_is_one_walk_through_the_users(void **state)
{
    (void)state;
    static const uint32_t history[] = {0, 7};
    data d = make_data();
    mr_graph_filter_options options = OPTIONS;
    options.linear_weight = 0.5F;
    options.neighbours = 100;
    mr_graph_filter filter = train(&d, &options, 1);
    float scratch[ITEMS];
    float row[ITEMS] = {0};
    mr_graph_filter_add_linear(&filter, history, NULL, 2, scratch, row);
    for (uint32_t j = 0; j < ITEMS; j++) {
        double expected = 0.0;
        for (size_t h = 0; h < 2; h++)
            for (uint32_t u = 0; u < USERS; u++)
                if (j != history[h] && mr_sparse_matrix_has(&d.users, u, history[h]) &&
                    mr_sparse_matrix_has(&d.users, u, j))
                    expected +=
                        0.5 / (degree(&d.items, history[h]) * degree(&d.users, u));
        assert_true(fabs((double)row[j] - expected) < 1e-6);
    }
    mr_graph_filter_deinit(&filter);
    free_data(&d);
}

static void test_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    data d = make_data();
    mr_graph_filter one = train(&d, &OPTIONS, 1);
    mr_graph_filter three = train(&d, &OPTIONS, 3);
    assert_memory_equal(one.in.values, three.in.values,
                        one.in.rows * one.in.stride * sizeof(float));
    assert_memory_equal(one.out.values, three.out.values,
                        one.out.rows * one.out.stride * sizeof(float));
    mr_graph_filter_deinit(&one);
    mr_graph_filter_deinit(&three);
    free_data(&d);
}

static void test_options_out_of_range_are_refused(void **state)
{
    (void)state;
    static const mr_graph_filter_options bad[] = {
        {.dimension = 0, .iterations = 4},
        {.dimension = MR_GRAPH_FILTER_DIMENSION_MAX + 1, .iterations = 4},
        {.dimension = 4, .iterations = 0},
        {.dimension = 4, .iterations = MR_GRAPH_FILTER_ITERATIONS_MAX + 1},
        {.dimension = 4, .iterations = 4, .linear_weight = NAN},
        {.dimension = 4, .iterations = 4, .linear_weight = 1.0F, .neighbours = 0},
    };
    data d = make_data();
    mr_worker_pool *pool = NULL;
    mr_graph_filter filter;
    assert_ok(mr_worker_pool_create(1, &pool));
    for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++)
        assert_int_equal(
            mr_graph_filter_train(&d.users, &d.items, &bad[b], pool, &filter),
            MR_ERR_INVALID);
    assert_int_equal(mr_graph_filter_train(&d.items, &d.items, &OPTIONS, pool, &filter),
                     MR_ERR_INVALID);
    mr_worker_pool_destroy(pool);
    free_data(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_equal_the_projection_on_the_leading_vectors),
        cmocka_unit_test(test_a_whole_basis_gives_the_history_back),
        cmocka_unit_test(test_the_linear_term_is_one_walk_through_the_users),
        cmocka_unit_test(test_threads_do_not_change_a_bit),
        cmocka_unit_test(test_options_out_of_range_are_refused),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
