/*
 * Method: versions written by hand, of blends of set-type members and of rankers, and trained ones.
 * What is listed of the whole catalogue must have the same score and stand in the same order when
 * the whole catalogue is given, in whatever order, and of a blend whatever is given; items outside,
 * items given twice and histories that the model knows nothing of have answers of their own.
 */
#include "tests/support.h"

#include "core/file.h"
#include "models/blas.h"
#include "models/dictionary.h"
#include "models/ease.h"
#include "models/fold_in.h"
#include "models/history_sequences.h"
#include "models/item_item.h"
#include "models/random.h"
#include "models/ranker_files.h"
#include "models/ranker_recipe_json.h"
#include "models/recommender.h"
#include "models/recommender_files.h"
#include "models/recommender_tables.h"
#include "models/recommender_train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 200, ITEMS = 96, DEPARTMENTS = 4, EACH = 12, DIMENSION = 16 };

typedef struct world {
    uint64_t ptr[USERS + 1];
    uint32_t item[USERS * EACH];
    uint32_t time_s[USERS * EACH];
    uint8_t bought[USERS * EACH];
    char names[ITEMS][8];
    mr_text ids[ITEMS];
    mr_recipe recipe;
    mr_sparse_matrix item_item;
    mr_dense factors;
    mr_fold_in *fold_in;
    mr_dense ease;
    mr_graph_filter filter;
    float popular[ITEMS];
    mr_worker_pool *pool;
} world;

static char models_path[64];

/* ---- a shop ---- */

/* Users keep to a department, in which the first items are the most bought, three an order. */
static void draw_events(world *w)
{
    for (uint32_t e = 0; e < USERS * EACH; e++) {
        const uint32_t user = e / EACH;
        const double place = mr_random_uniform(3, e);
        w->item[e] = (uint32_t)(place * place * (ITEMS / DEPARTMENTS)) * DEPARTMENTS +
                     user % DEPARTMENTS;
        w->time_s[e] = 1000000 + user * 700 + e % EACH / 3 * 250000;
        w->bought[e] = e % 5 != 0;
    }
    for (uint32_t u = 0; u <= USERS; u++)
        w->ptr[u] = (uint64_t)u * EACH;
    for (uint32_t i = 0; i < ITEMS; i++) {
        (void)snprintf(w->names[i], sizeof(w->names[i]), "i%u", i);
        w->ids[i] = mr_text_from(w->names[i]);
    }
}

static void train_members(world *w)
{
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    w->recipe = (mr_recipe){
        .item_item = {.row_exponent = 0.5F, .column_exponent = 0.4F, .neighbours = 20},
        .ials = {.dimension = DIMENSION,
                 .epochs = 1,
                 .alpha0 = 0.1F,
                 .lambda = 0.05F,
                 .nu = 1.0F},
        .ease = {.lambda = 4.0F, .user_exponent = 0.5F},
        .graph_filter = {.dimension = 5, .iterations = 6, .seed = 1}};
    assert_ok(mr_sparse_matrix_from_rows(w->ptr, w->item, NULL, USERS, ITEMS, &users));
    assert_ok(mr_sparse_matrix_transpose(&users, &items));
    assert_ok(
        mr_item_item_build(&users, &items, &w->recipe.item_item, w->pool, &w->item_item));
    assert_ok(mr_ease_train(&users, &items, &w->recipe.ease, w->pool, &w->ease));
    assert_ok(mr_graph_filter_train(&users, &items, &w->recipe.graph_filter, w->pool,
                                    &w->filter));
    assert_ok(mr_dense_init(&w->factors, ITEMS, DIMENSION));
    for (uint32_t i = 0; i < ITEMS; i++) {
        for (uint32_t f = 0; f < DIMENSION; f++)
            mr_dense_row(&w->factors, i)[f] =
                (float)mr_random_normal(5, i * DIMENSION + f) *
                (f % DEPARTMENTS == i % DEPARTMENTS ? 0.4F : 0.1F);
        w->popular[i] = (float)mr_sparse_matrix_row_count(&items, i);
    }
    assert_ok(mr_fold_in_create(&w->factors, &w->recipe.ials, w->pool, &w->fold_in));
    mr_sparse_matrix_deinit(&users);
    mr_sparse_matrix_deinit(&items);
}

