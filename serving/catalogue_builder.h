/*
 * Catalogue builder: the rows that a catalogue is made of.
 *
 * The inside of mr_catalogue_builder, for catalogue.c, which makes the snapshots.  A row is one
 * block: numbers, words, texts.  The order of ids is kept from one build to the next, so that only
 * new ids are sorted.  Ids and words that nobody uses any more are dropped when they are the
 * larger part.
 *
 * Units      As catalogue.h.
 * Ownership  The builder owns its rows.
 * Threads    Owner-only.
 * Cost       put: a probe an id and a word, and one allocation.
 */
#ifndef MR_SERVING_CATALOGUE_BUILDER_H
#define MR_SERVING_CATALOGUE_BUILDER_H

#include "core/id_table.h"
#include "serving/catalogue.h"
#include "serving/catalogue_words.h"

#include <stdbool.h>

enum { MR_ROW_TEXTS = 5 }; /* id, title, currency, image, url */

typedef struct mr_catalogue_row {
    uint64_t hash; /* of the id */
    uint64_t arrival;
    int64_t price_minor;
    int64_t stock;
    int64_t created_ms;
    uint32_t text_bytes[MR_ROW_TEXTS];
    uint32_t brand_word;
    uint16_t attribute_count;
    uint8_t category_count;
    bool hidden;
    uint32_t words[]; /* of categories, of attributes in their order, of those ascending;
                         then the texts */
} mr_catalogue_row;

struct mr_catalogue_builder {
    mr_hash_key key;
    mr_id_table *ids;
    mr_catalogue_row **rows; /* by index in `ids`; NULL: deleted */
    size_t capacity;
    mr_catalogue_words words;
    uint32_t *by_id; /* the first `sorted` indices, in the order of their ids */
    size_t by_id_capacity;
    uint32_t sorted;
    uint64_t arrivals;
    /* Of all rows together. */
    size_t live;
    size_t text_bytes;
    size_t categories;
    size_t attributes;
};

const uint32_t *mr_catalogue_row_categories(const mr_catalogue_row *row);
const uint32_t *mr_catalogue_row_attributes(const mr_catalogue_row *row);
const uint32_t *mr_catalogue_row_ascending(const mr_catalogue_row *row);
const char *mr_catalogue_row_texts(const mr_catalogue_row *row);

/* Drop what is not used if it is much, and bring `by_id` up to date.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_catalogue_builder_settle(mr_catalogue_builder *builder);

#endif
