/*
 * HTTP load: a number of GETs over a number of kept-alive connections, one at a time on each; as
 * fast as they are answered, or at a steady rate.
 *
 * At a rate a latency counts from when the request was due, not from when a free connection was
 * found for it, so that a server that stands still is not spared what would have come meanwhile.
 *
 * The requests are written out beforehand and an answer is read by its Content-Length alone, so
 * that the client is never the slow side.
 *
 * Units      Latencies in us.
 * Ownership  Everything is borrowed for the call.
 * Threads    The caller's.
 * Cost       About 3 us of the client's CPU a request.
 */
#ifndef MR_BENCH_HTTP_LOAD_H
#define MR_BENCH_HTTP_LOAD_H

#include "core/histogram.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_HTTP_LOAD_CONNECTIONS_MAX = 64 };

typedef struct mr_http_load {
    uint16_t port;
    const mr_text *requests; /* whole ones, taken in turn */
    size_t request_count;
    size_t connections;
    size_t total;
    double per_second; /* 0: the next as soon as one is answered */
} mr_http_load;

typedef struct mr_http_load_result {
    double seconds;
    double client_cpu_s;
    size_t body_bytes; /* of all answers */
    mr_histogram latency_us;
} mr_http_load_result;

/* Exits with 1 when an answer is no 200 with a length, or a connection breaks. */
void mr_http_load_run(const mr_http_load *load, mr_http_load_result *ret_result);

/* One request on a connection of its own: the answer's body into `body`, NUL-terminated. */
void mr_http_load_once(uint16_t port, mr_text request, char *body, size_t bytes);

#endif
