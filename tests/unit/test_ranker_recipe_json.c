/*
 * What is written is read back as it was, number for number; then each number of the text in turn is
 * made null, wild or of another kind, and must be refused by name.
 */
#include "models/random.h"
#include "models/ranker_recipe_json.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 16384 };

/* All families, each option another than its default, with digits that a shorter text would lose. */
static mr_ranker_recipe recipe_of_test(void)
{
    mr_ranker_recipe recipe = {.encoder = {.dimension = 48,
                                           .epochs = 3,
                                           .batch = 17,
                                           .negatives = 99,
                                           .length_max = 11,
                                           .temperature = 0.1F / 3.0F + 0.05F,
                                           .dropout = 1.0F / 3.0F,
                                           .learning_rate = 0.0123456F,
                                           .negatives_skip_prefix = true,
                                           .seed = UINT64_MAX - 5},
                               .sequence = {.span = 7,
                                            .distance_exponent = 1.0F / 7.0F,
                                            .backward = 0.3F,
                                            .together = 2.7F,
                                            .own = 0.1F,
                                            .self = false,
                                            .age_scale = 123456.7F,
                                            .length_exponent = 0.6F,
                                            .row_exponent = 0.7F,
                                            .column_exponent = 0.8F,
                                            .neighbours = 33,
                                            .query_scale = 1e11F / 3.0F,
                                            .query_span = UINT32_MAX},
                               .session_knn = {.neighbours = 77,
                                               .recent = 123,
                                               .idf = false,
                                               .age_scale = 0.9F,
                                               .length_exponent = 0.11F,
                                               .rank_scale = 2.2F,
                                               .backward = 3.3F,
                                               .shared = 4.4F,
                                               .query_scale = 5.5F},
                               .repeat = {.span = 9,
                                          .fading = 0.123F,
                                          .source_exponent = 0.234F,
                                          .target_exponent = 0.345F,
                                          .row_exponent = 0.456F,
                                          .column_exponent = 0.567F,
                                          .smoothing = 6.78F,
                                          .neighbours = 17,
                                          .repeat_shrinkage = 7.89F,
                                          .popularity_fading = 0.89F},
                               .popular_fade = 0.7F,
                               .choice = {.repeats_allowed = true, .single = MR_SIGNALS},
                               .newcomers = {.single = MR_SIGNALS},
                               .newcomers_max = 4};
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        recipe.uses[s] = true;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        recipe.choice.weights[f] = (float)mr_random_normal(1, f) * 1e-3F;
        recipe.newcomers.weights[f] = (float)mr_random_normal(2, f) * 1e3F;
    }
    return recipe;
}

static void write_text(const mr_ranker_recipe *recipe, char text[TEXT_BYTES])
{
    mr_buffer buffer = {0};
    mr_ranker_recipe_write(recipe, &buffer);
    assert_ok(mr_buffer_status(&buffer));
    assert_true(buffer.length < TEXT_BYTES);
    memcpy(text, buffer.bytes, buffer.length);
    text[buffer.length] = '\0';
    mr_buffer_deinit(&buffer);
}

static mr_status read_text(const char *text, mr_ranker_recipe *ret_recipe,
                           mr_error *ret_error)
{
    mr_json *json = NULL;
    mr_error error = {{0}};
    if (mr_json_parse((mr_text){.bytes = text, .length = (uint32_t)strlen(text)}, &json,
                      &error) != MR_OK)
        fail_msg("%s in %s", error.message, text);
    const mr_status status =
        mr_ranker_recipe_read(mr_json_root(json), ret_recipe, ret_error);
    mr_json_destroy(json);
    return status;
}

static void assert_encoders_equal(const mr_encoder_options *a,
                                  const mr_encoder_options *b)
{
    assert_int_equal(a->dimension, b->dimension);
    assert_int_equal(a->epochs, b->epochs);
    assert_int_equal(a->batch, b->batch);
    assert_int_equal(a->negatives, b->negatives);
    assert_int_equal(a->length_max, b->length_max);
    assert_true(a->temperature == b->temperature && a->dropout == b->dropout &&
                a->learning_rate == b->learning_rate);
    assert_int_equal(a->negatives_skip_prefix, b->negatives_skip_prefix);
    assert_true(a->seed == b->seed);
}

