#include "serving/redis_node.h"

#include "serving/redis_command.h"
#include "serving/redis_sentinel.h"

#include <string.h>

enum {
    SMALL_ITEMS_MAX = 1 << 19,       /* CLUSTER SLOTS of a cluster cut to pieces */
    SMALL_TEXT_BYTES_MAX = 1 << 12,  /* of one text                             */
    SMALL_REPLY_BYTES_MAX = 1 << 22, /* of all                                  */
};

void mr_redis_access_deinit(mr_redis_access *access)
{
    mr_redis_tls_destroy(access->tls);
    mr_redis_resolver_destroy(access->resolver);
    mr_redis_reply_deinit(&access->reply);
    mr_buffer_deinit(&access->text);
    explicit_bzero(&access->url, sizeof(access->url));
}

mr_status mr_redis_access_connect(mr_redis_access *access,
                                  const mr_redis_address *address,
                                  const mr_redis_budget *budget,
                                  mr_redis_connection **ret_connection)
{
    mr_redis_address numeric = *address;
    if (!address->is_unix)
        MR_TRY(mr_redis_resolver_find(access->resolver, address->host, budget,
                                      numeric.host));
    return mr_redis_connection_create(&numeric, access->tls, address->host,
                                      access->connect_timeout_ms, budget, ret_connection);
}

/* ---- Failing ---- */

void mr_redis_node_disconnect(mr_redis_node *node)
{
    mr_redis_connection_destroy(node->connection);
    node->connection = NULL;
}

static void trip(mr_redis_node *node, mr_redis_access *access, bool hopeless,
                 const char *why)
{
    mr_redis_node_disconnect(node);
    mr_cache_set_error(access->cache, why);
    mr_redis_breaker_trip(&node->breaker, mr_clock_monotonic_ns(access->clock), hopeless,
                          &access->random);
}

void mr_redis_node_fail(mr_redis_node *node, mr_redis_access *access,
                        const mr_redis_budget *budget, mr_status status)
{
    mr_cache_counters *counters = &access->cache->counters;
    if (status == MR_ERR_NO_MEMORY) { /* not the server's fault */
        mr_redis_node_disconnect(node);
        return;
    }
    if (status == MR_ERR_CORRUPT) {
        mr_cache_count(&counters->errors, 1);
        trip(node, access, false, "protocol");
    } else if (mr_redis_budget_left_ms(budget) == 0) {
        mr_cache_count(&counters->timeouts, 1);
        trip(node, access, false, "timeout");
    } else {
        mr_cache_count(&counters->errors, 1);
        trip(node, access, false, "connection");
    }
}

void mr_redis_node_refuse(mr_redis_node *node, mr_redis_access *access,
                          const mr_redis_complaint *complaint)
{
    /* MOVED from what was given as a single server: it is a cluster, and stays one. */
    const bool is_hopeless =
        complaint->action == MR_REDIS_STOP || complaint->action == MR_REDIS_FOLLOW;
    mr_cache_count(&access->cache->counters.errors, 1);
    trip(node, access, is_hopeless, complaint->word);
}

const mr_redis_complaint *mr_redis_access_complaint(mr_redis_access *access)
{
    const mr_redis_complaint *complaint =
        mr_redis_complaint_of(mr_redis_reply_text(&access->reply, 0));
    mr_cache_set_error(access->cache, complaint->word);
    return complaint;
}

/* ---- Asking ---- */

mr_status mr_redis_node_flush(mr_redis_node *node, mr_redis_access *access,
                              const mr_redis_budget *budget)
{
    const mr_status status = mr_redis_connection_flush(node->connection, budget);
    if (status != MR_OK)
        mr_redis_node_fail(node, access, budget, status);
    return status;
}

mr_status mr_redis_node_read(mr_redis_node *node, mr_redis_access *access,
                             const mr_redis_budget *budget, size_t unread_bytes_max)
{
    const mr_status status = mr_redis_connection_read(node->connection, budget,
                                                      unread_bytes_max, &access->reply);
    if (status != MR_OK)
        mr_redis_node_fail(node, access, budget, status);
    return status;
}

