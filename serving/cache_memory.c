#include "serving/cache_memory.h"

#include "core/assert.h"
#include "core/prefetch.h"
#include "serving/cache_driver.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 64, /* a power of two */
    BUCKETS_START = 64,
    BYTES_MIN = 8 << 20,   /* a shard holds the largest value twice */
    AHEAD = 8,             /* keys whose values are fetched before the first is copied */
    LINES_AHEAD = 3,       /* of each: the hardware sees where the rest is going */
    NODE_ROUND_BYTES = 64, /* values that grow a little find room where they are */
};

/* A key and its value, in one piece of memory. */
typedef struct node {
    struct node *next_in_bucket;
    struct node *newer; /* towards the head of the list */
    struct node *older;
    uint64_t hash;
    int64_t expires_ms;
    uint32_t capacity; /* of data */
    uint32_t value_length;
    uint8_t key_length;
    bool is_read; /* since it was last put in front */
    char data[];  /* key, then value */
} node;

typedef struct shard {
    _Alignas(64) pthread_mutex_t lock;
    node **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t bytes;
    node *newest;
    node *oldest;
} shard;

struct mr_memory_store {
    shard shards[SHARDS];
    size_t shard_bytes_max;
    size_t locks_made;
    const mr_clock *clock;
};

typedef struct memory_cache {
    mr_cache cache;
    mr_memory_store *store;
} memory_cache;

static size_t node_bytes(const node *n)
{
    return sizeof(*n) + n->capacity;
}

static mr_text node_value(const node *n)
{
    return (mr_text){n->data + n->key_length, n->value_length};
}

static bool node_has_key(const node *n, uint64_t hash, mr_text key)
{
    return n->hash == hash && n->key_length == key.length &&
           memcmp(n->data, key.bytes, key.length) == 0;
}

static void list_remove(shard *s, node *n)
{
    *(n->newer != NULL ? &n->newer->older : &s->newest) = n->older;
    *(n->older != NULL ? &n->older->newer : &s->oldest) = n->newer;
}

static void list_put_first(shard *s, node *n)
{
    n->is_read = false;
    n->newer = NULL;
    n->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = n;
    s->newest = n;
}

/* Where the pointer to the node stands, or the end of its bucket. */
static node **find_link(shard *s, uint64_t hash, mr_text key)
{
    node **link = &s->buckets[(hash / SHARDS) & (s->bucket_count - 1)];
    while (*link != NULL && !node_has_key(*link, hash, key))
        link = &(*link)->next_in_bucket;
    return link;
}

static void remove_at(shard *s, node **link)
{
    node *n = *link;
    *link = n->next_in_bucket;
    list_remove(s, n);
    s->bytes -= node_bytes(n);
    s->count--;
    free(n);
}

static void remove_oldest(shard *s)
{
    const node *n = s->oldest;
    remove_at(s, find_link(s, n->hash, (mr_text){n->data, n->key_length}));
}

/* When there is no memory for a larger table the old one goes on, with longer chains. */
static void grow(shard *s)
{
    const size_t bucket_count = s->bucket_count * 2;
    node **buckets = calloc(bucket_count, sizeof(node *));
    if (buckets == NULL)
        return;
    for (node *n = s->newest; n != NULL; n = n->older) {
        node **bucket = &buckets[(n->hash / SHARDS) & (bucket_count - 1)];
        n->next_in_bucket = *bucket;
        *bucket = n;
    }
    free(s->buckets);
    s->bytes += (bucket_count - s->bucket_count) * sizeof(node *);
    s->buckets = buckets;
    s->bucket_count = bucket_count;
}

static node *node_create(uint64_t hash, mr_text key, uint32_t value_length)
{
    const uint32_t data_bytes = key.length + value_length;
    const uint32_t capacity =
        (data_bytes + NODE_ROUND_BYTES - 1) / NODE_ROUND_BYTES * NODE_ROUND_BYTES;
    node *n = malloc(sizeof(*n) + capacity);
    if (n == NULL)
        return NULL;
    *n = (node){.hash = hash, .capacity = capacity, .key_length = (uint8_t)key.length};
    memcpy(n->data, key.bytes, key.length);
    return n;
}

static void node_write(node *n, mr_text value, int64_t expires_ms)
{
    memcpy(n->data + n->key_length, value.bytes, value.length);
    n->value_length = value.length;
    n->expires_ms = expires_ms;
}

static shard *lock_shard(mr_memory_store *store, uint64_t hash)
{
    shard *s = &store->shards[hash & (SHARDS - 1)];
    (void)pthread_mutex_lock(&s->lock);
    return s;
}

static void unlock_shard(shard *s)
{
    (void)pthread_mutex_unlock(&s->lock);
}

