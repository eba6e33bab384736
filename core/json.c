#include "core/json.h"

#include "core/assert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

/*
 * yyjson keeps a document as one run of values in text order, so its n-th member is found
 * by walking.  Laid over it, in one array, is every container's members side by side:
 * that makes mr_json_at() an addition, whatever the members are.
 */
struct mr_json_value {
    yyjson_val *key; /* NULL except in an object */
    yyjson_val *value;
    mr_json_value *members; /* of an array or object */
};

struct mr_json {
    yyjson_doc *document;
    struct mr_json_value *values; /* the root first */
};

/*
 * Find the container that is nested too deep, before any memory is spent on it.
 *
 * What is not JSON may be misread here; then it is refused all the same, for the depth or
 * by the parser.
 */
static bool is_too_deep(mr_text text, size_t *ret_offset)
{
    uint32_t depth = 0;
    bool in_string = false;
    for (uint32_t i = 0; i < text.length; i++) {
        const char byte = text.bytes[i];
        if (byte == '"') {
            in_string = !in_string;
        } else if (in_string) {
            i += byte == '\\' ? 1 : 0; /* the escaped byte closes nothing */
        } else if (byte == '[' || byte == '{') {
            if (++depth > MR_JSON_DEPTH_MAX) {
                *ret_offset = i;
                return true;
            }
        } else if ((byte == ']' || byte == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/* Put the members of `container` at `next`; returns the place behind them. */
static struct mr_json_value *lay_members(struct mr_json_value *container,
                                         struct mr_json_value *next)
{
    container->members = next;
    if (yyjson_is_obj(container->value)) {
        yyjson_obj_iter walk = yyjson_obj_iter_with(container->value);
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&walk)) != NULL;)
            *next++ =
                (struct mr_json_value){.key = key, .value = yyjson_obj_iter_get_val(key)};
    } else if (yyjson_is_arr(container->value)) {
        yyjson_arr_iter walk = yyjson_arr_iter_with(container->value);
        for (yyjson_val *member; (member = yyjson_arr_iter_next(&walk)) != NULL;)
            *next++ = (struct mr_json_value){.value = member};
    }
    return next;
}

mr_status mr_json_parse(mr_text text, mr_json **ret_json, mr_error *ret_error)
{
    size_t offset;
    if (is_too_deep(text, &offset))
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "JSON: more than %d levels deep at byte %zu",
                            MR_JSON_DEPTH_MAX, offset);

    mr_json *json = calloc(1, sizeof(*json));
    if (json == NULL)
        return mr_error_set(ret_error, MR_ERR_NO_MEMORY, "JSON: no memory to parse it");
    yyjson_read_err error = {0};
    /* Without the in-situ flag yyjson reads a copy: the text is not written to. */
    char *readable = (char *)(uintptr_t)(text.bytes != NULL ? text.bytes : "");
    json->document = yyjson_read_opts(readable, text.length, 0, NULL, &error);
    mr_status status = MR_ERR_NO_MEMORY;
    if (json->document == NULL) {
        status = error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? MR_ERR_NO_MEMORY
                                                                   : MR_ERR_CORRUPT;
        (void)mr_error_set(ret_error, status, "JSON: %s at byte %zu", error.msg,
                           error.pos);
        goto fail;
    }

    const size_t count_max =
        yyjson_doc_get_val_count(json->document); /* keys count too */
    json->values = calloc(count_max, sizeof(*json->values));
    if (json->values == NULL) {
        (void)mr_error_set(ret_error, status, "JSON: no memory to parse it");
        goto fail;
    }
    json->values[0].value = yyjson_doc_get_root(json->document);
    struct mr_json_value *next = json->values + 1;
    for (struct mr_json_value *each = json->values; each < next; each++)
        next = lay_members(each, next);
    *ret_json = json;
    return MR_OK;

fail:
    mr_json_destroy(json);
    return status;
}

void mr_json_destroy(mr_json *json)
{
    if (json == NULL)
        return;
    yyjson_doc_free(json->document);
    free(json->values);
    free(json);
}

mr_json_value *mr_json_root(const mr_json *json)
{
    return json->values;
}

bool mr_json_is_object(mr_json_value *value)
{
    return value != NULL && yyjson_is_obj(value->value);
}

bool mr_json_is_array(mr_json_value *value)
{
    return value != NULL && yyjson_is_arr(value->value);
}

