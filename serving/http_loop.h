/*
 * HTTP loop: what http_server.c (threads, sockets, stopping) and http_connection.c (bytes and
 * requests of one connection) share.  Private to the two.
 *
 * Units      Times in ns where they are named so.
 * Ownership  A loop owns its connections, open ones in its list and resting ones in its pool.
 * Threads    A loop and its connections belong to the loop's thread; a connection's response is
 *            its worker's while it is busy.
 * Cost       None.
 */
#ifndef MR_SERVING_HTTP_LOOP_H
#define MR_SERVING_HTTP_LOOP_H

#include "serving/http_parser.h"
#include "serving/http_server.h"
#include "serving/http_tls.h"

#include <uv.h>

enum {
    MR_HTTP_THREADS_MAX = 64,
    MR_HTTP_WORKERS_MAX = 64,
    MR_HTTP_READ_BYTES = 65536,
    MR_HTTP_DATE_BYTES = 32,
};

#define MR_NS_PER_MS INT64_C(1000000)

typedef struct mr_http_loop mr_http_loop;

/* One connection.  It is in exactly one place: its loop's list, or its loop's pool. */
typedef struct mr_http_connection {
    uv_tcp_t tcp; /* first: uv_tcp_t and connection share an address */
    uv_write_t write;
    uv_shutdown_t shutdown;
    uv_work_t work;
    mr_http_loop *loop;
    struct mr_http_connection *previous;
    struct mr_http_connection *next;
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
    bool busy;          /* its request is with a worker, or waits to be settled   */
    bool waits;         /* busy, and to be settled in this turn */
    bool is_stream;     /* its answer goes on until it is closed                  */
    bool is_writing;
    bool ending;       /* close when everything is written                           */
    bool refused;      /* ending, and what still comes in is dropped                 */
    bool lingering;    /* all written; waiting for the client to hang up             */
    bool closing;      /* uv_close() was called                                      */
    bool closed;       /* and has ended                                              */
    bool said_goodbye; /* TLS: the closing alert is written                       */
} mr_http_connection;

struct mr_http_loop {
    uv_loop_t uv;
    uv_tcp_t listener;
    uv_check_t check;
    uv_prepare_t prepare;
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
    char date[MR_HTTP_DATE_BYTES];
    mr_http_connection *connections;
    mr_http_connection *pool;
    uint32_t pool_count;
    mr_http_connection *waiting[MR_HTTP_WAITING_MAX]; /* in the order they came */
    uint32_t waiting_count;
    uint32_t stream_count;
    int64_t streamed_ns; /* when streams were last fed */
    mr_buffer event;
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
    uint32_t free_workers
        [MR_HTTP_WORKERS_MAX]; /* thread numbers nobody uses, under the lock */
    uint32_t free_worker_count;
    _Atomic uint32_t slow_waiting;
    _Atomic bool stop_asked;
    _Atomic int64_t stop_deadline_ns;
    bool stopped;
    mr_http_loop loops[MR_HTTP_THREADS_MAX];
};

/* A listener has somebody waiting (uv_connection_cb). */
void mr_http_connection_accept(uv_stream_t *listener, int status);

/* Close who is too slow, or idle when the loop is stopping (uv_timer_cb). */
void mr_http_connections_sweep(uv_timer_t *timer);

/* Answer what waits, and what comes to light behind it. */
void mr_http_connections_settle(mr_http_loop *loop);

/* Send the next event to every stream, at most once a second. */
void mr_http_connections_stream(mr_http_loop *loop);

void mr_http_connection_free(mr_http_connection *connection); /* NULL allowed */

/* Close the loop's own handles when it is stopping and has no connection left. */
void mr_http_loop_close_if_done(mr_http_loop *loop);

static inline void mr_http_loop_touch_clock(mr_http_loop *loop)
{
    loop->now_ns = mr_clock_monotonic_ns(loop->server->options.clock);
}

#endif
