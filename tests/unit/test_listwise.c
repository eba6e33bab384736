/*
 * The loss is judged by its definition in ten slow lines, the fit by what defines it, a gradient of
 * zero by finite differences of that loss; then by the edges: features that say nothing or say the
 * same, lists without an answer, answers without error, numbers that are none.
 */
#include "models/listwise.h"
#include "models/random.h"
#include "tests/support.h"

#include <string.h>

enum { GROUPS = 400, ROWS_MAX = 24, FEATURES = 5, ROWS = GROUPS * ROWS_MAX };

static uint64_t ptr[GROUPS + 1];
static float x[ROWS * FEATURES];
static uint8_t target[ROWS];
static const double planted[FEATURES] = {1.2, -0.7, 0.0, 0.5, -1.5};
static const double scales[FEATURES] = {1.0, 500.0, 0.01, 7.0, 1.0};

static mr_worker_pool *pool_of(uint32_t threads)
{
    mr_worker_pool *pool;
    assert_ok(mr_worker_pool_create(threads, &pool));
    return pool;
}

/* Lists of 2 to ROWS_MAX candidates; the target is drawn from the softmax of the planted weights. */
static mr_listwise_data draw(uint64_t seed)
{
    uint64_t row = 0;
    memset(target, 0, sizeof(target));
    for (size_t g = 0; g < GROUPS; g++) {
        const uint64_t first = row;
        const size_t rows = 2 + mr_random_bits(seed, g) % (ROWS_MAX - 1);
        uint64_t best = row;
        double best_score = -INFINITY;
        ptr[g] = row;
        for (; row < first + rows; row++) {
            /* The largest of scores with Gumbel noise is a draw from their softmax. */
            double score = -log(-log(mr_random_uniform(seed + 1, row) + 1e-12));
            for (size_t j = 0; j < FEATURES; j++) {
                const double z = mr_random_normal(seed + 2, row * FEATURES + j);
                x[row * FEATURES + j] = (float)((z + 2.0) * scales[j]);
                score += planted[j] * z;
            }
            if (score > best_score) {
                best_score = score;
                best = row;
            }
        }
        target[best] = 1;
        if (g % 5 == 0) /* some lists have two answers */
            target[first + g % rows] = 1;
        if (g % 11 == 3) /* and some have none */
            memset(target + first, 0, rows);
    }
    ptr[GROUPS] = row;
    return (mr_listwise_data){
        .features = FEATURES, .groups = GROUPS, .ptr = ptr, .x = x, .target = target};
}

/* The definition, line by line. */
static double slow_loss(const mr_listwise_data *data, const double *weights)
{
    double loss = 0.0;
    double used = 0.0;
    for (size_t g = 0; g < data->groups; g++) {
        double sum = 0.0;
        double chosen = 0.0;
        double targets = 0.0;
        for (uint64_t r = data->ptr[g]; r < data->ptr[g + 1]; r++) {
            double score = 0.0;
            for (uint32_t j = 0; j < data->features; j++)
                score += weights[j] * (double)data->x[r * data->features + j];
            sum += exp(score);
            chosen += data->target[r] ? score : 0.0;
            targets += data->target[r] ? 1.0 : 0.0;
        }
        if (targets > 0.0) {
            loss += log(sum) - chosen / targets;
            used += 1.0;
        }
    }
    return loss / used;
}

/* The deviation of a feature within the lists that have an answer. */
static double deviation(const mr_listwise_data *data, uint32_t feature)
{
    double squares = 0.0;
    double rows = 0.0;
    for (size_t g = 0; g < data->groups; g++) {
        double targets = 0.0;
        double mean = 0.0;
        const double n = (double)(data->ptr[g + 1] - data->ptr[g]);
        for (uint64_t r = data->ptr[g]; r < data->ptr[g + 1]; r++) {
            targets += data->target[r];
            mean += (double)data->x[r * data->features + feature] / n;
        }
        for (uint64_t r = data->ptr[g]; targets > 0.0 && r < data->ptr[g + 1]; r++) {
            squares += pow((double)data->x[r * data->features + feature] - mean, 2.0);
            rows += 1.0;
        }
    }
    return sqrt(squares / rows);
}

static void assert_at_the_minimum(const mr_listwise_data *data, const float *weights,
                                  double ridge)
{
    for (uint32_t j = 0; j < data->features; j++) {
        const double scale = deviation(data, j);
        const double step = 1e-4 / scale;
        double moved[FEATURES];
        for (uint32_t i = 0; i < data->features; i++)
            moved[i] = (double)weights[i];
        moved[j] += step;
        const double above = slow_loss(data, moved);
        moved[j] -= 2.0 * step;
        const double below = slow_loss(data, moved);
        const double slope = (above - below) / 2e-4 + ridge * (double)weights[j] * scale;
        assert_true(fabs(slope) < 1e-6);
    }
}

