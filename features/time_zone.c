#include "features/time_zone.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)

int64_t mr_zone_offset_ms(const mr_time_zone *zone, int64_t time_ms)
{
    const int64_t time_s = time_ms / 1000 - (time_ms % 1000 < 0);
    uint32_t low = 0; /* so many changes have happened */
    uint32_t high = zone->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (zone->changes[middle].from_s <= time_s)
            low = middle + 1;
        else
            high = middle;
    }
    const int32_t offset_s =
        low > 0 ? zone->changes[low - 1].offset_s : zone->first_offset_s;
    return (int64_t)offset_s * 1000;
}

static int64_t change_ms(const mr_time_zone *zone, uint32_t change)
{
    return change < zone->count ? zone->changes[change].from_s * 1000 : INT64_MAX;
}

int64_t mr_zone_midnight_ms(const mr_time_zone *zone, int64_t day)
{
    if (day > INT64_MAX / DAY_MS - 2)
        return INT64_MAX;
    const int64_t local_ms = day * DAY_MS;
    if (zone->name[0] == '\0')
        return local_ms;
    int64_t from_ms = INT64_MIN;
    int32_t offset_s = zone->first_offset_s;
    for (uint32_t next = 0; next < zone->count; next++) {
        const int64_t at_ms = local_ms - (int64_t)offset_s * 1000;
        const int64_t reached_ms = at_ms > from_ms ? at_ms : from_ms;
        if (reached_ms < change_ms(zone, next))
            return reached_ms;
        from_ms = change_ms(zone, next);
        offset_s = zone->changes[next].offset_s;
    }
    const int64_t at_ms = local_ms - (int64_t)offset_s * 1000;
    return at_ms > from_ms ? at_ms : from_ms;
}

int64_t mr_zone_next_midnight_ms(const mr_time_zone *zone, int64_t time_ms)
{
    const int64_t day = mr_zone_day(zone, time_ms);
    const int64_t next_ms = mr_zone_midnight_ms(zone, day + 1);
    return next_ms > time_ms ? next_ms : mr_zone_midnight_ms(zone, day + 2);
}

bool mr_zone_equal(const mr_time_zone *a, const mr_time_zone *b)
{
    if (strcmp(a->name, b->name) != 0 || a->first_offset_s != b->first_offset_s ||
        a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->changes[i].from_s != b->changes[i].from_s ||
            a->changes[i].offset_s != b->changes[i].offset_s)
            return false;
    }
    return true;
}

static bool is_offset(int32_t offset_s)
{
    return offset_s >= -MR_ZONE_OFFSET_MAX && offset_s <= MR_ZONE_OFFSET_MAX;
}

bool mr_zone_is_sound(const mr_time_zone *zone)
{
    if (zone->count > MR_ZONE_CHANGES_MAX || !is_offset(zone->first_offset_s) ||
        memchr(zone->name, '\0', sizeof(zone->name)) == NULL ||
        (zone->name[0] == '\0' && (zone->count > 0 || zone->first_offset_s != 0)))
        return false;
    for (uint32_t i = 0; i < zone->count; i++) {
        if (!is_offset(zone->changes[i].offset_s) ||
            (i > 0 && zone->changes[i].from_s <= zone->changes[i - 1].from_s))
            return false;
    }
    return true;
}
