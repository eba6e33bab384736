#include "serving/http_server.h"

#include "core/assert.h"
#include "serving/http_parser.h"
#include "serving/http_tls.h"
#include "serving/sigpipe.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum {
    THREADS_MAX = 64,
    WORKERS_MAX = 64,
    SLOW_WAITING_PER_WORKER = 64,
    READ_BYTES = 65536,
    ANSWERS_BYTES_MAX = 1 << 20, /* pipelined answers waiting; reading stops above */
    BUFFER_KEPT_BYTES = 1 << 16, /* of a connection that waits for its next user   */
    POOLED_CONNECTIONS_MAX = 256,
    BACKLOG = 1024,
    SWEEP_MS = 100,
    LINGER_MS = 1000, /* so that a refusal is read before the reset */
    DATE_BYTES = 32,
    DEFAULT_CONNECTIONS = 10000,
    DEFAULT_WORKERS = 4,
    DEFAULT_IDLE_MS = 60000,
    DEFAULT_REQUEST_MS = 10000,
    DEFAULT_WRITE_MS = 10000,
};

#define NS_PER_MS INT64_C(1000000)

typedef struct loop loop;

/* One connection.  It is in exactly one place: its loop's list, or its loop's pool. */
typedef struct connection {
    uv_tcp_t tcp; /* first: uv_tcp_t and connection share an address */
    uv_write_t write;
    uv_shutdown_t shutdown;
    uv_work_t work;
    loop *loop;
    struct connection *previous;
    struct connection *next;
    mr_http_parser *parser;
    mr_tls_session *tls; /* NULL in clear */
    mr_buffer clear;     /* TLS: what was unsealed from one read                  */
    mr_buffer pending;   /* read, and not yet parsed: the connection is busy      */
    mr_buffer answers;   /* in clear, waiting for the write before to end         */
    mr_buffer sealed;    /* TLS: the same, sealed                                 */
    mr_buffer writing;   /* in the hands of libuv                                 */
    mr_buffer body;      /* of the answer being made                              */
    mr_http_response response;
    int64_t request_ns; /* when the request being read began                      */
    int64_t active_ns;  /* when a byte last came or went                          */
    bool busy;          /* its request is with a worker                           */
    bool is_writing;
    bool ending;    /* close when everything is written                           */
    bool refused;   /* ending, and what still comes in is dropped                 */
    bool lingering; /* all written; waiting for the client to hang up             */
    bool closing;   /* uv_close() was called                                      */
    bool closed;    /* and has ended                                              */
} connection;

struct loop {
    uv_loop_t uv;
    uv_tcp_t listener;
    uv_check_t check;
    uv_timer_t sweep;
    uv_async_t wake;
    uv_thread_t thread;
    mr_http_server *server;
    uint32_t number;
    int socket; /* -1 once it is the listener's */
    bool uv_made;
    bool thread_made;
    bool stopping;
    int64_t now_ns; /* of this turn */
    int64_t date_s;
    char date[DATE_BYTES];
    connection *connections;
    connection *pool;
    uint32_t pool_count;
    char *read_buffer;
};

struct mr_http_server {
    mr_http_server_options options;
    mr_http_server_counters counters;
    mr_tls_context *tls;
    uint16_t port;
    uv_mutex_t worker_lock;
    uv_cond_t worker_free;
    bool worker_lock_made;
    uint32_t free_workers[WORKERS_MAX]; /* thread numbers nobody uses, under the lock */
    uint32_t free_worker_count;
    _Atomic uint32_t slow_waiting;
    _Atomic bool stop_asked;
    _Atomic int64_t stop_deadline_ns;
    bool stopped;
    loop loops[THREADS_MAX];
};

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void touch_clock(loop *l)
{
    l->now_ns = mr_clock_monotonic_ns(l->server->options.clock);
}

static const char *date_text(loop *l)
{
    const int64_t now_s = mr_clock_wall_ms(l->server->options.clock) / 1000;
    if (now_s != l->date_s) {
        const time_t seconds = (time_t)now_s;
        struct tm utc;
        (void)gmtime_r(&seconds, &utc);
        (void)strftime(l->date, sizeof(l->date), "%a, %d %b %Y %H:%M:%S GMT", &utc);
        l->date_s = now_s;
    }
    return l->date;
}

