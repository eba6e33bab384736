#include "serving/id_set.h"

#include "core/assert.h"
#include "core/hash.h"

#include <string.h>

enum { LIST_MAX = 8, SLOTS_MIN = 32 };
_Static_assert(MR_ID_SET_MAX < UINT16_MAX, "a slot holds a place, counted from 1");

/* The slot where the id is, or the free one where it would go. */
static uint32_t probe(const mr_id_set *set, mr_text id)
{
    uint32_t at = (uint32_t)mr_hash_bytes(id.bytes, id.length) & set->mask;
    while (set->slots[at] != 0 && !mr_text_equal(set->ids[set->slots[at] - 1], id))
        at = (at + 1) & set->mask;
    return at;
}

mr_status mr_id_set_init(mr_id_set *ret_set, const mr_text *ids, size_t count,
                         mr_arena *arena)
{
    MR_ASSERT(count <= MR_ID_SET_MAX);
    mr_id_set set = {.ids = ids, .count = count};
    if (count > LIST_MAX) {
        uint32_t slots = SLOTS_MIN;
        while (slots < 2 * count)
            slots *= 2;
        uint16_t *table = mr_arena_allocate(arena, slots * sizeof(*table));
        if (table == NULL)
            return MR_ERR_NO_MEMORY;
        memset(table, 0, slots * sizeof(*table));
        set.slots = table;
        set.mask = slots - 1;
        for (size_t i = 0; i < count; i++)
            table[probe(&set, ids[i])] = (uint16_t)(i + 1);
    }
    *ret_set = set;
    return MR_OK;
}

bool mr_id_set_contains(const mr_id_set *set, mr_text id)
{
    if (set->slots != NULL)
        return set->slots[probe(set, id)] != 0;
    for (size_t i = 0; i < set->count; i++) {
        if (mr_text_equal(set->ids[i], id))
            return true;
    }
    return false;
}
