/*
 * Candidates and features from lists, codes and bounds against those from whole rows: each signal's
 * row is written by its family, its best open items are found by sorting, and the features are
 * described from the rows.  Random shops and queries, with ties, exclusions, repeats allowed or not,
 * items nobody speaks for, queries longer than any list, and catalogues smaller than one.  Every bit
 * is the same, but where a query has more own items than a list can spare: there the encoder's row
 * is BLAS's.  Given items are scored against the definition, and against lists that hold them.
 */
#include "models/dense.h"
#include "models/random.h"
#include "models/ranker.h"
#include "models/vector.h"
#include "tests/score_order.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITEMS_MAX = 4000,
    WIDTH = 32,
    SHOPS = 6,
    QUERIES = 24,
    QUERY_MAX = 1300,
    EXCLUDED_MAX = 64,
    LIST_MAX = MR_RANKER_K_MAX,
    GIVEN_MAX = 300,
};

typedef struct shop {
    uint32_t items;
    mr_sequence_list list;
    mr_ranker_members members; /* with codes, and rows by parts */
    mr_ranker_members whole;   /* the same without              */
    mr_ranker_workspace *workspace;
    mr_ranker_workspace *whole_workspace;
    mr_session_knn_scratch *session_knn;
    mr_own_table own;
    uint32_t last; /* of the query that the source of rows was asked */
} shop;

static float rows[MR_SIGNALS][ITEMS_MAX];

/* ---- a source of rows ---- */

/* Coarse, so that there are ties; negative now and then. */
static float row_score(uint32_t last, uint32_t item)
{
    const uint64_t bits = mr_random_bits(77, (uint64_t)last * ITEMS_MAX + item) % 40;
    return bits < 10 ? -1.0F : (float)(bits / 4) / 4.0F - 2.0F;
}

static uint32_t last_of(const mr_query *query)
{
    return query->count > 0 ? query->item[query->count - 1] : ITEMS_MAX;
}

static void score_row(void *context, uint32_t lane, const mr_query *query, float *ret_row)
{
    const shop *s = context;
    (void)lane;
    for (uint32_t i = 0; i < s->items; i++)
        ret_row[i] = row_score(last_of(query), i);
}

static void ask_row(void *context, uint32_t lane, const mr_query *query)
{
    shop *s = context;
    (void)lane;
    s->last = last_of(query);
}

static uint32_t best_of_row(void *context, uint32_t lane, uint32_t k, mr_ranked *ret_best)
{
    static mr_top_k_selector selector;
    const shop *s = context;
    (void)lane;
    mr_top_k_selector_init(&selector, k, MR_TOP_K_SCALAR);
    for (uint32_t i = 0; i < s->items; i++)
        mr_top_k_selector_offer(&selector, i, row_score(s->last, i));
    return mr_top_k_selector_finish(&selector, ret_best);
}

static void score_at(void *context, uint32_t lane, const uint32_t *items, size_t count,
                     float *ret_row)
{
    const shop *s = context;
    (void)lane;
    for (size_t i = 0; i < count; i++)
        ret_row[items[i]] = row_score(s->last, items[i]);
}

/* ---- a shop ---- */

/* Some are not known, some are their predecessors' twins. */
static mr_encoder *draw_encoder(uint32_t items, uint64_t seed)
{
    mr_encoder *encoder = NULL;
    float *units = mr_dense_floats((size_t)items * WIDTH);
    float *lengths = mr_dense_floats(items);
    for (uint32_t i = 0; i < items; i++) {
        float *row = units + (size_t)i * WIDTH;
        double square = 0.0;
        for (uint32_t f = 0; f < WIDTH; f++) {
            row[f] = (float)mr_random_normal(seed, (uint64_t)i * WIDTH + f);
            square += (double)row[f] * (double)row[f];
        }
        lengths[i] = i % 11 == 10 ? 0.0F : (float)sqrt(square);
        for (uint32_t f = 0; f < WIDTH; f++)
            row[f] = i % 11 == 10 ? 0.0F : (float)((double)row[f] / sqrt(square));
        if (i % 7 == 6 && i % 11 != 10)
            memcpy(row, units + (size_t)(i - 1) * WIDTH, WIDTH * sizeof(*row));
        if (i % 7 == 6 && i % 11 != 10)
            lengths[i] = lengths[i - 1];
    }
    const mr_encoder_arrays arrays = {.items = items,
                                      .dimension = WIDTH,
                                      .units = units,
                                      .lengths = lengths,
                                      .places = mr_dense_floats(MR_ENCODER_PLACES),
                                      .attention = mr_dense_floats(WIDTH)};
    assert_ok(mr_encoder_take(&arrays, &encoder, NULL));
    return encoder;
}

