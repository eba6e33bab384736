#include "app/analytics_request.h"

#include "app/associations.h"
#include "app/attribution.h"

#include <inttypes.h>
#include <string.h>

enum { DAYS_SHOWN = 30 };

static const mr_retention_bracket usual_brackets[] = {
    {1, 7}, {8, 14}, {15, 30}, {31, 60}, {61, 90}};

static uint32_t choose(mr_text word, const char *const *words, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (mr_text_is(word, words[i]))
            return i;
    }
    return 0;
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
    static const char *const names[] = {"activity", "lifecycle", "retention", "funnels",
                                        "revenue"};
    return (mr_analytics_kind)choose(mr_text_from(name), names, MR_ANALYTICS_KINDS);
}

mr_status mr_analytics_query_of(const mr_analytics_request *request,
                                mr_analytics_query *ret_query, mr_error *ret_error)
{
    static const char *const periods[] = {"day", "week", "month"};
    static const char *const kinds[] = {"any", "purchase"};
    static const char *const parts[] = {"hour", "category", "channel"};
    static const char *const measures[] = {"n_day", "unbounded", "bracket"};
    static const char *const clocks[] = {"calendar", "rolling"};
    static const char *const cohorts[] = {"first", "recurring"};
    mr_analytics_query *query = ret_query;
    memset(query, 0, sizeof(*query));
    query->kind = kind_of(request->name);
    query->period = (mr_period)choose(request->period, periods, MR_PERIODS);
    query->periods = (size_t)request->periods;
    query->audience = request->audience;
    query->by = request->by.length == 0
                    ? MR_SALES_BYS
                    : (mr_sales_by)choose(request->by, parts, MR_SALES_BYS);
    query->of = (mr_activity_kind)choose(request->of, kinds, MR_ACTIVITY_KINDS);
    if (query->kind == MR_ANALYTICS_RETENTION) {
        mr_retention_options *options = &query->retention;
        options->measure = (mr_retention_measure)choose(request->measure, measures,
                                                        MR_RETENTION_MEASURES);
        options->clock =
            (mr_retention_clock)choose(request->clock, clocks, MR_RETENTION_CLOCKS);
        options->cohort =
            (mr_retention_cohort)choose(request->cohort, cohorts, MR_RETENTION_COHORTS);
        options->columns = (size_t)request->columns;
        MR_TRY(type_of("start", request->start, true, &query->start, ret_error));
        MR_TRY(type_of("return", request->back, true, &query->back, ret_error));
        if (options->measure == MR_RETENTION_BRACKET)
            MR_TRY(read_brackets(request->brackets, options, ret_error));
    }
    if (query->kind == MR_ANALYTICS_FUNNELS) {
        query->funnel.anchors_first = mr_text_is(request->anchor, "first");
        query->funnel.strict_order = request->is_strict;
        MR_TRY(read_steps(request->steps, query, ret_error));
        MR_TRY(read_window(request->window, &query->funnel.window, ret_error));
    }
    return MR_OK;
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
