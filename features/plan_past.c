/*
 * The plans a shard had before its present one, and which of its features are younger than it.
 */
#include "features/shard_private.h"

static bool is_time(int64_t time_ms)
{
    return time_ms >= 0 || time_ms == MR_TIME_NONE;
}

void mr_plan_past_encode(const mr_plan_past *past, mr_buffer *buffer)
{
    mr_buffer_put_varint(buffer, past->plan_count);
    for (size_t i = 0; i < past->plan_count; i++) {
        mr_buffer_put_u64(buffer, past->plans[i].hash);
        mr_buffer_put_i64(buffer, past->plans[i].next_offset);
    }
    mr_buffer_put_varint(buffer, past->since_count);
    for (size_t i = 0; i < past->since_count; i++) {
        mr_buffer_put_u32(buffer, past->since[i].feature);
        mr_buffer_put_i64(buffer, past->since[i].offset);
        mr_buffer_put_i64(buffer, past->since[i].time_ms);
    }
}

mr_status mr_plan_past_decode(const mr_plan *plan, mr_plan_past *past, mr_reader *reader)
{
    const uint64_t plans = mr_reader_varint(reader);
    if (plans > MR_FORMER_PLANS_MAX)
        return MR_ERR_CORRUPT;
    past->plan_count = (size_t)plans;
    for (size_t i = 0; i < past->plan_count; i++) {
        past->plans[i].hash = mr_reader_u64(reader);
        past->plans[i].next_offset = mr_reader_i64(reader);
        if (past->plans[i].next_offset < 0)
            return MR_ERR_CORRUPT;
    }
    const uint64_t features = mr_reader_varint(reader);
    if (features > plan->operation_count)
        return MR_ERR_CORRUPT;
    past->since_count = (size_t)features;
    for (size_t i = 0; i < past->since_count; i++) {
        mr_feature_since *since = &past->since[i];
        since->feature = mr_reader_u32(reader);
        since->offset = mr_reader_i64(reader);
        since->time_ms = mr_reader_i64(reader);
        if (since->feature >= plan->operation_count || since->offset < 0 ||
            !is_time(since->time_ms) ||
            (i > 0 && since->feature <= past->since[i - 1].feature))
            return MR_ERR_CORRUPT;
    }
    return mr_reader_status(reader);
}

size_t mr_shard_former_plans(const mr_shard *shard)
{
    return shard->past.plan_count;
}

bool mr_shard_feature_since(const mr_shard *shard, size_t feature, int64_t *ret_offset,
                            int64_t *ret_time_ms)
{
    for (size_t i = 0; i < shard->past.since_count; i++) {
        const mr_feature_since *since = &shard->past.since[i];
        if (since->feature != feature)
            continue;
        *ret_offset = since->offset;
        *ret_time_ms = since->time_ms;
        return true;
    }
    return false;
}