bool mr_json_is_text(mr_json_value *value)
{
    return value != NULL && yyjson_is_str(value->value);
}

bool mr_json_is_number(mr_json_value *value)
{
    return value != NULL && yyjson_is_num(value->value);
}

bool mr_json_is_bool(mr_json_value *value)
{
    return value != NULL && yyjson_is_bool(value->value);
}

/* yyjson's texts came out of an mr_text, so their lengths fit. */
static mr_text text_of(yyjson_val *value)
{
    return (mr_text){.bytes = yyjson_get_str(value),
                     .length = (uint32_t)yyjson_get_len(value)};
}

mr_json_value *mr_json_get(mr_json_value *object, const char *key)
{
    if (!mr_json_is_object(object))
        return NULL;
    const mr_text wanted = mr_text_from(key);
    for (size_t i = 0; i < mr_json_count(object); i++) {
        if (mr_text_equal(text_of(object->members[i].key), wanted))
            return &object->members[i];
    }
    return NULL;
}

size_t mr_json_count(mr_json_value *container)
{
    if (!mr_json_is_object(container) && !mr_json_is_array(container))
        return 0;
    return yyjson_get_len(container->value);
}

mr_json_value *mr_json_at(mr_json_value *array, size_t index)
{
    if (!mr_json_is_array(array) || index >= mr_json_count(array))
        return NULL;
    return &array->members[index];
}

bool mr_json_next(mr_json_value *object, size_t *cursor, mr_text *ret_key,
                  mr_json_value **ret_value)
{
    if (!mr_json_is_object(object) || *cursor >= mr_json_count(object))
        return false;
    mr_json_value *member = &object->members[(*cursor)++];
    *ret_key = text_of(member->key);
    *ret_value = member;
    return true;
}

mr_text mr_json_text(mr_json_value *value, mr_text otherwise)
{
    return mr_json_is_text(value) ? text_of(value->value) : otherwise;
}

int64_t mr_json_int(mr_json_value *value, int64_t otherwise)
{
    if (value == NULL || !yyjson_is_int(value->value))
        return otherwise;
    if (yyjson_is_uint(value->value) && yyjson_get_uint(value->value) > INT64_MAX)
        return otherwise;
    return yyjson_get_sint(value->value);
}

bool mr_json_int_within(mr_json_value *value, int64_t least, int64_t most,
                        int64_t *ret_number)
{
    *ret_number = mr_json_int(value, INT64_MIN);
    const bool is_int = *ret_number != INT64_MIN || mr_json_int(value, 0) == INT64_MIN;
    return is_int && *ret_number >= least && *ret_number <= most;
}

double mr_json_double(mr_json_value *value, double otherwise)
{
    return mr_json_is_number(value) ? yyjson_get_num(value->value) : otherwise;
}

bool mr_json_bool(mr_json_value *value, bool otherwise)
{
    return mr_json_is_bool(value) ? yyjson_get_bool(value->value) : otherwise;
}

mr_json_writer mr_json_writer_of(mr_buffer *buffer)
{
    return (mr_json_writer){.buffer = buffer};
}

static void separate(mr_json_writer *writer)
{
    if (writer->depth == 0)
        return;
    bool *has_items = &writer->has_items[writer->depth - 1];
    if (*has_items)
        mr_buffer_put_u8(writer->buffer, ',');
    *has_items = true;
}

static void begin_value(mr_json_writer *writer)
{
    if (writer->after_key)
        writer->after_key = false;
    else
        separate(writer);
}

static void begin_container(mr_json_writer *writer, char opening)
{
    begin_value(writer);
    MR_ASSERT(writer->depth < MR_JSON_WRITER_DEPTH);
    writer->has_items[writer->depth++] = false;
    mr_buffer_put_u8(writer->buffer, (uint8_t)opening);
}

static void end_container(mr_json_writer *writer, char closing)
{
    MR_ASSERT(writer->depth > 0);
    MR_ASSERT(!writer->after_key);
    writer->depth--;
    mr_buffer_put_u8(writer->buffer, (uint8_t)closing);
}

void mr_json_begin_object(mr_json_writer *writer)
{
    begin_container(writer, '{');
}

void mr_json_end_object(mr_json_writer *writer)
{
    end_container(writer, '}');
}

void mr_json_begin_array(mr_json_writer *writer)
{
    begin_container(writer, '[');
}

void mr_json_end_array(mr_json_writer *writer)
{
    end_container(writer, ']');
}