/* Have the first lines of what is in the key's bucket on their way. */
static void fetch_ahead(mr_memory_store *store, uint64_t hash)
{
    shard *s = lock_shard(store, hash);
    const node *n = s->buckets[(hash / SHARDS) & (s->bucket_count - 1)];
    unlock_shard(s);
    for (int line = 0; n != NULL && line < LINES_AHEAD; line++)
        mr_prefetch((const char *)n + (size_t)line * 64);
}

/* ret_span is written when the key is found; false when it is not, or has expired. */
static bool copy_value(mr_memory_store *store, mr_text key, uint64_t hash, int64_t now_ms,
                       mr_buffer *storage, mr_cache_span *ret_span)
{
    shard *s = lock_shard(store, hash);
    node **link = find_link(s, hash, key);
    node *n = *link;
    if (n != NULL && n->expires_ms <= now_ms) {
        remove_at(s, link);
        n = NULL;
    }
    if (n != NULL) {
        ret_span->offset = storage->length;
        ret_span->length = n->value_length;
        mr_buffer_put_text(storage, node_value(n));
        n->is_read = true;
    }
    unlock_shard(s);
    return n != NULL;
}

/* How long a value is kept does not depend on what somebody sets the machine's clock to. */
static int64_t now(const mr_memory_store *store)
{
    return mr_clock_monotonic_ns(store->clock) / INT64_C(1000000);
}

static mr_status memory_get_many(mr_cache *cache, const mr_text *keys, size_t n,
                                 int64_t timeout_ms, mr_buffer *storage,
                                 mr_text *ret_values)
{
    (void)timeout_ms;
    mr_memory_store *store = ((memory_cache *)cache)->store;
    const int64_t now_ms = now(store);
    mr_cache_span spans[MR_CACHE_BATCH_MAX];
    uint64_t hashes[MR_CACHE_BATCH_MAX];
    uint64_t hits = 0;
    for (size_t i = 0; i < n; i++)
        hashes[i] = mr_hash_bytes(keys[i].bytes, keys[i].length);
    for (size_t i = 0; i < n; i++) {
        if (i % AHEAD == 0) {
            for (size_t j = i; j < n && j < i + AHEAD; j++)
                fetch_ahead(store, hashes[j]);
        }
        spans[i].length = 0;
        hits += copy_value(store, keys[i], hashes[i], now_ms, storage, &spans[i]);
    }
    MR_TRY(mr_buffer_status(storage));
    for (size_t i = 0; i < n; i++)
        ret_values[i] = mr_cache_span_text(storage, spans[i]);
    mr_cache_count(&cache->counters.hits, hits);
    mr_cache_count(&cache->counters.misses, n - hits);
    return MR_OK;
}

/*
 * Push old values out until `bytes` more fit; the value being written is larger than none.  One that was read goes in
 * front once more instead ("second chance" [Corbató 1968]): so a read marks the value it has in hand and leaves its
 * neighbours in the list, which lie elsewhere in memory, alone.
 */
static uint64_t make_room(shard *s, size_t bytes, size_t bytes_max)
{
    uint64_t evicted = 0;
    while (s->oldest != NULL && s->bytes + bytes > bytes_max) {
        node *n = s->oldest;
        if (n->is_read) {
            list_remove(s, n);
            list_put_first(s, n);
        } else {
            remove_oldest(s);
            evicted++;
        }
    }
    return evicted;
}

static mr_status insert(memory_cache *self, shard *s, uint64_t hash,
                        const mr_cache_entry *entry, int64_t expires_ms)
{
    node *n = node_create(hash, entry->key, entry->value.length);
    if (n == NULL)
        return MR_ERR_NO_MEMORY;
    node_write(n, entry->value, expires_ms);
    mr_cache_count(&self->cache.counters.evictions,
                   make_room(s, node_bytes(n), self->store->shard_bytes_max));
    if (s->count >= s->bucket_count)
        grow(s);
    node **link = find_link(s, hash, entry->key);
    n->next_in_bucket = *link;
    *link = n;
    list_put_first(s, n);
    s->bytes += node_bytes(n);
    s->count++;
    return MR_OK;
}

