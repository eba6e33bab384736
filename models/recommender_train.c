#include "models/recommender_train.h"

#include "core/buffer.h"
#include "core/json.h"
#include "models/dictionary.h"
#include "models/fold_in.h"
#include "models/ranker_files.h"
#include "models/ranker_recipe_json.h"
#include "models/recommender.h"
#include "models/recommender_files.h"
#include "models/recommender_fit.h"
#include "models/recommender_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one training. */
typedef struct training {
    const mr_training_set *set;
    const char *models_path;
    mr_error *error;
    mr_training_result result;
    mr_dictionary *parent; /* NULL for the first version */
    mr_text *ids;          /* the parent's, then the new */
    uint32_t *items;       /* the rows' items as indices of `ids` */
    mr_interactions rows;  /* the set's, with those items */
    mr_worker_pool *pool;
    mr_content *content; /* NULL: nothing is known of any item */
    mr_recommender_fit fit;
    bool has_bought;
    mr_bought_together_options bought_options;
    mr_sparse_matrix bought;
    mr_model_writer *writer;
} training;

/* ---- the dictionary ---- */

static mr_status open_parent(training *t)
{
    char path[MR_MODEL_PATH_BYTES * 2];
    char bytes_path[MR_MODEL_PATH_BYTES];
    char offsets_path[MR_MODEL_PATH_BYTES];
    mr_model_directory *directory = NULL;
    const mr_status current =
        mr_models_current(t->models_path, t->result.parent, t->error);
    if (current == MR_ERR_NOT_FOUND) {
        t->result.parent[0] = '\0';
        return MR_OK;
    }
    MR_TRY(current);
    (void)snprintf(path, sizeof(path), "%s/%s", t->models_path, t->result.parent);
    MR_TRY(mr_model_directory_open(path, MR_RECOMMENDER_KIND, &directory, t->error));
    mr_model_directory_path(directory, MR_FILE_ITEM_IDS, bytes_path);
    mr_model_directory_path(directory, MR_FILE_ITEM_OFFSETS, offsets_path);
    const mr_status status =
        mr_dictionary_open(bytes_path, offsets_path, &t->parent, t->error);
    mr_model_directory_destroy(directory);
    return status;
}

/* Old ids keep their place, new ones follow in the set's order; rows speak in those places. */
static mr_status number_items(training *t)
{
    const mr_interactions *given = &t->set->interactions;
    const uint64_t count = given->ptr[given->users];
    const uint32_t old = t->parent != NULL ? mr_dictionary_count(t->parent) : 0;
    uint32_t *places = malloc(((size_t)given->items + 1) * sizeof(*places));
    t->ids = malloc(((size_t)old + given->items) * sizeof(*t->ids));
    t->items = malloc((count + 1) * sizeof(*t->items));
    if (places == NULL || t->ids == NULL || t->items == NULL) {
        free(places);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < old; i++)
        t->ids[i] = mr_dictionary_id(t->parent, i);
    t->result.items = old;
    for (uint32_t i = 0; i < given->items; i++) {
        places[i] = t->parent != NULL ? mr_dictionary_find(t->parent, t->set->item_ids[i])
                                      : MR_ID_NONE;
        if (places[i] == MR_ID_NONE) {
            places[i] = t->result.items++;
            t->ids[places[i]] = t->set->item_ids[i];
        }
    }
    for (uint64_t e = 0; e < count; e++)
        t->items[e] = places[given->item[e]];
    free(places);
    t->rows = *given;
    t->rows.items = t->result.items;
    t->rows.item = t->items;
    return MR_OK;
}

/* ---- descriptions ---- */

static mr_status describe_items(training *t, mr_content_builder *builder)
{
    const mr_content_options options = mr_content_options_default();
    for (uint32_t i = 0; i < t->result.items; i++)
        MR_TRY(t->set->describe(t->set->context, t->ids[i], i, builder));
    const mr_status status = mr_content_build(builder, &options, &t->content, NULL);
    return status == MR_ERR_NOT_FOUND ? MR_OK : status;
}

static mr_status build_content(training *t)
{
    mr_content_builder *builder = NULL;
    if (t->set->describe == NULL)
        return MR_OK;
    MR_TRY(mr_content_builder_create(t->result.items, &builder));
    const mr_status status = describe_items(t, builder);
    mr_content_builder_destroy(builder);
    return status;
}

/* ---- orders ---- */

static mr_status build_bought(training *t)
{
    mr_sparse_matrix orders = {0};
    if (t->rows.bought == NULL || t->rows.time_s == NULL)
        return MR_OK;
    t->bought_options = mr_bought_together_defaults();
    MR_TRY(mr_bought_together_orders(&t->rows, &orders));
    t->has_bought = orders.rows > 0;
    const mr_status status =
        t->has_bought
            ? mr_bought_together_build(&orders, &t->bought_options, t->pool, &t->bought)
            : MR_OK;
    mr_sparse_matrix_deinit(&orders);
    return status;
}

