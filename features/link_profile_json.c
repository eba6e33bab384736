/*
 * A profile on its way, as JSON.
 *
 * What is read was signed by one of ours, but maybe by another version or under another plan:
 * every number is held against its bounds and every list against its order and length, so that
 * whatever reads keeps the row's invariants.
 */
#include "features/link_profile.h"

#include "core/json.h"

enum { HASH_BYTES = sizeof(uint64_t) };

/* ---- what both directions agree on ---- */

/* The next feature from `*index` on that reads the series, or NULL. */
static const mr_operation *next_reader(const mr_plan *plan, size_t series, size_t *index)
{
    while (*index < plan->operation_count) {
        const mr_operation *operation = &plan->operations[(*index)++];
        if (mr_operation_reads_series(operation) && operation->series == series)
            return operation;
    }
    return NULL;
}

/* ---- write ---- */

typedef struct writing {
    const mr_block_pool *pool;
    const mr_id_table *items;
    mr_row row;
    mr_json_writer json;
} writing;

static void put_member(writing *w, const char *name, int64_t number)
{
    mr_json_key(&w->json, name);
    mr_json_put_int(&w->json, number);
}

static void put_numbers(writing *w, const int64_t *numbers, size_t count)
{
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < count; i++)
        mr_json_put_int(&w->json, numbers[i]);
    mr_json_end_array(&w->json);
}

static void put_distinct(writing *w, const mr_operation *operation)
{
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    const uint64_t *hashes = mr_list_elements(w->pool, list);
    mr_json_begin_object(&w->json);
    put_member(w, "count", *mr_row_number(w->row, operation->number_offset));
    mr_json_key(&w->json, "ids");
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < list->count; i++)
        mr_json_put_int(&w->json, (int64_t)hashes[i]);
    mr_json_end_array(&w->json);
    mr_json_end_object(&w->json);
}

static void put_days(writing *w, const mr_day_bitmap *bitmap)
{
    const int64_t newest = (int64_t)bitmap->newest_day_plus_one - 1;
    mr_json_begin_array(&w->json);
    for (int64_t day = newest - MR_PLAN_BITMAP_DAYS + 1; day <= newest; day++) {
        if (mr_day_bitmap_has(bitmap, day))
            mr_json_put_int(&w->json, day);
    }
    mr_json_end_array(&w->json);
}

static void put_hours(writing *w, const uint16_t *hours)
{
    mr_json_begin_array(&w->json);
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++)
        mr_json_put_int(&w->json, hours[hour]);
    mr_json_end_array(&w->json);
}

static void put_history(writing *w, const mr_list *list)
{
    const mr_history_entry *entries = mr_list_elements(w->pool, list);
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < list->count; i++) {
        mr_json_begin_array(&w->json);
        mr_json_put_int(&w->json, entries[i].time_s);
        mr_json_put_text(&w->json, mr_id_table_id(w->items, entries[i].item));
        mr_json_put_int(&w->json, entries[i].type);
        mr_json_put_int(&w->json, entries[i].weight);
        mr_json_put_int(&w->json, entries[i].session);
        mr_json_end_array(&w->json);
    }
    mr_json_end_array(&w->json);
}

static void put_operation(writing *w, const mr_operation *operation)
{
    const mr_aggregate aggregate = operation->spec.aggregate;
    const int64_t *number = mr_row_number(w->row, operation->number_offset);
    const mr_list *list = mr_row_list(w->row, operation->list_offset);
    const bool is_time =
        aggregate == MR_AGGREGATE_FIRST_TIME || aggregate == MR_AGGREGATE_LAST_TIME;
    if (is_time && *number == 0)
        return;
    mr_json_key(&w->json, operation->spec.name);
    switch (aggregate) {
    case MR_AGGREGATE_DISTINCT: put_distinct(w, operation); break;
    case MR_AGGREGATE_LAST_TIMES:
        put_numbers(w, mr_list_elements(w->pool, list), list->count);
        break;
    case MR_AGGREGATE_DAY_BITMAP:
        put_days(w, (const mr_day_bitmap *)(const void *)number);
        break;
    case MR_AGGREGATE_HISTOGRAM:
        put_hours(w, (const uint16_t *)(const void *)number);
        break;
    case MR_AGGREGATE_RECENT_ITEMS: put_history(w, list); break;
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_MEAN: {
        const mr_pair *pair = mr_row_pair(w->row, operation->number_offset);
        put_numbers(w, (const int64_t[]){(int64_t)pair->count, pair->number}, 2);
        break;
    }
    default: mr_json_put_int(&w->json, is_time ? *number - 1 : *number);
    }
}

