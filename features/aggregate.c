#include "features/aggregate.h"

#include "core/assert.h"

#include <string.h>

#define KEPT_BY(name)                                                                    \
    .apply = mr_##name##_apply, .merge = mr_##name##_merge,                              \
    .encode = mr_##name##_encode, .decode = mr_##name##_decode,                          \
    .write_json = mr_##name##_write_json, .read_json = mr_##name##_read_json,            \
    .read = mr_##name##_read

#define ONE_NUMBER                                                                       \
    .number_bytes = sizeof(int64_t), .encode = mr_number_encode,                         \
    .decode = mr_number_decode

#define ONE_TIME                                                                         \
    ONE_NUMBER, .type = MR_VALUE_TIME, .zero_is_none = true,                             \
                .write_json = mr_time_write_json, .read_json = mr_time_read_json,        \
                .read = mr_time_read

const mr_aggregate_kind mr_aggregate_kinds[MR_AGGREGATES] = {
    [MR_AGGREGATE_EVENTS] = {.name = "events", .read = mr_events_read},
    [MR_AGGREGATE_FIRST_SEEN] = {.name = "first_seen",
                                 .type = MR_VALUE_TIME,
                                 .read = mr_first_seen_read},
    [MR_AGGREGATE_LAST_SEEN] = {.name = "last_seen",
                                .type = MR_VALUE_TIME,
                                .read = mr_last_seen_read},
    [MR_AGGREGATE_SESSIONS] = {.name = "sessions",
                               .order = MR_ORDER_LOG,
                               .read = mr_sessions_read},
    [MR_AGGREGATE_COUNT] = {.name = "count",
                            .number_bytes = sizeof(uint32_t),
                            .apply = mr_count_apply,
                            .merge = mr_count_merge,
                            .encode = mr_count_encode,
                            .decode = mr_count_decode,
                            .write_json = mr_count_write_json,
                            .read_json = mr_count_read_json,
                            .read = mr_count_read},
    [MR_AGGREGATE_SUM] = {.name = "sum",
                          ONE_NUMBER,
                          .apply = mr_sum_apply,
                          .merge = mr_sum_merge,
                          .write_json = mr_number_write_json,
                          .read_json = mr_sum_read_json,
                          .read = mr_sum_read},
    [MR_AGGREGATE_FADING_SUM] = {.name = "fading_sum", .read = mr_fading_sum_read},
    [MR_AGGREGATE_DISTINCT] = {.name = "distinct",
                               .order = MR_ORDER_LOG,
                               .number_bytes = sizeof(uint32_t),
                               .element_bytes = sizeof(uint64_t),
                               KEPT_BY(distinct)},
    [MR_AGGREGATE_FIRST_TIME] = {.name = "first_time",
                                 ONE_TIME,
                                 .apply = mr_first_time_apply,
                                 .merge = mr_first_time_merge},
    [MR_AGGREGATE_LAST_TIME] = {.name = "last_time",
                                ONE_TIME,
                                .apply = mr_last_time_apply,
                                .merge = mr_last_time_merge},
    [MR_AGGREGATE_LAST_TIMES] = {.name = "last_times",
                                 .is_list = true,
                                 .type = MR_VALUE_TIME,
                                 .element_bytes = sizeof(int64_t),
                                 KEPT_BY(last_times)},
    [MR_AGGREGATE_DAY_BITMAP] = {.name = "day_bitmap",
                                 .is_list = true,
                                 .type = MR_VALUE_DAY,
                                 .number_bytes = sizeof(mr_day_bitmap),
                                 KEPT_BY(day_bitmap)},
    [MR_AGGREGATE_HISTOGRAM] = {.name = "histogram",
                                .is_list = true,
                                .number_bytes = sizeof(mr_hours),
                                .spill_bytes = MR_PLAN_HOURS * sizeof(uint16_t),
                                .has_spilled = mr_hours_has_spilled,
                                .free_spill = mr_hours_free_spill,
                                .column_count = 2,
                                .columns = {{.name = "hour"}, {.name = "count"}},
                                KEPT_BY(hours)},
    [MR_AGGREGATE_RECENT_ITEMS] = {.name = "recent_items",
                                   .is_list = true,
                                   .number_bytes = MR_QUOTAS_MAX,
                                   .element_bytes = sizeof(mr_history_entry),
                                   .column_count = 5,
                                   .columns = {{.name = "time", .type = MR_VALUE_TIME},
                                               {.name = "item", .type = MR_VALUE_ITEM},
                                               {.name = "type", .type = MR_VALUE_EVENT},
                                               {.name = "weight"},
                                               {.name = "session",
                                                .order = MR_ORDER_LOG}},
                                   KEPT_BY(recent_items)},
    [MR_AGGREGATE_RFM] = {.name = "rfm",
                          .order = MR_ORDER_LOG,
                          .column_count = 3,
                          .columns = {{.name = "recency", .type = MR_VALUE_DAYS},
                                      {.name = "frequency"},
                                      {.name = "monetary", .type = MR_VALUE_MONEY}},
                          .read = mr_rfm_read},
    [MR_AGGREGATE_MIN] = {.name = "min", .number_bytes = sizeof(mr_pair), KEPT_BY(pair)},
    [MR_AGGREGATE_MAX] = {.name = "max", .number_bytes = sizeof(mr_pair), KEPT_BY(pair)},
    [MR_AGGREGATE_MEAN] = {.name = "mean",
                           .number_bytes = sizeof(mr_pair),
                           KEPT_BY(pair)},
    [MR_AGGREGATE_FADING_MEAN] = {.name = "fading_mean", .read = mr_fading_mean_read},
    [MR_AGGREGATE_FADING_TOP] = {.name = "fading_top",
                                 .order = MR_ORDER_LOG,
                                 .is_list = true,
                                 .column_count = 2,
                                 .columns = {{.name = "word", .type = MR_VALUE_WORD},
                                             {.name = "weight",
                                              .type = MR_VALUE_MILLIONTHS}},
                                 KEPT_BY(fading_top)},
    [MR_AGGREGATE_HISTORY_TOP] = {.name = "history_top",
                                  .order = MR_ORDER_LOG, /* words are a partition's */
                                  .is_list = true,
                                  .column_count = 2,
                                  .columns = {{.name = "word", .type = MR_VALUE_WORD},
                                              {.name = "weight",
                                               .type = MR_VALUE_MILLIONTHS}},
                                  .read = mr_history_top_read},
    [MR_AGGREGATE_SESSION] = {.name = "session",
                              .order = MR_ORDER_LOG,
                              .number_bytes = sizeof(mr_visits),
                              .column_count = 5,
                              .columns = {{.name = "count"},
                                          {.name = "mean_seconds"},
                                          {.name = "mean_events",
                                           .type = MR_VALUE_MILLIONTHS},
                                          {.name = "bounces"},
                                          {.name = "last_start", .type = MR_VALUE_TIME}},
                              KEPT_BY(session)},
    [MR_AGGREGATE_WEEK_BITMAP] = {.name = "week_bitmap",
                                  .is_list = true,
                                  .type = MR_VALUE_DAY,
                                  .number_bytes = sizeof(mr_period_bitmap),
                                  KEPT_BY(period_bitmap)},
    [MR_AGGREGATE_MONTH_BITMAP] = {.name = "month_bitmap",
                                   .is_list = true,
                                   .type = MR_VALUE_DAY,
                                   .number_bytes = sizeof(mr_period_bitmap),
                                   KEPT_BY(period_bitmap)},
    [MR_AGGREGATE_SKETCH] = {.name = "distinct",
                             .number_bytes = sizeof(int64_t),
                             .element_bytes = sizeof(uint64_t),
                             KEPT_BY(sketch)},
    [MR_AGGREGATE_POINTS] = {.name = "points",
                             .order = MR_ORDER_LOG,
                             .number_bytes = sizeof(mr_earned),
                             .element_bytes = sizeof(mr_point_lot),
                             KEPT_BY(points)},
    [MR_AGGREGATE_GROWTH] = {.name = "growth",
                             .order = MR_ORDER_LOG,
                             .number_bytes = sizeof(mr_growth),
                             KEPT_BY(growth)},
    [MR_AGGREGATE_RATING] = {.name = "rating",
                             .order = MR_ORDER_LOG,
                             .number_bytes = sizeof(mr_rating),
                             KEPT_BY(rating)},
    [MR_AGGREGATE_TIER] = {.name = "tier",
                           .order = MR_ORDER_LOG,
                           .type = MR_VALUE_WORD,
                           .read = mr_tier_read},
    [MR_AGGREGATE_LIFECYCLE] = {.name = "lifecycle",
                                .type = MR_VALUE_WORD,
                                .read = mr_lifecycle_read},
    [MR_AGGREGATE_EXPRESSION] = {.name = "expression",
                                 .type = MR_VALUE_MILLIONTHS,
                                 .read = mr_expression_read},
};

