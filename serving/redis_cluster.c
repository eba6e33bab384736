#include "serving/redis_cluster.h"

#include "serving/redis_command.h"

#include <stdlib.h>
#include <string.h>

static void forget_slots(mr_redis_cluster *cluster)
{
    for (size_t i = 0; i < MR_REDIS_SLOTS; i++)
        cluster->node_of_slot[i] = MR_REDIS_NODE_NONE;
}

mr_status mr_redis_cluster_create(const mr_redis_url *url, mr_redis_cluster **ret_cluster)
{
    mr_redis_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL)
        return MR_ERR_NO_MEMORY;
    forget_slots(cluster);
    for (size_t i = 0; i < url->host_count; i++)
        cluster->nodes[i].address = url->hosts[i];
    cluster->node_count = (uint32_t)url->host_count;
    cluster->is_stale = true;
    *ret_cluster = cluster;
    return MR_OK;
}

void mr_redis_cluster_destroy(mr_redis_cluster *cluster)
{
    if (cluster == NULL)
        return;
    for (uint32_t i = 0; i < cluster->node_count; i++)
        mr_redis_node_disconnect(&cluster->nodes[i]);
    free(cluster);
}

void mr_redis_cluster_doubt(mr_redis_cluster *cluster)
{
    cluster->is_stale = true;
}

void mr_redis_cluster_trust(mr_redis_cluster *cluster)
{
    mr_redis_breaker_close(&cluster->renewals);
}

/* ---- Nodes ---- */

static bool has_slots(const mr_redis_cluster *cluster, uint16_t node)
{
    for (size_t i = 0; i < MR_REDIS_SLOTS; i++) {
        if (cluster->node_of_slot[i] == node)
            return true;
    }
    return false;
}

/* A place for one more: behind the last, or of one that has no slot and is not in use. */
static uint16_t free_place(mr_redis_cluster *cluster)
{
    if (cluster->node_count < MR_REDIS_NODES_MAX)
        return (uint16_t)cluster->node_count++;
    for (uint16_t i = 0; i < MR_REDIS_NODES_MAX; i++) {
        if (!cluster->nodes[i].is_used && !has_slots(cluster, i)) {
            mr_redis_node_disconnect(&cluster->nodes[i]);
            return i;
        }
    }
    return MR_REDIS_NODE_NONE;
}

/* The node of that address, made when there is none. */
static uint16_t node_at(mr_redis_cluster *cluster, mr_text host, int port)
{
    if (host.length == 0 || host.length >= MR_REDIS_HOST_BYTES)
        return MR_REDIS_NODE_NONE;
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const mr_redis_address *address = &cluster->nodes[i].address;
        if (address->port == port && mr_text_is(host, address->host))
            return (uint16_t)i;
    }
    const uint16_t place = free_place(cluster);
    if (place == MR_REDIS_NODE_NONE)
        return place;
    cluster->nodes[place] = (mr_redis_node){.address.port = port};
    memcpy(cluster->nodes[place].address.host, host.bytes, host.length);
    return place;
}

/* The name by which we came to `from` stands for a host that is not told. */
static mr_text host_or_own(mr_redis_cluster *cluster, uint16_t from, mr_text host)
{
    return host.length > 0 && !mr_text_is(host, "?")
               ? host
               : mr_text_from(cluster->nodes[from].address.host);
}

bool mr_redis_cluster_is_whole(const mr_redis_cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        if (mr_redis_breaker_is_open(&cluster->nodes[i].breaker) &&
            has_slots(cluster, (uint16_t)i))
            return false;
    }
    return true;
}

/* ---- CLUSTER SLOTS: an array of [first, last, [host, port, …], [a replica]…] ---- */

static bool take_range(mr_redis_cluster *cluster, uint16_t from,
                       const mr_redis_reply *reply, size_t at)
{
    const mr_redis_item *items = reply->items;
    if (!mr_redis_reply_is(reply, at, MR_REDIS_ARRAY) || items[at].number < 3 ||
        !mr_redis_reply_is(reply, at + 1, MR_REDIS_INTEGER) ||
        !mr_redis_reply_is(reply, at + 2, MR_REDIS_INTEGER) ||
        !mr_redis_reply_is(reply, at + 3, MR_REDIS_ARRAY) || items[at + 3].number < 2 ||
        !mr_redis_reply_is(reply, at + 5, MR_REDIS_INTEGER))
        return false;
    const int64_t first = items[at + 1].number;
    const int64_t last = items[at + 2].number;
    const int64_t port = items[at + 5].number;
    if (first < 0 || last < first || last >= MR_REDIS_SLOTS || port <= 0 || port > 65535)
        return false;
    const uint16_t node =
        node_at(cluster, host_or_own(cluster, from, mr_redis_reply_text(reply, at + 4)),
                (int)port);
    if (node == MR_REDIS_NODE_NONE)
        return false;
    for (int64_t slot = first; slot <= last; slot++)
        cluster->node_of_slot[slot] = node;
    return true;
}

