/*
 * Cache behind: a server that is written behind a store in memory.
 *
 * A set goes into the store, from where this process reads it at once, and its key into a queue.  One thread takes
 * the queue to the server in pipelines, and keeps at it while the server is away, full or read-only: neither who owns
 * profiles nor who answers requests waits for a write, and what changed while the server was away reaches the other
 * nodes when it is back, however old what it then holds.  A get asks both and gives what is newer by its fence, so
 * that an older value of the server's is never shown here; that value is written again.
 *
 * What is given up: a process that is killed takes with it what it had not written yet, some ms of changes while all
 * is well.  mr_write_behind_destroy() writes it.  A queue that is full (a server that is away for long) forgets keys,
 * which are counted; they are written again when they change or are read.
 *
 * Units      Times in ms.
 * Ownership  The writer borrows the store and takes its handle of the server; a cache takes the two handles it is
 *            made of and borrows the writer, which must outlive it.
 * Threads    The writer: any.  A cache, as any: one thread.
 * Cost       A set: one lock and some 100 ns a key over the store's.  A get: one round trip and one copy more.
 */
#ifndef MR_SERVING_CACHE_BEHIND_H
#define MR_SERVING_CACHE_BEHIND_H

#include "serving/cache_memory.h"

#include <stdbool.h>

enum { MR_WRITE_BEHIND_KEYS_MAX = 1 << 17 }; /* waiting at once */

typedef struct mr_write_behind mr_write_behind;

/* MR_ERR_NO_MEMORY; MR_ERR_UNAVAILABLE when no thread can be started.  `server` is taken on MR_OK. */
MR_MUST_USE mr_status mr_write_behind_create(mr_memory_store *store, mr_cache *server,
                                             mr_write_behind **ret_writer);

/* Writes what waits, for a second at most.  NULL allowed; no cache is left. */
void mr_write_behind_destroy(mr_write_behind *writer);

size_t mr_write_behind_waiting(mr_write_behind *writer); /* keys */
uint64_t mr_write_behind_forgotten(
    mr_write_behind *writer); /* keys the full queue did not take */

/*
 * A cache of a handle of the store and one of the server, each for this thread alone.  Both are taken on MR_OK.
 * It is down while the server does not answer, or does not take what is written.
 * `ttl_ms`: of a value that is written again.  `keeps_read`: what others wrote and was read here stays in the store
 * for as long, for when the server is away; for a node that owns nothing.
 */
MR_MUST_USE mr_status mr_cache_behind_create(mr_write_behind *writer, mr_cache *memory,
                                             mr_cache *server, int64_t ttl_ms,
                                             bool keeps_read, mr_cache **ret_cache);

#endif
