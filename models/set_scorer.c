#include "models/set_scorer.h"

#include "core/assert.h"
#include "models/blas.h"
#include "models/blend.h"
#include "models/ease.h"
#include "models/item_item.h"
#include "models/set_internal.h"
#include "models/vector.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A member whose part is this many times another's carried the item alone. */
static const float CARRIED_ALONE = 2.0F;

static bool uses(const mr_set_model *model, mr_member member)
{
    return model->recipe->blend.weights[member] > 0.0F;
}

mr_status mr_set_scratch_create(const mr_set_model *model, mr_set_scratch **ret_scratch)
{
    const size_t width =
        model->fold_in != NULL ? mr_fold_in_items(model->fold_in)->stride : 0;
    const size_t filter =
        model->graph_filter != NULL ? model->graph_filter->in.stride : 0;
    bool failed = false;
    mr_set_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t m = 0; m < MR_MEMBERS; m++) {
        if (m == MR_MEMBER_POPULAR || !uses(model, (mr_member)m))
            continue;
        scratch->own[m] = mr_dense_floats(model->items);
        failed = failed || scratch->own[m] == NULL;
    }
    failed = failed || (model->index != NULL &&
                        mr_set_ranking_create(model, &scratch->ranking) != MR_OK);
    scratch->marks = calloc(model->items, sizeof(*scratch->marks));
    scratch->user = mr_dense_floats(width);
    scratch->coordinates = mr_dense_floats(filter);
    if (failed || scratch->marks == NULL || scratch->user == NULL ||
        scratch->coordinates == NULL ||
        mr_ials_scratch_create(width, &scratch->solver) != MR_OK) {
        mr_set_scratch_destroy(scratch);
        return MR_ERR_NO_MEMORY;
    }
    *ret_scratch = scratch;
    return MR_OK;
}

void mr_set_scratch_destroy(mr_set_scratch *scratch)
{
    if (scratch == NULL)
        return;
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        free(scratch->own[m]);
    free(scratch->marks);
    free(scratch->user);
    free(scratch->coordinates);
    mr_ials_scratch_destroy(scratch->solver);
    mr_set_ranking_destroy(scratch->ranking);
    free(scratch);
}

/* ---- the history ---- */

static bool contains(const uint32_t *values, size_t count, uint32_t value)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] == value)
            return true;
    return false;
}

static float weight_of(const mr_recipe *recipe, const mr_query *query, size_t at)
{
    float weight = query->weight != NULL ? query->weight[at] : 1.0F;
    if (query->time_s != NULL && recipe->history_half_life_s > 0.0) {
        const double age_s =
            (double)query->time_s[query->count - 1] - (double)query->time_s[at];
        weight *= exp2f(-(float)(age_s / recipe->history_half_life_s));
    }
    return weight;
}

/* What the model knows of the history, weighed as the recipe says: so the hold-out it was chosen
 * on asked.  All members but item-item were trained on each item once. */
void mr_set_take(const mr_set_model *model, mr_set_scratch *scratch,
                 const mr_query *query)
{
    const bool weighed = model->recipe->history_weighed;
    scratch->count = 0;
    scratch->distinct_count = 0;
    for (size_t at = query->count; at > 0 && scratch->count < MR_SET_HISTORY_MAX; at--) {
        const uint32_t item = query->item[at - 1];
        if (item >= model->items)
            continue;
        const bool is_new = !contains(scratch->distinct, scratch->distinct_count, item);
        if (is_new)
            scratch->distinct[scratch->distinct_count++] = item;
        if (!is_new && !weighed)
            continue;
        scratch->history[scratch->count] = item;
        scratch->weights[scratch->count++] =
            weighed ? weight_of(model->recipe, query, at - 1) : 1.0F;
    }
}

/* ---- rows ---- */

static void score_ials(const mr_set_model *model, mr_set_scratch *scratch)
{
    const mr_dense *factors = mr_fold_in_items(model->fold_in);
    mr_fold_in_user(model->fold_in, scratch->solver, scratch->distinct, NULL,
                    scratch->distinct_count, scratch->user);
    mr_blas_sgemv(MR_BLAS_PLAIN, factors->rows, factors->columns, 1.0F, factors->values,
                  factors->stride, scratch->user, 0.0F, scratch->own[MR_MEMBER_IALS]);
}

static void score_members(const mr_set_model *model, mr_set_scratch *scratch)
{
    if (uses(model, MR_MEMBER_ITEM_ITEM))
        mr_item_item_score(model->item_item, scratch->history, scratch->weights,
                           scratch->count, scratch->own[MR_MEMBER_ITEM_ITEM]);
    if (uses(model, MR_MEMBER_IALS))
        score_ials(model, scratch);
    if (uses(model, MR_MEMBER_EASE))
        mr_ease_score(model->ease, scratch->distinct, NULL, scratch->distinct_count,
                      scratch->own[MR_MEMBER_EASE]);
    if (uses(model, MR_MEMBER_GRAPH_FILTER))
        mr_graph_filter_score(model->graph_filter, scratch->distinct, NULL,
                              scratch->distinct_count, scratch->coordinates,
                              scratch->own[MR_MEMBER_GRAPH_FILTER]);
}

