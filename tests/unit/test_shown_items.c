/*
 * A token gives back what went into it, whatever the number of items; every change of a character,
 * another secret and the other kind of signed text are refused.
 */
#include "serving/shown_items.h"

#include "serving/recommendation_id.h"
#include "tests/support.h"

#include <stdio.h>
#include <string.h>

enum { IDS = 100000 };

static mr_hash_key key;
static mr_signer *signer;
static char names[IDS][8];

static int set_up(void **state)
{
    (void)state;
    for (int i = 0; i < IDS; i++)
        (void)snprintf(names[i], sizeof(names[i]), "i%d", i);
    mr_hash_key_init(&key, "secret", 6);
    return mr_signer_create("secret", 6, &signer) == MR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mr_signer_destroy(signer);
    return 0;
}

/* Add the ids from `from` on as a page. */
static mr_status add(mr_shown_items *shown, int from, size_t count)
{
    mr_text ids[MR_SHOWN_ITEMS_MAX + 1];
    for (size_t i = 0; i < count; i++)
        ids[i] = mr_text_from(names[from + (int)i]);
    return mr_shown_items_add_page(shown, &key, ids, count);
}

static void test_a_token_holds_what_was_shown_at_every_size(void **state)
{
    (void)state;
    char text[MR_SHOWN_ITEMS_TEXT_BYTES];
    mr_shown_items shown = {0};
    mr_shown_items back;
    for (int count = 0; count < 200; count++) {
        assert_ok(mr_shown_items_write(signer, &shown, text));
        assert_ok(mr_shown_items_read(signer, mr_text_from(text), &back));
        assert_int_equal(back.page, count);
        assert_int_equal(back.count, shown.count);
        assert_memory_equal(back.places, shown.places, shown.count * sizeof(uint32_t));
        for (int i = 0; i < count; i++)
            assert_true(mr_shown_items_contains(&back, &key, mr_text_from(names[i])));
        assert_ok(add(&shown, count, 1));
    }
}

static void test_the_largest_set_fits(void **state)
{
    (void)state;
    char text[MR_SHOWN_ITEMS_TEXT_BYTES];
    mr_shown_items back;
    for (int from = 0; from + MR_SHOWN_ITEMS_MAX < IDS; from += MR_SHOWN_ITEMS_MAX) {
        mr_shown_items shown = {0};
        assert_ok(add(&shown, from, MR_SHOWN_ITEMS_MAX));
        assert_ok(mr_shown_items_write(signer, &shown, text));
        assert_true(strlen(text) <= 1024);
        assert_ok(mr_shown_items_read(signer, mr_text_from(text), &back));
        for (int i = 0; i < MR_SHOWN_ITEMS_MAX; i++)
            assert_true(
                mr_shown_items_contains(&back, &key, mr_text_from(names[from + i])));
    }
}

/* The code is longest where the numbers lie most unevenly. */
static void test_the_worst_sets_fit(void **state)
{
    (void)state;
    char text[MR_SHOWN_ITEMS_TEXT_BYTES];
    mr_shown_items back;
    for (uint32_t gap = 1; gap <= 8192; gap *= 2) {
        mr_shown_items shown = {.count = MR_SHOWN_ITEMS_MAX};
        for (uint32_t i = 0; i < MR_SHOWN_ITEMS_MAX; i++)
            shown.places[i] = MR_SHOWN_PLACES - 1 -
                              (MR_SHOWN_ITEMS_MAX - 1 - i) * (gap <= 4096 ? gap : 1);
        if (gap > 4096)
            shown.places[0] = 0;
        assert_ok(mr_shown_items_write(signer, &shown, text));
        assert_true(strlen(text) <= 1024);
        assert_ok(mr_shown_items_read(signer, mr_text_from(text), &back));
        assert_memory_equal(back.places, shown.places, sizeof(shown.places));
    }
}

static void test_what_does_not_fit_was_the_last_page(void **state)
{
    (void)state;
    mr_shown_items shown = {0};
    assert_ok(add(&shown, 0, MR_SHOWN_ITEMS_MAX - 10));
    const mr_shown_items before = shown;
    assert_int_equal(add(&shown, 1000, 20), MR_ERR_FULL);
    assert_memory_equal(&shown, &before, sizeof(shown));
    assert_int_equal(add(&shown, 0, MR_SHOWN_ITEMS_MAX + 1), MR_ERR_FULL);
    shown.page = MR_SHOWN_PAGE_MAX;
    assert_int_equal(add(&shown, 0, 1), MR_ERR_FULL);
}

