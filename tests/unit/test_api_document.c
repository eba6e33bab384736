/*
 * The document of the API: everything that the route table has is in it and in docs/API.md, every
 * reference leads somewhere, and the examples are what the reader takes.
 */
#include "tests/api_world.h"

#include "serving/api_call.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const method_keys[MR_HTTP_METHODS] = {
    "get", "head", "post", "put", "patch", "delete", "options"};

/* ---- Walking the table ---- */

typedef void visit(const mr_api_route *route, mr_http_method method);

static void each_operation(visit *visit_operation)
{
    for (size_t i = 0; i < mr_api_route_count; i++) {
        for (int method = 0; method < MR_HTTP_METHODS; method++) {
            if ((mr_api_routes[i].methods & (1U << method)) != 0)
                visit_operation(&mr_api_routes[i], (mr_http_method)method);
        }
    }
}

/* With a parameter in place of a star. */
static const char *path_of(const mr_api_route *route)
{
    static char path[128];
    const size_t length = strcspn(route->pattern, "*");
    (void)snprintf(path, sizeof(path), "%.*s%s", (int)length, route->pattern,
                   route->pattern[length] == '*' ? "{path}" : "");
    return path;
}

static mr_json_value *operation_of(const mr_api_route *route, mr_http_method method)
{
    mr_json_value *path = mr_json_get(member("paths"), path_of(route));
    mr_json_value *operation = mr_json_get(path, method_keys[method]);
    if (operation == NULL)
        fail_msg("%s %s is not in the document", method_keys[method], route->pattern);
    return operation;
}

/* ---- The document ---- */

static void read_document(void)
{
    get("/openapi.json");
    assert_status(200);
}

static bool has_parameter(mr_json_value *operation, const char *name, const char *in)
{
    mr_json_value *parameters = mr_json_get(operation, "parameters");
    for (size_t i = 0; i < mr_json_count(parameters); i++) {
        mr_json_value *one = mr_json_at(parameters, i);
        if (mr_text_is(mr_json_text(mr_json_get(one, "name"), (mr_text){0}), name) &&
            mr_text_is(mr_json_text(mr_json_get(one, "in"), (mr_text){0}), in))
            return true;
    }
    return false;
}

static mr_json_value *component(const mr_schema *schema)
{
    mr_json_value *found = mr_json_get(
        mr_json_get(mr_json_get(mr_json_root(answer), "components"), "schemas"),
        schema->name);
    if (found == NULL)
        fail_msg("%s is not among the components", schema->name);
    return found;
}

static void assert_members(const mr_schema *schema, unsigned in)
{
    mr_json_value *properties = mr_json_get(component(schema), "properties");
    for (size_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        if ((in == 0 || (field->flags & in) != 0) &&
            mr_json_get(properties, field->name) == NULL)
            fail_msg("%s.%s is not in the document", schema->name, field->name);
    }
}

static void assert_documented(const mr_api_route *route, mr_http_method method)
{
    mr_json_value *operation = operation_of(route, method);
    assert_true(mr_json_text(mr_json_get(operation, "summary"), (mr_text){0}).length > 0);
    if (strchr(route->pattern, '{') != NULL)
        assert_true(has_parameter(operation, "id", "path"));
    const mr_schema *query = route->parameters;
    for (size_t i = 0; method == MR_HTTP_GET && query != NULL && i < query->field_count;
         i++) {
        const mr_field *field = &query->fields[i];
        const char *name =
            field->kind == MR_FIELD_ATTRIBUTES ? "attr.color" : field->name;
        if ((field->flags & MR_IN_QUERY) != 0 && !has_parameter(operation, name, "query"))
            fail_msg("%s of %s is not in the document", field->name, route->pattern);
    }
    const bool has_body = mr_json_get(operation, "requestBody") != NULL;
    assert_int_equal(has_body, route->body != NULL && method != MR_HTTP_GET);
    if (has_body)
        assert_members(route->body, MR_IN_BODY);
    for (size_t i = 0; i < MR_API_ANSWERS_MAX && route->answers[i].status != 0; i++) {
        char status[8];
        (void)snprintf(status, sizeof(status), "%d", route->answers[i].status);
        assert_non_null(mr_json_get(mr_json_get(operation, "responses"), status));
        if (route->answers[i].schema != NULL)
            assert_members(route->answers[i].schema, 0);
    }
}

