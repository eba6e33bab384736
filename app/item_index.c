#include "app/item_index.h"

#include "core/assert.h"

#include <stdbool.h>
#include <stdlib.h>

typedef struct slot {
    uint64_t hash;
    uint32_t item;
    uint32_t is_used;
} slot;

struct mr_item_index {
    slot *slots;
    uint64_t mask; /* slots - 1, a power of two less one */
    uint32_t items_max;
    uint32_t puts;
};

mr_status mr_item_index_create(uint32_t items_max, mr_item_index **ret_index)
{
    uint64_t count = 2;
    while (count < 2 * (uint64_t)items_max)
        count *= 2;
    mr_item_index *index = calloc(1, sizeof(*index));
    if (index == NULL)
        return MR_ERR_NO_MEMORY;
    index->slots = calloc(count, sizeof(*index->slots));
    index->mask = count - 1;
    index->items_max = items_max;
    if (index->slots == NULL) {
        mr_item_index_destroy(index);
        return MR_ERR_NO_MEMORY;
    }
    *ret_index = index;
    return MR_OK;
}

void mr_item_index_destroy(mr_item_index *index)
{
    if (index == NULL)
        return;
    free(index->slots);
    free(index);
}

/* The slot of the hash, or the free one where it would stand; half of them are free. */
static slot *probe(const mr_item_index *index, uint64_t hash)
{
    uint64_t at = hash & index->mask;
    while (index->slots[at].is_used && index->slots[at].hash != hash)
        at = (at + 1) & index->mask;
    return &index->slots[at];
}

void mr_item_index_put(mr_item_index *index, uint64_t hash, uint32_t item)
{
    MR_ASSERT(index->puts < index->items_max);
    index->puts++;
    slot *place = probe(index, hash);
    *place = (slot){hash, place->is_used ? MR_ITEM_NONE : item, true};
}

uint32_t mr_item_index_find(const mr_item_index *index, uint64_t hash)
{
    const slot *place = probe(index, hash);
    return place->is_used ? place->item : MR_ITEM_NONE;
}
