#include "app/census.h"

#include "features/plan_layout.h"
#include "features/segments.h"

#include <stdlib.h>

enum { PARTITIONS_MAX = 4096, BASES = MR_CHECKPOINT_BASES_MIN };

static mr_status restore(mr_census *census, const mr_checkpoint_store *store,
                         const mr_census_source *source, uint32_t partition,
                         mr_error *ret_error)
{
    mr_checkpoint_info info;
    const mr_status status =
        mr_checkpoint_restore(store, partition, source->plan, source->key, 0,
                              &census->shards[census->count], &info, ret_error);
    if (status == MR_ERR_NOT_FOUND)
        return MR_OK; /* of the partitions there are, one that is not counted */
    MR_TRY(status);
    const mr_shard *shard = census->shards[census->count++];
    const int64_t watermark_ms = mr_shard_watermark_ms(shard);
    if (watermark_ms != MR_TIME_NONE &&
        watermark_ms + MR_SHARD_LATENESS_MS > census->at_ms)
        census->at_ms = watermark_ms + MR_SHARD_LATENESS_MS;
    return MR_OK;
}

static mr_status restore_all(mr_census *census, const mr_census_source *source,
                             mr_error *ret_error)
{
    uint32_t partitions[PARTITIONS_MAX];
    size_t count = 0;
    mr_checkpoint_store *store = NULL;
    MR_TRY(mr_checkpoint_store_open(source->config->state.path, source->config->log.topic,
                                    BASES, &store, ret_error));
    mr_status status =
        mr_checkpoint_partitions(store, partitions, PARTITIONS_MAX, &count, ret_error);
    census->of = source->partitions > 0 ? source->partitions : (uint32_t)count;
    census->shards = calloc(count + 1, sizeof(mr_shard *));
    if (census->shards == NULL)
        status = MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count && status == MR_OK; i++)
        status = restore(census, store, source, partitions[i], ret_error);
    mr_checkpoint_store_close(store);
    if (status == MR_OK && census->count == 0)
        return mr_error_set(ret_error, MR_ERR_NOT_FOUND,
                            "there is no checkpoint yet; one is made every "
                            "state.interval");
    return status;
}

mr_status mr_census_open(const mr_census_source *source, mr_census **ret_census,
                         mr_error *ret_error)
{
    mr_census *census = calloc(1, sizeof(*census));
    if (census == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "out of memory");
    census->config = source->config;
    census->plan = source->plan;
    const mr_status status = restore_all(census, source, ret_error);
    if (status != MR_OK) {
        mr_census_close(census);
        return status;
    }
    *ret_census = census;
    return MR_OK;
}

void mr_census_close(mr_census *census)
{
    if (census == NULL)
        return;
    for (size_t i = 0; i < census->count; i++)
        mr_shard_destroy(census->shards[i]);
    free(census->shards);
    free(census);
}

mr_status mr_census_walk(mr_census *census, mr_census_visitor *visitor, void *context)
{
    const mr_expression *bots = mr_plan_bot_rule(census->plan);
    census->bots = 0;
    for (size_t s = 0; s < census->count; s++) {
        const mr_shard *shard = census->shards[s];
        for (uint32_t row = 0; row < mr_shard_user_count(shard); row++) {
            if (mr_shard_is_empty(shard, row))
                continue;
            if (mr_segment_holds(shard, row, census->at_ms, bots, NULL))
                census->bots++;
            else
                MR_TRY(visitor(context, shard, row));
        }
    }
    return MR_OK;
}

typedef struct sampling {
    const mr_census *census;
    mr_rfm_sample sample;
} sampling;

static mr_status sample_user(void *context, const mr_shard *shard, uint32_t row)
{
    sampling *s = context;
    int64_t values[MR_RFM_VALUES];
    if (mr_shard_is_anonymous(shard, row) ||
        !mr_rfm_values_of(shard, row, s->census->at_ms, values))
        return MR_OK;
    return mr_rfm_sample_add(&s->sample, values);
}

mr_status mr_census_need_quintiles(mr_census *census)
{
    sampling s = {.census = census};
    if (census->has_quintiles)
        return MR_OK;
    const mr_status status = mr_census_walk(census, sample_user, &s);
    if (status == MR_OK)
        mr_quintiles_of(&s.sample, census->at_ms, &census->quintiles);
    census->has_quintiles = status == MR_OK;
    mr_rfm_sample_deinit(&s.sample);
    return status;
}

bool mr_census_scores(const mr_census *census, const mr_shard *shard, uint32_t row,
                      int ret_scores[MR_RFM_VALUES])
{
    return census->has_quintiles && !mr_shard_is_anonymous(shard, row) &&
           mr_rfm_scores_of(shard, row, census->at_ms, &census->quintiles, ret_scores);
}

void mr_census_put_scope(const mr_census *census, mr_json_writer *writer)
{
    char text[MR_TIME_TEXT_BYTES];
    const char *zone = census->plan->settings.zone.name;
    mr_time_to_text(census->at_ms, text);
    mr_json_member_string(writer, "as_of", text);
    mr_json_member_string(writer, "time_zone", zone[0] != '\0' ? zone : "UTC");
    mr_json_key(writer, "partitions");
    mr_json_begin_object(writer);
    mr_json_member_uint(writer, "counted", census->count);
    mr_json_member_uint(writer, "of", census->of);
    mr_json_end_object(writer);
}
