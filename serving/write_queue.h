/*
 * Write queue: the keys that have changed in memory and not yet on the server, each once, the oldest first.
 *
 * Units      Times in ms.
 * Ownership  The queue owns copies of the keys.
 * Threads    The caller's lock.
 * Cost       One probe a key; no allocation after init.
 */
#ifndef MR_SERVING_WRITE_QUEUE_H
#define MR_SERVING_WRITE_QUEUE_H

#include "core/status.h"
#include "serving/cache.h"

#include <stdbool.h>

typedef struct mr_queued_key {
    char key[MR_CACHE_KEY_BYTES_MAX];
    uint32_t length;
    bool is_deleted; /* else it is set */
    int64_t ttl_ms;
    uint32_t next;    /* in the queue, or of the free ones */
    uint32_t chained; /* in its bucket */
} mr_queued_key;

typedef struct mr_write_queue {
    mr_queued_key *keys;
    uint32_t *buckets;
    uint32_t capacity; /* a power of two */
    uint32_t first;
    uint32_t last;
    uint32_t free;
    uint32_t count;
} mr_write_queue;

MR_MUST_USE mr_status mr_write_queue_init(mr_write_queue *queue, uint32_t capacity);
void mr_write_queue_deinit(mr_write_queue *queue);

/* `again`: what waits already is newer and stays as it is.  False: the queue is full. */
bool mr_write_queue_put(mr_write_queue *queue, mr_text key, bool is_deleted,
                        int64_t ttl_ms, bool again);

/* The oldest key; false when there is none. */
bool mr_write_queue_take(mr_write_queue *queue, mr_queued_key *ret_key);

#endif
