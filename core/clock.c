#include "core/clock.h"

#include <stddef.h>
#include <time.h>

#define MS_PER_S INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

static int64_t system_wall_ms(const mr_clock *clock)
{
    (void)clock;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME,
                        &now); /* fails only for a clock that does not exist */
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

static int64_t system_monotonic_ns(const mr_clock *clock)
{
    (void)clock;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

const mr_clock *mr_clock_system(void)
{
    static const mr_clock system = {.wall_ms = system_wall_ms,
                                    .monotonic_ns = system_monotonic_ns};
    return &system;
}

_Static_assert(offsetof(mr_clock_fake, clock) == 0,
               "a fake clock is found from its mr_clock");

static int64_t fake_wall_ms(const mr_clock *clock)
{
    return ((const mr_clock_fake *)clock)->now_ms;
}

static int64_t fake_monotonic_ns(const mr_clock *clock)
{
    return ((const mr_clock_fake *)clock)->now_ms * NS_PER_MS;
}

void mr_clock_fake_init(mr_clock_fake *ret_fake, int64_t now_ms)
{
    ret_fake->clock =
        (mr_clock){.wall_ms = fake_wall_ms, .monotonic_ns = fake_monotonic_ns};
    atomic_init(&ret_fake->now_ms, now_ms);
}

void mr_clock_fake_advance(mr_clock_fake *fake, int64_t ms)
{
    fake->now_ms += ms;
}
