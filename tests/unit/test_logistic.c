/*
 * The fit is judged by what defines it, a gradient of zero, taken by finite differences from a
 * loss that shares no code with the training pass; then by the edges: columns that do not vary,
 * labels that can be told apart without error, values that are not known.
 */
#include "models/logistic.h"
#include "models/random.h"
#include "tests/support.h"

#include <string.h>

enum { ROWS = 600, COLUMNS = 5, MANY_ROWS = 140000 };

static float values[MANY_ROWS * COLUMNS];
static uint8_t labels[MANY_ROWS];

/* Rows drawn from a logistic model; columns on very different scales. */
static mr_labelled_rows draw(size_t count, uint64_t seed)
{
    static const double weights[COLUMNS] = {1.5, -0.8, 0.0, 0.4, -2.0};
    static const double scales[COLUMNS] = {1.0, 1000.0, 0.01, 5.0, 1.0};
    for (size_t i = 0; i < count; i++) {
        double logit = -0.7;
        for (size_t j = 0; j < COLUMNS; j++) {
            const double z = mr_random_normal(seed, i * COLUMNS + j);
            values[i * COLUMNS + j] = (float)(z * scales[j] + 3.0 * scales[j]);
            logit += weights[j] * z;
        }
        labels[i] = mr_random_uniform(seed + 1, i) < mr_sigmoid(logit);
    }
    return (mr_labelled_rows){
        .values = values, .labels = labels, .count = count, .columns = COLUMNS};
}

static mr_logistic fit(const mr_labelled_rows *rows, double l2)
{
    mr_logistic model;
    assert_ok(mr_logistic_train(rows, &(mr_logistic_options){.l2 = l2}, &model));
    return model;
}

static double slope_of_loss(mr_logistic *model, double *parameter,
                            const mr_labelled_rows *rows, double l2)
{
    const double step = 1e-4;
    const double at = *parameter;
    *parameter = at + step;
    const double above = mr_logistic_loss(model, rows, l2);
    *parameter = at - step;
    const double below = mr_logistic_loss(model, rows, l2);
    *parameter = at;
    return (above - below) / (2.0 * step);
}

static void assert_at_the_minimum(mr_logistic *model, const mr_labelled_rows *rows,
                                  double l2)
{
    /* Curvatures are of the order of the rows: a slope this small is a weight off by 1e-7. */
    const double small = 1e-6 * (double)rows->count;
    assert_true(fabs(slope_of_loss(model, &model->intercept, rows, l2)) < small);
    for (uint32_t j = 0; j < rows->columns; j++)
        assert_true(fabs(slope_of_loss(model, &model->weight[j], rows, l2)) < small);
}

static void test_the_gradient_is_zero_at_the_solution(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 1);
    const double strengths[] = {0.1, 10.0, 1000.0};
    for (size_t s = 0; s < 3; s++) {
        mr_logistic model = fit(&rows, strengths[s]);
        assert_at_the_minimum(&model, &rows, strengths[s]);
        mr_logistic_deinit(&model);
    }
}

static void test_a_large_fit_that_starts_from_a_sketch_ends_at_the_minimum_too(
    void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(MANY_ROWS, 2);
    mr_logistic model = fit(&rows, 1.0);
    assert_at_the_minimum(&model, &rows, 1.0);
    assert_close(model.weight[0], 1.5, 0.03); /* three standard errors of 140,000 rows */
    assert_close(model.weight[4], -2.0, 0.03);
    mr_logistic_deinit(&model);
}

static void test_a_start_does_not_change_the_end(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 3);
    mr_logistic cold = fit(&rows, 1.0);
    mr_logistic far = fit(&rows, 1e6);
    mr_logistic warm;
    assert_ok(mr_logistic_train(&rows, &(mr_logistic_options){.l2 = 1.0, .start = &far},
                                &warm));
    for (int j = 0; j < COLUMNS; j++)
        assert_true(fabs(warm.weight[j] - cold.weight[j]) < 1e-6);
    mr_logistic_deinit(&cold);
    mr_logistic_deinit(&far);
    mr_logistic_deinit(&warm);
}

