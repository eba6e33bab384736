/*
 * How much of an epoch of the session encoder is the products it cannot do without?  One epoch on
 * sessions of Diginetica's shape (186,670 of about 4 clicks on 43,097 items) beside the three
 * B x M x d products of each of its batches, done by the same threads and nothing else, whole
 * batches at a time: the most this machine's sgemm gives.  The two take turns every few batches, so
 * that both see the same machine.  First: one and two threads agree in every bit, and what was
 * planted is found again.
 */
#include "bench/bench.h"

#include "models/blas.h"
#include "models/encoder.h"
#include "models/encoder_training.h"
#include "models/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SESSIONS = 186670,
    ITEMS = 43097,
    CLICKS_MIN = 2,
    CLICKS_MAX = 16,
    NEIGHBOURHOOD = 6, /* the next click is at most so far from the last */
    CHECK_SESSIONS = SESSIONS / 8,
    CHECK_ITEMS = 4000,
    CHECK_EPOCHS = 3,
    CHECK_QUERIES = 500,
    CHECK_BEST = 20,
    TURN = 16, /* batches */
    THREADS_MAX = 2,
};

typedef struct sessions {
    uint64_t *ptr;
    uint32_t *item;
    mr_sequences view;
} sessions;

/* Lengths fall off geometrically from 2, mean about 4; items by density ~ x^-2/3. */
static sessions make_sessions(uint32_t count, uint32_t items, uint64_t seed)
{
    sessions s = {
        .ptr = mr_bench_have(calloc((size_t)count + 1, sizeof(uint64_t))),
        .item = mr_bench_have(calloc((size_t)count * CLICKS_MAX, sizeof(uint32_t)))};
    uint64_t at = 0;
    for (uint32_t n = 0; n < count; n++) {
        const double tail = log(1.0 - mr_random_uniform(seed, n)) / log(2.0 / 3.0);
        const uint32_t clicks =
            CLICKS_MIN + (uint32_t)fmin(tail, CLICKS_MAX - CLICKS_MIN);
        uint32_t item = (uint32_t)(pow(mr_random_uniform(seed + 1, n), 3.0) * items);
        for (uint32_t t = 0; t < clicks; t++) {
            s.item[at++] = item;
            item =
                (item + 1 + (uint32_t)(mr_random_uniform(seed + 2, at) * NEIGHBOURHOOD)) %
                items;
        }
        s.ptr[n + 1] = at;
    }
    s.view = (mr_sequences){.count = count, .items = items, .ptr = s.ptr, .item = s.item};
    return s;
}

static void free_sessions(sessions *s)
{
    free(s->ptr);
    free(s->item);
}

/* ---- right before fast ---- */

static mr_encoder *train(const mr_sequences *view, const mr_encoder_options *options,
                         uint32_t threads)
{
    mr_worker_pool *pool = NULL;
    mr_encoder *encoder = NULL;
    mr_bench_must(mr_worker_pool_create(threads, &pool), "pool");
    mr_bench_must(mr_encoder_train(view, options, pool, &encoder), "train");
    mr_worker_pool_destroy(pool);
    return encoder;
}

/* The share of sessions whose last click is among the best for the clicks before it. */
static double share_found(const mr_encoder *encoder, const mr_sequences *view)
{
    float *row = mr_bench_have(mr_dense_floats(view->items));
    uint32_t found = 0;
    for (uint32_t s = 0; s < CHECK_QUERIES; s++) {
        const size_t length = mr_sequences_length(view, s);
        const mr_query query = mr_sequences_query(view, s, length - 1);
        const uint32_t target = view->item[view->ptr[s] + length - 1];
        uint32_t rank = 0;
        mr_encoder_score(encoder, &query, row);
        for (uint32_t j = 0; j < view->items; j++)
            rank += row[j] >= row[target];
        found += rank <= CHECK_BEST;
    }
    free(row);
    return (double)found / CHECK_QUERIES;
}

static void check(void)
{
    sessions s = make_sessions(CHECK_SESSIONS, CHECK_ITEMS, 1);
    sessions others = make_sessions(CHECK_QUERIES, CHECK_ITEMS, 100);
    mr_encoder_options options = mr_encoder_options_default();
    options.epochs = CHECK_EPOCHS;
    options.batch = 256;
    mr_encoder *one = train(&s.view, &options, 1);
    mr_encoder *two = train(&s.view, &options, 2);
    const double found = share_found(one, &others.view);
    (void)printf("# encoder found=%.3f of the last clicks of new sessions\n", found);
    mr_bench_check(memcmp(mr_encoder_view(one)->units, mr_encoder_view(two)->units,
                          sizeof(float) * CHECK_ITEMS * options.dimension) == 0,
                   "threads agree");
    mr_bench_check(found > 0.7, "what was planted is found");
    mr_encoder_destroy(one);
    mr_encoder_destroy(two);
    free_sessions(&s);
    free_sessions(&others);
}

