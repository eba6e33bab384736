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

_Static_assert(sizeof(mr_day_sum) == 16, "a slot with a sum");

__extension__ typedef __int128 wide; /* 64-bit sum times 30-bit share */

enum {
    SUM_SLOT_BYTES = 16,
    COUNT_SLOT_BYTES = 4,
    COUNT_BITS_OF_DAY = 16,  /* days until the year 2149, 65,535 a slot */
    COUNT_BITS_OF_HOUR = 11, /* hours until the year 2209, 2,047 a slot */
    DIGITS_OF_DAY = 2,
    DIGITS_OF_HOUR = 3,
};

static bool keeps_sums(const mr_series *series)
{
    return series->slot_bytes == SUM_SLOT_BYTES;
}

static uint32_t count_bits(const mr_series *series)
{
    return series->is_hourly ? COUNT_BITS_OF_HOUR : COUNT_BITS_OF_DAY;
}

uint32_t mr_series_day_max(const mr_series *series)
{
    return UINT32_MAX >> count_bits(series);
}

size_t mr_day_series_slot_bytes(bool has_sums)
{
    return has_sums ? SUM_SLOT_BYTES : COUNT_SLOT_BYTES;
}

size_t mr_day_series_bytes_max(const mr_series *series)
{
    const size_t digits = keeps_sums(series)  ? 1
                          : series->is_hourly ? DIGITS_OF_HOUR
                                              : DIGITS_OF_DAY;
    return digits * series->keep_days * series->slot_bytes;
}

/* ---- slots ---- */

/* The slots of a list while nothing is inserted. */
typedef struct slots {
    uint8_t *bytes;
    bool has_sums;
    uint32_t count_bits; /* without sums */
} slots;

static slots slots_of(const mr_block_pool *pool, const mr_series *series,
                      const mr_list *list)
{
    return (slots){mr_list_elements(pool, list), keeps_sums(series), count_bits(series)};
}

static mr_day_sum *sum_slot(const slots *s, size_t index)
{
    return (mr_day_sum *)(void *)(s->bytes + index * SUM_SLOT_BYTES);
}

static uint32_t *count_slot(const slots *s, size_t index)
{
    return (uint32_t *)(void *)(s->bytes + index * COUNT_SLOT_BYTES);
}

static uint32_t digit_max(const slots *s)
{
    return (UINT32_C(1) << s->count_bits) - 1;
}

static uint32_t day_at(const slots *s, size_t index)
{
    return s->has_sums ? sum_slot(s, index)->day : *count_slot(s, index) >> s->count_bits;
}

/* The day whose slots end at `*end`, which goes to where they begin. */
static mr_day_sum take_last(const slots *s, size_t *end)
{
    size_t index = --*end;
    if (s->has_sums)
        return *sum_slot(s, index);
    mr_day_sum day = {.day = day_at(s, index),
                      .count = *count_slot(s, index) & digit_max(s)};
    for (uint32_t shift = s->count_bits; index > 0 && day_at(s, index - 1) == day.day;
         shift += s->count_bits)
        day.count |= (*count_slot(s, --index) & digit_max(s)) << shift;
    *end = index;
    return day;
}

/* Count one more in the day whose last slot is at `index`; reserved before. */
static void count_one(mr_block_pool *pool, mr_list *list, const slots *s, size_t index)
{
    const uint32_t day = day_at(s, index);
    for (;; index--) {
        uint32_t *slot = count_slot(s, index);
        if ((*slot & digit_max(s)) < digit_max(s)) {
            ++*slot;
            return;
        }
        *slot -= digit_max(s); /* and carry */
        if (index == 0 || day_at(s, index - 1) != day)
            break;
    }
    uint32_t *higher = mr_list_insert(pool, list, index, COUNT_SLOT_BYTES);
    *higher = day << s->count_bits | 1;
}

size_t mr_day_series_unpack(const mr_block_pool *pool, const mr_series *series,
                            const mr_list *list, mr_day_sum *ret_days)
{
    const slots s = slots_of(pool, series, list);
    size_t count = 0;
    for (size_t end = list->count; end > 0; count++)
        ret_days[count] = take_last(&s, &end);
    for (size_t i = 0; i < count / 2; i++) {
        const mr_day_sum late = ret_days[i];
        ret_days[i] = ret_days[count - 1 - i];
        ret_days[count - 1 - i] = late;
    }
    return count;
}

static size_t digits_of(uint32_t count, uint32_t bits)
{
    size_t digits = 1;
    for (uint64_t rest = (uint64_t)count >> bits; rest > 0; rest >>= bits)
        digits++;
    return digits;
}

static void append_digits(mr_block_pool *pool, mr_list *list, mr_day_sum day,
                          uint32_t bits)
{
    for (size_t digits = digits_of(day.count, bits); digits > 0; digits--) {
        uint32_t *slot = mr_list_insert(pool, list, list->count, COUNT_SLOT_BYTES);
        const uint64_t rest = (uint64_t)day.count >> (bits * (digits - 1));
        *slot = day.day << bits | (uint32_t)(rest & ((UINT64_C(1) << bits) - 1));
    }
}

void mr_day_series_pack(mr_block_pool *pool, const mr_series *series, mr_list *list,
                        const mr_day_sum *days, size_t count)
{
    const uint32_t bits = count_bits(series);
    size_t slots_needed = 0;
    for (size_t i = 0; i < count; i++)
        slots_needed += keeps_sums(series) ? 1 : digits_of(days[i].count, bits);
    mr_list_start(pool, list, slots_needed, series->slot_bytes);
    for (size_t i = 0; i < count; i++) {
        if (keeps_sums(series))
            memcpy(mr_list_insert(pool, list, list->count, SUM_SLOT_BYTES), &days[i],
                   SUM_SLOT_BYTES);
        else
            append_digits(pool, list, days[i], bits);
    }
}

