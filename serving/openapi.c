#include "serving/openapi.h"

#include "serving/api_answers.h"
#include "serving/api_call.h"
#include "serving/http_message.h"
#include "serving/item_filter.h"
#include "serving/openapi_schema.h"

#include <stdio.h>
#include <string.h>

#define PROBLEM_TYPE "application/problem+json"

/* Every error; the common ones may be the answer to any call, whatever is asked. */
static const struct {
    int status;
    bool is_common;
    const char *about;
} errors[] = {
    {400, true, "The request does not parse, or a field is wrong: `errors` names it"},
    {404, false, "There is no such item, placement or user"},
    {408, true, "The request did not arrive in time"},
    {413, false, "The body is too large"},
    {414, true, "The target is too long"},
    {429, false, "The log takes no more at the moment; see Retry-After"},
    {431, true, "The head is too large"},
    {503, true,
     "The part asked for is down, or nothing can be served yet; see Retry-After"},
};

static void put_true(mr_document *d, const char *key)
{
    mr_json_key(&d->writer, key);
    mr_json_put_bool(&d->writer, true);
}

/* ---- Parameters ---- */

static void put_path_parameter(mr_document *d, const mr_api_route *route)
{
    mr_json_begin_object(&d->writer);
    mr_document_string(d, "name", strchr(route->pattern, '*') != NULL ? "path" : "id");
    mr_document_string(d, "in", "path");
    put_true(d, "required");
    mr_document_string(d, "description", route->id_about);
    mr_document_string(d, "example", route->id_example);
    mr_document_begin(d, "schema");
    mr_document_string(d, "type", "string");
    mr_document_text_bounds(d, 1, MR_DOCUMENT_ID_LENGTH_MAX, NULL);
    mr_document_end(d);
    mr_document_end(d);
}

/* attr.NAME=VALUE: an object whose names are parameters of their own cannot be told to every
 * reader of the document, so that its prose says it. */
static void put_attribute_parameter(mr_document *d, const mr_field *field)
{
    mr_json_begin_object(&d->writer);
    mr_document_string(d, "name", "attr.color");
    mr_document_string(d, "in", "query");
    mr_document_string(d, "description", field->about);
    mr_document_string(d, "style", "form");
    mr_json_key(&d->writer, "explode");
    mr_json_put_bool(&d->writer, false);
    mr_document_begin(d, "schema");
    mr_document_string(d, "type", "array");
    mr_document_begin(d, "items");
    mr_document_string(d, "type", "string");
    mr_document_text_bounds(d, 1, MR_ATTRIBUTE_VALUE_BYTES_MAX, "^[^,]+$");
    mr_document_end(d);
    mr_document_number(d, "minItems", 1);
    mr_document_number(d, "maxItems", MR_FILTER_VALUES_MAX);
    mr_document_end(d);
    mr_document_end(d);
}

static void put_query_parameter(mr_document *d, const mr_field *field)
{
    if (field->kind == MR_FIELD_ATTRIBUTES) {
        put_attribute_parameter(d, field);
        return;
    }
    mr_json_begin_object(&d->writer);
    mr_document_string(d, "name", field->name);
    mr_document_string(d, "in", "query");
    if ((field->flags & MR_REQUIRED) != 0)
        put_true(d, "required");
    mr_document_string(d, "style", "form");
    mr_json_key(&d->writer, "explode");
    mr_json_put_bool(&d->writer, false);
    mr_document_begin(d, "schema");
    mr_document_field(d, field, true);
    mr_document_end(d);
    if (field->example != NULL) {
        mr_json_key(&d->writer, "example");
        mr_json_put_raw(&d->writer, mr_text_from(field->example));
    }
    mr_document_end(d);
}

static void put_parameters(mr_document *d, const mr_api_route *route,
                           mr_http_method method)
{
    const mr_schema *schema = route->parameters;
    const bool has_id = strpbrk(route->pattern, "{*") != NULL;
    /* What a call that has both forms takes from the body it does not take from the query. */
    const bool has_query =
        schema != NULL && (method == MR_HTTP_GET || route->body == NULL);
    if (!has_id && !has_query)
        return;
    mr_json_key(&d->writer, "parameters");
    mr_json_begin_array(&d->writer);
    if (has_id)
        put_path_parameter(d, route);
    for (size_t i = 0; has_query && i < schema->field_count; i++) {
        if ((schema->fields[i].flags & MR_IN_QUERY) != 0)
            put_query_parameter(d, &schema->fields[i]);
    }
    mr_json_end_array(&d->writer);
}

/* ---- Bodies and answers ---- */

static void put_body_forms(mr_document *d, const mr_api_route *route)
{
    const mr_field *list = &route->body->fields[0];
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    mr_json_begin_object(&d->writer);
    mr_document_reference(d, route->body);
    mr_document_end(d);
    mr_json_begin_object(&d->writer);
    mr_document_objects(d, list);
    mr_document_end(d);
    if (route->body_form == MR_API_BODY_OR_SINGLE) {
        mr_json_begin_object(&d->writer);
        mr_document_reference(d, list->schema);
        mr_document_end(d);
    }
    mr_json_end_array(&d->writer);
}

static void put_body(mr_document *d, const mr_api_route *route, mr_http_method method)
{
    if (route->body == NULL || method == MR_HTTP_GET || method == MR_HTTP_DELETE)
        return;
    mr_document_begin(d, "requestBody");
    if (route->body_form != MR_API_BODY_OR_NONE)
        put_true(d, "required");
    mr_document_begin(d, "content");
    mr_document_begin(d, "application/json");
    mr_document_begin(d, "schema");
    if (route->body_form == MR_API_BODY_OR_LIST ||
        route->body_form == MR_API_BODY_OR_SINGLE)
        put_body_forms(d, route);
    else
        mr_document_reference(d, route->body);
    mr_document_end(d);
    mr_document_end(d);
    mr_document_end(d);
    mr_document_end(d);
}

