/*
 * Interaction data: the matrices that models are measured on.
 *
 * Gowalla is read from $MILLRACE_DATA.  The other has the shape of MovieLens 20M without being
 * it: users' counts log-normal from 20, items drawn by (rank + 300)^-1.5, so that the first has
 * 0.2 % of all.
 *
 * Ownership  The caller's matrices, to be deinitialised.
 * Threads    The main thread.
 * Cost       Seconds.
 */
#ifndef MR_BENCH_INTERACTION_DATA_H
#define MR_BENCH_INTERACTION_DATA_H

#include "models/sparse_matrix.h"

#include <stdbool.h>

/* 29,858 x 40,981, 810,128 pairs; false when the file is not there. */
bool mr_interaction_data_gowalla(mr_sparse_matrix *ret_users);

/* 138,000 x 27,000, 19.9 million pairs. */
void mr_interaction_data_ml20m_shape(mr_sparse_matrix *ret_users);

#endif
