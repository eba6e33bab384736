/*
 * Pooling against the min-max formula of isotonic regression, Platt against a gradient of zero,
 * and both maps against what they are for: a warped score becomes honest, an honest one is left
 * alone, and the order of two scores never turns round.
 */
#include "models/calibration.h"
#include "models/logistic.h"
#include "models/random.h"
#include "tests/support.h"

#include <string.h>

enum { ROWS = 8000, FEW = 60 };

static float scores[ROWS];
static uint8_t labels[ROWS];

/* Labels drawn from sigmoid(score); then the score is warped by `warp`. */
static void draw(size_t count, uint64_t seed, double (*warp)(double))
{
    for (size_t i = 0; i < count; i++) {
        const double logit = 2.0 * mr_random_normal(seed, i);
        labels[i] = mr_random_uniform(seed + 1, i) < mr_sigmoid(logit);
        scores[i] = (float)warp(logit);
    }
}

static double honest(double logit)
{
    return logit;
}

static double shrunk(double logit)
{
    return 0.4 * logit + 1.0;
}

static double bent(double logit)
{
    return logit > 0.0 ? 0.2 * logit : 3.0 * logit;
}

static double loss_of(const mr_calibration *calibration, size_t count)
{
    double loss = 0.0;
    for (size_t i = 0; i < count; i++) {
        const double logit = mr_calibration_logit(calibration, (double)scores[i]);
        loss += mr_softplus(labels[i] != 0 ? -logit : logit);
    }
    return loss / (double)count;
}

/* max over starts at or before i of min over ends at or after i of the weighted mean between. */
static double min_max(const double *values, const double *weights, size_t count, size_t i)
{
    double best = (double)-INFINITY;
    for (size_t start = 0; start <= i; start++) {
        double sum = 0.0;
        double weight = 0.0;
        double least = (double)INFINITY;
        for (size_t end = start; end < count; end++) {
            sum += values[end] * weights[end];
            weight += weights[end];
            if (end >= i)
                least = fmin(least, sum / weight);
        }
        best = fmax(best, least);
    }
    return best;
}

static void test_pooling_equals_the_min_max_formula(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        double values[FEW], pooled[FEW], weights[FEW];
        size_t starts[FEW];
        const size_t count = 1 + (size_t)(mr_random_bits(seed, 0) % FEW);
        for (size_t i = 0; i < count; i++) {
            values[i] = mr_random_normal(seed + 50, i) + 0.05 * (double)i;
            weights[i] = 0.5 + mr_random_uniform(seed + 90, i);
        }
        memcpy(pooled, values, sizeof(values));
        const size_t steps = mr_isotonic_pool(pooled, weights, count, starts);
        assert_true(steps >= 1);
        assert_int_equal(starts[0], 0);
        for (size_t i = 0; i < count; i++)
            assert_close(pooled[i], min_max(values, weights, count, i), 1e-9);
        for (size_t s = 1; s < steps; s++)
            assert_true(pooled[starts[s]] > pooled[starts[s] - 1]);
    }
}

static void test_platt_is_at_the_minimum_of_its_loss(void **state)
{
    (void)state;
    draw(ROWS, 1, shrunk);
    mr_calibration platt;
    assert_ok(mr_calibration_fit(MR_CALIBRATION_PLATT, scores, labels, ROWS, &platt));
    double positives = 0.0;
    for (size_t i = 0; i < ROWS; i++)
        positives += labels[i];
    const double yes = (positives + 1.0) / (positives + 2.0);
    const double no = 1.0 / (ROWS - positives + 2.0);
    double by_slope = 0.0;
    double by_offset = 0.0;
    for (size_t i = 0; i < ROWS; i++) {
        const double error = mr_sigmoid(platt.slope * (double)scores[i] + platt.offset) -
                             (labels[i] != 0 ? yes : no);
        by_slope += error * (double)scores[i];
        by_offset += error;
    }
    assert_true(fabs(by_slope) < 1e-3);
    assert_true(fabs(by_offset) < 1e-3);
    /* The warp undone: (0.4 x + 1) * 2.5 - 2.5. */
    assert_close(platt.slope, 2.5, 0.05);
    assert_close(platt.offset, -2.5, 0.05);
}

static void test_a_score_that_ranks_backwards_becomes_the_base_rate(void **state)
{
    (void)state;
    draw(ROWS, 2, honest);
    double positives = 0.0;
    for (size_t i = 0; i < ROWS; i++) {
        scores[i] = -scores[i];
        positives += labels[i];
    }
    mr_calibration platt;
    assert_ok(mr_calibration_fit(MR_CALIBRATION_PLATT, scores, labels, ROWS, &platt));
    assert_true(platt.slope == 0.0);
    assert_close(mr_sigmoid(mr_calibration_logit(&platt, 3.0)), positives / ROWS, 1e-9);
}

static void test_isotonic_makes_a_bent_score_honest(void **state)
{
    (void)state;
    draw(ROWS, 3, bent);
    mr_calibration isotonic;
    assert_ok(
        mr_calibration_fit(MR_CALIBRATION_ISOTONIC, scores, labels, ROWS, &isotonic));
    draw(ROWS, 4, bent); /* other rows */
    const double calibrated = loss_of(&isotonic, ROWS);
    const double raw = loss_of(&(mr_calibration){0}, ROWS);
    draw(ROWS, 4, honest);
    const double ideal = loss_of(&(mr_calibration){0}, ROWS);
    assert_true(raw > ideal + 0.02);
    assert_true(calibrated < ideal + 0.003);
    mr_calibration_deinit(&isotonic);
}

