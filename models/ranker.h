/*
 * Ranker: what comes next, out of what every family says.
 *
 * For ordered data.  Which families, with which parameters and weights, is chosen on a hold-out
 * that is cut from the training part as the question asks (mr_ranking_form); then the choice is
 * trained on all of it.  Of the families only `popular` is here yet.
 *
 * Units      Scores are comparable within one question only.
 * Ownership  A ranker owns what it was trained to; a recipe is a plain value.
 * Threads    Immutable once trained; work is spread over the pool, with the same bits for any
 *            number of threads.
 * Cost       popular: one pass to train, O(targets) a question.
 */
#ifndef MR_MODELS_RANKER_H
#define MR_MODELS_RANKER_H

#include "core/status.h"
#include "models/ranking_metrics.h"
#include "models/sequences.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mr_ranking_form {
    MR_RANKING_NEXT_ITEM = 0, /* every place of a sequence but the first */
    MR_RANKING_LAST_ITEM,     /* the last element of every sequence      */
    MR_RANKING_NEXT_BASKET,   /* the last basket of every sequence       */
    MR_RANKING_AFTER_CUT,     /* all that comes after a time             */
} mr_ranking_form;

/* Question q: what follows sequence q of `given`?  targets[target_ptr[q]] … [target_ptr[q + 1]],
 * each once.  Items beyond the catalogue of the training part may stand in both: they are passed
 * over in what is given, and cannot be found.  A view. */
typedef struct mr_questions {
    mr_sequences given;
    const uint64_t *target_ptr; /* [given.count + 1] */
    const uint32_t *targets;
} mr_questions;

enum { MR_RANKER_TEXT_BYTES = 768, MR_RANKER_KS_MAX = 8 };

typedef struct mr_ranker_options {
    const char *model; /* a family's name, "blend" or "auto" */
    uint32_t budget;   /* candidates to try; 0: the default  */
    uint64_t seed;
    mr_worker_pool *pool;
    void (*report)(void *context, const char *line); /* or NULL */
    void *context;
} mr_ranker_options;

typedef struct mr_ranker_recipe {
    bool popular;
} mr_ranker_recipe;

typedef struct mr_ranker_choice {
    uint32_t tries;
} mr_ranker_choice;

typedef struct mr_ranker mr_ranker;

/* MR_ERR_INVALID when there is no such model, or not for sequences. */
MR_MUST_USE mr_status mr_ranker_check_model(const char *model);

/* MR_ERR_INVALID for such a model and for a training part without elements; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_ranker_tune(const mr_sequences *train, mr_ranking_form form,
                                     const mr_ranker_options *options,
                                     mr_ranker_recipe *ret_recipe,
                                     mr_ranker_choice *ret_choice);

MR_MUST_USE mr_status mr_ranker_train(const mr_ranker_recipe *recipe,
                                      const mr_sequences *train,
                                      const mr_ranker_options *options,
                                      mr_ranker **ret_ranker);
void mr_ranker_destroy(mr_ranker *ranker); /* NULL allowed */

/* Metrics over the questions, one a k.  MR_ERR_NO_MEMORY; MR_ERR_INVALID for no k or too many. */
MR_MUST_USE mr_status mr_ranker_evaluate(const mr_ranker *ranker,
                                         const mr_questions *questions,
                                         const uint32_t *ks, size_t k_count,
                                         mr_worker_pool *pool,
                                         mr_ranking_metrics *ret_metrics);

/* "popular", …, or "blend" when weights decide. */
const char *mr_ranker_recipe_name(const mr_ranker_recipe *recipe);

/* One line for people, cut to the buffer. */
void mr_ranker_recipe_text(const mr_ranker_recipe *recipe,
                           char ret_text[MR_RANKER_TEXT_BYTES]);

#endif
