/*
 * The vector that models read: each column computed from integer features when it is asked for,
 * so that live scoring, training and back-tests share one code path.
 *
 * Every value is finite.  Where a quotient has no meaning (no second purchase, nothing bought)
 * the column says in its meaning what it holds.
 */
#include "features/aggregate.h"

#include "core/assert.h"

#include <float.h>
#include <math.h>

const mr_vector_spec mr_default_columns[] = {
    {{"recency_days",
      "Days since the latest purchase; without one, since the first event.", "days",
      "no purchase for {} days", 0},
     MR_VECTOR_RECENCY,
     0,
     1.0F,
     "last_purchase",
     NULL},
    {{"inactive_days", "Days since the latest event.", "days", "not seen for {} days", 0},
     MR_VECTOR_SINCE_LAST,
     0,
     1.0F,
     NULL,
     NULL},
    {{"tenure_days", "Days since the first event.", "days", "known for {} days", 0},
     MR_VECTOR_SINCE_FIRST,
     0,
     1.0F,
     NULL,
     NULL},
    {{"orders", "Orders ever.", "orders", "{} orders so far", 0},
     MR_VECTOR_NUMBER,
     0,
     1.0F,
     "orders",
     NULL},
    {{"purchase_lines", "Order lines bought, ever.", "lines", "{} items bought so far",
      0},
     MR_VECTOR_NUMBER,
     0,
     1.0F,
     "purchases",
     NULL},
    {{"spend_net", "Value bought less given back, ever.", "money", "{} spent so far", 2},
     MR_VECTOR_NUMBER,
     0,
     100.0F,
     "spend",
     NULL},
    {{"order_value", "Net spend over orders; 0 without an order.", "money",
      "{} spent per order", 2},
     MR_VECTOR_RATIO,
     0,
     100.0F,
     "spend",
     "orders"},
    {{"refund_share", "Lines given back over lines bought; 0 when nothing was bought.",
      "share", "for each item bought {} given back", 2},
     MR_VECTOR_RATIO,
     0,
     1.0F,
     "refunds",
     "purchases"},
    {{"purchases_30d", "Order lines of the last 30 days.", "lines",
      "{} items bought in 30 days", 0},
     MR_VECTOR_WINDOW_COUNT,
     30,
     1.0F,
     "purchases_30d",
     NULL},
    {{"purchases_90d", "Order lines of the last 90 days.", "lines",
      "{} items bought in 90 days", 0},
     MR_VECTOR_WINDOW_COUNT,
     90,
     1.0F,
     "purchases_90d",
     NULL},
    {{"purchases_180d", "Order lines of the last 180 days.", "lines",
      "{} items bought in 180 days", 0},
     MR_VECTOR_WINDOW_COUNT,
     180,
     1.0F,
     "purchases_180d",
     NULL},
    {{"spend_30d", "Value bought in the last 30 days.", "money", "{} spent in 30 days",
      2},
     MR_VECTOR_WINDOW_SUM,
     30,
     100.0F,
     "spend_30d",
     NULL},
    {{"spend_90d", "Value bought in the last 90 days.", "money", "{} spent in 90 days",
      2},
     MR_VECTOR_WINDOW_SUM,
     90,
     100.0F,
     "spend_90d",
     NULL},
    {{"spend_180d", "Value bought in the last 180 days.", "money", "{} spent in 180 days",
      2},
     MR_VECTOR_WINDOW_SUM,
     180,
     100.0F,
     "spend_90d",
     NULL},
    {{"spend_fading", "Value bought, halved every 30 days.", "money",
      "recent spend of {}", 2},
     MR_VECTOR_FADING,
     0,
     100.0F,
     "spend_fading",
     NULL},
    {{"spend_trend",
      "Spend of 30 days over a third of that of 90; 1 when 90 days saw none.", "ratio",
      "spending at {} times the usual rate", 2},
     MR_VECTOR_SPEND_TREND,
     30,
     1.0F,
     "spend_90d",
     NULL},
    {{"gap_mean_days", "Mean days between different purchase times; 0 below two.", "days",
      "buys every {} days on average", 1},
     MR_VECTOR_GAP_MEAN,
     0,
     1.0F,
     "purchase_times",
     NULL},
    {{"gap_deviation_days", "Standard deviation of those gaps; 0 below three times.",
      "days", "gaps between purchases vary by {} days", 1},
     MR_VECTOR_GAP_DEVIATION,
     0,
     1.0F,
     "purchase_times",
     NULL},
    {{"gap_overdue", "Days since the latest purchase over the mean gap; 0 below two.",
      "ratio", "{} times the usual gap has passed", 1},
     MR_VECTOR_GAP_OVERDUE,
     0,
     1.0F,
     "purchase_times",
     NULL},
    {{"active_days_30", "Days with an event among the last 30.", "days",
      "active on {} of 30 days", 0},
     MR_VECTOR_ACTIVE_DAYS,
     30,
     1.0F,
     "active_days",
     NULL},
    {{"active_days_90", "Days with an event among the last 90.", "days",
      "active on {} of 90 days", 0},
     MR_VECTOR_ACTIVE_DAYS,
     90,
     1.0F,
     "active_days",
     NULL},
    {{"active_trend", "Active days of the last 30 less those of the 30 before.", "days",
      "{} active days more than the month before", 0},
     MR_VECTOR_ACTIVE_TREND,
     30,
     1.0F,
     "active_days",
     NULL},
    {{"views_7d", "Item views of the last 7 days.", "events", "{} views in 7 days", 0},
     MR_VECTOR_WINDOW_COUNT,
     7,
     1.0F,
     "views_7d",
     NULL},
    {{"carts_7d", "Items put into the cart in the last 7 days.", "events",
      "{} items put into the cart in 7 days", 0},
     MR_VECTOR_WINDOW_COUNT,
     7,
     1.0F,
     "carts_7d",
     NULL},
    {{"sessions", "Visits ever.", "sessions", "{} visits so far", 0},
     MR_VECTOR_SESSIONS,
     0,
     1.0F,
     NULL,
     NULL},
    {{"history_items", "Items in the kept history.", "items",
      "little to go by: {} items touched", 0},
     MR_VECTOR_HISTORY_ITEMS,
     0,
     1.0F,
     "history",
     NULL},
};

