#include "app/training_set.h"

#include "core/id_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Generic shares of a purchase's say; a catalogue's own taste is the tuner's to find. */
static const float CART_WEIGHT = 0.5F;
static const float VIEW_WEIGHT = 0.2F;
enum { RATING_NEUTRAL_TENTHS = 20, RATING_BEST_TENTHS = 50 };

struct mr_training_rows {
    mr_id_table *table; /* item ids in order of appearance */
    mr_text *ids;       /* after finish: ascending         */
    uint64_t *ptr;
    uint32_t *item; /* before finish: as the table numbers them */
    float *weight;
    uint32_t *time_s;
    uint8_t *bought;
    size_t row_capacity;
    size_t entry_capacity;
    uint32_t row_count;
    mr_training_counts counts;
};

float mr_training_weight(uint8_t type, uint8_t weight)
{
    switch ((mr_event_type)type) {
    case MR_EVENT_PURCHASE: return 1.0F;
    case MR_EVENT_CART_ADD:
    case MR_EVENT_WISHLIST: return CART_WEIGHT;
    case MR_EVENT_VIEW: return VIEW_WEIGHT;
    case MR_EVENT_RATE:
        if (weight <= RATING_NEUTRAL_TENTHS)
            return 0.0F;
        if (weight >= RATING_BEST_TENTHS)
            return 1.0F;
        return (float)(weight - RATING_NEUTRAL_TENTHS) /
               (float)(RATING_BEST_TENTHS - RATING_NEUTRAL_TENTHS);
    default: return 0.0F;
    }
}

mr_status mr_training_rows_create(const mr_hash_key *key, mr_training_rows **ret_rows)
{
    mr_training_rows *rows = calloc(1, sizeof(*rows));
    if (rows == NULL)
        return MR_ERR_NO_MEMORY;
    rows->ptr = calloc(1, sizeof(*rows->ptr));
    if (rows->ptr == NULL || mr_id_table_create(key, &rows->table) != MR_OK) {
        mr_training_rows_destroy(rows);
        return MR_ERR_NO_MEMORY;
    }
    *ret_rows = rows;
    return MR_OK;
}

void mr_training_rows_destroy(mr_training_rows *rows)
{
    if (rows == NULL)
        return;
    mr_id_table_destroy(rows->table);
    free(rows->ids);
    free(rows->ptr);
    free(rows->item);
    free(rows->weight);
    free(rows->time_s);
    free(rows->bought);
    free(rows);
}

static mr_status reserve_entries(mr_training_rows *rows, size_t more)
{
    const size_t needed = (size_t)rows->counts.entries + more;
    if (needed <= rows->entry_capacity)
        return MR_OK;
    const size_t capacity = 2 * needed;
    uint32_t *item = realloc(rows->item, capacity * sizeof(*item));
    rows->item = item != NULL ? item : rows->item;
    float *weight = realloc(rows->weight, capacity * sizeof(*weight));
    rows->weight = weight != NULL ? weight : rows->weight;
    uint32_t *time_s = realloc(rows->time_s, capacity * sizeof(*time_s));
    rows->time_s = time_s != NULL ? time_s : rows->time_s;
    uint8_t *bought = realloc(rows->bought, capacity * sizeof(*bought));
    rows->bought = bought != NULL ? bought : rows->bought;
    if (item == NULL || weight == NULL || time_s == NULL || bought == NULL)
        return MR_ERR_NO_MEMORY;
    rows->entry_capacity = capacity;
    return MR_OK;
}

static mr_status reserve_rows(mr_training_rows *rows, size_t more)
{
    const size_t needed = (size_t)rows->row_count + more;
    if (needed <= rows->row_capacity)
        return MR_OK;
    uint64_t *ptr = realloc(rows->ptr, (2 * needed + 1) * sizeof(*ptr));
    if (ptr == NULL)
        return MR_ERR_NO_MEMORY;
    rows->ptr = ptr;
    rows->row_capacity = 2 * needed;
    return MR_OK;
}

static bool has_different_items(const mr_history_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (entries[i].item != entries[0].item)
            return true;
    return false;
}

/* Leave out the entries that say nothing; returns how many are left. */
static size_t keep_speaking(mr_history_entry *entries, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (mr_training_weight(entries[i].type, entries[i].weight) > 0.0F)
            entries[kept++] = entries[i];
    return kept;
}

static void note_time(mr_training_counts *counts, uint32_t time_s)
{
    if (counts->entries == 0 || time_s < counts->from_s)
        counts->from_s = time_s;
    if (time_s > counts->to_s)
        counts->to_s = time_s;
}

