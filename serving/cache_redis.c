#include "serving/cache_redis.h"

#include "core/assert.h"
#include "serving/redis_cluster.h"
#include "serving/redis_command.h"
#include "serving/redis_script.h"
#include "serving/sigpipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_MS = 100,
    /* Of one batch: a script sent whole, a MOVED, an ASK, keys taken apart, and one spare. */
    ROUNDS_MAX = 6,
    /* A value that has not come whole yet. */
    UNREAD_BYTES_MAX = MR_CACHE_VALUE_BYTES_MAX + (1 << 16),
};

#define NOT_ANSWERED SIZE_MAX

typedef enum errand_state {
    ERRAND_PENDING,
    ERRAND_DONE,
    ERRAND_FAILED,  /* no answer                                       */
    ERRAND_REFUSED, /* the answer was no: this write, not the next one */
} errand_state;

/* One command of a batch: that of a run of keys, or of one entry. */
typedef struct errand {
    uint16_t first;
    uint16_t count;
    uint16_t node;   /* it was sent to, or is to be sent to when redirected */
    uint8_t state;   /* errand_state */
    bool redirected; /* to `node`, whatever the map says */
    bool asking;     /* the slot is on its way there     */
    bool whole;      /* with the text of the script      */
} errand;

typedef struct redis_cache {
    mr_cache cache;
    mr_redis_access access;
    mr_redis_node single;      /* when it is no cluster */
    mr_redis_cluster *cluster; /* or NULL               */
    errand errands[MR_CACHE_BATCH_MAX];
    char script_sha[MR_REDIS_SHA_BYTES];
} redis_cache;

/* What is asked for: keys to MGET or UNLINK, or entries to set. */
typedef struct batch {
    redis_cache *self;
    mr_redis_command command;
    const mr_text *keys;
    const mr_cache_entry *entries;
    mr_buffer *storage;   /* of MGET: where values go, */
    mr_cache_span *spans; /* and where in it they are; NOT_ANSWERED to begin with */
    size_t errand_count;
    mr_redis_budget budget;
    bool was_rejected; /* by a breaker */
    bool no_memory;
} batch;

static redis_cache *self_of(mr_cache *cache)
{
    return (redis_cache *)cache;
}

static mr_redis_node *node_at(redis_cache *self, uint16_t index)
{
    return self->cluster != NULL ? &self->cluster->nodes[index] : &self->single;
}

static mr_text key_of(const batch *b, size_t index)
{
    return b->keys != NULL ? b->keys[index] : b->entries[index].key;
}

/* ---- Cutting a batch into errands ---- */

/* How many keys from `first` on go into one command: all of them to a single server, those of
 * one hash tag to a cluster. */
static size_t run_length(const batch *b, size_t first, size_t n)
{
    if (b->command == MR_REDIS_EVALSHA)
        return 1;
    if (b->self->cluster == NULL)
        return n - first;
    const mr_text tag = mr_redis_hash_tag(b->keys[first]);
    size_t length = 1;
    while (first + length < n &&
           mr_text_equal(tag, mr_redis_hash_tag(b->keys[first + length])))
        length++;
    return length;
}

static void cut(batch *b, size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t length = run_length(b, i, n);
        b->self->errands[b->errand_count++] = (errand){
            .first = (uint16_t)i, .count = (uint16_t)length, .state = ERRAND_PENDING};
        i += length;
    }
}

/* Its keys each on an errand of its own: those that have moved already are elsewhere. */
static void split(batch *b, errand *whole)
{
    for (uint16_t i = 1; i < whole->count; i++) {
        MR_ASSERT(b->errand_count < MR_CACHE_BATCH_MAX);
        errand *part = &b->self->errands[b->errand_count++];
        *part = *whole;
        part->first = (uint16_t)(whole->first + i);
        part->count = 1;
    }
    whole->count = 1;
}

/* ---- Sending ---- */

static void put_errand(const batch *b, const errand *e, mr_buffer *out)
{
    if (e->asking)
        mr_redis_put_command(out, MR_REDIS_ASKING, 0);
    if (b->entries == NULL) {
        mr_redis_put_command(out, b->command, e->count);
        for (size_t i = 0; i < e->count; i++)
            mr_redis_put_argument(out, b->keys[e->first + i]);
        return;
    }
    const mr_cache_entry *entry = &b->entries[e->first];
    mr_redis_put_command(out, e->whole ? MR_REDIS_EVAL : MR_REDIS_EVALSHA, 5);
    mr_redis_put_argument(out, e->whole ? mr_redis_script()
                                        : mr_text_from(b->self->script_sha));
    mr_redis_put_number(out, 1);
    mr_redis_put_argument(out, entry->key);
    mr_redis_put_argument(out, entry->value);
    mr_redis_put_number(out, entry->ttl_ms);
}

