/*
 * Redis script: the one that sets a value unless a newer one is there.
 *
 * It refuses a value whose 16-byte fence is smaller than the stored one's, answering 0, and
 * else sets it with its time to live, answering 1.  A server that has seen it once runs it by
 * its SHA-1.
 *
 * Units      The time to live in ms.
 * Ownership  The text is static; the name is the caller's.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_SERVING_REDIS_SCRIPT_H
#define MR_SERVING_REDIS_SCRIPT_H

#include "core/text.h"

enum { MR_REDIS_SHA_BYTES = 41 };

mr_text mr_redis_script(void);

/* 40 hex digits, NUL-terminated.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_redis_script_sha(char ret_sha[MR_REDIS_SHA_BYTES]);

#endif
