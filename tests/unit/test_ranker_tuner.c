/*
 * Data with a planted habit, which the recipe has to find: everything comes again, nothing does,
 * the next item is this one plus 1, whatever is popular is taken.  Then what a search must keep to:
 * its budget, the families it may use, the same answer for any number of threads, and an answer
 * too where there is nothing to learn.
 */
#include "models/random.h"
#include "models/ranker_evaluation.h"
#include "models/ranker_fit.h"
#include "models/ranker_tuner.h"
#include "tests/support.h"

#include <string.h>

enum { ITEMS = 40, SEQUENCES = 150, LENGTH = 6, DEFAULT = MR_RANKER_BUDGET_DEFAULT };

static mr_worker_pool *pools[4]; /* by threads */
static mr_sequence_list list;

static int set_up(void **state)
{
    (void)state;
    for (uint32_t t = 1; t <= 3; t++)
        assert_ok(mr_worker_pool_create(t, &pools[t]));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_sequence_list_deinit(&list);
    for (uint32_t t = 1; t <= 3; t++)
        mr_worker_pool_destroy(pools[t]);
    return 0;
}

/* What a user takes at a step, after what was taken before. */
typedef uint32_t (*habit)(uint32_t user, uint32_t step, const uint32_t *before);

static uint64_t drawn(uint32_t user, uint32_t step)
{
    return mr_random_bits(21, (uint64_t)user * 1000 + step);
}

static uint32_t take_anything(uint32_t user, uint32_t step, const uint32_t *before)
{
    (void)before;
    return (uint32_t)(drawn(user, step) % ITEMS);
}

static uint32_t take_next(uint32_t user, uint32_t step, const uint32_t *before)
{
    return step == 0 || drawn(user, step) % 8 == 0 ? take_anything(user, step, before)
                                                   : (before[step - 1] + 1) % ITEMS;
}

/* Two favourites each, taken in turn; once in a while something else. */
static uint32_t take_again(uint32_t user, uint32_t step, const uint32_t *before)
{
    return drawn(user, step) % 5 == 0 ? take_anything(user, step, before)
                                      : (user * 7 + step % 2 * 11) % ITEMS;
}

/* Steps of 1 or 2 from an own start: nothing comes again. */
static uint32_t take_new(uint32_t user, uint32_t step, const uint32_t *before)
{
    return step == 0 ? user % ITEMS
                     : (before[step - 1] + 1 + (uint32_t)(drawn(user, step) % 2)) % ITEMS;
}

/* The lower the more often, whatever went before. */
static uint32_t take_popular(uint32_t user, uint32_t step, const uint32_t *before)
{
    const double where = (double)(drawn(user, step) % 4096) / 4096.0;
    (void)before;
    return (uint32_t)(where * where * where * ITEMS);
}

/* The last item is one that nobody else ever has. */
static uint32_t take_unheard(uint32_t user, uint32_t step, const uint32_t *before)
{
    (void)before;
    return step + 1 < LENGTH ? step : 10 * ITEMS + user;
}

static mr_sequences draw(habit take, uint32_t length)
{
    uint32_t before[LENGTH];
    mr_sequence_list_deinit(&list);
    list.has_times = true;
    for (uint32_t u = 0; u < SEQUENCES; u++) {
        for (uint32_t step = 0; step < length; step++) {
            before[step] = take(u, step, before);
            assert_ok(mr_sequence_list_add(&list, before[step], step, 1000 * step + u));
        }
        assert_ok(mr_sequence_list_end(&list));
    }
    return mr_sequence_list_view(&list);
}

/* All families but the encoder, which is dear. */
static mr_ranker_tuner_options options_of_test(void)
{
    mr_ranker_tuner_options options = {
        .form = MR_RANKING_LAST_ITEM, .share = 0.2, .k = 5, .budget = DEFAULT, .seed = 3};
    options.families[MR_SIGNAL_SEQUENCE] = true;
    options.families[MR_SIGNAL_SESSION_KNN] = true;
    options.families[MR_SIGNAL_REPEAT] = true;
    options.families[MR_SIGNAL_POPULAR] = true;
    return options;
}