/* Where the errand goes; MR_REDIS_NODE_NONE when nobody is known to have its slot. */
static uint16_t place_of(const batch *b, const errand *e)
{
    if (e->redirected)
        return e->node;
    const mr_redis_cluster *cluster = b->self->cluster;
    return cluster == NULL ? 0
                           : cluster->node_of_slot[mr_redis_slot(key_of(b, e->first))];
}

/* The node is connected and takes part in this round. */
static bool use_node(batch *b, mr_redis_node *node)
{
    redis_cache *self = b->self;
    if (node->is_used)
        return true;
    if (!mr_redis_breaker_allows(&node->breaker,
                                 mr_clock_monotonic_ns(self->access.clock))) {
        b->was_rejected = true;
        return false;
    }
    const mr_status status = mr_redis_node_ready(node, &self->access, &b->budget);
    b->no_memory |= status == MR_ERR_NO_MEMORY;
    node->is_used = status == MR_OK;
    return node->is_used;
}

static void send_pending(batch *b)
{
    redis_cache *self = b->self;
    for (size_t i = 0; i < b->errand_count; i++) {
        errand *e = &self->errands[i];
        if (e->state != ERRAND_PENDING)
            continue;
        e->node = place_of(b, e);
        if (e->node == MR_REDIS_NODE_NONE || !use_node(b, node_at(self, e->node))) {
            e->state = ERRAND_FAILED;
            continue;
        }
        mr_redis_node *node = node_at(self, e->node);
        put_errand(b, e, mr_redis_connection_commands(node->connection));
    }
    const uint32_t count = self->cluster != NULL ? self->cluster->node_count : 1;
    for (uint32_t i = 0; i < count; i++) {
        mr_redis_node *node = node_at(self, (uint16_t)i);
        if (node->is_used)
            b->no_memory |=
                mr_redis_node_flush(node, &self->access, &b->budget) == MR_ERR_NO_MEMORY;
    }
}

/* ---- Reading ---- */

static void doubt_map(batch *b)
{
    if (b->self->cluster != NULL)
        mr_redis_cluster_doubt(b->self->cluster);
}

static errand_state redirect(batch *b, errand *e, bool has_moved)
{
    redis_cache *self = b->self;
    const uint16_t node = mr_redis_cluster_redirected(
        self->cluster, e->node, mr_redis_reply_text(&self->access.reply, 0), has_moved);
    if (node == MR_REDIS_NODE_NONE)
        return ERRAND_FAILED;
    if (has_moved)
        mr_redis_cluster_doubt(self->cluster);
    e->node = node;
    e->redirected = true;
    e->asking = !has_moved;
    return ERRAND_PENDING;
}

/* The server answered with an error. */
static errand_state take_error(batch *b, errand *e)
{
    redis_cache *self = b->self;
    const bool is_cluster = self->cluster != NULL;
    const mr_redis_complaint *complaint = mr_redis_access_complaint(&self->access);
    switch (complaint->action) {
    case MR_REDIS_SKIP:
        mr_cache_count(&self->cache.counters.errors, 1);
        return ERRAND_REFUSED;
    case MR_REDIS_SEND_WHOLE:
        if (b->entries == NULL || e->whole)
            break;
        e->whole = true;
        return ERRAND_PENDING;
    case MR_REDIS_FOLLOW:
    case MR_REDIS_FOLLOW_ONCE:
        if (!is_cluster)
            break;
        return redirect(b, e, complaint->action == MR_REDIS_FOLLOW);
    case MR_REDIS_SPLIT:
        if (!is_cluster)
            break;
        split(b, e);
        return ERRAND_PENDING;
    case MR_REDIS_REMAP:
        if (!is_cluster)
            break;
        mr_cache_count(&self->cache.counters.errors, 1);
        doubt_map(b);
        return ERRAND_FAILED;
    case MR_REDIS_RECONNECT:
    case MR_REDIS_RESOLVE:
    case MR_REDIS_STOP: break;
    }
    doubt_map(b);
    mr_redis_node_refuse(node_at(self, e->node), &self->access, complaint);
    return ERRAND_FAILED;
}

/* No answer to what was asked: nobody can say what the following ones are answers to. */
static errand_state take_nonsense(batch *b, const errand *e)
{
    mr_redis_node_fail(node_at(b->self, e->node), &b->self->access, &b->budget,
                       MR_ERR_CORRUPT);
    return ERRAND_FAILED;
}

