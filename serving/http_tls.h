/*
 * TLS: bytes of a connection in clear, by OpenSSL over memory.
 *
 * OpenSSL never sees the socket: what came from it is fed in, what must go out is taken
 * from a buffer, and the event loop stays the only one who reads and writes.  TLS 1.2
 * and 1.3.
 *
 * Units      Sizes in bytes.
 * Ownership  A session belongs to its connection and borrows the context.
 * Threads    A context: any, once made.  A session: its loop.
 * Cost       AES-GCM at memory speed; one handshake about 0.5 ms.
 */
#ifndef MR_SERVING_HTTP_TLS_H
#define MR_SERVING_HTTP_TLS_H

#include "core/buffer.h"
#include "core/status.h"

#include <stddef.h>

typedef struct mr_tls_context mr_tls_context;
typedef struct mr_tls_session mr_tls_session;

/* PEM files.  MR_ERR_INVALID, naming the file. */
MR_MUST_USE mr_status mr_tls_context_create(const char *certificate_file,
                                            const char *key_file,
                                            mr_tls_context **ret_context,
                                            mr_error *ret_error);
void mr_tls_context_destroy(mr_tls_context *context); /* NULL allowed */

MR_MUST_USE mr_status mr_tls_session_create(mr_tls_context *context,
                                            mr_tls_session **ret_session);
void mr_tls_session_destroy(mr_tls_session *session); /* NULL allowed */

/*
 * Take what the socket gave: clear text is appended to `clear`, and what must be sent
 * (handshake, alerts) to `wire`.  MR_ERR_CORRUPT ends the connection, after `wire` was
 * sent.
 */
MR_MUST_USE mr_status mr_tls_session_read(mr_tls_session *session, const void *bytes,
                                          size_t length, mr_buffer *clear,
                                          mr_buffer *wire);

/* Append the sealed form of `bytes` to `wire`. */
MR_MUST_USE mr_status mr_tls_session_write(mr_tls_session *session, const void *bytes,
                                           size_t length, mr_buffer *wire);

/* Append the closing alert. */
void mr_tls_session_close(mr_tls_session *session, mr_buffer *wire);

#endif