static void put_series(writing *w, const mr_plan *plan, size_t series)
{
    size_t index = 0;
    const mr_list *list = mr_row_list(w->row, plan->series[series].list_offset);
    mr_json_key(&w->json, next_reader(plan, series, &index)->spec.name);
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < list->count; i++) {
        const mr_day_sum day = mr_day_series_get(w->pool, &plan->series[series], list, i);
        put_numbers(w, (const int64_t[]){day.day, day.count, day.sum}, 3);
    }
    mr_json_end_array(&w->json);
}

void mr_link_profile_write(const mr_plan *plan, const mr_block_pool *pool,
                           const mr_id_table *items, mr_link_profile profile,
                           mr_buffer *json)
{
    writing w = {.pool = pool,
                 .items = items,
                 .row = mr_link_profile_row(pool, profile),
                 .json = mr_json_writer_of(json)};
    mr_json_begin_object(&w.json);
    put_member(&w, "events", w.row.head->events);
    put_member(&w, "first_seen", w.row.head->first_ms);
    put_member(&w, "last_seen", w.row.head->newest_ms);
    put_member(&w, "sessions", w.row.head->sessions);
    for (size_t i = 0; i < plan->operation_count; i++) {
        if (plan->operations[i].stores)
            put_operation(&w, &plan->operations[i]);
    }
    for (size_t i = 0; i < plan->series_count; i++)
        put_series(&w, plan, i);
    mr_json_end_object(&w.json);
}

/* ---- read ---- */

typedef struct reading {
    const mr_plan *plan;
    mr_block_pool *pool;
    mr_row row;
    mr_json_value *root;
} reading;

/* A whole number within the bounds; anything else is not what we write. */
static bool get_int(mr_json_value *value, int64_t least, int64_t most,
                    int64_t *ret_number)
{
    *ret_number = mr_json_int(value, INT64_MIN);
    const bool is_int = *ret_number != INT64_MIN || mr_json_int(value, 0) == INT64_MIN;
    return is_int && *ret_number >= least && *ret_number <= most;
}

static bool is_array_of_at_most(mr_json_value *value, size_t count)
{
    return mr_json_is_array(value) && mr_json_count(value) <= count;
}

static bool get_head(const reading *r)
{
    mr_row_head *head = r->row.head;
    int64_t events;
    int64_t sessions;
    if (!get_int(mr_json_get(r->root, "events"), 1, UINT32_MAX, &events) ||
        !get_int(mr_json_get(r->root, "sessions"), 1, UINT16_MAX, &sessions) ||
        !get_int(mr_json_get(r->root, "first_seen"), 0, INT64_MAX, &head->first_ms) ||
        !get_int(mr_json_get(r->root, "last_seen"), head->first_ms, INT64_MAX,
                 &head->newest_ms))
        return false;
    head->events = (uint32_t)events;
    head->sessions = (uint16_t)sessions;
    return true;
}

static bool get_distinct(const reading *r, const mr_operation *operation,
                         mr_json_value *value)
{
    mr_json_value *ids = mr_json_get(value, "ids");
    mr_list *list = mr_row_list(r->row, operation->list_offset);
    if (!is_array_of_at_most(ids, operation->spec.length) ||
        !get_int(mr_json_get(value, "count"), (int64_t)mr_json_count(ids),
                 r->row.head->events, mr_row_number(r->row, operation->number_offset)))
        return false;
    mr_list_start(r->pool, list, mr_json_count(ids), HASH_BYTES);
    for (size_t i = 0; i < mr_json_count(ids); i++) {
        int64_t hash;
        if (!get_int(mr_json_at(ids, i), INT64_MIN, INT64_MAX, &hash))
            return false;
        uint64_t *place = mr_list_insert(r->pool, list, i, HASH_BYTES);
        *place = (uint64_t)hash;
    }
    return true;
}

static bool get_times(const reading *r, const mr_operation *operation,
                      mr_json_value *value)
{
    mr_list *list = mr_row_list(r->row, operation->list_offset);
    if (!is_array_of_at_most(value, operation->spec.length))
        return false;
    int64_t least = 0;
    mr_list_start(r->pool, list, mr_json_count(value), sizeof(least));
    for (size_t i = 0; i < mr_json_count(value); i++) {
        int64_t time_ms;
        if (!get_int(mr_json_at(value, i), least, INT64_MAX - 1, &time_ms))
            return false;
        int64_t *place = mr_list_insert(r->pool, list, i, sizeof(*place));
        *place = time_ms;
        least = time_ms + 1;
    }
    return true;
}

