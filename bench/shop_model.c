#include "bench/shop_model.h"

#include "bench/bench.h"
#include "core/file.h"
#include "models/dictionary.h"
#include "models/fold_in.h"
#include "models/item_item.h"
#include "models/random.h"
#include "models/ranker_files.h"
#include "models/ranker_recipe_json.h"
#include "models/recommender_files.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSIONS_MAX = 400000,
    SESSIONS_AN_ITEM = 8,
    EVENTS_MIN = 4,
    CENTRES = 256,
    NEIGHBOURHOOD = 40, /* the next item is at most so far from the last … */
    FACTORS = 64,
    ENCODED = 128,
    ID_BYTES = 16,
    GAP_S = 400, /* between two events, on average: some gaps end a basket */
};

static const double WANDERS = 0.3; /* … unless it is drawn anew */
static const double SPREAD = 0.7;  /* of a vector around its centre */

/* By Zipf's law, roughly: density ~ 1 / x. */
static uint32_t draw_item(uint32_t items, uint64_t seed, uint64_t at)
{
    const double rank = exp(mr_random_uniform(seed, at) * log((double)items + 1.0)) - 1.0;
    return (uint32_t)((uint64_t)rank * 2654435761U % items);
}

static uint32_t next_item(uint32_t items, uint32_t last, uint64_t seed, uint64_t at)
{
    if (mr_random_uniform(seed + 1, at) < WANDERS)
        return draw_item(items, seed + 2, at);
    const double step = mr_random_uniform(seed + 3, at);
    return (last + (uint32_t)(step * step * NEIGHBOURHOOD)) % items;
}

static void draw_sessions(uint32_t items, mr_sequence_list *list)
{
    const uint32_t wanted =
        items < SESSIONS_MAX / SESSIONS_AN_ITEM ? items * SESSIONS_AN_ITEM : SESSIONS_MAX;
    uint64_t drawn = 0;
    list->has_baskets = true;
    for (uint32_t s = 0; s < wanted; s++) {
        const uint32_t events =
            EVENTS_MIN + (uint32_t)(mr_random_uniform(1, s) * 2 * EVENTS_MIN);
        uint32_t item = draw_item(items, 2, s);
        uint32_t basket = 0;
        for (uint32_t e = 0; e < events; e++, drawn++) {
            mr_bench_must(mr_sequence_list_add(list, item, basket, 0), "sessions");
            basket += mr_random_bits(3, drawn) % 4 == 0;
            item = next_item(items, item, 4, drawn);
        }
        mr_bench_must(mr_sequence_list_end(list), "sessions");
    }
    list->items = items;
}

/* Rows around centres; of length 1 when `is_unit`, their lengths then in `ret_lengths`. */
static void draw_table(float *values, uint32_t items, uint32_t width, uint64_t seed,
                       float *ret_lengths)
{
    for (uint32_t i = 0; i < items; i++) {
        float *row = values + (size_t)i * width;
        const uint64_t centre = i / NEIGHBOURHOOD % CENTRES;
        double square = 0.0;
        for (uint32_t f = 0; f < width; f++) {
            row[f] =
                (float)(mr_random_normal(seed, centre * width + f) +
                        SPREAD * mr_random_normal(seed + 1, (uint64_t)i * width + f));
            square += (double)row[f] * (double)row[f];
        }
        for (uint32_t f = 0; f < width && ret_lengths != NULL; f++)
            row[f] = (float)((double)row[f] / sqrt(square));
        if (ret_lengths != NULL)
            ret_lengths[i] = 1.0F;
    }
}

static mr_encoder *make_encoder(uint32_t items)
{
    float *units = mr_bench_have(mr_dense_floats((size_t)items * ENCODED));
    float *lengths = mr_bench_have(mr_dense_floats(items));
    mr_encoder *encoder = NULL;
    draw_table(units, items, ENCODED, 5, lengths);
    const mr_encoder_arrays arrays = {
        .items = items,
        .dimension = ENCODED,
        .units = units,
        .lengths = lengths,
        .places = mr_bench_have(mr_dense_floats(MR_ENCODER_PLACES)),
        .attention = mr_bench_have(mr_dense_floats(ENCODED))};
    mr_bench_must(mr_encoder_take(&arrays, &encoder, NULL), "encoder");
    return encoder;
}

/* ---- writing ---- */

typedef struct writing {
    mr_model_writer *writer;
    mr_worker_pool *pool;
    mr_sequences sessions;
    mr_recipe recipe;
    mr_ranker_recipe ranker;
    bool has_ranker;
} writing;

static void put(const writing *w, const char *name, mr_npy_type type, uint64_t count,
                const void *data)
{
    mr_bench_must(mr_model_writer_add(w->writer, name, type, 1, &count, data, 0, NULL),
                  name);
}

