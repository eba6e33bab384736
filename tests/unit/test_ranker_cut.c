/*
 * Each form is compared with its definition, question by question, on random sequences with and
 * without baskets and times; then what must hold for any cut: nothing that is asked for is learnt
 * from, a bound on the questions does not change those that stay, and refusals.
 */
#include "models/random.h"
#include "models/ranker_cut.h"
#include "tests/support.h"

#include <string.h>

enum { SEQUENCES = 400, ITEMS = 25, LENGTH_MAX = 12 };

static mr_sequence_list list;

/* Times ascend within a sequence, baskets every few elements; some sequences are empty. */
static mr_sequences draw(uint64_t seed, uint32_t count, bool has_baskets, bool has_times)
{
    uint64_t drawn = 0;
    mr_sequence_list_deinit(&list);
    list.has_baskets = has_baskets;
    list.has_times = has_times;
    for (uint32_t s = 0; s < count; s++) {
        const uint64_t length = mr_random_bits(seed, drawn++) % (LENGTH_MAX + 1);
        uint32_t time_s = (uint32_t)(mr_random_bits(seed, drawn++) % 5000);
        uint32_t basket = 0;
        for (uint64_t e = 0; e < length; e++) {
            const bool is_next = mr_random_bits(seed, drawn++) % 3 == 0;
            const uint32_t item = (uint32_t)(mr_random_bits(seed, drawn++) % ITEMS);
            basket += is_next && e > 0;
            time_s += is_next ? (uint32_t)(mr_random_bits(seed, drawn++) % 900) : 0;
            assert_ok(mr_sequence_list_add(&list, item, basket, time_s));
        }
        assert_ok(mr_sequence_list_end(&list));
    }
    list.items = ITEMS + 2;
    return mr_sequence_list_view(&list);
}

/* ---- the definition: one question is begin, split and end ---- */

typedef struct question {
    uint64_t begin;
    uint64_t split;
    uint64_t end;
} question;

static question expected[SEQUENCES * LENGTH_MAX];
static size_t expected_count;
static uint64_t
    train_end[SEQUENCES]; /* elements of each sequence that may be learnt from */

static uint32_t slow_cut_time(const mr_sequences *s, double share)
{
    /* The smallest time such that no more than 1 - share of the elements are older. */
    const uint64_t first = s->ptr[0];
    const uint64_t count = s->ptr[s->count] - first;
    uint32_t cut = 0;
    for (uint64_t e = first; e < first + count; e++) {
        uint64_t older = 0;
        for (uint64_t o = first; o < first + count; o++)
            older += s->time_s[o] < s->time_s[e];
        if (older <= (uint64_t)((1.0 - share) * (double)count) && s->time_s[e] > cut)
            cut = s->time_s[e];
    }
    return cut;
}

static bool same_basket(const mr_sequences *s, uint64_t a, uint64_t b)
{
    return s->basket != NULL ? s->basket[a] == s->basket[b] : a == b;
}

static uint64_t slow_split(const mr_sequences *s, mr_ranking_form form, uint32_t cut_s,
                           uint64_t begin, uint64_t end)
{
    uint64_t split = end;
    while (split > begin && form == MR_RANKING_LAST_ITEM && split == end)
        split--;
    while (split > begin && form == MR_RANKING_NEXT_BASKET &&
           same_basket(s, split - 1, end - 1))
        split--;
    while (split > begin && form == MR_RANKING_AFTER_CUT && s->time_s[split - 1] >= cut_s)
        split--;
    return split;
}

static uint32_t slow_baskets(const mr_sequences *s, uint64_t begin, uint64_t end)
{
    uint32_t count = 0;
    for (uint64_t e = begin; e < end; e++)
        count += e == begin || !same_basket(s, e, e - 1);
    return count;
}

