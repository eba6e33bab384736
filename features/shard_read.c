#include "features/shard_private.h"

#include "core/assert.h"
#include "features/aggregate.h"

static uint32_t find(const mr_shard *shard, mr_text id, bool is_anonymous)
{
    const uint32_t row = mr_profile_store_find(
        &shard->store, mr_hash_user(&shard->key, id), id, is_anonymous);
    return row == MR_ROW_NONE || mr_shard_is_empty(shard, row) ? MR_ROW_NONE : row;
}

uint32_t mr_shard_find(const mr_shard *shard, mr_text user_id)
{
    return find(shard, user_id, false);
}

uint32_t mr_shard_find_anonymous(const mr_shard *shard, mr_text anonymous_id)
{
    return find(shard, anonymous_id, true);
}

mr_text mr_shard_user_id(const mr_shard *shard, uint32_t row)
{
    return mr_profile_store_id(&shard->store, row);
}

bool mr_shard_is_anonymous(const mr_shard *shard, uint32_t row)
{
    return mr_shard_row(shard, row).head->is_anonymous != 0;
}

bool mr_shard_is_empty(const mr_shard *shard, uint32_t row)
{
    return mr_row_is_empty(mr_shard_row(shard, row));
}

size_t mr_shard_changed(const mr_shard *shard, const uint32_t **ret_rows)
{
    *ret_rows = shard->changed;
    return shard->changed_count;
}

void mr_shard_changed_clear(mr_shard *shard)
{
    for (size_t i = 0; i < shard->changed_count; i++)
        mr_shard_row(shard, shard->changed[i]).head->is_changed = 0;
    shard->changed_count = 0;
}

static const mr_history_entry *history_of(const mr_shard *shard, mr_row row,
                                          size_t *ret_count)
{
    const mr_list *list = mr_row_list(row, shard->plan->history->list_offset);
    *ret_count = list->count;
    return mr_list_elements(&shard->pool, list);
}

static uint8_t copy_recent(const mr_shard *shard, mr_row row, mr_recent_item *ret_items)
{
    size_t count;
    const mr_history_entry *entries = history_of(shard, row, &count);
    const size_t kept = count < MR_USER_STATE_ITEMS_MAX ? count : MR_USER_STATE_ITEMS_MAX;
    for (size_t i = 0; i < kept; i++) {
        const mr_history_entry *entry = &entries[count - 1 - i];
        ret_items[i] =
            (mr_recent_item){.item_id = mr_id_table_id(shard->names.items, entry->item),
                             .time_s = entry->time_s,
                             .type = entry->type,
                             .weight = entry->weight};
    }
    return (uint8_t)kept;
}

void mr_shard_user_state(const mr_shard *shard, uint32_t row, uint64_t epoch,
                         mr_user_state *ret_state)
{
    const mr_row parts = mr_shard_row(shard, row);
    const mr_plan *plan = shard->plan;
    const mr_churn_mark churn = mr_shard_churn(shard, row);
    const int64_t orders = *mr_row_count(parts, plan->orders->number_offset);
    ret_state->user_id = mr_shard_user_id(shard, row);
    ret_state->epoch = epoch;
    ret_state->offset = parts.head->offset;
    ret_state->as_of_ms = parts.head->newest_ms;
    ret_state->first_ms = parts.head->first_ms;
    ret_state->spend_minor = *mr_row_number(parts, plan->spend->number_offset);
    ret_state->events = parts.head->events;
    ret_state->purchases = orders < UINT32_MAX ? (uint32_t)orders : UINT32_MAX;
    ret_state->churn_permille = churn.permille;
    ret_state->churn_tier = churn.tier;
    ret_state->item_count = copy_recent(shard, parts, ret_state->items);
}

size_t mr_shard_history(const mr_shard *shard, uint32_t row,
                        mr_history_entry *ret_entries, size_t capacity)
{
    size_t count;
    const mr_history_entry *entries = history_of(shard, mr_shard_row(shard, row), &count);
    const size_t kept = count < capacity ? count : capacity;
    for (size_t i = 0; i < kept; i++)
        ret_entries[i] = entries[count - kept + i];
    return kept;
}

mr_text mr_shard_item_id(const mr_shard *shard, uint32_t item)
{
    MR_ASSERT(item < mr_id_table_count(shard->names.items));
    return mr_id_table_id(shard->names.items, item);
}

