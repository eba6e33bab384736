/*
 * Ranking by sets: a set-type member alone in a protocol of ordered data.
 *
 * What item-item, iALS, EASE or the graph filter make of histories as sets, asked for what comes
 * next: the yardstick that says what order is worth.  Parameters are chosen as for sets, on a random
 * share of each sequence's items; whether own items may come back, by the repeats in a hold-out cut
 * as the protocol asks.
 *
 * Units      See models/ranking_protocol.h.
 * Ownership  Everything is borrowed for the call.
 * Threads    One caller; work is spread over the pool.
 * Cost       The tuner's tries, one training, a row a question.
 */
#ifndef MR_MODELS_RANKING_BY_SETS_H
#define MR_MODELS_RANKING_BY_SETS_H

#include "core/status.h"
#include "models/blend.h"
#include "models/ranking_protocol.h"
#include "models/worker_pool.h"

#include <stdbool.h>

/* False when the model is no set-type member: "item_item", "ials", "ease" and "gfcf" are. */
bool mr_ranking_set_member(const char *model, mr_member *ret_member);

/* Fill model, parameters, tries and seconds, and the metrics of each k.  Errors as
 * mr_ranking_protocol_run(). */
MR_MUST_USE mr_status mr_ranking_by_sets(const mr_ranking_task *task,
                                         const mr_ranking_options *options,
                                         mr_member member, mr_worker_pool *pool,
                                         mr_ranking_result *result,
                                         mr_ranking_metrics *ret_metrics);

#endif
