#include "serving/redis_sentinel.h"

#include "serving/redis_command.h"

#include <string.h>

enum { REPLY_ITEMS_MAX = 3, REPLY_BYTES_MAX = 4096 };

static mr_status read_reply(mr_redis_connection *connection, mr_redis_access *access,
                            const mr_redis_budget *budget)
{
    mr_buffer_clear(&access->text);
    mr_redis_reply_begin(&access->reply, &access->text, REPLY_ITEMS_MAX, REPLY_BYTES_MAX);
    return mr_redis_connection_read(connection, budget, REPLY_BYTES_MAX, &access->reply);
}

/* [host, port]; nil when this sentinel does not know the name. */
static mr_status take_address(const mr_redis_reply *reply, mr_redis_address *ret_address)
{
    mr_redis_address address = {0};
    const mr_text host = mr_redis_reply_text(reply, 1);
    int64_t port;
    if (!mr_redis_reply_is(reply, 0, MR_REDIS_ARRAY) || reply->count != 3 ||
        host.length == 0 || host.length >= sizeof(address.host) ||
        mr_text_to_int64(mr_redis_reply_text(reply, 2), &port) != MR_OK || port <= 0 ||
        port > 65535)
        return MR_ERR_UNAVAILABLE;
    memcpy(address.host, host.bytes, host.length);
    address.port = (int)port;
    *ret_address = address;
    return MR_OK;
}

static mr_status ask(mr_redis_connection *connection, mr_redis_access *access,
                     const mr_redis_budget *budget, mr_redis_address *ret_address)
{
    const mr_redis_login *login = &access->url.sentinel_login;
    mr_buffer *out = mr_redis_connection_commands(connection);
    const bool logs_in = login->password[0] != '\0';
    if (logs_in) {
        mr_redis_put_command(out, MR_REDIS_AUTH, login->user[0] != '\0' ? 2 : 1);
        if (login->user[0] != '\0')
            mr_redis_put_argument(out, mr_text_from(login->user));
        mr_redis_put_argument(out, mr_text_from(login->password));
    }
    mr_redis_put_command(out, MR_REDIS_SENTINEL_MASTER, 1);
    mr_redis_put_argument(out, mr_text_from(access->url.master));
    MR_TRY(mr_redis_connection_flush(connection, budget));
    for (int i = 0; i < 1 + (int)logs_in; i++) {
        MR_TRY(read_reply(connection, access, budget));
        if (mr_redis_reply_is(&access->reply, 0, MR_REDIS_ERROR)) {
            (void)mr_redis_access_complaint(access);
            return MR_ERR_UNAVAILABLE;
        }
    }
    return take_address(&access->reply, ret_address);
}

static mr_status ask_one(mr_redis_access *access, const mr_redis_budget *budget,
                         mr_redis_address *ret_address)
{
    mr_redis_connection *connection = NULL;
    mr_status status = mr_redis_access_connect(
        access, &access->url.hosts[access->sentinel], budget, &connection);
    if (status == MR_OK)
        status = ask(connection, access, budget, ret_address);
    mr_redis_connection_destroy(connection);
    return status;
}

static bool is_same(const mr_redis_address *a, const mr_redis_address *b)
{
    return b != NULL && a->port == b->port && strcmp(a->host, b->host) == 0;
}

mr_status mr_redis_sentinel_find(mr_redis_access *access, const mr_redis_budget *budget,
                                 const mr_redis_address *failed,
                                 mr_redis_address *ret_address)
{
    const size_t count = access->url.host_count;
    mr_redis_address named;
    bool is_named = false;
    for (size_t i = 0; i < count && mr_redis_budget_left_ms(budget) > 0; i++) {
        const mr_status status = ask_one(access, budget, &named);
        if (status == MR_ERR_NO_MEMORY)
            return status;
        is_named |= status == MR_OK;
        if (status == MR_OK && !is_same(&named, failed)) {
            *ret_address = named;
            return MR_OK;
        }
        access->sentinel = (access->sentinel + 1) % count;
    }
    if (!is_named)
        return MR_ERR_UNAVAILABLE;
    *ret_address = *failed;
    return MR_OK;
}
