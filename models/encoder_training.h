/*
 * Encoder training: learn a session encoder (models/encoder.h) from what came next.
 *
 * Every prefix of a sequence is an example: guess the item behind it among M items drawn evenly,
 * the same for a whole batch.  Cosines over a temperature, softmax with the correction for
 * sampling, dropout on the inputs, Adam on the rows a batch touched:
 *
 *     loss = mean over the batch of log(1 + sum_j exp(z_j - z_y + log(I/M))),  z_j = s.n_j / tau
 *
 * [Hou et al. 2022 (CORE); Jean et al. 2015 for the correction; Kingma and Ba 2015]
 *
 * Units      Temperatures and rates are plain numbers; the rate falls from `learning_rate` in
 *            epoch 1 of EP to learning_rate / EP in the last.
 * Ownership  Sequences and pool are borrowed for the call.
 * Threads    One caller; work is spread over the pool.  The encoder is the same bits for any
 *            number of threads: negatives, order and dropout are functions of the seed and the
 *            position, gradients are summed in a fixed order.
 * Cost       An epoch: per batch of B examples three products of B x M x d, which are more than
 *            half of its time; 12 bytes an item and dimension.
 */
#ifndef MR_MODELS_ENCODER_TRAINING_H
#define MR_MODELS_ENCODER_TRAINING_H

#include "core/status.h"
#include "models/encoder.h"
#include "models/sequences.h"
#include "models/worker_pool.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MR_ENCODER_EPOCHS_MAX = 1000,
    MR_ENCODER_BATCH_MAX = 8192,
    MR_ENCODER_NEGATIVES_MAX = 32768,
};

/* After each batch: `done` of `all`, over all epochs, in `epoch` (from 1), the batch's loss.  The
 * pool is idle then. */
typedef void (*mr_encoder_report)(void *context, uint32_t epoch, uint64_t done,
                                  uint64_t all, double loss);

typedef struct mr_encoder_options {
    uint32_t
        dimension;   /* a multiple of MR_ENCODER_DIMENSION_STEP, up to _MAX           */
    uint32_t epochs; /* 1 … MR_ENCODER_EPOCHS_MAX                                     */
    uint32_t batch;  /* 1 … MR_ENCODER_BATCH_MAX                                      */
    uint32_t
        negatives; /* 1 … MR_ENCODER_NEGATIVES_MAX                                  */
    uint32_t
        length_max; /* 1 … MR_ENCODER_LENGTH_MAX                                     */
    float temperature; /* 0.03 … 10: below, float32 has no room for the exponentials    */
    float dropout; /* 0 … 0.95; taken in steps of 1/256                             */
    float
        learning_rate; /* above 0, at most 0.1                                          */
    bool negatives_skip_prefix; /* items of the prefix are no negatives of it: where
                                   nothing is chosen twice                                */
    uint64_t seed;
    mr_encoder_report report; /* NULL: none */
    void *report_context;
} mr_encoder_options;

/* For many sessions (100,000 and more): d 128, 6 epochs, B 512, M 2048, tau 0.07, dropout 0.2,
 * rate 0.002, seed 1.  For short sparse histories 256, 8, 256, 2048, 0.1, 0.4 are better. */
mr_encoder_options mr_encoder_options_default(void);

/* MR_ERR_INVALID, the message naming the option and its range. */
MR_MUST_USE mr_status mr_encoder_options_check(const mr_encoder_options *options,
                                               mr_error *ret_error);

/*
 * Train from random vectors.  Sequences of fewer than two items teach nothing, and items
 * that stand in no other get rows of zeros.
 *
 * MR_ERR_INVALID for options out of range, sequences that do not hold together or without a single
 * example, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_encoder_train(const mr_sequences *sequences,
                                       const mr_encoder_options *options,
                                       mr_worker_pool *pool, mr_encoder **ret_encoder);

/*
 * Go on from a trained encoder over new sequences alone, the encoder itself unchanged.  Items it did
 * not know (of a catalogue that grew, or that had been seen nowhere) start from random rows.  Moments
 * start from zero: one epoch at a quarter to a half of the rate of the training is enough.
 * Diginetica's last tenth, learnt so, brings nearly all of what training anew on everything does.
 *
 * As mr_encoder_train(); MR_ERR_INVALID also for another dimension or a smaller catalogue.
 */
MR_MUST_USE mr_status mr_encoder_refresh(const mr_encoder *encoder,
                                         const mr_sequences *sequences,
                                         const mr_encoder_options *options,
                                         mr_worker_pool *pool, mr_encoder **ret_encoder);

#endif
