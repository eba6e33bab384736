#include "serving/api_call.h"

void mr_api_profile(mr_api_call *call)
{
    const mr_backend *backend = call->api->options.backend;
    mr_status status = mr_api_check_id(call, "user_id", call->id);
    if (status == MR_OK)
        status = mr_api_read_query(call, NULL, NULL);
    if (status != MR_OK) {
        mr_api_write_unread(call, status);
        return;
    }
    mr_json_writer writer = mr_json_writer_of(call->response->body);
    status = backend->profile == NULL
                 ? MR_ERR_UNAVAILABLE
                 : backend->profile(backend->context, call->request->thread, call->id,
                                    &writer);
    if (status == MR_ERR_NOT_FOUND)
        mr_api_write_failure(call, status, "nothing is known of this user");
    else if (status != MR_OK)
        mr_api_write_failure(call, status, "the profile cannot be had at the moment");
}
