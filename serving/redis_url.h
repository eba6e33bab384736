/*
 * Redis URL: where a server, or a group of them, is and who we are to it.
 *
 *     redis://[user[:password]@]host[:port][/db]      host may be [::1]
 *     unix://[user[:password]@]/path[?db=n]
 *     redis+cluster://[user[:password]@]host[:port][,host[:port]…]     some nodes to begin with
 *     redis+sentinel://[user[:password]@]host[:port][,…]/master[/db]
 *                      [?sentinel_user=…][&sentinel_password=…]        sentinels, not servers
 *
 * With rediss for redis the same over TLS.  "redis://:secret@host" has a password and no user.
 * User, password and the values behind '?' are percent-decoded.  Whoever is not told a
 * sentinel's own password speaks to it without one.
 *
 * Units      None.
 * Ownership  A plain value.
 * Threads    Any: a pure function.
 * Cost       One pass.
 */
#ifndef MR_SERVING_REDIS_URL_H
#define MR_SERVING_REDIS_URL_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    MR_REDIS_HOSTS_MAX = 16,
    MR_REDIS_HOST_BYTES = 256,
    MR_REDIS_USER_BYTES = 128,
    MR_REDIS_PASSWORD_BYTES = 512,
};

typedef enum mr_redis_kind {
    MR_REDIS_SINGLE = 0,
    MR_REDIS_CLUSTER,
    MR_REDIS_SENTINEL,
} mr_redis_kind;

typedef struct mr_redis_address {
    bool is_unix; /* `host` is a path */
    char host[MR_REDIS_HOST_BYTES];
    int port;
} mr_redis_address;

typedef struct mr_redis_login {
    char user[MR_REDIS_USER_BYTES];         /* "" : none */
    char password[MR_REDIS_PASSWORD_BYTES]; /* "" : none */
} mr_redis_login;

typedef struct mr_redis_url {
    mr_redis_kind kind;
    bool tls;
    mr_redis_address hosts[MR_REDIS_HOSTS_MAX];
    size_t host_count; /* 1 for MR_REDIS_SINGLE */
    int database;
    mr_redis_login login;          /* to the servers */
    mr_redis_login sentinel_login; /* to the sentinels */
    char master[MR_REDIS_USER_BYTES];
} mr_redis_url;

/* MR_ERR_INVALID, saying what is wrong with it; a password is not repeated in the message. */
MR_MUST_USE mr_status mr_redis_url_parse(const char *url, mr_redis_url *ret_url,
                                         mr_error *ret_error);

#endif
