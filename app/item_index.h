/*
 * Item index: from an item's keyed hash back to its number in the model.
 *
 * Cached states hold hashes instead of ids.  The table is filled once and never changed; a hash
 * that two items share names neither of them, since a wrong item is worse than a missing one.
 *
 * Units      Items are indices of the model's dictionary.
 * Ownership  The index owns its table.
 * Threads    Immutable once filled: any.
 * Cost       16 bytes a slot, at most half of them used; one probe a look-up.
 */
#ifndef MR_APP_ITEM_INDEX_H
#define MR_APP_ITEM_INDEX_H

#include "core/scored_item.h"
#include "core/status.h"

#include <stdint.h>

typedef struct mr_item_index mr_item_index;

/* MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_item_index_create(uint32_t items_max, mr_item_index **ret_index);
void mr_item_index_destroy(mr_item_index *index); /* NULL allowed */

/* At most `items_max` times. */
void mr_item_index_put(mr_item_index *index, uint64_t hash, uint32_t item);

/* MR_ITEM_NONE for a hash that no item or more than one has. */
uint32_t mr_item_index_find(const mr_item_index *index, uint64_t hash);

#endif