static void draw_sequences(shop *s, uint64_t seed, uint32_t count)
{
    uint64_t drawn = 0;
    s->list.has_baskets = true;
    for (uint32_t n = 0; n < count; n++) {
        const uint64_t length = 2 + mr_random_bits(seed, drawn++) % 8;
        uint32_t basket = 0;
        for (uint64_t e = 0; e < length; e++) {
            const double where = mr_random_uniform(seed, drawn++);
            assert_ok(mr_sequence_list_add(&s->list, (uint32_t)(where * where * s->items),
                                           basket, 0));
            basket += mr_random_bits(seed, drawn++) % 2 == 0;
        }
        assert_ok(mr_sequence_list_end(&s->list));
    }
    s->list.items = s->items;
}

static mr_ranker_recipe draw_recipe(uint64_t seed)
{
    mr_ranker_recipe recipe = {
        .encoder = mr_encoder_options_default(),
        .sequence = mr_covisitation_defaults(),
        .session_knn = mr_session_knn_defaults(),
        .repeat = mr_next_basket_defaults(),
        .popular_fade = 0.8F,
        .choice = {.repeats_allowed = seed % 2 == 0, .single = MR_SIGNALS}};
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        recipe.uses[s] = s != MR_SIGNAL_CONTENT;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        recipe.choice.weights[f] = (float)mr_random_normal(seed, f);
    return recipe;
}

static void open_shop(shop *s, uint64_t seed)
{
    static const uint32_t sizes[] = {ITEMS_MAX, 70, 600};
    mr_ranker_recipe recipe = draw_recipe(seed);
    mr_worker_pool *pool = NULL;
    memset(s, 0, sizeof(*s));
    s->items = sizes[seed % 3];
    draw_sequences(s, seed, 400);
    const mr_sequences sequences = mr_sequence_list_view(&s->list);
    assert_ok(mr_worker_pool_create(1, &pool));
    const mr_ranker_training training = {.sequences = &sequences, .pool = pool};
    recipe.uses[MR_SIGNAL_ENCODER] = false;
    assert_ok(mr_ranker_members_train(&recipe, &training, &s->members));
    mr_worker_pool_destroy(pool);
    s->members.encoder = draw_encoder(s->items, seed + 1);
    s->whole = s->members;
    s->whole.rows = (mr_row_source){.score = score_row, .context = s};
    assert_ok(mr_ranker_members_code(&s->members));
    assert_non_null(s->members.encoder_codes);
    s->members.rows = (mr_row_source){.score = score_row,
                                      .context = s,
                                      .ask = ask_row,
                                      .best = best_of_row,
                                      .at = score_at};
    assert_ok(mr_ranker_workspace_create(&s->members, 0, &s->workspace));
    assert_ok(mr_ranker_workspace_create(&s->whole, 0, &s->whole_workspace));
    assert_ok(mr_session_knn_scratch_create(s->members.session_knn, &s->session_knn));
    assert_ok(mr_own_table_init(&s->own, s->items));
}

static void close_shop(shop *s)
{
    mr_ranker_workspace_destroy(s->workspace);
    mr_ranker_workspace_destroy(s->whole_workspace);
    mr_session_knn_scratch_destroy(s->session_knn);
    mr_own_table_deinit(&s->own);
    mr_ranker_members_deinit(&s->members);
    mr_sequence_list_deinit(&s->list);
}

/* ---- a query ---- */

typedef struct question {
    uint32_t item[QUERY_MAX];
    uint32_t basket[QUERY_MAX];
    mr_query query;
    uint32_t excluded[EXCLUDED_MAX];
    mr_ranker_limits limits;
} question;

