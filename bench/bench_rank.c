/*
 * What does it cost to rank 200 given items for one user, reasons included?  One thread, users in turn
 * so that nobody's rows are still warm, a catalogue of 10,000 items: the blend of set-type members
 * alone, and a ranker over everything.  Beside it what no way of scoring these items does without,
 * reading their vectors, what the list of 100 and that of 1,024 cost in the same run, and what it
 * costs to liken two of the items.
 *
 *     bench_rank [VERSION]     a model's directory instead, its histories drawn alike
 */
#include "bench/bench.h"
#include "bench/shop_model.h"

#include "models/recommender_internal.h"
#include "models/vector.h"

#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 10000, USERS = 512, GIVEN = 200, LISTED = 100 };

static const double GOAL_US = 300.0;

typedef struct user {
    mr_model_history_item history[MR_SHOP_HISTORY_MAX];
    size_t count;
    uint32_t given[GIVEN];
} user;

typedef struct problem {
    mr_shop_model shop;
    const mr_recommender *recommender;
    mr_recommender_scratch *scratch;
    mr_scored_item items[MR_RECOMMEND_MAX];
    user users[USERS];
    double seconds[USERS];
    volatile float sum; /* so that what is only read is read */
} problem;

typedef void (*body)(problem *p, const user *u);

/* ---- what is timed ---- */

static void rank(problem *p, const user *u)
{
    mr_bench_must(mr_recommender_rank(p->recommender, p->scratch, u->history, u->count,
                                      u->given, GIVEN, p->items),
                  "rank");
}

static void list_of(problem *p, const user *u, uint32_t k)
{
    const mr_recommend_options options = {.k = k};
    size_t count = 0;
    mr_bench_must(mr_recommender_score(p->recommender, p->scratch, u->history, u->count,
                                       &options, p->items, &count),
                  "score");
}

static void list_short(problem *p, const user *u)
{
    list_of(p, u, LISTED);
}

static void list_long(problem *p, const user *u)
{
    list_of(p, u, MR_RECOMMEND_MAX);
}

static void liken(problem *p, const user *u)
{
    float sum = 0.0F;
    for (size_t i = 0; i < GIVEN; i++)
        for (size_t j = 0; j < GIVEN; j += 8)
            sum += mr_recommender_likeness(p->recommender, u->given[i], u->given[j]);
    p->sum = sum;
}

static size_t read_rows(problem *p, const mr_dense *table, const user *u)
{
    const mr_vector_kernels *kernels = mr_vector_kernels_best();
    float sum = 0.0F;
    for (size_t i = 0; i < GIVEN; i++)
        sum += kernels->dot(mr_dense_row(table, 0), mr_dense_row(table, u->given[i]),
                            table->stride);
    p->sum = sum;
    return GIVEN * table->stride * sizeof(float);
}

static size_t vectors_of(problem *p, const user *u)
{
    const mr_recommender *r = p->recommender;
    size_t bytes = 0;
    if (r->fold_in != NULL)
        bytes += read_rows(p, mr_fold_in_items(r->fold_in), u);
    if (r->has_ranker && r->store.members.encoder != NULL)
        bytes += read_rows(p, mr_encoder_items(r->store.members.encoder), u);
    return bytes;
}

static void read_vectors(problem *p, const user *u)
{
    (void)vectors_of(p, u);
}

/* ---- timing ---- */

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

static double median_us(problem *p, body timed, double *ret_p99_us)
{
    for (uint32_t u = 0; u < USERS; u++) {
        const double start = mr_bench_cpu_seconds();
        timed(p, &p->users[u]);
        p->seconds[u] = mr_bench_cpu_seconds() - start;
    }
    qsort(p->seconds, USERS, sizeof(*p->seconds), ascending);
    if (ret_p99_us != NULL)
        *ret_p99_us = p->seconds[USERS * 99 / 100] * 1e6;
    return p->seconds[USERS / 2] * 1e6;
}

/* ---- a model ---- */

/* A category page: neighbours in the catalogue, around an item of the history. */
static void draw_users(problem *p)
{
    for (uint32_t n = 0; n < USERS; n++) {
        user *u = &p->users[n];
        u->count = mr_shop_history(&p->shop, n, u->history);
        for (uint32_t i = 0; i < GIVEN; i++)
            u->given[i] = (u->history[0].item + i * 7) % p->shop.items;
    }
}

/* Of the pairs of a list that are ranked again among themselves, the share that stand as they did. */
static double agreement(problem *p)
{
    static mr_scored_item list[GIVEN];
    const mr_recommend_options options = {.k = GIVEN};
    size_t pairs = 0;
    size_t kept = 0;
    for (uint32_t n = 0; n < USERS; n += 8) {
        const user *u = &p->users[n];
        uint32_t given[GIVEN];
        size_t count = 0;
        mr_bench_must(mr_recommender_score(p->recommender, p->scratch, u->history,
                                           u->count, &options, list, &count),
                      "score");
        for (size_t i = 0; i < count; i++)
            given[i] = list[i].item;
        mr_bench_must(mr_recommender_rank(p->recommender, p->scratch, u->history,
                                          u->count, given, count, p->items),
                      "rank");
        for (size_t i = 0; i < count; i++)
            for (size_t j = i + 1; j < count; j++, pairs++)
                kept += p->items[i].score >= p->items[j].score;
    }
    return (double)kept / (double)pairs;
}

static void measure(problem *p, const char *name)
{
    double p99_us = 0.0;
    char ratio[48];
    mr_bench_must(mr_recommender_scratch_create(p->recommender, &p->scratch), "scratch");
    draw_users(p);
    (void)median_us(p, rank, NULL);
    const double rank_us = median_us(p, rank, &p99_us);
    const double read_us = median_us(p, read_vectors, NULL);
    (void)printf("# rank %s median_us=%.1f p99_us=%.1f bytes=%zu reading_us=%.1f\n", name,
                 rank_us, p99_us, vectors_of(p, &p->users[0]), read_us);
    (void)printf("# rank %s list_%d_us=%.1f list_%d_us=%.1f\n", name, LISTED,
                 median_us(p, list_short, NULL), MR_RECOMMEND_MAX,
                 median_us(p, list_long, NULL));
    (void)printf("# rank %s likeness_ns=%.1f\n", name,
                 median_us(p, liken, NULL) * 1e3 / (GIVEN * GIVEN / 8));
    (void)printf("# rank %s agreement=%.4f\n", name, agreement(p));
    (void)snprintf(ratio, sizeof(ratio), "rank_200_us_%s", name);
    (void)mr_bench_ratio(ratio, rank_us, GOAL_US);
    mr_recommender_scratch_destroy(p->scratch);
}

static void run_shop(problem *p, bool has_ranker)
{
    mr_shop_model_open(ITEMS, has_ranker, &p->shop);
    p->recommender = p->shop.recommender;
    measure(p, has_ranker ? "ranker_10k" : "set_10k");
    mr_shop_model_close(&p->shop);
}

static void run_version(problem *p, const char *directory)
{
    mr_error error = {.message = ""};
    mr_recommender *recommender = NULL;
    mr_bench_must(mr_recommender_open(directory, &recommender, &error), error.message);
    p->recommender = recommender;
    p->shop.items = mr_recommender_item_count(recommender);
    measure(p, "version");
    mr_recommender_destroy(recommender);
}

int main(int count, char **arguments)
{
    mr_bench_start(arguments);
    problem *p = mr_bench_have(calloc(1, sizeof(*p)));
    if (count > 1) {
        run_version(p, arguments[1]);
    } else {
        run_shop(p, false);
        run_shop(p, true);
    }
    free(p);
    return 0;
}
