#include "serving/redis_connection.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <hiredis/sds.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    READ_BYTES = 1 << 16,
    DEPTH_MAX = 4,               /* of arrays in arrays: CLUSTER SLOTS has three */
    ELEMENTS_MAX = 1 << 14,      /* of one array: CLUSTER SLOTS of one slot each  */
    UNREAD_KEPT_MAX = 1 << 18,   /* a larger buffer is given back when it is empty */
    COMMANDS_KEPT_MAX = 1 << 18, /* a larger buffer is given back                 */
};

#define NS_PER_MS INT64_C(1000000)

struct mr_redis_connection {
    redisContext *context;
    mr_buffer commands;
    bool just_sent; /* nothing has been read since: an answer cannot be there yet */
};

/* ---- The budget ---- */

mr_redis_budget mr_redis_budget_of(const mr_clock *clock, int64_t timeout_ms)
{
    return (mr_redis_budget){.clock = clock,
                             .deadline_ns =
                                 mr_clock_monotonic_ns(clock) + timeout_ms * NS_PER_MS};
}

int64_t mr_redis_budget_left_ms(const mr_redis_budget *budget)
{
    const int64_t left_ns = budget->deadline_ns - mr_clock_monotonic_ns(budget->clock);
    return left_ns > 0 ? (left_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

/* ---- The parser's callbacks: each returns the reply, or NULL to refuse ---- */

static bool is_too_deep(const redisReadTask *task)
{
    int depth = 0;
    for (const redisReadTask *parent = task->parent; parent != NULL;
         parent = parent->parent)
        depth++;
    return depth >= DEPTH_MAX;
}

static void *put(const redisReadTask *task, mr_redis_item item)
{
    mr_redis_reply *reply = task->privdata;
    return mr_redis_reply_put(reply, item) ? reply : NULL;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t length)
{
    mr_redis_reply *reply = task->privdata;
    mr_redis_item item = {.number = (int64_t)reply->text->length};
    switch (task->type) {
    case REDIS_REPLY_STRING: item.type = MR_REDIS_STRING; break;
    case REDIS_REPLY_STATUS: item.type = MR_REDIS_STATUS; break;
    case REDIS_REPLY_ERROR: item.type = MR_REDIS_ERROR; break;
    default: return NULL; /* RESP3, which we never ask for */
    }
    if (length <= reply->text_bytes_max) {
        item.length = (uint32_t)length;
        mr_buffer_put(reply->text, bytes, length);
    }
    reply->out_of_memory |= reply->text->failed;
    return put(task, item);
}

static void *create_array(const redisReadTask *task, size_t elements)
{
    if (task->type != REDIS_REPLY_ARRAY || is_too_deep(task))
        return NULL;
    return put(task,
               (mr_redis_item){.number = (int64_t)elements, .type = MR_REDIS_ARRAY});
}

static void *create_integer(const redisReadTask *task, long long number)
{
    return put(task, (mr_redis_item){.number = number, .type = MR_REDIS_INTEGER});
}

static void *create_nil(const redisReadTask *task)
{
    return put(task, (mr_redis_item){.type = MR_REDIS_NIL});
}

static void *refuse_double(const redisReadTask *task, double number, char *bytes,
                           size_t length)
{
    (void)task;
    (void)number;
    (void)bytes;
    (void)length;
    return NULL;
}

static void *refuse_bool(const redisReadTask *task, int value)
{
    (void)task;
    (void)value;
    return NULL;
}

static void keep_object(void *object)
{
    (void)object;
}

static redisReplyObjectFunctions callbacks = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createDouble = refuse_double,
    .createNil = create_nil,
    .createBool = refuse_bool,
    .freeObject = keep_object,
};

/* ---- Opening ---- */

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static redisContext *open_socket(const mr_redis_address *address, int64_t timeout_ms)
{
    const struct timeval timeout = timeval_of(timeout_ms);
    redisOptions options = {0};
    if (address->is_unix)
        REDIS_OPTIONS_SET_UNIX(&options, address->host);
    else
        REDIS_OPTIONS_SET_TCP(&options, address->host, address->port);
    options.connect_timeout = &timeout;
    options.command_timeout = &timeout; /* of the TLS handshake, which blocks */
    return redisConnectWithOptions(&options);
}

static mr_status start_tls(redisContext *context, const mr_redis_tls *tls,
                           const char *host)
{
    SSL *ssl = mr_redis_tls_session(tls, host);
    if (ssl == NULL)
        return MR_ERR_NO_MEMORY;
    /* Takes the session when it succeeds. */
    if (redisInitiateSSL(context, ssl) == REDIS_OK)
        return MR_OK;
    SSL_free(ssl);
    return MR_ERR_UNAVAILABLE;
}

/* From here on we wait by poll() and a deadline of our own. */
static mr_status make_non_blocking(redisContext *context)
{
    context->flags &= ~REDIS_BLOCK;
    const int flags = fcntl(context->fd, F_GETFL);
    return flags >= 0 && fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) == 0
               ? MR_OK
               : MR_ERR_UNAVAILABLE;
}

/* Takes `context`, whatever comes of it. */
static mr_status make_connection(redisContext *context,
                                 mr_redis_connection **ret_connection)
{
    mr_redis_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        redisFree(context);
        return MR_ERR_NO_MEMORY;
    }
    context->reader->maxelements = ELEMENTS_MAX;
    context->reader->maxbuf = UNREAD_KEPT_MAX;
    context->reader->fn = &callbacks;
    connection->context = context;
    *ret_connection = connection;
    return MR_OK;
}

