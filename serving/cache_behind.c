#include "serving/cache_behind.h"

#include "core/clock.h"
#include "serving/cache_driver.h"
#include "serving/write_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    WRITE_BATCH = 256,
    WRITE_TIMEOUT_MS = 1000, /* nobody waits for it */
    IDLE_MS = 100,
    PAUSE_FIRST_MS = 20, /* after a failure; doubled up to the last */
    PAUSE_LAST_MS = 500,
    LEAVE_MS = 1000,
};

#define NS_PER_MS INT64_C(1000000)

struct mr_write_behind {
    mr_cache *memory;
    mr_cache *server;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    mr_write_queue queue;
    uint64_t forgotten;
    bool is_stopping;
    bool is_running;
    pthread_t thread;
    _Atomic int64_t failing_since_ms; /* wall time; 0: what is written is taken */
    mr_buffer values;
    mr_queued_key batch[WRITE_BATCH];
};

static int64_t now_ns(void)
{
    return mr_clock_monotonic_ns(mr_clock_system());
}

/* ---- The queue ---- */

typedef struct mark {
    bool is_deleted;
    bool again; /* a write that failed, or an older value that was read */
} mark;

static void put(mr_write_behind *self, mr_text key, int64_t ttl_ms, mark what)
{
    if (!mr_write_queue_put(&self->queue, key, what.is_deleted, ttl_ms, what.again))
        self->forgotten++;
}

static void note(mr_write_behind *self, const mr_text *keys, const int64_t *ttl_ms,
                 size_t n, mark what)
{
    (void)pthread_mutex_lock(&self->lock);
    const bool was_empty = self->queue.count == 0;
    for (size_t i = 0; i < n; i++)
        put(self, keys[i], ttl_ms != NULL ? ttl_ms[i] : 0, what);
    (void)pthread_mutex_unlock(&self->lock);
    if (was_empty)
        (void)pthread_cond_signal(&self->changed);
}

/* Under the lock: wait for a change, at most so long. */
static void wait_ms(mr_write_behind *self, int64_t ms)
{
    const int64_t until_ns = now_ns() + ms * NS_PER_MS;
    const struct timespec until = {.tv_sec = until_ns / 1000000000,
                                   .tv_nsec = until_ns % 1000000000};
    (void)pthread_cond_timedwait(&self->changed, &self->lock, &until);
}

/* The next keys to write; none when nothing came for a while. */
static size_t take(mr_write_behind *self)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&self->lock);
    if (self->queue.count == 0 && !self->is_stopping)
        wait_ms(self, IDLE_MS);
    while (count < WRITE_BATCH && mr_write_queue_take(&self->queue, &self->batch[count]))
        count++;
    (void)pthread_mutex_unlock(&self->lock);
    return count;
}

static void give_back(mr_write_behind *self, size_t count)
{
    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < count; i++) {
        const mr_queued_key *key = &self->batch[i];
        put(self, (mr_text){key->key, key->length}, key->ttl_ms,
            (mark){.is_deleted = key->is_deleted, .again = true});
    }
    (void)pthread_mutex_unlock(&self->lock);
}

/* ---- The thread ---- */

/* What the store holds now: it may be newer than when the key was queued, or pushed out since. */
static mr_status write_batch(mr_write_behind *self, size_t count)
{
    mr_text keys[WRITE_BATCH];
    mr_text values[WRITE_BATCH];
    mr_text gone[WRITE_BATCH];
    mr_cache_entry entries[WRITE_BATCH];
    size_t gone_count = 0;
    size_t entry_count = 0;
    for (size_t i = 0; i < count; i++)
        keys[i] = (mr_text){self->batch[i].key, self->batch[i].length};
    mr_buffer_clear(&self->values);
    MR_TRY(mr_cache_get_many(self->memory, keys, count, 0, &self->values, values));
    for (size_t i = 0; i < count; i++) {
        if (values[i].length > 0 && !self->batch[i].is_deleted)
            entries[entry_count++] = (mr_cache_entry){
                .key = keys[i], .value = values[i], .ttl_ms = self->batch[i].ttl_ms};
        else if (self->batch[i].is_deleted)
            gone[gone_count++] = keys[i];
    }
    MR_TRY(mr_cache_delete_many(self->server, gone, gone_count, WRITE_TIMEOUT_MS));
    return mr_cache_set_many(self->server, entries, entry_count, WRITE_TIMEOUT_MS);
}