static double fit(const mr_listwise_data *data, double ridge, float *weights)
{
    mr_worker_pool *pool = pool_of(1);
    double loss;
    const mr_listwise_options options = {.ridge = (float)ridge};
    assert_ok(mr_listwise_fit(data, &options, pool, weights, &loss));
    mr_worker_pool_destroy(pool);
    return loss;
}

static void test_the_loss_is_the_defining_sum(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(1);
    const float weights[FEATURES] = {0.3F, 0.001F, -5.0F, 0.02F, 0.8F};
    double wide[FEATURES];
    for (int j = 0; j < FEATURES; j++)
        wide[j] = (double)weights[j];
    mr_worker_pool *pool = pool_of(1);
    double loss;
    assert_ok(mr_listwise_loss(&data, weights, pool, &loss));
    assert_close(loss, slow_loss(&data, wide), 1e-12);
    mr_worker_pool_destroy(pool);
}

static void test_the_gradient_is_zero_at_the_solution(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(2);
    const double ridges[] = {0.0, 0.01, 1.0};
    for (size_t r = 0; r < 3; r++) {
        float weights[FEATURES] = {0};
        (void)fit(&data, ridges[r], weights);
        assert_at_the_minimum(&data, weights, (double)(float)ridges[r]);
    }
}

static void test_the_loss_that_is_returned_includes_the_ridge(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(3);
    float weights[FEATURES] = {0};
    const double loss = fit(&data, 0.5, weights);
    double expected = 0.0;
    double wide[FEATURES];
    for (uint32_t j = 0; j < FEATURES; j++) {
        wide[j] = (double)weights[j];
        expected += 0.25 * pow(wide[j] * deviation(&data, j), 2.0);
    }
    assert_close(loss, expected + slow_loss(&data, wide), 1e-6);
}

static void test_planted_weights_are_found(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(4);
    float weights[FEATURES] = {0};
    (void)fit(&data, 0.0, weights);
    for (size_t j = 0; j < FEATURES; j++) /* four standard errors of some 350 lists */
        assert_true(fabs((double)weights[j] * scales[j] - planted[j]) < 0.4);
}

static void test_every_start_ends_at_the_same_place(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(5);
    float cold[FEATURES] = {0};
    (void)fit(&data, 0.0, cold);
    float near[FEATURES] = {1.0F, -0.001F, 3.0F, 0.1F, -1.0F};
    (void)fit(&data, 0.0, near);
    float far[FEATURES] = {1e30F, -1e30F, 3.0F, 1e38F, -1.0F};
    (void)fit(&data, 0.0, far);
    for (size_t j = 0; j < FEATURES; j++) {
        assert_true(fabs((double)(near[j] - cold[j])) * scales[j] < 1e-6);
        assert_true(fabs((double)(far[j] - cold[j])) * scales[j] < 1e-6);
    }
}

static void test_any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(6);
    float one[FEATURES] = {0};
    const double loss = fit(&data, 0.01, one);
    for (uint32_t threads = 2; threads <= 5; threads++) {
        float many[FEATURES] = {0};
        double many_loss;
        mr_worker_pool *pool = pool_of(threads);
        const mr_listwise_options options = {.ridge = 0.01F};
        assert_ok(mr_listwise_fit(&data, &options, pool, many, &many_loss));
        assert_memory_equal(one, many, sizeof(one));
        assert_memory_equal(&loss, &many_loss, sizeof(loss));
        mr_worker_pool_destroy(pool);
    }
}

static void test_a_feature_that_is_the_same_for_a_whole_list_weighs_nothing(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(7);
    for (size_t g = 0; g < GROUPS; g++)
        for (uint64_t r = ptr[g]; r < ptr[g + 1]; r++)
            x[r * FEATURES + 1] = 16777213.3F + (float)g;
    float weights[FEATURES] = {0.0F, 3.0F, 0.0F, 0.0F, 0.0F};
    (void)fit(&data, 0.0, weights);
    assert_true(weights[1] == 0.0F);
    weights[1] = 0.0F;
    double slope_of_others[FEATURES];
    for (size_t j = 0; j < FEATURES; j++)
        slope_of_others[j] = (double)weights[j];
    const double best = slow_loss(&data, slope_of_others);
    slope_of_others[0] += 0.01;
    assert_true(slow_loss(&data, slope_of_others) > best);
}

