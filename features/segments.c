#include "features/segments.h"

#include "core/assert.h"
#include "features/shard_private.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    const char *meaning;
    const char *where;
} defaults[] = {
    {"vip", "Members from gold on.", "member_level >= gold"},
    {"win_back", "Bought twice or more, and silent now.",
     "orders >= 2 and lifecycle >= dormant"},
    {"big_spenders_at_risk", "The best fifth by spending, not seen for long.",
     "rfm.m = 5 and rfm.r <= 2"},
    {"one_time_buyers", "One order, more than 30 days ago.",
     "orders = 1 and now - last_purchase > 30"},
    {"window_shoppers", "Many views, no order.", "views_7d >= 20 and orders = 0"},
    {"ready_to_buy",
     "Put something into the cart within a week, and bought nothing in it.",
     "carts_7d > 0 and now - coalesce(last_purchase, 0) > 7"},
};

size_t mr_plan_segment_count(const mr_plan *plan)
{
    return plan->segment_count;
}

const mr_segment *mr_plan_segment(const mr_plan *plan, size_t index)
{
    MR_ASSERT(index < plan->segment_count);
    return &plan->segments[index];
}

uint64_t mr_plan_segments_hash(const mr_plan *plan)
{
    uint64_t hash = plan->segment_count;
    for (size_t i = 0; i < plan->segment_count; i++) {
        const mr_segment *segment = &plan->segments[i];
        const mr_text where = mr_expression_text(segment->where);
        const uint64_t parts[3] = {hash,
                                   mr_hash_bytes(segment->name, strlen(segment->name)),
                                   mr_hash_bytes(where.bytes, where.length)};
        hash = mr_hash_bytes(parts, sizeof(parts));
    }
    return hash;
}

const mr_expression *mr_plan_bot_rule(const mr_plan *plan)
{
    return plan->bot_rule;
}

static bool resolve(void *context, mr_text name, uint32_t *ret_number)
{
    static const char *const scores[MR_RFM_VALUES] = {"rfm.r", "rfm.f", "rfm.m"};
    for (uint32_t i = 0; i < MR_RFM_VALUES; i++) {
        *ret_number = MR_PLAN_RFM_SCORE + i;
        if (mr_text_is(name, scores[i]))
            return true;
    }
    return mr_plan_resolve(context, name, ret_number, NULL);
}

static bool uses_scores(const mr_expression *rule)
{
    const uint32_t *numbers;
    const size_t count = mr_expression_names(rule, &numbers);
    bool uses = false;
    for (size_t i = 0; i < count; i++)
        uses |= numbers[i] >= MR_PLAN_RFM_SCORE &&
                numbers[i] < MR_PLAN_RFM_SCORE + MR_RFM_VALUES;
    return uses;
}

mr_status mr_plan_add_segment(mr_plan *plan, const char *name, const char *meaning,
                              mr_text where, mr_error *ret_error)
{
    mr_segment *segment = &plan->segments[plan->segment_count];
    if (plan->segment_count == MR_SEGMENTS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID, "at most %d segments",
                            MR_SEGMENTS_MAX);
    for (size_t i = 0; i < plan->segment_count; i++) {
        if (strcmp(plan->segments[i].name, name) == 0)
            return mr_error_set(ret_error, MR_ERR_INVALID, "%s is there twice", name);
    }
    MR_TRY(mr_expression_parse(where, resolve, plan, &segment->where, ret_error));
    segment->name = name;
    segment->meaning = meaning;
    segment->uses_scores = uses_scores(segment->where);
    plan->segment_count++;
    return MR_OK;
}

mr_status mr_plan_set_bot_rule(mr_plan *plan, mr_text rule, mr_error *ret_error)
{
    MR_ASSERT(plan->bot_rule == NULL);
    return mr_expression_parse(rule, resolve, plan, &plan->bot_rule, ret_error);
}

/* A rule whose features the plan lacks is left out. */
mr_status mr_plan_add_default_segments(mr_plan *plan)
{
    for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        const mr_status status =
            mr_plan_add_segment(plan, defaults[i].name, defaults[i].meaning,
                                mr_text_from(defaults[i].where), NULL);
        if (status == MR_ERR_NO_MEMORY)
            return status;
    }
    return MR_OK;
}

mr_status mr_plan_set_default_bot_rule(mr_plan *plan)
{
    const mr_status status =
        mr_plan_set_bot_rule(plan, MR_TEXT("views_7d >= 2000 and purchases = 0"), NULL);
    return status == MR_ERR_INVALID ? MR_OK : status;
}

bool mr_segment_holds(const mr_shard *shard, uint32_t row, int64_t at_ms,
                      const mr_expression *rule, const int scores[MR_RFM_VALUES])
{
    if (rule == NULL)
        return false;
    const double value = mr_profile_evaluate(
        shard->plan, &shard->pool, mr_shard_row(shard, row), at_ms, rule, scores);
    return !isnan(value) && value != 0.0;
}

bool mr_rfm_values_of(const mr_shard *shard, uint32_t row, int64_t at_ms,
                      int64_t ret_values[MR_RFM_VALUES])
{
    const mr_plan *plan = shard->plan;
    const mr_row parts = mr_shard_row(shard, row);
    const int64_t last = *mr_row_number(parts, plan->last_purchase->number_offset);
    const int64_t age_ms = at_ms - (last - 1);
    ret_values[MR_RFM_RECENCY] = age_ms > 0 ? age_ms / MR_DAY_MS : 0;
    ret_values[MR_RFM_FREQUENCY] = *mr_row_count(parts, plan->orders->number_offset);
    ret_values[MR_RFM_MONETARY] = *mr_row_number(parts, plan->spend->number_offset);
    return last != 0;
}

bool mr_segments_are_for(const mr_shard *shard, uint32_t row, int64_t at_ms)
{
    return !mr_shard_is_anonymous(shard, row) && !mr_shard_is_empty(shard, row) &&
           !mr_segment_holds(shard, row, at_ms, shard->plan->bot_rule, NULL);
}

bool mr_rfm_scores_of(const mr_shard *shard, uint32_t row, int64_t at_ms,
                      const mr_quintiles *quintiles, int ret_scores[MR_RFM_VALUES])
{
    int64_t values[MR_RFM_VALUES];
    return mr_rfm_values_of(shard, row, at_ms, values) &&
           mr_quintiles_score(quintiles, values, ret_scores);
}

void mr_standing_of(const mr_shard *shard, uint32_t row, int64_t at_ms,
                    const mr_quintiles *quintiles, mr_standing *ret_standing)
{
    const mr_plan *plan = shard->plan;
    mr_standing standing = {.rules = 0};
    standing.has_scores = mr_rfm_scores_of(shard, row, at_ms, quintiles, standing.scores);
    if (standing.has_scores)
        standing.rfm =
            1 + (uint32_t)mr_rfm_segment_index(standing.scores[MR_RFM_RECENCY],
                                               standing.scores[MR_RFM_FREQUENCY]);
    for (size_t i = 0; i < plan->segment_count; i++) {
        if (mr_segment_holds(shard, row, at_ms, plan->segments[i].where,
                             standing.has_scores ? standing.scores : NULL))
            standing.rules |= UINT64_C(1) << i;
    }
    *ret_standing = standing;
}
