#include "features/time_zone.h"

#include <string.h>

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
