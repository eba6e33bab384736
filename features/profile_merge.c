#include "features/profile_merge.h"

#include "core/assert.h"

#include <string.h>

enum {
    DAYS_MAX = 2 * MR_DAY_SERIES_DAYS_MAX,
    ENTRIES_MAX = 2 * MR_SHARD_HISTORY_MAX,
};

/* The list holds `count` elements from now on; they may have been its own, copied. */
static void replace(mr_block_pool *pool, mr_list *list, const void *elements,
                    size_t count, size_t element_bytes)
{
    mr_block_pool_free(pool, list->block, list->size_class);
    *list = (mr_list){0};
    mr_list_start(pool, list, count, element_bytes);
    if (count > 0)
        memcpy(mr_list_elements(pool, list), elements, count * element_bytes);
    list->count = (uint16_t)count;
}

static void merge_head(mr_row_head *into, const mr_row_head *from)
{
    const bool was_empty = into->events == 0;
    const uint32_t sessions = (uint32_t)into->sessions + from->sessions;
    if (was_empty || from->first_ms < into->first_ms)
        into->first_ms = from->first_ms;
    if (was_empty || from->newest_ms > into->newest_ms)
        into->newest_ms = from->newest_ms;
    into->events += from->events;
    into->sessions = sessions < UINT16_MAX ? (uint16_t)sessions : UINT16_MAX;
}

static void merge_hours(uint16_t *into, const uint16_t *from)
{
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        const uint32_t sum = (uint32_t)into[hour] + from[hour];
        into[hour] = sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
    }
}

static void merge_days(mr_day_bitmap *into, const mr_day_bitmap *from)
{
    const int64_t newest = (int64_t)from->newest_day_plus_one - 1;
    for (int64_t day = newest; day > newest - MR_PLAN_BITMAP_DAYS; day--) {
        if (mr_day_bitmap_has(from, day))
            mr_day_bitmap_set(into, day);
    }
}

static bool holds(const uint64_t *marks, size_t count, uint64_t mark)
{
    for (size_t i = 0; i < count; i++) {
        if (marks[i] == mark)
            return true;
    }
    return false;
}

static void merge_distinct(mr_block_pool *pool, const mr_operation *operation,
                           mr_row into, mr_row from)
{
    uint64_t marks[ENTRIES_MAX];
    mr_list *list = mr_row_list(into, operation->list_offset);
    const mr_list *added = mr_row_list(from, operation->list_offset);
    const uint64_t *added_marks = mr_list_elements(pool, added);
    const size_t keep = operation->spec.length;
    size_t first = 0;
    size_t end = list->count;
    int64_t known = 0;
    if (end > 0)
        memcpy(marks, mr_list_elements(pool, list), end * sizeof(*marks));
    for (size_t i = 0; i < added->count; i++) {
        if (holds(&marks[first], end - first, added_marks[i])) {
            known++;
            continue;
        }
        marks[end++] = added_marks[i];
        first += end - first > keep;
    }
    *mr_row_number(into, operation->number_offset) +=
        *mr_row_number(from, operation->number_offset) - known;
    replace(pool, list, &marks[first], end - first, sizeof(*marks));
}

static void merge_times(mr_block_pool *pool, const mr_operation *operation, mr_row into,
                        mr_row from)
{
    int64_t times[ENTRIES_MAX];
    mr_list *list = mr_row_list(into, operation->list_offset);
    const mr_list *added = mr_row_list(from, operation->list_offset);
    const int64_t *a = mr_list_elements(pool, list);
    const int64_t *b = mr_list_elements(pool, added);
    const size_t keep = operation->spec.length;
    size_t i = 0;
    size_t j = 0;
    size_t count = 0;
    while (i < list->count || j < added->count) {
        const bool take_a = j == added->count || (i < list->count && a[i] <= b[j]);
        const int64_t time_ms = take_a ? a[i++] : b[j++];
        if (count == 0 || times[count - 1] != time_ms)
            times[count++] = time_ms;
    }
    const size_t skip = count > keep ? count - keep : 0;
    replace(pool, list, &times[skip], count - skip, sizeof(*times));
}

