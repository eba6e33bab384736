/*
 * Shown items: what earlier pages showed, inside the token that asks for the next one.
 *
 * Any node can serve the next page without a repeat, with nothing stored.  Each item shown is a
 * number below MR_SHOWN_PLACES by a keyed hash; the token holds the sorted numbers as Golomb-Rice
 * coded differences [Golomb 1966; Rice 1979] under the deployment's MAC.  A shown item is never
 * forgotten; one that was not shown is taken for shown with a chance of count / MR_SHOWN_PLACES,
 * at most 1 in 4,096.
 *
 *     "n_" base64url( 2 u8, page u8, count u16, rice u8, coded numbers, MAC 8 bytes )
 *
 * Units      Pages count from 0.
 * Ownership  Plain values.
 * Threads    A value.
 * Cost       Reading or writing: one HMAC-SHA-256 and about 5 ns an item.  Asking: a binary
 *            search.
 */
#ifndef MR_SERVING_SHOWN_ITEMS_H
#define MR_SERVING_SHOWN_ITEMS_H

#include "core/hash.h"
#include "core/status.h"
#include "core/text.h"
#include "serving/signed_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_SHOWN_ITEMS_MAX = 400, /* over all pages; then there is no next one */
    MR_SHOWN_PLACES = MR_SHOWN_ITEMS_MAX * 4096,
    MR_SHOWN_PAGE_MAX = 255,
    MR_SHOWN_ITEMS_TEXT_BYTES = 1025, /* with its NUL */
};

/* Zero-initialise before the first page. */
typedef struct mr_shown_items {
    uint32_t page; /* the one that is being asked for */
    uint32_t count;
    uint32_t places[MR_SHOWN_ITEMS_MAX]; /* ascending, none twice */
} mr_shown_items;

bool mr_shown_items_contains(const mr_shown_items *shown, const mr_hash_key *key,
                             mr_text id);

/* The items of a page that was shown: what the next token is made of.  MR_ERR_FULL when they do
 * not fit, or there are too many pages: `shown` unchanged, and this was the last page. */
MR_MUST_USE mr_status mr_shown_items_add_page(mr_shown_items *shown,
                                              const mr_hash_key *key, const mr_text *ids,
                                              size_t count);

/* NUL-terminated.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_shown_items_write(mr_signer *signer, const mr_shown_items *shown,
                                           char ret_text[MR_SHOWN_ITEMS_TEXT_BYTES]);

/* MR_ERR_CORRUPT for a text that is no token of this deployment. */
MR_MUST_USE mr_status mr_shown_items_read(mr_signer *signer, mr_text text,
                                          mr_shown_items *ret_shown);

#endif
