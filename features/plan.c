#include "features/plan_layout.h"

#include "core/assert.h"
#include "features/aggregate.h"

#include <stdlib.h>
#include <string.h>

#define ON_BASKET (MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_REFUND))
#define ON_ITEMS                                                                         \
    (MR_ON(MR_EVENT_VIEW) | MR_ON(MR_EVENT_CART_ADD) | MR_ON(MR_EVENT_WISHLIST) |        \
     MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_RATE))

static const mr_score_spec default_points = {
    .rules = {[MR_EVENT_PURCHASE] = {.per_value = 1},
              [MR_EVENT_REVIEW] = {.each = 20},
              [MR_EVENT_LOGIN] = {.each = 2},
              [MR_EVENT_REDEEM] = {.per_value = 1}},
    .spends = MR_ON(MR_EVENT_REDEEM),
    .daily_cap = 200,
    .expires_days = 365,
};
static const mr_score_spec default_growth = {
    .rules = {[MR_EVENT_PURCHASE] = {.per_value = 1}, [MR_EVENT_LOGIN] = {.each = 1}},
};
static const mr_score_spec default_credit = {
    .rules = {[MR_EVENT_PURCHASE] = {.each = 2},
              [MR_EVENT_REVIEW] = {.each = 1},
              [MR_EVENT_REFUND] = {.each = -5}},
    .start = 600,
    .least = 300,
    .most = 850,
    .velocity = {.on = MR_ON(MR_EVENT_PURCHASE),
                 .more_than = 20,
                 .within_s = 3600,
                 .points = -40},
};
static const mr_tier_spec default_levels = {.of = "growth_value",
                                            .levels = {{"newcomer", 0},
                                                       {"bronze", 100},
                                                       {"silver", 500},
                                                       {"gold", 2000},
                                                       {"platinum", 8000},
                                                       {"diamond", 30000}},
                                            .count = 6};
static const mr_tier_spec default_grades = {
    .of = "credit",
    .levels = {{"D", 300}, {"C", 500}, {"B", 600}, {"A", 700}, {"AA", 780}},
    .count = 5};
static const mr_lifecycle_spec default_lifecycle = {.new_days = 30,
                                                    .dormant_days = 30,
                                                    .lost_days = 120,
                                                    .growing_purchases = 2,
                                                    .growing_days = 60};