const size_t mr_default_column_count =
    sizeof(mr_default_columns) / sizeof(mr_default_columns[0]);

typedef struct picture {
    const mr_plan *plan;
    const mr_block_pool *pool;
    mr_row row;
    int64_t at_ms;
    int64_t at_day;
} picture;

static double days_since(const picture *at, int64_t time_ms)
{
    const double age_ms = (double)at->at_ms - (double)time_ms;
    return age_ms > 0 ? age_ms / (double)MR_DAY_MS : 0.0;
}

static double number_of(const picture *at, const mr_operation *operation)
{
    return mr_operation_kind(operation)->number_bytes == sizeof(uint32_t)
               ? (double)*mr_row_count(at->row, operation->number_offset)
               : (double)*mr_row_number(at->row, operation->number_offset);
}

static const mr_series *series_of(const picture *at, const mr_operation *operation)
{
    return &at->plan->series[operation->series];
}

static int64_t day_of(const picture *at, const mr_operation *operation)
{
    return mr_series_day(at->plan, series_of(at, operation), at->at_ms);
}

static const mr_list *days_of(const picture *at, const mr_operation *operation)
{
    return mr_row_list(at->row, series_of(at, operation)->list_offset);
}

static double recency(const picture *at, const mr_operation *last_time)
{
    const int64_t last = *mr_row_number(at->row, last_time->number_offset);
    return days_since(at, last != 0 ? last - 1 : at->row.head->first_ms);
}

static double ratio(double above, double below, double otherwise)
{
    return below > 0.0 ? above / below : otherwise;
}

/* Mean of the gaps between n ascending times: the first and last tell it. */
static double gap_mean(const picture *at, const mr_operation *times)
{
    const mr_list *list = mr_row_list(at->row, times->list_offset);
    if (list->count < 2)
        return 0.0;
    const int64_t *values = mr_list_elements(at->pool, list);
    const double span = (double)values[list->count - 1] - (double)values[0];
    return span / (double)(list->count - 1) / (double)MR_DAY_MS;
}

static double gap_deviation(const picture *at, const mr_operation *times)
{
    const mr_list *list = mr_row_list(at->row, times->list_offset);
    if (list->count < 3)
        return 0.0;
    const int64_t *values = mr_list_elements(at->pool, list);
    const double mean = gap_mean(at, times);
    double squares = 0.0;
    for (size_t i = 1; i < list->count; i++) {
        const double gap = (double)(values[i] - values[i - 1]) / (double)MR_DAY_MS;
        squares += (gap - mean) * (gap - mean);
    }
    return sqrt(squares / (double)(list->count - 2));
}

static double gap_overdue(const picture *at, const mr_operation *times)
{
    const mr_list *list = mr_row_list(at->row, times->list_offset);
    const int64_t *values = mr_list_elements(at->pool, list);
    const double mean = gap_mean(at, times);
    return mean > 0.0 ? days_since(at, values[list->count - 1]) / mean : 0.0;
}

static double active_days(const picture *at, const mr_operation *bitmap, int64_t end_day,
                          int64_t days)
{
    const mr_day_bitmap *bits = mr_row_at(at->row, bitmap->number_offset);
    return (double)mr_day_bitmap_count(bits, end_day, days);
}

