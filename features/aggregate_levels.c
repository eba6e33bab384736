/*
 * What is told of others when it is read: the level a score has reached, and the stage of life.
 */
#include "features/aggregate.h"

/* A feature's first number as of the same time; false where it has none. */
static bool number_of(const mr_reading *reading, const mr_operation *operation,
                      int64_t *ret_number)
{
    mr_value value;
    mr_reading inner = *reading;
    inner.operation = operation;
    inner.values = &value;
    inner.count = 0;
    mr_operation_kind(operation)->read(&inner);
    *ret_number = inner.count > 0 ? value.number : 0;
    return inner.count > 0;
}

void mr_tier_read(mr_reading *reading)
{
    const mr_tier_spec *tier = reading->operation->spec.tier;
    int64_t score;
    if (!number_of(reading, reading->operation->source, &score))
        return;
    size_t level = 0;
    while (level + 1 < tier->count && score >= tier->levels[level + 1].from)
        level++;
    mr_reading_text(reading, (int64_t)level, mr_text_from(tier->levels[level].name));
}

/* Whether the user came back, within the days that make somebody new, from a silence that had made
 * them dormant. */
static bool has_returned(const mr_reading *reading, const mr_lifecycle_spec *spec)
{
    const mr_operation *days = reading->plan->active_days;
    if (days == NULL)
        return false;
    const mr_day_bitmap *bitmap = mr_row_at(reading->row, days->number_offset);
    int64_t later = -1;
    const int64_t newest = mr_day_bitmap_newest(bitmap);
    for (int64_t day = newest; day > newest - MR_PLAN_BITMAP_DAYS; day--) {
        if (!mr_day_bitmap_has(bitmap, day) || day > reading->at_day)
            continue;
        if (later >= 0 && later - day >= spec->dormant_days)
            return true;
        if (reading->at_day - day >= spec->new_days)
            return false;
        later = day;
    }
    /* Nothing before: a silence of all the days that are kept, if there was an event before. */
    const int64_t first_day =
        mr_zone_day(&reading->plan->settings.zone, reading->row.head->first_ms);
    return later >= 0 && first_day <= later - spec->dormant_days;
}

static bool is_growing(const mr_reading *reading, const mr_lifecycle_spec *spec)
{
    const mr_operation *times = reading->plan->purchase_times;
    if (times == NULL)
        return false;
    const mr_list *list = mr_row_list(reading->row, times->list_offset);
    const int64_t *values = mr_list_elements(reading->pool, list);
    uint32_t count = 0;
    for (size_t i = list->count; i > 0; i--) {
        const int64_t age_ms = reading->at_ms - values[i - 1];
        count += age_ms >= 0 && age_ms < (int64_t)spec->growing_days * MR_DAY_MS;
    }
    return count >= spec->growing_purchases;
}

static mr_life_stage stage_of(const mr_reading *reading, const mr_lifecycle_spec *spec)
{
    const mr_row_head *head = reading->row.head;
    const int64_t silent_ms = reading->at_ms - head->newest_ms;
    if (silent_ms >= (int64_t)spec->lost_days * MR_DAY_MS)
        return MR_LIFE_LOST;
    if (silent_ms >= (int64_t)spec->dormant_days * MR_DAY_MS)
        return MR_LIFE_DORMANT;
    if (reading->at_ms - head->first_ms < (int64_t)spec->new_days * MR_DAY_MS)
        return MR_LIFE_NEW;
    if (has_returned(reading, spec))
        return MR_LIFE_RETURNED;
    return is_growing(reading, spec) ? MR_LIFE_GROWING : MR_LIFE_ACTIVE;
}

void mr_lifecycle_read(mr_reading *reading)
{
    const mr_life_stage stage = stage_of(reading, reading->operation->spec.lifecycle);
    mr_reading_text(reading, (int64_t)stage, mr_text_from(mr_life_stage_name(stage)));
}
