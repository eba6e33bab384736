/*
 * Redis cache: results in a plain Redis 6+ or Valkey, in a Cluster, or behind Sentinels.
 *
 * One connection a server and handle, everything pipelined: a batch is written to all servers
 * it concerns, then read from all, by one deadline.  A connection that timed out or broke is
 * destroyed, never used again (redis_connection.h), and a server that failed is left alone for
 * a while (redis_breaker.h).
 *
 * In a cluster a batch is split by slot.  Keys of one hash tag that stand side by side share a
 * command.  A slot that has moved is asked for where it is now, within the same deadline; one
 * that is moving key by key is followed key by key.  A node that does not answer fails its own
 * keys alone: the batch is MR_ERR_UNAVAILABLE, and what the others answered is there.
 *
 * Units      Times in ms.
 * Ownership  The handle owns its connections and copies the options.
 * Threads    A handle: one thread.
 * Cost       One round trip a batch.  No connection is made before it is needed.
 */
#ifndef MR_SERVING_CACHE_REDIS_H
#define MR_SERVING_CACHE_REDIS_H

#include "core/clock.h"
#include "serving/cache.h"

typedef struct mr_cache_redis_options {
    const char *url;              /* see redis_url.h */
    const char *ca_file;          /* over TLS: NULL takes the system's */
    const char *certificate_file; /* over TLS: the client's own, or NULL */
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

#endif