/* Both lists in their common order. */
static size_t interleave(const mr_block_pool *pool, const mr_id_table *items,
                         const mr_list *list, const mr_list *added,
                         mr_history_entry *ret_entries)
{
    const mr_history_entry *a = mr_list_elements(pool, list);
    const mr_history_entry *b = mr_list_elements(pool, added);
    size_t i = 0;
    size_t j = 0;
    while (i < list->count || j < added->count) {
        const bool take_a =
            j == added->count ||
            (i < list->count && mr_history_compare(items, &a[i], &b[j]) <= 0);
        ret_entries[i + j] = take_a ? a[i] : b[j];
        i += take_a;
        j += !take_a;
    }
    return i + j;
}

/* The latest of each type, as many as its quota: taken from the end. */
static void merge_history(mr_block_pool *pool, const mr_id_table *items,
                          const mr_operation *operation, mr_row into, mr_row from)
{
    mr_history_entry entries[ENTRIES_MAX];
    mr_list *list = mr_row_list(into, operation->list_offset);
    const size_t count =
        interleave(pool, items, list, mr_row_list(from, operation->list_offset), entries);
    uint8_t *counts = mr_row_at(into, operation->number_offset);
    memset(counts, 0, MR_QUOTAS_MAX);
    size_t first = count;
    for (size_t i = count; i > 0; i--) {
        size_t quota = 0;
        while (operation->spec.quotas[quota].type != entries[i - 1].type)
            quota++;
        MR_ASSERT(quota < MR_QUOTAS_MAX);
        if (counts[quota] == operation->spec.quotas[quota].keep)
            continue;
        counts[quota]++;
        entries[--first] = entries[i - 1];
    }
    replace(pool, list, &entries[first], count - first, sizeof(*entries));
}

static void add_wrapping(int64_t *sum, int64_t amount)
{
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)amount);
}

static void merge_pair(mr_aggregate aggregate, mr_pair *into, const mr_pair *from)
{
    if (from->count == 0)
        return;
    const bool was_empty = into->count == 0;
    into->count += from->count;
    if (aggregate == MR_AGGREGATE_MEAN)
        add_wrapping(&into->number, from->number);
    else if (was_empty || (aggregate == MR_AGGREGATE_MIN ? from->number < into->number
                                                         : from->number > into->number))
        into->number = from->number;
}

static void merge_number(const mr_operation *operation, mr_row into, mr_row from)
{
    int64_t *number = mr_row_number(into, operation->number_offset);
    const int64_t *added = mr_row_number(from, operation->number_offset);
    switch (operation->spec.aggregate) {
    case MR_AGGREGATE_COUNT:
    case MR_AGGREGATE_SUM: add_wrapping(number, *added); break;
    case MR_AGGREGATE_FIRST_TIME:
        if (*added != 0 && (*number == 0 || *added < *number))
            *number = *added;
        break;
    case MR_AGGREGATE_LAST_TIME: *number = *added > *number ? *added : *number; break;
    case MR_AGGREGATE_DAY_BITMAP:
        merge_days((mr_day_bitmap *)(void *)number,
                   (const mr_day_bitmap *)(const void *)added);
        break;
    case MR_AGGREGATE_HISTOGRAM:
        merge_hours((uint16_t *)(void *)number, (const uint16_t *)(const void *)added);
        break;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_MEAN:
        merge_pair(operation->spec.aggregate, mr_row_pair(into, operation->number_offset),
                   mr_row_pair(from, operation->number_offset));
        break;
    default: MR_ASSERT(false); /* the others store nothing, or lists */
    }
}

static void merge_operation(mr_block_pool *pool, const mr_id_table *items,
                            const mr_operation *operation, mr_row into, mr_row from)
{
    switch (operation->spec.aggregate) {
    case MR_AGGREGATE_DISTINCT: merge_distinct(pool, operation, into, from); break;
    case MR_AGGREGATE_LAST_TIMES: merge_times(pool, operation, into, from); break;
    case MR_AGGREGATE_RECENT_ITEMS:
        merge_history(pool, items, operation, into, from);
        break;
    default: merge_number(operation, into, from);
    }
}

