/*
 * Sums by the day, sparse and sorted.
 *
 * What is kept is a function of the set of amounts added: those of the `keep_days` days up to
 * the newest one.  An amount that is older on arrival would have been dropped when the newest
 * day came, so dropping it at once is the same.
 */
#include "features/profile.h"

#include "core/assert.h"

#include <string.h>

__extension__ typedef __int128 wide; /* 64-bit sum times 30-bit share */

static bool keeps_sums(const mr_series *series)
{
    return series->entry_bytes == sizeof(mr_day_sum);
}

mr_day_sum mr_day_series_get(const mr_block_pool *pool, const mr_series *series,
                             const mr_list *list, size_t index)
{
    mr_day_sum day = {0};
    memcpy(&day, mr_day_series_at(pool, series, list, index), series->entry_bytes);
    return day;
}

void mr_day_series_append(mr_block_pool *pool, const mr_series *series, mr_list *list,
                          mr_day_sum day)
{
    memcpy(mr_list_insert(pool, list, list->count, series->entry_bytes), &day,
           series->entry_bytes);
}

int64_t mr_day_series_join(const mr_series *series, int64_t a, int64_t b)
{
    switch (series->extreme) {
    case MR_AGGREGATE_MIN: return a < b ? a : b;
    case MR_AGGREGATE_MAX: return a > b ? a : b;
    default: return (int64_t)((uint64_t)a + (uint64_t)b); /* wraps, in any order */
    }
}

bool mr_day_series_extreme(const mr_block_pool *pool, const mr_series *series,
                           const mr_list *list, int64_t at_day, int64_t days,
                           int64_t *ret_number)
{
    bool is_there = false;
    const mr_day_sum *entries = mr_list_elements(pool, list);
    for (size_t i = list->count; i > 0 && entries[i - 1].day > at_day - days; i--) {
        const mr_day_sum *entry = &entries[i - 1];
        if (entry->day > at_day)
            continue;
        *ret_number =
            is_there ? mr_day_series_join(series, *ret_number, entry->sum) : entry->sum;
        is_there = true;
    }
    return is_there;
}

int64_t mr_series_day(const mr_plan *plan, const mr_series *series, int64_t time_ms)
{
    const int64_t day = series->is_hourly ? time_ms / MR_HOUR_MS
                                          : mr_zone_day(&plan->settings.zone, time_ms);
    return day < UINT32_MAX ? day : UINT32_MAX;
}

void mr_day_series_add(mr_block_pool *pool, const mr_series *series, mr_list *list,
                       int64_t day, int64_t amount)
{
    const size_t count = list->count;
    const int64_t newest =
        count > 0 ? (int64_t)mr_day_series_at(pool, series, list, count - 1)->day : day;
    if (day + series->keep_days <= newest)
        return;

    size_t index = count; /* most events are of the newest day: look from the end */
    mr_day_sum *entry = NULL;
    while (index > 0) {
        entry = mr_day_series_at(pool, series, list, index - 1);
        if ((int64_t)entry->day <= day)
            break;
        index--;
    }
    if (index > 0 && (int64_t)entry->day == day) {
        entry->count++;
        if (keeps_sums(series))
            entry->sum = mr_day_series_join(series, entry->sum, amount);
        return;
    }
    if (day > newest) {
        /* Forget first, so that a full list does not grow. */
        size_t old = 0;
        while (old < count && (int64_t)mr_day_series_at(pool, series, list, old)->day +
                                      series->keep_days <=
                                  day)
            old++;
        mr_list_remove(pool, list, 0, old, series->entry_bytes);
        index = list->count;
    }
    const mr_day_sum made = {.day = (uint32_t)day, .count = 1, .sum = amount};
    memcpy(mr_list_insert(pool, list, index, series->entry_bytes), &made,
           series->entry_bytes);
}

uint64_t mr_day_series_count(const mr_block_pool *pool, const mr_series *series,
                             const mr_list *list, int64_t at_day, int64_t days)
{
    uint64_t count = 0;
    for (size_t i = list->count; i > 0; i--) {
        const mr_day_sum *entry = mr_day_series_at(pool, series, list, i - 1);
        if (entry->day <= at_day - days)
            break;
        if (entry->day <= at_day)
            count += entry->count;
    }
    return count;
}

int64_t mr_day_series_sum(const mr_block_pool *pool, const mr_series *series,
                          const mr_list *list, int64_t at_day, int64_t days)
{
    if (!keeps_sums(series))
        return 0; /* of no field: so is every amount */
    const mr_day_sum *entries = mr_list_elements(pool, list);
    uint64_t sum = 0;
    for (size_t i = list->count; i > 0 && entries[i - 1].day > at_day - days; i--) {
        if (entries[i - 1].day <= at_day)
            sum += (uint64_t)entries[i - 1].sum;
    }
    return (int64_t)sum;
}

