/*
 * What requests and placements say is read and found in the set; each mistake is named by its path.
 * A query and the JSON that say the same are compared.
 */
#include "serving/rules_json.h"

#include "serving/item_fields.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static mr_arena *arena;
static mr_rule_set set;
static uint32_t fields;
static mr_field_error error;

static int set_up(void **state)
{
    (void)state;
    arena = mr_arena_create(65536);
    set = (mr_rule_set){0};
    fields = 0;
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_destroy(arena);
    return 0;
}

/* Each member of the object, as a handler reads them; what was read outlives the document. */
static mr_status read_body(const char *body)
{
    mr_json *json;
    size_t cursor = 0;
    mr_text name;
    mr_json_value *value;
    mr_status status = MR_OK;
    if (mr_json_parse(mr_text_from(body), &json, NULL) != MR_OK)
        fail_msg("%s is not JSON", body);
    while (status == MR_OK && mr_json_next(mr_json_root(json), &cursor, &name, &value))
        status = mr_rules_json_read(name, value, arena, &set, &fields, &error);
    mr_json_destroy(json);
    return status;
}

static void expect_refused(const char *body, const char *path)
{
    set = (mr_rule_set){0};
    assert_int_equal(read_body(body), MR_ERR_INVALID);
    if (strcmp(error.field, path) != 0)
        fail_msg("%s: \"%s %s\" does not name %s", body, error.field, error.message,
                 path);
}

static mr_status read_query(const char *name, const char *value)
{
    return mr_rules_query_read(mr_text_from(name), mr_text_from(value), arena, &set,
                               &fields, &error);
}

static void test_reads_every_member_of_a_filter(void **state)
{
    (void)state;
    assert_ok(read_body(
        "{\"category\":[\"lamps\",\"chairs\"],\"brand\":\"x\",\"price\":{\"min\":1.5,"
        "\"max\":\"20\"},\"in_stock\":true,\"attributes\":{\"color\":[\"red\",\"blue\"],"
        "\"size\":42,\"new\":true}}"));
    const mr_item_filter *filter = &set.filter;
    assert_int_equal(filter->categories.count, 2);
    assert_true(mr_text_is(filter->categories.texts[1], "chairs"));
    assert_int_equal(filter->brands.count, 1);
    assert_true(filter->has_price_min && filter->has_price_max);
    assert_int_equal(filter->price_min_minor, 150);
    assert_int_equal(filter->price_max_minor, 2000);
    assert_int_equal(filter->min_stock, 1);
    assert_int_equal(filter->attribute_count, 3);
    assert_true(mr_text_is(filter->attributes[0].values.texts[1], "blue"));
    assert_true(mr_text_is(filter->attributes[1].values.texts[0], "42"));
    assert_true(mr_text_is(filter->attributes[2].values.texts[0], "true"));
    assert_ok(read_body("{\"min_stock\":7,\"in_stock\":false}"));
    assert_int_equal(filter->min_stock, 7);
}

static void test_reads_every_rule(void **state)
{
    (void)state;
    assert_ok(read_body(
        "{\"rules\":{\"pin\":[{\"item\":\"A\",\"position\":1}],"
        "\"boost\":[{\"where\":{\"items\":[\"B\",\"C\"]},\"by\":1.5}],"
        "\"bury\":[{\"where\":{\"brand\":\"x\",\"min_stock\":3},\"by\":0}],"
        "\"cap\":[{\"by\":\"category\",\"most\":2},{\"by\":\"brand\",\"most\":100},"
        "{\"by\":\"attribute:color\",\"most\":3}]},\"diversity\":0.25,"
        "\"fields\":[\"title\",\"stock\"]}"));
    assert_int_equal(set.pin_count, 1);
    assert_true(mr_text_is(set.pins[0].item, "A"));
    assert_int_equal(set.pins[0].position, 1);
    assert_int_equal(set.boost_count, 2);
    assert_int_equal(set.boosts[0].where.items.count, 2);
    assert_close(set.boosts[0].by, 1.5, 0);
    assert_int_equal(set.boosts[1].where.min_stock, 3);
    assert_true(set.boosts[1].by == 0.0F);
    assert_int_equal(set.cap_count, 3);
    assert_int_equal(set.caps[0].by, MR_CAP_CATEGORY);
    assert_int_equal(set.caps[1].most, 100);
    assert_true(mr_text_is(set.caps[2].attribute, "color"));
    assert_true(set.has_diversity);
    assert_close(set.diversity, 0.25, 0);
    assert_int_equal(fields, MR_FIELD_OF_TITLE | MR_FIELD_OF_STOCK);
}