void mr_reading_number(mr_reading *reading, int64_t number)
{
    const mr_feature *feature = &reading->operation->feature;
    const size_t column = reading->count % feature->column_count;
    MR_ASSERT(reading->count < MR_READING_VALUES_MAX);
    reading->values[reading->count++] =
        (mr_value){.type = feature->columns[column].type, .number = number};
}

void mr_reading_text(mr_reading *reading, int64_t number, mr_text text)
{
    mr_reading_number(reading, number);
    reading->values[reading->count - 1].text = text;
}

void mr_link_put_numbers(mr_link_writing *w, const int64_t *numbers, size_t count)
{
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < count; i++)
        mr_json_put_int(&w->json, numbers[i]);
    mr_json_end_array(&w->json);
}

bool mr_link_is_array(mr_json_value *value, size_t most)
{
    return mr_json_is_array(value) && mr_json_count(value) <= most;
}

void mr_list_replace(mr_block_pool *pool, mr_list *list, const void *elements,
                     size_t count, size_t element_bytes)
{
    mr_block_pool_free(pool, list->block, list->size_class);
    *list = (mr_list){0};
    mr_list_start(pool, list, count, element_bytes);
    if (count > 0)
        memcpy(mr_list_elements(pool, list), elements, count * element_bytes);
    list->count = (uint16_t)count;
}

int64_t mr_amount_of(const mr_event *event, mr_of of)
{
    switch (of) {
    case MR_OF_NOTHING: return 0;
    case MR_OF_NET_VALUE:
        return event->type == MR_EVENT_REFUND
                   ? (int64_t)(0 - (uint64_t)event->value_minor)
                   : event->value_minor;
    case MR_OF_QUANTITY: return event->quantity;
    case MR_OF_PRICE: return event->price_minor;
    case MR_OF_RATING: return event->rating_centi;
    default: return event->value_minor;
    }
}

bool mr_has_amount(const mr_event *event, mr_of of)
{
    return of != MR_OF_RATING || event->rating_centi != 0;
}
