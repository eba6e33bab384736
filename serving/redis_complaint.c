#include "serving/redis_complaint.h"

#include <string.h>

#define MAX_CLIENTS "ERR max number of clients"

static const mr_redis_complaint table[] = {
    {"OOM", MR_REDIS_SKIP},
    {"MISCONF", MR_REDIS_SKIP},
    {"NOREPLICAS", MR_REDIS_SKIP},
    {"LOADING", MR_REDIS_RECONNECT},
    {"BUSY", MR_REDIS_RECONNECT},
    {"MAXCLIENTS", MR_REDIS_RECONNECT},
    {"ERR", MR_REDIS_RECONNECT},
    {"READONLY", MR_REDIS_RESOLVE},
    {"MASTERDOWN", MR_REDIS_RESOLVE},
    {"NOAUTH", MR_REDIS_STOP},
    {"WRONGPASS", MR_REDIS_STOP},
    {"NOPERM", MR_REDIS_STOP},
    {"NOSCRIPT", MR_REDIS_SEND_WHOLE},
    {"MOVED", MR_REDIS_FOLLOW},
    {"ASK", MR_REDIS_FOLLOW_ONCE},
    {"TRYAGAIN", MR_REDIS_SPLIT},
    {"CLUSTERDOWN", MR_REDIS_REMAP},
};

static const mr_redis_complaint unknown = {"unknown", MR_REDIS_RECONNECT};

static const mr_redis_complaint *find(mr_text word)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (mr_text_is(word, table[i].word))
            return &table[i];
    }
    return NULL;
}

const mr_redis_complaint *mr_redis_complaint_named(const char *word)
{
    return find(mr_text_from(word));
}

const mr_redis_complaint *mr_redis_complaint_of(mr_text error)
{
    /* The one that is known by more than its first word. */
    if (error.length >= sizeof(MAX_CLIENTS) - 1 &&
        memcmp(error.bytes, MAX_CLIENTS, sizeof(MAX_CLIENTS) - 1) == 0)
        return mr_redis_complaint_named("MAXCLIENTS");
    uint32_t length = 0;
    while (length < error.length && error.bytes[length] != ' ')
        length++;
    const mr_redis_complaint *found = find((mr_text){error.bytes, length});
    return found != NULL ? found : &unknown;
}