static int open_world(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    (void)snprintf(models_path, sizeof(models_path), "/tmp/test_recommender_rank_%d",
                   (int)getpid());
    assert_ok(mr_worker_pool_create(2, &w->pool));
    draw_events(w);
    train_members(w);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    mr_sparse_matrix_deinit(&w->item_item);
    mr_fold_in_destroy(w->fold_in);
    mr_dense_deinit(&w->factors);
    mr_dense_deinit(&w->ease);
    mr_graph_filter_deinit(&w->filter);
    mr_worker_pool_destroy(w->pool);
    free(w);
    return mr_directory_remove(models_path, NULL) == MR_OK ? 0 : -1;
}

/* ---- versions ---- */

static void put(mr_model_writer *writer, const char *name, mr_npy_type type,
                uint64_t count, const void *data)
{
    assert_ok(mr_model_writer_add(writer, name, type, 1, &count, data, 0, NULL));
}

static void put_members(const world *w, mr_model_writer *writer)
{
    const float *weights = w->recipe.blend.weights;
    const bool has_ease = weights[MR_MEMBER_EASE] > 0.0F;
    const bool has_filter = weights[MR_MEMBER_GRAPH_FILTER] > 0.0F;
    const uint64_t count = mr_sparse_matrix_count(&w->item_item);
    const uint64_t shape[2] = {ITEMS, DIMENSION};
    const mr_dense no_ease = {0};
    const mr_graph_filter no_filter = {0};
    put(writer, MR_FILE_POPULARITY, MR_NPY_F4, ITEMS, w->popular);
    if (weights[MR_MEMBER_ITEM_ITEM] > 0.0F) {
        put(writer, MR_FILE_NEIGHBOUR_PTR, MR_NPY_U8, ITEMS + 1, w->item_item.ptr);
        put(writer, MR_FILE_NEIGHBOUR_INDEX, MR_NPY_U4, count, w->item_item.index);
        put(writer, MR_FILE_NEIGHBOUR_VALUES, MR_NPY_F4, count, w->item_item.values);
    }
    if (weights[MR_MEMBER_IALS] > 0.0F) {
        assert_ok(mr_model_writer_add(writer, MR_FILE_FACTORS, MR_NPY_F4, 2, shape,
                                      w->factors.values, 0, NULL));
        put(writer, MR_FILE_EIGENVALUES, MR_NPY_F4, DIMENSION,
            mr_fold_in_eigenvalues(w->fold_in));
    }
    assert_ok(mr_recommender_tables_write(writer, has_ease ? &w->ease : &no_ease,
                                          has_filter ? &w->filter : &no_filter, NULL));
}

static mr_recommender *open_version(const char *version)
{
    char path[256];
    mr_error error = {.message = ""};
    mr_recommender *recommender = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", models_path, version);
    if (mr_recommender_open(path, &recommender, &error) != MR_OK)
        fail_msg("%s", error.message);
    return recommender;
}

static void put_ranker(const world *w, mr_model_writer *writer,
                       const mr_ranker_recipe *recipe)
{
    const mr_interactions rows = {.users = USERS,
                                  .items = ITEMS,
                                  .ptr = w->ptr,
                                  .item = w->item,
                                  .time_s = w->time_s};
    mr_sequence_list list;
    mr_ranker_members members = {0};
    assert_ok(mr_history_sequences(&rows, &list));
    const mr_sequences sequences = mr_sequence_list_view(&list);
    const mr_ranker_training training = {.sequences = &sequences, .pool = w->pool};
    assert_ok(mr_ranker_members_train(recipe, &training, &members));
    assert_ok(mr_ranker_files_write(writer, recipe, &members, NULL));
    mr_ranker_members_deinit(&members);
    mr_sequence_list_deinit(&list);
}

