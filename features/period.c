#include "features/period.h"

#include "core/assert.h"

const char *mr_period_name(mr_period period)
{
    static const char *const names[MR_PERIODS] = {"day", "week", "month"};
    MR_ASSERT(period < MR_PERIODS);
    return names[period];
}
