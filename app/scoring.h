/*
 * Scoring: from a user's small picture to a list of items, by the model that is current.
 *
 * The one place where a user state becomes a model history, so that lists made ahead of time,
 * lists made while a reader waits and training weigh the same event alike.
 *
 * Units      Times in ms.
 * Ownership  A scorer scratch is made for one model and made anew when the model changes.
 * Threads    A scratch belongs to one thread; the model is shared.
 * Cost       One pass over the catalogue; see models/recommender.h.
 */
#ifndef MR_APP_SCORING_H
#define MR_APP_SCORING_H

#include "app/model_slot.h"
#include "core/scored_item.h"
#include "core/user_state.h"

/* Zero-initialise.  Scratch of one thread for whatever model is current. */
typedef struct mr_scoring {
    const mr_recommender *recommender; /* whose scratch this is */
    mr_recommender_scratch *scratch;
    char version[MR_MODEL_VERSION_BYTES];
} mr_scoring;

void mr_scoring_deinit(mr_scoring *scoring);

/*
 * The best `k` items for a state (NULL: none) with `context` items in front of its history.
 *
 * `now_ms` ages the history.  MR_ERR_NO_MEMORY when the scratch of a new model cannot be made.
 */
MR_MUST_USE mr_status mr_scoring_score(mr_scoring *scoring, const mr_model_slot *slot,
                                       const mr_user_state *state,
                                       const uint32_t *context, size_t context_count,
                                       int64_t now_ms, size_t k,
                                       mr_scored_item *ret_items, size_t *ret_count);

/* The scores of given items for the same history, `ret_items` [item_count] in the order given; see
 * mr_recommender_rank(). */
MR_MUST_USE mr_status mr_scoring_rank(mr_scoring *scoring, const mr_model_slot *slot,
                                      const mr_user_state *state, const uint32_t *context,
                                      size_t context_count, int64_t now_ms,
                                      const uint32_t *items, size_t item_count,
                                      mr_scored_item *ret_items);

MR_MUST_USE mr_status mr_scoring_similar(mr_scoring *scoring, const mr_model_slot *slot,
                                         uint32_t item, size_t k,
                                         mr_scored_item *ret_items, size_t *ret_count);

/* See mr_recommender_bought_together(). */
MR_MUST_USE mr_status mr_scoring_bought_together(mr_scoring *scoring,
                                                 const mr_model_slot *slot, uint32_t item,
                                                 size_t k, mr_scored_item *ret_items,
                                                 size_t *ret_count);

#endif
