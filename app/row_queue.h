/*
 * Row queue: rows of a shard that wait for something, each once, first come first served.
 *
 * Units      Rows.
 * Ownership  The queue owns its memory; an all-zero one is empty.
 * Threads    Owner-only: the ingest thread.
 * Cost       put and take: a bit and a word.  4 bytes and a bit for each row that a shard has.
 */
#ifndef MR_APP_ROW_QUEUE_H
#define MR_APP_ROW_QUEUE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_row_queue {
    uint32_t *rows; /* a circle */
    uint64_t *waits;
    size_t first;
    size_t count;
    size_t capacity; /* of rows and of bits; a multiple of 64 */
} mr_row_queue;

void mr_row_queue_deinit(mr_row_queue *queue);

/* Make room for the rows below `rows`.  MR_ERR_NO_MEMORY: the queue is as it was. */
MR_MUST_USE mr_status mr_row_queue_reserve(mr_row_queue *queue, size_t rows);

/* Append a row, for which room was made, unless it waits already. */
void mr_row_queue_put(mr_row_queue *queue, uint32_t row);

/* The first row, which stays; the queue is not empty. */
uint32_t mr_row_queue_first(const mr_row_queue *queue);
void mr_row_queue_take(mr_row_queue *queue);

#endif
