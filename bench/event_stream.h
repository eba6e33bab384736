/*
 * Event stream: records of a shop, for benchmarks.
 *
 * Native JSON of exactly MR_STREAM_RECORD_BYTES with an event id each, users and items by Zipf's
 * law with exponent 1; the page's address, which no profile keeps, fills a record up.  The first
 * records name every user once, so that each profile exists when the timing begins.  Six
 * events of ten are views; clicks, carts, searches and purchases share the rest.
 *
 * Units      Event times start at a fixed day, 20 ms apart.
 * Ownership  The struct is the caller's, init to deinit.
 * Threads    The main thread.
 * Cost       About 1 us a record.
 */
#ifndef MR_BENCH_EVENT_STREAM_H
#define MR_BENCH_EVENT_STREAM_H

#include "bench/zipf.h"
#include "ingest/log.h"

enum {
    MR_STREAM_USERS = 1000000,
    MR_STREAM_ITEMS = 50000,
    MR_STREAM_RECORD_BYTES = 350,
    MR_STREAM_ID_BYTES = 32,
};

typedef struct mr_event_stream {
    mr_zipf users;
    mr_zipf items;
    uint32_t *counts; /* events of each user */
    uint64_t random;
    uint64_t made;
} mr_event_stream;

void mr_event_stream_init(mr_event_stream *ret_stream);
void mr_event_stream_deinit(mr_event_stream *stream);

/* Append so many records to the log's one partition. */
void mr_event_stream_append(mr_event_stream *stream, mr_log *log, size_t count);

/* The id of a user; returns its length. */
uint32_t mr_event_stream_user(uint32_t user, char ret_id[MR_STREAM_ID_BYTES]);

#endif