mr_status mr_redis_connection_create(const mr_redis_address *address,
                                     const mr_redis_tls *tls, const char *name,
                                     int64_t connect_timeout_ms,
                                     const mr_redis_budget *budget,
                                     mr_redis_connection **ret_connection)
{
    const int64_t left_ms = mr_redis_budget_left_ms(budget);
    if (left_ms == 0)
        return MR_ERR_UNAVAILABLE;
    redisContext *context =
        open_socket(address, left_ms < connect_timeout_ms ? left_ms : connect_timeout_ms);
    if (context == NULL)
        return MR_ERR_NO_MEMORY;
    mr_status status = context->err == 0 ? MR_OK : MR_ERR_UNAVAILABLE;
    if (status == MR_OK && tls != NULL)
        status = start_tls(context, tls, name);
    if (status == MR_OK)
        status = make_non_blocking(context);
    if (status != MR_OK) {
        redisFree(context);
        return status;
    }
    return make_connection(context, ret_connection);
}

mr_status mr_redis_connection_adopt(int socket, mr_redis_connection **ret_connection)
{
    redisContext *context = redisConnectFd(socket);
    if (context == NULL)
        return MR_ERR_NO_MEMORY;
    const mr_status status = make_non_blocking(context);
    if (status != MR_OK) {
        (void)redisFreeKeepFd(context);
        return status;
    }
    return make_connection(context, ret_connection);
}

void mr_redis_connection_destroy(mr_redis_connection *connection)
{
    if (connection == NULL)
        return;
    redisFree(connection->context);
    mr_buffer_deinit(&connection->commands);
    free(connection);
}

/* ---- Writing and reading, by a deadline ---- */

/* Wait for the socket.  False at the deadline, and when it cannot be waited for. */
static bool wait_for(const mr_redis_connection *connection, short events,
                     const mr_redis_budget *budget)
{
    for (;;) {
        const int64_t left_ms = mr_redis_budget_left_ms(budget);
        if (left_ms == 0)
            return false;
        struct pollfd descriptor = {.fd = connection->context->fd, .events = events};
        const int ready = poll(&descriptor, 1, (int)left_ms);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

mr_buffer *mr_redis_connection_commands(mr_redis_connection *connection)
{
    return &connection->commands;
}

mr_status mr_redis_connection_flush(mr_redis_connection *connection,
                                    const mr_redis_budget *budget)
{
    mr_buffer *commands = &connection->commands;
    MR_TRY(mr_buffer_status(commands));
    if (redisAppendFormattedCommand(connection->context, (const char *)commands->bytes,
                                    commands->length) != REDIS_OK)
        return MR_ERR_NO_MEMORY;
    if (commands->capacity > COMMANDS_KEPT_MAX)
        mr_buffer_deinit(commands);
    else
        mr_buffer_clear(commands);
    for (;;) {
        int done = 0;
        if (redisBufferWrite(connection->context, &done) != REDIS_OK)
            return MR_ERR_UNAVAILABLE;
        if (done) {
            connection->just_sent = true;
            return MR_OK;
        }
        if (!wait_for(connection, POLLOUT, budget))
            return MR_ERR_UNAVAILABLE;
    }
}

/* Read what has arrived into the parser; how much that was. */
static mr_status feed(redisContext *context, size_t unread_bytes_max, size_t *ret_bytes)
{
    char bytes[READ_BYTES];
    const size_t unread = context->reader->len - context->reader->pos;
    if (unread > unread_bytes_max)
        return MR_ERR_CORRUPT;
    size_t room = unread_bytes_max - unread + 1;
    if (room > sizeof(bytes))
        room = sizeof(bytes);
    const ssize_t got = context->funcs->read(context, bytes, room);
    if (got < 0)
        return MR_ERR_UNAVAILABLE;
    if (got > 0 && redisReaderFeed(context->reader, bytes, (size_t)got) != REDIS_OK)
        return MR_ERR_NO_MEMORY;
    *ret_bytes = (size_t)got;
    return MR_OK;
}

mr_status mr_redis_connection_read(mr_redis_connection *connection,
                                   const mr_redis_budget *budget, size_t unread_bytes_max,
                                   mr_redis_reply *reply)
{
    redisContext *context = connection->context;
    context->reader->privdata = reply;
    for (;;) {
        void *whole = NULL;
        if (redisGetReplyFromReader(context, &whole) != REDIS_OK)
            return reply->out_of_memory ? MR_ERR_NO_MEMORY : MR_ERR_CORRUPT;
        if (reply->out_of_memory)
            return MR_ERR_NO_MEMORY;
        if (whole != NULL)
            return MR_OK;
        if (connection
                ->just_sent) /* saves a read in vain; what came is read even if late */
            (void)wait_for(connection, POLLIN, budget);
        connection->just_sent = false;
        size_t got = 0;
        MR_TRY(feed(context, unread_bytes_max, &got));
        if (got == 0 && !wait_for(connection, POLLIN, budget))
            return MR_ERR_UNAVAILABLE;
    }
}

bool mr_redis_connection_is_quiet(const mr_redis_connection *connection)
{
    const redisContext *context = connection->context;
    struct pollfd descriptor = {.fd = context->fd, .events = POLLIN};
    return context->reader->len == context->reader->pos && poll(&descriptor, 1, 0) == 0;
}

size_t mr_redis_connection_bytes(const mr_redis_connection *connection)
{
    const redisContext *context = connection->context;
    const redisReader *reader = context->reader;
    return sizeof(*connection) + sizeof(*context) + sizeof(*reader) +
           (reader->buf != NULL ? sdsalloc(reader->buf) : 0) +
           (context->obuf != NULL ? sdsalloc(context->obuf) : 0) +
           (size_t)reader->tasks * (sizeof(redisReadTask) + sizeof(redisReadTask *)) +
           connection->commands.capacity;
}
