/*
 * Model view: what the handlers read off the one version of the model that a request holds.
 *
 * Ids become item numbers on the way in and numbers become ids on the way out; what a model
 * gave is checked once, here, before anything is looked up with it.
 *
 * Ownership  Everything is borrowed; texts live until the view is released.
 * Threads    The thread of the call.
 * Cost       One indirect call and, for a text, one cache miss an item.
 */
#ifndef MR_SERVING_MODEL_VIEW_H
#define MR_SERVING_MODEL_VIEW_H

#include "serving/backend.h"
#include "serving/user_state_codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole state of a user.  `view` NULL, no model is held: none of its items has a name. */
void mr_model_view_resolve(const mr_backend *backend, const mr_model_view *view,
                           const mr_user_state_view *stored, mr_user_state *ret_state);

/* The numbers of those of `ids` that the model knows, in their order; how many. */
size_t mr_model_view_find(const mr_backend *backend, const mr_model_view *view,
                          const mr_text *ids, size_t count, uint32_t *ret_items);

/* The id behind a reason; an empty text when there is none. */
mr_text mr_model_view_because(const mr_backend *backend, const mr_model_view *view,
                              uint32_t because);

/* Not so of an index that is none and of a score that is no number, which a backend may give. */
bool mr_model_view_can_use(const mr_model_view *view, const mr_scored_item *scored);

/* Whether there is anything to score by. */
bool mr_score_request_knows_anything(const mr_score_request *request);

#endif
