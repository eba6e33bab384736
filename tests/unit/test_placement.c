/*
 * Each rule alone on a list of five, then together; the settings as a person writes them.
 */
#include "serving/placement.h"

#include "core/event.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

static const int64_t now_ms = 1764000000000;
static mr_placement placement;
static mr_candidate five[5];

static int set_up(void **state)
{
    (void)state;
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    placement = (mr_placement){.name = "home", .n = 10};
    for (int i = 0; i < 5; i++)
        five[i] = (mr_candidate){.item_id = mr_text_from(ids[i]),
                                 .score = (float)(5 - i),
                                 .source = MR_SOURCE_BLEND};
    return 0;
}

/* The ids that the rules let through, as one word. */
static const char *applied(const mr_rules *rules, size_t n)
{
    static char word[16];
    mr_candidate items[10];
    const size_t count = mr_rules_apply(rules, five, 5, items, 0, n);
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
    mr_user_state user = {.item_count = 3};
    user.items[0] =
        (mr_recent_item){MR_TEXT("a"), 1764000000 - 3599, MR_EVENT_PURCHASE, 1};
    user.items[1] =
        (mr_recent_item){MR_TEXT("b"), 1764000000 - 3600, MR_EVENT_PURCHASE, 1};
    user.items[2] = (mr_recent_item){MR_TEXT("c"), 1764000000 - 10, MR_EVENT_VIEW, 1};
    mr_rules rules = plain();
    rules.state = &user;
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
    mr_hash_key key;
    mr_catalogue_builder *builder;
    mr_catalogue *catalogue;
    mr_hash_key_init(&key, "", 0);
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

static void test_settings_read_as_a_person_writes_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mr_purchased_rule rule;
        int64_t hide_for_ms;
    } good[] = {
        {"never", MR_PURCHASED_SHOW, 0},
        {"always", MR_PURCHASED_HIDE, 0},
        {"hide_for 30d", MR_PURCHASED_HIDE_FOR, INT64_C(2592000000)},
        {"hide_for 90s", MR_PURCHASED_HIDE_FOR, 90000},
        {"hide_for 12h", MR_PURCHASED_HIDE_FOR, 43200000},
    };
    static const char *const bad[] = {
        "",           "sometimes",    "hide_for",        "hide_for 0d", "hide_for 30",
        "hide_for d", "hide_for -1d", "hide_for 36501d", "hide_for 1w"};
    mr_error error;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        mr_placement p = {0};
        assert_ok(mr_placement_parse_purchased(mr_text_from(good[i].text), &p, &error));
        assert_int_equal(p.purchased, good[i].rule);
        assert_int_equal(p.hide_for_ms, good[i].hide_for_ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        mr_placement p = {0};
        assert_int_equal(mr_placement_parse_purchased(mr_text_from(bad[i]), &p, &error),
                         MR_ERR_INVALID);
    }
}

static void test_names_and_sizes_are_checked(void **state)
{
    (void)state;
    const mr_placement all[] = {{.name = "home", .n = 20}, {.name = "cart_2", .n = 100}};
    const mr_placement bad[] = {{.name = "", .n = 1},
                                {.name = "Home", .n = 1},
                                {.name = "a b", .n = 1},
                                {.name = "home", .n = 0},
                                {.name = "home", .n = 101}};
    mr_error error;
    assert_ok(mr_placement_check(&all[0], &error));
    assert_ok(mr_placement_check(&all[1], &error));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(mr_placement_check(&bad[i], &error), MR_ERR_INVALID);
    assert_ptr_equal(mr_placement_find(all, 2, (mr_text){0}), &all[0]);
    assert_ptr_equal(mr_placement_find(all, 2, MR_TEXT("cart_2")), &all[1]);
    assert_null(mr_placement_find(all, 2, MR_TEXT("nowhere")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_without_rules_the_first_n_pass_in_order, set_up),
        cmocka_unit_test_setup(test_excluded_and_context_items_do_not_pass, set_up),
        cmocka_unit_test_setup(
            test_a_purchase_hides_its_item_as_long_as_the_placement_says, set_up),
        cmocka_unit_test_setup(test_hidden_and_sold_out_items_do_not_pass, set_up),
        cmocka_unit_test_setup(test_an_item_is_shown_once_over_several_lists, set_up),
        cmocka_unit_test(test_settings_read_as_a_person_writes_them),
        cmocka_unit_test(test_names_and_sizes_are_checked),
    };
    return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
