#include "models/recommender.h"

#include "models/blas.h"
#include "models/ease.h"
#include "models/history_sequences.h"
#include "models/item_item.h"
#include "models/ranker.h"
#include "models/recommender_internal.h"
#include "models/top_k.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A part that is this many times the others together carried the item alone. */
static const float CARRIED_ALONE = 2.0F;

struct mr_recommender_scratch {
    /* The history, oldest first. */
    uint32_t item[MR_RECOMMEND_HISTORY_MAX];
    uint32_t basket[MR_RECOMMEND_HISTORY_MAX];
    uint32_t time_s[MR_RECOMMEND_HISTORY_MAX];
    float weight[MR_RECOMMEND_HISTORY_MAX];
    mr_query query;
    float *blended;
    float *coordinates; /* in the graph filter */
    const mr_set_model *set_model;
    mr_set_scratch *set;
    mr_ranker_members
        members; /* the recommender's; the set's rows come from this scratch */
    mr_ranker_workspace *ranker;
    mr_top_k_selector selector;
    mr_ranked best[MR_RECOMMEND_MAX];
};

/* ---- scratch ---- */

static void score_set(void *context, uint32_t lane, const mr_query *query, float *ret_row)
{
    mr_recommender_scratch *scratch = context;
    (void)lane;
    mr_set_score(scratch->set_model, scratch->set, query, ret_row);
}

static mr_status open_scratch(const mr_recommender *recommender,
                              mr_recommender_scratch *scratch)
{
    scratch->set_model = &recommender->set;
    MR_TRY(mr_set_scratch_create(&recommender->set, &scratch->set));
    scratch->blended = mr_dense_floats(mr_recommender_item_count(recommender));
    scratch->coordinates = mr_dense_floats(recommender->filter.in.stride);
    if (scratch->blended == NULL || scratch->coordinates == NULL)
        return MR_ERR_NO_MEMORY;
    if (!recommender->has_ranker)
        return MR_OK;
    scratch->members = recommender->store.members;
    scratch->members.rows = (mr_row_source){.score = score_set, .context = scratch};
    return mr_ranker_workspace_create(&scratch->members, 0, &scratch->ranker);
}

