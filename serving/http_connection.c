#include "serving/http_loop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SLOW_WAITING_PER_WORKER = 64,
    ANSWERS_BYTES_MAX = 1 << 20, /* pipelined answers waiting; reading stops above */
    BUFFER_KEPT_BYTES = 1 << 16, /* of a connection that waits for its next user   */
    POOLED_CONNECTIONS_MAX = 256,
    LINGER_MS = 1000, /* so that a refusal is read before the reset */
    STREAM_MS = 1000,
};

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static const char *date_text(mr_http_loop *l)
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

void mr_http_connection_free(mr_http_connection *c)
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

static mr_http_connection *connection_create(mr_http_loop *l)
{
    mr_http_connection *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    const mr_http_handler *handler = &l->server->options.handler;
    if (mr_http_parser_create(handler->body_limit, handler->context, &c->parser) !=
        MR_OK) {
        mr_http_connection_free(c);
        return NULL;
    }
    c->loop = l;
    return c;
}

static mr_http_connection *take_connection(mr_http_loop *l)
{
    mr_http_connection *c = l->pool;
    if (c == NULL)
        return connection_create(l);
    l->pool = c->next;
    l->pool_count--;
    c->next = NULL;
    return c;
}

/* Back to the pool, fit for another client: nothing of this one is left in it. */
static void give_connection(mr_http_connection *c)
{
    mr_http_loop *l = c->loop;
    mr_tls_session_destroy(c->tls);
    c->tls = NULL;
    if (l->stopping || l->pool_count == POOLED_CONNECTIONS_MAX) {
        mr_http_connection_free(c);
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
    c->closing = c->closed = c->said_goodbye = c->is_stream = false;
    c->next = l->pool;
    l->pool = c;
    l->pool_count++;
}

static void link_connection(mr_http_connection *c)
{
    mr_http_loop *l = c->loop;
    c->previous = NULL;
    c->next = l->connections;
    if (l->connections != NULL)
        l->connections->previous = c;
    l->connections = c;
}

static void unlink_connection(mr_http_connection *c)
{
    *(c->previous != NULL ? &c->previous->next : &c->loop->connections) = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    c->next = NULL;
}

/* Both must have ended: the handle, and a worker that still writes into our buffers. */
static void release_if_done(mr_http_connection *c)
{
    if (!c->closed || c->busy)
        return;
    mr_http_loop *l = c->loop;
    unlink_connection(c);
    if (c->is_stream) {
        l->stream_count--;
        atomic_fetch_sub_explicit(&l->server->counters.streams, 1, memory_order_relaxed);
    }
    atomic_fetch_sub_explicit(&l->server->counters.open, 1, memory_order_relaxed);
    give_connection(c);
    mr_http_loop_close_if_done(l);
}

static void on_closed(uv_handle_t *handle)
{
    mr_http_connection *c = (mr_http_connection *)handle;
    c->closed = true;
    release_if_done(c);
}

static void close_connection(mr_http_connection *c)
{
    if (c->closing)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

/* ---- Writing ---- */

static void go_on(mr_http_connection *c);

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    (void)shutdown;
    (void)status; /* the sweep closes it either way */
}

/* Everything is written: end the connection if that was to follow. */
static void end_if_written(mr_http_connection *c)
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
    mr_http_connection *c = (mr_http_connection *)write->handle;
    c->is_writing = false;
    mr_buffer_clear(&c->writing);
    if (c->closing)
        return;
    if (status != 0) {
        close_connection(c);
        return;
    }
    mr_http_loop_touch_clock(c->loop);
    c->active_ns = c->loop->now_ns;
    go_on(c);
}

/* What is to go out next: the answers, sealed if the connection is; NULL when that failed. */
static mr_buffer *outgoing(mr_http_connection *c)
{
    if (c->tls == NULL)
        return &c->answers;
    if (c->answers.length > 0 &&
        mr_tls_session_write(c->tls, c->answers.bytes, c->answers.length, &c->sealed) !=
            MR_OK)
        return NULL;
    mr_buffer_clear(&c->answers);
    if (c->ending && !c->busy && !c->said_goodbye) {
        mr_tls_session_close(c->tls, &c->sealed);
        c->said_goodbye = true;
    }
    return &c->sealed;
}

