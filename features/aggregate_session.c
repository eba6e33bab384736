/*
 * Visits: how many, how long, how many events, and how many ended with their first.
 *
 * An event more than the gap after the latest one begins another visit; one from before it counts
 * with the visit that is open.  A visit lasts from its first event to its last.
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

/* The open visit joins those that are over. */
static void close_visit(mr_visits *visits)
{
    visits->closed_s = add_ending(visits->closed_s, visits->newest_s - visits->start_s);
    visits->bounces = more(visits->bounces, visits->open_events == 1);
}

void mr_session_apply(mr_applying *applying, const mr_step *step)
{
    mr_visits *visits = visits_at(*applying->row, step->number_offset);
    const uint32_t time_s = mr_time_seconds(applying->event->time_ms);
    const uint32_t gap_s = step->length * 60U;
    if (visits->count == 0 ||
        (time_s > visits->newest_s && time_s - visits->newest_s > gap_s)) {
        if (visits->count > 0)
            close_visit(visits);
        visits->count = more(visits->count, 1);
        visits->start_s = visits->newest_s = time_s;
        visits->open_events = 0;
    }
    visits->newest_s = time_s > visits->newest_s ? time_s : visits->newest_s;
    visits->open_events = more(visits->open_events, 1);
    visits->events = add_ending(visits->events, 1);
}

/* The later of the two open visits stays open. */
void mr_session_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_visits *into = visits_at(merging->into, operation->number_offset);
    mr_visits from = *visits_at(merging->from, operation->number_offset);
    if (from.count == 0)
        return;
    if (into->count == 0) {
        *into = from;
        return;
    }
    mr_visits sum = from.newest_s > into->newest_s ? from : *into;
    mr_visits *earlier = from.newest_s > into->newest_s ? into : &from;
    close_visit(earlier);
    sum.closed_s = add_ending(sum.closed_s, earlier->closed_s);
    sum.bounces = more(sum.bounces, earlier->bounces);
    sum.count = more(sum.count, earlier->count);
    sum.events = add_ending(sum.events, earlier->events);
    *into = sum;
}

void mr_session_encode(const mr_operation *operation, const mr_block_pool *pool,
                       mr_row row, mr_buffer *buffer)
{
    const mr_visits *visits = visits_at(row, operation->number_offset);
    (void)pool;
    mr_put_varint(buffer, visits->count);
    if (visits->count == 0)
        return;
    mr_put_varint(buffer, visits->start_s);
    mr_put_varint(buffer, visits->newest_s - visits->start_s);
    mr_put_varint(buffer, visits->closed_s);
    mr_put_varint(buffer, visits->events);
    mr_put_varint(buffer, visits->open_events);
    mr_put_varint(buffer, visits->bounces);
}

static bool is_sound(const mr_visits *visits)
{
    return visits->open_events > 0 && visits->bounces < visits->count &&
           visits->events >= visits->open_events;
}

mr_status mr_session_decode(const mr_operation *operation, mr_block_pool *pool,
                            mr_row row, mr_reader *reader)
{
    mr_visits *visits = visits_at(row, operation->number_offset);
    (void)pool;
    const uint64_t count = mr_get_varint(reader);
    if (count == 0)
        return MR_OK;
    const uint64_t start_s = mr_get_varint(reader);
    const uint64_t open_s = mr_get_varint(reader);
    const uint64_t closed_s = mr_get_varint(reader);
    const uint64_t events = mr_get_varint(reader);
    const uint64_t open_events = mr_get_varint(reader);
    const uint64_t bounces = mr_get_varint(reader);
    if (reader->failed || count > UINT16_MAX || start_s > UINT32_MAX ||
        open_s > UINT32_MAX - start_s || closed_s > UINT32_MAX || events > UINT32_MAX ||
        open_events > UINT16_MAX || bounces > UINT16_MAX)
        return MR_ERR_CORRUPT;
    *visits = (mr_visits){.start_s = (uint32_t)start_s,
                          .newest_s = (uint32_t)(start_s + open_s),
                          .closed_s = (uint32_t)closed_s,
                          .events = (uint32_t)events,
                          .count = (uint16_t)count,
                          .open_events = (uint16_t)open_events,
                          .bounces = (uint16_t)bounces};
    return is_sound(visits) ? MR_OK : MR_ERR_CORRUPT;
}

void mr_session_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_visits *v = visits_at(w->row, operation->number_offset);
    mr_link_put_numbers(w,
                        (const int64_t[]){v->count, v->start_s, v->newest_s, v->closed_s,
                                          v->events, v->open_events, v->bounces},
                        v->count > 0 ? 7 : 0);
}

bool mr_session_read_json(const mr_link_reading *r, const mr_operation *operation,
                          mr_json_value *value)
{
    static const int64_t most[7] = {UINT16_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
                                    UINT32_MAX, UINT16_MAX, UINT16_MAX};
    mr_visits *visits = visits_at(r->row, operation->number_offset);
    int64_t numbers[7];
    if (mr_json_is_array(value) && mr_json_count(value) == 0)
        return true;
    if (!mr_json_is_array(value) || mr_json_count(value) != 7)
        return false;
    for (size_t i = 0; i < 7; i++) {
        const int64_t least = i == 0 ? 1 : i == 2 ? numbers[1] : 0;
        if (!mr_json_int_within(mr_json_at(value, i), least, most[i], &numbers[i]))
            return false;
    }
    *visits = (mr_visits){.count = (uint16_t)numbers[0],
                          .start_s = (uint32_t)numbers[1],
                          .newest_s = (uint32_t)numbers[2],
                          .closed_s = (uint32_t)numbers[3],
                          .events = (uint32_t)numbers[4],
                          .open_events = (uint16_t)numbers[5],
                          .bounces = (uint16_t)numbers[6]};
    return is_sound(visits);
}

void mr_session_read(mr_reading *reading)
{
    const mr_visits *visits =
        visits_at(reading->row, reading->operation->number_offset);
    if (visits->count == 0)
        return;
    const int64_t seconds =
        (int64_t)visits->closed_s + (visits->newest_s - visits->start_s);
    mr_reading_number(reading, visits->count);
    mr_reading_number(reading, seconds / visits->count);
    mr_reading_number(reading, (int64_t)visits->events * 1000000 / visits->count);
    mr_reading_number(reading, visits->bounces);
    mr_reading_number(reading, (int64_t)visits->start_s * 1000);
}
