#include "app/profile_json.h"

#include "core/event.h"
#include "features/segments.h"

#include <stdio.h>

enum { DATE_BYTES = 10 };

const char *mr_churn_tier_name(uint8_t tier)
{
    static const char *const names[] = {"none", "watch", "at-risk", "critical"};
    return tier < sizeof(names) / sizeof(names[0]) ? names[tier] : NULL;
}

static void put_time(mr_json_writer *writer, int64_t time_ms)
{
    char text[MR_TIME_TEXT_BYTES];
    mr_time_to_text(time_ms, text);
    mr_json_put_string(writer, text);
}

static void put_day(mr_json_writer *writer, int64_t day)
{
    char text[MR_TIME_TEXT_BYTES];
    mr_time_to_text(day * INT64_C(86400000), text);
    mr_json_put_text(writer, (mr_text){text, DATE_BYTES});
}

static void put_value(mr_json_writer *writer, const mr_value *value)
{
    switch (value->type) {
    case MR_VALUE_COUNT:
    case MR_VALUE_DAYS: mr_json_put_int(writer, value->number); break;
    case MR_VALUE_MONEY: mr_json_put_money(writer, value->number, MR_MINOR_DIGITS); break;
    case MR_VALUE_MILLIONTHS:
        mr_json_put_double(writer, (double)value->number / 1e6);
        break;
    case MR_VALUE_HUNDREDTHS: mr_json_put_money(writer, value->number, 2); break;
    case MR_VALUE_TIME: put_time(writer, value->number); break;
    case MR_VALUE_DAY: put_day(writer, value->number); break;
    case MR_VALUE_EVENT:
    case MR_VALUE_WORD:
    case MR_VALUE_ITEM: mr_json_put_text(writer, value->text); break;
    }
}

static void put_row(mr_json_writer *writer, const mr_feature *feature,
                    const mr_value *values)
{
    if (feature->column_count == 1) {
        put_value(writer, values);
        return;
    }
    mr_json_begin_object(writer);
    for (size_t c = 0; c < feature->column_count; c++) {
        mr_json_key(writer, feature->columns[c].name);
        put_value(writer, &values[c]);
    }
    mr_json_end_object(writer);
}

static void put_feature(void *context, const mr_feature *feature, const mr_value *values,
                        size_t row_count)
{
    mr_json_writer *writer = context;
    mr_json_key(writer, feature->name);
    if (!feature->is_list) {
        if (row_count > 0)
            put_row(writer, feature, values);
        else
            mr_json_put_null(writer); /* it never happened */
        return;
    }
    mr_json_begin_array(writer);
    for (size_t r = 0; r < row_count; r++)
        put_row(writer, feature, values + r * feature->column_count);
    mr_json_end_array(writer);
}

static void put_churn(mr_json_writer *writer, mr_churn_mark mark)
{
    mr_json_key(writer, "churn");
    if (mark.permille == UINT16_MAX) {
        mr_json_put_null(writer);
        return;
    }
    mr_json_begin_object(writer);
    mr_json_key(writer, "probability");
    mr_json_put_fixed(writer, mark.permille / 1000.0, 3);
    mr_json_key(writer, "tier");
    mr_json_put_string(writer, mr_churn_tier_name(mark.tier));
    mr_json_key(writer, "since");
    if (mark.tier == 0)
        mr_json_put_null(writer);
    else
        put_time(writer, mark.since_ms);
    mr_json_end_object(writer);
}

static void put_summary_churn(mr_json_writer *writer, const mr_user_state *state)
{
    mr_json_key(writer, "churn");
    if (state->churn_permille == UINT16_MAX) {
        mr_json_put_null(writer);
        return;
    }
    mr_json_begin_object(writer);
    mr_json_key(writer, "probability");
    mr_json_put_fixed(writer, state->churn_permille / 1000.0, 3);
    mr_json_key(writer, "tier");
    mr_json_put_string(writer, mr_churn_tier_name(state->churn_tier));
    mr_json_end_object(writer);
}

static void put_scores(mr_json_writer *writer, const mr_standing *standing)
{
    mr_json_key(writer, "rfm_scores");
    if (!standing->has_scores) {
        mr_json_put_null(writer);
        mr_json_key(writer, "rfm_segment");
        mr_json_put_null(writer);
        return;
    }
    mr_json_begin_object(writer);
    mr_json_member_int(writer, "r", standing->scores[MR_RFM_RECENCY]);
    mr_json_member_int(writer, "f", standing->scores[MR_RFM_FREQUENCY]);
    mr_json_member_int(writer, "m", standing->scores[MR_RFM_MONETARY]);
    mr_json_end_object(writer);
    mr_json_member_string(writer, "rfm_segment", mr_rfm_segment_name(standing->rfm - 1));
}

