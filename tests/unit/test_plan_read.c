/*
 * Plan reading: what a file can say, and what it is told when it cannot.
 */
#include "core/json.h"
#include "features/plan_layout.h"
#include "features/plan_read.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static mr_status read_text(const char *text, mr_plan **ret_plan, mr_plan_fault *ret_fault)
{
    mr_json *json = NULL;
    assert_ok(mr_json_parse(mr_text_from(text), &json, NULL));
    const mr_status status = mr_plan_read(mr_json_root(json), NULL, ret_plan, ret_fault);
    mr_json_destroy(json);
    return status;
}

static mr_plan *read_well(const char *text)
{
    mr_plan *plan = NULL;
    mr_plan_fault fault;
    if (read_text(text, &plan, &fault) != MR_OK)
        fail_msg("%s: %s", fault.path, fault.message);
    return plan;
}

static void refuse_section(const char *sections, const char *path, const char *reason)
{
    char text[1024];
    mr_plan *plan = NULL;
    mr_plan_fault fault;
    (void)snprintf(text, sizeof(text), "{%s}", sections);
    assert_int_equal(read_text(text, &plan, &fault), MR_ERR_INVALID);
    assert_string_equal(fault.path, path);
    if (strstr(fault.message, reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", fault.message, reason);
}

/* `members` of one feature, or of two with "},{" between them. */
static void refuse(const char *members, const char *path, const char *reason)
{
    char sections[1000];
    (void)snprintf(sections, sizeof(sections), "\"features\":[{%s}]", members);
    refuse_section(sections, path, reason);
}

static void assert_same(const mr_plan *plan, const char *feature, const char *definition)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "%.*s",
                   MR_TEXT_ARG(mr_plan_definition(plan, feature)));
    assert_string_equal(text, definition);
}

/* ---- tests ---- */

static void test_a_file_without_features_is_the_default_plan(void **state)
{
    (void)state;
    mr_plan *standard = NULL;
    mr_plan_fault fault;
    mr_plan *plans[2] = {read_well("{}"), NULL};
    assert_ok(mr_plan_read(NULL, NULL, &plans[1], &fault));
    assert_ok(mr_plan_create_default(&standard));
    for (size_t i = 0; i < 2; i++) {
        assert_true(mr_plan_hash(plans[i]) == mr_plan_hash(standard));
        assert_int_equal(mr_plan_vector_width(plans[i]), mr_plan_vector_width(standard));
        mr_plan_destroy(plans[i]);
    }
    mr_plan_destroy(standard);
}

