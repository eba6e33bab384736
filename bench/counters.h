/*
 * Counters: instructions and cache misses of this thread, where the machine counts them.
 *
 * A virtual machine often does not; then nothing is counted, and it is said so.
 *
 * Units      Since open; cache misses are those of the last level.
 * Ownership  The struct is the caller's, open to close.
 * Threads    Of the thread that opened them.
 * Cost       Two system calls a reading.
 */
#ifndef MR_BENCH_COUNTERS_H
#define MR_BENCH_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_counters {
    int instructions; /* descriptors; -1: not counted */
    int cache_misses;
} mr_counters;

typedef struct mr_counts {
    bool is_counted;
    uint64_t instructions;
    uint64_t cache_misses;
} mr_counts;

mr_counters mr_counters_open(void);
void mr_counters_close(mr_counters *counters);
mr_counts mr_counters_read(const mr_counters *counters);

#endif
