/*
 * Recipe: which models, with which parameters, blended how; and what comes of cooking it.
 *
 * A tuner (models/tuner.h) writes a recipe on a hold-out; training it on everything gives the
 * trained members that a protocol scores with or a model directory stores.
 *
 * Units      See the members' own headers.
 * Ownership  A recipe is a value.  mr_trained owns its members until deinit and borrows the
 *            matrices it was trained on for as long.
 * Threads    Training spreads over the pool.
 * Cost       The members' training.
 */
#ifndef MR_MODELS_RECIPE_H
#define MR_MODELS_RECIPE_H

#include "core/status.h"
#include "models/blend.h"
#include "models/ease.h"
#include "models/evaluation.h"
#include "models/graph_filter.h"
#include "models/ials.h"
#include "models/item_item.h"
#include "models/sparse_matrix.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_recipe {
    mr_item_item_options item_item;
    mr_ials_options ials;
    double popular_half_life_s; /* 0: plain counts */
    mr_ease_options ease;
    mr_graph_filter_options graph_filter;
    mr_blend blend;             /* a member of weight 0 is not trained */
    bool history_weighed;       /* item-item weighs history items by their events … */
    double history_half_life_s; /* … faded by age; 0: not faded */
    bool repeats_allowed;       /* may what the user has be recommended again? */
} mr_recipe;

enum { MR_RECIPE_TEXT_BYTES = 512 };

/* One line for people: "item_item a=1 b=0.75 … + 0.7 ials d=128 …", cut to the buffer. */
void mr_recipe_text(const mr_recipe *recipe, char ret_text[MR_RECIPE_TEXT_BYTES]);

/* A member's name, or "blend" when several have a weight. */
const char *mr_recipe_model_name(const mr_recipe *recipe);

/* All-zero is an empty one. */
typedef struct mr_trained {
    mr_sparse_matrix item_item;
    mr_ials *ials;  /* NULL when not in the blend */
    float *popular; /* always there */
    mr_dense ease;
    mr_graph_filter graph_filter;
} mr_trained;

/*
 * Train the members in use.  `votes` (with `vote_times_s` or NULL) are for the popularity; `items`
 * is the transpose of `users`.  MR_ERR_INVALID, MR_ERR_NO_MEMORY as the members say.
 */
MR_MUST_USE mr_status mr_recipe_train(const mr_recipe *recipe,
                                      const mr_sparse_matrix *users,
                                      const mr_sparse_matrix *items,
                                      const uint32_t *votes, const uint32_t *vote_times_s,
                                      size_t vote_count, mr_worker_pool *pool,
                                      mr_trained *ret_trained);
void mr_trained_deinit(mr_trained *trained);

mr_member_set mr_trained_members(const mr_trained *trained); /* lends */

#endif
