/*
 * Catalogue words: the categories, brands and attributes of a catalogue as numbers.
 *
 * Each kind has its own texts: the category "red" and the brand "red" are two words.  A pair of
 * attribute and value is one word, and knows the word of its name.  Words are counted by use, so
 * that a shop whose records say something new each day does not fill the memory with what nobody
 * says any more: a copy leaves those out, and keeps the order.
 *
 * Units      None.
 * Ownership  Owns copies of the texts and lends them until deinit.
 * Threads    Owner-only while it grows; any readers once nobody puts.
 * Cost       put and find: one probe.
 */
#ifndef MR_SERVING_CATALOGUE_WORDS_H
#define MR_SERVING_CATALOGUE_WORDS_H

#include "core/hash.h"
#include "core/id_table.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/catalogue_item.h"

#include <stdint.h>

typedef enum mr_word_kind {
    MR_WORD_OF_CATEGORY = 'c',
    MR_WORD_OF_BRAND = 'b',
    MR_WORD_OF_NAME = 'n',
} mr_word_kind;

/* Zero-initialise, then init. */
typedef struct mr_catalogue_words {
    mr_id_table *table;
    uint32_t *name_of; /* of a pair; MR_WORD_NONE for the other kinds */
    uint32_t *uses;
    uint32_t capacity; /* of the two arrays */
    uint32_t used;     /* words with a use  */
} mr_catalogue_words;

MR_MUST_USE mr_status mr_catalogue_words_init(mr_catalogue_words *words,
                                              const mr_hash_key *key);
void mr_catalogue_words_deinit(mr_catalogue_words *words); /* all-zero allowed */

uint32_t mr_catalogue_words_count(const mr_catalogue_words *words);

/* The word, made now if it is new, with no use yet.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_catalogue_words_put(mr_catalogue_words *words, mr_word_kind kind,
                                             mr_text text, uint32_t *ret_word);
MR_MUST_USE mr_status mr_catalogue_words_put_pair(mr_catalogue_words *words,
                                                  const mr_attribute *attribute,
                                                  uint32_t *ret_word);

/* MR_WORD_NONE when there is none. */
uint32_t mr_catalogue_words_find(const mr_catalogue_words *words, mr_word_kind kind,
                                 mr_text text);
uint32_t mr_catalogue_words_find_pair(const mr_catalogue_words *words,
                                      const mr_attribute *attribute);

/* One use more, or one less; MR_WORD_NONE is nothing. */
void mr_catalogue_words_use(mr_catalogue_words *words, uint32_t word);
void mr_catalogue_words_release(mr_catalogue_words *words, uint32_t word);

/* What the word says; a pair's name and value. */
mr_text mr_catalogue_words_text(const mr_catalogue_words *words, uint32_t word);
mr_attribute mr_catalogue_words_pair(const mr_catalogue_words *words, uint32_t word);

/*
 * The words in use, with their uses, as a set of its own; ret_map[word] is what each has become,
 * MR_WORD_NONE when it was left out.  Larger words stay larger.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_catalogue_words_copy(const mr_catalogue_words *words,
                                              const mr_hash_key *key,
                                              mr_catalogue_words *ret_words,
                                              uint32_t *ret_map);

#endif
