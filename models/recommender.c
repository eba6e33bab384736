#include "models/recommender.h"

#include "models/blas.h"
#include "models/dictionary.h"
#include "models/ease.h"
#include "models/fold_in.h"
#include "models/item_item.h"
#include "models/model_directory.h"
#include "models/recommender_files.h"
#include "models/recommender_tables.h"
#include "models/sparse_matrix.h"
#include "models/top_k.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    POPULAR_KEPT =
        4096, /* of the popularity order: k and all that may be excluded from it */
};

/* A member whose part is this many times another's carried the item alone. */
static const float CARRIED_ALONE = 2.0F;

struct mr_recommender {
    mr_model_directory *directory;
    mr_dictionary *dictionary;
    mr_recipe recipe;
    mr_npy neighbour_ptr;
    mr_npy neighbour_index;
    mr_npy neighbour_values;
    mr_npy factors;
    mr_npy eigenvalues;
    mr_npy popularity;
    mr_npy ease_weights;
    mr_npy filter_in;
    mr_npy filter_out;
    mr_sparse_matrix item_item; /* a view; no rows when not in the blend */
    mr_dense item_factors;      /* a view */
    mr_fold_in *fold_in;
    mr_dense ease;          /* a view; no rows when not in the blend */
    mr_graph_filter filter; /* views                                 */
    mr_ranked *popular;     /* the most popular, best first */
    uint32_t popular_count;
};

struct mr_recommender_scratch {
    uint32_t history[MR_RECOMMEND_HISTORY_MAX];
    float weights[MR_RECOMMEND_HISTORY_MAX];
    size_t count;
    float *rows[MR_MEMBERS]; /* popular: not used, the model's own row is read */
    float *blended;
    float *user;                                 /* factors                */
    float *coordinates;                          /* in the graph filter    */
    uint32_t distinct[MR_RECOMMEND_HISTORY_MAX]; /* the history, each item once */
    size_t distinct_count;
    mr_ials_scratch *solver;
    mr_top_k_selector selector;
    mr_ranked best[MR_RECOMMEND_MAX];
};

/* ---- opening ---- */

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

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
    if (!all_finite(r->factors.data, r->factors.shape[0] * d) ||
        !all_finite(r->eigenvalues.data, d))
        return refuse(r, ret_error, "factors that are not finite");
    r->item_factors = (mr_dense){.values = unconst(r->factors.data),
                                 .rows = r->factors.shape[0],
                                 .columns = d,
                                 .stride = d};
    return mr_fold_in_open(&r->item_factors, r->eigenvalues.data, &r->recipe.ials,
                           &r->fold_in);
}

static mr_status open_popularity(mr_recommender *r, mr_error *ret_error)
{
    const uint32_t items = mr_dictionary_count(r->dictionary);
    MR_TRY(mr_model_directory_map(r->directory, MR_FILE_POPULARITY, MR_NPY_F4, 1,
                                  &r->popularity, ret_error));
    if (r->popularity.shape[0] != items || !all_finite(r->popularity.data, items))
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
    return open_popularity(r, ret_error);
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
    mr_npy_close(&recommender->neighbour_ptr);
    mr_npy_close(&recommender->neighbour_index);
    mr_npy_close(&recommender->neighbour_values);
    mr_npy_close(&recommender->factors);
    mr_npy_close(&recommender->eigenvalues);
    mr_npy_close(&recommender->popularity);
    mr_npy_close(&recommender->ease_weights);
    mr_npy_close(&recommender->filter_in);
    mr_npy_close(&recommender->filter_out);
    mr_fold_in_destroy(recommender->fold_in);
    mr_dictionary_destroy(recommender->dictionary);
    mr_model_directory_destroy(recommender->directory);
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

/* ---- scratch ---- */

mr_status mr_recommender_scratch_create(const mr_recommender *recommender,
                                        mr_recommender_scratch **ret_scratch)
{
    const size_t items = mr_recommender_item_count(recommender);
    const size_t width = recommender->item_factors.stride;
    mr_recommender_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    bool failed = false;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (m == MR_MEMBER_POPULAR || !(recommender->recipe.blend.weights[m] > 0.0F))
            continue;
        scratch->rows[m] = mr_dense_floats(items);
        failed = failed || scratch->rows[m] == NULL;
    }
    scratch->blended = mr_dense_floats(items);
    scratch->user = mr_dense_floats(width);
    scratch->coordinates = mr_dense_floats(recommender->filter.in.stride);
    if (failed || scratch->blended == NULL || scratch->user == NULL ||
        scratch->coordinates == NULL ||
        mr_ials_scratch_create(width, &scratch->solver) != MR_OK) {
        mr_recommender_scratch_destroy(scratch);
        return MR_ERR_NO_MEMORY;
    }
    *ret_scratch = scratch;
    return MR_OK;
}

