/*
 * Lists are compared with those of a brute force that scores every item of a small catalogue by
 * the definition of its features, single signals with the plain row of their family; metrics with
 * the rank counted over all items.  Rows of strange numbers come from a source of the test's own.
 */
#include "models/random.h"
#include "models/ranker.h"
#include "models/ranker_evaluation.h"
#include "tests/support.h"

#include <string.h>

enum {
    ITEMS = 60,
    USERS = 300,
    QUERIES = 120,
    DIMENSION = 16,
    LARGE = 3000,
    OWN_OF_LARGE = 1500,
};

static mr_worker_pool *pools[4]; /* by threads */
static mr_sequence_list train_list;
static mr_sequence_list query_list;
static mr_ranker_members members;
static float units[ITEMS][DIMENSION];
static float lengths[ITEMS];
static float places[MR_ENCODER_PLACES];
static float attention[DIMENSION];
static float large_row[LARGE];

/* Coarse, so that there are ties; negative and NaN now and then. */
static float odd_score(uint32_t last, uint32_t item)
{
    const uint64_t bits = mr_random_bits(99, (uint64_t)last * LARGE + item) % 20;
    return bits == 0 ? NAN : bits < 4 ? -1.0F : (float)(bits / 4) / 4.0F;
}

static void score_oddly(void *context, uint32_t lane, const mr_query *query,
                        float *ret_row)
{
    const uint32_t items = *(const uint32_t *)context;
    (void)lane;
    for (uint32_t i = 0; i < items; i++)
        ret_row[i] =
            query->count > 0 ? odd_score(query->item[query->count - 1], i) : 0.0F;
}

static void draw(mr_sequence_list *list, uint64_t seed, uint32_t count,
                 uint32_t strangers)
{
    uint64_t drawn = 0;
    list->has_baskets = true;
    for (uint32_t s = 0; s < count; s++) {
        const uint64_t length = mr_random_bits(seed, drawn++) % 15;
        uint32_t basket = 0;
        for (uint64_t e = 0; e < length; e++) {
            const double where = mr_random_uniform(seed, drawn++);
            basket += e > 0 && mr_random_bits(seed, drawn++) % 2 == 0;
            assert_ok(mr_sequence_list_add(
                list, (uint32_t)(where * where * (ITEMS + strangers)), basket, 0));
        }
        assert_ok(mr_sequence_list_end(list));
    }
}

static mr_ranker_recipe recipe_of_test(uint64_t seed)
{
    mr_ranker_recipe recipe = {.encoder = mr_encoder_options_default(),
                               .sequence = mr_covisitation_defaults(),
                               .session_knn = mr_session_knn_defaults(),
                               .repeat = mr_next_basket_defaults(),
                               .popular_fade = 0.8F,
                               .choice = {.repeats_allowed = true, .single = MR_SIGNALS}};
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        recipe.uses[s] = s != MR_SIGNAL_CONTENT;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        recipe.choice.weights[f] = (float)mr_random_normal(seed, f);
    return recipe;
}

/* An encoder without training: random directions. */
static void open_encoder(mr_encoder **ret_encoder)
{
    for (uint32_t i = 0; i < ITEMS; i++) {
        double square = 0.0;
        for (uint32_t d = 0; d < DIMENSION; d++) {
            units[i][d] = (float)mr_random_normal(5, i * DIMENSION + d);
            square += (double)units[i][d] * (double)units[i][d];
        }
        for (uint32_t d = 0; d < DIMENSION; d++)
            units[i][d] = (float)((double)units[i][d] / sqrt(square));
        lengths[i] = (float)sqrt(square);
    }
    const mr_encoder_arrays arrays = {.items = ITEMS,
                                      .dimension = DIMENSION,
                                      .units = units[0],
                                      .lengths = lengths,
                                      .places = places,
                                      .attention = attention};
    assert_ok(mr_encoder_open(&arrays, ret_encoder, NULL));
}

