#include "app/analytics.h"

#include "app/sales_groups.h"

#include "features/activity.h"
#include "features/commerce.h"
#include "features/plan_layout.h"

#include <stdlib.h>
#include <string.h>

enum {
    DAYS_SHOWN = 30,
    WEEKS_SHOWN = 16,
    MONTHS_SHOWN = 13,
    STICKY_DAYS = 30,
    DATE_BYTES = 10,
};

typedef struct answer {
    mr_census *census;
    const mr_analytics_query *query;
    mr_json_writer *writer;
    mr_error *error;
    bool has_audience;
    mr_audience audience;
} answer;

/* ---- what every answer has ---- */

static int64_t today(const answer *a)
{
    return mr_zone_day(&a->census->plan->settings.zone, a->census->at_ms);
}

static int64_t running_period(const answer *a)
{
    return mr_period_of_day(a->query->period, today(a));
}

static size_t periods_shown(const answer *a)
{
    static const size_t usual[MR_PERIODS] = {DAYS_SHOWN, WEEKS_SHOWN, MONTHS_SHOWN};
    return a->query->periods > 0 ? a->query->periods : usual[a->query->period];
}

static void put_day(const answer *a, const char *key, int64_t day)
{
    char text[MR_TIME_TEXT_BYTES];
    mr_time_to_text(day * INT64_C(86400000), text);
    mr_json_member_text(a->writer, key, (mr_text){text, DATE_BYTES});
}

static void put_period(const answer *a, int64_t period)
{
    put_day(a, "from", mr_period_first_day(a->query->period, period));
    if (period == running_period(a)) {
        mr_json_key(a->writer, "complete");
        mr_json_put_bool(a->writer, false);
    }
}

static void put_share(const answer *a, const char *key, uint64_t part, uint64_t whole)
{
    mr_json_key(a->writer, key);
    if (whole == 0)
        mr_json_put_null(a->writer);
    else
        mr_json_put_fixed(a->writer, (double)part / (double)whole, 4);
}

static void begin(const answer *a)
{
    mr_json_begin_object(a->writer);
    mr_census_put_scope(a->census, a->writer);
    if (a->has_audience)
        mr_json_member_string(a->writer, "audience", a->audience.name);
}

static bool is_meant(const answer *a, const mr_shard *shard, uint32_t row)
{
    return !a->has_audience || mr_audience_holds(a->census, &a->audience, shard, row);
}

static mr_status find_audience(answer *a)
{
    a->has_audience = a->query->audience.length > 0;
    if (!a->has_audience)
        return MR_OK;
    if (!mr_audience_find(a->census->plan, a->query->audience, &a->audience))
        return mr_error_set(a->error, MR_ERR_INVALID,
                            "audience: there is no '%.*s'; GET /v1/audiences has all",
                            MR_TEXT_ARG(a->query->audience));
    return mr_census_need_quintiles(a->census);
}

/* ---- activity and lifecycle ---- */

typedef struct activity_answer {
    answer *a;
    mr_activity activity;
    uint64_t sticky[STICKY_DAYS + 1];
    uint64_t stages[MR_LIFE_STAGES];
    const mr_operation *lifecycle;
} activity_answer;

static mr_status count_activity(void *context, const mr_shard *shard, uint32_t row)
{
    activity_answer *c = context;
    mr_user_periods user;
    if (!is_meant(c->a, shard, row))
        return MR_OK;
    mr_user_periods_get(shard, row, c->a->query->of, c->a->query->period, &user);
    mr_activity_add(&c->activity, &user);
    if (c->a->query->period == MR_PERIOD_DAY)
        mr_activity_add_stickiness(&user, today(c->a), STICKY_DAYS, c->sticky);
    if (c->lifecycle != NULL) {
        const int64_t stage =
            mr_shard_feature_number(shard, row, c->lifecycle, c->a->census->at_ms, -1);
        if (stage >= 0 && stage < MR_LIFE_STAGES)
            c->stages[stage]++;
    }
    return MR_OK;
}

