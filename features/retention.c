#include "features/retention.h"

#include "core/assert.h"

#include <string.h>

static const char *name_of(const char *const *names, size_t count, size_t index)
{
    MR_ASSERT(index < count);
    return names[index];
}

const char *mr_retention_measure_name(mr_retention_measure measure)
{
    static const char *const names[] = {"n_day", "unbounded", "bracket"};
    return name_of(names, MR_RETENTION_MEASURES, measure);
}

const char *mr_retention_clock_name(mr_retention_clock clock)
{
    static const char *const names[] = {"calendar", "rolling"};
    return name_of(names, MR_RETENTION_CLOCKS, clock);
}

const char *mr_retention_cohort_name(mr_retention_cohort cohort)
{
    static const char *const names[] = {"first", "recurring"};
    return name_of(names, MR_RETENTION_COHORTS, cohort);
}

void mr_retention_init(mr_retention *ret_retention, const mr_retention_options *options)
{
    MR_ASSERT(options->cohorts <= MR_RETENTION_COHORTS_MAX);
    MR_ASSERT(options->columns <= MR_RETENTION_PERIODS_MAX);
    memset(ret_retention, 0, sizeof(*ret_retention));
    ret_retention->options = *options;
}

/* Hours of a period where the clock rolls. */
static int64_t hours_of(mr_period period)
{
    return period == MR_PERIOD_DAY ? 24 : period == MR_PERIOD_WEEK ? 7 * 24 : 30 * 24;
}

/* One beginning of a user: in which of the periods after it they came back. */
typedef struct beginning {
    mr_retention *retention;
    int64_t cohort;
    bool returned[MR_RETENTION_PERIODS_MAX];
    int64_t last; /* n of the last return; -1: none */
} beginning;

static bool is_counted(const mr_retention *retention, int64_t cohort)
{
    const int64_t index = cohort - retention->options.first_cohort;
    return index >= 0 && index < (int64_t)retention->options.cohorts;
}

static beginning begin(mr_retention *retention, int64_t cohort)
{
    return (beginning){.retention = retention, .cohort = cohort, .last = -1};
}

static void note_return(beginning *b, int64_t n)
{
    if (n < 0)
        return;
    b->last = n > b->last ? n : b->last;
    if (n < MR_RETENTION_PERIODS_MAX)
        b->returned[n] = true;
}

static bool is_in_bracket(const beginning *b, mr_retention_bracket bracket)
{
    for (uint32_t n = bracket.first; n <= bracket.last && n < MR_RETENTION_PERIODS_MAX;
         n++) {
        if (b->returned[n])
            return true;
    }
    return false;
}

static void count(const beginning *b)
{
    mr_retention *retention = b->retention;
    const mr_retention_options *options = &retention->options;
    const size_t row = (size_t)(b->cohort - options->first_cohort);
    retention->sizes[row]++;
    for (size_t n = 0; n < options->columns; n++) {
        const bool is_retained = options->measure == MR_RETENTION_N_DAY ? b->returned[n]
                                 : options->measure == MR_RETENTION_UNBOUNDED
                                     ? b->last >= (int64_t)n
                                     : is_in_bracket(b, options->brackets[n]);
        retention->cells[row][n] += is_retained;
    }
}

void mr_retention_add(mr_retention *retention, int64_t first, const int64_t *starts,
                      size_t start_count, const int64_t *returns, size_t return_count)
{
    const bool is_first = retention->options.cohort == MR_RETENTION_FIRST;
    const int64_t *cohorts = is_first ? &first : starts;
    const size_t cohort_count = is_first ? first >= 0 : start_count;
    for (size_t i = 0; i < cohort_count; i++) {
        if (!is_counted(retention, cohorts[i]))
            continue;
        beginning b = begin(retention, cohorts[i]);
        for (size_t r = 0; r < return_count; r++)
            note_return(&b, returns[r] - cohorts[i]);
        count(&b);
    }
}

void mr_retention_add_rolling(mr_retention *retention, const int64_t *start_hours,
                              const int64_t *cohorts, size_t start_count,
                              const int64_t *return_hours, size_t return_count)
{
    const int64_t hours = hours_of(retention->options.period);
    const bool is_first = retention->options.cohort == MR_RETENTION_FIRST;
    for (size_t i = 0; i < start_count && (i == 0 || !is_first); i++) {
        if (!is_counted(retention, cohorts[i]) || (i > 0 && cohorts[i] == cohorts[i - 1]))
            continue; /* a period's first start opens its cohort */
        beginning b = begin(retention, cohorts[i]);
        for (size_t r = 0; r < return_count; r++) {
            if (return_hours[r] >= start_hours[i])
                note_return(&b, (return_hours[r] - start_hours[i]) / hours);
        }
        count(&b);
    }
}

int64_t mr_retention_complete(const mr_retention *retention, size_t cohort,
                              int64_t running_period)
{
    const int64_t begun = retention->options.first_cohort + (int64_t)cohort;
    const int64_t behind = retention->options.clock == MR_RETENTION_ROLLING ? 2 : 1;
    const int64_t n = running_period - begun - behind;
    return n >= -1 ? n : -1;
}
