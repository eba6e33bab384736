#include "features/profile.h"

#include "core/assert.h"

#include <string.h>

uint32_t mr_time_seconds(int64_t time_ms)
{
    const int64_t seconds = time_ms / 1000;
    return seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
}

static int64_t event_day(const mr_plan *plan, const mr_event *event)
{
    const int64_t day = mr_zone_day(&plan->zone, event->time_ms);
    return day < UINT32_MAX ? day : UINT32_MAX;
}

static int64_t amount_of(const mr_event *event, mr_of of)
{
    switch (of) {
    case MR_OF_NOTHING: return 0;
    case MR_OF_NET_VALUE:
        return event->type == MR_EVENT_REFUND
                   ? (int64_t)(0 - (uint64_t)event->value_minor)
                   : event->value_minor;
    case MR_OF_QUANTITY: return event->quantity;
    case MR_OF_PRICE: return event->price_minor;
    case MR_OF_RATING: return event->rating_centi;
    default: return event->value_minor;
    }
}

static bool has_amount(const mr_event *event, mr_of of)
{
    return of != MR_OF_RATING || event->rating_centi != 0;
}

/* Sums wrap: only then are they the same in any order, whatever the amounts. */
static void add_wrapping(int64_t *sum, int64_t amount)
{
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)amount);
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

/* An order id is an order's name; without one each record is an order of its own. */
static bool count_distinct(mr_block_pool *pool, const mr_step *step, const mr_row *row,
                           const mr_event *event)
{
    int64_t *count = mr_row_number(*row, step->number_offset);
    if (event->order_id.length == 0) {
        *count += event->line == 0;
        return event->line == 0;
    }
    mr_list *list = mr_row_list(*row, step->list_offset);
    const uint64_t mark = mr_hash_bytes(event->order_id.bytes, event->order_id.length);
    const uint64_t *marks = mr_list_elements(pool, list);
    for (size_t i = list->count; i > 0; i--) {
        if (marks[i - 1] == mark)
            return false;
    }
    if (list->count == step->length)
        mr_list_remove(pool, list, 0, 1, sizeof(mark));
    uint64_t *place = mr_list_insert(pool, list, list->count, sizeof(mark));
    *place = mark;
    (*count)++;
    return true;
}

/* The largest different times, ascending. */
static void keep_time(mr_block_pool *pool, size_t length, mr_list *list, int64_t time_ms)
{
    const int64_t *times = mr_list_elements(pool, list);
    size_t place = list->count;
    while (place > 0 && times[place - 1] > time_ms)
        place--;
    if (place > 0 && times[place - 1] == time_ms)
        return;
    if (list->count == length) {
        if (place == 0)
            return;
        mr_list_remove(pool, list, 0, 1, sizeof(*times));
        place--;
    }
    int64_t *gap = mr_list_insert(pool, list, place, sizeof(*times));
    *gap = time_ms;
}

static uint8_t history_weight(const mr_event *event)
{
    if (event->type == MR_EVENT_RATE)
        return (uint8_t)(event->rating_centi / 10);
    if (event->quantity <= 0)
        return event->quantity < 0 ? 0 : 1;
    return event->quantity < UINT8_MAX ? (uint8_t)event->quantity : UINT8_MAX;
}

static void keep_item(mr_block_pool *pool, const mr_id_table *items,
                      const mr_operation *operation, const mr_row *row,
                      const mr_event *event, uint32_t item)
{
    if (item == MR_ID_NONE)
        return;
    const mr_history_entry entry = {.item = item,
                                    .time_s = mr_time_seconds(event->time_ms),
                                    .session = row->head->sessions,
                                    .type = event->type,
                                    .weight = history_weight(event)};
    mr_history_add(pool, items, operation, mr_row_list(*row, operation->list_offset),
                   mr_row_at(*row, operation->number_offset), entry);
}

static void apply_head(mr_row_head *head, const mr_event *event, int64_t offset)
{
    const int64_t time_ms = event->time_ms;
    const bool starts_session =
        head->events == 0 || time_ms - head->newest_ms > MR_SESSION_GAP_MS;
    if (starts_session && head->sessions < UINT16_MAX)
        head->sessions++;
    if (head->events == 0 || time_ms < head->first_ms)
        head->first_ms = time_ms;
    if (head->events == 0 || time_ms > head->newest_ms)
        head->newest_ms = time_ms;
    head->events++;
    head->applied_ms = time_ms;
    head->offset = offset;
}

