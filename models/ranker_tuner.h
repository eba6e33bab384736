/*
 * Ranker tuner: a ranker's recipe, found on questions cut from the training part.
 *
 * Each family that may be used is tried by itself along the axes that matter for it, from starting
 * points that no data set gave; the cheap ones with a pattern search, the encoder, which is dear,
 * with a few settings on a part of the data, its size and epochs bounded by a number of
 * multiplications that does not depend on the machine.  The best of each family are then weighed
 * against each other by mr_ranker_groups_fit() on one half of the questions and judged on the
 * other: where a family alone is better there, it is the recipe.  The bound on the search is in
 * tries, not in time.
 *
 * Short queries, those of newcomers, are asked about by themselves (models/ranker_cut.h): what all
 * others get, weights of their own, each half judged by those of the other, and, where it is clearly
 * better than both, the best family alone.  With fewer than MR_RANKER_CUT_QUESTIONS_MIN such
 * questions newcomers are served as all others.
 *
 * Units      A try is one training of one candidate, however often it is asked: a single that may
 *            or may not list own items is one, and so is the blend, newcomers included.
 * Ownership  The result is a value; sequences, content and context are borrowed.
 * Threads    One caller; each try is spread over the pool.  The same for any number of threads.
 * Cost       Tries x (training + at most MR_RANKER_CUT_QUESTIONS_MAX queries).
 */
#ifndef MR_MODELS_RANKER_TUNER_H
#define MR_MODELS_RANKER_TUNER_H

#include "core/status.h"
#include "models/ranker_cut.h"
#include "models/ranker_members.h"
#include "models/ranking_metrics.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stdint.h>

enum { MR_RANKER_BUDGET_DEFAULT = 24 };

typedef struct mr_ranker_tuner_options {
    mr_ranking_form form;
    double share; /* held out, see models/ranker_cut.h                               */
    uint32_t k;   /* of the lists that are judged                                    */
    bool families[MR_SIGNALS]; /* which may be used; at least one */
    bool insist_on_blend;      /* take the blend even below the best single           */
    uint32_t budget;           /* tries; 0: the default */
    uint64_t seed;
    const mr_content *content; /* NULL: none; its family needs it */
    mr_row_source
        rows; /* of set-type members trained on the same cut; score NULL: none */
    void (*report)(void *context, const char *line); /* NULL allowed */
    /* How far one long training is; NULL allowed. */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t of);
    void *context;
} mr_ranker_tuner_options;

typedef struct mr_ranker_tuner_result {
    mr_ranker_recipe recipe;
    mr_ranking_metrics holdout;             /* of the choice for all               */
    mr_ranking_metrics singles[MR_SIGNALS]; /* of the best of each family, or 0    */
    bool
        tried[MR_SIGNALS]; /* may be blended; a small budget leaves some without a look */
    double repeat_share;
    uint32_t questions;
    uint32_t newcomer_questions;
    uint32_t tries; /* at most the budget */
} mr_ranker_tuner_result;

/* With too few questions to choose on: the simplest family that may be used, as it comes.
 * MR_ERR_INVALID without a family that may be used (content without a model is none, nor are
 * rows without a source), for a k outside 1 … MR_RANKER_K_MAX - 1, and as mr_ranker_cut_make() says;
 * MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_ranker_tune(const mr_sequences *sequences,
                                     const mr_ranker_tuner_options *options,
                                     mr_worker_pool *pool,
                                     mr_ranker_tuner_result *ret_result);

/* What lists are chosen by: the mean of hit rate and reciprocal rank for one next item, of hit rate
 * and NDCG for the last item, of recall and NDCG for many. */
double mr_ranking_objective(mr_ranking_form form, const mr_ranking_metrics *metrics);

#endif
