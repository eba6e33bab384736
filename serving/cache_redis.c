#include "serving/cache_redis.h"

#include "core/assert.h"
#include "serving/cache_driver.h"
#include "serving/redis_url.h"
#include "serving/sigpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 100,
    PROBE_FIRST_MS = 50,
    PROBE_LAST_MS = 2000,
    SHA1_HEX_BYTES = 40,
    TTL_TEXT_BYTES = 24,
    SETUP_REPLIES_MAX = 2, /* AUTH and SELECT */
    REPLY_SLACK_BYTES = 1 << 16,
    ERROR_WORD_BYTES = 24,
};

#define NS_PER_MS INT64_C(1000000)

/*
 * Refuse a value whose fence is smaller than the stored one's.
 *
 * Byte by byte, because Lua's own `<` on strings is strcoll(), whose order depends on the
 * server's locale.  pcall, so that a foreign value of another type is replaced.
 */
static const char fenced_set_script[] =
    "local old = redis.pcall('GETRANGE', KEYS[1], 0, 15)\n"
    "if type(old) == 'string' and #old == 16 then\n"
    "  for i = 1, 16 do\n"
    "    local a, b = string.byte(ARGV[1], i), string.byte(old, i)\n"
    "    if a < b then return 0 end\n"
    "    if a > b then break end\n"
    "  end\n"
    "end\n"
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
    "return 1\n";

typedef struct redis_cache {
    mr_cache cache;
    mr_redis_url url;
    SSL_CTX *tls;          /* NULL without TLS */
    redisContext *context; /* NULL while not connected */
    const mr_clock *clock;
    int64_t connect_timeout_ms;
    int64_t probe_at_ns; /* nothing is tried before; 0: the breaker is closed */
    int64_t probe_delay_ms;
    int64_t deadline_ns;    /* of the batch being done */
    size_t reply_bytes_max; /* of the batch being done */
    uint64_t random;
    char script_sha[SHA1_HEX_BYTES + 1];
    char last_error[ERROR_WORD_BYTES];
} redis_cache;

static redis_cache *self_of(mr_cache *cache)
{
    return (redis_cache *)cache;
}

/* ---- The breaker ---- */

static void disconnect(redis_cache *self)
{
    if (self->context != NULL)
        redisFree(self->context);
    self->context = NULL;
}

/* xorshift64 [Marsaglia 2003]: only to spread reconnects. */
static int64_t random_below(redis_cache *self, int64_t bound)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (int64_t)(self->random % (uint64_t)bound);
}

/* The connection is of no use any more: drop it and leave the server alone for a while. */
static mr_status trip(redis_cache *self, _Atomic uint64_t *counter)
{
    disconnect(self);
    mr_cache_count(counter, 1);
    self->probe_delay_ms =
        self->probe_delay_ms == 0 ? PROBE_FIRST_MS : self->probe_delay_ms * 2;
    if (self->probe_delay_ms > PROBE_LAST_MS)
        self->probe_delay_ms = PROBE_LAST_MS;
    const int64_t delay_ms =
        self->probe_delay_ms - random_below(self, self->probe_delay_ms / 4);
    self->probe_at_ns = mr_clock_monotonic_ns(self->clock) + delay_ms * NS_PER_MS;
    if (atomic_load_explicit(&self->cache.down_since_ms, memory_order_relaxed) == 0)
        atomic_store_explicit(&self->cache.down_since_ms, mr_clock_wall_ms(self->clock),
                              memory_order_relaxed);
    return MR_ERR_UNAVAILABLE;
}

static mr_status trip_broken(redis_cache *self)
{
    return trip(self, &self->cache.counters.errors);
}

static mr_status trip_late(redis_cache *self)
{
    return trip(self, &self->cache.counters.timeouts);
}

static void close_breaker(redis_cache *self)
{
    self->probe_at_ns = 0;
    self->probe_delay_ms = 0;
    atomic_store_explicit(&self->cache.down_since_ms, 0, memory_order_relaxed);
}

/* ---- What the server says in the way of errors ---- */