/* ---- A connection's life ---- */

static void connection_free(connection *c)
{
    if (c == NULL)
        return;
    mr_http_parser_destroy(c->parser);
    mr_tls_session_destroy(c->tls);
    mr_buffer *const buffers[] = {&c->clear,  &c->pending, &c->answers,
                                  &c->sealed, &c->writing, &c->body};
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        mr_buffer_deinit(buffers[i]);
    free(c);
}

static connection *connection_create(loop *l)
{
    connection *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    const mr_http_handler *handler = &l->server->options.handler;
    if (mr_http_parser_create(handler->body_limit, handler->context, &c->parser) !=
        MR_OK) {
        connection_free(c);
        return NULL;
    }
    c->loop = l;
    return c;
}

static connection *take_connection(loop *l)
{
    connection *c = l->pool;
    if (c == NULL)
        return connection_create(l);
    l->pool = c->next;
    l->pool_count--;
    c->next = NULL;
    return c;
}

/* Back to the pool, fit for another client: nothing of this one is left in it. */
static void give_connection(connection *c)
{
    loop *l = c->loop;
    mr_tls_session_destroy(c->tls);
    c->tls = NULL;
    if (l->stopping || l->pool_count == POOLED_CONNECTIONS_MAX) {
        connection_free(c);
        return;
    }
    mr_buffer *const buffers[] = {&c->clear,  &c->pending, &c->answers,
                                  &c->sealed, &c->writing, &c->body};
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++) {
        if (buffers[i]->capacity > BUFFER_KEPT_BYTES)
            mr_buffer_deinit(buffers[i]);
        mr_buffer_clear(buffers[i]);
    }
    mr_http_parser_reset(c->parser);
    c->busy = c->is_writing = c->ending = c->refused = c->lingering = false;
    c->closing = c->closed = false;
    c->next = l->pool;
    l->pool = c;
    l->pool_count++;
}

static void link_connection(connection *c)
{
    loop *l = c->loop;
    c->previous = NULL;
    c->next = l->connections;
    if (l->connections != NULL)
        l->connections->previous = c;
    l->connections = c;
}

static void unlink_connection(connection *c)
{
    *(c->previous != NULL ? &c->previous->next : &c->loop->connections) = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    c->next = NULL;
}

static void close_loop_if_done(loop *l);

/* Both must have ended: the handle, and a worker that still writes into our buffers. */
static void release_if_done(connection *c)
{
    if (!c->closed || c->busy)
        return;
    loop *l = c->loop;
    unlink_connection(c);
    atomic_fetch_sub_explicit(&l->server->counters.open, 1, memory_order_relaxed);
    give_connection(c);
    close_loop_if_done(l);
}

static void on_closed(uv_handle_t *handle)
{
    connection *c = (connection *)handle;
    c->closed = true;
    release_if_done(c);
}

static void close_connection(connection *c)
{
    if (c->closing)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- Writing ---- */

static void go_on(connection *c);

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown;
    (void)status; /* the sweep closes it either way */
}

/* Everything is written: end the connection if that was to follow. */
static void end_if_written(connection *c)
{
    if (!c->ending || c->is_writing || c->busy || c->lingering || c->closing)
        return;
    c->lingering = true;
    if (!c->refused ||
        uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0)
        close_connection(c);
}

static void on_written(uv_write_t *write, int status)
{
    connection *c = (connection *)write->handle;
    c->is_writing = false;
    mr_buffer_clear(&c->writing);
    if (c->closing)
        return;
    if (status != 0) {
        close_connection(c);
        return;
    }
    touch_clock(c->loop);
    c->active_ns = c->loop->now_ns;
    go_on(c);
}

/* Seal the answers if the connection is sealed; what is to go out next. */
static mr_buffer *outgoing(connection *c)
{
    if (c->tls == NULL)
        return &c->answers;
    if (c->answers.length > 0 &&
        mr_tls_session_write(c->tls, c->answers.bytes, c->answers.length, &c->sealed) !=
            MR_OK)
        return NULL;
    mr_buffer_clear(&c->answers);
    return &c->sealed;
}

