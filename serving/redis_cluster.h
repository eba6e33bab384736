/*
 * Redis cluster: which node has which slot.
 *
 * The map comes from CLUSTER SLOTS, asked of any node that answers, and is corrected by what
 * the nodes say (MOVED).  It is renewed before a batch when something hinted that it is old: a
 * slot that had moved or that nobody has, a node that failed.  Renewals are spaced like the
 * probes of a breaker.
 *
 * Units      Slots of redis_slot.h; nodes by their index, which changes hands only between
 *            batches.
 * Ownership  Owns its nodes.
 * Threads    Owner-only, as the cache.
 * Cost       A renewal is one round trip.  About 80 KiB.
 */
#ifndef MR_SERVING_REDIS_CLUSTER_H
#define MR_SERVING_REDIS_CLUSTER_H

#include "serving/redis_node.h"
#include "serving/redis_slot.h"

enum { MR_REDIS_NODES_MAX = 128, MR_REDIS_NODE_NONE = 0xffff };

typedef struct mr_redis_cluster {
    mr_redis_node nodes[MR_REDIS_NODES_MAX];
    uint32_t node_count;
    uint32_t asked; /* where the next renewal begins */
    uint16_t node_of_slot[MR_REDIS_SLOTS];
    bool is_stale;
    mr_redis_breaker renewals;
} mr_redis_cluster;

/* MR_ERR_NO_MEMORY.  The seeds are the hosts of the URL. */
MR_MUST_USE mr_status mr_redis_cluster_create(const mr_redis_url *url,
                                              mr_redis_cluster **ret_cluster);
void mr_redis_cluster_destroy(mr_redis_cluster *cluster); /* NULL allowed */

/* Renew the map when it is stale and a renewal is due; what fails is tried again later. */
void mr_redis_cluster_renew(mr_redis_cluster *cluster, mr_redis_access *access,
                            const mr_redis_budget *budget);

/* Something hinted that the map is old. */
void mr_redis_cluster_doubt(mr_redis_cluster *cluster);

/* A whole batch went through: the next renewal need not wait. */
void mr_redis_cluster_trust(mr_redis_cluster *cluster);

/* No node that has slots is held for dead. */
bool mr_redis_cluster_is_whole(const mr_redis_cluster *cluster);

/*
 * The node that an error "MOVED slot host:port" or "ASK slot host:port" names, known from now
 * on; a MOVED is entered in the map.  An empty host is that of node `from`.  MR_REDIS_NODE_NONE
 * when it does not read.
 */
uint16_t mr_redis_cluster_redirected(mr_redis_cluster *cluster, uint16_t from,
                                     mr_text error, bool has_moved);

#endif
