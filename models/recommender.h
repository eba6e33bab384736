/*
 * Recommender: the loaded model that serving scores with.
 *
 * The members' tables, popularity and the blend's weights, all mapped from a model directory and
 * never changed.  A user is a history: nothing of users is stored, so
 * a first event is enough and an erased user leaves nothing behind.  Each answer says which of the
 * user's items it is owed to and which member carried it; what a short history cannot fill is
 * filled from what is popular.
 *
 * Units      Items by dictionary index; times in seconds since the epoch.
 * Ownership  The recommender owns its mappings; ids and the version are lent.
 * Threads    Immutable; share it behind an mr_snapshot.  One scratch a thread.
 * Cost       A byte read a factor of the catalogue a request and a few passes over a row; a product
 *            with all factors and a blend of rows where the blend has EASE or the graph filter.
 *            No allocation once the scratch is made.
 */
#ifndef MR_MODELS_RECOMMENDER_H
#define MR_MODELS_RECOMMENDER_H

#include "core/scored_item.h"
#include "core/status.h"
#include "core/text.h"
#include "models/recipe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_recommender mr_recommender;
typedef struct mr_recommender_scratch mr_recommender_scratch;

enum {
    MR_RECOMMEND_MAX = 1024,        /* k at most                                      */
    MR_RECOMMEND_HISTORY_MAX = 512, /* newest history items used; the rest is ignored */
};

#define MR_RECOMMENDER_KIND "recommender"

/*
 * Open one version's directory, every file checked.
 *
 * MR_ERR_NOT_FOUND, MR_ERR_INVALID (another format or kind), MR_ERR_CORRUPT (truncated, NaN, a
 * dictionary of another size), MR_ERR_UNAVAILABLE, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_recommender_open(const char *directory,
                                          mr_recommender **ret_recommender,
                                          mr_error *ret_error);
void mr_recommender_destroy(mr_recommender *recommender); /* NULL allowed */

const char *mr_recommender_version(const mr_recommender *recommender);     /* lends */
const mr_recipe *mr_recommender_recipe(const mr_recommender *recommender); /* lends */
uint32_t mr_recommender_item_count(const mr_recommender *recommender);
mr_text mr_recommender_item_id(const mr_recommender *recommender,
                               uint32_t item); /* lends */
uint32_t mr_recommender_find_item(const mr_recommender *recommender,
                                  mr_text id); /* MR_ITEM_NONE */

/* For one recommender; make a new one after a swap. */
MR_MUST_USE mr_status mr_recommender_scratch_create(const mr_recommender *recommender,
                                                    mr_recommender_scratch **ret_scratch);
void mr_recommender_scratch_destroy(mr_recommender_scratch *scratch); /* NULL allowed */

typedef struct mr_model_history_item {
    uint32_t item; /* MR_ITEM_NONE and others outside are passed over */
    float weight;  /* > 0 */
    uint32_t time_s;
} mr_model_history_item;

typedef struct mr_recommend_options {
    uint32_t k; /* 1 … MR_RECOMMEND_MAX */
    const uint32_t
        *exclude; /* sorted; beside the history, which the model's rule decides on */
    size_t exclude_count;
} mr_recommend_options;

/*
 * The best k items for a history (newest first), best first, into `ret_items` (room for k).
 * Items from the popularity fill have score 0 and source MR_SOURCE_POPULAR.
 *
 * MR_ERR_INVALID for k out of range.
 */
MR_MUST_USE mr_status mr_recommender_score(const mr_recommender *recommender,
                                           mr_recommender_scratch *scratch,
                                           const mr_model_history_item *history,
                                           size_t count,
                                           const mr_recommend_options *options,
                                           mr_scored_item *ret_items, size_t *ret_count);

/*
 * The scores of given items for a history (newest first): `ret_items` [item_count] in the order
 * given, each with the reason mr_recommender_score() would give.
 *
 * Of a blend of set-type members an item that mr_recommender_score() lists has the score it has
 * there, to rounding, and any other gets what the same formula makes of it, own items included.  A
 * ranker compares the given items with each other (mr_ranker_score()): what else is given has a say
 * in its scores, and items have those of a list when all that it was chosen from is given.  Of a
 * history that the model knows nothing of the score is popularity and the source MR_SOURCE_POPULAR.
 * MR_ITEM_NONE and others outside have the score NaN and MR_SOURCE_NONE.  An item may stand there twice.
 *
 * MR_ERR_INVALID for more than MR_RECOMMEND_MAX items.
 */
MR_MUST_USE mr_status mr_recommender_rank(const mr_recommender *recommender,
                                          mr_recommender_scratch *scratch,
                                          const mr_model_history_item *history,
                                          size_t count, const uint32_t *items,
                                          size_t item_count, mr_scored_item *ret_items);

/* The k nearest items of one item: item-item weights, without them cosine of factors, else EASE's
 * weights or the graph filter's answer to it.
 * MR_ERR_NOT_FOUND for an item outside, MR_ERR_INVALID for k. */
MR_MUST_USE mr_status mr_recommender_similar(const mr_recommender *recommender,
                                             mr_recommender_scratch *scratch,
                                             uint32_t item, uint32_t k,
                                             mr_scored_item *ret_items,
                                             size_t *ret_count);

/*
 * At most k items that are bought in the same order as one item, best first
 * (models/bought_together.h); none when nothing was often enough.
 *
 * MR_ERR_NOT_FOUND for an item outside or a version without such a table: older ones, and those
 * trained on data without purchases; MR_ERR_INVALID for k.
 */
MR_MUST_USE mr_status mr_recommender_bought_together(const mr_recommender *recommender,
                                                     mr_recommender_scratch *scratch,
                                                     uint32_t item, uint32_t k,
                                                     mr_scored_item *ret_items,
                                                     size_t *ret_count);

/*
 * How alike two items are, 0 … 1: the cosine of their factors, without those of the encoder's vectors,
 * else of their descriptions; below 0 it is 0.  NaN for an item outside or where the version can say
 * nothing of the two.  A product of two rows, some 30 ns when they are near; any thread, no scratch.
 */
float mr_recommender_likeness(const mr_recommender *recommender, uint32_t a, uint32_t b);

/* The k most popular items, `exclude` (sorted) left out.  MR_ERR_INVALID for k. */
MR_MUST_USE mr_status mr_recommender_popular(const mr_recommender *recommender,
                                             uint32_t k, const uint32_t *exclude,
                                             size_t exclude_count,
                                             mr_scored_item *ret_items,
                                             size_t *ret_count);

#endif