/* Every eighth is long, every eighth empty; strangers stand among the items. */
static void draw_question(const shop *s, uint64_t seed, question *q)
{
    const size_t count = seed % 8 == 7   ? (size_t)QUERY_MAX
                         : seed % 8 == 6 ? 0
                                         : 1 + mr_random_bits(seed, 0) % 30;
    for (size_t e = 0; e < count; e++) {
        const double where = mr_random_uniform(seed + 1, e);
        q->item[e] = (uint32_t)((count == QUERY_MAX ? where : where * where) *
                                (double)(s->items + 3));
        q->basket[e] =
            e == 0 ? 0 : q->basket[e - 1] + (uint32_t)(mr_random_bits(seed + 2, e) % 2);
    }
    q->query = (mr_query){.item = q->item, .basket = q->basket, .count = count};
    q->limits = (mr_ranker_limits){.k = 1 + (uint32_t)(mr_random_bits(seed, 3) % 200),
                                   .exclude = q->excluded};
    uint32_t next = 0;
    while (seed % 3 != 0 && q->limits.exclude_count < EXCLUDED_MAX) {
        next += 1 + (uint32_t)(mr_random_bits(seed + 4, next) % 20);
        q->excluded[q->limits.exclude_count++] = next;
    }
}

static void write_rows(const shop *s, const mr_query *query)
{
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    const mr_dense *table = mr_encoder_items(s->members.encoder);
    float *vector = mr_dense_floats(WIDTH);
    (void)mr_encoder_encode(s->members.encoder, query, vector);
    for (uint32_t i = 0; i < s->items; i++)
        rows[MR_SIGNAL_ENCODER][i] =
            fmaxf(kernels->dot(vector, mr_dense_row(table, i), WIDTH), 0.0F);
    free(vector);
    mr_covisitation_score(s->members.sequence, query, rows[MR_SIGNAL_SEQUENCE]);
    mr_session_knn_score(s->members.session_knn, s->session_knn, query,
                         rows[MR_SIGNAL_SESSION_KNN]);
    mr_next_basket_score(s->members.repeat, query, rows[MR_SIGNAL_REPEAT]);
    score_row((void *)(uintptr_t)s, 0, query, rows[MR_SIGNAL_ROWS]);
    memcpy(rows[MR_SIGNAL_POPULAR], s->members.popular, s->items * sizeof(float));
}

/* ---- by the definition ---- */

static bool is_open(const shop *s, bool repeats, const question *q, uint32_t item)
{
    for (size_t e = 0; e < q->limits.exclude_count; e++)
        if (q->excluded[e] == item)
            return false;
    return repeats || mr_own_table_find(&s->own, item) == NULL;
}

static size_t slow_candidates(const shop *s, const mr_ranker_recipe *recipe,
                              const question *q, uint32_t *ret_items)
{
    static uint32_t order[ITEMS_MAX];
    static bool taken[ITEMS_MAX];
    size_t count = 0;
    memset(taken, 0, sizeof(taken));
    for (uint32_t signal = 0; signal < MR_SIGNALS; signal++) {
        if (!recipe->uses[signal])
            continue;
        score_order(rows[signal], s->items, order);
        uint32_t held = 0;
        for (uint32_t i = 0; i < s->items && held < MR_RANKER_CANDIDATES_A_SIGNAL; i++) {
            if (signal != MR_SIGNAL_POPULAR && !(rows[signal][order[i]] > 0.0F))
                break;
            if (!is_open(s, recipe->choice.repeats_allowed, q, order[i]))
                continue;
            held++;
            if (!taken[order[i]])
                ret_items[count++] = order[i];
            taken[order[i]] = true;
        }
    }
    for (size_t o = 0; o < s->own.count && recipe->choice.repeats_allowed; o++) {
        const uint32_t item = s->own.items[o].item;
        if (!taken[item] && is_open(s, true, q, item))
            ret_items[count++] = item;
    }
    return count;
}

static bool is_spared(const question *q)
{
    return q->query.count == QUERY_MAX;
}

static void check_look(shop *s, const mr_ranker_recipe *recipe, const question *q)
{
    static uint32_t expected[MR_RANKER_CANDIDATES_MAX];
    static float described[MR_RANKER_CANDIDATES_MAX][MR_RANK_FEATURES];
    const float *signals[MR_SIGNALS] = {NULL};
    const mr_item_facts facts = {s->members.popular, s->members.recent,
                                 mr_next_basket_view(s->members.repeat).repeat_rate};
    const uint32_t *items = NULL;
    size_t found = 0;
    for (uint32_t signal = 0; signal < MR_SIGNALS; signal++)
        signals[signal] = recipe->uses[signal] ? rows[signal] : NULL;
    mr_own_table_fill(&s->own, &q->query);
    const size_t count = slow_candidates(s, recipe, q, expected);
    mr_ranker_describe(signals, &facts, &s->own, expected, count, described[0]);
    mr_ranker_look(&s->members, recipe, s->workspace, &q->query, &q->limits);
    const float *features = mr_ranker_candidates(s->workspace, &items, &found);
    assert_int_equal(found, count);
    assert_memory_equal(items, expected, count * sizeof(*items));
    if (!is_spared(q))
        assert_memory_equal(features, described[0],
                            count * MR_RANK_FEATURES * sizeof(*features));
    for (size_t f = 0; f < count * MR_RANK_FEATURES; f++)
        assert_true(
            fabsf(features[f] - described[f / MR_RANK_FEATURES][f % MR_RANK_FEATURES]) <=
            1e-4F);
}

