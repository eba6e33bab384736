/*
 * How much does the eigenbasis save?  One epoch of the fast path beside one of the plain Cholesky
 * path, on a matrix of Gowalla's shape (29,858 x 40,981, about a million pairs, long tails), at equal loss;
 * and a fold-in of 20 items beside the flops it does at this machine's sgemm rate.
 */
#include "bench/bench.h"

#include "models/blas.h"
#include "models/fold_in.h"
#include "models/ials.h"
#include "models/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    USERS = 29858,
    ITEMS = 40981,
    PAIRS = 1000000, /* drawn; a few of them twice */
    CHECK_EPOCHS = 4,
    REPEATS = 3,
    HISTORY = 20,
    FOLD_INS = 20000,
    SQUARE = 1024,
};

typedef struct problem {
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_worker_pool *pool;
    mr_ials *fast;
    mr_ials *plain;
} problem;

/* Users and items drawn with density ~ x^-2/3: a few are in thousands of pairs. */
static void make_matrix(problem *p)
{
    mr_triple *pairs = malloc(PAIRS * sizeof(*pairs));
    mr_bench_must(pairs == NULL ? MR_ERR_NO_MEMORY : MR_OK, "pairs");
    for (uint64_t t = 0; t < PAIRS; t++)
        pairs[t] =
            (mr_triple){.row = (uint32_t)(pow(mr_random_uniform(1, t), 2.0) * USERS),
                        .column = (uint32_t)(pow(mr_random_uniform(2, t), 3.0) * ITEMS)};
    mr_bench_must(
        mr_sparse_matrix_from_triples(pairs, PAIRS, USERS, ITEMS, false, &p->users),
        "matrix");
    mr_bench_must(mr_sparse_matrix_transpose(&p->users, &p->items), "transpose");
    free(pairs);
    (void)printf("# matrix %d x %d, %llu pairs\n", USERS, ITEMS,
                 (unsigned long long)mr_sparse_matrix_count(&p->users));
}

static void fast_epoch(void *context)
{
    mr_bench_must(mr_ials_epoch(((problem *)context)->fast), "fast epoch");
}

static void plain_epoch(void *context)
{
    mr_bench_must(mr_ials_epoch(((problem *)context)->plain), "plain epoch");
}

static void compare(problem *p, uint32_t dimension, double bound)
{
    char name[64];
    double fast_loss = 0.0;
    double plain_loss = 0.0;
    double fast_s = 0.0;
    double plain_s = 0.0;
    mr_ials_options options = {.dimension = dimension,
                               .epochs = 1,
                               .alpha0 = 0.02F,
                               .lambda = 0.003F,
                               .nu = 1.0F,
                               .seed = 1};
    mr_bench_must(mr_ials_create(&p->users, &p->items, &options, p->pool, &p->fast),
                  "create");
    options.reference = true;
    mr_bench_must(mr_ials_create(&p->users, &p->items, &options, p->pool, &p->plain),
                  "create");
    for (int epoch = 0; epoch < CHECK_EPOCHS; epoch++) {
        fast_epoch(p);
        plain_epoch(p);
    }
    mr_bench_must(mr_ials_loss(p->fast, &fast_loss), "loss");
    mr_bench_must(mr_ials_loss(p->plain, &plain_loss), "loss");
    const double apart = fabs(fast_loss - plain_loss) / plain_loss;
    (void)snprintf(name, sizeof(name), "ials_loss_apart_d%u", dimension);
    (void)mr_bench_ratio(name, apart, 1e-3);
    mr_bench_pair(REPEATS, fast_epoch, plain_epoch, p, &fast_s, &plain_s);
    (void)printf("# ials d=%u epoch_s=%.4f cholesky_epoch_s=%.4f\n", dimension, fast_s,
                 plain_s);
    (void)snprintf(name, sizeof(name), "ials_epoch_by_cholesky_d%u", dimension);
    (void)mr_bench_ratio(name, fast_s / plain_s, bound);
    mr_ials_destroy(p->plain);
    p->plain = NULL;
}

/* ---- the fold-in ---- */