static void assert_sequences_equal(const mr_covisitation_options *a,
                                   const mr_covisitation_options *b)
{
    assert_int_equal(a->span, b->span);
    assert_int_equal(a->self, b->self);
    assert_int_equal(a->neighbours, b->neighbours);
    assert_int_equal(a->query_span, b->query_span);
    assert_true(a->distance_exponent == b->distance_exponent &&
                a->backward == b->backward && a->together == b->together &&
                a->own == b->own && a->age_scale == b->age_scale);
    assert_true(
        a->length_exponent == b->length_exponent && a->row_exponent == b->row_exponent &&
        a->column_exponent == b->column_exponent && a->query_scale == b->query_scale);
}

static void assert_session_knns_equal(const mr_session_knn_options *a,
                                      const mr_session_knn_options *b)
{
    assert_int_equal(a->neighbours, b->neighbours);
    assert_int_equal(a->recent, b->recent);
    assert_int_equal(a->idf, b->idf);
    assert_true(a->age_scale == b->age_scale &&
                a->length_exponent == b->length_exponent &&
                a->rank_scale == b->rank_scale && a->backward == b->backward &&
                a->shared == b->shared && a->query_scale == b->query_scale);
}

static void assert_repeats_equal(const mr_next_basket_options *a,
                                 const mr_next_basket_options *b)
{
    assert_int_equal(a->span, b->span);
    assert_int_equal(a->neighbours, b->neighbours);
    assert_true(a->fading == b->fading && a->source_exponent == b->source_exponent &&
                a->target_exponent == b->target_exponent &&
                a->row_exponent == b->row_exponent);
    assert_true(a->column_exponent == b->column_exponent &&
                a->smoothing == b->smoothing &&
                a->repeat_shrinkage == b->repeat_shrinkage &&
                a->popularity_fading == b->popularity_fading);
}

static void assert_choices_equal(const mr_ranker_choice *a, const mr_ranker_choice *b)
{
    assert_memory_equal(a->weights, b->weights, sizeof(a->weights));
    assert_int_equal(a->repeats_allowed, b->repeats_allowed);
    assert_int_equal(a->single, b->single);
}

static void assert_recipes_equal(const mr_ranker_recipe *a, const mr_ranker_recipe *b)
{
    assert_memory_equal(a->uses, b->uses, sizeof(a->uses));
    assert_true(a->popular_fade == b->popular_fade);
    assert_choices_equal(&a->choice, &b->choice);
    assert_choices_equal(&a->newcomers, &b->newcomers);
    assert_int_equal(a->newcomers_max, b->newcomers_max);
    assert_encoders_equal(&a->encoder, &b->encoder);
    assert_sequences_equal(&a->sequence, &b->sequence);
    assert_session_knns_equal(&a->session_knn, &b->session_knn);
    assert_repeats_equal(&a->repeat, &b->repeat);
}

static void test_a_recipe_is_read_as_it_was_written(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    for (uint32_t single = 0; single <= MR_SIGNALS; single++) {
        mr_ranker_recipe recipe = recipe_of_test();
        mr_ranker_recipe other;
        mr_error error = {{0}};
        recipe.choice.single = (mr_signal)single;
        recipe.newcomers.single = (mr_signal)(MR_SIGNALS - single);
        recipe.choice.repeats_allowed = single % 2 == 0;
        recipe.newcomers.repeats_allowed = single % 4 < 2;
        write_text(&recipe, text);
        if (read_text(text, &other, &error) != MR_OK)
            fail_msg("%s", error.message);
        assert_recipes_equal(&other, &recipe);
    }
}

