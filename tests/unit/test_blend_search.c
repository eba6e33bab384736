/*
 * Method: a catalogue smaller than the search's depth, so that every item is a candidate and a
 * judgement must equal the full evaluation; weights found must beat those they started from; a
 * member on trial must count as if it were the member, and be gone when it is let go.
 */
#include "tests/support.h"

#include "models/blas.h"
#include "models/blend_search.h"
#include "models/ease.h"
#include "models/item_item.h"
#include "models/random.h"

#include <string.h>

enum { USERS = 150, ITEMS = 80, EACH = 10, GROUPS = 4, K = 10 };

typedef struct world {
    mr_worker_pool *pool;
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_sparse_matrix held;
    mr_sparse_matrix item_item;
    mr_dense ease;
    mr_dense other_ease; /* of another lambda */
    mr_graph_filter filter;
    float popular[ITEMS];
    mr_member_set members;
} world;

static void open_data(world *w)
{
    static mr_triple train[USERS * EACH];
    static mr_triple held[USERS * EACH];
    size_t trained = 0;
    size_t kept = 0;
    for (uint32_t u = 0; u < USERS; u++)
        for (uint32_t n = 0; n < EACH; n++) {
            const uint64_t place = (uint64_t)u * EACH + n;
            const double draw = mr_random_uniform(1, place);
            const uint32_t within = (uint32_t)(draw * draw * (ITEMS / GROUPS));
            const bool strays = mr_random_uniform(2, place) < 0.3;
            const uint32_t group = strays ? n % GROUPS : u % GROUPS;
            const mr_triple triple = {.row = u, .column = within * GROUPS + group};
            if (n >= 8)
                held[kept++] = triple;
            else
                train[trained++] = triple;
        }
    assert_ok(
        mr_sparse_matrix_from_triples(train, trained, USERS, ITEMS, false, &w->users));
    assert_ok(mr_sparse_matrix_from_triples(held, kept, USERS, ITEMS, false, &w->held));
    assert_ok(mr_sparse_matrix_transpose(&w->users, &w->items));
    for (uint32_t i = 0; i < ITEMS; i++)
        w->popular[i] = (float)mr_sparse_matrix_row_count(&w->items, i);
}

static int open_world(void **state)
{
    world *w = calloc(1, sizeof(*w));
    const mr_item_item_options item_item = {0.5F, 0.5F, 0.25F, 100};
    const mr_ease_options ease = {.lambda = 5.0F, .user_exponent = 0.5F};
    const mr_ease_options other = {.lambda = 500.0F};
    const mr_graph_filter_options filter = {.dimension = 6, .iterations = 6, .seed = 1};
    assert_ok(mr_worker_pool_create(2, &w->pool));
    open_data(w);
    assert_ok(
        mr_item_item_build(&w->users, &w->items, &item_item, w->pool, &w->item_item));
    assert_ok(mr_ease_train(&w->users, &w->items, &ease, w->pool, &w->ease));
    assert_ok(mr_ease_train(&w->users, &w->items, &other, w->pool, &w->other_ease));
    assert_ok(mr_graph_filter_train(&w->users, &w->items, &filter, w->pool, &w->filter));
    w->members = (mr_member_set){.item_item = &w->item_item,
                                 .popular = w->popular,
                                 .ease = &w->ease,
                                 .graph_filter = &w->filter};
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    mr_sparse_matrix_deinit(&w->users);
    mr_sparse_matrix_deinit(&w->items);
    mr_sparse_matrix_deinit(&w->held);
    mr_sparse_matrix_deinit(&w->item_item);
    mr_dense_deinit(&w->ease);
    mr_dense_deinit(&w->other_ease);
    mr_graph_filter_deinit(&w->filter);
    mr_worker_pool_destroy(w->pool);
    free(w);
    return 0;
}

static const bool USES[MR_MEMBERS] = {[MR_MEMBER_ITEM_ITEM] = true,
                                      [MR_MEMBER_POPULAR] = true,
                                      [MR_MEMBER_EASE] = true,
                                      [MR_MEMBER_GRAPH_FILTER] = true};

static mr_evaluation_task task_of(const world *w, const mr_member_set *members)
{
    return (mr_evaluation_task){.members = members,
                                .histories = &w->users,
                                .excluded = &w->users,
                                .relevant = &w->held,
                                .k = K};
}

static double evaluate(const world *w, const mr_member_set *members,
                       const mr_blend *blend)
{
    mr_ranking_metrics metrics;
    const mr_evaluation_task task = task_of(w, members);
    assert_ok(mr_evaluate_blends(&task, blend, 1, w->pool, &metrics));
    return (metrics.recall + metrics.ndcg) / 2.0;
}

/* Scores that are equal on paper may differ in their last bits: a list or two of the 150. */
static const double ROUNDING = 2e-3;

static const mr_blend BLENDS[] = {
    {MR_BLEND_DEVIATION, {[MR_MEMBER_EASE] = 1.0F}},
    {MR_BLEND_MAXIMUM, {[MR_MEMBER_ITEM_ITEM] = 1.0F, [MR_MEMBER_POPULAR] = 0.3F}},
    {MR_BLEND_DEVIATION,
     {[MR_MEMBER_ITEM_ITEM] = 0.4F,
      [MR_MEMBER_EASE] = 1.0F,
      [MR_MEMBER_GRAPH_FILTER] = 0.7F}},
};
enum { BLEND_COUNT = sizeof(BLENDS) / sizeof(BLENDS[0]) };

