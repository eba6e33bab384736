/*
 * What does a first pass over bytes save?  Exact top 20 by models/int8_table.h on one thread, for a
 * batch and for one user, beside FAISS's flat index with its two settings repaired, and beside the
 * same search in float32; on Gaussian tables of 100,000 and a million items and on factors of iALS
 * trained on Gowalla, which are less kind.  Every list is compared with a scan of all items.
 */
#include "bench/bench.h"
#include "bench/interaction_data.h"
#include "bench/recommender_peer.h"

#include "models/blas.h"
#include "models/ials.h"
#include "models/int8_table.h"
#include "models/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 1024, D = 64, K = 20, REPEATS = 5, CHECKED = 64, ONE_BY_ONE = 64 };

typedef struct problem {
    const char *name;
    mr_dense users;
    mr_dense items;
    mr_worker_pool *pool;
    mr_int8_table *table;
    mr_int8_scratch *scratch;
    mr_ranked *best;
    uint32_t *counts;
    mr_int8_work work;
    uint32_t turn;
} problem;

static void select_by_bytes(void *context)
{
    problem *p = context;
    mr_bench_must(mr_int8_table_top_k_batch(p->table, &p->users, K, NULL, p->pool,
                                            p->best, p->counts, &p->work),
                  "int8");
}

static void select_by_floats(void *context)
{
    problem *p = context;
    mr_bench_must(mr_top_k_batch(&p->users, &p->items, K, NULL, MR_TOP_K_AUTO, p->pool,
                                 p->best, p->counts),
                  "top_k");
}

static void select_one(void *context)
{
    problem *p = context;
    const uint32_t user = p->turn++ % USERS;
    (void)mr_int8_table_top_k(p->table, p->scratch, mr_dense_row(&p->users, user), K,
                              NULL, 0, p->best);
}

/* Every score above the list's last stands in the list. */
static void check(problem *p)
{
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    select_by_bytes(p);
    for (size_t u = 0; u < USERS; u += USERS / CHECKED) {
        const mr_ranked *list = p->best + u * K;
        size_t better = 0;
        for (uint32_t i = 0; i < p->items.rows; i++) {
            const float score = kernels->dot(mr_dense_row(&p->users, u),
                                             mr_dense_row(&p->items, i), p->items.stride);
            better += score > list[K - 1].score ||
                      (score >= list[K - 1].score && i < list[K - 1].index);
        }
        mr_bench_check(p->counts[u] == K && better == K - 1, "an exact list of bytes");
    }
}

/* CPU seconds: one thread on both sides, and others may be at work beside it. */
static double best_cpu(int repeats, mr_bench_body body, problem *p)
{
    double best = (double)INFINITY;
    for (int r = 0; r < repeats; r++) {
        const double start = mr_bench_cpu_seconds();
        body(p);
        best = fmin(best, mr_bench_cpu_seconds() - start);
    }
    return best;
}

static void beside_faiss(problem *p, double one_s, double batch_s)
{
    char name[64];
    char core[MR_BLAS_CORE_BYTES];
    (void)snprintf(core, sizeof(core), "%s", mr_blas_core_name());
    const char *const words[] = {"20", p->items.rows > 200000 ? "2" : "4", core, NULL};
    mr_recommender_peer peer;
    mr_recommender_peer_open(&peer);
    mr_recommender_peer_give_table(&peer, "items.npy", &p->items);
    mr_recommender_peer_give_table(&peer, "queries.npy", &p->users);
    const bool ran = mr_recommender_peer_run(&peer, "flat", words);
    batch_s = fmin(batch_s, best_cpu(2, select_by_bytes, p));
    one_s = fmin(one_s, best_cpu(ONE_BY_ONE, select_one, p));
    (void)snprintf(name, sizeof(name), "int8_batch_by_faiss_%s", p->name);
    if (ran)
        (void)mr_bench_at_least(
            name, mr_recommender_peer_number(&peer, "\"batch_s\"") / batch_s, 1.5);
    else
        mr_bench_peer_absent(name, "faiss");
    (void)snprintf(name, sizeof(name), "int8_one_by_faiss_%s", p->name);
    if (ran)
        (void)mr_bench_at_least(
            name, mr_recommender_peer_number(&peer, "\"one_s\"") / one_s, 5.0);
    else
        mr_bench_peer_absent(name, "faiss");
    mr_recommender_peer_close(&peer);
}