static mr_ranker_tuner_result tuned(const mr_sequences *sequences,
                                    const mr_ranker_tuner_options *options)
{
    mr_ranker_tuner_result result;
    assert_ok(mr_ranker_tune(sequences, options, pools[1], &result));
    return result;
}

static double value_of(const mr_ranker_tuner_options *options,
                       const mr_ranking_metrics *metrics)
{
    return mr_ranking_objective(options->form, metrics);
}

/*
 * The questions again, and what each of the recipe's families is worth alone on the half that
 * decided, trained as in the recipe: no more than the recipe was.
 */
static void check_never_below_a_single(const mr_sequences *sequences,
                                       const mr_ranker_tuner_options *options,
                                       const mr_ranker_tuner_result *result)
{
    mr_ranker_cut cut;
    mr_ranker_members members = {0};
    mr_ranking_metrics metrics;
    assert_ok(mr_ranker_cut_make(sequences, options->form, options->share, options->seed,
                                 &cut));
    const mr_sequences train = mr_sequence_list_view(&cut.train);
    const mr_ranker_training training = {.sequences = &train, .pool = pools[1]};
    const mr_questions all = mr_ranker_cut_questions(&cut);
    const uint32_t middle = all.given.count / 2;
    const mr_questions judged = {
        .given = mr_sequences_slice(&all.given, middle, all.given.count - middle),
        .target_ptr = all.target_ptr + middle,
        .targets = all.targets};
    assert_int_equal(result->questions, all.given.count);
    assert_ok(mr_ranker_members_train(&result->recipe, &training, &members));
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        mr_ranker_recipe single = result->recipe;
        single.newcomers_max = 0; /* judged was the choice for all */
        if (!single.uses[s])
            continue;
        single.choice.single = (mr_signal)s;
        assert_ok(mr_ranker_evaluate(&members, &single, &judged, &options->k, 1, pools[1],
                                     &metrics));
        assert_true(value_of(options, &result->holdout) >= value_of(options, &metrics));
    }
    mr_ranker_members_deinit(&members);
    mr_ranker_cut_deinit(&cut);
}

static void test_the_next_item_is_learnt_from_the_last(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_next, LENGTH);
    for (uint32_t form = MR_RANKING_NEXT_ITEM; form <= MR_RANKING_AFTER_CUT; form++) {
        mr_ranker_tuner_options options = options_of_test();
        options.form = (mr_ranking_form)form;
        const mr_ranker_tuner_result result = tuned(&sequences, &options);
        const mr_signal single = result.recipe.choice.single;
        assert_true(single == MR_SIGNALS || single == MR_SIGNAL_SEQUENCE ||
                    single == MR_SIGNAL_REPEAT || single == MR_SIGNAL_SESSION_KNN);
        assert_true(result.holdout.hit > 0.75);
        assert_true(result.singles[MR_SIGNAL_POPULAR].hit < 0.6);
        check_never_below_a_single(&sequences, &options, &result);
    }
}

static void test_a_habit_of_repeating_is_found(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_again, LENGTH);
    const mr_ranker_tuner_options options = options_of_test();
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_true(result.repeat_share > 0.6);
    assert_true(result.recipe.choice.repeats_allowed);
    assert_int_equal(result.recipe.choice.single, MR_SIGNALS);
    assert_true(result.holdout.hit > 0.75);
    check_never_below_a_single(&sequences, &options, &result);
    /* One who takes two favourites in turn takes the other: its own, and there is a part for that. */
    mr_ranker_members members = {0};
    mr_ranker_workspace *workspace = NULL;
    const mr_ranker_training training = {.sequences = &sequences, .pool = pools[1]};
    const uint32_t had[] = {4, 15, 4, 15, 4};
    const mr_query query = {.item = had, .count = 5};
    const mr_ranker_limits limits = {.k = 1};
    mr_ranked best;
    float parts[MR_SIGNALS + 1];
    assert_ok(mr_ranker_members_train(&result.recipe, &training, &members));
    assert_ok(mr_ranker_workspace_create(&members, 0, &workspace));
    assert_int_equal(
        mr_ranker_rank(&members, &result.recipe, workspace, &query, &limits, &best), 1);
    assert_int_equal(best.index, 15);
    mr_ranker_parts(&result.recipe, workspace, 15, parts);
    assert_true(parts[MR_SIGNALS] > 0.0F);
    mr_ranker_workspace_destroy(workspace);
    mr_ranker_members_deinit(&members);
}