/* ---- writing ---- */

static mr_status write_dictionary(training *t)
{
    char bytes_path[MR_MODEL_PATH_BYTES];
    char offsets_path[MR_MODEL_PATH_BYTES];
    mr_model_writer_path(t->writer, MR_FILE_ITEM_IDS, bytes_path);
    mr_model_writer_path(t->writer, MR_FILE_ITEM_OFFSETS, offsets_path);
    MR_TRY(
        mr_dictionary_write(bytes_path, offsets_path, t->ids, t->result.items, t->error));
    MR_TRY(mr_model_writer_note(t->writer, MR_FILE_ITEM_IDS, t->error));
    return mr_model_writer_note(t->writer, MR_FILE_ITEM_OFFSETS, t->error);
}

static mr_status write_array(training *t, const char *name, mr_npy_type type,
                             uint64_t count, const void *data)
{
    return mr_model_writer_add(t->writer, name, type, 1, &count, data, 0, t->error);
}

static mr_status write_neighbours(training *t)
{
    const mr_sparse_matrix *model = &t->fit.trained.item_item;
    const uint64_t count = mr_sparse_matrix_count(model);
    if (model->rows == 0)
        return MR_OK;
    MR_TRY(write_array(t, MR_FILE_NEIGHBOUR_PTR, MR_NPY_U8, (uint64_t)model->rows + 1,
                       model->ptr));
    MR_TRY(write_array(t, MR_FILE_NEIGHBOUR_INDEX, MR_NPY_U4, count, model->index));
    return write_array(t, MR_FILE_NEIGHBOUR_VALUES, MR_NPY_F4, count, model->values);
}

/* The factors as a reader maps them: in the eigenbasis, without padding. */
static mr_status write_factors(training *t)
{
    mr_dense items = {0};
    mr_fold_in *fold_in = NULL;
    if (t->fit.trained.ials == NULL)
        return MR_OK;
    const mr_dense *trained = mr_ials_items(t->fit.trained.ials);
    MR_TRY(mr_dense_init(&items, trained->rows, trained->columns));
    memcpy(items.values, trained->values,
           trained->rows * trained->stride * sizeof(float));
    mr_status status =
        mr_fold_in_create(&items, &t->fit.tuned.recipe.ials, t->pool, &fold_in);
    const uint64_t shape[2] = {items.rows, items.columns};
    if (status == MR_OK)
        status =
            mr_model_writer_add(t->writer, MR_FILE_FACTORS, MR_NPY_F4, 2, shape,
                                items.values, items.stride * sizeof(float), t->error);
    if (status == MR_OK)
        status = write_array(t, MR_FILE_EIGENVALUES, MR_NPY_F4, items.columns,
                             mr_fold_in_eigenvalues(fold_in));
    mr_fold_in_destroy(fold_in);
    mr_dense_deinit(&items);
    return status;
}

static void put_metrics(mr_json_writer *json, const char *name,
                        const mr_ranking_metrics *metrics)
{
    mr_json_key(json, name);
    mr_json_begin_object(json);
    mr_json_key(json, "users");
    mr_json_put_uint(json, metrics->users);
    mr_json_key(json, "k");
    mr_json_put_uint(json, metrics->k);
    mr_json_key(json, "recall");
    mr_json_put_fixed(json, metrics->recall, 6);
    mr_json_key(json, "ndcg");
    mr_json_put_fixed(json, metrics->ndcg, 6);
    mr_json_key(json, "hit");
    mr_json_put_fixed(json, metrics->hit, 6);
    mr_json_key(json, "coverage");
    mr_json_put_fixed(json, metrics->coverage, 6);
    mr_json_key(json, "gini");
    mr_json_put_fixed(json, metrics->gini, 6);
    mr_json_end_object(json);
}

static void put_ranker_metrics(const training *t, mr_json_writer *json)
{
    const mr_ranker_tuner_result *ranked = &t->fit.ranked;
    mr_json_key(json, "ranker");
    mr_json_begin_object(json);
    mr_json_key(json, "tries");
    mr_json_put_uint(json, ranked->tries);
    put_metrics(json, "chosen", &ranked->holdout);
    for (uint32_t s = 0; s < MR_SIGNALS; s++)
        if (ranked->tried[s])
            put_metrics(json, mr_signal_name((mr_signal)s), &ranked->singles[s]);
    mr_json_end_object(json);
}

static void put_all_metrics(const training *t, mr_buffer *buffer)
{
    mr_json_writer json = mr_json_writer_of(buffer);
    mr_json_begin_object(&json);
    mr_json_key(&json, "by_time");
    mr_json_put_bool(&json, t->fit.holdout.by_time);
    mr_json_key(&json, "repeat_share");
    mr_json_put_fixed(&json, t->fit.holdout.repeat_share, 6);
    mr_json_key(&json, "tries");
    mr_json_put_uint(&json, t->fit.tuned.tries);
    put_metrics(&json, "chosen", &t->fit.tuned.holdout);
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        if (t->fit.tuned.tried[m])
            put_metrics(&json, mr_member_name((mr_member)m), &t->fit.tuned.members[m]);
    if (t->fit.has_ranker)
        put_ranker_metrics(t, &json);
    if (t->set->further_metrics.length > 0) {
        mr_json_key(&json, "further");
        mr_json_put_raw(&json, t->set->further_metrics);
    }
    mr_json_end_object(&json);
}

