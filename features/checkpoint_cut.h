/*
 * Checkpoint cut: a shard's state as it was at one record, copied while records go on.
 *
 * Begin copies what is small (counters, days, outbox) and fixes the moment.  The rest is copied
 * in slices between batches; what is about to change before its slice is copied first, on the
 * event path, so that the cut shows one moment whatever happens meanwhile.  An event pays one
 * comparison of a byte in a line it needs anyway.
 *
 * The first cut of an epoch is a base: everything.  Those after it are deltas, of what changed
 * since the last cut that became durable, until there are MR_CHECKPOINT_SEGMENTS_MAX of them,
 * they are together half as large as their base, half of all rows changed, or a write failed.
 *
 * Units      Entries are rows, items and trending items.
 * Ownership  The caller's buffer is borrowed from begin until the last step.
 * Threads    The shard's owner.
 * Cost       Begin: the days and the outbox.  A step: about 0.5 us an entry.
 */
#ifndef MR_FEATURES_CHECKPOINT_CUT_H
#define MR_FEATURES_CHECKPOINT_CUT_H

#include "core/buffer.h"
#include "features/shard.h"

enum { MR_CHECKPOINT_SEGMENTS_MAX = 16 }; /* deltas on one base */

/*
 * Begin a cut that will be written as (epoch, generation), into `buffer` (cleared first).  No cut
 * is under way, and what became of the last one has been told.
 */
void mr_checkpoint_cut_begin(mr_shard *shard, uint64_t epoch, uint64_t generation,
                             mr_buffer *buffer);

/*
 * Copy about `entries` more; returns whether all is copied, and the buffer is then what
 * mr_checkpoint_write() takes.  Out of memory shows there: mr_buffer_status().
 */
bool mr_checkpoint_cut_step(mr_shard *shard, size_t entries);

/* What became of a cut that was copied whole: after one that is not durable comes a base. */
void mr_checkpoint_cut_settle(mr_shard *shard, bool is_durable);

bool mr_checkpoint_cut_is_under_way(
    const mr_shard *shard);                            /* begun and not copied whole */
bool mr_checkpoint_cut_is_base(const mr_shard *shard); /* the last one begun         */

#endif
