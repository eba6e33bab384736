#include "features/activity.h"

#include "core/assert.h"

#include <string.h>

enum { WEEK_DAYS = 7 };

void mr_activity_init(mr_activity *ret_activity, mr_period period, int64_t last,
                      size_t count)
{
    MR_ASSERT(count <= MR_ACTIVITY_PERIODS_MAX);
    memset(ret_activity, 0, sizeof(*ret_activity));
    ret_activity->period = period;
    ret_activity->first = last - (int64_t)count + 1;
    ret_activity->count = count;
}

static mr_activity_period *at(mr_activity *activity, int64_t period)
{
    const int64_t index = period - activity->first;
    return index >= 0 && index < (int64_t)activity->count ? &activity->periods[index]
                                                          : NULL;
}

static void count_state(mr_activity *activity, const mr_user_periods *user, size_t i)
{
    const int64_t period = user->periods[i];
    mr_activity_period *now = at(activity, period);
    mr_activity_period *next = at(activity, period + 1);
    const bool has_next = i + 1 < user->count && user->periods[i + 1] == period + 1;
    if (next != NULL && !has_next)
        next->dormant++;
    if (now == NULL)
        return;
    now->active++;
    if (period == user->first)
        now->fresh++;
    else if (i > 0 && user->periods[i - 1] == period - 1)
        now->returning++;
    else
        now->resurrected++;
}

/* The days whose trailing windows the day is the last active one of. */
static void count_windows(mr_activity *activity, const mr_user_periods *user, size_t i)
{
    const int64_t day = user->periods[i];
    for (int64_t age = 0; age < MR_ACTIVITY_MONTH_DAYS; age++) {
        if (i + 1 < user->count && user->periods[i + 1] <= day + age)
            break;
        mr_activity_period *end = at(activity, day + age);
        if (end == NULL)
            continue;
        end->active_7 += age < WEEK_DAYS;
        end->active_30++;
    }
}

void mr_activity_add(mr_activity *activity, const mr_user_periods *user)
{
    for (size_t i = 0; i < user->count; i++) {
        count_state(activity, user, i);
        if (activity->period == MR_PERIOD_DAY)
            count_windows(activity, user, i);
    }
}

void mr_activity_add_stickiness(const mr_user_periods *user, int64_t last_day,
                                size_t days, uint64_t *counts)
{
    size_t active = 0;
    for (size_t i = 0; i < user->count; i++)
        active +=
            user->periods[i] <= last_day && user->periods[i] > last_day - (int64_t)days;
    if (active > 0)
        counts[active]++;
}
