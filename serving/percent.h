/*
 * Percent: the encoding of RFC 3986 section 2.1, taken off.
 *
 * Units      Lengths in bytes.
 * Ownership  Writes into the caller's storage.
 * Threads    Any: pure functions.
 * Cost       One pass.
 */
#ifndef MR_SERVING_PERCENT_H
#define MR_SERVING_PERCENT_H

#include "core/status.h"
#include "core/text.h"

#include <stddef.h>

/*
 * Decode; '+' stays '+'.  MR_ERR_CORRUPT for a '%' without two hex digits behind it, MR_ERR_FULL
 * when it does not fit.
 */
MR_MUST_USE mr_status mr_percent_decode(mr_text text, char *ret_bytes, size_t capacity,
                                        size_t *ret_length);

#endif
