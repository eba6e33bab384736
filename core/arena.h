/*
 * Arena: memory for one batch, given back all at once.
 *
 * A chain of blocks that is kept over resets, so that after the first batches of the largest
 * size nothing is allocated any more.
 *
 * Units      Sizes in bytes.
 * Ownership  The arena owns all it hands out; everything dies at reset or destroy.
 * Threads    Owner-only.
 * Cost       An addition and a compare; a malloc only when a batch is larger than all before.
 */
#ifndef MR_CORE_ARENA_H
#define MR_CORE_ARENA_H

#include "core/text.h"

#include <stddef.h>

typedef struct mr_arena mr_arena;

/* NULL when out of memory.  `block_bytes` is the size of each block of the chain. */
mr_arena *mr_arena_create(size_t block_bytes);
void mr_arena_destroy(mr_arena *arena); /* NULL allowed */
void mr_arena_reset(mr_arena *arena);

/* 16-byte aligned, uninitialised; NULL when out of memory. */
void *mr_arena_allocate(mr_arena *arena, size_t bytes);

/* A copy of the bytes; empty when out of memory (check `.bytes` if `text` was not empty). */
mr_text mr_arena_copy(mr_arena *arena, mr_text text);

#endif