typedef enum complaint {
    COMPLAINT_DROP,    /* this connection or server will not do: try again later        */
    COMPLAINT_REFUSED, /* this command was refused, the next may pass: keep the connection */
    COMPLAINT_SCRIPT, /* the script is not loaded: send it whole                        */
    COMPLAINT_KEY,    /* a foreign value under our key: as absent                       */
} complaint;

static complaint complaint_of(redis_cache *self, const redisReply *reply)
{
    static const struct {
        const char *word;
        complaint complaint;
    } table[] = {
        {"OOM", COMPLAINT_REFUSED},        {"MISCONF", COMPLAINT_REFUSED},
        {"NOREPLICAS", COMPLAINT_REFUSED}, {"NOSCRIPT", COMPLAINT_SCRIPT},
        {"WRONGTYPE", COMPLAINT_KEY},
        /* LOADING, READONLY, MOVED, ASK, TRYAGAIN, CLUSTERDOWN, MASTERDOWN, BUSY, NOAUTH,
         * WRONGPASS, NOPERM, "ERR max number of clients", and what we have never heard of:
         * the same connection will not do better. */
    };
    const size_t word_length = strcspn(reply->str, " \r\n");
    (void)snprintf(self->last_error, sizeof(self->last_error), "%.*s", (int)word_length,
                   reply->str);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(self->last_error, table[i].word) == 0)
            return table[i].complaint;
    }
    return COMPLAINT_DROP;
}

/* ---- One batch: write all, read all, by a deadline ---- */

static void start_budget(redis_cache *self, int64_t timeout_ms)
{
    self->deadline_ns = mr_clock_monotonic_ns(self->clock) + timeout_ms * NS_PER_MS;
}

