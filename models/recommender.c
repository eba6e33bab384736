#include "models/recommender.h"

#include "models/dense.h"
#include "models/history_sequences.h"
#include "models/recommender_internal.h"
#include "models/set_ranking.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A part that is this many times the others together carried the item alone. */
static const float CARRIED_ALONE = 2.0F;

_Static_assert((int)MR_RECOMMEND_MAX <= (int)MR_COVISITATION_REASONS_MAX,
               "reasons are asked for all of a list at once");

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

/* The signal that adds most, popularity when none adds anything; `ret_alone` when it carries the item
 * alone. */
static mr_signal carrier_of(const float parts[MR_SIGNALS + 1], bool *ret_alone)
{
    float sum = 0.0F;
    float most = 0.0F;
    uint32_t best = MR_SIGNAL_POPULAR;
    for (uint32_t s = 0; s <= MR_SIGNALS; s++) {
        sum += parts[s] > 0.0F ? parts[s] : 0.0F;
        if (!(parts[s] > most))
            continue;
        most = parts[s];
        best = s;
    }
    *ret_alone = !(sum > 0.0F) || most > CARRIED_ALONE * (sum - most);
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
        mr_reason *known = &scratch->reasons[i];
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
    const mr_reason *known = &scratch->reasons[at];
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

/* The ranker has just scored the best `found`. */
static void explain_by_ranker(const mr_recommender *r, mr_recommender_scratch *scratch,
                              uint32_t found, mr_scored_item *ret_items)
{
    uint32_t count = 0;
    find_reasons(r, scratch, found);
    for (uint32_t i = 0; i < found; i++)
        if (scratch->reasons[i].signal == MR_SIGNAL_ROWS)
            scratch->carried[count++] = scratch->best[i];
    mr_set_explain(&r->set, scratch->set, scratch->carried, count, scratch->by_rows);
    for (uint32_t i = 0, next = 0; i < found; i++)
        ret_items[i] = scratch->reasons[i].signal == MR_SIGNAL_ROWS
                           ? scratch->by_rows[next++]
                           : explain_ranked(scratch, i);
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
    explain_by_ranker(r, scratch, found, ret_items);
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

/* What may not be topped up with: what is there already, and the history where nothing comes twice. */
static void mark_taken(mr_recommender_scratch *scratch, const mr_scored_item *items,
                       size_t count, bool repeats, uint32_t mark)
{
    for (size_t i = 0; i < count; i++)
        scratch->marks[items[i].item] = mark;
    for (size_t h = 0; h < scratch->query.count && !repeats; h++)
        scratch->marks[scratch->query.item[h]] = mark;
}

/* Top up from the popularity order with what is neither there nor left out. */
static size_t fill_popular(const mr_recommender *r, mr_recommender_scratch *scratch,
                           const mr_recommend_options *options, mr_scored_item *items,
                           size_t count)
{
    const bool repeats = allows_repeats(r, scratch->query.count);
    const size_t ranked = count;
    mark_taken(scratch, items, ranked, repeats, 1);
    for (uint32_t p = 0; p < r->popular_count && count < options->k; p++) {
        const uint32_t item = r->popular[p].index;
        if (scratch->marks[item] == 0 &&
            !mr_sorted_has(options->exclude, options->exclude_count, item))
            items[count++] = (mr_scored_item){
                .item = item, .because = MR_ITEM_NONE, .source = MR_SOURCE_POPULAR};
    }
    mark_taken(scratch, items, ranked, repeats, 0);
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

/* ---- given items ---- */

enum { OUTSIDE = UINT16_MAX };
_Static_assert((int)MR_RECOMMEND_MAX < (int)OUTSIDE, "a place among them fits");

/* Those inside into scratch->best, each once; `ret_places` says where each stands there. */
static uint32_t take_given(const mr_recommender *r, mr_recommender_scratch *scratch,
                           const uint32_t *items, size_t item_count, uint16_t *ret_places)
{
    uint32_t *marks = scratch->marks; /* the place + 1 of those taken */
    uint32_t count = 0;
    for (size_t i = 0; i < item_count; i++) {
        ret_places[i] = OUTSIDE;
        if (items[i] >= mr_recommender_item_count(r))
            continue;
        if (marks[items[i]] == 0) {
            scratch->best[count++] = (mr_ranked){.index = items[i]};
            marks[items[i]] = count;
        }
        ret_places[i] = (uint16_t)(marks[items[i]] - 1);
    }
    for (uint32_t i = 0; i < count; i++)
        marks[scratch->best[i].index] = 0;
    return count;
}

/* From each once to the order given.  A place is never behind the first item that has it, so who goes
 * from the back overwrites nothing that is still needed. */
static void spread(const uint32_t *items, const uint16_t *places, size_t item_count,
                   mr_scored_item *ret_items)
{
    for (size_t i = item_count; i-- > 0;)
        ret_items[i] = places[i] != OUTSIDE ? ret_items[places[i]]
                                            : (mr_scored_item){.item = items[i],
                                                               .score = NAN,
                                                               .because = MR_ITEM_NONE,
                                                               .source = MR_SOURCE_NONE};
}

static void score_by_ranker(const mr_recommender *r, mr_recommender_scratch *scratch,
                            uint32_t count, mr_scored_item *ret_items)
{
    uint32_t items[MR_RECOMMEND_MAX];
    float scores[MR_RECOMMEND_MAX];
    for (uint32_t i = 0; i < count; i++)
        items[i] = scratch->best[i].index;
    mr_ranker_score(&scratch->members, &r->ranker, scratch->ranker, &scratch->query,
                    items, count, scores);
    for (uint32_t i = 0; i < count; i++)
        scratch->best[i].score = scores[i];
    explain_by_ranker(r, scratch, count, ret_items);
}

static void score_by_set(const mr_recommender *r, mr_recommender_scratch *scratch,
                         uint32_t count, mr_scored_item *ret_items)
{
    uint32_t items[MR_RECOMMEND_MAX];
    for (uint32_t i = 0; i < count; i++)
        items[i] = scratch->best[i].index;
    if (r->set.index != NULL) {
        mr_set_ask(&r->set, scratch->set, &scratch->query);
        mr_set_at(&r->set, scratch->set, items, count, scratch->blended);
    } else {
        mr_set_score(&r->set, scratch->set, &scratch->query, scratch->blended);
    }
    for (uint32_t i = 0; i < count; i++)
        scratch->best[i].score = scratch->blended[items[i]];
    mr_set_explain(&r->set, scratch->set, scratch->best, count, ret_items);
}

static void score_by_popularity(const mr_recommender *r,
                                const mr_recommender_scratch *scratch, uint32_t count,
                                mr_scored_item *ret_items)
{
    const float *popularity = r->popularity.data;
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (mr_scored_item){.item = scratch->best[i].index,
                                        .score = popularity[scratch->best[i].index],
                                        .because = MR_ITEM_NONE,
                                        .source = MR_SOURCE_POPULAR};
}

mr_status mr_recommender_rank(const mr_recommender *recommender,
                              mr_recommender_scratch *scratch,
                              const mr_model_history_item *history, size_t count,
                              const uint32_t *items, size_t item_count,
                              mr_scored_item *ret_items)
{
    uint16_t places[MR_RECOMMEND_MAX];
    if (item_count > MR_RECOMMEND_MAX)
        return MR_ERR_INVALID;
    take_history(recommender, scratch, history, count);
    const uint32_t inside = take_given(recommender, scratch, items, item_count, places);
    if (scratch->query.count == 0)
        score_by_popularity(recommender, scratch, inside, ret_items);
    else if (recommender->has_ranker)
        score_by_ranker(recommender, scratch, inside, ret_items);
    else
        score_by_set(recommender, scratch, inside, ret_items);
    spread(items, places, item_count, ret_items);
    return MR_OK;
}