/* ---- what is kept ---- */

int64_t mr_day_series_join(const mr_series *series, int64_t a, int64_t b)
{
    switch (series->extreme) {
    case MR_AGGREGATE_MIN: return a < b ? a : b;
    case MR_AGGREGATE_MAX: return a > b ? a : b;
    default: return (int64_t)((uint64_t)a + (uint64_t)b); /* wraps, in any order */
    }
}

int64_t mr_series_day(const mr_plan *plan, const mr_series *series, int64_t time_ms)
{
    const int64_t day = series->is_hourly ? time_ms / MR_HOUR_MS
                                          : mr_zone_day(&plan->settings.zone, time_ms);
    const int64_t most = mr_series_day_max(series);
    return day < most ? day : most;
}

/* The slots of days that a new one makes too old. */
static void forget(mr_block_pool *pool, const mr_series *series, mr_list *list,
                   int64_t newest)
{
    const slots s = slots_of(pool, series, list);
    size_t old = 0;
    while (old < list->count && (int64_t)day_at(&s, old) + series->keep_days <= newest)
        old++;
    mr_list_remove(pool, list, 0, old, series->slot_bytes);
}

/* Add to the day whose last slot is at `index`. */
static void add_to(mr_block_pool *pool, const mr_series *series, mr_list *list,
                   const slots *s, size_t index, int64_t amount)
{
    if (!s->has_sums) {
        count_one(pool, list, s, index);
        return;
    }
    mr_day_sum *day = sum_slot(s, index);
    day->count++;
    day->sum = mr_day_series_join(series, day->sum, amount);
}

void mr_day_series_add(mr_block_pool *pool, const mr_series *series, mr_list *list,
                       int64_t day, int64_t amount)
{
    const slots s = slots_of(pool, series, list);
    size_t index = list->count; /* most events are of the newest day: look from the end */
    const int64_t newest = index > 0 ? (int64_t)day_at(&s, index - 1) : day;
    if (day + series->keep_days <= newest)
        return;
    while (index > 0 && (int64_t)day_at(&s, index - 1) > day)
        index--;
    if (index > 0 && (int64_t)day_at(&s, index - 1) == day) {
        add_to(pool, series, list, &s, index - 1, amount);
        return;
    }
    if (day > newest) {
        forget(pool, series, list, day); /* first, so that a full list does not grow */
        index = list->count;
    }
    const mr_day_sum made = {.day = (uint32_t)day, .count = 1, .sum = amount};
    const uint32_t only_counted = made.day << s.count_bits | 1;
    memcpy(mr_list_insert(pool, list, index, series->slot_bytes),
           s.has_sums ? (const void *)&made : &only_counted, series->slot_bytes);
}

/* ---- what is read ---- */

bool mr_day_series_extreme(const mr_block_pool *pool, const mr_series *series,
                           const mr_list *list, int64_t at_day, int64_t days,
                           int64_t *ret_number)
{
    const slots s = slots_of(pool, series, list);
    bool is_there = false;
    for (size_t end = list->count; end > 0;) {
        const mr_day_sum day = take_last(&s, &end);
        if (day.day <= at_day - days)
            break;
        if (day.day > at_day)
            continue;
        *ret_number =
            is_there ? mr_day_series_join(series, *ret_number, day.sum) : day.sum;
        is_there = true;
    }
    return is_there;
}

uint64_t mr_day_series_count(const mr_block_pool *pool, const mr_series *series,
                             const mr_list *list, int64_t at_day, int64_t days)
{
    const slots s = slots_of(pool, series, list);
    uint64_t count = 0;
    for (size_t end = list->count; end > 0;) {
        const mr_day_sum day = take_last(&s, &end);
        if (day.day <= at_day - days)
            break;
        if (day.day <= at_day)
            count += day.count;
    }
    return count;
}

int64_t mr_day_series_sum(const mr_block_pool *pool, const mr_series *series,
                          const mr_list *list, int64_t at_day, int64_t days)
{
    const slots s = slots_of(pool, series, list);
    uint64_t sum = 0;
    for (size_t end = list->count; end > 0;) {
        const mr_day_sum day = take_last(&s, &end);
        if (day.day <= at_day - days)
            break;
        if (day.day <= at_day)
            sum += (uint64_t)day.sum;
    }
    return (int64_t)sum;
}

int64_t mr_day_series_fading(const mr_block_pool *pool, const mr_series *series,
                             const mr_list *list, int64_t at_day, uint16_t half_life_days)
{
    const slots s = slots_of(pool, series, list);
    const int64_t scale = (int64_t)1 << MR_PLAN_FADE_BITS;
    uint64_t sum = 0;
    for (size_t end = list->count; end > 0;) {
        const mr_day_sum day = take_last(&s, &end);
        if (day.day > at_day)
            continue;
        const int64_t share =
            (int64_t)mr_plan_fade(half_life_days, at_day - (int64_t)day.day);
        sum += (uint64_t)(int64_t)((wide)day.sum * share / scale);
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
    const slots s = slots_of(pool, series, list);
    wide sum = 0;
    wide count = 0;
    for (size_t end = list->count; keeps_sums(series) && end > 0;) {
        const mr_day_sum day = take_last(&s, &end);
        if (day.day > at_day)
            continue;
        const int64_t share =
            (int64_t)mr_plan_fade(half_life_days, at_day - (int64_t)day.day);
        sum += (wide)day.sum * share;
        count += (wide)day.count * share;
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
