/*
 * Each rule alone on a list of five, then together; a small catalogue where words are needed.
 */
#include "serving/rules.h"

#include "core/event.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

/* MR_TEXT() is no constant. */
#define TEXT_OF(literal)                                                                 \
    {                                                                                    \
        (literal), sizeof(literal) - 1                                                   \
    }

static const int64_t now_ms = 1764000000000;
static mr_placement placement;
static mr_candidate five[5];
static mr_arena *arena;
static mr_hash_key key;
static mr_catalogue *shop;

/* a and c are lamps, b, d and e chairs; b and c are of one brand; a, b and e are red. */
static int open_shop(void)
{
    static const mr_attribute red = {TEXT_OF("color"), TEXT_OF("red")};
    static const mr_attribute blue = {TEXT_OF("color"), TEXT_OF("blue")};
    static const struct {
        const char *id;
        const char *category;
        const char *brand;
        const mr_attribute *color;
        int64_t price_minor;
    } items[] = {{"a", "lamps", "x", &red, 100},
                 {"b", "chairs", "y", &red, 200},
                 {"c", "lamps", "y", &blue, 300},
                 {"d", "chairs", "z", &blue, 400},
                 {"e", "chairs", "", &red, 500}};
    mr_catalogue_builder *builder;
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    for (size_t i = 0; i < 5; i++) {
        const mr_catalogue_item item = {.id = mr_text_from(items[i].id),
                                        .category = mr_text_from(items[i].category),
                                        .brand = mr_text_from(items[i].brand),
                                        .attributes = items[i].color,
                                        .attribute_count = 1,
                                        .price_minor = items[i].price_minor,
                                        .stock = MR_STOCK_UNKNOWN};
        assert_ok(mr_catalogue_builder_put(builder, &item));
    }
    assert_ok(mr_catalogue_build(builder, &shop));
    mr_catalogue_builder_destroy(builder);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    placement = (mr_placement){.name = "home", .n = 10};
    for (int i = 0; i < 5; i++)
        five[i] = (mr_candidate){.item_id = mr_text_from(ids[i]),
                                 .score = (float)(5 - i),
                                 .source = MR_SOURCE_BLEND};
    mr_hash_key_init(&key, "", 0);
    arena = mr_arena_create(65536);
    return arena == NULL ? -1 : open_shop();
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_destroy(arena);
    mr_catalogue_destroy(shop);
    return 0;
}

/* The ids that the rules let through, as one word. */
static const char *applied(const mr_rules *rules, size_t n)
{
    static char word[16];
    mr_candidate items[10];
    mr_candidate list[5];
    size_t count = 5;
    memcpy(list, five, sizeof(five));
    if (mr_rules_reorders(rules))
        count = mr_rules_reorder(rules, list, count, items, 0, n);
    count = mr_rules_apply(rules, list, count, items, 0, n);
    count = mr_rules_pin(rules, items, count, n);
    for (size_t i = 0; i < count; i++)
        word[i] = items[i].item_id.bytes[0];
    word[count] = '\0';
    return word;
}

static mr_rules plain(void)
{
    return (mr_rules){.placement = &placement, .now_ms = now_ms};
}

static void test_without_rules_the_first_n_pass_in_order(void **state)
{
    (void)state;
    const mr_rules rules = plain();
    assert_string_equal(applied(&rules, 3), "abc");
    assert_string_equal(applied(&rules, 10), "abcde");
    assert_string_equal(applied(&rules, 0), "");
}

static void test_excluded_and_context_items_do_not_pass(void **state)
{
    (void)state;
    const mr_text exclude[] = {MR_TEXT("b"), MR_TEXT("nobody")};
    const mr_text context[] = {MR_TEXT("d")};
    mr_rules rules = plain();
    rules.exclude = exclude;
    rules.exclude_count = 2;
    rules.context = context;
    rules.context_count = 1;
    assert_string_equal(applied(&rules, 10), "ace");
}

static void test_a_purchase_hides_its_item_as_long_as_the_placement_says(void **state)
{
    (void)state;
    const mr_purchase bought[] = {{mr_hash_item(&key, MR_TEXT("a")), 1764000000 - 3599},
                                  {mr_hash_item(&key, MR_TEXT("b")), 1764000000 - 3600}};
    mr_rules rules = plain();
    rules.purchases = bought;
    rules.purchase_count = 2;
    rules.key = &key;
    placement.purchased = MR_PURCHASED_SHOW;
    assert_string_equal(applied(&rules, 10), "abcde");
    placement.purchased = MR_PURCHASED_HIDE_FOR;
    placement.hide_for_ms = 3600000;
    assert_string_equal(applied(&rules, 10), "bcde");
    placement.purchased = MR_PURCHASED_HIDE;
    assert_string_equal(applied(&rules, 10), "cde");
}