/* Day by day; the newest day of the two decides what is forgotten. */
static void merge_series(mr_block_pool *pool, const mr_series *series, mr_row into,
                         mr_row from)
{
    mr_day_sum days[DAYS_MAX];
    mr_list *list = mr_row_list(into, series->list_offset);
    const mr_list *added = mr_row_list(from, series->list_offset);
    size_t i = 0;
    size_t j = 0;
    size_t count = 0;
    while (i < list->count || j < added->count) {
        const bool take_a =
            j == added->count ||
            (i < list->count && mr_day_series_at(pool, series, list, i)->day <=
                                    mr_day_series_at(pool, series, added, j)->day);
        const mr_day_sum next = take_a ? mr_day_series_get(pool, series, list, i)
                                       : mr_day_series_get(pool, series, added, j);
        i += take_a;
        j += !take_a;
        if (count > 0 && days[count - 1].day == next.day) {
            add_wrapping(&days[count - 1].sum, next.sum);
            days[count - 1].count += next.count;
        } else {
            days[count++] = next;
        }
    }
    size_t old = 0;
    while (old < count &&
           (int64_t)days[old].day + series->keep_days <= (int64_t)days[count - 1].day)
        old++;
    replace(pool, list, NULL, 0, series->entry_bytes);
    mr_list_start(pool, list, count - old, series->entry_bytes);
    for (size_t day = old; day < count; day++)
        mr_day_series_append(pool, series, list, days[day]);
}

bool mr_profile_can_merge(mr_row into, mr_row from)
{
    return from.head->events <= UINT32_MAX - into.head->events;
}

/* An extra part that is not there has nothing to add. */
static bool has_part(mr_row row, uint32_t offset)
{
    return offset < MR_PLAN_EXTRA || row.head->extra_block != 0;
}

void mr_profile_merge(const mr_plan *plan, mr_block_pool *pool, const mr_id_table *items,
                      mr_row into, mr_row from)
{
    MR_ASSERT(mr_profile_can_merge(into, from));
    merge_head(into.head, from.head);
    if (from.head->extra_block != 0)
        mr_profile_need_extra(plan, pool, into);
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_operation *operation = &plan->operations[i];
        if (operation->stores && has_part(from, operation->list_offset))
            merge_operation(pool, items, operation, into, from);
    }
    for (size_t i = 0; i < plan->series_count; i++) {
        if (has_part(from, plan->series[i].list_offset))
            merge_series(pool, &plan->series[i], into, from);
    }
}

static void clear_head(mr_row_head *head)
{
    *head = (mr_row_head){.id = head->id,
                          .id_length = head->id_length,
                          .is_anonymous = head->is_anonymous,
                          .is_changed = head->is_changed,
                          .cut_mark = head->cut_mark};
}

void mr_profile_move(const mr_plan *plan, mr_row row, mr_row ret_to)
{
    *ret_to.head = *row.head;                             /* and with it the extra part */
    memset(&ret_to.head->id, 0, sizeof(ret_to.head->id)); /* the id stays where it is */
    ret_to.head->id_length = 0;
    memcpy(ret_to.body, row.body, plan->body_bytes);
    clear_head(row.head);
    memset(row.body, 0, plan->body_bytes);
    row.side->derived = (mr_row_derived){0};
}

static void free_list(mr_block_pool *pool, mr_list *list)
{
    if (list->block == 0)
        return; /* of an extra part that is not there, it could not be written */
    mr_block_pool_free(pool, list->block, list->size_class);
    *list = (mr_list){0};
}

void mr_profile_free_blocks(const mr_plan *plan, mr_block_pool *pool, mr_row row)
{
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_operation *operation = &plan->operations[i];
        if (mr_aggregate_keeps_list(operation->spec.aggregate))
            free_list(pool, mr_row_list(row, operation->list_offset));
    }
    for (size_t i = 0; i < plan->series_count; i++)
        free_list(pool, mr_row_list(row, plan->series[i].list_offset));
    mr_block_pool_free(pool, row.head->extra_block, mr_block_class_of(plan->extra_bytes));
    row.head->extra_block = 0;
}
