/*
 * Buffer: bytes that grow at the end, and a cursor that reads them back.
 *
 * Every file and cache format of ours is little-endian unless docs/FORMATS.md says otherwise
 * and is written through these calls, so that a layout stands in one place as a list of puts
 * and is read by the same list of gets.  An append that finds no memory marks the buffer
 * failed and later appends do nothing: check once, at the end.
 *
 * Units      Sizes in bytes.
 * Ownership  The buffer owns its bytes until mr_buffer_deinit().  A reader borrows.
 * Threads    Owner-only.
 * Cost       Amortised O(1) a byte; capacity is kept by mr_buffer_clear().  What every byte of an
 *            answer and of a value goes through stands here, to be inlined.
 */
#ifndef MR_CORE_BUFFER_H
#define MR_CORE_BUFFER_H

#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Zero-initialise to start empty. */
typedef struct mr_buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    bool failed; /* an append found no memory */
} mr_buffer;

void mr_buffer_deinit(mr_buffer *buffer);
void mr_buffer_clear(mr_buffer *buffer); /* keeps the capacity; clears `failed` */

/* MR_ERR_NO_MEMORY if any append since the last clear failed. */
MR_MUST_USE mr_status mr_buffer_status(const mr_buffer *buffer);

/* mr_buffer_extend() when there is not room enough. */
void *mr_buffer_extend_slowly(mr_buffer *buffer, size_t bytes);

/* Room for `bytes` more at the end, to be written by the caller; NULL when out of memory. */
static inline void *mr_buffer_extend(mr_buffer *buffer, size_t bytes)
{
    if (buffer->failed || buffer->capacity - buffer->length < bytes ||
        buffer->bytes == NULL)
        return mr_buffer_extend_slowly(buffer, bytes);
    void *end = buffer->bytes + buffer->length;
    buffer->length += bytes;
    return end;
}

static inline void mr_buffer_put(mr_buffer *buffer, const void *data, size_t bytes)
{
    if (bytes == 0)
        return;
    void *end = mr_buffer_extend(buffer, bytes);
    if (end != NULL)
        memcpy(end, data, bytes);
}

/* The bytes alone, no length. */
static inline void mr_buffer_put_text(mr_buffer *buffer, mr_text text)
{
    mr_buffer_put(buffer, text.bytes, text.length);
}

/* The low `bytes` bytes of `value`, the lowest first. */
static inline void mr_buffer_put_low(mr_buffer *buffer, uint64_t value, size_t bytes)
{
    uint8_t *end = (uint8_t *)mr_buffer_extend(buffer, bytes);
    for (size_t i = 0; end != NULL && i < bytes; i++)
        end[i] = (uint8_t)(value >> (8 * i));
}

static inline void mr_buffer_put_u8(mr_buffer *buffer, uint8_t value)
{
    mr_buffer_put_low(buffer, value, sizeof(value));
}

static inline void mr_buffer_put_u16(mr_buffer *buffer, uint16_t value)
{
    mr_buffer_put_low(buffer, value, sizeof(value));
}

static inline void mr_buffer_put_u32(mr_buffer *buffer, uint32_t value)
{
    mr_buffer_put_low(buffer, value, sizeof(value));
}

static inline void mr_buffer_put_u64(mr_buffer *buffer, uint64_t value)
{
    mr_buffer_put_low(buffer, value, sizeof(value));
}

static inline void mr_buffer_put_i64(mr_buffer *buffer, int64_t value)
{
    mr_buffer_put_low(buffer, (uint64_t)value, sizeof(value));
}

void mr_buffer_put_varint(mr_buffer *buffer, uint64_t value); /* LEB128 */
void mr_buffer_put_decimal(mr_buffer *buffer, int64_t value); /* as text */
void mr_buffer_printf(mr_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A bounds-checked cursor.  After the first read past the end, `failed` stays set and every
 * get returns 0: read a whole layout, then ask mr_reader_status() once. */
typedef struct mr_reader {
    const uint8_t *bytes;
    size_t length;
    size_t position;
    bool failed;
} mr_reader;

mr_reader mr_reader_of(const void *data, size_t bytes);

/* MR_ERR_CORRUPT if failed. */
MR_MUST_USE mr_status mr_reader_status(const mr_reader *reader);

/* Lends; NULL: failed. */
static inline const void *mr_reader_bytes(mr_reader *reader, size_t bytes)
{
    if (reader->failed || reader->length - reader->position < bytes) {
        reader->failed = true;
        return NULL;
    }
    /* An empty reader has no address to count from, and NULL means failure. */
    const void *lent =
        reader->bytes != NULL ? reader->bytes + reader->position : (const uint8_t *)"";
    reader->position += bytes;
    return lent;
}

/* `bytes` bytes, the lowest first. */
static inline uint64_t mr_reader_low(mr_reader *reader, size_t bytes)
{
    const uint8_t *from = (const uint8_t *)mr_reader_bytes(reader, bytes);
    uint64_t value = 0;
    for (size_t i = 0; from != NULL && i < bytes; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static inline uint8_t mr_reader_u8(mr_reader *reader)
{
    return (uint8_t)mr_reader_low(reader, sizeof(uint8_t));
}

static inline uint16_t mr_reader_u16(mr_reader *reader)
{
    return (uint16_t)mr_reader_low(reader, sizeof(uint16_t));
}

static inline uint32_t mr_reader_u32(mr_reader *reader)
{
    return (uint32_t)mr_reader_low(reader, sizeof(uint32_t));
}

static inline uint64_t mr_reader_u64(mr_reader *reader)
{
    return mr_reader_low(reader, sizeof(uint64_t));
}

static inline int64_t mr_reader_i64(mr_reader *reader)
{
    return (int64_t)mr_reader_low(reader, sizeof(int64_t));
}

uint64_t mr_reader_varint(mr_reader *reader);
mr_text mr_reader_text(mr_reader *reader, size_t bytes); /* lends; empty when failed */

#endif