static void test_a_family_that_is_not_used_has_its_defaults(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    mr_ranker_recipe recipe = {.popular_fade = 1.0F,
                               .choice = {.single = MR_SIGNAL_POPULAR}};
    mr_ranker_recipe other;
    recipe.uses[MR_SIGNAL_POPULAR] = true;
    write_text(&recipe, text);
    assert_null(strstr(text, "\"sequence\":{"));
    assert_null(strstr(text, "newcomers"));
    assert_ok(read_text(text, &other, NULL));
    recipe.encoder = mr_encoder_options_default();
    recipe.sequence = mr_covisitation_defaults();
    recipe.session_knn = mr_session_knn_defaults();
    recipe.repeat = mr_next_basket_defaults();
    assert_recipes_equal(&other, &recipe);
}

/* What was written before newcomers had a choice of their own. */
static void test_a_recipe_without_newcomers_serves_them_as_all_others(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    mr_ranker_recipe recipe = recipe_of_test();
    mr_ranker_recipe other;
    write_text(&recipe, text);
    char *begin = strstr(text, "\"newcomers\":");
    assert_non_null(begin);
    /* The object holds one other, which ends it, too. */
    const char *end = strstr(begin, "}},") + 3;
    memmove(begin, end, strlen(end) + 1);
    assert_ok(read_text(text, &other, NULL));
    recipe.newcomers_max = 0;
    recipe.newcomers = (mr_ranker_choice){0};
    assert_recipes_equal(&other, &recipe);
    for (size_t elements = 0; elements < 6; elements++)
        assert_ptr_equal(mr_ranker_choice_of(&other, elements), &other.choice);
}

/* ---- refusals ---- */

/* The `at`-th value of the text that is a number, true or false; NULL at the end. */
static char *value_at(char *text, uint32_t at, size_t *ret_length)
{
    for (char *c = strstr(text, "\"single\""); (c = strstr(c, "\":")) != NULL;) {
        c += 2;
        *ret_length = strcspn(c, ",}");
        if (*c != '{' && *c != '"' && *c != 'n' && at-- == 0)
            return c;
    }
    return NULL;
}

static void refuse_in_place(const char *text, const char *value, size_t length,
                            const char *put)
{
    char changed[TEXT_BYTES];
    mr_ranker_recipe recipe;
    mr_error error = {{0}};
    (void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(value - text), text, put,
                   value + length);
    if (read_text(changed, &recipe, &error) != MR_ERR_CORRUPT)
        fail_msg("%s passes in place of %.*s", put, (int)length + 24, value - 24);
    assert_non_null(strstr(error.message, "ranker: "));
}

static void test_each_number_is_needed_and_must_be_sound(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    const mr_ranker_recipe recipe = recipe_of_test();
    uint32_t values = 0;
    size_t length = 0;
    write_text(&recipe, text);
    for (const char *value; (value = value_at(text, values, &length)) != NULL; values++) {
        const bool is_flag = *value == 't' || *value == 'f';
        const bool is_seed = strncmp(value - 7, "\"seed\":", 7) == 0;
        refuse_in_place(text, value, length, "null");
        refuse_in_place(text, value, length, "\"7\"");
        refuse_in_place(text, value, length, "[1]");
        refuse_in_place(text, value, length, is_flag ? "1" : "true");
        if (!is_seed)
            refuse_in_place(text, value, length, "1e39");
    }
    assert_int_equal(values, 4 + MR_SIGNALS + 2 * MR_RANK_FEATURES + 10 + 13 + 9 + 10);
}

/* The value behind the first `key` after `of`. */
static void refuse_value(const char *of, const char *key, const char *put)
{
    char text[TEXT_BYTES];
    const mr_ranker_recipe recipe = recipe_of_test();
    write_text(&recipe, text);
    const char *place = strstr(strstr(text, of), key);
    assert_non_null(place);
    place = strchr(place, ':') + 1;
    refuse_in_place(text, place, strcspn(place, ",}"), put);
}

