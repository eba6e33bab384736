#include "models/ranker_recipe_json.h"
#include "models/recommender_files.h"
#include "models/recommender_internal.h"
#include "models/top_k.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    POPULAR_KEPT =
        4096, /* of the popularity order: k and all that may be excluded from it */
};

static mr_status refuse(const mr_recommender *recommender, mr_error *ret_error,
                        const char *problem)
{
    return mr_error_set(ret_error, MR_ERR_CORRUPT, "model %s: %s",
                        mr_model_directory_version(recommender->directory), problem);
}

/* Views are read through only; the struct has no const twin. */
static void *unconst(const void *data)
{
    return (void *)(uintptr_t)data;
}

static mr_status open_neighbours(mr_recommender *r, mr_error *ret_error)
{
    const uint32_t items = mr_dictionary_count(r->dictionary);
    MR_TRY(mr_model_directory_map(r->directory, MR_FILE_NEIGHBOUR_PTR, MR_NPY_U8, 1,
                                  &r->neighbour_ptr, ret_error));
    MR_TRY(mr_model_directory_map(r->directory, MR_FILE_NEIGHBOUR_INDEX, MR_NPY_U4, 1,
                                  &r->neighbour_index, ret_error));
    MR_TRY(mr_model_directory_map(r->directory, MR_FILE_NEIGHBOUR_VALUES, MR_NPY_F4, 1,
                                  &r->neighbour_values, ret_error));
    const uint64_t *ptr = r->neighbour_ptr.data;
    if (r->neighbour_ptr.shape[0] != (uint64_t)items + 1)
        return refuse(r, ret_error, "item-item rows for another dictionary");
    if (ptr[items] != r->neighbour_index.shape[0] ||
        ptr[items] != r->neighbour_values.shape[0])
        return refuse(r, ret_error, "item-item arrays of different lengths");
    r->item_item = (mr_sparse_matrix){.rows = items,
                                      .columns = items,
                                      .ptr = unconst(ptr),
                                      .index = unconst(r->neighbour_index.data),
                                      .values = unconst(r->neighbour_values.data)};
    if (mr_sparse_matrix_check(&r->item_item) != MR_OK)
        return refuse(r, ret_error, "item-item rows unsorted, outside or not finite");
    return MR_OK;
}

static mr_status measure_factors(mr_recommender *r)
{
    const mr_dense *factors = &r->item_factors;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    r->factor_scales = mr_dense_floats(factors->rows);
    if (r->factor_scales == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < factors->rows; i++) {
        const float *row = mr_dense_row(factors, i);
        const float squared = kernels->dot(row, row, factors->stride);
        r->factor_scales[i] = squared > 0.0F ? 1.0F / sqrtf(squared) : 0.0F;
    }
    return MR_OK;
}

static mr_status open_factors(mr_recommender *r, mr_error *ret_error)
{
    MR_TRY(mr_model_directory_map(r->directory, MR_FILE_FACTORS, MR_NPY_F4, 2,
                                  &r->factors, ret_error));
    MR_TRY(mr_model_directory_map(r->directory, MR_FILE_EIGENVALUES, MR_NPY_F4, 1,
                                  &r->eigenvalues, ret_error));
    const uint64_t d = r->factors.shape[1];
    if (r->factors.shape[0] != mr_dictionary_count(r->dictionary))
        return refuse(r, ret_error, "factors for another dictionary");
    if (d == 0 || d % MR_VECTOR_FLOATS != 0 || d > MR_IALS_DIMENSION_MAX ||
        r->eigenvalues.shape[0] != d)
        return refuse(r, ret_error,
                      "factors must have a multiple of 16 columns, at most 2048");
    if (!mr_dense_all_finite(r->factors.data, r->factors.shape[0] * d) ||
        !mr_dense_all_finite(r->eigenvalues.data, d))
        return refuse(r, ret_error, "factors that are not finite");
    r->item_factors = (mr_dense){.values = unconst(r->factors.data),
                                 .rows = r->factors.shape[0],
                                 .columns = d,
                                 .stride = d};
    MR_TRY(measure_factors(r));
    return mr_fold_in_open(&r->item_factors, r->eigenvalues.data, &r->recipe.ials,
                           &r->fold_in);
}