static void run(problem *p)
{
    const double start = mr_bench_cpu_seconds();
    mr_bench_must(mr_int8_table_build(&p->items, &p->table), "table");
    const double built_s = mr_bench_cpu_seconds() - start;
    mr_bench_must(mr_int8_scratch_create(p->table, NULL, &p->scratch), "scratch");
    check(p);
    const double floats_s = best_cpu(REPEATS, select_by_floats, p);
    const double bytes_s = best_cpu(REPEATS, select_by_bytes, p);
    const double one_s = best_cpu(ONE_BY_ONE * REPEATS, select_one, p);
    (void)printf("# int8 %s items=%zu d=%zu build_s=%.3f one_us=%.1f us_a_user=%.1f "
                 "float_us_a_user=%.1f rescored=%.1f repeated=%llu scanned=%llu\n",
                 p->name, p->items.rows, p->items.columns, built_s, one_s * 1e6,
                 bytes_s / USERS * 1e6, floats_s / USERS * 1e6,
                 (double)p->work.rescored / USERS, (unsigned long long)p->work.repeated,
                 (unsigned long long)p->work.scanned);
    beside_faiss(p, one_s, bytes_s);
    mr_int8_scratch_destroy(p->scratch);
    mr_int8_table_destroy(p->table);
    mr_dense_deinit(&p->users);
    mr_dense_deinit(&p->items);
}

static void fill(mr_dense *table, size_t rows, uint64_t seed)
{
    mr_bench_must(mr_dense_init(table, rows, D), "table");
    for (size_t r = 0; r < rows; r++)
        for (size_t f = 0; f < D; f++)
            mr_dense_row(table, r)[f] = (float)mr_random_normal(seed, r * D + f);
}

static void run_gaussian(problem *p, const char *name, size_t items)
{
    p->name = name;
    fill(&p->users, USERS, 1);
    fill(&p->items, items, 2);
    run(p);
}

static void copy(const mr_dense *from, size_t rows, mr_dense *ret_to)
{
    mr_bench_must(mr_dense_init(ret_to, rows, from->columns), "table");
    memcpy(ret_to->values, from->values, rows * from->stride * sizeof(float));
}

static void run_factors(problem *p, const char *name, uint32_t dimension)
{
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_ials *model = NULL;
    const mr_ials_options options = {.dimension = dimension,
                                     .epochs = 6,
                                     .alpha0 = 0.02F,
                                     .lambda = 0.003F,
                                     .nu = 1.0F,
                                     .seed = 1};
    if (!mr_interaction_data_gowalla(&users)) {
        mr_bench_peer_absent("int8_gowalla", "the data set gowalla");
        return;
    }
    mr_bench_must(mr_sparse_matrix_transpose(&users, &items), "transpose");
    mr_bench_must(mr_ials_create(&users, &items, &options, p->pool, &model), "ials");
    mr_bench_must(mr_ials_train(model), "ials");
    p->name = name;
    copy(mr_ials_users(model), USERS, &p->users);
    copy(mr_ials_items(model), users.columns, &p->items);
    mr_ials_destroy(model);
    mr_sparse_matrix_deinit(&users);
    mr_sparse_matrix_deinit(&items);
    run(p);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    problem p = {.best = mr_bench_have(calloc((size_t)USERS * K, sizeof(mr_ranked))),
                 .counts = mr_bench_have(calloc(USERS, sizeof(uint32_t)))};
    mr_bench_must(mr_worker_pool_create(1, &p.pool), "pool");
    run_gaussian(&p, "100k", 100000);
    run_factors(&p, "gowalla_d64", 64);
    run_factors(&p, "gowalla_d128", 128);
    run_gaussian(&p, "1m", 1000000);
    mr_worker_pool_destroy(p.pool);
    free(p.best);
    free(p.counts);
    return 0;
}
