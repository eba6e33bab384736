/*
 * Ranker recipe: which families, with which parameters, weighed how.
 *
 * Units      See the families' own headers.
 * Ownership  A plain value.
 * Threads    Any.
 * Cost       None.
 */
#ifndef MR_MODELS_RANKER_RECIPE_H
#define MR_MODELS_RANKER_RECIPE_H

#include "core/buffer.h"
#include "core/json.h"
#include "core/status.h"
#include "models/covisitation.h"
#include "models/encoder_training.h"
#include "models/next_basket.h"
#include "models/ranker_features.h"
#include "models/session_knn.h"

#include <stdbool.h>

typedef struct mr_ranker_recipe {
    bool uses[MR_SIGNALS];
    mr_encoder_options encoder;
    mr_covisitation_options sequence;
    mr_session_knn_options session_knn;
    mr_next_basket_options repeat;
    float
        popular_fade; /* a vote k baskets from its sequence's end counts fade^k; 1: all alike */
    bool repeats_allowed;
    mr_signal single; /* this one's row decides alone; MR_SIGNALS: the weights do */
    float weights[MR_RANK_FEATURES];
} mr_ranker_recipe;

enum { MR_RANKER_TEXT_BYTES = 768 };

/* One line for people, cut to the buffer. */
void mr_ranker_recipe_text(const mr_ranker_recipe *recipe,
                           char ret_text[MR_RANKER_TEXT_BYTES]);

/* "sequence", "encoder", …, or "blend" when weights decide. */
const char *mr_ranker_recipe_name(const mr_ranker_recipe *recipe);

#endif