static mr_text text_of(const mr_buffer *buffer)
{
    return (mr_text){.bytes = (const char *)buffer->bytes,
                     .length = (uint32_t)buffer->length};
}

static mr_status finish(training *t)
{
    mr_buffer ranker = {0};
    mr_buffer model = {0};
    mr_buffer metrics = {0};
    if (t->fit.has_ranker)
        mr_ranker_recipe_write(&t->fit.ranked.recipe, &ranker);
    const mr_recommender_parts parts = {
        .ranker = text_of(&ranker), .bought = t->has_bought ? &t->bought_options : NULL};
    mr_recommender_recipe_write(&t->fit.tuned.recipe, &parts, &model);
    put_all_metrics(t, &metrics);
    mr_status status = mr_buffer_status(&ranker);
    if (status == MR_OK)
        status = mr_buffer_status(&model);
    if (status == MR_OK)
        status = mr_buffer_status(&metrics);
    if (status == MR_OK) {
        const mr_model_description description = {.kind = MR_RECOMMENDER_KIND,
                                                  .parent = t->result.parent,
                                                  .plan_hash = t->set->plan_hash,
                                                  .data_from_ms = t->set->data_from_ms,
                                                  .data_to_ms = t->set->data_to_ms,
                                                  .seed = t->set->seed,
                                                  .model = text_of(&model),
                                                  .metrics = text_of(&metrics)};
        status =
            mr_model_writer_finish(t->writer, &description, t->result.version, t->error);
    }
    mr_buffer_deinit(&ranker);
    mr_buffer_deinit(&model);
    mr_buffer_deinit(&metrics);
    return status;
}

static mr_status write_version(training *t)
{
    MR_TRY(mr_model_writer_create(t->models_path, &t->writer, t->error));
    MR_TRY(write_dictionary(t));
    MR_TRY(write_neighbours(t));
    MR_TRY(write_factors(t));
    MR_TRY(mr_recommender_tables_write(t->writer, &t->fit.trained.ease,
                                       &t->fit.trained.graph_filter, t->error));
    MR_TRY(write_array(t, MR_FILE_POPULARITY, MR_NPY_F4, t->result.items,
                       t->fit.trained.popular));
    if (t->has_bought)
        MR_TRY(mr_recommender_bought_write(t->writer, &t->bought, t->error));
    if (t->fit.has_ranker)
        MR_TRY(mr_ranker_files_write(t->writer, &t->fit.ranked.recipe, &t->fit.ranker,
                                     t->error));
    if (t->set->add_files != NULL)
        MR_TRY(t->set->add_files(t->set->context, t->writer, t->error));
    return finish(t);
}

/* ---- all of it ---- */

static mr_status fit(training *t)
{
    const mr_recommender_fit_options options = {.rows = &t->rows,
                                                .content = t->content,
                                                .seed = t->set->seed,
                                                .budget = t->set->budget,
                                                .report = t->set->report,
                                                .progress = t->set->progress,
                                                .context = t->set->context};
    MR_TRY(mr_recommender_fit_run(&options, t->pool, &t->fit));
    t->result.tuned = t->fit.tuned;
    t->result.has_ranker = t->fit.has_ranker;
    t->result.ranked = t->fit.ranked;
    return MR_OK;
}

static mr_status run(training *t)
{
    MR_TRY(mr_interactions_check(&t->set->interactions, t->error));
    MR_TRY(open_parent(t));
    MR_TRY(number_items(t));
    MR_TRY(build_content(t));
    MR_TRY(mr_worker_pool_create(t->set->threads, &t->pool));
    MR_TRY(fit(t));
    MR_TRY(build_bought(t));
    return write_version(t);
}

mr_status mr_recommender_train(const mr_training_set *set, const char *models_path,
                               mr_training_result *ret_result, mr_error *ret_error)
{
    mr_error message = {.message = ""};
    training t = {.set = set, .models_path = models_path, .error = &message};
    const mr_status status = run(&t);
    mr_model_writer_destroy(t.writer);
    mr_recommender_fit_deinit(&t.fit);
    mr_sparse_matrix_deinit(&t.bought);
    mr_content_destroy(t.content);
    mr_worker_pool_destroy(t.pool);
    free(t.items);
    free(t.ids);
    mr_dictionary_destroy(t.parent);
    if (status != MR_OK)
        return mr_error_set(ret_error, status, "training: %s",
                            message.message[0] != '\0' ? message.message
                                                       : mr_status_name(status));
    *ret_result = t.result;
    return MR_OK;
}
