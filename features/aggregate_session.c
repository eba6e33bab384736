/*
 * Visits: how many, how long, how many events, and how many ended with their first.
 *
 * An event more than the plan's gap after the latest one begins another visit; one from before it
 * counts with the visit that is open.  A visit lasts from its first event to its last.  How many
 * visits and events there were, and when the latest event was, stands in the head.
 */
#include "features/aggregate.h"

static mr_visits *visits_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

static uint16_t more(uint16_t count, uint32_t by)
{
    const uint32_t sum = count + by;
    return sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
}

static uint32_t add_ending(uint32_t a, uint32_t b)
{
    return a < UINT32_MAX - b ? a + b : UINT32_MAX;
}

/* The open visit, which ended then, joins those that are over. */
static void close_visit(mr_visits *visits, uint32_t end_s)
{
    visits->closed_s = add_ending(visits->closed_s, end_s - visits->start_s);
    visits->bounces = more(visits->bounces, visits->open_events == 1);
    visits->open_events = 0;
}

void mr_session_apply(mr_applying *applying, const mr_step *step)
{
    mr_visits *visits = visits_at(*applying->row, step->number_offset);
    if (applying->effect.starts_visit) {
        if (visits->open_events > 0)
            close_visit(visits, mr_time_seconds(applying->effect.before_ms));
        visits->start_s = mr_time_seconds(applying->event->time_ms);
    }
    visits->open_events = more(visits->open_events, 1);
}

/* The later of the two open visits stays open.  The heads have been merged: what they were before
 * is told by the times of the visits. */
void mr_session_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_visits *into = visits_at(merging->into, operation->number_offset);
    const mr_visits *from = visits_at(merging->from, operation->number_offset);
    if (from->open_events == 0)
        return;
    const bool from_is_later = merging->from.head->newest_ms > merging->into_newest_ms;
    mr_visits sum = from_is_later ? *from : *into;
    mr_visits earlier = from_is_later ? *into : *from;
    if (earlier.open_events > 0)
        close_visit(&earlier,
                    mr_time_seconds(from_is_later ? merging->into_newest_ms
                                                  : merging->from.head->newest_ms));
    sum.closed_s = add_ending(sum.closed_s, earlier.closed_s);
    sum.bounces = more(sum.bounces, earlier.bounces);
    *into = sum;
}

void mr_session_encode(const mr_operation *operation, const mr_block_pool *pool,
                       mr_row row, mr_buffer *buffer)
{
    const mr_visits *visits = visits_at(row, operation->number_offset);
    (void)pool;
    mr_put_varint(buffer, visits->open_events);
    if (visits->open_events == 0)
        return;
    mr_put_varint(buffer, visits->start_s);
    mr_put_varint(buffer, visits->closed_s);
    mr_put_varint(buffer, visits->bounces);
}

static bool is_sound(const mr_visits *visits, mr_row row)
{
    return visits->start_s <= mr_time_seconds(row.head->newest_ms) &&
           visits->bounces < row.head->sessions;
}

static bool set_visits(mr_row row, mr_visits *visits, uint64_t open_events,
                       uint64_t start_s, uint64_t closed_s, uint64_t bounces)
{
    if (open_events > UINT16_MAX || start_s > UINT32_MAX || closed_s > UINT32_MAX ||
        bounces > UINT16_MAX)
        return false;
    *visits = (mr_visits){.start_s = (uint32_t)start_s,
                          .closed_s = (uint32_t)closed_s,
                          .open_events = (uint16_t)open_events,
                          .bounces = (uint16_t)bounces};
    return is_sound(visits, row);
}

mr_status mr_session_decode(const mr_operation *operation, mr_block_pool *pool,
                            mr_row row, mr_reader *reader)
{
    (void)pool;
    const uint64_t open_events = mr_get_varint(reader);
    if (open_events == 0)
        return MR_OK;
    const uint64_t start_s = mr_get_varint(reader);
    const uint64_t closed_s = mr_get_varint(reader);
    const uint64_t bounces = mr_get_varint(reader);
    return !reader->failed && set_visits(row, visits_at(row, operation->number_offset),
                                         open_events, start_s, closed_s, bounces)
               ? MR_OK
               : MR_ERR_CORRUPT;
}

void mr_session_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_visits *v = visits_at(w->row, operation->number_offset);
    mr_link_put_numbers(
        w, (const int64_t[]){v->open_events, v->start_s, v->closed_s, v->bounces}, 4);
}

bool mr_session_read_json(const mr_link_reading *r, const mr_operation *operation,
                          mr_json_value *value)
{
    int64_t n[4];
    if (!mr_json_is_array(value) || mr_json_count(value) != 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (!mr_json_int_within(mr_json_at(value, i), 0, UINT32_MAX, &n[i]))
            return false;
    }
    return n[0] == 0 ||
           set_visits(r->row, visits_at(r->row, operation->number_offset), (uint64_t)n[0],
                      (uint64_t)n[1], (uint64_t)n[2], (uint64_t)n[3]);
}

void mr_session_read(mr_reading *reading)
{
    const mr_visits *visits = visits_at(reading->row, reading->operation->number_offset);
    const mr_row_head *head = reading->row.head;
    if (visits->open_events == 0)
        return;
    const int64_t open_s = mr_time_seconds(head->newest_ms) - visits->start_s;
    mr_reading_number(reading, head->sessions);
    mr_reading_number(reading, (visits->closed_s + open_s) / head->sessions);
    mr_reading_number(reading, (int64_t)head->events * 1000000 / head->sessions);
    mr_reading_number(reading, visits->bounces);
    mr_reading_number(reading, (int64_t)visits->start_s * 1000);
}
