#include "models/ranker_evaluation.h"

#include "models/blas.h"
#include "models/dense.h"

#include <stdlib.h>
#include <string.h>

enum {
    QUERIES_A_CHUNK = 32,
    /* The rows of a chunk stay below this: with larger catalogues they are made one by one. */
    CHUNK_FLOATS_MAX = 1 << 23,
};

/* ---- asking ---- */

typedef struct asking_lane {
    mr_ranker_workspace *workspace;
    float *vectors; /* [QUERIES_A_CHUNK][dimension] */
    float *encoded; /* [QUERIES_A_CHUNK][items]     */
} asking_lane;

typedef struct asking {
    const mr_ranker_members *members;
    const mr_questions *questions;
    const mr_dense *table; /* the encoder's, or NULL: no rows are made at once */
    mr_ranker_asking body;
    void *context;
    asking_lane *lanes;
} asking;

static mr_query query_of(const mr_questions *questions, size_t question)
{
    return mr_sequences_query(&questions->given, (uint32_t)question, SIZE_MAX);
}

static void encode_chunk(const asking *a, asking_lane *lane, size_t begin, size_t end)
{
    const mr_dense *table = a->table;
    for (size_t q = begin; q < end; q++) {
        const mr_query query = query_of(a->questions, q);
        (void)mr_encoder_encode(a->members->encoder, &query,
                                lane->vectors + (q - begin) * table->stride);
    }
    mr_blas_sgemm(MR_BLAS_PLAIN, MR_BLAS_TRANSPOSED, end - begin, table->rows,
                  table->columns, 1.0F, lane->vectors, table->stride, table->values,
                  table->stride, 0.0F, lane->encoded, table->rows);
}

static void ask_chunk(void *context, uint32_t worker, size_t begin, size_t end)
{
    const asking *a = context;
    asking_lane *lane = &a->lanes[worker];
    if (a->table != NULL)
        encode_chunk(a, lane, begin, end);
    for (size_t q = begin; q < end; q++) {
        const mr_query query = query_of(a->questions, q);
        a->body(a->context, worker, lane->workspace, q, &query,
                a->table != NULL ? lane->encoded + (q - begin) * a->table->rows : NULL);
    }
}

