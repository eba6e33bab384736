/*
 * Redis breaker: whether it is worth asking again.
 *
 * It opens at the first failure, so that a dead server costs one time-out and not one a
 * request; while it is open nothing is tried until a probe is due: 50 ms after the failure,
 * doubling to 2 s, less up to a quarter so that a fleet does not come back in step.
 *
 * Units      Monotonic time in ns.
 * Ownership  A plain value.
 * Threads    Owner-only.
 * Cost       A comparison.
 */
#ifndef MR_SERVING_REDIS_BREAKER_H
#define MR_SERVING_REDIS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mr_redis_breaker {
    int64_t probe_at_ns; /* nothing is tried before; 0: closed */
    int64_t delay_ms;
} mr_redis_breaker;

bool mr_redis_breaker_is_open(const mr_redis_breaker *breaker);

/* Closed, or a probe is due. */
bool mr_redis_breaker_allows(const mr_redis_breaker *breaker, int64_t now_ns);

/* It failed.  `hopeless`: what only a person can mend, so the longest wait at once.  `random`
 * is the caller's generator, never 0. */
void mr_redis_breaker_trip(mr_redis_breaker *breaker, int64_t now_ns, bool hopeless,
                           uint64_t *random);

void mr_redis_breaker_close(mr_redis_breaker *breaker);

#endif
