/*
 * Segment changes: which segments a user has entered or left since others were last told.
 *
 * Kept of a user are 54 bits: a rule of the plan each, the RFM segment, and whether the rules were
 * noted at all, those by scores apart.  What is found for the first time is noted without a word: a
 * rule without scores at the first look, scores and what is by them at the first look with
 * thresholds.  Without thresholds what was told of scores stays as it is.
 *
 * Thresholds move with all customers.  A user whose own values are as they were has no news then, so
 * a change by scores is told only if it has happened by the thresholds of the look before as well;
 * else it is noted.  So whoever stands on an edge is not told of to and fro as the edge moves.
 *
 * Units      Segments by their number in the plan; RFM segments one more than theirs, 0: none.
 * Ownership  Plain values.
 * Threads    The shard's owner.
 * Cost       That of the plan's rules; twice that for a user who changes by scores.
 */
#ifndef MR_APP_SEGMENT_CHANGES_H
#define MR_APP_SEGMENT_CHANGES_H

#include "features/segments.h"

typedef struct mr_segment_changes {
    uint64_t told;    /* what to note with mr_shard_set_told_segments() */
    uint64_t entered; /* to be told: bit i is the plan's i-th segment   */
    uint64_t left;
    uint32_t rfm; /* to be told: the RFM segment; 0: no change      */
    uint32_t previous_rfm;
} mr_segment_changes;

/* `quintiles` without customers: there are no thresholds.  Those of the look before are
 * mr_shard_told_by(). */
void mr_segment_changes_of(const mr_shard *shard, const mr_plan *plan, uint32_t row,
                           int64_t at_ms, const mr_quintiles *quintiles,
                           mr_segment_changes *ret_changes);

#endif
