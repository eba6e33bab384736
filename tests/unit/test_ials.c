/*
 * Method: the normal equations of each row, in double, are the definition: what a half-epoch or a
 * fold-in returns must satisfy them.  The fast path must reach the loss of the plain Cholesky
 * path, and one thread must give the bits of three.
 */
#include "tests/support.h"

#include "models/fold_in.h"
#include "models/ials.h"
#include "models/random.h"

#include <string.h>

enum { USERS = 500, ITEMS = 260, PAIRS = 9000, D = 32 };

typedef struct data {
    mr_sparse_matrix users;
    mr_sparse_matrix items;
} data;

static const mr_ials_options OPTIONS = {
    .dimension = D, .epochs = 6, .alpha0 = 0.1F, .lambda = 0.01F, .nu = 1.0F, .seed = 4};

/* Cubes of uniforms make rows on both sides of the switch from Woodbury to the gradient. */
static data make_data(bool with_values)
{
    data d;
    mr_triple *triples = calloc(PAIRS, sizeof(*triples));
    for (uint64_t t = 0; t < PAIRS; t++) {
        const double u = mr_random_uniform(1, t);
        const double i = mr_random_uniform(2, t);
        triples[t] = (mr_triple){.row = (uint32_t)(u * u * u * USERS),
                                 .column = (uint32_t)(i * i * i * ITEMS),
                                 .value = 0.5F + (float)(t % 3)};
    }
    assert_ok(mr_sparse_matrix_from_triples(triples, PAIRS, USERS, ITEMS, with_values,
                                            &d.users));
    assert_ok(mr_sparse_matrix_transpose(&d.users, &d.items));
    free(triples);
    return d;
}

static void free_data(data *d)
{
    mr_sparse_matrix_deinit(&d->users);
    mr_sparse_matrix_deinit(&d->items);
}

/* |A x - b| / |b| for the user's row by definition. */
static double residual(const mr_dense *items, const mr_ials_options *options,
                       const uint32_t *history, const float *weights, size_t count,
                       const float *x)
{
    double total = 0.0;
    double error = 0.0;
    double size = 0.0;
    for (size_t i = 0; i < count; i++)
        total += weights != NULL ? (double)weights[i] : 1.0;
    const double regularisation =
        (double)options->lambda *
        pow(total + (double)options->alpha0 * (double)items->rows, (double)options->nu);
    for (size_t f = 0; f < items->columns; f++) {
        double left = regularisation * (double)x[f];
        double right = 0.0;
        for (size_t r = 0; r < items->rows; r++) {
            double dot = 0.0;
            for (size_t g = 0; g < items->columns; g++)
                dot += (double)mr_dense_row(items, r)[g] * (double)x[g];
            left += (double)options->alpha0 * (double)mr_dense_row(items, r)[f] * dot;
        }
        for (size_t i = 0; i < count; i++) {
            const double c = weights != NULL ? (double)weights[i] : 1.0;
            const float *y = mr_dense_row(items, history[i]);
            double dot = 0.0;
            for (size_t g = 0; g < items->columns; g++)
                dot += (double)y[g] * (double)x[g];
            left += c * (double)y[f] * dot;
            right += c * (double)y[f];
        }
        error += (left - right) * (left - right);
        size += right * right;
    }
    return sqrt(error / size);
}

/* The pool is the model's until it is destroyed, so both live in one place. */
typedef struct trained {
    mr_worker_pool *pool;
    mr_ials *model;
    double loss;
} trained;

static trained train_with(const data *d, const mr_ials_options *options, uint32_t threads)
{
    trained t = {0};
    assert_ok(mr_worker_pool_create(threads, &t.pool));
    assert_ok(mr_ials_create(&d->users, &d->items, options, t.pool, &t.model));
    assert_ok(mr_ials_train(t.model));
    assert_ok(mr_ials_loss(t.model, &t.loss));
    return t;
}

static void free_trained(trained *t)
{
    mr_ials_destroy(t->model);
    mr_worker_pool_destroy(t->pool);
}

