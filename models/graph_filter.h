/*
 * Graph filter: scores by the smooth part of the graph of users and items (GF-CF).
 *
 *     R = D_u^-1/2 X D_i^-1/2          V = the k leading right singular vectors of R
 *     scores = (x D_i^-1/2 V) V' D_i^1/2  +  weight  x D_i^-1/2 R'R D_i^1/2
 *
 * Histories are projected on the k slowest waves of the item graph: what many users' tastes have
 * in common passes, what is one user's alone does not.  Nothing is iterated over users as in
 * iALS.  The linear term is the item-item model with exponents (1, 1, 0), kept by its largest
 * weights; in a blend that has an item-item member it adds nothing.  [Shen et al. 2021, GF-CF]
 *
 * V comes from randomised subspace iteration on the sparse R: a random table, multiplied by R'R
 * and made orthonormal some times, then turned into the eigenvectors within.  [Halko et al. 2011,
 * alg. 4.4]  The last of the k vectors are approximate; as a filter's edge that does not matter.
 *
 * Units      Scores are comparable within one row only.
 * Ownership  A filter owns its tables until deinit; one whose tables are views of a mapped file
 *            must not be deinitialised.
 * Threads    Training spreads rows over a pool, the same bits for any number of threads; scoring
 *            is a pure function.
 * Cost       N pairs, k dimensions: 4 N k flops an iteration, (U + I) k^2 to make orthonormal.
 *            Stored: 8 I k bytes.  A user: one gather of k floats a history item, one product.
 */
#ifndef MR_MODELS_GRAPH_FILTER_H
#define MR_MODELS_GRAPH_FILTER_H

#include "core/status.h"
#include "models/dense.h"
#include "models/sparse_matrix.h"
#include "models/worker_pool.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_GRAPH_FILTER_DIMENSION_MAX = 1024,
    MR_GRAPH_FILTER_ITERATIONS_MAX = 64,
};

typedef struct mr_graph_filter_options {
    uint32_t
        dimension; /* k, 1 … MR_GRAPH_FILTER_DIMENSION_MAX; cut to what the data has */
    uint32_t
        iterations; /* of the subspace, 1 … MR_GRAPH_FILTER_ITERATIONS_MAX; 6 is plenty */
    float linear_weight; /* of the linear term; 0 leaves it out */
    uint32_t neighbours; /* kept of a row of the linear term, when it is there */
    uint64_t seed;
} mr_graph_filter_options;

/* All-zero is an empty one. */
typedef struct mr_graph_filter {
    mr_dense in;             /* D_i^-1/2 V: rows of the history are added */
    mr_dense out;            /* D_i^1/2 V: multiplied with their sum      */
    mr_sparse_matrix linear; /* no rows without the term                  */
    float linear_weight;
} mr_graph_filter;

/*
 * Train on histories (`users`: users x items, values ignored) and their transpose (`items`).
 *
 * MR_ERR_INVALID for options out of range or shapes that do not match, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_graph_filter_train(const mr_sparse_matrix *users,
                                            const mr_sparse_matrix *items,
                                            const mr_graph_filter_options *options,
                                            mr_worker_pool *pool,
                                            mr_graph_filter *ret_filter);
void mr_graph_filter_deinit(mr_graph_filter *filter);

/* The history's coordinates, in.stride floats: what a batch gathers for one product with `out`.
 * History items outside the model are passed over; `weights` may be NULL for all ones. */
void mr_graph_filter_project(const mr_graph_filter *filter, const uint32_t *history,
                             const float *weights, size_t count, float *ret_vector);

/* Add the linear term, if there is one, to a row of scores; `scratch` has room for a row. */
void mr_graph_filter_add_linear(const mr_graph_filter *filter, const uint32_t *history,
                                const float *weights, size_t count, float *scratch,
                                float *row);

/* Scores of all items (`ret_scores`, one an item, written whole), without the linear term;
 * `vector` has room for in.stride floats. */
void mr_graph_filter_score(const mr_graph_filter *filter, const uint32_t *history,
                           const float *weights, size_t count, float *vector,
                           float *ret_scores);

#endif
