/*
 * Time zone: where a plan's days and hours begin.
 *
 * A table of what is added to UTC from which instant on, so that a state depends on the plan's text
 * alone and not on the machine's tables of that year.  All zero is UTC.
 *
 * Units      Seconds since the epoch, and to be added to UTC; times in ms.
 * Ownership  A plain value.
 * Threads    Any.
 * Cost       UTC: a comparison.  Else a search among some hundred entries.
 */
#ifndef MR_FEATURES_TIME_ZONE_H
#define MR_FEATURES_TIME_ZONE_H

#include "core/text.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MR_ZONE_CHANGES_MAX = 400,
    MR_ZONE_NAME_BYTES = 48,
    MR_ZONE_OFFSET_MAX = 26 * 3600 /* seconds, either way */
};

typedef struct mr_zone_change {
    int64_t from_s;
    int32_t offset_s;
} mr_zone_change;

typedef struct mr_time_zone {
    char name[MR_ZONE_NAME_BYTES]; /* "": UTC */
    int32_t first_offset_s;        /* before the first change */
    uint32_t count;
    mr_zone_change changes[MR_ZONE_CHANGES_MAX]; /* ascending */
} mr_time_zone;

int64_t mr_zone_offset_ms(const mr_time_zone *zone, int64_t time_ms);

/* What a clock there shows, as if it were UTC; from the epoch on, and not beyond what int64 holds. */
static inline int64_t mr_zone_local_ms(const mr_time_zone *zone, int64_t time_ms)
{
    if (zone->name[0] == '\0')
        return time_ms;
    const int64_t offset_ms = mr_zone_offset_ms(zone, time_ms);
    if (time_ms > INT64_MAX - INT64_C(1000) * MR_ZONE_OFFSET_MAX)
        return time_ms;
    return time_ms + offset_ms > 0 ? time_ms + offset_ms : 0;
}

/* Days of that clock since 1970-01-01. */
static inline int64_t mr_zone_day(const mr_time_zone *zone, int64_t time_ms)
{
    return mr_time_day(mr_zone_local_ms(zone, time_ms));
}

/* The first instant at which that clock has reached `day`; INT64_MAX beyond what int64 holds. */
int64_t mr_zone_midnight_ms(const mr_time_zone *zone, int64_t day);

/* The first of those midnights after `time_ms`, where a clock that was set back over midnight has
 * reached the day once and for all. */
int64_t mr_zone_next_midnight_ms(const mr_time_zone *zone, int64_t time_ms);

bool mr_zone_equal(const mr_time_zone *a, const mr_time_zone *b);

/* Whether it is one that mr_zone_local_ms() may be asked with: in order, offsets within bounds. */
bool mr_zone_is_sound(const mr_time_zone *zone);

#endif
