/*
 * Two scores of one number: a growth value, which halves with time, and a rating, which begins
 * somewhere and is read within a range.
 */
#include "features/aggregate.h"

__extension__ typedef __int128 wide;

enum { FRACTION = 65536 }; /* of a point */
#define VALUE_MAX ((INT64_C(1) << 47) - 1)

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* ---- a growth value ---- */

typedef struct growth_value {
    int64_t value; /* in 1/65536 of a point, as of the day */
    uint16_t day_plus_one;
} growth_value;

static mr_growth *growth_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

/* What is left after some days, towards zero. */
static int64_t faded(int64_t value, uint16_t half_life_days, int64_t age_days)
{
    if (age_days <= 0)
        return value;
    return (int64_t)((wide)value * (int64_t)mr_plan_fade(half_life_days, age_days) /
                     (INT64_C(1) << MR_PLAN_FADE_BITS));
}

static growth_value unpack(const mr_growth *growth)
{
    return (growth_value){.value = growth->packed >> 16,
                          .day_plus_one = (uint16_t)(growth->packed & UINT16_MAX)};
}

static mr_growth pack(growth_value growth)
{
    return (mr_growth){(int64_t)((uint64_t)growth.value << 16) | growth.day_plus_one};
}

/* Two of them as of the later day. */
static growth_value sum_of(growth_value a, growth_value b, uint16_t half_life_days)
{
    const uint16_t day =
        a.day_plus_one > b.day_plus_one ? a.day_plus_one : b.day_plus_one;
    const wide sum = (wide)faded(a.value, half_life_days, (int64_t)day - a.day_plus_one) +
                     faded(b.value, half_life_days, (int64_t)day - b.day_plus_one);
    const int64_t value = sum > VALUE_MAX    ? VALUE_MAX
                          : sum < -VALUE_MAX ? -VALUE_MAX
                                             : (int64_t)sum;
    return (growth_value){.value = value, .day_plus_one = day};
}

static void join(mr_growth *growth, growth_value fresh, uint16_t half_life_days)
{
    *growth =
        pack(growth->packed == 0 ? fresh : sum_of(unpack(growth), fresh, half_life_days));
}

void mr_growth_apply(mr_applying *applying, const mr_step *step)
{
    const mr_feature_spec *spec = &applying->plan->operations[step->operation].spec;
    const int64_t day = applying->day;
    join(growth_at(*applying->row, step->number_offset),
         (growth_value){.value = mr_score_points(spec->score, applying->event) * FRACTION,
                        .day_plus_one =
                            (uint16_t)(day < UINT16_MAX ? day + 1 : UINT16_MAX)},
         spec->half_life_days);
}

void mr_growth_merge(const mr_merging *merging, const mr_operation *operation)
{
    const mr_growth *from = growth_at(merging->from, operation->number_offset);
    if (from->packed != 0)
        join(growth_at(merging->into, operation->number_offset), unpack(from),
             operation->spec.half_life_days);
}

void mr_growth_encode(const mr_operation *operation, const mr_block_pool *pool,
                      mr_row row, mr_buffer *buffer)
{
    const growth_value growth = unpack(growth_at(row, operation->number_offset));
    (void)pool;
    mr_put_varint(buffer, growth.day_plus_one);
    mr_put_signed(buffer, growth.value);
}

static bool is_growth(uint64_t day_plus_one, int64_t value)
{
    return day_plus_one <= UINT16_MAX && value >= -VALUE_MAX && value <= VALUE_MAX &&
           (day_plus_one != 0 || value == 0);
}

mr_status mr_growth_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                           mr_reader *reader)
{
    (void)pool;
    const uint64_t day_plus_one = mr_get_varint(reader);
    const int64_t value = mr_get_signed(reader);
    if (!is_growth(day_plus_one, value))
        return MR_ERR_CORRUPT;
    *growth_at(row, operation->number_offset) =
        pack((growth_value){value, (uint16_t)day_plus_one});
    return MR_OK;
}

void mr_growth_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const growth_value growth = unpack(growth_at(w->row, operation->number_offset));
    mr_link_put_numbers(w, (const int64_t[]){growth.day_plus_one, growth.value}, 2);
}

bool mr_growth_read_json(const mr_link_reading *r, const mr_operation *operation,
                         mr_json_value *value)
{
    int64_t day;
    int64_t number;
    if (!mr_json_is_array(value) || mr_json_count(value) != 2 ||
        !mr_json_int_within(mr_json_at(value, 0), 0, UINT16_MAX, &day) ||
        !mr_json_int_within(mr_json_at(value, 1), -VALUE_MAX, VALUE_MAX, &number) ||
        !is_growth((uint64_t)day, number))
        return false;
    *growth_at(r->row, operation->number_offset) =
        pack((growth_value){number, (uint16_t)day});
    return true;
}

