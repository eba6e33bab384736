#include "serving/http_server.h"

#include "serving/http_loop.h"
#include "serving/sigpipe.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    SWEEP_MS = 100,
    DEFAULT_CONNECTIONS = 10000,
    DEFAULT_WORKERS = 4,
    DEFAULT_IDLE_MS = 60000,
    DEFAULT_REQUEST_MS = 10000,
    DEFAULT_WRITE_MS = 10000,
};

/* ---- A loop's life ---- */

/* Every socket of this turn has been read. */
static void on_check(uv_check_t *check)
{
    mr_http_loop *l = check->data;
    const mr_http_handler *handler = &l->server->options.handler;
    mr_http_connections_settle(l);
    if (handler->turn != NULL)
        handler->turn(handler->context, l->number);
}

/* A write that ended outside of the polling may have brought a request to light. */
static void on_prepare(uv_prepare_t *prepare)
{
    mr_http_connections_settle(prepare->data);
}

static void on_sweep(uv_timer_t *timer)
{
    mr_http_connections_sweep(timer);
    mr_http_connections_stream(timer->data);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void mr_http_loop_close_if_done(mr_http_loop *l)
{
    if (!l->stopping || l->connections != NULL)
        return;
    close_handle((uv_handle_t *)&l->check);
    close_handle((uv_handle_t *)&l->prepare);
    close_handle((uv_handle_t *)&l->sweep);
    close_handle((uv_handle_t *)&l->wake);
}

static void on_wake(uv_async_t *wake)
{
    mr_http_loop *l = wake->data;
    if (l->stopping || !atomic_load(&l->server->stop_asked))
        return;
    l->stopping = true;
    close_handle((uv_handle_t *)&l->listener);
    mr_http_connections_sweep(&l->sweep);
    mr_http_loop_close_if_done(l);
}

static void run_loop(void *argument)
{
    mr_http_loop *l = argument;
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

static mr_status make_handles(mr_http_loop *l)
{
    if (uv_tcp_init(&l->uv, &l->listener) != 0 || uv_check_init(&l->uv, &l->check) != 0 ||
        uv_prepare_init(&l->uv, &l->prepare) != 0 ||
        uv_timer_init(&l->uv, &l->sweep) != 0 ||
        uv_async_init(&l->uv, &l->wake, on_wake) != 0)
        return MR_ERR_NO_MEMORY;
    l->listener.data = l->check.data = l->prepare.data = l->sweep.data = l->wake.data = l;
    if (uv_tcp_open(&l->listener, l->socket) != 0)
        return MR_ERR_UNAVAILABLE;
    l->socket = -1;
    if (uv_check_start(&l->check, on_check) != 0 ||
        uv_prepare_start(&l->prepare, on_prepare) != 0)
        return MR_ERR_NO_MEMORY;
    if (uv_timer_start(&l->sweep, on_sweep, SWEEP_MS, SWEEP_MS) != 0 ||
        uv_listen((uv_stream_t *)&l->listener, BACKLOG, mr_http_connection_accept) != 0)
        return MR_ERR_UNAVAILABLE;
    return MR_OK;
}

static mr_status loop_start(mr_http_loop *l)
{
    l->read_buffer = malloc(MR_HTTP_READ_BYTES);
    if (l->read_buffer == NULL || uv_loop_init(&l->uv) != 0)
        return MR_ERR_NO_MEMORY;
    l->uv_made = true;
    MR_TRY(make_handles(l));
    mr_http_loop_touch_clock(l);
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
static void loop_deinit(mr_http_loop *l)
{
    if (l->uv_made) {
        uv_walk(&l->uv, close_every_handle, NULL);
        (void)uv_run(&l->uv, UV_RUN_DEFAULT);
        (void)uv_loop_close(&l->uv);
    }
    while (l->pool != NULL) {
        mr_http_connection *c = l->pool;
        l->pool = c->next;
        mr_http_connection_free(c);
    }
    if (l->socket >= 0)
        (void)close(l->socket);
    mr_buffer_deinit(&l->event);
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
    if (options->threads > MR_HTTP_THREADS_MAX || options->workers > MR_HTTP_WORKERS_MAX)
        return mr_error_set(ret_error, MR_ERR_INVALID,
                            "http: at most %d threads and %d workers",
                            MR_HTTP_THREADS_MAX, MR_HTTP_WORKERS_MAX);
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
    for (uint32_t i = 0; i < MR_HTTP_THREADS_MAX; i++) {
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
                 mr_clock_monotonic_ns(server->options.clock) + grace_ms * MR_NS_PER_MS);
    atomic_store(&server->stop_asked, true);
    for (uint32_t i = 0; i < server->options.threads && i < MR_HTTP_THREADS_MAX; i++) {
        if (server->loops[i].thread_made)
            (void)uv_async_send(&server->loops[i].wake);
    }
    for (uint32_t i = 0; i < server->options.threads && i < MR_HTTP_THREADS_MAX; i++) {
        if (server->loops[i].thread_made)
            (void)uv_thread_join(&server->loops[i].thread);
    }
}

void mr_http_server_destroy(mr_http_server *server)
{
    if (server == NULL)
        return;
    mr_http_server_stop(server, 0);
    for (uint32_t i = 0; i < MR_HTTP_THREADS_MAX; i++)
        loop_deinit(&server->loops[i]);
    if (server->worker_lock_made) {
        uv_cond_destroy(&server->worker_free);
        uv_mutex_destroy(&server->worker_lock);
    }
    mr_tls_context_destroy(server->tls);
    free(server);
}
