/*
 * Redis resolver: the address of a host's name, without waiting longer than there is time.
 *
 * The C library's getaddrinfo() waits for seconds when the name server is silent.  Here a
 * look-up goes on behind our back: who has no more time leaves it, and whoever asks next finds
 * it done, or waits on.  One look-up at a time.
 *
 * Units      None.
 * Ownership  Owns its look-up.  destroy() waits for one that is under way.
 * Threads    Owner-only; the look-up itself runs on a thread of the C library.
 * Cost       None for an address; a thread of the library's for a name.
 */
#ifndef MR_SERVING_REDIS_RESOLVER_H
#define MR_SERVING_REDIS_RESOLVER_H

#include "serving/redis_connection.h"

typedef struct mr_redis_resolver mr_redis_resolver;

MR_MUST_USE mr_status mr_redis_resolver_create(mr_redis_resolver **ret_resolver);
void mr_redis_resolver_destroy(mr_redis_resolver *resolver); /* NULL allowed */

/* MR_ERR_UNAVAILABLE when the name is not known, or not in time; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_redis_resolver_find(mr_redis_resolver *resolver,
                                             const char *host,
                                             const mr_redis_budget *budget,
                                             char ret_address[MR_REDIS_HOST_BYTES]);

#endif