/* ---- an epoch beside its products ---- */

typedef struct race {
    mr_encoder_options options;
    mr_worker_pool *pool;
    float *units;                /* B x d */
    float *negatives;            /* M x d */
    float *cosines[THREADS_MAX]; /* B x M */
    float *slopes[THREADS_MAX];  /* the larger of B x d and M x d */
    uint64_t multiplied;         /* batches */
    double products_s;
} race;

static void multiply(void *context, uint32_t worker, size_t begin, size_t end)
{
    const race *r = context;
    const size_t d = r->options.dimension;
    const size_t b = r->options.batch;
    const size_t m = r->options.negatives;
    float *cosines = r->cosines[worker];
    float *slopes = r->slopes[worker];
    for (size_t n = begin; n < end; n++) {
        mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, b, m, d, 1.0F, r->units, d,
                      r->negatives, d, 0.0F, cosines, m);
        mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_PLAIN, b, d, m, 1.0F, cosines, m,
                      r->negatives, d, 0.0F, slopes, d);
        mr_blas_sgemm(MR_BLAS_TRANSPOSED, MR_BLAS_PLAIN, m, d, b, 1.0F, cosines, m,
                      r->units, d, 0.0F, slopes, d);
    }
}

/* Between two batches of the training, whose pool is then idle. */
static void take_turn(void *context, uint32_t epoch, uint64_t done, uint64_t all,
                      double loss)
{
    race *r = context;
    (void)epoch;
    (void)loss;
    if (done % TURN != 0 && done != all)
        return;
    const double start = mr_bench_seconds();
    mr_worker_pool_run(r->pool, done - r->multiplied, 1, multiply, r);
    r->products_s += mr_bench_seconds() - start;
    r->multiplied = done;
}

static void fill(float *values, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)mr_random_normal(seed, i) * 0.1F;
}

static void prepare(race *r, uint32_t threads)
{
    const size_t d = r->options.dimension;
    const size_t b = r->options.batch;
    const size_t m = r->options.negatives;
    r->units = mr_bench_have(mr_dense_floats(b * d));
    r->negatives = mr_bench_have(mr_dense_floats(m * d));
    fill(r->units, b * d, 1);
    fill(r->negatives, m * d, 2);
    for (uint32_t t = 0; t < threads; t++) {
        r->cosines[t] = mr_bench_have(mr_dense_floats(b * m));
        r->slopes[t] = mr_bench_have(mr_dense_floats((b > m ? b : m) * d));
    }
    mr_bench_must(mr_worker_pool_create(threads, &r->pool), "pool");
}

static void clear(race *r)
{
    mr_worker_pool_destroy(r->pool);
    for (uint32_t t = 0; t < THREADS_MAX; t++) {
        free(r->cosines[t]);
        free(r->slopes[t]);
    }
    free(r->units);
    free(r->negatives);
}

static void run(const mr_sequences *view, uint32_t dimension, uint32_t batch,
                uint32_t threads)
{
    char name[64];
    mr_encoder *encoder = NULL;
    race r = {.options = mr_encoder_options_default()};
    r.options.epochs = 1;
    r.options.dimension = dimension;
    r.options.batch = batch;
    r.options.report = take_turn;
    r.options.report_context = &r;
    prepare(&r, threads);
    const double start = mr_bench_seconds();
    mr_bench_must(mr_encoder_train(view, &r.options, r.pool, &encoder), "train");
    const double epoch_s = mr_bench_seconds() - start - r.products_s;
    const double flops =
        6.0 * (double)r.multiplied * batch * r.options.negatives * dimension;
    (void)printf("# encoder d=%u M=%u B=%u threads=%u batches=%llu epoch_s=%.2f "
                 "products_s=%.2f gflops=%.0f\n",
                 dimension, r.options.negatives, batch, threads,
                 (unsigned long long)r.multiplied, epoch_s, r.products_s,
                 flops * 1e-9 / r.products_s);
    (void)snprintf(name, sizeof(name), "encoder_epoch_at_sgemm_peak_d%u_t%u", dimension,
                   threads);
    (void)mr_bench_at_least(name, r.products_s / epoch_s, 0.5);
    mr_encoder_destroy(encoder);
    clear(&r);
}

int main(int count, char **arguments)
{
    (void)count;
    mr_bench_start(arguments);
    check();
    sessions s = make_sessions(SESSIONS, ITEMS, 1);
    for (uint32_t threads = 1; threads <= THREADS_MAX; threads++) {
        run(&s.view, 128, 512, threads);
        run(&s.view, 256, 256, threads);
    }
    free_sessions(&s);
    return 0;
}