/* MGET's array: as many strings or nils as there were keys. */
static errand_state take_values(batch *b, const errand *e)
{
    const mr_redis_reply *reply = &b->self->access.reply;
    if (!mr_redis_reply_is(reply, 0, MR_REDIS_ARRAY) ||
        reply->items[0].number != e->count)
        return take_nonsense(b, e);
    for (size_t i = 1; i <= e->count; i++) {
        const mr_redis_item *item = &reply->items[i];
        if (item->type != MR_REDIS_STRING && item->type != MR_REDIS_NIL)
            return take_nonsense(b, e);
    }
    for (size_t i = 0; i < e->count; i++) {
        const mr_redis_item *item = &reply->items[1 + i];
        b->spans[e->first + i] = (mr_cache_span){(size_t)item->number, item->length};
    }
    return ERRAND_DONE;
}

static errand_state take_number(batch *b, const errand *e)
{
    redis_cache *self = b->self;
    mr_cache_counters *counters = &self->cache.counters;
    const mr_redis_reply *reply = &self->access.reply;
    if (!mr_redis_reply_is(reply, 0, MR_REDIS_INTEGER))
        return take_nonsense(b, e);
    if (b->entries == NULL)
        mr_cache_count(&counters->deletes, e->count);
    else
        mr_cache_count(reply->items[0].number == 1 ? &counters->sets : &counters->fenced,
                       1);
    return ERRAND_DONE;
}

static mr_status read_reply(batch *b, const errand *e, mr_redis_node *node)
{
    mr_redis_access *access = &b->self->access;
    if (b->command != MR_REDIS_MGET)
        return mr_redis_node_read_small(node, access, &b->budget);
    mr_redis_reply_begin(&access->reply, b->storage, 1 + (size_t)e->count,
                         MR_CACHE_VALUE_BYTES_MAX);
    return mr_redis_node_read(node, access, &b->budget, UNREAD_BYTES_MAX);
}

static errand_state receive(batch *b, errand *e)
{
    mr_redis_access *access = &b->self->access;
    mr_redis_node *node = node_at(b->self, e->node);
    mr_status status = MR_ERR_UNAVAILABLE;
    if (node->connection != NULL && e->asking)
        status = mr_redis_node_read_small(node, access, &b->budget); /* ASKING's own */
    else if (node->connection != NULL)
        status = MR_OK;
    if (status == MR_OK)
        status = read_reply(b, e, node);
    if (status != MR_OK) {
        b->no_memory |= status == MR_ERR_NO_MEMORY;
        doubt_map(b);
        return ERRAND_FAILED;
    }
    if (mr_redis_reply_is(&access->reply, 0, MR_REDIS_ERROR))
        return take_error(b, e);
    const errand_state state =
        b->command == MR_REDIS_MGET ? take_values(b, e) : take_number(b, e);
    if (state == ERRAND_DONE)
        mr_redis_breaker_close(&node->breaker);
    return state;
}

/* Send what is pending to all nodes, then read from all.  Whether there is more to do. */
static bool run_round(batch *b)
{
    redis_cache *self = b->self;
    const size_t count = b->errand_count; /* keys taken apart wait for the next round */
    send_pending(b);
    bool is_pending = false;
    for (size_t i = 0; i < count; i++) {
        errand *e = &self->errands[i];
        if (e->state != ERRAND_PENDING)
            continue;
        e->state = receive(b, e);
        is_pending |= e->state == ERRAND_PENDING;
    }
    const uint32_t nodes = self->cluster != NULL ? self->cluster->node_count : 1;
    for (uint32_t i = 0; i < nodes; i++)
        node_at(self, (uint16_t)i)->is_used = false;
    return is_pending;
}

/* ---- A whole batch ---- */

static void note_outage(redis_cache *self)
{
    if (atomic_load_explicit(&self->cache.down_since_ms, memory_order_relaxed) == 0)
        atomic_store_explicit(&self->cache.down_since_ms,
                              mr_clock_wall_ms(self->access.clock), memory_order_relaxed);
}

static void note_health(redis_cache *self)
{
    mr_cache_set_error(&self->cache, NULL);
    const bool was_down =
        atomic_load_explicit(&self->cache.down_since_ms, memory_order_relaxed) != 0;
    if (self->cluster != NULL) {
        mr_redis_cluster_trust(self->cluster);
        if (was_down && !mr_redis_cluster_is_whole(self->cluster))
            return;
    }
    atomic_store_explicit(&self->cache.down_since_ms, 0, memory_order_relaxed);
}

static mr_status settle(batch *b)
{
    bool has_failed = false;
    bool was_refused = false;
    for (size_t i = 0; i < b->errand_count; i++) {
        const uint8_t state = b->self->errands[i].state;
        has_failed |= state == ERRAND_FAILED || state == ERRAND_PENDING;
        was_refused |= state == ERRAND_REFUSED;
    }
    if (b->no_memory)
        return MR_ERR_NO_MEMORY;
    if (b->was_rejected)
        mr_cache_count(&b->self->cache.counters.rejected, 1);
    if (has_failed)
        note_outage(b->self);
    else if (!was_refused)
        note_health(b->self);
    return has_failed || was_refused ? MR_ERR_UNAVAILABLE : MR_OK;
}

