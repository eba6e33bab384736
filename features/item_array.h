/*
 * Item array: what is kept beside each item, by its number.
 *
 * Units      Elements.
 * Ownership  The caller's: free().
 * Threads    The owner's.
 * Cost       Doubles: amortised constant an item.
 */
#ifndef MR_FEATURES_ITEM_ARRAY_H
#define MR_FEATURES_ITEM_ARRAY_H

#include "core/status.h"

#include <stdlib.h>
#include <string.h>

enum { MR_ITEM_ARRAY_MIN = 1024 };

/* Room for items 0 .. count - 1 of `element_bytes` each, more than there is room for; new ones all
 * zero.  NULL: there is no memory, and the old array stands. */
static inline void *mr_item_array_grow(void *items, size_t *capacity,
                                       size_t element_bytes, size_t count)
{
    size_t wanted = *capacity < MR_ITEM_ARRAY_MIN ? MR_ITEM_ARRAY_MIN : *capacity;
    while (wanted < count)
        wanted *= 2;
    char *grown = realloc(items, wanted * element_bytes);
    if (grown == NULL)
        return NULL;
    memset(grown + *capacity * element_bytes, 0, (wanted - *capacity) * element_bytes);
    *capacity = wanted;
    return grown;
}

#endif
