#include "serving/api_call.h"
#include "serving/api_requests.h"

#include <stdio.h>
#include <string.h>

enum {
    PERIODS_MAX = 400,
    COLUMNS_MAX = 128,
    LIST_BYTES_MAX = 256,
    MEMBERS_DEFAULT = 100,
    MEMBERS_MAX = 10000,
    PAIRS_DEFAULT = 50,
    PAIRS_MAX = 1000,
    TRENDS_DEFAULT = 10,
    TRENDS_MAX = 100,
};

static const char *const period_words[] = {"day", "week", "month", NULL};
static const char *const of_words[] = {"any", "purchase", NULL};
static const char *const by_words[] = {"hour", "category", "channel", NULL};
static const char *const measure_words[] = {"n_day", "unbounded", "bracket", NULL};
static const char *const clock_words[] = {"calendar", "rolling", NULL};
static const char *const cohort_words[] = {"first", "recurring", NULL};
static const char *const anchor_words[] = {"latest", "first", NULL};

typedef struct analytics_request {
    uint32_t period;
    uint32_t of;
    uint32_t by; /* NO_WORD: not parted */
    uint32_t measure;
    uint32_t clock;
    uint32_t cohort;
    uint32_t anchor;
    int64_t periods;
    int64_t columns;
    int64_t limit;
    int64_t least;
    bool strict;
    mr_text audience;
    mr_text brackets;
    mr_text start;
    mr_text back;
    mr_text steps;
    mr_text window;
    mr_text item;
    mr_text since;
} analytics_request;

#define NO_WORD UINT32_MAX
#define AT(member) offsetof(analytics_request, member)

#define FIELD_PERIOD                                                                     \
    {                                                                                    \
        .name = "period", .kind = MR_FIELD_WORD, .flags = MR_IN_QUERY,                   \
        .offset = AT(period), .words = period_words, .about = "absent: day"              \
    }
#define FIELD_PERIODS                                                                    \
    {                                                                                    \
        .name = "periods", .kind = MR_FIELD_INTEGER, .flags = MR_IN_QUERY,               \
        .offset = AT(periods), .least = 1, .most = PERIODS_MAX,                          \
        .about = "how many, up to the present one; absent: 30 days, 16 weeks, 13 months" \
    }
#define FIELD_AUDIENCE                                                                   \
    {                                                                                    \
        .name = "audience", .kind = MR_FIELD_TEXT, .flags = MR_IN_QUERY,                 \
        .offset = AT(audience), .least = 1, .most = LIST_BYTES_MAX,                      \
        .about = "only its members, by a name of /v1/audiences",                         \
        .example = "\"lifecycle.active\""                                                \
    }
#define FIELD_OF                                                                         \
    {                                                                                    \
        .name = "of", .kind = MR_FIELD_WORD, .flags = MR_IN_QUERY, .offset = AT(of),     \
        .words = of_words, .about = "what makes a user active; absent: any event"        \
    }
#define FIELD_TYPE(text, member, said)                                                   \
    {                                                                                    \
        .name = (text), .kind = MR_FIELD_TEXT, .flags = MR_IN_QUERY,                     \
        .offset = AT(member), .least = 1, .most = LIST_BYTES_MAX, .about = (said),       \
        .example = "\"purchase\""                                                        \
    }

static const mr_field activity_fields[] = {FIELD_PERIOD, FIELD_PERIODS, FIELD_OF,
                                           FIELD_AUDIENCE};
const mr_schema mr_api_activity_schema = {MR_SCHEMA("activity_query", activity_fields)};

static const mr_field revenue_fields[] = {
    FIELD_PERIOD,
    FIELD_PERIODS,
    {.name = "by",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = AT(by),
     .words = by_words,
     .about = "all the periods again, parted by this"},
};
const mr_schema mr_api_revenue_schema = {MR_SCHEMA("revenue_query", revenue_fields)};

