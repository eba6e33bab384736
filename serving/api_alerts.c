#include "serving/api_call.h"
#include "serving/api_requests.h"

enum { ALERTS_DEFAULT = 100, ALERTS_MAX = 1000 };

#define NO_TIER UINT32_MAX

static const char *const tier_words[] = {"watch", "at-risk", "critical", "recovered",
                                         NULL};

typedef struct alerts_request {
    uint32_t tier; /* NO_TIER: all */
    mr_text since;
    int64_t limit;
} alerts_request;

static const mr_field alerts_fields[] = {
    {.name = "tier",
     .kind = MR_FIELD_WORD,
     .flags = MR_IN_QUERY,
     .offset = offsetof(alerts_request, tier),
     .words = tier_words,
     .about = "only changes to this one"},
    {.name = "since",
     .kind = MR_FIELD_TEXT,
     .flags = MR_IN_QUERY,
     .offset = offsetof(alerts_request, since),
     .most = MR_ALERT_CURSOR_BYTES - 1,
     .about = "the `next` of the answer before; absent: from the oldest kept"},
    {.name = "limit",
     .kind = MR_FIELD_INTEGER,
     .flags = MR_IN_QUERY,
     .offset = offsetof(alerts_request, limit),
     .least = 1,
     .most = ALERTS_MAX,
     .about = "alerts at most; absent: 100"},
};
const mr_schema mr_api_alerts_schema = {MR_SCHEMA("alerts_query", alerts_fields)};

void mr_api_alerts(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    alerts_request asked = {.tier = NO_TIER, .limit = ALERTS_DEFAULT};
    mr_status status = mr_api_read_query(call, &mr_api_alerts_schema, &asked);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    const mr_alert_query query = {
        .tier =
            asked.tier != NO_TIER ? mr_text_from(tier_words[asked.tier]) : (mr_text){0},
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
