#include "byte_queue.h"

#include <stdlib.h>
#include <string.h>

bool byte_queue_put(byte_queue *queue, const void *bytes, size_t length, int64_t due_ns)
{
    byte_piece *piece = malloc(sizeof(*piece) + length);
    if (piece == NULL)
        return false;
    piece->next = NULL;
    piece->due_ns = queue->last != NULL && queue->last->due_ns > due_ns
                        ? queue->last->due_ns
                        : due_ns;
    piece->length = length;
    piece->done = 0;
    memcpy(piece->bytes, bytes, length);
    if (queue->last != NULL)
        queue->last->next = piece;
    else
        queue->first = piece;
    queue->last = piece;
    queue->bytes += length;
    return true;
}

const uint8_t *byte_queue_peek(const byte_queue *queue, int64_t now_ns, size_t most,
                               size_t *ret_length)
{
    const byte_piece *piece = queue->first;
    *ret_length = 0;
    if (piece == NULL || piece->due_ns > now_ns)
        return NULL;
    const size_t left = piece->length - piece->done;
    *ret_length = left < most ? left : most;
    return piece->bytes + piece->done;
}

void byte_queue_drop(byte_queue *queue, size_t length)
{
    byte_piece *piece = queue->first;
    piece->done += length;
    queue->bytes -= length;
    if (piece->done < piece->length)
        return;
    queue->first = piece->next;
    if (queue->first == NULL)
        queue->last = NULL;
    free(piece);
}

int64_t byte_queue_due_ns(const byte_queue *queue)
{
    return queue->first != NULL ? queue->first->due_ns : INT64_MAX;
}

void byte_queue_clear(byte_queue *queue)
{
    while (queue->first != NULL)
        byte_queue_drop(queue, queue->first->length - queue->first->done);
}
