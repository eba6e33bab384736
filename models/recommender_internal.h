/*
 * Recommender, inside: what its opening (recommender_open.c) and its answers (recommender.c) share.
 *
 * Units, Ownership, Threads, Cost   As models/recommender.h says.
 */
#ifndef MR_MODELS_RECOMMENDER_INTERNAL_H
#define MR_MODELS_RECOMMENDER_INTERNAL_H

#include "models/dictionary.h"
#include "models/fold_in.h"
#include "models/model_directory.h"
#include "models/ranker_files.h"
#include "models/recommender.h"
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
    mr_sparse_matrix item_item; /* a view; no rows when not in the blend */
    mr_dense item_factors;      /* a view */
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

#endif
