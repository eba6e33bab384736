#include "serving/write_queue.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX >> 1 };

mr_status mr_write_queue_init(mr_write_queue *queue, uint32_t capacity)
{
    MR_ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0 && capacity < NONE);
    *queue = (mr_write_queue){.capacity = capacity, .first = NONE, .last = NONE};
    queue->keys = calloc(capacity, sizeof(*queue->keys));
    queue->buckets = malloc(capacity * sizeof(*queue->buckets));
    if (queue->keys == NULL || queue->buckets == NULL) {
        mr_write_queue_deinit(queue);
        return MR_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < capacity; i++)
        queue->buckets[i] = NONE;
    queue->free = NONE;
    return MR_OK;
}

void mr_write_queue_deinit(mr_write_queue *queue)
{
    free(queue->keys);
    free(queue->buckets);
    queue->keys = NULL;
    queue->buckets = NULL;
}

/* FNV-1a [Fowler, Noll, Vo]: users' keys are a keyed hash already, nobody chooses where they fall. */
static uint32_t bucket_of(const mr_write_queue *queue, const char *key, uint32_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)key[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash >> 32) & (queue->capacity - 1);
}

static uint32_t find(const mr_write_queue *queue, uint32_t bucket, mr_text key)
{
    uint32_t at = queue->buckets[bucket];
    while (at != NONE && (queue->keys[at].length != key.length ||
                          memcmp(queue->keys[at].key, key.bytes, key.length) != 0))
        at = queue->keys[at].chained;
    return at;
}

/* A slot that was given back, or else the next of those never used: memory is touched when it is needed. */
static uint32_t new_slot(mr_write_queue *queue)
{
    const uint32_t given_back = queue->free;
    if (given_back == NONE)
        return queue->count < queue->capacity ? queue->count : NONE;
    queue->free = queue->keys[given_back].next;
    return given_back;
}

bool mr_write_queue_put(mr_write_queue *queue, mr_text key, bool is_deleted,
                        int64_t ttl_ms, bool again)
{
    MR_ASSERT(key.length <= MR_CACHE_KEY_BYTES_MAX);
    const uint32_t bucket = bucket_of(queue, key.bytes, key.length);
    uint32_t at = find(queue, bucket, key);
    if (at != NONE && again)
        return true;
    if (at == NONE) {
        at = new_slot(queue);
        if (at == NONE)
            return false;
        mr_queued_key *fresh = &queue->keys[at];
        memcpy(fresh->key, key.bytes, key.length);
        fresh->length = key.length;
        fresh->next = NONE;
        fresh->chained = queue->buckets[bucket];
        queue->buckets[bucket] = at;
        if (queue->last == NONE)
            queue->first = at;
        else
            queue->keys[queue->last].next = at;
        queue->last = at;
        queue->count++;
    }
    queue->keys[at].is_deleted = is_deleted;
    queue->keys[at].ttl_ms = ttl_ms;
    return true;
}

bool mr_write_queue_take(mr_write_queue *queue, mr_queued_key *ret_key)
{
    const uint32_t at = queue->first;
    if (at == NONE)
        return false;
    mr_queued_key *taken = &queue->keys[at];
    *ret_key = *taken;
    uint32_t *link = &queue->buckets[bucket_of(queue, taken->key, taken->length)];
    while (*link != at)
        link = &queue->keys[*link].chained;
    *link = taken->chained;
    queue->first = taken->next;
    if (queue->first == NONE)
        queue->last = NONE;
    taken->next = queue->free;
    queue->free = at;
    queue->count--;
    return true;
}
