#include "models/purchase_features.h"

#include <math.h>
#include <stdlib.h>

enum { MONTH_DAYS = 30, SHORTEST_GAP_DAYS = 7 };

/* The sums of a window that ends at the cut. */
typedef struct window {
    double days;
    double units;
    double value;
} window;

const char *mr_purchase_feature_name(uint32_t feature)
{
    static const char *const names[MR_PURCHASE_FEATURES] = {
        [MR_PURCHASE_RECENCY] = "recency_log_days",
        [MR_PURCHASE_TENURE] = "tenure_log_days",
        [MR_PURCHASE_FREQUENCY] = "purchase_days_log",
        [MR_PURCHASE_UNITS] = "units_log",
        [MR_PURCHASE_VALUE] = "value_log",
        [MR_PURCHASE_MEAN_VALUE] = "mean_value_log",
        [MR_PURCHASE_LARGEST_VALUE] = "largest_value_log",
        [MR_PURCHASE_LAST_VALUE] = "last_value_log",
        [MR_PURCHASE_DAYS_30] = "purchase_days_30d_log",
        [MR_PURCHASE_VALUE_30] = "value_30d_log",
        [MR_PURCHASE_DAYS_60] = "purchase_days_60d_log",
        [MR_PURCHASE_VALUE_60] = "value_60d_log",
        [MR_PURCHASE_DAYS_90] = "purchase_days_90d_log",
        [MR_PURCHASE_VALUE_90] = "value_90d_log",
        [MR_PURCHASE_DAYS_180] = "purchase_days_180d_log",
        [MR_PURCHASE_VALUE_180] = "value_180d_log",
        [MR_PURCHASE_MEAN_GAP] = "mean_gap_log_days",
        [MR_PURCHASE_GAP_DEVIATION] = "gap_deviation_log_days",
        [MR_PURCHASE_OVERDUE] = "overdue_log_ratio",
        [MR_PURCHASE_RATE] = "purchase_days_a_month_log",
        [MR_PURCHASE_TREND] = "trend_90d_log_ratio",
        [MR_PURCHASE_ONCE] = "bought_once",
    };
    return feature < MR_PURCHASE_FEATURES ? names[feature] : NULL;
}

static float log_of(double value)
{
    return (float)log1p(fmax(value, 0.0));
}

/* Purchases on the `days` days up to and including the cut's. */
static window sum_window(const mr_purchase *purchases, size_t count, int32_t cut_day,
                         int32_t days)
{
    window sums = {0};
    for (size_t i = count; i-- > 0 && purchases[i].day > cut_day - days;) {
        sums.days += 1.0;
        sums.units += purchases[i].units;
        sums.value += purchases[i].value;
    }
    return sums;
}

static size_t known_at(const mr_purchase *purchases, size_t count, int32_t cut_day)
{
    while (count > 0 && purchases[count - 1].day > cut_day)
        count--;
    return count;
}

static void fill_windows(const mr_purchase *purchases, size_t count, int32_t cut_day,
                         float *ret_row)
{
    static const int32_t days[] = {30, 60, 90, 180};
    static const mr_purchase_feature first[] = {MR_PURCHASE_DAYS_30, MR_PURCHASE_DAYS_60,
                                                MR_PURCHASE_DAYS_90,
                                                MR_PURCHASE_DAYS_180};
    double seen[sizeof(days) / sizeof(days[0])];
    for (size_t w = 0; w < sizeof(days) / sizeof(days[0]); w++) {
        const window sums = sum_window(purchases, count, cut_day, days[w]);
        ret_row[first[w]] = log_of(sums.days);
        ret_row[first[w] + 1] = log_of(sums.value);
        seen[w] = sums.days;
    }
    ret_row[MR_PURCHASE_TREND] = log_of(seen[2]) - log_of(seen[3] - seen[2]);
}

