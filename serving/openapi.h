/*
 * OpenAPI: the document of GET /openapi.json, written from the route table.
 *
 * OpenAPI 3.1, whose schemas are JSON Schema 2020-12.  Nothing stands in it that is not in
 * mr_api_routes and the tables it points at, so a route cannot be without its entry.
 *
 * Units      Lengths in characters, as JSON Schema counts; the server's bounds are in bytes.
 * Ownership  Appends to the caller's buffer.
 * Threads    Any.
 * Cost       About a millisecond, once at start.
 */
#ifndef MR_SERVING_OPENAPI_H
#define MR_SERVING_OPENAPI_H

#include "core/buffer.h"
#include "core/status.h"

/* MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_openapi_write(mr_buffer *ret_text);

#endif
