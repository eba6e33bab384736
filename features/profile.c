#include "features/aggregate.h"

#include "core/assert.h"

#include <string.h>

uint32_t mr_time_seconds(int64_t time_ms)
{
    const int64_t seconds = time_ms / 1000;
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

const uint64_t mr_row_nothing[MR_PLAN_EXTRA_BYTES_MAX / sizeof(uint64_t)] = {0};

void mr_profile_need_extra(const mr_plan *plan, mr_block_pool *pool, mr_row row)
{
    if (row.head->extra_block != 0 || plan->extra_bytes == 0)
        return;
    uint8_t size_class; /* told by the plan: not kept */
    row.head->extra_block = mr_block_pool_allocate(pool, plan->extra_bytes, &size_class);
    memset(mr_block_at(pool, row.head->extra_block), 0, plan->extra_bytes);
}

void mr_profile_drop_empty_extra(const mr_plan *plan, mr_block_pool *pool, mr_row row)
{
    const uint32_t block = row.head->extra_block;
    if (block == 0 ||
        memcmp(mr_block_at(pool, block), mr_row_nothing, plan->extra_bytes) != 0)
        return;
    mr_block_pool_free(pool, block, mr_block_class_of(plan->extra_bytes));
    row.head->extra_block = 0;
}

static void apply_head(const mr_plan *plan, mr_row_head *head, const mr_event *event,
                       int64_t offset, mr_profile_effect *effect)
{
    const int64_t time_ms = event->time_ms;
    effect->before_ms = head->newest_ms;
    effect->starts_visit =
        head->events == 0 || time_ms - head->newest_ms > plan->session_gap_ms;
    if (effect->starts_visit && head->sessions < UINT16_MAX)
        head->sessions++;
    if (head->events == 0 || time_ms < head->first_ms)
        head->first_ms = time_ms;
    if (head->events == 0 || time_ms > head->newest_ms)
        head->newest_ms = time_ms;
    head->events++;
    head->applied_ms = time_ms;
    head->offset = offset;
}

mr_profile_effect mr_profile_apply(const mr_plan *plan, mr_block_pool *pool,
                                   const mr_names *names, const mr_row *row,
                                   const mr_event *event, uint32_t item,
                                   const uint32_t *words, int64_t offset)
{
    MR_ASSERT(event->time_ms >= 0);
    MR_ASSERT(event->type > MR_EVENT_NONE);
    MR_ASSERT(event->type < MR_EVENT_TYPES);
    mr_applying applying = {
        .plan = plan,
        .pool = pool,
        .names = names,
        .row = row,
        .event = event,
        .effect = {.local_ms = mr_zone_local_ms(&plan->settings.zone, event->time_ms)},
        .item = item,
        .words = words};
    applying.effect.is_first_purchase =
        event->type == MR_EVENT_PURCHASE &&
        *mr_row_count(*row, plan->purchases->number_offset) == 0;
    const int64_t day = mr_time_day(applying.effect.local_ms);
    applying.day = day < UINT32_MAX ? day : UINT32_MAX;
    apply_head(plan, row->head, event, offset, &applying.effect);

    const mr_run *run = &plan->runs[event->type];
    if (run->needs_extra)
        mr_profile_need_extra(plan, pool, *row);
    for (size_t i = 0; i < run->step_count; i++)
        mr_aggregate_kinds[run->steps[i].aggregate].apply(&applying, &run->steps[i]);
    for (size_t i = 0; i < run->series_count; i++) {
        const mr_series *series = &plan->series[run->series[i]];
        if (!mr_has_amount(event, series->of))
            continue;
        mr_day_series_add(pool, series, mr_row_list(*row, series->list_offset),
                          series->is_hourly ? mr_series_day(plan, series, event->time_ms)
                                            : applying.day,
                          mr_amount_of(event, series->of));
    }
    return applying.effect;
}

static void check_list(const mr_block_pool *pool, const mr_list *list,
                       size_t element_bytes)
{
    MR_ASSERT(list->count == 0 || list->block != 0);
    MR_ASSERT(list->block == 0 ||
              (size_t)list->start * MR_LIST_START_BYTES + list->count * element_bytes <=
                  mr_block_class_bytes(list->size_class));
    (void)pool;
}

static void check_history(const mr_operation *operation, const mr_block_pool *pool,
                          const mr_id_table *items, mr_row row)
{
    const mr_list *list = mr_row_list(row, operation->list_offset);
    check_list(pool, list, sizeof(mr_history_entry));
    const mr_history_entry *entries = mr_list_elements(pool, list);
    uint8_t counts[MR_QUOTAS_MAX] = {0};
    for (size_t i = 0; i < list->count; i++) {
        MR_ASSERT(entries[i].item < mr_id_table_count(items));
        MR_ASSERT(i == 0 || mr_history_compare(items, &entries[i - 1], &entries[i]) <= 0);
        for (size_t q = 0; q < MR_QUOTAS_MAX; q++)
            counts[q] = (uint8_t)(counts[q] +
                                  (operation->spec.quotas[q].type == entries[i].type));
    }
    MR_ASSERT(memcmp(counts, mr_row_at(row, operation->number_offset), sizeof(counts)) ==
              0);
    for (size_t q = 0; q < MR_QUOTAS_MAX; q++)
        MR_ASSERT(counts[q] <= operation->spec.quotas[q].keep);
}

static void check_series(const mr_series *series, const mr_block_pool *pool, mr_row row)
{
    const mr_list *list = mr_row_list(row, series->list_offset);
    mr_day_sum days[MR_DAY_SERIES_DAYS_MAX];
    check_list(pool, list, series->slot_bytes);
    const size_t count = mr_day_series_unpack(pool, series, list, days);
    for (size_t i = 0; i < count; i++) {
        MR_ASSERT(i == 0 || days[i].day > days[i - 1].day);
        MR_ASSERT(days[i].count > 0);
        MR_ASSERT(days[i].day - days[0].day < series->keep_days);
    }
}

static void check_head(const mr_row_head *head)
{
    if (head->events == 0) {
        MR_ASSERT(head->first_ms == 0);
        MR_ASSERT(head->newest_ms == 0);
        MR_ASSERT(head->sessions == 0);
        return;
    }
    MR_ASSERT(head->sessions > 0);
    MR_ASSERT(head->first_ms <= head->newest_ms);
}

void mr_profile_check(const mr_plan *plan, const mr_block_pool *pool,
                      const mr_names *names, mr_row row)
{
    check_head(row.head);
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_operation *operation = &plan->operations[i];
        if (operation->spec.aggregate == MR_AGGREGATE_RECENT_ITEMS)
            check_history(operation, pool, names->items, row);
        if (operation->spec.aggregate == MR_AGGREGATE_FADING_TOP)
            MR_ASSERT(mr_fading_top_is_sound(operation, pool, row,
                                             mr_id_table_count(names->words)));
        if (operation->stores && mr_aggregate_keeps_pair(operation->spec.aggregate)) {
            const mr_pair *pair = mr_row_pair(row, operation->number_offset);
            MR_ASSERT(pair->count > 0 || pair->number == 0);
        }
    }
    for (size_t i = 0; i < plan->series_count; i++)
        check_series(&plan->series[i], pool, row);
}