const mr_feature_spec mr_default_features[] = {
    {.name = "events",
     .meaning = "Events ever, every line of an order being one.",
     .unit = "events",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_EVENTS},
    {.name = "first_seen",
     .meaning = "Time of the earliest event.",
     .unit = "time",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_FIRST_SEEN},
    {.name = "last_seen",
     .meaning = "Time of the latest event.",
     .unit = "time",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_LAST_SEEN},
    {.name = "sessions",
     .meaning =
         "Visits: an event more than 30 minutes after the latest one starts another.",
     .unit = "sessions",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_SESSIONS},
    {.name = "views_7d",
     .meaning = "Item views of the last 7 days.",
     .unit = "events",
     .on = MR_ON(MR_EVENT_VIEW),
     .aggregate = MR_AGGREGATE_COUNT,
     .window_days = 7},
    {.name = "carts_7d",
     .meaning = "Items put into the cart in the last 7 days.",
     .unit = "events",
     .on = MR_ON(MR_EVENT_CART_ADD),
     .aggregate = MR_AGGREGATE_COUNT,
     .window_days = 7},
    {.name = "purchases",
     .meaning = "Order lines bought, ever.",
     .unit = "lines",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_COUNT},
    {.name = "purchases_30d",
     .meaning = "Order lines bought in the last 30 days.",
     .unit = "lines",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_COUNT,
     .window_days = 30},
    {.name = "purchases_90d",
     .meaning = "Order lines bought in the last 90 days.",
     .unit = "lines",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_COUNT,
     .window_days = 90},
    {.name = "purchases_180d",
     .meaning = "Order lines bought in the last 180 days.",
     .unit = "lines",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_COUNT,
     .window_days = 180},
    {.name = "refunds",
     .meaning = "Lines given back, ever.",
     .unit = "lines",
     .on = MR_ON(MR_EVENT_REFUND),
     .aggregate = MR_AGGREGATE_COUNT},
    {.name = "spend",
     .meaning = "Value bought less value given back, ever.",
     .unit = "minor units",
     .on = ON_BASKET,
     .aggregate = MR_AGGREGATE_SUM,
     .of = MR_OF_NET_VALUE},
    {.name = "spend_30d",
     .meaning = "Value bought in the last 30 days.",
     .unit = "minor units",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_SUM,
     .of = MR_OF_VALUE,
     .window_days = 30},
    {.name = "spend_90d",
     .meaning = "Value bought in the last 90 days.",
     .unit = "minor units",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_SUM,
     .of = MR_OF_VALUE,
     .window_days = 90},
    {.name = "spend_fading",
     .meaning = "Value bought, each day's halved every 30 days.",
     .unit = "minor units",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_FADING_SUM,
     .of = MR_OF_VALUE,
     .half_life_days = 30},
    {.name = "orders",
     .meaning = "Orders ever; an order id is known again while among the last 16 "
                "different ones.",
     .unit = "orders",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_DISTINCT,
     .of = MR_OF_ORDER_ID,
     .length = 16},
    {.name = "first_purchase",
     .meaning = "Time of the earliest purchase.",
     .unit = "time",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_FIRST_TIME},
    {.name = "last_purchase",
     .meaning = "Time of the latest purchase.",
     .unit = "time",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_LAST_TIME},
    {.name = "purchase_times",
     .meaning = "The latest 32 different times of a purchase.",
     .unit = "time",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_LAST_TIMES,
     .length = 32},
    {.name = "active_days",
     .meaning = "Days with an event among the latest 128.",
     .unit = "days",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_DAY_BITMAP,
     .length = MR_PLAN_BITMAP_DAYS},
    {.name = "active_months",
     .meaning = "Months with an event among the latest 48, by their first days.",
     .unit = "months",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_MONTH_BITMAP},
    {.name = "purchase_months",
     .meaning = "Months with a purchase among the latest 48, by their first days.",
     .unit = "months",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_MONTH_BITMAP},
    {.name = "hours",
     .meaning = "Events by hour of the day, each count ending at 65535.",
     .unit = "events",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_HISTOGRAM,
     .of = MR_OF_HOUR_OF_DAY},
    {.name = "visits",
     .meaning =
         "Visits: an event more than 30 minutes after the latest one starts another.",
     .unit = "visits",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_SESSION,
     .length = MR_SESSION_MINUTES},
    {.name = "devices",
     .meaning = "The 2 most used devices, an event's weight halved every 30 days.",
     .unit = "weight",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_FADING_TOP,
     .of = MR_OF_DEVICE,
     .half_life_days = 30,
     .length = 2},
    {.name = "channels",
     .meaning = "The 2 most used channels, an event's weight halved every 30 days.",
     .unit = "weight",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_FADING_TOP,
     .of = MR_OF_CHANNEL,
     .half_life_days = 30,
     .length = 2},
    {.name = "history",
     .meaning = "The latest items touched, so many of each type.",
     .unit = "events",
     .on = ON_ITEMS,
     .aggregate = MR_AGGREGATE_RECENT_ITEMS,
     .quotas = {{MR_EVENT_VIEW, 120},
                {MR_EVENT_CART_ADD, 20},
                {MR_EVENT_WISHLIST, 20},
                {MR_EVENT_PURCHASE, 60},
                {MR_EVENT_RATE, 60}}},
    {.name = "interests",
     .meaning =
         "The 16 strongest categories of the items in the history, each one's weight "
         "halved every 30 days.",
     .unit = "weight",
     .on = ON_ITEMS,
     .aggregate = MR_AGGREGATE_HISTORY_TOP,
     .of = MR_OF_CATEGORY,
     .half_life_days = 30,
     .length = 16},
    {.name = "brands",
     .meaning =
         "The 8 strongest brands of the items in the history, halved every 30 days.",
     .unit = "weight",
     .on = ON_ITEMS,
     .aggregate = MR_AGGREGATE_HISTORY_TOP,
     .of = MR_OF_BRAND,
     .half_life_days = 30,
     .length = 8},
    {.name = "price_bands",
     .meaning = "The 6 strongest price bands of the items bought, halved every 90 days.",
     .unit = "weight",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_HISTORY_TOP,
     .of = MR_OF_PRICE_BAND,
     .half_life_days = 90,
     .length = 6},
    {.name = "rfm",
     .meaning = "Days since the latest purchase, orders ever, net spend ever.",
     .unit = "",
     .on = MR_ON(MR_EVENT_PURCHASE),
     .aggregate = MR_AGGREGATE_RFM},
    {.name = "growth_value",
     .meaning = "Value bought, and a point a login, halved every 180 days.",
     .unit = "points",
     .on = MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_LOGIN),
     .aggregate = MR_AGGREGATE_GROWTH,
     .half_life_days = 180,
     .score = &default_growth},
    {.name = "points",
     .meaning =
         "Points to spend: one for each unit of value bought, 20 for a review, 2 for a "
         "login, 200 a day at most, gone after 365 days.",
     .unit = "points",
     .on = MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_REVIEW) | MR_ON(MR_EVENT_LOGIN) |
           MR_ON(MR_EVENT_REDEEM),
     .aggregate = MR_AGGREGATE_POINTS,
     .length = 366,
     .score = &default_points},
    {.name = "credit",
     .meaning =
         "From 600, between 300 and 850: 2 a line bought, 1 a review, 5 less a line "
         "given back, 40 less for more than 20 lines bought within an hour.",
     .unit = "points",
     .on = ON_BASKET | MR_ON(MR_EVENT_REVIEW),
     .aggregate = MR_AGGREGATE_RATING,
     .score = &default_credit},
    {.name = "member_level",
     .meaning =
         "What growth_value has reached: newcomer, bronze from 100, silver from 500, "
         "gold from 2000, platinum from 8000, diamond from 30000.",
     .unit = "level",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_TIER,
     .tier = &default_levels},
    {.name = "credit_grade",
     .meaning =
         "What credit has reached: D, C from 500, B from 600, A from 700, AA from 780.",
     .unit = "level",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_TIER,
     .tier = &default_grades},
    {.name = "lifecycle",
     .meaning =
         "lost after 120 silent days, dormant after 30, new for 30 days, returned for 30 "
         "days after a silence of 30, growing with two purchases in 60 days, else "
         "active.",
     .unit = "stage",
     .on = MR_ON_ANY,
     .aggregate = MR_AGGREGATE_LIFECYCLE,
     .lifecycle = &default_lifecycle},
};

