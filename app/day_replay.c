#include "app/day_replay.h"

#include "features/plan_layout.h"

#include <inttypes.h>
#include <stdlib.h>

enum { CUTS_A_DAY = 3 };

/* One day of the partition at hand. */
typedef struct day {
    int64_t begin_ms;
    int64_t end_ms;
    int64_t over_ms;      /* of the window */
    int64_t begin_offset; /* -1: no record has reached the day */
    size_t first;         /* its rows in the table */
    size_t count;
} day;

typedef struct replaying {
    const mr_day_replay *of;
    mr_day_table *table;
    uint32_t partition;
    day *days;
    int64_t *cuts_ms;
    size_t cut_count;
    uint32_t *users; /* the shard's row of each of the table's, from `first` on */
    size_t user_capacity;
    size_t first;
    bool has_ended;
} replaying;

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static mr_status plan_cuts(replaying *r)
{
    const mr_time_zone *zone = &r->of->plan->settings.zone;
    const size_t days = r->of->day_count;
    r->days = calloc(days + 1, sizeof(*r->days));
    r->cuts_ms = calloc(CUTS_A_DAY * days + 1, sizeof(*r->cuts_ms));
    if (r->days == NULL || r->cuts_ms == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < days; i++) {
        const int64_t number = r->of->days[i];
        day *d = &r->days[i];
        *d = (day){.begin_ms = mr_zone_midnight_ms(zone, number),
                   .end_ms = mr_zone_midnight_ms(zone, number + 1),
                   .over_ms = mr_zone_midnight_ms(zone, number + 1 + r->of->window_days),
                   .begin_offset = -1};
        r->cuts_ms[CUTS_A_DAY * i] = d->begin_ms;
        r->cuts_ms[CUTS_A_DAY * i + 1] = d->end_ms;
        r->cuts_ms[CUTS_A_DAY * i + 2] = d->over_ms;
    }
    qsort(r->cuts_ms, CUTS_A_DAY * days, sizeof(*r->cuts_ms), compare_times);
    for (size_t i = 0; i < CUTS_A_DAY * days; i++)
        if (i == 0 || r->cuts_ms[i] != r->cuts_ms[i - 1])
            r->cuts_ms[r->cut_count++] = r->cuts_ms[i];
    return MR_OK;
}

static int64_t last_purchase_ms(const mr_shard *shard, uint32_t row, int64_t at_ms)
{
    return mr_shard_feature_number(shard, row, mr_shard_plan(shard)->last_purchase, at_ms,
                                   MR_TIME_NONE);
}

static mr_status keep_user(replaying *r, uint32_t row)
{
    const size_t at = r->table->count - r->first;
    if (at >= r->user_capacity) {
        const size_t capacity = 2 * at + 1024;
        uint32_t *users = realloc(r->users, capacity * sizeof(*users));
        if (users == NULL)
            return MR_ERR_NO_MEMORY;
        r->users = users;
        r->user_capacity = capacity;
    }
    r->users[at] = row;
    return MR_OK;
}

static mr_status take_row(replaying *r, const day *d, int64_t number,
                          const mr_shard *shard, uint32_t row)
{
    float vector[MR_PLAN_COLUMNS_MAX];
    mr_user_state state;
    mr_shard_user_state(shard, row, 0, &state);
    if (state.offset < d->begin_offset)
        return MR_OK;
    mr_shard_vector(shard, row, d->end_ms - 1, vector);
    MR_TRY(keep_user(r, row));
    const mr_day_table_row taken = {.day = number,
                                    .last_purchase_ms =
                                        last_purchase_ms(shard, row, d->end_ms - 1),
                                    .offset = state.offset,
                                    .partition = r->partition,
                                    .label = MR_LABEL_UNKNOWN};
    return mr_day_table_add(r->table, taken, mr_shard_user_id(shard, row), vector);
}

static mr_status take_day(replaying *r, size_t index, const mr_shard *shard)
{
    day *d = &r->days[index];
    d->first = r->table->count;
    if (d->begin_offset < 0 || d->begin_offset == mr_shard_next_offset(shard))
        return MR_OK; /* no event fell on it */
    for (uint32_t row = 0; row < mr_shard_user_count(shard); row++)
        if (!mr_shard_is_anonymous(shard, row) && !mr_shard_is_empty(shard, row))
            MR_TRY(take_row(r, d, r->of->days[index], shard, row));
    d->count = r->table->count - d->first;
    return MR_OK;
}

static void label_day(const replaying *r, const day *d, const mr_shard *shard)
{
    for (size_t i = d->first; i < d->first + d->count; i++) {
        const int64_t bought_ms =
            last_purchase_ms(shard, r->users[i - r->first], d->over_ms);
        r->table->rows[i].label = bought_ms < d->end_ms ? MR_LABEL_LOST : MR_LABEL_STAYED;
    }
}

static mr_status on_cut(void *context, size_t cut, const mr_shard *shard)
{
    replaying *r = context;
    const int64_t cut_ms = r->cuts_ms[cut];
    if (r->has_ended)
        return MR_OK;
    for (size_t i = 0; i < r->of->day_count; i++) {
        day *d = &r->days[i];
        if (cut_ms == d->begin_ms)
            d->begin_offset = mr_shard_next_offset(shard);
        if (cut_ms == d->end_ms)
            MR_TRY(take_day(r, i, shard));
        if (cut_ms == d->over_ms)
            label_day(r, d, shard);
    }
    return MR_OK;
}

static mr_status on_applied(void *context, const mr_shard *shard,
                            const mr_event_batch *batch)
{
    (void)context;
    (void)shard;
    (void)batch;
    return MR_OK;
}

static void on_progress(void *context, uint64_t records)
{
    (void)context;
    (void)records;
}

static void on_end(void *context)
{
    replaying *r = context;
    r->has_ended = true;
}

static mr_status run(replaying *r, mr_error *error)
{
    const mr_day_replay *of = r->of;
    int64_t first = 0;
    int64_t end = 0;
    MR_TRY(plan_cuts(r));
    MR_TRY(mr_log_resolve(of->log, r->partition, MR_LOG_EARLIEST, 0, &first, error));
    MR_TRY(mr_log_resolve(of->log, r->partition, MR_LOG_LATEST, 0, &end, error));
    if (end == 0)
        return MR_OK;
    if (first > 0)
        return mr_error_set(error, MR_ERR_INVALID,
                            "partition %" PRIu32
                            ": the log no longer holds its beginning, and replaying the "
                            "rest would make old customers look new",
                            r->partition);
    const mr_cut_replay replay = {.config = of->config,
                                  .control_key = of->control_key,
                                  .key = of->key,
                                  .plan = of->plan,
                                  .log = of->log,
                                  .cuts_ms = r->cuts_ms,
                                  .cut_count = r->cut_count};
    const mr_cut_visitor visitor = {r, on_cut, on_applied, on_progress, on_end};
    return mr_cut_replay_run(&replay, r->partition, end, &visitor, error);
}

mr_status mr_day_replay_run(const mr_day_replay *replay, uint32_t partition,
                            mr_day_table *table, mr_error *ret_error)
{
    replaying r = {
        .of = replay, .table = table, .partition = partition, .first = table->count};
    const mr_status status = run(&r, ret_error);
    free(r.days);
    free(r.cuts_ms);
    free(r.users);
    return status;
}
