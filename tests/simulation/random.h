/*
 * Random: the one source of chance in a simulation, so that a seed tells the whole run.
 *
 * SplitMix64 [Steele, Lea, Flood 2014]: any seed is a good one, and a stream costs a few
 * nanoseconds a number.
 *
 * Units      Shares are per mille.
 * Ownership  Callers' storage.
 * Threads    Owner-only.
 * Cost       Three multiplications a number.
 */
#ifndef MR_TESTS_SIMULATION_RANDOM_H
#define MR_TESTS_SIMULATION_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_random {
    uint64_t state;
} sim_random;

static inline uint64_t sim_random_next(sim_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 .. bound - 1; the bias of the remainder is below 2^-32 for the bounds used here. */
/* The stream of a seed.  Neighbouring seeds as states would give one stream, shifted. */
static inline sim_random sim_random_of(uint64_t seed)
{
    sim_random random = {seed};
    random.state = sim_random_next(&random);
    return random;
}

static inline uint32_t sim_random_below(sim_random *random, uint32_t bound)
{
    return (uint32_t)((sim_random_next(random) >> 32) % bound);
}

static inline bool sim_random_chance(sim_random *random, uint32_t permille)
{
    return permille > 0 && sim_random_below(random, 1000) < permille;
}

#endif