static int set_up(void **state)
{
    static const uint32_t items = ITEMS;
    mr_ranker_recipe recipe = recipe_of_test(1);
    (void)state;
    for (uint32_t t = 1; t <= 3; t++)
        assert_ok(mr_worker_pool_create(t, &pools[t]));
    draw(&train_list, 1, USERS, 0);
    train_list.items = ITEMS;
    draw(&query_list, 2, QUERIES, 3);
    query_list.items = ITEMS + 3;
    const mr_sequences train = mr_sequence_list_view(&train_list);
    const mr_ranker_training training = {.sequences = &train, .pool = pools[1]};
    recipe.uses[MR_SIGNAL_ENCODER] = false;
    assert_ok(mr_ranker_members_train(&recipe, &training, &members));
    open_encoder(&members.encoder);
    members.rows =
        (mr_row_source){.score = score_oddly, .context = (void *)(uintptr_t)&items};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_ranker_members_deinit(&members);
    mr_sequence_list_deinit(&train_list);
    mr_sequence_list_deinit(&query_list);
    for (uint32_t t = 1; t <= 3; t++)
        mr_worker_pool_destroy(pools[t]);
    return 0;
}

/* ---- brute force ---- */

static void slow_rows(const mr_query *query, float rows[MR_SIGNALS][ITEMS])
{
    mr_session_knn_scratch *scratch = NULL;
    memset(rows, 0, MR_SIGNALS * sizeof(*rows));
    assert_ok(mr_session_knn_scratch_create(members.session_knn, &scratch));
    mr_encoder_score(members.encoder, query, rows[MR_SIGNAL_ENCODER]);
    mr_covisitation_score(members.sequence, query, rows[MR_SIGNAL_SEQUENCE]);
    mr_session_knn_score(members.session_knn, scratch, query,
                         rows[MR_SIGNAL_SESSION_KNN]);
    mr_next_basket_score(members.repeat, query, rows[MR_SIGNAL_REPEAT]);
    score_oddly(members.rows.context, 0, query, rows[MR_SIGNAL_ROWS]);
    memcpy(rows[MR_SIGNAL_POPULAR], members.popular, sizeof(rows[0]));
    mr_session_knn_scratch_destroy(scratch);
}

static bool is_in(const uint32_t *items, size_t count, uint32_t item)
{
    for (size_t i = 0; i < count; i++)
        if (items[i] == item)
            return true;
    return false;
}

static size_t slow_open(const mr_ranker_recipe *recipe, const mr_query *query,
                        const mr_ranker_limits *limits, uint32_t items,
                        uint32_t *ret_open)
{
    size_t count = 0;
    for (uint32_t i = 0; i < items; i++)
        if ((recipe->choice.repeats_allowed || !is_in(query->item, query->count, i)) &&
            !is_in(limits->exclude, limits->exclude_count, i))
            ret_open[count++] = i;
    return count;
}

/* Largest score first, equal ones by item: one pass a place. */
static uint32_t slow_order(const uint32_t *items, const float *scores, size_t count,
                           uint32_t k, bool only_positive, mr_ranked *ret_best)
{
    bool taken[LARGE] = {false};
    uint32_t found = 0;
    for (; found < k; found++) {
        size_t best = count;
        for (size_t c = 0; c < count; c++)
            if (!taken[c] && (only_positive ? scores[c] > 0.0F : scores[c] > -INFINITY) &&
                (best == count || scores[c] > scores[best] ||
                 (scores[c] == scores[best] && items[c] < items[best])))
                best = c;
        if (best == count)
            return found;
        taken[best] = true;
        ret_best[found] = (mr_ranked){.index = items[best], .score = scores[best]};
    }
    return found;
}