/* `numbers` remembers what the table calls the shard's items. */
static mr_status add_row(mr_training_rows *rows, const mr_shard *shard, uint32_t *numbers,
                         const mr_history_entry *entries, size_t count)
{
    MR_TRY(reserve_entries(rows, count));
    for (size_t i = 0; i < count; i++) {
        const mr_history_entry *entry = &entries[i];
        uint32_t *number = &numbers[entry->item];
        if (*number == MR_ID_NONE)
            MR_TRY(mr_id_table_put(rows->table, mr_shard_item_id(shard, entry->item),
                                   number));
        note_time(&rows->counts, entry->time_s);
        const uint64_t at = rows->counts.entries++;
        rows->item[at] = *number;
        rows->weight[at] = mr_training_weight(entry->type, entry->weight);
        rows->time_s[at] = entry->time_s;
        rows->bought[at] = entry->type == MR_EVENT_PURCHASE;
    }
    rows->ptr[++rows->row_count] = rows->counts.entries;
    return MR_OK;
}

static mr_status add_profiles(mr_training_rows *rows, const mr_shard *shard,
                              uint32_t *numbers, uint32_t *ret_users)
{
    mr_history_entry entries[MR_SHARD_HISTORY_MAX];
    const uint32_t profiles = mr_shard_user_count(shard);
    for (uint32_t row = 0; row < profiles; row++) {
        const bool is_anonymous = mr_shard_is_anonymous(shard, row);
        const size_t count = keep_speaking(
            entries, mr_shard_history(shard, row, entries, MR_SHARD_HISTORY_MAX));
        const bool is_taken =
            is_anonymous ? has_different_items(entries, count) : count > 0;
        if (ret_users != NULL)
            ret_users[row] = is_taken && !is_anonymous ? rows->row_count : MR_ROW_NONE;
        if (!is_taken)
            continue;
        MR_TRY(add_row(rows, shard, numbers, entries, count));
        rows->counts.users += !is_anonymous;
        rows->counts.anonymous += is_anonymous;
    }
    return MR_OK;
}

mr_status mr_training_rows_add(mr_training_rows *rows, const mr_shard *shard,
                               uint32_t *ret_users)
{
    const size_t items = mr_shard_item_count(shard);
    uint32_t *numbers = malloc((items + 1) * sizeof(*numbers));
    if (numbers == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < items; i++)
        numbers[i] = MR_ID_NONE;
    mr_status status = reserve_rows(rows, mr_shard_user_count(shard));
    if (status == MR_OK)
        status = add_profiles(rows, shard, numbers, ret_users);
    free(numbers);
    return status;
}

mr_status mr_training_rows_name(mr_training_rows *rows, mr_text item_id)
{
    uint32_t number = 0;
    return mr_id_table_put(rows->table, item_id, &number);
}

/* ---- finish ---- */

typedef struct named_item {
    mr_text id;
    uint32_t number;
} named_item;

static int compare_names(const void *a, const void *b)
{
    const named_item *x = a;
    const named_item *y = b;
    return mr_text_compare(x->id, y->id);
}

mr_status mr_training_rows_finish(mr_training_rows *rows)
{
    const uint32_t count = mr_id_table_count(rows->table);
    named_item *named = malloc(((size_t)count + 1) * sizeof(*named));
    uint32_t *places = malloc(((size_t)count + 1) * sizeof(*places));
    rows->ids = malloc(((size_t)count + 1) * sizeof(*rows->ids));
    if (named == NULL || places == NULL || rows->ids == NULL) {
        free(named);
        free(places);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++)
        named[i] = (named_item){mr_id_table_id(rows->table, i), i};
    qsort(named, count, sizeof(*named), compare_names);
    for (uint32_t i = 0; i < count; i++) {
        rows->ids[i] = named[i].id;
        places[named[i].number] = i;
    }
    for (uint64_t e = 0; e < rows->counts.entries; e++)
        rows->item[e] = places[rows->item[e]];
    rows->counts.items = count;
    free(named);
    free(places);
    return MR_OK;
}

mr_training_counts mr_training_rows_counts(const mr_training_rows *rows)
{
    return rows->counts;
}

mr_interactions mr_training_rows_view(const mr_training_rows *rows)
{
    return (mr_interactions){.users = rows->row_count,
                             .items = rows->counts.items,
                             .ptr = rows->ptr,
                             .item = rows->item,
                             .weight = rows->weight,
                             .time_s = rows->time_s,
                             .bought = rows->bought};
}

const mr_text *mr_training_rows_item_ids(const mr_training_rows *rows)
{
    return rows->ids;
}
