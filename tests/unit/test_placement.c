/* The settings as a person writes them. */
#include "serving/placement.h"

#include "tests/support.h"

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
        cmocka_unit_test(test_settings_read_as_a_person_writes_them),
        cmocka_unit_test(test_names_and_sizes_are_checked),
    };
    return cmocka_run_group_tests_name("placement", tests, NULL, NULL);
}