/* Start a write of all there is, unless one is under way. */
static void flush(connection *c)
{
    if (c->is_writing || c->closing)
        return;
    if (c->tls != NULL && c->ending && !c->busy)
        mr_tls_session_close(c->tls, &c->sealed);
    mr_buffer *out = outgoing(c);
    if (out == NULL || mr_buffer_status(out) != MR_OK) {
        close_connection(c);
        return;
    }
    size_t sent = 0;
    if (out->length > 0) {
        uv_buf_t bytes = uv_buf_init((char *)out->bytes, (unsigned)out->length);
        const int result = uv_try_write((uv_stream_t *)&c->tcp, &bytes, 1);
        if (result < 0 && result != UV_EAGAIN) {
            close_connection(c);
            return;
        }
        sent = result > 0 ? (size_t)result : 0;
        c->active_ns = c->loop->now_ns;
    }
    if (sent == out->length) {
        mr_buffer_clear(out);
        end_if_written(c);
        return;
    }
    const mr_buffer written = c->writing;
    c->writing = *out;
    *out = written;
    uv_buf_t rest = uv_buf_init((char *)c->writing.bytes + sent,
                                (unsigned)(c->writing.length - sent));
    c->is_writing = true;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &rest, 1, on_written) != 0) {
        c->is_writing = false;
        close_connection(c);
    }
}

static void start_response(connection *c)
{
    mr_buffer_clear(&c->body);
    c->response = (mr_http_response){
        .status = 200, .content_type = "application/json", .body = &c->body};
}

static void write_response(connection *c, bool head_only, bool keep_alive)
{
    if (mr_buffer_status(&c->body) != MR_OK) {
        close_connection(c);
        return;
    }
    c->ending = c->ending || !keep_alive;
    mr_http_response_write(&c->response, date_text(c->loop), head_only, keep_alive,
                           &c->answers);
}

/* Answer by ourselves, and end: nobody knows where the next request would begin. */
static void refuse(connection *c, int status, const char *reason)
{
    const mr_http_handler *handler = &c->loop->server->options.handler;
    count(&c->loop->server->counters.refused);
    start_response(c);
    c->response.status = status;
    c->response.content_type = "text/plain";
    if (handler->refuse != NULL)
        handler->refuse(handler->context, status, reason, &c->response);
    c->refused = true;
    write_response(c, false, false);
}

/* ---- Requests ---- */

static void finish_request(connection *c)
{
    const mr_http_request *request = mr_http_parser_request(c->parser);
    const bool keep_alive =
        mr_http_parser_keep_alive(c->parser) && !c->response.close && !c->loop->stopping;
    write_response(c, request->method == MR_HTTP_HEAD, keep_alive);
}

static uint32_t take_worker(mr_http_server *server)
{
    uv_mutex_lock(&server->worker_lock);
    while (server->free_worker_count == 0)
        uv_cond_wait(&server->worker_free, &server->worker_lock);
    const uint32_t worker = server->free_workers[--server->free_worker_count];
    uv_mutex_unlock(&server->worker_lock);
    return worker;
}

static void give_worker(mr_http_server *server, uint32_t worker)
{
    uv_mutex_lock(&server->worker_lock);
    server->free_workers[server->free_worker_count++] = worker;
    uv_cond_signal(&server->worker_free);
    uv_mutex_unlock(&server->worker_lock);
}

static void on_work(uv_work_t *work)
{
    connection *c = work->data;
    mr_http_server *server = c->loop->server;
    const mr_http_handler *handler = &server->options.handler;
    mr_http_request *request = mr_http_parser_request(c->parser);
    request->thread = take_worker(server);
    handler->handle(handler->context, request, &c->response);
    give_worker(server, request->thread);
}

static void on_work_done(uv_work_t *work, int status)
{
    connection *c = work->data;
    atomic_fetch_sub_explicit(&c->loop->server->slow_waiting, 1, memory_order_relaxed);
    touch_clock(c->loop);
    c->busy = false;
    if (c->closing) {
        release_if_done(c);
        return;
    }
    if (status != 0) {
        close_connection(c);
        return;
    }
    finish_request(c);
    c->request_ns = c->loop->now_ns;
    go_on(c);
}