/* All items are candidates: the most popular 100 are, and there are fewer. */
static uint32_t slow_rank(const mr_ranker_recipe *recipe, const mr_query *query,
                          const mr_ranker_limits *limits, mr_ranked *ret_best)
{
    static float rows[MR_SIGNALS][ITEMS];
    static float features[ITEMS][MR_RANK_FEATURES];
    const float *signals[MR_SIGNALS] = {NULL};
    const mr_item_facts facts = {members.popular, members.recent,
                                 mr_next_basket_view(members.repeat).repeat_rate};
    uint32_t open[ITEMS];
    float scores[ITEMS];
    mr_own_table own;
    slow_rows(query, rows);
    const size_t count = slow_open(recipe, query, limits, ITEMS, open);
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        signals[s] = recipe->uses[s] ? rows[s] : NULL;
    assert_ok(mr_own_table_init(&own, ITEMS));
    mr_own_table_fill(&own, query);
    mr_ranker_describe(signals, &facts, &own, open, count, features[0]);
    mr_own_table_deinit(&own);
    for (size_t c = 0; c < count; c++) {
        scores[c] = 0.0F;
        for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
            scores[c] += recipe->choice.weights[f] *
                         (features[c][f] - mr_rank_feature_floor((mr_rank_feature)f));
        if (recipe->choice.single != MR_SIGNALS)
            scores[c] = rows[recipe->choice.single][open[c]];
    }
    return slow_order(open, scores, count, limits->k,
                      recipe->choice.single != MR_SIGNALS &&
                          recipe->choice.single != MR_SIGNAL_POPULAR,
                      ret_best);
}

static void compare_lists(const mr_ranked *list, uint32_t count,
                          const mr_ranked *expected, uint32_t expected_count)
{
    assert_int_equal(count, expected_count);
    for (uint32_t i = 0; i < count; i++) {
        if (fabs((double)list[i].score - (double)expected[i].score) > 1e-4)
            assert_close(list[i].score, expected[i].score, 1e-5);
        /* Sums over candidates in another order differ in the last bits. */
        const bool near_tie =
            (i > 0 && fabsf(list[i].score - list[i - 1].score) < 1e-4F &&
             list[i].score != list[i - 1].score) ||
            (i + 1 < count && fabsf(list[i].score - list[i + 1].score) < 1e-4F &&
             list[i].score != list[i + 1].score) ||
            i + 1 == count;
        if (!near_tie)
            assert_int_equal(list[i].index, expected[i].index);
    }
}

static void compare_all(const mr_ranker_recipe *recipe, const uint32_t *exclude,
                        size_t exclude_count)
{
    static const uint32_t ks[] = {1, 7, 20, ITEMS, MR_RANKER_K_MAX};
    const mr_sequences queries = mr_sequence_list_view(&query_list);
    mr_ranker_workspace *workspace = NULL;
    mr_ranked list[MR_RANKER_K_MAX];
    mr_ranked expected[MR_RANKER_K_MAX];
    assert_ok(mr_ranker_workspace_create(&members, 0, &workspace));
    for (uint32_t q = 0; q < queries.count; q++) {
        const mr_query query = mr_sequences_query(&queries, q, SIZE_MAX);
        const mr_ranker_limits limits = {
            .k = ks[q % 5], .exclude = exclude, .exclude_count = exclude_count};
        const uint32_t count =
            mr_ranker_rank(&members, recipe, workspace, &query, &limits, list);
        compare_lists(list, count, expected,
                      slow_rank(recipe, &query, &limits, expected));
        for (uint32_t i = 0; i < count; i++) {
            assert_false(is_in(exclude, exclude_count, list[i].index));
            assert_true(recipe->choice.repeats_allowed ||
                        !is_in(query.item, query.count, list[i].index));
        }
    }
    mr_ranker_workspace_destroy(workspace);
}

static void test_a_blend_ranks_all_items_by_their_linear_score(void **state)
{
    (void)state;
    static const uint32_t exclude[] = {0, 1, 5, 17, 59, 4000};
    for (uint64_t seed = 0; seed < 4; seed++) {
        mr_ranker_recipe recipe = recipe_of_test(seed);
        recipe.choice.repeats_allowed = seed % 2 == 0;
        compare_all(&recipe, NULL, 0);
        compare_all(&recipe, exclude, sizeof(exclude) / sizeof(exclude[0]));
    }
}

static void test_a_single_signal_ranks_by_its_plain_row(void **state)
{
    (void)state;
    static const uint32_t exclude[] = {2, 3, 30};
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        mr_ranker_recipe recipe = recipe_of_test(1);
        if (s == MR_SIGNAL_CONTENT)
            continue;
        recipe.choice.single = (mr_signal)s;
        compare_all(&recipe, NULL, 0);
        recipe.choice.repeats_allowed = false;
        compare_all(&recipe, exclude, sizeof(exclude) / sizeof(exclude[0]));
    }
}

