#include "serving/redis_reply.h"

#include <stdlib.h>

enum { ITEMS_FIRST = 64 };

void mr_redis_reply_deinit(mr_redis_reply *reply)
{
    free(reply->items);
    *reply = (mr_redis_reply){0};
}

void mr_redis_reply_begin(mr_redis_reply *reply, mr_buffer *text, size_t items_max,
                          uint32_t text_bytes_max)
{
    reply->count = 0;
    reply->text = text;
    reply->items_max = items_max;
    reply->text_bytes_max = text_bytes_max;
    reply->out_of_memory = false;
}

mr_text mr_redis_reply_text(const mr_redis_reply *reply, size_t index)
{
    if (index >= reply->count)
        return (mr_text){0};
    const mr_redis_item *item = &reply->items[index];
    const bool is_text = item->type == MR_REDIS_STRING || item->type == MR_REDIS_STATUS ||
                         item->type == MR_REDIS_ERROR;
    return is_text && item->length > 0
               ? (mr_text){(const char *)reply->text->bytes + item->number, item->length}
               : (mr_text){0};
}

bool mr_redis_reply_is(const mr_redis_reply *reply, size_t index, mr_redis_type type)
{
    return index < reply->count && reply->items[index].type == type;
}

size_t mr_redis_reply_next(const mr_redis_reply *reply, size_t index)
{
    size_t left = 1;
    while (left > 0 && index < reply->count) {
        left--;
        if (reply->items[index].type == MR_REDIS_ARRAY)
            left += (size_t)reply->items[index].number;
        index++;
    }
    return index;
}

bool mr_redis_reply_put(mr_redis_reply *reply, mr_redis_item item)
{
    if (reply->count == reply->items_max)
        return false;
    if (reply->count == reply->capacity) {
        const size_t capacity = reply->capacity == 0 ? ITEMS_FIRST : reply->capacity * 2;
        mr_redis_item *items = reallocarray(reply->items, capacity, sizeof(*items));
        if (items == NULL) {
            reply->out_of_memory = true;
            return false;
        }
        reply->items = items;
        reply->capacity = capacity;
    }
    reply->items[reply->count++] = item;
    return true;
}
