/*
 * Link letters: the links that wait in a shard, as the control records that carry them.
 *
 * A request goes to the partition of the anonymous id, an answer to that of the user, each signed
 * as every control record.  What one checkpoint sends is bounded; the rest goes with the next.
 *
 * Units      Sizes in bytes.
 * Ownership  The box owns copies.
 * Threads    The shard's owner.
 * Cost       A profile written as JSON and a MAC for each answer.
 */
#ifndef MR_APP_LINK_LETTERS_H
#define MR_APP_LINK_LETTERS_H

#include "app/letter_box.h"
#include "core/buffer.h"
#include "features/link.h"

enum {
    MR_LINK_LETTERS_MAX = 8192,           /* of one checkpoint   */
    MR_LINK_LETTERS_BYTES_MAX = 16 << 20, /* and not many more bytes */
};

/*
 * Fill `box` (cleared before) with what waits, oldest first; `ret_sequence` is that of the last one
 * put, 0 when none was.  MR_ERR_NO_MEMORY; MR_ERR_INVALID without a control key.
 */
MR_MUST_USE mr_status mr_link_letters_collect(const mr_shard *shard, const mr_log *events,
                                              const mr_buffer *control_key,
                                              mr_letter_box *box, uint64_t *ret_sequence);

#endif