/* A version of the blend, and of the ranker where there is one. */
static mr_recommender *write_version(world *w, const mr_blend *blend,
                                     const mr_ranker_recipe *ranker)
{
    static int64_t minutes; /* another name for each */
    char version[MR_MODEL_VERSION_BYTES];
    char bytes_path[MR_MODEL_PATH_BYTES];
    char offsets_path[MR_MODEL_PATH_BYTES];
    mr_model_writer *writer = NULL;
    mr_buffer model = {0};
    mr_buffer text = {0};
    w->recipe.blend = *blend;
    w->recipe.repeats_allowed = minutes % 2 == 0;
    if (ranker != NULL)
        mr_ranker_recipe_write(ranker, &text);
    const mr_recommender_parts parts = {
        .ranker = {(const char *)text.bytes, (uint32_t)text.length}};
    mr_recommender_recipe_write(&w->recipe, &parts, &model);
    assert_ok(mr_model_writer_create(models_path, &writer, NULL));
    mr_model_writer_path(writer, MR_FILE_ITEM_IDS, bytes_path);
    mr_model_writer_path(writer, MR_FILE_ITEM_OFFSETS, offsets_path);
    assert_ok(mr_dictionary_write(bytes_path, offsets_path, w->ids, ITEMS, NULL));
    assert_ok(mr_model_writer_note(writer, MR_FILE_ITEM_IDS, NULL));
    assert_ok(mr_model_writer_note(writer, MR_FILE_ITEM_OFFSETS, NULL));
    put_members(w, writer);
    if (ranker != NULL)
        put_ranker(w, writer, ranker);
    const mr_model_description description = {
        .kind = MR_RECOMMENDER_KIND,
        .data_to_ms = INT64_C(1795230000000) + 60000 * minutes++,
        .model = {.bytes = (const char *)model.bytes, .length = (uint32_t)model.length},
        .metrics = MR_TEXT("{}")};
    assert_ok(mr_model_writer_finish(writer, &description, version, NULL));
    mr_model_writer_destroy(writer);
    mr_buffer_deinit(&model);
    mr_buffer_deinit(&text);
    return open_version(version);
}

static mr_recommender *write_set(world *w, const mr_blend *blend)
{
    return write_version(w, blend, NULL);
}

static mr_recommender *train_version(const world *w, bool has_times, bool has_bought,
                                     mr_training_result *ret_result)
{
    const mr_training_set set = {
        .interactions = {.users = USERS,
                         .items = ITEMS,
                         .ptr = w->ptr,
                         .item = w->item,
                         .time_s = has_times ? w->time_s : NULL,
                         .bought = has_bought ? w->bought : NULL},
        .item_ids = w->ids,
        .data_to_ms = INT64_C(1796230000000),
        .seed = 7,
        .threads = 2,
        .budget = has_times ? 14 : 3};
    mr_error error = {.message = ""};
    if (mr_recommender_train(&set, models_path, ret_result, &error) != MR_OK)
        fail_msg("%s", error.message);
    return open_version(ret_result->version);
}

/* ---- questions ---- */

enum { HISTORIES = 12, HISTORY_MAX = 40 };

/* Newest first; every fourth is of one item. */
static size_t draw_history(uint64_t seed, mr_model_history_item *ret_history)
{
    const size_t count = seed % 4 == 0 ? 1 : 1 + mr_random_bits(seed, 0) % HISTORY_MAX;
    for (size_t h = 0; h < count; h++)
        ret_history[h] = (mr_model_history_item){
            .item = (uint32_t)(mr_random_bits(seed + 100, h) % (ITEMS / DEPARTMENTS)) *
                        DEPARTMENTS +
                    (uint32_t)(seed % DEPARTMENTS),
            .weight = h % 3 == 0 ? 1.0F : 0.2F,
            .time_s = (uint32_t)(2000000 - h * 700)};
    return count;
}

