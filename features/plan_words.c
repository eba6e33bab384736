#include "features/plan_words.h"

#include "core/assert.h"
#include "features/aggregate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *mr_aggregate_name(mr_aggregate aggregate)
{
    MR_ASSERT(aggregate < MR_AGGREGATES);
    return mr_aggregate_kinds[aggregate].name;
}

const char *mr_of_name(mr_of of)
{
    static const char *const names[MR_OFS] = {
        [MR_OF_NOTHING] = "",
        [MR_OF_VALUE] = "value",
        [MR_OF_NET_VALUE] = "net_value",
        [MR_OF_ORDER_ID] = "order_id",
        [MR_OF_HOUR_OF_DAY] = "hour_of_day",
        [MR_OF_QUANTITY] = "quantity",
        [MR_OF_PRICE] = "price",
        [MR_OF_RATING] = "rating",
        [MR_OF_ITEM_ID] = "item_id",
        [MR_OF_CATEGORY] = "category",
        [MR_OF_BRAND] = "brand",
        [MR_OF_PRICE_BAND] = "price_band",
        [MR_OF_DEVICE] = "device",
        [MR_OF_CHANNEL] = "channel",
        [MR_OF_CAMPAIGN] = "campaign",
        [MR_OF_GEO] = "geo",
    };
    MR_ASSERT(of < MR_OFS);
    return names[of];
}

static bool is_amount(mr_of of)
{
    return of == MR_OF_VALUE || of == MR_OF_NET_VALUE || of == MR_OF_QUANTITY;
}

bool mr_aggregate_takes(mr_aggregate aggregate, mr_of of)
{
    switch (aggregate) {
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_FADING_SUM: return is_amount(of);
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_MEAN:
    case MR_AGGREGATE_FADING_MEAN:
        return is_amount(of) || of == MR_OF_PRICE || of == MR_OF_RATING;
    case MR_AGGREGATE_DISTINCT: return of == MR_OF_ORDER_ID;
    case MR_AGGREGATE_SKETCH: return of == MR_OF_ORDER_ID || of >= MR_OF_ITEM_ID;
    case MR_AGGREGATE_FADING_TOP: return of >= MR_OF_CATEGORY;
    case MR_AGGREGATE_HISTORY_TOP: return of >= MR_OF_CATEGORY && of <= MR_OF_PRICE_BAND;
    case MR_AGGREGATE_HISTOGRAM: return of == MR_OF_HOUR_OF_DAY;
    default: return of == MR_OF_NOTHING;
    }
}

const char *mr_aggregate_fields(mr_aggregate aggregate)
{
    switch (aggregate) {
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_FADING_SUM: return "of: value, net_value or quantity";
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_MEAN:
    case MR_AGGREGATE_FADING_MEAN:
        return "of: value, net_value, quantity, price or rating";
    case MR_AGGREGATE_DISTINCT:
        return "of: order_id; of anything else it is an estimate: say `sketch: 10`";
    case MR_AGGREGATE_SKETCH: return "of: order_id, item_id, category, brand, … ";
    case MR_AGGREGATE_HISTORY_TOP: return "of: category, brand or price_band";
    case MR_AGGREGATE_FADING_TOP:
        return "of: category, brand, price_band, device, channel, campaign or geo";
    case MR_AGGREGATE_HISTOGRAM: return "of: hour_of_day";
    default: return "no `of`: it is of the events themselves";
    }
}

static const char *unit_of_field(mr_of of)
{
    switch (of) {
    case MR_OF_QUANTITY: return "pieces";
    case MR_OF_RATING: return "rating";
    default: return "minor units";
    }
}

const char *mr_plan_unit_of(const mr_feature_spec *spec)
{
    if (mr_aggregate_is_amount(spec->aggregate))
        return unit_of_field(spec->of);
    switch (spec->aggregate) {
    case MR_AGGREGATE_DISTINCT: return "orders";
    case MR_AGGREGATE_SKETCH: return "ids";
    case MR_AGGREGATE_FADING_TOP:
    case MR_AGGREGATE_HISTORY_TOP: return "weight";
    case MR_AGGREGATE_SESSION: return "visits";
    case MR_AGGREGATE_WEEK_BITMAP: return "weeks";
    case MR_AGGREGATE_MONTH_BITMAP: return "months";
    case MR_AGGREGATE_FIRST_TIME:
    case MR_AGGREGATE_LAST_TIME:
    case MR_AGGREGATE_LAST_TIMES: return "time";
    case MR_AGGREGATE_DAY_BITMAP: return "days";
    case MR_AGGREGATE_EXPRESSION: return "number";
    default: return "events";
    }
}

