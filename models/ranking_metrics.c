#include "models/ranking_metrics.h"

#include "models/sparse_matrix.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* [Järvelin and Kekäläinen 2002] with binary gain: 1 / log2(rank + 1). */
static double discount(uint32_t rank)
{
    return 1.0 / log2((double)rank + 1.0);
}

/* Of one list: how many, where the first, and their DCG. */
typedef struct found {
    uint32_t hits;
    uint32_t first;
    double gain;
} found;

static void add_hits(mr_ranking_sums *sums, uint32_t k, uint32_t relevant_count, found of)
{
    double ideal = 0.0;
    for (uint32_t rank = 1; rank <= k && rank <= relevant_count; rank++)
        ideal += discount(rank);
    sums->recall += (double)of.hits / relevant_count;
    sums->ndcg += of.gain / ideal;
    sums->precision += (double)of.hits / k;
    sums->hit += of.hits > 0 ? 1.0 : 0.0;
    sums->reciprocal_rank += of.hits > 0 ? 1.0 / of.first : 0.0;
    sums->users++;
}

void mr_ranking_sums_add(mr_ranking_sums *sums, const mr_ranked *list, uint32_t count,
                         uint32_t k, const uint32_t *relevant, uint32_t relevant_count)
{
    if (relevant_count == 0)
        return;
    uint32_t hits = 0;
    uint32_t first_hit = 0;
    double gain = 0.0;
    for (uint32_t i = 0; i < count; i++)
        if (mr_sorted_has(relevant, relevant_count, list[i].index)) {
            if (hits++ == 0)
                first_hit = i + 1;
            gain += discount(i + 1);
        }
    add_hits(sums, k, relevant_count, (found){hits, first_hit, gain});
}

void mr_ranking_sums_add_ranks(mr_ranking_sums *sums, uint32_t k, const uint32_t *ranks,
                               uint32_t found_count, uint32_t relevant_count)
{
    found all = {0, 0, 0.0};
    if (relevant_count == 0)
        return;
    for (uint32_t r = 0; r < found_count; r++) {
        if (ranks[r] > k)
            continue;
        if (all.hits++ == 0 || ranks[r] < all.first)
            all.first = ranks[r];
        all.gain += discount(ranks[r]);
    }
    add_hits(sums, k, relevant_count, all);
}

void mr_ranking_sums_merge(mr_ranking_sums *sums, const mr_ranking_sums *more)
{
    sums->recall += more->recall;
    sums->ndcg += more->ndcg;
    sums->precision += more->precision;
    sums->hit += more->hit;
    sums->reciprocal_rank += more->reciprocal_rank;
    sums->users += more->users;
}

static int ascending(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

mr_status mr_ranking_spread(const uint32_t *shown, uint32_t items, double *ret_coverage,
                            double *ret_gini)
{
    uint32_t *sorted = malloc((items + (size_t)1) * sizeof(*sorted));
    if (sorted == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(sorted, shown, items * sizeof(*sorted));
    qsort(sorted, items, sizeof(*sorted), ascending);
    uint32_t seen = 0;
    double total = 0.0;
    double weighted = 0.0;
    for (uint32_t j = 0; j < items; j++) {
        seen += sorted[j] > 0;
        total += sorted[j];
        weighted += (2.0 * (j + 1.0) - items - 1.0) * sorted[j];
    }
    free(sorted);
    *ret_coverage = items > 0 ? (double)seen / items : 0.0;
    *ret_gini = total > 0.0 ? weighted / (items * total) : 0.0;
    return MR_OK;
}

mr_status mr_ranking_metrics_of(const mr_ranking_sums *sums, uint32_t k,
                                const uint32_t *shown, uint32_t items,
                                mr_ranking_metrics *ret_metrics)
{
    const double users = sums->users > 0 ? (double)sums->users : 1.0;
    mr_ranking_metrics metrics = {.recall = sums->recall / users,
                                  .ndcg = sums->ndcg / users,
                                  .precision = sums->precision / users,
                                  .hit = sums->hit / users,
                                  .mrr = sums->reciprocal_rank / users,
                                  .users = sums->users,
                                  .k = k};
    MR_TRY(mr_ranking_spread(shown, items, &metrics.coverage, &metrics.gini));
    *ret_metrics = metrics;
    return MR_OK;
}