static void check_users(bool with_values, bool reference)
{
    data d = make_data(with_values);
    mr_ials_options options = OPTIONS;
    options.reference = reference;
    trained t = train_with(&d, &options, 2);
    uint32_t longest = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t count = mr_sparse_matrix_row_count(&d.users, u);
        const uint64_t first = d.users.ptr[u];
        longest = count > longest ? count : longest;
        if (count > 0)
            assert_true(residual(mr_ials_items(t.model), &options, d.users.index + first,
                                 with_values ? d.users.values + first : NULL, count,
                                 mr_dense_row(mr_ials_users(t.model), u)) < 2e-4);
    }
    assert_true(longest > MR_IALS_WOODBURY_MAX); /* both solvers were asked */
    free_trained(&t);
    free_data(&d);
}

static void test_users_satisfy_their_normal_equations(void **state)
{
    (void)state;
    check_users(false, false);
    check_users(false, true);
}

static void test_confidence_weights_enter_the_normal_equations(void **state)
{
    (void)state;
    check_users(true, false);
    check_users(true, true);
}

static void test_the_fast_path_reaches_the_loss_of_plain_cholesky(void **state)
{
    (void)state;
    data d = make_data(false);
    mr_ials_options options = OPTIONS;
    trained fast = train_with(&d, &options, 2);
    options.reference = true;
    trained plain = train_with(&d, &options, 2);
    assert_close(fast.loss, plain.loss, 1e-3);
    free_trained(&fast);
    free_trained(&plain);
    free_data(&d);
}

/* All pairs, one by one, against the trace of Gram matrices. */
static void test_the_loss_equals_its_definition(void **state)
{
    (void)state;
    data d = make_data(true);
    mr_ials_options options = OPTIONS;
    options.epochs = 1;
    trained t = train_with(&d, &options, 1);
    const mr_dense *x = mr_ials_users(t.model);
    const mr_dense *y = mr_ials_items(t.model);
    double loss = 0.0;
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t i = 0; i < ITEMS; i++) {
            double dot = 0.0;
            for (size_t f = 0; f < D; f++)
                dot += (double)mr_dense_row(x, u)[f] * (double)mr_dense_row(y, i)[f];
            loss += (double)options.alpha0 * dot * dot;
            for (uint64_t e = d.users.ptr[u]; e < d.users.ptr[u + 1]; e++)
                if (d.users.index[e] == i)
                    loss += (double)d.users.values[e] * (1.0 - dot) * (1.0 - dot);
        }
    for (int s = 0; s < 2; s++) {
        const mr_sparse_matrix *matrix = s == 0 ? &d.users : &d.items;
        const mr_dense *table = s == 0 ? x : y;
        for (uint32_t r = 0; r < matrix->rows; r++) {
            double weight = (double)options.alpha0 * matrix->columns;
            double squared = 0.0;
            for (uint64_t e = matrix->ptr[r]; e < matrix->ptr[r + 1]; e++)
                weight += (double)matrix->values[e];
            for (size_t f = 0; f < D; f++)
                squared +=
                    (double)mr_dense_row(table, r)[f] * (double)mr_dense_row(table, r)[f];
            loss += (double)options.lambda * weight * squared;
        }
    }
    assert_close(t.loss, loss, 1e-4);
    free_trained(&t);
    free_data(&d);
}

static void test_one_thread_and_three_give_the_same_bits(void **state)
{
    (void)state;
    data d = make_data(false);
    trained one = train_with(&d, &OPTIONS, 1);
    trained three = train_with(&d, &OPTIONS, 3);
    assert_memory_equal(mr_ials_users(one.model)->values,
                        mr_ials_users(three.model)->values,
                        USERS * mr_ials_users(one.model)->stride * sizeof(float));
    assert_memory_equal(mr_ials_items(one.model)->values,
                        mr_ials_items(three.model)->values,
                        ITEMS * mr_ials_items(one.model)->stride * sizeof(float));
    assert_memory_equal(&one.loss, &three.loss, sizeof(double));
    free_trained(&one);
    free_trained(&three);
    free_data(&d);
}

