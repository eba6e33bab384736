/*
 * Method: a version whose blend is EASE and the graph filter alone, written by hand and opened: its
 * scores must be the blend of the members' own, its reasons EASE's; tables of another shape or
 * with a number that is none are refused, with checksums that are right.  So is a table of what is
 * bought together.
 */
#include "tests/support.h"

#include "core/file.h"
#include "models/blas.h"
#include "models/dictionary.h"
#include "models/ease.h"
#include "models/random.h"
#include "models/recommender.h"
#include "models/recommender_files.h"
#include "models/recommender_tables.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { USERS = 100, ITEMS = 40, PAIRS = 900 };

typedef struct world {
    mr_dense ease;
    mr_graph_filter filter;
    mr_recipe recipe;
    float popular[ITEMS];
    const mr_sparse_matrix *bought; /* NULL: none */
} world;

static char models_path[64];

static int open_world(void **state)
{
    world *w = calloc(1, sizeof(*w));
    static mr_triple triples[PAIRS];
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_worker_pool *pool = NULL;
    const mr_ease_options ease = {.lambda = 4.0F, .user_exponent = 0.5F};
    const mr_graph_filter_options filter = {.dimension = 5, .iterations = 6, .seed = 1};
    (void)snprintf(models_path, sizeof(models_path), "/tmp/test_recommender_tables_%d",
                   (int)getpid());
    for (uint64_t t = 0; t < PAIRS; t++) {
        const uint32_t user = (uint32_t)(mr_random_bits(1, t) % USERS);
        const uint32_t within = (uint32_t)(mr_random_bits(2, t) % (ITEMS / 4));
        triples[t] = (mr_triple){.row = user, .column = within * 4 + user % 4};
    }
    assert_ok(mr_sparse_matrix_from_triples(triples, PAIRS, USERS, ITEMS, false, &users));
    assert_ok(mr_sparse_matrix_transpose(&users, &items));
    assert_ok(mr_worker_pool_create(1, &pool));
    assert_ok(mr_ease_train(&users, &items, &ease, pool, &w->ease));
    assert_ok(mr_graph_filter_train(&users, &items, &filter, pool, &w->filter));
    w->recipe = (mr_recipe){.ease = ease, .graph_filter = filter};
    w->recipe.blend = (mr_blend){
        MR_BLEND_DEVIATION, {[MR_MEMBER_EASE] = 1.0F, [MR_MEMBER_GRAPH_FILTER] = 0.5F}};
    for (uint32_t i = 0; i < ITEMS; i++)
        w->popular[i] = (float)mr_sparse_matrix_row_count(&items, i);
    mr_worker_pool_destroy(pool);
    mr_sparse_matrix_deinit(&users);
    mr_sparse_matrix_deinit(&items);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    mr_dense_deinit(&w->ease);
    mr_graph_filter_deinit(&w->filter);
    free(w);
    return mr_directory_remove(models_path, NULL) == MR_OK ? 0 : -1;
}

static void write_dictionary(mr_model_writer *writer)
{
    static char names[ITEMS][8];
    mr_text ids[ITEMS];
    char bytes_path[MR_MODEL_PATH_BYTES];
    char offsets_path[MR_MODEL_PATH_BYTES];
    for (uint32_t i = 0; i < ITEMS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "i%u", i);
        ids[i] = mr_text_from(names[i]);
    }
    mr_model_writer_path(writer, MR_FILE_ITEM_IDS, bytes_path);
    mr_model_writer_path(writer, MR_FILE_ITEM_OFFSETS, offsets_path);
    assert_ok(mr_dictionary_write(bytes_path, offsets_path, ids, ITEMS, NULL));
    assert_ok(mr_model_writer_note(writer, MR_FILE_ITEM_IDS, NULL));
    assert_ok(mr_model_writer_note(writer, MR_FILE_ITEM_OFFSETS, NULL));
}

/* Write a version with these tables and open it. */
static mr_recommender *reopen(const world *w, const mr_dense *ease,
                              const mr_graph_filter *filter, mr_status expected)
{
    static int64_t minutes; /* another name for each */
    const uint64_t items = ITEMS;
    char version[MR_MODEL_VERSION_BYTES];
    char path[256];
    mr_model_writer *writer = NULL;
    mr_recommender *recommender = NULL;
    mr_buffer model = {0};
    mr_error error = {.message = ""};
    const mr_bought_together_options options = mr_bought_together_defaults();
    const mr_recommender_parts parts = {.bought = w->bought != NULL ? &options : NULL};
    mr_recommender_recipe_write(&w->recipe, &parts, &model);
    assert_ok(mr_model_writer_create(models_path, &writer, NULL));
    write_dictionary(writer);
    assert_ok(mr_model_writer_add(writer, MR_FILE_POPULARITY, MR_NPY_F4, 1, &items,
                                  w->popular, 0, NULL));
    assert_ok(mr_recommender_tables_write(writer, ease, filter, NULL));
    if (w->bought != NULL)
        assert_ok(mr_recommender_bought_write(writer, w->bought, NULL));
    const mr_model_description description = {
        .kind = MR_RECOMMENDER_KIND,
        .data_to_ms = INT64_C(1795230000000) + 60000 * minutes++,
        .model = {.bytes = (const char *)model.bytes, .length = (uint32_t)model.length},
        .metrics = MR_TEXT("{}")};
    assert_ok(mr_model_writer_finish(writer, &description, version, NULL));
    mr_model_writer_destroy(writer);
    mr_buffer_deinit(&model);
    (void)snprintf(path, sizeof(path), "%s/%s", models_path, version);
    const mr_status status = mr_recommender_open(path, &recommender, &error);
    if (status != expected)
        fail_msg("open: %s: %s", mr_status_name(status), error.message);
    return recommender;
}

