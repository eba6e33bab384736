/*
 * Recent readers: whose recommendations were asked for in the last half hour.
 *
 * Readers mark whom they read.  When something new is known of a user, the ingest thread takes the
 * mark and has a list made before all others: one list a reading, so that lists made ahead never
 * cost more than scoring each reader on the spot would, however many events there are.
 *
 * A user has two buckets of eight places, each place a part of the user's hash, whether the mark
 * was taken, and the minute of the reading.  A mark renews the user's own place, or takes one that
 * nobody needs, else that which was read longest ago; nothing is ever swept.
 *
 * The table may be wrong, and is cheap because it may.  Two threads that take one place in the same
 * instant leave one mark.  Once more than some 400,000 users are read in half an hour, the ones
 * read longest ago are forgotten.  A stranger is taken for a reader with a chance of 2^-35 a
 * question.  Each error costs a list made sooner or later than it might be, never a stale answer:
 * who finds a state newer than the list scores on the spot.
 *
 * Units      Minutes of the monotonic clock since the table was made.
 * Ownership  The table owns its places; it borrows the clock.
 * Threads    Any, without a lock.
 * Cost       4 MiB.  One look at two cache lines; a store in a user's first reading a minute and
 *            in the first after a mark was taken.
 */
#ifndef MR_APP_RECENT_READERS_H
#define MR_APP_RECENT_READERS_H

#include "core/clock.h"
#include "core/hash.h"
#include "core/status.h"

#include <stdbool.h>

enum { MR_RECENT_READERS_MINUTES = 30, MR_RECENT_READERS_PLACES = 1 << 19 };

typedef struct mr_recent_readers mr_recent_readers;

MR_MUST_USE mr_status mr_recent_readers_create(const mr_clock *clock,
                                               mr_recent_readers **ret_readers);
void mr_recent_readers_destroy(mr_recent_readers *readers); /* NULL allowed */

void mr_recent_readers_mark(mr_recent_readers *readers, mr_hash128 user);

/* True once for each reading that is at most 30 to 31 minutes ago; readings between two calls count
 * as one. */
bool mr_recent_readers_take(mr_recent_readers *readers, mr_hash128 user);

#endif