static void expect_split(const mr_sequences *s, mr_ranking_form form, double share,
                         uint32_t baskets_min)
{
    const uint32_t cut_s = form == MR_RANKING_AFTER_CUT ? slow_cut_time(s, share) : 0;
    expected_count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        const uint64_t begin = s->ptr[i];
        const uint64_t end = s->ptr[i + 1];
        uint64_t split = slow_split(s, form, cut_s, begin, end);
        if (form == MR_RANKING_NEXT_BASKET && slow_baskets(s, begin, end) < baskets_min)
            split = end;
        if (form == MR_RANKING_LAST_ITEM && end - begin < 2)
            split = end;
        train_end[i] = split;
        if (split > begin && split < end)
            expected[expected_count++] = (question){begin, split, end};
    }
}

static void expect_places(const mr_sequences *s, double share)
{
    const uint32_t held = (uint32_t)llround(share * s->count);
    expected_count = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        train_end[i] = i < s->count - held ? s->ptr[i + 1] : s->ptr[i];
        for (uint64_t e = s->ptr[i] + 1; train_end[i] == s->ptr[i] && e < s->ptr[i + 1];
             e++)
            expected[expected_count++] = (question){s->ptr[i], e, e + 1};
    }
}

/* ---- comparison ---- */

static void compare_elements(const mr_sequences *from, uint64_t begin, uint64_t end,
                             const mr_sequences *to, uint32_t sequence)
{
    const uint64_t first = to->ptr[sequence];
    assert_int_equal(mr_sequences_length(to, sequence), end - begin);
    for (uint64_t e = 0; e < end - begin; e++) {
        assert_int_equal(to->item[first + e], from->item[begin + e]);
        if (from->basket != NULL)
            assert_int_equal(to->basket[first + e], from->basket[begin + e]);
        if (from->time_s != NULL)
            assert_int_equal(to->time_s[first + e], from->time_s[begin + e]);
    }
}

static bool stands_between(const mr_sequences *s, uint64_t begin, uint64_t end,
                           uint32_t item)
{
    for (uint64_t e = begin; e < end; e++)
        if (s->item[e] == item)
            return true;
    return false;
}

/* The distinct items of split … end - 1 in order; returns how many the query holds. */
static uint64_t compare_targets(const mr_sequences *s, const question *asked,
                                const uint32_t *targets, uint64_t count)
{
    uint64_t repeats = 0;
    uint64_t t = 0;
    for (uint64_t e = asked->split; e < asked->end; e++) {
        if (stands_between(s, asked->split, e, s->item[e]))
            continue;
        assert_true(t < count);
        assert_int_equal(targets[t++], s->item[e]);
        repeats += stands_between(s, asked->begin, asked->split, s->item[e]);
    }
    assert_int_equal(t, count);
    return repeats;
}

/* How many sequences end before this one, by what is left of each. */
static uint32_t train_place(const mr_sequences *s, uint32_t sequence)
{
    uint32_t place = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (train_end[i] == s->ptr[i])
            continue;
        const uint32_t last_s = s->time_s != NULL ? s->time_s[train_end[i] - 1] : 0;
        const uint32_t own_s = s->time_s != NULL ? s->time_s[train_end[sequence] - 1] : 0;
        place += last_s < own_s || (last_s == own_s && i < sequence);
    }
    return place;
}

static void compare_cut(const mr_sequences *s, const mr_ranker_cut *cut)
{
    const mr_sequences train = mr_sequence_list_view(&cut->train);
    const mr_questions questions = mr_ranker_cut_questions(cut);
    uint32_t kept = 0;
    uint64_t repeats = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (train_end[i] == s->ptr[i])
            continue;
        compare_elements(s, s->ptr[i], train_end[i], &train, train_place(s, i));
        kept++;
    }
    assert_int_equal(train.count, kept);
    assert_int_equal(train.items, s->items);
    assert_int_equal(questions.given.items, s->items);
    assert_int_equal(questions.given.count, expected_count);
    for (uint32_t q = 0; q < expected_count; q++) {
        const uint64_t first = questions.target_ptr[q];
        compare_elements(s, expected[q].begin, expected[q].split, &questions.given, q);
        repeats += compare_targets(s, &expected[q], questions.targets + first,
                                   questions.target_ptr[q + 1] - first);
    }
    assert_close(cut->repeat_share,
                 (double)repeats / (double)questions.target_ptr[expected_count], 1e-12);
    assert_ok(mr_sequences_check(&train, NULL));
    assert_ok(mr_sequences_check(&questions.given, NULL));
}