static void test_where_nothing_comes_again_own_items_are_barred(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_new, LENGTH);
    const mr_ranker_tuner_options options = options_of_test();
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_true(result.repeat_share == 0.0);
    assert_false(result.recipe.choice.repeats_allowed);
    assert_true(result.holdout.hit > 0.9);
    check_never_below_a_single(&sequences, &options, &result);
}

static void test_where_nothing_tells_the_popular_are_shown(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_popular, LENGTH);
    const mr_ranker_tuner_options options = options_of_test();
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_true(value_of(&options, &result.holdout) >
                0.8 * value_of(&options, &result.singles[MR_SIGNAL_POPULAR]));
    check_never_below_a_single(&sequences, &options, &result);
}

static void test_threads_and_runs_agree(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_again, LENGTH);
    const mr_ranker_tuner_options options = options_of_test();
    const mr_ranker_tuner_result one = tuned(&sequences, &options);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        mr_ranker_tuner_result other;
        char text[MR_RANKER_TEXT_BYTES];
        char other_text[MR_RANKER_TEXT_BYTES];
        assert_ok(mr_ranker_tune(&sequences, &options, pools[threads], &other));
        mr_ranker_recipe_text(&one.recipe, text);
        mr_ranker_recipe_text(&other.recipe, other_text);
        assert_string_equal(text, other_text);
        assert_memory_equal(one.recipe.choice.weights, other.recipe.choice.weights,
                            sizeof(one.recipe.choice.weights));
        assert_true(one.holdout.ndcg == other.holdout.ndcg &&
                    one.holdout.hit == other.holdout.hit);
        assert_int_equal(one.tries, other.tries);
    }
}

/* Rows that know the answer: the habit of take_next(). */
static void score_next(void *context, uint32_t lane, const mr_query *query,
                       float *ret_row)
{
    (void)context;
    (void)lane;
    memset(ret_row, 0, ITEMS * sizeof(*ret_row));
    ret_row[(query->item[query->count - 1] + 1) % ITEMS] = 1.0F;
}

static void test_rows_of_the_caller_are_a_family(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_next, LENGTH);
    mr_ranker_tuner_options options = options_of_test();
    memset(options.families, 0, sizeof(options.families));
    options.families[MR_SIGNAL_POPULAR] = options.families[MR_SIGNAL_ROWS] = true;
    options.rows.score = score_next;
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_true(result.recipe.uses[MR_SIGNAL_ROWS]);
    assert_true(result.singles[MR_SIGNAL_ROWS].hit > 0.8);
    assert_true(result.holdout.hit > 0.8);
    options.families[MR_SIGNAL_POPULAR] = false;
    const mr_sequences few = mr_sequences_slice(&sequences, 0, 20);
    assert_int_equal(tuned(&sequences, &options).recipe.choice.single, MR_SIGNAL_ROWS);
    assert_int_equal(tuned(&few, &options).recipe.choice.single, MR_SIGNAL_ROWS);
}

/* ---- newcomers ---- */

enum { ONCE = 120, NEW = 60, PAST = 7, LATE = 2, BEFORE_S = 1000, CUT_S = 100000 };

/*
 * Those who came once, those who came again, who go on with the next item, and newcomers, who do
 * not: whatever they took first, they then take the items that were popular before.
 */
static mr_sequences draw_with_newcomers(uint32_t newcomers)
{
    mr_sequence_list_deinit(&list);
    list.has_times = true;
    for (uint32_t u = 0; u < ONCE + SEQUENCES + newcomers; u++) {
        const bool is_new = u >= ONCE + SEQUENCES;
        const bool came_again = u >= ONCE && !is_new;
        const uint32_t length = came_again ? PAST + LATE : PAST;
        uint32_t item = (uint32_t)(drawn(u, 0) % ITEMS);
        for (uint32_t step = 0; step < length; step++) {
            const uint32_t since_s = is_new || step >= PAST ? CUT_S : 0;
            assert_ok(
                mr_sequence_list_add(&list, item, step, since_s + BEFORE_S * step + u));
            item = came_again ? (item + 1) % ITEMS : (uint32_t)(drawn(u, step + 1) % 5);
        }
        assert_ok(mr_sequence_list_end(&list));
    }
    return mr_sequence_list_view(&list);
}

