/*
 * Half: IEEE 754 binary16, for scores that are stored by the hundred million.
 *
 * Written out rather than left to F16C, so that the bytes are the same on every processor.
 *
 * Units      None.
 * Ownership  Plain values.
 * Threads    Any: pure functions.
 * Cost       About 1 ns.
 */
#ifndef MR_SERVING_HALF_H
#define MR_SERVING_HALF_H

#include <stdint.h>

#define MR_HALF_MAX 65504.0F

/* Round to nearest, ties to even; what is too large becomes infinity, NaN stays NaN. */
uint16_t mr_half_from_float(float value);

/* Exact. */
float mr_half_to_float(uint16_t half);

#endif