static void test_hidden_and_sold_out_items_do_not_pass(void **state)
{
    (void)state;
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    assert_ok(mr_catalogue_builder_create(&key, &builder));
    const mr_catalogue_item items[] = {
        {.id = MR_TEXT("a"), .stock = 0, .price_minor = 1},
        {.id = MR_TEXT("b"), .stock = 5, .price_minor = 1},
        {.id = MR_TEXT("c"), .stock = MR_STOCK_UNKNOWN, .price_minor = 1, .hidden = true},
        {.id = MR_TEXT("d"), .stock = MR_STOCK_UNKNOWN, .price_minor = 1},
    };
    for (size_t i = 0; i < 4; i++)
        assert_ok(mr_catalogue_builder_put(builder, &items[i]));
    assert_ok(mr_catalogue_build(builder, &catalogue));
    mr_rules rules = plain();
    rules.catalogue = catalogue;
    assert_string_equal(applied(&rules, 10), "bde");
    mr_catalogue_builder_destroy(builder);
    mr_catalogue_destroy(catalogue);
}

static void test_an_item_is_shown_once_over_several_lists(void **state)
{
    (void)state;
    const mr_rules rules = plain();
    mr_candidate items[10];
    size_t count = mr_rules_apply(&rules, five, 3, items, 0, 10);
    count = mr_rules_apply(&rules, five, 5, items, count, 10);
    assert_int_equal(count, 5);
    count = mr_rules_apply(&rules, five, 5, items, count, 10);
    assert_int_equal(count, 5);
}

/* ---- A rule set ---- */

static mr_rule_set set;

static mr_item_filter where_category(const char *category)
{
    mr_item_filter filter = {0};
    assert_ok(mr_item_filter_add_category(&filter, arena, mr_text_from(category)));
    return filter;
}

/* The answer of `n` by the set over the shop. */
static const char *answer(size_t n)
{
    mr_rules rules = plain();
    rules.catalogue = shop;
    rules.set = &set;
    assert_ok(mr_rules_bind(&rules, n, arena));
    return applied(&rules, n);
}

static int set_up_set(void **state)
{
    set = (mr_rule_set){0};
    return set_up(state);
}

static void test_an_empty_set_binds_to_nothing(void **state)
{
    (void)state;
    mr_rules rules = plain();
    rules.set = &set;
    assert_ok(mr_rules_bind(&rules, 3, arena));
    assert_null(rules.bound);
    assert_string_equal(answer(3), "abc");
}

static void test_only_included_items_pass(void **state)
{
    (void)state;
    const mr_text include[] = {MR_TEXT("d"), MR_TEXT("b"), MR_TEXT("nobody")};
    mr_rules rules = plain();
    rules.include = include;
    rules.include_count = 3;
    assert_ok(mr_rules_bind(&rules, 10, arena));
    assert_string_equal(applied(&rules, 10), "bd");
}

static void test_long_lists_are_asked_as_short_ones_are(void **state)
{
    (void)state;
    char names[100][8];
    mr_text exclude[101] = {MR_TEXT("c")};
    for (int i = 0; i < 100; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%d", i);
        exclude[i + 1] = mr_text_from(names[i]);
    }
    mr_rules rules = plain();
    rules.exclude = exclude;
    rules.exclude_count = 101;
    assert_string_equal(applied(&rules, 10), "abde");
    assert_ok(mr_rules_bind(&rules, 10, arena));
    assert_non_null(rules.bound);
    assert_string_equal(applied(&rules, 10), "abde");
}

static void test_a_filter_holds(void **state)
{
    (void)state;
    set.filter = where_category("lamps");
    assert_string_equal(answer(10), "ac");
    assert_ok(mr_item_filter_add_attribute(&set.filter, arena, MR_TEXT("color"),
                                           MR_TEXT("blue")));
    assert_string_equal(answer(10), "c");
}