static double value_for_newcomers(const mr_ranker_cut *cut,
                                  const mr_ranker_members *members,
                                  const mr_ranker_recipe *recipe,
                                  const mr_ranker_tuner_options *options)
{
    const mr_questions questions = mr_ranker_cut_newcomers(cut);
    mr_ranking_metrics metrics;
    assert_ok(mr_ranker_evaluate(members, recipe, &questions, &options->k, 1, pools[1],
                                 &metrics));
    return value_of(options, &metrics);
}

/* The cut where the late ones begin. */
static mr_ranker_tuner_options options_after_cut(uint32_t newcomers)
{
    const uint32_t late = LATE * SEQUENCES + PAST * newcomers;
    mr_ranker_tuner_options options = options_of_test();
    options.form = MR_RANKING_AFTER_CUT;
    options.share = (double)late / (double)(PAST * (ONCE + SEQUENCES) + late) - 1e-6;
    options.budget = 8;
    return options;
}

static void test_newcomers_get_what_is_better_for_them(void **state)
{
    (void)state;
    const mr_sequences sequences = draw_with_newcomers(NEW);
    const mr_ranker_tuner_options options = options_after_cut(NEW);
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    const mr_ranker_recipe *recipe = &result.recipe;
    mr_ranker_recipe as_others = *recipe;
    mr_ranker_members members = {0};
    mr_ranker_cut cut;
    assert_int_equal(recipe->newcomers_max, MR_RANKER_NEWCOMER_ELEMENTS);
    assert_ok(
        mr_ranker_cut_make(&sequences, options.form, options.share, options.seed, &cut));
    const mr_sequences train = mr_sequence_list_view(&cut.train);
    const mr_ranker_training training = {.sequences = &train, .pool = pools[1]};
    assert_int_equal(result.newcomer_questions,
                     mr_ranker_cut_newcomers(&cut).given.count);
    assert_ok(mr_ranker_members_train(recipe, &training, &members));
    as_others.newcomers_max = 0;
    assert_true(value_for_newcomers(&cut, &members, recipe, &options) >
                1.2 * value_for_newcomers(&cut, &members, &as_others, &options));
    /* Weights or family: what either choice asks has been trained. */
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        assert_int_equal(recipe->uses[s], mr_ranker_recipe_asks(recipe, (mr_signal)s));
    mr_ranker_members_deinit(&members);
    mr_ranker_cut_deinit(&cut);
}

static void test_too_few_newcomers_are_served_as_all_others(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 9};
    for (size_t n = 0; n < 2; n++) {
        const mr_ranker_tuner_options options = options_after_cut(counts[n]);
        const mr_sequences sequences = draw_with_newcomers(counts[n]);
        const mr_ranker_tuner_result result = tuned(&sequences, &options);
        assert_int_equal(result.recipe.newcomers_max, 0);
        assert_true(result.questions >= MR_RANKER_CUT_QUESTIONS_MIN);
        assert_true(result.newcomer_questions < MR_RANKER_CUT_QUESTIONS_MIN);
    }
}

/* ---- repeats ---- */

/* One in twenty of the last items is the user's first. */
static uint32_t take_rarely_again(uint32_t user, uint32_t step, const uint32_t *before)
{
    return step + 1 == LENGTH && user % 20 == 0 ? before[0]
                                                : take_new(user, step, before);
}

