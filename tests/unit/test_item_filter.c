/*
 * Each member alone over items made for it, then together; what nothing is known of passes only
 * what asks for ids.
 */
#include "serving/item_filter.h"

#include "tests/support.h"

#include <stdio.h>

static mr_hash_key key;
static mr_arena *arena;
static mr_catalogue *shop;
static mr_item_filter filter;

/* l: a red and blue lamp of x, 10.00, 5 pieces.  c: a blue chair of y, no price, no stock known. */
static void open_shop(void)
{
    const mr_text categories[] = {MR_TEXT("lamps"), MR_TEXT("home")};
    const mr_attribute both[] = {{MR_TEXT("color"), MR_TEXT("red")},
                                 {MR_TEXT("color"), MR_TEXT("blue")},
                                 {MR_TEXT("size"), MR_TEXT("M")}};
    const mr_catalogue_item items[] = {
        {.id = MR_TEXT("l"),
         .categories = categories,
         .category_count = 2,
         .brand = MR_TEXT("x"),
         .attributes = both,
         .attribute_count = 3,
         .price_minor = 1000,
         .stock = 5},
        {.id = MR_TEXT("c"),
         .category = MR_TEXT("chairs"),
         .brand = MR_TEXT("y"),
         .attributes = &both[1],
         .attribute_count = 1,
         .price_minor = MR_PRICE_UNKNOWN,
         .stock = MR_STOCK_UNKNOWN},
        {.id = MR_TEXT("n"), .price_minor = MR_PRICE_UNKNOWN, .stock = MR_STOCK_UNKNOWN}};
    mr_catalogue_builder *builder;
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (size_t i = 0; i < 3; i++)
        assert_ok(mr_catalogue_builder_put(builder, &items[i]));
    assert_ok(mr_catalogue_build(builder, &shop));
    mr_catalogue_builder_destroy(builder);
}

static int set_up(void **state)
{
    (void)state;
    filter = (mr_item_filter){0};
    mr_hash_key_init(&key, "", 0);
    arena = mr_arena_create(65536);
    open_shop();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_destroy(arena);
    mr_catalogue_destroy(shop);
    return 0;
}

/* Which of lamp, chair, nameless and unknown pass. */
static const char *passing(void)
{
    static const char *const ids[] = {"l", "c", "n", "u"};
    static char word[5];
    size_t count = 0;
    mr_bound_filter bound;
    assert_ok(mr_item_filter_bind(&filter, shop, arena, &bound));
    for (size_t i = 0; i < 4; i++) {
        const mr_text id = mr_text_from(ids[i]);
        if (mr_bound_filter_matches(&bound, id, mr_catalogue_find(shop, id)))
            word[count++] = ids[i][0];
    }
    word[count] = '\0';
    return word;
}

static void add_attribute(const char *name, const char *value)
{
    assert_ok(mr_item_filter_add_attribute(&filter, arena, mr_text_from(name),
                                           mr_text_from(value)));
}

static void test_everything_passes_the_empty_filter(void **state)
{
    (void)state;
    assert_true(mr_item_filter_is_empty(&filter));
    assert_string_equal(passing(), "lcnu");
}

static void test_any_of_an_items_categories_will_do(void **state)
{
    (void)state;
    assert_ok(mr_item_filter_add_category(&filter, arena, MR_TEXT("home")));
    assert_false(mr_item_filter_is_empty(&filter));
    assert_string_equal(passing(), "l");
    assert_ok(mr_item_filter_add_category(&filter, arena, MR_TEXT("nowhere")));
    assert_ok(mr_item_filter_add_category(&filter, arena, MR_TEXT("chairs")));
    assert_string_equal(passing(), "lc");
}

static void test_a_category_that_no_item_has_lets_nothing_pass(void **state)
{
    (void)state;
    assert_ok(mr_item_filter_add_category(&filter, arena, MR_TEXT("nowhere")));
    assert_string_equal(passing(), "");
}

static void test_a_brand_passes_its_items(void **state)
{
    (void)state;
    assert_ok(mr_item_filter_add_brand(&filter, arena, MR_TEXT("y")));
    assert_string_equal(passing(), "c");
    assert_ok(mr_item_filter_add_brand(&filter, arena, MR_TEXT("x")));
    assert_string_equal(passing(), "lc");
}