/* The list and its parts are those of a recipe with the one choice alone. */
static void test_a_querys_length_says_which_choice_it_goes_by(void **state)
{
    (void)state;
    const mr_sequences queries = mr_sequence_list_view(&query_list);
    const mr_ranker_limits limits = {.k = 20};
    mr_ranker_recipe recipe = recipe_of_test(1);
    mr_ranker_recipe by_length[2] = {recipe_of_test(1), recipe_of_test(2)};
    mr_ranker_workspace *workspace = NULL;
    mr_ranked list[20];
    mr_ranked expected[20];
    float parts[MR_SIGNALS + 1];
    float expected_parts[MR_SIGNALS + 1];
    uint32_t seen[2] = {0};
    by_length[1].choice.single = MR_SIGNAL_SESSION_KNN;
    by_length[1].choice.repeats_allowed = false;
    assert_ok(mr_ranker_workspace_create(&members, 0, &workspace));
    for (uint32_t way = 0; way < 2; way++)
        for (uint32_t q = 0; q < queries.count; q++) {
            const mr_query query = mr_sequences_query(&queries, q, SIZE_MAX);
            const bool is_short = query.count <= 4;
            const mr_ranker_recipe *own = &by_length[is_short == (way == 0)];
            recipe.choice = by_length[way != 0].choice;
            recipe.newcomers = by_length[way == 0].choice;
            recipe.newcomers_max = 4;
            const uint32_t count =
                mr_ranker_rank(&members, own, workspace, &query, &limits, expected);
            if (count > 0)
                mr_ranker_parts(own, workspace, expected[0].index, expected_parts);
            assert_int_equal(
                mr_ranker_rank(&members, &recipe, workspace, &query, &limits, list),
                count);
            assert_memory_equal(list, expected, count * sizeof(*list));
            if (count == 0)
                continue;
            mr_ranker_parts(&recipe, workspace, list[0].index, parts);
            assert_memory_equal(parts, expected_parts, sizeof(parts));
            seen[is_short]++;
        }
    assert_true(seen[0] > 50 && seen[1] > 20);
    mr_ranker_workspace_destroy(workspace);
}

/* Only one coarse row counts: a tie goes on beyond k, and candidates come by popularity too. */
static void test_ties_stand_in_the_order_of_items_wherever_they_came_from(void **state)
{
    (void)state;
    const mr_sequences queries = mr_sequence_list_view(&query_list);
    mr_ranker_recipe recipe = recipe_of_test(1);
    mr_ranker_workspace *workspace = NULL;
    mr_ranked list[MR_RANKER_K_MAX];
    mr_ranked expected[MR_RANKER_K_MAX];
    memset(recipe.choice.weights, 0, sizeof(recipe.choice.weights));
    recipe.choice.weights[MR_RANK_FEATURE_ROWS_PART] = 1.0F;
    assert_ok(mr_ranker_workspace_create(&members, 0, &workspace));
    for (uint32_t q = 0; q < queries.count; q++) {
        const mr_query query = mr_sequences_query(&queries, q, SIZE_MAX);
        const mr_ranker_limits limits = {.k = 1 + q % 50};
        const uint32_t count =
            mr_ranker_rank(&members, &recipe, workspace, &query, &limits, list);
        assert_int_equal(count, slow_rank(&recipe, &query, &limits, expected));
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(list[i].index, expected[i].index);
    }
    mr_ranker_workspace_destroy(workspace);
}

