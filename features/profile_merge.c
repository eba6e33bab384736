#include "features/profile_merge.h"

#include "core/assert.h"
#include "features/aggregate.h"

#include <string.h>

enum { DAYS_MAX = 2 * MR_DAY_SERIES_DAYS_MAX };

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

/* Day by day; the newest day of the two decides what is forgotten. */
static void merge_series(mr_block_pool *pool, const mr_series *series, mr_row into,
                         mr_row from)
{
    mr_day_sum own[MR_DAY_SERIES_DAYS_MAX];
    mr_day_sum added[MR_DAY_SERIES_DAYS_MAX];
    mr_day_sum days[DAYS_MAX];
    mr_list *list = mr_row_list(into, series->list_offset);
    const size_t own_count = mr_day_series_unpack(pool, series, list, own);
    const size_t added_count =
        mr_day_series_unpack(pool, series, mr_row_list(from, series->list_offset), added);
    size_t i = 0;
    size_t j = 0;
    size_t count = 0;
    while (i < own_count || j < added_count) {
        const bool takes_own =
            j == added_count || (i < own_count && own[i].day <= added[j].day);
        const mr_day_sum next = takes_own ? own[i++] : added[j++];
        if (count > 0 && days[count - 1].day == next.day) {
            days[count - 1].sum =
                mr_day_series_join(series, days[count - 1].sum, next.sum);
            days[count - 1].count += next.count;
        } else {
            days[count++] = next;
        }
    }
    size_t old = 0;
    while (old < count &&
           (int64_t)days[old].day + series->keep_days <= (int64_t)days[count - 1].day)
        old++;
    mr_list_replace(pool, list, NULL, 0, series->slot_bytes);
    mr_day_series_pack(pool, series, list, days + old, count - old);
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

void mr_profile_merge(const mr_plan *plan, mr_block_pool *pool, const mr_names *names,
                      mr_row into, mr_row from)
{
    const mr_merging merging = {pool, names, into, from, into.head->newest_ms};
    MR_ASSERT(mr_profile_can_merge(into, from));
    merge_head(into.head, from.head);
    if (from.head->extra_block != 0)
        mr_profile_need_extra(plan, pool, into);
    for (size_t i = 0; i < plan->operation_count; i++) {
        const mr_operation *operation = &plan->operations[i];
        if (operation->stores && has_part(from, operation->list_offset))
            mr_operation_kind(operation)->merge(&merging, operation);
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
                          .noted_count = head->noted_count,
                          .cut_mark = head->cut_mark};
}

void mr_profile_move(const mr_plan *plan, mr_row row, mr_row ret_to)
{
    mr_row_set_derived(row, (mr_row_derived){0});
    *ret_to.head = *row.head;                             /* and with it the extra part */
    memset(&ret_to.head->id, 0, sizeof(ret_to.head->id)); /* the id stays where it is */
    ret_to.head->id_length = 0;
    ret_to.head->noted_count = 0; /* and so does what was noted */
    memcpy(ret_to.body, row.body, plan->body_bytes);
    clear_head(row.head);
    memset(row.body, 0, plan->body_bytes);
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
        if (mr_operation_kind(operation)->element_bytes > 0)
            free_list(pool, mr_row_list(row, operation->list_offset));
        if (mr_operation_kind(operation)->free_spill != NULL)
            mr_operation_kind(operation)->free_spill(pool, row, operation);
    }
    if (plan->top_count > 0)
        free_list(pool, mr_row_list(row, plan->words_offset));
    for (size_t i = 0; i < plan->series_count; i++)
        free_list(pool, mr_row_list(row, plan->series[i].list_offset));
    mr_block_pool_free(pool, row.head->extra_block, mr_block_class_of(plan->extra_bytes));
    row.head->extra_block = 0;
}