void mr_growth_read(mr_reading *reading)
{
    const mr_operation *operation = reading->operation;
    const growth_value growth = unpack(growth_at(reading->row, operation->number_offset));
    const int64_t age = reading->at_day + 1 - (int64_t)growth.day_plus_one;
    mr_reading_number(reading, faded(growth.value, operation->spec.half_life_days, age) /
                                   FRACTION);
}

/* ---- a rating ---- */

static mr_rating *rating_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

static void add(mr_rating *rating, int64_t points)
{
    rating->sum = (int32_t)clamp(rating->sum + points, INT32_MIN, INT32_MAX);
}

/* A run of events begins with one that is not within the time of the run before. */
static void watch(mr_rating *rating, const mr_velocity_rule *rule, uint32_t time_s)
{
    const bool is_within = rating->run_events > 0 && time_s >= rating->run_start_s &&
                           time_s - rating->run_start_s < rule->within_s;
    if (!is_within && (rating->run_events == 0 || time_s > rating->run_start_s)) {
        rating->run_start_s = time_s;
        rating->run_events = 0;
    }
    if (rating->run_events < UINT16_MAX && ++rating->run_events == rule->more_than + 1)
        add(rating, rule->points);
}

void mr_rating_apply(mr_applying *applying, const mr_step *step)
{
    const mr_event *event = applying->event;
    const mr_score_spec *score = applying->plan->operations[step->operation].spec.score;
    mr_rating *rating = rating_at(*applying->row, step->number_offset);
    add(rating, mr_score_points(score, event));
    if ((score->velocity.on & MR_ON(event->type)) != 0)
        watch(rating, &score->velocity, mr_time_seconds(event->time_ms));
}

void mr_rating_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_rating *into = rating_at(merging->into, operation->number_offset);
    const mr_rating *from = rating_at(merging->from, operation->number_offset);
    add(into, from->sum);
    if (from->run_events > 0 &&
        (into->run_events == 0 || from->run_start_s > into->run_start_s)) {
        into->run_start_s = from->run_start_s;
        into->run_events = from->run_events;
    }
}

void mr_rating_encode(const mr_operation *operation, const mr_block_pool *pool,
                      mr_row row, mr_buffer *buffer)
{
    const mr_rating *rating = rating_at(row, operation->number_offset);
    (void)pool;
    mr_put_signed(buffer, rating->sum);
    mr_put_varint(buffer, rating->run_start_s);
    mr_put_varint(buffer, rating->run_events);
}

static bool set_rating(mr_rating *rating, int64_t sum, uint64_t run_start_s,
                       uint64_t run_events)
{
    if (sum < INT32_MIN || sum > INT32_MAX || run_start_s > UINT32_MAX ||
        run_events > UINT16_MAX)
        return false;
    *rating = (mr_rating){.sum = (int32_t)sum,
                          .run_start_s = (uint32_t)run_start_s,
                          .run_events = (uint16_t)run_events};
    return true;
}

mr_status mr_rating_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                           mr_reader *reader)
{
    (void)pool;
    const int64_t sum = mr_get_signed(reader);
    const uint64_t run_start_s = mr_get_varint(reader);
    const uint64_t run_events = mr_get_varint(reader);
    return set_rating(rating_at(row, operation->number_offset), sum, run_start_s,
                      run_events)
               ? MR_OK
               : MR_ERR_CORRUPT;
}

void mr_rating_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_rating *rating = rating_at(w->row, operation->number_offset);
    mr_link_put_numbers(
        w, (const int64_t[]){rating->sum, rating->run_start_s, rating->run_events}, 3);
}

bool mr_rating_read_json(const mr_link_reading *r, const mr_operation *operation,
                         mr_json_value *value)
{
    int64_t n[3];
    if (!mr_json_is_array(value) || mr_json_count(value) != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (!mr_json_int_within(mr_json_at(value, i), i == 0 ? INT32_MIN : 0, UINT32_MAX,
                                &n[i]))
            return false;
    }
    return set_rating(rating_at(r->row, operation->number_offset), n[0], (uint64_t)n[1],
                      (uint64_t)n[2]);
}

void mr_rating_read(mr_reading *reading)
{
    const mr_operation *operation = reading->operation;
    const mr_score_spec *score = operation->spec.score;
    const mr_rating *rating = rating_at(reading->row, operation->number_offset);
    const int64_t value = (int64_t)score->start + rating->sum;
    mr_reading_number(reading, score->most > score->least
                                   ? clamp(value, score->least, score->most)
                                   : value);
}