static void run(const mr_sequences *s, mr_ranking_form form, double share)
{
    mr_ranker_cut cut = {0};
    if (form == MR_RANKING_NEXT_ITEM)
        expect_places(s, share);
    else
        expect_split(s, form, share, 3);
    assert_true(expected_count >= MR_RANKER_CUT_QUESTIONS_MIN);
    assert_ok(mr_ranker_cut_make(s, form, share, 1, &cut));
    compare_cut(s, &cut);
    mr_ranker_cut_deinit(&cut);
}

static void test_each_form_asks_what_it_says_and_learns_from_the_rest(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        const mr_sequences s = draw(seed, SEQUENCES, seed % 2 == 0, true);
        for (uint32_t form = MR_RANKING_NEXT_ITEM; form <= MR_RANKING_AFTER_CUT; form++)
            run(&s, (mr_ranking_form)form, 0.1 + 0.1 * (double)seed);
    }
}

static void test_sequences_without_times_are_cut_by_all_forms_but_one(void **state)
{
    (void)state;
    mr_ranker_cut cut = {0};
    const mr_sequences s = draw(7, SEQUENCES, false, false);
    for (uint32_t form = MR_RANKING_NEXT_ITEM; form < MR_RANKING_AFTER_CUT; form++)
        run(&s, (mr_ranking_form)form, 0.2);
    assert_int_equal(mr_ranker_cut_make(&s, MR_RANKING_AFTER_CUT, 0.2, 1, &cut),
                     MR_ERR_INVALID);
}

static void test_a_slice_is_cut_by_its_own_elements(void **state)
{
    (void)state;
    mr_sequences s = draw(8, SEQUENCES, true, true);
    /* What stands before the slice is much older: its times would move the cut. */
    for (uint64_t e = 0; e < s.ptr[50]; e++)
        list.time_s[e] = 0;
    const mr_sequences slice = mr_sequences_slice(&s, 50, 350);
    for (uint32_t form = MR_RANKING_NEXT_ITEM; form <= MR_RANKING_AFTER_CUT; form++)
        run(&slice, (mr_ranking_form)form, 0.4);
}

static void test_two_baskets_are_enough_where_hardly_anyone_has_three(void **state)
{
    (void)state;
    mr_ranker_cut cut = {0};
    mr_sequence_list_deinit(&list);
    list.has_baskets = true;
    for (uint32_t s = 0; s < 60; s++) {
        for (uint32_t b = 0; b < 2 + (s % 10 == 0); b++)
            assert_ok(mr_sequence_list_add(&list, s % 7 + b, b, 0));
        assert_ok(mr_sequence_list_end(&list));
    }
    const mr_sequences s = mr_sequence_list_view(&list);
    expect_split(&s, MR_RANKING_NEXT_BASKET, 0.0, 2);
    assert_int_equal(expected_count, 60);
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_NEXT_BASKET, 0.0, 1, &cut));
    compare_cut(&s, &cut);
    mr_ranker_cut_deinit(&cut);
}

/* ---- newcomers ---- */

/* By the definition: whether the first `given` elements of a sequence are one of these questions. */
static bool slow_is_short(const mr_sequences *s, uint64_t begin, uint64_t end,
                          uint64_t given, uint32_t cut_s)
{
    const uint64_t past = slow_split(s, MR_RANKING_AFTER_CUT, cut_s, begin, end) - begin;
    if (given > MR_RANKER_NEWCOMER_ELEMENTS || begin + given >= end)
        return false;
    return past > 0 ? given == past
                    : s->time_s[begin + given - 1] != s->time_s[begin + given];
}