const size_t mr_default_feature_count =
    sizeof(mr_default_features) / sizeof(mr_default_features[0]);

/* A purchase applied twice, or a rating, would stay in a profile for good: a week.  A view is
 * sent again within minutes or not at all. */
const mr_dedup_spec mr_default_dedup = {
    .on_long = MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_REFUND) | MR_ON(MR_EVENT_RATE) |
               MR_ON(MR_EVENT_REVIEW) | MR_ON(MR_EVENT_CART_ADD) |
               MR_ON(MR_EVENT_CART_REMOVE),
    .horizon_ms = {[MR_DEDUP_LONG] = 7LL * MR_DAY_MS, [MR_DEDUP_SHORT] = MR_HOUR_MS},
    .bucket_ms = {[MR_DEDUP_LONG] = MR_HOUR_MS, [MR_DEDUP_SHORT] = MR_HOUR_MS / 60},
    .entries_max = 1U << 22,
};

mr_status mr_plan_create_with(const mr_dedup_spec *dedup, mr_plan **ret_plan)
{
    const mr_plan_settings settings = {.dedup = *dedup};
    mr_plan *plan = NULL;
    MR_TRY(mr_plan_compile(&settings, mr_default_features, mr_default_feature_count,
                           mr_default_columns, mr_default_column_count, &plan, NULL));
    mr_status status = mr_plan_add_default_segments(plan);
    if (status == MR_OK)
        status = mr_plan_set_default_bot_rule(plan);
    if (status != MR_OK) {
        mr_plan_destroy(plan);
        return status;
    }
    *ret_plan = plan;
    return MR_OK;
}

mr_status mr_plan_create_default(mr_plan **ret_plan)
{
    return mr_plan_create_with(&mr_default_dedup, ret_plan);
}

void mr_plan_destroy(mr_plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < MR_PLAN_FEATURES_MAX; i++)
        mr_expression_destroy(plan->operations[i].expression);
    for (size_t i = 0; i < plan->segment_count; i++)
        mr_expression_destroy(plan->segments[i].where);
    mr_expression_destroy(plan->bot_rule);
    mr_buffer_deinit(&plan->canonical);
    free(plan->names);
    mr_arena_destroy(plan->texts);
    free(plan);
}

