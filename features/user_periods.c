#include "features/user_periods.h"

#include "core/assert.h"
#include "features/shard_private.h"

#include <string.h>

enum { DAYS_A_WEEK = 7 };

const char *mr_activity_kind_name(mr_activity_kind kind)
{
    static const char *const names[MR_ACTIVITY_KINDS] = {"any", "purchase"};
    MR_ASSERT(kind < MR_ACTIVITY_KINDS);
    return names[kind];
}

static const mr_operation *kept(const mr_plan *plan, const char *name,
                                mr_aggregate aggregate)
{
    const mr_operation *operation = mr_plan_operation_named(plan, name);
    return operation != NULL && operation->spec.aggregate == aggregate ? operation : NULL;
}

static const mr_operation *months_of(const mr_plan *plan, mr_activity_kind kind)
{
    return kept(plan, kind == MR_ACTIVITY_ANY ? "active_months" : "purchase_months",
                MR_AGGREGATE_MONTH_BITMAP);
}

/* The longest series of days with a purchase. */
static const mr_series *purchase_days(const mr_plan *plan)
{
    const mr_series *best = NULL;
    for (size_t i = 0; i < plan->series_count; i++) {
        const mr_series *series = &plan->series[i];
        if (series->on == MR_ON(MR_EVENT_PURCHASE) && !series->is_hourly &&
            series->of != MR_OF_RATING &&
            (best == NULL || series->keep_days > best->keep_days))
            best = series;
    }
    return best;
}

static size_t days_known(const mr_plan *plan, mr_activity_kind kind)
{
    if (kind == MR_ACTIVITY_ANY)
        return plan->active_days != NULL ? MR_PLAN_BITMAP_DAYS : 0;
    const mr_series *series = purchase_days(plan);
    return series != NULL ? series->keep_days : 0;
}

size_t mr_user_periods_horizon(const mr_plan *plan, mr_activity_kind kind,
                               mr_period period)
{
    const size_t days = days_known(plan, kind);
    switch (period) {
    case MR_PERIOD_MONTH:
        return months_of(plan, kind) != NULL ? MR_PLAN_BITMAP_PERIODS : 0;
    case MR_PERIOD_WEEK: return days / DAYS_A_WEEK; /* the oldest may be half known */
    default: return days;
    }
}

static void add(mr_user_periods *periods, int64_t period)
{
    if (periods->count > 0 && periods->periods[periods->count - 1] == period)
        return;
    MR_ASSERT(periods->count < MR_USER_PERIODS_MAX);
    periods->periods[periods->count++] = period;
}

static void add_days(const mr_shard *shard, mr_row row, mr_activity_kind kind,
                     mr_period period, mr_user_periods *periods)
{
    const mr_plan *plan = shard->plan;
    if (kind == MR_ACTIVITY_ANY) {
        if (plan->active_days == NULL)
            return;
        const mr_day_bitmap *days = mr_row_at(row, plan->active_days->number_offset);
        const int64_t newest = mr_day_bitmap_newest(days);
        for (int64_t day = newest - MR_PLAN_BITMAP_DAYS + 1; day <= newest; day++) {
            if (mr_day_bitmap_has(days, day))
                add(periods, mr_period_of_day(period, day));
        }
        return;
    }
    const mr_series *series = purchase_days(plan);
    if (series == NULL)
        return;
    mr_day_sum days[MR_DAY_SERIES_DAYS_MAX];
    const size_t count = mr_day_series_unpack(
        &shard->pool, series, mr_row_list(row, series->list_offset), days);
    for (size_t i = 0; i < count; i++)
        add(periods, mr_period_of_day(period, days[i].day));
}

static void add_months(const mr_shard *shard, mr_row row, mr_activity_kind kind,
                       mr_user_periods *periods)
{
    const mr_operation *months = months_of(shard->plan, kind);
    if (months == NULL)
        return;
    const mr_period_bitmap *bitmap = mr_row_at(row, months->number_offset);
    const int64_t newest = (int64_t)bitmap->newest_plus_one - 1;
    for (int64_t month = newest - MR_PLAN_BITMAP_PERIODS + 1; month <= newest; month++) {
        if (month >= 0 && mr_period_bitmap_has(bitmap, month))
            add(periods, month);
    }
}

static int64_t first_ms_of(const mr_shard *shard, mr_row row, mr_activity_kind kind)
{
    if (kind == MR_ACTIVITY_ANY)
        return row.head->first_ms;
    const mr_operation *first =
        kept(shard->plan, "first_purchase", MR_AGGREGATE_FIRST_TIME);
    return first != NULL ? *mr_row_number(row, first->number_offset) - 1 : -1;
}

void mr_user_periods_get(const mr_shard *shard, uint32_t row, mr_activity_kind kind,
                         mr_period period, mr_user_periods *ret_periods)
{
    const mr_row parts = mr_shard_row(shard, row);
    const int64_t first_ms = first_ms_of(shard, parts, kind);
    ret_periods->count = 0;
    ret_periods->first =
        first_ms < 0 ? -1
                     : mr_period_of_day(
                           period, mr_zone_day(&shard->plan->settings.zone, first_ms));
    if (period == MR_PERIOD_MONTH)
        add_months(shard, parts, kind, ret_periods);
    else
        add_days(shard, parts, kind, period, ret_periods);
}