static void expect_newcomers(const mr_sequences *s, uint32_t cut_s)
{
    expected_count = 0;
    for (uint32_t i = 0; i < s->count; i++)
        for (uint64_t given = 1; given < s->ptr[i + 1] - s->ptr[i]; given++)
            if (slow_is_short(s, s->ptr[i], s->ptr[i + 1], given, cut_s))
                expected[expected_count++] =
                    (question){s->ptr[i], s->ptr[i] + given, s->ptr[i + 1]};
}

static void test_newcomers_are_asked_after_each_of_their_first_elements(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        const mr_sequences s = draw(seed, SEQUENCES, seed % 2 == 0, true);
        const double share = 0.1 + 0.1 * (double)seed;
        const uint32_t cut_s = slow_cut_time(&s, share);
        mr_ranker_cut cut = {0};
        uint32_t pasts = 0;
        assert_ok(mr_ranker_cut_make(&s, MR_RANKING_AFTER_CUT, share, 1, &cut));
        const mr_questions questions = mr_ranker_cut_newcomers(&cut);
        const mr_sequences train = mr_sequence_list_view(&cut.train);
        expect_newcomers(&s, cut_s);
        assert_true(expected_count > 20);
        assert_int_equal(questions.given.count, expected_count);
        for (uint32_t q = 0; q < expected_count; q++) {
            const uint64_t first = questions.target_ptr[q];
            compare_elements(&s, expected[q].begin, expected[q].split, &questions.given,
                             q);
            (void)compare_targets(&s, &expected[q], questions.targets + first,
                                  questions.target_ptr[q + 1] - first);
            pasts += s.time_s[expected[q].begin] < cut_s;
        }
        assert_true(pasts > 0 && pasts < expected_count);
        /* Nothing that is asked for is learnt from: it all lies behind the cut. */
        for (uint64_t e = 0; e < train.ptr[train.count]; e++)
            assert_true(train.time_s[e] < cut_s);
        mr_ranker_cut_deinit(&cut);
    }
}

static void test_other_forms_know_no_newcomers(void **state)
{
    (void)state;
    const mr_sequences s = draw(3, SEQUENCES, true, true);
    for (uint32_t form = MR_RANKING_NEXT_ITEM; form < MR_RANKING_AFTER_CUT; form++) {
        mr_ranker_cut cut = {0};
        assert_ok(mr_ranker_cut_make(&s, (mr_ranking_form)form, 0.2, 1, &cut));
        assert_int_equal(mr_ranker_cut_newcomers(&cut).given.count, 0);
        mr_ranker_cut_deinit(&cut);
    }
}

/* Those that have a past, then as many newcomers, of seven elements each. */
static void test_of_too_many_newcomers_some_are_asked_all_their_questions(void **state)
{
    (void)state;
    enum { USERS = 4 * MR_RANKER_CUT_NEWCOMERS_MAX };
    mr_ranker_cut cut = {0};
    mr_sequence_list_deinit(&list);
    list.has_times = true;
    for (uint32_t u = 0; u < USERS; u++) {
        const bool is_new = u >= USERS / 2;
        for (uint32_t e = 0; e < 7; e++)
            assert_ok(mr_sequence_list_add(&list, u, 0,
                                           is_new || e == 6 ? 2 * USERS + e : 1 + e));
        assert_ok(mr_sequence_list_end(&list));
    }
    const mr_sequences s = mr_sequence_list_view(&list);
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_AFTER_CUT, 0.55, 1, &cut));
    const mr_questions questions = mr_ranker_cut_newcomers(&cut);
    uint32_t asked = 0;
    for (uint32_t q = 0; q < questions.given.count; q += 5, asked++)
        for (uint32_t p = 0; p < 5; p++) {
            const mr_query query = mr_sequences_query(&questions.given, q + p, SIZE_MAX);
            assert_int_equal(query.count, p + 1);
            assert_int_equal(query.item[0], questions.given.item[questions.given.ptr[q]]);
            assert_true(query.item[0] >= USERS / 2);
        }
    /* Six deviations of that many draws on either side. */
    assert_true(asked > MR_RANKER_CUT_NEWCOMERS_MAX - 135 &&
                asked < MR_RANKER_CUT_NEWCOMERS_MAX + 135);
    mr_ranker_cut_deinit(&cut);
}