static void put_answer(mr_document *d, const mr_api_answer *answer)
{
    char text[8];
    (void)snprintf(text, sizeof(text), "%d", answer->status);
    mr_document_begin(d, text);
    mr_document_string(d, "description", mr_http_status_text(answer->status));
    const char *type =
        answer->content_type != NULL ? answer->content_type : "application/json";
    if (type[0] != '\0') {
        mr_document_begin(d, "content");
        mr_document_begin(d, type);
        if (answer->schema != NULL) {
            mr_document_begin(d, "schema");
            mr_document_reference(d, answer->schema);
            mr_document_end(d);
        }
        mr_document_end(d);
        mr_document_end(d);
    }
    mr_document_end(d);
}

static void put_error(mr_document *d, int status)
{
    char text[8];
    char reference[MR_DOCUMENT_REFERENCE_BYTES];
    (void)snprintf(text, sizeof(text), "%d", status);
    (void)snprintf(reference, sizeof(reference), "#/components/responses/error_%d",
                   status);
    mr_document_begin(d, text);
    mr_document_string(d, "$ref", reference);
    mr_document_end(d);
}

/* All errors that any call refers to. */
static void put_responses(mr_document *d)
{
    mr_document_begin(d, "responses");
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "error_%d", errors[i].status);
        mr_document_begin(d, name);
        mr_document_string(d, "description", errors[i].about);
        mr_document_begin(d, "content");
        mr_document_begin(d, PROBLEM_TYPE);
        mr_document_begin(d, "schema");
        mr_document_reference(d, &mr_answer_problem);
        mr_document_end(d);
        mr_document_end(d);
        mr_document_end(d);
        mr_document_end(d);
    }
    mr_document_end(d);
}

static bool answers(const mr_api_route *route, int status)
{
    for (size_t i = 0; i < MR_API_ANSWERS_MAX; i++) {
        if (route->answers[i].status == status)
            return true;
    }
    return false;
}

static void put_answers(mr_document *d, const mr_api_route *route)
{
    mr_document_begin(d, "responses");
    for (size_t i = 0; i < MR_API_ANSWERS_MAX && route->answers[i].status != 0; i++)
        put_answer(d, &route->answers[i]);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].is_common && !answers(route, errors[i].status))
            put_error(d, errors[i].status);
    }
    for (size_t i = 0; i < MR_API_ERRORS_MAX && route->errors[i] != 0; i++)
        put_error(d, route->errors[i]);
    if (route->body != NULL)
        put_error(d, 413);
    mr_document_end(d);
}

/* ---- Paths ---- */

static void put_operation(mr_document *d, const mr_api_route *route,
                          mr_http_method method)
{
    static const char *const keys[MR_HTTP_METHODS] = {"get",   "head",   "post",   "put",
                                                      "patch", "delete", "options"};
    char id[64];
    (void)snprintf(id, sizeof(id), "%s_%s", keys[method], route->name);
    mr_document_begin(d, keys[method]);
    mr_document_string(d, "operationId", id);
    mr_document_string(d, "summary", route->summary);
    put_parameters(d, route, method);
    put_body(d, route, method);
    put_answers(d, route);
    mr_document_end(d);
}

/* The rest that a star takes, as a parameter. */
static void put_path_key(mr_document *d, const char *pattern)
{
    char path[MR_DOCUMENT_REFERENCE_BYTES];
    const size_t length = strcspn(pattern, "*");
    (void)snprintf(path, sizeof(path), "%.*s%s", (int)length, pattern,
                   pattern[length] == '*' ? "{path}" : "");
    mr_document_begin(d, path);
}

static bool is_first_of_path(size_t row)
{
    for (size_t i = 0; i < row; i++) {
        if (strcmp(mr_api_routes[i].pattern, mr_api_routes[row].pattern) == 0)
            return false;
    }
    return true;
}

static void put_path(mr_document *d, size_t row)
{
    put_path_key(d, mr_api_routes[row].pattern);
    for (size_t i = row; i < mr_api_route_count; i++) {
        const mr_api_route *route = &mr_api_routes[i];
        if (strcmp(route->pattern, mr_api_routes[row].pattern) != 0)
            continue;
        for (int method = 0; method < MR_HTTP_METHODS; method++) {
            if ((route->methods & (1U << method)) != 0)
                put_operation(d, route, (mr_http_method)method);
        }
    }
    mr_document_end(d);
}

mr_status mr_openapi_write(mr_buffer *ret_text)
{
    mr_document d = {.writer = mr_json_writer_of(ret_text)};
    mr_json_begin_object(&d.writer);
    mr_document_string(&d, "openapi", "3.1.0");
    mr_document_begin(&d, "info");
    mr_document_string(&d, "title", "Millrace");
    mr_document_string(&d, "version", MR_VERSION);
    mr_document_end(&d);
    mr_document_begin(&d, "paths");
    for (size_t i = 0; i < mr_api_route_count; i++) {
        if (is_first_of_path(i))
            put_path(&d, i);
    }
    mr_document_end(&d);
    mr_document_begin(&d, "components");
    put_responses(&d);
    mr_document_begin(&d, "schemas");
    for (size_t i = 0; i < d.schema_count; i++) /* which refer to further ones */
        mr_document_component(&d, d.schemas[i]);
    mr_document_end(&d);
    mr_document_end(&d);
    mr_json_end_object(&d.writer);
    return mr_buffer_status(ret_text);
}