static bool hand_to_worker(connection *c)
{
    mr_http_server *server = c->loop->server;
    const uint32_t waiting_max = server->options.workers * SLOW_WAITING_PER_WORKER;
    if (atomic_fetch_add_explicit(&server->slow_waiting, 1, memory_order_relaxed) <
        waiting_max) {
        c->work.data = c;
        c->busy = true;
        if (uv_queue_work(&c->loop->uv, &c->work, on_work, on_work_done) == 0)
            return true;
        c->busy = false;
    }
    atomic_fetch_sub_explicit(&server->slow_waiting, 1, memory_order_relaxed);
    return false;
}

static void handle_request(connection *c)
{
    mr_http_server *server = c->loop->server;
    const mr_http_handler *handler = &server->options.handler;
    mr_http_request *request = mr_http_parser_request(c->parser);
    count(&server->counters.requests);
    start_response(c);
    request->thread = c->loop->number;
    request->received_ns = c->loop->now_ns;
    if (handler->is_slow != NULL && handler->is_slow(handler->context, request)) {
        if (hand_to_worker(c))
            return;
        refuse(c, 503, "too many slow requests are waiting");
        return;
    }
    handler->handle(handler->context, request, &c->response);
    finish_request(c);
}

static bool can_parse(const connection *c)
{
    return !c->busy && !c->ending && !c->closing && c->answers.length < ANSWERS_BYTES_MAX;
}

/* Parse and answer as much as may be; returns how many bytes that used. */
static size_t parse(connection *c, const char *bytes, size_t length)
{
    size_t at = 0;
    while (at < length && can_parse(c)) {
        size_t used = 0;
        if (!mr_http_parser_is_inside(c->parser))
            c->request_ns = c->loop->now_ns;
        switch (mr_http_parser_feed(c->parser, bytes + at, length - at, &used)) {
        case MR_HTTP_PARSE_MORE: break;
        case MR_HTTP_PARSE_CONTINUE:
            mr_buffer_put(&c->answers, "HTTP/1.1 100 Continue\r\n\r\n", 25);
            break;
        case MR_HTTP_PARSE_REQUEST: handle_request(c); break;
        case MR_HTTP_PARSE_REFUSED:
            refuse(c, mr_http_parser_status(c->parser), mr_http_parser_reason(c->parser));
            break;
        }
        at += used;
    }
    return at;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
    (void)suggested;
    *ret_buffer = uv_buf_init(((connection *)handle)->loop->read_buffer, READ_BYTES);
}

static void take_bytes(connection *c, const char *bytes, size_t length)
{
    const size_t used = parse(c, bytes, length);
    if (used < length && !c->ending)
        mr_buffer_put(&c->pending, bytes + used, length - used);
    if (mr_buffer_status(&c->pending) != MR_OK) {
        close_connection(c);
        return;
    }
    /* What waits is at most one read: nothing more is read until it is parsed. */
    if (c->pending.length > 0)
        (void)uv_read_stop((uv_stream_t *)&c->tcp);
    flush(c);
}

/* The client has said its last word; what it asked for before is still answered. */
static void on_end_of_input(connection *c)
{
    const bool waits_for_us = c->busy || c->is_writing || c->pending.length > 0;
    if (!waits_for_us || c->lingering) {
        close_connection(c);
        return;
    }
    (void)uv_read_stop((uv_stream_t *)&c->tcp);
    if (c->pending.length == 0)
        c->ending = true;
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    connection *c = (connection *)stream;
    if (got == 0 || c->closing)
        return;
    touch_clock(c->loop);
    if (got == UV_EOF) {
        on_end_of_input(c);
        return;
    }
    if (got < 0) {
        close_connection(c);
        return;
    }
    if (c->ending)
        return;
    c->active_ns = c->loop->now_ns;
    if (c->tls == NULL) {
        take_bytes(c, buffer->base, (size_t)got);
        return;
    }
    mr_buffer_clear(&c->clear);
    const mr_status status =
        mr_tls_session_read(c->tls, buffer->base, (size_t)got, &c->clear, &c->sealed);
    if (status != MR_OK)
        c->ending = true;
    take_bytes(c, (const char *)c->clear.bytes, c->clear.length);
}