static void fill_rhythm(const mr_purchase *purchases, size_t count, int32_t cut_day,
                        float *ret_row)
{
    const double tenure = (double)(cut_day - purchases[0].day);
    const double recency = (double)(cut_day - purchases[count - 1].day);
    const double gaps = (double)(count - 1);
    const double mean_gap = gaps > 0.0 ? (tenure - recency) / gaps : 0.0;
    double squares = 0.0;
    for (size_t i = 1; i < count; i++) {
        const double from_mean =
            (double)(purchases[i].day - purchases[i - 1].day) - mean_gap;
        squares += from_mean * from_mean;
    }
    ret_row[MR_PURCHASE_MEAN_GAP] = log_of(mean_gap);
    ret_row[MR_PURCHASE_GAP_DEVIATION] = log_of(gaps > 0.0 ? sqrt(squares / gaps) : 0.0);
    ret_row[MR_PURCHASE_OVERDUE] = log_of(recency / fmax(mean_gap, SHORTEST_GAP_DAYS));
    ret_row[MR_PURCHASE_RATE] =
        log_of((double)count * MONTH_DAYS / (tenure + MONTH_DAYS));
    ret_row[MR_PURCHASE_ONCE] = count == 1 ? 1.0F : 0.0F;
    ret_row[MR_PURCHASE_RECENCY] = log_of(recency);
    ret_row[MR_PURCHASE_TENURE] = log_of(tenure);
}

mr_status mr_purchase_features_at(const mr_transactions *transactions, uint32_t customer,
                                  int32_t cut_day, float ret_row[MR_PURCHASE_FEATURES])
{
    size_t count = 0;
    const mr_purchase *purchases = mr_transactions_of(transactions, customer, &count);
    count = known_at(purchases, count, cut_day);
    if (count == 0)
        return MR_ERR_NOT_FOUND;
    window all = {0};
    double largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        all.units += purchases[i].units;
        all.value += purchases[i].value;
        largest = fmax(largest, purchases[i].value);
    }
    ret_row[MR_PURCHASE_FREQUENCY] = log_of((double)count);
    ret_row[MR_PURCHASE_UNITS] = log_of(all.units);
    ret_row[MR_PURCHASE_VALUE] = log_of(all.value);
    ret_row[MR_PURCHASE_MEAN_VALUE] = log_of(all.value / (double)count);
    ret_row[MR_PURCHASE_LARGEST_VALUE] = log_of(largest);
    ret_row[MR_PURCHASE_LAST_VALUE] = log_of(purchases[count - 1].value);
    fill_windows(purchases, count, cut_day, ret_row);
    fill_rhythm(purchases, count, cut_day, ret_row);
    return MR_OK;
}

uint8_t mr_purchase_churned(const mr_transactions *transactions, uint32_t customer,
                            int32_t cut_day, uint32_t window_days)
{
    size_t count = 0;
    const mr_purchase *purchases = mr_transactions_of(transactions, customer, &count);
    const size_t known = known_at(purchases, count, cut_day);
    return known == count ||
           (int64_t)purchases[known].day > (int64_t)cut_day + (int64_t)window_days;
}

static int by_days(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Every gap up to the cut; `ret_gaps` NULL only counts them. */
static size_t list_gaps(const mr_transactions *transactions, int32_t cut_day,
                        uint32_t *ret_gaps)
{
    size_t gaps = 0;
    for (uint32_t c = 0; c < mr_transactions_customers(transactions); c++) {
        size_t count = 0;
        const mr_purchase *purchases = mr_transactions_of(transactions, c, &count);
        for (size_t i = 1; i < count && purchases[i].day <= cut_day; i++, gaps++)
            if (ret_gaps != NULL)
                ret_gaps[gaps] = (uint32_t)(purchases[i].day - purchases[i - 1].day);
    }
    return gaps;
}

mr_status mr_purchase_gap_days(const mr_transactions *transactions, int32_t cut_day,
                               double share, uint32_t *ret_days)
{
    const size_t count = list_gaps(transactions, cut_day, NULL);
    if (count == 0)
        return MR_ERR_NOT_FOUND;
    uint32_t *gaps = malloc(count * sizeof(*gaps));
    if (gaps == NULL)
        return MR_ERR_NO_MEMORY;
    (void)list_gaps(transactions, cut_day, gaps);
    qsort(gaps, count, sizeof(*gaps), by_days);
    const double position = fmin(fmax(share, 0.0), 1.0) * (double)(count - 1);
    *ret_days = gaps[(size_t)ceil(position)];
    free(gaps);
    return MR_OK;
}
