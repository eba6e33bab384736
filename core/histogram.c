#include "core/histogram.h"

#include <math.h>
#include <stddef.h>

/*
 * Values below 2^5 have a bucket each.  Above, the octave [2^e, 2^(e+1)) is cut into 32
 * buckets of 2^(e-5), numbered from (e - 4) * 32; what lies beyond the last octave counts
 * in the last.
 */
enum { CUTS = 32, CUT_BITS = 5, LAST_BUCKET = MR_HISTOGRAM_BUCKETS - 1 };

static size_t bucket_of(uint64_t value)
{
    if (value < CUTS)
        return (size_t)value;
    const unsigned octave = 63U - (unsigned)__builtin_clzll(value);
    const unsigned shift = octave - CUT_BITS;
    const size_t bucket = (size_t)(shift + 1) * CUTS + (size_t)((value >> shift) - CUTS);
    return bucket < LAST_BUCKET ? bucket : LAST_BUCKET;
}

/* The middle of the bucket: no value in it is further away than 1/64 of itself. */
static uint64_t middle_of(size_t bucket)
{
    if (bucket < CUTS)
        return bucket;
    const unsigned shift = (unsigned)(bucket / CUTS) - 1;
    const uint64_t low = (uint64_t)(CUTS + bucket % CUTS) << shift;
    return low + (((UINT64_C(1) << shift) - 1) >> 1);
}

void mr_histogram_record(mr_histogram *histogram, uint64_t value)
{
    /* Relaxed: the counters say nothing about other memory, and a reading may be a little
     * old. */
    atomic_fetch_add_explicit(&histogram->buckets[bucket_of(value)], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

static uint64_t read_bucket(const mr_histogram *histogram, size_t bucket)
{
    return atomic_load_explicit(&histogram->buckets[bucket], memory_order_relaxed);
}

uint64_t mr_histogram_quantile(const mr_histogram *histogram, double quantile)
{
    /* The total is added up here: `count` may be ahead of the buckets while others
     * record. */
    uint64_t total = 0;
    for (size_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++)
        total += read_bucket(histogram, i);
    if (total == 0)
        return 0;

    const double share = fmin(fmax(quantile, 0.0), 1.0);
    const double rank = fmax(ceil(share * (double)total), 1.0);
    uint64_t reached = 0;
    for (size_t i = 0; i < LAST_BUCKET; i++) {
        reached += read_bucket(histogram, i);
        if ((double)reached >= rank)
            return middle_of(i);
    }
    return middle_of(LAST_BUCKET);
}
