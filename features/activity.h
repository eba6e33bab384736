/*
 * Activity: how many users were active in each period, and where they came from and went.
 *
 * Of a period t: new are those whose first one it is; returning those active in t - 1 as well;
 * resurrected all others.  Dormant are those active in t - 1 and not in t.  So
 *
 *   active(t)      = new(t) + returning(t) + resurrected(t)
 *   active(t)      = active(t - 1) - dormant(t) + new(t) + resurrected(t)
 *   active(t - 1)  = returning(t) + dormant(t)
 *
 * (PostHog's lifecycle, with the first event where it has the person's creation.)  By days there are
 * also the users of the 7 and 30 days that end with each: DAU over MAU is the stickiness.  Users
 * are disjoint between partitions, so shards are summed.
 *
 * Units      Periods since the epoch; users.
 * Ownership  A plain value.
 * Threads    Owner-only.
 * Cost       A user: a pass over their periods, by days thirty times that.
 */
#ifndef MR_FEATURES_ACTIVITY_H
#define MR_FEATURES_ACTIVITY_H

#include "features/user_periods.h"

enum { MR_ACTIVITY_PERIODS_MAX = 400, MR_ACTIVITY_MONTH_DAYS = 30 };

typedef struct mr_activity_period {
    uint64_t active;
    uint64_t fresh; /* new */
    uint64_t returning;
    uint64_t resurrected;
    uint64_t dormant;
    uint64_t active_7;  /* by days: of the 7 that end with it */
    uint64_t active_30; /* the same of 30                     */
} mr_activity_period;

typedef struct mr_activity {
    mr_period period;
    int64_t first; /* of the periods counted */
    size_t count;
    mr_activity_period periods[MR_ACTIVITY_PERIODS_MAX];
} mr_activity;

/* Count the `count` periods up to `last`. */
void mr_activity_init(mr_activity *ret_activity, mr_period period, int64_t last,
                      size_t count);
void mr_activity_add(mr_activity *activity, const mr_user_periods *user);

/* How many users were active on exactly n of the `days` days that end with the last, n from 1:
 * `counts` [days + 1] is added to. */
void mr_activity_add_stickiness(const mr_user_periods *user, int64_t last_day,
                                size_t days, uint64_t *counts);

#endif