static void test_parts_add_up_to_the_score(void **state)
{
    (void)state;
    const mr_sequences queries = mr_sequence_list_view(&query_list);
    const mr_ranker_limits limits = {.k = 20};
    mr_ranker_recipe recipe = recipe_of_test(3);
    mr_ranker_workspace *workspace = NULL;
    mr_ranked list[20];
    float parts[MR_SIGNALS + 1];
    assert_ok(mr_ranker_workspace_create(&members, 0, &workspace));
    for (uint32_t q = 0; q < queries.count; q++) {
        const mr_query query = mr_sequences_query(&queries, q, SIZE_MAX);
        recipe.choice.single = q % 2 == 0 ? MR_SIGNALS : MR_SIGNAL_SEQUENCE;
        const uint32_t count =
            mr_ranker_rank(&members, &recipe, workspace, &query, &limits, list);
        for (uint32_t i = 0; i < count; i++) {
            double sum = 0.0;
            mr_ranker_parts(&recipe, workspace, list[i].index, parts);
            for (uint32_t s = 0; s <= MR_SIGNALS; s++) {
                assert_true(recipe.choice.single == MR_SIGNALS ||
                            s == recipe.choice.single || parts[s] == 0.0F);
                sum += (double)parts[s];
            }
            assert_true(fabs(sum - (double)list[i].score) < 1e-4);
        }
        mr_ranker_parts(&recipe, workspace, ITEMS + 1, parts);
        for (uint32_t s = 0; s <= MR_SIGNALS; s++)
            assert_true(parts[s] == 0.0F);
    }
    mr_ranker_workspace_destroy(workspace);
}

static void test_without_members_there_is_no_list(void **state)
{
    (void)state;
    const uint32_t item = 3;
    const mr_query query = {.item = &item, .count = 1};
    const mr_ranker_limits limits = {.k = 10};
    mr_ranker_members nothing = {.items = ITEMS};
    mr_ranker_recipe recipe = recipe_of_test(1);
    mr_ranker_workspace *workspace = NULL;
    mr_ranked list[10];
    assert_ok(mr_ranker_workspace_create(&nothing, 0, &workspace));
    /* The own item is still a candidate of a blend. */
    assert_int_equal(mr_ranker_rank(&nothing, &recipe, workspace, &query, &limits, list),
                     1);
    assert_int_equal(list[0].index, item);
    for (uint32_t s = 0; s < MR_SIGNALS; s++) {
        recipe.choice.single = (mr_signal)s;
        assert_int_equal(
            mr_ranker_rank(&nothing, &recipe, workspace, &query, &limits, list), 0);
    }
    mr_ranker_workspace_destroy(workspace);
}

/* ---- users who have had a lot ---- */

static void score_large(void *context, uint32_t lane, const mr_query *query,
                        float *ret_row)
{
    (void)context;
    (void)lane;
    (void)query;
    memcpy(ret_row, large_row, sizeof(large_row));
}

/* The first items are the best, and the user has had them all. */
static void test_who_has_had_the_best_thousand_gets_the_next_best(void **state)
{
    (void)state;
    static uint32_t had[OWN_OF_LARGE];
    static float popular[LARGE];
    mr_ranker_members large = {.items = LARGE, .rows = {.score = score_large}};
    mr_ranker_recipe recipe = {
        .choice = {.repeats_allowed = false, .single = MR_SIGNAL_ROWS}};
    mr_ranker_workspace *workspace = NULL;
    mr_ranked list[MR_RANKER_K_MAX];
    mr_query query = {.item = had, .count = OWN_OF_LARGE};
    mr_ranker_limits limits = {.k = MR_RANKER_K_MAX};
    for (uint32_t i = 0; i < LARGE; i++)
        popular[i] = large_row[i] = (float)(LARGE - i);
    for (uint32_t i = 0; i < OWN_OF_LARGE; i++)
        had[i] = i;
    large.popular = popular;
    assert_ok(mr_ranker_members_order(&large));
    assert_ok(mr_ranker_workspace_create(&large, 0, &workspace));
    recipe.uses[MR_SIGNAL_ROWS] = recipe.uses[MR_SIGNAL_POPULAR] = true;
    for (uint32_t way = 0; way < 6; way++) {
        recipe.choice.single = way % 3 == 0   ? MR_SIGNAL_ROWS
                               : way % 3 == 1 ? MR_SIGNAL_POPULAR
                                              : MR_SIGNALS;
        recipe.choice.weights[MR_RANK_FEATURE_ROWS_PART] = 1.0F;
        if (way == 3) { /* the same as exclusions */
            recipe.choice.repeats_allowed = true;
            limits.exclude = had;
            limits.exclude_count = OWN_OF_LARGE;
            query.count = 0;
        }
        const uint32_t count =
            mr_ranker_rank(&large, &recipe, workspace, &query, &limits, list);
        assert_int_equal(count, recipe.choice.single == MR_SIGNALS
                                    ? MR_RANKER_CANDIDATES_A_SIGNAL
                                    : MR_RANKER_K_MAX);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(list[i].index, OWN_OF_LARGE + i);
    }
    mr_ranker_workspace_destroy(workspace);
    free(large.most_popular);
}

