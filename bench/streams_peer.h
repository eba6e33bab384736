/*
 * Streams peer: profiles kept by Kafka Streams with exactly once, measured by the peer's own
 * program.
 *
 * `kstreams/run.sh EVENTS USERS PARTITIONS DIRECTORY` under $MILLRACE_PEERS starts a broker, fills
 * a topic with JSON of about the same size and prints a line of JSON for each way of running; the
 * best of those with exactly once is taken.  It needs Maven, a JDK, 4 GiB of memory and about five
 * minutes.
 *
 * Units      Events for each CPU second of the application; the broker's is not in it.
 * Ownership  None.
 * Threads    The main thread.
 * Cost       Minutes.
 */
#ifndef MR_BENCH_STREAMS_PEER_H
#define MR_BENCH_STREAMS_PEER_H

/* 0 when the peer is not there or does not run. */
double mr_streams_peer_events_per_cpu_s(void);

#endif
