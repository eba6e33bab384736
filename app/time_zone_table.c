#include "app/time_zone_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { DAY_S = 86400, PATH_BYTES = 256 };

static const int64_t END_S = UINT32_MAX;

static const char *directory(void)
{
    const char *given = getenv("TZDIR");
    return given != NULL && given[0] != '\0' ? given : "/usr/share/zoneinfo";
}

/* A path below the tables, and nothing else: the library takes any file, and an unknown name for UTC. */
static bool is_there(mr_text name)
{
    char path[PATH_BYTES];
    struct stat about;
    if (name.length == 0 || name.length >= MR_ZONE_NAME_BYTES || name.bytes[0] == '/')
        return false;
    for (uint32_t i = 0; i < name.length; i++) {
        const char c = name.bytes[i];
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || (c != '\0' && strchr("/_+-", c));
        if (!is_plain)
            return false;
    }
    (void)snprintf(path, sizeof(path), "%s/%.*s", directory(), MR_TEXT_ARG(name));
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

static int32_t offset_at(int64_t time_s)
{
    const time_t at = (time_t)time_s;
    struct tm local;
    return localtime_r(&at, &local) != NULL ? (int32_t)local.tm_gmtoff : 0;
}

/* The first second with the offset of `high`, which `low` does not have. */
static int64_t change_between(int64_t low, int64_t high)
{
    const int32_t offset_s = offset_at(high);
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (offset_at(middle) == offset_s)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* False when there are more changes than a table holds. */
static bool read_changes(mr_time_zone *zone)
{
    int32_t before = offset_at(0);
    zone->first_offset_s = before;
    for (int64_t day = DAY_S; day < END_S; day += DAY_S) {
        const int32_t offset_s = offset_at(day);
        if (offset_s == before)
            continue;
        if (zone->count == MR_ZONE_CHANGES_MAX)
            return false;
        zone->changes[zone->count++] =
            (mr_zone_change){change_between(day - DAY_S, day), offset_s};
        before = offset_s;
    }
    return true;
}

/* The process' own zone is put back. */
static bool read_zone(mr_text name, mr_time_zone *zone)
{
    const char *given = getenv("TZ");
    char *own = given != NULL ? strdup(given) : NULL;
    char asked[MR_ZONE_NAME_BYTES + 1];
    (void)snprintf(asked, sizeof(asked), ":%.*s", MR_TEXT_ARG(name));
    bool is_read = (given == NULL || own != NULL) && setenv("TZ", asked, 1) == 0;
    tzset();
    is_read = is_read && read_changes(zone);
    if (own != NULL)
        (void)setenv("TZ", own, 1);
    else
        (void)unsetenv("TZ");
    tzset();
    free(own);
    return is_read;
}

mr_status mr_time_zone_find(mr_text name, mr_time_zone *ret_zone, mr_error *ret_error)
{
    *ret_zone = (mr_time_zone){.count = 0};
    if (mr_text_is(name, "UTC"))
        return MR_OK;
    if (!is_there(name))
        return mr_error_set(
            ret_error, MR_ERR_NOT_FOUND,
            "'%.*s' is no time zone of %s; names are such as Asia/Shanghai",
            MR_TEXT_ARG(name), directory());
    (void)snprintf(ret_zone->name, sizeof(ret_zone->name), "%.*s", MR_TEXT_ARG(name));
    return read_zone(name, ret_zone)
               ? MR_OK
               : mr_error_set(ret_error, MR_ERR_INVALID,
                              "'%.*s' changes more often than %d times",
                              MR_TEXT_ARG(name), MR_ZONE_CHANGES_MAX);
}
