#include "app/churn_sweep.h"

#include "app/log_line.h"
#include "app/profile_json.h"
#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { VECTOR_WIDTH_MAX = 64, REASONS = 3, PHRASE_BYTES = 160, ALERT_ID_BYTES = 48 };
#define DAY_MS INT64_C(86400000)

static bool is_due(const mr_owned_shard *owned, const char *version)
{
    const int64_t newest_ms = mr_shard_newest_ms(owned->shard);
    if (!owned->is_at_end || newest_ms == MR_TIME_NONE)
        return false;
    return mr_time_day(newest_ms) != owned->churn_sweep.day ||
           strcmp(version, owned->swept_version) != 0;
}

static void begin(mr_owned_shard *owned, const char *version)
{
    const int64_t newest_ms = mr_shard_newest_ms(owned->shard);
    mr_sweep_begin(&owned->churn_sweep, newest_ms, mr_time_day(newest_ms));
    (void)snprintf(owned->swept_version, sizeof(owned->swept_version), "%s", version);
}

/* The tier for a probability, given the one held: up at once, down only with a margin. */
static uint8_t next_tier(const mr_churn_model *churn, float probability, uint8_t held)
{
    const uint8_t tier = mr_churn_model_tier(churn, probability);
    if (tier >= held)
        return tier;
    const double margin = MR_CHURN_HYSTERESIS_PERMILLE / 1000.0;
    return (double)probability < mr_churn_model_tier_begins(churn, held) - margin ? tier
                                                                                  : held;
}

/* "no purchase for {} days" with the value in the plan's decimals. */
static void put_reason(mr_json_writer *writer, const mr_plan *plan,
                       const mr_churn_reason *reason)
{
    const size_t index = reason->feature;
    const mr_vector_column *column = mr_plan_vector_column(plan, index);
    char value[32];
    char text[PHRASE_BYTES];
    (void)snprintf(value, sizeof(value), "%.*f", column->decimals, (double)reason->value);
    const char *hole = strstr(reason->phrase, "{}");
    if (hole == NULL)
        (void)snprintf(text, sizeof(text), "%s", reason->phrase);
    else
        (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(hole - reason->phrase),
                       reason->phrase, value, hole + 2);
    mr_json_begin_object(writer);
    mr_json_member_string(writer, "feature", column->name);
    mr_json_member_string(writer, "text", text);
    mr_json_key(writer, "value");
    mr_json_put_fixed(writer, (double)reason->value, column->decimals);
    mr_json_key(writer, "log_odds");
    mr_json_put_fixed(writer, (double)reason->contribution, 3);
    mr_json_end_object(writer);
}

typedef struct alert {
    uint32_t row;
    uint8_t tier;
    uint8_t previous_tier;
    float probability;
    const float *vector;
} alert;

/* Spending of the last stretch as long as the window, times the risk of losing it. */
static int64_t value_at_risk_minor(const mr_owned_shard *owned, const alert *a,
                                   uint32_t window_days)
{
    mr_user_state state;
    mr_shard_user_state(owned->shard, a->row, owned->epoch, &state);
    const int64_t lifetime_ms = owned->churn_sweep.at_ms - state.first_ms;
    const double days = lifetime_ms > (int64_t)window_days * DAY_MS
                            ? (double)lifetime_ms / (double)DAY_MS
                            : (double)window_days;
    const double expected = (double)state.spend_minor * (double)window_days / days;
    return expected > 0.0 ? (int64_t)(expected * (double)a->probability) : 0;
}

static void write_alert(const mr_owned_shard *owned, const mr_model_slot *slot,
                        const alert *a, const char *id, mr_json_writer *writer)
{
    const mr_churn_model *churn = mr_model_slot_churn(slot);
    const uint32_t window_days = mr_churn_model_label_window_days(churn);
    char time[MR_TIME_TEXT_BYTES];
    mr_time_to_text(owned->churn_sweep.at_ms, time);
    mr_json_begin_object(writer);
    mr_json_member_string(writer, "alert_id", id);
    mr_json_member_string(writer, "kind", "churn");
    mr_json_member_text(writer, "user_id", mr_shard_user_id(owned->shard, a->row));
    /* To have left all tiers is a piece of news with a name of its own. */
    mr_json_member_string(writer, "tier",
                          a->tier == 0 ? "recovered" : mr_churn_tier_name(a->tier));
    mr_json_member_string(writer, "previous_tier", mr_churn_tier_name(a->previous_tier));
    mr_json_key(writer, "probability");
    mr_json_put_fixed(writer, (double)a->probability, 3);
    mr_json_member_uint(writer, "horizon_days", window_days);
    mr_json_member_money(writer, "value_at_risk",
                         value_at_risk_minor(owned, a, window_days), MR_MINOR_DIGITS);
    mr_json_key(writer, "reasons");
    mr_json_begin_array(writer);
    mr_churn_reason reasons[MR_CHURN_REASONS_MAX];
    const uint32_t count = mr_churn_model_explain(
        churn, a->vector, mr_model_slot_churn_phrases(slot), REASONS, reasons);
    for (uint32_t i = 0; i < count; i++)
        put_reason(writer, owned->engine->plan, &reasons[i]);
    mr_json_end_array(writer);
    mr_json_member_string(writer, "time", time);
    mr_json_member_string(writer, "model_version",
                          mr_recommender_version(mr_model_slot_recommender(slot)));
    mr_json_end_object(writer);
}

