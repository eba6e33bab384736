/*
 * Encoder batch, internal: what encoder_batch.c makes and encoder_gradients.c works on.
 *
 * Units      As encoder_batch.h, whose letters these are.
 * Ownership  The batch owns all but state and pool.
 * Threads    A chunk writes its own rows and its worker's scratch.
 * Cost       See encoder_batch.h.
 */
#ifndef MR_MODELS_ENCODER_BATCH_INTERNAL_H
#define MR_MODELS_ENCODER_BATCH_INTERNAL_H

#include "models/encoder_batch.h"
#include "models/encoder_kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MR_ENCODER_EXAMPLES_A_CHUNK = 64, /* rows of two products: fewer pack n too often */
    MR_ENCODER_NEGATIVES_A_CHUNK = 128,
    MR_ENCODER_ROWS_A_CHUNK = 64,
    MR_ENCODER_PARTS = 3, /* of a row: the value and two moments */
};

/* What one worker needs for a chunk of examples. */
typedef struct mr_encoder_worker_rows {
    mr_dense inputs;  /* x after dropout: LENGTH_MAX rows an example */
    mr_dense targets; /* n_y                                         */
    mr_dense slopes;  /* ds                                          */
} mr_encoder_worker_rows;

/* What one chunk of examples adds to v and b. */
typedef struct mr_encoder_chunk_sums {
    mr_dense attention; /* 1 x d           */
    mr_dense places;    /* LENGTH_MAX rows */
} mr_encoder_chunk_sums;

struct mr_encoder_batch {
    mr_encoder_options options;
    mr_encoder_state *state;
    mr_worker_pool *pool;
    const mr_encoder_kernels *kernels;
    mr_encoder_plan plan;
    uint64_t noise_seed;
    uint32_t threshold; /* noise bytes below it drop */
    float scale;        /* of what is kept           */
    float correction;   /* log(I / M)                */

    mr_dense negatives;              /* n: M x d                              */
    mr_dense negative_slopes;        /* dn: M x d                             */
    mr_dense units;                  /* s: B x d                              */
    mr_dense scaled;                 /* s / (t tau B): B x d                  */
    mr_dense session_slopes;         /* dh: B x d                             */
    mr_dense exponentials;           /* e: B x M and a line                   */
    float *lengths;                  /* |h|: B                                */
    float *shares;                   /* 1 / (t tau B): B                      */
    float *missed;                   /* sum_j e_bj / (t tau B): B             */
    double *losses;                  /* B                                     */
    float *weights;                  /* a, an input                           */
    float *weight_slopes;            /* l, an input                           */
    uint8_t *noise;                  /* d bytes an input                      */
    mr_encoder_worker_rows *workers; /* [threads]                             */
    mr_encoder_chunk_sums *chunks;   /* [chunks of examples]                  */
    mr_encoder_chunk_sums sums;      /* all chunks together                   */
    bool met[MR_ENCODER_LENGTH_MAX]; /* lengths that stood in the batch       */
};

/* Bodies for the pool, whose chunks are the ones above; the context is the batch. */
void mr_encoder_run_negatives(void *batch, uint32_t worker, size_t begin, size_t end);
void mr_encoder_run_examples(void *batch, uint32_t worker, size_t begin, size_t end);
void mr_encoder_run_slopes(void *batch, uint32_t worker, size_t begin, size_t end);

/* dE of a touched row. */
void mr_encoder_sum_row(const mr_encoder_batch *batch, uint32_t row, float *ret_gradient);

/* Asks for what a step along the gradient of `row`, if there is such a row, will read. */
void mr_encoder_prefetch_row(const mr_encoder_batch *batch, size_t row);

#endif
