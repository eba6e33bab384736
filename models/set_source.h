/*
 * Set source: the set-type members of a training, as a signal of the ranker.
 *
 * A ranker is fitted on rows of members that were trained on the same cut, from histories that are
 * folded in as serving folds them in.
 *
 * Units      None.
 * Ownership  A source borrows the recipe and the trained members, and owns what folding takes.
 * Threads    One scratch a thread of the pool, told apart by the lane.
 * Cost       One decomposition of the factors' Gram matrix; a row costs what serving pays.
 */
#ifndef MR_MODELS_SET_SOURCE_H
#define MR_MODELS_SET_SOURCE_H

#include "core/status.h"
#include "models/ranker_members.h"
#include "models/recipe.h"
#include "models/set_scorer.h"
#include "models/worker_pool.h"

#include <stdint.h>

typedef struct mr_set_source mr_set_source;

/* MR_ERR_NO_MEMORY; MR_ERR_INVALID for factors that are not finite. */
MR_MUST_USE mr_status mr_set_source_create(const mr_recipe *recipe,
                                           const mr_trained *trained, uint32_t items,
                                           mr_worker_pool *pool,
                                           mr_set_source **ret_source);
void mr_set_source_destroy(mr_set_source *source); /* NULL allowed */

const mr_set_model *mr_set_source_model(const mr_set_source *source); /* lends */
mr_row_source mr_set_source_rows(mr_set_source *source);              /* lends */

#endif
