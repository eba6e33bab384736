/*
 * A model trained on rows drawn from known log-odds: are its probabilities honest on rows it has
 * not seen, do its reasons add up to its score, does its JSON give the same bits back, and is
 * every broken JSON refused.
 */
#include "core/buffer.h"
#include "models/churn_model.h"
#include "models/random.h"
#include "tests/support.h"

#include <string.h>

enum { COLUMNS = 4, ORIGIN_ROWS = 4000, ORIGINS = 3, ROWS = ORIGIN_ROWS * ORIGINS };

static float values[ROWS * COLUMNS];
static uint8_t labels[ROWS];
static uint16_t origins[ROWS];
static uint32_t subjects[ROWS];

static const char *const names[COLUMNS] = {"silence", "orders_30d", "orders_90d",
                                           "noise"};

/* Silence raises the risk, orders lower it; the risk grows from origin to origin. */
static mr_churn_rows draw(uint64_t seed)
{
    for (size_t i = 0; i < ROWS; i++) {
        float *row = values + i * COLUMNS;
        for (size_t j = 0; j < COLUMNS; j++)
            row[j] = (float)mr_random_normal(seed, i * COLUMNS + j);
        row[2] = 0.8F * row[1] + 0.6F * row[2];
        origins[i] = (uint16_t)(i / ORIGIN_ROWS);
        subjects[i] = (uint32_t)(i % ORIGIN_ROWS);
        const double logit = -0.5 + 0.1 * origins[i] + 1.2 * (double)row[0] -
                             0.6 * (double)row[1] - 0.6 * (double)row[2];
        labels[i] = mr_random_uniform(seed + 1, i) < 1.0 / (1.0 + exp(-logit));
    }
    return (mr_churn_rows){.values = values,
                           .labels = labels,
                           .origins = origins,
                           .subjects = subjects,
                           .count = ROWS,
                           .columns = COLUMNS};
}

static mr_churn_model *train(const mr_churn_rows *rows)
{
    mr_churn_model *model = NULL;
    mr_error error = {{0}};
    const mr_churn_options options = {.names = names, .label_window_days = 60, .seed = 7};
    if (mr_churn_model_train(rows, &options, &model, &error) != MR_OK)
        fail_msg("%s", error.message);
    return model;
}

static void test_probabilities_are_honest_on_new_rows(void **state)
{
    (void)state;
    mr_churn_rows rows = draw(1);
    mr_churn_model *model = train(&rows);
    const mr_churn_summary summary = mr_churn_model_summary(model);
    (void)draw(2);
    const size_t newest = ROWS - ORIGIN_ROWS;
    static float probabilities[ORIGIN_ROWS];
    mr_churn_model_score(model, values + newest * COLUMNS, ORIGIN_ROWS, probabilities);
    mr_binary_metrics metrics;
    assert_ok(
        mr_binary_metrics_measure(probabilities, labels + newest, ORIGIN_ROWS, &metrics));
    assert_true(metrics.auc > 0.80);
    assert_true(metrics.ece < 0.03); /* bins of 400 rows stray by .02 */
    assert_close(summary.expected.auc, metrics.auc, 0.03);
    assert_int_equal(summary.rows, ROWS);
    assert_int_equal(summary.origins, ORIGINS);
    assert_int_equal(mr_churn_model_label_window_days(model), 60);
    mr_churn_model_destroy(model);
}

static void test_what_is_expected_comes_from_rows_not_learnt_from(void **state)
{
    (void)state;
    /* Labels by the coin and a column a row could be told by: only an honest fold says .5. */
    mr_churn_rows rows = draw(3);
    for (size_t i = 0; i < ROWS; i++)
        labels[i] = mr_random_uniform(99, i) < 0.5;
    rows.count = 200;
    rows.origins = NULL;
    rows.subjects = NULL;
    mr_churn_model *model = train(&rows);
    assert_true(mr_churn_model_summary(model).expected.auc < 0.62);
    mr_churn_model_destroy(model);
}