static void test_equal_features_share_their_weight(void **state)
{
    (void)state;
    const double ridges[] = {0.0, 0.1};
    const mr_listwise_data data = draw(8);
    for (uint64_t r = 0; r < ptr[GROUPS]; r++)
        x[r * FEATURES + 3] = x[r * FEATURES];
    for (size_t i = 0; i < 2; i++) {
        float weights[FEATURES] = {0};
        (void)fit(&data, ridges[i], weights);
        assert_close(weights[0], weights[3], 1e-4);
        assert_at_the_minimum(&data, weights, (double)(float)ridges[i]);
    }
}

static void test_answers_without_error_give_finite_weights(void **state)
{
    (void)state;
    const mr_listwise_data data = draw(9);
    memset(target, 0, sizeof(target));
    for (size_t g = 0; g < GROUPS; g++) {
        uint64_t best = ptr[g];
        for (uint64_t r = ptr[g]; r < ptr[g + 1]; r++)
            best = x[r * FEATURES] > x[best * FEATURES] ? r : best;
        target[best] = 1;
    }
    float weights[FEATURES] = {0};
    const double loss = fit(&data, 0.0, weights);
    assert_true(loss >= 0.0 && loss < 0.01);
    for (size_t j = 0; j < FEATURES; j++)
        assert_true(isfinite(weights[j]));
    assert_true(weights[0] > 0.0F);
}

static void test_lists_of_one_or_of_answers_alone_do_no_harm(void **state)
{
    (void)state;
    mr_listwise_data data = draw(10);
    static const uint64_t short_ptr[] = {0, 1, 1, 4, 8};
    memset(target, 1, 4);
    memset(target + 4, 0, 4);
    data.ptr = short_ptr;
    data.groups = 4;
    float weights[FEATURES] = {0};
    const double loss = fit(&data, 1e-3, weights);
    assert_close(loss, log(3.0) / 2.0, 0.5);
    for (size_t j = 0; j < FEATURES; j++)
        assert_true(isfinite(weights[j]));
}

static void expect_invalid(const mr_listwise_data *data, mr_listwise_options options,
                           float start)
{
    mr_worker_pool *pool = pool_of(2);
    float weights[MR_LISTWISE_FEATURES_MAX + 1] = {0};
    weights[0] = start;
    double loss = -1.0;
    assert_int_equal(mr_listwise_fit(data, &options, pool, weights, &loss),
                     MR_ERR_INVALID);
    assert_memory_equal(&weights[0], &start, sizeof(start));
    assert_true(loss < 0.0);
    mr_worker_pool_destroy(pool);
}

static void test_refuses_what_cannot_be_learnt_from(void **state)
{
    (void)state;
    const mr_listwise_options options = {.ridge = 0.1F};
    mr_listwise_data data = draw(11);
    expect_invalid(&data, (mr_listwise_options){.ridge = -1.0F}, 0.0F);
    expect_invalid(&data, (mr_listwise_options){.ridge = NAN}, 0.0F);
    expect_invalid(&data, (mr_listwise_options){.iterations_max = 1001}, 0.0F);
    expect_invalid(&data, options, NAN);
    expect_invalid(&data, options, INFINITY);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        const float good = x[7 * FEATURES + 2];
        x[7 * FEATURES + 2] = bad[i];
        expect_invalid(&data, options, 0.0F);
        x[7 * FEATURES + 2] = good;
    }
    ptr[3] = ptr[5];
    expect_invalid(&data, options, 0.0F);
    data = draw(11);
    memset(target, 0, sizeof(target));
    expect_invalid(&data, options, 0.0F);
    data = draw(11);
    data.groups = 0;
    expect_invalid(&data, options, 0.0F);
    data = draw(11);
    data.features = 0;
    expect_invalid(&data, options, 0.0F);
    data.features = MR_LISTWISE_FEATURES_MAX + 1;
    expect_invalid(&data, options, 0.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_loss_is_the_defining_sum),
        cmocka_unit_test(test_the_gradient_is_zero_at_the_solution),
        cmocka_unit_test(test_the_loss_that_is_returned_includes_the_ridge),
        cmocka_unit_test(test_planted_weights_are_found),
        cmocka_unit_test(test_every_start_ends_at_the_same_place),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(test_a_feature_that_is_the_same_for_a_whole_list_weighs_nothing),
        cmocka_unit_test(test_equal_features_share_their_weight),
        cmocka_unit_test(test_answers_without_error_give_finite_weights),
        cmocka_unit_test(test_lists_of_one_or_of_answers_alone_do_no_harm),
        cmocka_unit_test(test_refuses_what_cannot_be_learnt_from),
    };
    return cmocka_run_group_tests_name("listwise", tests, NULL, NULL);
}
