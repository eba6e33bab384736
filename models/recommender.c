#include "models/recommender.h"

#include "models/blas.h"
#include "models/ease.h"
#include "models/history_sequences.h"
#include "models/item_item.h"
#include "models/ranker.h"
#include "models/recommender_internal.h"
#include "models/set_ranking.h"
#include "models/top_k.h"
#include "models/vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A part that is this many times the others together carried the item alone. */
static const float CARRIED_ALONE = 2.0F;

_Static_assert((int)MR_RECOMMEND_MAX <= (int)MR_COVISITATION_REASONS_MAX,
               "reasons are asked for all of a list at once");

/* What an item of a list is owed to. */
typedef struct reason {
    mr_signal signal;
    bool alone;   /* that carries it alone                  */
    size_t place; /* in the history; its count: none is named */
} reason;

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
    reason reasons[MR_RECOMMEND_MAX];         /* of the best */
    mr_scored_item by_rows[MR_RECOMMEND_MAX]; /* those that the set carries */
    uint32_t *marks; /* [items] zeros, for mr_covisitation_reasons() */
};

/* ---- scratch ---- */

static void score_set(void *context, uint32_t lane, const mr_query *query, float *ret_row)
{
    mr_recommender_scratch *scratch = context;
    (void)lane;
    mr_set_score(scratch->set_model, scratch->set, query, ret_row);
}

static void ask_set(void *context, uint32_t lane, const mr_query *query)
{
    mr_recommender_scratch *scratch = context;
    (void)lane;
    mr_set_ask(scratch->set_model, scratch->set, query);
}

static uint32_t best_of_set(void *context, uint32_t lane, uint32_t k, mr_ranked *ret_best)
{
    mr_recommender_scratch *scratch = context;
    (void)lane;
    return mr_set_best(scratch->set_model, scratch->set, k, ret_best);
}

static void score_set_at(void *context, uint32_t lane, const uint32_t *items,
                         size_t count, float *ret_row)
{
    mr_recommender_scratch *scratch = context;
    (void)lane;
    mr_set_at(scratch->set_model, scratch->set, items, count, ret_row);
}

static mr_row_source source_of_set(mr_recommender_scratch *scratch)
{
    mr_row_source source = {.score = score_set, .context = scratch};
    if (scratch->set_model->index != NULL) {
        source.ask = ask_set;
        source.best = best_of_set;
        source.at = score_set_at;
    }
    return source;
}