static bool get_days(mr_day_bitmap *bitmap, mr_json_value *value)
{
    if (!is_array_of_at_most(value, MR_PLAN_BITMAP_DAYS))
        return false;
    int64_t first = 0;
    int64_t least = 0;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        int64_t day;
        if (!get_int(mr_json_at(value, i), least, UINT32_MAX, &day))
            return false;
        first = i == 0 ? day : first;
        if (day - first >= MR_PLAN_BITMAP_DAYS)
            return false;
        mr_day_bitmap_set(bitmap, day);
        least = day + 1;
    }
    return true;
}

static bool get_hours(uint16_t *hours, mr_json_value *value)
{
    if (!is_array_of_at_most(value, MR_PLAN_HOURS) ||
        mr_json_count(value) != MR_PLAN_HOURS)
        return false;
    for (size_t hour = 0; hour < MR_PLAN_HOURS; hour++) {
        int64_t count;
        if (!get_int(mr_json_at(value, hour), 0, UINT16_MAX, &count))
            return false;
        hours[hour] = (uint16_t)count;
    }
    return true;
}

static bool get_pair(const reading *r, const mr_operation *operation,
                     mr_json_value *value)
{
    mr_pair *pair = mr_row_pair(r->row, operation->number_offset);
    int64_t count;
    if (!mr_json_is_array(value) || mr_json_count(value) != 2 ||
        !get_int(mr_json_at(value, 0), 0, r->row.head->events, &count) ||
        !get_int(mr_json_at(value, 1), INT64_MIN, INT64_MAX, &pair->number))
        return false;
    pair->count = (uint64_t)count;
    return count > 0 || pair->number == 0;
}

static bool get_operation(const reading *r, const mr_operation *operation)
{
    mr_json_value *value = mr_json_get(r->root, operation->spec.name);
    int64_t *number = mr_row_number(r->row, operation->number_offset);
    if (value == NULL)
        return true;
    switch (operation->spec.aggregate) {
    case MR_AGGREGATE_COUNT: return get_int(value, 0, r->row.head->events, number);
    case MR_AGGREGATE_SUM: return get_int(value, INT64_MIN, INT64_MAX, number);
    case MR_AGGREGATE_FIRST_TIME:
    case MR_AGGREGATE_LAST_TIME:
        if (!get_int(value, 0, INT64_MAX - 1, number))
            return false;
        (*number)++;
        return true;
    case MR_AGGREGATE_DISTINCT: return get_distinct(r, operation, value);
    case MR_AGGREGATE_LAST_TIMES: return get_times(r, operation, value);
    case MR_AGGREGATE_DAY_BITMAP: return get_days((mr_day_bitmap *)(void *)number, value);
    case MR_AGGREGATE_HISTOGRAM: return get_hours((uint16_t *)(void *)number, value);
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
    case MR_AGGREGATE_MEAN: return get_pair(r, operation, value);
    default: return true; /* the history comes last */
    }
}

static bool get_day(mr_json_value *value, int64_t least, int64_t events_left,
                    mr_day_sum *ret_day)
{
    int64_t day;
    int64_t count;
    if (!mr_json_is_array(value) || mr_json_count(value) != 3 ||
        !get_int(mr_json_at(value, 0), least, UINT32_MAX, &day) ||
        !get_int(mr_json_at(value, 1), 1, events_left, &count) ||
        !get_int(mr_json_at(value, 2), INT64_MIN, INT64_MAX, &ret_day->sum))
        return false;
    ret_day->day = (uint32_t)day;
    ret_day->count = (uint32_t)count;
    return true;
}

static bool get_series(const reading *r, size_t number)
{
    const mr_series *series = &r->plan->series[number];
    mr_list *list = mr_row_list(r->row, series->list_offset);
    mr_json_value *value = NULL;
    size_t index = 0;
    for (const mr_operation *reader = next_reader(r->plan, number, &index);
         reader != NULL && value == NULL; reader = next_reader(r->plan, number, &index))
        value = mr_json_get(r->root, reader->spec.name);
    if (value == NULL)
        return true;
    if (!is_array_of_at_most(value, series->keep_days))
        return false;
    int64_t first = 0;
    int64_t least = 0;
    int64_t events_left = r->row.head->events;
    mr_list_start(r->pool, list, mr_json_count(value), series->entry_bytes);
    for (size_t i = 0; i < mr_json_count(value); i++) {
        mr_day_sum day;
        if (!get_day(mr_json_at(value, i), least, events_left, &day))
            return false;
        first = i == 0 ? day.day : first;
        if ((int64_t)day.day - first >= series->keep_days)
            return false;
        mr_day_series_append(r->pool, series, list, day);
        least = (int64_t)day.day + 1;
        events_left -= day.count;
    }
    return true;
}

