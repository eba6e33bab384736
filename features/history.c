/*
 * The latest items a user touched, so many of each type.
 *
 * The list is sorted by (time, item id, type, weight, session), oldest first, and a full type
 * gives up its smallest entry.  Ids are compared as text: item indices follow the order of
 * arrival, and two shards that saw the same events must keep the same ones.
 */
#include "features/profile.h"

#include "core/assert.h"

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

int mr_history_compare(const mr_id_table *items, const mr_history_entry *a,
                       const mr_history_entry *b)
{
    int order = compare_numbers(a->time_s, b->time_s);
    if (order == 0 && a->item != b->item)
        order = mr_text_compare(mr_id_table_id(items, a->item),
                                mr_id_table_id(items, b->item));
    if (order == 0)
        order = compare_numbers(a->type, b->type);
    if (order == 0)
        order = compare_numbers(a->weight, b->weight);
    return order != 0 ? order : compare_numbers(a->session, b->session);
}

static size_t quota_index(const mr_operation *operation, uint8_t type)
{
    size_t index = 0;
    while (operation->spec.quotas[index].type != type)
        index++;
    MR_ASSERT(index < MR_QUOTAS_MAX);
    return index;
}

void mr_history_add(mr_block_pool *pool, const mr_id_table *items,
                    const mr_operation *operation, mr_list *list, uint8_t *counts,
                    mr_history_entry entry)
{
    const size_t quota = quota_index(operation, entry.type);
    if (counts[quota] == operation->spec.quotas[quota].keep) {
        mr_history_entry *entries = mr_list_elements(pool, list);
        size_t oldest = 0;
        while (entries[oldest].type != entry.type)
            oldest++;
        if (mr_history_compare(items, &entry, &entries[oldest]) <= 0)
            return;
        mr_list_remove(pool, list, oldest, 1, sizeof(entry));
    } else {
        counts[quota]++;
    }
    const mr_history_entry *entries = mr_list_elements(pool, list);
    size_t place = list->count;
    while (place > 0 && mr_history_compare(items, &entry, &entries[place - 1]) < 0)
        place--;
    mr_history_entry *gap = mr_list_insert(pool, list, place, sizeof(entry));
    *gap = entry;
}