/* Something that held the connection up has ended: parse what has waited, read on. */
static void go_on(connection *c)
{
    if (c->pending.length > 0 && can_parse(c)) {
        const size_t used = parse(c, (const char *)c->pending.bytes, c->pending.length);
        memmove(c->pending.bytes, c->pending.bytes + used, c->pending.length - used);
        c->pending.length -= used;
    }
    flush(c);
    /* UV_EALREADY when it never stopped. */
    if (!c->closing && !c->ending && c->pending.length == 0)
        (void)uv_read_start((uv_stream_t *)&c->tcp, on_allocate, on_read);
}

/* ---- Accepting ---- */

/* One connection too many: say so where it can be said in clear, and hang up. */
static void turn_away(connection *c)
{
    count(&c->loop->server->counters.turned_away);
    if (c->tls == NULL)
        refuse(c, 503, "too many connections");
    c->ending = true;
    flush(c);
}

static mr_status start_tls(connection *c)
{
    mr_tls_context *context = c->loop->server->tls;
    return context == NULL ? MR_OK : mr_tls_session_create(context, &c->tls);
}

static void on_connection(uv_stream_t *listener, int status)
{
    loop *l = listener->data;
    mr_http_server *server = l->server;
    connection *c = status == 0 ? take_connection(l) : NULL;
    if (c == NULL)
        return;
    if (uv_tcp_init(&l->uv, &c->tcp) != 0) {
        connection_free(c);
        return;
    }
    link_connection(c);
    touch_clock(l);
    c->active_ns = c->request_ns = l->now_ns;
    count(&server->counters.accepted);
    const uint64_t open =
        atomic_fetch_add_explicit(&server->counters.open, 1, memory_order_relaxed);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || start_tls(c) != MR_OK) {
        close_connection(c);
        return;
    }
    (void)uv_tcp_nodelay(&c->tcp, 1);
    (void)uv_read_start((uv_stream_t *)&c->tcp, on_allocate, on_read);
    if (open >= server->options.connections_max)
        turn_away(c);
}

/* ---- Time ---- */

static bool is_idle(const connection *c)
{
    return !c->busy && !c->is_writing && c->pending.length == 0 &&
           !mr_http_parser_is_inside(c->parser);
}

static void sweep_connection(connection *c)
{
    const mr_http_server_options *options = &c->loop->server->options;
    const int64_t silent_ms = (c->loop->now_ns - c->active_ns) / NS_PER_MS;
    const int64_t request_ms = (c->loop->now_ns - c->request_ns) / NS_PER_MS;
    if (c->closing || c->busy)
        return;
    if (c->lingering) {
        if (silent_ms > LINGER_MS)
            close_connection(c);
    } else if (c->is_writing) {
        if (silent_ms > options->write_timeout_ms) {
            count(&c->loop->server->counters.timed_out);
            close_connection(c);
        }
    } else if (mr_http_parser_is_inside(c->parser)) {
        if (request_ms > options->request_timeout_ms) {
            count(&c->loop->server->counters.timed_out);
            refuse(c, 408, "the request did not arrive in time");
            flush(c);
        }
    } else if (silent_ms > options->idle_timeout_ms) {
        close_connection(c);
    }
}

static void on_sweep(uv_timer_t *timer)
{
    loop *l = timer->data;
    touch_clock(l);
    const bool cut =
        l->stopping && l->now_ns >= atomic_load(&l->server->stop_deadline_ns);
    connection *next;
    for (connection *c = l->connections; c != NULL; c = next) {
        next = c->next;
        if (cut || (l->stopping && is_idle(c) && !c->lingering))
            close_connection(c);
        else
            sweep_connection(c);
    }
}

static void on_check(uv_check_t *check)
{
    const loop *l = check->data;
    const mr_http_handler *handler = &l->server->options.handler;
    handler->turn(handler->context, l->number);
}

/* ---- A loop's life ---- */

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_loop_if_done(loop *l)
{
    if (!l->stopping || l->connections != NULL)
        return;
    close_handle((uv_handle_t *)&l->check);
    close_handle((uv_handle_t *)&l->sweep);
    close_handle((uv_handle_t *)&l->wake);
}

static void on_wake(uv_async_t *wake)
{
    loop *l = wake->data;
    if (l->stopping || !atomic_load(&l->server->stop_asked))
        return;
    l->stopping = true;
    close_handle((uv_handle_t *)&l->listener);
    on_sweep(&l->sweep);
    close_loop_if_done(l);
}

