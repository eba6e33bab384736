/*
 * Block pool: the variable parts of profiles, in a few sizes.
 *
 * Blocks are named by a 32-bit handle that counts 8-byte units, half the size of a pointer.
 * They are cut from 32 KiB chunks, each of one size; a chunk whose blocks are all free again
 * serves any size.  Profiles that grow together outgrow whole chunks, so what the small sizes
 * gave up comes back to the large ones.  A general allocator would spend a header on each.
 *
 * Lists are the one shape kept in blocks: a count and elements of one size, which move to the
 * next larger block when they are full.  A list that is appended to and shortened at its front,
 * as a history at its quota is with every event, leaves room before its first element and moves
 * back only when that is used up.
 *
 * Units      Sizes in bytes, handles in units of 8 bytes; handle 0 is no block.
 * Ownership  The pool owns all blocks.
 * Threads    Owner-only.
 * Cost       Allocate and free: a few instructions and the block's line.  mr_block_pool_reserve()
 *            makes a number of allocations that cannot fail; reserved memory costs nothing
 *            until touched.
 */
#ifndef MR_FEATURES_BLOCK_POOL_H
#define MR_FEATURES_BLOCK_POOL_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MR_BLOCK_UNIT_BYTES = 8,
    MR_BLOCK_BYTES_MAX = 16384,
    MR_BLOCK_SLAB_BYTES = 2 << 20,
    MR_BLOCK_SLAB_UNITS = MR_BLOCK_SLAB_BYTES / MR_BLOCK_UNIT_BYTES,
    MR_BLOCK_CHUNK_BYTES = 32 << 10,
    MR_BLOCK_CHUNK_UNITS = MR_BLOCK_CHUNK_BYTES / MR_BLOCK_UNIT_BYTES,
    MR_BLOCK_SLAB_CHUNKS = MR_BLOCK_SLAB_BYTES / MR_BLOCK_CHUNK_BYTES,
    MR_BLOCK_CLASSES = 28,
};

typedef struct mr_block_chunk {
    uint32_t
        next; /* in its size's list of chunks with room, or in the list of free chunks */
    uint32_t before;
    uint32_t free_block; /* a list through the blocks; 0 ends it */
    uint16_t used;
    uint16_t cut; /* blocks that were ever handed out since it took its size */
    uint8_t size_class;
} mr_block_chunk;

typedef struct mr_block_pool {
    uint8_t **slabs; /* 2 MiB each, of 64 chunks */
    size_t slab_count;
    size_t slab_capacity;
    mr_block_chunk *chunks; /* chunk 0 is never used: 0 is "none" */
    uint32_t chunk_count;   /* started, chunk 0 among them         */
    uint32_t free_chunk_count;
    uint32_t free_chunks;
    uint32_t with_room[MR_BLOCK_CLASSES];
    size_t used_bytes; /* in blocks that are allocated */
} mr_block_pool;

typedef struct mr_list {
    uint32_t block; /* 0 when nothing was ever put */
    uint16_t count;
    uint8_t size_class;
    uint8_t start; /* of the first element, in MR_LIST_START_BYTES */
} mr_list;

enum { MR_LIST_START_BYTES = 4 }; /* sizes of elements are multiples of it */

/* Zero-initialise to start empty. */
void mr_block_pool_deinit(mr_block_pool *pool);

/* Map so much that `bytes` of blocks can be allocated.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_block_pool_reserve(mr_block_pool *pool, size_t bytes);

/* Memory of the chunks that were ever started. */
size_t mr_block_pool_bytes(const mr_block_pool *pool);

/* A block of at least `bytes` (1 .. MR_BLOCK_BYTES_MAX), uninitialised; reserved before. */
uint32_t mr_block_pool_allocate(mr_block_pool *pool, size_t bytes, uint8_t *ret_class);
void mr_block_pool_free(mr_block_pool *pool, uint32_t block, uint8_t size_class);
size_t mr_block_class_bytes(uint8_t size_class);
uint8_t mr_block_class_of(size_t bytes); /* that an allocation of so many gets */

static inline void *mr_block_at(const mr_block_pool *pool, uint32_t block)
{
    return pool->slabs[block / MR_BLOCK_SLAB_UNITS] +
           (size_t)(block % MR_BLOCK_SLAB_UNITS) * MR_BLOCK_UNIT_BYTES;
}

static inline void *mr_list_elements(const mr_block_pool *pool, const mr_list *list)
{
    return list->block == 0 ? NULL
                            : (uint8_t *)mr_block_at(pool, list->block) +
                                  (size_t)list->start * MR_LIST_START_BYTES;
}

/* Open a gap of one element at `index` <= count and return it, uninitialised; reserved before. */
void *mr_list_insert(mr_block_pool *pool, mr_list *list, size_t index,
                     size_t element_bytes);

/* Give an empty list room for `count` elements at once; reserved before. */
void mr_list_start(mr_block_pool *pool, mr_list *list, size_t count,
                   size_t element_bytes);

/* Close the gap that `remove` elements from `index` on leave. */
void mr_list_remove(mr_block_pool *pool, mr_list *list, size_t index, size_t remove,
                    size_t element_bytes);

/* The most that one insertion into a list can allocate. */
size_t mr_list_growth_max(size_t elements_max, size_t element_bytes);

#endif