static void put_activity_period(const answer *a, const mr_activity_period *p,
                                int64_t period, bool with_flows)
{
    mr_json_begin_object(a->writer);
    put_period(a, period);
    mr_json_member_uint(a->writer, "active", p->active);
    mr_json_member_uint(a->writer, "new", p->fresh);
    if (with_flows) {
        mr_json_member_uint(a->writer, "returning", p->returning);
        mr_json_member_uint(a->writer, "resurrected", p->resurrected);
        mr_json_member_uint(a->writer, "dormant", p->dormant);
    } else if (a->query->period == MR_PERIOD_DAY) {
        mr_json_member_uint(a->writer, "active_7d", p->active_7);
        mr_json_member_uint(a->writer, "active_30d", p->active_30);
        put_share(a, "stickiness", p->active, p->active_30);
    }
    mr_json_end_object(a->writer);
}

static void put_activity(const activity_answer *c, bool with_flows)
{
    const answer *a = c->a;
    begin(a);
    mr_json_member_string(a->writer, "of", mr_activity_kind_name(a->query->of));
    mr_json_member_string(a->writer, "period", mr_period_name(a->query->period));
    mr_json_member_uint(a->writer, "bots_left_out", a->census->bots);
    mr_json_key(a->writer, "periods");
    mr_json_begin_array(a->writer);
    for (size_t i = 0; i < c->activity.count; i++)
        put_activity_period(a, &c->activity.periods[i], c->activity.first + (int64_t)i,
                            with_flows);
    mr_json_end_array(a->writer);
    if (!with_flows && a->query->period == MR_PERIOD_DAY) {
        mr_json_key(a->writer, "users_by_active_days_of_30");
        mr_json_begin_array(a->writer);
        for (size_t n = 1; n <= STICKY_DAYS; n++)
            mr_json_put_uint(a->writer, c->sticky[n]);
        mr_json_end_array(a->writer);
    }
    if (with_flows && c->lifecycle != NULL) {
        mr_json_key(a->writer, "stages");
        mr_json_begin_object(a->writer);
        for (int stage = 0; stage < MR_LIFE_STAGES; stage++)
            mr_json_member_uint(a->writer, mr_life_stage_name((mr_life_stage)stage),
                                c->stages[stage]);
        mr_json_end_object(a->writer);
    }
    mr_json_end_object(a->writer);
}

static mr_status answer_activity(answer *a, bool with_flows)
{
    const mr_plan *plan = a->census->plan;
    /* Trailing windows and what came before need days of their own. */
    const size_t before = a->query->period == MR_PERIOD_DAY ? MR_ACTIVITY_MONTH_DAYS : 1;
    const size_t horizon = mr_user_periods_horizon(plan, a->query->of, a->query->period);
    const size_t shown = periods_shown(a);
    if (horizon < before + 1)
        return mr_error_set(
            a->error, MR_ERR_INVALID, "the plan keeps nothing to tell %s of %s by",
            mr_period_name(a->query->period), mr_activity_kind_name(a->query->of));
    if (shown > horizon - before)
        return mr_error_set(a->error, MR_ERR_INVALID, "periods: at most %zu are known",
                            horizon - before);
    activity_answer *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return MR_ERR_NO_MEMORY;
    c->a = a;
    c->lifecycle = with_flows ? mr_plan_operation_named(plan, "lifecycle") : NULL;
    mr_activity_init(&c->activity, a->query->period, running_period(a), shown);
    const mr_status status = mr_census_walk(a->census, count_activity, c);
    if (status == MR_OK)
        put_activity(c, with_flows);
    free(c);
    return status;
}

/* ---- retention ---- */

typedef struct retention_answer {
    answer *a;
    mr_retention retention;
    bool by_history;
    uint64_t full; /* users whose history of an asked type was full */
} retention_answer;

/* A user's kept events of a type; MR_EVENT_NONE: of all types that are kept. */
typedef struct kept_events {
    int64_t hours[MR_SHARD_HISTORY_MAX + 1];
    int64_t periods[MR_SHARD_HISTORY_MAX + 1];
    size_t count;
} kept_events;

