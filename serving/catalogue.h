/*
 * Catalogue: what the shop sells, as an immutable snapshot.
 *
 * A builder takes items (the last one of an id wins, a deleted one is taken out) and makes a
 * snapshot; app/ publishes it through core/snapshot.h.  Requests look titles and prices up in it,
 * and rules ask it what must not be shown.  The builder stays, so that the next snapshot costs a
 * copy of the rows and not another reading of the topic.  Categories, brands and pairs of
 * attribute and value are interned: each is a word, a u32 that holds in its own catalogue.
 *
 * Units      Prices in minor units.  Sizes in bytes.
 * Ownership  The builder owns copies of the items.  A catalogue owns its rows and lends them until
 *            it is destroyed.
 * Threads    A builder: one thread.  A catalogue: any, it never changes.
 * Cost       find: one probe.  build: 0.5 to 0.8 us an item; it is cheaper to put
 *            many items and then build once.
 */
#ifndef MR_SERVING_CATALOGUE_H
#define MR_SERVING_CATALOGUE_H

#include "core/hash.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/catalogue_item.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_catalogue mr_catalogue;
typedef struct mr_catalogue_builder mr_catalogue_builder;

MR_MUST_USE mr_status mr_catalogue_builder_create(const mr_hash_key *key,
                                                  mr_catalogue_builder **ret_builder);
void mr_catalogue_builder_destroy(mr_catalogue_builder *builder); /* NULL allowed */

/* Copy the item in, in place of an older one; a deleted item is taken out.  Its categories and
 * attributes are within the bounds of catalogue_item.h.  MR_ERR_NO_MEMORY: unchanged. */
MR_MUST_USE mr_status mr_catalogue_builder_put(mr_catalogue_builder *builder,
                                               const mr_catalogue_item *item);

/* A snapshot of what has been put so far. */
MR_MUST_USE mr_status mr_catalogue_build(mr_catalogue_builder *builder,
                                         mr_catalogue **ret_catalogue);
void mr_catalogue_destroy(void *catalogue); /* NULL allowed; fits mr_snapshot_swap() */

/* In all that follows a NULL catalogue is an empty one. */

size_t mr_catalogue_count(const mr_catalogue *catalogue);

/* NULL when the item is not in it. */
const mr_catalogue_item *mr_catalogue_find(const mr_catalogue *catalogue, mr_text id);

enum { MR_CATALOGUE_FIND_MAX = 16 };

/* The same for a few ids at once, at most MR_CATALOGUE_FIND_MAX: their cache misses overlap. */
void mr_catalogue_find_many(const mr_catalogue *catalogue, const mr_text *const *ids,
                            size_t count, const mr_catalogue_item **ret_items);

/* The item at a place below the count: in the order of their ids. */
const mr_catalogue_item *mr_catalogue_at(const mr_catalogue *catalogue, uint32_t place);

/* Items whose id or title contains `needle` (ASCII case ignored), in the order of their
 * ids. */
size_t mr_catalogue_search(const mr_catalogue *catalogue, mr_text needle,
                           const mr_catalogue_item **ret_items, size_t capacity);

/*
 * The items of a category, newest first; of all of them when it is empty.  Those that say when
 * they were created come first; those that do not follow, the last to arrive first.  An item
 * arrives with the first record of its id, and again after a deletion.  Lends places for
 * mr_catalogue_at(); an item that must not be shown is among them.
 */
size_t mr_catalogue_newest(const mr_catalogue *catalogue, mr_text category,
                           const uint32_t **ret_places);

/* ---- Words: MR_WORD_NONE for what no item of the catalogue has ---- */

uint32_t mr_catalogue_category_word(const mr_catalogue *catalogue, mr_text category);
uint32_t mr_catalogue_brand_word(const mr_catalogue *catalogue, mr_text brand);
uint32_t mr_catalogue_attribute_word(const mr_catalogue *catalogue, mr_text name,
                                     mr_text value);

/* The word of an attribute's name, and that of the name a pair belongs to. */
uint32_t mr_catalogue_name_word(const mr_catalogue *catalogue, mr_text name);
uint32_t mr_catalogue_name_of(const mr_catalogue *catalogue, uint32_t attribute_word);

#endif
