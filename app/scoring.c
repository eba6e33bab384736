#include "app/scoring.h"

#include "app/training_set.h"

#include <stdio.h>
#include <string.h>

void mr_scoring_deinit(mr_scoring *scoring)
{
    mr_recommender_scratch_destroy(scoring->scratch);
    *scoring = (mr_scoring){0};
}

/* A new model may be mapped where the old one was, so the version is compared as well. */
static mr_status scratch_for(mr_scoring *scoring, const mr_recommender *recommender)
{
    const char *version = mr_recommender_version(recommender);
    if (scoring->recommender == recommender && strcmp(scoring->version, version) == 0)
        return MR_OK;
    mr_scoring_deinit(scoring);
    MR_TRY(mr_recommender_scratch_create(recommender, &scoring->scratch));
    scoring->recommender = recommender;
    (void)snprintf(scoring->version, sizeof(scoring->version), "%s", version);
    return MR_OK;
}

static size_t history_of(const mr_recommender *recommender, const mr_user_state *state,
                         const uint32_t *context, size_t context_count, uint32_t now_s,
                         mr_model_history_item *history)
{
    size_t count = 0;
    for (size_t i = 0; i < context_count && count < MR_RECOMMEND_HISTORY_MAX; i++)
        history[count++] = (mr_model_history_item){
            context[i], mr_training_weight(MR_EVENT_VIEW, 1), now_s};
    for (size_t i = 0; state != NULL && i < state->item_count; i++) {
        if (count == MR_RECOMMEND_HISTORY_MAX)
            break;
        const mr_recent_item *recent = &state->items[i];
        const uint32_t item = mr_recommender_find_item(recommender, recent->item_id);
        const float weight = mr_training_weight(recent->type, recent->weight);
        if (item != MR_ITEM_NONE && weight > 0.0F)
            history[count++] = (mr_model_history_item){item, weight, recent->time_s};
    }
    return count;
}

mr_status mr_scoring_score(mr_scoring *scoring, const mr_model_slot *slot,
                           const mr_user_state *state, const uint32_t *context,
                           size_t context_count, int64_t now_ms, size_t k,
                           mr_scored_item *ret_items, size_t *ret_count)
{
    const mr_recommender *recommender = mr_model_slot_recommender(slot);
    MR_TRY(scratch_for(scoring, recommender));
    mr_model_history_item history[MR_RECOMMEND_HISTORY_MAX];
    const uint32_t now_s = now_ms > 0 ? (uint32_t)(now_ms / 1000) : 0;
    const size_t count =
        history_of(recommender, state, context, context_count, now_s, history);
    const mr_recommend_options options = {.k = (uint32_t)k};
    return mr_recommender_score(recommender, scoring->scratch, history, count, &options,
                                ret_items, ret_count);
}

mr_status mr_scoring_rank(mr_scoring *scoring, const mr_model_slot *slot,
                          const mr_user_state *state, const uint32_t *context,
                          size_t context_count, int64_t now_ms, const uint32_t *items,
                          size_t item_count, mr_scored_item *ret_items)
{
    const mr_recommender *recommender = mr_model_slot_recommender(slot);
    MR_TRY(scratch_for(scoring, recommender));
    mr_model_history_item history[MR_RECOMMEND_HISTORY_MAX];
    const uint32_t now_s = now_ms > 0 ? (uint32_t)(now_ms / 1000) : 0;
    const size_t count =
        history_of(recommender, state, context, context_count, now_s, history);
    return mr_recommender_rank(recommender, scoring->scratch, history, count, items,
                               item_count, ret_items);
}

mr_status mr_scoring_similar(mr_scoring *scoring, const mr_model_slot *slot,
                             uint32_t item, size_t k, mr_scored_item *ret_items,
                             size_t *ret_count)
{
    const mr_recommender *recommender = mr_model_slot_recommender(slot);
    MR_TRY(scratch_for(scoring, recommender));
    return mr_recommender_similar(recommender, scoring->scratch, item, (uint32_t)k,
                                  ret_items, ret_count);
}

mr_status mr_scoring_bought_together(mr_scoring *scoring, const mr_model_slot *slot,
                                     uint32_t item, size_t k, mr_scored_item *ret_items,
                                     size_t *ret_count)
{
    const mr_recommender *recommender = mr_model_slot_recommender(slot);
    MR_TRY(scratch_for(scoring, recommender));
    return mr_recommender_bought_together(recommender, scoring->scratch, item,
                                          (uint32_t)k, ret_items, ret_count);
}