int64_t mr_day_series_fading(const mr_block_pool *pool, const mr_series *series,
                             const mr_list *list, int64_t at_day, uint16_t half_life_days)
{
    if (!keeps_sums(series))
        return 0;
    const mr_day_sum *entries = mr_list_elements(pool, list);
    const int64_t scale = (int64_t)1 << MR_PLAN_FADE_BITS;
    uint64_t sum = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (entries[i].day > at_day)
            continue;
        const int64_t share =
            (int64_t)mr_plan_fade(half_life_days, at_day - (int64_t)entries[i].day);
        sum += (uint64_t)(int64_t)((wide)entries[i].sum * share / scale);
    }
    return (int64_t)sum;
}

bool mr_day_series_mean(const mr_block_pool *pool, const mr_series *series,
                        const mr_list *list, int64_t at_day, int64_t days,
                        int64_t *ret_mean)
{
    const uint64_t count = mr_day_series_count(pool, series, list, at_day, days);
    if (count == 0 || !keeps_sums(series))
        return false;
    *ret_mean = mr_day_series_sum(pool, series, list, at_day, days) / (int64_t)count;
    return true;
}

bool mr_day_series_fading_mean(const mr_block_pool *pool, const mr_series *series,
                               const mr_list *list, int64_t at_day,
                               uint16_t half_life_days, int64_t *ret_mean)
{
    if (!keeps_sums(series))
        return false;
    const mr_day_sum *entries = mr_list_elements(pool, list);
    wide sum = 0;
    wide count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (entries[i].day > at_day)
            continue;
        const int64_t share =
            (int64_t)mr_plan_fade(half_life_days, at_day - (int64_t)entries[i].day);
        sum += (wide)entries[i].sum * share;
        count += (wide)entries[i].count * share;
    }
    if (count == 0)
        return false;
    *ret_mean = (int64_t)(sum / count);
    return true;
}

static uint64_t bitmap_half(const mr_day_bitmap *bitmap, size_t half)
{
    return (uint64_t)bitmap->bits[2 * half + 1] << 32 | bitmap->bits[2 * half];
}

static void move_bitmap(mr_day_bitmap *bitmap, uint64_t days)
{
    uint64_t low = bitmap_half(bitmap, 0);
    uint64_t high = bitmap_half(bitmap, 1);
    if (days >= 64) {
        high = days < MR_PLAN_BITMAP_DAYS ? low << (days - 64) : 0;
        low = 0;
    } else if (days > 0) {
        high = high << days | low >> (64 - days);
        low <<= days;
    }
    for (size_t i = 0; i < 2; i++) {
        bitmap->bits[i] = (uint32_t)(low >> (32 * i));
        bitmap->bits[2 + i] = (uint32_t)(high >> (32 * i));
    }
}

int64_t mr_day_bitmap_newest(const mr_day_bitmap *bitmap)
{
    return (bitmap->bits[0] & 1) != 0 ? (int64_t)bitmap->newest_day : -1;
}

void mr_day_bitmap_set(mr_day_bitmap *bitmap, int64_t day)
{
    const int64_t newest = mr_day_bitmap_newest(bitmap);
    MR_ASSERT(day >= 0);
    MR_ASSERT(day <= UINT32_MAX);
    if (day > newest) {
        if (newest >= 0)
            move_bitmap(bitmap, (uint64_t)(day - newest));
        bitmap->newest_day = (uint32_t)day;
    }
    const uint32_t age = bitmap->newest_day - (uint32_t)day;
    if (age < MR_PLAN_BITMAP_DAYS)
        bitmap->bits[age / 32] |= UINT32_C(1) << (age % 32);
}

bool mr_day_bitmap_has(const mr_day_bitmap *bitmap, int64_t day)
{
    const int64_t age = mr_day_bitmap_newest(bitmap) - day;
    if (day < 0 || age < 0 || age >= MR_PLAN_BITMAP_DAYS)
        return false;
    return (bitmap->bits[age / 32] >> (age % 32) & 1) != 0;
}

uint32_t mr_day_bitmap_count(const mr_day_bitmap *bitmap, int64_t at_day, int64_t days)
{
    uint32_t count = 0;
    for (int64_t day = at_day - days + 1; day <= at_day; day++)
        count += mr_day_bitmap_has(bitmap, day);
    return count;
}
