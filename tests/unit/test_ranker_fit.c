/*
 * Collected groups are compared with what the ranker says of each question by itself; then weights
 * are fitted to answers that a known row gave, and must order by that row.
 */
#include "models/random.h"
#include "models/ranker_evaluation.h"
#include "models/ranker_fit.h"
#include "tests/support.h"

#include <string.h>

enum { ITEMS = 400, QUESTIONS = 200 };

static mr_worker_pool *pools[4]; /* by threads */
static mr_sequence_list given;
static uint64_t target_ptr[QUESTIONS + 1];
static uint32_t targets[QUESTIONS * 2];
static float popular[ITEMS];
static float recent[ITEMS];
static mr_ranker_members members;

/* A few scores a question, the rest 0: so most items are candidates by popularity alone. */
static void score_truth(void *context, uint32_t lane, const mr_query *query,
                        float *ret_row)
{
    (void)context;
    (void)lane;
    for (uint32_t i = 0; i < ITEMS; i++) {
        const double value = mr_random_uniform(7, (uint64_t)query->item[0] * ITEMS + i);
        ret_row[i] = value < 0.2 ? (float)value : 0.0F;
    }
}

/* The best of the row, sometimes another item, and an item that no candidate is. */
static void draw_target(uint32_t question, const mr_query *query)
{
    float row[ITEMS];
    uint64_t at = target_ptr[question];
    uint32_t best = 0;
    score_truth(NULL, 0, query, row);
    for (uint32_t i = 1; i < ITEMS; i++)
        best = row[i] > row[best] ? i : best;
    if (question % 5 == 0)
        targets[at++] = ITEMS + question;
    if (question % 10 != 0)
        targets[at++] =
            question % 4 == 1 ? (uint32_t)(mr_random_bits(8, question) % ITEMS) : best;
    target_ptr[question + 1] = at;
}

static int set_up(void **state)
{
    (void)state;
    for (uint32_t t = 1; t <= 3; t++)
        assert_ok(mr_worker_pool_create(t, &pools[t]));
    for (uint32_t q = 0; q < QUESTIONS; q++) {
        assert_ok(mr_sequence_list_add(&given, q, 0, 0));
        assert_ok(mr_sequence_list_end(&given));
        const mr_query query = {.item = &given.item[q], .count = 1};
        draw_target(q, &query);
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        popular[i] = (float)(mr_random_bits(9, i) % 50);
    members = (mr_ranker_members){.items = ITEMS,
                                  .rows = {.score = score_truth},
                                  .popular = popular,
                                  .recent = recent};
    assert_ok(mr_ranker_members_order(&members));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(members.most_popular);
    mr_sequence_list_deinit(&given);
    for (uint32_t t = 1; t <= 3; t++)
        mr_worker_pool_destroy(pools[t]);
    return 0;
}

static mr_ranker_recipe recipe_of_test(void)
{
    mr_ranker_recipe recipe = {.choice = {.repeats_allowed = true, .single = MR_SIGNALS}};
    recipe.uses[MR_SIGNAL_ROWS] = recipe.uses[MR_SIGNAL_POPULAR] = true;
    return recipe;
}

static mr_questions questions_from(uint32_t first, uint32_t count)
{
    const mr_sequences all = mr_sequence_list_view(&given);
    return (mr_questions){.given = mr_sequences_slice(&all, first, count),
                          .target_ptr = target_ptr + first,
                          .targets = targets};
}

static bool is_answer(uint32_t question, uint32_t item)
{
    for (uint64_t t = target_ptr[question]; t < target_ptr[question + 1]; t++)
        if (targets[t] == item)
            return true;
    return false;
}

/* Questions first … of the collection against the ranker's own look at each. */
static void compare_groups(const mr_ranker_groups *groups, uint32_t first, uint32_t count)
{
    const mr_ranker_recipe recipe = recipe_of_test();
    const mr_ranker_limits limits = {.k = 1};
    const mr_listwise_data *data = &groups->data;
    mr_ranker_workspace *workspace = NULL;
    size_t group = 0;
    assert_int_equal(groups->asked, count);
    assert_int_equal(data->features, MR_RANK_FEATURES);
    assert_ok(mr_ranker_workspace_create(&members, 0, &workspace));
    for (uint32_t q = first; q < first + count; q++) {
        const mr_query query = {.item = &given.item[q], .count = 1};
        const uint32_t *items = NULL;
        size_t candidates = 0;
        size_t answers = 0;
        mr_ranker_look(&members, &recipe, workspace, &query, &limits);
        const float *x = mr_ranker_candidates(workspace, &items, &candidates);
        for (size_t c = 0; c < candidates; c++)
            answers += is_answer(q, items[c]);
        if (answers == 0)
            continue;
        assert_true(group < data->groups);
        assert_int_equal(data->ptr[group + 1] - data->ptr[group], candidates);
        assert_memory_equal(data->x + data->ptr[group] * MR_RANK_FEATURES, x,
                            candidates * MR_RANK_FEATURES * sizeof(*x));
        for (size_t c = 0; c < candidates; c++)
            assert_int_equal(data->target[data->ptr[group] + c] != 0,
                             is_answer(q, items[c]));
        group++;
    }
    assert_int_equal(data->groups, group);
    assert_true(group > 0 && group < count);
    mr_ranker_workspace_destroy(workspace);
}

static void test_a_group_is_a_question_whose_answer_is_a_candidate(void **state)
{
    (void)state;
    const mr_ranker_recipe recipe = recipe_of_test();
    for (uint32_t first = 0; first < 120; first += 50) {
        mr_ranker_groups groups = {0};
        const mr_questions questions = questions_from(first, QUESTIONS - first - 7);
        assert_ok(
            mr_ranker_groups_collect(&members, &recipe, &questions, pools[2], &groups));
        compare_groups(&groups, first, QUESTIONS - first - 7);
        mr_ranker_groups_deinit(&groups);
    }
}

static void test_weights_follow_the_row_that_gave_the_answers(void **state)
{
    (void)state;
    const uint32_t k = 20;
    const mr_questions fitted = questions_from(0, QUESTIONS / 2);
    const mr_questions judged = questions_from(QUESTIONS / 2, QUESTIONS / 2);
    mr_ranker_recipe blend = recipe_of_test();
    mr_ranker_recipe single = recipe_of_test();
    mr_ranking_metrics blended;
    mr_ranking_metrics alone;
    mr_ranker_groups groups = {0};
    double loss = 0.0;
    double loss_of_none = 0.0;
    const float none[MR_RANK_FEATURES] = {0.0F};
    single.choice.single = MR_SIGNAL_ROWS;
    assert_ok(mr_ranker_groups_collect(&members, &blend, &fitted, pools[1], &groups));
    blend.choice.single = MR_SIGNAL_POPULAR; /* fitting makes a blend of it */
    blend.choice.weights[0] = 77.0F;
    assert_ok(mr_ranker_groups_fit(&groups, pools[1], 0.0F, &blend.choice, &loss));
    assert_ok(mr_listwise_loss(&groups.data, none, pools[1], &loss_of_none));
    mr_ranker_groups_deinit(&groups);
    assert_int_equal(blend.choice.single, MR_SIGNALS);
    assert_true(loss < 0.8 * loss_of_none);
    assert_true(blend.choice.weights[MR_RANK_FEATURE_ROWS_PART] > 1.0F);
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        assert_true(isfinite(blend.choice.weights[f]));
        const mr_signal signal = mr_rank_feature_signal((mr_rank_feature)f);
        if (signal != MR_SIGNALS && !blend.uses[signal])
            assert_true(blend.choice.weights[f] == 0.0F);
    }
    assert_ok(mr_ranker_evaluate(&members, &blend, &judged, &k, 1, pools[1], &blended));
    assert_ok(mr_ranker_evaluate(&members, &single, &judged, &k, 1, pools[1], &alone));
    assert_true(alone.mrr > 0.4);
    assert_true(blended.mrr > 0.9 * alone.mrr);
}

