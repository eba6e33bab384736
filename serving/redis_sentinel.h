/*
 * Redis sentinel: who the master is.
 *
 * The sentinels of the URL are asked in turn, the one that answered last first, each on a
 * connection of its own for this one question.
 *
 * Units      None.
 * Ownership  Borrows all.
 * Threads    Owner-only, as the cache.
 * Cost       A connect and one round trip.
 */
#ifndef MR_SERVING_REDIS_SENTINEL_H
#define MR_SERVING_REDIS_SENTINEL_H

#include "serving/redis_node.h"

/*
 * The master's address.  One that has just `failed` (NULL: none) is taken only when no sentinel
 * names another: after a failover they learn of the new master one after the other.
 *
 * MR_ERR_UNAVAILABLE when no sentinel names one within the budget; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_redis_sentinel_find(mr_redis_access *access,
                                             const mr_redis_budget *budget,
                                             const mr_redis_address *failed,
                                             mr_redis_address *ret_address);

#endif
