#include "serving/openapi_schema.h"

#include "serving/item_filter.h"

#include <stdio.h>

enum { TEXT_BYTES_MAX = MR_CATALOGUE_FIELD_BYTES_MAX };

#define MOMENT_MAX_MS INT64_C(253402300799999) /* the year 9999 */

void mr_document_string(mr_document *d, const char *key, const char *value)
{
    if (value == NULL)
        return;
    mr_json_key(&d->writer, key);
    mr_json_put_string(&d->writer, value);
}

void mr_document_number(mr_document *d, const char *key, int64_t value)
{
    mr_json_key(&d->writer, key);
    mr_json_put_int(&d->writer, value);
}

void mr_document_begin(mr_document *d, const char *key)
{
    mr_json_key(&d->writer, key);
    mr_json_begin_object(&d->writer);
}

void mr_document_end(mr_document *d)
{
    mr_json_end_object(&d->writer);
}

static void remember(mr_document *d, const mr_schema *schema)
{
    for (size_t i = 0; i < d->schema_count; i++) {
        if (d->schemas[i] == schema)
            return;
    }
    MR_ASSERT(d->schema_count < MR_DOCUMENT_SCHEMAS_MAX);
    d->schemas[d->schema_count++] = schema;
}

void mr_document_reference(mr_document *d, const mr_schema *schema)
{
    char reference[MR_DOCUMENT_REFERENCE_BYTES];
    remember(d, schema);
    (void)snprintf(reference, sizeof(reference), "#/components/schemas/%s", schema->name);
    mr_document_string(d, "$ref", reference);
}

static void put_type(mr_document *d, const mr_field *field, const char *type)
{
    mr_json_key(&d->writer, "type");
    if ((field->flags & MR_NULLABLE) == 0) {
        mr_json_put_string(&d->writer, type);
        return;
    }
    mr_json_begin_array(&d->writer);
    mr_json_put_string(&d->writer, type);
    mr_json_put_string(&d->writer, "null");
    mr_json_end_array(&d->writer);
}

/* A string of these lengths; a parameter's pieces have no comma in them. */
void mr_document_text_bounds(mr_document *d, int64_t least, int64_t most,
                             const char *pattern)
{
    if (least > 0)
        mr_document_number(d, "minLength", least);
    if (most > 0)
        mr_document_number(d, "maxLength", most);
    mr_document_string(d, "pattern", pattern);
}

static void put_number_bounds(mr_document *d, const mr_field *field)
{
    if (field->least == 0 && field->most == 0)
        return;
    mr_document_number(
        d, (field->flags & MR_ABOVE_LEAST) != 0 ? "exclusiveMinimum" : "minimum",
        field->least);
    mr_document_number(
        d, (field->flags & MR_BELOW_MOST) != 0 ? "exclusiveMaximum" : "maximum",
        field->most);
}

static void put_words(mr_document *d, const char *const *words, bool is_nullable)
{
    mr_json_key(&d->writer, "enum");
    mr_json_begin_array(&d->writer);
    for (size_t i = 0; words[i] != NULL; i++)
        mr_json_put_string(&d->writer, words[i]);
    if (is_nullable)
        mr_json_put_null(&d->writer);
    mr_json_end_array(&d->writer);
}

static int64_t least_length(const mr_field *field)
{
    return (field->flags & MR_MAY_BE_BLANK) != 0 ? 0 : 1;
}

/* One string of a list. */
static void put_piece(mr_document *d, const mr_field *field, const char *key,
                      bool is_query)
{
    const bool may_be_null = (field->flags & MR_MAY_BE_BLANK) != 0;
    mr_document_begin(d, key);
    put_type(d, &(mr_field){.flags = may_be_null ? MR_NULLABLE : 0}, "string");
    if (field->kind == MR_FIELD_WORDS)
        put_words(d, field->words, false);
    else
        mr_document_text_bounds(d, least_length(field),
                                field->kind == MR_FIELD_IDS ? MR_DOCUMENT_ID_LENGTH_MAX
                                                            : TEXT_BYTES_MAX,
                                is_query ? "^[^,]+$" : NULL);
    mr_document_end(d);
}

static void put_array_of_pieces(mr_document *d, const mr_field *field, bool is_query)
{
    mr_document_string(d, "type", "array");
    put_piece(d, field, "items", is_query);
    if (field->least > 0)
        mr_document_number(d, "minItems", field->least);
    if (field->most > 0 && !(is_query && field->kind == MR_FIELD_WORDS))
        mr_document_number(d, "maxItems", field->most);
}

static void begin_choice(mr_document *d, const char *type)
{
    mr_json_begin_object(&d->writer);
    mr_document_string(d, "type", type);
}

