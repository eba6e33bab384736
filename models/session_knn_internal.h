/*
 * Session neighbours inside: what building and asking share.
 *
 * Units, Ownership, Threads, Cost   As in models/session_knn.h.
 */
#ifndef MR_MODELS_SESSION_KNN_INTERNAL_H
#define MR_MODELS_SESSION_KNN_INTERNAL_H

#include "models/session_knn.h"

/* mr_session_knn_arrays while they are written; all NULL in a model that was opened. */
typedef struct mr_session_knn_owned {
    uint64_t *item_ptr;
    uint32_t *posting;
    uint32_t *last_place;
    float *item_weight;
    uint64_t *sequence_ptr;
    uint32_t *element;
    uint32_t *basket;
    float *sequence_weight;
} mr_session_knn_owned;

struct mr_session_knn {
    mr_session_knn_options options;
    mr_session_knn_arrays arrays;
    mr_session_knn_owned owned;
    uint32_t reach; /* 1 … MR_SESSION_KNN_SPAN places around the shared one       */
    float query_weights[MR_SESSION_KNN_QUERY_MAX]; /* by places back           */
    float after[MR_SESSION_KNN_SPAN + 1];          /* by places apart: a vote  */
    float before[MR_SESSION_KNN_SPAN + 1];
};

#endif