/* As many candidates as there can be: every own item, and others of every signal. */
static void test_the_longest_query_fits(void **state)
{
    (void)state;
    static uint32_t had[2 * MR_OWN_ITEMS_MAX];
    static float popular[2 * LARGE];
    mr_ranker_members large = {.items = LARGE, .rows = {.score = score_large}};
    mr_ranker_recipe recipe = {.choice = {.repeats_allowed = true, .single = MR_SIGNALS}};
    mr_ranker_workspace *workspace = NULL;
    mr_ranked list[MR_RANKER_K_MAX];
    const uint32_t *items = NULL;
    size_t count = 0;
    const mr_query query = {.item = had, .count = 2 * MR_OWN_ITEMS_MAX};
    const mr_ranker_limits limits = {.k = MR_RANKER_K_MAX};
    for (uint32_t i = 0; i < LARGE; i++) {
        large_row[i] = i >= LARGE - 200 ? (float)i : 0.0F;
        popular[i] = i >= LARGE - 400 && i < LARGE - 200 ? (float)i : 0.0F;
    }
    for (uint32_t i = 0; i < 2 * MR_OWN_ITEMS_MAX; i++)
        had[i] = i % MR_OWN_ITEMS_MAX;
    large.popular = popular;
    assert_ok(mr_ranker_members_order(&large));
    assert_ok(mr_ranker_workspace_create(&large, 0, &workspace));
    recipe.uses[MR_SIGNAL_ROWS] = recipe.uses[MR_SIGNAL_POPULAR] = true;
    assert_int_equal(mr_ranker_rank(&large, &recipe, workspace, &query, &limits, list),
                     MR_RANKER_K_MAX);
    (void)mr_ranker_candidates(workspace, &items, &count);
    assert_int_equal(count, MR_OWN_ITEMS_MAX + 2 * MR_RANKER_CANDIDATES_A_SIGNAL);
    mr_ranker_workspace_destroy(workspace);
    free(large.most_popular);
}

/* ---- evaluation ---- */

static uint64_t target_ptr[QUERIES + 1];
static uint32_t targets[QUERIES * 4];

/* No to three targets a question, each once, some of them outside the catalogue. */
static mr_questions draw_questions(void)
{
    uint64_t drawn = 0;
    for (uint32_t q = 0; q < QUERIES; q++) {
        uint64_t at = target_ptr[q];
        const uint64_t count = mr_random_bits(11, drawn++) % 4;
        while (at < target_ptr[q] + count) {
            const uint32_t item = (uint32_t)(mr_random_bits(11, drawn++) % (ITEMS + 2));
            if (!is_in(targets + target_ptr[q], at - target_ptr[q], item))
                targets[at++] = item;
        }
        target_ptr[q + 1] = at;
    }
    return (mr_questions){.given = mr_sequence_list_view(&query_list),
                          .target_ptr = target_ptr,
                          .targets = targets};
}

/* The rank among the open items; 0 when the row says nothing for the item. */
static uint32_t slow_target_rank(const mr_ranker_recipe *recipe, const mr_query *query,
                                 uint32_t target)
{
    static float rows[MR_SIGNALS][ITEMS];
    const mr_ranker_limits limits = {.k = 1};
    uint32_t open[ITEMS];
    uint32_t rank = 0;
    const size_t count = slow_open(recipe, query, &limits, ITEMS, open);
    slow_rows(query, rows);
    if (!is_in(open, count, target) || !(rows[recipe->choice.single][target] > 0.0F))
        return 0;
    for (size_t c = 0; c < count; c++)
        rank +=
            rows[recipe->choice.single][open[c]] >= rows[recipe->choice.single][target];
    return rank;
}