static void test_prices_are_compared_with_both_ends_included(void **state)
{
    (void)state;
    filter.has_price_min = true;
    filter.price_min_minor = 1000;
    assert_string_equal(passing(), "l");
    filter.price_min_minor = 1001;
    assert_string_equal(passing(), "");
    filter.has_price_min = false;
    filter.has_price_max = true;
    filter.price_max_minor = 1000;
    assert_string_equal(passing(), "l");
    filter.price_max_minor = 999;
    assert_string_equal(passing(), "");
}

static void test_stock_that_is_not_known_is_not_enough(void **state)
{
    (void)state;
    filter.min_stock = 5;
    assert_string_equal(passing(), "l");
    filter.min_stock = 6;
    assert_string_equal(passing(), "");
}

static void test_all_names_must_match_by_any_of_their_values(void **state)
{
    (void)state;
    add_attribute("color", "blue");
    assert_string_equal(passing(), "lc");
    add_attribute("color", "green");
    assert_string_equal(passing(), "lc");
    add_attribute("size", "M");
    assert_string_equal(passing(), "l");
    add_attribute("shape", "M");
    assert_string_equal(passing(), "");
}

static void test_ids_alone_need_no_catalogue(void **state)
{
    (void)state;
    assert_ok(mr_item_filter_add_item(&filter, arena, MR_TEXT("u")));
    assert_ok(mr_item_filter_add_item(&filter, arena, MR_TEXT("c")));
    assert_string_equal(passing(), "cu");
    assert_ok(mr_item_filter_add_brand(&filter, arena, MR_TEXT("y")));
    assert_string_equal(passing(), "c");
}

static void test_each_list_has_its_bound(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < MR_FILTER_VALUES_MAX; i++) {
        assert_ok(mr_item_filter_add_category(&filter, arena, MR_TEXT("c")));
        add_attribute("color", "c");
    }
    assert_int_equal(mr_item_filter_add_category(&filter, arena, MR_TEXT("c")),
                     MR_ERR_FULL);
    assert_int_equal(
        mr_item_filter_add_attribute(&filter, arena, MR_TEXT("color"), MR_TEXT("c")),
        MR_ERR_FULL);
    for (int i = 1; i < MR_FILTER_ATTRIBUTES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_ok(mr_item_filter_add_attribute(
            &filter, arena, mr_arena_copy(arena, mr_text_from(name)), MR_TEXT("c")));
    }
    assert_int_equal(
        mr_item_filter_add_attribute(&filter, arena, MR_TEXT("more"), MR_TEXT("c")),
        MR_ERR_FULL);
    for (int i = 0; i < MR_FILTER_ITEMS_MAX; i++)
        assert_ok(mr_item_filter_add_item(&filter, arena, MR_TEXT("i")));
    assert_int_equal(mr_item_filter_add_item(&filter, arena, MR_TEXT("i")), MR_ERR_FULL);
}

static void test_merging_keeps_to_the_bound_of_names(void **state)
{
    (void)state;
    mr_item_filter other = {0};
    mr_item_filter merged;
    char name[16];
    for (int i = 0; i < MR_FILTER_ATTRIBUTES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_ok(mr_item_filter_add_attribute(
            &filter, arena, mr_arena_copy(arena, mr_text_from(name)), MR_TEXT("c")));
    }
    assert_ok(
        mr_item_filter_add_attribute(&other, arena, MR_TEXT("n3"), MR_TEXT("other")));
    assert_ok(mr_item_filter_merge(&filter, &other, arena, &merged));
    assert_int_equal(merged.attribute_count, MR_FILTER_ATTRIBUTES_MAX);
    assert_true(mr_text_is(merged.attributes[3].values.texts[0], "c"));
    assert_ok(
        mr_item_filter_add_attribute(&other, arena, MR_TEXT("more"), MR_TEXT("other")));
    assert_int_equal(mr_item_filter_merge(&filter, &other, arena, &merged), MR_ERR_FULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_everything_passes_the_empty_filter),
        CASE(test_any_of_an_items_categories_will_do),
        CASE(test_a_category_that_no_item_has_lets_nothing_pass),
        CASE(test_a_brand_passes_its_items),
        CASE(test_prices_are_compared_with_both_ends_included),
        CASE(test_stock_that_is_not_known_is_not_enough),
        CASE(test_all_names_must_match_by_any_of_their_values),
        CASE(test_ids_alone_need_no_catalogue),
        CASE(test_each_list_has_its_bound),
        CASE(test_merging_keeps_to_the_bound_of_names),
    };
    return cmocka_run_group_tests_name("item_filter", tests, NULL, NULL);
}
