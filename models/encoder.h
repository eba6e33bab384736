/*
 * Encoder: a session as one vector, and the items that lie in its direction.
 *
 *     a = softmax_t( b[L-1][L-1-t] + v.x_t )     h = sum_t a_t x_t     score_j = h.n_j / |h|
 *
 * x_t is the vector of the t-th of the session's last L <= 20 items, n_j that of item j at length 1:
 * a weighted mean of what was seen, where the weights depend on the place (b: one row a length, from
 * the last item backwards) and on the item (v).  This is the encoder of CORE without its
 * transformer [Hou et al. 2022]; models/encoder_training.h learns it.  Nothing of users is stored:
 * a query is enough, so a first click has an answer.
 *
 * Scores are cosines cut at 0.  Callers with many queries encode each and multiply the lot with
 * mr_encoder_items() themselves: in batches of 64 that is several times cheaper than one by one.
 *
 * Units      Items by index.
 * Ownership  A trained encoder owns its arrays; an opened one borrows them.
 * Threads    Immutable; any number of readers.
 * Cost       Encoding: two passes over at most 20 rows, about a microsecond.  Scoring: one more
 *            pass over the item table (memory bound).  No allocation.
 */
#ifndef MR_MODELS_ENCODER_H
#define MR_MODELS_ENCODER_H

#include "core/status.h"
#include "models/dense.h"
#include "models/sequences.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_ENCODER_LENGTH_MAX = 20, /* items of a session that are looked at, the newest */
    MR_ENCODER_DIMENSION_STEP = 16,
    MR_ENCODER_DIMENSION_MAX = 512,
    MR_ENCODER_PLACES = MR_ENCODER_LENGTH_MAX * MR_ENCODER_LENGTH_MAX,
};

typedef struct mr_encoder mr_encoder;

/* What an encoder consists of, for files: borrowed, and all row-major without gaps. */
typedef struct mr_encoder_arrays {
    uint32_t items;
    uint32_t dimension; /* a multiple of MR_ENCODER_DIMENSION_STEP */

    /* [items][dimension] rows of length 1, and [items] what a row was divided by; both 0 for an item
     * that is not known. */
    const float *units;
    const float *lengths;

    const float *places;    /* [20][20]: b[L-1][p], p places before the last */
    const float *attention; /* [dimension]: v                                */
} mr_encoder_arrays;

/*
 * An encoder over arrays that outlive it (a mapped file, say).
 *
 * MR_ERR_INVALID for a dimension out of range; MR_ERR_CORRUPT for a number that is not finite or
 * beyond a million, a negative length, a row not of length 1 (not of zeros where the length is 0);
 * MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_encoder_open(const mr_encoder_arrays *arrays,
                                      mr_encoder **ret_encoder, mr_error *ret_error);
void mr_encoder_destroy(mr_encoder *encoder); /* NULL allowed */

/* The same that takes the arrays, all four made by malloc() or mr_dense_floats(): on MR_OK they
 * are the encoder's. */
MR_MUST_USE mr_status mr_encoder_take(const mr_encoder_arrays *arrays,
                                      mr_encoder **ret_encoder, mr_error *ret_error);

const mr_encoder_arrays *mr_encoder_view(const mr_encoder *encoder); /* lends */

/* The table of n_j, items x dimension; its stride is the dimension.  Lends; not to be written. */
const mr_dense *mr_encoder_items(const mr_encoder *encoder);

/*
 * The query's unit vector into `ret_vector` [dimension].  False, and a vector of zeros, when no item
 * of the query is known.  Items not known, and those outside the catalogue, are passed over;
 * baskets are not looked at.
 */
bool mr_encoder_encode(const mr_encoder *encoder, const mr_query *query,
                       float *ret_vector);

/* Cosines of all items, negative ones as 0, into `ret_row` [items]. */
void mr_encoder_score(const mr_encoder *encoder, const mr_query *query, float *ret_row);

/*
 * The place in the query whose share of the cosine of `item` is largest (the newest of equals) and
 * that share; `query->count` when the query or the item is unknown.  Shares add up to the cosine.
 */
size_t mr_encoder_because(const mr_encoder *encoder, const mr_query *query, uint32_t item,
                          float *ret_term);

#endif