/* Every item, in an order of no meaning, some outside between them, and the first once more. */
enum { GIVEN = ITEMS + 4 };

static void give_all(uint32_t ret_items[GIVEN])
{
    size_t at = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (i % 40 == 7)
            ret_items[at++] = i == 7 ? MR_ITEM_NONE : ITEMS + i;
        ret_items[at++] = i * 35 % ITEMS; /* 35 and 96 have no common factor */
    }
    ret_items[at++] = ret_items[0];
    assert_int_equal(at, GIVEN);
}

static bool same_reason(const mr_scored_item *a, const mr_scored_item *b)
{
    return a->because == b->because && a->source == b->source;
}

static void check_outside_and_twice(const uint32_t *given, const mr_scored_item *ranked)
{
    for (size_t i = 0; i < GIVEN; i++) {
        assert_int_equal(ranked[i].item, given[i]);
        if (given[i] < ITEMS) {
            assert_true(isfinite(ranked[i].score));
            continue;
        }
        assert_true(isnan(ranked[i].score));
        assert_int_equal(ranked[i].source, MR_SOURCE_NONE);
        assert_int_equal(ranked[i].because, MR_ITEM_NONE);
    }
    assert_memory_equal(&ranked[0], &ranked[GIVEN - 1], sizeof(*ranked));
}

/* What else is given has no say in the score of one, but for rankers, which compare what is given. */
static void check_alone(const mr_recommender *r, mr_recommender_scratch *scratch,
                        const mr_model_history_item *history, size_t count,
                        const mr_scored_item *among)
{
    mr_scored_item alone;
    assert_ok(mr_recommender_rank(r, scratch, history, count, &among->item, 1, &alone));
    assert_true(fabsf(alone.score - among->score) <=
                1e-5F * (1.0F + fabsf(among->score)));
}

/* What is listed for the history has, among all, the same scores, reasons and order. */
static void check_history(const mr_recommender *r, mr_recommender_scratch *scratch,
                          const mr_model_history_item *history, size_t count,
                          bool has_ranker, size_t *listed)
{
    uint32_t given[GIVEN];
    size_t place[ITEMS] = {0};
    mr_scored_item ranked[GIVEN];
    mr_scored_item list[ITEMS];
    size_t found = 0;
    const mr_recommend_options options = {.k = ITEMS};
    give_all(given);
    assert_ok(mr_recommender_score(r, scratch, history, count, &options, list, &found));
    assert_ok(mr_recommender_rank(r, scratch, history, count, given, GIVEN, ranked));
    check_outside_and_twice(given, ranked);
    for (size_t i = 0; i < GIVEN; i++)
        if (given[i] < ITEMS)
            place[given[i]] = i;
    for (size_t i = 0; i < found && list[i].score != 0.0F; i++) {
        const mr_scored_item *again = &ranked[place[list[i].item]];
        assert_true(fabsf(again->score - list[i].score) <=
                    1e-4F * (1.0F + fabsf(list[i].score)));
        assert_true(same_reason(again, &list[i]));
        (*listed)++;
        if (!has_ranker)
            check_alone(r, scratch, history, count, again);
        if (i > 0)
            assert_true(ranked[place[list[i - 1].item]].score >=
                        again->score - 1e-5F * (1.0F + fabsf(again->score)));
    }
}

static void check_ranks_as_listed(const mr_recommender *r, bool has_ranker)
{
    mr_recommender_scratch *scratch = NULL;
    size_t listed = 0;
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    for (uint64_t seed = 0; seed < HISTORIES; seed++) {
        mr_model_history_item history[HISTORY_MAX];
        const size_t count = draw_history(seed, history);
        check_history(r, scratch, history, count, has_ranker, &listed);
    }
    assert_true(listed > HISTORIES * 10);
    mr_recommender_scratch_destroy(scratch);
}

