#include "models/blas.h"
#include "models/ease.h"
#include "models/item_item.h"
#include "models/recommender_internal.h"
#include "models/vector.h"

#include <math.h>

static void similar_by_factors(const mr_recommender *r, mr_recommender_scratch *scratch,
                               uint32_t item)
{
    const mr_dense *factors = &r->item_factors;
    mr_blas_sgemv(MR_BLAS_PLAIN, factors->rows, factors->columns, 1.0F, factors->values,
                  factors->stride, mr_dense_row(factors, item), 0.0F, scratch->blended);
    for (size_t i = 0; i < factors->rows; i++)
        scratch->blended[i] = r->factor_scales[i] > 0.0F
                                  ? scratch->blended[i] * r->factor_scales[i]
                                  : -INFINITY;
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

static float dot_of(const mr_dense *table, uint32_t a, uint32_t b)
{
    return mr_vector_kernels_best()->dot(mr_dense_row(table, a), mr_dense_row(table, b),
                                         table->stride);
}

/* Below 0 is unlike; rounding may go above 1. */
static float within(float cosine)
{
    return fminf(fmaxf(cosine, 0.0F), 1.0F);
}

float mr_recommender_likeness(const mr_recommender *recommender, uint32_t a, uint32_t b)
{
    const mr_recommender *r = recommender;
    const uint32_t items = mr_recommender_item_count(r);
    if (a >= items || b >= items)
        return NAN;
    if (r->factor_scales != NULL && r->factor_scales[a] > 0.0F &&
        r->factor_scales[b] > 0.0F)
        return within(dot_of(&r->item_factors, a, b) * r->factor_scales[a] *
                      r->factor_scales[b]);
    if (r->has_ranker && r->store.members.encoder != NULL)
        return within(dot_of(mr_encoder_items(r->store.members.encoder), a, b));
    if (r->has_ranker && r->store.members.content != NULL)
        return within(mr_content_similarity(r->store.members.content, a, b));
    return NAN;
}

_Static_assert((int)MR_BOUGHT_TOGETHER_PARTNERS_MAX <= (int)MR_RECOMMEND_MAX,
               "a row of partners fits a list");

mr_status mr_recommender_bought_together(const mr_recommender *recommender,
                                         mr_recommender_scratch *scratch, uint32_t item,
                                         uint32_t k, mr_scored_item *ret_items,
                                         size_t *ret_count)
{
    if (k < 1 || k > MR_RECOMMEND_MAX)
        return MR_ERR_INVALID;
    if (item >= recommender->bought.rows)
        return MR_ERR_NOT_FOUND;
    const uint32_t count =
        mr_bought_together_best(&recommender->bought, item, k, scratch->best);
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (mr_scored_item){.item = scratch->best[i].index,
                                        .score = scratch->best[i].score,
                                        .because = item,
                                        .source = MR_SOURCE_ITEM_ITEM};
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
