/*
 * Set scorer, inside: what scoring whole rows (set_scorer.c) and ranking without them
 * (set_ranking.c) share.
 *
 * Units, Ownership, Threads, Cost   As models/set_scorer.h says.
 */
#ifndef MR_MODELS_SET_INTERNAL_H
#define MR_MODELS_SET_INTERNAL_H

#include "models/set_ranking.h"
#include "models/sparse_row.h"

#include <stdbool.h>

/* What ranking without rows needs. */
typedef struct mr_set_ranking {
    mr_int8_scratch *codes;
    mr_sparse_row item_item;
    double item_item_largest;
    float *upper;  /* [items + MR_INT8_GROUP]: of iALS's scores */
    float *bounds; /* [items]: of the blend                      */
    mr_top_k_selector selector;
    mr_ranked candidates[MR_TOP_K_MAX];
    uint32_t chosen[MR_TOP_K_MAX];
    float scores[MR_TOP_K_MAX];
    float parts[MR_MEMBERS][MR_TOP_K_MAX]; /* of the chosen items */
} mr_set_ranking;

struct mr_set_scratch {
    uint32_t history[MR_SET_HISTORY_MAX]; /* newest first */
    float weights[MR_SET_HISTORY_MAX];
    size_t count;
    uint32_t distinct[MR_SET_HISTORY_MAX]; /* each item once */
    size_t distinct_count;
    float *own[MR_MEMBERS];        /* popular: not used, the model's own row is read */
    const float *rows[MR_MEMBERS]; /* of the last query; iALS: NULL when it was ranked */
    mr_blend_terms terms;
    uint32_t *marks;    /* [items] zeros, for mr_item_item_reasons() */
    float *user;        /* factors             */
    float *coordinates; /* in the graph filter */
    mr_ials_scratch *solver;
    mr_set_ranking *ranking; /* NULL without an index */
};

/* Take what the model knows of a query into the scratch. */
void mr_set_take(const mr_set_model *model, mr_set_scratch *scratch,
                 const mr_query *query);

MR_MUST_USE mr_status mr_set_ranking_create(const mr_set_model *model,
                                            mr_set_ranking **ret_ranking);
void mr_set_ranking_destroy(mr_set_ranking *ranking); /* NULL allowed */

#endif
