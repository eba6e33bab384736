/*
 * A profile as its plan describes it: every feature with its values as of a time.
 */
#include "features/aggregate.h"

#include "core/assert.h"

#include <math.h>

static const double EXPRESSION_MAX = 9e12; /* what millionths of fit */

void mr_events_read(mr_reading *reading)
{
    mr_reading_number(reading, reading->row.head->events);
}

void mr_first_seen_read(mr_reading *reading)
{
    mr_reading_number(reading, reading->row.head->first_ms);
}

void mr_last_seen_read(mr_reading *reading)
{
    mr_reading_number(reading, reading->row.head->newest_ms);
}

void mr_sessions_read(mr_reading *reading)
{
    mr_reading_number(reading, reading->row.head->sessions);
}

void mr_rfm_read(mr_reading *reading)
{
    const mr_plan *plan = reading->plan;
    const int64_t last = *mr_row_number(reading->row, plan->last_purchase->number_offset);
    if (last == 0)
        return;
    const int64_t age_ms = reading->at_ms - (last - 1);
    mr_reading_number(reading, age_ms > 0 ? age_ms / MR_DAY_MS : 0);
    mr_reading_number(reading, *mr_row_count(reading->row, plan->orders->number_offset));
    mr_reading_number(reading, *mr_row_number(reading->row, plan->spend->number_offset));
}

void mr_expression_read(mr_reading *reading)
{
    const double value = mr_profile_expression(reading->plan, reading->pool, reading->row,
                                               reading->at_ms, reading->operation);
    if (fabs(value) < EXPRESSION_MAX) /* not NaN */
        mr_reading_number(reading, llround(value * 1e6));
}

static double in_whole_units(const mr_value *value)
{
    switch (value->type) {
    case MR_VALUE_MONEY:
    case MR_VALUE_HUNDREDTHS: return (double)value->number / 100.0;
    case MR_VALUE_TIME: return (double)value->number / (double)MR_DAY_MS;
    case MR_VALUE_MILLIONTHS: return (double)value->number / 1e6;
    default: return (double)value->number;
    }
}

static double named_value(mr_reading *reading, uint32_t name, const int *scores)
{
    if (name == MR_PLAN_NOW)
        return (double)reading->at_ms / (double)MR_DAY_MS;
    if (name >= MR_PLAN_CONSTANT)
        return name - MR_PLAN_CONSTANT;
    if (name >= MR_PLAN_RFM_SCORE)
        return scores != NULL ? scores[name - MR_PLAN_RFM_SCORE] : (double)NAN;
    reading->operation = &reading->plan->operations[name / MR_FEATURE_COLUMNS_MAX];
    reading->count = 0;
    mr_operation_kind(reading->operation)->read(reading);
    return reading->count > 0
               ? in_whole_units(&reading->values[name % MR_FEATURE_COLUMNS_MAX])
               : (double)NAN;
}

double mr_profile_evaluate(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                           int64_t at_ms, const mr_expression *expression,
                           const int *scores)
{
    const uint32_t *names;
    double given[MR_EXPRESSION_NAMES_MAX];
    mr_value values[MR_FEATURE_COLUMNS_MAX];
    mr_reading reading = {.plan = plan,
                          .pool = pool,
                          .row = row,
                          .at_ms = at_ms,
                          .at_day = mr_zone_day(&plan->settings.zone, at_ms),
                          .values = values};
    const size_t count = mr_expression_names(expression, &names);
    for (size_t i = 0; i < count; i++)
        given[i] = named_value(&reading, names[i], scores);
    return mr_expression_value(expression, given);
}

double mr_profile_expression(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                             int64_t at_ms, const mr_operation *operation)
{
    return mr_profile_evaluate(plan, pool, row, at_ms, operation->expression, NULL);
}

void mr_profile_visit(const mr_plan *plan, const mr_block_pool *pool,
                      const mr_names *names, mr_row row, int64_t at_ms,
                      mr_profile_visitor *visitor, void *context)
{
    mr_value values[MR_READING_VALUES_MAX];
    mr_reading reading = {.plan = plan,
                          .pool = pool,
                          .names = names,
                          .row = row,
                          .at_ms = at_ms,
                          .at_day = mr_zone_day(&plan->settings.zone, at_ms),
                          .values = values};
    for (size_t i = 0; i < plan->operation_count; i++) {
        reading.operation = &plan->operations[i];
        reading.count = 0;
        mr_operation_kind(reading.operation)->read(&reading);
        const mr_feature *feature = &reading.operation->feature;
        visitor(context, feature, values, reading.count / feature->column_count);
    }
}
