#include "core/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 64, VARINT_BITS_MAX = 64 };

void mr_buffer_deinit(mr_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (mr_buffer){0};
}

void mr_buffer_clear(mr_buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
}

mr_status mr_buffer_status(const mr_buffer *buffer)
{
    return buffer->failed ? MR_ERR_NO_MEMORY : MR_OK;
}

static bool grow(mr_buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;

    uint8_t *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return false;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}

/* Room for `bytes` more, the length as it was. */
static bool reserve(mr_buffer *buffer, size_t bytes)
{
    if (buffer->failed)
        return false;
    const bool fits = buffer->bytes != NULL && buffer->capacity - buffer->length >= bytes;
    if (!fits &&
        (bytes > SIZE_MAX - buffer->length || !grow(buffer, buffer->length + bytes)))
        buffer->failed = true;
    return !buffer->failed;
}

void *mr_buffer_extend_slowly(mr_buffer *buffer, size_t bytes)
{
    if (!reserve(buffer, bytes))
        return NULL;
    void *end = buffer->bytes + buffer->length;
    buffer->length += bytes;
    return end;
}

void mr_buffer_put_varint(mr_buffer *buffer, uint64_t value)
{
    uint8_t encoded[(VARINT_BITS_MAX + 6) / 7];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        encoded[length++] = (uint8_t)(value | 0x80);
    encoded[length++] = (uint8_t)value;
    mr_buffer_put(buffer, encoded, length);
}

void mr_buffer_put_decimal(mr_buffer *buffer, int64_t value)
{
    char digits[20]; /* 19 digits and a sign, filled from the end */
    size_t start = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--start] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--start] = '-';
    mr_buffer_put(buffer, digits + start, sizeof(digits) - start);
}

void mr_buffer_printf(mr_buffer *buffer, const char *format, ...)
{
    if (!reserve(buffer, FIRST_CAPACITY))
        return;

    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const size_t room = buffer->capacity - buffer->length;
    const int written =
        vsnprintf((char *)buffer->bytes + buffer->length, room, format, arguments);
    va_end(arguments);

    /* The terminating NUL needs a place too, though it is not kept. */
    if (written < 0) {
        buffer->failed = true;
    } else if ((size_t)written < room) {
        buffer->length += (size_t)written;
    } else if (reserve(buffer, (size_t)written + 1)) {
        (void)vsnprintf((char *)buffer->bytes + buffer->length, (size_t)written + 1,
                        format, again);
        buffer->length += (size_t)written;
    }
    va_end(again);
}

mr_reader mr_reader_of(const void *data, size_t bytes)
{
    return (mr_reader){.bytes = data, .length = bytes};
}

mr_status mr_reader_status(const mr_reader *reader)
{
    return reader->failed ? MR_ERR_CORRUPT : MR_OK;
}

uint64_t mr_reader_varint(mr_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < VARINT_BITS_MAX; shift += 7) {
        const uint8_t byte = mr_reader_u8(reader);
        const uint64_t bits = byte & 0x7F;
        if (reader->failed || (bits << shift) >> shift != bits)
            break; /* ended early, or bits beyond the 64th */
        value |= bits << shift;
        if (byte < 0x80)
            return value;
    }
    reader->failed = true;
    return 0;
}

mr_text mr_reader_text(mr_reader *reader, size_t bytes)
{
    if (bytes > UINT32_MAX)
        reader->failed = true;
    const char *lent = mr_reader_bytes(reader, bytes);
    if (lent == NULL)
        return (mr_text){0};
    return (mr_text){.bytes = lent, .length = (uint32_t)bytes};
}