static void check_list(shop *s, const mr_ranker_recipe *recipe, const question *q)
{
    static mr_ranked list[LIST_MAX];
    static mr_ranked expected[LIST_MAX];
    mr_ranker_limits limits = q->limits;
    const uint32_t count =
        mr_ranker_rank(&s->members, recipe, s->workspace, &q->query, &limits, list);
    limits.encoded = rows[MR_SIGNAL_ENCODER];
    const uint32_t expected_count = mr_ranker_rank(&s->whole, recipe, s->whole_workspace,
                                                   &q->query, &limits, expected);
    assert_int_equal(count, expected_count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(list[i].index, expected[i].index);
        assert_true(fabsf(list[i].score - expected[i].score) <= 1e-3F);
        if (!is_spared(q))
            assert_memory_equal(&list[i].score, &expected[i].score, sizeof(float));
    }
}

/* ---- given items ---- */

/* Of what a signal gives to the candidates, which need not hold the item. */
static void describe_share(const float *row, const uint32_t *candidates, size_t count,
                           uint32_t item, float *ret_pair)
{
    double sum = 0.0;
    float largest = 0.0F;
    for (size_t c = 0; c < count; c++) {
        const float score = row[candidates[c]];
        sum += score > 0.0F ? (double)score : 0.0;
        largest = score > largest ? score : largest;
    }
    const bool has_score = row[item] > 0.0F;
    const double share = !has_score ? 0.0 : sum > 0.0 ? (double)row[item] / sum : 1.0;
    const float part = !has_score ? 0.0F : largest > 0.0F ? row[item] / largest : 1.0F;
    ret_pair[0] = (float)log(fmin(share, 1.0) + 0.001);
    ret_pair[1] = sqrtf(fminf(part, 1.0F));
}

static float slow_score(const shop *s, const mr_ranker_recipe *recipe,
                        const uint32_t *candidates, size_t count, uint32_t item)
{
    static const struct {
        mr_signal signal;
        mr_rank_feature share;
    } shares[] = {{MR_SIGNAL_SEQUENCE, MR_RANK_FEATURE_SEQUENCE_SHARE},
                  {MR_SIGNAL_SESSION_KNN, MR_RANK_FEATURE_SESSION_KNN_SHARE},
                  {MR_SIGNAL_REPEAT, MR_RANK_FEATURE_REPEAT_SHARE},
                  {MR_SIGNAL_ROWS, MR_RANK_FEATURE_ROWS_SHARE}};
    const mr_item_facts facts = {s->members.popular, s->members.recent,
                                 mr_next_basket_view(s->members.repeat).repeat_rate};
    const float *signals[MR_SIGNALS] = {NULL};
    float features[MR_RANK_FEATURES];
    float score = 0.0F;
    for (uint32_t signal = 0; signal < MR_SIGNALS; signal++)
        signals[signal] = recipe->uses[signal] ? rows[signal] : NULL;
    mr_ranker_describe(signals, &facts, &s->own, &item, 1, features);
    for (size_t p = 0; p < sizeof(shares) / sizeof(*shares); p++)
        if (recipe->uses[shares[p].signal])
            describe_share(rows[shares[p].signal], candidates, count, item,
                           features + shares[p].share);
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        score += recipe->choice.weights[f] *
                 (features[f] - mr_rank_feature_floor((mr_rank_feature)f));
    return score;
}

/* Some items twice, own ones among them. */
static size_t draw_given(const shop *s, const question *q, uint64_t seed,
                         uint32_t ret_items[GIVEN_MAX])
{
    const size_t count = mr_random_bits(seed, 0) % (GIVEN_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        const size_t at = mr_random_bits(seed + 1, i) % (q->query.count + 1);
        const bool is_own = mr_random_bits(seed + 2, i) % 4 == 0 && at < q->query.count &&
                            q->item[at] < s->items;
        ret_items[i] =
            is_own ? q->item[at] : (uint32_t)(mr_random_bits(seed + 3, i) % s->items);
    }
    return count;
}