static void say_failing(mr_write_behind *self, bool is_failing)
{
    const int64_t since_ms =
        atomic_load_explicit(&self->failing_since_ms, memory_order_relaxed);
    if (is_failing != (since_ms != 0))
        atomic_store_explicit(&self->failing_since_ms,
                              is_failing ? mr_clock_wall_ms(mr_clock_system()) : 0,
                              memory_order_relaxed);
}

/* False when it is time to go; until then, wait after a failure. */
static bool goes_on(mr_write_behind *self, int64_t pause_ms, int64_t *leave_ns)
{
    (void)pthread_mutex_lock(&self->lock);
    const int64_t until_ns = now_ns() + pause_ms * NS_PER_MS;
    while (pause_ms > 0 && !self->is_stopping && now_ns() < until_ns)
        wait_ms(self, (until_ns - now_ns()) / NS_PER_MS + 1);
    const bool is_stopping = self->is_stopping;
    const bool has_more = self->queue.count > 0;
    (void)pthread_mutex_unlock(&self->lock);
    if (!is_stopping)
        return true;
    if (*leave_ns == 0)
        *leave_ns = now_ns() + LEAVE_MS * NS_PER_MS;
    return has_more && pause_ms == 0 && now_ns() < *leave_ns;
}

static void *run(void *context)
{
    mr_write_behind *self = context;
    int64_t pause_ms = 0;
    int64_t leave_ns = 0;
    while (goes_on(self, pause_ms, &leave_ns)) {
        const size_t count = take(self);
        if (count == 0 && pause_ms == 0)
            continue;
        if (count == 0 || write_batch(self, count) == MR_OK) {
            pause_ms = 0;
        } else {
            give_back(self, count);
            pause_ms = pause_ms == 0 ? PAUSE_FIRST_MS : pause_ms * 2;
            pause_ms = pause_ms < PAUSE_LAST_MS ? pause_ms : PAUSE_LAST_MS;
        }
        say_failing(self, pause_ms > 0);
    }
    return NULL;
}

static mr_status start(mr_write_behind *self)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    self->is_running = pthread_create(&self->thread, NULL, run, self) == 0;
    if (self->is_running)
        return MR_OK;
    (void)pthread_cond_destroy(&self->changed);
    (void)pthread_mutex_destroy(&self->lock);
    return MR_ERR_UNAVAILABLE;
}

mr_status mr_write_behind_create(mr_memory_store *store, mr_cache *server,
                                 mr_write_behind **ret_writer)
{
    mr_write_behind *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return MR_ERR_NO_MEMORY;
    mr_status status = mr_write_queue_init(&self->queue, MR_WRITE_BEHIND_KEYS_MAX);
    if (status == MR_OK)
        status = mr_cache_memory_create(store, &self->memory);
    self->server = server;
    if (status == MR_OK)
        status = start(self);
    if (status != MR_OK) {
        self->server = NULL; /* still the caller's */
        mr_write_behind_destroy(self);
        return status;
    }
    *ret_writer = self;
    return MR_OK;
}

void mr_write_behind_destroy(mr_write_behind *writer)
{
    if (writer == NULL)
        return;
    if (writer->is_running) {
        (void)pthread_mutex_lock(&writer->lock);
        writer->is_stopping = true;
        (void)pthread_mutex_unlock(&writer->lock);
        (void)pthread_cond_signal(&writer->changed);
        (void)pthread_join(writer->thread, NULL);
        (void)pthread_cond_destroy(&writer->changed);
        (void)pthread_mutex_destroy(&writer->lock);
    }
    mr_cache_destroy(writer->memory);
    mr_cache_destroy(writer->server);
    mr_write_queue_deinit(&writer->queue);
    mr_buffer_deinit(&writer->values);
    free(writer);
}

size_t mr_write_behind_waiting(mr_write_behind *writer)
{
    (void)pthread_mutex_lock(&writer->lock);
    const size_t count = writer->queue.count;
    (void)pthread_mutex_unlock(&writer->lock);
    return count;
}

