/*
 * What does selection cost on top of the product?  Top 20 of 100,000 items by 64 factors for a
 * batch of users, beside plain sgemm calls of the same product in the same blocks that throw the
 * scores away; on one thread and on all.
 */
#include "bench/bench.h"

#include "models/blas.h"
#include "models/random.h"
#include "models/top_k.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { USERS = 1024, ITEMS = 100000, D = 64, K = 20, REPEATS = 5, CHECKED = 8 };

typedef struct problem {
    mr_dense users;
    mr_dense items;
    mr_worker_pool *pool;
    mr_ranked *best;
    uint32_t *counts;
    float **tiles; /* [threads] */
} problem;

static void select_best(void *context)
{
    problem *p = context;
    mr_bench_must(mr_top_k_batch(&p->users, &p->items, K, NULL, MR_TOP_K_AUTO, p->pool,
                                 p->best, p->counts),
                  "top_k");
}

static void multiply_block(void *context, uint32_t worker, size_t begin, size_t end)
{
    const problem *p = context;
    for (size_t first = 0; first < ITEMS; first += MR_TOP_K_ITEM_BLOCK) {
        const size_t left = ITEMS - first;
        mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, end - begin,
                      left < MR_TOP_K_ITEM_BLOCK ? left : MR_TOP_K_ITEM_BLOCK, D, 1.0F,
                      mr_dense_row(&p->users, begin), p->users.stride,
                      mr_dense_row(&p->items, first), p->items.stride, 0.0F,
                      p->tiles[worker], MR_TOP_K_ITEM_BLOCK);
    }
}

static void multiply_only(void *context)
{
    problem *p = context;
    mr_worker_pool_run(p->pool, USERS, MR_TOP_K_USER_BLOCK, multiply_block, p);
}

/* Nothing outside a list may beat its last entry, by more than the rounding of a dot. */
static void check(problem *p)
{
    select_best(p);
    for (size_t u = 0; u < USERS; u += USERS / CHECKED) {
        const mr_ranked *list = p->best + u * K;
        size_t above = 0;
        for (size_t i = 0; i < ITEMS; i++) {
            double dot = 0.0;
            for (size_t f = 0; f < D; f++)
                dot += (double)mr_dense_row(&p->users, u)[f] *
                       (double)mr_dense_row(&p->items, i)[f];
            above += dot > (double)list[K - 1].score + 1e-4;
        }
        if (p->counts[u] != K || above > K - 1) {
            (void)fprintf(stderr, "user %zu: %zu items above the last of %u\n", u, above,
                          p->counts[u]);
            exit(1);
        }
    }
}

static void fill(mr_dense *table, uint64_t seed)
{
    for (size_t r = 0; r < table->rows; r++)
        for (size_t f = 0; f < table->columns; f++)
            mr_dense_row(table, r)[f] =
                (float)mr_random_normal(seed, r * table->columns + f);
}

static void run(problem *p, uint32_t threads)
{
    char name[64];
    double ours_s = 0.0;
    double product_s = 0.0;
    mr_bench_must(mr_worker_pool_create(threads, &p->pool), "pool");
    threads = mr_worker_pool_threads(p->pool);
    p->tiles = calloc(threads, sizeof(*p->tiles));
    mr_bench_must(p->tiles == NULL ? MR_ERR_NO_MEMORY : MR_OK, "tiles");
    for (uint32_t w = 0; w < threads; w++)
        p->tiles[w] = mr_dense_floats((size_t)MR_TOP_K_USER_BLOCK * MR_TOP_K_ITEM_BLOCK);
    check(p);
    mr_bench_pair(REPEATS, select_best, multiply_only, p, &ours_s, &product_s);
    (void)printf("# top_k threads=%u us_a_user=%.1f product_us_a_user=%.1f gflops=%.0f\n",
                 threads, ours_s / USERS * 1e6, product_s / USERS * 1e6,
                 2.0 * USERS * (double)ITEMS * D / product_s * 1e-9);
    (void)snprintf(name, sizeof(name), "top_k_by_sgemm_t%u", threads);
    (void)mr_bench_ratio(name, ours_s / product_s, 1.2);
    for (uint32_t w = 0; w < threads; w++)
        free(p->tiles[w]);
    free(p->tiles);
    mr_worker_pool_destroy(p->pool);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    problem p = {.best = calloc((size_t)USERS * K, sizeof(*p.best)),
                 .counts = calloc(USERS, sizeof(*p.counts))};
    mr_bench_must(p.best == NULL || p.counts == NULL ? MR_ERR_NO_MEMORY : MR_OK, "lists");
    mr_bench_must(mr_dense_init(&p.users, USERS, D), "users");
    mr_bench_must(mr_dense_init(&p.items, ITEMS, D), "items");
    fill(&p.users, 1);
    fill(&p.items, 2);
    run(&p, 1);
    run(&p, 0);
    mr_dense_deinit(&p.users);
    mr_dense_deinit(&p.items);
    free(p.best);
    free(p.counts);
    return 0;
}