/* Start a write of all there is, unless one is under way or there is more in a moment. */
static void flush(mr_http_connection *c)
{
    if (c->is_writing || c->closing || c->waits)
        return;
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

static void start_response(mr_http_connection *c)
{
    mr_buffer_clear(&c->body);
    c->response = (mr_http_response){
        .status = 200, .content_type = "application/json", .body = &c->body};
}

static void write_response(mr_http_connection *c, bool head_only, bool keep_alive)
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
static void refuse(mr_http_connection *c, int status, const char *reason)
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

/* The head and the first events; the connection is the stream's from here on. */
static void begin_stream(mr_http_connection *c)
{
    mr_http_loop *l = c->loop;
    c->is_stream = true;
    l->stream_count++;
    count(&l->server->counters.streams);
    mr_http_response_write(&c->response, date_text(l), false, false, &c->answers);
}

static void finish_request(mr_http_connection *c)
{
    const mr_http_request *request = mr_http_parser_request(c->parser);
    if (c->response.is_stream && request->method == MR_HTTP_GET && !c->loop->stopping) {
        begin_stream(c);
        return;
    }
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
    mr_http_connection *c = work->data;
    mr_http_server *server = c->loop->server;
    const mr_http_handler *handler = &server->options.handler;
    mr_http_request *request = mr_http_parser_request(c->parser);
    request->thread = take_worker(server);
    (void)handler->handle(handler->context, request, &c->response);
    give_worker(server, request->thread);
}

static void on_work_done(uv_work_t *work, int status)
{
    mr_http_connection *c = work->data;
    atomic_fetch_sub_explicit(&c->loop->server->slow_waiting, 1, memory_order_relaxed);
    mr_http_loop_touch_clock(c->loop);
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

static bool hand_to_worker(mr_http_connection *c)
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

/*
 * Have everything answered that waits.  `parsing` is in the middle of parse(), which goes on with
 * it by itself; each other one is sent its answer, and read on, which may let more wait.
 */
static void settle(mr_http_loop *l, const mr_http_connection *parsing)
{
    const mr_http_handler *handler = &l->server->options.handler;
    mr_http_connection *settled[MR_HTTP_WAITING_MAX];
    const uint32_t waiting_count = l->waiting_count;
    memcpy(settled, l->waiting, waiting_count * sizeof(settled[0]));
    l->waiting_count = 0;
    handler->settle(handler->context, l->number);
    for (uint32_t i = 0; i < waiting_count; i++) {
        mr_http_connection *c = settled[i];
        c->busy = c->waits = false;
        if (c->closing) {
            release_if_done(c);
            continue;
        }
        finish_request(c);
        if (c != parsing)
            go_on(c);
    }
}

void mr_http_connections_settle(mr_http_loop *l)
{
    if (l->waiting_count > 0)
        mr_http_loop_touch_clock(l);
    while (l->waiting_count > 0)
        settle(l, NULL);
}

static void handle_request(mr_http_connection *c)
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
    if (handler->handle(handler->context, request, &c->response) == MR_HTTP_ANSWERED) {
        finish_request(c);
        return;
    }
    c->busy = c->waits = true;
    c->loop->waiting[c->loop->waiting_count++] = c;
    if (c->loop->waiting_count == MR_HTTP_WAITING_MAX)
        settle(c->loop, c);
}

static bool can_parse(const mr_http_connection *c)
{
    return !c->busy && !c->is_stream && !c->ending && !c->closing &&
           c->answers.length < ANSWERS_BYTES_MAX;
}

/* Parse and answer as much as may be; returns how many bytes that used. */
static size_t parse(mr_http_connection *c, const char *bytes, size_t length)
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
    *ret_buffer = uv_buf_init(((mr_http_connection *)handle)->loop->read_buffer,
                              MR_HTTP_READ_BYTES);
}

static void take_bytes(mr_http_connection *c, const char *bytes, size_t length)
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
static void on_end_of_input(mr_http_connection *c)
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
    mr_http_connection *c = (mr_http_connection *)stream;
    if (got == 0 || c->closing)
        return;
    mr_http_loop_touch_clock(c->loop);
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
static void go_on(mr_http_connection *c)
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
static void turn_away(mr_http_connection *c)
{
    count(&c->loop->server->counters.turned_away);
    if (c->tls == NULL)
        refuse(c, 503, "too many connections");
    c->ending = true;
    flush(c);
}

static mr_status start_tls(mr_http_connection *c)
{
    mr_tls_context *context = c->loop->server->tls;
    return context == NULL ? MR_OK : mr_tls_session_create(context, &c->tls);
}

void mr_http_connection_accept(uv_stream_t *listener, int status)
{
    mr_http_loop *l = listener->data;
    mr_http_server *server = l->server;
    mr_http_connection *c = status == 0 ? take_connection(l) : NULL;
    if (c == NULL)
        return;
    if (uv_tcp_init(&l->uv, &c->tcp) != 0) {
        mr_http_connection_free(c);
        return;
    }
    link_connection(c);
    mr_http_loop_touch_clock(l);
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

/* ---- Streams ---- */

static bool takes_event(const mr_http_connection *c)
{
    return c->is_stream && !c->is_writing && !c->closing && !c->ending;
}

void mr_http_connections_stream(mr_http_loop *l)
{
    const mr_http_handler *handler = &l->server->options.handler;
    if (l->stream_count == 0 || handler->stream == NULL || l->stopping ||
        l->now_ns - l->streamed_ns < STREAM_MS * MR_NS_PER_MS)
        return;
    l->streamed_ns = l->now_ns;
    mr_buffer_clear(&l->event);
    handler->stream(handler->context, l->number, &l->event);
    if (mr_buffer_status(&l->event) != MR_OK)
        return; /* this event is lost, and the next one tells the same story */
    mr_http_connection *next;
    for (mr_http_connection *c = l->connections; c != NULL; c = next) {
        next = c->next;
        if (!takes_event(c))
            continue;
        mr_buffer_put(&c->answers, l->event.bytes, l->event.length);
        flush(c);
    }
}

/* ---- Time ---- */

static bool is_idle(const mr_http_connection *c)
{
    return !c->busy && !c->is_writing && c->pending.length == 0 &&
           !mr_http_parser_is_inside(c->parser);
}

static void sweep_connection(mr_http_connection *c)
{
    const mr_http_server_options *options = &c->loop->server->options;
    const int64_t silent_ms = (c->loop->now_ns - c->active_ns) / MR_NS_PER_MS;
    const int64_t request_ms = (c->loop->now_ns - c->request_ns) / MR_NS_PER_MS;
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
    } else if (!c->is_stream && silent_ms > options->idle_timeout_ms) {
        close_connection(c);
    }
}

void mr_http_connections_sweep(uv_timer_t *timer)
{
    mr_http_loop *l = timer->data;
    mr_http_loop_touch_clock(l);
    const bool cut =
        l->stopping && l->now_ns >= atomic_load(&l->server->stop_deadline_ns);
    mr_http_connection *next;
    for (mr_http_connection *c = l->connections; c != NULL; c = next) {
        next = c->next;
        if (cut || (l->stopping && is_idle(c) && !c->lingering))
            close_connection(c);
        else
            sweep_connection(c);
    }
}
