#include "serving/api_call.h"
#include "serving/api_requests.h"

enum { ALERTS_DEFAULT = 100, ALERTS_MAX = 1000 };

#define NO_WORD UINT32_MAX

static const char *const kind_words[] = {"churn", "lifecycle", "level", "segment", NULL};

static const char *const tier_words[] = {"watch", "at-risk", "critical", "recovered",
                                         NULL};

typedef struct alerts_request {
    uint32_t kind; /* NO_WORD: all */
    uint32_t tier; /* the same     */
    mr_text since;
    int64_t limit;
} alerts_request;

#define FIELD_SINCE                                                                      \
    {                                                                                    \
        .name = "since", .kind = MR_FIELD_TEXT, .flags = MR_IN_QUERY,                    \
        .offset = offsetof(alerts_request, since), .most = MR_ALERT_CURSOR_BYTES - 1,    \
        .about = "the `next` of the answer before; absent: from the oldest kept"         \
    }
#define FIELD_LIMIT                                                                      \
    {                                                                                    \
        .name = "limit", .kind = MR_FIELD_INTEGER, .flags = MR_IN_QUERY,                 \
        .offset = offsetof(alerts_request, limit), .least = 1, .most = ALERTS_MAX,       \
        .about = "alerts at most; absent: 100"                                           \
    }

static const mr_field alerts_fields[] = {
    {.name = "kind",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = offsetof(alerts_request, kind),
     .words = kind_words,
     .about = "only those about this"},
    FIELD_SINCE,
    FIELD_LIMIT,
};
const mr_schema mr_api_alerts_schema = {MR_SCHEMA("alerts_query", alerts_fields)};

static const mr_field churn_alerts_fields[] = {
    {.name = "tier",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = offsetof(alerts_request, tier),
     .words = tier_words,
     .about = "only changes to this one"},
    FIELD_SINCE,
    FIELD_LIMIT,
};
const mr_schema mr_api_churn_alerts_schema = {
    MR_SCHEMA("churn_alerts_query", churn_alerts_fields)};

static mr_text word_of(const char *const *words, uint32_t index)
{
    return index != NO_WORD ? mr_text_from(words[index]) : (mr_text){0};
}

static void answer(mr_api_call *call, const mr_schema *schema, uint32_t kind)
{
    const mr_backend *backend = call->api->options.backend;
    alerts_request asked = {.kind = kind, .tier = NO_WORD, .limit = ALERTS_DEFAULT};
    mr_status status = mr_api_read_query(call, schema, &asked);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    const mr_alert_query query = {
        .kind = word_of(kind_words, asked.kind),
        .tier = word_of(tier_words, asked.tier),
        .since = asked.since,
        .limit = (size_t)asked.limit,
    };
    char cursor[MR_ALERT_CURSOR_BYTES] = "";
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "alerts");
    mr_json_begin_array(&writer);
    status = backend->alerts == NULL
                 ? MR_ERR_UNAVAILABLE
                 : backend->alerts(backend->context, call->request->thread, &query,
                                   &writer, cursor);
    if (status == MR_ERR_INVALID) {
        mr_field_error_set(&call->error, MR_TEXT("since"),
                           "must be a cursor that this call gave");
        mr_api_refuse(call);
    } else if (status != MR_OK) {
        mr_api_write_failure(call, status, "alerts cannot be had at the moment");
    } else {
        mr_json_end_array(&writer);
        mr_json_key(&writer, "next");
        mr_json_put_string(&writer, cursor);
        mr_json_end_object(&writer);
    }
}

void mr_api_alerts(mr_api_call *call)
{
    answer(call, &mr_api_alerts_schema, NO_WORD);
}

void mr_api_churn_alerts(mr_api_call *call)
{
    answer(call, &mr_api_churn_alerts_schema, 0);
}
