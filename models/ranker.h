/*
 * Ranker: what comes next, out of what every family says.
 *
 * Each family in use gives a row of scores over all items for a query (models/ranker_features.h
 * lists them as signals).  The best of each row, the user's own items where repeats are allowed
 * and the most popular are the candidates; a candidate's features are weighed by a linear score
 * whose weights a convex listwise softmax fitted on a hold-out (models/listwise.h).  Whether own
 * items may come back, how much a repeat is worth, how far popularity counts: all of it is in the
 * weights, learnt for each catalogue.  Where one signal alone did better on the hold-out, the
 * recipe names it and its row decides.  Which of a recipe's two choices that is, the general one or
 * that of newcomers, the query's length says (models/ranker_recipe.h).
 *
 * Units      Scores are comparable within one query only.
 * Ownership  A ranker owns its trained members or lends views of mapped arrays; a workspace
 *            belongs to one thread and one ranker.
 * Threads    Immutable once trained; training and evaluation spread over the pool.  The same bits
 *            for any number of threads.
 * Cost       A query: a term a neighbour of its items, a byte a factor of the encoder's table where
 *            its items are coded (a row of them otherwise), and some 400 candidates.
 */
#ifndef MR_MODELS_RANKER_H
#define MR_MODELS_RANKER_H

#include "core/status.h"
#include "models/ranker_members.h"
#include "models/ranker_recipe.h"
#include "models/top_k.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_RANKER_CANDIDATES_A_SIGNAL = 100,
    MR_RANKER_CANDIDATES_MAX =
        MR_SIGNALS * MR_RANKER_CANDIDATES_A_SIGNAL + MR_OWN_ITEMS_MAX,
    MR_RANKER_K_MAX = 1024,
};

typedef struct mr_ranker_workspace mr_ranker_workspace;

/* `lane` is what the source of the set-type members' rows is called with. */
MR_MUST_USE mr_status mr_ranker_workspace_create(const mr_ranker_members *members,
                                                 uint32_t lane,
                                                 mr_ranker_workspace **ret_workspace);
void mr_ranker_workspace_destroy(mr_ranker_workspace *workspace); /* NULL allowed */

typedef struct mr_ranker_limits {
    uint32_t k;              /* 1 … MR_RANKER_K_MAX          */
    const uint32_t *exclude; /* sorted, or NULL              */
    size_t exclude_count;
    const float *encoded; /* the encoder's row where many were made at once, or NULL */
} mr_ranker_limits;

/*
 * The best k for a query, best first; returns how many.  Scores of a single signal are its own,
 * otherwise the linear score.  What nothing speaks for is not listed.
 */
uint32_t mr_ranker_rank(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                        mr_ranker_workspace *workspace, const mr_query *query,
                        const mr_ranker_limits *limits, mr_ranked *ret_best);

/*
 * The scores of `count` candidates that somebody else chose, inside, each once and at most
 * MR_RANKER_K_MAX.  Shares are of what the signals give to these, so scores compare within one call;
 * nothing is looked for in the catalogue, which is most of what mr_ranker_rank() costs.
 */
void mr_ranker_score(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                     mr_ranker_workspace *workspace, const mr_query *query,
                     const uint32_t *items, size_t count, float *ret_scores);

/*
 * What each signal added to the score of an item that the last mr_ranker_rank() listed or
 * mr_ranker_score() was given, against an item of which it says nothing: `ret_parts`
 * [MR_SIGNALS + 1], the last for the user's own items.  All 0 for another item.
 */
void mr_ranker_parts(const mr_ranker_recipe *recipe, const mr_ranker_workspace *workspace,
                     uint32_t item, float *ret_parts);

/* The last query's features of all candidates, [count][MR_RANK_FEATURES]; for fitting. */
const float *mr_ranker_candidates(const mr_ranker_workspace *workspace,
                                  const uint32_t **ret_items, size_t *ret_count);

/*
 * Look at a query: rows, candidates and features, without ranking; `recipe` says which signals
 * and whether own items are allowed.
 */
void mr_ranker_look(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                    mr_ranker_workspace *workspace, const mr_query *query,
                    const mr_ranker_limits *limits);

#endif