static void test_a_boost_lifts_and_a_bury_sinks(void **state)
{
    (void)state;
    /* Relevances: a 1, b .7525, c .505, d .2575, e .01. */
    mr_boost boosts[] = {{where_category("lamps"), 1.5F},
                         {where_category("chairs"), 0.5F}};
    set.boosts = boosts;
    set.boost_count = 1;
    assert_string_equal(answer(10), "acbde");
    boosts[0] = boosts[1];
    assert_string_equal(answer(10), "acbde");
    boosts[0].by = 0.0F;
    assert_string_equal(answer(10), "ac");
    boosts[0] = (mr_boost){where_category("lamps"), 0.6F};
    boosts[1] = (mr_boost){where_category("lamps"), 2.0F};
    set.boost_count = 2; /* together: 1.2 */
    assert_string_equal(answer(10), "abcde");
}

static void test_a_boost_leaves_scores_as_they_are(void **state)
{
    (void)state;
    mr_boost boost = {where_category("lamps"), 100.0F};
    mr_candidate list[5];
    mr_rules rules = plain();
    set.boosts = &boost;
    set.boost_count = 1;
    rules.catalogue = shop;
    rules.set = &set;
    assert_ok(mr_rules_bind(&rules, 5, arena));
    memcpy(list, five, sizeof(five));
    assert_int_equal(mr_rules_reorder(&rules, list, 5, NULL, 0, 5), 5);
    assert_true(mr_text_is(list[1].item_id, "c"));
    assert_close(list[1].score, 3.0, 0);
    assert_ptr_equal(list[1].item, mr_catalogue_find(shop, MR_TEXT("c")));
}

static void test_scores_that_are_no_numbers_are_the_least(void **state)
{
    (void)state;
    mr_boost boost = {where_category("lamps"), 1.01F};
    set.boosts = &boost;
    set.boost_count = 1;
    five[0].score = NAN;
    five[1].score = INFINITY;
    assert_string_equal(answer(10), "cdabe");
}

/* The pool is bounded: what comes behind it keeps its order, behind. */
static void test_candidates_past_the_pool_stay_behind(void **state)
{
    (void)state;
    enum { MORE = MR_RULES_POOL_MAX + 3 };
    static char ids[MORE][8];
    static mr_candidate list[MORE];
    mr_boost boost = {.by = 100.0F};
    mr_rules rules = plain();
    for (int i = 0; i < MORE; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "n%d", i);
        list[i] = (mr_candidate){.item_id = mr_text_from(ids[i]), .score = 1.0F};
    }
    assert_ok(mr_item_filter_add_item(&boost.where, arena,
                                      mr_text_from(ids[MR_RULES_POOL_MAX - 1])));
    assert_ok(mr_item_filter_add_item(&boost.where, arena, mr_text_from(ids[MORE - 1])));
    set.boosts = &boost;
    set.boost_count = 1;
    rules.set = &set;
    assert_ok(mr_rules_bind(&rules, 10, arena));
    assert_int_equal(mr_rules_reorder(&rules, list, MORE, NULL, 0, 10), MORE);
    assert_true(mr_text_is(list[0].item_id, ids[MR_RULES_POOL_MAX - 1]));
    assert_true(mr_text_is(list[1].item_id, ids[0]));
    assert_true(mr_text_is(list[MORE - 1].item_id, ids[MORE - 1]));
}

static void test_a_cap_counts_over_the_whole_answer(void **state)
{
    (void)state;
    mr_cap cap = {.by = MR_CAP_CATEGORY, .most = 1};
    set.caps = &cap;
    set.cap_count = 1;
    assert_string_equal(answer(10), "ab");
    cap.most = 2;
    assert_string_equal(answer(10), "abcd");
    cap.by = MR_CAP_BRAND; /* e has none */
    cap.most = 1;
    assert_string_equal(answer(10), "abde");
    cap = (mr_cap){.by = MR_CAP_ATTRIBUTE, .attribute = MR_TEXT("color"), .most = 1};
    assert_string_equal(answer(10), "ac");
    cap.attribute = MR_TEXT("size");
    assert_string_equal(answer(10), "abcde");
}

static void test_a_cap_holds_from_list_to_list(void **state)
{
    (void)state;
    const mr_cap cap = {.by = MR_CAP_CATEGORY, .most = 1};
    mr_rules rules = plain();
    mr_candidate items[10];
    set.caps = &cap;
    set.cap_count = 1;
    rules.catalogue = shop;
    rules.set = &set;
    assert_ok(mr_rules_bind(&rules, 10, arena));
    const size_t count = mr_rules_apply(&rules, five, 1, items, 0, 10);
    assert_int_equal(mr_rules_apply(&rules, five + 1, 4, items, count, 10), 2);
    assert_true(mr_text_is(items[1].item_id, "b"));
}

