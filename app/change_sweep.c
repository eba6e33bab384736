#include "app/change_sweep.h"

#include "app/change_alert.h"
#include "app/log_line.h"
#include "app/segment_changes.h"
#include "features/plan_layout.h"

#include <inttypes.h>

enum { STAGE_BITS = 3, LEVEL_BITS = 3, FIELD_MASK = 7 };

/* The features whose changes are told. */
typedef struct watched {
    const mr_operation *lifecycle; /* NULL: the plan has none */
    const mr_operation *tiers[MR_CHANGE_TIERS_MAX];
    size_t tier_count;
} watched;

static watched watched_of(const mr_plan *plan)
{
    watched w = {.lifecycle = mr_plan_operation_named(plan, "lifecycle")};
    for (size_t i = 0; i < plan->operation_count && w.tier_count < MR_CHANGE_TIERS_MAX;
         i++) {
        if (plan->operations[i].spec.aggregate == MR_AGGREGATE_TIER)
            w.tiers[w.tier_count++] = &plan->operations[i];
    }
    return w;
}

static uint32_t level_told(uint32_t told, size_t tier)
{
    return (told >> (STAGE_BITS + LEVEL_BITS * tier)) & FIELD_MASK;
}

/* ---- what has changed ---- */

static bool is_told_of(mr_life_stage stage)
{
    return stage == MR_LIFE_DORMANT || stage == MR_LIFE_LOST || stage == MR_LIFE_RETURNED;
}

static int64_t read_number(const mr_owned_shard *owned, uint32_t row,
                           const mr_operation *operation)
{
    return mr_shard_feature_number(owned->shard, row, operation,
                                   owned->change_sweep.at_ms, 0);
}

/* The level to hold, given the one held: up at once, down only with a margin. */
static uint32_t next_level(const mr_tier_spec *tier, uint32_t level, uint32_t held,
                           int64_t score)
{
    if (level >= held)
        return level;
    const int64_t from = tier->levels[held].from;
    const int64_t margin = (from < 0 ? -from : from) * MR_CHANGE_MARGIN_PERCENT / 100;
    return score < from - margin ? level : held;
}

static mr_status look_at_level(const mr_owned_shard *owned, uint32_t row,
                               const mr_operation *tier, uint32_t before, bool is_first,
                               uint32_t *ret_level)
{
    const mr_tier_spec *spec = tier->spec.tier;
    const int64_t score = read_number(owned, row, tier->source);
    const uint32_t level = (uint32_t)read_number(owned, row, tier) & FIELD_MASK;
    *ret_level = is_first ? level : next_level(spec, level, before, score);
    if (is_first || *ret_level == before)
        return MR_OK;
    return mr_change_raise(owned, &(mr_change){.of = MR_CHANGE_LEVEL,
                                               .row = row,
                                               .feature = tier->feature.name,
                                               .now = spec->levels[*ret_level].name,
                                               .before = spec->levels[before].name,
                                               .is_up = *ret_level > before,
                                               .score = score});
}

static mr_status look_at_stage(const mr_owned_shard *owned, uint32_t row,
                               const mr_operation *lifecycle, uint32_t told,
                               uint32_t *ret_field)
{
    const uint32_t before = told & FIELD_MASK;
    const mr_life_stage stage = (mr_life_stage)read_number(owned, row, lifecycle);
    *ret_field = (uint32_t)stage + 1;
    if (told == 0 || before == *ret_field || !is_told_of(stage))
        return MR_OK;
    return mr_change_raise(
        owned, &(mr_change){.of = MR_CHANGE_STAGE,
                            .row = row,
                            .feature = "lifecycle",
                            .now = mr_life_stage_name(stage),
                            .before = mr_life_stage_name((mr_life_stage)(before - 1))});
}

/* ---- segments ---- */

static mr_status tell_rule(const mr_owned_shard *owned, uint32_t row, size_t index,
                           bool has_entered)
{
    const mr_segment *segment = mr_plan_segment(owned->engine->plan, index);
    return mr_change_raise(owned, &(mr_change){.of = MR_CHANGE_SEGMENT,
                                               .row = row,
                                               .feature = segment->name,
                                               .now = has_entered ? "entered" : "left",
                                               .uses_scores = segment->uses_scores});
}

static mr_status tell_rfm(const mr_owned_shard *owned, uint32_t row,
                          const mr_segment_changes *changes)
{
    return mr_change_raise(
        owned, &(mr_change){.of = MR_CHANGE_RFM,
                            .row = row,
                            .feature = "rfm",
                            .now = mr_rfm_segment_name(changes->rfm - 1),
                            .before = changes->previous_rfm > 0
                                          ? mr_rfm_segment_name(changes->previous_rfm - 1)
                                          : NULL,
                            .uses_scores = true});
}