/* A row cannot tell a repeat's worth: a single is judged with own items and without. */
static void test_a_rare_repeat_does_not_let_own_items_in(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_rarely_again, LENGTH);
    mr_ranker_tuner_options options = options_of_test();
    mr_ranker_members members = {0};
    mr_ranker_cut cut;
    memset(options.families, 0, sizeof(options.families));
    options.families[MR_SIGNAL_POPULAR] = true;
    options.budget = 1; /* of another way to ask there is no count */
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_ok(
        mr_ranker_cut_make(&sequences, options.form, options.share, options.seed, &cut));
    const mr_sequences train = mr_sequence_list_view(&cut.train);
    const mr_ranker_training training = {.sequences = &train, .pool = pools[1]};
    const mr_questions questions = mr_ranker_cut_questions(&cut);
    mr_ranker_recipe recipe = result.recipe;
    double values[2];
    assert_ok(mr_ranker_members_train(&recipe, &training, &members));
    for (uint32_t way = 0; way < 2; way++) {
        mr_ranking_metrics metrics;
        recipe.choice.repeats_allowed = way == 1;
        assert_ok(mr_ranker_evaluate(&members, &recipe, &questions, &options.k, 1,
                                     pools[1], &metrics));
        values[way] = value_of(&options, &metrics);
    }
    assert_true(result.repeat_share > 0.0 && result.repeat_share < 0.1);
    assert_int_equal(result.tries, 1);
    assert_true(values[0] > values[1]);
    assert_false(result.recipe.choice.repeats_allowed);
    assert_true(value_of(&options, &result.holdout) == values[0]);
    mr_ranker_members_deinit(&members);
    mr_ranker_cut_deinit(&cut);
}

/* ---- budget and families ---- */

static void test_no_more_is_tried_than_the_budget_allows(void **state)
{
    (void)state;
    static const uint32_t budgets[] = {1, 2, 3, 5, 8, 11, 12, 23, DEFAULT, 31};
    static const mr_signal cheap[] = {MR_SIGNAL_SEQUENCE, MR_SIGNAL_SESSION_KNN,
                                      MR_SIGNAL_REPEAT, MR_SIGNAL_POPULAR,
                                      MR_SIGNAL_ROWS};
    const mr_sequences sequences = draw(take_next, 3);
    for (uint32_t subset = 1; subset < 32; subset++)
        for (size_t b = 0; b < sizeof(budgets) / sizeof(budgets[0]); b++) {
            mr_ranker_tuner_options options = options_of_test();
            if (b % 5 != subset % 5 && subset != 31)
                continue; /* a fifth of the pairs will do */
            for (uint32_t s = 0; s < 5; s++)
                options.families[cheap[s]] = (subset >> s & 1) != 0;
            options.rows.score = score_next;
            options.budget = budgets[b];
            const mr_ranker_tuner_result result = tuned(&sequences, &options);
            assert_true(result.tries >= 1 && result.tries <= budgets[b]);
            for (uint32_t s = 0; s < 5; s++)
                assert_int_equal(result.tried[cheap[s]], options.families[cheap[s]]);
        }
}

/* So large that a family's part of it is more than a search can hold. */
static void test_a_budget_beyond_reason_ends(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_next, 3);
    mr_ranker_tuner_options options = options_of_test();
    options.families[MR_SIGNAL_SEQUENCE] = false;
    options.families[MR_SIGNAL_REPEAT] = false;
    options.budget = UINT32_MAX;
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_true(result.tries < 100);
}

static void test_a_familys_name_is_that_family(void **state)
{
    (void)state;
    static const mr_signal cheap[] = {MR_SIGNAL_SEQUENCE, MR_SIGNAL_SESSION_KNN,
                                      MR_SIGNAL_REPEAT, MR_SIGNAL_POPULAR};
    const mr_sequences sequences = draw(take_again, LENGTH);
    for (size_t f = 0; f < 4; f++) {
        mr_ranker_tuner_options options = options_of_test();
        memset(options.families, 0, sizeof(options.families));
        options.families[cheap[f]] = true;
        const mr_ranker_tuner_result result = tuned(&sequences, &options);
        assert_int_equal(result.recipe.choice.single, cheap[f]);
        assert_string_equal(mr_ranker_choice_name(&result.recipe.choice),
                            mr_signal_name(cheap[f]));
        for (uint32_t s = 0; s < MR_SIGNALS; s++)
            assert_int_equal(result.recipe.uses[s], s == cheap[f]);
        assert_true(result.holdout.users == result.questions);
    }
}