uint64_t mr_write_behind_forgotten(mr_write_behind *writer)
{
    (void)pthread_mutex_lock(&writer->lock);
    const uint64_t forgotten = writer->forgotten;
    (void)pthread_mutex_unlock(&writer->lock);
    return forgotten;
}

/* ---- A cache ---- */

typedef struct behind_cache {
    mr_cache cache;
    mr_write_behind *writer;
    mr_cache *memory;
    mr_cache *server;
    int64_t ttl_ms;
    bool keeps_read;
    mr_buffer found; /* what the store has */
} behind_cache;

static behind_cache *self_of(mr_cache *cache)
{
    return (behind_cache *)cache;
}

static void copy_counter(_Atomic uint64_t *to, const _Atomic uint64_t *from)
{
    atomic_store_explicit(to, atomic_load_explicit(from, memory_order_relaxed),
                          memory_order_relaxed);
}

/* What befell the server's connection, and the store's values, is what an operator looks for in this cache. */
static void copy_counters(behind_cache *self)
{
    mr_cache_counters *mine = &self->cache.counters;
    const mr_cache_counters *servers = &self->server->counters;
    const mr_cache_counters *stores = &self->memory->counters;
    copy_counter(&mine->fenced, &stores->fenced);
    copy_counter(&mine->evictions, &stores->evictions);
    copy_counter(&mine->timeouts, &servers->timeouts);
    copy_counter(&mine->errors, &servers->errors);
    copy_counter(&mine->rejected, &servers->rejected);
    copy_counter(&mine->connects, &servers->connects);
}

static void count(behind_cache *self, const mr_text *values, size_t n)
{
    uint64_t hits = 0;
    for (size_t i = 0; i < n; i++)
        hits += values[i].length > 0;
    mr_cache_count(&self->cache.counters.hits, hits);
    mr_cache_count(&self->cache.counters.misses, n - hits);
    copy_counters(self);
}

/* The server's value is newer than what this process knows: keep it for when the server is away. */
static void keep(behind_cache *self, mr_text key, mr_text value)
{
    const mr_cache_entry entry = {.key = key, .value = value, .ttl_ms = self->ttl_ms};
    if (mr_cache_set_many(self->memory, &entry, 1, 0) != MR_OK)
        return; /* it is read from the server again */
}

typedef enum choice { CHOOSE_SERVERS, CHOOSE_STORES, CHOOSE_NONE } choice;

/* Of one key: what the store has, and what the server has or that it did not answer. */
static choice choose(behind_cache *self, mr_text key, mr_text stored, mr_text served)
{
    const int newer = stored.length > 0 && served.length > 0
                          ? mr_cache_compare_fences(stored, served)
                          : (stored.length > 0) - (served.length > 0);
    if (!mr_cache_is_answered(served))
        return stored.length > 0 ? CHOOSE_STORES : CHOOSE_NONE;
    /* Of two with the same fence a reader takes the server's: a list may be made anew of the same events. */
    if (newer < 0 || (newer == 0 && served.length > 0 && self->keeps_read)) {
        if (self->keeps_read && served.length >= MR_CACHE_FENCE_BYTES &&
            !mr_text_equal(stored, served))
            keep(self, key, served);
        return CHOOSE_SERVERS;
    }
    /* What was only read here may have been deleted there. */
    if (newer > 0 && served.length == 0 && self->keeps_read)
        return CHOOSE_NONE;
    if (newer > 0)
        note(self->writer, &key, &self->ttl_ms, 1, (mark){.again = true});
    return stored.length > 0 ? CHOOSE_STORES : CHOOSE_NONE;
}

/*
 * Put the newer of the two into `values`.  Those of the store are appended to `storage`, which may move: until all
 * are there, spans stand for texts.
 */