uint64_t mr_plan_hash(const mr_plan *plan)
{
    return plan->hash;
}

mr_text mr_plan_canonical(const mr_plan *plan)
{
    return (mr_text){.bytes = (const char *)plan->canonical.bytes,
                     .length = (uint32_t)plan->canonical.length};
}

size_t mr_plan_feature_count(const mr_plan *plan)
{
    return plan->operation_count;
}

const mr_feature *mr_plan_feature(const mr_plan *plan, size_t index)
{
    MR_ASSERT(index < plan->operation_count);
    return &plan->operations[index].feature;
}

const mr_operation *mr_plan_operation_named(const mr_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (strcmp(plan->operations[i].feature.name, name) == 0)
            return &plan->operations[i];
    }
    return NULL;
}

/* The first reader of a series has its bytes. */
static mr_feature_bytes series_bytes(const mr_plan *plan, size_t index)
{
    const mr_operation *operation = &plan->operations[index];
    const mr_series *series = &plan->series[operation->series];
    for (size_t i = 0; i < index; i++) {
        const mr_operation *other = &plan->operations[i];
        if (mr_operation_reads_series(other) && other->series == operation->series)
            return (mr_feature_bytes){.shares = other->spec.name};
    }
    return (mr_feature_bytes){.fixed = sizeof(mr_list),
                              .entry = series->slot_bytes,
                              .entries = series->keep_days};
}

mr_feature_bytes mr_operation_bytes(const mr_operation *operation)
{
    const mr_feature_spec *spec = &operation->spec;
    const mr_aggregate_kind *kind = mr_operation_kind(operation);
    mr_feature_bytes bytes = {0};
    if (mr_operation_reads_series(operation))
        return bytes;
    bytes.fixed = kind->number_bytes;
    if (kind->element_bytes == 0)
        return bytes;
    bytes.fixed += sizeof(mr_list);
    bytes.entry = kind->element_bytes;
    bytes.entries = spec->aggregate == MR_AGGREGATE_RECENT_ITEMS
                        ? mr_feature_quota_sum(spec)
                        : spec->length;
    const uint32_t registers = (1U << spec->sketch) / kind->element_bytes;
    if (spec->aggregate == MR_AGGREGATE_SKETCH && registers > bytes.entries)
        bytes.entries = registers;
    return bytes;
}

mr_feature_bytes mr_plan_feature_bytes(const mr_plan *plan, size_t index)
{
    MR_ASSERT(index < plan->operation_count);
    const mr_operation *operation = &plan->operations[index];
    if (mr_operation_reads_series(operation))
        return series_bytes(plan, index);
    switch (
        operation->spec.aggregate) { /* what every profile has, and what is computed */
    case MR_AGGREGATE_EVENTS: return (mr_feature_bytes){.fixed = sizeof(uint32_t)};
    case MR_AGGREGATE_FIRST_SEEN:
    case MR_AGGREGATE_LAST_SEEN: return (mr_feature_bytes){.fixed = sizeof(int64_t)};
    case MR_AGGREGATE_SESSIONS: return (mr_feature_bytes){.fixed = sizeof(uint16_t)};
    case MR_AGGREGATE_FADING_TOP:
        return (mr_feature_bytes){.fixed = operation->top == 0 ? sizeof(mr_list) : 0,
                                  .entry = sizeof(uint64_t),
                                  .entries = operation->spec.length};
    case MR_AGGREGATE_RFM: return (mr_feature_bytes){.shares = plan->orders->spec.name};
    default: return mr_operation_bytes(operation);
    }
}

size_t mr_plan_vector_width(const mr_plan *plan)
{
    return plan->column_count;
}

const mr_vector_column *mr_plan_vector_column(const mr_plan *plan, size_t index)
{
    MR_ASSERT(index < plan->column_count);
    return &plan->columns[index].spec.column;
}

size_t mr_plan_vector_find(const mr_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        if (strcmp(plan->columns[i].spec.column.name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

const char *mr_value_type_name(mr_value_type type)
{
    static const char *const names[] = {"count", "money", "time",       "day",    "days",
                                        "event", "item",  "hundredths", "number", "word"};
    MR_ASSERT((size_t)type < sizeof(names) / sizeof(names[0]));
    return names[type];
}

const char *mr_order_name(mr_order order)
{
    return order == MR_ORDER_FREE ? "free" : "log";
}
