/*
 * OpenAPI schema: tables of api_schema.h as JSON Schema.
 *
 * openapi.c walks the routes; what a row of a table becomes is here.  Whatever is referred to is
 * remembered, and written among the components at the end.
 *
 * Units      Lengths in characters, as JSON Schema counts.
 * Ownership  Appends to the buffer of the document's writer.
 * Threads    Owner-only.
 * Cost       Some appends a row.
 */
#ifndef MR_SERVING_OPENAPI_SCHEMA_H
#define MR_SERVING_OPENAPI_SCHEMA_H

#include "core/json.h"
#include "serving/api_schema.h"

#include <stdbool.h>

enum {
    MR_DOCUMENT_SCHEMAS_MAX = 96,
    MR_DOCUMENT_REFERENCE_BYTES = 96,
    MR_DOCUMENT_ID_LENGTH_MAX = 128,
};

/* The document on its way out, and the schemas that it has referred to. */
typedef struct mr_document {
    mr_json_writer writer;
    const mr_schema *schemas[MR_DOCUMENT_SCHEMAS_MAX];
    size_t schema_count;
} mr_document;

/* A member; a string that is NULL is left out. */
void mr_document_string(mr_document *d, const char *key, const char *value);
void mr_document_number(mr_document *d, const char *key, int64_t value);

/* An object as a member, and its end. */
void mr_document_begin(mr_document *d, const char *key);
void mr_document_end(mr_document *d);

/* minLength, maxLength and pattern; 0 and NULL are left out. */
void mr_document_text_bounds(mr_document *d, int64_t least, int64_t most,
                             const char *pattern);

/* The member "$ref" to a schema among the components. */
void mr_document_reference(mr_document *d, const mr_schema *schema);

/* The members of a field's schema, as of a body or of a query. */
void mr_document_field(mr_document *d, const mr_field *field, bool is_query);

/* Those of the array that a field of objects is. */
void mr_document_objects(mr_document *d, const mr_field *field);

/* The schema itself, as a member under its name. */
void mr_document_component(mr_document *d, const mr_schema *schema);

#endif
