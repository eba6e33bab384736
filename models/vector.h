/*
 * Vector kernels: the few inner loops that BLAS has no call for.
 *
 * One source (vector_kernels.c) in lanes of 16 floats, compiled for plain x86-64, AVX2 and
 * AVX-512; mr_vector_kernels_best() picks at run time.  Sums run in the same lane order at every
 * level; fused multiply-add makes the last bits differ between levels, never between threads.
 *
 * Units      `width` counts floats and is a multiple of 16; rows start 64-byte aligned and are
 *            `stride` floats apart (also a multiple of 16).
 * Ownership  Borrows everything for the call.
 * Threads    Pure functions.
 * Cost       At width 128, AVX-512: about 8 ns a row read from L2.
 */
#ifndef MR_MODELS_VECTOR_H
#define MR_MODELS_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_VECTOR_FLOATS = 16, MR_VECTOR_SOLVE_MAX = 64 };

/* Rows of a factor table picked by index; `weights` NULL means all ones. */
typedef struct mr_vector_rows {
    const float *base;
    size_t stride;
    const uint32_t *index;
    const float *weights;
    size_t count;
} mr_vector_rows;

typedef struct mr_vector_kernels {
    const char *name;

    /* out row i (stride `width`) = sqrt(weight_i) row_i * scale, element by element. */
    void (*gather)(const mr_vector_rows *rows, size_t width, const float *scale,
                   float *out);

    /* out = sum of coefficient_i row_i over `count` dense rows `width` apart. */
    void (*combine)(const float *rows, size_t width, const float *coefficients,
                    size_t count, float *out);

    /* One pass over the rows: sum_w = sum w z, square = sum w z^2, product = sum w z (z.x). */
    void (*open)(const mr_vector_rows *rows, size_t width, const float *x, float *sum,
                 float *square, float *product);

    /* product = sum w z (z.x) */
    void (*product)(const mr_vector_rows *rows, size_t width, const float *x,
                    float *product);

    float (*dot)(const float *a, const float *b, size_t width);

    /* Of a row of any length and alignment: the largest; sum and sum of squares. */
    float (*maximum)(const float *row, size_t count); /* -infinity for an empty row */
    void (*moments)(const float *row, size_t count, double *ret_sum, double *ret_squares);

    /* Which of 64 floats, aligned as a row, are above 0: bit i for the i-th. */
    uint64_t (*above_zero)(const float *row);

    /* out = keep * out + (row - offset) * factor, where keep is 0 or 1; any length. */
    void (*blend)(const float *row, size_t count, float offset, float factor, bool keep,
                  float *out);

    /* The upper triangle of R R' for `count` dense rows `width` apart; what is written below the
     * diagonal and up to the next multiple of 4 columns has no meaning. */
    void (*gram)(const float *rows, size_t width, size_t count, float *out,
                 size_t stride);

    /*
     * Solve (U'U) x = b in place of b, where a (n x n, row-major, upper triangle, stride a
     * multiple of 16, padding finite) becomes U.  b has room for `stride` floats, aligned as a row
     * and finite behind n.  n <= MR_VECTOR_SOLVE_MAX.  False when it is not positive definite.
     */
    bool (*solve_upper)(float *a, size_t stride, size_t n, float *b);
} mr_vector_kernels;

/* The widest this CPU runs. */
const mr_vector_kernels *mr_vector_kernels_best(void);

/* All levels, narrowest first, of which the first `*ret_count` run here: for tests. */
const mr_vector_kernels *const *mr_vector_kernels_all(size_t *ret_count);

#endif