static bool is_full(const mr_plan *plan, const mr_history_entry *entries, size_t count,
                    mr_event_type type)
{
    for (size_t q = 0; q < MR_QUOTAS_MAX; q++) {
        const mr_quota *quota = &plan->history->spec.quotas[q];
        if (quota->type == MR_EVENT_NONE ||
            (type != MR_EVENT_NONE && quota->type != type))
            continue;
        size_t kept = 0;
        for (size_t i = 0; i < count; i++)
            kept += entries[i].type == quota->type;
        if (kept >= quota->keep)
            return true;
    }
    return false;
}

static void gather(const answer *a, const mr_history_entry *entries, size_t count,
                   mr_event_type type, kept_events *ret_events)
{
    ret_events->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (type != MR_EVENT_NONE && entries[i].type != type)
            continue;
        const int64_t time_ms = (int64_t)entries[i].time_s * 1000;
        ret_events->hours[ret_events->count] = time_ms / 3600000;
        ret_events->periods[ret_events->count++] = mr_period_of_day(
            a->query->period, mr_zone_day(&a->census->plan->settings.zone, time_ms));
    }
}

static size_t different(int64_t *periods, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || periods[kept - 1] != periods[i])
            periods[kept++] = periods[i];
    }
    return kept;
}

static void retain_by_history(retention_answer *r, const mr_shard *shard, uint32_t row)
{
    static _Thread_local kept_events starts;
    static _Thread_local kept_events returns;
    mr_history_entry entries[MR_SHARD_HISTORY_MAX];
    const answer *a = r->a;
    const mr_analytics_query *query = a->query;
    const size_t count = mr_shard_history(shard, row, entries, MR_SHARD_HISTORY_MAX);
    gather(a, entries, count, query->start, &starts);
    gather(a, entries, count, query->back, &returns);
    r->full += is_full(a->census->plan, entries, count, query->start) ||
               is_full(a->census->plan, entries, count, query->back);
    if (query->retention.clock == MR_RETENTION_ROLLING) {
        mr_retention_add_rolling(&r->retention, starts.hours, starts.periods,
                                 starts.count, returns.hours, returns.count);
        return;
    }
    starts.count = different(starts.periods, starts.count);
    returns.count = different(returns.periods, returns.count);
    mr_retention_add(&r->retention, starts.count > 0 ? starts.periods[0] : -1,
                     starts.periods, starts.count, returns.periods, returns.count);
}

static mr_activity_kind kind_of(mr_event_type type)
{
    return type == MR_EVENT_NONE ? MR_ACTIVITY_ANY : MR_ACTIVITY_PURCHASE;
}

static mr_status count_retention(void *context, const mr_shard *shard, uint32_t row)
{
    retention_answer *r = context;
    static _Thread_local mr_user_periods starts;
    static _Thread_local mr_user_periods returns;
    const mr_analytics_query *query = r->a->query;
    if (!is_meant(r->a, shard, row))
        return MR_OK;
    if (r->by_history) {
        retain_by_history(r, shard, row);
        return MR_OK;
    }
    mr_user_periods_get(shard, row, kind_of(query->start), query->period, &starts);
    mr_user_periods_get(shard, row, kind_of(query->back), query->period, &returns);
    mr_retention_add(&r->retention, starts.first, starts.periods, starts.count,
                     returns.periods, returns.count);
    return MR_OK;
}

static void put_cohort(const retention_answer *r, size_t cohort)
{
    const answer *a = r->a;
    const mr_retention *retention = &r->retention;
    const mr_retention_options *options = &retention->options;
    const int64_t complete = mr_retention_complete(retention, cohort, running_period(a));
    mr_json_begin_object(a->writer);
    put_day(
        a, "from",
        mr_period_first_day(options->period, options->first_cohort + (int64_t)cohort));
    mr_json_member_uint(a->writer, "users", retention->sizes[cohort]);
    mr_json_key(a->writer, "returned");
    mr_json_begin_array(a->writer);
    for (size_t n = 0; n < options->columns; n++) {
        const bool is_bracket = options->measure == MR_RETENTION_BRACKET;
        const int64_t needs = is_bracket ? options->brackets[n].first : (int64_t)n;
        if (needs > complete + 1)
            mr_json_put_null(a->writer); /* not begun */
        else
            mr_json_put_uint(a->writer, retention->cells[cohort][n]);
    }
    mr_json_end_array(a->writer);
    mr_json_member_int(a->writer, "complete_to", complete);
    mr_json_end_object(a->writer);
}

