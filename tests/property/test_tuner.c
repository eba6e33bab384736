/*
 * The tuner against its promise: what it chooses is never worse on the hold-out than the best
 * single member it tried, for shops of very different kinds and any budget.  The figures it
 * reports are checked by training and asking the recipe once more.
 */
#include "models/blas.h"
#include "models/evaluation.h"
#include "models/random.h"
#include "models/tuner.h"
#include "tests/support.h"

#include <string.h>

enum { USERS = 240, ITEMS = 60, EACH_MAX = 16, SHOPS = 6 };

typedef struct shop {
    uint64_t ptr[USERS + 1];
    uint32_t item[USERS * EACH_MAX];
    uint32_t time_s[USERS * EACH_MAX];
    mr_interactions rows;
    mr_holdout holdout;
} shop;

/* Kind 0: taste alone; 1: popularity alone; 2: noise; from 3 on: mixtures, in which users return
 * to the same items.  Histories are of different lengths. */
static void open_shop(shop *s, uint64_t kind)
{
    uint64_t e = 0;
    for (uint32_t u = 0; u < USERS; u++) {
        const uint32_t each = 6 + (uint32_t)(mr_random_bits(kind, u) % (EACH_MAX - 5));
        s->ptr[u] = e;
        for (uint32_t n = 0; n < each; n++, e++) {
            const double place = mr_random_uniform(kind + 10, e);
            const bool has_taste =
                kind == 0 || (kind > 2 && mr_random_uniform(kind + 20, e) < 0.7);
            const bool is_popular = kind != 0 && kind != 2;
            uint32_t item = (uint32_t)((is_popular ? place * place : place) * ITEMS);
            if (has_taste)
                item = (item / 6 * 6 + u % 6) % ITEMS;
            s->item[e] = item;
            s->time_s[e] =
                1000000 + n * 100000 + (uint32_t)(mr_random_bits(kind + 30, e) % 50000);
        }
    }
    s->ptr[USERS] = e;
    s->rows = (mr_interactions){.users = USERS,
                                .items = ITEMS,
                                .ptr = s->ptr,
                                .item = s->item,
                                .time_s = s->time_s};
    if (kind % 2 == 0)
        assert_ok(mr_holdout_random(&s->rows, 0.2, kind, &s->holdout));
    else
        assert_ok(mr_holdout_by_time(&s->rows, 0.1, &s->holdout));
}

static double objective(const mr_ranking_metrics *metrics)
{
    return (metrics->recall + metrics->ndcg) / 2.0;
}

static mr_tuner_result tune(const shop *s, uint32_t budget, uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_tuner_result result;
    const mr_tuner_options options = {
        .budget = budget, .seed = 5, .families = {true, true, true, true, true}};
    assert_ok(mr_worker_pool_create(threads, &pool));
    assert_ok(mr_tuner_run(&s->holdout, &options, pool, &result));
    mr_worker_pool_destroy(pool);
    return result;
}

static void test_never_below_its_best_single_member(void **state)
{
    static const uint32_t budgets[] = {1, 6, 16}; /* the last refines in the blend */
    shop *s = *state;
    for (uint64_t kind = 0; kind < SHOPS; kind++) {
        open_shop(s, kind);
        for (size_t b = 0; b < sizeof(budgets) / sizeof(budgets[0]); b++) {
            const mr_tuner_result result = tune(s, budgets[b], 1);
            size_t tried = 0;
            for (int m = 0; m < MR_MEMBERS; m++) {
                if (!result.tried[m])
                    continue;
                tried++;
                if (objective(&result.holdout) < objective(&result.members[m]))
                    fail_msg("shop %d, budget %u: %.6f, below member %d with %.6f",
                             (int)kind, budgets[b], objective(&result.holdout), m,
                             objective(&result.members[m]));
            }
            assert_true(tried > 0);
            assert_true(isfinite(objective(&result.holdout)));
        }
        mr_holdout_deinit(&s->holdout);
    }
}

static void test_threads_change_neither_recipe_nor_figures(void **state)
{
    shop *s = *state;
    open_shop(s, 3);
    const mr_tuner_result one = tune(s, 16, 1);
    const mr_tuner_result three = tune(s, 16, 3);
    char mine[MR_RECIPE_TEXT_BYTES];
    char theirs[MR_RECIPE_TEXT_BYTES];
    mr_recipe_text(&one.recipe, mine);
    mr_recipe_text(&three.recipe, theirs);
    assert_string_equal(mine, theirs);
    assert_close(one.holdout.recall, three.holdout.recall, 0.0);
    assert_close(one.holdout.ndcg, three.holdout.ndcg, 0.0);
    mr_holdout_deinit(&s->holdout);
}

/* Train the recipe on the hold-out's past and ask it as the tuner did. */
static void test_the_reported_figures_are_those_of_the_recipe(void **state)
{
    shop *s = *state;
    open_shop(s, 0);
    const mr_tuner_result result = tune(s, 16, 1);
    const mr_recipe *recipe = &result.recipe;
    mr_sparse_matrix items = {0};
    mr_trained trained = {0};
    mr_worker_pool *pool = NULL;
    uint32_t users[USERS];
    uint32_t count = 0;
    mr_ranking_metrics metrics;
    assert_false(
        recipe->history_weighed); /* of a hold-out without a cut in time it never is */
    assert_ok(mr_worker_pool_create(1, &pool));
    assert_ok(mr_sparse_matrix_transpose(&s->holdout.train, &items));
    assert_ok(mr_recipe_train(recipe, &s->holdout.train, &items, s->holdout.votes,
                              s->holdout.vote_times_s, s->holdout.vote_count, pool,
                              &trained));
    for (uint32_t u = 0; u < USERS; u++)
        if (mr_sparse_matrix_row_count(&s->holdout.held, u) > 0)
            users[count++] = u;
    const mr_member_set members = mr_trained_members(&trained);
    const mr_evaluation_task task = {
        .members = &members,
        .histories = &s->holdout.train,
        .excluded = recipe->repeats_allowed ? NULL : &s->holdout.train,
        .relevant = &s->holdout.held,
        .users = users,
        .user_count = count,
        .k = MR_TUNER_K,
    };
    assert_ok(mr_evaluate_blends(&task, &recipe->blend, 1, pool, &metrics));
    assert_close(metrics.recall, result.holdout.recall, 1e-6);
    assert_close(metrics.ndcg, result.holdout.ndcg, 1e-6);
    mr_trained_deinit(&trained);
    mr_sparse_matrix_deinit(&items);
    mr_worker_pool_destroy(pool);
    mr_holdout_deinit(&s->holdout);
}

static int make_shop(void **state)
{
    *state = calloc(1, sizeof(shop));
    return *state == NULL;
}

static int free_shop(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_below_its_best_single_member),
        cmocka_unit_test(test_threads_change_neither_recipe_nor_figures),
        cmocka_unit_test(test_the_reported_figures_are_those_of_the_recipe),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, make_shop, free_shop);
}