static mr_status set_one(memory_cache *self, const mr_cache_entry *entry, int64_t now_ms)
{
    const uint64_t hash = mr_hash_bytes(entry->key.bytes, entry->key.length);
    const int64_t expires_ms =
        entry->ttl_ms < INT64_MAX - now_ms ? now_ms + entry->ttl_ms : INT64_MAX;
    shard *s = lock_shard(self->store, hash);
    node **link = find_link(s, hash, entry->key);
    node *n = *link;
    const bool live = n != NULL && n->expires_ms > now_ms;
    mr_status status = MR_OK;
    if (live && mr_cache_compare_fences(entry->value, node_value(n)) < 0) {
        mr_cache_count(&self->cache.counters.fenced, 1);
    } else if (n != NULL && n->key_length + entry->value.length <= n->capacity) {
        node_write(n, entry->value, expires_ms);
        list_remove(s, n);
        list_put_first(s, n);
        mr_cache_count(&self->cache.counters.sets, 1);
    } else {
        if (n != NULL)
            remove_at(s, link);
        status = insert(self, s, hash, entry, expires_ms);
        mr_cache_count(&self->cache.counters.sets, status == MR_OK);
    }
    unlock_shard(s);
    return status;
}

static mr_status memory_set_many(mr_cache *cache, const mr_cache_entry *entries, size_t n,
                                 int64_t timeout_ms)
{
    (void)timeout_ms;
    memory_cache *self = (memory_cache *)cache;
    const int64_t now_ms = now(self->store);
    for (size_t i = 0; i < n; i++)
        MR_TRY(set_one(self, &entries[i], now_ms));
    return MR_OK;
}

static mr_status memory_delete_many(mr_cache *cache, const mr_text *keys, size_t n,
                                    int64_t timeout_ms)
{
    (void)timeout_ms;
    mr_memory_store *store = ((memory_cache *)cache)->store;
    for (size_t i = 0; i < n; i++) {
        const uint64_t hash = mr_hash_bytes(keys[i].bytes, keys[i].length);
        shard *s = lock_shard(store, hash);
        node **link = find_link(s, hash, keys[i]);
        if (*link != NULL)
            remove_at(s, link);
        unlock_shard(s);
    }
    mr_cache_count(&cache->counters.deletes, n);
    return MR_OK;
}

static void memory_destroy(mr_cache *cache)
{
    free(cache);
}

static const mr_cache_driver memory_driver = {
    .get_many = memory_get_many,
    .set_many = memory_set_many,
    .delete_many = memory_delete_many,
    .destroy = memory_destroy,
};

mr_status mr_cache_memory_create(mr_memory_store *store, mr_cache **ret_cache)
{
    memory_cache *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return MR_ERR_NO_MEMORY;
    self->cache.driver = &memory_driver;
    self->store = store;
    *ret_cache = &self->cache;
    return MR_OK;
}

static mr_status shard_init(shard *s)
{
    s->buckets = calloc(BUCKETS_START, sizeof(node *));
    if (s->buckets == NULL || pthread_mutex_init(&s->lock, NULL) != 0)
        return MR_ERR_NO_MEMORY;
    s->bucket_count = BUCKETS_START;
    s->bytes = BUCKETS_START * sizeof(node *);
    return MR_OK;
}

mr_status mr_memory_store_create(size_t bytes_max, const mr_clock *clock,
                                 mr_memory_store **ret_store)
{
    if (bytes_max < BYTES_MIN)
        return MR_ERR_INVALID;
    mr_memory_store *store = aligned_alloc(_Alignof(mr_memory_store), sizeof(*store));
    if (store == NULL)
        return MR_ERR_NO_MEMORY;
    memset(store, 0, sizeof(*store));
    store->shard_bytes_max = bytes_max / SHARDS;
    store->clock = clock;
    for (size_t i = 0; i < SHARDS; i++) {
        if (shard_init(&store->shards[i]) != MR_OK)
            goto fail;
        store->locks_made++;
    }
    *ret_store = store;
    return MR_OK;
fail:
    mr_memory_store_destroy(store);
    return MR_ERR_NO_MEMORY;
}

void mr_memory_store_destroy(mr_memory_store *store)
{
    if (store == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        shard *s = &store->shards[i];
        while (s->oldest != NULL)
            remove_oldest(s);
        free(s->buckets);
        if (i < store->locks_made)
            (void)pthread_mutex_destroy(&s->lock);
    }
    free(store);
}

/* The sum over the shards of what `field` says, each under its lock. */
static size_t sum_shards(const mr_memory_store *store, size_t (*field)(const shard *s))
{
    size_t sum = 0;
    for (uint64_t i = 0; i < SHARDS; i++) {
        /* Locking is no change that a caller could see. */
        shard *s = lock_shard((mr_memory_store *)(uintptr_t)store, i);
        sum += field(s);
        unlock_shard(s);
    }
    return sum;
}

static size_t shard_bytes(const shard *s)
{
    return s->bytes;
}

static size_t shard_count(const shard *s)
{
    return s->count;
}

size_t mr_memory_store_bytes(const mr_memory_store *store)
{
    return sum_shards(store, shard_bytes);
}

size_t mr_memory_store_count(const mr_memory_store *store)
{
    return sum_shards(store, shard_count);
}