/* The weighted mean over the cohorts that have lived through a period: retained over size. */
static void put_means(const retention_answer *r)
{
    const answer *a = r->a;
    const mr_retention_options *options = &r->retention.options;
    mr_json_key(a->writer, "mean");
    mr_json_begin_array(a->writer);
    for (size_t n = 0; n < options->columns; n++) {
        uint64_t retained = 0;
        uint64_t users = 0;
        for (size_t c = 0; c < options->cohorts; c++) {
            const int64_t complete =
                mr_retention_complete(&r->retention, c, running_period(a));
            const int64_t needs = options->measure == MR_RETENTION_BRACKET
                                      ? options->brackets[n].last
                                      : (int64_t)n;
            if (needs > complete)
                continue;
            retained += r->retention.cells[c][n];
            users += r->retention.sizes[c];
        }
        if (users == 0)
            mr_json_put_null(a->writer);
        else
            mr_json_put_fixed(a->writer, (double)retained / (double)users, 4);
    }
    mr_json_end_array(a->writer);
}

static const char *type_name(mr_event_type type)
{
    return type == MR_EVENT_NONE ? "any" : mr_event_type_name(type);
}

static void put_retention(const retention_answer *r)
{
    const answer *a = r->a;
    const mr_retention_options *options = &r->retention.options;
    begin(a);
    mr_json_member_string(a->writer, "retention",
                          mr_retention_measure_name(options->measure));
    mr_json_member_string(a->writer, "clock", mr_retention_clock_name(options->clock));
    mr_json_member_string(a->writer, "cohort", mr_retention_cohort_name(options->cohort));
    mr_json_member_string(a->writer, "mean_of", "weighted");
    mr_json_member_string(a->writer, "period", mr_period_name(options->period));
    mr_json_member_string(a->writer, "start", type_name(a->query->start));
    mr_json_member_string(a->writer, "return", type_name(a->query->back));
    mr_json_member_string(a->writer, "read_from",
                          r->by_history ? "histories" : "profiles");
    mr_json_member_uint(a->writer, "users_with_a_full_history", r->full);
    mr_json_member_uint(a->writer, "bots_left_out", a->census->bots);
    if (options->measure == MR_RETENTION_BRACKET) {
        mr_json_key(a->writer, "brackets");
        mr_json_begin_array(a->writer);
        for (size_t n = 0; n < options->columns; n++) {
            mr_json_begin_array(a->writer);
            mr_json_put_uint(a->writer, options->brackets[n].first);
            mr_json_put_uint(a->writer, options->brackets[n].last);
            mr_json_end_array(a->writer);
        }
        mr_json_end_array(a->writer);
    }
    mr_json_key(a->writer, "cohorts");
    mr_json_begin_array(a->writer);
    for (size_t c = 0; c < options->cohorts; c++)
        put_cohort(r, c);
    mr_json_end_array(a->writer);
    put_means(r);
    mr_json_end_object(a->writer);
}

static bool is_kept_as_periods(mr_event_type type)
{
    return type == MR_EVENT_NONE || type == MR_EVENT_PURCHASE;
}

static mr_status check_types(const answer *a, bool by_history)
{
    const mr_event_type asked[2] = {a->query->start, a->query->back};
    for (size_t i = 0; by_history && i < 2; i++) {
        if (asked[i] != MR_EVENT_NONE &&
            (a->census->plan->history->spec.on & MR_ON(asked[i])) == 0)
            return mr_error_set(a->error, MR_ERR_INVALID,
                                "%s: histories keep no %s events",
                                i == 0 ? "start" : "return", type_name(asked[i]));
    }
    return MR_OK;
}