static void end_choices(mr_document *d, const mr_field *field)
{
    if ((field->flags & MR_NULLABLE) != 0) {
        begin_choice(d, "null");
        mr_document_end(d);
    }
    mr_json_end_array(&d->writer);
}

/* A list of texts; in a body one of them may stand alone. */
static void put_texts(mr_document *d, const mr_field *field, bool is_query)
{
    if (is_query || field->kind == MR_FIELD_IDS) {
        put_array_of_pieces(d, field, is_query);
        return;
    }
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    mr_json_begin_object(&d->writer);
    put_array_of_pieces(d, field, false);
    mr_document_end(d);
    mr_json_begin_object(&d->writer);
    mr_document_string(d, "type", "string");
    if (field->kind == MR_FIELD_WORDS)
        put_words(d, field->words, false);
    else
        mr_document_text_bounds(d, least_length(field), TEXT_BYTES_MAX, NULL);
    mr_document_end(d);
    end_choices(d, field);
}

/* A value of an attribute: kept and compared as text. */
static void put_value(mr_document *d, const mr_field *field)
{
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    begin_choice(d, "string");
    mr_document_text_bounds(d, least_length(field), MR_ATTRIBUTE_VALUE_BYTES_MAX, NULL);
    mr_document_end(d);
    begin_choice(d, "number");
    mr_document_end(d);
    begin_choice(d, "boolean");
    mr_document_end(d);
    if ((field->flags & MR_MAY_BE_BLANK) != 0) {
        begin_choice(d, "null");
        mr_document_end(d);
    }
    mr_json_end_array(&d->writer);
}

/* Names, and one or some values under each. */
static void put_named_values(mr_document *d, const mr_field *field)
{
    put_type(d, field, "object");
    mr_document_number(d, "minProperties", field->least);
    mr_document_number(d, "maxProperties",
                       field->most > 0 ? field->most : MR_FILTER_ATTRIBUTES_MAX);
    mr_document_begin(d, "propertyNames");
    mr_document_text_bounds(d, 1, MR_ATTRIBUTE_NAME_BYTES_MAX, "^[^\\x00]+$");
    mr_document_end(d);
    mr_document_begin(d, "additionalProperties");
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    mr_json_begin_object(&d->writer);
    put_value(d, field);
    mr_document_end(d);
    begin_choice(d, "array");
    mr_document_begin(d, "items");
    put_value(d, field);
    mr_document_end(d);
    mr_document_number(d, "minItems", least_length(field));
    mr_document_number(d, "maxItems", MR_FILTER_VALUES_MAX);
    mr_document_end(d);
    mr_json_end_array(&d->writer);
    mr_document_end(d);
}

/* An array of a schema's objects; where each is judged by itself, of anything. */
void mr_document_objects(mr_document *d, const mr_field *field)
{
    put_type(d, field, "array");
    mr_document_begin(d, "items");
    if ((field->flags & MR_LENIENT) != 0) {
        mr_json_key(&d->writer, "anyOf");
        mr_json_begin_array(&d->writer);
        mr_json_begin_object(&d->writer);
        mr_document_reference(d, field->schema);
        mr_document_end(d);
        mr_json_begin_object(&d->writer);
        mr_document_string(d, "description", "anything else is refused by itself");
        mr_document_end(d);
        mr_json_end_array(&d->writer);
    } else {
        mr_document_reference(d, field->schema);
    }
    mr_document_end(d);
    if (field->least > 0)
        mr_document_number(d, "minItems", field->least);
    if (field->most > 0)
        mr_document_number(d, "maxItems", field->most);
}

static void put_plain(mr_document *d, const mr_field *field)
{
    switch (field->kind) {
    case MR_FIELD_TEXT:
        put_type(d, field, "string");
        mr_document_text_bounds(d, field->least, field->most, field->pattern);
        return;
    case MR_FIELD_ID:
        put_type(d, field, "string");
        mr_document_text_bounds(d, 1, MR_DOCUMENT_ID_LENGTH_MAX, NULL);
        return;
    case MR_FIELD_INTEGER:
        put_type(d, field, "integer");
        put_number_bounds(d, field);
        return;
    case MR_FIELD_NUMBER:
        put_type(d, field, "number");
        put_number_bounds(d, field);
        return;
    case MR_FIELD_FLAG: put_type(d, field, "boolean"); return;
    case MR_FIELD_WORD:
        put_type(d, field, "string");
        put_words(d, field->words, (field->flags & MR_NULLABLE) != 0);
        return;
    case MR_FIELD_TIME:
        put_type(d, field, "string");
        mr_document_string(d, "format", "date-time");
        return;
    default: return; /* the structured kinds, which are not here */
    }
}