static void apply_pair(const mr_step *step, const mr_row *row, const mr_event *event)
{
    mr_pair *pair = mr_row_pair(*row, step->number_offset);
    const int64_t amount = amount_of(event, (mr_of)step->of);
    if (!has_amount(event, (mr_of)step->of))
        return;
    const bool is_first = pair->count++ == 0;
    if (step->aggregate == MR_AGGREGATE_MEAN)
        add_wrapping(&pair->number, amount);
    else if (is_first || (step->aggregate == MR_AGGREGATE_MIN ? amount < pair->number
                                                              : amount > pair->number))
        pair->number = amount;
}

static void apply_number(const mr_plan *plan, const mr_step *step, const mr_row *row,
                         const mr_event *event)
{
    int64_t *number = mr_row_number(*row, step->number_offset);
    const int64_t mark = event->time_ms + 1;
    switch ((mr_aggregate)step->aggregate) {
    case MR_AGGREGATE_COUNT: (*number)++; break;
    case MR_AGGREGATE_SUM: add_wrapping(number, amount_of(event, (mr_of)step->of)); break;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_MEAN: apply_pair(step, row, event); break;
    case MR_AGGREGATE_FIRST_TIME:
        *number = *number == 0 || mark < *number ? mark : *number;
        break;
    case MR_AGGREGATE_LAST_TIME: *number = mark > *number ? mark : *number; break;
    case MR_AGGREGATE_DAY_BITMAP:
        mr_day_bitmap_set((mr_day_bitmap *)(void *)number, event_day(plan, event));
        break;
    case MR_AGGREGATE_HISTOGRAM: {
        uint16_t *hours = (uint16_t *)(void *)number;
        const int64_t hour =
            mr_zone_local_ms(&plan->zone, event->time_ms) / MR_HOUR_MS % MR_PLAN_HOURS;
        if (hours[hour] < UINT16_MAX)
            hours[hour]++;
        break;
    }
    default: MR_ASSERT(false); /* the compiler lists only what stores */
    }
}

mr_profile_effect mr_profile_apply(const mr_plan *plan, mr_block_pool *pool,
                                   const mr_id_table *items, const mr_row *row,
                                   const mr_event *event, uint32_t item, int64_t offset)
{
    MR_ASSERT(event->time_ms >= 0);
    MR_ASSERT(event->type > MR_EVENT_NONE);
    MR_ASSERT(event->type < MR_EVENT_TYPES);
    mr_profile_effect effect = {
        .is_first_purchase = event->type == MR_EVENT_PURCHASE &&
                             *mr_row_number(*row, plan->purchases->number_offset) == 0};
    apply_head(row->head, event, offset);

    const mr_run *run = &plan->runs[event->type];
    if (run->needs_extra)
        mr_profile_need_extra(plan, pool, *row);
    for (size_t i = 0; i < run->step_count; i++) {
        const mr_step *step = &run->steps[i];
        const mr_operation *operation = &plan->operations[step->operation];
        switch ((mr_aggregate)step->aggregate) {
        case MR_AGGREGATE_DISTINCT:
            if (count_distinct(pool, step, row, event))
                effect.is_new_order |= operation == plan->orders;
            break;
        case MR_AGGREGATE_LAST_TIMES:
            keep_time(pool, step->length, mr_row_list(*row, step->list_offset),
                      event->time_ms);
            break;
        case MR_AGGREGATE_RECENT_ITEMS:
            keep_item(pool, items, operation, row, event, item);
            break;
        default: apply_number(plan, step, row, event);
        }
    }
    for (size_t i = 0; i < run->series_count; i++) {
        const mr_series *series = &plan->series[run->series[i]];
        if (!has_amount(event, series->of))
            continue;
        mr_day_series_add(pool, series, mr_row_list(*row, series->list_offset),
                          event_day(plan, event), amount_of(event, series->of));
    }
    return effect;
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
    check_list(pool, list, series->entry_bytes);
    int64_t first_day = 0;
    int64_t before = -1;
    for (size_t i = 0; i < list->count; i++) {
        const mr_day_sum *day = mr_day_series_at(pool, series, list, i);
        MR_ASSERT((int64_t)day->day > before);
        MR_ASSERT(day->count > 0);
        before = day->day;
        first_day = i == 0 ? before : first_day;
    }
    MR_ASSERT(first_day + series->keep_days > before);
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
                      const mr_id_table *items, mr_row row)
{
    check_head(row.head);
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_operation *operation = &plan->operations[i];
        if (operation->spec.aggregate == MR_AGGREGATE_RECENT_ITEMS)
            check_history(operation, pool, items, row);
        if (operation->stores && mr_aggregate_keeps_pair(operation->spec.aggregate)) {
            const mr_pair *pair = mr_row_pair(row, operation->number_offset);
            MR_ASSERT(pair->count > 0 || pair->number == 0);
        }
    }
    for (size_t i = 0; i < plan->series_count; i++)
        check_series(&plan->series[i], pool, row);
}
