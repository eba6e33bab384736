/*
 * Encoder batch: one step of the encoder's training, its loss, its gradients, Adam.
 *
 * With s_b the unit vector of example b, n_j a row at length 1, tau the temperature, B the batch:
 *
 *     e_bj = exp((s_b.n_j - 1) / tau + log(I/M)), 0 where j may not be a negative of b
 *     e_b  = exp((s_b.n_y - 1) / tau),  t_b = e_b + sum_j e_bj,  loss_b = log(t_b / e_b)
 *     ds_b = (sum_j e_bj n_j - (sum_j e_bj) n_y) / (t_b tau B)
 *     dn_j = sum_b e_bj s_b / (t_b tau B),  dn_y also -(sum_j e_bj) s_b / (t_b tau B)
 *     dE_j = (dn_j - n_j (n_j.dn_j)) / |E_j|,  dh = (ds - s (s.ds)) / |h|
 *     da_t = dh.x_t,  l_t = a_t (da_t - sum_u a_u da_u),  dE_(i_t) += kept_t (a_t dh + l_t v)
 *
 * A cosine is at most 1, so taking 1 away keeps every exponential in range without a search for the
 * largest.  e is not divided by t: s is, once a row, in front of the products.
 *
 * Work is cut by examples first (s, e, ds), then by negatives (dn), then by rows touched
 * (models/encoder_plan.h): each number is written by one worker, each sum has one order.
 *
 * Units      As models/encoder_training.h.
 * Ownership  A batch owns its buffers and borrows state and pool.
 * Threads    One caller; work is spread over the pool.
 * Cost       4 (B M + (B + 2 M) d) bytes, and 20 d a worker and example of a chunk.
 */
#ifndef MR_MODELS_ENCODER_BATCH_H
#define MR_MODELS_ENCODER_BATCH_H

#include "core/status.h"
#include "models/dense.h"
#include "models/encoder_plan.h"
#include "models/encoder_training.h"
#include "models/worker_pool.h"

#include <stdint.h>

/*
 * What is learnt, each row followed by its two moments: three times the columns, one place in
 * memory, because a step needs all three of a row and rows are drawn from all over the table.
 */
typedef struct mr_encoder_state {
    mr_dense items;     /* E: items x 3 d                */
    mr_dense attention; /* v: 1 x 3 d                    */
    mr_dense places;    /* b: 20 rows of 3 x 32, 20 used */
} mr_encoder_state;

/* All zero.  MR_ERR_NO_MEMORY; deinit after both. */
MR_MUST_USE mr_status mr_encoder_state_init(mr_encoder_state *ret_state, uint32_t items,
                                            uint32_t dimension);
void mr_encoder_state_deinit(mr_encoder_state *state);

typedef struct mr_encoder_batch mr_encoder_batch;

/* For `options->batch` examples at a time. */
MR_MUST_USE mr_status mr_encoder_batch_create(const mr_encoder_options *options,
                                              mr_encoder_state *state,
                                              mr_worker_pool *pool,
                                              mr_encoder_batch **ret_batch);
void mr_encoder_batch_destroy(mr_encoder_batch *batch); /* NULL allowed */

/* To be filled before each step. */
mr_encoder_example *mr_encoder_batch_examples(mr_encoder_batch *batch); /* [batch] */

/*
 * Loss and gradients of the examples.  Negative m is item floor(I u) with u the m-th number below 1
 * of `negatives_seed`; element f of input t of example b is dropped when byte f of the bits of
 * (`noise_seed`, (b 20 + t) d / 8 …) is below 256 dropout.  Returns the mean loss.
 */
double mr_encoder_batch_backward(mr_encoder_batch *batch, uint64_t negatives_seed,
                                 uint64_t noise_seed);

/* One step of Adam along them, on rows that were touched. */
void mr_encoder_batch_apply(mr_encoder_batch *batch, float rate);

/* What backward() found; gradients of an item that was not touched are 0. */
const mr_encoder_plan *mr_encoder_batch_plan(const mr_encoder_batch *batch);
void mr_encoder_batch_item_gradient(const mr_encoder_batch *batch, uint32_t item,
                                    float *ret_gradient);                        /* [d] */
const float *mr_encoder_batch_attention_gradient(const mr_encoder_batch *batch); /* [d] */
const float *mr_encoder_batch_places_gradient(const mr_encoder_batch *batch, /* [20] */
                                              uint32_t length);

#endif
