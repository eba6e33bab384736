#include "app/change_sweep.h"

#include "app/log_line.h"
#include "core/json.h"
#include "features/plan_layout.h"
#include "features/segments.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ALERT_ID_BYTES = 48, STAGE_BITS = 3, LEVEL_BITS = 3, FIELD_MASK = 7 };

/* The features whose changes are told. */
typedef struct watched {
    const mr_operation *lifecycle; /* NULL: the plan has none */
    const mr_operation *tiers[MR_CHANGE_TIERS_MAX];
    size_t tier_count;
} watched;

typedef struct change {
    uint32_t row;
    const char *kind;
    const char *feature;
    const char *now;
    const char *before;
    bool is_up; /* of a level */
    int64_t score;
} change;

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

/* ---- the alert ---- */

static void write_alert(const mr_owned_shard *owned, const change *c, const char *id,
                        mr_json_writer *writer)
{
    mr_user_state state;
    char time[MR_TIME_TEXT_BYTES];
    const bool is_level = strcmp(c->kind, "level") == 0;
    mr_shard_user_state(owned->shard, c->row, owned->epoch, &state);
    mr_time_to_text(owned->change_sweep.at_ms, time);
    mr_json_begin_object(writer);
    mr_json_member_string(writer, "alert_id", id);
    mr_json_member_string(writer, "kind", c->kind);
    mr_json_member_text(writer, "user_id", mr_shard_user_id(owned->shard, c->row));
    if (is_level)
        mr_json_member_string(writer, "feature", c->feature);
    mr_json_member_string(writer, is_level ? "level" : "stage", c->now);
    mr_json_member_string(writer, is_level ? "previous_level" : "previous_stage",
                          c->before);
    if (is_level) {
        mr_json_member_string(writer, "direction", c->is_up ? "up" : "down");
        mr_json_member_int(writer, "score", c->score);
    }
    mr_json_member_money(writer, "spend", state.spend_minor, MR_MINOR_DIGITS);
    mr_json_member_string(writer, "time", time);
    mr_json_end_object(writer);
}

/* The same change found again, by a restarted process, has the same id. */
static void write_id(const mr_owned_shard *owned, const change *c,
                     char ret_id[ALERT_ID_BYTES])
{
    const mr_hash128 user =
        mr_hash_user(&owned->engine->key, mr_shard_user_id(owned->shard, c->row));
    const uint64_t parts[5] = {user.high, user.low, (uint64_t)owned->change_sweep.day,
                               mr_hash_bytes(c->feature, strlen(c->feature)),
                               mr_hash_bytes(c->now, strlen(c->now))};
    (void)snprintf(ret_id, ALERT_ID_BYTES, "%s-%016" PRIx64, c->kind,
                   mr_hash_bytes(parts, sizeof(parts)));
}

static mr_status raise_alert(const mr_owned_shard *owned, const change *c)
{
    char id[ALERT_ID_BYTES];
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    write_id(owned, c, id);
    write_alert(owned, c, id, &writer);
    return mr_sweep_raise(owned->shard, id, &text);
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
    return raise_alert(owned, &(change){.row = row,
                                        .kind = "level",
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
    return raise_alert(
        owned, &(change){.row = row,
                         .kind = "lifecycle",
                         .feature = "lifecycle",
                         .now = mr_life_stage_name(stage),
                         .before = mr_life_stage_name((mr_life_stage)(before - 1))});
}

typedef struct sweeping {
    const mr_owned_shard *owned;
    watched watched;
} sweeping;

/* All alerts of a user or none: an outbox that fills up in between is met again at the same row,
 * and what was put twice has the same id. */
static mr_status sweep_row(void *context, uint32_t row)
{
    const sweeping *s = context;
    const mr_owned_shard *owned = s->owned;
    const watched *w = &s->watched;
    mr_shard *shard = owned->shard;
    if (mr_shard_is_anonymous(shard, row) || mr_shard_is_empty(shard, row) ||
        mr_segment_holds(shard, row, owned->change_sweep.at_ms,
                         mr_plan_bot_rule(owned->engine->plan), NULL))
        return MR_OK;
    const uint32_t told = mr_shard_told(shard, row);
    uint32_t now = FIELD_MASK;
    if (w->lifecycle != NULL)
        MR_TRY(look_at_stage(owned, row, w->lifecycle, told, &now));
    for (size_t i = 0; i < w->tier_count; i++) {
        uint32_t level;
        MR_TRY(look_at_level(owned, row, w->tiers[i], level_told(told, i), told == 0,
                             &level));
        now |= level << (STAGE_BITS + LEVEL_BITS * i);
    }
    if (now != told)
        mr_shard_set_told(shard, row, now);
    return MR_OK;
}

/* ---- the sweep ---- */

static bool begin_if_due(mr_owned_shard *owned)
{
    const int64_t newest_ms = mr_shard_newest_ms(owned->shard);
    if (!owned->is_at_end || newest_ms == MR_TIME_NONE)
        return false;
    const int64_t day = mr_zone_day(&owned->engine->plan->settings.zone, newest_ms);
    if (day == owned->change_sweep.day)
        return false;
    mr_sweep_begin(&owned->change_sweep, newest_ms, day);
    return true;
}

mr_status mr_change_sweep(mr_owned_shard *owned)
{
    if (!owned->change_sweep.is_under_way && !begin_if_due(owned))
        return MR_OK;
    sweeping s = {owned, watched_of(owned->engine->plan)};
    MR_TRY(mr_sweep_slice(&owned->change_sweep, owned->shard, sweep_row, &s));
    if (!owned->change_sweep.is_under_way)
        mr_log_info("event=change_sweep partition=%" PRIu32 " users=%" PRIu32
                    " alerts_waiting=%zu",
                    owned->partition, mr_shard_user_count(owned->shard),
                    mr_shard_outbox_count(owned->shard));
    return MR_OK;
}
