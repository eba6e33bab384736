/*
 * What does the list of one user cost from his history to the packed value?  One thread, users in
 * turn so that nobody's rows are still warm, catalogues of 10,000, 100,000 and a million items; the
 * blend of set-type members alone, and a ranker over everything.  Beside it the time of reading the
 * tables of byte codes once, which an exact answer needs.
 *
 *     bench_one_user [ITEMS...]     these catalogues only
 */
#include "bench/bench.h"
#include "bench/shop_model.h"

#include "models/history_sequences.h"
#include "models/ranker.h"
#include "models/recommender_internal.h"
#include "models/set_ranking.h"
#include "serving/result_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { USERS = 512, K = MR_RESULT_ITEMS_MAX, STAGES_MAX = 12 };

typedef struct user {
    mr_model_history_item history[MR_SHOP_HISTORY_MAX];
    size_t count;
    /* The same, oldest first. */
    uint32_t item[MR_SHOP_HISTORY_MAX];
    uint32_t basket[MR_SHOP_HISTORY_MAX];
    uint32_t time_s[MR_SHOP_HISTORY_MAX];
    mr_query query;
} user;

typedef struct problem {
    mr_shop_model shop;
    const mr_recommender *recommender;
    mr_recommender_scratch *scratch;
    mr_set_scratch *set;
    mr_ranker_members members; /* the recommender's, with the rows of the set */
    mr_ranker_workspace *workspace;
    mr_own_table own;
    mr_session_knn_scratch *session_knn;
    mr_int8_scratch *codes;
    float *vector;
    float *row;
    mr_ranked *best;
    mr_scored_item items[K];
    mr_result result;
    mr_buffer value;
    user *users;
    volatile uint64_t sum; /* so that what is only read is read */
    double *seconds;       /* [USERS] */
} problem;

typedef void (*stage_body)(problem *p, const user *u);

/* ---- what is timed ---- */

static void score_set(void *context, uint32_t lane, const mr_query *query, float *ret_row)
{
    problem *p = context;
    (void)lane;
    mr_set_score(&p->recommender->set, p->set, query, ret_row);
}

static void fill_own(problem *p, const user *u)
{
    mr_own_table_fill(&p->own, &u->query);
}

static void score_encoder(problem *p, const user *u)
{
    (void)mr_encoder_encode(p->members.encoder, &u->query, p->vector);
    (void)mr_int8_table_top_k(p->members.encoder_codes, p->codes, p->vector, K, NULL, 0,
                              p->best);
}

static void score_sequence(problem *p, const user *u)
{
    mr_covisitation_score(p->members.sequence, &u->query, p->row);
}

static void score_session_knn(problem *p, const user *u)
{
    mr_session_knn_score(p->members.session_knn, p->session_knn, &u->query, p->row);
}

static void score_repeat(problem *p, const user *u)
{
    mr_next_basket_score(p->members.repeat, &u->query, p->row);
}

static void ask_set(void *context, uint32_t lane, const mr_query *query)
{
    problem *p = context;
    (void)lane;
    mr_set_ask(&p->recommender->set, p->set, query);
}

static uint32_t best_of_set(void *context, uint32_t lane, uint32_t k, mr_ranked *ret_best)
{
    problem *p = context;
    (void)lane;
    return mr_set_best(&p->recommender->set, p->set, k, ret_best);
}

static void score_set_at(void *context, uint32_t lane, const uint32_t *items,
                         size_t count, float *ret_row)
{
    problem *p = context;
    (void)lane;
    mr_set_at(&p->recommender->set, p->set, items, count, ret_row);
}

static void score_rows(problem *p, const user *u)
{
    ask_set(p, 0, &u->query);
    (void)best_of_set(p, 0, K, p->best);
}

static void look(problem *p, const user *u)
{
    const mr_ranker_limits limits = {.k = K};
    mr_ranker_look(&p->members, &p->recommender->ranker, p->workspace, &u->query,
                   &limits);
}

static void rank(problem *p, const user *u)
{
    const mr_ranker_limits limits = {.k = K};
    (void)mr_ranker_rank(&p->members, &p->recommender->ranker, p->workspace, &u->query,
                         &limits, p->best);
}

static void answer(problem *p, const user *u)
{
    const mr_recommend_options options = {.k = K};
    size_t count = 0;
    mr_bench_must(mr_recommender_score(p->recommender, p->scratch, u->history, u->count,
                                       &options, p->result.items, &count),
                  "score");
    p->result.count = (uint32_t)count;
}

static void pack(problem *p, const user *u)
{
    answer(p, u);
    mr_buffer_clear(&p->value);
    p->result.dictionary = p->shop.items;
    mr_bench_must(mr_result_encode((mr_hash128){0}, &p->result, &p->value), "pack");
}

static uint64_t sum_of(const mr_int8_table *table)
{
    const mr_int8_arrays arrays = mr_int8_table_arrays(table);
    uint64_t sum = 0;
    for (size_t i = 0; i < arrays.code_count; i += sizeof(sum)) {
        uint64_t word;
        memcpy(&word, arrays.codes + i, sizeof(word));
        sum += word;
    }
    return sum;
}

/* All byte codes once, which an exact list cannot do without. */
static void read_codes(problem *p, const user *u)
{
    (void)u;
    p->sum = sum_of(mr_set_index_codes(p->recommender->set_index));
    if (p->recommender->has_ranker)
        p->sum += sum_of(p->recommender->store.members.encoder_codes);
}

/* ---- timing ---- */

