/*
 * Period: days, weeks and months, each numbered from the one with 1970-01-01.
 *
 * A week begins on Monday; months are those of the calendar.
 *
 * Units      Days and periods since the epoch, from 0.
 * Ownership  Plain values.
 * Threads    Any.
 * Cost       Some divisions.
 */
#ifndef MR_FEATURES_PERIOD_H
#define MR_FEATURES_PERIOD_H

#include "core/text.h"

#include <stdint.h>

typedef enum mr_period {
    MR_PERIOD_DAY = 0,
    MR_PERIOD_WEEK,
    MR_PERIOD_MONTH,
    MR_PERIODS,
} mr_period;

enum {
    MR_PERIOD_WEEK_DAYS = 7,
    MR_PERIOD_EPOCH_WEEKDAY = 3 /* from Monday: a Thursday */
};

static inline int64_t mr_period_of_day(mr_period period, int64_t day)
{
    switch (period) {
    case MR_PERIOD_WEEK: return (day + MR_PERIOD_EPOCH_WEEKDAY) / MR_PERIOD_WEEK_DAYS;
    case MR_PERIOD_MONTH: return mr_month_of_day(day);
    default: return day;
    }
}

/* The first of its days; of the first week, which began before the epoch, day 0. */
static inline int64_t mr_period_first_day(mr_period period, int64_t number)
{
    switch (period) {
    case MR_PERIOD_WEEK:
        return number == 0 ? 0 : number * MR_PERIOD_WEEK_DAYS - MR_PERIOD_EPOCH_WEEKDAY;
    case MR_PERIOD_MONTH: return mr_day_of_month(number);
    default: return number;
    }
}

const char *mr_period_name(mr_period period); /* "day" */

#endif
