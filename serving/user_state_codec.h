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

/* A set of event types, for mr_user_state_decode_types(). */
#define MR_STATE_TYPE(type) (UINT32_C(1) << (type))
#define MR_STATE_ALL_TYPES UINT32_MAX

/* MR_ERR_CORRUPT for anything that encode() would not have written for that user. */
MR_MUST_USE mr_status mr_user_state_decode(mr_hash128 user, mr_text value,
                                           mr_item_resolve *resolve, void *context,
                                           mr_user_state *ret_state);

/*
 * As above, keeping only the items whose event is of one of `types`: a request that is served from
 * the stored list needs the purchases alone, and each other item would cost a look-up.
 */
MR_MUST_USE mr_status mr_user_state_decode_types(mr_hash128 user, mr_text value,
                                                 uint32_t types, mr_item_resolve *resolve,
                                                 void *context, mr_user_state *ret_state);

#endif