/* A number, or the same written as text; in a query all is text. */
static void put_decimal(mr_document *d, const mr_field *field, bool is_query)
{
    if (is_query) {
        mr_document_string(d, "type", "number");
        mr_document_number(d, "minimum", 0);
        return;
    }
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    begin_choice(d, "number");
    mr_document_number(d, "minimum", 0);
    mr_document_end(d);
    begin_choice(d, "string");
    mr_document_string(d, "pattern", "^[0-9]{1,12}(\\.[0-9]{1,9})?$");
    mr_document_end(d);
    end_choices(d, field);
}

static void put_tag(mr_document *d, const mr_field *field)
{
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    begin_choice(d, "string");
    mr_document_text_bounds(d, least_length(field), MR_DOCUMENT_ID_LENGTH_MAX, NULL);
    mr_document_end(d);
    begin_choice(d, "number");
    mr_document_end(d);
    end_choices(d, field);
}

static void put_moment(mr_document *d, const mr_field *field)
{
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    begin_choice(d, "number");
    mr_document_number(d, "minimum", -MOMENT_MAX_MS);
    mr_document_number(d, "maximum", MOMENT_MAX_MS);
    mr_document_end(d);
    begin_choice(d, "string");
    mr_document_string(d, "format", "date-time");
    mr_document_end(d);
    end_choices(d, field);
}

static void put_object(mr_document *d, const mr_field *field)
{
    if ((field->flags & MR_NULLABLE) == 0) {
        mr_document_reference(d, field->schema);
        return;
    }
    mr_json_key(&d->writer, "anyOf");
    mr_json_begin_array(&d->writer);
    mr_json_begin_object(&d->writer);
    mr_document_reference(d, field->schema);
    mr_document_end(d);
    end_choices(d, field);
}

void mr_document_field(mr_document *d, const mr_field *field, bool is_query)
{
    mr_document_string(d, "description", field->about);
    switch (field->kind) {
    case MR_FIELD_TEXTS:
    case MR_FIELD_IDS:
    case MR_FIELD_WORDS: put_texts(d, field, is_query); break;
    case MR_FIELD_ATTRIBUTES: put_named_values(d, field); break;
    case MR_FIELD_OBJECTS:
    case MR_FIELD_VALUES: mr_document_objects(d, field); break;
    case MR_FIELD_OBJECT: put_object(d, field); break;
    case MR_FIELD_DECIMAL: put_decimal(d, field, is_query); break;
    case MR_FIELD_MOMENT: put_moment(d, field); break;
    case MR_FIELD_TAG: put_tag(d, field); break;
    case MR_FIELD_ANY: break;
    default: put_plain(d, field); break;
    }
    if (field->example != NULL && !is_query) {
        mr_json_key(&d->writer, "examples");
        mr_json_begin_array(&d->writer);
        mr_json_put_raw(&d->writer, mr_text_from(field->example));
        mr_json_end_array(&d->writer);
    }
}

/* A field that stands in the query alone is no member of the body's object. */
static bool is_member(const mr_field *field)
{
    return (field->flags & MR_IN_BODY) != 0 || (field->flags & MR_IN_QUERY) == 0;
}

static void put_required(mr_document *d, const mr_schema *schema)
{
    bool any = false;
    for (size_t i = 0; i < schema->field_count; i++) {
        if ((schema->fields[i].flags & MR_REQUIRED) == 0 ||
            !is_member(&schema->fields[i]))
            continue;
        if (!any) {
            mr_json_key(&d->writer, "required");
            mr_json_begin_array(&d->writer);
        }
        any = true;
        mr_json_put_string(&d->writer, schema->fields[i].name);
    }
    if (any)
        mr_json_end_array(&d->writer);
}

void mr_document_component(mr_document *d, const mr_schema *schema)
{
    mr_document_begin(d, schema->name);
    mr_document_string(d, "type", "object");
    mr_document_string(d, "description", schema->about);
    mr_document_begin(d, "properties");
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!is_member(&schema->fields[i]))
            continue;
        mr_document_begin(d, schema->fields[i].name);
        mr_document_field(d, &schema->fields[i], false);
        mr_document_end(d);
    }
    mr_document_end(d);
    put_required(d, schema);
    if (schema->is_empty_refused)
        mr_document_number(d, "minProperties", 1);
    if (!schema->is_open) {
        mr_json_key(&d->writer, "additionalProperties");
        mr_json_put_bool(&d->writer, false);
    }
    mr_document_end(d);
}