static void run_loop(void *argument)
{
    loop *l = argument;
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

static mr_status make_handles(loop *l)
{
    if (uv_tcp_init(&l->uv, &l->listener) != 0 || uv_check_init(&l->uv, &l->check) != 0 ||
        uv_timer_init(&l->uv, &l->sweep) != 0 ||
        uv_async_init(&l->uv, &l->wake, on_wake) != 0)
        return MR_ERR_NO_MEMORY;
    l->listener.data = l->check.data = l->sweep.data = l->wake.data = l;
    if (uv_tcp_open(&l->listener, l->socket) != 0)
        return MR_ERR_UNAVAILABLE;
    l->socket = -1;
    if (l->server->options.handler.turn != NULL &&
        uv_check_start(&l->check, on_check) != 0)
        return MR_ERR_NO_MEMORY;
    if (uv_timer_start(&l->sweep, on_sweep, SWEEP_MS, SWEEP_MS) != 0 ||
        uv_listen((uv_stream_t *)&l->listener, BACKLOG, on_connection) != 0)
        return MR_ERR_UNAVAILABLE;
    return MR_OK;
}

static mr_status loop_start(loop *l)
{
    l->read_buffer = malloc(READ_BYTES);
    if (l->read_buffer == NULL || uv_loop_init(&l->uv) != 0)
        return MR_ERR_NO_MEMORY;
    l->uv_made = true;
    MR_TRY(make_handles(l));
    touch_clock(l);
    if (uv_thread_create(&l->thread, run_loop, l) != 0)
        return MR_ERR_NO_MEMORY;
    l->thread_made = true;
    return MR_OK;
}

static void close_every_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    close_handle(handle);
}

/* After its thread has ended, or when it never had one. */
static void loop_deinit(loop *l)
{
    if (l->uv_made) {
        uv_walk(&l->uv, close_every_handle, NULL);
        (void)uv_run(&l->uv, UV_RUN_DEFAULT);
        (void)uv_loop_close(&l->uv);
    }
    while (l->pool != NULL) {
        connection *c = l->pool;
        l->pool = c->next;
        connection_free(c);
    }
    if (l->socket >= 0)
        (void)close(l->socket);
    free(l->read_buffer);
}

/* ---- The server's life ---- */

static int bind_socket(const struct sockaddr *address, bool share_port)
{
    const int on = 1;
    const int fd =
        socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const socklen_t bytes = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                           : sizeof(struct sockaddr_in);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (!share_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        bind(fd, address, bytes) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static uint16_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                          : &((struct sockaddr_in *)address)->sin_port;
}

/*
 * A socket a thread.  Sockets that share a port share it with any other process of ours that
 * asks, which would take half of the requests: so first one that does not share must be had.
 */
static mr_status bind_all(mr_http_server *server, struct sockaddr_storage *address)
{
    const uint32_t threads = server->options.threads;
    int fd = bind_socket((struct sockaddr *)address, false);
    socklen_t bytes = sizeof(*address);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)address, &bytes) != 0)
        goto fail;
    server->port = ntohs(*port_of(address));
    if (threads == 1) {
        server->loops[0].socket = fd;
        return MR_OK;
    }
    (void)close(fd);
    for (uint32_t i = 0; i < threads; i++) {
        server->loops[i].socket = bind_socket((struct sockaddr *)address, true);
        if (server->loops[i].socket < 0)
            return MR_ERR_UNAVAILABLE;
    }
    return MR_OK;
fail:
    if (fd >= 0)
        (void)close(fd);
    return MR_ERR_UNAVAILABLE;
}

static mr_status listen_at(mr_http_server *server, mr_error *ret_error)
{
    const mr_http_server_options *options = &server->options;
    struct sockaddr_storage address = {0};
    if (uv_ip4_addr(options->host, options->port, (struct sockaddr_in *)&address) != 0 &&
        uv_ip6_addr(options->host, options->port, (struct sockaddr_in6 *)&address) != 0)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "listen: %s is not an IPv4 or IPv6 address", options->host);
    if (bind_all(server, &address) != MR_OK)
        return mr_error_set(
            ret_error, MR_ERR_UNAVAILABLE,
            "listen: cannot bind %s port %u: is another process using it?", options->host,
            options->port);
    return MR_OK;
}