void mr_recommender_scratch_destroy(mr_recommender_scratch *scratch)
{
    if (scratch == NULL)
        return;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        free(scratch->rows[m]);
    free(scratch->blended);
    free(scratch->user);
    free(scratch->coordinates);
    mr_ials_scratch_destroy(scratch->solver);
    free(scratch);
}

/* ---- scoring ---- */

static bool contains(const uint32_t *values, size_t count, uint32_t value)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == value)
            return true;
    return false;
}

/*
 * Copy what the model knows of the history, weighed as the recipe says.  Where it does not weigh,
 * an item counts once however often it was touched: so the hold-out it was chosen on asked.
 */
static void take_history(const mr_recommender *r, mr_recommender_scratch *scratch,
                         const mr_model_history_item *history, size_t count,
                         uint32_t now_s)
{
    const uint32_t items = mr_recommender_item_count(r);
    scratch->count = 0;
    for (size_t h = 0; h < count && scratch->count < MR_RECOMMEND_HISTORY_MAX; h++) {
        if (history[h].item >= items || !(history[h].weight > 0.0F))
            continue;
        float weight = 1.0F;
        if (!r->recipe.history_weighed &&
            contains(scratch->history, scratch->count, history[h].item))
            continue;
        if (r->recipe.history_weighed) {
            weight = history[h].weight;
            if (r->recipe.history_half_life_s > 0.0 && now_s > history[h].time_s)
                weight *= exp2f(-(float)((double)(now_s - history[h].time_s) /
                                         r->recipe.history_half_life_s));
        }
        scratch->history[scratch->count] = history[h].item;
        scratch->weights[scratch->count++] = weight;
    }
}

/* The history as all members but item-item were trained on it: each item once. */
static void take_distinct(mr_recommender_scratch *scratch)
{
    scratch->distinct_count = 0;
    for (size_t h = 0; h < scratch->count; h++)
        if (!contains(scratch->distinct, scratch->distinct_count, scratch->history[h]))
            scratch->distinct[scratch->distinct_count++] = scratch->history[h];
}

static void score_ials(const mr_recommender *r, mr_recommender_scratch *scratch)
{
    mr_fold_in_user(r->fold_in, scratch->solver, scratch->distinct, NULL,
                    scratch->distinct_count, scratch->user);
    mr_blas_sgemv(MR_BLAS_PLAIN, r->item_factors.rows, r->item_factors.columns, 1.0F,
                  r->item_factors.values, r->item_factors.stride, scratch->user, 0.0F,
                  scratch->rows[MR_MEMBER_IALS]);
}

/* Rows of the members in use; the terms are kept to tell afterwards who carried what. */
static void score_members(const mr_recommender *r, mr_recommender_scratch *scratch,
                          const float *rows[MR_MEMBERS], mr_blend_terms *terms)
{
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        rows[m] = scratch->rows[m];
    rows[MR_MEMBER_POPULAR] = r->popularity.data;
    take_distinct(scratch);
    if (r->item_item.rows > 0)
        mr_item_item_score(&r->item_item, scratch->history, scratch->weights,
                           scratch->count, scratch->rows[MR_MEMBER_ITEM_ITEM]);
    if (r->fold_in != NULL)
        score_ials(r, scratch);
    if (r->ease.rows > 0)
        mr_ease_score(&r->ease, scratch->distinct, NULL, scratch->distinct_count,
                      scratch->rows[MR_MEMBER_EASE]);
    if (r->filter.in.rows > 0)
        mr_graph_filter_score(&r->filter, scratch->distinct, NULL,
                              scratch->distinct_count, scratch->coordinates,
                              scratch->rows[MR_MEMBER_GRAPH_FILTER]);
    mr_blend_rows(&r->recipe.blend, rows, mr_recommender_item_count(r), terms,
                  scratch->blended);
}