static void test_fields_are_a_list_or_none(void **state)
{
    (void)state;
    assert_ok(read_body("{\"fields\":\"price,image\"}"));
    assert_int_equal(fields, MR_FIELD_OF_PRICE | MR_FIELD_OF_IMAGE);
    assert_ok(read_body("{\"fields\":\"none\"}"));
    assert_int_equal(fields, MR_FIELDS_NONE);
    expect_refused("{\"fields\":\"\"}", "fields");
    expect_refused("{\"fields\":\"title,none\"}", "fields");
    expect_refused("{\"fields\":[\"none\",\"title\"]}", "fields[1]");
    expect_refused("{\"fields\":[\"size\"]}", "fields[0]");
    expect_refused("{\"fields\":7}", "fields");
}

static void test_what_is_wrong_is_named_by_its_path(void **state)
{
    (void)state;
    expect_refused("{\"category\":7}", "category");
    expect_refused("{\"category\":[]}", "category");
    expect_refused("{\"category\":[\"a\",\"\"]}", "category[1]");
    expect_refused(
        "{\"brand\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\","
        "\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}",
        "brand");
    expect_refused("{\"price\":5}", "price");
    expect_refused("{\"price\":{\"least\":5}}", "price.least");
    expect_refused("{\"price\":{\"min\":-1}}", "price.min");
    expect_refused("{\"price\":{\"min\":5,\"max\":4}}", "price.max");
    expect_refused("{\"price_min\":5,\"price_max\":4}", "price_max");
    expect_refused("{\"in_stock\":1}", "in_stock");
    expect_refused("{\"min_stock\":0}", "min_stock");
    expect_refused("{\"min_stock\":1.5}", "min_stock");
    expect_refused("{\"attributes\":[]}", "attributes");
    expect_refused("{\"attributes\":{\"color\":{}}}", "attributes.color");
    expect_refused("{\"attributes\":{\"color\":[\"red\",null]}}", "attributes.color[1]");
    expect_refused("{\"diversity\":1.1}", "diversity");
    expect_refused("{\"diversity\":\"0.5\"}", "diversity");
    expect_refused("{\"rules\":[]}", "rules");
    expect_refused("{\"rules\":{\"lift\":[]}}", "rules.lift");
    expect_refused("{\"rules\":{\"pin\":{}}}", "rules.pin");
    expect_refused("{\"rules\":{\"pin\":[],\"pin\":[]}}", "rules.pin");
    expect_refused("{\"rules\":{\"pin\":[{\"item\":\"A\"}]}}", "rules.pin[0]");
    expect_refused("{\"rules\":{\"pin\":[{\"item\":7,\"position\":1}]}}",
                   "rules.pin[0].item");
    expect_refused("{\"rules\":{\"pin\":[{\"item\":\"A\",\"position\":101}]}}",
                   "rules.pin[0].position");
    expect_refused("{\"rules\":{\"pin\":[{\"item\":\"A\",\"position\":1,\"x\":1}]}}",
                   "rules.pin[0].x");
    expect_refused("{\"rules\":{\"boost\":[{\"where\":{\"brand\":\"x\"},\"by\":1}]}}",
                   "rules.boost[0].by");
    expect_refused("{\"rules\":{\"boost\":[{\"where\":{\"brand\":\"x\"},\"by\":101}]}}",
                   "rules.boost[0].by");
    expect_refused("{\"rules\":{\"bury\":[{\"where\":{\"brand\":\"x\"},\"by\":1}]}}",
                   "rules.bury[0].by");
    expect_refused("{\"rules\":{\"bury\":[{\"where\":{},\"by\":0.5}]}}",
                   "rules.bury[0].where");
    expect_refused("{\"rules\":{\"boost\":[{\"where\":{\"brand\":\"x\"},\"by\":2},"
                   "{\"where\":{\"price\":{\"min\":\"x\"}},\"by\":2}]}}",
                   "rules.boost[1].where.price.min");
    expect_refused("{\"rules\":{\"boost\":[{\"where\":{\"colour\":\"x\"},\"by\":2}]}}",
                   "rules.boost[0].where.colour");
    expect_refused("{\"rules\":{\"cap\":[{\"by\":\"colour\",\"most\":2}]}}",
                   "rules.cap[0].by");
    expect_refused("{\"rules\":{\"cap\":[{\"by\":\"attribute:\",\"most\":2}]}}",
                   "rules.cap[0].by");
    expect_refused("{\"rules\":{\"cap\":[{\"by\":\"brand\",\"most\":0}]}}",
                   "rules.cap[0].most");
    assert_int_equal(read_body("{\"n\":7}"), MR_ERR_NOT_FOUND);
    assert_int_equal(read_body("{\"items\":[\"A\"]}"), MR_ERR_NOT_FOUND);
}

