/*
 * Words: the texts of events that profiles name by number: categories, brands, devices.
 *
 * Units      Numbers from 0, in the order of first appearance; a price band is a range of major
 *            units, "20-50".
 * Ownership  The table copies; an event's texts are lent.
 * Threads    The table's owner.
 * Cost       One probe a text; of one that was numbered lately, a comparison.
 */
#ifndef MR_FEATURES_WORDS_H
#define MR_FEATURES_WORDS_H

#include "core/event.h"
#include "core/id_table.h"
#include "features/plan_layout.h"

enum { MR_WORD_MEMO_ENTRIES = 512 };

/* Texts of up to 16 bytes that were numbered lately, whole in two words: an event's texts are few,
 * and come again.  Zero-initialise; it goes with one table. */
typedef struct mr_word_memo {
    struct mr_known_word {
        uint64_t first;
        uint64_t last;
        uint32_t length; /* 0: free */
        uint32_t number;
    } known[MR_WORD_MEMO_ENTRIES];
} mr_word_memo;

/* What an event says in a field of text; empty where it says nothing, or the field is none. */
mr_text mr_event_text(const mr_event *event, mr_of of);

/* MR_ERR_FULL: there are MR_WORDS_MAX; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_words_put(mr_id_table *words, mr_text text,
                                   uint32_t *ret_number);

/* The numbers of what an event says that the plan has words for, `ret_numbers`
 * [MR_WORD_FIELDS], and its placement's name put beside them; new texts get theirs while there are fewer than MR_WORDS_MAX, later ones are
 * passed over like no text.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_words_number(mr_id_table *words, mr_word_memo *memo,
                                      const mr_plan *plan, const mr_event *event,
                                      uint32_t *ret_numbers);

#endif
