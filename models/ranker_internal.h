/*
 * Ranker, inside: what looking for candidates (ranker_candidates.c) and weighing them (ranker.c)
 * share.
 *
 * Units, Ownership, Threads, Cost   As models/ranker.h says.
 */
#ifndef MR_MODELS_RANKER_INTERNAL_H
#define MR_MODELS_RANKER_INTERNAL_H

#include "models/dense.h"
#include "models/int8_table.h"
#include "models/ranker.h"
#include "models/sparse_row.h"

struct mr_ranker_workspace {
    uint32_t items;
    /* Of a member one of these: what few items have (sequence, session_knn, repeat) … */
    mr_sparse_row sparse[MR_SIGNALS];
    /* … or what all items have; of the encoder, where its codes chose, only the candidates'. */
    float *row[MR_SIGNALS];
    const float *rows[MR_SIGNALS]; /* those the recipe asks */
    mr_int8_scratch *encoder_scratch;
    bool partial
        [MR_SIGNALS]; /* in this query only the candidates' scores are in the row */
    float *vector;    /* [MR_ENCODER_DIMENSION_MAX] the encoded query */
    mr_session_knn_scratch *session_knn;
    mr_content_scratch *content;
    uint32_t lane;
    size_t asked; /* elements of the last query */
    mr_own_table own;
    float *open;     /* [items]: a row without the items that must not be listed */
    uint32_t *stamp; /* [items]: the query that took the item up */
    uint32_t *place; /* [items]: its place among the candidates  */
    uint32_t query;
    uint32_t *candidates; /* [MR_RANKER_CANDIDATES_MAX] */
    size_t candidate_count;
    float *features;                   /* [MR_RANKER_CANDIDATES_MAX][MR_RANK_FEATURES] */
    float *scores;                     /* [MR_RANKER_CANDIDATES_MAX] */
    float floors[MR_RANK_FEATURES];    /* of a candidate that nothing speaks for */
    uint8_t signals[MR_RANK_FEATURES]; /* whose the features are */
    mr_top_k_selector selector;
    mr_ranked best[MR_TOP_K_MAX];
};

/*
 * Ask the members for a query whose own items are in workspace->own: `candidates`, and `rows`, in
 * which the candidates' scores stand.
 */
void mr_ranker_gather(const mr_ranker_members *members, const mr_ranker_recipe *recipe,
                      mr_ranker_workspace *workspace, const mr_query *query,
                      const mr_ranker_limits *limits);

/* The same for candidates that somebody else chose, each once. */
void mr_ranker_gather_given(const mr_ranker_members *members,
                            const mr_ranker_recipe *recipe,
                            mr_ranker_workspace *workspace, const mr_query *query,
                            const uint32_t *items, size_t count);

#endif