static const mr_field retention_fields[] = {
    FIELD_PERIOD,
    FIELD_PERIODS,
    FIELD_AUDIENCE,
    {.name = "retention",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = AT(measure),
     .words = measure_words,
     .about =
         "n_day: back in the n-th period; unbounded: in it or later; bracket: in any of "
         "`brackets`.  Absent: n_day"},
    {.name = "clock",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = AT(clock),
     .words = clock_words,
     .about =
         "calendar: periods of the time zone; rolling: whole periods since the start, "
         "hours rounded down.  Absent: calendar"},
    {.name = "cohort",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = AT(cohort),
     .words = cohort_words,
     .about =
         "first: each user once; recurring: in each period with a start.  Absent: first"},
    {.name = "columns",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(columns),
     .least = 1,
     .most = COLUMNS_MAX,
     .about = "n from 0; absent: as many as periods"},
    {.name = "brackets",
     .kind = MR_FIELD_TEXT,
     .flags = MR_IN_QUERY,
     .offset = AT(brackets),
     .least = 1,
     .most = LIST_BYTES_MAX,
     .about = "of bracket, from n to n; absent: 1-7,8-14,15-30,31-60,61-90",
     .example = "\"1-7,8-30\""},
    FIELD_TYPE("start", start, "what begins; absent: any event"),
    FIELD_TYPE("return", back, "what counts as a return; absent: any event"),
};
const mr_schema mr_api_retention_schema = {
    MR_SCHEMA("retention_query", retention_fields)};

static const mr_field funnel_fields[] = {
    FIELD_TYPE("steps", steps,
               "up to 8 event types in a row, of those a history keeps; absent: "
               "view,cart_add,purchase"),
    {.name = "window",
     .kind = MR_FIELD_TEXT,
     .flags = MR_IN_QUERY,
     .offset = AT(window),
     .least = 2,
     .most = 16,
     .about = "from the first step to the last, in minutes, hours or days; absent: 7d",
     .example = "\"24h\""},
    {.name = "anchor",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = AT(anchor),
     .words = anchor_words,
     .about =
         "latest: each first step begins anew (windowFunnel); first: the first one holds "
         "until its window is over.  Absent: latest"},
    {.name = "strict",
     .kind = MR_FIELD_FLAG,
     .flags = MR_IN_QUERY,
     .offset = AT(strict),
     .about = "no other event of a history may lie between the steps"},
    {.name = "days",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(periods),
     .least = 1,
     .most = PERIODS_MAX,
     .about = "events of the last days; absent: 30"},
    FIELD_AUDIENCE,
};
const mr_schema mr_api_funnels_schema = {MR_SCHEMA("funnels_query", funnel_fields)};

static const mr_field association_fields[] = {
    {.name = "item",
     .kind = MR_FIELD_ID,
     .flags = MR_IN_QUERY,
     .offset = AT(item),
     .about = "only pairs with this item"},
    {.name = "limit",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(limit),
     .least = 1,
     .most = PAIRS_MAX,
     .about = "absent: 50"},
    {.name = "least",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(least),
     .least = 1,
     .most = 1000000,
     .about = "baskets with both, at least; absent: 3"},
};
const mr_schema mr_api_associations_schema = {
    MR_SCHEMA("associations_query", association_fields)};

static const mr_field attribution_fields[] = {
    {.name = "days",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(periods),
     .least = 1,
     .most = PERIODS_MAX,
     .about = "the last so many; absent: 30"},
};
const mr_schema mr_api_attribution_schema = {
    MR_SCHEMA("attribution_query", attribution_fields)};

static const mr_field quality_fields[] = {
    {.name = "item",
     .kind = MR_FIELD_ID,
     .flags = MR_IN_QUERY,
     .offset = AT(item),
     .about = "this one alone"},
    {.name = "limit",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(limit),
     .least = 1,
     .most = PAIRS_MAX,
     .about = "absent: 50"},
};
const mr_schema mr_api_quality_schema = {MR_SCHEMA("quality_query", quality_fields)};

static mr_text word(const char *const *words, uint32_t index)
{
    return mr_text_from(words[index]);
}

/* "periods: at most 97 are known" belongs to the field it begins with. */
static void refuse(mr_api_call *call, const mr_error *error)
{
    const char *colon = strchr(error->message, ':');
    const size_t length = colon != NULL ? (size_t)(colon - error->message) : 0;
    const bool names_field =
        length > 0 && strspn(error->message, "abcdefghijklmnopqrstuvwxyz") == length;
    mr_field_error_set(&call->error,
                       names_field ? (mr_text){error->message, (uint32_t)length}
                                   : MR_TEXT("period"),
                       "%s", names_field ? colon + 2 : error->message);
    mr_api_refuse(call);
}

