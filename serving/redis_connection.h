/*
 * Redis connection: one socket, from its opening to its first failure.
 *
 * Commands are appended to its buffer, sent by one write, and their replies read in order, all
 * by one deadline.  A connection that failed or ran out of time is of no use any more and must
 * be destroyed: a late reply would be read as the answer to somebody else's question.  Nothing
 * here brings one back.
 *
 * Units      Times in ms; lengths in bytes.
 * Ownership  Owns its socket and buffers; borrows the clock.
 * Threads    Owner-only.
 * Cost       A batch is one write and as many reads as its replies fill 64 KiB.  Memory: what
 *            was read and not yet parsed, at most the bound given for a batch and 1 MiB.
 */
#ifndef MR_SERVING_REDIS_CONNECTION_H
#define MR_SERVING_REDIS_CONNECTION_H

#include "core/clock.h"
#include "serving/redis_reply.h"
#include "serving/redis_tls.h"
#include "serving/redis_url.h"

/* How long a batch may take. */
typedef struct mr_redis_budget {
    const mr_clock *clock;
    int64_t deadline_ns;
} mr_redis_budget;

mr_redis_budget mr_redis_budget_of(const mr_clock *clock, int64_t timeout_ms);
int64_t mr_redis_budget_left_ms(const mr_redis_budget *budget); /* rounded up; 0: over */

typedef struct mr_redis_connection mr_redis_connection;

/*
 * Open a socket to `address`, whose host is a path or a number, and a TLS session on it when
 * `tls` is given; `name` is whom its certificate must be good for.
 *
 * MR_ERR_UNAVAILABLE when that fails or takes longer than `connect_timeout_ms` or the budget;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_redis_connection_create(const mr_redis_address *address,
                                                 const mr_redis_tls *tls,
                                                 const char *name,
                                                 int64_t connect_timeout_ms,
                                                 const mr_redis_budget *budget,
                                                 mr_redis_connection **ret_connection);

/* Of a socket that is connected already; takes it on MR_OK. */
MR_MUST_USE mr_status mr_redis_connection_adopt(int socket,
                                                mr_redis_connection **ret_connection);

void mr_redis_connection_destroy(mr_redis_connection *connection); /* NULL allowed */

/* Where the commands of the next flush are appended; lent. */
mr_buffer *mr_redis_connection_commands(mr_redis_connection *connection);

/* Send them.  MR_ERR_UNAVAILABLE, MR_ERR_NO_MEMORY: destroy it. */
MR_MUST_USE mr_status mr_redis_connection_flush(mr_redis_connection *connection,
                                                const mr_redis_budget *budget);

/*
 * The next reply, into `reply` as mr_redis_reply_begin() left it.
 *
 * What has arrived is taken even when the budget is over.  MR_ERR_UNAVAILABLE when it did not
 * come in time or the socket broke; MR_ERR_CORRUPT for what is no reply, or exceeds a bound of
 * the reply or `unread_bytes_max`; MR_ERR_NO_MEMORY.  On all of them: destroy it.
 */
MR_MUST_USE mr_status mr_redis_connection_read(mr_redis_connection *connection,
                                               const mr_redis_budget *budget,
                                               size_t unread_bytes_max,
                                               mr_redis_reply *reply);

/*
 * Nothing to read while nothing is asked.  False: the server has closed it, or sent bytes of
 * which nobody can say whose answer they are.
 */
bool mr_redis_connection_is_quiet(const mr_redis_connection *connection);

/* What it holds in memory. */
size_t mr_redis_connection_bytes(const mr_redis_connection *connection);

#endif
