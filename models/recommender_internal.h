/*
 * Recommender, inside: what its opening (recommender_open.c), its answers to a history (recommender.c)
 * and those about items (recommender_items.c) share.
 *
 * Units, Ownership, Threads, Cost   As models/recommender.h says.
 */
#ifndef MR_MODELS_RECOMMENDER_INTERNAL_H
#define MR_MODELS_RECOMMENDER_INTERNAL_H

#include "models/dictionary.h"
#include "models/fold_in.h"
#include "models/model_directory.h"
#include "models/ranker.h"
#include "models/ranker_files.h"
#include "models/recommender.h"
#include "models/recommender_tables.h"
#include "models/set_index.h"
#include "models/set_scorer.h"

struct mr_recommender {
    mr_model_directory *directory;
    mr_dictionary *dictionary;
    mr_recipe recipe;
    mr_npy neighbour_ptr;
    mr_npy neighbour_index;
    mr_npy neighbour_values;
    mr_npy factors;
    mr_npy eigenvalues;
    mr_npy popularity;
    mr_npy ease_weights;
    mr_npy filter_in;
    mr_npy filter_out;
    mr_bought_together_files bought_files;
    mr_sparse_matrix bought;    /* a view; no rows when the version has none */
    mr_sparse_matrix item_item; /* a view; no rows when not in the blend */
    mr_dense item_factors;      /* a view */
    float *
        factor_scales; /* [items] 1 / length, 0 for rows of zeros; NULL without factors */
    mr_fold_in *fold_in;
    mr_dense ease;          /* a view; no rows when not in the blend */
    mr_graph_filter filter; /* views                                 */
    mr_set_model set;       /* all of them                           */
    mr_set_index *set_index;
    bool has_ranker;
    mr_ranker_recipe ranker;
    mr_ranker_store store;
    mr_ranked *popular; /* the most popular, best first */
    uint32_t popular_count;
};

/* What an item of a list is owed to. */
typedef struct mr_reason {
    mr_signal signal;
    bool alone;   /* that carries it alone                  */
    size_t place; /* in the history; its count: none is named */
} mr_reason;

struct mr_recommender_scratch {
    /* The history, oldest first. */
    uint32_t item[MR_RECOMMEND_HISTORY_MAX];
    uint32_t basket[MR_RECOMMEND_HISTORY_MAX];
    uint32_t time_s[MR_RECOMMEND_HISTORY_MAX];
    float weight[MR_RECOMMEND_HISTORY_MAX];
    mr_query query;
    float *blended;
    float *coordinates; /* in the graph filter */
    const mr_set_model *set_model;
    mr_set_scratch *set;
    mr_ranker_members
        members; /* the recommender's; the set's rows come from this scratch */
    mr_ranker_workspace *ranker;
    mr_top_k_selector selector;
    mr_ranked best[MR_RECOMMEND_MAX];
    mr_reason reasons[MR_RECOMMEND_MAX];      /* of the best */
    mr_ranked carried[MR_RECOMMEND_MAX];      /* those that the set carries */
    mr_scored_item by_rows[MR_RECOMMEND_MAX]; /* the same, explained        */
    uint32_t *marks; /* [items] zeros between uses: where items stand in a list */
};

#endif