static void finish(mr_api_call *call, mr_status status, const mr_error *error)
{
    if (status == MR_ERR_INVALID)
        refuse(call, error);
    else if (status == MR_ERR_NOT_FOUND)
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE,
                             error->message[0] != '\0'
                                 ? error->message
                                 : "there is no checkpoint to count yet");
    else if (status != MR_OK)
        mr_api_write_failure(call, status, "this cannot be counted at the moment");
}

/* The route says what is asked and which parameters it has. */
void mr_api_counted(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    analytics_request asked = {.by = NO_WORD, .limit = PAIRS_DEFAULT, .least = 3};
    mr_error error = {{0}};
    mr_status status = mr_api_read_query(call, call->route->parameters, &asked);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    const mr_analytics_request request = {
        .name = call->route->name,
        .period = word(period_words, asked.period),
        .of = word(of_words, asked.of),
        .by = asked.by != NO_WORD ? word(by_words, asked.by) : (mr_text){0},
        .measure = word(measure_words, asked.measure),
        .clock = word(clock_words, asked.clock),
        .cohort = word(cohort_words, asked.cohort),
        .anchor = word(anchor_words, asked.anchor),
        .audience = asked.audience,
        .brackets = asked.brackets,
        .start = asked.start,
        .back = asked.back,
        .steps = asked.steps,
        .window = asked.window,
        .item = asked.item,
        .periods = asked.periods,
        .columns = asked.columns,
        .limit = asked.limit,
        .least = asked.least,
        .is_strict = asked.strict,
    };
    mr_json_writer writer = mr_json_writer_of(call->response->body);
    status = backend->analytics == NULL
                 ? MR_ERR_UNAVAILABLE
                 : backend->analytics(backend->context, call->request->thread, &request,
                                      &writer, &error);
    finish(call, status, &error);
}

/* ---- GET /v1/analytics/trends ---- */

static const mr_field trends_fields[] = {
    {.name = "limit",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(limit),
     .least = 1,
     .most = TRENDS_MAX,
     .about = "items, and categories, of each list; absent: 10"},
};
const mr_schema mr_api_trends_schema = {MR_SCHEMA("trends_query", trends_fields)};

static void put_ranked(mr_json_writer *writer, const char *name,
                       const mr_candidate *ranked, size_t count)
{
    mr_json_key(writer, name);
    mr_json_begin_array(writer);
    for (size_t i = 0; i < count; i++) {
        mr_json_begin_object(writer);
        mr_json_member_text(writer, "id", ranked[i].item_id);
        mr_json_key(writer, "score");
        mr_json_put_double(writer, (double)ranked[i].score);
        mr_json_end_object(writer);
    }
    mr_json_end_array(writer);
}

static const struct {
    const char *name;
    mr_trending_kind kind;
} trend_lists[] = {
    {"rising", MR_TRENDING_RISING},
    {"hot", MR_TRENDING_HOT},
    {"popular", MR_TRENDING_POPULAR},
};

enum { TREND_LISTS = sizeof(trend_lists) / sizeof(trend_lists[0]) };

static mr_status put_items(mr_api_call *call, mr_json_writer *writer, size_t limit)
{
    const mr_backend *backend = call->api->options.backend;
    mr_candidate *items = call->worker->candidates;
    for (size_t i = 0; i < TREND_LISTS; i++) {
        size_t count = 0;
        MR_TRY(backend->trending(backend->context, call->request->thread,
                                 trend_lists[i].kind, (mr_text){0}, limit,
                                 call->worker->arena, items, &count));
        put_ranked(writer, trend_lists[i].name, items, count);
    }
    return MR_OK;
}

static mr_status put_categories(mr_api_call *call, mr_json_writer *writer, size_t limit)
{
    const mr_backend *backend = call->api->options.backend;
    mr_candidate *categories = call->worker->candidates;
    mr_json_key(writer, "categories");
    mr_json_begin_object(writer);
    for (size_t i = 0; i < TREND_LISTS; i++) {
        size_t count = 0;
        MR_TRY(backend->trending_categories(backend->context, call->request->thread,
                                            trend_lists[i].kind, limit,
                                            call->worker->arena, categories, &count));
        put_ranked(writer, trend_lists[i].name, categories, count);
    }
    mr_json_end_object(writer);
    return MR_OK;
}