static void test_tiers_hold_the_shares_asked_for(void **state)
{
    (void)state;
    const mr_churn_rows rows = draw(4);
    mr_churn_model *model = train(&rows);
    static float probabilities[ORIGIN_ROWS];
    mr_churn_model_score(model, values + (ROWS - ORIGIN_ROWS) * COLUMNS, ORIGIN_ROWS,
                         probabilities);
    double at_least[MR_CHURN_TIERS + 1] = {0};
    for (size_t i = 0; i < ORIGIN_ROWS; i++)
        for (uint8_t tier = 0; tier <= mr_churn_model_tier(model, probabilities[i]);
             tier++)
            at_least[tier] += 1.0 / ORIGIN_ROWS;
    /* The thresholds come from models that had not seen the row: near, not equal. */
    assert_true(fabs(at_least[1] - 0.30) < 0.01);
    assert_true(fabs(at_least[2] - 0.15) < 0.01);
    assert_true(fabs(at_least[3] - 0.05) < 0.01);
    assert_int_equal(mr_churn_model_tier(model, 0.0F), 0);
    assert_int_equal(mr_churn_model_tier(model, 1.0F), 3);
    assert_int_equal(
        mr_churn_model_tier(model, (float)mr_churn_model_tier_begins(model, 2)), 2);
    mr_churn_model_destroy(model);
}

static void test_reasons_are_the_parts_of_the_score_largest_first(void **state)
{
    (void)state;
    const mr_churn_rows rows = draw(5);
    mr_churn_model *model = train(&rows);
    const float row[COLUMNS] = {2.0F, -1.5F, 1.0F, 0.0F};
    mr_churn_reason reasons[MR_CHURN_REASONS_MAX];
    const uint32_t count = mr_churn_model_explain(model, row, NULL, COLUMNS, reasons);
    assert_true(count >= 2);
    assert_int_equal(reasons[0].feature, 0);
    assert_string_equal(reasons[0].phrase, "silence");
    assert_true(reasons[0].value == 2.0F);
    assert_int_equal(reasons[1].feature, 1);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(reasons[i].contribution > 0.0F);
        assert_true(i == 0 || reasons[i].contribution <= reasons[i - 1].contribution);
        assert_int_not_equal(reasons[i].feature, 2); /* many orders lower the risk */
    }
    /* Weights near those the labels were drawn with. */
    assert_close(reasons[0].contribution, 2.0 * 1.2, 0.1);
    assert_close(reasons[1].contribution, 1.5 * 0.6, 0.2);
    assert_int_equal(mr_churn_model_explain(model, row, NULL, 1, reasons), 1);
    assert_int_equal(mr_churn_model_explain(model, row, NULL, 0, reasons), 0);
    mr_churn_model_destroy(model);
}

static void test_features_of_one_phrase_are_one_reason(void **state)
{
    (void)state;
    const mr_churn_rows rows = draw(6);
    mr_churn_model *model = train(&rows);
    const mr_churn_phrase table[] = {{"orders_30d", "buys less often"},
                                     {"silence", "has been silent"},
                                     {"orders_90d", "buys less often"},
                                     {"elsewhere", "is not a feature"}};
    const char *phrases[COLUMNS];
    mr_churn_model_phrases(model, table, 4, phrases);
    assert_ptr_equal(phrases[1], phrases[2]);
    assert_null(phrases[3]);
    const float row[COLUMNS] = {0.5F, -2.0F, -1.0F, 0.0F};
    mr_churn_reason single[MR_CHURN_REASONS_MAX];
    mr_churn_reason joined[MR_CHURN_REASONS_MAX];
    const uint32_t singles = mr_churn_model_explain(model, row, NULL, COLUMNS, single);
    (void)mr_churn_model_explain(model, row, phrases, COLUMNS, joined);
    double orders = 0.0;
    for (uint32_t i = 0; i < singles; i++)
        if (single[i].feature == 1 || single[i].feature == 2)
            orders += (double)single[i].contribution;
    assert_string_equal(joined[0].phrase, "buys less often");
    assert_int_equal(joined[0].feature, 1);
    assert_close(joined[0].contribution, orders, 1e-5);
    mr_churn_model_destroy(model);
}

