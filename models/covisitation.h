/*
 * Co-visitation: what is met a few places after what.
 *
 * The item-item model of ordered data.  A pair of places in one sequence, j after i, tells for
 * i -> j, less the further they are apart and the older the sequence is, and a little for j -> i;
 * popularity is then taken out of rows and columns by exponents, which decide more than anything
 * else does and are chosen on a hold-out:
 *
 *     C_ij  = sum over sequences s, places p of i and q of j, |q - p| <= span, of
 *             exp(-age_s / age_scale)  n_s^-l  (|q - p|^-e           if q > p
 *                                               backward |q - p|^-e  if q < p
 *                                               own                  if q = p, so i = j)
 *     C'_ij = C_ij  (sum_j C_ij)^-r  (d_j + 1)^-c                  the K largest of a row
 *     score_j = sum over places t of the query of  exp(-back_t / query_scale)  C'_(i_t) j
 *
 * n_s is the length of the sequence, age_s the number of newer ones, d_j the number of sequences
 * with j, back_t the number of places after t.  Where sequences have baskets a place is a basket;
 * two elements of one basket have no order and count `together` for each other.
 *
 * A chain of transitions (span 1, backward 0), association rules (e = 0, backward 1) and the
 * sequential rules of [Ludewig and Jannach 2018] (e = 1, backward 0) are points of this model.
 *
 * Units      Exponents are plain numbers, scales count sequences or places; weights and scores
 *            are comparable within one model only.
 * Ownership  A model owns its rows when it was built and borrows them when it was opened.
 * Threads    Building spreads rows over a pool and gives the same bits for any number of threads.
 *            A model is immutable; scoring is a pure function.
 * Cost       Building: an addition a pair of places, 3 ns in long sequences and up to 40 in short
 *            ones, which wait for memory.  Scoring: 4 bytes written an item, and an addition, about
 *            1 ns, a neighbour of a query item.
 */
#ifndef MR_MODELS_COVISITATION_H
#define MR_MODELS_COVISITATION_H

#include "core/status.h"
#include "models/pattern_search.h"
#include "models/sequences.h"
#include "models/sparse_matrix.h"
#include "models/sparse_row.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_COVISITATION_SPAN_MAX = 1024,
    MR_COVISITATION_NEIGHBOURS_MAX = 1024,
    /* Large baskets: no more elements than these are looked at on either side of one. */
    MR_COVISITATION_ELEMENTS_MAX = 2048,
    MR_COVISITATION_REASONS_MAX = 1024,
};

typedef struct mr_covisitation_options {
    uint32_t span; /* 1 … MR_COVISITATION_SPAN_MAX places                    */
    float distance_exponent; /* e, 0 … 8                                               */
    float backward;        /* 0 … 8; 0: one way only                                 */
    float together;        /* 0 … 8                                                  */
    float own;             /* 0 … 8: what a place says for its own item              */
    bool self;             /* keep pairs of places with the same item                */
    float age_scale;       /* 0 … 1e12 sequences; 0: no sequence is old              */
    float length_exponent; /* l, 0 … 2                                               */
    float row_exponent;    /* r, 0 … 2                                               */
    float column_exponent; /* c, 0 … 2                                               */
    uint32_t neighbours;   /* K, 1 … MR_COVISITATION_NEIGHBOURS_MAX                  */
    float query_scale;     /* 0 … 1e12 places; 0: all places of a query weigh alike  */
    uint32_t query_span;   /* the newest elements of a query that count; 0: all      */
} mr_covisitation_options;

/*
 * A middle way that serves short sessions and long histories alike: within a few parts in a hundred
 * of what a search finds on most data.  Where sequences stand in order of time, an age_scale of
 * their number is better than none.
 */
mr_covisitation_options mr_covisitation_defaults(void);

/*
 * What is worth choosing on a hold-out, around the defaults, what decides most first: length
 * exponent, logarithm to base 2 of query_scale, backward, column exponent.  Some eight looks.
 */
enum { MR_COVISITATION_AXES = 4 };
void mr_covisitation_axes(mr_pattern_axis ret_axes[MR_COVISITATION_AXES]);

/* Set in `options` what a point of those axes says. */
void mr_covisitation_at(const double *point, mr_covisitation_options *options);

/* MR_ERR_INVALID when an option is out of its range. */
MR_MUST_USE mr_status
mr_covisitation_options_check(const mr_covisitation_options *options);

typedef struct mr_covisitation mr_covisitation;

/*
 * MR_ERR_INVALID for options out of range, no sequences, an empty catalogue, or more than 2^32 - 1
 * elements; MR_ERR_NO_MEMORY.  The sequences are such as mr_sequences_check() accepts.
 */
MR_MUST_USE mr_status mr_covisitation_build(const mr_sequences *sequences,
                                            const mr_covisitation_options *options,
                                            mr_worker_pool *pool,
                                            mr_covisitation **ret_model);

/*
 * A model over rows made before, which are borrowed until it is destroyed: stored ones, or those
 * of another model that is to be asked with another query_scale.
 *
 * MR_ERR_INVALID for options out of range; MR_ERR_CORRUPT for rows that are not square, sorted,
 * inside, finite and positive; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_covisitation_open(const mr_sparse_matrix *rows,
                                           const mr_covisitation_options *options,
                                           mr_covisitation **ret_model);
void mr_covisitation_destroy(mr_covisitation *model); /* NULL allowed */

/* Lent. */
const mr_sparse_matrix *mr_covisitation_rows(const mr_covisitation *model);
const mr_covisitation_options *mr_covisitation_options_of(const mr_covisitation *model);

/* Scores of all items (`ret_scores`, one an item, written whole). */
void mr_covisitation_score(const mr_covisitation *model, const mr_query *query,
                           float *ret_scores);

/* The same into a row that is empty. */
void mr_covisitation_add(const mr_covisitation *model, const mr_query *query,
                         mr_sparse_row *row);

/*
 * For each of `count` items, distinct and inside, at most MR_COVISITATION_REASONS_MAX, the place in
 * the query whose term of the item's score is largest (the newest of equals); the query's count
 * when no place has it as a neighbour.  One pass over the rows of the query's items, for a list as
 * for one.  `marks` has a 0 for each item of the catalogue, and has it again afterwards.
 */
void mr_covisitation_reasons(const mr_covisitation *model, const mr_query *query,
                             const uint32_t *items, size_t count, uint32_t *marks,
                             size_t *ret_places);

#endif
