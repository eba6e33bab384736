/*
 * Records are read as a shop would send them, good and bad; a snapshot is compared with what
 * was put, and stays as it was while the builder goes on.
 */
#include "serving/catalogue.h"

#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static mr_hash_key key;

static int set_up(void **state)
{
    (void)state;
    mr_hash_key_init(&key, "k", 1);
    return 0;
}

static void assert_refused(const char *record, const char *field)
{
    mr_catalogue_item item;
    mr_json *json;
    mr_error error = {""};
    assert_int_equal(
        mr_catalogue_item_parse(MR_TEXT("a"), mr_text_from(record), &item, &json, &error),
        MR_ERR_CORRUPT);
    if (strstr(error.message, field) == NULL)
        fail_msg("\"%s\" does not name %s", error.message, field);
}

static void test_reads_every_field(void **state)
{
    (void)state;
    mr_catalogue_item item;
    mr_json *json;
    mr_error error;
    const char *record =
        "{\"id\":\"a\",\"title\":\"Caf\\u00e9 "
        "set\",\"category\":\"home\",\"brand\":\"b\","
        "\"price\":12.35,\"currency\":\"GBP\",\"image\":\"i\",\"url\":\"u\",\"stock\":3,"
        "\"hidden\":true,\"attributes\":{\"x\":1},\"other\":[1]}";
    assert_ok(mr_catalogue_item_parse(MR_TEXT("a"), mr_text_from(record), &item, &json,
                                      &error));
    assert_true(mr_text_is(item.title, "Café set"));
    assert_true(mr_text_is(item.category, "home"));
    assert_true(mr_text_is(item.brand, "b"));
    assert_true(mr_text_is(item.currency, "GBP"));
    assert_true(mr_text_is(item.image, "i"));
    assert_true(mr_text_is(item.url, "u"));
    assert_int_equal(item.price_minor, 1235);
    assert_int_equal(item.stock, 3);
    assert_true(item.hidden);
    assert_false(item.deleted);
    mr_json_destroy(json);
}

static void test_absent_and_null_fields_are_unknown(void **state)
{
    (void)state;
    mr_catalogue_item item;
    mr_json *json;
    mr_error error;
    assert_ok(mr_catalogue_item_parse(
        MR_TEXT("a"), MR_TEXT("{\"title\":null,\"price\":null}"), &item, &json, &error));
    assert_int_equal(item.title.length, 0);
    assert_true(item.price_minor == MR_PRICE_UNKNOWN);
    assert_true(item.stock == MR_STOCK_UNKNOWN);
    assert_true(mr_catalogue_item_can_show(&item));
    mr_json_destroy(json);
}

static void test_an_empty_value_is_a_deletion(void **state)
{
    (void)state;
    mr_catalogue_item item;
    mr_json *json;
    assert_ok(mr_catalogue_item_parse(MR_TEXT("a"), (mr_text){0}, &item, &json, NULL));
    assert_true(item.deleted);
    assert_null(json);
}

static void test_a_bad_record_names_its_field(void **state)
{
    (void)state;
    char long_title[2200];
    memset(long_title, 't', sizeof(long_title));
    (void)snprintf(long_title, sizeof(long_title), "{\"title\":\"%02100d\"}", 7);
    assert_refused("{\"title\":5}", "title");
    assert_refused(long_title, "title");
    assert_refused("{\"price\":\"abc\"}", "price");
    assert_refused("{\"price\":-1}", "price");
    assert_refused("{\"price\":1e300}", "price");
    assert_refused("{\"stock\":\"3\"}", "stock");
    assert_refused("{\"hidden\":\"no\"}", "hidden");
    assert_refused("{\"id\":\"b\"}", "id");
    assert_refused("[]", "object");
    assert_refused("{", "");
}

static void put(mr_catalogue_builder *builder, const char *id, const char *title,
                int64_t stock)
{
    const mr_catalogue_item item = {.id = mr_text_from(id),
                                    .title = mr_text_from(title),
                                    .price_minor = MR_PRICE_UNKNOWN,
                                    .stock = stock};
    assert_ok(mr_catalogue_builder_put(builder, &item));
}

static void test_the_last_record_of_an_item_wins(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *first;
    mr_catalogue *second;
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    put(builder, "a", "one", 1);
    put(builder, "b", "two", 1);
    assert_ok(mr_catalogue_build(builder, &first));
    put(builder, "a", "new", 0);
    const mr_catalogue_item gone = {.id = MR_TEXT("b"), .deleted = true};
    assert_ok(mr_catalogue_builder_put(builder, &gone));
    assert_ok(mr_catalogue_build(builder, &second));
    mr_catalogue_builder_destroy(builder);

    assert_int_equal(mr_catalogue_count(first), 2);
    assert_true(mr_text_is(mr_catalogue_find(first, MR_TEXT("a"))->title, "one"));
    assert_int_equal(mr_catalogue_count(second), 1);
    assert_true(mr_text_is(mr_catalogue_find(second, MR_TEXT("a"))->title, "new"));
    assert_false(mr_catalogue_item_can_show(mr_catalogue_find(second, MR_TEXT("a"))));
    assert_null(mr_catalogue_find(second, MR_TEXT("b")));
    assert_null(mr_catalogue_find(NULL, MR_TEXT("a")));
    mr_catalogue_destroy(first);
    mr_catalogue_destroy(second);
}

static void test_ten_thousand_items_are_all_found(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    char id[16];
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(id, sizeof(id), "i%d", i);
        put(builder, id, id, i);
    }
    assert_ok(mr_catalogue_build(builder, &catalogue));
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(id, sizeof(id), "i%d", i);
        assert_int_equal(mr_catalogue_find(catalogue, mr_text_from(id))->stock, i);
    }
    mr_catalogue_builder_destroy(builder);
    mr_catalogue_destroy(catalogue);
}

static void test_search_finds_ids_and_titles_in_order_of_id(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    const mr_catalogue_item *found[8];
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    put(builder, "c", "Red Lantern", 1);
    put(builder, "a", "lantern, blue", 1);
    put(builder, "LANT", "other", 1);
    put(builder, "z", "cake", 1);
    assert_ok(mr_catalogue_build(builder, &catalogue));
    assert_int_equal(mr_catalogue_search(catalogue, MR_TEXT("lant"), found, 8), 3);
    assert_true(mr_text_is(found[0]->id, "LANT"));
    assert_true(mr_text_is(found[1]->id, "a"));
    assert_true(mr_text_is(found[2]->id, "c"));
    assert_int_equal(mr_catalogue_search(catalogue, MR_TEXT("lant"), found, 2), 2);
    mr_catalogue_builder_destroy(builder);
    mr_catalogue_destroy(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_field),
        cmocka_unit_test(test_absent_and_null_fields_are_unknown),
        cmocka_unit_test(test_an_empty_value_is_a_deletion),
        cmocka_unit_test(test_a_bad_record_names_its_field),
        cmocka_unit_test(test_the_last_record_of_an_item_wins),
        cmocka_unit_test(test_ten_thousand_items_are_all_found),
        cmocka_unit_test(test_search_finds_ids_and_titles_in_order_of_id),
    };
    return cmocka_run_group_tests_name("catalogue", tests, set_up, NULL);
}
