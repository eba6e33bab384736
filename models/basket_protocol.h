/*
 * Basket protocol: what is in the next basket.
 *
 * Customers' baskets to learn from, and for each customer the one that followed.  All items of
 * the catalogue are ranked, those bought before among them; recall divides by the size of the
 * basket, ties count against us.  [Li et al. 2021, A Next Basket Recommendation Reality Check]
 *
 * Units      Metrics recall@10, ndcg@10, phr@10.  Counts users, items, train (events), test_users
 *            (who have a next basket), test (its items), unseen (those that training lacks, which
 *            are misses), tries.
 * Ownership  Options are borrowed for the call; the result is a value.
 * Threads    One caller; work is spread over a pool of its own.
 * Cost       The ranker's.
 */
#ifndef MR_MODELS_BASKET_PROTOCOL_H
#define MR_MODELS_BASKET_PROTOCOL_H

#include "models/ranking_protocol.h"

typedef struct mr_basket_options {
    const char *history_path;
    const char *future_path;
    mr_ranking_options ranking;
} mr_basket_options;

/* MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE, MR_ERR_CORRUPT for files; otherwise as
 * mr_ranking_protocol_run(). */
MR_MUST_USE mr_status mr_basket_protocol_run(const mr_basket_options *options,
                                             mr_ranking_result *ret_result,
                                             mr_error *ret_error);

#endif