/* "view or click" */
static void put_types(uint32_t on, char *ret_text, size_t capacity)
{
    size_t length = 0;
    ret_text[0] = '\0';
    if (on == MR_ON_ANY)
        return;
    for (uint8_t type = MR_EVENT_NONE + 1; type < MR_EVENT_TYPES && length < capacity;
         type++) {
        if ((on & MR_ON(type)) == 0)
            continue;
        const int written =
            snprintf(ret_text + length, capacity - length, "%s%s",
                     length > 0 ? " or " : "", mr_event_type_name((mr_event_type)type));
        length += written > 0 ? (size_t)written : 0;
    }
    if (length < capacity)
        (void)snprintf(ret_text + length, capacity - length, " ");
}

void mr_plan_meaning_of(const mr_feature_spec *spec, char *ret_meaning, size_t capacity)
{
    char types[128];
    char span[64] = ", ever";
    const char *of = mr_of_name(spec->of);
    put_types(spec->on, types, sizeof(types));
    if (spec->window_days > 0)
        (void)snprintf(span, sizeof(span), " of the last %u days",
                       (unsigned)spec->window_days);
    else if (spec->window_hours > 0)
        (void)snprintf(span, sizeof(span), " of the last %u hours",
                       (unsigned)spec->window_hours);
    else if (spec->half_life_days > 0)
        (void)snprintf(span, sizeof(span), ", each day's halved every %u days",
                       (unsigned)spec->half_life_days);
    switch (spec->aggregate) {
    case MR_AGGREGATE_COUNT:
        (void)snprintf(ret_meaning, capacity, "Number of %sevents%s.", types, span);
        break;
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_FADING_SUM:
        (void)snprintf(ret_meaning, capacity, "Sum of %s over %sevents%s.", of, types,
                       span);
        break;
    case MR_AGGREGATE_MEAN:
    case MR_AGGREGATE_FADING_MEAN:
        (void)snprintf(ret_meaning, capacity, "Mean %s of %sevents%s.", of, types, span);
        break;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
        (void)snprintf(ret_meaning, capacity, "%s %s of %sevents%s.",
                       spec->aggregate == MR_AGGREGATE_MIN ? "Least" : "Largest", of,
                       types, span);
        break;
    case MR_AGGREGATE_DISTINCT:
        (void)snprintf(
            ret_meaning, capacity,
            "Different orders of %sevents; an order id is known again while among "
            "the last %u different ones.",
            types, (unsigned)spec->length);
        break;
    case MR_AGGREGATE_FIRST_TIME:
    case MR_AGGREGATE_LAST_TIME:
        (void)snprintf(ret_meaning, capacity, "Time of the %s of the %sevents.",
                       spec->aggregate == MR_AGGREGATE_FIRST_TIME ? "earliest" : "latest",
                       types);
        break;
    case MR_AGGREGATE_LAST_TIMES:
        (void)snprintf(ret_meaning, capacity,
                       "The latest %u different times of %sevents.",
                       (unsigned)spec->length, types);
        break;
    case MR_AGGREGATE_DAY_BITMAP:
        (void)snprintf(ret_meaning, capacity,
                       "Days with one of the %sevents among the latest %d.", types,
                       MR_PLAN_BITMAP_DAYS);
        break;
    case MR_AGGREGATE_HISTOGRAM:
        (void)snprintf(ret_meaning, capacity,
                       "The %sevents by hour of the day, each count ending at 65535.",
                       types);
        break;
    case MR_AGGREGATE_SKETCH:
        (void)snprintf(ret_meaning, capacity,
                       "Different %s of %sevents: exact up to %u, then an estimate "
                       "within about %.1f %%.",
                       of, types, (unsigned)spec->length,
                       104.0 / sqrt((double)(1U << spec->sketch)));
        break;
    case MR_AGGREGATE_FADING_TOP:
        (void)snprintf(ret_meaning, capacity,
                       "The %u strongest of %s over %sevents, an event's weight halved "
                       "every %u days.",
                       (unsigned)spec->length, of, types, (unsigned)spec->half_life_days);
        break;
    case MR_AGGREGATE_HISTORY_TOP:
        (void)snprintf(ret_meaning, capacity,
                       "The %u strongest of %s of the items of %sevents in the history, "
                       "halved every %u days.",
                       (unsigned)spec->length, of, types, (unsigned)spec->half_life_days);
        break;
    case MR_AGGREGATE_SESSION:
        (void)snprintf(ret_meaning, capacity,
                       "Visits: an event more than %u minutes after the latest one "
                       "starts another.",
                       (unsigned)spec->length);
        break;
    case MR_AGGREGATE_WEEK_BITMAP:
    case MR_AGGREGATE_MONTH_BITMAP:
        (void)snprintf(
            ret_meaning, capacity, "%s with one of the %sevents among the latest %d.",
            spec->aggregate == MR_AGGREGATE_WEEK_BITMAP ? "Weeks, by their Mondays,"
                                                        : "Months, by their first days,",
            types, MR_PLAN_BITMAP_PERIODS);
        break;
    case MR_AGGREGATE_EXPRESSION:
        (void)snprintf(ret_meaning, capacity, "Computed when read: %.150s.",
                       spec->expression);
        break;
    default: (void)snprintf(ret_meaning, capacity, "The latest items touched."); break;
    }
}
