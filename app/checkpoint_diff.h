/*
 * Checkpoint difference: two states of a partition, line by line.
 *
 * Both are dumped canonically, read as of the same time, and the two sets of lines compared: a
 * line is one feature of one user, one day, one counter.  So a difference is named by the line
 * that shows it, and what the engine does not mean by state does not count.
 *
 * Units      As the canonical dump.
 * Ownership  A difference owns its text.
 * Threads    The owner of the shards.
 * Cost       Both dumps in memory and a sort of each.
 */
#ifndef MR_APP_CHECKPOINT_DIFF_H
#define MR_APP_CHECKPOINT_DIFF_H

#include "core/buffer.h"
#include "features/shard.h"

typedef struct mr_checkpoint_difference {
    uint64_t users_only_a;
    uint64_t users_only_b;
    uint64_t users_changed; /* in both, with a line that differs                    */
    uint64_t lines;         /* that stand in one of the two alone                    */
    mr_buffer counter_lines; /* offsets, counters and times: "-…\n" of a, "+…\n" of b */
    mr_buffer shown;         /* the first of all others, in the same form             */
} mr_checkpoint_difference;

/* Either may be NULL: nothing there.  At most `lines_max` lines are shown.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_checkpoint_diff(const mr_shard *a, const mr_shard *b,
                                         uint64_t lines_max,
                                         mr_checkpoint_difference *ret_difference);
void mr_checkpoint_difference_deinit(mr_checkpoint_difference *difference);

#endif
