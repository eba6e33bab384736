/*
 * Redis node: a server at an address, with the connection to it and the breaker before it.
 *
 * A node connects and logs in when it is needed, and drops its connection at the first failure
 * of any kind.  Behind sentinels the address is asked for at every connect, and the server must
 * say that it is a master.
 *
 * Units      Times in ms.
 * Ownership  A node owns its connection.  The access is shared by the nodes of a cache, which
 *            owns it; it counts and says what went wrong there.
 * Threads    Owner-only, as the cache.
 * Cost       A connect is one round trip more (log-in), behind sentinels two.
 */
#ifndef MR_SERVING_REDIS_NODE_H
#define MR_SERVING_REDIS_NODE_H

#include "serving/cache_driver.h"
#include "serving/redis_breaker.h"
#include "serving/redis_complaint.h"
#include "serving/redis_resolver.h"

/* How the servers of one cache are reached. */
typedef struct mr_redis_access {
    mr_redis_url url;
    mr_redis_tls *tls; /* NULL without TLS */
    mr_redis_resolver *resolver;
    const mr_clock *clock;
    int64_t connect_timeout_ms;
    uint64_t random;
    size_t sentinel; /* the one that answered last, of url.hosts */
    mr_cache *cache; /* whose counters these are */
    mr_redis_reply reply;
    mr_buffer text; /* of replies that are not values */
} mr_redis_access;

typedef struct mr_redis_node {
    mr_redis_address address;
    mr_redis_connection *connection; /* NULL while not connected */
    mr_redis_breaker breaker;
    bool is_used; /* by the round of the batch being done */
} mr_redis_node;

void mr_redis_access_deinit(mr_redis_access *access);

/* A connection to a server or sentinel, nothing said yet.  MR_ERR_UNAVAILABLE,
 * MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_redis_access_connect(mr_redis_access *access,
                                              const mr_redis_address *address,
                                              const mr_redis_budget *budget,
                                              mr_redis_connection **ret_connection);

/* Connected and logged in, or MR_ERR_UNAVAILABLE with the breaker open. */
MR_MUST_USE mr_status mr_redis_node_ready(mr_redis_node *node, mr_redis_access *access,
                                          const mr_redis_budget *budget);

MR_MUST_USE mr_status mr_redis_node_flush(mr_redis_node *node, mr_redis_access *access,
                                          const mr_redis_budget *budget);

/* The next reply, into access->reply as it was begun; on failure the node has failed. */
MR_MUST_USE mr_status mr_redis_node_read(mr_redis_node *node, mr_redis_access *access,
                                         const mr_redis_budget *budget,
                                         size_t unread_bytes_max);

/* The same for a reply that is not values, into access->text. */
MR_MUST_USE mr_status mr_redis_node_read_small(mr_redis_node *node,
                                               mr_redis_access *access,
                                               const mr_redis_budget *budget);

/* Drop the connection and leave the server alone for a while; `status` is why. */
void mr_redis_node_fail(mr_redis_node *node, mr_redis_access *access,
                        const mr_redis_budget *budget, mr_status status);

/* The server said what makes it useless to us now. */
void mr_redis_node_refuse(mr_redis_node *node, mr_redis_access *access,
                          const mr_redis_complaint *complaint);

/* Drop the connection without a word. */
void mr_redis_node_disconnect(mr_redis_node *node);

/* The complaint of the reply's item 0, which is an error; kept as the last one. */
const mr_redis_complaint *mr_redis_access_complaint(mr_redis_access *access);

#endif
