/*
 * Zipf: ranks that follow Zipf's law, rank k with a weight of k^-s.
 *
 * By rejection from the integral of the density, which needs no table: a thousand ranks or ten
 * million cost the same  [Hörmann and Derflinger 1996, rejection-inversion].
 *
 * Units      Ranks from 1.
 * Ownership  A plain value.
 * Threads    Any: pure functions of the value and the random number.
 * Cost       One logarithm and one exponential a rank; fewer than 1.1 random numbers a rank.
 */
#ifndef MR_APP_ZIPF_H
#define MR_APP_ZIPF_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_zipf {
    double exponent; /* s >= 0; 0 is the uniform law */
    double ranks;
    double lowest; /* of the integral, private */
    double highest;
    double squeeze;
} mr_zipf;

mr_zipf mr_zipf_of(uint32_t ranks, double exponent);

/* Make a rank of `uniform` from [0, 1); false: draw again. */
bool mr_zipf_rank(const mr_zipf *zipf, double uniform, uint32_t *ret_rank);

#endif
