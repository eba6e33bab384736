/*
 * Histogram: where latencies lie, in fixed memory.
 *
 * Log-linear buckets: each power of two is cut into 32, so that any quantile is known within
 * 3 % of its value, from 1 unit up to 2^40.
 *
 * Units      Whatever is recorded; by custom microseconds.
 * Ownership  A plain value, about 9 KiB; embed it.
 * Threads    Record from many threads (relaxed counters), read from any; a reading is a
 *            snapshot that may miss records being made.
 * Cost       One add.
 */
#ifndef MR_CORE_HISTOGRAM_H
#define MR_CORE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum { MR_HISTOGRAM_BUCKETS = 36 * 32 };

/* Zero-initialise to start empty. */
typedef struct mr_histogram {
    _Atomic uint64_t buckets[MR_HISTOGRAM_BUCKETS]; /* private */
    _Atomic uint64_t count;
    _Atomic uint64_t sum;
} mr_histogram;

void mr_histogram_record(mr_histogram *histogram, uint64_t value);

/* The value that a share `quantile` (0..1) of the records does not exceed; 0 when empty. */
uint64_t mr_histogram_quantile(const mr_histogram *histogram, double quantile);

#endif
