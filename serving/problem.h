/*
 * Problem: an error answer as RFC 9457 problem details.
 *
 *     {"type":"urn:millrace:problem:invalid-request","title":"Bad Request","status":400,
 *      "detail":"…","errors":[{"field":"n","message":"must be 1 to 100"}]}
 *
 * Units      None.
 * Ownership  Appends to the response's body; texts are copied.
 * Threads    Any.
 * Cost       Some appends.
 */
#ifndef MR_SERVING_PROBLEM_H
#define MR_SERVING_PROBLEM_H

#include "core/text.h"
#include "serving/http_message.h"

#include <stddef.h>

/* What is wrong with which field.  `message` is a whole phrase: "must be 1 to 100". */
typedef struct mr_field_error {
    char field[96];
    char message[160];
} mr_field_error;

/* Make the response a problem; what the body held is dropped. */
void mr_problem_write(mr_http_response *response, int status, const char *detail);

/* A 400 that names the fields; `count` >= 1. */
void mr_problem_write_fields(mr_http_response *response, const mr_field_error *errors,
                             size_t count);

/* Fill in; `field` may come from a stranger, and is cut where it does not fit. */
void mr_field_error_set(mr_field_error *error, mr_text field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
