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

/* ", each day's halved every 30 days" */
static void put_span(const mr_feature_spec *spec, char *ret_text, size_t capacity)
{
    if (spec->window_days > 0)
        (void)snprintf(ret_text, capacity, " of the last %u days",
                       (unsigned)spec->window_days);
    else if (spec->window_hours > 0)
        (void)snprintf(ret_text, capacity, " of the last %u hours",
                       (unsigned)spec->window_hours);
    else if (spec->half_life_days > 0)
        (void)snprintf(ret_text, capacity, ", each day's halved every %u days",
                       (unsigned)spec->half_life_days);
    else
        (void)snprintf(ret_text, capacity, ", ever");
}

/* $t: the types; $o: the field; $s: over what; $n: how many; $h: the half life; $e: the error of a
 * sketch in percent; $x: the expression. */
static const char *const meanings[MR_AGGREGATES] = {
    [MR_AGGREGATE_COUNT] = "Number of $tevents$s.",
    [MR_AGGREGATE_SUM] = "Sum of $o over $tevents$s.",
    [MR_AGGREGATE_FADING_SUM] = "Sum of $o over $tevents$s.",
    [MR_AGGREGATE_MEAN] = "Mean $o of $tevents$s.",
    [MR_AGGREGATE_FADING_MEAN] = "Mean $o of $tevents$s.",
    [MR_AGGREGATE_MIN] = "Least $o of $tevents$s.",
    [MR_AGGREGATE_MAX] = "Largest $o of $tevents$s.",
    [MR_AGGREGATE_DISTINCT] =
        "Different $o of $tevents; one is known again while among the last "
        "$n different ones.",
    [MR_AGGREGATE_SKETCH] =
        "Different $o of $tevents: exact up to $n, then an estimate within "
        "about $e %.",
    [MR_AGGREGATE_FIRST_TIME] = "Time of the earliest of the $tevents.",
    [MR_AGGREGATE_LAST_TIME] = "Time of the latest of the $tevents.",
    [MR_AGGREGATE_LAST_TIMES] = "The latest $n different times of $tevents.",
    [MR_AGGREGATE_DAY_BITMAP] = "Days with one of the $tevents among the latest 128.",
    [MR_AGGREGATE_WEEK_BITMAP] =
        "Weeks, by their Mondays, with one of the $tevents among the "
        "latest 48.",
    [MR_AGGREGATE_MONTH_BITMAP] =
        "Months, by their first days, with one of the $tevents among "
        "the latest 48.",
    [MR_AGGREGATE_HISTOGRAM] =
        "The $tevents by hour of the day, each count ending at 65535.",
    [MR_AGGREGATE_FADING_TOP] =
        "The $n strongest of $o over $tevents, an event's weight halved "
        "every $h days.",
    [MR_AGGREGATE_HISTORY_TOP] = "The $n strongest of $o of the items of $tevents in the "
                                 "history, halved every $h days.",
    [MR_AGGREGATE_SESSION] =
        "Visits: an event more than $n minutes after the latest one starts "
        "another.",
    [MR_AGGREGATE_EXPRESSION] = "Computed when read: $x.",
    [MR_AGGREGATE_RECENT_ITEMS] = "The latest items touched.",
};
_Static_assert(MR_PLAN_BITMAP_DAYS == 128 && MR_PLAN_BITMAP_PERIODS == 48,
               "the meanings say so");

static void put_part(const mr_feature_spec *spec, char part, char *ret_text,
                     size_t capacity)
{
    switch (part) {
    case 't': put_types(spec->on, ret_text, capacity); break;
    case 's': put_span(spec, ret_text, capacity); break;
    case 'o': (void)snprintf(ret_text, capacity, "%s", mr_of_name(spec->of)); break;
    case 'n': (void)snprintf(ret_text, capacity, "%u", (unsigned)spec->length); break;
    case 'h':
        (void)snprintf(ret_text, capacity, "%u", (unsigned)spec->half_life_days);
        break;
    case 'e':
        (void)snprintf(ret_text, capacity, "%.1f",
                       104.0 / sqrt((double)(1U << spec->sketch)));
        break;
    default: (void)snprintf(ret_text, capacity, "%.150s", spec->expression); break;
    }
}

void mr_plan_meaning_of(const mr_feature_spec *spec, char *ret_meaning, size_t capacity)
{
    const char *from = meanings[spec->aggregate] != NULL ? meanings[spec->aggregate] : "";
    size_t length = 0;
    ret_meaning[0] = '\0';
    for (; *from != '\0' && length + 1 < capacity; from++) {
        if (*from != '$') {
            ret_meaning[length++] = *from;
            ret_meaning[length] = '\0';
            continue;
        }
        put_part(spec, *++from, ret_meaning + length, capacity - length);
        length += strlen(ret_meaning + length);
    }
}