static void choose_all(behind_cache *self, const mr_text *keys, size_t n,
                       mr_buffer *storage, const mr_text *stored, mr_text *values)
{
    mr_cache_span spans[MR_CACHE_BATCH_MAX];
    const char *base = (const char *)storage->bytes;
    for (size_t i = 0; i < n; i++) {
        switch (choose(self, keys[i], stored[i], values[i])) {
        case CHOOSE_SERVERS:
            spans[i] =
                (mr_cache_span){(size_t)(values[i].bytes - base), values[i].length};
            break;
        case CHOOSE_STORES: spans[i] = (mr_cache_span){SIZE_MAX, stored[i].length}; break;
        default: spans[i] = (mr_cache_span){0}; break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (spans[i].offset != SIZE_MAX)
            continue;
        spans[i].offset = storage->length;
        mr_buffer_put(storage, stored[i].bytes, stored[i].length);
    }
    if (mr_buffer_status(storage) != MR_OK)
        memset(spans, 0, n * sizeof(*spans));
    for (size_t i = 0; i < n; i++)
        values[i] = mr_cache_span_text(storage, spans[i]);
}

static mr_status behind_get_many(mr_cache *cache, const mr_text *keys, size_t n,
                                 int64_t timeout_ms, mr_buffer *storage,
                                 mr_text *ret_values)
{
    behind_cache *self = self_of(cache);
    mr_text stored[MR_CACHE_BATCH_MAX];
    const mr_status status =
        mr_cache_get_many(self->server, keys, n, timeout_ms, storage, ret_values);
    if (status != MR_OK && status != MR_ERR_UNAVAILABLE)
        return status;
    mr_buffer_clear(&self->found);
    MR_TRY(mr_cache_get_many(self->memory, keys, n, 0, &self->found, stored));
    choose_all(self, keys, n, storage, stored, ret_values);
    MR_TRY(mr_buffer_status(storage));
    count(self, ret_values, n);
    return MR_OK;
}

static mr_status behind_set_many(mr_cache *cache, const mr_cache_entry *entries, size_t n,
                                 int64_t timeout_ms)
{
    behind_cache *self = self_of(cache);
    mr_text keys[MR_CACHE_BATCH_MAX];
    int64_t ttl_ms[MR_CACHE_BATCH_MAX];
    MR_TRY(mr_cache_set_many(self->memory, entries, n, timeout_ms));
    for (size_t i = 0; i < n; i++) {
        keys[i] = entries[i].key;
        ttl_ms[i] = entries[i].ttl_ms;
    }
    note(self->writer, keys, ttl_ms, n, (mark){.again = false});
    mr_cache_count(&cache->counters.sets, n);
    copy_counters(self);
    return MR_OK;
}

/* Deletes are done when they return; and once more behind what the writer may be writing at this moment. */
static mr_status behind_delete_many(mr_cache *cache, const mr_text *keys, size_t n,
                                    int64_t timeout_ms)
{
    behind_cache *self = self_of(cache);
    const mr_status memory = mr_cache_delete_many(self->memory, keys, n, timeout_ms);
    const mr_status server = mr_cache_delete_many(self->server, keys, n, timeout_ms);
    note(self->writer, keys, NULL, n, (mark){.is_deleted = true});
    mr_cache_count(&cache->counters.deletes, n);
    return server != MR_OK ? server : memory;
}

static int64_t behind_down_since_ms(const mr_cache *cache)
{
    const behind_cache *self = (const behind_cache *)cache;
    const int64_t since_ms = mr_cache_down_since_ms(self->server);
    return since_ms != 0 ? since_ms
                         : atomic_load_explicit(&self->writer->failing_since_ms,
                                                memory_order_relaxed);
}

static const char *behind_last_error(const mr_cache *cache)
{
    return mr_cache_last_error(((const behind_cache *)cache)->server);
}

static void behind_destroy(mr_cache *cache)
{
    behind_cache *self = self_of(cache);
    mr_cache_destroy(self->memory);
    mr_cache_destroy(self->server);
    mr_buffer_deinit(&self->found);
    free(self);
}

static const mr_cache_driver behind_driver = {
    .get_many = behind_get_many,
    .set_many = behind_set_many,
    .delete_many = behind_delete_many,
    .down_since_ms = behind_down_since_ms,
    .last_error = behind_last_error,
    .destroy = behind_destroy,
};

mr_status mr_cache_behind_create(mr_write_behind *writer, mr_cache *memory,
                                 mr_cache *server, int64_t ttl_ms, bool keeps_read,
                                 mr_cache **ret_cache)
{
    behind_cache *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return MR_ERR_NO_MEMORY;
    self->cache.driver = &behind_driver;
    self->writer = writer;
    self->memory = memory;
    self->server = server;
    self->ttl_ms = ttl_ms;
    self->keeps_read = keeps_read;
    *ret_cache = &self->cache;
    return MR_OK;
}