static mr_status open_scratch(const mr_recommender *recommender,
                              mr_recommender_scratch *scratch)
{
    scratch->set_model = &recommender->set;
    MR_TRY(mr_set_scratch_create(&recommender->set, &scratch->set));
    scratch->blended = mr_dense_floats(mr_recommender_item_count(recommender));
    scratch->coordinates = mr_dense_floats(recommender->filter.in.stride);
    scratch->marks =
        calloc(mr_recommender_item_count(recommender), sizeof(*scratch->marks));
    if (scratch->blended == NULL || scratch->coordinates == NULL ||
        scratch->marks == NULL)
        return MR_ERR_NO_MEMORY;
    if (!recommender->has_ranker)
        return MR_OK;
    scratch->members = recommender->store.members;
    scratch->members.rows = source_of_set(scratch);
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
    free(scratch->marks);
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

/* What a signal owes the score of an item to: a place in the history, or its count. */
static size_t place_of(const mr_recommender_scratch *scratch, mr_signal signal,
                       uint32_t item)
{
    const mr_query *query = &scratch->query;
    const mr_ranker_members *members = &scratch->members;
    float term = 0.0F;
    if (signal == MR_SIGNAL_ENCODER)
        return mr_encoder_because(members->encoder, query, item, &term);
    if (signal == MR_SIGNAL_REPEAT)
        return mr_next_basket_because(members->repeat, query, item, &term);
    return mr_content_because(members->content, query, item, &term);
}

/* Signals that name no reason are explained by what came after what. */
static bool is_by_sequence(const mr_recommender_scratch *scratch, mr_signal signal)
{
    return scratch->members.sequence != NULL &&
           (signal == MR_SIGNAL_SEQUENCE || signal == MR_SIGNAL_SESSION_KNN ||
            signal == MR_SIGNAL_POPULAR);
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

/* Who carries each of the best, and the places of the history they are owed to. */
static void find_reasons(const mr_recommender *r, mr_recommender_scratch *scratch,
                         uint32_t found)
{
    uint32_t asked[MR_RECOMMEND_MAX];
    size_t places[MR_RECOMMEND_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < found; i++) {
        float parts[MR_SIGNALS + 1];
        reason *known = &scratch->reasons[i];
        const uint32_t item = scratch->best[i].index;
        mr_ranker_parts(&r->ranker, scratch->ranker, item, parts);
        known->signal = carrier_of(parts, &known->alone);
        known->place = scratch->query.count;
        if (is_by_sequence(scratch, known->signal))
            asked[count++] = item;
        else if (known->signal == MR_SIGNAL_ENCODER ||
                 known->signal == MR_SIGNAL_REPEAT || known->signal == MR_SIGNAL_CONTENT)
            known->place = place_of(scratch, known->signal, item);
    }
    if (count == 0)
        return;
    mr_covisitation_reasons(scratch->members.sequence, &scratch->query, asked, count,
                            scratch->marks, places);
    for (uint32_t i = 0, a = 0; i < found; i++)
        if (is_by_sequence(scratch, scratch->reasons[i].signal))
            scratch->reasons[i].place = places[a++];
}

/* An item that is owed to itself is a reminder, whichever signal says so. */
static mr_scored_item explain_ranked(const mr_recommender_scratch *scratch, uint32_t at)
{
    const mr_ranked ranked = scratch->best[at];
    const reason *known = &scratch->reasons[at];
    const uint32_t because = known->signal == MR_SIGNALS ? ranked.index
                             : known->place < scratch->query.count
                                 ? scratch->query.item[known->place]
                                 : MR_ITEM_NONE;
    mr_scored_item item = {
        .item = ranked.index, .score = ranked.score, .because = because};
    if (because == ranked.index) {
        item.because = MR_ITEM_NONE;
        item.source = MR_SOURCE_REPEAT;
        return item;
    }
    item.source = (uint8_t)(known->alone ? source_of(known->signal) : MR_SOURCE_BLEND);
    return item;
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
    find_reasons(r, scratch, found);
    mr_ranked by_rows[MR_RECOMMEND_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < found; i++)
        if (scratch->reasons[i].signal == MR_SIGNAL_ROWS)
            by_rows[count++] = scratch->best[i];
    mr_set_explain(&r->set, scratch->set, by_rows, count, scratch->by_rows);
    for (uint32_t i = 0, next = 0; i < found; i++)
        ret_items[i] = scratch->reasons[i].signal == MR_SIGNAL_ROWS
                           ? scratch->by_rows[next++]
                           : explain_ranked(scratch, i);
    return found;
}

/* ---- the set's answer ---- */

/* The best of the whole row, in which what must not be listed is masked. */
static uint32_t best_of_row(const mr_recommender *r, mr_recommender_scratch *scratch,
                            const mr_recommend_options *options)
{
    mr_set_score(&r->set, scratch->set, &scratch->query, scratch->blended);
    for (size_t h = 0; h < scratch->query.count && !r->recipe.repeats_allowed; h++)
        scratch->blended[scratch->query.item[h]] = -INFINITY;
    return mr_top_k_row(scratch->blended, mr_recommender_item_count(r), options->k,
                        options->exclude, options->exclude_count, &scratch->selector,
                        scratch->best);
}

/* So many more are asked for as may not be listed. */
static uint32_t best_by_index(const mr_recommender *r, mr_recommender_scratch *scratch,
                              const mr_recommend_options *options, uint32_t asked)
{
    uint32_t kept = 0;
    mr_set_ask(&r->set, scratch->set, &scratch->query);
    const uint32_t found = mr_set_best(&r->set, scratch->set, asked, scratch->best);
    for (uint32_t i = 0; i < found && kept < options->k; i++) {
        const uint32_t item = scratch->best[i].index;
        if (!mr_sorted_has(options->exclude, options->exclude_count, item) &&
            (r->recipe.repeats_allowed || !has(&scratch->query, item)))
            scratch->best[kept++] = scratch->best[i];
    }
    return kept;
}

static size_t rank_by_set(const mr_recommender *r, mr_recommender_scratch *scratch,
                          const mr_recommend_options *options, mr_scored_item *ret_items)
{
    size_t count = 0;
    const size_t asked = options->k + options->exclude_count +
                         (r->recipe.repeats_allowed ? 0 : scratch->query.count);
    const uint32_t found = r->set.index != NULL && asked <= MR_TOP_K_MAX
                               ? best_by_index(r, scratch, options, (uint32_t)asked)
                               : best_of_row(r, scratch, options);
    mr_set_explain(&r->set, scratch->set, scratch->best, found, ret_items);
    /* What no member says anything for is an index order, not an answer. */
    for (uint32_t i = 0; i < found; i++)
        if (ret_items[i].source != MR_SOURCE_POPULAR)
            ret_items[count++] = ret_items[i];
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
