#include "models/worker_pool.h"

#include "core/assert.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__SSE2__)
#include <immintrin.h>
enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 };
#endif

typedef struct worker {
    mr_worker_pool *pool;
    pthread_t thread;
    uint32_t index;
} worker;

struct mr_worker_pool {
    uint32_t threads;
    uint32_t started; /* threads created, without the caller */
    worker *workers;  /* [threads - 1] */
    pthread_mutex_t mutex;
    pthread_cond_t work;
    pthread_cond_t done;
    uint64_t job; /* number of the current job; a change wakes the workers */
    uint32_t busy;
    bool stopping;
    mr_worker_body body;
    void *context;
    size_t count;
    size_t chunk;
    atomic_size_t next; /* relaxed: the mutex around a job orders everything else */
};

static void run_chunks(mr_worker_pool *pool, uint32_t worker_index)
{
#if defined(__SSE2__)
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(saved | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#endif
    for (;;) {
        const size_t begin =
            atomic_fetch_add_explicit(&pool->next, pool->chunk, memory_order_relaxed);
        if (begin >= pool->count)
            break;
        const size_t left = pool->count - begin;
        pool->body(pool->context, worker_index, begin,
                   begin + (left < pool->chunk ? left : pool->chunk));
    }
#if defined(__SSE2__)
    _mm_setcsr(saved);
#endif
}

static void *work(void *argument)
{
    const worker *self = argument;
    mr_worker_pool *pool = self->pool;
    uint64_t seen = 0;
    (void)pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->job == seen && !pool->stopping)
            (void)pthread_cond_wait(&pool->work, &pool->mutex);
        if (pool->stopping)
            break;
        seen = pool->job;
        (void)pthread_mutex_unlock(&pool->mutex);
        run_chunks(pool, self->index);
        (void)pthread_mutex_lock(&pool->mutex);
        if (--pool->busy == 0)
            (void)pthread_cond_signal(&pool->done);
    }
    (void)pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static uint32_t processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    const int count = CPU_COUNT(&set);
    return count < 1                            ? 1
           : count > MR_WORKER_POOL_THREADS_MAX ? MR_WORKER_POOL_THREADS_MAX
                                                : (uint32_t)count;
}

mr_status mr_worker_pool_create(uint32_t threads, mr_worker_pool **ret_pool)
{
    if (threads > MR_WORKER_POOL_THREADS_MAX)
        return MR_ERR_INVALID;
    if (threads == 0)
        threads = processors();
    mr_worker_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return MR_ERR_NO_MEMORY;
    pool->threads = threads;
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_cond_init(&pool->work, NULL);
    (void)pthread_cond_init(&pool->done, NULL);
    mr_status status = MR_ERR_NO_MEMORY;
    pool->workers = calloc(threads, sizeof(*pool->workers));
    if (pool->workers == NULL)
        goto fail;
    for (uint32_t i = 0; i + 1 < threads; i++) {
        pool->workers[i] = (worker){.pool = pool, .index = i + 1};
        if (pthread_create(&pool->workers[i].thread, NULL, work, &pool->workers[i]) !=
            0) {
            status = MR_ERR_UNAVAILABLE;
            goto fail;
        }
        pool->started++;
    }
    *ret_pool = pool;
    return MR_OK;
fail:
    mr_worker_pool_destroy(pool);
    return status;
}

void mr_worker_pool_destroy(mr_worker_pool *pool)
{
    if (pool == NULL)
        return;
    (void)pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->started; i++)
        (void)pthread_join(pool->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&pool->done);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

uint32_t mr_worker_pool_threads(const mr_worker_pool *pool)
{
    return pool->threads;
}

void mr_worker_pool_run(mr_worker_pool *pool, size_t count, size_t chunk,
                        mr_worker_body body, void *context)
{
    MR_ASSERT(chunk > 0);
    (void)pthread_mutex_lock(&pool->mutex);
    pool->body = body;
    pool->context = context;
    pool->count = count;
    pool->chunk = chunk;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->busy = pool->started;
    pool->job++;
    if (pool->started > 0)
        (void)pthread_cond_broadcast(&pool->work);
    (void)pthread_mutex_unlock(&pool->mutex);
    run_chunks(pool, 0);
    (void)pthread_mutex_lock(&pool->mutex);
    while (pool->busy > 0)
        (void)pthread_cond_wait(&pool->done, &pool->mutex);
    (void)pthread_mutex_unlock(&pool->mutex);
}
