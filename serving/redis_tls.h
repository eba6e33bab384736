/*
 * Redis TLS: whom we trust, and what we show of ourselves.
 *
 * A server's certificate must be signed by the CA and be good for the very host we asked for.
 *
 * Units      None.
 * Ownership  The sessions made from it are their taker's.
 * Threads    Any may make sessions.
 * Cost       A handshake a connection.
 */
#ifndef MR_SERVING_REDIS_TLS_H
#define MR_SERVING_REDIS_TLS_H

#include "core/status.h"

typedef struct mr_redis_tls mr_redis_tls;

/*
 * `ca_file` NULL takes the system's; `certificate_file` is our own, or NULL.
 *
 * MR_ERR_INVALID for a file that cannot be loaded; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_redis_tls_create(const char *ca_file,
                                          const char *certificate_file,
                                          const char *key_file, mr_redis_tls **ret_tls,
                                          mr_error *ret_error);
void mr_redis_tls_destroy(mr_redis_tls *tls); /* NULL allowed */

/* A session to `host`, a name or an address, that the caller frees; NULL when out of memory. */
struct ssl_st *mr_redis_tls_session(const mr_redis_tls *tls, const char *host);

#endif
