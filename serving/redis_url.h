/*
 * Redis URL: where a server is and who we are to it.
 *
 *     redis://[user[:password]@]host[:port][/db]      host may be [::1]
 *     rediss://…                                      the same over TLS
 *     unix://[user[:password]@]/path[?db=n]
 *
 * "redis://:secret@host" has a password and no user.  User and password are percent-decoded.
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

typedef struct mr_redis_url {
    bool tls;
    bool is_unix; /* `host` is a path */
    char host[256];
    int port;
    int database;
    char user[128];     /* "" : none */
    char password[512]; /* "" : none */
} mr_redis_url;

/* MR_ERR_INVALID, saying what is wrong with it; a password is not repeated in the message. */
MR_MUST_USE mr_status mr_redis_url_parse(const char *url, mr_redis_url *ret_url,
                                         mr_error *ret_error);

#endif