static void put_dictionary(const writing *w)
{
    const uint32_t items = w->sessions.items;
    char bytes_path[MR_MODEL_PATH_BYTES];
    char offsets_path[MR_MODEL_PATH_BYTES];
    char *bytes = mr_bench_have(malloc((size_t)items * ID_BYTES));
    mr_text *ids = mr_bench_have(malloc(items * sizeof(*ids)));
    for (uint32_t i = 0; i < items; i++) {
        char *id = bytes + (size_t)i * ID_BYTES;
        ids[i] = (mr_text){id, (uint32_t)snprintf(id, ID_BYTES, "item-%u", i)};
    }
    mr_model_writer_path(w->writer, MR_FILE_ITEM_IDS, bytes_path);
    mr_model_writer_path(w->writer, MR_FILE_ITEM_OFFSETS, offsets_path);
    mr_bench_must(mr_dictionary_write(bytes_path, offsets_path, ids, items, NULL), "ids");
    mr_bench_must(mr_model_writer_note(w->writer, MR_FILE_ITEM_IDS, NULL), "ids");
    mr_bench_must(mr_model_writer_note(w->writer, MR_FILE_ITEM_OFFSETS, NULL), "ids");
    free(bytes);
    free(ids);
}

static void put_item_item(const writing *w)
{
    mr_sparse_matrix users = {0};
    mr_sparse_matrix items = {0};
    mr_sparse_matrix model = {0};
    mr_bench_must(mr_sparse_matrix_from_rows(w->sessions.ptr, w->sessions.item, NULL,
                                             w->sessions.count, w->sessions.items,
                                             &users),
                  "users");
    mr_bench_must(mr_sparse_matrix_transpose(&users, &items), "items");
    mr_bench_must(
        mr_item_item_build(&users, &items, &w->recipe.item_item, w->pool, &model),
        "item-item");
    const uint64_t count = mr_sparse_matrix_count(&model);
    put(w, MR_FILE_NEIGHBOUR_PTR, MR_NPY_U8, (uint64_t)model.rows + 1, model.ptr);
    put(w, MR_FILE_NEIGHBOUR_INDEX, MR_NPY_U4, count, model.index);
    put(w, MR_FILE_NEIGHBOUR_VALUES, MR_NPY_F4, count, model.values);
    mr_sparse_matrix_deinit(&users);
    mr_sparse_matrix_deinit(&items);
    mr_sparse_matrix_deinit(&model);
}

static void put_factors(const writing *w)
{
    mr_dense table = {0};
    mr_fold_in *fold_in = NULL;
    mr_bench_must(mr_dense_init(&table, w->sessions.items, FACTORS), "factors");
    draw_table(table.values, w->sessions.items, FACTORS, 7, NULL);
    for (size_t i = 0; i < table.rows * table.stride; i++)
        table.values[i] *= 0.05F;
    mr_bench_must(mr_fold_in_create(&table, &w->recipe.ials, w->pool, &fold_in),
                  "factors");
    const uint64_t shape[2] = {table.rows, table.columns};
    mr_bench_must(mr_model_writer_add(w->writer, MR_FILE_FACTORS, MR_NPY_F4, 2, shape,
                                      table.values, 0, NULL),
                  "factors");
    put(w, MR_FILE_EIGENVALUES, MR_NPY_F4, FACTORS, mr_fold_in_eigenvalues(fold_in));
    mr_fold_in_destroy(fold_in);
    mr_dense_deinit(&table);
}

static void put_members(const writing *w)
{
    mr_ranker_members members = {0};
    mr_ranker_recipe counted = w->ranker;
    const mr_ranker_training training = {.sequences = &w->sessions, .pool = w->pool};
    counted.uses[MR_SIGNAL_ENCODER] = false;
    for (uint32_t s = 0; s < MR_SIGNALS && !w->has_ranker; s++)
        counted.uses[s] = s == MR_SIGNAL_POPULAR;
    mr_bench_must(mr_ranker_members_train(&counted, &training, &members), "members");
    put(w, MR_FILE_POPULARITY, MR_NPY_F4, members.items, members.popular);
    if (w->has_ranker) {
        members.encoder = make_encoder(members.items);
        mr_bench_must(mr_ranker_files_write(w->writer, &w->ranker, &members, NULL),
                      "members");
    }
    mr_ranker_members_deinit(&members);
}

static mr_text text_of(const mr_buffer *buffer)
{
    return (mr_text){(const char *)buffer->bytes, (uint32_t)buffer->length};
}

