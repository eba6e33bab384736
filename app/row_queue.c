#include "app/row_queue.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_BITS = 64, ROWS_MIN = 1024 };

void mr_row_queue_deinit(mr_row_queue *queue)
{
    free(queue->rows);
    free(queue->waits);
    *queue = (mr_row_queue){0};
}

mr_status mr_row_queue_reserve(mr_row_queue *queue, size_t rows)
{
    if (rows <= queue->capacity)
        return MR_OK;
    size_t capacity = queue->capacity > 0 ? 2 * queue->capacity : (size_t)ROWS_MIN;
    while (capacity < rows)
        capacity *= 2;
    uint32_t *larger = malloc(capacity * sizeof(*larger));
    uint64_t *waits = calloc(capacity / WORD_BITS, sizeof(*waits));
    if (larger == NULL || waits == NULL) {
        free(larger);
        free(waits);
        return MR_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < queue->count; i++)
        larger[i] = queue->rows[(queue->first + i) % queue->capacity];
    if (queue->capacity > 0)
        memcpy(waits, queue->waits, queue->capacity / WORD_BITS * sizeof(*waits));
    free(queue->rows);
    free(queue->waits);
    *queue = (mr_row_queue){
        .rows = larger, .waits = waits, .count = queue->count, .capacity = capacity};
    return MR_OK;
}

static uint64_t bit_of(uint32_t row)
{
    return UINT64_C(1) << row % WORD_BITS;
}

void mr_row_queue_put(mr_row_queue *queue, uint32_t row)
{
    MR_ASSERT(row < queue->capacity);
    if ((queue->waits[row / WORD_BITS] & bit_of(row)) != 0)
        return;
    queue->waits[row / WORD_BITS] |= bit_of(row);
    queue->rows[(queue->first + queue->count) % queue->capacity] = row;
    queue->count++;
}

uint32_t mr_row_queue_first(const mr_row_queue *queue)
{
    MR_ASSERT(queue->count > 0);
    return queue->rows[queue->first];
}

void mr_row_queue_take(mr_row_queue *queue)
{
    const uint32_t row = mr_row_queue_first(queue);
    queue->waits[row / WORD_BITS] &= ~bit_of(row);
    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
}