/* Without thresholds nothing is known of any of it; strangers and bots are in no segment. */
static void put_segments(mr_json_writer *writer, const mr_shard *shard, uint32_t row,
                         int64_t at_ms, const mr_quintiles *quintiles)
{
    const mr_plan *plan = mr_shard_plan(shard);
    const bool is_known = quintiles->customers > 0;
    mr_standing standing = {.rules = 0};
    if (is_known && mr_segments_are_for(shard, row, at_ms))
        mr_standing_of(shard, row, at_ms, quintiles, &standing);
    put_scores(writer, &standing);
    mr_json_key(writer, "segments");
    if (!is_known) {
        mr_json_put_null(writer);
        mr_json_key(writer, "thresholds_as_of");
        mr_json_put_null(writer);
        return;
    }
    mr_json_begin_array(writer);
    for (size_t i = 0; i < mr_plan_segment_count(plan); i++)
        if ((standing.rules >> i & 1) != 0)
            mr_json_put_string(writer, mr_plan_segment(plan, i)->name);
    mr_json_end_array(writer);
    mr_json_key(writer, "thresholds_as_of");
    put_time(writer, quintiles->at_ms);
}

static void put_recent(mr_json_writer *writer, const mr_recent_item *item)
{
    mr_json_begin_object(writer);
    mr_json_key(writer, "time");
    put_time(writer, (int64_t)item->time_s * 1000);
    mr_json_key(writer, "item");
    mr_json_put_text(writer, item->item_id);
    mr_json_key(writer, "type");
    mr_json_put_string(writer, mr_event_type_name((mr_event_type)item->type));
    mr_json_key(writer, "weight");
    mr_json_put_uint(writer, item->weight);
    mr_json_end_object(writer);
}

static void put_summary_features(mr_json_writer *writer, const mr_user_state *state)
{
    mr_json_key(writer, "events");
    mr_json_put_uint(writer, state->events);
    mr_json_key(writer, "first_seen");
    put_time(writer, state->first_ms);
    mr_json_key(writer, "last_seen");
    put_time(writer, state->as_of_ms);
    mr_json_key(writer, "orders");
    mr_json_put_uint(writer, state->purchases);
    mr_json_key(writer, "spend");
    mr_json_put_money(writer, state->spend_minor, MR_MINOR_DIGITS);
    mr_json_key(writer, "history");
    mr_json_begin_array(writer);
    for (uint8_t i = 0; i < state->item_count; i++)
        if (mr_event_type_name((mr_event_type)state->items[i].type) != NULL)
            put_recent(writer, &state->items[i]);
    mr_json_end_array(writer);
}

void mr_profile_json_write_summary(const mr_user_state *state, mr_text user_id,
                                   mr_json_writer *writer)
{
    mr_json_begin_object(writer);
    mr_json_key(writer, "user_id");
    mr_json_put_text(writer, user_id);
    mr_json_key(writer, "summary");
    mr_json_put_bool(writer, true);
    mr_json_key(writer, "as_of");
    put_time(writer, state->as_of_ms);
    put_summary_churn(writer, state);
    mr_json_key(writer, "features");
    mr_json_begin_object(writer);
    put_summary_features(writer, state);
    mr_json_end_object(writer);
    mr_json_end_object(writer);
}

void mr_profile_json_write(const mr_shard *shard, uint32_t row, int64_t at_ms,
                           const mr_quintiles *quintiles, mr_json_writer *writer)
{
    const bool is_anonymous = mr_shard_is_anonymous(shard, row);
    mr_json_begin_object(writer);
    mr_json_key(writer, is_anonymous ? "anonymous_id" : "user_id");
    mr_json_put_text(writer, mr_shard_user_id(shard, row));
    mr_json_key(writer, "anonymous");
    mr_json_put_bool(writer, is_anonymous);
    mr_json_key(writer, "as_of");
    put_time(writer, at_ms);
    put_churn(writer, mr_shard_churn(shard, row));
    put_segments(writer, shard, row, at_ms, quintiles);
    mr_json_key(writer, "features");
    mr_json_begin_object(writer);
    mr_shard_profile_visit(shard, row, at_ms, put_feature, writer);
    mr_json_end_object(writer);
    mr_json_end_object(writer);
}
