/*
 * Catalogue item: what the shop says of one thing it sells.
 *
 * The same struct is what a record of the catalogue topic reads as and what a catalogue lends.
 * Only the latter has words: each category, brand and pair of attribute and value is a number
 * there, so that a filter compares integers.
 *
 * Units      Prices in minor units; created_ms since the Unix epoch.
 * Ownership  Borrows its texts and arrays: from the arena it was read into, or from the catalogue.
 * Threads    A value.
 * Cost       Reading: one pass of the JSON reader and a copy of the texts.
 */
#ifndef MR_SERVING_CATALOGUE_ITEM_H
#define MR_SERVING_CATALOGUE_ITEM_H

#include "core/arena.h"
#include "core/json.h"
#include "core/status.h"
#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MR_CATALOGUE_FIELD_BYTES_MAX = 2048,
    MR_CATALOGUE_CATEGORIES_MAX = 8,
    MR_ATTRIBUTES_MAX = 32,       /* names of one item   */
    MR_ATTRIBUTE_VALUES_MAX = 16, /* of one name         */
    MR_ATTRIBUTE_NAME_BYTES_MAX = 64,
    MR_ATTRIBUTE_VALUE_BYTES_MAX = 256,
};

#define MR_PRICE_UNKNOWN INT64_MIN
#define MR_STOCK_UNKNOWN INT64_MIN
#define MR_CREATED_UNKNOWN INT64_MIN
#define MR_WORD_NONE UINT32_MAX

/* One value of one attribute; a name with three values is three of these. */
typedef struct mr_attribute {
    mr_text name;
    mr_text value;
} mr_attribute;

/* What rules look at comes first: one cache line of a catalogue's item. */
typedef struct mr_catalogue_item {
    mr_text id;
    int64_t price_minor; /* or MR_PRICE_UNKNOWN         */
    int64_t stock;       /* pieces, or MR_STOCK_UNKNOWN */
    /* Words are of a catalogue's item only, and of that catalogue only. */
    const uint32_t *category_words;  /* [category_count]             */
    const uint32_t *attribute_words; /* [attribute_count], ascending */
    uint32_t brand_word;             /* MR_WORD_NONE: no brand       */
    uint16_t attribute_count;
    uint8_t category_count;
    bool hidden;  /* never to be shown        */
    bool deleted; /* of a record: take it out */

    mr_text title;
    mr_text category; /* the main one: the first of `categories` */
    mr_text brand;
    mr_text currency;
    mr_text image;
    mr_text url;
    const mr_text *categories; /* the main one first; none: `category` is all there is */
    const mr_attribute
        *attributes;    /* in the order of the record, a name's values together */
    int64_t created_ms; /* or MR_CREATED_UNKNOWN */
    uint64_t arrival;   /* of a catalogue item: larger is later */
} mr_catalogue_item;

/*
 * Read one record: `key` is the item's id, `value` a JSON object {id, title, category, brand,
 * price, currency, image, url, stock, hidden, created, attributes}, all optional; unknown
 * members are ignored, so that a shop can send its own record.  docs/FORMATS.md has the kinds.
 * An empty value is a deletion.
 *
 * All that the item points at lies in `arena`.  MR_ERR_CORRUPT, `ret_error` naming the field and
 * why; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_catalogue_item_parse(mr_text key, mr_text value, mr_arena *arena,
                                              mr_catalogue_item *ret_item,
                                              mr_error *ret_error);

/* False for an item that is hidden or known to be out of stock. */
bool mr_catalogue_item_can_show(const mr_catalogue_item *item);

/* A price as number or decimal text.  MR_ERR_CORRUPT unless it is one and not negative. */
MR_MUST_USE mr_status mr_price_from_json(mr_json_value *value, int64_t *ret_minor);

/*
 * The value of an attribute as the text it is kept and compared as: a string as it is, 42.0 as
 * "42", true as "true".  Lies in `arena`.  MR_ERR_CORRUPT for anything else, an empty string and
 * one that is too long; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_attribute_value_from_json(mr_json_value *value, mr_arena *arena,
                                                   mr_text *ret_text);

/* 1 to MR_ATTRIBUTE_NAME_BYTES_MAX bytes without NUL. */
bool mr_attribute_name_is_valid(mr_text name);

#endif