static mr_status look_at_segments(const mr_owned_shard *owned, uint32_t row,
                                  uint64_t *ret_told)
{
    const mr_plan *plan = owned->engine->plan;
    mr_segment_changes changes;
    mr_segment_changes_of(owned->shard, plan, row, owned->change_sweep.at_ms,
                          &owned->thresholds.quintiles, &changes);
    *ret_told = changes.told;
    for (size_t i = 0; i < mr_plan_segment_count(plan); i++) {
        if (((changes.entered | changes.left) >> i & 1) != 0)
            MR_TRY(tell_rule(owned, row, i, (changes.entered >> i & 1) != 0));
    }
    return changes.rfm > 0 ? tell_rfm(owned, row, &changes) : MR_OK;
}

/* ---- a user ---- */

typedef struct sweeping {
    mr_owned_shard *owned;
    watched watched;
} sweeping;

/* All alerts of a user or none: an outbox that fills up in between is met again at the same row,
 * and what was put twice has the same id. */
static mr_status tell(const sweeping *s, uint32_t row)
{
    const mr_owned_shard *owned = s->owned;
    const watched *w = &s->watched;
    const uint32_t told = mr_shard_told(owned->shard, row);
    uint32_t now = FIELD_MASK;
    uint64_t segments;
    if (w->lifecycle != NULL)
        MR_TRY(look_at_stage(owned, row, w->lifecycle, told, &now));
    for (size_t i = 0; i < w->tier_count; i++) {
        uint32_t level;
        MR_TRY(look_at_level(owned, row, w->tiers[i], level_told(told, i), told == 0,
                             &level));
        now |= level << (STAGE_BITS + LEVEL_BITS * i);
    }
    MR_TRY(look_at_segments(owned, row, &segments));
    if (now != told)
        mr_shard_set_told(owned->shard, row, now);
    if (segments != mr_shard_told_segments(owned->shard, row))
        mr_shard_set_told_segments(owned->shard, row, segments);
    return MR_OK;
}

static mr_status sweep_row(void *context, uint32_t row)
{
    const sweeping *s = context;
    mr_owned_shard *owned = s->owned;
    mr_rfm_sample *sample = &owned->rfm_sample;
    const size_t before = sample->count;
    int64_t values[MR_RFM_VALUES];
    if (!mr_segments_are_for(owned->shard, row, owned->change_sweep.at_ms))
        return MR_OK;
    if (mr_rfm_values_of(owned->shard, row, owned->change_sweep.at_ms, values))
        MR_TRY(mr_rfm_sample_add(sample, values));
    const mr_status status = tell(s, row);
    if (status != MR_OK)
        sample->count = before; /* the row is looked at again */
    return status;
}

/* ---- the sweep ---- */

/* A day that was looked at without thresholds is looked at again with the first ones. */
static bool is_due(const mr_owned_shard *owned, int64_t newest_ms)
{
    mr_quintile_reading thresholds;
    if (!owned->is_at_end || newest_ms == MR_TIME_NONE)
        return false;
    if (mr_zone_day(&owned->engine->plan->settings.zone, newest_ms) !=
        owned->change_sweep.day)
        return true;
    return owned->thresholds.quintiles.customers == 0 &&
           mr_quintile_board_read(owned->engine->quintiles, &thresholds);
}

static void begin(mr_owned_shard *owned, int64_t newest_ms)
{
    const int64_t day = mr_zone_day(&owned->engine->plan->settings.zone, newest_ms);
    mr_sweep_begin(&owned->change_sweep, newest_ms, day);
    owned->rfm_sample.count = 0;
    (void)mr_quintile_board_read(owned->engine->quintiles, &owned->thresholds);
}

static void end(mr_owned_shard *owned)
{
    mr_quintile_board_put(owned->engine->quintiles, owned->partition, &owned->rfm_sample,
                          owned->change_sweep.at_ms);
    if (owned->thresholds.quintiles.customers > 0)
        mr_shard_set_told_by(owned->shard, &owned->thresholds.quintiles);
    mr_log_info("event=change_sweep partition=%" PRIu32 " users=%" PRIu32
                " alerts_waiting=%zu thresholds_of=%" PRIu32,
                owned->partition, mr_shard_user_count(owned->shard),
                mr_shard_outbox_count(owned->shard), owned->thresholds.partitions);
}

mr_status mr_change_sweep(mr_owned_shard *owned)
{
    const int64_t newest_ms = mr_shard_newest_ms(owned->shard);
    if (!owned->change_sweep.is_under_way) {
        if (!is_due(owned, newest_ms))
            return MR_OK;
        begin(owned, newest_ms);
    }
    sweeping s = {owned, watched_of(owned->engine->plan)};
    MR_TRY(mr_sweep_slice(&owned->change_sweep, owned->shard, sweep_row, &s));
    if (!owned->change_sweep.is_under_way)
        end(owned);
    return MR_OK;
}

bool mr_change_sweep_is_settled(const mr_owned_shard *owned)
{
    return !owned->change_sweep.is_under_way &&
           mr_quintile_board_is_settled(owned->engine->quintiles) &&
           !is_due(owned, mr_shard_newest_ms(owned->shard));
}

void mr_change_sweep_restart(mr_owned_shard *owned)
{
    mr_rfm_sample_deinit(&owned->rfm_sample);
    owned->thresholds = (mr_quintile_reading){.partitions = 0};
    owned->change_sweep = (mr_sweep){.day = INT64_MIN};
}