static void test_a_blend_that_is_insisted_on_is_taken_and_judged(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_anything, LENGTH);
    mr_ranker_tuner_options options = options_of_test();
    mr_ranker_cut cut;
    mr_ranker_members members = {0};
    mr_ranking_metrics metrics;
    options.insist_on_blend = true;
    options.budget = 1;
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_int_equal(result.recipe.choice.single, MR_SIGNALS);
    assert_string_equal(mr_ranker_choice_name(&result.recipe.choice), "blend");
    /* The hold-out is the blend's: the same weights fitted again on the first half. */
    assert_ok(
        mr_ranker_cut_make(&sequences, options.form, options.share, options.seed, &cut));
    const mr_sequences train = mr_sequence_list_view(&cut.train);
    const mr_ranker_training training = {.sequences = &train, .pool = pools[1]};
    const mr_questions all = mr_ranker_cut_questions(&cut);
    const uint32_t middle = all.given.count / 2;
    mr_questions half = all;
    mr_ranker_recipe recipe = result.recipe;
    mr_ranker_groups groups = {0};
    half.given = mr_sequences_slice(&all.given, 0, middle);
    assert_ok(mr_ranker_members_train(&recipe, &training, &members));
    assert_ok(mr_ranker_groups_collect(&members, &recipe, &half, pools[1], &groups));
    assert_ok(mr_ranker_groups_fit(&groups, pools[1], 0.0F, &recipe.choice, NULL));
    half.given = mr_sequences_slice(&all.given, middle, all.given.count - middle);
    half.target_ptr = all.target_ptr + middle;
    assert_ok(
        mr_ranker_evaluate(&members, &recipe, &half, &options.k, 1, pools[1], &metrics));
    assert_true(metrics.ndcg == result.holdout.ndcg);
    mr_ranker_groups_deinit(&groups);
    mr_ranker_members_deinit(&members);
    mr_ranker_cut_deinit(&cut);
}

/* ---- too little ---- */

static void test_with_too_few_questions_the_simplest_family_is_taken(void **state)
{
    (void)state;
    const mr_sequences all = draw(take_next, LENGTH);
    const mr_sequences few = mr_sequences_slice(&all, 0, 30);
    const mr_sequences none = mr_sequences_slice(&all, 0, 0);
    mr_ranker_tuner_options options = options_of_test();
    mr_ranker_tuner_result result = tuned(&few, &options);
    assert_int_equal(result.recipe.choice.single, MR_SIGNAL_POPULAR);
    assert_int_equal(result.questions, 0);
    assert_int_equal(result.tries, 0);
    options.families[MR_SIGNAL_POPULAR] = false;
    result = tuned(&few, &options);
    assert_int_equal(result.recipe.choice.single, MR_SIGNAL_SEQUENCE);
    assert_true(result.recipe.uses[MR_SIGNAL_SEQUENCE]);
    result = tuned(&none, &options);
    assert_int_equal(result.recipe.choice.single, MR_SIGNAL_SEQUENCE);
}

static void test_answers_that_nobody_has_heard_of_are_no_error(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_unheard, LENGTH);
    mr_ranker_tuner_options options = options_of_test();
    options.budget = 6;
    mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_int_not_equal(result.recipe.choice.single, MR_SIGNALS);
    options.insist_on_blend = true;
    result = tuned(&sequences, &options);
    assert_int_not_equal(result.recipe.choice.single, MR_SIGNALS);
}

/* The cut leaves one item of each: no example for an encoder, whatever else there is. */
static void test_an_encoder_without_an_example_is_passed_over(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_next, 2);
    mr_ranker_tuner_options options = options_of_test();
    options.families[MR_SIGNAL_ENCODER] = true;
    mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_false(result.recipe.uses[MR_SIGNAL_ENCODER]);
    memset(options.families, 0, sizeof(options.families));
    options.families[MR_SIGNAL_ENCODER] = true;
    result = tuned(&sequences, &options);
    assert_int_equal(result.recipe.choice.single, MR_SIGNAL_ENCODER);
    assert_true(result.recipe.uses[MR_SIGNAL_ENCODER]);
    assert_int_equal(result.tries, 0);
}

