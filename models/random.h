/*
 * Random: numbers that are a pure function of a seed and a position.
 *
 * Counter-based, so that thread 3 can draw the value of row 17 without drawing the
 * sixteen before it, and a result does not depend on who drew first.  [Steele et al.
 * 2014, SplitMix64]
 *
 * Units      64 random bits; uniform in [0, 1); normal of mean 0 and deviation 1.
 * Ownership  Plain values.
 * Threads    Any: pure functions.
 * Cost       A few multiplications; a normal takes one log, root and cosine.
 */
#ifndef MR_MODELS_RANDOM_H
#define MR_MODELS_RANDOM_H

#include <stdint.h>

uint64_t mr_random_bits(uint64_t seed, uint64_t position);
double mr_random_uniform(uint64_t seed, uint64_t position);
double mr_random_normal(uint64_t seed, uint64_t position);

#endif