static mr_status answer_retention(answer *a)
{
    const mr_analytics_query *query = a->query;
    const mr_plan *plan = a->census->plan;
    const bool by_history = query->retention.clock == MR_RETENTION_ROLLING ||
                            !is_kept_as_periods(query->start) ||
                            !is_kept_as_periods(query->back);
    mr_retention_options options = query->retention;
    options.period = query->period;
    options.cohorts = periods_shown(a);
    options.first_cohort = running_period(a) - (int64_t)options.cohorts + 1;
    if (options.measure != MR_RETENTION_BRACKET && options.columns == 0)
        options.columns = options.cohorts;
    const size_t horizon =
        mr_user_periods_horizon(plan, kind_of(query->back), query->period);
    const size_t most = by_history || horizon > MR_RETENTION_COHORTS_MAX
                            ? MR_RETENTION_COHORTS_MAX
                            : horizon;
    MR_TRY(check_types(a, by_history));
    if (options.cohorts > most || options.columns > MR_RETENTION_PERIODS_MAX)
        return mr_error_set(a->error, MR_ERR_INVALID, "periods: at most %zu are known",
                            most);
    retention_answer *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return MR_ERR_NO_MEMORY;
    r->a = a;
    r->by_history = by_history;
    mr_retention_init(&r->retention, &options);
    const mr_status status = mr_census_walk(a->census, count_retention, r);
    if (status == MR_OK)
        put_retention(r);
    free(r);
    return status;
}

/* ---- funnels ---- */

typedef struct funnel_answer {
    answer *a;
    uint64_t reached[MR_FUNNEL_STEPS_MAX];
    uint64_t full;
    int64_t from_s;
} funnel_answer;

static mr_status count_funnel(void *context, const mr_shard *shard, uint32_t row)
{
    funnel_answer *f = context;
    mr_history_entry entries[MR_SHARD_HISTORY_MAX];
    mr_funnel_event events[MR_SHARD_HISTORY_MAX];
    const mr_analytics_query *query = f->a->query;
    size_t used = 0;
    bool has_full = false;
    if (!is_meant(f->a, shard, row))
        return MR_OK;
    const size_t count = mr_shard_history(shard, row, entries, MR_SHARD_HISTORY_MAX);
    for (size_t i = 0; i < count; i++) {
        mr_funnel_event event = {.time = entries[i].time_s};
        if ((int64_t)entries[i].time_s < f->from_s)
            continue;
        for (size_t s = 0; s < query->funnel.steps; s++)
            event.steps |= (uint32_t)(entries[i].type == query->steps[s]) << s;
        if (event.steps != 0 || query->funnel.strict_order)
            events[used++] = event;
    }
    for (size_t s = 0; s < query->funnel.steps; s++)
        has_full |= is_full(f->a->census->plan, entries, count, query->steps[s]);
    const size_t level = mr_funnel_level(&query->funnel, events, used, NULL);
    for (size_t s = 0; s < level; s++)
        f->reached[s]++;
    f->full += has_full;
    return MR_OK;
}

static void put_funnel(const funnel_answer *f)
{
    const answer *a = f->a;
    const mr_funnel_options *options = &a->query->funnel;
    begin(a);
    mr_json_member_string(a->writer, "anchor",
                          options->anchors_first ? "first" : "latest");
    mr_json_member_string(a->writer, "order",
                          options->strict_order ? "strict"
                                                : "loose, other events may lie between");
    mr_json_member_string(a->writer, "counted", "users");
    mr_json_member_uint(a->writer, "window_seconds", (uint64_t)options->window);
    put_day(a, "since", mr_zone_day(&a->census->plan->settings.zone, f->from_s * 1000));
    mr_json_member_uint(a->writer, "users_with_a_full_history", f->full);
    mr_json_member_uint(a->writer, "bots_left_out", a->census->bots);
    mr_json_key(a->writer, "steps");
    mr_json_begin_array(a->writer);
    for (size_t s = 0; s < options->steps; s++) {
        mr_json_begin_object(a->writer);
        mr_json_member_string(a->writer, "step", mr_event_type_name(a->query->steps[s]));
        mr_json_member_uint(a->writer, "users", f->reached[s]);
        put_share(a, "of_first", f->reached[s], f->reached[0]);
        put_share(a, "of_previous", f->reached[s], f->reached[s > 0 ? s - 1 : 0]);
        mr_json_end_object(a->writer);
    }
    mr_json_end_array(a->writer);
    mr_json_end_object(a->writer);
}

