/* Similarities of items of a small shop by the formula; then a pool where the picks are known. */
#include "serving/diversity.h"

#include "serving/catalogue.h"
#include "tests/support.h"

#include <stdint.h>

static mr_hash_key key;
static mr_catalogue *shop;

static int set_up(void **state)
{
    (void)state;
    const mr_attribute attributes[] = {{MR_TEXT("color"), MR_TEXT("red")},
                                       {MR_TEXT("size"), MR_TEXT("M")},
                                       {MR_TEXT("color"), MR_TEXT("blue")},
                                       {MR_TEXT("size"), MR_TEXT("M")}};
    const mr_text both[] = {MR_TEXT("chairs"), MR_TEXT("lamps")};
    const mr_catalogue_item items[] = {
        {.id = MR_TEXT("a"),
         .category = MR_TEXT("lamps"),
         .brand = MR_TEXT("x"),
         .attributes = &attributes[0],
         .attribute_count = 2},
        {.id = MR_TEXT("b"),
         .category = MR_TEXT("lamps"),
         .brand = MR_TEXT("x"),
         .attributes = &attributes[0],
         .attribute_count = 2},
        {.id = MR_TEXT("c"),
         .categories = both,
         .category_count = 2,
         .brand = MR_TEXT("x"),
         .attributes = &attributes[2],
         .attribute_count = 2},
        {.id = MR_TEXT("d")},
        {.id = MR_TEXT("e")},
    };
    mr_catalogue_builder *builder;
    mr_hash_key_init(&key, "", 0);
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        assert_ok(mr_catalogue_builder_put(builder, &items[i]));
    assert_ok(mr_catalogue_build(builder, &shop));
    mr_catalogue_builder_destroy(builder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_catalogue_destroy(shop);
    return 0;
}

static const mr_catalogue_item *item(const char *id)
{
    return mr_catalogue_find(shop, mr_text_from(id));
}

static void test_similarity_is_the_weighted_share_of_what_is_the_same(void **state)
{
    (void)state;
    assert_close(mr_item_similarity(item("a"), item("b")), 1.0, 1e-6);
    /* Another main category; the same brand; one of three pairs. */
    assert_close(mr_item_similarity(item("a"), item("c")), 0.25 + 0.25 / 3.0, 1e-6);
    assert_close(mr_item_similarity(item("c"), item("a")), 0.25 + 0.25 / 3.0, 1e-6);
}

static void test_what_is_not_known_is_not_the_same(void **state)
{
    (void)state;
    assert_true(mr_item_similarity(item("d"), item("e")) == 0.0F);
    assert_true(mr_item_similarity(item("d"), item("a")) == 0.0F);
    assert_true(mr_item_similarity(NULL, item("a")) == 0.0F);
    assert_true(mr_item_similarity(NULL, NULL) == 0.0F);
}

static void test_picks_weigh_relevance_against_likeness(void **state)
{
    (void)state;
    mr_diverse_item pool[] = {{.item = item("a"), .relevance = 1.0F},
                              {.item = item("b"), .relevance = 0.9F},
                              {.item = item("c"), .relevance = 0.5F},
                              {.item = NULL, .relevance = 0.1F}};
    assert_int_equal(mr_diversity_best(pool, 4, 0.0F), 0);
    pool[0].is_gone = true;
    mr_diversity_add(pool, 4, item("a"));
    assert_int_equal(mr_diversity_best(pool, 4, 0.0F), 1);
    assert_int_equal(mr_diversity_best(pool, 4, 0.4F), 2); /* .167 to .14 */
    assert_int_equal(mr_diversity_best(pool, 4, 0.9F), 3);
    pool[1].is_gone = pool[2].is_gone = pool[3].is_gone = true;
    assert_true(mr_diversity_best(pool, 4, 0.5F) == SIZE_MAX);
}

static void test_equal_ones_keep_their_order(void **state)
{
    (void)state;
    mr_diverse_item pool[3] = {
        {.relevance = 0.5F}, {.relevance = 0.5F}, {.relevance = 0.5F}};
    assert_int_equal(mr_diversity_best(pool, 3, 0.5F), 0);
    pool[0].is_gone = true;
    assert_int_equal(mr_diversity_best(pool, 3, 0.5F), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_similarity_is_the_weighted_share_of_what_is_the_same),
        cmocka_unit_test(test_what_is_not_known_is_not_the_same),
        cmocka_unit_test(test_picks_weigh_relevance_against_likeness),
        cmocka_unit_test(test_equal_ones_keep_their_order),
    };
    return cmocka_run_group_tests_name("diversity", tests, set_up, tear_down);
}
