/*
 * Recent readers: whose recommendations were asked for in the last half hour.
 *
 * Readers mark whom they read; the ingest thread makes new lists first for users who were read
 * lately.  A user has two buckets of eight places, each place a part of the user's hash and the
 * minute of the reading.  A mark renews the user's own place, or takes the place that was read
 * longest ago; nothing is ever swept.
 *
 * It may be wrong, and is cheap because it may.  Two threads that take one place in the same
 * instant leave one mark.  Once more than some 400,000 users are read in half an hour, the ones
 * read longest ago are forgotten.  A stranger is taken for a reader with a chance of 2^-36 a
 * question.  Each error costs a list made sooner or later than it might be, never a stale answer:
 * who finds a state newer than the list scores on the spot.
 *
 * Units      Minutes of the monotonic clock since the table was made.
 * Ownership  The table owns its places; it borrows the clock.
 * Threads    Any, without a lock.
 * Cost       4 MiB.  One look at two cache lines; a store only in a user's first reading a minute.
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

/* For 30 to 31 minutes after a mark. */
bool mr_recent_readers_has(const mr_recent_readers *readers, mr_hash128 user);

#endif
