/*
 * How fast is an epoch of iALS beside implicit's (conjugate gradient, three steps, as many threads)
 * at equal loss, and beside the flops it does?  On Gowalla and on a matrix of MovieLens 20M's shape,
 * 64 to 256 factors, from random factors: the time of implicit's epochs over that of the fewest of
 * ours that reach its loss.
 *
 * Both losses are by one formula, ours; implicit's differs from it by 1 in 40 of a seen pair's
 * weight, so its product is first scaled by the factor that is best for it.
 */
#include "bench/bench.h"
#include "bench/interaction_data.h"
#include "bench/recommender_peer.h"

#include "models/blas.h"
#include "models/gram.h"
#include "models/ials.h"
#include "models/vector.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SQUARE = 1024, EPOCHS_MAX = 16 };

/* implicit's alpha 40 and regularisation 20, which were best on a hold-out of Gowalla. */
static const float ALPHA0 = 0.025F;
static const float LAMBDA = 0.5F;

typedef struct problem {
    const char *name;
    int epochs;
    mr_sparse_matrix users;
    mr_sparse_matrix items;
    mr_worker_pool *pool;
} problem;

/* CPU of all threads: what others do beside it is not in it, on either side. */
static double process_cpu(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double squares(const mr_dense *table)
{
    double sum = 0.0;
    for (size_t r = 0; r < table->rows; r++) {
        const float *row = mr_dense_row(table, r);
        sum += (double)mr_vector_kernels_best()->dot(row, row, table->stride);
    }
    return sum;
}

/* Trace of (X'X)(Y'Y). */
static double unseen(const problem *p, const mr_dense *x, const mr_dense *y)
{
    const size_t d = x->columns;
    double *a = mr_bench_have(malloc(d * d * sizeof(*a)));
    double *b = mr_bench_have(malloc(d * d * sizeof(*b)));
    double sum = 0.0;
    mr_bench_must(mr_gram_of(x, p->pool, a), "gram");
    mr_bench_must(mr_gram_of(y, p->pool, b), "gram");
    for (size_t r = 0; r < d; r++)
        for (size_t c = 0; c <= r; c++)
            sum += (r == c ? 1.0 : 2.0) * a[r * d + c] * b[r * d + c];
    free(a);
    free(b);
    return sum;
}

/* The loss of models/ials.h with nu = 0, of the product times 1, or times what is best. */
static double loss_of(const problem *p, const mr_dense *x, const mr_dense *y, bool scaled)
{
    double linear = 0.0;
    double square = 0.0;
    for (uint32_t u = 0; u < p->users.rows; u++)
        for (uint64_t e = p->users.ptr[u]; e < p->users.ptr[u + 1]; e++) {
            const double dot = (double)mr_vector_kernels_best()->dot(
                mr_dense_row(x, u), mr_dense_row(y, p->users.index[e]), x->stride);
            linear += dot;
            square += dot * dot;
        }
    square += (double)ALPHA0 * unseen(p, x, y);
    const double size = (double)LAMBDA * (squares(x) + squares(y));
    const double s = scaled ? (2.0 * linear - size) / (2.0 * square) : 1.0;
    return (double)mr_sparse_matrix_count(&p->users) - 2.0 * s * linear + s * s * square +
           s * size;
}

static void multiply(void *context)
{
    float **m = context;
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_PLAIN, SQUARE, SQUARE, SQUARE, 1.0F, m[0],
                  SQUARE, m[1], SQUARE, 0.0F, m[2], SQUARE);
}

/* Of one core, in flops a CPU second. */
static double peak(void)
{
    float *m[3];
    double best = (double)INFINITY;
    for (int i = 0; i < 3; i++)
        m[i] = mr_bench_have(mr_dense_floats((size_t)SQUARE * SQUARE));
    for (int r = 0; r < 10; r++) {
        const double start = mr_bench_cpu_seconds();
        multiply(m);
        best = fmin(best, mr_bench_cpu_seconds() - start);
    }
    for (int i = 0; i < 3; i++)
        free(m[i]);
    return 2.0 * SQUARE * (double)SQUARE * SQUARE / best;
}

typedef struct own_result {
    double epoch_s;
    double cpu_s;
    double flops;              /* a CPU second */
    double losses[EPOCHS_MAX]; /* after each epoch */
} own_result;

