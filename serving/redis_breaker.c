#include "serving/redis_breaker.h"

enum { PROBE_FIRST_MS = 50, PROBE_LAST_MS = 2000 };

#define NS_PER_MS INT64_C(1000000)

bool mr_redis_breaker_is_open(const mr_redis_breaker *breaker)
{
    return breaker->probe_at_ns != 0;
}

bool mr_redis_breaker_allows(const mr_redis_breaker *breaker, int64_t now_ns)
{
    return breaker->probe_at_ns == 0 || now_ns >= breaker->probe_at_ns;
}

/* xorshift64 [Marsaglia 2003]: only to spread reconnects. */
static int64_t random_below(uint64_t *random, int64_t bound)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return (int64_t)(*random % (uint64_t)bound);
}

void mr_redis_breaker_trip(mr_redis_breaker *breaker, int64_t now_ns, bool hopeless,
                           uint64_t *random)
{
    breaker->delay_ms = breaker->delay_ms == 0 ? PROBE_FIRST_MS : breaker->delay_ms * 2;
    if (hopeless || breaker->delay_ms > PROBE_LAST_MS)
        breaker->delay_ms = PROBE_LAST_MS;
    const int64_t delay_ms =
        breaker->delay_ms - random_below(random, breaker->delay_ms / 4);
    breaker->probe_at_ns = now_ns + delay_ms * NS_PER_MS;
}

void mr_redis_breaker_close(mr_redis_breaker *breaker)
{
    *breaker = (mr_redis_breaker){0};
}