static void finish(const writing *w, char ret_version[MR_MODEL_VERSION_BYTES])
{
    mr_buffer ranker = {0};
    mr_buffer model = {0};
    if (w->has_ranker)
        mr_ranker_recipe_write(&w->ranker, &ranker);
    const mr_recommender_parts parts = {.ranker = text_of(&ranker)};
    mr_recommender_recipe_write(&w->recipe, &parts, &model);
    const mr_model_description description = {.kind = MR_RECOMMENDER_KIND,
                                              .model = text_of(&model),
                                              .metrics = MR_TEXT("{}"),
                                              .data_to_ms = 1};
    mr_bench_must(mr_model_writer_finish(w->writer, &description, ret_version, NULL),
                  "manifest");
    mr_buffer_deinit(&ranker);
    mr_buffer_deinit(&model);
}

/* ---- recipes ---- */

static mr_recipe set_recipe(void)
{
    mr_recipe recipe = {.item_item = {.user_exponent = 0.5F,
                                      .row_exponent = 0.5F,
                                      .column_exponent = 0.3F,
                                      .neighbours = 200},
                        .ials = {.dimension = FACTORS,
                                 .epochs = 1,
                                 .alpha0 = 0.1F,
                                 .lambda = 0.05F,
                                 .nu = 1.0F},
                        .blend = {.scale = MR_BLEND_DEVIATION}};
    recipe.blend.weights[MR_MEMBER_ITEM_ITEM] = 1.0F;
    recipe.blend.weights[MR_MEMBER_IALS] = 0.7F;
    recipe.blend.weights[MR_MEMBER_POPULAR] = 0.2F;
    return recipe;
}

static mr_ranker_recipe ranker_recipe(void)
{
    mr_ranker_recipe recipe = {.encoder = mr_encoder_options_default(),
                               .sequence = mr_covisitation_defaults(),
                               .session_knn = mr_session_knn_defaults(),
                               .repeat = mr_next_basket_defaults(),
                               .popular_fade = 0.9F,
                               .choice = {.repeats_allowed = true, .single = MR_SIGNALS}};
    recipe.encoder.dimension = ENCODED;
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        recipe.uses[s] = s != MR_SIGNAL_CONTENT;
    for (uint32_t f = 0; f < MR_RANK_FEATURES; f++)
        if (mr_rank_feature_signal((mr_rank_feature)f) != MR_SIGNAL_CONTENT)
            recipe.choice.weights[f] = 0.2F + (float)mr_random_uniform(11, f);
    return recipe;
}

void mr_shop_model_open(uint32_t items, bool has_ranker, mr_shop_model *ret_model)
{
    const char *root = getenv("TMPDIR");
    char version[MR_MODEL_VERSION_BYTES];
    char path[MR_SHOP_DIRECTORY_BYTES + MR_MODEL_VERSION_BYTES];
    mr_sequence_list list = {0};
    writing w = {
        .recipe = set_recipe(), .ranker = ranker_recipe(), .has_ranker = has_ranker};
    *ret_model = (mr_shop_model){.items = items};
    (void)snprintf(ret_model->directory, sizeof(ret_model->directory),
                   "%s/millrace-shop-XXXXXX", root != NULL ? root : "/tmp");
    (void)mr_bench_have(mkdtemp(ret_model->directory));
    mr_bench_must(mr_worker_pool_create(2, &w.pool), "pool");
    mr_bench_must(mr_model_writer_create(ret_model->directory, &w.writer, NULL),
                  "writer");
    draw_sessions(items, &list);
    w.sessions = mr_sequence_list_view(&list);
    put_dictionary(&w);
    put_item_item(&w);
    put_factors(&w);
    put_members(&w);
    finish(&w, version);
    mr_model_writer_destroy(w.writer);
    mr_sequence_list_deinit(&list);
    mr_worker_pool_destroy(w.pool);
    (void)snprintf(path, sizeof(path), "%s/%s", ret_model->directory, version);
    mr_error error = {.message = ""};
    mr_bench_must(mr_recommender_open(path, &ret_model->recommender, &error),
                  error.message);
}

void mr_shop_model_close(mr_shop_model *model)
{
    mr_recommender_destroy(model->recommender);
    mr_bench_must(mr_directory_remove(model->directory, NULL), "the model's files");
}

size_t mr_shop_history(const mr_shop_model *model, uint32_t user,
                       mr_model_history_item ret_history[MR_SHOP_HISTORY_MAX])
{
    const size_t count =
        EVENTS_MIN + mr_random_bits(21, user) % (MR_SHOP_HISTORY_MAX - EVENTS_MIN + 1);
    uint32_t item = draw_item(model->items, 22, user);
    uint32_t time_s = UINT32_C(1700000000);
    for (size_t h = 0; h < count; h++) {
        const uint64_t at = (uint64_t)user * MR_SHOP_HISTORY_MAX + h;
        ret_history[h] =
            (mr_model_history_item){.item = item, .weight = 1.0F, .time_s = time_s};
        time_s -= (uint32_t)(-log(1.0 - mr_random_uniform(23, at)) * GAP_S);
        item = next_item(model->items, item, 24, at);
    }
    return count;
}
