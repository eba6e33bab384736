#include "serving/problem.h"

#include "core/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void begin(mr_http_response *response, mr_json_writer *writer, int status,
                  const char *type, const char *detail)
{
    response->status = status;
    response->content_type = "application/problem+json";
    response->cache_control = NULL;
    response->etag = NULL;
    response->lent_body = (mr_text){0};
    mr_buffer_clear(response->body);
    *writer = mr_json_writer_of(response->body);
    mr_json_begin_object(writer);
    mr_json_key(writer, "type");
    mr_json_put_string(writer, type);
    mr_json_key(writer, "title");
    mr_json_put_string(writer, mr_http_status_text(status));
    mr_json_key(writer, "status");
    mr_json_put_int(writer, status);
    mr_json_key(writer, "detail");
    mr_json_put_string(writer, detail);
}

void mr_problem_write(mr_http_response *response, int status, const char *detail)
{
    mr_json_writer writer;
    begin(response, &writer, status, "about:blank", detail);
    mr_json_end_object(&writer);
}

static void put_error(mr_json_writer *writer, const mr_field_error *error)
{
    mr_json_begin_object(writer);
    mr_json_key(writer, "field");
    mr_json_put_string(writer, error->field);
    mr_json_key(writer, "message");
    mr_json_put_string(writer, error->message);
    mr_json_end_object(writer);
}

void mr_problem_write_fields(mr_http_response *response, const mr_field_error *errors,
                             size_t count)
{
    char detail[sizeof(errors->field) + sizeof(errors->message) + 2];
    (void)snprintf(detail, sizeof(detail), "%s %s", errors[0].field, errors[0].message);
    mr_json_writer writer;
    begin(response, &writer, 400, "urn:millrace:problem:invalid-request", detail);
    mr_json_key(&writer, "errors");
    mr_json_begin_array(&writer);
    for (size_t i = 0; i < count; i++)
        put_error(&writer, &errors[i]);
    mr_json_end_array(&writer);
    mr_json_end_object(&writer);
}

void mr_field_error_set(mr_field_error *error, mr_text field, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    const size_t length =
        field.length < sizeof(error->field) ? field.length : sizeof(error->field) - 1;
    if (length > 0)
        memcpy(error->field, field.bytes, length);
    error->field[length] = '\0';
}