static void put_escape(mr_buffer *buffer, unsigned char byte)
{
    switch (byte) {
    case '"': mr_buffer_put_text(buffer, MR_TEXT("\\\"")); break;
    case '\\': mr_buffer_put_text(buffer, MR_TEXT("\\\\")); break;
    case '\n': mr_buffer_put_text(buffer, MR_TEXT("\\n")); break;
    case '\r': mr_buffer_put_text(buffer, MR_TEXT("\\r")); break;
    case '\t': mr_buffer_put_text(buffer, MR_TEXT("\\t")); break;
    default:
        if (byte < 0x20)
            mr_buffer_printf(buffer, "\\u%04x", byte);
        else
            mr_buffer_put_text(buffer, MR_TEXT("\xEF\xBF\xBD")); /* U+FFFD */
        break;
    }
}

#define EVERY_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether each of eight bytes is ASCII and needs no escape: the usual test for a zero byte, of the
 * bytes exclusive-or a quote and a backslash, and a borrow out of those below a space. */
static bool are_plain(uint64_t bytes)
{
    const uint64_t quote = bytes ^ EVERY_BYTE('"');
    const uint64_t backslash = bytes ^ EVERY_BYTE('\\');
    const uint64_t found = (quote - EVERY_BYTE(1)) | (backslash - EVERY_BYTE(1)) |
                           (bytes - EVERY_BYTE(0x20)) | bytes;
    return (found & EVERY_BYTE(0x80)) == 0;
}

static bool is_plain(mr_text text)
{
    uint64_t word;
    uint32_t at = 0;
    for (; at + sizeof(word) <= text.length; at += sizeof(word)) {
        memcpy(&word, text.bytes + at, sizeof(word));
        if (!are_plain(word))
            return false;
    }
    word = EVERY_BYTE(' ');
    if (at < text.length)
        memcpy(&word, text.bytes + at, text.length - at);
    return are_plain(word);
}

/* Runs that need no escape are copied whole. */
static void put_escaped(mr_buffer *buffer, mr_text text)
{
    mr_buffer_put_u8(buffer, '"');
    uint32_t from = 0;
    for (uint32_t at = 0; at < text.length;) {
        const unsigned char byte = (unsigned char)text.bytes[at];
        uint32_t step = byte < 0x20 || byte == '"' || byte == '\\' ? 0 : 1;
        if (byte >= 0x80) {
            const mr_text rest = {.bytes = text.bytes + at, .length = text.length - at};
            step = mr_text_utf8_sequence(rest);
        }
        if (step > 0) {
            at += step;
            continue;
        }
        mr_buffer_put(buffer, text.bytes + from, at - from);
        put_escape(buffer, byte);
        from = ++at;
    }
    if (from < text.length)
        mr_buffer_put(buffer, text.bytes + from, text.length - from);
    mr_buffer_put_u8(buffer, '"');
}

/* Nearly every text of an answer is plain, and goes out in one piece. */
static void put_quoted(mr_buffer *buffer, mr_text text)
{
    if (!is_plain(text)) {
        put_escaped(buffer, text);
        return;
    }
    char *end = mr_buffer_extend(buffer, (size_t)text.length + 2);
    if (end == NULL)
        return;
    *end++ = '"';
    if (text.length > 0)
        memcpy(end, text.bytes, text.length);
    end[text.length] = '"';
}

void mr_json_key_text(mr_json_writer *writer, mr_text key)
{
    MR_ASSERT(!writer->after_key);
    separate(writer);
    put_quoted(writer->buffer, key);
    mr_buffer_put_u8(writer->buffer, ':');
    writer->after_key = true;
}

void mr_json_put_text(mr_json_writer *writer, mr_text value)
{
    begin_value(writer);
    put_quoted(writer->buffer, value);
}

void mr_json_put_string(mr_json_writer *writer, const char *value)
{
    if (value == NULL)
        mr_json_put_null(writer);
    else
        mr_json_put_text(writer, mr_text_from(value));
}

void mr_json_put_int(mr_json_writer *writer, int64_t value)
{
    begin_value(writer);
    mr_buffer_put_decimal(writer->buffer, value);
}

void mr_json_put_uint(mr_json_writer *writer, uint64_t value)
{
    begin_value(writer);
    if (value <= INT64_MAX)
        mr_buffer_put_decimal(writer->buffer, (int64_t)value);
    else
        mr_buffer_printf(writer->buffer, "%llu", (unsigned long long)value);
}