static void test_diversity_spreads_the_answer(void **state)
{
    (void)state;
    set.diversity = 0.5F;
    /* a; then b (.37625 - .125), d (.12875), c (.2525 - .25), … */
    assert_string_equal(answer(2), "ab");
    set.diversity =
        1.0F; /* relevance counts for nothing: a, then what is least like it */
    assert_string_equal(answer(2), "ad");
}

static void test_pins_stand_at_their_places(void **state)
{
    (void)state;
    mr_pin pins[] = {{MR_TEXT("e"), 2}, {MR_TEXT("d"), 1}};
    set.pins = pins;
    set.pin_count = 1;
    assert_string_equal(answer(3), "aeb");
    set.pin_count = 2;
    assert_string_equal(answer(3), "dea");
    pins[1].position = 2; /* the next place */
    assert_string_equal(answer(5), "aedbc");
    pins[0].position = pins[1].position = 5; /* at the end there is no next one */
    assert_string_equal(answer(5), "abced");
    pins[0].position = 6; /* not on this page */
    assert_string_equal(answer(5), "abced");
    pins[0] = (mr_pin){MR_TEXT("e"), 100};
    assert_string_equal(answer(100), "abcde");
}

static void test_what_may_not_be_shown_is_not_pinned(void **state)
{
    (void)state;
    const mr_text exclude[] = {MR_TEXT("e")};
    const mr_pin pins[] = {{MR_TEXT("e"), 1}, {MR_TEXT("nobody"), 1}, {MR_TEXT("c"), 1}};
    mr_rules rules = plain();
    set.pins = pins;
    set.pin_count = 3;
    rules.catalogue = shop;
    rules.set = &set;
    rules.exclude = exclude;
    rules.exclude_count = 1;
    assert_ok(mr_rules_bind(&rules, 3, arena));
    assert_string_equal(applied(&rules, 3), "cab");
    set.filter = where_category("chairs");
    assert_ok(mr_rules_bind(&rules, 3, arena));
    assert_string_equal(applied(&rules, 3), "bd");
}

static void test_pins_count_for_caps_and_keep_to_them(void **state)
{
    (void)state;
    const mr_cap cap = {.by = MR_CAP_CATEGORY, .most = 1};
    const mr_pin pins[] = {{MR_TEXT("e"), 3}, {MR_TEXT("d"), 1}};
    set.caps = &cap;
    set.cap_count = 1;
    set.pins = pins;
    set.pin_count = 2;
    assert_string_equal(answer(5), "ae");
}

static void test_an_item_shown_before_is_not_shown_again(void **state)
{
    (void)state;
    const mr_text before[] = {MR_TEXT("a"), MR_TEXT("c")};
    mr_shown_items shown = {0};
    mr_rules rules = plain();
    assert_ok(mr_shown_items_add_page(&shown, &key, before, 2));
    rules.shown = &shown;
    rules.key = &key;
    assert_ok(mr_rules_bind(&rules, 5, arena));
    assert_string_equal(applied(&rules, 5), "bde");
}

static void test_a_refusal_says_why(void **state)
{
    (void)state;
    const mr_text exclude[] = {MR_TEXT("a")};
    const mr_text include[] = {MR_TEXT("a"), MR_TEXT("b"), MR_TEXT("c"), MR_TEXT("e")};
    const mr_boost bury = {where_category("lamps"), 0.0F};
    const mr_catalogue_item *item;
    const mr_purchase bought = {mr_hash_item(&key, MR_TEXT("b")), 1};
    placement.purchased = MR_PURCHASED_HIDE;
    mr_rules rules = plain();
    set.boosts = &bury;
    set.boost_count = 1;
    set.filter.has_price_max = true;
    set.filter.price_max_minor = 400;
    rules.catalogue = shop;
    rules.set = &set;
    rules.purchases = &bought;
    rules.purchase_count = 1;
    rules.key = &key;
    rules.exclude = exclude;
    rules.exclude_count = 1;
    rules.include = include;
    rules.include_count = 4;
    assert_ok(mr_rules_bind(&rules, 5, arena));
    assert_int_equal(mr_rules_refusal(&rules, MR_TEXT("a"), &item), MR_REFUSAL_EXCLUDED);
    assert_int_equal(mr_rules_refusal(&rules, MR_TEXT("b"), &item), MR_REFUSAL_PURCHASED);
    assert_int_equal(mr_rules_refusal(&rules, MR_TEXT("c"), &item), MR_REFUSAL_BURIED);
    assert_int_equal(mr_rules_refusal(&rules, MR_TEXT("d"), &item),
                     MR_REFUSAL_NOT_INCLUDED);
    assert_int_equal(mr_rules_refusal(&rules, MR_TEXT("e"), &item), MR_REFUSAL_FILTERED);
    assert_string_equal(mr_refusal_name(MR_REFUSAL_NOT_INCLUDED), "not_included");
}

