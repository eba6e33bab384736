/*
 * The least, the largest or the mean of an amount: how many there were, and that number or their
 * sum.
 */
#include "features/aggregate.h"

void mr_pair_apply(mr_applying *applying, const mr_step *step)
{
    mr_pair *pair = mr_row_pair(*applying->row, step->number_offset);
    const int64_t amount = mr_amount_of(applying->event, (mr_of)step->of);
    if (!mr_has_amount(applying->event, (mr_of)step->of))
        return;
    const bool is_first = pair->count++ == 0;
    if (step->aggregate == MR_AGGREGATE_MEAN)
        mr_add_wrapping(&pair->number, amount);
    else if (is_first || (step->aggregate == MR_AGGREGATE_MIN ? amount < pair->number
                                                              : amount > pair->number))
        pair->number = amount;
}

void mr_pair_merge(const mr_merging *merging, const mr_operation *operation)
{
    const mr_aggregate aggregate = operation->spec.aggregate;
    mr_pair *into = mr_row_pair(merging->into, operation->number_offset);
    const mr_pair *from = mr_row_pair(merging->from, operation->number_offset);
    if (from->count == 0)
        return;
    const bool was_empty = into->count == 0;
    into->count += from->count;
    if (aggregate == MR_AGGREGATE_MEAN)
        mr_add_wrapping(&into->number, from->number);
    else if (was_empty || (aggregate == MR_AGGREGATE_MIN ? from->number < into->number
                                                         : from->number > into->number))
        into->number = from->number;
}

void mr_pair_encode(const mr_operation *operation, const mr_block_pool *pool, mr_row row,
                    mr_buffer *buffer)
{
    const mr_pair *pair = mr_row_pair(row, operation->number_offset);
    (void)pool;
    mr_put_varint(buffer, pair->count);
    mr_put_signed(buffer, pair->number);
}

mr_status mr_pair_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                         mr_reader *reader)
{
    mr_pair *pair = mr_row_pair(row, operation->number_offset);
    (void)pool;
    pair->count = mr_get_varint(reader);
    pair->number = mr_get_signed(reader);
    return pair->count > 0 || pair->number == 0 ? MR_OK : MR_ERR_CORRUPT;
}

void mr_pair_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_pair *pair = mr_row_pair(w->row, operation->number_offset);
    mr_link_put_numbers(w, (const int64_t[]){(int64_t)pair->count, pair->number}, 2);
}

bool mr_pair_read_json(const mr_link_reading *r, const mr_operation *operation,
                       mr_json_value *value)
{
    mr_pair *pair = mr_row_pair(r->row, operation->number_offset);
    int64_t count;
    if (!mr_json_is_array(value) || mr_json_count(value) != 2 ||
        !mr_json_int_within(mr_json_at(value, 0), 0, r->row.head->events, &count) ||
        !mr_json_int_within(mr_json_at(value, 1), INT64_MIN, INT64_MAX, &pair->number))
        return false;
    pair->count = (uint64_t)count;
    return count > 0 || pair->number == 0;
}

static bool read_window(const mr_reading *reading, int64_t *ret_number)
{
    const mr_operation *operation = reading->operation;
    const mr_series *series = &reading->plan->series[operation->series];
    const mr_list *list = mr_row_list(reading->row, series->list_offset);
    const int64_t at_day = mr_series_day(reading->plan, series, reading->at_ms);
    const int64_t days = mr_feature_days(&operation->spec);
    return operation->spec.aggregate == MR_AGGREGATE_MEAN
               ? mr_day_series_mean(reading->pool, series, list, at_day, days, ret_number)
               : mr_day_series_extreme(reading->pool, series, list, at_day, days,
                                       ret_number);
}

void mr_pair_read(mr_reading *reading)
{
    const mr_operation *operation = reading->operation;
    int64_t number;
    const bool is_there =
        operation->stores
            ? mr_pair_number(mr_row_pair(reading->row, operation->number_offset),
                             operation->spec.aggregate, &number)
            : read_window(reading, &number);
    if (is_there)
        mr_reading_number(reading, number);
}
