/*
 * Zipf: ranks drawn by Zipf's law with exponent 1, as users and items of a shop are.
 *
 * Units      Ranks from 0.
 * Ownership  init() allocates; deinit() frees.
 * Threads    Immutable after init: any, each with a random state of its own.
 * Cost       8 bytes a rank; a binary search a draw.
 */
#ifndef MR_BENCH_ZIPF_H
#define MR_BENCH_ZIPF_H

#include <stdint.h>

typedef struct mr_zipf {
    double *shares; /* cumulative */
    uint32_t count;
} mr_zipf;

void mr_zipf_init(mr_zipf *ret_zipf, uint32_t count);
void mr_zipf_deinit(mr_zipf *zipf);

/* A rank, spread over 0 .. count - 1 so that neighbours in rank are not neighbours in memory. */
uint32_t mr_zipf_draw(const mr_zipf *zipf, uint64_t *random);

/* 64 random bits; the state is never 0. */
uint64_t mr_zipf_random(uint64_t *random);

#endif
