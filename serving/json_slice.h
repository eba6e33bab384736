/*
 * JSON slice: where the parts of a document lie in its text.
 *
 * Events go into the log as they were sent, byte for byte, not as a parser would write them
 * again.  The text must already have been parsed without an error: these look only for the
 * brackets, quotes and commas.
 *
 * Units      Lengths in bytes.
 * Ownership  Slices borrow from the text.
 * Threads    Any: pure functions.
 * Cost       One pass.
 */
#ifndef MR_SERVING_JSON_SLICE_H
#define MR_SERVING_JSON_SLICE_H

#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>

/* The text without white space around it. */
mr_text mr_json_slice_trim(mr_text json);

/* Walk the elements of an array: start with *cursor = 0; false at the end. */
bool mr_json_slice_next(mr_text array, size_t *cursor, mr_text *ret_element);

/* The value of the first member of that name, spelled without escapes; false when absent. */
bool mr_json_slice_member(mr_text object, const char *name, mr_text *ret_value);

#endif
