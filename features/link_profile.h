/*
 * Link profile: an anonymous profile on its way to a user.
 *
 * It is a row without an id, in one block of the pool: moving a profile out of its row takes no
 * more than that block, so that it can be reserved beforehand.  Between partitions it is JSON, by
 * the names of the plan's features and with item ids in place of numbers, so that the other side
 * needs neither this shard's item table nor the very same plan: a feature it does not know is
 * passed over, one that is not there adds nothing, and of a history what its quotas keep is kept.
 * Everything else must be as the plan keeps it:
 *
 *   events, first_seen, last_seen, sessions   the head, always there
 *   count, sum, first_time, last_time         a number (a time that there is none of is left out)
 *   distinct                                  {"count": n, "ids": [hash, ...]}, oldest first
 *   last_times, day_bitmap                    [time or day, ...], ascending
 *   histogram                                 24 numbers
 *   recent_items                              [[second, "item", type, weight, session], ...]
 *   a day series                              [[day, count, sum], ...], ascending, under the name
 *                                             of the plan's first feature that reads it
 *
 * Units      As features/profile.h; hashes of order ids as signed 64-bit numbers.
 * Ownership  The blocks are the pool's; free what was taken, read or decoded.
 * Threads    Owner-only.
 * Cost       Taking: a copy of the row.  Writing: 30 us, reading: 100 us for a full history.
 */
#ifndef MR_FEATURES_LINK_PROFILE_H
#define MR_FEATURES_LINK_PROFILE_H

#include "core/buffer.h"
#include "features/profile.h"

/* An all-zero one is none. */
typedef struct mr_link_profile {
    uint32_t block;
    uint8_t size_class;
} mr_link_profile;

mr_row mr_link_profile_row(const mr_block_pool *pool, mr_link_profile profile);

/* The most bytes of blocks that one profile takes. */
size_t mr_link_profile_bytes_max(const mr_plan *plan);

/* One of no events, its room reserved.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_link_profile_make(const mr_plan *plan, mr_block_pool *pool,
                                           mr_link_profile *ret_profile);

/* Out of the row, which restarts empty; the lists move.  Reserved before: the row's bytes. */
mr_link_profile mr_link_profile_take(const mr_plan *plan, mr_block_pool *pool,
                                     mr_row row);

void mr_link_profile_free(const mr_plan *plan, mr_block_pool *pool,
                          mr_link_profile profile); /* none allowed */

void mr_link_profile_write(const mr_plan *plan, const mr_block_pool *pool,
                           const mr_names *names, mr_link_profile profile,
                           mr_buffer *json);

/*
 * The profile that `json` describes; new items get their numbers.
 *
 * MR_ERR_CORRUPT when it is not such a profile, and no item has got a number then;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_link_profile_read(const mr_plan *plan, mr_block_pool *pool,
                                           const mr_names *names, mr_text json,
                                           mr_link_profile *ret_profile);

/* Checkpoint form: as a row's, its history behind it. */
void mr_link_profile_encode(const mr_plan *plan, const mr_block_pool *pool,
                            mr_link_profile profile, mr_buffer *buffer);
MR_MUST_USE mr_status mr_link_profile_decode(const mr_plan *plan, mr_block_pool *pool,
                                             const mr_names *names, mr_reader *reader,
                                             mr_link_profile *ret_profile);

#endif
