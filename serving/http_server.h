/*
 * HTTP server: connections, and nothing about what is asked over them.
 *
 * K threads, each with an event loop and a listening socket of its own on the same port
 * (SO_REUSEPORT), so that the kernel spreads connections and threads share nothing.  A
 * request is handled in its loop; one that may block goes to a worker, its connection
 * waiting. Pipelined requests are answered in order, one write for all that came
 * together.
 *
 * What a loop's turn brings in is answered together: a handler may let a request wait, and
 * settles all that wait when every socket of the turn has been read, with one question to
 * the cache for the lot of them.  The busier the loop, the more share a round trip; a lone
 * request waits for nobody.
 *
 * A response may be a stream (server-sent events): its head is sent, and once a second what
 * stream() gives, the same for all streams of a loop.  A client too slow for that misses
 * events, not bytes of one.
 *
 * Units      Times in ms, sizes in bytes.
 * Ownership  The server owns its threads and connections; it copies the options.
 * Threads    create, start, stop: one thread.  Handlers run on the server's.
 * Cost       About 2 us of CPU a request beside the handler; no allocation in steady
 * state.
 */
#ifndef MR_SERVING_HTTP_SERVER_H
#define MR_SERVING_HTTP_SERVER_H

#include "core/clock.h"
#include "core/status.h"
#include "serving/http_message.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { MR_HTTP_WAITING_MAX = 256 }; /* requests of a turn that wait together */

typedef struct mr_http_server mr_http_server;

typedef enum mr_http_handled {
    MR_HTTP_ANSWERED,
    MR_HTTP_WAITS, /* for settle() */
} mr_http_handled;

/* Who answers.  All but handle() may be NULL. */
typedef struct mr_http_handler {
    void *context;

    /*
     * Fill `response` in.  On a loop's thread, or a worker's when is_slow() said so.
     * MR_HTTP_WAITS, which a worker's call must not return: request and response stay as
     * they are until settle() has filled the response in.
     */
    mr_http_handled (*handle)(void *context, const mr_http_request *request,
                              mr_http_response *response);

    /* Answer every request of this thread that waits. */
    void (*settle)(void *context, uint32_t thread);
    bool (*is_slow)(void *context, const mr_http_request *request);
    size_t (*body_limit)(void *context, mr_http_method method, mr_text path);

    /* The server refuses a request by itself (400 … 505, 408, 503): fill in the problem.
     */
    void (*refuse)(void *context, int status, const char *reason,
                   mr_http_response *response);

    /* After each turn of a loop, when its answers are on their way. */
    void (*turn)(void *context, uint32_t thread);

    /* Append the next event of a stream.  Nothing appended: nothing is sent. */
    void (*stream)(void *context, uint32_t thread, mr_buffer *event);
} mr_http_handler;

typedef struct mr_http_server_options {
    const char *host;           /* "127.0.0.1", "::1", "0.0.0.0"                        */
    uint16_t port;              /* 0: a free one; see mr_http_server_port()             */
    uint32_t threads;           /* 0: 1                                                 */
    uint32_t workers;           /* slow requests at a time, as far as libuv's pool goes
                              (UV_THREADPOOL_SIZE, 4 by default); 0: 4.  Their thread
                              numbers follow those of the loops                    */
    uint32_t connections_max;   /* of all threads; 0: 10000.  More are answered 503 */
    int64_t idle_timeout_ms;    /* kept-alive and silent; 0: 60 s                   */
    int64_t request_timeout_ms; /* first byte to last; 0: 10 s.  Then 408           */
    int64_t write_timeout_ms;   /* an answer nobody reads; 0: 10 s                  */
    const char *certificate_file; /* both: TLS                                      */
    const char *key_file;
    mr_http_handler handler;
    const mr_clock *clock;
} mr_http_server_options;

typedef struct mr_http_server_counters {
    _Atomic uint64_t accepted;
    _Atomic uint64_t open;
    _Atomic uint64_t requests;
    _Atomic uint64_t refused;   /* requests that did not parse, and those over a limit */
    _Atomic uint64_t timed_out; /* connections closed for being slow                   */
    _Atomic uint64_t turned_away; /* over connections_max                              */
    _Atomic uint64_t streams;     /* open now                                          */
} mr_http_server_counters;

/*
 * Listen and start the threads.
 *
 * MR_ERR_UNAVAILABLE when the address is in use or not ours, MR_ERR_INVALID for an
 * address or a certificate that cannot be read: the message says which.
 */
MR_MUST_USE mr_status mr_http_server_create(const mr_http_server_options *options,
                                            mr_http_server **ret_server,
                                            mr_error *ret_error);
uint16_t mr_http_server_port(const mr_http_server *server);
const mr_http_server_counters *mr_http_server_counters_of(const mr_http_server *server);

/* Stop accepting, answer what has been asked, close; whatever is open after `grace_ms` is
 * cut. */
void mr_http_server_stop(mr_http_server *server, int64_t grace_ms);

/* Stops first, with a grace of 0, if stop was not called.  NULL allowed. */
void mr_http_server_destroy(mr_http_server *server);

#endif
