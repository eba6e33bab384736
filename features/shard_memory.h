/*
 * Shard memory: where a shard's bytes go.
 *
 * Units      Bytes; of a feature what it has in bodies and extra parts and the blocks of its list,
 *            of features that share one the first has it.
 * Ownership  A plain value.
 * Threads    Owner-only.
 * Cost       A walk over all rows.
 */
#ifndef MR_FEATURES_SHARD_MEMORY_H
#define MR_FEATURES_SHARD_MEMORY_H

#include "features/plan_layout.h"
#include "features/shard.h"

typedef struct mr_shard_memory {
    size_t rows;
    size_t heads;   /* with what stays when a profile moves, and the index */
    size_t rest;    /* long ids; of bodies and extra parts what rounding takes */
    size_t history; /* blocks and fields of the history alone              */
    size_t features[MR_PLAN_FEATURES_MAX]; /* but for the history                */
    size_t unused; /* of the pool's chunks: free, for any row to come     */
} mr_shard_memory;

void mr_shard_memory_get(const mr_shard *shard, mr_shard_memory *ret_memory);

/* Another shard's, of the same plan. */
void mr_shard_memory_add(mr_shard_memory *sum, const mr_shard_memory *other);

/* All of it but the history and its share of what the pool does not use, for a row. */
double mr_shard_memory_of_a_profile(const mr_shard_memory *memory);

#endif