static void test_a_familys_own_ranges_hold(void **state)
{
    (void)state;
    refuse_value("\"encoder\":{", "\"dimension\"", "47");
    refuse_value("\"encoder\":{", "\"dropout\"", "0.99");
    refuse_value("\"encoder\":{", "\"epochs\"", "0");
    refuse_value("\"sequence\":{", "\"span\"", "0");
    refuse_value("\"sequence\":{", "\"span\"", "-1");
    refuse_value("\"sequence\":{", "\"span\"", "4294967297");
    refuse_value("\"sequence\":{", "\"span\"", "7.5");
    refuse_value("\"sequence\":{", "\"row_exponent\"", "-0.5");
    refuse_value("\"session_knn\":{", "\"neighbours\"", "1025");
    refuse_value("\"session_knn\":{", "\"shared\"", "8.5");
    refuse_value("\"repeat\":{", "\"fading\"", "1.5");
    refuse_value("\"repeat\":{", "\"span\"", "65");
    refuse_value("{", "\"popular_fade\"", "1.5");
    refuse_value("{", "\"popular_fade\"", "-0.5");
}

static void test_a_signal_that_is_not_in_use_weighs_nothing(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    mr_error error;
    mr_ranker_recipe recipe = recipe_of_test();
    recipe.choice.single = MR_SIGNALS;
    recipe.newcomers_max = 0;
    recipe.uses[MR_SIGNAL_CONTENT] = false;
    recipe.choice.weights[MR_RANK_FEATURE_CONTENT_SHARE] = 0.0F;
    recipe.choice.weights[MR_RANK_FEATURE_CONTENT_PART] = 0.25F;
    write_text(&recipe, text);
    assert_int_equal(read_text(text, &recipe, &error), MR_ERR_CORRUPT);
    assert_non_null(strstr(error.message, "weights.content_part"));
    recipe.choice.weights[MR_RANK_FEATURE_CONTENT_PART] = 0.0F;
    recipe.choice.weights[MR_RANK_FEATURE_OWN] = 0.25F;
    write_text(&recipe, text);
    assert_ok(read_text(text, &recipe, &error));
}

static void test_a_single_is_a_signal_in_use(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    mr_ranker_recipe recipe = recipe_of_test();
    refuse_value("{", "\"single\"", "\"astrology\"");
    refuse_value("{", "\"single\"", "7");
    refuse_value("{", "\"single\"", "{}");
    refuse_value("\"newcomers\":{", "\"single\"", "\"astrology\"");
    refuse_value("\"newcomers\":{", "\"elements_max\"", "0");
    recipe.newcomers.single = MR_SIGNAL_CONTENT;
    recipe.uses[MR_SIGNAL_CONTENT] = false;
    write_text(&recipe, text);
    assert_int_equal(read_text(text, &recipe, NULL), MR_ERR_CORRUPT);
    recipe = recipe_of_test();
    recipe.choice.single = MR_SIGNAL_CONTENT;
    recipe.uses[MR_SIGNAL_CONTENT] = false;
    write_text(&recipe, text);
    assert_int_equal(read_text(text, &recipe, NULL), MR_ERR_CORRUPT);
    memset(recipe.uses, 0, sizeof(recipe.uses));
    recipe.choice.single = MR_SIGNALS;
    write_text(&recipe, text);
    assert_int_equal(read_text(text, &recipe, NULL), MR_ERR_CORRUPT);
}

static void test_what_is_no_recipe_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}", "[]", "null", "7", "{\"uses\":7}", "{\"uses\":{\"popular\":true}}"};
    mr_ranker_recipe recipe;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(read_text(texts[i], &recipe, NULL), MR_ERR_CORRUPT);
    assert_int_equal(mr_ranker_recipe_read(NULL, &recipe, NULL), MR_ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_recipe_is_read_as_it_was_written),
        cmocka_unit_test(test_a_family_that_is_not_used_has_its_defaults),
        cmocka_unit_test(test_a_recipe_without_newcomers_serves_them_as_all_others),
        cmocka_unit_test(test_each_number_is_needed_and_must_be_sound),
        cmocka_unit_test(test_a_familys_own_ranges_hold),
        cmocka_unit_test(test_a_signal_that_is_not_in_use_weighs_nothing),
        cmocka_unit_test(test_a_single_is_a_signal_in_use),
        cmocka_unit_test(test_what_is_no_recipe_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