static void test_every_operation_of_the_table_is_in_the_document(void **state)
{
    (void)state;
    read_document();
    assert_member("openapi", "3.1.0");
    each_operation(assert_documented);
}

static void test_the_document_has_nothing_else(void **state)
{
    (void)state;
    read_document();
    size_t cursor = 0, operations = 0, expected = 0;
    mr_text name;
    mr_json_value *path;
    while (mr_json_next(member("paths"), &cursor, &name, &path))
        operations += mr_json_count(path);
    for (size_t i = 0; i < mr_api_route_count; i++) {
        for (int method = 0; method < MR_HTTP_METHODS; method++)
            expected += (mr_api_routes[i].methods >> method) & 1U;
        assert_true(mr_api_routes[i].answers[0].status != 0);
        assert_true(strpbrk(mr_api_routes[i].pattern, "{*") == NULL ||
                    mr_api_routes[i].id_about != NULL);
    }
    assert_int_equal(operations, expected);
}

/* Every "$ref" below the value. */
static void follow_references(mr_json_value *value)
{
    size_t cursor = 0;
    mr_text name;
    mr_json_value *inner;
    for (size_t i = 0; mr_json_is_array(value) && i < mr_json_count(value); i++)
        follow_references(mr_json_at(value, i));
    while (mr_json_is_object(value) && mr_json_next(value, &cursor, &name, &inner)) {
        follow_references(inner);
        if (!mr_text_is(name, "$ref"))
            continue;
        char text[128];
        char *rest = text;
        (void)snprintf(text, sizeof(text), "%.*s",
                       MR_TEXT_ARG(mr_json_text(inner, (mr_text){0})));
        mr_json_value *target = mr_json_root(answer);
        assert_string_equal(strsep(&rest, "/"), "#");
        while (rest != NULL)
            target = mr_json_get(target, strsep(&rest, "/"));
        if (target == NULL)
            fail_msg("%.*s leads nowhere",
                     MR_TEXT_ARG(mr_json_text(inner, (mr_text){0})));
    }
}

static void test_every_reference_leads_somewhere_and_no_name_is_used_twice(void **state)
{
    (void)state;
    read_document();
    follow_references(mr_json_root(answer));
    mr_json_value *components =
        mr_json_get(mr_json_get(mr_json_root(answer), "components"), "schemas");
    size_t cursor = 0;
    mr_text name;
    mr_json_value *schema;
    while (mr_json_next(components, &cursor, &name, &schema)) {
        size_t second = cursor;
        mr_text other;
        while (mr_json_next(components, &second, &other, &schema))
            assert_false(mr_text_equal(name, other));
    }
}

static void test_the_document_is_sent_once(void **state)
{
    (void)state;
    get("/openapi.json");
    char etag[MR_API_ETAG_BYTES];
    (void)snprintf(etag, sizeof(etag), "%s", response.etag);
    assert_true(response.lent_body.length > 10000);
    send_request(MR_HTTP_GET, "/openapi.json", "", etag);
    assert_status(304);
    assert_int_equal(response.lent_body.length, 0);
}

/* ---- Tables and the reader ---- */

/* Members of a request that the reader cannot read must say who does. */
static void assert_readable(const mr_schema *schema)
{
    assert_true(schema->field_count <= MR_SCHEMA_FIELDS_MAX);
    for (size_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        const bool has_reader = (field->flags & (MR_BY_RULES | MR_AS_IT_IS)) != 0 ||
                                field->kind <= MR_FIELD_VALUES;
        if ((field->flags & (MR_IN_QUERY | MR_IN_BODY)) == 0 || !has_reader)
            fail_msg("%s.%s stands nowhere, or nobody reads it", schema->name,
                     field->name);
    }
}