/* A small budget leaves no look for it: it is sized by the data. */
static void test_an_encoder_is_taken_as_it_comes(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_next, 4);
    mr_ranker_tuner_options options = options_of_test();
    mr_ranker_tuner_result two;
    memset(options.families, 0, sizeof(options.families));
    options.families[MR_SIGNAL_ENCODER] = true;
    options.insist_on_blend = true;
    options.budget = 1;
    options.seed = 77;
    const mr_ranker_tuner_result one = tuned(&sequences, &options);
    assert_true(one.recipe.uses[MR_SIGNAL_ENCODER]);
    assert_int_equal(one.recipe.encoder.seed, 77);
    assert_int_equal(one.tries, 1);
    assert_ok(mr_encoder_options_check(&one.recipe.encoder, NULL));
    assert_ok(mr_ranker_tune(&sequences, &options, pools[2], &two));
    assert_memory_equal(one.recipe.choice.weights, two.recipe.choice.weights,
                        sizeof(one.recipe.choice.weights));
}

static void test_refuses_what_cannot_be_chosen_from(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_next, 3);
    mr_ranker_tuner_options options = options_of_test();
    mr_ranker_tuner_result result;
    options.k = 0;
    assert_int_equal(mr_ranker_tune(&sequences, &options, pools[1], &result),
                     MR_ERR_INVALID);
    options.k = MR_RANKER_K_MAX;
    assert_int_equal(mr_ranker_tune(&sequences, &options, pools[1], &result),
                     MR_ERR_INVALID);
    options.k = 5;
    memset(options.families, 0, sizeof(options.families));
    assert_int_equal(mr_ranker_tune(&sequences, &options, pools[1], &result),
                     MR_ERR_INVALID);
    options.families[MR_SIGNAL_CONTENT] = true; /* without a model of it, or a source */
    options.families[MR_SIGNAL_ROWS] = true;
    assert_int_equal(mr_ranker_tune(&sequences, &options, pools[1], &result),
                     MR_ERR_INVALID);
}

static void count_lines(void *context, const char *line)
{
    assert_true(strlen(line) > 0);
    (*(uint32_t *)context)++;
}

static void test_each_try_is_told(void **state)
{
    (void)state;
    const mr_sequences sequences = draw(take_next, 3);
    mr_ranker_tuner_options options = options_of_test();
    uint32_t lines = 0;
    options.report = count_lines;
    options.context = &lines;
    options.budget = 8;
    const mr_ranker_tuner_result result = tuned(&sequences, &options);
    assert_true(lines >= result.tries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_item_is_learnt_from_the_last),
        cmocka_unit_test(test_a_habit_of_repeating_is_found),
        cmocka_unit_test(test_where_nothing_comes_again_own_items_are_barred),
        cmocka_unit_test(test_where_nothing_tells_the_popular_are_shown),
        cmocka_unit_test(test_threads_and_runs_agree),
        cmocka_unit_test(test_rows_of_the_caller_are_a_family),
        cmocka_unit_test(test_newcomers_get_what_is_better_for_them),
        cmocka_unit_test(test_too_few_newcomers_are_served_as_all_others),
        cmocka_unit_test(test_a_rare_repeat_does_not_let_own_items_in),
        cmocka_unit_test(test_no_more_is_tried_than_the_budget_allows),
        cmocka_unit_test(test_a_budget_beyond_reason_ends),
        cmocka_unit_test(test_a_familys_name_is_that_family),
        cmocka_unit_test(test_a_blend_that_is_insisted_on_is_taken_and_judged),
        cmocka_unit_test(test_with_too_few_questions_the_simplest_family_is_taken),
        cmocka_unit_test(test_answers_that_nobody_has_heard_of_are_no_error),
        cmocka_unit_test(test_an_encoder_without_an_example_is_passed_over),
        cmocka_unit_test(test_an_encoder_is_taken_as_it_comes),
        cmocka_unit_test(test_refuses_what_cannot_be_chosen_from),
        cmocka_unit_test(test_each_try_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