static double window_sum(const picture *at, const mr_operation *operation, int64_t days)
{
    return (double)mr_day_series_sum(at->pool, series_of(at, operation),
                                     days_of(at, operation), day_of(at, operation), days);
}

static double pair_value(const picture *at, const mr_operation *operation)
{
    int64_t number;
    return mr_pair_number(mr_row_pair(at->row, operation->number_offset),
                          operation->spec.aggregate, &number)
               ? (double)number
               : 0.0;
}

static double expression_value(const picture *at, const mr_operation *operation)
{
    const double value =
        mr_profile_expression(at->plan, at->pool, at->row, at->at_ms, operation);
    return fabs(value) < (double)FLT_MAX ? value : 0.0; /* nor NaN */
}

static double read_value(const picture *at, const mr_operation *operation)
{
    mr_value value = {.number = 0};
    mr_reading reading = {.plan = at->plan,
                          .pool = at->pool,
                          .row = at->row,
                          .at_ms = at->at_ms,
                          .at_day = at->at_day,
                          .operation = operation,
                          .values = &value};
    mr_operation_kind(operation)->read(&reading);
    return (double)value.number;
}

static double column_value(const picture *at, const mr_vector_operation *column)
{
    const mr_operation *first = column->first;
    const int64_t days = column->spec.days;
    int64_t mean;
    switch (column->spec.kind) {
    case MR_VECTOR_RECENCY: return recency(at, first);
    case MR_VECTOR_SINCE_FIRST: return days_since(at, at->row.head->first_ms);
    case MR_VECTOR_SINCE_LAST: return days_since(at, at->row.head->newest_ms);
    case MR_VECTOR_NUMBER: return number_of(at, first);
    case MR_VECTOR_WINDOW_COUNT:
        return (double)mr_day_series_count(at->pool, series_of(at, first),
                                           days_of(at, first), day_of(at, first), days);
    case MR_VECTOR_WINDOW_SUM: return window_sum(at, first, days);
    case MR_VECTOR_FADING:
        return (double)mr_day_series_fading(at->pool, series_of(at, first),
                                            days_of(at, first), day_of(at, first),
                                            first->spec.half_life_days);
    case MR_VECTOR_RATIO:
        return ratio(number_of(at, first), number_of(at, column->second), 0.0);
    case MR_VECTOR_GAP_MEAN: return gap_mean(at, first);
    case MR_VECTOR_GAP_DEVIATION: return gap_deviation(at, first);
    case MR_VECTOR_GAP_OVERDUE: return gap_overdue(at, first);
    case MR_VECTOR_ACTIVE_DAYS: return active_days(at, first, at->at_day, days);
    case MR_VECTOR_ACTIVE_TREND:
        return active_days(at, first, at->at_day, days) -
               active_days(at, first, at->at_day - days, days);
    case MR_VECTOR_SPEND_TREND:
        return ratio(window_sum(at, first, days), window_sum(at, first, 3 * days) / 3.0,
                     1.0);
    case MR_VECTOR_SESSIONS: return (double)at->row.head->sessions;
    case MR_VECTOR_HISTORY_ITEMS:
        return (double)mr_row_list(at->row, first->list_offset)->count;
    case MR_VECTOR_EXPRESSION: return expression_value(at, first);
    case MR_VECTOR_READ: return read_value(at, first);
    case MR_VECTOR_PAIR: return pair_value(at, first);
    case MR_VECTOR_WINDOW_EXTREME:
        return mr_day_series_extreme(at->pool, series_of(at, first), days_of(at, first),
                                     day_of(at, first), days, &mean)
                   ? (double)mean
                   : 0.0;
    case MR_VECTOR_WINDOW_MEAN:
        return mr_day_series_mean(at->pool, series_of(at, first), days_of(at, first),
                                  day_of(at, first), days, &mean)
                   ? (double)mean
                   : 0.0;
    case MR_VECTOR_FADING_MEAN:
        return mr_day_series_fading_mean(at->pool, series_of(at, first),
                                         days_of(at, first), day_of(at, first),
                                         first->spec.half_life_days, &mean)
                   ? (double)mean
                   : 0.0;
    }
    return 0.0;
}

void mr_profile_vector(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       int64_t at_ms, float *ret_vector)
{
    const picture at = {.plan = plan,
                        .pool = pool,
                        .row = row,
                        .at_ms = at_ms,
                        .at_day = mr_zone_day(&plan->settings.zone, at_ms)};
    for (size_t i = 0; i < plan->column_count; i++) {
        const mr_vector_operation *column = &plan->columns[i];
        ret_vector[i] = (float)(column_value(&at, column) / (double)column->spec.scale);
        MR_DEBUG_ASSERT(isfinite(ret_vector[i]));
    }
}
