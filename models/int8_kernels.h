/*
 * Int8 kernels: products of byte codes, the first pass over a quantised table.
 *
 * Items lie in groups of 16: for each four columns, four codes of each of the 16.  So one
 * instruction (AVX-512 VNNI's dpbusd) adds four products to each of 16 items' sums, and a user's
 * four codes are one broadcast.  Item codes are shifted to 1 … 255, user codes are signed; the
 * shift comes off in the start value of the sum.
 *
 * Units      `width` counts codes of a row, a multiple of 16.  Results are in units of the
 *            user's scale.
 * Ownership  Borrows everything for the call.
 * Threads    Pure functions; every level gives the same bits for the same codes.
 * Cost       VNNI: width / 4 instructions for 16 items and a user.
 */
#ifndef MR_MODELS_INT8_KERNELS_H
#define MR_MODELS_INT8_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    MR_INT8_GROUP = 16,
    MR_INT8_SHIFT = 128, /* what item codes are stored above their value */
    MR_INT8_CODE_MAX = 127,
};

/* Consecutive groups of a table: [groups][width / 4][16][4] codes and a scale an item. */
typedef struct mr_int8_block {
    const uint8_t *codes;
    const float *scales;
    size_t width;
    size_t groups;
} mr_int8_block;

/* Rows of user codes, `width` apart, and where each row's sums start. */
typedef struct mr_int8_users {
    const int8_t *codes;
    const int32_t *starts;
    size_t count;
} mr_int8_users;

typedef struct mr_int8_kernel {
    const char *name;
    int user_code_max; /* user codes lie in +-this: what the level's sums can hold */

    /* tile[u][i] = scale_i (start_u + sum of item code x user code) */
    void (*multiply)(const mr_int8_block *block, const mr_int8_users *users, float *tile,
                     size_t tile_stride);
} mr_int8_kernel;

/* The fastest this CPU runs. */
const mr_int8_kernel *mr_int8_kernel_best(void);

/* All levels, slowest first, of which the first `*ret_count` run here: for tests. */
const mr_int8_kernel *const *mr_int8_kernels_all(size_t *ret_count);

#endif
