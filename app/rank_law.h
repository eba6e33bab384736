/*
 * Rank law: ranks that follow Zipf's law, rank k with a weight of k^-s.
 *
 * By rejection from the integral of the density, which needs no table: a thousand ranks or ten
 * million cost the same  [Hörmann and Derflinger 1996, rejection-inversion].
 *
 * Units      Ranks from 1.
 * Ownership  A plain value.
 * Threads    Any: pure functions of the value and the random number.
 * Cost       One logarithm and one exponential a rank; fewer than 1.1 random numbers a rank.
 */
#ifndef MR_APP_RANK_LAW_H
#define MR_APP_RANK_LAW_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_rank_law {
    double exponent; /* s >= 0; 0 is the uniform law */
    double ranks;
    double lowest; /* of the integral, private */
    double highest;
    double squeeze;
} mr_rank_law;

mr_rank_law mr_rank_law_of(uint32_t ranks, double exponent);

/* Make a rank of `uniform` from [0, 1); false: draw again. */
bool mr_rank_law_draw(const mr_rank_law *law, double uniform, uint32_t *ret_rank);

#endif
