#include "serving/api_call.h"

#include <string.h>

mr_status mr_api_read_query(mr_api_call *call, const mr_schema *schema, void *request)
{
    mr_schema_reader reader = {.arena = call->worker->arena, .error = &call->error};
    return mr_schema_read_query(schema, &call->query, &reader, request);
}

mr_status mr_api_parse_body(mr_api_call *call, bool is_list_allowed, mr_json **ret_json)
{
    mr_error error;
    mr_json *json;
    const mr_status status = mr_json_parse(call->request->body, &json, &error);
    if (status == MR_ERR_NO_MEMORY)
        return status;
    if (status != MR_OK) {
        mr_field_error_set(&call->error, MR_TEXT("body"), "%s", error.message);
        return MR_ERR_INVALID;
    }
    mr_json_value *root = mr_json_root(json);
    if (mr_json_is_object(root) || (is_list_allowed && mr_json_is_array(root))) {
        *ret_json = json;
        return MR_OK;
    }
    mr_json_destroy(json);
    mr_field_error_set(&call->error, MR_TEXT("body"), "must be a JSON object%s",
                       is_list_allowed ? " or an array" : "");
    return MR_ERR_INVALID;
}

mr_status mr_api_check_id(mr_api_call *call, const char *field, mr_text id)
{
    return mr_schema_check_id(field, id, &call->error);
}

void mr_api_refuse(mr_api_call *call)
{
    mr_problem_write_fields(call->response, &call->error, 1);
}

void mr_api_write_unread(mr_api_call *call, mr_status status)
{
    if (status == MR_ERR_INVALID)
        mr_api_refuse(call);
    else if (status == MR_ERR_NOT_FOUND)
        mr_problem_write(call->response, 404, "there is no placement of that name");
    else
        mr_api_write_failure(call, MR_ERR_UNAVAILABLE, "out of memory");
}

void mr_api_write_failure(mr_api_call *call, mr_status status, const char *detail)
{
    if (status == MR_ERR_NOT_FOUND) {
        mr_problem_write(call->response, 404, detail);
        return;
    }
    mr_problem_write(call->response, 503, detail);
    call->response->retry_after_s = 1;
}

mr_json_writer mr_api_begin(mr_api_call *call)
{
    mr_json_writer writer = mr_json_writer_of(call->response->body);
    mr_json_begin_object(&writer);
    return writer;
}

mr_snapshot *mr_api_acquire_catalogue(const mr_api *api,
                                      const mr_catalogue **ret_catalogue)
{
    mr_snapshot_holder *holder = api->options.catalogue;
    mr_snapshot *snapshot = holder != NULL ? mr_snapshot_acquire(holder) : NULL;
    *ret_catalogue = snapshot != NULL ? mr_snapshot_object(snapshot) : NULL;
    return snapshot;
}

bool mr_api_client_has(const mr_http_request *request, const char *etag)
{
    const mr_text tags = mr_http_request_header(request, "if-none-match");
    return mr_text_is(tags, "*") ||
           (tags.length > 0 &&
            memmem(tags.bytes, tags.length, etag, strlen(etag)) != NULL);
}

int64_t mr_api_now_ms(const mr_api_call *call)
{
    return mr_clock_wall_ms(call->api->options.clock);
}

int64_t mr_api_elapsed_us(const mr_api_call *call)
{
    return (mr_clock_monotonic_ns(call->api->options.clock) -
            call->request->received_ns) /
           1000;
}