static float part_of(const mr_recommender *r, const float *const rows[MR_MEMBERS],
                     const mr_blend_terms *terms, mr_member member, uint32_t item)
{
    const mr_blend *blend = &r->recipe.blend;
    if (!(blend->weights[member] > 0.0F))
        return 0.0F;
    if (!terms->known[blend->scale][member])
        return rows[member][item]; /* alone: not scaled */
    const mr_blend_term term = terms->terms[blend->scale][member];
    const float part =
        (rows[member][item] - term.offset) * term.factor * blend->weights[member];
    return part > 0.0F ? part : 0.0F;
}

/* The history item that adds most, by the member that tells: item-item, else EASE. */
static uint32_t reason_of(const mr_recommender *r, const mr_recommender_scratch *scratch,
                          uint32_t item)
{
    float term = 0.0F;
    if (r->item_item.rows > 0) {
        const size_t place =
            mr_item_item_because(&r->item_item, scratch->history, scratch->weights,
                                 scratch->count, item, &term);
        if (place < scratch->count)
            return scratch->history[place];
    }
    if (r->ease.rows > 0) {
        const size_t place = mr_ease_because(&r->ease, scratch->distinct, NULL,
                                             scratch->distinct_count, item, &term);
        if (place < scratch->distinct_count)
            return scratch->distinct[place];
    }
    return MR_ITEM_NONE;
}

/* Item-item and EASE are weights between items, and their readers call both item-item. */
static mr_scored_item explain(const mr_recommender *r,
                              const mr_recommender_scratch *scratch,
                              const float *const rows[MR_MEMBERS],
                              const mr_blend_terms *terms, mr_ranked ranked)
{
    mr_scored_item item = {.item = ranked.index, .score = ranked.score};
    const float by_items = part_of(r, rows, terms, MR_MEMBER_ITEM_ITEM, ranked.index) +
                           part_of(r, rows, terms, MR_MEMBER_EASE, ranked.index);
    const float by_factors = part_of(r, rows, terms, MR_MEMBER_IALS, ranked.index);
    const float by_filter = part_of(r, rows, terms, MR_MEMBER_GRAPH_FILTER, ranked.index);
    if (by_items > CARRIED_ALONE * (by_factors + by_filter))
        item.source = MR_SOURCE_ITEM_ITEM;
    else if (by_factors > CARRIED_ALONE * (by_items + by_filter))
        item.source = MR_SOURCE_IALS;
    else
        item.source = by_items + by_filter > 0.0F ? MR_SOURCE_BLEND : MR_SOURCE_POPULAR;
    item.because = reason_of(r, scratch, ranked.index);
    return item;
}

/* Top up from the popularity order with what is neither there nor left out. */
static size_t fill_popular(const mr_recommender *r, const mr_recommender_scratch *scratch,
                           const mr_recommend_options *options, mr_scored_item *items,
                           size_t count)
{
    for (uint32_t p = 0; p < r->popular_count && count < options->k; p++) {
        const uint32_t item = r->popular[p].index;
        bool taken = mr_sorted_has(options->exclude, options->exclude_count, item) ||
                     (!r->recipe.repeats_allowed &&
                      contains(scratch->history, scratch->count, item));
        for (size_t i = 0; i < count && !taken; i++)
            taken = items[i].item == item;
        if (!taken)
            items[count++] = (mr_scored_item){
                .item = item, .because = MR_ITEM_NONE, .source = MR_SOURCE_POPULAR};
    }
    return count;
}

static size_t rank(const mr_recommender *r, mr_recommender_scratch *scratch,
                   const mr_recommend_options *options, mr_scored_item *ret_items)
{
    const float *rows[MR_MEMBERS];
    mr_blend_terms terms = {0};
    size_t count = 0;
    score_members(r, scratch, rows, &terms);
    for (size_t h = 0; h < scratch->count && !r->recipe.repeats_allowed; h++)
        scratch->blended[scratch->history[h]] = -INFINITY;
    const uint32_t found = mr_top_k_row(
        scratch->blended, mr_recommender_item_count(r), options->k, options->exclude,
        options->exclude_count, &scratch->selector, scratch->best);
    for (uint32_t i = 0; i < found; i++) {
        const mr_scored_item item = explain(r, scratch, rows, &terms, scratch->best[i]);
        /* What no member says anything for is an index order, not an answer. */
        if (item.source != MR_SOURCE_POPULAR)
            ret_items[count++] = item;
    }
    return count;
}

