#include "models/ranker.h"

#include "core/assert.h"
#include "models/popular.h"
#include "models/top_k.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS_A_CHUNK = 256 };

struct mr_ranker {
    uint32_t items;
    float *votes;   /* [items] */
    uint32_t *rank; /* [items] of each item, ties against us */
};

mr_status mr_ranker_check_model(const char *model)
{
    return strcmp(model, "auto") == 0 || strcmp(model, "popular") == 0 ? MR_OK
                                                                       : MR_ERR_INVALID;
}

mr_status mr_ranker_tune(const mr_sequences *train, mr_ranking_form form,
                         const mr_ranker_options *options, mr_ranker_recipe *ret_recipe,
                         mr_ranker_choice *ret_choice)
{
    (void)form;
    MR_TRY(mr_ranker_check_model(options->model));
    if (train->count == 0 || train->ptr[train->count] == train->ptr[0])
        return MR_ERR_INVALID;
    *ret_recipe = (mr_ranker_recipe){.popular = true};
    *ret_choice = (mr_ranker_choice){.tries = 1};
    return MR_OK;
}

/* ---- training ---- */

typedef struct standing {
    float votes;
    uint32_t item;
} standing;

static int most_votes_first(const void *left, const void *right)
{
    const standing *a = left;
    const standing *b = right;
    if (a->votes > b->votes || a->votes < b->votes)
        return a->votes > b->votes ? -1 : 1;
    return a->item < b->item ? -1 : 1;
}

/* An item's rank is the last place that its votes have. */
static mr_status rank_items(mr_ranker *ranker)
{
    standing *table = malloc((ranker->items + (size_t)1) * sizeof(*table));
    if (table == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < ranker->items; i++)
        table[i] = (standing){.votes = ranker->votes[i], .item = i};
    qsort(table, ranker->items, sizeof(*table), most_votes_first);
    uint32_t rank = ranker->items;
    for (uint32_t at = ranker->items; at-- > 0;) {
        if (at + 1 < ranker->items && table[at].votes > table[at + 1].votes)
            rank = at + 1;
        ranker->rank[table[at].item] = rank;
    }
    free(table);
    return MR_OK;
}

mr_status mr_ranker_train(const mr_ranker_recipe *recipe, const mr_sequences *train,
                          const mr_ranker_options *options, mr_ranker **ret_ranker)
{
    (void)options;
    MR_ASSERT(recipe->popular);
    mr_ranker *ranker = calloc(1, sizeof(*ranker));
    if (ranker == NULL)
        return MR_ERR_NO_MEMORY;
    mr_status status = MR_ERR_NO_MEMORY;
    ranker->items = train->items;
    ranker->votes = malloc((train->items + (size_t)1) * sizeof(*ranker->votes));
    ranker->rank = malloc((train->items + (size_t)1) * sizeof(*ranker->rank));
    if (ranker->votes == NULL || ranker->rank == NULL)
        goto fail;
    mr_popular_score(train->item + train->ptr[0], NULL,
                     (size_t)(train->ptr[train->count] - train->ptr[0]), 0.0,
                     train->items, ranker->votes);
    status = rank_items(ranker);
    if (status != MR_OK)
        goto fail;
    *ret_ranker = ranker;
    return MR_OK;
fail:
    mr_ranker_destroy(ranker);
    return status;
}

void mr_ranker_destroy(mr_ranker *ranker)
{
    if (ranker == NULL)
        return;
    free(ranker->votes);
    free(ranker->rank);
    free(ranker);
}

/* ---- evaluating ---- */

typedef struct evaluation {
    const mr_ranker *ranker;
    const mr_questions *questions;
    const uint32_t *ks;
    size_t k_count;
    uint32_t *ranks;       /* of all targets    */
    mr_ranking_sums *sums; /* [chunks][k_count] */
} evaluation;

static void judge(void *context, uint32_t worker, size_t begin, size_t end)
{
    (void)worker;
    const evaluation *all = context;
    const mr_ranker *ranker = all->ranker;
    mr_ranking_sums *sums = all->sums + begin / QUESTIONS_A_CHUNK * all->k_count;
    for (size_t q = begin; q < end; q++) {
        const uint64_t first = all->questions->target_ptr[q];
        const uint64_t past = all->questions->target_ptr[q + 1];
        for (uint64_t t = first; t < past; t++) {
            const uint32_t item = all->questions->targets[t];
            all->ranks[t] = item < ranker->items ? ranker->rank[item] : MR_RANK_NONE;
        }
        for (size_t i = 0; i < all->k_count; i++)
            mr_ranking_sums_add_ranks(&sums[i], all->ks[i], all->ranks + first,
                                      (uint32_t)(past - first));
    }
}

/* Everybody is shown the same list. */
static mr_status metrics_at(const mr_ranker *ranker, const mr_ranking_sums *sums,
                            uint32_t k, mr_ranking_metrics *ret_metrics)
{
    uint32_t *shown = calloc(ranker->items + (size_t)1, sizeof(*shown));
    if (shown == NULL)
        return MR_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < ranker->items; i++)
        shown[i] = ranker->rank[i] <= k ? 1 : 0;
    const mr_status status =
        mr_ranking_metrics_of(sums, k, shown, ranker->items, ret_metrics);
    free(shown);
    return status;
}

mr_status mr_ranker_evaluate(const mr_ranker *ranker, const mr_questions *questions,
                             const uint32_t *ks, size_t k_count, mr_worker_pool *pool,
                             mr_ranking_metrics *ret_metrics)
{
    if (k_count == 0 || k_count > MR_RANKER_KS_MAX)
        return MR_ERR_INVALID;
    const size_t count = questions->given.count;
    const size_t chunks = (count + QUESTIONS_A_CHUNK - 1) / QUESTIONS_A_CHUNK;
    evaluation all = {
        .ranker = ranker, .questions = questions, .ks = ks, .k_count = k_count};
    all.ranks =
        malloc((count > 0 ? questions->target_ptr[count] + 1 : 1) * sizeof(*all.ranks));
    all.sums = calloc(chunks * k_count + 1, sizeof(*all.sums));
    mr_status status = all.ranks == NULL || all.sums == NULL ? MR_ERR_NO_MEMORY : MR_OK;
    if (status == MR_OK)
        mr_worker_pool_run(pool, count, QUESTIONS_A_CHUNK, judge, &all);
    mr_ranking_metrics metrics[MR_RANKER_KS_MAX];
    for (size_t i = 0; i < k_count && status == MR_OK; i++) {
        mr_ranking_sums sums = {0};
        for (size_t c = 0; c < chunks; c++)
            mr_ranking_sums_merge(&sums, &all.sums[c * k_count + i]);
        status = metrics_at(ranker, &sums, ks[i], &metrics[i]);
    }
    free(all.ranks);
    free(all.sums);
    if (status == MR_OK)
        memcpy(ret_metrics, metrics, k_count * sizeof(*metrics));
    return status;
}

/* ---- words ---- */

const char *mr_ranker_recipe_name(const mr_ranker_recipe *recipe)
{
    MR_ASSERT(recipe->popular);
    return "popular";
}

void mr_ranker_recipe_text(const mr_ranker_recipe *recipe,
                           char ret_text[MR_RANKER_TEXT_BYTES])
{
    MR_ASSERT(recipe->popular);
    (void)snprintf(ret_text, MR_RANKER_TEXT_BYTES, "popular: votes of all elements");
}
