/*
 * Session neighbours: what was done in the sequences most like this one.
 *
 * No training: an index holds, for each item, the newest m sequences with it.  A query looks up
 * the lists of its items, adds up what each sequence shares with it, keeps the k most similar,
 * and lets each of them vote for its items, most for those near the newest shared one:
 *
 *     w_t     = exp(-back_t / query_scale)  log(S / (d_i + 1))      for each distinct item i of the
 *                                                                   query, at its newest place t
 *     sim(n)  = exp(-age_n / age_scale)  |n|^-l  sum over shared items of w_t
 *     score_j = sum over the k best n, their places r of j, of
 *               sim(n)  (shared                                     if r = m
 *                        exp(-(|r - m| - 1) / rank_scale)           if r > m
 *                        backward exp(-(|r - m| - 1) / rank_scale)  if r < m)
 *
 * m is the last place in n of that shared item which is newest in the query.  S counts sequences,
 * d_i those with item i, age_n those newer than n.  Among equally similar sequences those found
 * first are taken: newest shared item first, then newest sequence.  Where sequences have baskets
 * a place is a basket, and other elements of m's own basket vote as those of the next one do.
 * Items of the query may come back; `shared` says how readily the newest of them does.
 * [Ludewig and Jannach 2018, VS-kNN; Kersbergen et al. 2022, VMIS-kNN]
 *
 * Units      Scales count places or sequences; scores are comparable within one query only.
 * Ownership  A model owns its arrays when it was built and borrows them when it was opened.
 * Threads    A model is immutable; a scratch belongs to one caller at a time.
 * Cost       Building: one pass, 16 bytes an element at most.  A query: up to m steps for each of
 *            its items and the votes, and 4 bytes written an item where whole rows are asked for;
 *            nothing is allocated.
 */
#ifndef MR_MODELS_SESSION_KNN_H
#define MR_MODELS_SESSION_KNN_H

#include "core/status.h"
#include "models/pattern_search.h"
#include "models/sequences.h"
#include "models/sparse_row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_SESSION_KNN_NEIGHBOURS_MAX = 1024,
    MR_SESSION_KNN_RECENT_MAX = 100000,
    MR_SESSION_KNN_QUERY_MAX = 64, /* newest elements of a query that count           */
    /* A neighbour votes within so many places of m, and where its vote is a thousandth yet. */
    MR_SESSION_KNN_SPAN = 64,
    /* Large baskets: no more elements than these vote on either side of m. */
    MR_SESSION_KNN_ELEMENTS_MAX = 128,
};

typedef struct mr_session_knn_options {
    uint32_t neighbours;   /* k, 1 … MR_SESSION_KNN_NEIGHBOURS_MAX                  */
    uint32_t recent;       /* m, 1 … MR_SESSION_KNN_RECENT_MAX                      */
    bool idf;              /* weigh rare items more; else w_t lacks its logarithm   */
    float age_scale;       /* 0 … 1e12 sequences; 0: no sequence is old             */
    float length_exponent; /* l, 0 … 2                                              */
    float rank_scale;      /* 0 … 1e12 places; 0: all places vote the same          */
    float backward;        /* 0 … 8                                                 */
    float shared;          /* 0 … 8                                                 */
    float query_scale;     /* 0 … 1e12 places; 0: all places of a query weigh alike */
} mr_session_knn_options;

/*
 * A middle way that serves short sessions and long histories alike.  Where sequences stand in order
 * of time, an age_scale of their number is better than none.
 */
mr_session_knn_options mr_session_knn_defaults(void);

/*
 * What is worth choosing on a hold-out, around the defaults, what decides most first: logarithm to
 * base 2 of query_scale, length exponent, backward.  Some six looks.
 */
enum { MR_SESSION_KNN_AXES = 3 };
void mr_session_knn_axes(mr_pattern_axis ret_axes[MR_SESSION_KNN_AXES]);

/* Set in `options` what a point of those axes says. */
void mr_session_knn_at(const double *point, mr_session_knn_options *options);

/* MR_ERR_INVALID when an option is out of its range. */
MR_MUST_USE mr_status mr_session_knn_options_check(const mr_session_knn_options *options);

/* The index as plain arrays, to be stored. */
typedef struct mr_session_knn_arrays {
    uint32_t items;
    uint32_t sequences;           /* those kept, oldest first                        */
    const uint64_t *item_ptr;     /* [items + 1]: an item's list in the next two     */
    const uint32_t *posting;      /* [item_ptr[items]] sequences, newest first       */
    const uint32_t *last_place;   /* the same: the item's last element there, from 0 */
    const float *item_weight;     /* [items]: the logarithm, or 1                    */
    const uint64_t *sequence_ptr; /* [sequences + 1]                                 */
    const uint32_t *element;      /* [sequence_ptr[sequences]] items, oldest first   */
    const uint32_t *basket;       /* the same, or NULL                               */
    const float *sequence_weight; /* [sequences]: age and length                     */
} mr_session_knn_arrays;

typedef struct mr_session_knn mr_session_knn;

/*
 * MR_ERR_INVALID for options out of range, no sequences, an empty catalogue, or a sequence of more
 * than 2^32 - 1 elements; MR_ERR_NO_MEMORY.  The sequences are such as mr_sequences_check() accepts.
 */
MR_MUST_USE mr_status mr_session_knn_build(const mr_sequences *sequences,
                                           const mr_session_knn_options *options,
                                           mr_session_knn **ret_model);

/*
 * A model over stored arrays, which are borrowed until it is destroyed.  MR_ERR_INVALID for
 * options out of range; MR_ERR_CORRUPT for arrays that are not such as building makes;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_session_knn_open(const mr_session_knn_arrays *arrays,
                                          const mr_session_knn_options *options,
                                          mr_session_knn **ret_model);
void mr_session_knn_destroy(mr_session_knn *model); /* NULL allowed */

/* Lent. */
const mr_session_knn_arrays *mr_session_knn_arrays_of(const mr_session_knn *model);
const mr_session_knn_options *mr_session_knn_options_of(const mr_session_knn *model);

typedef struct mr_session_knn_scratch mr_session_knn_scratch;

/* Room for any query to this model.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_session_knn_scratch_create(const mr_session_knn *model,
                                                    mr_session_knn_scratch **ret_scratch);
void mr_session_knn_scratch_destroy(mr_session_knn_scratch *scratch); /* NULL allowed */

/* Scores of all items (`ret_scores`, one an item, written whole). */
void mr_session_knn_score(const mr_session_knn *model, mr_session_knn_scratch *scratch,
                          const mr_query *query, float *ret_scores);

/* The same into a row that is empty. */
void mr_session_knn_add(const mr_session_knn *model, mr_session_knn_scratch *scratch,
                        const mr_query *query, mr_sparse_row *row);

/*
 * A score is a sum over neighbours, and each neighbour votes around the newest item it shares:
 * the place in the query for which the most of the score of `item` was voted (the newest of
 * equals), and that part; the query's count, and 0, when nobody voted for it.  Costs a query.
 */
size_t mr_session_knn_because(const mr_session_knn *model,
                              mr_session_knn_scratch *scratch, const mr_query *query,
                              uint32_t item, float *ret_term);

#endif