/* ---- tests ---- */

static void test_given_items_have_the_score_of_the_list_in_every_blend(void **state)
{
    static const mr_blend blends[] = {
        {MR_BLEND_MAXIMUM, {[MR_MEMBER_ITEM_ITEM] = 1.0F}},
        {MR_BLEND_MAXIMUM, {[MR_MEMBER_IALS] = 1.0F}},
        {MR_BLEND_MAXIMUM, {[MR_MEMBER_EASE] = 1.0F}},
        {MR_BLEND_MAXIMUM, {[MR_MEMBER_GRAPH_FILTER] = 1.0F}},
        {MR_BLEND_DEVIATION,
         {[MR_MEMBER_ITEM_ITEM] = 1.0F,
          [MR_MEMBER_IALS] = 0.7F,
          [MR_MEMBER_POPULAR] = 0.2F}},
        {MR_BLEND_MAXIMUM,
         {[MR_MEMBER_ITEM_ITEM] = 0.5F,
          [MR_MEMBER_IALS] = 0.7F,
          [MR_MEMBER_POPULAR] = 0.3F}},
        {MR_BLEND_DEVIATION, {[MR_MEMBER_EASE] = 1.0F, [MR_MEMBER_GRAPH_FILTER] = 0.5F}},
        {MR_BLEND_MAXIMUM, {[MR_MEMBER_EASE] = 0.4F, [MR_MEMBER_IALS] = 0.5F}},
        {MR_BLEND_DEVIATION, {0.5F, 0.4F, 0.3F, 0.8F, 0.6F}},
    };
    for (size_t b = 0; b < sizeof(blends) / sizeof(*blends); b++) {
        mr_recommender *r = write_set(*state, &blends[b]);
        check_ranks_as_listed(r, false);
        mr_recommender_destroy(r);
    }
}

static void test_given_items_have_the_score_of_the_list_of_a_trained_version(void **state)
{
    mr_training_result result;
    mr_recommender *r = train_version(*state, true, true, &result);
    assert_true(result.has_ranker);
    check_ranks_as_listed(r, true);
    mr_recommender_destroy(r);
}

static mr_ranker_recipe ranker_recipe(bool has_rows)
{
    mr_ranker_recipe recipe = {.encoder = mr_encoder_options_default(),
                               .sequence = mr_covisitation_defaults(),
                               .session_knn = mr_session_knn_defaults(),
                               .repeat = mr_next_basket_defaults(),
                               .popular_fade = 0.9F,
                               .choice = {.repeats_allowed = true, .single = MR_SIGNALS}};
    recipe.uses[MR_SIGNAL_SEQUENCE] = true;
    recipe.uses[MR_SIGNAL_SESSION_KNN] = has_rows;
    recipe.uses[MR_SIGNAL_REPEAT] = has_rows;
    recipe.uses[MR_SIGNAL_ROWS] = has_rows;
    recipe.uses[MR_SIGNAL_POPULAR] = true;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++) {
        const mr_signal signal = mr_rank_feature_signal((mr_rank_feature)f);
        if (signal == MR_SIGNALS || recipe.uses[signal])
            recipe.choice.weights[f] = 0.2F + (float)mr_random_uniform(11, f);
    }
    return recipe;
}

static void test_given_items_have_the_score_of_the_list_in_every_ranker(void **state)
{
    static const mr_blend whole = {
        MR_BLEND_DEVIATION, {[MR_MEMBER_EASE] = 1.0F, [MR_MEMBER_GRAPH_FILTER] = 0.5F}};
    static const mr_blend indexed = {
        MR_BLEND_MAXIMUM, {[MR_MEMBER_ITEM_ITEM] = 1.0F, [MR_MEMBER_IALS] = 0.5F}};
    for (uint32_t n = 0; n < 3; n++) {
        mr_ranker_recipe recipe = ranker_recipe(true);
        if (n == 2)
            recipe.choice.single = MR_SIGNAL_ROWS;
        mr_recommender *r =
            write_version(*state, n % 2 == 0 ? &whole : &indexed, &recipe);
        check_ranks_as_listed(r, true);
        mr_recommender_destroy(r);
    }
}

