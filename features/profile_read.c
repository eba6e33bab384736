/*
 * A profile as its plan describes it: every feature with its values as of a time.
 */
#include "features/profile.h"

#include "core/assert.h"

#include <math.h>

static const double EXPRESSION_MAX = 9e12; /* what millionths of fit */

enum { VALUES_MAX = MR_SHARD_HISTORY_MAX * MR_FEATURE_COLUMNS_MAX };

typedef struct reader {
    const mr_plan *plan;
    const mr_block_pool *pool;
    const mr_id_table *items;
    mr_row row;
    int64_t at_ms;
    int64_t at_day;
    const mr_operation *operation;
    mr_value *values;
    size_t count; /* of values */
} reader;

static void add_number(reader *reader_, int64_t number)
{
    const mr_feature *feature = &reader_->operation->feature;
    const size_t column = reader_->count % feature->column_count;
    MR_ASSERT(reader_->count < VALUES_MAX);
    reader_->values[reader_->count++] =
        (mr_value){.type = feature->columns[column].type, .number = number};
}

static void add_text(reader *reader_, int64_t number, mr_text text)
{
    add_number(reader_, number);
    reader_->values[reader_->count - 1].text = text;
}

static void add_time(reader *reader_, int64_t time_plus_one)
{
    if (time_plus_one != 0)
        add_number(reader_, time_plus_one - 1);
}

static void read_count_or_sum(reader *reader_)
{
    const mr_operation *operation = reader_->operation;
    const mr_feature_spec *spec = &operation->spec;
    if (operation->stores) {
        add_number(reader_, *mr_row_number(reader_->row, operation->number_offset));
        return;
    }
    const mr_series *series = &reader_->plan->series[operation->series];
    const mr_list *list = mr_row_list(reader_->row, series->list_offset);
    if (spec->aggregate == MR_AGGREGATE_FADING_SUM)
        add_number(reader_, mr_day_series_fading(reader_->pool, series, list,
                                                 reader_->at_day, spec->half_life_days));
    else if (spec->aggregate == MR_AGGREGATE_SUM)
        add_number(reader_, mr_day_series_sum(reader_->pool, series, list,
                                              reader_->at_day, spec->window_days));
    else
        add_number(reader_,
                   (int64_t)mr_day_series_count(reader_->pool, series, list,
                                                reader_->at_day, spec->window_days));
}

static void read_mean(reader *reader_)
{
    const mr_feature_spec *spec = &reader_->operation->spec;
    const mr_series *series = &reader_->plan->series[reader_->operation->series];
    const mr_list *list = mr_row_list(reader_->row, series->list_offset);
    int64_t mean;
    if (spec->aggregate == MR_AGGREGATE_FADING_MEAN
            ? mr_day_series_fading_mean(reader_->pool, series, list, reader_->at_day,
                                        spec->half_life_days, &mean)
            : mr_day_series_mean(reader_->pool, series, list, reader_->at_day,
                                 spec->window_days, &mean))
        add_number(reader_, mean);
}

static void read_pair(reader *reader_)
{
    const mr_operation *operation = reader_->operation;
    if (!operation->stores) {
        read_mean(reader_);
        return;
    }
    int64_t number;
    if (mr_pair_read(mr_row_pair(reader_->row, operation->number_offset),
                     operation->spec.aggregate, &number))
        add_number(reader_, number);
}

static void read_times(reader *reader_)
{
    const mr_list *list = mr_row_list(reader_->row, reader_->operation->list_offset);
    const int64_t *times = mr_list_elements(reader_->pool, list);
    for (size_t i = 0; i < list->count; i++)
        add_number(reader_, times[i]);
}

static void read_days(reader *reader_)
{
    const mr_day_bitmap *bitmap = (const mr_day_bitmap *)(const void *)mr_row_number(
        reader_->row, reader_->operation->number_offset);
    const int64_t newest = (int64_t)bitmap->newest_day_plus_one - 1;
    for (int64_t day = newest - MR_PLAN_BITMAP_DAYS + 1; day <= newest; day++) {
        if (mr_day_bitmap_has(bitmap, day))
            add_number(reader_, day);
    }
}

static void read_hours(reader *reader_)
{
    const uint16_t *hours = (const uint16_t *)(const void *)mr_row_number(
        reader_->row, reader_->operation->number_offset);
    for (int64_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        if (hours[hour] > 0) {
            add_number(reader_, hour);
            add_number(reader_, hours[hour]);
        }
    }
}

static void read_history(reader *reader_)
{
    const mr_list *list = mr_row_list(reader_->row, reader_->operation->list_offset);
    const mr_history_entry *entries = mr_list_elements(reader_->pool, list);
    for (size_t i = 0; i < list->count; i++) {
        const mr_history_entry *entry = &entries[i];
        add_number(reader_, (int64_t)entry->time_s * 1000);
        add_text(reader_, entry->item, mr_id_table_id(reader_->items, entry->item));
        add_text(reader_, entry->type,
                 mr_text_from(mr_event_type_name((mr_event_type)entry->type)));
        add_number(reader_, entry->weight);
        add_number(reader_, entry->session);
    }
}

