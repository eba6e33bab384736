/*
 * JSON: documents read from strangers, and text written for them.
 *
 * The reader is a thin door to yyjson (strict UTF-8; a nesting limit); values are looked up by
 * key and missing ones read as absent, so that a handler is a list of gets.  The writer appends
 * straight to a buffer and keeps track of commas; 64-bit integers and text never pass through
 * floating point.
 *
 * Units      Depth in levels.
 * Ownership  A document owns its values and borrows nothing; values and texts are lent by it.
 *            A writer borrows its buffer.
 * Threads    Owner-only.
 * Cost       Reading: two allocations and about 3 ns a byte.  Writing: an append, no allocation
 *            once the buffer has grown.
 */
#ifndef MR_CORE_JSON_H
#define MR_CORE_JSON_H

#include "core/buffer.h"
#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A parsed document, and a value in it: NULL reads as absent. */
typedef struct mr_json mr_json;
typedef const struct mr_json_value mr_json_value;

enum { MR_JSON_DEPTH_MAX = 32 };

/* MR_ERR_CORRUPT with the reason and byte offset in `ret_error`. */
MR_MUST_USE mr_status mr_json_parse(mr_text text, mr_json **ret_json,
                                    mr_error *ret_error);
void mr_json_destroy(mr_json *json); /* NULL allowed */
mr_json_value *mr_json_root(const mr_json *json);

bool mr_json_is_object(mr_json_value *value);
bool mr_json_is_array(mr_json_value *value);
bool mr_json_is_text(mr_json_value *value);
bool mr_json_is_number(mr_json_value *value);
bool mr_json_is_bool(mr_json_value *value);

mr_json_value *mr_json_get(mr_json_value *object, const char *key); /* NULL when absent */
size_t mr_json_count(mr_json_value *container);                     /* 0 when absent */
mr_json_value *mr_json_at(mr_json_value *array, size_t index);      /* O(1) amortised */

/* Walk an object: start with *cursor = 0; false at the end. */
bool mr_json_next(mr_json_value *object, size_t *cursor, mr_text *ret_key,
                  mr_json_value **ret_value);

/* The value, or `otherwise` when it is absent or of another kind. */
mr_text mr_json_text(mr_json_value *value, mr_text otherwise);
int64_t mr_json_int(mr_json_value *value, int64_t otherwise);
double mr_json_double(mr_json_value *value, double otherwise);

/* Whether it is a whole number within the bounds. */
bool mr_json_int_within(mr_json_value *value, int64_t least, int64_t most,
                        int64_t *ret_number);

bool mr_json_bool(mr_json_value *value, bool otherwise);

enum { MR_JSON_WRITER_DEPTH = 32 };

/* Make one with mr_json_writer_of(). */
typedef struct mr_json_writer {
    mr_buffer *buffer;
    uint32_t depth;
    bool has_items[MR_JSON_WRITER_DEPTH]; /* private */
    bool after_key;                       /* private */
} mr_json_writer;

mr_json_writer mr_json_writer_of(mr_buffer *buffer);
void mr_json_begin_object(mr_json_writer *writer);
void mr_json_end_object(mr_json_writer *writer);
void mr_json_begin_array(mr_json_writer *writer);
void mr_json_end_array(mr_json_writer *writer);
void mr_json_key_text(mr_json_writer *writer, mr_text key);

/*
 * Inline: a key that is written out, whose length is then known when it is compiled, is copied in one piece.  It must
 * need no escape; any other key is looked at.
 */
static inline void mr_json_key(mr_json_writer *writer, const char *key)
{
    const size_t length = strlen(key);
    if (!__builtin_constant_p(length) || writer->depth == 0) {
        mr_json_key_text(writer, (mr_text){key, (uint32_t)length});
        return;
    }
    bool *const has_items = &writer->has_items[writer->depth - 1];
    const size_t comma = *has_items ? 1 : 0;
    char *end = (char *)mr_buffer_extend(writer->buffer, comma + length + 3);
    *has_items = true;
    writer->after_key = true;
    if (end == NULL)
        return;
    *end = ',';
    end += comma;
    *end++ = '"';
    memcpy(end, key, length);
    end[length] = '"';
    end[length + 1] = ':';
}

/* Escaped; each byte that is not UTF-8 becomes U+FFFD. */
void mr_json_put_text(mr_json_writer *writer, mr_text value);
void mr_json_put_string(mr_json_writer *writer, const char *value); /* NULL: null */
void mr_json_put_int(mr_json_writer *writer, int64_t value);
void mr_json_put_uint(mr_json_writer *writer, uint64_t value);

/* The shortest text that reads back; NaN and infinity: null. */
void mr_json_put_double(mr_json_writer *writer, double value);

/* Rounded to `decimals` (0 to 17), zeros kept; NaN and infinity: null. */
void mr_json_put_fixed(mr_json_writer *writer, double value, int decimals);

/* An exact decimal: 123456 with 2 digits is 1234.56. */
void mr_json_put_money(mr_json_writer *writer, int64_t minor, int minor_digits);
void mr_json_put_bool(mr_json_writer *writer, bool value);
void mr_json_put_null(mr_json_writer *writer);
void mr_json_put_raw(mr_json_writer *writer, mr_text json); /* already JSON */

/* A value that was read, as compact text; absent: null. */
void mr_json_put_value(mr_json_writer *writer, mr_json_value *value);

/* A key and its value. */
static inline void mr_json_member_text(mr_json_writer *writer, const char *key,
                                       mr_text value)
{
    mr_json_key(writer, key);
    mr_json_put_text(writer, value);
}

static inline void mr_json_member_string(mr_json_writer *writer, const char *key,
                                         const char *value)
{
    mr_json_key(writer, key);
    mr_json_put_string(writer, value);
}

static inline void mr_json_member_int(mr_json_writer *writer, const char *key,
                                      int64_t value)
{
    mr_json_key(writer, key);
    mr_json_put_int(writer, value);
}

static inline void mr_json_member_uint(mr_json_writer *writer, const char *key,
                                       uint64_t value)
{
    mr_json_key(writer, key);
    mr_json_put_uint(writer, value);
}

static inline void mr_json_member_money(mr_json_writer *writer, const char *key,
                                        int64_t minor, int minor_digits)
{
    mr_json_key(writer, key);
    mr_json_put_money(writer, minor, minor_digits);
}

#endif
