/*
 * Ranker recipe: which families, with which parameters, weighed how.
 *
 * A query of a few elements is another task than a long one: there is nothing yet that a neighbour
 * or a habit could be told by, and what is popular counts for more.  So a recipe holds two choices,
 * one for all and one for newcomers, over the same trained families; a query's length says which.
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
#include <stddef.h>
#include <stdint.h>

/* How what the families say becomes a list. */
typedef struct mr_ranker_choice {
    mr_signal single; /* this one's row decides alone; MR_SIGNALS: the weights do */
    bool repeats_allowed;
    float weights[MR_RANK_FEATURES];
} mr_ranker_choice;

typedef struct mr_ranker_recipe {
    bool uses[MR_SIGNALS]; /* trained: what either choice asks */
    mr_encoder_options encoder;
    mr_covisitation_options sequence;
    mr_session_knn_options session_knn;
    mr_next_basket_options repeat;
    float
        popular_fade; /* a vote k baskets from its sequence's end counts fade^k; 1: all alike */
    mr_ranker_choice choice;
    mr_ranker_choice newcomers;
    uint32_t newcomers_max; /* longest query that goes by theirs; 0: none does */
} mr_ranker_recipe;

enum { MR_RANKER_TEXT_BYTES = 1280 };

/* What a query of so many elements is answered by. */
static inline const mr_ranker_choice *mr_ranker_choice_of(const mr_ranker_recipe *recipe,
                                                          size_t elements)
{
    return recipe->newcomers_max > 0 && elements <= recipe->newcomers_max
               ? &recipe->newcomers
               : &recipe->choice;
}

/* Whether one of the two looks at the signal. */
bool mr_ranker_recipe_asks(const mr_ranker_recipe *recipe, mr_signal signal);

/* One line for people, cut to the buffer. */
void mr_ranker_recipe_text(const mr_ranker_recipe *recipe,
                           char ret_text[MR_RANKER_TEXT_BYTES]);

/* "sequence", "encoder", …, or "blend" when weights decide. */
const char *mr_ranker_choice_name(const mr_ranker_choice *choice);

#endif