static void test_any_number_of_threads_fits_the_same_bits(void **state)
{
    (void)state;
    const mr_questions questions = questions_from(0, QUESTIONS);
    mr_ranker_recipe recipes[4];
    for (uint32_t t = 1; t <= 3; t++) {
        mr_ranker_groups groups = {0};
        recipes[t] = recipe_of_test();
        assert_ok(mr_ranker_groups_collect(&members, &recipes[t], &questions, pools[t],
                                           &groups));
        assert_ok(
            mr_ranker_groups_fit(&groups, pools[t], 0.0F, &recipes[t].choice, NULL));
        mr_ranker_groups_deinit(&groups);
        assert_memory_equal(recipes[t].choice.weights, recipes[1].choice.weights,
                            sizeof(recipes[1].choice.weights));
    }
}

static void test_without_a_group_nothing_is_fitted(void **state)
{
    (void)state;
    mr_ranker_recipe recipe = recipe_of_test();
    mr_ranker_groups groups = {0};
    const mr_questions none = questions_from(10, 0);
    const mr_questions strange =
        questions_from(10, 1); /* asks for an unknown item alone */
    assert_ok(mr_ranker_groups_collect(&members, &recipe, &none, pools[1], &groups));
    assert_int_equal(groups.data.groups, 0);
    assert_int_equal(mr_ranker_groups_fit(&groups, pools[1], 0.0F, &recipe.choice, NULL),
                     MR_ERR_INVALID);
    mr_ranker_groups_deinit(&groups);
    assert_ok(mr_ranker_groups_collect(&members, &recipe, &strange, pools[1], &groups));
    assert_int_equal(groups.asked, 1);
    assert_int_equal(groups.data.groups, 0);
    mr_ranker_groups_deinit(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_group_is_a_question_whose_answer_is_a_candidate),
        cmocka_unit_test(test_weights_follow_the_row_that_gave_the_answers),
        cmocka_unit_test(test_any_number_of_threads_fits_the_same_bits),
        cmocka_unit_test(test_without_a_group_nothing_is_fitted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
