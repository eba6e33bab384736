/*
 * Method: the terms of each kind of field, joined by bars, against what a reader would expect.
 */
#include "tests/support.h"

#include "models/content_terms.h"

#include <string.h>

static mr_status join(void *context, mr_text term)
{
    mr_buffer *joined = context;
    mr_buffer_put_text(joined, term);
    mr_buffer_put_u8(joined, '|');
    return MR_OK;
}

static void assert_terms(mr_content_field field, const char *text, const char *expected)
{
    mr_buffer buffer = {0};
    mr_buffer joined = {0};
    assert_ok(mr_content_terms(field, mr_text_from(text), &buffer, join, &joined));
    mr_buffer_put_u8(&joined, '\0');
    assert_string_equal((const char *)joined.bytes, expected);
    mr_buffer_deinit(&buffer);
    mr_buffer_deinit(&joined);
}

static void test_a_category_gives_each_level_with_its_parents(void **state)
{
    (void)state;
    assert_terms(MR_CONTENT_CATEGORY, "Home > Kitchen > Mugs",
                 "home|home>kitchen|home>kitchen>mugs|");
    assert_terms(MR_CONTENT_CATEGORY, "home/Kitchen//mugs/",
                 "home|home>kitchen|home>kitchen>mugs|");
    assert_terms(MR_CONTENT_CATEGORY, "Bath & Body", "bath & body|");
    assert_terms(MR_CONTENT_CATEGORY, " > / ", "");
}

static void test_a_brand_and_a_tag_are_one_term(void **state)
{
    (void)state;
    assert_terms(MR_CONTENT_BRAND, "  Marks & Spencer ", "marks & spencer|");
    assert_terms(MR_CONTENT_TAG, "Film-Noir", "film-noir|");
    assert_terms(MR_CONTENT_TAG, "  ", "");
    assert_terms(MR_CONTENT_TAG, "", "");
}

static void test_text_is_split_where_no_letter_or_digit_stands(void **state)
{
    (void)state;
    assert_terms(MR_CONTENT_TITLE, "WHITE HANGING HEART T-LIGHT (x6) 6cm",
                 "white|hanging|heart|t|light|x6|6cm|");
    assert_terms(MR_CONTENT_TEXT, "Misérables, Les — «première»",
                 "misérables|les|première|");
    assert_terms(MR_CONTENT_TEXT, "Привет, мир!", "Привет|мир|");
}

static void test_a_script_without_blanks_gives_pairs_of_letters(void **state)
{
    (void)state;
    assert_terms(MR_CONTENT_TITLE, "红色连衣裙", "红色|色连|连衣|衣裙|");
    assert_terms(MR_CONTENT_TITLE, "杯,茶杯。X1手机", "杯|茶杯|x1|手机|");
}

static void test_bytes_that_are_no_utf8_separate(void **state)
{
    (void)state;
    assert_terms(MR_CONTENT_TITLE, "red\xFFmug \xE7\xBA", "red|mug|");
    assert_terms(MR_CONTENT_TITLE, "\xC3", "");
}

static mr_status refuse(void *context, mr_text term)
{
    (void)term;
    (*(int *)context)++;
    return MR_ERR_FULL;
}

static void test_a_visitor_ends_the_visit(void **state)
{
    (void)state;
    static const char *const texts[] = {"a > b", "brand", "tag", "two words", "连衣裙"};
    mr_buffer buffer = {0};
    for (int field = 0; field < MR_CONTENT_FIELDS; field++) {
        int visits = 0;
        assert_int_equal(mr_content_terms((mr_content_field)field,
                                          mr_text_from(texts[field]), &buffer, refuse,
                                          &visits),
                         MR_ERR_FULL);
        assert_int_equal(visits, 1);
    }
    mr_buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_category_gives_each_level_with_its_parents),
        cmocka_unit_test(test_a_brand_and_a_tag_are_one_term),
        cmocka_unit_test(test_text_is_split_where_no_letter_or_digit_stands),
        cmocka_unit_test(test_a_script_without_blanks_gives_pairs_of_letters),
        cmocka_unit_test(test_bytes_that_are_no_utf8_separate),
        cmocka_unit_test(test_a_visitor_ends_the_visit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