static void test_the_terms_and_the_intercept_add_up_to_the_log_odds(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 4);
    mr_logistic model = fit(&rows, 1.0);
    for (size_t i = 0; i < 50; i++) {
        double terms[COLUMNS];
        float logit;
        mr_logistic_terms(&model, values + i * COLUMNS, terms);
        mr_logistic_logits(&model, values + i * COLUMNS, 1, &logit);
        double sum = model.intercept;
        for (int j = 0; j < COLUMNS; j++) {
            const double z = ((double)values[i * COLUMNS + (size_t)j] - model.mean[j]) /
                             model.scale[j];
            assert_true(fabs(terms[j] - model.weight[j] * fmin(fmax(z, -4.0), 4.0)) <
                        1e-12);
            sum += terms[j];
        }
        assert_true(fabs((double)logit - sum) < 1e-5); /* float32 sums */
    }
    mr_logistic_deinit(&model);
}

static void test_many_rows_score_as_each_alone(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 5);
    mr_logistic model = fit(&rows, 1.0);
    static float together[ROWS];
    mr_logistic_logits(&model, values, ROWS, together);
    for (size_t i = 0; i < ROWS; i++) {
        float alone;
        mr_logistic_logits(&model, values + i * COLUMNS, 1, &alone);
        assert_memory_equal(&alone, &together[i], sizeof(alone));
    }
    mr_logistic_deinit(&model);
}

static void test_a_value_is_cut_at_four_deviations(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 6);
    mr_logistic model = fit(&rows, 1.0);
    float row[COLUMNS];
    double terms[COLUMNS];
    for (int j = 0; j < COLUMNS; j++)
        row[j] = (float)model.mean[j];
    row[0] = 1e30F;
    row[4] = -INFINITY;
    mr_logistic_terms(&model, row, terms);
    assert_close(terms[0], 4.0 * model.weight[0], 1e-12);
    assert_close(terms[4], -4.0 * model.weight[4], 1e-12);
    float logit;
    mr_logistic_logits(&model, row, 1, &logit);
    assert_close(logit, model.intercept + terms[0] + terms[4], 1e-5);
    mr_logistic_deinit(&model);
}

static void test_a_value_that_is_not_known_adds_nothing(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 7);
    for (size_t i = 0; i < ROWS; i += 7)
        values[i * COLUMNS + 1] = NAN;
    mr_logistic model = fit(&rows, 1.0);
    assert_at_the_minimum(&model, &rows, 1.0);
    double terms[COLUMNS];
    mr_logistic_terms(&model, values, terms);
    assert_true(terms[1] == 0.0);
    float logits[2];
    float row[COLUMNS];
    memcpy(row, values, sizeof(row));
    mr_logistic_logits(&model, row, 1, &logits[0]);
    row[1] = (float)model.mean[1];
    mr_logistic_logits(&model, row, 1, &logits[1]);
    assert_close(logits[0], logits[1], 1e-5);
    mr_logistic_deinit(&model);
}

static void test_a_column_that_does_not_vary_is_left_alone(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 8);
    for (size_t i = 0; i < ROWS; i++)
        values[i * COLUMNS + 2] = 16777217.3F;
    mr_logistic model = fit(&rows, 1.0);
    assert_true(model.scale[2] == 0.0);
    double terms[COLUMNS];
    float row[COLUMNS];
    memcpy(row, values, sizeof(row));
    row[2] = 5.0F;
    mr_logistic_terms(&model, row, terms);
    assert_true(terms[2] == 0.0);
    assert_at_the_minimum(&model, &rows, 1.0);
    mr_logistic_deinit(&model);
}

static void test_equal_columns_share_their_weight(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 9);
    for (size_t i = 0; i < ROWS; i++)
        values[i * COLUMNS + 3] = values[i * COLUMNS];
    mr_logistic model = fit(&rows, 1.0);
    assert_close(model.weight[3], model.weight[0], 1e-6);
    mr_logistic_deinit(&model);
}

static void test_labels_that_can_be_told_apart_give_finite_weights(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 10);
    for (size_t i = 0; i < ROWS; i++)
        labels[i] = values[i * COLUMNS] > 3.0F;
    mr_logistic model = fit(&rows, 1e-6);
    assert_true(isfinite(model.intercept));
    static float logits[ROWS];
    mr_logistic_logits(&model, values, ROWS, logits);
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(isfinite(logits[i]));
        assert_int_equal(logits[i] > 0.0F, labels[i]);
    }
    mr_logistic_deinit(&model);
}