static mr_status answer_funnels(answer *a)
{
    funnel_answer f = {.a = a};
    const size_t days = a->query->periods > 0 ? a->query->periods : DAYS_SHOWN;
    for (size_t s = 0; s < a->query->funnel.steps; s++) {
        if ((a->census->plan->history->spec.on & MR_ON(a->query->steps[s])) == 0)
            return mr_error_set(a->error, MR_ERR_INVALID,
                                "steps: histories keep no %s events",
                                mr_event_type_name(a->query->steps[s]));
    }
    f.from_s = a->census->at_ms / 1000 - (int64_t)days * 86400;
    MR_TRY(mr_census_walk(a->census, count_funnel, &f));
    put_funnel(&f);
    return MR_OK;
}

/* ---- revenue ---- */

static mr_status answer_revenue(answer *a)
{
    const size_t shown = periods_shown(a);
    const int64_t first = running_period(a) - (int64_t)shown + 1;
    if (a->has_audience)
        return mr_error_set(a->error, MR_ERR_INVALID,
                            "audience: revenue is counted by day, not by user");
    if (shown > MR_ACTIVITY_PERIODS_MAX)
        return mr_error_set(a->error, MR_ERR_INVALID, "periods: at most %d",
                            MR_ACTIVITY_PERIODS_MAX);
    mr_commerce_sums *sums = calloc(shown + 1, sizeof(*sums));
    if (sums == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t s = 0; s < a->census->count; s++) {
        const mr_shard *shard = a->census->shards[s];
        for (size_t i = 0; i < mr_commerce_day_count(shard); i++) {
            const mr_commerce_day day = mr_commerce_day_get(shard, i);
            const int64_t index = mr_period_of_day(a->query->period, day.day) - first;
            if (index >= 0 && index < (int64_t)shown)
                mr_commerce_sums_add(&sums[index], &day.sums);
        }
    }
    begin(a);
    mr_json_member_string(a->writer, "period", mr_period_name(a->query->period));
    mr_json_member_string(a->writer, "revenue_is",
                          "purchases less refunds, with adjustments");
    mr_json_key(a->writer, "periods");
    mr_json_begin_array(a->writer);
    for (size_t i = 0; i < shown; i++) {
        mr_json_begin_object(a->writer);
        put_period(a, first + (int64_t)i);
        mr_sales_sums_write(&sums[i], a->writer);
        mr_json_end_object(a->writer);
    }
    mr_json_end_array(a->writer);
    free(sums);
    mr_status status = MR_OK;
    if (a->query->by < MR_SALES_BYS)
        status = mr_sales_groups_write(
            a->census, a->query->by, mr_period_first_day(a->query->period, first),
            mr_period_first_day(a->query->period, first + (int64_t)shown) - 1, a->writer);
    mr_json_end_object(a->writer);
    return status;
}

mr_status mr_analytics_write(mr_census *census, const mr_analytics_query *query,
                             mr_json_writer *writer, mr_error *ret_error)
{
    answer a = {.census = census, .query = query, .writer = writer, .error = ret_error};
    MR_TRY(find_audience(&a));
    switch (query->kind) {
    case MR_ANALYTICS_ACTIVITY: return answer_activity(&a, false);
    case MR_ANALYTICS_LIFECYCLE: return answer_activity(&a, true);
    case MR_ANALYTICS_RETENTION: return answer_retention(&a);
    case MR_ANALYTICS_FUNNELS: return answer_funnels(&a);
    default: return answer_revenue(&a);
    }
}
