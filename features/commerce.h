/*
 * Commerce: what was sold, by the day.
 *
 * Sums of purchases, refunds and adjustments (a custom event named "adjustment"), line by
 * line, for each day of the plan's time zone and for all time.  Revenue is purchases - refunds
 * + adjustments.
 *
 * Units      Money in minor units; days since the epoch.
 * Ownership  Plain values.
 * Threads    The shard's owner; merging: any.
 * Cost       A read copies; a shard has one small record a day.
 */
#ifndef MR_FEATURES_COMMERCE_H
#define MR_FEATURES_COMMERCE_H

#include "core/status.h"
#include "features/shard.h"

typedef struct mr_commerce_sums {
    int64_t purchases_minor;
    int64_t refunds_minor;
    int64_t adjustments_minor;
    uint64_t purchase_lines;
    uint64_t refund_lines;
    uint64_t adjustment_lines;
    uint64_t
        orders; /* different order ids, told apart as the plan's `orders`; order: log */
} mr_commerce_sums;

typedef struct mr_commerce_day {
    int64_t day;
    mr_commerce_sums sums;
} mr_commerce_day;

typedef struct mr_commerce_totals {
    mr_commerce_sums sums;
    uint64_t customers; /* known users (not anonymous ones) with a purchase */
    int64_t first_day;  /* INT64_MAX and INT64_MIN when there is no day */
    int64_t last_day;
} mr_commerce_totals;

void mr_commerce_totals_get(const mr_shard *shard, mr_commerce_totals *ret_totals);

/* Add another shard's totals. */
void mr_commerce_totals_add(mr_commerce_totals *totals, const mr_commerce_totals *other);

/* Wrapping, so that sums are the same in any order whatever the amounts. */
void mr_commerce_sums_add(mr_commerce_sums *sums, const mr_commerce_sums *other);

int64_t mr_commerce_revenue_minor(const mr_commerce_sums *sums);

/* Days in order; `day_count` of them, 0 <= index < mr_commerce_day_count(). */
size_t mr_commerce_day_count(const mr_shard *shard);
mr_commerce_day mr_commerce_day_get(const mr_shard *shard, size_t index);

#endif