/* ---- the bound on questions ---- */

enum { MANY = 2 * MR_RANKER_CUT_QUESTIONS_MAX };

/* Sequence s asks for item s, so that a question says where it came from. */
static mr_sequences many(uint32_t count)
{
    mr_sequence_list_deinit(&list);
    for (uint32_t s = 0; s < count; s++) {
        assert_ok(mr_sequence_list_add(&list, 0, 0, 0));
        assert_ok(mr_sequence_list_add(&list, s, 0, 0));
        assert_ok(mr_sequence_list_end(&list));
    }
    return mr_sequence_list_view(&list);
}

static size_t asked_in(const mr_ranker_cut *cut, uint32_t first, uint32_t end)
{
    size_t count = 0;
    for (size_t t = 0; t < cut->asked.target_count; t++)
        count += cut->asked.targets[t] >= first && cut->asked.targets[t] < end;
    return count;
}

static void test_of_too_many_questions_a_part_is_picked_evenly(void **state)
{
    (void)state;
    mr_ranker_cut cut = {0};
    mr_ranker_cut again = {0};
    mr_ranker_cut other = {0};
    const mr_sequences s = many(MANY);
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_LAST_ITEM, 0.0, 1, &cut));
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_LAST_ITEM, 0.0, 1, &again));
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_LAST_ITEM, 0.0, 2, &other));
    /* Six deviations of that many draws on either side. */
    assert_true(cut.asked.given.count > MR_RANKER_CUT_QUESTIONS_MAX - 540 &&
                cut.asked.given.count < MR_RANKER_CUT_QUESTIONS_MAX + 540);
    for (uint32_t tenth = 0; tenth < 10; tenth++) {
        const size_t asked =
            asked_in(&cut, tenth * (MANY / 10), (tenth + 1) * (MANY / 10));
        assert_true(asked > 1600 - 170 && asked < 1600 + 170);
    }
    assert_int_equal(cut.asked.target_count, again.asked.target_count);
    assert_memory_equal(cut.asked.targets, again.asked.targets,
                        cut.asked.target_count * sizeof(*cut.asked.targets));
    assert_true(cut.asked.target_count != other.asked.target_count ||
                memcmp(cut.asked.targets, other.asked.targets,
                       cut.asked.target_count * sizeof(*cut.asked.targets)) != 0);
    /* What was not asked is not learnt from either. */
    assert_int_equal(cut.train.count, MANY);
    assert_int_equal(cut.train.elements, MANY);
    mr_ranker_cut_deinit(&cut);
    mr_ranker_cut_deinit(&again);
    mr_ranker_cut_deinit(&other);
}

/* Whether a question is picked is a matter of its place, not of those cut before it. */
static void test_a_pick_does_not_depend_on_other_sequences(void **state)
{
    (void)state;
    mr_ranker_cut first = {0};
    mr_ranker_cut second = {0};
    const mr_sequences s = many(MANY);
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_LAST_ITEM, 0.0, 1, &first));
    /* Sequences change what they hold, and keep their lengths. */
    for (uint32_t e = 0; e < MANY; e++)
        list.item[2 * e] = MANY - 1 - e;
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_LAST_ITEM, 0.0, 1, &second));
    assert_int_equal(first.asked.target_count, second.asked.target_count);
    assert_memory_equal(first.asked.targets, second.asked.targets,
                        first.asked.target_count * sizeof(*first.asked.targets));
    mr_ranker_cut_deinit(&first);
    mr_ranker_cut_deinit(&second);
}