static void test_scores_are_the_blend_of_the_two_and_ease_gives_the_reason(void **state)
{
    const world *w = *state;
    enum { HISTORY = 2 };
    static const uint32_t items[HISTORY] = {8, 16};
    static const mr_model_history_item history[] = {
        {.item = 8, .weight = 1.0F},
        {.item = 16, .weight = 0.2F},
        {.item = 8, .weight = 0.5F}, /* counts once, however often */
    };
    float ease_row[ITEMS];
    float filter_row[ITEMS];
    float vector[MR_GRAPH_FILTER_DIMENSION_MAX];
    float blended[ITEMS];
    mr_blend_terms terms = {0};
    const float *rows[MR_MEMBERS] = {
        [MR_MEMBER_EASE] = ease_row, [MR_MEMBER_GRAPH_FILTER] = filter_row};
    mr_ease_score(&w->ease, items, NULL, HISTORY, ease_row);
    mr_graph_filter_score(&w->filter, items, NULL, HISTORY, vector, filter_row);
    mr_blend_rows(&w->recipe.blend, rows, ITEMS, &terms, blended);
    mr_recommender *r = reopen(w, &w->ease, &w->filter, MR_OK);
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item found[5];
    size_t count = 0;
    const mr_recommend_options options = {.k = 5};
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_recommender_score(r, scratch, history, 3, &options, found, &count));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++) {
        float term = 0.0F;
        const size_t place =
            mr_ease_because(&w->ease, items, NULL, HISTORY, found[i].item, &term);
        assert_int_equal(found[i].item % 4, 0);
        assert_close(found[i].score, blended[found[i].item], 1e-4);
        assert_int_equal(found[i].because, place < HISTORY ? items[place] : MR_ITEM_NONE);
        assert_true(found[i].source == MR_SOURCE_ITEM_ITEM ||
                    found[i].source == MR_SOURCE_BLEND);
    }
    assert_ok(mr_recommender_similar(r, scratch, 8, 3, found, &count));
    assert_int_equal(count, 3);
    assert_int_equal(found[0].item % 4, 0);
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
}

static void test_tables_of_another_shape_or_not_finite_are_refused(void **state)
{
    world *w = *state;
    mr_dense narrow = w->ease;
    mr_graph_filter uneven = w->filter;
    mr_graph_filter few = w->filter;
    narrow.columns = ITEMS - 1;
    uneven.out.columns = 3;
    few.in.rows = ITEMS - 1;
    assert_null(reopen(w, &narrow, &w->filter, MR_ERR_CORRUPT));
    assert_null(reopen(w, &w->ease, &uneven, MR_ERR_CORRUPT));
    assert_null(reopen(w, &w->ease, &few, MR_ERR_CORRUPT));
    assert_null(reopen(w, &(mr_dense){0}, &w->filter, MR_ERR_CORRUPT));
    float *cell = &mr_dense_row(&w->ease, 7)[3];
    const float kept = *cell;
    *cell = NAN;
    assert_null(reopen(w, &w->ease, &w->filter, MR_ERR_CORRUPT));
    *cell = kept;
    mr_recommender_destroy(reopen(w, &w->ease, &w->filter, MR_OK));
}

static void test_a_table_of_what_is_bought_together_is_checked(void **state)
{
    world *w = *state;
    static uint64_t ptr[ITEMS + 1];
    static uint32_t index[3];
    static float values[3];
    mr_sparse_matrix table = {
        .rows = ITEMS, .columns = ITEMS, .ptr = ptr, .index = index, .values = values};
    w->bought = &table;
    /* No pair at all is an answer. */
    mr_recommender *r = reopen(w, &w->ease, &w->filter, MR_OK);
    mr_recommender_scratch *scratch = NULL;
    mr_scored_item found[5];
    size_t count = 7;
    assert_ok(mr_recommender_scratch_create(r, &scratch));
    assert_ok(mr_recommender_bought_together(r, scratch, 3, 5, found, &count));
    assert_int_equal(count, 0);
    mr_recommender_scratch_destroy(scratch);
    mr_recommender_destroy(r);
    for (uint32_t i = 1; i <= ITEMS; i++)
        ptr[i] = 3;
    memcpy(index, (const uint32_t[]){1, 2, ITEMS - 1}, sizeof(index));
    memcpy(values, (const float[]){0.5F, 0.75F, 0.25F}, sizeof(values));
    mr_recommender_destroy(reopen(w, &w->ease, &w->filter, MR_OK));
    index[2] = ITEMS;
    assert_null(reopen(w, &w->ease, &w->filter, MR_ERR_CORRUPT));
    index[2] = 2;
    assert_null(reopen(w, &w->ease, &w->filter, MR_ERR_CORRUPT));
    index[2] = ITEMS - 1;
    values[1] = 0.0F;
    assert_null(reopen(w, &w->ease, &w->filter, MR_ERR_CORRUPT));
    values[1] = NAN;
    assert_null(reopen(w, &w->ease, &w->filter, MR_ERR_CORRUPT));
    values[1] = 0.75F;
    ptr[ITEMS] = 2;
    assert_null(reopen(w, &w->ease, &w->filter, MR_ERR_CORRUPT));
    ptr[ITEMS] = 3;
    table.rows = ITEMS - 1;
    assert_null(reopen(w, &w->ease, &w->filter, MR_ERR_CORRUPT));
    w->bought = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_are_the_blend_of_the_two_and_ease_gives_the_reason),
        cmocka_unit_test(test_tables_of_another_shape_or_not_finite_are_refused),
        cmocka_unit_test(test_a_table_of_what_is_bought_together_is_checked),
    };
    if (mr_blas_start() == NULL)
        return 1;
    return cmocka_run_group_tests(tests, open_world, close_world);
}