/* Popularity that counts against an item is not what it is owed to, nor is a signal that is not
 * there. */
static void test_an_item_that_nothing_speaks_for_has_the_source_popular(void **state)
{
    mr_ranker_recipe recipe = ranker_recipe(false);
    const mr_blend blend = mr_blend_single(MR_MEMBER_ITEM_ITEM);
    const mr_model_history_item history[] = {{.item = 0, .weight = 1.0F, .time_s = 9}};
    /* Department 1 never meets department 0. */
    static const uint32_t given[] = {1, 5, 9, 13};
    mr_scored_item ranked[4];
    mr_recommender_scratch *scratch = NULL;
    recipe.choice.weights[MR_RANK_FEATURE_POPULAR] = -0.4F;
    recipe.choice.weights[MR_RANK_FEATURE_RECENT] = 0.0F;
    mr_recommender *r = write_version(*state, &blend, &recipe);
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_recommender_rank(r, scratch, history, 1, given, 4, ranked));
    for (size_t i = 0; i < 4; i++) {
        assert_true(ranked[i].score < 0.0F);
        assert_int_equal(ranked[i].source, MR_SOURCE_POPULAR);
        assert_int_equal(ranked[i].because, MR_ITEM_NONE);
    }
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

static void test_a_history_of_nothing_known_ranks_by_popularity(void **state)
{
    const world *w = *state;
    static const mr_model_history_item strangers[] = {
        {.item = MR_ITEM_NONE, .weight = 1.0F}, {.item = ITEMS, .weight = 1.0F}};
    static const uint32_t given[] = {90, MR_ITEM_NONE, 0, 90};
    const mr_blend blend = mr_blend_single(MR_MEMBER_EASE);
    mr_recommender *r = write_set(*state, &blend);
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item ranked[4];
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_recommender_rank(r, scratch, strangers, 2, given, 4, ranked));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ranked[i].item, given[i]);
        if (i == 1)
            continue;
        assert_int_equal(ranked[i].source, MR_SOURCE_POPULAR);
        assert_true(ranked[i].score == w->popular[given[i]]);
    }
    assert_true(isnan(ranked[1].score));
    assert_ok(mr_recommender_rank(r, scratch, strangers, 2, given, 0, ranked));
    assert_int_equal(mr_recommender_rank(r, scratch, strangers, 2, given,
                                         MR_RECOMMEND_MAX + 1, ranked),
                     MR_ERR_INVALID);
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

/* ---- how alike items are ---- */

static void test_likeness_is_the_cosine_of_factors(void **state)
{
    const world *w = *state;
    const mr_blend blend = mr_blend_single(MR_MEMBER_IALS);
    mr_recommender *r = write_set(*state, &blend);
    for (uint32_t a = 0; a < ITEMS; a += 5)
        for (uint32_t b = 0; b < ITEMS; b += 7) {
            double product = 0.0;
            double left = 0.0;
            double right = 0.0;
            for (uint32_t f = 0; f < DIMENSION; f++) {
                const double x = (double)mr_dense_row(&w->factors, a)[f];
                const double y = (double)mr_dense_row(&w->factors, b)[f];
                product += x * y;
                left += x * x;
                right += y * y;
            }
            const double expected = fmax(product / sqrt(left * right), 0.0);
            assert_true(fabs((double)mr_recommender_likeness(r, a, b) - expected) <=
                        1e-5);
        }
    assert_true(isnan(mr_recommender_likeness(r, 0, ITEMS)));
    assert_true(isnan(mr_recommender_likeness(r, MR_ITEM_NONE, 0)));
    mr_recommender_destroy(r);
}

