/*
 * Profile merge: two profiles become the one that their events together would have made.
 *
 * Every aggregate is kept in a form that a second one can be added to.  What does not depend on
 * the order of events comes out equal to that of the same events in one profile; sessions, and
 * which order ids are known, follow the log and are merged by the rules below:
 *
 *   sessions   add, ending at 65535: two visits that overlap stay two
 *   distinct   the ids that `from` lists, oldest first, that the list does not hold are appended;
 *              the count grows by that of `from`, less those that the list held
 *
 * Units      As features/profile.h.
 * Ownership  Rows are the caller's; `from` is not changed.
 * Threads    Owner-only.
 * Cost       One pass over both; a block for each list.  Room: the plan's growth_bytes.
 */
#ifndef MR_FEATURES_PROFILE_MERGE_H
#define MR_FEATURES_PROFILE_MERGE_H

#include "features/profile.h"

/* Whether the events of both can be counted; only then may they be merged. */
bool mr_profile_can_merge(mr_row into, mr_row from);

/* `into` may be empty.  The newest record applied (offset, applied_ms) is left to the caller. */
void mr_profile_merge(const mr_plan *plan, mr_block_pool *pool, const mr_names *names,
                      mr_row into, mr_row from);

/* The profile moves to `ret_to`, whose bytes are taken as uninitialised; `row` restarts empty, with
 * its id and what it noted, and without what models said of it.  Its newest record is the caller's
 * to set. */
void mr_profile_move(const mr_plan *plan, mr_row row, mr_row ret_to);

/* Give the blocks of lists and extra part back; the row may only be filled anew after that. */
void mr_profile_free_blocks(const mr_plan *plan, mr_block_pool *pool, mr_row row);

#endif
