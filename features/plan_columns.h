/*
 * Plan columns: which numbers of a profile models read.
 *
 * The columns of the default plan whose features a plan has, then one for each other feature that
 * is one number: so whoever declares a feature declares what models learn from.
 *
 * Units      As stated by each column.
 * Ownership  Texts are the default plan's, or copies in the arena.
 * Threads    Any.
 * Cost       Start-up only.
 */
#ifndef MR_FEATURES_PLAN_COLUMNS_H
#define MR_FEATURES_PLAN_COLUMNS_H

#include "core/arena.h"
#include "features/plan_layout.h"

/* At most MR_PLAN_COLUMNS_MAX; further features have none.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_plan_columns_of(const mr_plan *plan, mr_arena *texts,
                                         mr_vector_spec ret_columns[MR_PLAN_COLUMNS_MAX],
                                         size_t *ret_count);

#endif
