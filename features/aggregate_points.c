/*
 * Points to spend: a ledger with a lot for each day on which some were earned.
 *
 * What a day may earn is capped, what is spent is taken from the oldest lots, and a lot is gone
 * once it has expired.  Points that never expire are one lot.  More is never spent than there is.
 */
#include "features/aggregate.h"

enum { LOTS_MAX = 2 * (MR_EXPIRES_DAYS_MAX + 2) };

static mr_earned *earned_at(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

static bool has_expired(const mr_score_spec *score, const mr_point_lot *lot, int64_t day)
{
    return score->expires_days > 0 && (int64_t)lot->day + score->expires_days <= day;
}

static void drop_expired(mr_block_pool *pool, const mr_score_spec *score, mr_list *list,
                         int64_t day)
{
    const mr_point_lot *lots = mr_list_elements(pool, list);
    size_t old = 0;
    while (old < list->count && has_expired(score, &lots[old], day))
        old++;
    mr_list_remove(pool, list, 0, old, sizeof(*lots));
}

/* The first lot not before the day. */
static size_t place_of(const mr_block_pool *pool, const mr_list *list, uint32_t day)
{
    const mr_point_lot *lots = mr_list_elements(pool, list);
    size_t place = list->count;
    while (place > 0 && lots[place - 1].day >= day)
        place--;
    return place;
}

static void add_to_lot(mr_block_pool *pool, mr_list *list, uint32_t day, uint32_t points)
{
    const size_t place = place_of(pool, list, day);
    mr_point_lot *lots = mr_list_elements(pool, list);
    if (place < list->count && lots[place].day == day) {
        const uint32_t room = UINT32_MAX - lots[place].points;
        lots[place].points += points < room ? points : room;
        return;
    }
    mr_point_lot *gap = mr_list_insert(pool, list, place, sizeof(*gap));
    *gap = (mr_point_lot){.day = day, .points = points};
}

/* How much of it the day's cap lets through; of a day before the newest, what its lot leaves. */
static uint32_t capped(const mr_score_spec *score, mr_earned *earned, uint32_t in_lot,
                       uint32_t day, int64_t points)
{
    if (score->daily_cap == 0)
        return (uint32_t)points;
    const uint16_t mark = (uint16_t)(day < UINT16_MAX ? day + 1 : UINT16_MAX);
    if (mark > earned->day_plus_one)
        *earned = (mr_earned){.day_plus_one = mark};
    const bool is_newest = mark == earned->day_plus_one;
    const uint32_t before = is_newest ? earned->points : in_lot;
    const uint32_t room = before < score->daily_cap ? score->daily_cap - before : 0;
    const uint32_t taken = points < room ? (uint32_t)points : room;
    earned->points = (uint16_t)(earned->points + (is_newest ? taken : 0));
    return taken;
}

static void earn(const mr_applying *applying, const mr_step *step,
                 const mr_score_spec *score, uint32_t day, int64_t points)
{
    mr_block_pool *pool = applying->pool;
    mr_list *list = mr_row_list(*applying->row, step->list_offset);
    const uint32_t lot_day = score->expires_days > 0 ? day : 0;
    const size_t place = place_of(pool, list, lot_day);
    const mr_point_lot *lots = mr_list_elements(pool, list);
    const bool has_lot = place < list->count && lots[place].day == lot_day;
    const uint32_t taken =
        capped(score, earned_at(*applying->row, step->number_offset),
               has_lot && score->expires_days > 0 ? lots[place].points : 0, day, points);
    if (taken > 0 && (has_lot || list->count < step->length))
        add_to_lot(pool, list, lot_day, taken);
}

static void spend(mr_block_pool *pool, mr_list *list, int64_t points)
{
    mr_point_lot *lots = mr_list_elements(pool, list);
    size_t used_up = 0;
    for (size_t i = 0; i < list->count && points > 0; i++) {
        const uint32_t taken =
            points < lots[i].points ? (uint32_t)points : lots[i].points;
        lots[i].points -= taken;
        points -= taken;
        used_up += lots[i].points == 0;
    }
    mr_list_remove(pool, list, 0, used_up, sizeof(*lots));
}

void mr_points_apply(mr_applying *applying, const mr_step *step)
{
    const mr_event *event = applying->event;
    const mr_score_spec *score = applying->plan->operations[step->operation].spec.score;
    mr_list *list = mr_row_list(*applying->row, step->list_offset);
    const int64_t day = applying->day;
    const int64_t points = mr_score_points(score, event);
    drop_expired(applying->pool, score, list, day);
    if ((score->spends & MR_ON(event->type)) != 0)
        spend(applying->pool, list, points);
    else if (points > 0 && day < UINT32_MAX)
        earn(applying, step, score, (uint32_t)day, points);
}

void mr_points_merge(const mr_merging *merging, const mr_operation *operation)
{
    mr_point_lot lots[LOTS_MAX];
    mr_list *list = mr_row_list(merging->into, operation->list_offset);
    const mr_list *added = mr_row_list(merging->from, operation->list_offset);
    mr_earned *earned = earned_at(merging->into, operation->number_offset);
    const mr_earned *others = earned_at(merging->from, operation->number_offset);
    const mr_point_lot *a = mr_list_elements(merging->pool, list);
    const mr_point_lot *b = mr_list_elements(merging->pool, added);
    size_t i = 0;
    size_t j = 0;
    size_t count = 0;
    while (i < list->count || j < added->count) {
        const bool take_a =
            j == added->count || (i < list->count && a[i].day <= b[j].day);
        const mr_point_lot lot = take_a ? a[i++] : b[j++];
        if (count > 0 && lots[count - 1].day == lot.day)
            lots[count - 1].points += lot.points;
        else
            lots[count++] = lot;
    }
    const size_t skip =
        count > operation->spec.length ? count - operation->spec.length : 0;
    mr_list_replace(merging->pool, list, &lots[skip], count - skip, sizeof(*lots));
    if (others->day_plus_one > earned->day_plus_one)
        *earned = *others;
    else if (others->day_plus_one == earned->day_plus_one)
        earned->points = (uint16_t)(others->points < UINT16_MAX - earned->points
                                        ? earned->points + others->points
                                        : UINT16_MAX);
}

void mr_points_encode(const mr_operation *operation, const mr_block_pool *pool,
                      mr_row row, mr_buffer *buffer)
{
    const mr_list *list = mr_row_list(row, operation->list_offset);
    const mr_point_lot *lots = mr_list_elements(pool, list);
    const mr_earned *earned = earned_at(row, operation->number_offset);
    mr_put_varint(buffer, earned->day_plus_one);
    mr_put_varint(buffer, earned->points);
    mr_put_varint(buffer, list->count);
    for (size_t i = 0; i < list->count; i++) {
        mr_put_varint(buffer, lots[i].day - (i > 0 ? lots[i - 1].day : 0));
        mr_put_varint(buffer, lots[i].points);
    }
}

mr_status mr_points_decode(const mr_operation *operation, mr_block_pool *pool, mr_row row,
                           mr_reader *reader)
{
    mr_list *list = mr_row_list(row, operation->list_offset);
    mr_earned *earned = earned_at(row, operation->number_offset);
    const uint64_t day_plus_one = mr_get_varint(reader);
    const uint64_t earned_points = mr_get_varint(reader);
    const uint64_t count = mr_get_varint(reader);
    uint64_t day = 0;
    if (day_plus_one > UINT16_MAX || earned_points > UINT16_MAX ||
        count > operation->spec.length)
        return MR_ERR_CORRUPT;
    *earned = (mr_earned){(uint16_t)day_plus_one, (uint16_t)earned_points};
    mr_list_start(pool, list, (size_t)count, sizeof(mr_point_lot));
    for (size_t i = 0; i < (size_t)count; i++) {
        const uint64_t step = mr_get_varint(reader);
        const uint64_t points = mr_get_varint(reader);
        if (reader->failed || step > UINT32_MAX - day || (i > 0 && step == 0) ||
            points == 0 || points > UINT32_MAX)
            return MR_ERR_CORRUPT;
        day += step;
        mr_point_lot *place = mr_list_insert(pool, list, i, sizeof(*place));
        *place = (mr_point_lot){(uint32_t)day, (uint32_t)points};
    }
    return MR_OK;
}

void mr_points_write_json(mr_link_writing *w, const mr_operation *operation)
{
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    const mr_point_lot *lots = mr_list_elements(w->pool, list);
    const mr_earned *earned = earned_at(w->row, operation->number_offset);
    mr_json_begin_array(&w->json);
    mr_json_put_uint(&w->json, earned->day_plus_one);
    mr_json_put_uint(&w->json, earned->points);
    for (size_t i = 0; i < list->count; i++) {
        mr_json_put_uint(&w->json, lots[i].day);
        mr_json_put_uint(&w->json, lots[i].points);
    }
    mr_json_end_array(&w->json);
}

bool mr_points_read_json(const mr_link_reading *r, const mr_operation *operation,
                         mr_json_value *value)
{
    mr_list *list = mr_row_list(r->row, operation->list_offset);
    int64_t day;
    int64_t points;
    if (!mr_link_is_array(value, 2 + 2 * (size_t)operation->spec.length) ||
        mr_json_count(value) % 2 != 0 ||
        !mr_json_int_within(mr_json_at(value, 0), 0, UINT16_MAX, &day) ||
        !mr_json_int_within(mr_json_at(value, 1), 0, UINT16_MAX, &points))
        return false;
    *earned_at(r->row, operation->number_offset) =
        (mr_earned){(uint16_t)day, (uint16_t)points};
    int64_t least = 0;
    mr_list_start(r->pool, list, mr_json_count(value) / 2, sizeof(mr_point_lot));
    for (size_t i = 2; i < mr_json_count(value); i += 2) {
        if (!mr_json_int_within(mr_json_at(value, i), least, UINT32_MAX, &day) ||
            !mr_json_int_within(mr_json_at(value, i + 1), 1, UINT32_MAX, &points))
            return false;
        mr_point_lot *place = mr_list_insert(r->pool, list, list->count, sizeof(*place));
        *place = (mr_point_lot){(uint32_t)day, (uint32_t)points};
        least = day + 1;
    }
    return true;
}

void mr_points_read(mr_reading *reading)
{
    const mr_operation *operation = reading->operation;
    const mr_list *list = mr_row_list(reading->row, operation->list_offset);
    const mr_point_lot *lots = mr_list_elements(reading->pool, list);
    int64_t sum = 0;
    for (size_t i = 0; i < list->count; i++)
        sum += has_expired(operation->spec.score, &lots[i], reading->at_day)
                   ? 0
                   : lots[i].points;
    mr_reading_number(reading, sum);
}