static mr_status run(batch *b, size_t n, int64_t timeout_ms)
{
    redis_cache *self = b->self;
    b->budget = mr_redis_budget_of(self->access.clock, timeout_ms);
    cut(b, n);
    if (self->cluster != NULL)
        mr_redis_cluster_renew(self->cluster, &self->access, &b->budget);
    for (int round = 0; round < ROUNDS_MAX && run_round(b); round++)
        ;
    return settle(b);
}

static mr_status redis_get_many(mr_cache *cache, const mr_text *keys, size_t n,
                                int64_t timeout_ms, mr_buffer *storage,
                                mr_text *ret_values)
{
    mr_cache_span spans[MR_CACHE_BATCH_MAX];
    batch b = {.self = self_of(cache),
               .command = MR_REDIS_MGET,
               .keys = keys,
               .storage = storage,
               .spans = spans};
    for (size_t i = 0; i < n; i++)
        spans[i] = (mr_cache_span){.offset = NOT_ANSWERED};
    const mr_status status = run(&b, n, timeout_ms);
    if (status != MR_OK && status != MR_ERR_UNAVAILABLE)
        return status;
    uint64_t hits = 0;
    uint64_t answered = 0;
    for (size_t i = 0; i < n; i++) {
        if (spans[i].offset == NOT_ANSWERED)
            continue;
        ret_values[i] = mr_cache_span_text(storage, spans[i]);
        answered++;
        hits += spans[i].length > 0;
    }
    mr_cache_count(&cache->counters.hits, hits);
    mr_cache_count(&cache->counters.misses, answered - hits);
    return status;
}

static mr_status redis_set_many(mr_cache *cache, const mr_cache_entry *entries, size_t n,
                                int64_t timeout_ms)
{
    batch b = {.self = self_of(cache), .command = MR_REDIS_EVALSHA, .entries = entries};
    return run(&b, n, timeout_ms);
}

static mr_status redis_delete_many(mr_cache *cache, const mr_text *keys, size_t n,
                                   int64_t timeout_ms)
{
    batch b = {.self = self_of(cache), .command = MR_REDIS_UNLINK, .keys = keys};
    return run(&b, n, timeout_ms);
}

/* ---- Life ---- */

static void redis_destroy(mr_cache *cache)
{
    redis_cache *self = self_of(cache);
    mr_redis_node_disconnect(&self->single);
    mr_redis_cluster_destroy(self->cluster);
    mr_redis_access_deinit(&self->access);
    free(self);
}

static const mr_cache_driver redis_driver = {
    .get_many = redis_get_many,
    .set_many = redis_set_many,
    .delete_many = redis_delete_many,
    .destroy = redis_destroy,
};

static mr_status take_password(mr_redis_login *login, const char *password,
                               mr_error *ret_error)
{
    if (password != NULL && snprintf(login->password, sizeof(login->password), "%s",
                                     password) >= (int)sizeof(login->password))
        return mr_error_set(ret_error, MR_ERR_INVALID, "the Redis password is too long");
    return MR_OK;
}

static mr_status set_up(redis_cache *self, const mr_cache_redis_options *options,
                        mr_error *ret_error)
{
    mr_redis_access *access = &self->access;
    MR_TRY(mr_redis_url_parse(options->url, &access->url, ret_error));
    MR_TRY(take_password(&access->url.login, options->password, ret_error));
    if (access->url.tls)
        MR_TRY(mr_redis_tls_create(options->ca_file, options->certificate_file,
                                   options->key_file, &access->tls, ret_error));
    MR_TRY(mr_redis_resolver_create(&access->resolver));
    if (access->url.kind == MR_REDIS_CLUSTER)
        MR_TRY(mr_redis_cluster_create(&access->url, &self->cluster));
    else
        self->single.address = access->url.hosts[0];
    return mr_redis_script_sha(self->script_sha);
}

mr_status mr_cache_redis_create(const mr_cache_redis_options *options,
                                mr_cache **ret_cache, mr_error *ret_error)
{
    redis_cache *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return MR_ERR_NO_MEMORY;
    self->cache.driver = &redis_driver;
    self->access.cache = &self->cache;
    self->access.clock = options->clock;
    self->access.connect_timeout_ms = options->connect_timeout_ms > 0
                                          ? options->connect_timeout_ms
                                          : CONNECT_TIMEOUT_MS;
    self->access.random =
        ((uint64_t)mr_clock_monotonic_ns(options->clock) ^ (uintptr_t)self) | 1;
    mr_sigpipe_ignore();
    const mr_status status = set_up(self, options, ret_error);
    if (status != MR_OK) {
        redis_destroy(&self->cache);
        return status;
    }
    *ret_cache = &self->cache;
    return MR_OK;
}