static int64_t budget_left_ms(const redis_cache *self)
{
    const int64_t left_ns = self->deadline_ns - mr_clock_monotonic_ns(self->clock);
    return left_ns > 0 ? (left_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

/* Wait for the socket.  False at the deadline. */
static bool wait_for(redis_cache *self, short events)
{
    for (;;) {
        const int64_t left_ms = budget_left_ms(self);
        if (left_ms == 0)
            return false;
        struct pollfd descriptor = {.fd = self->context->fd, .events = events};
        const int ready = poll(&descriptor, 1, (int)left_ms);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

static mr_status flush(redis_cache *self)
{
    for (;;) {
        int done = 0;
        if (redisBufferWrite(self->context, &done) != REDIS_OK)
            return trip_broken(self);
        if (done)
            return MR_OK;
        if (!wait_for(self, POLLOUT))
            return trip_late(self);
    }
}

/* The next reply, to be freed by the caller.  On failure the breaker is open. */
static mr_status read_reply(redis_cache *self, redisReply **ret_reply)
{
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(self->context, &reply) != REDIS_OK)
            return trip_broken(self);
        if (reply != NULL) {
            *ret_reply = reply;
            return MR_OK;
        }
        if (self->context->reader->len > self->reply_bytes_max)
            return trip_broken(self);
        const size_t had = self->context->reader->len;
        if (redisBufferRead(self->context) != REDIS_OK)
            return trip_broken(self);
        if (self->context->reader->len == had && !wait_for(self, POLLIN))
            return trip_late(self);
    }
}

/* ---- Connecting ---- */

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static redisContext *open_socket(redis_cache *self)
{
    const int64_t left_ms = budget_left_ms(self);
    const struct timeval timeout = timeval_of(
        left_ms < self->connect_timeout_ms ? left_ms : self->connect_timeout_ms);
    redisOptions options = {0};
    if (self->url.is_unix)
        REDIS_OPTIONS_SET_UNIX(&options, self->url.host);
    else
        REDIS_OPTIONS_SET_TCP(&options, self->url.host, self->url.port);
    options.connect_timeout = &timeout;
    options.command_timeout = &timeout; /* of the TLS handshake, which blocks */
    return redisConnectWithOptions(&options);
}

/* From here on we wait by poll() and a deadline of our own. */
static bool make_non_blocking(redisContext *context)
{
    context->flags &= ~REDIS_BLOCK;
    const int flags = fcntl(context->fd, F_GETFL);
    return flags >= 0 && fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* AUTH and SELECT, as far as the URL asks for them. */
static mr_status log_in(redis_cache *self)
{
    const mr_redis_url *url = &self->url;
    int replies = 0;
    int appended = REDIS_OK;
    if (url->password[0] != '\0' && url->user[0] != '\0')
        appended |=
            redisAppendCommand(self->context, "AUTH %s %s", url->user, url->password);
    else if (url->password[0] != '\0')
        appended |= redisAppendCommand(self->context, "AUTH %s", url->password);
    replies += url->password[0] != '\0';
    if (url->database != 0)
        appended |= redisAppendCommand(self->context, "SELECT %d", url->database);
    replies += url->database != 0;
    MR_ASSERT(replies <= SETUP_REPLIES_MAX);
    if (appended != REDIS_OK)
        return trip_broken(self);
    if (replies == 0)
        return MR_OK;
    MR_TRY(flush(self));
    bool good = true;
    for (int i = 0; i < replies; i++) {
        redisReply *reply;
        MR_TRY(read_reply(self, &reply));
        if (reply->type == REDIS_REPLY_ERROR) {
            (void)complaint_of(self, reply);
            good = false;
        }
        freeReplyObject(reply);
    }
    return good ? MR_OK : trip_broken(self);
}

/*
 * The handshake, with a certificate that is good for the very host we asked for: hiredis's own
 * context checks who signed it and not whom it names.
 */
static bool start_tls(redis_cache *self)
{
    const char *host = self->url.host;
    SSL *ssl = SSL_new(self->tls);
    if (ssl == NULL)
        return false;
    const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    if (!is_address &&
        (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)) {
        SSL_free(ssl);
        return false;
    }
    /* Takes `ssl` when it succeeds. */
    if (redisInitiateSSL(self->context, ssl) == REDIS_OK)
        return true;
    SSL_free(ssl);
    return false;
}

static mr_status connect_to_server(redis_cache *self)
{
    mr_cache_count(&self->cache.counters.connects, 1);
    self->context = open_socket(self);
    if (self->context == NULL || self->context->err != 0)
        return trip_broken(self);
    if (self->tls != NULL && !start_tls(self))
        return trip_broken(self);
    if (!make_non_blocking(self->context))
        return trip_broken(self);
    self->context->reader->maxelements = MR_CACHE_BATCH_MAX;
    return log_in(self);
}

/*
 * Something to read before anything was asked: the server has closed the idle connection, or
 * sent bytes of which nobody can say whose answer they are.
 */
static bool has_stray_bytes(redisContext *context)
{
    struct pollfd descriptor = {.fd = context->fd, .events = POLLIN};
    return context->reader->len > context->reader->pos || poll(&descriptor, 1, 0) != 0;
}

/* A connection ready for a batch of up to `reply_bytes` of replies, or UNAVAILABLE. */
static mr_status begin_batch(redis_cache *self, int64_t timeout_ms, size_t reply_bytes)
{
    start_budget(self, timeout_ms);
    self->reply_bytes_max = reply_bytes + REPLY_SLACK_BYTES;
    if (self->probe_at_ns != 0 &&
        mr_clock_monotonic_ns(self->clock) < self->probe_at_ns) {
        mr_cache_count(&self->cache.counters.rejected, 1);
        return MR_ERR_UNAVAILABLE;
    }
    self->last_error[0] = '\0';
    if (self->context != NULL && has_stray_bytes(self->context))
        disconnect(self);
    return self->context != NULL ? MR_OK : connect_to_server(self);
}

/* Commands that do not fit in memory leave half a pipeline: drop the connection. */
static mr_status append_failed(redis_cache *self)
{
    disconnect(self);
    return MR_ERR_NO_MEMORY;
}

/* ---- Reading ---- */

/* "{…}" of a key: keys that share it live on one server, and may share an MGET. */
static mr_text hash_tag(mr_text key)
{
    const char *open = memchr(key.bytes, '{', key.length);
    const char *close =
        open == NULL ? NULL : memchr(open, '}', (size_t)(key.bytes + key.length - open));
    return close == NULL ? key : (mr_text){open, (uint32_t)(close - open)};
}

/* How many keys from the first on share its tag. */
static size_t run_length(const mr_text *keys, size_t n)
{
    size_t length = 1;
    while (length < n && mr_text_equal(hash_tag(keys[0]), hash_tag(keys[length])))
        length++;
    return length;
}

/* `command` with up to MR_CACHE_BATCH_MAX keys. */
static int append_with_keys(redis_cache *self, const char *command, const mr_text *keys,
                            size_t n)
{
    const char *arguments[1 + MR_CACHE_BATCH_MAX];
    size_t lengths[1 + MR_CACHE_BATCH_MAX];
    arguments[0] = command;
    lengths[0] = strlen(command);
    for (size_t i = 0; i < n; i++) {
        arguments[1 + i] = keys[i].bytes;
        lengths[1 + i] = keys[i].length;
    }
    return redisAppendCommandArgv(self->context, (int)(1 + n), arguments, lengths);
}

/* Every run of keys as one command of the pipeline. */
static mr_status send_runs(redis_cache *self, const char *command, const mr_text *keys,
                           size_t n)
{
    for (size_t i = 0; i < n;) {
        const size_t run = run_length(&keys[i], n - i);
        if (append_with_keys(self, command, &keys[i], run) != REDIS_OK)
            return append_failed(self);
        i += run;
    }
    return flush(self);
}

/* Copy the strings of an MGET's answer.  False when it is not an answer to `n` keys. */
static bool take_values(const redisReply *reply, size_t n, mr_buffer *storage,
                        mr_cache_span *ret_spans)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const redisReply *value = reply->element[i];
        ret_spans[i] = (mr_cache_span){.offset = storage->length};
        if (value->type == REDIS_REPLY_STRING && value->len <= MR_CACHE_VALUE_BYTES_MAX) {
            ret_spans[i].length = (uint32_t)value->len;
            mr_buffer_put(storage, value->str, value->len);
        } else if (value->type != REDIS_REPLY_NIL && value->type != REDIS_REPLY_STRING) {
            return false;
        }
    }
    return true;
}

static mr_status receive_values(redis_cache *self, const mr_text *keys, size_t n,
                                mr_buffer *storage, mr_cache_span *ret_spans)
{
    for (size_t i = 0; i < n;) {
        const size_t run = run_length(&keys[i], n - i);
        redisReply *reply;
        MR_TRY(read_reply(self, &reply));
        if (reply->type == REDIS_REPLY_ERROR)
            (void)complaint_of(self, reply);
        const bool good = take_values(reply, run, storage, &ret_spans[i]);
        freeReplyObject(reply);
        if (!good)
            return trip_broken(self);
        i += run;
    }
    close_breaker(self);
    return MR_OK;
}

static mr_status redis_get_many(mr_cache *cache, const mr_text *keys, size_t n,
                                int64_t timeout_ms, mr_buffer *storage,
                                mr_text *ret_values)
{
    redis_cache *self = self_of(cache);
    mr_cache_span spans[MR_CACHE_BATCH_MAX];
    MR_TRY(begin_batch(self, timeout_ms, n * MR_CACHE_VALUE_BYTES_MAX));
    MR_TRY(send_runs(self, "MGET", keys, n));
    MR_TRY(receive_values(self, keys, n, storage, spans));
    MR_TRY(mr_buffer_status(storage));

    uint64_t hits = 0;
    for (size_t i = 0; i < n; i++) {
        ret_values[i] = mr_cache_span_text(storage, spans[i]);
        hits += spans[i].length > 0;
    }
    mr_cache_count(&cache->counters.hits, hits);
    mr_cache_count(&cache->counters.misses, n - hits);
    return MR_OK;
}

/* ---- Writing ---- */

static int append_fenced_set(redis_cache *self, const mr_cache_entry *entry, bool whole)
{
    char ttl[TTL_TEXT_BYTES];
    const int ttl_length = snprintf(ttl, sizeof(ttl), "%lld", (long long)entry->ttl_ms);
    const char *script = whole ? fenced_set_script : self->script_sha;
    const char *arguments[] = {whole ? "EVAL" : "EVALSHA", script, "1", entry->key.bytes,
                               entry->value.bytes,         ttl};
    const size_t lengths[] = {
        strlen(arguments[0]), strlen(script),      1,
        entry->key.length,    entry->value.length, (size_t)ttl_length};
    return redisAppendCommandArgv(self->context, 6, arguments, lengths);
}

/* What became of one entry. */
typedef enum written {
    WRITTEN_DONE,
    WRITTEN_REFUSED,
    WRITTEN_NO_SCRIPT,
    WRITTEN_BROKEN, /* the breaker is open, nothing more will be read */
} written;

static written receive_written(redis_cache *self)
{
    redisReply *reply;
    if (read_reply(self, &reply) != MR_OK)
        return WRITTEN_BROKEN;
    written result = WRITTEN_DONE;
    if (reply->type == REDIS_REPLY_INTEGER) {
        mr_cache_count(reply->integer == 1 ? &self->cache.counters.sets
                                           : &self->cache.counters.fenced,
                       1);
    } else {
        const complaint what =
            reply->type == REDIS_REPLY_ERROR ? complaint_of(self, reply) : COMPLAINT_DROP;
        if (what == COMPLAINT_SCRIPT) {
            result = WRITTEN_NO_SCRIPT;
        } else if (what == COMPLAINT_DROP) {
            result = WRITTEN_BROKEN;
            (void)trip_broken(self);
        } else {
            result = WRITTEN_REFUSED;
            mr_cache_count(&self->cache.counters.errors, 1);
        }
    }
    freeReplyObject(reply);
    return result;
}

/*
 * Send the entries that `pending` names and read their answers; those that met NOSCRIPT stay
 * pending.
 */
static mr_status set_round(redis_cache *self, const mr_cache_entry *entries, size_t n,
                           bool whole, bool *pending, size_t *ret_pending)
{
    for (size_t i = 0; i < n; i++) {
        if (pending[i] && append_fenced_set(self, &entries[i], whole) != REDIS_OK)
            return append_failed(self);
    }
    MR_TRY(flush(self));
    mr_status status = MR_OK;
    *ret_pending = 0;
    for (size_t i = 0; i < n; i++) {
        if (!pending[i])
            continue;
        const written result = receive_written(self);
        if (result == WRITTEN_BROKEN)
            return MR_ERR_UNAVAILABLE;
        if (result == WRITTEN_REFUSED)
            status = MR_ERR_UNAVAILABLE;
        pending[i] = result == WRITTEN_NO_SCRIPT;
        *ret_pending += pending[i];
    }
    close_breaker(self);
    return status;
}

static mr_status redis_set_many(mr_cache *cache, const mr_cache_entry *entries, size_t n,
                                int64_t timeout_ms)
{
    redis_cache *self = self_of(cache);
    bool pending[MR_CACHE_BATCH_MAX];
    size_t left = n;
    for (size_t i = 0; i < n; i++)
        pending[i] = true;
    MR_TRY(begin_batch(self, timeout_ms, 0));
    MR_TRY(set_round(self, entries, n, false, pending, &left));
    if (left > 0)
        MR_TRY(set_round(self, entries, n, true, pending, &left));
    return left == 0 ? MR_OK : MR_ERR_UNAVAILABLE;
}

static mr_status redis_delete_many(mr_cache *cache, const mr_text *keys, size_t n,
                                   int64_t timeout_ms)
{
    redis_cache *self = self_of(cache);
    MR_TRY(begin_batch(self, timeout_ms, 0));
    MR_TRY(send_runs(self, "UNLINK", keys, n));
    for (size_t i = 0; i < n; i += run_length(&keys[i], n - i)) {
        redisReply *reply;
        MR_TRY(read_reply(self, &reply));
        const bool good = reply->type == REDIS_REPLY_INTEGER;
        if (reply->type == REDIS_REPLY_ERROR)
            (void)complaint_of(self, reply);
        freeReplyObject(reply);
        if (!good)
            return trip_broken(self);
    }
    mr_cache_count(&cache->counters.deletes, n);
    close_breaker(self);
    return MR_OK;
}

/* ---- Life ---- */

static void redis_destroy(mr_cache *cache)
{
    redis_cache *self = self_of(cache);
    disconnect(self);
    SSL_CTX_free(self->tls);
    OPENSSL_cleanse(&self->url, sizeof(self->url));
    free(self);
}

static const mr_cache_driver redis_driver = {
    .get_many = redis_get_many,
    .set_many = redis_set_many,
    .delete_many = redis_delete_many,
    .destroy = redis_destroy,
};

static mr_status make_tls(redis_cache *self, const mr_cache_redis_options *options,
                          mr_error *ret_error)
{
    self->tls = SSL_CTX_new(TLS_client_method());
    if (self->tls == NULL ||
        SSL_CTX_set_min_proto_version(self->tls, TLS1_2_VERSION) != 1)
        return MR_ERR_NO_MEMORY;
    SSL_CTX_set_verify(self->tls, SSL_VERIFY_PEER, NULL);
    const int trusted = options->ca_file != NULL
                            ? SSL_CTX_load_verify_file(self->tls, options->ca_file)
                            : SSL_CTX_set_default_verify_paths(self->tls);
    if (trusted != 1)
        return mr_error_set(
            ret_error, MR_ERR_INVALID, "TLS to Redis: cannot load the CA %s",
            options->ca_file != NULL ? options->ca_file : "of the system");
    if (options->certificate_file == NULL)
        return MR_OK;
    if (options->key_file == NULL ||
        SSL_CTX_use_certificate_chain_file(self->tls, options->certificate_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(self->tls, options->key_file, SSL_FILETYPE_PEM) != 1)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "TLS to Redis: cannot load the certificate %s or its key",
                            options->certificate_file);
    return MR_OK;
}

static bool make_script_sha(redis_cache *self)
{
    uint8_t sha[SHA1_HEX_BYTES / 2];
    if (EVP_Digest(fenced_set_script, sizeof(fenced_set_script) - 1, sha, NULL,
                   EVP_sha1(), NULL) != 1)
        return false;
    for (size_t i = 0; i < sizeof(sha); i++)
        (void)snprintf(self->script_sha + 2 * i, 3, "%02x", sha[i]);
    return true;
}

mr_status mr_cache_redis_create(const mr_cache_redis_options *options,
                                mr_cache **ret_cache, mr_error *ret_error)
{
    redis_cache *self = calloc(1, sizeof(*self));
    if (self == NULL)
        return MR_ERR_NO_MEMORY;
    self->cache.driver = &redis_driver;
    self->clock = options->clock;
    self->connect_timeout_ms = options->connect_timeout_ms > 0
                                   ? options->connect_timeout_ms
                                   : CONNECT_TIMEOUT_MS;
    self->random = (uint64_t)mr_clock_monotonic_ns(options->clock) ^ (uintptr_t)self;
    self->random |= 1;
    mr_sigpipe_ignore();

    mr_status status = mr_redis_url_parse(options->url, &self->url, ret_error);
    if (status != MR_OK)
        goto fail;
    if (options->password != NULL &&
        snprintf(self->url.password, sizeof(self->url.password), "%s",
                 options->password) >= (int)sizeof(self->url.password)) {
        status =
            mr_error_set(ret_error, MR_ERR_INVALID, "the Redis password is too long");
        goto fail;
    }
    if (self->url.tls) {
        status = make_tls(self, options, ret_error);
        if (status != MR_OK)
            goto fail;
    }
    if (!make_script_sha(self)) {
        status = MR_ERR_NO_MEMORY;
        goto fail;
    }
    *ret_cache = &self->cache;
    return MR_OK;
fail:
    redis_destroy(&self->cache);
    return status;
}

const char *mr_cache_redis_last_error(const mr_cache *cache)
{
    return ((const redis_cache *)cache)->last_error;
}
