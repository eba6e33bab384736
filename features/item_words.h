/*
 * Item words: what events last said of an item: its category, its brand, the band of its price.
 *
 * By it the items of a history say what a user is interested in, at no cost to any profile.  Of
 * each field the latest event counts that names it, of two at once the greater text, so that what
 * is kept is a function of the set of events.
 *
 * Units      Seconds since the epoch; numbers of words and items.
 * Ownership  Embedded in the shard; the word table is borrowed.
 * Threads    Owner-only.
 * Cost       24 bytes an item; an event of an item looks at one line.
 */
#ifndef MR_FEATURES_ITEM_WORDS_H
#define MR_FEATURES_ITEM_WORDS_H

#include "core/id_table.h"
#include "core/prefetch.h"
#include "features/plan_layout.h"

enum { MR_ITEM_WORD_FIELDS = 3 }; /* category, brand, price band: MR_OF_CATEGORY + f */

typedef struct mr_item_word {
    uint32_t time_s;
    uint32_t word_plus_one; /* 0: none */
} mr_item_word;

typedef struct mr_item_words {
    mr_item_word (*items)[MR_ITEM_WORD_FIELDS];
    size_t capacity;
} mr_item_words;

void mr_item_words_deinit(mr_item_words *words);
size_t mr_item_words_bytes(const mr_item_words *words);

/* Room for items 0 .. count - 1, new ones without words.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_item_words_reserve(mr_item_words *words, size_t count);

/* Whether putting it would change something; and to do so. */
bool mr_item_words_is_news(const mr_item_words *words, const mr_id_table *table,
                           uint32_t item, int field, mr_item_word word);
void mr_item_words_put(mr_item_words *words, uint32_t item, int field, mr_item_word word);

/* The lines of an item that words will be put to. */
static inline void mr_item_words_prefetch(const mr_item_words *words, uint32_t item)
{
    mr_prefetch_write(&words->items[item][0]);
    mr_prefetch_write(&words->items[item][MR_ITEM_WORD_FIELDS - 1]);
}

/* The number of the word, or MR_ID_NONE. */
static inline uint32_t mr_item_words_get(const mr_item_words *words, uint32_t item,
                                         int field)
{
    return item < words->capacity && words->items[item][field].word_plus_one != 0
               ? words->items[item][field].word_plus_one - 1
               : MR_ID_NONE;
}

#endif
