/*
 * Clock: the only way to ask what time it is.
 *
 * Log state never asks: its time comes from the log.  Time-outs, metrics and cache expiry do,
 * through an mr_clock, so that a test can hold the time in its hand.
 *
 * Units      Wall time in ms since the Unix epoch; monotonic time in ns from an arbitrary start.
 * Ownership  mr_clock_system() lends a static clock; an mr_clock_fake is the test's own.
 * Threads    The system clock: any.  A fake one: one writer, any readers.
 * Cost       One vDSO call, about 20 ns.
 */
#ifndef MR_CORE_CLOCK_H
#define MR_CORE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct mr_clock {
    int64_t (*wall_ms)(const struct mr_clock *clock);
    int64_t (*monotonic_ns)(const struct mr_clock *clock);
} mr_clock;

const mr_clock *mr_clock_system(void);

static inline int64_t mr_clock_wall_ms(const mr_clock *clock)
{
    return clock->wall_ms(clock);
}

static inline int64_t mr_clock_monotonic_ns(const mr_clock *clock)
{
    return clock->monotonic_ns(clock);
}

/* A clock that stands still until it is moved. */
typedef struct mr_clock_fake {
    mr_clock clock; /* pass &fake.clock */
    _Atomic int64_t now_ms;
} mr_clock_fake;

void mr_clock_fake_init(mr_clock_fake *ret_fake, int64_t now_ms);
void mr_clock_fake_advance(mr_clock_fake *fake, int64_t ms);

#endif