static void test_a_judgement_equals_the_evaluation_over_all_items(void **state)
{
    const world *w = *state;
    const mr_evaluation_task task = task_of(w, &w->members);
    mr_blend_search *search = NULL;
    double values[BLEND_COUNT];
    assert_ok(mr_blend_search_create(&task, USES, w->pool, &search));
    assert_ok(mr_blend_search_judge(search, BLENDS, BLEND_COUNT, values));
    for (size_t b = 0; b < BLEND_COUNT; b++) {
        const double expected = evaluate(w, &w->members, &BLENDS[b]);
        assert_true(expected > 0.05);
        if (!(fabs(values[b] - expected) <= ROUNDING))
            fail_msg("blend %zu: %.6f, not %.6f", b, values[b], expected);
    }
    mr_blend_search_destroy(search);
}

static void test_weights_found_beat_equal_ones_and_every_single(void **state)
{
    const world *w = *state;
    const mr_evaluation_task task = task_of(w, &w->members);
    mr_blend_search *search = NULL;
    mr_blend found;
    mr_blend equal = {.scale = MR_BLEND_DEVIATION};
    double value = 0.0;
    float largest = 0.0F;
    assert_ok(mr_blend_search_create(&task, USES, w->pool, &search));
    assert_ok(mr_blend_search_run(search, false, &found, &value));
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        equal.weights[m] = USES[m] ? 1.0F : 0.0F;
        largest = fmaxf(largest, found.weights[m]);
        assert_true(USES[m] || !(found.weights[m] > 0.0F));
    }
    assert_close(largest, 1.0, 0.0);
    assert_true(value >= evaluate(w, &w->members, &equal) - ROUNDING);
    assert_true(fabs(value - evaluate(w, &w->members, &found)) <= ROUNDING);
    mr_blend_search_destroy(search);
}

static void test_all_members_keep_a_weight_when_that_is_asked(void **state)
{
    const world *w = *state;
    const mr_evaluation_task task = task_of(w, &w->members);
    mr_blend_search *search = NULL;
    mr_blend found;
    double value = 0.0;
    assert_ok(mr_blend_search_create(&task, USES, w->pool, &search));
    assert_ok(mr_blend_search_run(search, true, &found, &value));
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        assert_int_equal(found.weights[m] > 0.0F, USES[m]);
    mr_blend_search_destroy(search);
}

static void test_a_trial_stands_in_until_it_is_settled(void **state)
{
    const world *w = *state;
    const mr_evaluation_task task = task_of(w, &w->members);
    const mr_member_set candidate = {.ease = &w->other_ease};
    mr_member_set with = w->members;
    mr_blend_search *search = NULL;
    double before = 0.0;
    double after = 0.0;
    with.ease = &w->other_ease;
    assert_ok(mr_blend_search_create(&task, USES, w->pool, &search));
    assert_ok(mr_blend_search_judge(search, &BLENDS[2], 1, &before));
    for (int keep = 0; keep < 2; keep++) {
        const mr_member_set *members = keep ? &with : &w->members;
        assert_ok(mr_blend_search_try(search, MR_MEMBER_EASE, &candidate));
        assert_ok(mr_blend_search_judge(search, &BLENDS[2], 1, &after));
        assert_true(fabs(after - evaluate(w, &with, &BLENDS[2])) <= ROUNDING);
        mr_blend_search_settle(search, keep);
        assert_ok(mr_blend_search_judge(search, &BLENDS[2], 1, &after));
        assert_true(fabs(after - evaluate(w, members, &BLENDS[2])) <= ROUNDING);
        if (!keep)
            assert_close(after, before, 0.0);
    }
    assert_int_equal(mr_blend_search_try(search, MR_MEMBER_IALS, &candidate),
                     MR_ERR_INVALID);
    assert_int_equal(mr_blend_search_try(search, MR_MEMBER_ITEM_ITEM, &candidate),
                     MR_ERR_INVALID);
    mr_blend_search_destroy(search);
}

static void test_members_that_are_not_there_are_refused(void **state)
{
    const world *w = *state;
    const mr_evaluation_task task = task_of(w, &w->members);
    const bool none[MR_MEMBERS] = {false};
    const bool ials[MR_MEMBERS] = {[MR_MEMBER_IALS] = true};
    mr_blend_search *search = NULL;
    assert_int_equal(mr_blend_search_create(&task, none, w->pool, &search),
                     MR_ERR_INVALID);
    assert_int_equal(mr_blend_search_create(&task, ials, w->pool, &search),
                     MR_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_judgement_equals_the_evaluation_over_all_items),
        cmocka_unit_test(test_weights_found_beat_equal_ones_and_every_single),
        cmocka_unit_test(test_all_members_keep_a_weight_when_that_is_asked),
        cmocka_unit_test(test_a_trial_stands_in_until_it_is_settled),
        cmocka_unit_test(test_members_that_are_not_there_are_refused),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, open_world, close_world);
}
