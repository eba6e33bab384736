/*
 * How fast is the table of item neighbours built beside implicit's ItemItemRecommender, whose weights
 * are plain counts, and CosineRecommender?  Gowalla and a matrix of MovieLens 20M's shape, 100 and
 * 1000 neighbours, two threads both; ours with the three exponents, which cost it nothing.
 */
#include "bench/bench.h"
#include "bench/interaction_data.h"
#include "bench/recommender_peer.h"

#include "models/item_item.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CHECKED_ITEM = 100 };

static const mr_item_item_options OPTIONS = {
    .user_exponent = 0.5F, .row_exponent = 0.4F, .column_exponent = 0.6F};

typedef struct problem {
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_worker_pool *pool;
} problem;

/* CPU of all threads, on both sides. */
static double process_cpu(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The weights of one row by their definition. */
static void check(const problem *p, const mr_sparse_matrix *model)
{
    for (uint64_t e = model->ptr[CHECKED_ITEM]; e < model->ptr[CHECKED_ITEM + 1]; e++) {
        const uint32_t other = model->index[e];
        double weight = 0.0;
        for (uint64_t u = p->items.ptr[CHECKED_ITEM]; u < p->items.ptr[CHECKED_ITEM + 1];
             u++) {
            const uint32_t user = p->items.index[u];
            if (mr_sparse_matrix_has(&p->users, user, other))
                weight += pow(mr_sparse_matrix_row_count(&p->users, user), -0.5);
        }
        weight *= pow(mr_sparse_matrix_row_count(&p->items, CHECKED_ITEM), -0.4) *
                  pow(mr_sparse_matrix_row_count(&p->items, other), -0.6);
        mr_bench_check(fabs((double)model->values[e] - weight) <= 1e-4 * weight,
                       "a weight of an item's neighbour");
    }
}

static void compare(const problem *p, const char *name, uint32_t neighbours, int repeats)
{
    char row[64];
    char words[3][16];
    double best_s = (double)INFINITY;
    double best_cpu_s = (double)INFINITY;
    mr_item_item_options options = OPTIONS;
    options.neighbours = neighbours;
    for (int r = 0; r < repeats; r++) {
        mr_sparse_matrix model;
        const double start = mr_bench_seconds();
        const double cpu = process_cpu();
        mr_bench_must(mr_item_item_build(&p->users, &p->items, &options, p->pool, &model),
                      "build");
        best_cpu_s = fmin(best_cpu_s, process_cpu() - cpu);
        best_s = fmin(best_s, mr_bench_seconds() - start);
        if (r == 0)
            check(p, &model);
        mr_sparse_matrix_deinit(&model);
    }
    (void)printf("# item_item %s k=%u build_s=%.3f cpu_s=%.3f\n", name, neighbours,
                 best_s, best_cpu_s);
    (void)snprintf(row, sizeof(row), "item_item_implicit_by_ours_%s_k%u", name,
                   neighbours);
    (void)snprintf(words[0], sizeof(words[0]), "%u", p->users.columns);
    (void)snprintf(words[1], sizeof(words[1]), "%u", neighbours);
    (void)snprintf(words[2], sizeof(words[2]), "%u", mr_worker_pool_threads(p->pool));
    const char *const all[] = {words[0], words[1], words[2], repeats > 1 ? "3" : "1",
                               NULL};
    mr_recommender_peer peer;
    mr_recommender_peer_open(&peer);
    mr_recommender_peer_give_matrix(&peer, &p->users);
    if (mr_recommender_peer_run(&peer, "items", all))
        (void)mr_bench_at_least(
            row, mr_recommender_peer_number(&peer, "\"plain_cpu_s\"") / best_cpu_s, 5.0);
    else
        mr_bench_peer_absent(row, "implicit");
    mr_recommender_peer_close(&peer);
}

static void run(problem *p, const char *name, int repeats)
{
    mr_bench_must(mr_sparse_matrix_transpose(&p->users, &p->items), "transpose");
    compare(p, name, 100, repeats);
    compare(p, name, 1000, repeats);
    mr_sparse_matrix_deinit(&p->users);
    mr_sparse_matrix_deinit(&p->items);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    problem p = {0};
    mr_bench_must(mr_worker_pool_create(0, &p.pool), "pool");
    if (mr_interaction_data_gowalla(&p.users))
        run(&p, "gowalla", 5);
    else
        mr_bench_peer_absent("item_item_gowalla", "the data set gowalla");
    mr_interaction_data_ml20m_shape(&p.users);
    run(&p, "ml20m_shape", 1);
    mr_worker_pool_destroy(p.pool);
    return 0;
}