/* Seventeen of a kind, the path of the kind. */
static void test_each_kind_of_rule_has_its_bound(void **state)
{
    (void)state;
    char body[2048];
    size_t length = (size_t)snprintf(body, sizeof(body), "{\"rules\":{\"cap\":[");
    for (int i = 0; i < 17; i++)
        length += (size_t)snprintf(body + length, sizeof(body) - length,
                                   "%s{\"by\":\"brand\",\"most\":2}", i > 0 ? "," : "");
    (void)snprintf(body + length, sizeof(body) - length, "]}}");
    expect_refused(body, "rules.cap");
}

static void test_a_path_that_is_too_long_is_cut(void **state)
{
    (void)state;
    char body[512];
    (void)snprintf(body, sizeof(body),
                   "{\"rules\":{\"boost\":[{\"where\":{\"attributes\":{\"%0300d\":\"x\"}}"
                   ",\"by\":2}]}}",
                   7);
    assert_int_equal(read_body(body), MR_ERR_INVALID);
    assert_int_equal(strlen(error.field), sizeof(error.field) - 1);
    assert_int_equal(strncmp(error.field, "rules.boost[0].where.attributes.000", 35), 0);
}

static void test_a_query_says_the_same(void **state)
{
    (void)state;
    assert_ok(read_query("category", "lamps,chairs"));
    assert_ok(read_query("category", "desks"));
    assert_ok(read_query("brand", "x"));
    assert_ok(read_query("price_min", "1.50"));
    assert_ok(read_query("price_max", "20"));
    assert_ok(read_query("in_stock", "true"));
    assert_ok(read_query("attr.color", "red, dark"));
    assert_ok(read_query("attr.color", "blue"));
    assert_ok(read_query("diversity", "0.5"));
    assert_ok(read_query("fields", "title,price"));
    const mr_item_filter *filter = &set.filter;
    assert_int_equal(filter->categories.count, 3);
    assert_true(mr_text_is(filter->categories.texts[2], "desks"));
    assert_int_equal(filter->price_min_minor, 150);
    assert_int_equal(filter->price_max_minor, 2000);
    assert_int_equal(filter->min_stock, 1);
    assert_int_equal(filter->attribute_count, 1);
    assert_int_equal(filter->attributes[0].values.count, 2);
    assert_true(mr_text_is(filter->attributes[0].values.texts[0], "red, dark"));
    assert_close(set.diversity, 0.5, 0);
    assert_int_equal(fields, MR_FIELD_OF_TITLE | MR_FIELD_OF_PRICE);
    assert_ok(read_query("min_stock", "12"));
    assert_int_equal(filter->min_stock, 12);
}

