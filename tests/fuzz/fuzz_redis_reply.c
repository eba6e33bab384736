/*
 * What a server might send, over a socket pair into a connection.
 *
 * Invariants: a reply keeps to its bounds, its texts lie in the buffer and its arrays end where
 * it ends; the connection holds at most the bytes allowed to be unread and 1 MiB; an error's
 * redirection names a node that is known, or none.
 */
#include "serving/redis_cluster.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    INPUT_BYTES_MAX = 1 << 16, /* what a socket takes without a reader */
    ITEMS_MAX = 64,
    TEXT_BYTES_MAX = 256,
    UNREAD_BYTES_MAX = 1 << 14,
    SLACK_BYTES = 1 << 20,
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_reply(const mr_redis_reply *reply)
{
    require(reply->count > 0 && reply->count <= ITEMS_MAX);
    require(mr_redis_reply_next(reply, 0) == reply->count);
    for (size_t i = 0; i < reply->count; i++) {
        const mr_text text = mr_redis_reply_text(reply, i);
        require(text.length <= TEXT_BYTES_MAX);
        if (text.length > 0)
            require((const uint8_t *)text.bytes >= reply->text->bytes &&
                    (const uint8_t *)text.bytes + text.length <=
                        reply->text->bytes + reply->text->length);
        const size_t next = mr_redis_reply_next(reply, i);
        require(next > i && next <= reply->count);
    }
}

/* One for all inputs: making it is a walk of 16,384 slots. */
static mr_redis_cluster *the_cluster(void)
{
    static mr_redis_cluster *cluster;
    const mr_redis_url url = {.hosts = {{.host = "seed", .port = 1}}, .host_count = 1};
    if (cluster == NULL)
        require(mr_redis_cluster_create(&url, &cluster) == MR_OK);
    return cluster;
}

static void check_error(mr_text error)
{
    mr_redis_cluster *cluster = the_cluster();
    require(mr_redis_complaint_of(error)->word != NULL);
    for (int has_moved = 0; has_moved < 2; has_moved++) {
        const uint16_t node =
            mr_redis_cluster_redirected(cluster, 0, error, has_moved != 0);
        require(node == MR_REDIS_NODE_NONE || node < cluster->node_count);
        require(cluster->node_count <= MR_REDIS_NODES_MAX);
    }
}

static void hear_all(mr_redis_connection *connection)
{
    mr_redis_reply reply = {0};
    mr_buffer text = {0};
    const mr_redis_budget over = mr_redis_budget_of(mr_clock_system(), 0);
    for (;;) {
        mr_buffer_clear(&text);
        mr_redis_reply_begin(&reply, &text, ITEMS_MAX, TEXT_BYTES_MAX);
        const mr_status status =
            mr_redis_connection_read(connection, &over, UNREAD_BYTES_MAX, &reply);
        require(mr_redis_connection_bytes(connection) <= UNREAD_BYTES_MAX + SLACK_BYTES);
        require(reply.count <= ITEMS_MAX && text.length <= INPUT_BYTES_MAX);
        if (status != MR_OK)
            break;
        check_reply(&reply);
        if (mr_redis_reply_is(&reply, 0, MR_REDIS_ERROR))
            check_error(mr_redis_reply_text(&reply, 0));
    }
    mr_redis_reply_deinit(&reply);
    mr_buffer_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    mr_redis_connection *connection;
    if (size > INPUT_BYTES_MAX)
        return 0;
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    require(send(pair[1], data, size, MSG_NOSIGNAL) == (ssize_t)size);
    (void)shutdown(pair[1], SHUT_WR);
    require(mr_redis_connection_adopt(pair[0], &connection) == MR_OK);
    hear_all(connection);
    mr_redis_connection_destroy(connection);
    (void)close(pair[1]);
    return 0;
}
