/*
 * Catalogue: what the shop sells, as an immutable snapshot.
 *
 * A builder takes catalogue records (one an item, the last one wins, an empty value
 * deletes) and makes a snapshot; app/ publishes it through core/snapshot.h.  Requests
 * look titles and prices up in it, and rules ask it what must not be shown.  The builder
 * stays, so the next snapshot costs a copy of the rows and not another reading of the
 * topic.
 *
 * Units      Prices in minor units.  Sizes in bytes.
 * Ownership  The builder owns copies of the records.  A catalogue owns its rows;
 * mr_catalogue_find() lends one until the catalogue is destroyed. Threads    A builder:
 * one thread.  A catalogue: any, it never changes. Cost       find: one probe.  build:
 * one pass over the items.
 */
#ifndef MR_SERVING_CATALOGUE_H
#define MR_SERVING_CATALOGUE_H

#include "core/hash.h"
#include "core/json.h"
#include "core/status.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_CATALOGUE_FIELD_BYTES_MAX = 2048 };

#define MR_PRICE_UNKNOWN INT64_MIN
#define MR_STOCK_UNKNOWN INT64_MIN

typedef struct mr_catalogue_item {
    mr_text id;
    mr_text title;
    mr_text category;
    mr_text brand;
    mr_text currency;
    mr_text image;
    mr_text url;
    int64_t price_minor; /* or MR_PRICE_UNKNOWN              */
    int64_t stock;       /* pieces, or MR_STOCK_UNKNOWN      */
    bool hidden;         /* never to be shown                */
    bool deleted;        /* of a parsed record: take it out  */
} mr_catalogue_item;

typedef struct mr_catalogue mr_catalogue;
typedef struct mr_catalogue_builder mr_catalogue_builder;

/*
 * Read one record: `key` is the item's id, `value` a JSON object
 * {id, title, category, brand, price, currency, image, url, stock, hidden, attributes},
 * all optional; unknown members are ignored, so that a shop can send its own record.  A
 * price is a number or decimal text.  An empty value is a deletion.
 *
 * The item's texts borrow from `key` and from `*ret_json`, which the caller destroys
 * (NULL for a deletion).  MR_ERR_CORRUPT, `ret_error` naming the field and why.
 */
MR_MUST_USE mr_status mr_catalogue_item_parse(mr_text key, mr_text value,
                                              mr_catalogue_item *ret_item,
                                              mr_json **ret_json, mr_error *ret_error);

MR_MUST_USE mr_status mr_catalogue_builder_create(const mr_hash_key *key,
                                                  mr_catalogue_builder **ret_builder);
void mr_catalogue_builder_destroy(mr_catalogue_builder *builder); /* NULL allowed */

/* Copy the item in, in place of an older one; a deleted item is taken out. */
MR_MUST_USE mr_status mr_catalogue_builder_put(mr_catalogue_builder *builder,
                                               const mr_catalogue_item *item);

/* A snapshot of what has been put so far. */
MR_MUST_USE mr_status mr_catalogue_build(const mr_catalogue_builder *builder,
                                         mr_catalogue **ret_catalogue);
void mr_catalogue_destroy(void *catalogue); /* NULL allowed; fits mr_snapshot_swap() */

size_t mr_catalogue_count(const mr_catalogue *catalogue);

/* NULL when the item is not in it; a NULL catalogue is an empty one. */
const mr_catalogue_item *mr_catalogue_find(const mr_catalogue *catalogue, mr_text id);

/* Items whose id or title contains `needle` (ASCII case ignored), in the order of their
 * ids. */
size_t mr_catalogue_search(const mr_catalogue *catalogue, mr_text needle,
                           const mr_catalogue_item **ret_items, size_t capacity);

/* False for an item that is hidden or known to be out of stock.  An unknown item is
 * shown. */
bool mr_catalogue_item_can_show(const mr_catalogue_item *item);

#endif
