/*
 * Change sweep: whose stage of life, level or segments have changed, once a day of event time, as
 * alerts.
 *
 * When a shard's time enters a new day, the stage, the levels and the segments of each known user are
 * read and held against what was told of the user last.  An alert goes into the shard's outbox for a
 * user who is dormant, lost or has returned, for a level that was reached or lost, and for a segment
 * that was entered or left; a level is lost only when the score is clearly below where it begins, and
 * no segment changes because thresholds move (app/segment_changes.h), so that nobody flaps.  What is
 * found of a user for the first time is noted without a word, and users that the plan's rule takes for
 * bots are passed over.
 *
 * On its way the sweep takes the values that the thresholds of scores are of (app/quintile_board.h).
 * It judges by those that were there when it began, of the day before.  A process that starts has none;
 * with the first ones it looks at the same day once more.
 *
 * What was told is derived state: it is in the checkpoint and never hashed.
 *
 * Units      Days of the plan's zone; times in ms.
 * Ownership  The outbox takes copies.
 * Threads    The ingest thread.
 * Cost       1 to 2 us a user with the default plan, in slices between batches.
 */
#ifndef MR_APP_CHANGE_SWEEP_H
#define MR_APP_CHANGE_SWEEP_H

#include "app/owned_shard.h"

enum {
    MR_CHANGE_TIERS_MAX = 3, /* the first of a plan; of others no changes are told */
    MR_CHANGE_MARGIN_PERCENT =
        5, /* of where a level begins, below it, before it is lost */
};

/*
 * Begin a sweep if one is due, and work on a slice of one that is under way.
 *
 * MR_ERR_FULL when the outbox is full: the sweep goes on after the next checkpoint.
 */
MR_MUST_USE mr_status mr_change_sweep(mr_owned_shard *owned);

/* Whether nothing is left to look at, nor will be without another event. */
bool mr_change_sweep_is_settled(const mr_owned_shard *owned);

/* Of a shard that comes (back) to this process: a sweep is due at once. */
void mr_change_sweep_restart(mr_owned_shard *owned);

#endif
