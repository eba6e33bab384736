/*
 * Letter box: log entries that wait for a checkpoint.
 *
 * Dead letters must be in their topic before a checkpoint passes their offset, and alerts may
 * go to theirs only after it.  Either way they wait, copied, between the batch that made them
 * and the checkpoint thread that appends them.
 *
 * Units      Sizes in bytes.
 * Ownership  The box owns copies of all it was given until it is cleared.
 * Threads    One at a time: the shard's owner, then the checkpoint thread.
 * Cost       A copy an entry; memory is kept by clear.
 */
#ifndef MR_APP_LETTER_BOX_H
#define MR_APP_LETTER_BOX_H

#include "core/arena.h"
#include "ingest/log.h"

typedef struct mr_letter_box {
    mr_arena *arena;
    mr_log_entry *entries;
    size_t count;
    size_t capacity;
    size_t bytes;
} mr_letter_box;

MR_MUST_USE mr_status mr_letter_box_init(mr_letter_box *ret_box);
void mr_letter_box_deinit(mr_letter_box *box); /* an all-zero one is allowed */
void mr_letter_box_clear(mr_letter_box *box);

/* Copy the entry with its key, value and headers. */
MR_MUST_USE mr_status mr_letter_box_put(mr_letter_box *box, const mr_log_entry *entry);

/* Append all of them and wait until they are durable; an empty box is MR_OK. */
MR_MUST_USE mr_status mr_letter_box_append(const mr_letter_box *box, mr_log *log,
                                           mr_error *ret_error);

/* The same by mr_log_append_in_order(). */
MR_MUST_USE mr_status mr_letter_box_append_in_order(const mr_letter_box *box, mr_log *log,
                                                    mr_error *ret_error);

#endif
