#include "features/shard_private.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

void mr_commerce_init(mr_commerce *ret_commerce)
{
    *ret_commerce =
        (mr_commerce){.totals = {.first_day = INT64_MAX, .last_day = INT64_MIN}};
}

void mr_commerce_deinit(mr_commerce *commerce)
{
    free(commerce->days);
    *commerce = (mr_commerce){0};
}

mr_status mr_commerce_reserve(mr_commerce *commerce, size_t days)
{
    const size_t needed = commerce->day_count + days;
    if (needed <= commerce->day_capacity)
        return MR_OK;
    const size_t doubled = 2 * commerce->day_capacity;
    const size_t capacity = needed > doubled ? needed : doubled;
    mr_commerce_day *grown = realloc(commerce->days, capacity * sizeof(*grown));
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;
    commerce->days = grown;
    commerce->day_capacity = capacity;
    return MR_OK;
}

static void add_minor(int64_t *sum, int64_t minor)
{
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)minor);
}

void mr_commerce_sums_add(mr_commerce_sums *sums, const mr_commerce_sums *other)
{
    add_minor(&sums->purchases_minor, other->purchases_minor);
    add_minor(&sums->refunds_minor, other->refunds_minor);
    add_minor(&sums->adjustments_minor, other->adjustments_minor);
    sums->purchase_lines += other->purchase_lines;
    sums->refund_lines += other->refund_lines;
    sums->adjustment_lines += other->adjustment_lines;
    sums->orders += other->orders;
}

/* The day's record, made if there is none; most events are of the last day. */
static mr_commerce_sums *sums_of_day(mr_commerce *commerce, int64_t day)
{
    size_t index = commerce->day_count;
    if (index > 0 && commerce->days[index - 1].day >= day) {
        size_t low = 0;
        while (low < index) {
            const size_t middle = low + (index - low) / 2;
            if (commerce->days[middle].day < day)
                low = middle + 1;
            else
                index = middle;
        }
        if (commerce->days[index].day == day)
            return &commerce->days[index].sums;
    }
    MR_ASSERT(commerce->day_count < commerce->day_capacity);
    mr_commerce_day *place = &commerce->days[index];
    memmove(place + 1, place, (commerce->day_count - index) * sizeof(*place));
    *place = (mr_commerce_day){.day = day};
    commerce->day_count++;
    if (day < commerce->totals.first_day)
        commerce->totals.first_day = day;
    if (day > commerce->totals.last_day)
        commerce->totals.last_day = day;
    return &place->sums;
}

void mr_commerce_merge_day(mr_commerce *commerce, const mr_commerce_day *day)
{
    mr_commerce_sums_add(sums_of_day(commerce, day->day), &day->sums);
    mr_commerce_sums_add(&commerce->totals.sums, &day->sums);
}

void mr_commerce_apply(mr_commerce *commerce, const mr_event *event, int64_t day,
                       mr_profile_effect effect, bool is_anonymous)
{
    mr_commerce_day one = {.day = day};
    if (event->type == MR_EVENT_PURCHASE) {
        one.sums.purchases_minor = event->value_minor;
        one.sums.purchase_lines = 1;
        one.sums.orders = effect.is_new_order;
        commerce->totals.customers += effect.is_first_purchase && !is_anonymous;
    } else if (event->type == MR_EVENT_REFUND) {
        one.sums.refunds_minor = event->value_minor;
        one.sums.refund_lines = 1;
    } else if (event->type == MR_EVENT_CUSTOM && mr_text_is(event->name, "adjustment")) {
        one.sums.adjustments_minor = event->value_minor;
        one.sums.adjustment_lines = 1;
    } else {
        return;
    }
    mr_commerce_merge_day(commerce, &one);
}

void mr_commerce_totals_get(const mr_shard *shard, mr_commerce_totals *ret_totals)
{
    *ret_totals = shard->commerce.totals;
}

void mr_commerce_totals_add(mr_commerce_totals *totals, const mr_commerce_totals *other)
{
    mr_commerce_sums_add(&totals->sums, &other->sums);
    totals->customers += other->customers;
    if (other->first_day < totals->first_day)
        totals->first_day = other->first_day;
    if (other->last_day > totals->last_day)
        totals->last_day = other->last_day;
}

int64_t mr_commerce_revenue_minor(const mr_commerce_sums *sums)
{
    return (int64_t)((uint64_t)sums->purchases_minor - (uint64_t)sums->refunds_minor +
                     (uint64_t)sums->adjustments_minor);
}

size_t mr_commerce_day_count(const mr_shard *shard)
{
    return shard->commerce.day_count;
}

mr_commerce_day mr_commerce_day_get(const mr_shard *shard, size_t index)
{
    MR_ASSERT(index < shard->commerce.day_count);
    return shard->commerce.days[index];
}