static void test_what_the_engine_reads_is_there_without_being_listed(void **state)
{
    (void)state;
    static const char *const names[] = {
        "events",       "first_seen",   "last_seen", "sessions",      "logins",
        "purchases",    "spend",        "orders",    "last_purchase", "history",
        "rfm",          "growth_value", "points",    "credit",        "member_level",
        "credit_grade", "lifecycle"};
    mr_plan *plan = read_well("{\"features\":[{\"name\":\"logins\",\"on\":\"login\","
                              "\"aggregate\":\"count\"}]}");
    assert_int_equal(mr_plan_feature_count(plan), sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(mr_plan_feature(plan, i)->name, names[i]);
    assert_same(plan, "logins", "on=16384 aggregate=4 of=0 window=0 length=0");
    mr_plan_destroy(plan);
}

static void test_a_feature_says_what_it_is_made_of(void **state)
{
    (void)state;
    mr_plan *plan = read_well(
        "{\"features\":["
        "{\"name\":\"a\",\"on\":[\"view\",\"click\"],\"aggregate\":\"count\",\"window\":"
        "\"3w\"},"
        "{\"name\":\"b\",\"on\":\"purchase\",\"aggregate\":\"max\",\"of\":\"price\"},"
        "{\"name\":\"c\",\"on\":\"rate\",\"aggregate\":\"fading_mean\",\"of\":\"rating\","
        "\"half_life\":\"30d\"},"
        "{\"name\":\"d\",\"on\":\"any\",\"aggregate\":\"last_time\",\"meaning\":\"Mine."
        "\","
        "\"unit\":\"then\"},"
        "{\"name\":\"spend_30d\",\"on\":\"purchase\",\"aggregate\":\"sum\",\"of\":"
        "\"value\","
        "\"window\":\"30d\"}]}");
    static const char *const words[][3] = {
        {"a", "Number of view or click events of the last 21 days.", "events"},
        {"b", "Largest price of purchase events, ever.", "minor units"},
        {"c", "Mean rating of rate events, each day's halved every 30 days.", "rating"},
        {"d", "Mine.", "then"},
        {"spend_30d", "Value bought in the last 30 days.", "minor units"},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const mr_feature *feature = &mr_plan_operation_named(plan, words[i][0])->feature;
        assert_string_equal(feature->meaning, words[i][1]);
        assert_string_equal(feature->unit, words[i][2]);
    }
    mr_plan_destroy(plan);
}

/* That it reads back is test_plan_file's question: what is written is YAML. */
static void test_what_is_written_says_what_is_not_said_anyway(void **state)
{
    (void)state;
    mr_buffer yaml = {0};
    mr_plan *plan = read_well(
        "{\"features\":["
        "{\"name\":\"a\",\"on\":\"any\",\"aggregate\":\"count\"},"
        "{\"name\":\"f\",\"on\":\"purchase\",\"aggregate\":\"mean\",\"of\":\"value\","
        "\"window\":\"9d\",\"meaning\":\"A \\\"quoted\\\" one.\"},"
        "{\"name\":\"g\",\"on\":\"checkout\",\"aggregate\":\"last_times\",\"length\":7}]"
        "}");
    mr_plan_write(plan, &yaml);
    mr_buffer_put_u8(&yaml, 0);
    assert_non_null(
        strstr((const char *)yaml.bytes, "{name: a, on: any, aggregate: count}"));
    assert_non_null(strstr((const char *)yaml.bytes,
                           "window: 9d, meaning: \"A \\\"quoted\\\" one.\"}"));
    mr_plan_destroy(plan);
    mr_buffer_deinit(&yaml);
}

static void test_models_read_the_default_columns_whose_features_are_there(void **state)
{
    (void)state;
    mr_plan *plan = read_well(
        "{\"features\":[{\"name\":\"logins\",\"on\":\"login\",\"aggregate\":\"count\"},"
        "{\"name\":\"purchases_30d\",\"on\":\"purchase\",\"aggregate\":\"sum\","
        "\"of\":\"value\",\"window\":\"30d\"}]}");
    assert_true(mr_plan_vector_find(plan, "recency_days") == 0);
    assert_true(mr_plan_vector_find(plan, "order_value") != SIZE_MAX);
    assert_true(mr_plan_vector_find(plan, "logins") != SIZE_MAX);
    /* Another thing under the name of a default one: its own column, not the default's. */
    const size_t column = mr_plan_vector_find(plan, "purchases_30d");
    assert_true(column != SIZE_MAX);
    assert_string_equal(mr_plan_vector_column(plan, column)->unit, "money");
    assert_true(mr_plan_vector_find(plan, "purchases_90d") == SIZE_MAX);
    assert_true(mr_plan_vector_find(plan, "gap_mean_days") == SIZE_MAX);
    mr_plan_destroy(plan);
}

#define COUNT "\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"count\""

static void test_what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    refuse("\"name\":\"x\"", "features[0]", "needs name, on and aggregate");
    refuse("\"name\":\"X\",\"on\":\"view\",\"aggregate\":\"count\"", "features[0].name",
           "a name is a-z");
    refuse("\"name\":\"x\",\"on\":\"look\"", "features[0].on", "'look' is no event type");
    refuse("\"name\":\"x\",\"on\":[]", "features[0].on", "names no event type");
    refuse("\"name\":\"x\",\"aggregate\":\"total\"", "features[0].aggregate",
           "'total' is none; there are count");
    refuse("\"name\":\"x\",\"of\":\"colour\"", "features[0].of", "'colour' is none");
    refuse(COUNT ",\"window\":\"7\"", "features[0].window", "whole days such as 7d");
    refuse(COUNT ",\"window\":\"0d\"", "features[0].window", "got '0d'");
    refuse(COUNT ",\"window\":\"0h\"", "features[0].window", "whole hours such as 24h");
    refuse(COUNT ",\"sketch\":8", "features[0].sketch", "distinct alone has one");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"distinct\",\"of\":"
           "\"item_id\",\"exact_to\":5",
           "features[0].of", "say `sketch: 10`");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"distinct\",\"of\":"
           "\"item_id\",\"exact_to\":5,\"sketch\":20",
           "features[0].sketch", "from 4 to 12");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"fading_top\",\"of\":"
           "\"category\",\"half_life\":\"9d\"",
           "features[0].k", "is needed");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"session\"", "features[0]",
           "it is on any");
    refuse("\"name\":\"points\",\"on\":\"view\",\"aggregate\":\"count\"",
           "features[0].name", "a section of its own");
    refuse(COUNT ",\"wndow\":\"7d\"", "features[0]", "unknown member 'wndow'");
    refuse(COUNT ",\"of\":\"value\"", "features[0].of", "count needs no `of`");
    refuse(COUNT ",\"length\":3", "features[0].length", "alone have one");
    refuse(COUNT ",\"half_life\":\"3d\"", "features[0].half_life", "alone have one");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"sum\"", "features[0].of",
           "sum needs of: value");
    refuse(
        "\"name\":\"x\",\"on\":\"rate\",\"aggregate\":\"fading_mean\",\"of\":\"rating\"",
        "features[0].half_life", "is needed, such as 30d");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"last_times\"",
           "features[0].length", "how many are kept");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"day_bitmap\",\"days\":64",
           "features[0].days", "keeps 128 days");
    refuse("\"name\":\"events\",\"on\":\"any\",\"aggregate\":\"count\"",
           "features[0].name", "every profile has events");
    refuse("\"name\":\"spend\",\"on\":\"view\",\"aggregate\":\"count\"",
           "features[0].name", "the engine reads spend");
    refuse("\"name\":\"x\",\"on\":\"view\",\"aggregate\":\"recent_items\","
           "\"quota\":{\"view\":5}",
           "features[0].name", "its name is history");
    refuse("\"name\":\"history\",\"on\":\"view\",\"aggregate\":\"recent_items\","
           "\"quota\":{\"view\":500}",
           "features[0].quota", "a number from 1 to 255");
    refuse(COUNT "},{" COUNT, "features[1].name", "x is there twice");
    refuse(COUNT "},{\"name\":\"y\",\"expression\":\"x / z\"", "features[1]",
           "expression: character 5: there is no z");
    refuse("\"name\":\"y\",\"expression\":\"rfm.recency\"", "features[0]",
           "there is no rfm.recency");
    refuse("\"name\":\"y\",\"on\":\"view\",\"expression\":\"1\"", "features[0]",
           "or name and expression alone");
}

