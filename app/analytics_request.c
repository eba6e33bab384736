#include "app/analytics_request.h"

#include "app/associations.h"
#include "app/attribution.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DAYS_SHOWN = 30 };

static const mr_retention_bracket usual_brackets[] = {
    {1, 7}, {8, 14}, {15, 30}, {31, 60}, {61, 90}};

enum { WORDS_MAX = 3 };

/* A field of a request and the words it may be; the first is meant when there is none. */
typedef struct choice {
    const char *field;
    const char *words[WORDS_MAX]; /* NULL behind the last */
} choice;

static const choice period_choice = {"period", {"day", "week", "month"}};
static const choice of_choice = {"of", {"any", "purchase"}};
static const choice by_choice = {"by", {"hour", "category", "channel"}};
static const choice measure_choice = {"measure", {"n_day", "unbounded", "bracket"}};
static const choice clock_choice = {"clock", {"calendar", "rolling"}};
static const choice cohort_choice = {"cohort", {"first", "recurring"}};
static const choice anchor_choice = {"anchor", {"latest", "first"}};

static mr_status choose(mr_text word, const choice *among, uint32_t *ret_index,
                        mr_error *ret_error)
{
    char words[64] = "";
    *ret_index = 0;
    for (uint32_t i = 0; i < WORDS_MAX && among->words[i] != NULL; i++) {
        if (mr_text_is(word, among->words[i])) {
            *ret_index = i;
            return MR_OK;
        }
        const size_t length = strlen(words);
        (void)snprintf(words + length, sizeof(words) - length, "%s%s", i == 0 ? "" : ", ",
                       among->words[i]);
    }
    return word.length == 0
               ? MR_OK
               : mr_error_set(ret_error, MR_ERR_INVALID, "%s: '%.*s' is none of %s",
                              among->field, MR_TEXT_ARG(word), words);
}

static mr_text take(mr_text *rest, char end)
{
    const char *found = rest->length > 0 ? memchr(rest->bytes, end, rest->length) : NULL;
    const uint32_t length =
        found != NULL ? (uint32_t)(found - rest->bytes) : rest->length;
    const mr_text piece = {rest->bytes, length};
    const uint32_t taken = found != NULL ? length + 1 : length;
    rest->bytes += taken;
    rest->length -= taken;
    return piece;
}

static mr_status type_of(const char *field, mr_text word, bool may_be_any,
                         mr_event_type *ret_type, mr_error *ret_error)
{
    *ret_type = mr_event_type_from(word);
    if (may_be_any && (word.length == 0 || mr_text_is(word, "any")))
        return MR_OK;
    return *ret_type != MR_EVENT_NONE
               ? MR_OK
               : mr_error_set(ret_error, MR_ERR_INVALID, "%s: '%.*s' is no event type",
                              field, MR_TEXT_ARG(word));
}

static mr_status read_steps(mr_text steps, mr_analytics_query *query, mr_error *ret_error)
{
    mr_text rest = steps.length > 0 ? steps : MR_TEXT("view,cart_add,purchase");
    while (rest.length > 0) {
        if (query->funnel.steps == MR_FUNNEL_STEPS_MAX)
            return mr_error_set(ret_error, MR_ERR_INVALID, "steps: at most %d",
                                MR_FUNNEL_STEPS_MAX);
        MR_TRY(type_of("steps", take(&rest, ','), false,
                       &query->steps[query->funnel.steps], ret_error));
        query->funnel.steps++;
    }
    return MR_OK;
}

/* "30m", "24h", "7d" in seconds. */
static mr_status read_window(mr_text window, int64_t *ret_seconds, mr_error *ret_error)
{
    enum { DAYS_MAX = 400 };
    const mr_text text = window.length > 0 ? window : MR_TEXT("7d");
    const char unit = text.bytes[text.length - 1];
    const int64_t seconds = unit == 'm'   ? 60
                            : unit == 'h' ? 3600
                            : unit == 'd' ? 86400
                                          : 0;
    int64_t number = 0;
    if (seconds == 0 ||
        mr_text_to_int64((mr_text){text.bytes, text.length - 1}, &number) != MR_OK ||
        number < 1 || number > DAYS_MAX * INT64_C(86400) / seconds)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "window: must be such as 30m, 24h or 7d, at most %dd",
                            DAYS_MAX);
    *ret_seconds = number * seconds;
    return MR_OK;
}