/* The same change found again, by a restarted process, has the same id. */
static void alert_id(const mr_owned_shard *owned, const alert *a,
                     char ret_id[ALERT_ID_BYTES])
{
    const mr_hash128 user =
        mr_hash_user(&owned->engine->key, mr_shard_user_id(owned->shard, a->row));
    const uint64_t parts[3] = {user.high, user.low,
                               (uint64_t)owned->churn_sweep.day * 16 + a->tier};
    (void)snprintf(ret_id, ALERT_ID_BYTES, "churn-%016" PRIx64,
                   mr_hash_bytes(parts, sizeof(parts)));
}

static mr_status raise_alert(mr_owned_shard *owned, const mr_model_slot *slot,
                             const alert *a)
{
    char id[ALERT_ID_BYTES];
    alert_id(owned, a, id);
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    write_alert(owned, slot, a, id, &writer);
    return mr_sweep_raise(owned->shard, id, &text);
}

/* Whom the model speaks of: known customers who have bought, and not already long gone. */
static bool is_customer(const mr_owned_shard *owned, uint32_t row, size_t recency_column,
                        const float *vector, uint32_t window_days)
{
    if (mr_shard_is_anonymous(owned->shard, row))
        return false;
    mr_user_state state;
    mr_shard_user_state(owned->shard, row, owned->epoch, &state);
    return state.purchases > 0 && (recency_column == SIZE_MAX ||
                                   vector[recency_column] <= 2.0F * (float)window_days);
}

typedef struct sweeping {
    mr_owned_shard *owned;
    const mr_model_slot *slot;
    size_t recency_column;
} sweeping;

static mr_status sweep_row(void *context, uint32_t row)
{
    const sweeping *s = context;
    mr_owned_shard *owned = s->owned;
    const mr_model_slot *slot = s->slot;
    const mr_churn_model *churn = mr_model_slot_churn(slot);
    float vector[VECTOR_WIDTH_MAX];
    if (mr_shard_is_empty(owned->shard, row))
        return MR_OK;
    mr_shard_vector(owned->shard, row, owned->churn_sweep.at_ms, vector);
    if (!is_customer(owned, row, s->recency_column, vector,
                     mr_churn_model_label_window_days(churn)))
        return MR_OK;
    float probability;
    mr_churn_model_score(churn, vector, 1, &probability);
    mr_churn_mark mark = mr_shard_churn(owned->shard, row);
    const uint8_t tier = next_tier(churn, probability, mark.tier);
    if (tier != mark.tier) {
        const alert a = {row, tier, mark.tier, probability, vector};
        MR_TRY(raise_alert(owned, slot, &a));
        mark.since_ms = owned->churn_sweep.at_ms;
    }
    mark.tier = tier;
    mark.permille = (uint16_t)(probability * 1000.0F + 0.5F);
    mr_shard_set_churn(owned->shard, row, mark);
    return MR_OK;
}

mr_status mr_churn_sweep(mr_owned_shard *owned, const mr_model_slot *slot)
{
    const mr_churn_model *churn = mr_model_slot_churn(slot);
    if (churn == NULL || mr_plan_vector_width(owned->engine->plan) > VECTOR_WIDTH_MAX)
        return MR_OK;
    const char *version = mr_recommender_version(mr_model_slot_recommender(slot));
    if (!owned->churn_sweep.is_under_way && !is_due(owned, version))
        return MR_OK;
    if (!owned->churn_sweep.is_under_way)
        begin(owned, version);
    sweeping s = {owned, slot, mr_plan_vector_find(owned->engine->plan, "recency_days")};
    MR_TRY(mr_sweep_slice(&owned->churn_sweep, owned->shard, sweep_row, &s));
    if (!owned->churn_sweep.is_under_way)
        mr_log_info("event=churn_sweep partition=%" PRIu32 " users=%" PRIu32
                    " alerts_waiting=%zu model=%s",
                    owned->partition, mr_shard_user_count(owned->shard),
                    mr_shard_outbox_count(owned->shard), version);
    return MR_OK;
}
