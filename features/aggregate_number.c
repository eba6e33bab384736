/*
 * One number: how many, how much, when first, when last; over a window, what its series says.
 */
#include "features/aggregate.h"

void mr_count_apply(mr_applying *applying, const mr_step *step)
{
    (*mr_row_count(*applying->row, step->number_offset))++;
}

void mr_sum_apply(mr_applying *applying, const mr_step *step)
{
    mr_add_wrapping(mr_row_number(*applying->row, step->number_offset),
                    mr_amount_of(applying->event, (mr_of)step->of));
}

void mr_first_time_apply(mr_applying *applying, const mr_step *step)
{
    int64_t *number = mr_row_number(*applying->row, step->number_offset);
    const int64_t mark = applying->event->time_ms + 1;
    *number = *number == 0 || mark < *number ? mark : *number;
}

void mr_last_time_apply(mr_applying *applying, const mr_step *step)
{
    int64_t *number = mr_row_number(*applying->row, step->number_offset);
    const int64_t mark = applying->event->time_ms + 1;
    *number = mark > *number ? mark : *number;
}

void mr_count_merge(const mr_merging *merging, const mr_operation *operation)
{
    *mr_row_count(merging->into, operation->number_offset) +=
        *mr_row_count(merging->from, operation->number_offset);
}

void mr_sum_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_add_wrapping(mr_row_number(merging->into, operation->number_offset),
                    *mr_row_number(merging->from, operation->number_offset));
}

void mr_first_time_merge(const mr_merging *merging, const mr_operation *operation)
{
    int64_t *number = mr_row_number(merging->into, operation->number_offset);
    const int64_t added = *mr_row_number(merging->from, operation->number_offset);
    if (added != 0 && (*number == 0 || added < *number))
        *number = added;
}

void mr_last_time_merge(const mr_merging *merging, const mr_operation *operation)
{
    int64_t *number = mr_row_number(merging->into, operation->number_offset);
    const int64_t added = *mr_row_number(merging->from, operation->number_offset);
    *number = added > *number ? added : *number;
}

/* In the form of any number. */
void mr_count_encode(const mr_operation *operation, const mr_block_pool *pool, mr_row row,
                     mr_buffer *buffer)
{
    (void)pool;
    mr_put_signed(buffer, *mr_row_count(row, operation->number_offset));
}

mr_status mr_count_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                          mr_reader *reader)
{
    const int64_t count = mr_get_signed(reader);
    (void)pool;
    if (count < 0 || count > UINT32_MAX)
        return MR_ERR_CORRUPT;
    *mr_row_count(row, operation->number_offset) = (uint32_t)count;
    return MR_OK;
}

void mr_number_encode(const mr_operation *operation, const mr_block_pool *pool,
                      mr_row row, mr_buffer *buffer)
{
    (void)pool;
    mr_put_signed(buffer, *mr_row_number(row, operation->number_offset));
}

mr_status mr_number_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                           mr_reader *reader)
{
    (void)pool;
    *mr_row_number(row, operation->number_offset) = mr_get_signed(reader);
    return MR_OK;
}

void mr_count_write_json(mr_link_writing *w, const mr_operation *operation)
{
    mr_json_put_int(&w->json, *mr_row_count(w->row, operation->number_offset));
}

void mr_number_write_json(mr_link_writing *w, const mr_operation *operation)
{
    mr_json_put_int(&w->json, *mr_row_number(w->row, operation->number_offset));
}

void mr_time_write_json(mr_link_writing *w, const mr_operation *operation)
{
    mr_json_put_int(&w->json, *mr_row_number(w->row, operation->number_offset) - 1);
}

bool mr_count_read_json(const mr_link_reading *r, const mr_operation *operation,
                        mr_json_value *value)
{
    int64_t count;
    if (!mr_json_int_within(value, 0, r->row.head->events, &count))
        return false;
    *mr_row_count(r->row, operation->number_offset) = (uint32_t)count;
    return true;
}

bool mr_sum_read_json(const mr_link_reading *r, const mr_operation *operation,
                      mr_json_value *value)
{
    return mr_json_int_within(value, INT64_MIN, INT64_MAX,
                              mr_row_number(r->row, operation->number_offset));
}

bool mr_time_read_json(const mr_link_reading *r, const mr_operation *operation,
                       mr_json_value *value)
{
    int64_t *number = mr_row_number(r->row, operation->number_offset);
    if (!mr_json_int_within(value, 0, INT64_MAX - 1, number))
        return false;
    (*number)++;
    return true;
}

typedef struct window {
    const mr_series *series;
    const mr_list *list;
    int64_t at_day; /* or hour */
    int64_t days;
} window;

static window window_of(const mr_reading *reading)
{
    const mr_series *series = &reading->plan->series[reading->operation->series];
    return (window){series, mr_row_list(reading->row, series->list_offset),
                    mr_series_day(reading->plan, series, reading->at_ms),
                    mr_feature_days(&reading->operation->spec)};
}

void mr_count_read(mr_reading *reading)
{
    if (reading->operation->stores) {
        mr_reading_number(reading,
                          *mr_row_count(reading->row, reading->operation->number_offset));
        return;
    }
    const window w = window_of(reading);
    mr_reading_number(reading, (int64_t)mr_day_series_count(reading->pool, w.series,
                                                            w.list, w.at_day, w.days));
}

void mr_sum_read(mr_reading *reading)
{
    if (reading->operation->stores) {
        mr_reading_number(
            reading, *mr_row_number(reading->row, reading->operation->number_offset));
        return;
    }
    const window w = window_of(reading);
    mr_reading_number(
        reading, mr_day_series_sum(reading->pool, w.series, w.list, w.at_day, w.days));
}

void mr_fading_sum_read(mr_reading *reading)
{
    const window w = window_of(reading);
    mr_reading_number(reading,
                      mr_day_series_fading(reading->pool, w.series, w.list, w.at_day,
                                           reading->operation->spec.half_life_days));
}

void mr_fading_mean_read(mr_reading *reading)
{
    const window w = window_of(reading);
    int64_t mean;
    if (mr_day_series_fading_mean(reading->pool, w.series, w.list, w.at_day,
                                  reading->operation->spec.half_life_days, &mean))
        mr_reading_number(reading, mean);
}

void mr_time_read(mr_reading *reading)
{
    const int64_t mark = *mr_row_number(reading->row, reading->operation->number_offset);
    if (mark != 0)
        mr_reading_number(reading, mark - 1);
}