static void set_defaults(mr_http_server_options *options)
{
    if (options->threads == 0)
        options->threads = 1;
    if (options->workers == 0)
        options->workers = DEFAULT_WORKERS;
    if (options->connections_max == 0)
        options->connections_max = DEFAULT_CONNECTIONS;
    if (options->idle_timeout_ms == 0)
        options->idle_timeout_ms = DEFAULT_IDLE_MS;
    if (options->request_timeout_ms == 0)
        options->request_timeout_ms = DEFAULT_REQUEST_MS;
    if (options->write_timeout_ms == 0)
        options->write_timeout_ms = DEFAULT_WRITE_MS;
}

static mr_status make_workers(mr_http_server *server)
{
    if (uv_mutex_init(&server->worker_lock) != 0)
        return MR_ERR_NO_MEMORY;
    if (uv_cond_init(&server->worker_free) != 0) {
        uv_mutex_destroy(&server->worker_lock);
        return MR_ERR_NO_MEMORY;
    }
    server->worker_lock_made = true;
    server->free_worker_count = server->options.workers;
    for (uint32_t i = 0; i < server->options.workers; i++)
        server->free_workers[i] = server->options.threads + i;
    return MR_OK;
}

static mr_status start(mr_http_server *server, mr_error *ret_error)
{
    const mr_http_server_options *options = &server->options;
    if (options->threads > THREADS_MAX || options->workers > WORKERS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "http: at most %d threads and %d workers", THREADS_MAX,
                            WORKERS_MAX);
    if ((options->certificate_file != NULL) != (options->key_file != NULL))
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "http: TLS needs both a certificate and a key");
    if (options->certificate_file != NULL)
        MR_TRY(mr_tls_context_create(options->certificate_file, options->key_file,
                                     &server->tls, ret_error));
    MR_TRY(make_workers(server));
    MR_TRY(listen_at(server, ret_error));
    for (uint32_t i = 0; i < options->threads; i++) {
        const mr_status status = loop_start(&server->loops[i]);
        if (status != MR_OK)
            return mr_error_set(ret_error, status, "http: cannot start thread %u", i);
    }
    return MR_OK;
}

mr_status mr_http_server_create(const mr_http_server_options *options,
                                mr_http_server **ret_server, mr_error *ret_error)
{
    mr_http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return MR_ERR_NO_MEMORY;
    server->options = *options;
    set_defaults(&server->options);
    for (uint32_t i = 0; i < THREADS_MAX; i++) {
        server->loops[i].server = server;
        server->loops[i].number = i;
        server->loops[i].socket = -1;
    }
    mr_sigpipe_ignore();
    const mr_status status = start(server, ret_error);
    if (status != MR_OK) {
        mr_http_server_destroy(server);
        return status;
    }
    *ret_server = server;
    return MR_OK;
}

uint16_t mr_http_server_port(const mr_http_server *server)
{
    return server->port;
}

const mr_http_server_counters *mr_http_server_counters_of(const mr_http_server *server)
{
    return &server->counters;
}

void mr_http_server_stop(mr_http_server *server, int64_t grace_ms)
{
    if (server->stopped)
        return;
    server->stopped = true;
    atomic_store(&server->stop_deadline_ns,
                 mr_clock_monotonic_ns(server->options.clock) + grace_ms * NS_PER_MS);
    atomic_store(&server->stop_asked, true);
    for (uint32_t i = 0; i < server->options.threads && i < THREADS_MAX; i++) {
        if (server->loops[i].thread_made)
            (void)uv_async_send(&server->loops[i].wake);
    }
    for (uint32_t i = 0; i < server->options.threads && i < THREADS_MAX; i++) {
        if (server->loops[i].thread_made)
            (void)uv_thread_join(&server->loops[i].thread);
    }
}

void mr_http_server_destroy(mr_http_server *server)
{
    if (server == NULL)
        return;
    mr_http_server_stop(server, 0);
    for (uint32_t i = 0; i < THREADS_MAX; i++)
        loop_deinit(&server->loops[i]);
    if (server->worker_lock_made) {
        uv_cond_destroy(&server->worker_free);
        uv_mutex_destroy(&server->worker_lock);
    }
    mr_tls_context_destroy(server->tls);
    free(server);
}
