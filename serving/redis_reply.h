/*
 * Redis reply: what a server said, flat.
 *
 * A reply is a list of items in the order of the wire: an array's item tells how many follow it
 * as its elements, and a text's item says where in the buffer of the caller its bytes were
 * copied.  So a reply of a thousand values needs no allocation but the buffer's own growth.
 *
 * Units      Lengths in bytes.
 * Ownership  The reply owns its items, the caller the buffer of the texts.
 * Threads    Owner-only.
 * Cost       24 bytes an item, kept from reply to reply.
 */
#ifndef MR_SERVING_REDIS_REPLY_H
#define MR_SERVING_REDIS_REPLY_H

#include "core/buffer.h"

typedef enum mr_redis_type {
    MR_REDIS_NIL,
    MR_REDIS_INTEGER,
    MR_REDIS_STRING,
    MR_REDIS_STATUS,
    MR_REDIS_ERROR,
    MR_REDIS_ARRAY,
} mr_redis_type;

typedef struct mr_redis_item {
    int64_t
        number; /* an integer; of an array its elements; of a text its offset in `text` */
    uint32_t length; /* of a text */
    mr_redis_type type;
} mr_redis_item;

/* Zero-initialise. */
typedef struct mr_redis_reply {
    mr_redis_item *items;
    size_t count;
    size_t capacity;
    mr_buffer *text;
    size_t items_max;        /* a reply of more is refused */
    uint32_t text_bytes_max; /* a longer text reads as an empty one */
    bool out_of_memory;
} mr_redis_reply;

void mr_redis_reply_deinit(mr_redis_reply *reply);

/* Forget the last reply; the next one's texts go to the end of `text`. */
void mr_redis_reply_begin(mr_redis_reply *reply, mr_buffer *text, size_t items_max,
                          uint32_t text_bytes_max);

/* What item `index` says, lent by the buffer; empty when it is no text. */
mr_text mr_redis_reply_text(const mr_redis_reply *reply, size_t index);

bool mr_redis_reply_is(const mr_redis_reply *reply, size_t index, mr_redis_type type);

/* The item behind `index` and all its elements. */
size_t mr_redis_reply_next(const mr_redis_reply *reply, size_t index);

/* Append an item.  False when it would be one too many, or found no memory. */
bool mr_redis_reply_put(mr_redis_reply *reply, mr_redis_item item);

#endif