static mr_status open_lanes(asking *a, uint32_t threads)
{
    a->lanes = calloc(threads, sizeof(*a->lanes));
    if (a->lanes == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t t = 0; t < threads; t++) {
        MR_TRY(mr_ranker_workspace_create(a->members, t, &a->lanes[t].workspace));
        if (a->table == NULL)
            continue;
        a->lanes[t].vectors = mr_dense_floats(QUERIES_A_CHUNK * a->table->stride);
        a->lanes[t].encoded = mr_dense_floats(QUERIES_A_CHUNK * a->table->rows);
        if (a->lanes[t].vectors == NULL || a->lanes[t].encoded == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

mr_status mr_ranker_ask(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                        const mr_questions *questions, mr_worker_pool *pool,
                        mr_ranker_asking body, void *context)
{
    const uint32_t threads = mr_worker_pool_threads(pool);
    const bool asks_encoder =
        members->encoder != NULL && mr_ranker_recipe_asks(recipe, MR_SIGNAL_ENCODER);
    const bool encodes =
        asks_encoder && (size_t)QUERIES_A_CHUNK * members->items <= CHUNK_FLOATS_MAX;
    asking a = {.members = members,
                .questions = questions,
                .table = encodes ? mr_encoder_items(members->encoder) : NULL,
                .body = body,
                .context = context};
    const mr_status status = open_lanes(&a, threads);
    if (status == MR_OK)
        mr_worker_pool_run(pool, questions->given.count, QUERIES_A_CHUNK, ask_chunk, &a);
    for (uint32_t t = 0; a.lanes != NULL && t < threads; t++) {
        mr_ranker_workspace_destroy(a.lanes[t].workspace);
        free(a.lanes[t].vectors);
        free(a.lanes[t].encoded);
    }
    free(a.lanes);
    return status;
}

/* ---- metrics ---- */

typedef struct evaluation {
    const mr_ranker_members *members;
    const mr_ranker_recipe *recipe;
    const mr_questions *questions;
    const uint32_t *ks;
    size_t k_count;
    uint32_t longest;
    mr_ranking_sums *sums; /* [questions][k_count] */
    uint32_t *shown;       /* [threads][k_count][items] */
} evaluation;

static bool is_target(const uint32_t *targets, size_t count, uint32_t item)
{
    for (size_t t = 0; t < count; t++)
        if (targets[t] == item)
            return true;
    return false;
}

/* The worst place of the item at `at` among those with its score, from 0. */
static uint32_t worst_place(const mr_ranked *list, uint32_t count, uint32_t at)
{
    while (at + 1 < count && list[at + 1].score == list[at].score)
        at++;
    return at;
}

/* Of one list: `count` may be k + 1, which tells whether a tie goes on beyond k. */
static void judge(const mr_ranked *list, uint32_t count, uint32_t k,
                  const uint32_t *targets, size_t target_count, mr_ranking_sums *sums)
{
    uint32_t ranks[MR_RANKER_K_MAX];
    uint32_t found = 0;
    for (uint32_t i = 0; i < count && i < k; i++)
        if (is_target(targets, target_count, list[i].index))
            ranks[found++] = worst_place(list, count, i) + 1;
    mr_ranking_sums_add_ranks(sums, k, ranks, found, (uint32_t)target_count);
}

static void evaluate_question(void *context, uint32_t lane,
                              mr_ranker_workspace *workspace, size_t question,
                              const mr_query *query, const float *encoded)
{
    const evaluation *e = context;
    const uint64_t first = e->questions->target_ptr[question];
    const size_t targets = (size_t)(e->questions->target_ptr[question + 1] - first);
    const mr_ranker_limits limits = {.k = e->longest + 1, .encoded = encoded};
    mr_ranked list[MR_RANKER_K_MAX];
    if (targets == 0)
        return;
    const uint32_t count =
        mr_ranker_rank(e->members, e->recipe, workspace, query, &limits, list);
    for (size_t k = 0; k < e->k_count; k++) {
        const uint32_t kept = count < e->ks[k] + 1 ? count : e->ks[k] + 1;
        uint32_t *shown = e->shown + ((size_t)lane * e->k_count + k) * e->members->items;
        judge(list, kept, e->ks[k], e->questions->targets + first, targets,
              &e->sums[question * e->k_count + k]);
        for (uint32_t i = 0; i < kept && i < e->ks[k]; i++)
            shown[list[i].index]++;
    }
}

static mr_status merge(const evaluation *e, uint32_t threads,
                       mr_ranking_metrics *ret_metrics)
{
    const size_t items = e->members->items;
    for (size_t k = 0; k < e->k_count; k++) {
        mr_ranking_sums total = {0};
        uint32_t *shown = e->shown + k * items;
        for (size_t q = 0; q < e->questions->given.count; q++)
            mr_ranking_sums_merge(&total, &e->sums[q * e->k_count + k]);
        for (uint32_t t = 1; t < threads; t++)
            for (size_t i = 0; i < items; i++)
                shown[i] += e->shown[((size_t)t * e->k_count + k) * items + i];
        MR_TRY(mr_ranking_metrics_of(&total, e->ks[k], shown, (uint32_t)items,
                                     &ret_metrics[k]));
    }
    return MR_OK;
}

mr_status mr_ranker_evaluate(const mr_ranker_members *members,
                             const mr_ranker_recipe *recipe,
                             const mr_questions *questions, const uint32_t *ks,
                             size_t k_count, mr_worker_pool *pool,
                             mr_ranking_metrics *ret_metrics)
{
    const uint32_t threads = mr_worker_pool_threads(pool);
    evaluation e = {.members = members,
                    .recipe = recipe,
                    .questions = questions,
                    .ks = ks,
                    .k_count = k_count};
    for (size_t k = 0; k < k_count; k++) {
        if (ks[k] < 1 || ks[k] >= MR_RANKER_K_MAX)
            return MR_ERR_INVALID;
        e.longest = ks[k] > e.longest ? ks[k] : e.longest;
    }
    e.sums = calloc((size_t)questions->given.count * k_count + 1, sizeof(*e.sums));
    e.shown = calloc((size_t)threads * k_count * members->items + 1, sizeof(*e.shown));
    mr_status status = e.sums != NULL && e.shown != NULL ? MR_OK : MR_ERR_NO_MEMORY;
    if (status == MR_OK)
        status = mr_ranker_ask(members, recipe, questions, pool, evaluate_question, &e);
    if (status == MR_OK)
        status = merge(&e, threads, ret_metrics);
    free(e.sums);
    free(e.shown);
    return status;
}
