/*
 * Words: a table that is full passes over what is new and goes on knowing what it has.
 */
#include "core/hash.h"
#include "features/words.h"
#include "tests/feature_batch.h"

#include <stdio.h>
#include <string.h>

static mr_word_memo memo;

static void number(mr_id_table *words, const mr_plan *plan, const char *category,
                   uint32_t *ret_number)
{
    uint32_t numbers[MR_WORD_FIELDS];
    mr_event event = test_event(MR_EVENT_VIEW, "ann", "tea", START_MS);
    event.category = mr_text_from(category);
    assert_ok(mr_words_number(words, &memo, plan, &event, numbers));
    *ret_number = numbers[0];
}

static void test_a_full_table_passes_over_what_is_new(void **state)
{
    (void)state;
    mr_plan *plan;
    mr_id_table *words;
    mr_hash_key key;
    uint32_t first;
    uint32_t other;
    mr_hash_key_init(&key, "secret", 6);
    assert_ok(mr_plan_create_default(&plan));
    assert_ok(mr_id_table_create(&key, &words));
    number(words, plan, "lamps", &first);
    assert_int_equal(first, 0);
    for (uint32_t n = 1; n < MR_WORDS_MAX; n++) {
        char word[16];
        const int length = snprintf(word, sizeof(word), "w%u", n);
        assert_ok(mr_words_put(words, (mr_text){word, (uint32_t)length}, &other));
    }
    assert_int_equal(mr_id_table_count(words), MR_WORDS_MAX);
    assert_int_equal(mr_words_put(words, MR_TEXT("one more"), &other), MR_ERR_FULL);
    number(words, plan, "one more", &other);
    assert_int_equal(other, MR_ID_NONE);
    number(words, plan, "lamps", &other);
    assert_int_equal(other, first);
    assert_int_equal(mr_id_table_count(words), MR_WORDS_MAX);
    mr_id_table_destroy(words);
    mr_plan_destroy(plan);
}

/* Texts of every length up to 40, which differ in one byte: first, middle or last; each, asked for
 * twice and in any order, has the number that the table has for it. */
static void test_what_is_remembered_is_what_the_table_says(void **state)
{
    enum { LENGTH_MAX = 40, PLACES = 3, LETTERS = 9, ASKED = 20000 };
    (void)state;
    mr_plan *plan;
    mr_id_table *words;
    mr_hash_key key;
    uint64_t random = 3;
    memset(&memo, 0, sizeof(memo));
    mr_hash_key_init(&key, "secret", 6);
    assert_ok(mr_plan_create_default(&plan));
    assert_ok(mr_id_table_create(&key, &words));
    for (int i = 0; i < ASKED; i++) {
        char text[LENGTH_MAX + 1] = "";
        uint32_t got;
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const uint32_t length = 1 + (uint32_t)(random >> 33) % LENGTH_MAX;
        const uint32_t places[PLACES] = {0, length / 2, length - 1};
        memset(text, 'a', length);
        text[places[(random >> 40) % PLACES]] = (char)('a' + (random >> 48) % LETTERS);
        number(words, plan, text, &got);
        assert_true(mr_text_is(mr_id_table_id(words, got), text));
    }
    mr_id_table_destroy(words);
    mr_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_table_passes_over_what_is_new),
        cmocka_unit_test(test_what_is_remembered_is_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
