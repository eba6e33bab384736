/*
 * Retention: of the users who began in a period, how many came back in the n-th after it.
 *
 * One log gives many answers; each is named in full by its modes.
 *
 *   measure  n_day: a return in the n-th period.  unbounded: in the n-th or a later one, so it never
 *            rises with n.  bracket: in any of the periods i .. j.
 *   clock    calendar: periods of the plan's zone, n their difference.  rolling: n is the number of
 *            whole periods (a day 24 hours, a week 7 days, a month 30) since the beginning, both
 *            times rounded down to the hour, so that 17:59 to 17:00 of the next day is day 1.
 *   cohort   first: each user once, in the period of their first start.  recurring: in each period
 *            with a start.
 *
 * (Mixpanel's, Amplitude's and PostHog's definitions; a number without its modes is none.)
 *
 * Units      Periods since the epoch; hours since the epoch where the clock rolls; users.
 * Ownership  The counts are the retention's own.
 * Threads    Owner-only.
 * Cost       A user: their starts times their returns at most.
 */
#ifndef MR_FEATURES_RETENTION_H
#define MR_FEATURES_RETENTION_H

#include "core/status.h"
#include "features/user_periods.h"

enum {
    MR_RETENTION_COHORTS_MAX = 128,
    MR_RETENTION_PERIODS_MAX = 128, /* n from 0 */
    MR_RETENTION_BRACKETS_MAX = 16,
};

typedef enum mr_retention_measure {
    MR_RETENTION_N_DAY = 0,
    MR_RETENTION_UNBOUNDED,
    MR_RETENTION_BRACKET,
    MR_RETENTION_MEASURES,
} mr_retention_measure;

typedef enum mr_retention_clock {
    MR_RETENTION_CALENDAR = 0,
    MR_RETENTION_ROLLING,
    MR_RETENTION_CLOCKS,
} mr_retention_clock;

typedef enum mr_retention_cohort {
    MR_RETENTION_FIRST = 0,
    MR_RETENTION_RECURRING,
    MR_RETENTION_COHORTS,
} mr_retention_cohort;

const char *mr_retention_measure_name(mr_retention_measure measure); /* "n_day" */
const char *mr_retention_clock_name(mr_retention_clock clock);
const char *mr_retention_cohort_name(mr_retention_cohort cohort);

typedef struct mr_retention_bracket {
    uint32_t first; /* n */
    uint32_t last;
} mr_retention_bracket;

typedef struct mr_retention_options {
    mr_retention_measure measure;
    mr_retention_clock clock;
    mr_retention_cohort cohort;
    mr_period period;
    int64_t first_cohort;
    size_t cohorts;
    size_t columns; /* n from 0 .. columns - 1; of brackets as many as there are */
    mr_retention_bracket brackets[MR_RETENTION_BRACKETS_MAX];
} mr_retention_options;

typedef struct mr_retention {
    mr_retention_options options;
    uint64_t sizes[MR_RETENTION_COHORTS_MAX];
    uint64_t cells[MR_RETENTION_COHORTS_MAX][MR_RETENTION_PERIODS_MAX];
} mr_retention;

void mr_retention_init(mr_retention *ret_retention, const mr_retention_options *options);

/* By the calendar.  `starts` and `returns` ascending, in periods; `first` is the first start ever,
 * which `starts` may have forgotten, or -1. */
void mr_retention_add(mr_retention *retention, int64_t first, const int64_t *starts,
                      size_t start_count, const int64_t *returns, size_t return_count);

/* Rolling.  Hours since the epoch, ascending; `cohorts` are the periods of the starts. */
void mr_retention_add_rolling(mr_retention *retention, const int64_t *start_hours,
                              const int64_t *cohorts, size_t start_count,
                              const int64_t *return_hours, size_t return_count);

/* The last n of which all of a cohort's users have lived through the whole period, as of the period
 * that is running; -1: none. */
int64_t mr_retention_complete(const mr_retention *retention, size_t cohort,
                              int64_t running_period);

#endif