/* "1-7,8-30" */
static mr_status read_brackets(mr_text brackets, mr_retention_options *options,
                               mr_error *ret_error)
{
    mr_text rest = brackets;
    if (brackets.length == 0) {
        memcpy(options->brackets, usual_brackets, sizeof(usual_brackets));
        options->columns = sizeof(usual_brackets) / sizeof(usual_brackets[0]);
        return MR_OK;
    }
    options->columns = 0;
    while (rest.length > 0) {
        mr_text pair = take(&rest, ',');
        int64_t first = -1;
        int64_t last = -1;
        const mr_status status = mr_text_to_int64(take(&pair, '-'), &first);
        if (status != MR_OK || mr_text_to_int64(pair, &last) != MR_OK || first < 0 ||
            last < first || last >= MR_RETENTION_PERIODS_MAX ||
            options->columns == MR_RETENTION_BRACKETS_MAX)
            return mr_error_set(ret_error, MR_ERR_INVALID,
                                "brackets: must be up to %d such as 1-7,8-30, below %d",
                                MR_RETENTION_BRACKETS_MAX, MR_RETENTION_PERIODS_MAX);
        options->brackets[options->columns++] =
            (mr_retention_bracket){(uint32_t)first, (uint32_t)last};
    }
    return MR_OK;
}

static mr_analytics_kind kind_of(const char *name)
{
    static const char *const names[MR_ANALYTICS_KINDS] = {
        "activity", "lifecycle", "retention", "funnels", "revenue"};
    size_t kind = MR_ANALYTICS_KINDS - 1;
    while (kind > 0 && strcmp(names[kind], name) != 0)
        kind--;
    return (mr_analytics_kind)kind;
}

static mr_status read_retention(const mr_analytics_request *request,
                                mr_analytics_query *query, mr_error *ret_error)
{
    mr_retention_options *options = &query->retention;
    uint32_t measure;
    uint32_t clock;
    uint32_t cohort;
    MR_TRY(choose(request->measure, &measure_choice, &measure, ret_error));
    MR_TRY(choose(request->clock, &clock_choice, &clock, ret_error));
    MR_TRY(choose(request->cohort, &cohort_choice, &cohort, ret_error));
    options->measure = (mr_retention_measure)measure;
    options->clock = (mr_retention_clock)clock;
    options->cohort = (mr_retention_cohort)cohort;
    options->columns = (size_t)request->columns;
    MR_TRY(type_of("start", request->start, true, &query->start, ret_error));
    MR_TRY(type_of("return", request->back, true, &query->back, ret_error));
    return options->measure == MR_RETENTION_BRACKET
               ? read_brackets(request->brackets, options, ret_error)
               : MR_OK;
}

static mr_status read_funnel(const mr_analytics_request *request,
                             mr_analytics_query *query, mr_error *ret_error)
{
    uint32_t anchor;
    MR_TRY(choose(request->anchor, &anchor_choice, &anchor, ret_error));
    query->funnel.anchors_first = anchor == 1;
    query->funnel.strict_order = request->is_strict;
    MR_TRY(read_steps(request->steps, query, ret_error));
    return read_window(request->window, &query->funnel.window, ret_error);
}

mr_status mr_analytics_query_of(const mr_analytics_request *request,
                                mr_analytics_query *ret_query, mr_error *ret_error)
{
    mr_analytics_query *query = ret_query;
    uint32_t period;
    uint32_t of;
    uint32_t by;
    memset(query, 0, sizeof(*query));
    MR_TRY(choose(request->period, &period_choice, &period, ret_error));
    MR_TRY(choose(request->of, &of_choice, &of, ret_error));
    MR_TRY(choose(request->by, &by_choice, &by, ret_error));
    query->kind = kind_of(request->name);
    query->period = (mr_period)period;
    query->periods = (size_t)request->periods;
    query->audience = request->audience;
    query->by = request->by.length == 0 ? MR_SALES_BYS : (mr_sales_by)by;
    query->of = (mr_activity_kind)of;
    if (query->kind == MR_ANALYTICS_RETENTION)
        return read_retention(request, query, ret_error);
    return query->kind == MR_ANALYTICS_FUNNELS ? read_funnel(request, query, ret_error)
                                               : MR_OK;
}

mr_status mr_analytics_answer(mr_census *census, const mr_analytics_request *request,
                              mr_json_writer *writer, mr_error *ret_error)
{
    mr_analytics_query query;
    if (strcmp(request->name, "associations") == 0) {
        const mr_associations_query pairs = {.item = request->item,
                                             .limit = (size_t)request->limit,
                                             .least = (uint32_t)request->least};
        return mr_associations_write(census, &pairs, writer);
    }
    if (strcmp(request->name, "attribution") == 0)
        return mr_attribution_write(
            census, request->periods > 0 ? request->periods : DAYS_SHOWN, writer);
    if (strcmp(request->name, "quality") == 0)
        return mr_quality_write(census, request->item, (size_t)request->limit, writer);
    MR_TRY(mr_analytics_query_of(request, &query, ret_error));
    return mr_analytics_write(census, &query, writer, ret_error);
}
