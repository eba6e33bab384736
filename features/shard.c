#include "features/shard_private.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

bool mr_topic_is_valid(const char *topic)
{
    const size_t length = strlen(topic);
    if (length == 0 || length > MR_SHARD_TOPIC_BYTES_MAX || strcmp(topic, ".") == 0 ||
        strcmp(topic, "..") == 0)
        return false;
    return strspn(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789._-") == length;
}

mr_status mr_shard_create(const mr_shard_options *options, mr_shard **ret_shard)
{
    if (options->topic == NULL || !mr_topic_is_valid(options->topic))
        return MR_ERR_INVALID;
    mr_shard *shard = calloc(1, sizeof(*shard));
    if (shard == NULL)
        return MR_ERR_NO_MEMORY;
    shard->plan = options->plan;
    shard->key = *options->hash_key;
    memcpy(shard->topic, options->topic, strlen(options->topic) + 1);
    shard->partition = options->partition;
    shard->memory_limit_bytes = options->memory_limit_bytes;
    shard->is_replay = options->is_replay;
    shard->window_events = MR_SHARD_WINDOW_EVENTS;
    shard->applies_late = options->applies_late;
    shard->newest_ms = MR_TIME_NONE;
    shard->clock_ms = MR_TIME_NONE;
    shard->day.end_ms = MR_TIME_NONE;
    shard->names.item_words = &shard->item_words;
    mr_commerce_init(&shard->commerce);
    mr_cut_init(&shard->cut);
    if (mr_id_table_create(&shard->key, &shard->names.items) != MR_OK ||
        mr_id_table_create(&shard->key, &shard->names.words) != MR_OK)
        goto fail;
    if (mr_dedup_create(&shard->plan->settings.dedup, &shard->dedup) != MR_OK)
        goto fail;
    if (mr_profile_store_init(&shard->store, shard->plan, &shard->pool) != MR_OK)
        goto fail;
    *ret_shard = shard;
    return MR_OK;

fail:
    mr_shard_destroy(shard);
    return MR_ERR_NO_MEMORY;
}

void mr_shard_destroy(mr_shard *shard)
{
    if (shard == NULL)
        return;
    if (shard->store.plan != NULL)
        mr_profile_store_deinit(&shard->store);
    mr_block_pool_deinit(&shard->pool);
    mr_id_table_destroy(shard->names.items);
    mr_id_table_destroy(shard->names.words);
    mr_item_words_deinit(&shard->item_words);
    mr_item_quality_deinit(&shard->item_quality);
    mr_tally_deinit(&shard->exposures);
    mr_tally_deinit(&shard->sales);
    mr_trending_deinit(&shard->trending);
    mr_commerce_deinit(&shard->commerce);
    mr_outbox_deinit(&shard->outbox);
    mr_cut_deinit(&shard->cut);
    mr_dedup_destroy(shard->dedup);
    mr_links_deinit(&shard->links);
    free(shard->changed);
    free(shard->hashes);
    free(shard->fingerprints);
    free(shard->batch_items);
    free(shard->batch_rows);
    free(shard->batch_words);
    free(shard);
}

mr_status mr_shard_start_at(mr_shard *shard, int64_t offset)
{
    if (offset < 0 || shard->next_offset != shard->counters.first_offset)
        return MR_ERR_INVALID;
    shard->next_offset = offset;
    shard->counters.first_offset = offset;
    return MR_OK;
}

mr_status mr_shard_end_restore(mr_shard *shard)
{
    const size_t capacity = (size_t)shard->store.row_count + 1;
    uint32_t *changed = realloc(shard->changed, capacity * sizeof(*changed));
    if (changed == NULL)
        return MR_ERR_NO_MEMORY;
    shard->changed = changed;
    shard->changed_capacity = capacity;
    MR_TRY(
        mr_item_words_reserve(&shard->item_words, mr_id_table_count(shard->names.items)));
    MR_TRY(mr_item_quality_reserve(&shard->item_quality,
                                   mr_id_table_count(shard->names.items)));
    return mr_trending_reserve(&shard->trending, mr_id_table_count(shard->names.items));
}

void mr_shard_skip_to(mr_shard *shard, int64_t offset)
{
    MR_ASSERT(offset >= shard->next_offset);
    shard->counters.gap += (uint64_t)(offset - shard->next_offset);
    shard->next_offset = offset;
}

const mr_plan *mr_shard_plan(const mr_shard *shard)
{
    return shard->plan;
}

const char *mr_shard_topic(const mr_shard *shard)
{
    return shard->topic;
}

uint32_t mr_shard_partition(const mr_shard *shard)
{
    return shard->partition;
}

int64_t mr_shard_next_offset(const mr_shard *shard)
{
    return shard->next_offset;
}

int64_t mr_shard_newest_ms(const mr_shard *shard)
{
    return shard->newest_ms;
}

int64_t mr_shard_watermark_ms(const mr_shard *shard)
{
    return shard->clock_ms == MR_TIME_NONE ? MR_TIME_NONE
                                           : shard->clock_ms - MR_SHARD_LATENESS_MS;
}

mr_day_mark mr_shard_day_mark(const mr_shard *shard)
{
    return shard->day;
}

void mr_shard_set_day_mark(mr_shard *shard, mr_day_mark mark)
{
    shard->day = mark;
}

uint32_t mr_shard_user_count(const mr_shard *shard)
{
    return shard->store.row_count;
}

uint32_t mr_shard_live_count(const mr_shard *shard)
{
    return shard->live_count;
}

uint32_t mr_shard_item_count(const mr_shard *shard)
{
    return mr_id_table_count(shard->names.items);
}

size_t mr_shard_bytes(const mr_shard *shard)
{
    return sizeof(*shard) + mr_profile_store_bytes(&shard->store) +
           mr_block_pool_bytes(&shard->pool) + mr_id_table_bytes(shard->names.items) +
           mr_id_table_bytes(shard->names.words) +
           mr_item_words_bytes(&shard->item_words) +
           mr_item_quality_bytes(&shard->item_quality) +
           (shard->exposures.capacity + shard->sales.capacity) * sizeof(mr_tally_row) +
           mr_trending_bytes(&shard->trending) +
           shard->commerce.day_capacity * sizeof(mr_commerce_day) + shard->outbox.bytes +
           shard->outbox.capacity * sizeof(mr_outbox_entry) + mr_cut_bytes(&shard->cut) +
           mr_dedup_bytes(shard->dedup) + mr_links_bytes(&shard->links) +
           shard->changed_capacity * sizeof(*shard->changed) +
           shard->batch_capacity * (sizeof(mr_hash128) + sizeof(uint64_t) +
                                    sizeof(uint32_t) + sizeof(*shard->batch_words));
}

size_t mr_shard_history_bytes(const mr_shard *shard)
{
    size_t bytes = 0;
    for (uint32_t row = 0; row < shard->store.row_count; row++) {
        const mr_list *list = mr_row_list(mr_profile_store_row(&shard->store, row),
                                          shard->plan->history->list_offset);
        bytes += list->block != 0 ? mr_block_class_bytes(list->size_class) : 0;
    }
    return bytes;
}

void mr_shard_set_dialect(mr_shard *shard, uint8_t dialect, mr_text profile)
{
    const size_t length = profile.length < MR_SHARD_DIALECT_BYTES_MAX
                              ? profile.length
                              : MR_SHARD_DIALECT_BYTES_MAX;
    if (length > 0)
        memcpy(shard->dialect_profile, profile.bytes, length);
    shard->dialect_profile_length = (uint8_t)length;
    shard->dialect = dialect;
}

uint8_t mr_shard_dialect(const mr_shard *shard)
{
    return shard->dialect;
}

mr_text mr_shard_dialect_profile(const mr_shard *shard)
{
    return (mr_text){.bytes = shard->dialect_profile,
                     .length = shard->dialect_profile_length};
}

void mr_shard_counters_get(const mr_shard *shard, mr_shard_counters *ret_counters)
{
    *ret_counters = shard->counters;
}

static int64_t effective_horizon_ms(const mr_shard *shard, mr_dedup_class span)
{
    const int64_t horizon_ms = shard->plan->settings.dedup.horizon_ms[span];
    const int64_t evicted_end_ms = mr_dedup_evicted_end_ms(shard->dedup, span);
    if (evicted_end_ms == MR_TIME_NONE || shard->clock_ms == MR_TIME_NONE)
        return horizon_ms;
    const int64_t left_ms = mr_shard_watermark_ms(shard) - evicted_end_ms;
    return left_ms < 0 ? 0 : left_ms < horizon_ms ? left_ms : horizon_ms;
}

void mr_shard_memory_of_ids_get(const mr_shard *shard, mr_shard_memory_of_ids *ret_memory)
{
    *ret_memory = (mr_shard_memory_of_ids){
        .ids = mr_dedup_count(shard->dedup),
        .forgotten = mr_dedup_forgotten(shard->dedup),
        .long_horizon_ms = effective_horizon_ms(shard, MR_DEDUP_LONG),
        .short_horizon_ms = effective_horizon_ms(shard, MR_DEDUP_SHORT),
    };
}

uint64_t mr_shard_unknown_currency(const mr_shard *shard)
{
    return shard->unknown_currency;
}

uint64_t mr_shard_redelivered(const mr_shard *shard)
{
    return shard->redelivered;
}

mr_row mr_shard_row(const mr_shard *shard, uint32_t row)
{
    MR_ASSERT(row < shard->store.row_count);
    return mr_profile_store_row(&shard->store, row);
}

void mr_shard_check_counters(const mr_shard *shard)
{
    const mr_shard_counters *c = &shard->counters;
    const uint64_t records = c->applied + c->duplicate + c->late + c->poison +
                             c->opted_out + c->erased + c->control + c->gap;
    MR_ASSERT((uint64_t)(shard->next_offset - c->first_offset) == records);
    MR_ASSERT(c->lines == c->lines_applied + c->lines_duplicate + c->lines_late +
                              c->lines_opted_out + c->lines_erased);
    MR_ASSERT(c->late_applied <= c->applied);
}

static void check_commerce(const mr_commerce *commerce)
{
    mr_commerce sums;
    mr_commerce_init(&sums);
    for (size_t i = 0; i < commerce->day_count; i++) {
        MR_ASSERT(i == 0 || commerce->days[i - 1].day < commerce->days[i].day);
        const mr_commerce_totals day = {.sums = commerce->days[i].sums,
                                        .first_day = commerce->days[i].day,
                                        .last_day = commerce->days[i].day};
        mr_commerce_totals_add(&sums.totals, &day);
    }
    sums.totals.customers = commerce->totals.customers;
    MR_ASSERT(memcmp(&sums.totals, &commerce->totals, sizeof(sums.totals)) == 0);
}

static void check_trending(const mr_shard *shard)
{
    for (uint32_t item = 0; item < mr_id_table_count(shard->names.items); item++) {
        const mr_trending_item *entry = mr_trending_item_at(&shard->trending, item);
        const mr_hour_count *hours = mr_list_elements(&shard->pool, &entry->hours);
        uint64_t sum = 0;
        for (size_t i = 0; i < entry->hours.count; i++) {
            MR_ASSERT(i == 0 || hours[i - 1].hour < hours[i].hour);
            sum += hours[i].count;
        }
        MR_ASSERT(sum <= entry->ever);
    }
}

void mr_shard_check(const mr_shard *shard)
{
    mr_shard_check_counters(shard);
    mr_profile_store_check(&shard->store);
    uint64_t events = 0;
    uint32_t live_count = 0;
    for (uint32_t row = 0; row < shard->store.row_count; row++) {
        const mr_row parts = mr_shard_row(shard, row);
        mr_profile_check(shard->plan, &shard->pool, &shard->names, parts);
        events += parts.head->events;
        live_count += !mr_row_is_empty(parts);
    }
    MR_ASSERT(live_count == shard->live_count);
    MR_ASSERT(events == shard->counters.lines_applied -
                            shard->links.counters.lines_moved_out +
                            shard->links.counters.lines_moved_in);
    mr_links_check(shard);
    check_commerce(&shard->commerce);
    check_trending(shard);
    mr_dedup_check(shard->dedup);
}
