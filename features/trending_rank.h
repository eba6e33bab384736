/*
 * Trending, ranked and published: the best k of many, and a share's bytes.
 *
 * Units      Counts of events.
 * Ownership  A rank owns its places; ids are lent to it.
 * Threads    Owner-only.
 * Cost       An offer is one comparison for most items.
 */
#ifndef MR_FEATURES_TRENDING_RANK_H
#define MR_FEATURES_TRENDING_RANK_H

#include "features/shard_private.h"

enum {
    MR_TRENDING_HOT_HOURS = 6,
    MR_TRENDING_WEEK_HOURS = 168,
};

typedef struct mr_trending_counts {
    uint64_t hot;
    uint64_t popular;
    uint64_t before; /* the hot hours, one week earlier */
    uint64_t ever;
} mr_trending_counts;

void mr_trending_counts_add(mr_trending_counts *sum, const mr_trending_counts *other);
mr_trending_counts mr_trending_counts_of(const mr_block_pool *pool,
                                         const mr_trending_item *item, int64_t at_hour);

typedef struct mr_ranked {
    mr_trending_entry entry;
    uint32_t item;
} mr_ranked;

typedef struct mr_trending_rank {
    mr_ranked *entries; /* a heap, the worst on top, until sorted */
    size_t count;
    size_t capacity;
} mr_trending_rank;

MR_MUST_USE mr_status mr_trending_rank_init(mr_trending_rank *ret_rank, size_t capacity);
void mr_trending_rank_deinit(mr_trending_rank *rank);
void mr_trending_rank_offer(mr_trending_rank *rank, mr_trending_kind kind,
                            mr_text item_id, const mr_trending_counts *counts,
                            uint32_t item);
void mr_trending_rank_sort(mr_trending_rank *rank); /* best first */
void mr_trending_rank_copy(const mr_trending_rank *rank, mr_trending_entry *ret_entries,
                           size_t *ret_count);

void mr_trending_put_header(const mr_trending_header *header, uint32_t entries,
                            mr_buffer *buffer);
void mr_trending_put_entry(mr_text item_id, const mr_trending_counts *counts,
                           mr_buffer *buffer);
void mr_trending_put_end(mr_buffer *buffer, size_t start);

#endif