static void test_picked_rows_are_as_good_as_copied_ones(void **state)
{
    (void)state;
    mr_labelled_rows rows = draw(ROWS, 11);
    static uint32_t picks[ROWS / 2];
    static float copied[ROWS / 2 * COLUMNS];
    static uint8_t copied_labels[ROWS / 2];
    for (uint32_t i = 0; i < ROWS / 2; i++) {
        picks[i] = ROWS - 1 - 2 * i;
        memcpy(copied + i * COLUMNS, values + picks[i] * COLUMNS,
               COLUMNS * sizeof(float));
        copied_labels[i] = labels[picks[i]];
    }
    rows.picks = picks;
    rows.count = ROWS / 2;
    const mr_labelled_rows copies = {
        .values = copied, .labels = copied_labels, .count = ROWS / 2, .columns = COLUMNS};
    mr_logistic a = fit(&rows, 1.0);
    mr_logistic b = fit(&copies, 1.0);
    assert_memory_equal(a.weight, b.weight, COLUMNS * sizeof(double));
    assert_memory_equal(&a.intercept, &b.intercept, sizeof(double));
    mr_logistic_deinit(&a);
    mr_logistic_deinit(&b);
}

static void test_a_model_from_stored_numbers_scores_the_same_bits(void **state)
{
    (void)state;
    const mr_labelled_rows rows = draw(ROWS, 12);
    mr_logistic model = fit(&rows, 1.0);
    mr_logistic copy;
    assert_ok(mr_logistic_init(COLUMNS, model.intercept, model.mean, model.scale,
                               model.weight, &copy));
    static float a[ROWS];
    static float b[ROWS];
    mr_logistic_logits(&model, values, ROWS, a);
    mr_logistic_logits(&copy, values, ROWS, b);
    assert_memory_equal(a, b, sizeof(a));
    model.scale[1] = -1.0;
    assert_int_equal(
        mr_logistic_init(COLUMNS, 0.0, model.mean, model.scale, model.weight, &copy),
        MR_ERR_INVALID);
    mr_logistic_deinit(&model);
    mr_logistic_deinit(&copy);
}

static void test_refuses_what_cannot_be_learnt_from(void **state)
{
    (void)state;
    mr_labelled_rows rows = draw(ROWS, 13);
    mr_logistic model;
    assert_int_equal(mr_logistic_train(&rows, &(mr_logistic_options){.l2 = 0.0}, &model),
                     MR_ERR_INVALID);
    assert_int_equal(
        mr_logistic_train(&rows, &(mr_logistic_options){.l2 = (double)NAN}, &model),
        MR_ERR_INVALID);
    memset(labels, 1, ROWS);
    assert_int_equal(mr_logistic_train(&rows, &(mr_logistic_options){.l2 = 1.0}, &model),
                     MR_ERR_INVALID);
    rows.count = 0;
    assert_int_equal(mr_logistic_train(&rows, &(mr_logistic_options){.l2 = 1.0}, &model),
                     MR_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_gradient_is_zero_at_the_solution),
        cmocka_unit_test(
            test_a_large_fit_that_starts_from_a_sketch_ends_at_the_minimum_too),
        cmocka_unit_test(test_a_start_does_not_change_the_end),
        cmocka_unit_test(test_the_terms_and_the_intercept_add_up_to_the_log_odds),
        cmocka_unit_test(test_many_rows_score_as_each_alone),
        cmocka_unit_test(test_a_value_is_cut_at_four_deviations),
        cmocka_unit_test(test_a_value_that_is_not_known_adds_nothing),
        cmocka_unit_test(test_a_column_that_does_not_vary_is_left_alone),
        cmocka_unit_test(test_equal_columns_share_their_weight),
        cmocka_unit_test(test_labels_that_can_be_told_apart_give_finite_weights),
        cmocka_unit_test(test_picked_rows_are_as_good_as_copied_ones),
        cmocka_unit_test(test_a_model_from_stored_numbers_scores_the_same_bits),
        cmocka_unit_test(test_refuses_what_cannot_be_learnt_from),
    };
    return cmocka_run_group_tests_name("logistic", tests, NULL, NULL);
}
