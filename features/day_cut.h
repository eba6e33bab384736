/*
 * Day cut: the users of a day, as their profiles stood when it was over, taken while records go on.
 *
 * A day of the plan's zone is closed by its *cut*: just before the first record, in the log's
 * order, with an event at or after the midnight that ends it.  At the cut the rows of all known
 * users are taken to whose profile a record was applied since the cut before.  What came of the
 * records does not matter to where the cut lies, and nothing that follows it is in the rows: they
 * are a pure function of the log, however it was cut into batches and wherever a process began
 * again.
 *
 * Begin fixes the moment.  The rows are taken in slices between batches, and one that is about to
 * change before its slice is taken first, on the event path, as a checkpoint's cut does it.
 *
 * The day is the one that the newest event seen before the cut fell on; a day without events has
 * no rows.  A purchase touches its user's row, so whether a customer came back within a window is
 * known from the rows of the days in it (app/day_files.h).
 *
 * Erasing a user is not built yet; when it is, the user's rows must leave these files, too.
 *
 * Units      Times in ms; days of the plan's zone since 1970-01-01.
 * Ownership  The shard borrows the cut from begin to end; it must not move.
 * Threads    The shard's owner.
 * Cost       Begin: a bit a row.  A step: some ns a row, 1 us for one that is taken.  An event
 *            pays the comparison of a pointer.
 */
#ifndef MR_FEATURES_DAY_CUT_H
#define MR_FEATURES_DAY_CUT_H

#include "features/day_rows.h"

typedef struct mr_day_cut {
    mr_day_rows rows;
    uint64_t *seen;   /* a bit a row: taken, or found to be none of the day's */
    uint32_t row;     /* those below have been looked at */
    uint32_t row_end; /* those there were */
} mr_day_cut;

/*
 * Cut the day that the shard's mark says is under way, closed by a record whose newest event is at
 * `crossed_ms`, and go on to the next day.  No cut is under way.  MR_ERR_NO_MEMORY: nothing has
 * changed.
 */
MR_MUST_USE mr_status mr_day_cut_begin(mr_shard *shard, int64_t crossed_ms,
                                       mr_day_cut *ret_cut);

/* Look at so many rows more; returns whether all have been. */
bool mr_day_cut_step(mr_shard *shard, uint32_t rows);

/* Take the rows of a cut all of whose rows have been looked at.  MR_ERR_NO_MEMORY: some are
 * missing. */
MR_MUST_USE mr_status mr_day_cut_end(mr_shard *shard, mr_day_rows *ret_rows);

/* Of a cut that is not ended, when its shard is gone. */
void mr_day_cut_deinit(mr_day_cut *cut);

/* The midnight that ends the day under way; MR_TIME_NONE before the first event. */
int64_t mr_day_end_ms(const mr_shard *shard);

/* Go on to the day of `crossed_ms` without a cut; what comes from here on is touched since this
 * moment, unless there was no event before it. */
void mr_day_next(mr_shard *shard, int64_t crossed_ms);

#endif