void mr_json_put_double(mr_json_writer *writer, double value)
{
    if (!isfinite(value)) {
        mr_json_put_null(writer);
        return;
    }
    /* yyjson's writer gives the shortest digits that read back; the pool keeps it off
     * malloc. */
    enum { POOL_BYTES = 512 };
    _Alignas(16) char pool[POOL_BYTES];
    yyjson_alc allocator;
    yyjson_val number = {0};
    size_t length = 0;
    MR_ASSERT(yyjson_alc_pool_init(&allocator, pool, sizeof(pool)));
    MR_ASSERT(yyjson_set_real(&number, value));
    const char *digits = yyjson_val_write_opts(&number, 0, &allocator, &length, NULL);
    MR_ASSERT(digits != NULL);

    if (length > 2 && memcmp(digits + length - 2, ".0", 2) == 0)
        length -= 2; /* 1.0 is 1 */
    begin_value(writer);
    mr_buffer_put(writer->buffer, digits, length);
}

/* A float32 has 24 bits and 5^9 has 21: below 10^9 its product with 10^decimals is exact in a
 * double and fits an int64, so rounding it gives printf's digits, in a tenth of the time. */
static bool put_fixed_float(mr_json_writer *writer, double value, int decimals)
{
    static const double scales[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    const int decimals_max = (int)(sizeof(scales) / sizeof(scales[0])) - 1;
    if (decimals > decimals_max || !(fabs(value) < 1e9) ||
        memcmp(&value, &(double){(double)(float)value}, sizeof(value)) != 0)
        return false;
    mr_json_put_money(writer, (int64_t)nearbyint(value * scales[decimals]), decimals);
    return true;
}

void mr_json_put_fixed(mr_json_writer *writer, double value, int decimals)
{
    MR_ASSERT(decimals >= 0 && decimals <= 17);
    if (!isfinite(value)) {
        mr_json_put_null(writer);
        return;
    }
    if (put_fixed_float(writer, value, decimals))
        return;
    begin_value(writer);
    const size_t start = writer->buffer->length;
    mr_buffer_printf(writer->buffer, "%.*f", decimals, value);
    if (mr_buffer_status(writer->buffer) != MR_OK)
        return;

    /* What rounds to nothing has no sign. */
    char *digits = (char *)writer->buffer->bytes + start;
    const size_t length = writer->buffer->length - start;
    bool nothing = digits[0] == '-';
    for (size_t i = 1; i < length; i++)
        nothing = nothing && (digits[i] == '0' || digits[i] == '.');
    if (nothing) {
        memmove(digits, digits + 1, length - 1);
        writer->buffer->length--;
    }
}

void mr_json_put_money(mr_json_writer *writer, int64_t minor, int minor_digits)
{
    MR_ASSERT(minor_digits >= 0 && minor_digits <= 18);
    enum { DIGITS_MAX = 20 }; /* of an uint64 */
    char text[DIGITS_MAX + 2];
    size_t at = sizeof(text);
    uint64_t rest = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    for (int digits = 0; rest > 0 || digits <= minor_digits; digits++) {
        if (digits == minor_digits && digits > 0)
            text[--at] = '.';
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (minor < 0)
        text[--at] = '-';
    begin_value(writer);
    mr_buffer_put(writer->buffer, text + at, sizeof(text) - at);
}

void mr_json_put_bool(mr_json_writer *writer, bool value)
{
    mr_json_put_raw(writer, value ? MR_TEXT("true") : MR_TEXT("false"));
}

void mr_json_put_null(mr_json_writer *writer)
{
    mr_json_put_raw(writer, MR_TEXT("null"));
}

void mr_json_put_raw(mr_json_writer *writer, mr_text json)
{
    begin_value(writer);
    mr_buffer_put_text(writer->buffer, json);
}

void mr_json_put_value(mr_json_writer *writer, mr_json_value *value)
{
    size_t length = 0;
    char *text = value != NULL ? yyjson_val_write(value->value, 0, &length) : NULL;
    if (text != NULL)
        mr_json_put_raw(writer, (mr_text){.bytes = text, .length = (uint32_t)length});
    else if (value != NULL)
        writer->buffer->failed =
            true; /* what was read can be written: only memory fails */
    else
        mr_json_put_null(writer);
    free(text);
}