static void test_what_is_wrong_with_scores_is_named(void **state)
{
    (void)state;
    refuse_section("\"colour\":1", "colour", "unknown member");
    refuse_section("\"scores\":{}", "scores", "must be a list");
    refuse_section("\"lifecycle\":[]", "lifecycle", "must be such as");
    refuse_section("\"scores\":[{\"name\":\"a\"}]", "scores[0]", "what it earns");
    refuse_section("\"scores\":[{\"name\":\"a\",\"earn\":{\"look\":1}}]",
                   "scores[0].earn", "'look' must be an event type");
    refuse_section("\"scores\":[{\"name\":\"a\",\"earn\":{\"view\":\"1 per day\"}}]",
                   "scores[0].earn", "1 per value");
    refuse_section("\"scores\":[{\"name\":\"a\",\"earn\":{\"view\":1},\"expires\":\"9d\","
                   "\"half_life\":\"9d\"}]",
                   "scores[0]", "is one of three");
    refuse_section("\"scores\":[{\"name\":\"a\",\"earn\":{\"view\":1},\"range\":[5,5]}]",
                   "scores[0].range", "such as [300, 850]");
    refuse_section("\"tiers\":[{\"name\":\"a\",\"of\":\"nothing\",\"levels\":{\"x\":0,"
                   "\"y\":1}}]",
                   "tiers[0]", "there is no score or number nothing");
    refuse_section("\"tiers\":[{\"name\":\"a\",\"of\":\"points\",\"levels\":{\"x\":5,"
                   "\"y\":1}}]",
                   "tiers[0].levels", "rising");
    refuse_section("\"lifecycle\":{\"lost_after\":\"9d\"}", "lifecycle.lost_after",
                   "later than dormant_after");
    refuse_section("\"lifecycle\":{\"growing\":\"2 in 60d\"}", "lifecycle.growing",
                   "2 purchases in 60d");
    refuse_section("\"currency\":\"euro\"", "currency", "three capital letters");
    refuse_section("\"currency\":\"EUR\",\"rates\":{\"USD\":-1}", "rates.USD",
                   "what one is worth");
}

static void test_too_many_features_are_refused(void **state)
{
    (void)state;
    mr_buffer text = {0};
    mr_plan *plan = NULL;
    mr_plan_fault fault;
    mr_buffer_printf(&text, "{\"features\":[");
    for (int i = 0; i < MR_PLAN_FEATURES_MAX; i++)
        mr_buffer_printf(&text,
                         "%s{\"name\":\"f%d\",\"on\":\"view\",\"aggregate\":\"count\"}",
                         i > 0 ? "," : "", i);
    mr_buffer_printf(&text, "]}");
    mr_buffer_put_u8(&text, 0);
    assert_int_equal(read_text((const char *)text.bytes, &plan, &fault), MR_ERR_INVALID);
    assert_non_null(strstr(fault.message, "at most 64 features"));
    mr_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_without_features_is_the_default_plan),
        cmocka_unit_test(test_what_the_engine_reads_is_there_without_being_listed),
        cmocka_unit_test(test_a_feature_says_what_it_is_made_of),
        cmocka_unit_test(test_what_is_written_says_what_is_not_said_anyway),
        cmocka_unit_test(test_models_read_the_default_columns_whose_features_are_there),
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(test_what_is_wrong_with_scores_is_named),
        cmocka_unit_test(test_too_many_features_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
