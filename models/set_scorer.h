/*
 * Set scorer: what the set-type members say of all items, for one history.
 *
 * Item-item, iALS, EASE, the graph filter and popularity, each a row of scores, brought to one
 * scale and summed as the recipe's blend says.  Used by serving, where it gives the answer or one
 * of the ranker's signals, and by training, which has to see the same rows.
 *
 * Units      Scores are comparable within one row only.  An event's age counts from the newest of
 *            the history: a factor that all of them share does not change an order.
 * Ownership  A set model is views of what training or a mapped directory owns.  A scratch belongs
 *            to one thread and one model.
 * Threads    Models are immutable.
 * Cost       One pass over the catalogue a member in use.  No allocation once the scratch is made.
 */
#ifndef MR_MODELS_SET_SCORER_H
#define MR_MODELS_SET_SCORER_H

#include "core/scored_item.h"
#include "core/status.h"
#include "models/fold_in.h"
#include "models/graph_filter.h"
#include "models/recipe.h"
#include "models/sequences.h"
#include "models/top_k.h"

#include <stddef.h>
#include <stdint.h>

enum { MR_SET_HISTORY_MAX = 512 }; /* newest events used; the rest is ignored */

/* See models/set_index.h. */
struct mr_set_index;

/* Members whose weight is 0 may be missing. */
typedef struct mr_set_model {
    const mr_recipe *recipe;
    uint32_t items;
    const mr_sparse_matrix *item_item;   /* NULL or rows of neighbours */
    const mr_fold_in *fold_in;           /* NULL or over the item factors */
    const mr_dense *ease;                /* NULL or items x items */
    const mr_graph_filter *graph_filter; /* NULL or its two tables */
    const float *popular;                /* [items] */
    const struct mr_set_index *index;    /* NULL: only whole rows are scored */
} mr_set_model;

typedef struct mr_set_scratch mr_set_scratch;

MR_MUST_USE mr_status mr_set_scratch_create(const mr_set_model *model,
                                            mr_set_scratch **ret_scratch);
void mr_set_scratch_destroy(mr_set_scratch *scratch); /* NULL allowed */

/* Blend the members' rows for a query into `ret_row` [items].  Where the recipe does not weigh
 * histories, an item counts once however often it stands there.  A query without a known item gets
 * zeros. */
void mr_set_score(const mr_set_model *model, mr_set_scratch *scratch,
                  const mr_query *query, float *ret_row);

/*
 * Of distinct items ranked in the last row, at most MR_TOP_K_MAX: which member carried each
 * (MR_SOURCE_POPULAR when none says anything for it) and the item of the history it is owed to.
 */
void mr_set_explain(const mr_set_model *model, mr_set_scratch *scratch,
                    const mr_ranked *ranked, size_t count, mr_scored_item *ret_items);

#endif
