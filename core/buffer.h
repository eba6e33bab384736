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
 * Cost       Amortised O(1) a byte; capacity is kept by mr_buffer_clear().
 */
#ifndef MR_CORE_BUFFER_H
#define MR_CORE_BUFFER_H

#include "core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Room for `bytes` more at the end, to be written by the caller; NULL when out of memory. */
void *mr_buffer_extend(mr_buffer *buffer, size_t bytes);

void mr_buffer_put(mr_buffer *buffer, const void *data, size_t bytes);
void mr_buffer_put_text(mr_buffer *buffer, mr_text text); /* the bytes alone, no length */
void mr_buffer_put_u8(mr_buffer *buffer, uint8_t value);
void mr_buffer_put_u16(mr_buffer *buffer, uint16_t value);
void mr_buffer_put_u32(mr_buffer *buffer, uint32_t value);
void mr_buffer_put_u64(mr_buffer *buffer, uint64_t value);
void mr_buffer_put_i64(mr_buffer *buffer, int64_t value);
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

uint8_t mr_reader_u8(mr_reader *reader);
uint16_t mr_reader_u16(mr_reader *reader);
uint32_t mr_reader_u32(mr_reader *reader);
uint64_t mr_reader_u64(mr_reader *reader);
int64_t mr_reader_i64(mr_reader *reader);
uint64_t mr_reader_varint(mr_reader *reader);
mr_text mr_reader_text(mr_reader *reader, size_t bytes); /* lends; empty when failed */
const void *mr_reader_bytes(mr_reader *reader, size_t bytes); /* lends; NULL: failed */

#endif