static bool get_entry(mr_json_value *value, mr_history_entry *ret_entry,
                      mr_text *ret_item)
{
    int64_t time_s;
    int64_t type;
    int64_t weight;
    int64_t session;
    if (!mr_json_is_array(value) || mr_json_count(value) != 5 ||
        !get_int(mr_json_at(value, 0), 0, UINT32_MAX, &time_s) ||
        !get_int(mr_json_at(value, 2), MR_EVENT_NONE + 1, MR_EVENT_TYPES - 1, &type) ||
        !get_int(mr_json_at(value, 3), 0, UINT8_MAX, &weight) ||
        !get_int(mr_json_at(value, 4), 0, UINT16_MAX, &session))
        return false;
    *ret_item = mr_json_text(mr_json_at(value, 1), (mr_text){0});
    *ret_entry = (mr_history_entry){.time_s = (uint32_t)time_s,
                                    .type = (uint8_t)type,
                                    .weight = (uint8_t)weight,
                                    .session = (uint16_t)session};
    return ret_item->length > 0 && ret_item->length <= MR_EVENT_ID_BYTES_MAX;
}

/* Before any item gets a number: whether every entry is one. */
static bool is_history(mr_json_value *value)
{
    if (!is_array_of_at_most(value, MR_SHARD_HISTORY_MAX))
        return false;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        mr_history_entry entry;
        mr_text item;
        if (!get_entry(mr_json_at(value, i), &entry, &item))
            return false;
    }
    return true;
}

/* What the plan keeps of it: another plan may have had other quotas. */
static mr_status get_history(const reading *r, mr_json_value *value, mr_id_table *items)
{
    const mr_operation *history = r->plan->history;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        mr_history_entry entry;
        mr_text item;
        if (!get_entry(mr_json_at(value, i), &entry, &item))
            return MR_ERR_CORRUPT;
        if ((history->spec.on & MR_ON(entry.type)) == 0)
            continue;
        MR_TRY(mr_id_table_put(items, item, &entry.item));
        mr_history_add(r->pool, items, history, mr_row_list(r->row, history->list_offset),
                       mr_row_at(r->row, history->number_offset), entry);
    }
    return MR_OK;
}

static mr_status get_profile(const reading *r, mr_id_table *items)
{
    if (!mr_json_is_object(r->root) || !get_head(r))
        return MR_ERR_CORRUPT;
    mr_profile_need_extra(r->plan, r->pool, r->row);
    for (size_t i = 0; i < r->plan->operation_count; i++) {
        const mr_operation *operation = &r->plan->operations[i];
        if (operation->stores && !get_operation(r, operation))
            return MR_ERR_CORRUPT;
    }
    for (size_t i = 0; i < r->plan->series_count; i++) {
        if (!get_series(r, i))
            return MR_ERR_CORRUPT;
    }
    mr_json_value *history = mr_json_get(r->root, r->plan->history->spec.name);
    if (history == NULL)
        return MR_OK;
    return is_history(history) ? get_history(r, history, items) : MR_ERR_CORRUPT;
}

mr_status mr_link_profile_read(const mr_plan *plan, mr_block_pool *pool,
                               mr_id_table *items, mr_text json,
                               mr_link_profile *ret_profile)
{
    mr_json *document = NULL;
    mr_link_profile profile;
    MR_TRY(mr_json_parse(json, &document, NULL));
    mr_status status = mr_link_profile_make(plan, pool, &profile);
    if (status == MR_OK) {
        const reading r = {.plan = plan,
                           .pool = pool,
                           .row = mr_link_profile_row(pool, profile),
                           .root = mr_json_root(document)};
        status = get_profile(&r, items);
        mr_profile_drop_empty_extra(plan, pool, r.row);
        if (status == MR_OK)
            *ret_profile = profile;
        else
            mr_link_profile_free(plan, pool, profile);
    }
    mr_json_destroy(document);
    return status;
}