static void test_training_twice_gives_the_same_text(void **state)
{
    (void)state;
    const mr_churn_rows rows = draw(7);
    mr_buffer texts[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        mr_churn_model *model = train(&rows);
        mr_churn_model_to_json(model, &texts[i]);
        assert_ok(mr_buffer_status(&texts[i]));
        mr_churn_model_destroy(model);
    }
    assert_int_equal(texts[0].length, texts[1].length);
    assert_memory_equal(texts[0].bytes, texts[1].bytes, texts[0].length);
    mr_buffer_deinit(&texts[0]);
    mr_buffer_deinit(&texts[1]);
}

static mr_text text_of(const mr_buffer *buffer)
{
    return (mr_text){.bytes = (const char *)buffer->bytes,
                     .length = (uint32_t)buffer->length};
}

/* Scores bent by a square, so that the map is isotonic and has knots to store. */
static mr_churn_model *train_bent(void)
{
    mr_churn_rows rows = draw(8);
    for (size_t i = 0; i < ROWS; i++) {
        const double x = (double)values[i * COLUMNS];
        labels[i] =
            mr_random_uniform(98, i) < 1.0 / (1.0 + exp(-(x > 0.0 ? 4.0 * x : 0.3 * x)));
    }
    return train(&rows);
}

static void test_the_json_gives_the_same_bits_back(void **state)
{
    (void)state;
    mr_churn_model *model = train_bent();
    assert_int_equal(mr_churn_model_summary(model).calibration, MR_CALIBRATION_ISOTONIC);
    mr_buffer json = {0};
    mr_churn_model_to_json(model, &json);
    mr_churn_model *copy = NULL;
    mr_error error = {{0}};
    if (mr_churn_model_from_json(text_of(&json), &copy, &error) != MR_OK)
        fail_msg("%s", error.message);
    static float a[ROWS];
    static float b[ROWS];
    mr_churn_model_score(model, values, ROWS, a);
    mr_churn_model_score(copy, values, ROWS, b);
    assert_memory_equal(a, b, sizeof(a));
    mr_buffer again = {0};
    mr_churn_model_to_json(copy, &again);
    assert_int_equal(json.length, again.length);
    assert_memory_equal(json.bytes, again.bytes, json.length);
    mr_buffer_deinit(&json);
    mr_buffer_deinit(&again);
    mr_churn_model_destroy(model);
    mr_churn_model_destroy(copy);
}

/* The model's JSON with the first `from` replaced. */
static mr_status read_changed(const mr_buffer *json, const char *from, const char *to,
                              mr_error *ret_error)
{
    const char *at = memmem(json->bytes, json->length, from, strlen(from));
    assert_non_null(at);
    const size_t before = (size_t)(at - (const char *)json->bytes);
    mr_buffer changed = {0};
    mr_buffer_put(&changed, json->bytes, before);
    mr_buffer_put(&changed, to, strlen(to));
    mr_buffer_put(&changed, at + strlen(from), json->length - before - strlen(from));
    mr_churn_model *model = NULL;
    const mr_status status =
        mr_churn_model_from_json(text_of(&changed), &model, ret_error);
    mr_churn_model_destroy(model);
    mr_buffer_deinit(&changed);
    return status;
}

