/*
 * Ranker evaluation: how often the answer stands high, over many questions.
 *
 * Units      See models/ranking_metrics.h; lists of several lengths at once.
 * Ownership  Borrows everything for the call.
 * Threads    One caller; questions are spread over the pool, sums merged in their order: the same
 *            bits for any number of threads.
 * Cost       A query each; the encoder's rows are made 32 at a time.
 */
#ifndef MR_MODELS_RANKER_EVALUATION_H
#define MR_MODELS_RANKER_EVALUATION_H

#include "core/status.h"
#include "models/ranker.h"
#include "models/ranker_cut.h"
#include "models/ranking_metrics.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_RANKER_KS_MAX = 4 };

/*
 * Run `body` on every question with the encoder's row made.  `lane` is below the pool's threads
 * and has a workspace of its own; chunks are begun in any order.
 */
typedef void (*mr_ranker_asking)(void *context, uint32_t lane,
                                 mr_ranker_workspace *workspace, size_t question,
                                 const mr_query *query, const float *encoded);
MR_MUST_USE mr_status mr_ranker_ask(const mr_ranker_members *members,
                                    const mr_ranker_recipe *recipe,
                                    const mr_questions *questions, mr_worker_pool *pool,
                                    mr_ranker_asking body, void *context);

/*
 * Metrics of lists of ks[0], ks[1], …, a result each.  An item with a target's score stands before
 * it: ties count against us, and a target tied with what no longer fits is not found.  Questions
 * without a target are left out; a target outside the catalogue is never found.
 *
 * MR_ERR_NO_MEMORY; MR_ERR_INVALID for a k outside 1 … MR_RANKER_K_MAX - 1.
 */
MR_MUST_USE mr_status mr_ranker_evaluate(const mr_ranker_members *members,
                                         const mr_ranker_recipe *recipe,
                                         const mr_questions *questions,
                                         const uint32_t *ks, size_t k_count,
                                         mr_worker_pool *pool,
                                         mr_ranking_metrics *ret_metrics);

#endif
