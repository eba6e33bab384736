/*
 * Next basket: what the next purchase will hold, from the last few.
 *
 * Three things that are known of shoppers who come again, one model's worth of counting.  What was
 * bought lately leads to other items, one way in time:
 *
 *     S_t[i]  = sum over k < span of  fading^k  |b_(t-k)|^-source  [i in b_(t-k)]
 *     Q_t[j]  = |b_t|^-target  [j in b_t]
 *     C_ij    = sum over users and t of  S_t[i] Q_(t+1)[j]                        i not j
 *     C'_ij   = (sum S_i + smoothing)^-row  C_ij  (sum Q_j + smoothing)^-column   the K largest
 *     score_j = sum over i of  S_last[i] C'_ij
 *
 * Some items are bought again and others are not: of the times an item stood in one of the last
 * `span` baskets, the share in which the next one held it too, drawn towards that of all items:
 *
 *     repeat_j = (again_j + shrinkage m) / (times_j + shrinkage)
 *
 * And what people buy at all, the newest baskets of each counting most:
 *
 *     popularity_j = sum over users and baskets with j of  popularity_fading^(baskets since then)
 *
 * What a user has had is the other half of the answer: mr_own_table (models/ranker_features.h).
 * The parts are meant for a ranker that weighs them.  The own items with fading follow
 * [Hu et al. 2020, TIFU-KNN]; how much of the score they carry, [Li et al. 2023].
 *
 * A basket is a set: an item that stands in it twice is there once.  Baskets of more than
 * MR_NEXT_BASKET_SIZE_MAX items are a warehouse's: they count as baskets and lead nowhere.  Where
 * sequences have no baskets each element is one.
 *
 * Units      Scores are comparable within one model only; popularity in faded users.
 * Ownership  A model owns its arrays when it was built and borrows them when it was opened.
 * Threads    Building spreads items over a pool and gives the same bits for any number of threads.
 *            A model is immutable; asking is a pure function.
 * Cost       Building: an addition a pair of items at most `span` baskets apart, some 5 ns.  A
 *            score: 4 bytes written an item, and an addition, 1 ns, a neighbour of a recent item.
 */
#ifndef MR_MODELS_NEXT_BASKET_H
#define MR_MODELS_NEXT_BASKET_H

#include "core/status.h"
#include "models/sequences.h"
#include "models/sparse_matrix.h"
#include "models/sparse_row.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_NEXT_BASKET_SPAN_MAX = 64,
    MR_NEXT_BASKET_NEIGHBOURS_MAX = 1024,
    MR_NEXT_BASKET_SIZE_MAX = 1024,
    MR_NEXT_BASKET_QUERY_MAX = 1024, /* a score looks at so many of the newest elements */
};

typedef struct mr_next_basket_options {
    uint32_t span;           /* 1 … MR_NEXT_BASKET_SPAN_MAX baskets; 5              */
    float fading;            /* 0 … 1 a basket; 0.6                                 */
    float source_exponent;   /* 0 … 1, of the size of the basket one comes from; .5 */
    float target_exponent;   /* 0 … 1, of the size of the next; .3                  */
    float row_exponent;      /* 0 … 1; .5                                           */
    float column_exponent;   /* 0 … 1; .3                                           */
    float smoothing;         /* 0 … 1e6; 5                                          */
    uint32_t neighbours;     /* K, 1 … MR_NEXT_BASKET_NEIGHBOURS_MAX; 512           */
    float repeat_shrinkage;  /* 0 … 1e6 times; 5                                    */
    float popularity_fading; /* 0 … 1 a basket; 0.6                                 */
} mr_next_basket_options;

/* The values above: those of a grocer whose customers come every other week. */
mr_next_basket_options mr_next_basket_defaults(void);

/* MR_ERR_INVALID when an option is out of its range. */
MR_MUST_USE mr_status mr_next_basket_options_check(const mr_next_basket_options *options);

typedef struct mr_next_basket mr_next_basket;

/* What a model consists of. */
typedef struct mr_next_basket_arrays {
    mr_sparse_matrix rows;    /* [items][items] C'; never deinitialised by who looks */
    const float *repeat_rate; /* [items], 0 … 1                                      */
    const float *popularity;  /* [items], at least 0                                 */
} mr_next_basket_arrays;

/*
 * MR_ERR_INVALID for options out of range, an empty catalogue, or more than 2^32 - 2 baskets;
 * MR_ERR_NO_MEMORY.  The sequences are such as mr_sequences_check() accepts.
 */
MR_MUST_USE mr_status mr_next_basket_build(const mr_sequences *sequences,
                                           const mr_next_basket_options *options,
                                           mr_worker_pool *pool,
                                           mr_next_basket **ret_model);

/*
 * A model over arrays made before, which are borrowed until it is destroyed.
 *
 * MR_ERR_INVALID for options out of range; MR_ERR_CORRUPT for rows that are not square, sorted,
 * inside, finite and positive, a rate outside 0 … 1, a popularity that is negative or not finite;
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_next_basket_open(const mr_next_basket_arrays *arrays,
                                          const mr_next_basket_options *options,
                                          mr_next_basket **ret_model);
void mr_next_basket_destroy(mr_next_basket *model); /* NULL allowed */

/* Lent. */
mr_next_basket_arrays mr_next_basket_view(const mr_next_basket *model);
const mr_next_basket_options *mr_next_basket_options_of(const mr_next_basket *model);

/* What the last baskets lead to: a score of every item (`ret_scores`, written whole). */
void mr_next_basket_score(const mr_next_basket *model, const mr_query *query,
                          float *ret_scores);

/* The same into a row that is empty. */
void mr_next_basket_add(const mr_next_basket *model, const mr_query *query,
                        mr_sparse_row *row);

/*
 * The place in the query (the newest that holds that item) whose term of the score of `item` is
 * largest, and that term; the query's count, and 0, when none leads there.
 */
size_t mr_next_basket_because(const mr_next_basket *model, const mr_query *query,
                              uint32_t item, float *ret_term);

#endif
