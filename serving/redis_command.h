/*
 * Redis command: what we ask a server, as the bytes that go over the wire.
 *
 * The commands in this table are all that are ever sent, and each exists in Redis 6.0: nothing
 * else can be named here.  An access list for our user is this table's; so is the test that
 * holds it against the oldest server we support.
 *
 * Units      Lengths in bytes.
 * Ownership  Commands are appended to a buffer of the caller.
 * Threads    Any: pure functions.
 * Cost       One copy an argument, no formatting.
 */
#ifndef MR_SERVING_REDIS_COMMAND_H
#define MR_SERVING_REDIS_COMMAND_H

#include "core/buffer.h"

typedef enum mr_redis_command {
    MR_REDIS_ASKING,
    MR_REDIS_AUTH,
    MR_REDIS_CLUSTER_SLOTS,
    MR_REDIS_EVAL,
    MR_REDIS_EVALSHA,
    MR_REDIS_MGET,
    MR_REDIS_ROLE,
    MR_REDIS_SELECT,
    MR_REDIS_SENTINEL_MASTER,
    MR_REDIS_UNLINK,
    MR_REDIS_GETRANGE, /* by our script alone */
    MR_REDIS_SET,      /* by our script alone */
    MR_REDIS_COMMANDS,
} mr_redis_command;

typedef struct mr_redis_command_name {
    const char *word;
    const char *subcommand; /* or NULL */
} mr_redis_command_name;

extern const mr_redis_command_name mr_redis_command_names[MR_REDIS_COMMANDS];

/* Begin a command that `arguments` arguments will follow. */
void mr_redis_put_command(mr_buffer *out, mr_redis_command command, size_t arguments);
void mr_redis_put_argument(mr_buffer *out, mr_text argument);
void mr_redis_put_number(mr_buffer *out, int64_t number);

#endif