static bool take_map(mr_redis_cluster *cluster, uint16_t from,
                     const mr_redis_reply *reply)
{
    if (!mr_redis_reply_is(reply, 0, MR_REDIS_ARRAY) || reply->items[0].number == 0)
        return false;
    size_t at = 1;
    for (int64_t i = 0; i < reply->items[0].number; i++) {
        if (!take_range(cluster, from, reply, at))
            return false;
        at = mr_redis_reply_next(reply, at);
    }
    return true;
}

static bool ask_node(mr_redis_cluster *cluster, uint16_t from, mr_redis_access *access,
                     const mr_redis_budget *budget)
{
    mr_redis_node *node = &cluster->nodes[from];
    if (mr_redis_node_ready(node, access, budget) != MR_OK)
        return false;
    mr_redis_put_command(mr_redis_connection_commands(node->connection),
                         MR_REDIS_CLUSTER_SLOTS, 0);
    if (mr_redis_node_flush(node, access, budget) != MR_OK ||
        mr_redis_node_read_small(node, access, budget) != MR_OK)
        return false;
    if (mr_redis_reply_is(&access->reply, 0, MR_REDIS_ERROR)) {
        mr_redis_node_refuse(node, access, mr_redis_access_complaint(access));
        return false;
    }
    mr_redis_breaker_close(&node->breaker);
    return take_map(cluster, from, &access->reply);
}

void mr_redis_cluster_renew(mr_redis_cluster *cluster, mr_redis_access *access,
                            const mr_redis_budget *budget)
{
    const int64_t now_ns = mr_clock_monotonic_ns(access->clock);
    if (!cluster->is_stale || !mr_redis_breaker_allows(&cluster->renewals, now_ns))
        return;
    mr_redis_breaker_trip(&cluster->renewals, now_ns, false, &access->random);
    const uint32_t count = cluster->node_count;
    for (uint32_t i = 0; i < count && mr_redis_budget_left_ms(budget) > 0; i++) {
        cluster->asked = (cluster->asked + 1) % count;
        mr_redis_node *node = &cluster->nodes[cluster->asked];
        node->is_used = true; /* its place must not be given away by what it answers */
        const bool is_renewed =
            ask_node(cluster, (uint16_t)cluster->asked, access, budget);
        node->is_used = false;
        if (is_renewed) {
            cluster->is_stale = false;
            return;
        }
    }
}

/* ---- "MOVED 3999 127.0.0.1:6381" ---- */

uint16_t mr_redis_cluster_redirected(mr_redis_cluster *cluster, uint16_t from,
                                     mr_text error, bool has_moved)
{
    if (error.length == 0)
        return MR_REDIS_NODE_NONE;
    const char *end = error.bytes + error.length;
    const char *slot_text = memchr(error.bytes, ' ', error.length);
    const char *host = slot_text == NULL
                           ? NULL
                           : memchr(slot_text + 1, ' ', (size_t)(end - slot_text - 1));
    const char *colon = host == NULL ? NULL : memrchr(host, ':', (size_t)(end - host));
    if (colon == NULL)
        return MR_REDIS_NODE_NONE;
    slot_text++;
    host++;
    int64_t slot;
    int64_t port;
    if (mr_text_to_int64((mr_text){slot_text, (uint32_t)(host - 1 - slot_text)}, &slot) !=
            MR_OK ||
        mr_text_to_int64((mr_text){colon + 1, (uint32_t)(end - colon - 1)}, &port) !=
            MR_OK ||
        slot < 0 || slot >= MR_REDIS_SLOTS || port <= 0 || port > 65535)
        return MR_REDIS_NODE_NONE;
    const mr_text name = {host, (uint32_t)(colon - host)};
    const uint16_t node = node_at(cluster, host_or_own(cluster, from, name), (int)port);
    if (has_moved && node != MR_REDIS_NODE_NONE)
        cluster->node_of_slot[slot] = node;
    return node;
}