static mr_ranking_metrics slow_metrics(const mr_ranker_recipe *recipe,
                                       const mr_questions *questions, uint32_t first,
                                       uint32_t k)
{
    mr_ranking_metrics sums = {0};
    for (uint32_t q = 0; q < questions->given.count; q++) {
        const mr_query query = mr_sequences_query(&questions->given, q, SIZE_MAX);
        const uint64_t begin = target_ptr[first + q];
        const uint64_t asked = target_ptr[first + q + 1] - begin;
        double ideal = 0.0;
        double gain = 0.0;
        uint32_t hits = 0;
        uint32_t best = UINT32_MAX;
        if (asked == 0)
            continue;
        for (uint32_t rank = 1; rank <= k && rank <= asked; rank++)
            ideal += 1.0 / log2(rank + 1.0);
        for (uint64_t t = begin; t < begin + asked; t++) {
            const uint32_t rank = slow_target_rank(recipe, &query, targets[t]);
            if (rank == 0 || rank > k)
                continue;
            hits++;
            gain += 1.0 / log2(rank + 1.0);
            best = rank < best ? rank : best;
        }
        sums.users++;
        sums.hit += hits > 0;
        sums.recall += (double)hits / (double)asked;
        sums.ndcg += gain / ideal;
        sums.mrr += hits > 0 ? 1.0 / best : 0.0;
    }
    return sums;
}

static void compare_metrics(const mr_ranking_metrics *metrics,
                            const mr_ranking_metrics *sums, uint32_t k)
{
    const double n = (double)sums->users;
    assert_int_equal(metrics->k, k);
    assert_int_equal(metrics->users, sums->users);
    assert_close(metrics->hit, sums->hit / n, 1e-12);
    assert_close(metrics->recall, sums->recall / n, 1e-12);
    assert_close(metrics->ndcg, sums->ndcg / n, 1e-12);
    assert_close(metrics->mrr, sums->mrr / n, 1e-12);
}

static void test_metrics_count_ties_against_us(void **state)
{
    (void)state;
    static const uint32_t ks[] = {20, 1, 5, 59};
    static const mr_signal signals[] = {MR_SIGNAL_ROWS, MR_SIGNAL_SEQUENCE,
                                        MR_SIGNAL_ENCODER, MR_SIGNAL_REPEAT};
    const mr_questions questions = draw_questions();
    mr_ranking_metrics metrics[4];
    for (uint32_t way = 0; way < 8; way++) {
        mr_ranker_recipe recipe = recipe_of_test(1);
        recipe.choice.single = signals[way / 2];
        recipe.choice.repeats_allowed = way % 2 == 0;
        assert_ok(
            mr_ranker_evaluate(&members, &recipe, &questions, ks, 4, pools[1], metrics));
        for (size_t k = 0; k < 4; k++) {
            const mr_ranking_metrics sums = slow_metrics(&recipe, &questions, 0, ks[k]);
            compare_metrics(&metrics[k], &sums, ks[k]);
        }
    }
}

static void test_a_slice_of_questions_keeps_its_answers(void **state)
{
    (void)state;
    const uint32_t k = 10;
    const mr_questions all = draw_questions();
    const mr_questions half = {.given = mr_sequences_slice(&all.given, 50, QUERIES - 50),
                               .target_ptr = all.target_ptr + 50,
                               .targets = all.targets};
    mr_ranker_recipe recipe = recipe_of_test(1);
    mr_ranking_metrics metrics;
    recipe.choice.single = MR_SIGNAL_ROWS;
    assert_ok(mr_ranker_evaluate(&members, &recipe, &half, &k, 1, pools[1], &metrics));
    const mr_ranking_metrics sums = slow_metrics(&recipe, &half, 50, k);
    compare_metrics(&metrics, &sums, k);
}