mr_status mr_recommender_scratch_create(const mr_recommender *recommender,
                                        mr_recommender_scratch **ret_scratch)
{
    mr_recommender_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return MR_ERR_NO_MEMORY;
    if (open_scratch(recommender, scratch) != MR_OK) {
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
    mr_ranker_workspace_destroy(scratch->ranker);
    mr_set_scratch_destroy(scratch->set);
    free(scratch->blended);
    free(scratch->coordinates);
    free(scratch);
}

/* ---- the history ---- */

/* What the model knows of the history, turned round: a query has the oldest first. */
static void take_history(const mr_recommender *r, mr_recommender_scratch *scratch,
                         const mr_model_history_item *history, size_t count)
{
    const uint32_t items = mr_recommender_item_count(r);
    size_t taken = 0;
    for (size_t h = 0; h < count && taken < MR_RECOMMEND_HISTORY_MAX; h++) {
        if (history[h].item >= items || !(history[h].weight > 0.0F))
            continue;
        const size_t at = MR_RECOMMEND_HISTORY_MAX - ++taken;
        scratch->item[at] = history[h].item;
        scratch->weight[at] = history[h].weight;
        scratch->time_s[at] = history[h].time_s;
        /* A clock that was set back must not make an order of its own. */
        if (taken > 1 && scratch->time_s[at] > scratch->time_s[at + 1])
            scratch->time_s[at] = scratch->time_s[at + 1];
    }
    const size_t first = MR_RECOMMEND_HISTORY_MAX - taken;
    mr_history_baskets(scratch->time_s + first, taken, scratch->basket + first);
    scratch->query = (mr_query){.item = scratch->item + first,
                                .basket = scratch->basket + first,
                                .time_s = scratch->time_s + first,
                                .weight = scratch->weight + first,
                                .count = taken};
}

static bool has(const mr_query *query, uint32_t item)
{
    for (size_t i = 0; i < query->count; i++)
        if (query->item[i] == item)
            return true;
    return false;
}

/* ---- the ranker's answer ---- */

static mr_source source_of(mr_signal signal)
{
    switch (signal) {
    case MR_SIGNAL_ENCODER:
    case MR_SIGNAL_SEQUENCE:
    case MR_SIGNAL_SESSION_KNN:
    case MR_SIGNAL_REPEAT: /* what the last baskets lead to */ return MR_SOURCE_SESSION;
    case MR_SIGNALS: /* the user's own items */ return MR_SOURCE_REPEAT;
    case MR_SIGNAL_CONTENT: return MR_SOURCE_CONTENT;
    case MR_SIGNAL_ROWS: return MR_SOURCE_BLEND;
    case MR_SIGNAL_POPULAR: break;
    }
    return MR_SOURCE_POPULAR;
}

/* The item of the history that a signal owes its score to. */
static uint32_t because_of(const mr_recommender_scratch *scratch, mr_signal signal,
                           uint32_t item)
{
    const mr_query *query = &scratch->query;
    const mr_ranker_members *members = &scratch->members;
    float term = 0.0F;
    size_t place = query->count;
    if (signal == MR_SIGNALS)
        return item;
    if (signal == MR_SIGNAL_ENCODER)
        place = mr_encoder_because(members->encoder, query, item, &term);
    else if (signal == MR_SIGNAL_REPEAT)
        place = mr_next_basket_because(members->repeat, query, item, &term);
    else if (signal == MR_SIGNAL_CONTENT)
        place = mr_content_because(members->content, query, item, &term);
    else if (members->sequence != NULL)
        place = mr_covisitation_because(members->sequence, query, item, &term);
    return place < query->count ? query->item[place] : MR_ITEM_NONE;
}

/* The signal that adds most; `ret_alone` when it carries the item alone. */
static mr_signal carrier_of(const float parts[MR_SIGNALS + 1], bool *ret_alone)
{
    float sum = 0.0F;
    uint32_t best = MR_SIGNAL_POPULAR;
    for (uint32_t s = 0; s <= MR_SIGNALS; s++) {
        sum += parts[s] > 0.0F ? parts[s] : 0.0F;
        if (parts[s] > parts[best])
            best = s;
    }
    *ret_alone = parts[best] > CARRIED_ALONE * (sum - parts[best]);
    return (mr_signal)best;
}

/* An item that is owed to itself is a reminder, whichever signal says so. */
static mr_scored_item explain_ranked(const mr_recommender *r,
                                     const mr_recommender_scratch *scratch,
                                     mr_ranked ranked)
{
    float parts[MR_SIGNALS + 1];
    bool alone = false;
    mr_ranker_parts(&r->ranker, scratch->ranker, ranked.index, parts);
    const mr_signal signal = carrier_of(parts, &alone);
    if (signal == MR_SIGNAL_ROWS)
        return mr_set_explain(&r->set, scratch->set, ranked);
    const uint32_t because = because_of(scratch, signal, ranked.index);
    if (because == ranked.index)
        return (mr_scored_item){.item = ranked.index,
                                .score = ranked.score,
                                .because = MR_ITEM_NONE,
                                .source = MR_SOURCE_REPEAT};
    return (mr_scored_item){.item = ranked.index,
                            .score = ranked.score,
                            .because = because,
                            .source =
                                (uint8_t)(alone ? source_of(signal) : MR_SOURCE_BLEND)};
}

static size_t rank_by_ranker(const mr_recommender *r, mr_recommender_scratch *scratch,
                             const mr_recommend_options *options,
                             mr_scored_item *ret_items)
{
    const mr_ranker_limits limits = {.k = options->k,
                                     .exclude = options->exclude,
                                     .exclude_count = options->exclude_count};
    const uint32_t found = mr_ranker_rank(&scratch->members, &r->ranker, scratch->ranker,
                                          &scratch->query, &limits, scratch->best);
    for (uint32_t i = 0; i < found; i++)
        ret_items[i] = explain_ranked(r, scratch, scratch->best[i]);
    return found;
}

/* ---- the set's answer ---- */

static size_t rank_by_set(const mr_recommender *r, mr_recommender_scratch *scratch,
                          const mr_recommend_options *options, mr_scored_item *ret_items)
{
    size_t count = 0;
    mr_set_score(&r->set, scratch->set, &scratch->query, scratch->blended);
    for (size_t h = 0; h < scratch->query.count && !r->recipe.repeats_allowed; h++)
        scratch->blended[scratch->query.item[h]] = -INFINITY;
    const uint32_t found = mr_top_k_row(
        scratch->blended, mr_recommender_item_count(r), options->k, options->exclude,
        options->exclude_count, &scratch->selector, scratch->best);
    for (uint32_t i = 0; i < found; i++) {
        const mr_scored_item item =
            mr_set_explain(&r->set, scratch->set, scratch->best[i]);
        /* What no member says anything for is an index order, not an answer. */
        if (item.source != MR_SOURCE_POPULAR)
            ret_items[count++] = item;
    }
    return count;
}

/* ---- answers ---- */

static bool allows_repeats(const mr_recommender *r, size_t elements)
{
    return r->has_ranker ? mr_ranker_choice_of(&r->ranker, elements)->repeats_allowed
                         : r->recipe.repeats_allowed;
}

/* Top up from the popularity order with what is neither there nor left out. */
static size_t fill_popular(const mr_recommender *r, const mr_recommender_scratch *scratch,
                           const mr_recommend_options *options, mr_scored_item *items,
                           size_t count)
{
    const bool repeats = allows_repeats(r, scratch->query.count);
    for (uint32_t p = 0; p < r->popular_count && count < options->k; p++) {
        const uint32_t item = r->popular[p].index;
        bool taken = mr_sorted_has(options->exclude, options->exclude_count, item) ||
                     (!repeats && has(&scratch->query, item));
        for (size_t i = 0; i < count && !taken; i++)
            taken = items[i].item == item;
        if (!taken)
            items[count++] = (mr_scored_item){
                .item = item, .because = MR_ITEM_NONE, .source = MR_SOURCE_POPULAR};
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
    take_history(recommender, scratch, history, count);
    if (scratch->query.count > 0)
        found = recommender->has_ranker
                    ? rank_by_ranker(recommender, scratch, options, ret_items)
                    : rank_by_set(recommender, scratch, options, ret_items);
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
