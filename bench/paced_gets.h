/*
 * Paced GETs: so many a second, whatever their answers take.
 *
 * Each request goes out at its time over one of a few kept-alive connections; if none is free it
 * goes out late, which is counted.  Who runs it says what to ask for and sees each answer.
 *
 * Units      Times in seconds of mr_bench_seconds(); latencies in us, from the time a request was
 *            due, so that waiting for a connection counts.
 * Ownership  Everything is borrowed for the call.
 * Threads    The caller's.
 * Cost       About 15 us of the client's CPU a request.
 */
#ifndef MR_BENCH_PACED_GETS_H
#define MR_BENCH_PACED_GETS_H

#include "core/histogram.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_PACED_PATH_BYTES = 128, MR_PACED_CONNECTIONS_MAX = 64 };

typedef struct mr_paced_gets {
    uint16_t port;
    double per_second;
    double seconds;
    size_t connections;
    /* The path of the next request, and a number that comes back with its answer. */
    uint64_t (*next)(void *context, double now_s, char ret_path[MR_PACED_PATH_BYTES]);
    void (*answer)(void *context, uint64_t number, double now_s, mr_text body);
    void *context;
} mr_paced_gets;

typedef struct mr_paced_result {
    size_t sent;
    size_t late; /* more than 10 ms */
    mr_histogram latency_us;
} mr_paced_result;

/* Exits with 1 when an answer is no 200 with a length, or a connection breaks. */
void mr_paced_gets_run(const mr_paced_gets *load, mr_paced_result *ret_result);

#endif
