/*
 * Encoder kernels: the inner loops of the session encoder (models/encoder.h).
 *
 * One source (encoder_kernels.c) in lanes of 16 floats, compiled for plain x86-64, AVX2 and
 * AVX-512; mr_encoder_kernels_best() picks at run time.  Sums run in the same lane order at every
 * level; fused multiply-add makes the last bits differ between levels, never between threads.
 *
 * Units      `width` counts floats and is a multiple of 16; rows may begin anywhere.
 * Ownership  Borrows everything for the call.
 * Threads    Pure functions.
 * Cost       With AVX-512 an exponential is about 0.3 ns; Adam is bound by memory.
 */
#ifndef MR_MODELS_ENCODER_KERNELS_H
#define MR_MODELS_ENCODER_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    MR_ENCODER_LANES = 16,
    MR_ENCODER_NOISE_STEPS = 256, /* a noise byte below the threshold drops its element */
};

/* One step of Adam without bias correction, decays 0.9 and 0.999.  [Kingma and Ba 2015] */
typedef struct mr_encoder_adam {
    float *value;
    float *first; /* the moments */
    float *second;
    float rate;
} mr_encoder_adam;

typedef struct mr_encoder_kernels {
    const char *name;

    float (*dot)(const float *a, const float *b, size_t width);

    /* out += factor row */
    void (*add)(const float *row, float factor, size_t width, float *out);

    /* out = row / |row|, or zero for a row of zeros; returns |row|.  `out` may be `row`. */
    float (*normalise)(const float *row, size_t width, float *out);

    /* row = exp(row + offset), any length; returns the sum.  Relative error below 3e-7 where
     * the result is a normal number, 0 below that; row + offset at most 88. */
    float (*exponential)(float *row, size_t count, float offset);

    /* out = row * scale where noise >= threshold, 0 elsewhere */
    void (*drop)(const float *row, const uint8_t *noise, uint32_t threshold, float scale,
                 size_t width, float *out);

    /* out += x * fx + y * fy where noise >= threshold */
    void (*add_kept)(const float *x, float fx, const float *y, float fy,
                     const uint8_t *noise, uint32_t threshold, size_t width, float *out);

    void (*adam)(const mr_encoder_adam *step, const float *gradient, size_t width);
} mr_encoder_kernels;

/* The widest this CPU runs. */
const mr_encoder_kernels *mr_encoder_kernels_best(void);

/* All levels, narrowest first, of which the first `*ret_count` run here: for tests. */
const mr_encoder_kernels *const *mr_encoder_kernels_all(size_t *ret_count);

#endif
