#include "features/tally.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

void mr_tally_deinit(mr_tally *tally)
{
    free(tally->rows);
    *tally = (mr_tally){0};
}

mr_status mr_tally_reserve(mr_tally *tally, size_t more)
{
    const size_t needed = tally->count + more;
    if (needed <= tally->capacity)
        return MR_OK;
    const size_t doubled = 2 * tally->capacity;
    const size_t capacity = needed > doubled ? needed : doubled;
    mr_tally_row *grown = realloc(tally->rows, capacity * sizeof(*grown));
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    tally->rows = grown;
    tally->capacity = capacity;
    return MR_OK;
}

static int compare_keys(const uint32_t *a, const uint32_t *b)
{
    for (size_t i = 0; i < MR_TALLY_KEYS; i++) {
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}

/* The key's row, made if there is none. */
static mr_tally_row *row_of(mr_tally *tally, const uint32_t key[MR_TALLY_KEYS])
{
    size_t low = 0;
    size_t high = tally->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (compare_keys(tally->rows[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    mr_tally_row *place = &tally->rows[low];
    if (low < tally->count && compare_keys(place->key, key) == 0)
        return place;
    MR_ASSERT(tally->count < tally->capacity);
    memmove(place + 1, place, (tally->count - low) * sizeof(*place));
    *place = (mr_tally_row){0};
    memcpy(place->key, key, sizeof(place->key));
    tally->count++;
    return place;
}

void mr_tally_add(mr_tally *tally, const mr_tally_row *row)
{
    mr_tally_row *into = row_of(tally, row->key);
    into->is_changed = true;
    for (size_t i = 0; i < MR_TALLY_VALUES; i++)
        into->values[i] = (int64_t)((uint64_t)into->values[i] + (uint64_t)row->values[i]);
}

void mr_tally_set(mr_tally *tally, const mr_tally_row *row)
{
    *row_of(tally, row->key) = *row;
}

void mr_tally_forget_changes(mr_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++)
        tally->rows[i].is_changed = false;
}