static void test_a_version_without_vectors_cannot_say_what_is_alike(void **state)
{
    const mr_blend blend = mr_blend_single(MR_MEMBER_ITEM_ITEM);
    mr_recommender *r = write_set(*state, &blend);
    assert_true(isnan(mr_recommender_likeness(r, 0, 4)));
    mr_recommender_destroy(r);
}

/* ---- what is bought together ---- */

static void test_what_is_bought_together_comes_from_the_orders(void **state)
{
    const world *w = *state;
    mr_training_result result;
    mr_recommender *r = train_version(w, true, true, &result);
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item items[MR_RECOMMEND_MAX];
    mr_sparse_matrix orders;
    mr_sparse_matrix table;
    mr_ranked best[MR_BOUGHT_TOGETHER_PARTNERS_MAX];
    const mr_bought_together_options options = mr_bought_together_defaults();
    const mr_interactions rows = {.users = USERS,
                                  .items = ITEMS,
                                  .ptr = w->ptr,
                                  .item = w->item,
                                  .time_s = w->time_s,
                                  .bought = w->bought};
    size_t count = 0;
    size_t all = 0;
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_bought_together_orders(&rows, &orders));
    assert_ok(mr_bought_together_build(&orders, &options, w->pool, &table));
    for (uint32_t i = 0; i < ITEMS; i++) {
        const uint32_t expected = mr_bought_together_best(&table, i, 10, best);
        assert_ok(mr_recommender_bought_together(r, scratch, i, 10, items, &count));
        assert_int_equal(count, expected);
        for (size_t p = 0; p < count; p++) {
            assert_int_equal(items[p].item, best[p].index);
            assert_true(items[p].score == best[p].score);
            assert_int_equal(items[p].because, i);
            assert_int_equal(items[p].source, MR_SOURCE_ITEM_ITEM);
        }
        all += count;
    }
    assert_true(all > ITEMS);
    assert_int_equal(mr_recommender_bought_together(r, scratch, ITEMS, 10, items, &count),
                     MR_ERR_NOT_FOUND);
    assert_int_equal(mr_recommender_bought_together(r, scratch, 0, 0, items, &count),
                     MR_ERR_INVALID);
    mr_sparse_matrix_deinit(&table);
    mr_sparse_matrix_deinit(&orders);
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

static void test_a_version_without_orders_knows_of_nothing_bought_together(void **state)
{
    for (int without = 0; without < 2; without++) {
        mr_training_result result;
        mr_recommender *r = train_version(*state, without == 0, without == 1, &result);
        mr_recommender_scratch *scratch = NULL;
        mr_scored_item items[10];
        size_t count = 0;
        assert_ok(mr_recommender_scratch_create(r, &scratch));
        assert_int_equal(mr_recommender_bought_together(r, scratch, 0, 10, items, &count),
                         MR_ERR_NOT_FOUND);
        mr_recommender_scratch_destroy(scratch);
        mr_recommender_destroy(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_items_have_the_score_of_the_list_in_every_blend),
        cmocka_unit_test(
            test_given_items_have_the_score_of_the_list_of_a_trained_version),
        cmocka_unit_test(test_given_items_have_the_score_of_the_list_in_every_ranker),
        cmocka_unit_test(test_an_item_that_nothing_speaks_for_has_the_source_popular),
        cmocka_unit_test(test_a_history_of_nothing_known_ranks_by_popularity),
        cmocka_unit_test(test_likeness_is_the_cosine_of_factors),
        cmocka_unit_test(test_a_version_without_vectors_cannot_say_what_is_alike),
        cmocka_unit_test(test_what_is_bought_together_comes_from_the_orders),
        cmocka_unit_test(test_a_version_without_orders_knows_of_nothing_bought_together),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, open_world, close_world);
}
