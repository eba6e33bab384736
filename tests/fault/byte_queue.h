/*
 * Byte queue: one direction of a connection that a fault lies on.
 *
 * What was read is kept in pieces, each with the time from which it may be written.  Pieces stay in order,
 * whatever their times: a later one is never due before an earlier one, as TCP would have it.
 *
 * Units      Times in ns of the monotonic clock.
 * Ownership  The queue owns copies of the bytes.
 * Threads    One.
 * Cost       One allocation a piece.
 */
#ifndef MR_TESTS_FAULT_BYTE_QUEUE_H
#define MR_TESTS_FAULT_BYTE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BYTE_QUEUE_BYTES_MAX = 8 << 20 }; /* then its source is not read any more */

typedef struct byte_piece {
    struct byte_piece *next;
    int64_t due_ns;
    size_t length;
    size_t done; /* written already */
    uint8_t bytes[];
} byte_piece;

typedef struct byte_queue {
    byte_piece *first;
    byte_piece *last;
    size_t bytes;
} byte_queue;

/* False when memory runs out. */
bool byte_queue_put(byte_queue *queue, const void *bytes, size_t length, int64_t due_ns);

/* The first bytes if they are due, up to `most`; none is a length of 0.  Lent until the next call. */
const uint8_t *byte_queue_peek(const byte_queue *queue, int64_t now_ns, size_t most,
                               size_t *ret_length);

/* Of what peek() showed, so much was written. */
void byte_queue_drop(byte_queue *queue, size_t length);

/* When the first byte is due; INT64_MAX when there is none. */
int64_t byte_queue_due_ns(const byte_queue *queue);

void byte_queue_clear(byte_queue *queue);

#endif
