/*
 * Text: a borrowed run of bytes, and what is read out of one.
 *
 * Ids and fields are views into the message they came in, so nothing is copied on the event
 * path; whoever keeps one longer than its batch copies the bytes.  Numbers are parsed without
 * the locale and without floating point: money goes from decimal text to integer minor units
 * exactly.
 *
 * Units      Lengths in bytes.  Times in ms since the Unix epoch, UTC.  Money in minor units.
 * Ownership  An mr_text borrows; it is valid as long as the bytes it points at.
 * Threads    Any: pure functions.
 * Cost       One pass over the bytes, no allocation.
 */
#ifndef MR_CORE_TEXT_H
#define MR_CORE_TEXT_H

#include "core/assert.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct mr_text {
    const char *bytes; /* not NUL-terminated; NULL only when empty */
    uint32_t length;
} mr_text;

/* For printf("%.*s", MR_TEXT_ARG(text)). */
#define MR_TEXT_ARG(text) (int)(text).length, (text).bytes != NULL ? (text).bytes : ""

/* A view of a string literal. */
#define MR_TEXT(literal) ((mr_text){.bytes = (literal), .length = sizeof(literal) - 1})

/* A view of a NUL-terminated string; NULL gives the empty text. */
static inline mr_text mr_text_from(const char *string)
{
    if (string == NULL)
        return (mr_text){0};
    const size_t length = strlen(string);
    MR_ASSERT(length <= UINT32_MAX);
    return (mr_text){.bytes = string, .length = (uint32_t)length};
}

static inline bool mr_text_equal(mr_text a, mr_text b)
{
    return a.length == b.length &&
           (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* Order by bytes, then by length: < 0, 0, > 0.  This is the order of every sorted output. */
int mr_text_compare(mr_text a, mr_text b);

/* Months since 1970-01 of a day since the epoch, and the first day of such a month. */
int64_t mr_month_of_day(int64_t day);
int64_t mr_day_of_month(int64_t month);

static inline bool mr_text_is(mr_text text, const char *string)
{
    return mr_text_equal(text, mr_text_from(string));
}

/* Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool mr_text_is_utf8(mr_text text);

/* Bytes (1 to 4) of the well-formed UTF-8 sequence that `text` begins with; 0 when none does. */
uint32_t mr_text_utf8_sequence(mr_text text);

/* A whole decimal integer with optional '-'; MR_ERR_CORRUPT otherwise or on overflow. */
MR_MUST_USE mr_status mr_text_to_int64(mr_text text, int64_t *ret_value);

/* A finite decimal number such as "-1.5e3"; MR_ERR_CORRUPT otherwise. */
MR_MUST_USE mr_status mr_text_to_double(mr_text text, double *ret_value);

/*
 * Decimal text ("12.5", "-0.001") times `quantity`, in units of 10^-minor_digits, rounded
 * half to even after multiplying.  At most 9 digits after the point are read exactly; further
 * ones are first rounded into the ninth, halves away from zero.
 *
 * MR_ERR_CORRUPT when it is not a plain decimal or leaves int64.
 */
MR_MUST_USE mr_status mr_text_to_minor(mr_text text, int64_t quantity, int minor_digits,
                                       int64_t *ret_minor);

/*
 * RFC 3339 / ISO 8601 ("2010-12-01T08:26:00Z", offset, fraction or zone absent = UTC; a date
 * alone is its midnight; ' ' allowed for 'T') to ms since the epoch.  MR_ERR_CORRUPT otherwise.
 */
MR_MUST_USE mr_status mr_text_to_time_ms(mr_text text, int64_t *ret_ms);

enum { MR_TIME_TEXT_BYTES = 32 };

/* "2026-11-21T08:26:00.123Z" into `ret_text` (MR_TIME_TEXT_BYTES, NUL-terminated). */
void mr_time_to_text(int64_t time_ms, char *ret_text);

/* Days since 1970-01-01, rounded towards the past; `time_ms` may be negative. */
int64_t mr_time_day(int64_t time_ms);

#endif