static void test_a_broken_json_is_refused_and_the_field_named(void **state)
{
    (void)state;
    static const char *const changes[][3] = {
        {"\"version\":1", "\"version\":2", "version"},
        {"\"silence\",", "", "mean"},
        {"\"silence\"", "7", "features"},
        {"\"intercept\":", "\"intercept\":null,\"x\":", "intercept"},
        {"\"scale\":[", "\"scale\":[-1,", "scale"},
        {"\"weight\":[", "\"weight\":[1e999,", ""},
        {"\"tier_begins\":[", "\"tier_begins\":[2,", "tier_begins"},
        {"\"kind\":\"isotonic\"", "\"kind\":\"magic\"", "kind"},
        {"\"logit\":[", "\"logit\":[null,", "logit"},
        {"\"label_window_days\":60", "\"label_window_days\":-60", "label_window_days"},
        {"\"rows\":", "\"rows\":-", "training"},
        {"{", "", ""},
    };
    mr_churn_model *model = train_bent();
    mr_buffer json = {0};
    mr_churn_model_to_json(model, &json);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        mr_error error = {{0}};
        assert_int_equal(read_changed(&json, changes[i][0], changes[i][1], &error),
                         MR_ERR_CORRUPT);
        if (strstr(error.message, changes[i][2]) == NULL)
            fail_msg("\"%s\" does not name \"%s\"", error.message, changes[i][2]);
    }
    for (size_t length = 0; length < json.length; length += 37) {
        mr_churn_model *cut = NULL;
        assert_int_equal(
            mr_churn_model_from_json(
                (mr_text){.bytes = (const char *)json.bytes, .length = (uint32_t)length},
                &cut, NULL),
            MR_ERR_CORRUPT);
    }
    mr_buffer_deinit(&json);
    mr_churn_model_destroy(model);
}

static void test_refuses_what_cannot_be_learnt_from(void **state)
{
    (void)state;
    mr_churn_rows rows = draw(9);
    mr_churn_model *model = NULL;
    mr_error error = {{0}};
    mr_churn_options options = {.names = names};
    for (size_t i = ROWS - ORIGIN_ROWS; i < ROWS; i++)
        labels[i] = 1;
    assert_int_equal(mr_churn_model_train(&rows, &options, &model, &error),
                     MR_ERR_INVALID);
    assert_non_null(strstr(error.message, "newest origin"));
    rows = draw(9);
    options.tier_shares[0] = 0.1;
    options.tier_shares[1] = 0.2;
    options.tier_shares[2] = 0.05;
    assert_int_equal(mr_churn_model_train(&rows, &options, &model, &error),
                     MR_ERR_INVALID);
    rows.count = 0;
    options = (mr_churn_options){.names = names};
    assert_int_equal(mr_churn_model_train(&rows, &options, &model, &error),
                     MR_ERR_INVALID);
    assert_null(model);
}

static void test_a_dozen_rows_are_enough_for_a_model(void **state)
{
    (void)state;
    mr_churn_rows rows = draw(10);
    rows.count = 12;
    labels[0] = 1;
    for (size_t i = 1; i < 12; i++)
        labels[i] = 0;
    mr_churn_model *model = train(&rows);
    float probability = -1.0F;
    mr_churn_model_score(model, values, 1, &probability);
    assert_true(probability > 0.0F);
    assert_true(probability < 1.0F);
    mr_churn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probabilities_are_honest_on_new_rows),
        cmocka_unit_test(test_what_is_expected_comes_from_rows_not_learnt_from),
        cmocka_unit_test(test_tiers_hold_the_shares_asked_for),
        cmocka_unit_test(test_reasons_are_the_parts_of_the_score_largest_first),
        cmocka_unit_test(test_features_of_one_phrase_are_one_reason),
        cmocka_unit_test(test_training_twice_gives_the_same_text),
        cmocka_unit_test(test_the_json_gives_the_same_bits_back),
        cmocka_unit_test(test_a_broken_json_is_refused_and_the_field_named),
        cmocka_unit_test(test_refuses_what_cannot_be_learnt_from),
        cmocka_unit_test(test_a_dozen_rows_are_enough_for_a_model),
    };
    return cmocka_run_group_tests_name("churn_model", tests, NULL, NULL);
}