static own_result run_own(const problem *p, uint32_t dimension)
{
    own_result result = {.epoch_s = (double)INFINITY, .cpu_s = (double)INFINITY};
    const mr_ials_options options = {.dimension = dimension,
                                     .epochs = 1,
                                     .alpha0 = ALPHA0,
                                     .lambda = LAMBDA,
                                     .nu = 0.0F,
                                     .seed = 1};
    mr_ials *model = NULL;
    mr_bench_must(mr_ials_create(&p->users, &p->items, &options, p->pool, &model),
                  "ials");
    for (int epoch = 0; epoch < p->epochs; epoch++) {
        const double flops = mr_ials_flops(model);
        const double start = mr_bench_seconds();
        const double cpu = process_cpu();
        mr_bench_must(mr_ials_epoch(model), "epoch");
        const double cpu_s = process_cpu() - cpu;
        result.epoch_s = fmin(result.epoch_s, mr_bench_seconds() - start);
        result.cpu_s = fmin(result.cpu_s, cpu_s);
        result.flops = fmax(result.flops, (mr_ials_flops(model) - flops) / cpu_s);
        mr_bench_must(mr_ials_loss(model, &result.losses[epoch]), "loss");
    }
    const double loss = loss_of(p, mr_ials_users(model), mr_ials_items(model), false);
    mr_bench_check(fabs(loss - result.losses[p->epochs - 1]) <= 1e-3 * loss,
                   "one formula of the loss");
    mr_ials_destroy(model);
    return result;
}

static void beside_implicit(const problem *p, uint32_t dimension, const own_result *own)
{
    char name[64];
    char words[4][16];
    mr_recommender_peer peer;
    (void)snprintf(name, sizeof(name), "ials_implicit_by_ours_%s_d%u", p->name,
                   dimension);
    (void)snprintf(words[0], sizeof(words[0]), "%u", p->users.columns);
    (void)snprintf(words[1], sizeof(words[1]), "%u", dimension);
    (void)snprintf(words[2], sizeof(words[2]), "%d", p->epochs);
    (void)snprintf(words[3], sizeof(words[3]), "%u", mr_worker_pool_threads(p->pool));
    const char *const all[] = {words[0], words[1], words[2], "40", "20", words[3], NULL};
    mr_recommender_peer_open(&peer);
    mr_recommender_peer_give_matrix(&peer, &p->users);
    if (mr_recommender_peer_run(&peer, "als", all)) {
        mr_dense x = mr_recommender_peer_take_table(&peer, "user_factors.npy");
        mr_dense y = mr_recommender_peer_take_table(&peer, "item_factors.npy");
        const double loss = loss_of(p, &x, &y, true);
        (void)printf("# implicit %s d=%u loss=%.6g\n", p->name, dimension, loss);
        const double peer_s = mr_recommender_peer_number(&peer, "\"cpu_s\"");
        int needed = 1;
        while (needed < p->epochs && own->losses[needed - 1] > loss)
            needed++;
        (void)mr_bench_at_least(name, p->epochs * peer_s / (needed * own->cpu_s), 4.0);
        (void)printf("# of one epoch %.2f, epochs %d for %d\n", peer_s / own->cpu_s,
                     needed, p->epochs);
        (void)snprintf(name, sizeof(name), "ials_loss_by_implicit_%s_d%u", p->name,
                       dimension);
        (void)mr_bench_ratio(name, own->losses[p->epochs - 1] / loss, 1.0);
        mr_dense_deinit(&x);
        mr_dense_deinit(&y);
    } else {
        mr_bench_peer_absent(name, "implicit");
    }
    mr_recommender_peer_close(&peer);
}

static void run(problem *p, const char *name, int epochs)
{
    const char *one = getenv("MILLRACE_BENCH_DIMENSION");
    mr_bench_must(mr_sparse_matrix_transpose(&p->users, &p->items), "transpose");
    p->name = name;
    p->epochs = epochs;
    for (uint32_t d = 64; d <= 256; d *= 2) {
        char row[64];
        if (one != NULL && strtoul(one, NULL, 10) != d)
            continue;
        const own_result own = run_own(p, d);
        (void)printf(
            "# ials %s d=%u epoch_s=%.4f cpu_s=%.4f gflops_a_core=%.1f loss=%.6g\n", name,
            d, own.epoch_s, own.cpu_s, own.flops * 1e-9, own.losses[p->epochs - 1]);
        (void)snprintf(row, sizeof(row), "ials_of_peak_%s_d%u", name, d);
        (void)mr_bench_at_least(row, own.flops / peak(), 0.4);
        beside_implicit(p, d, &own);
    }
    mr_sparse_matrix_deinit(&p->users);
    mr_sparse_matrix_deinit(&p->items);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    problem p = {0};
    mr_bench_must(mr_worker_pool_create(0, &p.pool), "pool");
    (void)printf("# threads %u\n", mr_worker_pool_threads(p.pool));
    if (mr_interaction_data_gowalla(&p.users))
        run(&p, "gowalla", 8);
    else
        mr_bench_peer_absent("ials_epoch_gowalla", "the data set gowalla");
    mr_interaction_data_ml20m_shape(&p.users);
    run(&p, "ml20m_shape", 3);
    mr_worker_pool_destroy(p.pool);
    return 0;
}