static void test_the_order_of_scores_is_kept(void **state)
{
    (void)state;
    draw(ROWS, 5, bent);
    mr_calibration isotonic;
    assert_ok(
        mr_calibration_fit(MR_CALIBRATION_ISOTONIC, scores, labels, ROWS, &isotonic));
    double before = mr_calibration_logit(&isotonic, -50.0);
    assert_true(isfinite(before));
    for (int i = 1; i <= 10000; i++) {
        const double logit = mr_calibration_logit(&isotonic, -50.0 + 0.01 * i);
        assert_true(logit > before); /* strictly: no ties are made */
        before = logit;
    }
    mr_calibration_deinit(&isotonic);
}

static mr_calibration_kind chosen(double (*warp)(double), size_t count)
{
    draw(count, 6, warp);
    mr_calibration calibration;
    assert_ok(mr_calibration_choose(scores, labels, count, &calibration));
    const mr_calibration_kind kind = calibration.kind;
    mr_calibration_deinit(&calibration);
    return kind;
}

static void test_the_choice_fits_the_warp(void **state)
{
    (void)state;
    assert_int_equal(chosen(bent, ROWS), MR_CALIBRATION_ISOTONIC);
    assert_int_equal(chosen(shrunk, ROWS), MR_CALIBRATION_PLATT);
    /* Too few of either label for isotonic, whatever the warp. */
    assert_int_not_equal(chosen(bent, MR_ISOTONIC_CLASS_ROWS), MR_CALIBRATION_ISOTONIC);
}

static void test_an_honest_score_is_hardly_moved(void **state)
{
    (void)state;
    draw(ROWS, 7, honest);
    mr_calibration calibration;
    assert_ok(mr_calibration_choose(scores, labels, ROWS, &calibration));
    for (double score = -3.0; score <= 3.0; score += 0.5)
        assert_true(fabs(mr_sigmoid(mr_calibration_logit(&calibration, score)) -
                         mr_sigmoid(score)) < 0.04);
    mr_calibration_deinit(&calibration);
}

static void test_a_handful_of_rows_is_left_alone(void **state)
{
    (void)state;
    const float three[] = {-1.0F, 0.5F, 2.0F};
    const uint8_t one_positive[] = {0, 0, 1};
    const uint8_t none[] = {0, 0, 0};
    mr_calibration calibration;
    assert_ok(mr_calibration_choose(three, one_positive, 3, &calibration));
    assert_int_equal(calibration.kind, MR_CALIBRATION_NONE);
    assert_int_equal(mr_calibration_choose(three, none, 3, &calibration), MR_ERR_INVALID);
}

static void test_scores_that_are_all_equal_become_the_base_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        scores[i] = 2.0F;
        labels[i] = i % 4 == 0;
    }
    const mr_calibration_kind kinds[] = {MR_CALIBRATION_PLATT, MR_CALIBRATION_ISOTONIC};
    for (int k = 0; k < 2; k++) {
        mr_calibration calibration;
        assert_ok(mr_calibration_fit(kinds[k], scores, labels, ROWS, &calibration));
        assert_close(mr_sigmoid(mr_calibration_logit(&calibration, 2.0)), 0.25, 1e-3);
        mr_calibration_deinit(&calibration);
    }
}

static void test_stored_knots_must_rise(void **state)
{
    (void)state;
    const double rising[] = {-1.0, 0.0, 1.0};
    const double falling[] = {1.0, 0.0, -1.0};
    const double broken[] = {-1.0, (double)NAN, 1.0};
    mr_calibration calibration;
    assert_int_equal(mr_calibration_init_isotonic(3, falling, rising, &calibration),
                     MR_ERR_INVALID);
    assert_int_equal(mr_calibration_init_isotonic(3, rising, falling, &calibration),
                     MR_ERR_INVALID);
    assert_int_equal(mr_calibration_init_isotonic(3, rising, broken, &calibration),
                     MR_ERR_INVALID);
    assert_int_equal(mr_calibration_init_isotonic(0, rising, rising, &calibration),
                     MR_ERR_INVALID);
    assert_ok(mr_calibration_init_isotonic(3, rising, rising, &calibration));
    mr_calibration_deinit(&calibration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pooling_equals_the_min_max_formula),
        cmocka_unit_test(test_platt_is_at_the_minimum_of_its_loss),
        cmocka_unit_test(test_a_score_that_ranks_backwards_becomes_the_base_rate),
        cmocka_unit_test(test_isotonic_makes_a_bent_score_honest),
        cmocka_unit_test(test_the_order_of_scores_is_kept),
        cmocka_unit_test(test_the_choice_fits_the_warp),
        cmocka_unit_test(test_an_honest_score_is_hardly_moved),
        cmocka_unit_test(test_a_handful_of_rows_is_left_alone),
        cmocka_unit_test(test_scores_that_are_all_equal_become_the_base_rate),
        cmocka_unit_test(test_stored_knots_must_rise),
    };
    return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