static bool holds(const uint32_t *items, size_t count, uint32_t item)
{
    for (size_t i = 0; i < count; i++)
        if (items[i] == item)
            return true;
    return false;
}

/* Given items stand for the candidates, each once. */
static void check_given(shop *s, const mr_ranker_recipe *recipe, const question *q,
                        uint64_t seed)
{
    static uint32_t candidates[GIVEN_MAX];
    static uint32_t given[GIVEN_MAX];
    static float scores[GIVEN_MAX];
    const mr_signal single = recipe->choice.single;
    size_t count = 0;
    mr_own_table_fill(&s->own, &q->query);
    const size_t given_count = draw_given(s, q, seed, given);
    for (size_t i = 0; i < given_count; i++)
        if (!holds(candidates, count, given[i]))
            candidates[count++] = given[i];
    mr_ranker_score(&s->members, recipe, s->workspace, &q->query, given, given_count,
                    scores);
    for (size_t i = 0; i < given_count; i++) {
        float parts[MR_SIGNALS + 1];
        double sum = 0.0;
        const float expected = single != MR_SIGNALS
                                   ? rows[single][given[i]]
                                   : slow_score(s, recipe, candidates, count, given[i]);
        assert_true(fabsf(scores[i] - expected) <= 2e-3F);
        mr_ranker_parts(recipe, s->workspace, given[i], parts);
        for (uint32_t part = 0; part <= MR_SIGNALS; part++)
            sum += (double)parts[part];
        assert_true(fabs(sum - (double)scores[i]) <= 2e-3);
    }
}

/* Who is given what a list would be chosen from makes of it what the list does: how many were. */
static size_t check_listed(shop *s, const mr_ranker_recipe *recipe, const question *q)
{
    static uint32_t candidates[MR_RANKER_CANDIDATES_MAX];
    static mr_ranked list[LIST_MAX];
    static float scores[MR_RANKER_K_MAX];
    static question open;
    open = *q;
    open.limits.exclude_count = 0;
    mr_own_table_fill(&s->own, &q->query);
    const size_t candidate_count = slow_candidates(s, recipe, &open, candidates);
    if (candidate_count > MR_RANKER_K_MAX)
        return 0;
    const uint32_t count =
        mr_ranker_rank(&s->members, recipe, s->workspace, &q->query, &open.limits, list);
    mr_ranker_score(&s->members, recipe, s->workspace, &q->query, candidates,
                    candidate_count, scores);
    for (uint32_t i = 0; i < count; i++)
        for (size_t c = 0; c < candidate_count; c++)
            if (candidates[c] == list[i].index)
                assert_true(fabsf(scores[c] - list[i].score) <= 2e-3F);
    return count;
}

static void test_given_items_are_scored_as_the_only_candidates(void **state)
{
    static shop s;
    static question q;
    size_t listed = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SHOPS; seed++) {
        mr_ranker_recipe recipe = draw_recipe(seed);
        open_shop(&s, seed);
        for (uint64_t n = 0; n < QUERIES; n++) {
            draw_question(&s, seed * QUERIES + n, &q);
            write_rows(&s, &q.query);
            recipe.choice.single = MR_SIGNALS;
            check_given(&s, &recipe, &q, n);
            listed += check_listed(&s, &recipe, &q);
            recipe.choice.single = (mr_signal)(n % MR_SIGNALS);
            if (!recipe.uses[recipe.choice.single])
                continue;
            check_given(&s, &recipe, &q, n);
            listed += check_listed(&s, &recipe, &q);
        }
        close_shop(&s);
    }
    assert_true(listed > 1000);
}

static void test_candidates_and_features_are_those_of_whole_rows(void **state)
{
    static shop s;
    static question q;
    (void)state;
    for (uint64_t seed = 0; seed < SHOPS; seed++) {
        mr_ranker_recipe recipe = draw_recipe(seed);
        open_shop(&s, seed);
        for (uint64_t n = 0; n < QUERIES; n++) {
            draw_question(&s, seed * QUERIES + n, &q);
            write_rows(&s, &q.query);
            recipe.choice.single = MR_SIGNALS;
            check_look(&s, &recipe, &q);
            check_list(&s, &recipe, &q);
            recipe.choice.single = (mr_signal)(n % MR_SIGNALS);
            if (recipe.uses[recipe.choice.single])
                check_list(&s, &recipe, &q);
        }
        close_shop(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidates_and_features_are_those_of_whole_rows),
        cmocka_unit_test(test_given_items_are_scored_as_the_only_candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