static void read_rfm(reader *reader_)
{
    const mr_plan *plan = reader_->plan;
    const int64_t last = *mr_row_number(reader_->row, plan->last_purchase->number_offset);
    if (last == 0)
        return;
    const int64_t age_ms = reader_->at_ms - (last - 1);
    add_number(reader_, age_ms > 0 ? age_ms / MR_DAY_MS : 0);
    add_number(reader_, *mr_row_number(reader_->row, plan->orders->number_offset));
    add_number(reader_, *mr_row_number(reader_->row, plan->spend->number_offset));
}

static void read_expression(reader *reader_)
{
    const double value = mr_profile_expression(reader_->plan, reader_->pool, reader_->row,
                                               reader_->at_ms, reader_->operation);
    if (fabs(value) < EXPRESSION_MAX) /* not NaN */
        add_number(reader_, llround(value * 1e6));
}

static void read_feature(reader *reader_)
{
    const mr_row_head *head = reader_->row.head;
    switch (reader_->operation->spec.aggregate) {
    case MR_AGGREGATE_EVENTS: add_number(reader_, head->events); break;
    case MR_AGGREGATE_FIRST_SEEN: add_number(reader_, head->first_ms); break;
    case MR_AGGREGATE_LAST_SEEN: add_number(reader_, head->newest_ms); break;
    case MR_AGGREGATE_SESSIONS: add_number(reader_, head->sessions); break;
    case MR_AGGREGATE_COUNT:
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_FADING_SUM: read_count_or_sum(reader_); break;
    case MR_AGGREGATE_DISTINCT:
        add_number(reader_,
                   *mr_row_number(reader_->row, reader_->operation->number_offset));
        break;
    case MR_AGGREGATE_FIRST_TIME:
    case MR_AGGREGATE_LAST_TIME:
        add_time(reader_,
                 *mr_row_number(reader_->row, reader_->operation->number_offset));
        break;
    case MR_AGGREGATE_LAST_TIMES: read_times(reader_); break;
    case MR_AGGREGATE_DAY_BITMAP: read_days(reader_); break;
    case MR_AGGREGATE_HISTOGRAM: read_hours(reader_); break;
    case MR_AGGREGATE_RECENT_ITEMS: read_history(reader_); break;
    case MR_AGGREGATE_RFM: read_rfm(reader_); break;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_MEAN: read_pair(reader_); break;
    case MR_AGGREGATE_FADING_MEAN: read_mean(reader_); break;
    case MR_AGGREGATE_EXPRESSION: read_expression(reader_); break;
    case MR_AGGREGATES: MR_ASSERT(false); /* no aggregate: how many there are */
    }
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

double mr_profile_expression(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                             int64_t at_ms, const mr_operation *operation)
{
    const uint32_t *names;
    double given[MR_EXPRESSION_NAMES_MAX];
    const size_t count = mr_expression_names(operation->expression, &names);
    for (size_t i = 0; i < count; i++) {
        mr_value values[MR_FEATURE_COLUMNS_MAX];
        reader reader_ = {.plan = plan,
                          .pool = pool,
                          .row = row,
                          .at_ms = at_ms,
                          .at_day = mr_zone_day(&plan->zone, at_ms),
                          .values = values};
        if (names[i] == MR_PLAN_NOW) {
            given[i] = (double)at_ms / (double)MR_DAY_MS;
            continue;
        }
        reader_.operation = &plan->operations[names[i] / MR_FEATURE_COLUMNS_MAX];
        read_feature(&reader_);
        given[i] = reader_.count > 0
                       ? in_whole_units(&values[names[i] % MR_FEATURE_COLUMNS_MAX])
                       : (double)NAN;
    }
    return mr_expression_value(operation->expression, given);
}

void mr_profile_visit(const mr_plan *plan, const mr_block_pool *pool,
                      const mr_id_table *items, mr_row row, int64_t at_ms,
                      mr_profile_visitor *visitor, void *context)
{
    mr_value values[VALUES_MAX];
    reader reader_ = {.plan = plan,
                      .pool = pool,
                      .items = items,
                      .row = row,
                      .at_ms = at_ms,
                      .at_day = mr_zone_day(&plan->zone, at_ms),
                      .values = values};
    for (size_t i = 0; i < plan->operation_count; i++) {
        reader_.operation = &plan->operations[i];
        reader_.count = 0;
        read_feature(&reader_);
        const mr_feature *feature = &reader_.operation->feature;
        visitor(context, feature, values, reader_.count / feature->column_count);
    }
}
