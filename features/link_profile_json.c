/*
 * A profile on its way, as JSON.
 *
 * What is read was signed by one of ours, but maybe by another version or under another plan:
 * every number is held against its bounds and every list against its order and length, so that
 * whatever reads keeps the row's invariants.
 */
#include "features/link_profile.h"

#include "features/aggregate.h"

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

static void put_member(mr_link_writing *w, const char *name, int64_t number)
{
    mr_json_key(&w->json, name);
    mr_json_put_int(&w->json, number);
}

static void put_operation(mr_link_writing *w, const mr_operation *operation)
{
    const mr_aggregate_kind *kind = mr_operation_kind(operation);
    if (kind->zero_is_none && *mr_row_number(w->row, operation->number_offset) == 0)
        return;
    mr_json_key(&w->json, operation->spec.name);
    kind->write_json(w, operation);
}

static void put_series(mr_link_writing *w, const mr_plan *plan, size_t series)
{
    size_t index = 0;
    mr_day_sum days[MR_DAY_SERIES_DAYS_MAX];
    const mr_list *list = mr_row_list(w->row, plan->series[series].list_offset);
    const size_t count = mr_day_series_unpack(w->pool, &plan->series[series], list, days);
    mr_json_key(&w->json, next_reader(plan, series, &index)->spec.name);
    mr_json_begin_array(&w->json);
    for (size_t i = 0; i < count; i++)
        mr_link_put_numbers(w, (const int64_t[]){days[i].day, days[i].count, days[i].sum},
                            3);
    mr_json_end_array(&w->json);
}

void mr_link_profile_write(const mr_plan *plan, const mr_block_pool *pool,
                           const mr_names *names, mr_link_profile profile,
                           mr_buffer *json)
{
    mr_link_writing w = {.pool = pool,
                         .names = names,
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

static bool get_head(const mr_link_reading *r)
{
    mr_row_head *head = r->row.head;
    int64_t events;
    int64_t sessions;
    if (!mr_json_int_within(mr_json_get(r->root, "events"), 1, UINT32_MAX, &events) ||
        !mr_json_int_within(mr_json_get(r->root, "sessions"), 1, UINT16_MAX, &sessions) ||
        !mr_json_int_within(mr_json_get(r->root, "first_seen"), 0, INT64_MAX,
                            &head->first_ms) ||
        !mr_json_int_within(mr_json_get(r->root, "last_seen"), head->first_ms, INT64_MAX,
                            &head->newest_ms))
        return false;
    head->events = (uint32_t)events;
    head->sessions = (uint16_t)sessions;
    return true;
}

static bool get_day(mr_json_value *value, int64_t least, int64_t most,
                    int64_t events_left, mr_day_sum *ret_day)
{
    int64_t day;
    int64_t count;
    if (!mr_json_is_array(value) || mr_json_count(value) != 3 ||
        !mr_json_int_within(mr_json_at(value, 0), least, most, &day) ||
        !mr_json_int_within(mr_json_at(value, 1), 1, events_left, &count) ||
        !mr_json_int_within(mr_json_at(value, 2), INT64_MIN, INT64_MAX, &ret_day->sum))
        return false;
    ret_day->day = (uint32_t)day;
    ret_day->count = (uint32_t)count;
    return true;
}

static bool get_series(const mr_link_reading *r, size_t number)
{
    mr_day_sum days[MR_DAY_SERIES_DAYS_MAX];
    const mr_series *series = &r->plan->series[number];
    mr_json_value *value = NULL;
    size_t index = 0;
    for (const mr_operation *reader = next_reader(r->plan, number, &index);
         reader != NULL && value == NULL; reader = next_reader(r->plan, number, &index))
        value = mr_json_get(r->root, reader->spec.name);
    if (value == NULL)
        return true;
    if (!mr_link_is_array(value, series->keep_days))
        return false;
    int64_t least = 0;
    int64_t events_left = r->row.head->events;
    for (size_t i = 0; i < mr_json_count(value); i++) {
        if (!get_day(mr_json_at(value, i), least, mr_series_day_max(series), events_left,
                     &days[i]) ||
            days[i].day - days[0].day >= series->keep_days)
            return false;
        least = (int64_t)days[i].day + 1;
        events_left -= days[i].count;
    }
    mr_day_series_pack(r->pool, series, mr_row_list(r->row, series->list_offset), days,
                       mr_json_count(value));
    return true;
}

static mr_status get_profile(const mr_link_reading *r)
{
    if (!mr_json_is_object(r->root) || !get_head(r))
        return MR_ERR_CORRUPT;
    mr_profile_need_extra(r->plan, r->pool, r->row);
    for (size_t i = 0; i < r->plan->operation_count; i++) {
        const mr_operation *operation = &r->plan->operations[i];
        mr_json_value *value = mr_json_get(r->root, operation->spec.name);
        if (operation->stores && value != NULL &&
            !mr_operation_kind(operation)->read_json(r, operation, value))
            return MR_ERR_CORRUPT;
    }
    for (size_t i = 0; i < r->plan->series_count; i++) {
        if (!get_series(r, i))
            return MR_ERR_CORRUPT;
    }
    return mr_history_read_json(r);
}

mr_status mr_link_profile_read(const mr_plan *plan, mr_block_pool *pool,
                               const mr_names *names, mr_text json,
                               mr_link_profile *ret_profile)
{
    mr_json *document = NULL;
    mr_link_profile profile;
    MR_TRY(mr_json_parse(json, &document, NULL));
    mr_status status = mr_link_profile_make(plan, pool, &profile);
    if (status == MR_OK) {
        const mr_link_reading r = {.plan = plan,
                                   .pool = pool,
                                   .names = names,
                                   .row = mr_link_profile_row(pool, profile),
                                   .root = mr_json_root(document)};
        status = get_profile(&r);
        mr_profile_drop_empty_extra(plan, pool, r.row);
        if (status == MR_OK)
            *ret_profile = profile;
        else
            mr_link_profile_free(plan, pool, profile);
    }
    mr_json_destroy(document);
    return status;
}
