/*
 * Worker pool: the parallelism of training and batch scoring.
 *
 * A job is a range cut into chunks of a fixed size; workers take chunks as they become
 * free. Which worker runs a chunk is chance, so a body may only write what belongs to its
 * chunk, and sums over the range are kept one a chunk and merged by the caller in chunk
 * order.  Results are then the same bits for one thread and for sixty-four.
 *
 * Units      Ranges in the job's own elements.
 * Ownership  The pool owns its threads; a job's context is borrowed until run returns.
 * Threads    One caller at a time; it works along as worker 0.
 * Cost       About 10 us a job.  Denormals are flushed to zero inside a body, on every
 * worker alike: they cost a hundredfold on some CPUs and mean nothing here.
 */
#ifndef MR_MODELS_WORKER_POOL_H
#define MR_MODELS_WORKER_POOL_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct mr_worker_pool mr_worker_pool;

enum { MR_WORKER_POOL_THREADS_MAX = 256 };

/* `worker` is below mr_worker_pool_threads(): index per-worker scratch with it. */
typedef void (*mr_worker_body)(void *context, uint32_t worker, size_t begin, size_t end);

/*
 * `threads` counts the caller; 0 is one a processor this process may run on.
 *
 * MR_ERR_INVALID above MR_WORKER_POOL_THREADS_MAX, MR_ERR_NO_MEMORY, MR_ERR_UNAVAILABLE
 * when the system gives no thread.
 */
MR_MUST_USE mr_status mr_worker_pool_create(uint32_t threads, mr_worker_pool **ret_pool);
void mr_worker_pool_destroy(mr_worker_pool *pool); /* NULL allowed */

uint32_t mr_worker_pool_threads(const mr_worker_pool *pool);

/* Run `body` over [0, count) in chunks of `chunk` (the last may be shorter); returns when
 * all are done. */
void mr_worker_pool_run(mr_worker_pool *pool, size_t count, size_t chunk,
                        mr_worker_body body, void *context);

#endif
