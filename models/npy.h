/*
 * Npy: arrays on disk that numpy opens, and that we map.
 *
 * Format version 1.0 is written, 1.0 and 2.0 are read: a magic, a header that is a Python
 * dictionary, and the bytes, C order, little-endian.  The header is padded so that the data
 * starts at a multiple of 64: a mapped table is a vector kernel's operand as it stands.
 * [NEP 1, "A Simple File Format for NumPy Arrays"]
 *
 * Units      Shapes in elements; one or two dimensions.
 * Ownership  An mr_npy owns its mapping until close; `data` is lent for as long.
 * Threads    A mapped array is immutable.
 * Cost       Opening: one mmap, no copy.
 */
#ifndef MR_MODELS_NPY_H
#define MR_MODELS_NPY_H

#include "core/file.h"
#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

typedef enum mr_npy_type {
    MR_NPY_F4 = 0, /* float32  */
    MR_NPY_U1,     /* uint8    */
    MR_NPY_U4,     /* uint32   */
    MR_NPY_U8,     /* uint64   */
    MR_NPY_I8,     /* int64    */
    MR_NPY_TYPES,
} mr_npy_type;

enum { MR_NPY_DIMENSIONS_MAX = 2, MR_NPY_ALIGN_BYTES = 64 };

/* All-zero is a closed one. */
typedef struct mr_npy {
    mr_file_map map;
    mr_npy_type type;
    uint32_t dimensions;
    uint64_t shape[MR_NPY_DIMENSIONS_MAX]; /* shape[1] is 1 for one dimension */
    const void *data;
} mr_npy;

/*
 * Write a new file and fsync it (not its directory).  `row_bytes` is the distance between rows
 * in memory, 0 for dense.  MR_ERR_UNAVAILABLE, MR_ERR_INVALID for a shape.
 */
MR_MUST_USE mr_status mr_npy_write(const char *path, mr_npy_type type,
                                   uint32_t dimensions, const uint64_t *shape,
                                   const void *data, size_t row_bytes,
                                   mr_error *ret_error);

/*
 * Map a file and insist on its type and number of dimensions.
 *
 * MR_ERR_NOT_FOUND, MR_ERR_UNAVAILABLE; MR_ERR_CORRUPT for anything that is not such an array,
 * whole and aligned.
 */
MR_MUST_USE mr_status mr_npy_open(const char *path, mr_npy_type type, uint32_t dimensions,
                                  mr_npy *ret_npy, mr_error *ret_error);
void mr_npy_close(mr_npy *npy);

#endif
