/*
 * Ranking metrics: what a list of k is worth against what the user then did.
 *
 * The conventions are those of the LightGCN family of papers, and they are not the only ones:
 * recall divides by the number of test items (not by min(k, that)), NDCG's ideal list has
 * min(k, that) hits, users without test items are left out of every mean.  The mean of `hit` is
 * what the literature on baskets calls the personalised hit rate, phr.
 *
 * Units      All in 0 … 1; gini 0 means that all items are shown equally often, 1 one item only.
 * Ownership  The accumulator owns its exposure counts until deinit.
 * Threads    Owner-only; give each chunk of users its own sums and merge in chunk order.
 * Cost       O(k log |test|) a list.
 */
#ifndef MR_MODELS_RANKING_METRICS_H
#define MR_MODELS_RANKING_METRICS_H

#include "core/status.h"
#include "models/top_k.h"

#include <stddef.h>
#include <stdint.h>

/* The rank of a test item that cannot be found. */
#define MR_RANK_NONE UINT32_MAX

/* Of one list, or sums over lists; plain values. */
typedef struct mr_ranking_sums {
    double recall;
    double ndcg;
    double precision;
    double hit;
    double reciprocal_rank;
    uint64_t users;
} mr_ranking_sums;

typedef struct mr_ranking_metrics {
    double recall;
    double ndcg;
    double precision;
    double hit;
    double mrr;
    double coverage;
    double gini;
    uint64_t users;
    uint32_t k;
} mr_ranking_metrics;

/*
 * Add one list (best first, `count` <= k) against sorted test items; `relevant_count` = 0 adds
 * nothing.
 */
void mr_ranking_sums_add(mr_ranking_sums *sums, const mr_ranked *list, uint32_t count,
                         uint32_t k, const uint32_t *relevant, uint32_t relevant_count);

/*
 * Add one query by the ranks of those of its `relevant_count` test items that were found at all, in
 * any order, from 1; `relevant_count` = 0 adds nothing.  Items that tie share the last of their
 * places.
 */
void mr_ranking_sums_add_ranks(mr_ranking_sums *sums, uint32_t k, const uint32_t *ranks,
                               uint32_t found_count, uint32_t relevant_count);

void mr_ranking_sums_merge(mr_ranking_sums *sums, const mr_ranking_sums *more);

/*
 * Means, and how widely the catalogue was shown: `shown[i]` counts the lists item i stood in.
 *
 * coverage = items shown at all / items.  gini over all items, those never shown included:
 * sum_j (2j - n - 1) c_(j) / (n sum c), c ascending, j from 1.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_ranking_metrics_of(const mr_ranking_sums *sums, uint32_t k,
                                            const uint32_t *shown, uint32_t items,
                                            mr_ranking_metrics *ret_metrics);

/* Coverage and gini alone; both 0 without items.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_ranking_spread(const uint32_t *shown, uint32_t items,
                                        double *ret_coverage, double *ret_gini);

#endif