void mr_set_score(const mr_set_model *model, mr_set_scratch *scratch,
                  const mr_query *query, float *ret_row)
{
    mr_set_take(model, scratch, query);
    if (scratch->count == 0) {
        memset(ret_row, 0, model->items * sizeof(*ret_row));
        return;
    }
    score_members(model, scratch);
    for (uint32_t m = 0; m < MR_MEMBERS; m++)
        scratch->rows[m] = scratch->own[m];
    scratch->rows[MR_MEMBER_POPULAR] = model->popular;
    scratch->terms = (mr_blend_terms){0};
    mr_blend_rows(&model->recipe->blend, scratch->rows, model->items, &scratch->terms,
                  ret_row);
}

/* ---- reasons ---- */

static float score_of(const mr_set_model *model, const mr_set_scratch *scratch,
                      mr_member member, uint32_t item)
{
    if (scratch->rows[member] != NULL)
        return scratch->rows[member][item];
    const mr_dense *factors = mr_fold_in_items(model->fold_in);
    return mr_vector_kernels_best()->dot(scratch->user, mr_dense_row(factors, item),
                                         factors->stride);
}

static float part_of(const mr_set_model *model, const mr_set_scratch *scratch,
                     mr_member member, uint32_t item)
{
    const mr_blend *blend = &model->recipe->blend;
    if (!(blend->weights[member] > 0.0F))
        return 0.0F;
    if (!scratch->terms.known[blend->scale][member])
        return score_of(model, scratch, member, item); /* alone: not scaled */
    const mr_blend_term term = scratch->terms.terms[blend->scale][member];
    const float part = (score_of(model, scratch, member, item) - term.offset) *
                       term.factor * blend->weights[member];
    return part > 0.0F ? part : 0.0F;
}

/* By EASE, where item-item does not tell. */
static uint32_t reason_by_ease(const mr_set_model *model, const mr_set_scratch *scratch,
                               uint32_t item)
{
    float term = 0.0F;
    if (!uses(model, MR_MEMBER_EASE))
        return MR_ITEM_NONE;
    const size_t place = mr_ease_because(model->ease, scratch->distinct, NULL,
                                         scratch->distinct_count, item, &term);
    return place < scratch->distinct_count ? scratch->distinct[place] : MR_ITEM_NONE;
}

/* Item-item and EASE are weights between items, and their readers call both item-item. */
static mr_source source_of(const mr_set_model *model, const mr_set_scratch *scratch,
                           uint32_t item)
{
    const float by_items = part_of(model, scratch, MR_MEMBER_ITEM_ITEM, item) +
                           part_of(model, scratch, MR_MEMBER_EASE, item);
    const float by_factors = part_of(model, scratch, MR_MEMBER_IALS, item);
    const float by_filter = part_of(model, scratch, MR_MEMBER_GRAPH_FILTER, item);
    if (by_items > CARRIED_ALONE * (by_factors + by_filter))
        return MR_SOURCE_ITEM_ITEM;
    if (by_factors > CARRIED_ALONE * (by_items + by_filter))
        return MR_SOURCE_IALS;
    return by_items + by_filter > 0.0F ? MR_SOURCE_BLEND : MR_SOURCE_POPULAR;
}

void mr_set_explain(const mr_set_model *model, mr_set_scratch *scratch,
                    const mr_ranked *ranked, size_t count, mr_scored_item *ret_items)
{
    uint32_t items[MR_ITEM_ITEM_REASONS_MAX];
    size_t places[MR_ITEM_ITEM_REASONS_MAX];
    const bool by_items = uses(model, MR_MEMBER_ITEM_ITEM);
    MR_ASSERT(count <= MR_ITEM_ITEM_REASONS_MAX);
    for (size_t i = 0; i < count; i++) {
        items[i] = ranked[i].index;
        places[i] = scratch->count;
    }
    if (by_items && count > 0)
        mr_item_item_reasons(model->item_item, scratch->history, scratch->weights,
                             scratch->count, items, count, scratch->marks, places);
    for (size_t i = 0; i < count; i++)
        ret_items[i] =
            (mr_scored_item){.item = items[i],
                             .score = ranked[i].score,
                             .because = places[i] < scratch->count
                                            ? scratch->history[places[i]]
                                            : reason_by_ease(model, scratch, items[i]),
                             .source = (uint8_t)source_of(model, scratch, items[i])};
}
