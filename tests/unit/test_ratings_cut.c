/*
 * Method: random ratings with many equal times and repeats; every question against the sentence
 * that defines its kind, written as nested loops over the ratings.
 */
#include "tests/support.h"

#include "models/random.h"
#include "models/ratings_cut.h"

#include <string.h>

enum { USERS = 40, ITEMS = 60, COUNT = 700, SECONDS = 300 };

static const uint32_t GIVEN[] = {0, 1, 3, 5, 5};

/* Users and items begin at different times, so that some are cold. */
static void make_ratings(mr_rating *ratings)
{
    for (uint64_t r = 0; r < COUNT; r++) {
        const uint32_t time_s = (uint32_t)(r * SECONDS / COUNT);
        const uint64_t users = 10 + r * (USERS - 10) / COUNT;
        const uint64_t items = 30 + r * (ITEMS - 30) / COUNT;
        ratings[r] = (mr_rating){.user = (uint32_t)(mr_random_bits(1, r) % users),
                                 .item = (uint32_t)(mr_random_bits(2, r) % items),
                                 .time_s = time_s,
                                 .value = (float)(1 + mr_random_bits(3, r) % 5)};
    }
}

static bool is_item_known(const mr_rating *ratings, size_t known, uint32_t item)
{
    for (size_t r = 0; r < known; r++)
        if (ratings[r].item == item)
            return true;
    return false;
}

/* The targets of a question by definition, marked; returns how many. */
static uint32_t targets_by_definition(const mr_rating *ratings, size_t known,
                                      mr_ratings_kind kind, uint32_t user, uint32_t given,
                                      bool is_target[ITEMS])
{
    bool is_given[ITEMS] = {false};
    uint32_t seen = 0;
    uint32_t count = 0;
    memset(is_target, 0, ITEMS * sizeof(*is_target));
    for (size_t r = 0; r < COUNT; r++) {
        if (ratings[r].user != user)
            continue;
        const uint32_t item = ratings[r].item;
        if (seen++ < given)
            is_given[item] = true;
        else if (ratings[r].value >= 4.0F && !is_given[item] &&
                 (kind != MR_RATINGS_COLD_ITEM || !is_item_known(ratings, known, item)))
            is_target[item] = true;
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        count += is_target[i];
    return count;
}

static const mr_ratings_question *find_question(const mr_ratings_cut *cut, uint32_t user,
                                                mr_ratings_kind kind)
{
    const mr_ratings_question *found = NULL;
    for (size_t q = 0; q < cut->question_count; q++)
        if (cut->questions[q].user == user && cut->questions[q].kind == kind) {
            assert_null(found);
            found = &cut->questions[q];
        }
    return found;
}

static void check_question(const mr_rating *ratings, const mr_ratings_cut *cut,
                           uint32_t user, mr_ratings_kind kind)
{
    bool is_target[ITEMS];
    const uint32_t past = cut->known[user];
    const uint32_t given = past > 0 ? past : GIVEN[kind];
    const bool is_asked = past > 0
                              ? kind == MR_RATINGS_HISTORY || kind == MR_RATINGS_COLD_ITEM
                              : kind != MR_RATINGS_HISTORY;
    const uint32_t expected =
        targets_by_definition(ratings, cut->known_count, kind, user, given, is_target);
    const mr_ratings_question *question = find_question(cut, user, kind);
    if (!is_asked || expected == 0) {
        assert_null(question);
        return;
    }
    assert_non_null(question);
    assert_int_equal(question->given, given);
    assert_int_equal(question->target_count, expected);
    const uint32_t *targets = cut->targets + question->target_begin;
    for (uint32_t t = 0; t < expected; t++) {
        assert_true(is_target[targets[t]]);
        assert_true(t == 0 || targets[t - 1] < targets[t]);
    }
}

static void test_questions_are_as_they_are_defined(void **state)
{
    (void)state;
    mr_rating ratings[COUNT];
    mr_ratings_cut cut;
    make_ratings(ratings);
    assert_ok(mr_ratings_cut_make(ratings, COUNT, USERS, ITEMS, 0.3, &cut));
    uint32_t asked[MR_RATINGS_KINDS] = {0};
    for (uint32_t u = 0; u < USERS; u++)
        for (int kind = 0; kind < MR_RATINGS_KINDS; kind++)
            check_question(ratings, &cut, u, (mr_ratings_kind)kind);
    for (size_t q = 0; q < cut.question_count; q++)
        asked[cut.questions[q].kind]++;
    for (int kind = 0; kind < MR_RATINGS_KINDS; kind++)
        assert_true(asked[kind] > 0);
    assert_true(cut.cold_users > 0 && cut.cold_items > 0);
    mr_ratings_cut_deinit(&cut);
}

static void test_a_second_is_not_cut_apart(void **state)
{
    (void)state;
    mr_rating ratings[COUNT];
    make_ratings(ratings);
    for (double share = 0.05; share < 0.96; share += 0.05) {
        mr_ratings_cut cut;
        assert_ok(mr_ratings_cut_make(ratings, COUNT, USERS, ITEMS, share, &cut));
        assert_true(ratings[cut.known_count - 1].time_s < cut.cut_s);
        assert_int_equal(ratings[cut.known_count].time_s, cut.cut_s);
        assert_true((double)(COUNT - cut.known_count) >= share * COUNT - 1e-6);
        mr_ratings_cut_deinit(&cut);
    }
}

static void test_a_cut_that_leaves_nothing_is_refused(void **state)
{
    (void)state;
    mr_rating ratings[COUNT];
    mr_ratings_cut cut;
    make_ratings(ratings);
    assert_int_equal(mr_ratings_cut_make(ratings, COUNT, USERS, ITEMS, 0.0, &cut),
                     MR_ERR_INVALID);
    assert_int_equal(mr_ratings_cut_make(ratings, COUNT, USERS, ITEMS, 1.0, &cut),
                     MR_ERR_INVALID);
    assert_int_equal(mr_ratings_cut_make(ratings, 1, USERS, ITEMS, 0.5, &cut),
                     MR_ERR_NOT_FOUND);
    for (size_t r = 0; r < COUNT; r++)
        ratings[r].value = 3.0F;
    assert_int_equal(mr_ratings_cut_make(ratings, COUNT, USERS, ITEMS, 0.3, &cut),
                     MR_ERR_NOT_FOUND);
    for (size_t r = 0; r < COUNT; r++)
        ratings[r].time_s = 7;
    assert_int_equal(mr_ratings_cut_make(ratings, COUNT, USERS, ITEMS, 0.3, &cut),
                     MR_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions_are_as_they_are_defined),
        cmocka_unit_test(test_a_second_is_not_cut_apart),
        cmocka_unit_test(test_a_cut_that_leaves_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
