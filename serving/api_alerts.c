#include "serving/api_call.h"

enum { ALERTS_DEFAULT = 100, ALERTS_MAX = 1000 };

static mr_status take_query(mr_api_call *call, mr_alert_query *ret_query)
{
    static const char *const tiers[] = {"watch", "at-risk", "critical", "recovered"};
    int64_t limit = ALERTS_DEFAULT;
    *ret_query = (mr_alert_query){0};
    (void)mr_api_take(call, "since", &ret_query->since);
    MR_TRY(mr_api_take_number(call, "limit", 1, ALERTS_MAX, &limit));
    ret_query->limit = (size_t)limit;
    if (!mr_api_take(call, "tier", &ret_query->tier))
        return mr_api_check_all_taken(call);
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (mr_text_is(ret_query->tier, tiers[i]))
            return mr_api_check_all_taken(call);
    }
    mr_field_error_set(&call->error, MR_TEXT("tier"),
                       "must be watch, at-risk, critical or recovered");
    return MR_ERR_INVALID;
}

void mr_api_alerts(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    mr_alert_query query;
    if (take_query(call, &query) != MR_OK) {
        mr_api_refuse(call);
        return;
    }
    char cursor[MR_ALERT_CURSOR_BYTES] = "";
    mr_json_writer writer = mr_api_begin(call);
    mr_json_key(&writer, "alerts");
    mr_json_begin_array(&writer);
    const mr_status status =
        backend->alerts == NULL ? MR_ERR_UNAVAILABLE
                                : backend->alerts(backend->context, call->request->thread,
                                                  &query, &writer, cursor);
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