uint32_t mr_shard_item_find(const mr_shard *shard, mr_text item_id)
{
    return mr_id_table_find(shard->names.items, item_id);
}

void mr_shard_vector(const mr_shard *shard, uint32_t row, int64_t at_ms,
                     float *ret_vector)
{
    mr_profile_vector(shard->plan, &shard->pool, mr_shard_row(shard, row), at_ms,
                      ret_vector);
}

void mr_shard_profile_visit(const mr_shard *shard, uint32_t row, int64_t at_ms,
                            mr_profile_visitor *visitor, void *context)
{
    mr_profile_visit(shard->plan, &shard->pool, &shard->names, mr_shard_row(shard, row),
                     at_ms, visitor, context);
}

int64_t mr_shard_feature_number(const mr_shard *shard, uint32_t row,
                                const mr_operation *operation, int64_t at_ms,
                                int64_t otherwise)
{
    mr_value values[MR_FEATURE_COLUMNS_MAX];
    mr_reading reading = {.plan = shard->plan,
                          .pool = &shard->pool,
                          .names = &shard->names,
                          .row = mr_shard_row(shard, row),
                          .at_ms = at_ms,
                          .at_day = mr_zone_day(&shard->plan->settings.zone, at_ms),
                          .operation = operation,
                          .values = values};
    MR_ASSERT(!operation->feature.is_list);
    mr_operation_kind(operation)->read(&reading);
    return reading.count > 0 ? values[0].number : otherwise;
}

void mr_shard_set_churn(mr_shard *shard, uint32_t row, mr_churn_mark mark)
{
    const bool is_scored = mark.permille != UINT16_MAX;
    const mr_row parts = mr_shard_row(shard, row);
    mr_row_derived derived = mr_row_derived_of(parts);
    derived.since_s = 0;
    derived.permille = 0;
    derived.tier = 0;
    mr_shard_touch(shard, row);
    if (is_scored) {
        const uint32_t since_s = mr_time_seconds(mark.since_ms);
        derived.since_s = since_s < UINT32_MAX ? since_s + 1 : UINT32_MAX;
        derived.permille = mark.permille;
        derived.tier = mark.tier;
    }
    mr_row_set_derived(parts, derived);
}

const mr_tally *mr_shard_exposures(const mr_shard *shard)
{
    return &shard->exposures;
}

const mr_tally *mr_shard_sales(const mr_shard *shard)
{
    return &shard->sales;
}

mr_text mr_shard_word(const mr_shard *shard, uint32_t number)
{
    return mr_id_table_id(shard->names.words, number);
}

uint32_t mr_shard_word_count(const mr_shard *shard)
{
    return mr_id_table_count(shard->names.words);
}

const mr_quality *mr_shard_item_quality(const mr_shard *shard, uint32_t item)
{
    MR_ASSERT(item < shard->item_quality.capacity);
    return &shard->item_quality.items[item];
}

void mr_shard_set_told(mr_shard *shard, uint32_t row, uint32_t told)
{
    MR_ASSERT(told <= MR_TOLD_MAX);
    mr_shard_touch(shard, row);
    mr_shard_row(shard, row).head->told = told & MR_TOLD_MAX;
}

uint32_t mr_shard_told(const mr_shard *shard, uint32_t row)
{
    return mr_shard_row(shard, row).head->told;
}

void mr_shard_set_told_segments(mr_shard *shard, uint32_t row, uint64_t told)
{
    MR_ASSERT(told <= MR_TOLD_SEGMENTS_MAX);
    mr_shard_touch(shard, row);
    mr_shard_row(shard, row).side->told_segments = told;
}

uint64_t mr_shard_told_segments(const mr_shard *shard, uint32_t row)
{
    return mr_shard_row(shard, row).side->told_segments;
}

void mr_shard_set_told_by(mr_shard *shard, const mr_quintiles *quintiles)
{
    shard->told_by = *quintiles;
}

const mr_quintiles *mr_shard_told_by(const mr_shard *shard)
{
    return &shard->told_by;
}

mr_churn_mark mr_shard_churn(const mr_shard *shard, uint32_t row)
{
    const mr_row_derived derived = mr_row_derived_of(mr_shard_row(shard, row));
    if (derived.since_s == 0)
        return (mr_churn_mark){.permille = UINT16_MAX};
    return (mr_churn_mark){.permille = derived.permille,
                           .tier = derived.tier,
                           .since_ms = ((int64_t)derived.since_s - 1) * 1000};
}
