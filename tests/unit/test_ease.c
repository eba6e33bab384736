/*
 * Method: the weights against the closed form, its matrix inverted in double by plain Gauss-Jordan
 * elimination, for catalogues of less than a tile, and of two and a part; scores and reasons
 * against sums over the history; refusals by their codes.
 */
#include "tests/support.h"

#include "models/blas.h"
#include "models/ease.h"
#include "models/random.h"

#include <string.h>

enum { USERS = 90, ITEMS_MAX = 300, PAIRS = 2500 };

typedef struct data {
    mr_sparse_matrix users;
    mr_sparse_matrix items;
} data;

/* The last item of the catalogue has nobody. */
static data make_data(uint32_t items)
{
    data d;
    mr_triple *triples = calloc(PAIRS, sizeof(*triples));
    for (uint64_t t = 0; t < PAIRS; t++) {
        const double u = mr_random_uniform(1, t);
        triples[t] = (mr_triple){.row = (uint32_t)(mr_random_bits(2, t) % USERS),
                                 .column = (uint32_t)(u * u * (items - 1))};
    }
    assert_ok(
        mr_sparse_matrix_from_triples(triples, PAIRS, USERS, items, false, &d.users));
    assert_ok(mr_sparse_matrix_transpose(&d.users, &d.items));
    free(triples);
    return d;
}

static void free_data(data *d)
{
    mr_sparse_matrix_deinit(&d->users);
    mr_sparse_matrix_deinit(&d->items);
}

static mr_dense train(const data *d, mr_ease_options options, uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_dense model = {0};
    assert_ok(mr_worker_pool_create(threads, &pool));
    assert_ok(mr_ease_train(&d->users, &d->items, &options, pool, &model));
    mr_worker_pool_destroy(pool);
    return model;
}

/* Gauss-Jordan without pivoting: the matrix is positive definite. */
static void invert(double *a, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const double pivot = 1.0 / a[k * n + k];
        a[k * n + k] = 1.0;
        for (size_t j = 0; j < n; j++)
            a[k * n + j] *= pivot;
        for (size_t i = 0; i < n; i++) {
            const double factor = a[i * n + k];
            if (i == k)
                continue;
            a[i * n + k] = 0.0;
            for (size_t j = 0; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
        }
    }
}

/* P of the header, by definition. */
static double *reference(const data *d, mr_ease_options options)
{
    const size_t n = d->items.rows;
    double *p = calloc(n * n, sizeof(*p));
    const double mean = (double)mr_sparse_matrix_count(&d->users) / USERS;
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t *row = mr_sparse_matrix_row(&d->users, u);
        const uint32_t count = mr_sparse_matrix_row_count(&d->users, u);
        const double weight = pow((count + 1.0) / mean, -(double)options.user_exponent);
        for (uint32_t a = 0; a < count; a++)
            for (uint32_t b = 0; b < count; b++)
                p[row[a] * n + row[b]] += weight;
    }
    for (size_t i = 0; i < n; i++)
        p[i * n + i] += (double)options.lambda;
    invert(p, n);
    return p;
}

static void test_weights_equal_the_closed_form(void **state)
{
    (void)state;
    static const uint32_t catalogues[] = {1, 37, 128, ITEMS_MAX};
    const mr_ease_options options = {.lambda = 3.0F, .user_exponent = 0.5F};
    for (size_t c = 0; c < sizeof(catalogues) / sizeof(catalogues[0]); c++) {
        const uint32_t n = catalogues[c];
        data d = make_data(n);
        mr_dense model = train(&d, options, 2);
        double *p = reference(&d, options);
        assert_int_equal(model.rows, n);
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++) {
                const double expected = i == j ? 0.0 : -p[i * n + j] / p[j * n + j];
                const double actual = (double)mr_dense_row(&model, i)[j];
                if (!(fabs(actual - expected) <= 1e-7 + 1e-6 * fabs(expected)))
                    fail_msg("%u items: B[%u][%u] is %.9g, not %.9g", n, i, j, actual,
                             expected);
            }
        free(p);
        mr_dense_deinit(&model);
        free_data(&d);
    }
}

