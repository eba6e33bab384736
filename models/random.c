#include "models/random.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586;

static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

uint64_t mr_random_bits(uint64_t seed, uint64_t position)
{
    return mix(mix(seed) + (position + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

double mr_random_uniform(uint64_t seed, uint64_t position)
{
    return (double)(mr_random_bits(seed, position) >> 11) * 0x1p-53;
}

/* [Box and Muller 1958] */
double mr_random_normal(uint64_t seed, uint64_t position)
{
    const double radius = sqrt(-2.0 * log(1.0 - mr_random_uniform(seed, 2 * position)));
    return radius * cos(TWO_PI * mr_random_uniform(seed, 2 * position + 1));
}