/* At most 1 in 4,096 when it is full: 24.4 of 100,000 are expected, 60 is seven deviations off. */
static void test_what_was_not_shown_is_rarely_taken_for_shown(void **state)
{
    (void)state;
    mr_shown_items shown = {0};
    int wrong = 0;
    assert_ok(add(&shown, 0, MR_SHOWN_ITEMS_MAX));
    for (int i = MR_SHOWN_ITEMS_MAX; i < IDS; i++)
        wrong += mr_shown_items_contains(&shown, &key, mr_text_from(names[i]));
    assert_in_range(wrong, 1, 60);
}

static void test_damaged_and_foreign_tokens_are_refused(void **state)
{
    (void)state;
    char text[MR_SHOWN_ITEMS_TEXT_BYTES];
    char changed[MR_SHOWN_ITEMS_TEXT_BYTES];
    mr_shown_items shown = {0};
    mr_shown_items back;
    mr_signer *other;
    assert_ok(add(&shown, 0, 20));
    assert_ok(mr_shown_items_write(signer, &shown, text));
    const size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        memcpy(changed, text, sizeof(text));
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(mr_shown_items_read(signer, mr_text_from(changed), &back),
                         MR_ERR_CORRUPT);
        assert_int_equal(mr_shown_items_read(signer, (mr_text){text, (uint32_t)i}, &back),
                         MR_ERR_CORRUPT);
    }
    (void)snprintf(changed, sizeof(changed), "%sA", text);
    assert_int_equal(mr_shown_items_read(signer, mr_text_from(changed), &back),
                     MR_ERR_CORRUPT);
    assert_ok(mr_signer_create("another", 7, &other));
    assert_int_equal(mr_shown_items_read(other, mr_text_from(text), &back),
                     MR_ERR_CORRUPT);
    mr_signer_destroy(other);
}

/* Two uses of one key: neither text passes for the other. */
static void test_a_recommendation_id_is_no_token(void **state)
{
    (void)state;
    char id_text[MR_RECOMMENDATION_ID_TEXT_BYTES];
    char text[MR_SHOWN_ITEMS_TEXT_BYTES];
    const mr_recommendation_id id = {.count = 3};
    mr_recommendation_id id_back;
    mr_shown_items shown = {0};
    assert_ok(mr_recommendation_id_write(signer, &id, id_text));
    id_text[0] = 'n';
    assert_int_equal(mr_shown_items_read(signer, mr_text_from(id_text), &shown),
                     MR_ERR_CORRUPT);
    assert_ok(mr_shown_items_write(signer, &shown, text));
    text[0] = 'r';
    assert_int_equal(mr_recommendation_id_read(signer, mr_text_from(text), &id_back),
                     MR_ERR_CORRUPT);
}

/* Signed by us, and yet no token: what another version might write. */
static void test_a_signed_text_that_does_not_decode_is_refused(void **state)
{
    (void)state;
    static const uint8_t bad[][8] = {
        {2, 0, 0, 0},               /* too short                  */
        {1, 0, 0, 0, 12},           /* another kind               */
        {2, 0, 0, 0, 11},           /* no such code               */
        {2, 0, 0, 0, 21},           /* likewise                   */
        {2, 0, 1, 0, 12},           /* a number is missing        */
        {2, 0, 0, 0, 12, 0},        /* one too many               */
        {2, 0, 0xFF, 0xFF, 12},     /* too many                   */
        {2, 0, 1, 0, 20, 0xFF, 0xF} /* a number that is too large */
    };
    static const size_t lengths[] = {4, 5, 5, 5, 5, 6, 5, 8};
    char text[MR_SIGNED_TEXT_BYTES(8)];
    mr_shown_items back;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_ok(mr_signer_write(signer, "n_", bad[i], lengths[i], text));
        assert_int_equal(mr_shown_items_read(signer, mr_text_from(text), &back),
                         MR_ERR_CORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_holds_what_was_shown_at_every_size),
        cmocka_unit_test(test_the_largest_set_fits),
        cmocka_unit_test(test_the_worst_sets_fit),
        cmocka_unit_test(test_what_does_not_fit_was_the_last_page),
        cmocka_unit_test(test_what_was_not_shown_is_rarely_taken_for_shown),
        cmocka_unit_test(test_damaged_and_foreign_tokens_are_refused),
        cmocka_unit_test(test_a_recommendation_id_is_no_token),
        cmocka_unit_test(test_a_signed_text_that_does_not_decode_is_refused),
    };
    return cmocka_run_group_tests_name("shown_items", tests, set_up, tear_down);
}
