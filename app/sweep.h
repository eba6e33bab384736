/*
 * Sweep: a look at every user of a shard, in slices between batches, as of one time.
 *
 * Units      Times in ms of event time; days of whatever clock the sweep goes by.
 * Ownership  A plain value.
 * Threads    The shard's owner.
 * Cost       That of its visits, MR_SWEEP_SLICE_ROWS a slice.
 */
#ifndef MR_APP_SWEEP_H
#define MR_APP_SWEEP_H

#include "core/buffer.h"
#include "features/shard.h"

enum { MR_SWEEP_SLICE_ROWS = 256 };

typedef struct mr_sweep {
    bool is_under_way;
    uint32_t row; /* those below have been looked at */
    int64_t at_ms;
    int64_t day; /* of the newest that was begun; INT64_MIN: none yet */
} mr_sweep;

typedef mr_status mr_sweep_visit(void *context, uint32_t row);

void mr_sweep_begin(mr_sweep *sweep, int64_t at_ms, int64_t day);

/* Look at a slice of the rows.  What a visit returns ends the slice, and the next begins at the
 * same row. */
MR_MUST_USE mr_status mr_sweep_slice(mr_sweep *sweep, const mr_shard *shard,
                                     mr_sweep_visit *visit, void *context);

/* Put an alert that a visit has written into the outbox, and free the text.  MR_ERR_FULL,
 * MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_sweep_raise(mr_shard *shard, const char *id, mr_buffer *text);

#endif