/* All items score the same: a list of k is full, and nobody can say that the target is in it. */
static void test_a_tie_beyond_k_finds_nothing(void **state)
{
    (void)state;
    static const uint32_t ks[] = {1, 10, LARGE < 255 ? LARGE : 255};
    static const uint64_t ptr[] = {0, 1};
    const uint32_t target = 0;
    mr_sequence_list list = {.items = LARGE};
    mr_ranking_metrics metrics[3];
    mr_ranker_members large = {.items = LARGE, .rows = {.score = score_large}};
    mr_ranker_recipe recipe = {.choice = {.single = MR_SIGNAL_ROWS}};
    recipe.uses[MR_SIGNAL_ROWS] = true;
    for (uint32_t i = 0; i < LARGE; i++)
        large_row[i] = 0.5F;
    assert_ok(mr_sequence_list_end(&list)); /* one empty query */
    const mr_questions questions = {
        .given = mr_sequence_list_view(&list), .target_ptr = ptr, .targets = &target};
    for (uint32_t way = 0; way < 2; way++) {
        recipe.choice.single = way == 0 ? MR_SIGNAL_ROWS : MR_SIGNALS;
        recipe.choice.weights[MR_RANK_FEATURE_ROWS_PART] = 1.0F;
        assert_ok(
            mr_ranker_evaluate(&large, &recipe, &questions, ks, 3, pools[2], metrics));
        /* 100 candidates are fewer than 255: there the last of the tie is listed. */
        for (size_t k = 0; k < (way == 0 ? 3 : 2); k++) {
            assert_int_equal(metrics[k].users, 1);
            assert_true(metrics[k].hit == 0.0 && metrics[k].mrr == 0.0);
        }
    }
    mr_sequence_list_deinit(&list);
}

static void test_any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    static const uint32_t ks[] = {5, 20};
    const mr_questions questions = draw_questions();
    const mr_ranker_recipe recipe = recipe_of_test(2);
    mr_ranking_metrics metrics[4][2];
    memset(metrics, 0, sizeof(metrics));
    for (uint32_t t = 1; t <= 3; t++)
        assert_ok(mr_ranker_evaluate(&members, &recipe, &questions, ks, 2, pools[t],
                                     metrics[t]));
    assert_true(metrics[1][1].hit > 0.0);
    assert_memory_equal(metrics[1], metrics[2], sizeof(metrics[1]));
    assert_memory_equal(metrics[1], metrics[3], sizeof(metrics[1]));
}

static void test_refuses_lists_that_are_too_short_or_too_long(void **state)
{
    (void)state;
    static const uint32_t ks[] = {0, MR_RANKER_K_MAX, UINT32_MAX};
    const mr_questions questions = draw_questions();
    const mr_ranker_recipe recipe = recipe_of_test(2);
    mr_ranking_metrics metrics;
    for (size_t k = 0; k < 3; k++)
        assert_int_equal(mr_ranker_evaluate(&members, &recipe, &questions, &ks[k], 1,
                                            pools[1], &metrics),
                         MR_ERR_INVALID);
}

static void test_votes_fade_by_baskets(void **state)
{
    (void)state;
    const mr_sequences train = mr_sequence_list_view(&train_list);
    float votes[ITEMS];
    double expected[ITEMS] = {0};
    mr_ranker_votes(&train, 0.5F, votes);
    for (uint32_t s = 0; s < train.count; s++)
        for (uint64_t e = train.ptr[s]; e < train.ptr[s + 1]; e++) {
            double back = 0.0;
            for (uint64_t later = e + 1; later < train.ptr[s + 1]; later++)
                back += train.basket[later] != train.basket[later - 1];
            expected[train.item[e]] += pow(0.5, back);
        }
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_close(votes[i], expected[i], 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_blend_ranks_all_items_by_their_linear_score),
        cmocka_unit_test(test_a_single_signal_ranks_by_its_plain_row),
        cmocka_unit_test(test_a_querys_length_says_which_choice_it_goes_by),
        cmocka_unit_test(test_ties_stand_in_the_order_of_items_wherever_they_came_from),
        cmocka_unit_test(test_parts_add_up_to_the_score),
        cmocka_unit_test(test_without_members_there_is_no_list),
        cmocka_unit_test(test_who_has_had_the_best_thousand_gets_the_next_best),
        cmocka_unit_test(test_the_longest_query_fits),
        cmocka_unit_test(test_metrics_count_ties_against_us),
        cmocka_unit_test(test_a_slice_of_questions_keeps_its_answers),
        cmocka_unit_test(test_a_tie_beyond_k_finds_nothing),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(test_refuses_lists_that_are_too_short_or_too_long),
        cmocka_unit_test(test_votes_fade_by_baskets),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