typedef struct folding {
    const mr_fold_in *fold_in;
    mr_ials_scratch *scratch;
    uint32_t *histories; /* [FOLD_INS][HISTORY] */
    float *factors;
    float *a;
    float *b;
    float *c;
} folding;

static void fold_all(void *context)
{
    const folding *f = context;
    for (size_t n = 0; n < FOLD_INS; n++) {
        if (n + 1 < FOLD_INS)
            mr_fold_in_prefetch(f->fold_in, f->histories + (n + 1) * HISTORY, HISTORY);
        mr_fold_in_user(f->fold_in, f->scratch, f->histories + n * HISTORY, NULL, HISTORY,
                        f->factors);
    }
}

static void multiply(void *context)
{
    const folding *f = context;
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_PLAIN, SQUARE, SQUARE, SQUARE, 1.0F, f->a,
                  SQUARE, f->b, SQUARE, 0.0F, f->c, SQUARE);
}

static void fold(problem *p, uint32_t dimension, double bound)
{
    char name[64];
    double fold_s = 0.0;
    double square_s = 0.0;
    mr_dense items;
    mr_fold_in *fold_in = NULL;
    const mr_ials_options options = {
        .dimension = dimension, .alpha0 = 0.02F, .lambda = 0.003F, .nu = 1.0F};
    const mr_dense *trained = mr_ials_items(p->fast);
    mr_bench_must(mr_dense_init(&items, trained->rows, trained->columns), "items");
    memcpy(items.values, trained->values,
           trained->rows * trained->stride * sizeof(float));
    mr_bench_must(mr_fold_in_create(&items, &options, p->pool, &fold_in), "fold-in");
    folding f = {.fold_in = fold_in,
                 .histories = malloc((size_t)FOLD_INS * HISTORY * sizeof(uint32_t)),
                 .factors = mr_dense_floats(dimension),
                 .a = mr_dense_floats(SQUARE * SQUARE),
                 .b = mr_dense_floats(SQUARE * SQUARE),
                 .c = mr_dense_floats(SQUARE * SQUARE)};
    mr_bench_must(mr_ials_scratch_create(dimension, &f.scratch), "scratch");
    mr_bench_must(f.histories == NULL || f.factors == NULL || f.a == NULL ||
                          f.b == NULL || f.c == NULL
                      ? MR_ERR_NO_MEMORY
                      : MR_OK,
                  "memory");
    for (uint64_t h = 0; h < (uint64_t)FOLD_INS * HISTORY; h++)
        f.histories[h] = (uint32_t)(pow(mr_random_uniform(3, h), 3.0) * ITEMS);
    mr_bench_pair(REPEATS, fold_all, multiply, &f, &fold_s, &square_s);
    const double n = HISTORY;
    const double d = dimension;
    const double flops =
        n * n * d + n * n * n / 3.0 + 4.0 * n * d; /* see ials_solver.h */
    const double peak = 2.0 * SQUARE * (double)SQUARE * SQUARE / square_s;
    (void)printf("# fold_in d=%u n=%d us=%.3f sgemm_gflops=%.0f\n", dimension, HISTORY,
                 fold_s / FOLD_INS * 1e6, peak * 1e-9);
    (void)snprintf(name, sizeof(name), "fold_in_by_its_flops_d%u", dimension);
    (void)mr_bench_ratio(name, fold_s / FOLD_INS / (flops / peak), bound);
    mr_ials_scratch_destroy(f.scratch);
    mr_fold_in_destroy(fold_in);
    mr_dense_deinit(&items);
    free(f.histories);
    free(f.factors);
    free(f.a);
    free(f.b);
    free(f.c);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    problem p = {0};
    mr_bench_must(mr_worker_pool_create(0, &p.pool), "pool");
    (void)printf("# threads %u\n", mr_worker_pool_threads(p.pool));
    make_matrix(&p);
    compare(&p, 64, 0.5);
    mr_ials_destroy(p.fast);
    compare(&p, 128, 0.25);
    fold(&p, 128, 2.0);
    mr_ials_destroy(p.fast);
    mr_sparse_matrix_deinit(&p.users);
    mr_sparse_matrix_deinit(&p.items);
    mr_worker_pool_destroy(p.pool);
    return 0;
}