static void test_every_member_of_a_request_has_a_reader(void **state)
{
    (void)state;
    for (size_t i = 0; i < mr_api_route_count; i++) {
        if (mr_api_routes[i].parameters != NULL)
            assert_readable(mr_api_routes[i].parameters);
        if (mr_api_routes[i].body != NULL)
            assert_readable(mr_api_routes[i].body);
    }
}

/* {"name":example,…} of all members that have one. */
static void assert_examples_are_read(const mr_schema *schema, mr_arena *arena)
{
    static uint8_t request[8192];
    mr_buffer text = {0};
    mr_field_error error = {"", ""};
    mr_schema_reader reader = {.arena = arena, .error = &error};
    mr_json *json;
    mr_json_writer writer = mr_json_writer_of(&text);
    mr_json_begin_object(&writer);
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].example == NULL ||
            (schema->fields[i].flags & MR_IN_BODY) == 0)
            continue;
        mr_json_key(&writer, schema->fields[i].name);
        mr_json_put_raw(&writer, mr_text_from(schema->fields[i].example));
    }
    mr_json_end_object(&writer);
    assert_ok(mr_json_parse((mr_text){(const char *)text.bytes, (uint32_t)text.length},
                            &json, NULL));
    memset(request, 0, sizeof(request));
    const mr_status status =
        mr_schema_read_object(schema, mr_json_root(json), "", &reader, request);
    /* What is required and has no example is missing, and nothing else is wrong. */
    if (status != MR_OK && strcmp(error.message, "is missing") != 0)
        fail_msg("%s: %s %s: %.*s", schema->name, error.field, error.message,
                 (int)text.length, text.bytes);
    mr_json_destroy(json);
    mr_buffer_deinit(&text);
}

static void test_the_examples_are_what_the_reader_takes(void **state)
{
    (void)state;
    mr_arena *arena = mr_arena_create(65536);
    for (size_t i = 0; i < mr_api_route_count; i++) {
        if (mr_api_routes[i].body != NULL)
            assert_examples_are_read(mr_api_routes[i].body, arena);
    }
    mr_arena_destroy(arena);
}

/* ---- docs/API.md ---- */

static char page[65536];

static void read_page(void)
{
    char path[512];
    const char *source = getenv("MILLRACE_SOURCE");
    (void)snprintf(path, sizeof(path), "%s/docs/API.md", source != NULL ? source : "..");
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s cannot be read", path);
    const size_t length = fread(page, 1, sizeof(page) - 1, file);
    assert_true(length > 0 && length < sizeof(page) - 1);
    page[length] = '\0';
    assert_int_equal(fclose(file), 0);
}

static void assert_on_the_page(const char *what)
{
    if (strstr(page, what) == NULL)
        fail_msg("docs/API.md does not have %s", what);
}

static void assert_explained(const mr_api_route *route, mr_http_method method)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "%s %s`", mr_http_method_name(method),
                   route->pattern);
    assert_on_the_page(text);
    const mr_schema *tables[] = {route->parameters, route->body};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; tables[t] != NULL && i < tables[t]->field_count; i++) {
            (void)snprintf(text, sizeof(text), "`%s`", tables[t]->fields[i].name);
            assert_on_the_page(text);
        }
    }
}

static void test_the_manual_has_every_call_and_every_member(void **state)
{
    (void)state;
    read_page();
    each_operation(assert_explained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_every_operation_of_the_table_is_in_the_document),
        CASE(test_the_document_has_nothing_else),
        CASE(test_every_reference_leads_somewhere_and_no_name_is_used_twice),
        CASE(test_the_document_is_sent_once),
        CASE(test_every_member_of_a_request_has_a_reader),
        CASE(test_the_examples_are_what_the_reader_takes),
        CASE(test_the_manual_has_every_call_and_every_member),
    };
    return cmocka_run_group_tests_name("api_document", tests, NULL, NULL);
}