static void test_a_request_wins_over_its_placement(void **state)
{
    (void)state;
    const mr_pin pins[] = {{MR_TEXT("a"), 1}, {MR_TEXT("b"), 1}};
    const mr_boost boosts[] = {{where_category("lamps"), 2.0F},
                               {where_category("chairs"), 0.5F}};
    mr_rule_set shops = {.pins = &pins[0],
                         .pin_count = 1,
                         .boosts = &boosts[0],
                         .boost_count = 1,
                         .diversity = 0.5F,
                         .has_diversity = true};
    mr_rule_set asked = {.pins = &pins[1],
                         .pin_count = 1,
                         .boosts = &boosts[1],
                         .boost_count = 1,
                         .has_diversity = true};
    shops.filter = where_category("lamps");
    shops.filter.min_stock = 3;
    assert_ok(mr_item_filter_add_attribute(&shops.filter, arena, MR_TEXT("color"),
                                           MR_TEXT("red")));
    assert_ok(mr_item_filter_add_attribute(&shops.filter, arena, MR_TEXT("size"),
                                           MR_TEXT("M")));
    asked.filter = where_category("chairs");
    assert_ok(mr_item_filter_add_attribute(&asked.filter, arena, MR_TEXT("color"),
                                           MR_TEXT("blue")));
    mr_rule_set both;
    assert_ok(mr_rule_set_merge(&shops, &asked, arena, &both));
    assert_int_equal(both.pin_count, 2);
    assert_true(mr_text_is(both.pins[0].item, "a"));
    assert_true(mr_text_is(both.pins[1].item, "b"));
    assert_int_equal(both.boost_count, 2);
    assert_close(both.boosts[0].by, 2.0, 0);
    assert_true(both.diversity == 0.0F);
    assert_int_equal(both.filter.categories.count, 1);
    assert_true(mr_text_is(both.filter.categories.texts[0], "chairs"));
    assert_int_equal(both.filter.min_stock, 3);
    assert_int_equal(both.filter.attribute_count, 2);
    assert_true(mr_text_is(both.filter.attributes[0].values.texts[0], "blue"));
    assert_true(mr_text_is(both.filter.attributes[1].name, "size"));

    assert_ok(mr_rule_set_merge(&shops, NULL, arena, &both));
    assert_close(both.diversity, 0.5, 0);
    assert_true(mr_text_is(both.filter.categories.texts[0], "lamps"));
    assert_ok(mr_rule_set_merge(NULL, NULL, arena, &both));
    assert_true(mr_rule_set_is_empty(&both));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_rules_the_first_n_pass_in_order,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_excluded_and_context_items_do_not_pass,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_purchase_hides_its_item_as_long_as_the_placement_says, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_hidden_and_sold_out_items_do_not_pass,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_item_is_shown_once_over_several_lists,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_set_binds_to_nothing, set_up_set,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_only_included_items_pass, set_up_set,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_long_lists_are_asked_as_short_ones_are,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_a_filter_holds, set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_a_boost_lifts_and_a_bury_sinks, set_up_set,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_boost_leaves_scores_as_they_are,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_scores_that_are_no_numbers_are_the_least,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_candidates_past_the_pool_stay_behind,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cap_counts_over_the_whole_answer,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cap_holds_from_list_to_list, set_up_set,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_diversity_spreads_the_answer, set_up_set,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pins_stand_at_their_places, set_up_set,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_may_not_be_shown_is_not_pinned,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_pins_count_for_caps_and_keep_to_them,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_an_item_shown_before_is_not_shown_again,
                                        set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_a_refusal_says_why, set_up_set, tear_down),
        cmocka_unit_test_setup_teardown(test_a_request_wins_over_its_placement,
                                        set_up_set, tear_down),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
