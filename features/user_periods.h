/*
 * User periods: the days, weeks or months in which a user was active, or bought.
 *
 * They are read off what a profile keeps, so that a user's activity is counted once wherever it
 * came from, and moves with a profile that is linked.  Activity of any kind: the 128 days up to the
 * user's newest one and the weeks of those days, 48 months; purchases: the days of the plan's
 * purchase series (300 in the default plan) and their weeks, 48 months.
 *
 * Units      Periods since the epoch (features/period.h).
 * Ownership  A plain value.
 * Threads    The shard's owner.
 * Cost       Some hundred ns a user.
 */
#ifndef MR_FEATURES_USER_PERIODS_H
#define MR_FEATURES_USER_PERIODS_H

#include "features/period.h"
#include "features/shard.h"

typedef enum mr_activity_kind {
    MR_ACTIVITY_ANY = 0,
    MR_ACTIVITY_PURCHASE,
    MR_ACTIVITY_KINDS,
} mr_activity_kind;

const char *mr_activity_kind_name(mr_activity_kind kind); /* "any", "purchase" */

enum { MR_USER_PERIODS_MAX = 1000 };

typedef struct mr_user_periods {
    int64_t first; /* the period of the first event ever, or purchase; -1: none */
    size_t count;
    int64_t periods[MR_USER_PERIODS_MAX]; /* ascending; what is known of them */
} mr_user_periods;

/* How many periods up to the newest event are known of every user; 0: the plan keeps nothing to
 * tell them by. */
size_t mr_user_periods_horizon(const mr_plan *plan, mr_activity_kind kind,
                               mr_period period);

void mr_user_periods_get(const mr_shard *shard, uint32_t row, mr_activity_kind kind,
                         mr_period period, mr_user_periods *ret_periods);

#endif