static mr_status open_popularity(mr_recommender *r, mr_error *ret_error)
{
    const uint32_t items = mr_dictionary_count(r->dictionary);
    MR_TRY(mr_model_directory_map(r->directory, MR_FILE_POPULARITY, MR_NPY_F4, 1,
                                  &r->popularity, ret_error));
    if (r->popularity.shape[0] != items ||
        !mr_dense_all_finite(r->popularity.data, items))
        return refuse(r, ret_error, "popularity for another dictionary, or not finite");
    const uint32_t kept = items < POPULAR_KEPT ? items : POPULAR_KEPT;
    r->popular = malloc(((size_t)kept + MR_TOP_K_MAX) * sizeof(*r->popular));
    mr_top_k_selector *selector = malloc(sizeof(*selector));
    float *scores = mr_dense_floats(items);
    if (r->popular != NULL && selector != NULL && scores != NULL) {
        memcpy(scores, r->popularity.data, items * sizeof(*scores));
        while (r->popular_count < kept) {
            mr_ranked *part = r->popular + r->popular_count;
            const uint32_t found =
                mr_top_k_row(scores, items, MR_TOP_K_MAX, NULL, 0, selector, part);
            for (uint32_t i = 0; i < found; i++)
                scores[part[i].index] = -INFINITY;
            r->popular_count += found;
            if (found == 0)
                break;
        }
        r->popular_count = r->popular_count < kept ? r->popular_count : kept;
    }
    const bool failed = r->popular == NULL || selector == NULL || scores == NULL;
    free(selector);
    free(scores);
    return failed ? MR_ERR_NO_MEMORY : MR_OK;
}

static mr_status open_bought(mr_recommender *r, mr_error *ret_error)
{
    bool has_table = false;
    MR_TRY(mr_recommender_bought_read(
        mr_json_get(mr_model_directory_manifest(r->directory), "model"), &has_table,
        ret_error));
    return has_table ? mr_recommender_map_bought(r->directory,
                                                 mr_dictionary_count(r->dictionary),
                                                 &r->bought_files, &r->bought, ret_error)
                     : MR_OK;
}

static void view_set(mr_recommender *r)
{
    r->set = (mr_set_model){.recipe = &r->recipe,
                            .items = mr_dictionary_count(r->dictionary),
                            .item_item = &r->item_item,
                            .fold_in = r->fold_in,
                            .ease = &r->ease,
                            .graph_filter = &r->filter,
                            .popular = r->popularity.data};
}

/* A version without a ranker is one of set-type members alone. */
static mr_status open_ranker(mr_recommender *r, mr_error *ret_error)
{
    mr_json_value *ranker = mr_json_get(
        mr_json_get(mr_model_directory_manifest(r->directory), "model"), "ranker");
    if (ranker == NULL)
        return MR_OK;
    MR_TRY(mr_ranker_recipe_read(ranker, &r->ranker, ret_error));
    MR_TRY(mr_ranker_store_open(r->directory, &r->ranker,
                                mr_dictionary_count(r->dictionary), &r->store,
                                ret_error));
    r->has_ranker = true;
    return MR_OK;
}