static int ascending(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* CPU time of each user once; the median in us, and the 99th percentile. */
static double median_us(problem *p, stage_body body, uint32_t users, double *ret_p99_us)
{
    for (uint32_t u = 0; u < users; u++) {
        const double start = mr_bench_cpu_seconds();
        body(p, &p->users[u]);
        p->seconds[u] = mr_bench_cpu_seconds() - start;
    }
    qsort(p->seconds, users, sizeof(*p->seconds), ascending);
    if (ret_p99_us != NULL)
        *ret_p99_us = p->seconds[users * 99 / 100] * 1e6;
    return p->seconds[users / 2] * 1e6;
}

static void print_stages(problem *p, const char *name, uint32_t users)
{
    static const struct {
        const char *name;
        stage_body body;
    } stages[] = {{"own", fill_own},
                  {"encoder", score_encoder},
                  {"sequence", score_sequence},
                  {"session_knn", score_session_knn},
                  {"repeat", score_repeat},
                  {"rows", score_rows},
                  {"look", look},
                  {"rank", rank}};
    (void)printf("# one_user %s us", name);
    for (size_t s = 0; s < sizeof(stages) / sizeof(*stages); s++)
        (void)printf(" %s=%.1f", stages[s].name,
                     median_us(p, stages[s].body, users, NULL));
    (void)printf(" answer=%.1f\n", median_us(p, answer, users, NULL));
}

/* ---- a model ---- */

static void draw_users(problem *p)
{
    for (uint32_t n = 0; n < USERS; n++) {
        user *u = &p->users[n];
        u->count = mr_shop_history(&p->shop, n, u->history);
        for (size_t h = 0; h < u->count; h++) {
            u->item[u->count - 1 - h] = u->history[h].item;
            u->time_s[u->count - 1 - h] = u->history[h].time_s;
        }
        mr_history_baskets(u->time_s, u->count, u->basket);
        u->query = (mr_query){
            .item = u->item, .basket = u->basket, .time_s = u->time_s, .count = u->count};
    }
}

static void open_ranker(problem *p)
{
    p->members = p->recommender->store.members;
    p->members.rows = (mr_row_source){.score = score_set,
                                      .context = p,
                                      .ask = ask_set,
                                      .best = best_of_set,
                                      .at = score_set_at};
    mr_bench_must(mr_ranker_workspace_create(&p->members, 0, &p->workspace), "workspace");
    mr_bench_must(mr_session_knn_scratch_create(p->members.session_knn, &p->session_knn),
                  "scratch");
    mr_bench_must(mr_int8_scratch_create(p->members.encoder_codes, NULL, &p->codes),
                  "scratch");
    p->vector = mr_bench_have(mr_dense_floats(MR_ENCODER_DIMENSION_MAX));
    mr_bench_must(mr_own_table_init(&p->own, p->shop.items), "own");
}

static void close_ranker(problem *p)
{
    const mr_int8_work work = mr_int8_scratch_work(p->codes);
    (void)printf("# one_user encoder rescored=%.1f repeated=%llu scanned=%llu\n",
                 (double)work.rescored / (double)work.users,
                 (unsigned long long)work.repeated, (unsigned long long)work.scanned);
    mr_int8_scratch_destroy(p->codes);
    free(p->vector);
    mr_ranker_workspace_destroy(p->workspace);
    mr_session_knn_scratch_destroy(p->session_knn);
    mr_own_table_deinit(&p->own);
}

static void run(problem *p, uint32_t items, bool has_ranker)
{
    char name[48];
    double p99_us = 0.0;
    const uint32_t users = items > 500000 ? USERS / 4 : USERS;
    (void)snprintf(name, sizeof(name), "%s_%uk", has_ranker ? "ranker" : "set",
                   items / 1000);
    const double start = mr_bench_seconds();
    mr_shop_model_open(items, has_ranker, &p->shop);
    const double opened_s = mr_bench_seconds() - start;
    p->recommender = p->shop.recommender;
    p->row = mr_bench_have(mr_dense_floats(items));
    mr_bench_must(mr_recommender_scratch_create(p->recommender, &p->scratch), "scratch");
    mr_bench_must(mr_set_scratch_create(&p->recommender->set, &p->set), "scratch");
    draw_users(p);
    (void)median_us(p, answer, users / 4, NULL);
    (void)printf("# one_user %s made in %.1f s\n", name, opened_s);
    if (has_ranker) {
        open_ranker(p);
        print_stages(p, name, users);
        close_ranker(p);
    }
    const double packed_us = median_us(p, pack, users, &p99_us);
    (void)printf("# one_user %s median_us=%.1f p99_us=%.1f reading_us=%.1f\n", name,
                 packed_us, p99_us, median_us(p, read_codes, users, NULL));
    (void)snprintf(name, sizeof(name), "one_user_us_%s_%uk",
                   has_ranker ? "ranker" : "set", items / 1000);
    (void)mr_bench_ratio(name, packed_us, 150.0);
    mr_set_scratch_destroy(p->set);
    mr_recommender_scratch_destroy(p->scratch);
    free(p->row);
    mr_shop_model_close(&p->shop);
}

int main(int count, char **arguments)
{
    static const uint32_t sizes[] = {10000, 100000, 1000000};
    mr_bench_start(arguments);
    problem p = {.users = mr_bench_have(calloc(USERS, sizeof(user))),
                 .seconds = mr_bench_have(calloc(USERS, sizeof(double))),
                 .best = mr_bench_have(calloc(MR_RANKER_K_MAX, sizeof(mr_ranked)))};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        bool is_asked = count < 2;
        for (int a = 1; a < count; a++)
            is_asked = is_asked || strtoul(arguments[a], NULL, 10) == sizes[s];
        for (int has_ranker = 0; is_asked && has_ranker < 2; has_ranker++)
            run(&p, sizes[s], has_ranker == 1);
    }
    mr_buffer_deinit(&p.value);
    free(p.users);
    free(p.seconds);
    free(p.best);
    return 0;
}
