/*
 * Method: each element of a range must be visited exactly once, for thread counts, lengths and
 * chunks that do not divide; and float sums kept a chunk must be the same bits for any count.
 */
#include "tests/support.h"

#include "models/random.h"
#include "models/worker_pool.h"

#include <stdatomic.h>
#include <string.h>

enum { COUNT_MAX = 1000 };

typedef struct visits {
    atomic_uint seen[COUNT_MAX];
    uint32_t threads;
    size_t chunk;
    size_t count;
} visits;

static void visit(void *context, uint32_t worker, size_t begin, size_t end)
{
    visits *v = context;
    assert_true(worker < v->threads);
    assert_true(begin % v->chunk == 0 && (end == v->count || end == begin + v->chunk));
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add(&v->seen[i], 1);
}

static void test_every_element_is_visited_once(void **state)
{
    (void)state;
    static visits v;
    for (uint32_t threads = 1; threads <= 5; threads++) {
        mr_worker_pool *pool = NULL;
        assert_ok(mr_worker_pool_create(threads, &pool));
        assert_int_equal(mr_worker_pool_threads(pool), threads);
        for (size_t chunk = 1; chunk < 300; chunk = chunk * 3 + 1)
            for (size_t count = 0; count <= COUNT_MAX; count += 250) {
                memset(&v, 0, sizeof(v));
                v.threads = threads;
                v.chunk = chunk;
                v.count = count;
                mr_worker_pool_run(pool, count, chunk, visit, &v);
                for (size_t i = 0; i < COUNT_MAX; i++)
                    assert_int_equal(atomic_load(&v.seen[i]), i < count ? 1 : 0);
            }
        mr_worker_pool_destroy(pool);
    }
}

typedef struct summing {
    float sums[COUNT_MAX / 7 + 1];
} summing;

static void add(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    summing *s = context;
    for (size_t i = begin; i < end; i++)
        s->sums[begin / 7] += (float)mr_random_normal(3, i) * 1e-39F; /* denormals, too */
}

static void test_sums_merged_in_chunk_order_are_the_same_bits(void **state)
{
    (void)state;
    summing one = {0};
    for (uint32_t threads = 1; threads <= 4; threads++) {
        mr_worker_pool *pool = NULL;
        summing s = {0};
        assert_ok(mr_worker_pool_create(threads, &pool));
        mr_worker_pool_run(pool, COUNT_MAX, 7, add, &s);
        mr_worker_pool_destroy(pool);
        if (threads == 1)
            one = s;
        assert_memory_equal(&s, &one, sizeof(s));
    }
}

static void test_too_many_threads_are_refused(void **state)
{
    (void)state;
    mr_worker_pool *pool = NULL;
    assert_int_equal(mr_worker_pool_create(MR_WORKER_POOL_THREADS_MAX + 1, &pool),
                     MR_ERR_INVALID);
    assert_null(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_element_is_visited_once),
        cmocka_unit_test(test_sums_merged_in_chunk_order_are_the_same_bits),
        cmocka_unit_test(test_too_many_threads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