static mr_status open_parts(mr_recommender *r, const char *path, mr_error *ret_error)
{
    char bytes_path[MR_MODEL_PATH_BYTES];
    char offsets_path[MR_MODEL_PATH_BYTES];
    MR_TRY(mr_model_directory_open(path, MR_RECOMMENDER_KIND, &r->directory, ret_error));
    MR_TRY(mr_recommender_recipe_read(
        mr_json_get(mr_model_directory_manifest(r->directory), "model"), &r->recipe,
        ret_error));
    mr_model_directory_path(r->directory, MR_FILE_ITEM_IDS, bytes_path);
    mr_model_directory_path(r->directory, MR_FILE_ITEM_OFFSETS, offsets_path);
    MR_TRY(mr_dictionary_open(bytes_path, offsets_path, &r->dictionary, ret_error));
    if (mr_dictionary_count(r->dictionary) == 0)
        return refuse(r, ret_error, "no items");
    if (r->recipe.blend.weights[MR_MEMBER_ITEM_ITEM] > 0.0F)
        MR_TRY(open_neighbours(r, ret_error));
    if (r->recipe.blend.weights[MR_MEMBER_IALS] > 0.0F)
        MR_TRY(open_factors(r, ret_error));
    const uint32_t items = mr_dictionary_count(r->dictionary);
    if (r->recipe.blend.weights[MR_MEMBER_EASE] > 0.0F)
        MR_TRY(mr_recommender_map_ease(r->directory, items, &r->ease_weights, &r->ease,
                                       ret_error));
    if (r->recipe.blend.weights[MR_MEMBER_GRAPH_FILTER] > 0.0F)
        MR_TRY(mr_recommender_map_graph_filter(r->directory, items, &r->filter_in,
                                               &r->filter_out, &r->filter, ret_error));
    MR_TRY(open_popularity(r, ret_error));
    MR_TRY(open_bought(r, ret_error));
    view_set(r);
    MR_TRY(mr_set_index_create(&r->set, &r->set_index));
    r->set.index = r->set_index;
    return open_ranker(r, ret_error);
}

mr_status mr_recommender_open(const char *directory, mr_recommender **ret_recommender,
                              mr_error *ret_error)
{
    mr_recommender *recommender = calloc(1, sizeof(*recommender));
    if (recommender == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "%s: out of memory", directory);
    const mr_status status = open_parts(recommender, directory, ret_error);
    if (status != MR_OK) {
        mr_recommender_destroy(recommender);
        return status;
    }
    *ret_recommender = recommender;
    return MR_OK;
}

void mr_recommender_destroy(mr_recommender *recommender)
{
    if (recommender == NULL)
        return;
    mr_ranker_store_close(&recommender->store);
    mr_npy_close(&recommender->neighbour_ptr);
    mr_npy_close(&recommender->neighbour_index);
    mr_npy_close(&recommender->neighbour_values);
    mr_npy_close(&recommender->factors);
    mr_npy_close(&recommender->eigenvalues);
    mr_npy_close(&recommender->popularity);
    mr_npy_close(&recommender->ease_weights);
    mr_npy_close(&recommender->filter_in);
    mr_npy_close(&recommender->filter_out);
    mr_recommender_unmap_bought(&recommender->bought_files);
    mr_set_index_destroy(recommender->set_index);
    mr_fold_in_destroy(recommender->fold_in);
    mr_dictionary_destroy(recommender->dictionary);
    mr_model_directory_destroy(recommender->directory);
    free(recommender->factor_scales);
    free(recommender->popular);
    free(recommender);
}

const char *mr_recommender_version(const mr_recommender *recommender)
{
    return mr_model_directory_version(recommender->directory);
}

const mr_recipe *mr_recommender_recipe(const mr_recommender *recommender)
{
    return &recommender->recipe;
}

uint32_t mr_recommender_item_count(const mr_recommender *recommender)
{
    return mr_dictionary_count(recommender->dictionary);
}

mr_text mr_recommender_item_id(const mr_recommender *recommender, uint32_t item)
{
    return mr_dictionary_id(recommender->dictionary, item);
}

uint32_t mr_recommender_find_item(const mr_recommender *recommender, mr_text id)
{
    return mr_dictionary_find(recommender->dictionary, id);
}