static void test_a_robot_does_not_ask_with_all_it_did(void **state)
{
    (void)state;
    mr_ranker_cut cut = {0};
    mr_sequence_list_deinit(&list);
    list.has_baskets = true;
    for (uint32_t e = 0; e < MR_RANKER_CUT_QUERY_MAX + 100; e++)
        assert_ok(mr_sequence_list_add(&list, e, e / 2, 0));
    assert_ok(mr_sequence_list_end(&list));
    const mr_sequences s = mr_sequence_list_view(&list);
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_NEXT_ITEM, 1.0, 1, &cut));
    const mr_questions questions = mr_ranker_cut_questions(&cut);
    assert_int_equal(questions.given.count, MR_RANKER_CUT_QUERY_MAX + 99);
    for (uint32_t q = 0; q < questions.given.count; q++) {
        const mr_query query = mr_sequences_query(&questions.given, q, SIZE_MAX);
        assert_int_equal(query.count, q + 1 < MR_RANKER_CUT_QUERY_MAX
                                          ? q + 1
                                          : (uint32_t)MR_RANKER_CUT_QUERY_MAX);
        assert_int_equal(query.item[query.count - 1], q);
        assert_int_equal(questions.targets[questions.target_ptr[q]], q + 1);
    }
    mr_ranker_cut_deinit(&cut);
}

/* ---- refusals ---- */

static void test_too_few_questions_are_not_asked(void **state)
{
    (void)state;
    mr_ranker_cut cut = {0};
    mr_sequences s = many(MR_RANKER_CUT_QUESTIONS_MIN);
    assert_ok(mr_ranker_cut_make(&s, MR_RANKING_LAST_ITEM, 0.1, 1, &cut));
    assert_int_equal(cut.asked.given.count, MR_RANKER_CUT_QUESTIONS_MIN);
    mr_ranker_cut_deinit(&cut);
    s = many(MR_RANKER_CUT_QUESTIONS_MIN - 1);
    assert_int_equal(mr_ranker_cut_make(&s, MR_RANKING_LAST_ITEM, 0.1, 1, &cut),
                     MR_ERR_NOT_FOUND);
    s = mr_sequences_slice(&s, 0, 0);
    for (uint32_t form = MR_RANKING_NEXT_ITEM; form < MR_RANKING_AFTER_CUT; form++)
        assert_int_equal(mr_ranker_cut_make(&s, (mr_ranking_form)form, 0.1, 1, &cut),
                         MR_ERR_NOT_FOUND);
    s = draw(9, SEQUENCES, false, true);
    for (uint64_t e = 0; e < s.ptr[s.count]; e++)
        list.time_s[e] = 77;
    assert_int_equal(mr_ranker_cut_make(&s, MR_RANKING_AFTER_CUT, 0.1, 1, &cut),
                     MR_ERR_NOT_FOUND);
}

static void test_refuses_a_share_that_is_none(void **state)
{
    (void)state;
    static const double shares[] = {-0.1, 1.1, 1e300, -INFINITY, NAN};
    mr_ranker_cut cut = {0};
    const mr_sequences s = draw(9, SEQUENCES, false, true);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
        for (uint32_t form = MR_RANKING_NEXT_ITEM; form <= MR_RANKING_AFTER_CUT; form++)
            assert_int_equal(
                mr_ranker_cut_make(&s, (mr_ranking_form)form, shares[i], 1, &cut),
                MR_ERR_INVALID);
}

static int forget(void **state)
{
    (void)state;
    mr_sequence_list_deinit(&list);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_form_asks_what_it_says_and_learns_from_the_rest),
        cmocka_unit_test(test_sequences_without_times_are_cut_by_all_forms_but_one),
        cmocka_unit_test(test_a_slice_is_cut_by_its_own_elements),
        cmocka_unit_test(test_two_baskets_are_enough_where_hardly_anyone_has_three),
        cmocka_unit_test(test_newcomers_are_asked_after_each_of_their_first_elements),
        cmocka_unit_test(test_other_forms_know_no_newcomers),
        cmocka_unit_test(test_of_too_many_newcomers_some_are_asked_all_their_questions),
        cmocka_unit_test(test_of_too_many_questions_a_part_is_picked_evenly),
        cmocka_unit_test(test_a_pick_does_not_depend_on_other_sequences),
        cmocka_unit_test(test_a_robot_does_not_ask_with_all_it_did),
        cmocka_unit_test(test_too_few_questions_are_not_asked),
        cmocka_unit_test(test_refuses_a_share_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