static void test_a_bad_parameter_is_named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"category", ""},    {"category", "a,,b"}, {"brand", "\xff"},
        {"price_min", "-1"}, {"price_min", "x"},   {"price_max", ""},
        {"in_stock", "yes"}, {"min_stock", "0"},   {"min_stock", "1.5"},
        {"diversity", "2"},  {"diversity", "x"},   {"fields", "size"},
        {"attr.", "x"},      {"attr.color", ""},   {"fields", "title,title,none"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_query(bad[i][0], bad[i][1]) != MR_ERR_INVALID ||
            strcmp(error.field, bad[i][0]) != 0)
            fail_msg("%s=%s: \"%s %s\"", bad[i][0], bad[i][1], error.field,
                     error.message);
    }
    assert_ok(read_query("price_max", "1"));
    assert_int_equal(read_query("price_min", "2"), MR_ERR_INVALID);
    assert_int_equal(read_query("n", "7"), MR_ERR_NOT_FOUND);
    assert_int_equal(read_query("rules", "{}"), MR_ERR_NOT_FOUND);
}

static mr_status read_placement(const char *settings, mr_placement *placement)
{
    mr_json *json;
    assert_ok(mr_json_parse(mr_text_from(settings), &json, NULL));
    const mr_status status =
        mr_placement_json_read(mr_json_root(json), arena, placement, &error);
    mr_json_destroy(json);
    return status;
}

static void test_a_placement_has_the_same_members(void **state)
{
    (void)state;
    mr_placement placement = {.name = "home", .n = 20};
    assert_ok(read_placement(
        "{\"n\":12,\"purchased\":\"hide_for 30d\",\"filter\":{\"category\":\"lamps\","
        "\"items\":\"A\"},\"rules\":{\"cap\":[{\"by\":\"brand\",\"most\":2}]},"
        "\"diversity\":0.3,\"fields\":\"title\"}",
        &placement));
    assert_int_equal(placement.n, 12);
    assert_int_equal(placement.purchased, MR_PURCHASED_HIDE_FOR);
    assert_int_equal(placement.rules.filter.categories.count, 1);
    assert_int_equal(placement.rules.filter.items.count, 1);
    assert_int_equal(placement.rules.cap_count, 1);
    assert_close(placement.rules.diversity, 0.3F, 0);
    assert_int_equal(placement.fields, MR_FIELD_OF_TITLE);
    assert_ok(mr_placement_json_read(NULL, arena, &placement, &error));
    assert_int_equal(read_placement("{\"category\":\"lamps\"}", &placement),
                     MR_ERR_INVALID);
    assert_string_equal(error.field, "category");
    assert_int_equal(read_placement("{\"n\":0}", &placement), MR_ERR_INVALID);
    assert_string_equal(error.field, "n");
    assert_int_equal(read_placement("{\"purchased\":\"maybe\"}", &placement),
                     MR_ERR_INVALID);
    assert_string_equal(error.field, "purchased");
    assert_int_equal(
        read_placement("{\"filter\":{\"price\":{\"max\":\"x\"}}}", &placement),
        MR_ERR_INVALID);
    assert_string_equal(error.field, "filter.price.max");
    assert_int_equal(read_placement("[]", &placement), MR_ERR_INVALID);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_reads_every_member_of_a_filter),
        CASE(test_reads_every_rule),
        CASE(test_fields_are_a_list_or_none),
        CASE(test_what_is_wrong_is_named_by_its_path),
        CASE(test_each_kind_of_rule_has_its_bound),
        CASE(test_a_path_that_is_too_long_is_cut),
        CASE(test_a_query_says_the_same),
        CASE(test_a_bad_parameter_is_named),
        CASE(test_a_placement_has_the_same_members),
    };
    return cmocka_run_group_tests_name("rules_json", tests, NULL, NULL);
}
