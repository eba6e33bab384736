/*
 * Change sweep: whose stage of life or level has changed, once a day of event time, as alerts.
 *
 * When a shard's time enters a new day, the stage and the levels of each known user are read and
 * held against what was told of the user last.  An alert goes into the shard's outbox for a user
 * who is dormant, lost or has returned, and for a level that was reached or lost; a level is lost
 * only when the score is clearly below where it begins, so that nobody flaps.  What is found of a user for the first
 * time is noted without a word, and users that the plan's rule takes for bots are passed over.
 *
 * What was told is derived state: it is in the checkpoint and never hashed.
 *
 * Units      Days of the plan's zone; times in ms.
 * Ownership  The outbox takes copies.
 * Threads    The ingest thread.
 * Cost       Some hundred ns a user, in slices between batches.
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

#endif
