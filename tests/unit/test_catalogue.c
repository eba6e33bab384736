/*
 * Records are read as a shop would send them, good and bad; a snapshot is compared with what
 * was put, and stays as it was while the builder goes on.
 */
#include "serving/catalogue.h"

#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static mr_hash_key key;
static mr_arena *arena;

static int set_up(void **state)
{
    (void)state;
    mr_hash_key_init(&key, "k", 1);
    arena = mr_arena_create(4096);
    return arena == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_destroy(arena);
    return 0;
}

static void assert_refused(const char *record, const char *field)
{
    mr_catalogue_item item;
    mr_error error = {""};
    assert_int_equal(
        mr_catalogue_item_parse(MR_TEXT("a"), mr_text_from(record), arena, &item, &error),
        MR_ERR_CORRUPT);
    if (strstr(error.message, field) == NULL)
        fail_msg("\"%s\" does not name %s", error.message, field);
}

static void test_reads_every_field(void **state)
{
    (void)state;
    mr_catalogue_item item;
    mr_error error;
    const char *record =
        "{\"id\":\"a\",\"title\":\"Caf\\u00e9 "
        "set\",\"category\":\"home\",\"brand\":\"b\","
        "\"price\":12.35,\"currency\":\"GBP\",\"image\":\"i\",\"url\":\"u\",\"stock\":3,"
        "\"hidden\":true,\"created\":\"2026-11-21T08:00:00Z\",\"attributes\":{\"x\":1},"
        "\"other\":[1]}";
    assert_ok(mr_catalogue_item_parse(MR_TEXT("a"), mr_text_from(record), arena, &item,
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
    assert_int_equal(item.category_count, 1);
    assert_int_equal(item.created_ms, INT64_C(1795248000000));
    assert_int_equal(item.attribute_count, 1);
}

static void read_record(const char *record, mr_catalogue_item *ret_item)
{
    mr_error error = {""};
    if (mr_catalogue_item_parse(MR_TEXT("a"), mr_text_from(record), arena, ret_item,
                                &error) != MR_OK)
        fail_msg("%s: %s", record, error.message);
}

static void assert_attribute(const mr_attribute *attribute, const char *name,
                             const char *value)
{
    if (!mr_text_is(attribute->name, name) || !mr_text_is(attribute->value, value))
        fail_msg("%.*s=%.*s is not %s=%s", MR_TEXT_ARG(attribute->name),
                 MR_TEXT_ARG(attribute->value), name, value);
}

static void test_the_first_of_several_categories_is_the_main_one(void **state)
{
    (void)state;
    mr_catalogue_item item;
    read_record("{\"category\":[\"lamps\",\"\",\"home\"]}", &item);
    assert_int_equal(item.category_count, 2);
    assert_true(mr_text_is(item.category, "lamps"));
    assert_true(mr_text_is(item.categories[1], "home"));
    read_record("{\"category\":[]}", &item);
    assert_int_equal(item.category_count, 0);
    assert_int_equal(item.category.length, 0);
}

static void test_attributes_are_texts_of_what_was_sent(void **state)
{
    (void)state;
    mr_catalogue_item item;
    read_record("{\"attributes\":{\"color\":[\"red\",\"blue\",null],\"size\":42.0,"
                "\"ean\":12345678901234567,\"width\":1.25,\"new\":true,\"old\":\"\","
                "\"none\":null}}",
                &item);
    assert_int_equal(item.attribute_count, 6);
    assert_attribute(&item.attributes[0], "color", "red");
    assert_attribute(&item.attributes[1], "color", "blue");
    assert_attribute(&item.attributes[2], "size", "42");
    assert_attribute(&item.attributes[3], "ean", "12345678901234567");
    assert_attribute(&item.attributes[4], "width", "1.25");
    assert_attribute(&item.attributes[5], "new", "true");
}

static void test_created_is_a_time_or_milliseconds(void **state)
{
    (void)state;
    mr_catalogue_item item;
    read_record("{\"created\":1795248000000}", &item);
    assert_int_equal(item.created_ms, INT64_C(1795248000000));
    read_record("{\"created\":\"2026-11-21\"}", &item);
    assert_int_equal(item.created_ms, INT64_C(1795219200000));
    read_record("{\"created\":null}", &item);
    assert_true(item.created_ms == MR_CREATED_UNKNOWN);
}

static void test_absent_and_null_fields_are_unknown(void **state)
{
    (void)state;
    mr_catalogue_item item;
    mr_error error;
    assert_ok(mr_catalogue_item_parse(
        MR_TEXT("a"), MR_TEXT("{\"title\":null,\"price\":null}"), arena, &item, &error));
    assert_int_equal(item.title.length, 0);
    assert_true(item.price_minor == MR_PRICE_UNKNOWN);
    assert_true(item.stock == MR_STOCK_UNKNOWN);
    assert_true(mr_catalogue_item_can_show(&item));
}

static void test_an_empty_value_is_a_deletion(void **state)
{
    (void)state;
    mr_catalogue_item item;
    assert_ok(mr_catalogue_item_parse(MR_TEXT("a"), (mr_text){0}, arena, &item, NULL));
    assert_true(item.deleted);
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
    assert_refused(
        "{\"category\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}",
        "category has more than 8");
    assert_refused("{\"category\":[1]}", "category");
    assert_refused("{\"created\":\"soon\"}", "created");
    assert_refused("{\"created\":true}", "created");
    assert_refused("{\"created\":1e300}", "created");
    assert_refused("{\"attributes\":[]}", "attributes");
    assert_refused("{\"attributes\":{\"color\":{}}}", "attributes.color");
    assert_refused("{\"attributes\":{\"color\":[[\"red\"]]}}", "attributes.color");
    assert_refused("{\"attributes\":{\"\":\"red\"}}", "attributes");
    assert_refused("{\"attributes\":{\"a\\u0000b\":\"red\"}}", "attributes");
    assert_refused("{\"attributes\":{\"n\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}}",
                   "attributes.n has more than 16");
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

/* The ids of a list as one word. */
static const char *newest(const mr_catalogue *catalogue, const char *category)
{
    static char word[16];
    const uint32_t *places;
    const size_t count = mr_catalogue_newest(catalogue, mr_text_from(category), &places);
    for (size_t i = 0; i < count; i++)
        word[i] = mr_catalogue_at(catalogue, places[i])->id.bytes[0];
    word[count] = '\0';
    return word;
}

static void put_aged(mr_catalogue_builder *builder, const char *id, int64_t created_ms,
                     const char *category)
{
    const mr_text both[] = {mr_text_from(category), MR_TEXT("all")};
    const mr_catalogue_item item = {.id = mr_text_from(id),
                                    .categories = both,
                                    .category_count = 2,
                                    .price_minor = MR_PRICE_UNKNOWN,
                                    .stock = MR_STOCK_UNKNOWN,
                                    .created_ms = created_ms};
    assert_ok(mr_catalogue_builder_put(builder, &item));
}

static void test_the_newest_come_first_then_the_last_to_arrive(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *first;
    mr_catalogue *second;
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    put_aged(builder, "a", 10, "x");
    put_aged(builder, "b", MR_CREATED_UNKNOWN, "y");
    put_aged(builder, "c", 30, "y");
    put_aged(builder, "d", MR_CREATED_UNKNOWN, "x");
    put_aged(builder, "e", 10, "x");
    assert_ok(mr_catalogue_build(builder, &first));
    assert_string_equal(newest(first, ""), "ceadb");
    assert_string_equal(newest(first, "x"), "ead");
    assert_string_equal(newest(first, "y"), "cb");
    assert_string_equal(newest(first, "all"), "ceadb");
    assert_string_equal(newest(first, "z"), "");
    assert_string_equal(newest(NULL, ""), "");

    put_aged(builder, "b", MR_CREATED_UNKNOWN, "x"); /* a change is no arrival */
    put_aged(builder, "c", 5, "y");
    const mr_catalogue_item gone = {.id = MR_TEXT("a"), .deleted = true};
    assert_ok(mr_catalogue_builder_put(builder, &gone));
    assert_ok(mr_catalogue_build(builder, &second));
    assert_string_equal(newest(second, ""), "ecdb");
    assert_string_equal(newest(first, ""), "ceadb");
    mr_catalogue_destroy(second);

    const mr_catalogue_item late = {.id = MR_TEXT("b"), .deleted = true};
    assert_ok(mr_catalogue_builder_put(builder, &late));
    put_aged(builder, "b", MR_CREATED_UNKNOWN, "x"); /* but coming back is */
    assert_ok(mr_catalogue_build(builder, &second));
    assert_string_equal(newest(second, ""), "ecbd");
    mr_catalogue_builder_destroy(builder);
    mr_catalogue_destroy(first);
    mr_catalogue_destroy(second);
}

static void test_what_items_have_are_words_and_nothing_else_is(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    const mr_attribute attributes[] = {{MR_TEXT("size"), MR_TEXT("M")},
                                       {MR_TEXT("color"), MR_TEXT("red")},
                                       {MR_TEXT("size"), MR_TEXT("M")}};
    const mr_catalogue_item item = {.id = MR_TEXT("a"),
                                    .category = MR_TEXT("red"),
                                    .brand = MR_TEXT("size"),
                                    .attributes = attributes,
                                    .attribute_count = 3};
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    assert_ok(mr_catalogue_builder_put(builder, &item));
    assert_ok(mr_catalogue_build(builder, &catalogue));
    mr_catalogue_builder_destroy(builder);

    const mr_catalogue_item *found = mr_catalogue_find(catalogue, MR_TEXT("a"));
    assert_int_equal(found->category_count, 1);
    assert_int_equal(found->category_words[0],
                     mr_catalogue_category_word(catalogue, MR_TEXT("red")));
    assert_int_equal(found->brand_word,
                     mr_catalogue_brand_word(catalogue, MR_TEXT("size")));
    assert_int_equal(found->attribute_count, 2); /* none twice */
    assert_attribute(&found->attributes[0], "size", "M");
    assert_attribute(&found->attributes[1], "color", "red");
    assert_true(found->attribute_words[0] < found->attribute_words[1]);
    const uint32_t size =
        mr_catalogue_attribute_word(catalogue, MR_TEXT("size"), MR_TEXT("M"));
    assert_true(size == found->attribute_words[0] || size == found->attribute_words[1]);
    assert_int_equal(mr_catalogue_name_of(catalogue, size),
                     mr_catalogue_name_word(catalogue, MR_TEXT("size")));
    assert_int_equal(mr_catalogue_category_word(catalogue, MR_TEXT("size")),
                     MR_WORD_NONE);
    assert_int_equal(mr_catalogue_brand_word(catalogue, MR_TEXT("red")), MR_WORD_NONE);
    assert_int_equal(
        mr_catalogue_attribute_word(catalogue, MR_TEXT("size"), MR_TEXT("red")),
        MR_WORD_NONE);
    assert_int_equal(mr_catalogue_name_word(NULL, MR_TEXT("size")), MR_WORD_NONE);
    mr_catalogue_destroy(catalogue);
}

/* Ids and values that are said once and never again do not pile up, and what is left is whole. */
static void test_what_is_gone_is_dropped_and_the_rest_stays(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    char id[16];
    char value[16];
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(id, sizeof(id), "i%d", i);
        (void)snprintf(value, sizeof(value), "v%d", i);
        const mr_attribute attribute = {MR_TEXT("seen"), mr_text_from(value)};
        mr_catalogue_item item = {.id = mr_text_from(id),
                                  .category = mr_text_from(value),
                                  .attributes = &attribute,
                                  .attribute_count = 1,
                                  .stock = i};
        assert_ok(mr_catalogue_builder_put(builder, &item));
        item.deleted = i % 100 != 0;
        if (item.deleted)
            assert_ok(mr_catalogue_builder_put(builder, &item));
        if (i % 7000 == 0) {
            assert_ok(mr_catalogue_build(builder, &catalogue));
            mr_catalogue_destroy(catalogue);
        }
    }
    assert_ok(mr_catalogue_build(builder, &catalogue));
    assert_int_equal(mr_catalogue_count(catalogue), 200);
    for (uint32_t place = 0; place < 200; place++) {
        const mr_catalogue_item *item = mr_catalogue_at(catalogue, place);
        (void)snprintf(id, sizeof(id), "i%d", (int)item->stock);
        (void)snprintf(value, sizeof(value), "v%d", (int)item->stock);
        assert_true(mr_text_is(item->id, id));
        assert_true(mr_text_is(item->category, value));
        assert_attribute(&item->attributes[0], "seen", value);
        assert_ptr_equal(mr_catalogue_find(catalogue, item->id), item);
        assert_int_equal(item->stock % 100, 0);
        if (place > 0)
            assert_true(
                mr_text_compare(mr_catalogue_at(catalogue, place - 1)->id, item->id) < 0);
    }
    mr_catalogue_builder_destroy(builder);
    mr_catalogue_destroy(catalogue);
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

static void test_several_are_found_as_one_is(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    char names[MR_CATALOGUE_FIND_MAX][8];
    mr_text texts[MR_CATALOGUE_FIND_MAX];
    const mr_text *ids[MR_CATALOGUE_FIND_MAX];
    const mr_catalogue_item *found[MR_CATALOGUE_FIND_MAX];
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (int i = 0; i < MR_CATALOGUE_FIND_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "i%d", i);
        texts[i] = mr_text_from(names[i]);
        ids[i] = &texts[i];
        if (i % 3 != 0)
            put(builder, names[i], "title", i);
    }
    assert_ok(mr_catalogue_build(builder, &catalogue));
    mr_catalogue_builder_destroy(builder);
    for (size_t count = 0; count <= MR_CATALOGUE_FIND_MAX; count++) {
        mr_catalogue_find_many(catalogue, ids, count, found);
        for (size_t i = 0; i < count; i++) {
            assert_ptr_equal(found[i], mr_catalogue_find(catalogue, texts[i]));
            assert_int_equal(found[i] == NULL, i % 3 == 0);
        }
        mr_catalogue_find_many(NULL, ids, count, found);
        for (size_t i = 0; i < count; i++)
            assert_null(found[i]);
    }
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
        cmocka_unit_test(test_the_first_of_several_categories_is_the_main_one),
        cmocka_unit_test(test_attributes_are_texts_of_what_was_sent),
        cmocka_unit_test(test_created_is_a_time_or_milliseconds),
        cmocka_unit_test(test_the_newest_come_first_then_the_last_to_arrive),
        cmocka_unit_test(test_what_items_have_are_words_and_nothing_else_is),
        cmocka_unit_test(test_what_is_gone_is_dropped_and_the_rest_stays),
        cmocka_unit_test(test_ten_thousand_items_are_all_found),
        cmocka_unit_test(test_several_are_found_as_one_is),
        cmocka_unit_test(test_search_finds_ids_and_titles_in_order_of_id),
    };
    return cmocka_run_group_tests_name("catalogue", tests, set_up, tear_down);
}
