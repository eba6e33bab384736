/*
 * Redis cache: results in a plain Redis 6+ or Valkey.
 *
 * One connection a handle, everything pipelined.  A connection that timed out or broke is
 * destroyed, never used again: a late reply would be read as the answer to somebody
 * else's question.  A breaker opens at the first failure, so that a dead server costs one
 * time-out and not one a request; while it is open nothing is tried until a probe is due
 * (50 ms after the failure, doubling to 2 s, less up to a quarter so that a fleet does
 * not come back in step).
 *
 * Units      Times in ms.
 * Ownership  The handle owns its connection and copies the options.
 * Threads    A handle: one thread.
 * Cost       One round trip a batch.  No connection is made before it is needed.
 */
#ifndef MR_SERVING_CACHE_REDIS_H
#define MR_SERVING_CACHE_REDIS_H

#include "core/clock.h"
#include "serving/cache.h"

typedef struct mr_cache_redis_options {
    const char *url;     /* redis://[user[:password]@]host[:port][/db], rediss:// for TLS,
                            unix://[user[:password]@]/path[?db=n]; percent-decoded        */
    const char *ca_file; /* rediss: NULL takes the system's */
    const char *certificate_file; /* rediss: the client's own, or NULL */
    const char *key_file;
    const char *password;       /* instead of one in the URL; NULL: the URL's       */
    int64_t connect_timeout_ms; /* 0: 100 */
    const mr_clock *clock;
} mr_cache_redis_options;

/*
 * A handle for one thread; does not connect yet.
 *
 * MR_ERR_INVALID for a URL it cannot read or a certificate it cannot load;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_cache_redis_create(const mr_cache_redis_options *options,
                                            mr_cache **ret_cache, mr_error *ret_error);

/* What the server last said in the way of an error ("LOADING"), or ""; owner-only. */
const char *mr_cache_redis_last_error(const mr_cache *cache);

#endif