mr_status mr_recommender_score(const mr_recommender *recommender,
                               mr_recommender_scratch *scratch,
                               const mr_model_history_item *history, size_t count,
                               const mr_recommend_options *options,
                               mr_scored_item *ret_items, size_t *ret_count)
{
    size_t found = 0;
    if (options->k < 1 || options->k > MR_RECOMMEND_MAX)
        return MR_ERR_INVALID;
    take_history(recommender, scratch, history, count, options->now_s);
    if (scratch->count > 0)
        found = rank(recommender, scratch, options, ret_items);
    *ret_count = fill_popular(recommender, scratch, options, ret_items, found);
    return MR_OK;
}

/* ---- neighbours and popularity ---- */

static void similar_by_factors(const mr_recommender *r, mr_recommender_scratch *scratch,
                               uint32_t item)
{
    const mr_dense *factors = &r->item_factors;
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    mr_blas_sgemv(MR_BLAS_PLAIN, factors->rows, factors->columns, 1.0F, factors->values,
                  factors->stride, mr_dense_row(factors, item), 0.0F, scratch->blended);
    for (size_t i = 0; i < factors->rows; i++) {
        const float *row = mr_dense_row(factors, i);
        const float squared = kernels->dot(row, row, factors->stride);
        scratch->blended[i] =
            squared > 0.0F ? scratch->blended[i] / sqrtf(squared) : -INFINITY;
    }
}

mr_status mr_recommender_similar(const mr_recommender *recommender,
                                 mr_recommender_scratch *scratch, uint32_t item,
                                 uint32_t k, mr_scored_item *ret_items, size_t *ret_count)
{
    const uint32_t items = mr_recommender_item_count(recommender);
    mr_source source = MR_SOURCE_ITEM_ITEM;
    if (k < 1 || k > MR_RECOMMEND_MAX)
        return MR_ERR_INVALID;
    if (item >= items)
        return MR_ERR_NOT_FOUND;
    if (recommender->item_item.rows > 0) {
        mr_item_item_score(&recommender->item_item, &item, NULL, 1, scratch->blended);
    } else if (recommender->fold_in != NULL) {
        similar_by_factors(recommender, scratch, item);
        source = MR_SOURCE_IALS;
    } else if (recommender->ease.rows > 0) {
        mr_ease_score(&recommender->ease, &item, NULL, 1, scratch->blended);
    } else if (recommender->filter.in.rows > 0) {
        mr_graph_filter_score(&recommender->filter, &item, NULL, 1, scratch->coordinates,
                              scratch->blended);
        source = MR_SOURCE_BLEND;
    } else {
        *ret_count = 0;
        return MR_OK;
    }
    const uint32_t found = mr_top_k_row(scratch->blended, items, k, &item, 1,
                                        &scratch->selector, scratch->best);
    size_t count = 0;
    for (uint32_t i = 0; i < found && scratch->best[i].score > 0.0F; i++)
        ret_items[count++] = (mr_scored_item){.item = scratch->best[i].index,
                                              .score = scratch->best[i].score,
                                              .because = item,
                                              .source = (uint8_t)source};
    *ret_count = count;
    return MR_OK;
}

mr_status mr_recommender_popular(const mr_recommender *recommender, uint32_t k,
                                 const uint32_t *exclude, size_t exclude_count,
                                 mr_scored_item *ret_items, size_t *ret_count)
{
    size_t count = 0;
    if (k < 1 || k > MR_RECOMMEND_MAX)
        return MR_ERR_INVALID;
    for (uint32_t p = 0; p < recommender->popular_count && count < k; p++)
        if (!mr_sorted_has(exclude, exclude_count, recommender->popular[p].index))
            ret_items[count++] = (mr_scored_item){.item = recommender->popular[p].index,
                                                  .score = recommender->popular[p].score,
                                                  .because = MR_ITEM_NONE,
                                                  .source = MR_SOURCE_POPULAR};
    *ret_count = count;
    return MR_OK;
}