mr_status mr_redis_node_read_small(mr_redis_node *node, mr_redis_access *access,
                                   const mr_redis_budget *budget)
{
    mr_buffer_clear(&access->text);
    mr_redis_reply_begin(&access->reply, &access->text, SMALL_ITEMS_MAX,
                         SMALL_TEXT_BYTES_MAX);
    return mr_redis_node_read(node, access, budget, SMALL_REPLY_BYTES_MAX);
}

/* ---- Connecting ---- */

/* AUTH, SELECT and ROLE, as far as the URL asks for them; how many. */
static size_t put_setup(mr_buffer *out, const mr_redis_access *access)
{
    const mr_redis_url *url = &access->url;
    const mr_redis_login *login = &url->login;
    size_t count = 0;
    if (login->password[0] != '\0') {
        mr_redis_put_command(out, MR_REDIS_AUTH, login->user[0] != '\0' ? 2 : 1);
        if (login->user[0] != '\0')
            mr_redis_put_argument(out, mr_text_from(login->user));
        mr_redis_put_argument(out, mr_text_from(login->password));
        count++;
    }
    if (url->database != 0) {
        mr_redis_put_command(out, MR_REDIS_SELECT, 1);
        mr_redis_put_number(out, url->database);
        count++;
    }
    if (url->kind == MR_REDIS_SENTINEL) {
        mr_redis_put_command(out, MR_REDIS_ROLE, 0);
        count++;
    }
    return count;
}

/* The sentinels' word is not enough: they may be late. */
static bool is_master(const mr_redis_reply *reply)
{
    return mr_redis_reply_is(reply, 0, MR_REDIS_ARRAY) &&
           mr_text_is(mr_redis_reply_text(reply, 1), "master");
}

static mr_status log_in(mr_redis_node *node, mr_redis_access *access,
                        const mr_redis_budget *budget)
{
    const size_t count =
        put_setup(mr_redis_connection_commands(node->connection), access);
    if (count == 0)
        return MR_OK;
    MR_TRY(mr_redis_node_flush(node, access, budget));
    for (size_t i = 0; i < count; i++) {
        MR_TRY(mr_redis_node_read_small(node, access, budget));
        const bool is_role = access->url.kind == MR_REDIS_SENTINEL && i + 1 == count;
        const mr_redis_complaint *complaint = NULL;
        if (mr_redis_reply_is(&access->reply, 0, MR_REDIS_ERROR))
            complaint = mr_redis_access_complaint(access);
        else if (is_role && !is_master(&access->reply))
            complaint = mr_redis_complaint_named("READONLY");
        if (complaint != NULL) {
            mr_redis_node_refuse(node, access, complaint);
            return MR_ERR_UNAVAILABLE;
        }
    }
    return MR_OK;
}

static mr_status connect_to(mr_redis_node *node, mr_redis_access *access,
                            const mr_redis_budget *budget)
{
    mr_cache_count(&access->cache->counters.connects, 1);
    mr_status status = MR_OK;
    if (access->url.kind == MR_REDIS_SENTINEL) {
        const mr_redis_address failed = node->address;
        status = mr_redis_sentinel_find(
            access, budget, mr_redis_breaker_is_open(&node->breaker) ? &failed : NULL,
            &node->address);
    }
    if (status == MR_OK)
        status =
            mr_redis_access_connect(access, &node->address, budget, &node->connection);
    if (status != MR_OK) {
        mr_redis_node_fail(node, access, budget, status);
        return status;
    }
    return log_in(node, access, budget);
}

mr_status mr_redis_node_ready(mr_redis_node *node, mr_redis_access *access,
                              const mr_redis_budget *budget)
{
    if (!mr_redis_breaker_allows(&node->breaker, mr_clock_monotonic_ns(access->clock)))
        return MR_ERR_UNAVAILABLE;
    if (node->connection != NULL && !mr_redis_connection_is_quiet(node->connection))
        mr_redis_node_disconnect(node);
    return node->connection != NULL ? MR_OK : connect_to(node, access, budget);
}
