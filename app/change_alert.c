#include "app/change_alert.h"

#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ALERT_ID_BYTES = 48 };

static mr_alert_kind kind_of(const mr_change *change)
{
    switch (change->of) {
    case MR_CHANGE_STAGE: return MR_ALERT_LIFECYCLE;
    case MR_CHANGE_LEVEL: return MR_ALERT_LEVEL;
    case MR_CHANGE_SEGMENT:
    case MR_CHANGE_RFM: break;
    }
    return MR_ALERT_SEGMENT;
}

static void put_before(mr_json_writer *writer, const char *key, const char *before)
{
    mr_json_key(writer, key);
    if (before != NULL)
        mr_json_put_string(writer, before);
    else
        mr_json_put_null(writer);
}

static void put_thresholds(mr_json_writer *writer, const mr_quintiles *quintiles)
{
    char version[MR_QUINTILES_VERSION_BYTES];
    char time[MR_TIME_TEXT_BYTES];
    mr_quintiles_version_text(quintiles, version);
    mr_time_to_text(quintiles->at_ms, time);
    mr_json_member_string(writer, "thresholds_version", version);
    mr_json_member_string(writer, "thresholds_as_of", time);
}

static void put_change(mr_json_writer *writer, const mr_change *change)
{
    switch (change->of) {
    case MR_CHANGE_STAGE:
        mr_json_member_string(writer, "stage", change->now);
        put_before(writer, "previous_stage", change->before);
        break;
    case MR_CHANGE_LEVEL:
        mr_json_member_string(writer, "feature", change->feature);
        mr_json_member_string(writer, "level", change->now);
        put_before(writer, "previous_level", change->before);
        mr_json_member_string(writer, "direction", change->is_up ? "up" : "down");
        mr_json_member_int(writer, "score", change->score);
        break;
    case MR_CHANGE_SEGMENT:
        mr_json_member_string(writer, "segment", change->feature);
        mr_json_member_string(writer, "direction", change->now);
        break;
    case MR_CHANGE_RFM:
        mr_json_member_string(writer, "segment", change->now);
        put_before(writer, "previous_segment", change->before);
        break;
    }
}

static void write_alert(const mr_owned_shard *owned, const mr_change *change,
                        const char *id, mr_json_writer *writer)
{
    mr_user_state state;
    char time[MR_TIME_TEXT_BYTES];
    mr_shard_user_state(owned->shard, change->row, owned->epoch, &state);
    mr_time_to_text(owned->change_sweep.at_ms, time);
    mr_json_begin_object(writer);
    mr_json_member_string(writer, "alert_id", id);
    mr_json_member_string(writer, "kind", mr_alert_kind_name(kind_of(change)));
    mr_json_member_text(writer, "user_id", mr_shard_user_id(owned->shard, change->row));
    put_change(writer, change);
    if (change->uses_scores)
        put_thresholds(writer, &owned->thresholds.quintiles);
    mr_json_member_money(writer, "spend", state.spend_minor, MR_MINOR_DIGITS);
    mr_json_member_string(writer, "time", time);
    mr_json_end_object(writer);
}

/* The same change found again, by a restarted process, has the same id. */
static void write_id(const mr_owned_shard *owned, const mr_change *change,
                     char ret_id[ALERT_ID_BYTES])
{
    const mr_hash128 user =
        mr_hash_user(&owned->engine->key, mr_shard_user_id(owned->shard, change->row));
    const uint64_t parts[5] = {user.high, user.low, (uint64_t)owned->change_sweep.day,
                               mr_hash_bytes(change->feature, strlen(change->feature)),
                               mr_hash_bytes(change->now, strlen(change->now))};
    (void)snprintf(ret_id, ALERT_ID_BYTES, "%s-%016" PRIx64,
                   mr_alert_kind_name(kind_of(change)),
                   mr_hash_bytes(parts, sizeof(parts)));
}

mr_status mr_change_raise(const mr_owned_shard *owned, const mr_change *change)
{
    char id[ALERT_ID_BYTES];
    mr_buffer text = {0};
    mr_json_writer writer = mr_json_writer_of(&text);
    write_id(owned, change, id);
    write_alert(owned, change, id, &writer);
    return mr_sweep_raise(owned->shard, id, &text);
}
