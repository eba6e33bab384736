/*
 * User state codec: the small picture of one user as a packed value (the `:s` key).
 *
 * Items are stored as their 64-bit keyed hash: ids of any length cost the same, and a
 * dump of the cache does not show what anybody looked at.  The reader asks the model it
 * holds for the id behind a hash; an item the model does not know cannot be scored, and
 * is left out. docs/FORMATS.md gives the layout byte for byte.
 *
 * Units      As in core/user_state.h.
 * Ownership  encode() appends to the caller's buffer.  A decoded state's item ids are
 * lent by whoever resolves them; its user_id is left empty. Threads    Any: pure
 * functions. Cost       About 0.3 us and one hash an item to write; one look-up an item
 * to read.
 */
#ifndef MR_SERVING_USER_STATE_CODEC_H
#define MR_SERVING_USER_STATE_CODEC_H

#include "core/buffer.h"
#include "core/hash.h"
#include "core/status.h"
#include "core/user_state.h"

enum {
    MR_STATE_ITEMS_MAX =
        48, /* the newest ones; with both keys a user stays under 2 KiB */
    MR_STATE_BYTES_MAX = 80 + 14 * MR_STATE_ITEMS_MAX,
};

/* The id behind a hash, lent; empty when it is not known. */
typedef mr_text mr_item_resolve(void *context, uint64_t hash);

/* Append the value.  MR_ERR_INVALID for a negative offset, nothing appended. */
MR_MUST_USE mr_status mr_user_state_encode(const mr_hash_key *key, mr_hash128 user,
                                           const mr_user_state *state, mr_buffer *value);

/* A value that was opened: its summary read, its items still packed.  Lends the value. */
typedef struct mr_user_state_view {
    uint64_t epoch;
    int64_t offset;
    int64_t as_of_ms;
    int64_t first_ms;
    int64_t spend_minor;
    uint32_t events;
    uint32_t purchases;
    uint16_t churn_permille;
    uint8_t churn_tier;
    uint8_t item_count;
    const uint8_t *rows;
} mr_user_state_view;

/* MR_ERR_CORRUPT for anything that encode() would not have written for that user. */
MR_MUST_USE mr_status mr_user_state_open(mr_hash128 user, mr_text value,
                                         mr_user_state_view *ret_view);

/* An item that nobody has named yet. */
typedef struct mr_packed_item {
    uint64_t hash; /* mr_hash_item() */
    uint32_t time_s;
    uint8_t type; /* mr_event_type */
    uint8_t weight;
} mr_packed_item;

mr_packed_item mr_user_state_item(const mr_user_state_view *view, uint8_t index);

/* Something the user bought, as rules look for it. */
typedef struct mr_purchase {
    uint64_t hash; /* mr_hash_item() */
    uint32_t time_s;
} mr_purchase;

/* The purchases among the items; how many. */
size_t mr_user_state_purchases(const mr_user_state_view *view,
                               mr_purchase ret_purchases[MR_STATE_ITEMS_MAX]);

/* The whole state.  Items that nobody can name are left out. */
void mr_user_state_resolve(const mr_user_state_view *view, mr_item_resolve *resolve,
                           void *context, mr_user_state *ret_state);

/* Open and resolve. */
MR_MUST_USE mr_status mr_user_state_decode(mr_hash128 user, mr_text value,
                                           mr_item_resolve *resolve, void *context,
                                           mr_user_state *ret_state);

#endif