static mr_status put_scope(mr_api_call *call, mr_json_writer *writer)
{
    const mr_backend *backend = call->api->options.backend;
    mr_trending_scope scope;
    MR_TRY(backend->trending_scope(backend->context, call->request->thread, &scope));
    if (scope.counted > 0) {
        char time[MR_TIME_TEXT_BYTES];
        mr_time_to_text(scope.as_of_ms, time);
        mr_json_member_string(writer, "as_of", time);
    }
    mr_json_key(writer, "partitions");
    mr_json_begin_object(writer);
    mr_json_member_uint(writer, "counted", scope.counted);
    mr_json_member_uint(writer, "of", scope.of);
    mr_json_end_object(writer);
    return MR_OK;
}

void mr_api_trends(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    analytics_request asked = {.limit = TRENDS_DEFAULT};
    mr_status status = mr_api_read_query(call, &mr_api_trends_schema, &asked);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    const size_t limit = (size_t)asked.limit;
    mr_json_writer writer = mr_api_begin(call);
    status = backend->trending != NULL && backend->trending_categories != NULL &&
                     backend->trending_scope != NULL
                 ? put_scope(call, &writer)
                 : MR_ERR_UNAVAILABLE;
    if (status == MR_OK) {
        mr_json_member_string(&writer, "rising_is",
                              "(x - m) / sqrt(m + 1), x the last 6 hours, m the same of "
                              "a week ago");
        status = put_items(call, &writer, limit);
    }
    if (status == MR_OK)
        status = put_categories(call, &writer, limit);
    if (status == MR_OK)
        mr_json_end_object(&writer);
    else
        mr_api_write_failure(call, status, "trends cannot be had at the moment");
}

/* ---- GET /v1/audiences ---- */

void mr_api_audiences(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    mr_error error = {{0}};
    mr_status status = mr_api_read_query(call, NULL, NULL);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    mr_json_writer writer = mr_json_writer_of(call->response->body);
    status = backend->audiences == NULL
                 ? MR_ERR_UNAVAILABLE
                 : backend->audiences(backend->context, call->request->thread, &writer,
                                      &error);
    finish(call, status, &error);
}

static const mr_field members_fields[] = {
    {.name = "since",
     .kind = MR_FIELD_TEXT,
     .flags = MR_IN_QUERY,
     .offset = AT(since),
     .most = MR_ALERT_CURSOR_BYTES - 1,
     .about = "the `next` of the answer before; absent: from the first"},
    {.name = "limit",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = AT(limit),
     .least = 1,
     .most = MEMBERS_MAX,
     .about = "absent: 100"},
};
const mr_schema mr_api_members_schema = {MR_SCHEMA("members_query", members_fields)};

void mr_api_members(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    analytics_request asked = {.limit = MEMBERS_DEFAULT};
    mr_error error = {{0}};
    char next[MR_ALERT_CURSOR_BYTES] = "";
    mr_status status = mr_api_check_id(call, "audience", call->id);
    if (status == MR_OK)
        status = mr_api_read_query(call, &mr_api_members_schema, &asked);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "audience");
    mr_json_put_text(&writer, call->id);
    mr_json_key(&writer, "members");
    mr_json_begin_array(&writer);
    const mr_members_request request = {call->id, asked.since, (size_t)asked.limit};
    status = backend->audience_members == NULL
                 ? MR_ERR_UNAVAILABLE
                 : backend->audience_members(backend->context, call->request->thread,
                                             &request, &writer, next, &error);
    if (status == MR_ERR_NOT_FOUND && error.message[0] == '\0') {
        mr_api_write_failure(call, status,
                             "there is no such audience; GET /v1/audiences "
                             "has all");
    } else if (status != MR_OK) {
        finish(call, status, &error);
    } else {
        mr_json_end_array(&writer);
        mr_json_key(&writer, "next");
        if (next[0] != '\0')
            mr_json_put_string(&writer, next);
        else
            mr_json_put_null(&writer);
        mr_json_end_object(&writer);
    }
}
