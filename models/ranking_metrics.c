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
    double ideal = 0.0;
    for (uint32_t rank = 1; rank <= k && rank <= relevant_count; rank++)
        ideal += discount(rank);
    sums->recall += (double)hits / relevant_count;
    sums->ndcg += gain / ideal;
    sums->precision += (double)hits / k;
    sums->hit += hits > 0 ? 1.0 : 0.0;
    sums->reciprocal_rank += first_hit > 0 ? 1.0 / first_hit : 0.0;
    sums->users++;
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

static mr_status spread(const uint32_t *shown, uint32_t items,
                        mr_ranking_metrics *metrics)
{
    if (items == 0)
        return MR_OK;
    uint32_t *sorted = malloc(items * sizeof(*sorted));
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
    metrics->coverage = (double)seen / items;
    metrics->gini = total > 0.0 ? weighted / (items * total) : 0.0;
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
    MR_TRY(spread(shown, items, &metrics));
    *ret_metrics = metrics;
    return MR_OK;
}