static void test_each_epoch_lowers_the_loss(void **state)
{
    (void)state;
    data d = make_data(false);
    mr_worker_pool *pool = NULL;
    mr_ials *model = NULL;
    double before = (double)INFINITY;
    assert_ok(mr_worker_pool_create(1, &pool));
    assert_ok(mr_ials_create(&d.users, &d.items, &OPTIONS, pool, &model));
    for (int epoch = 0; epoch < 5; epoch++) {
        double loss = 0.0;
        assert_ok(mr_ials_epoch(model));
        assert_ok(mr_ials_loss(model, &loss));
        assert_true(loss < before);
        before = loss;
    }
    mr_ials_destroy(model);
    mr_worker_pool_destroy(pool);
    free_data(&d);
}

static void test_a_fold_in_satisfies_the_same_equations_for_any_history(void **state)
{
    (void)state;
    data d = make_data(false);
    trained t = train_with(&d, &OPTIONS, 2);
    mr_dense items;
    mr_fold_in *fold_in = NULL;
    mr_ials_scratch *scratch = NULL;
    uint32_t history[200];
    float weights[200];
    float *x = mr_dense_floats(D);
    assert_ok(mr_dense_init(&items, ITEMS, D));
    memcpy(items.values, mr_ials_items(t.model)->values,
           ITEMS * items.stride * sizeof(float));
    assert_ok(mr_fold_in_create(&items, &OPTIONS, t.pool, &fold_in));
    assert_ok(mr_ials_scratch_create(D, &scratch));
    for (uint32_t i = 0; i < 200; i++) {
        history[i] = (i * 7 + 3) % ITEMS;
        weights[i] = 0.25F + (float)(i % 5);
    }
    for (size_t count = 1; count <= 200; count += 13) {
        mr_fold_in_user(fold_in, scratch, history, NULL, count, x);
        assert_true(residual(&items, &OPTIONS, history, NULL, count, x) < 2e-4);
        mr_fold_in_user(fold_in, scratch, history, weights, count, x);
        assert_true(residual(&items, &OPTIONS, history, weights, count, x) < 2e-4);
    }
    mr_fold_in_user(fold_in, scratch, history, NULL, 0, x);
    for (size_t f = 0; f < D; f++)
        assert_true(fabs((double)x[f]) <= 0.0);
    mr_ials_scratch_destroy(scratch);
    mr_fold_in_destroy(fold_in);
    mr_dense_deinit(&items);
    free_trained(&t);
    free_data(&d);
    free(x);
}

static void test_options_that_make_no_model_are_refused(void **state)
{
    (void)state;
    data d = make_data(false);
    mr_worker_pool *pool = NULL;
    mr_ials *model = NULL;
    mr_ials_options options = OPTIONS;
    assert_ok(mr_worker_pool_create(1, &pool));
    options.lambda = 0.0F;
    assert_int_equal(mr_ials_create(&d.users, &d.items, &options, pool, &model),
                     MR_ERR_INVALID);
    options = OPTIONS;
    options.dimension = 0;
    assert_int_equal(mr_ials_create(&d.users, &d.items, &options, pool, &model),
                     MR_ERR_INVALID);
    assert_int_equal(mr_ials_create(&d.users, &d.users, &OPTIONS, pool, &model),
                     MR_ERR_INVALID);
    mr_worker_pool_destroy(pool);
    free_data(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_satisfy_their_normal_equations),
        cmocka_unit_test(test_confidence_weights_enter_the_normal_equations),
        cmocka_unit_test(test_the_fast_path_reaches_the_loss_of_plain_cholesky),
        cmocka_unit_test(test_the_loss_equals_its_definition),
        cmocka_unit_test(test_one_thread_and_three_give_the_same_bits),
        cmocka_unit_test(test_each_epoch_lowers_the_loss),
        cmocka_unit_test(test_a_fold_in_satisfies_the_same_equations_for_any_history),
        cmocka_unit_test(test_options_that_make_no_model_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