static void test_threads_do_not_change_a_bit(void **state)
{
    (void)state;
    const mr_ease_options options = {.lambda = 10.0F, .user_exponent = 0.5F};
    data d = make_data(ITEMS_MAX);
    mr_dense one = train(&d, options, 1);
    mr_dense three = train(&d, options, 3);
    assert_memory_equal(one.values, three.values, one.rows * one.stride * sizeof(float));
    mr_dense_deinit(&one);
    mr_dense_deinit(&three);
    free_data(&d);
}

static void test_a_score_is_the_weighted_sum_over_the_history(void **state)
{
    (void)state;
    enum { N = 37 };
    static const uint32_t history[] = {3, 0, UINT32_MAX, 11};
    static const float weights[] = {1.0F, 0.5F, 9.0F, 2.0F};
    const mr_ease_options options = {.lambda = 3.0F, .user_exponent = 0.5F};
    data d = make_data(N);
    mr_dense model = train(&d, options, 1);
    float plain[N];
    float weighed[N];
    mr_ease_score(&model, history, NULL, 4, plain);
    mr_ease_score(&model, history, weights, 4, weighed);
    for (uint32_t j = 0; j < N; j++) {
        const float a = mr_dense_row(&model, 3)[j];
        const float b = mr_dense_row(&model, 0)[j];
        const float c = mr_dense_row(&model, 11)[j];
        float term = -1.0F;
        assert_true(fabsf(plain[j] - (a + b + c)) < 1e-6F);
        assert_true(fabsf(weighed[j] - (a + 0.5F * b + 2.0F * c)) < 1e-6F);
        const size_t place = mr_ease_because(&model, history, NULL, 4, j, &term);
        const float most = fmaxf(a, fmaxf(b, c));
        if (most > 0.0F) {
            assert_true(place == 0 || place == 1 || place == 3);
            assert_close(mr_dense_row(&model, history[place])[j], most, 0.0);
            assert_close(term, most, 0.0);
        } else {
            assert_int_equal(place, 4);
        }
    }
    mr_dense_deinit(&model);
    free_data(&d);
}

static void test_what_cannot_be_trained_is_refused(void **state)
{
    (void)state;
    static const mr_ease_options bad[] = {
        {.lambda = 0.0F, .user_exponent = 0.5F},
        {.lambda = -1.0F},
        {.lambda = NAN},
        {.lambda = INFINITY},
        {.lambda = 1.0F, .user_exponent = NAN},
    };
    const mr_ease_options good = {.lambda = 1.0F};
    data d = make_data(37);
    mr_worker_pool *pool = NULL;
    mr_dense model;
    assert_ok(mr_worker_pool_create(1, &pool));
    for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++)
        assert_int_equal(mr_ease_train(&d.users, &d.items, &bad[b], pool, &model),
                         MR_ERR_INVALID);
    assert_int_equal(mr_ease_train(&d.items, &d.items, &good, pool, &model),
                     MR_ERR_INVALID);
    free_data(&d);
    const mr_triple far = {.row = 0, .column = MR_EASE_ITEMS_MAX};
    assert_ok(mr_sparse_matrix_from_triples(&far, 1, 1, MR_EASE_ITEMS_MAX + 1, false,
                                            &d.users));
    assert_ok(mr_sparse_matrix_transpose(&d.users, &d.items));
    assert_int_equal(mr_ease_train(&d.users, &d.items, &good, pool, &model),
                     MR_ERR_INVALID);
    mr_worker_pool_destroy(pool);
    free_data(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_equal_the_closed_form),
        cmocka_unit_test(test_threads_do_not_change_a_bit),
        cmocka_unit_test(test_a_score_is_the_weighted_sum_over_the_history),
        cmocka_unit_test(test_what_cannot_be_trained_is_refused),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
