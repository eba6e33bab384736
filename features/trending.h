/*
 * Trending: how often each item, and each category, is touched, by the hour.
 *
 * One count for each view, click, cart_add, wishlist, purchase, rate, review and share of
 * an item, in the UTC hour of the event.  A shard keeps the hours of the last eight days
 * and one count of all time; a shard's share is published as its top items and merged by
 * addition, because users, and so their events, are disjoint between partitions.
 *
 * A category's counts are those of the items that events last said to be in it: they are summed
 * when a share is made, and cost an event nothing.
 *
 *   hot      the last 6 hours           popular  the last 7 days         ever  all time
 *   rising   (x - m) / sqrt(m + 1), x the last 6 hours, m the same 6 hours one week
 * before
 *
 * Windows end with the hour of `at_ms`, that hour included.
 *
 * Units      Counts of events; hours since the epoch.
 * Ownership  Ids in a list are lent: by the shard, or by the encoded bytes.
 * Threads    With a shard: its owner.  Merging: any.
 * Cost       Top and encode walk all items of the shard, about 20 ns an item; not per
 * event.
 */
#ifndef MR_FEATURES_TRENDING_H
#define MR_FEATURES_TRENDING_H

#include "core/buffer.h"
#include "core/status.h"
#include "core/trending_kind.h"
#include "features/shard.h"

enum {
    MR_TRENDING_PUBLISHED = 1000,           /* items of each kind */
    MR_TRENDING_CATEGORIES_PUBLISHED = 200, /* of each kind       */
    MR_TRENDING_PARTITIONS_MAX = 4096,
};

const char *mr_trending_kind_name(mr_trending_kind kind); /* "hot" */

typedef struct mr_trending_entry {
    mr_text item_id; /* or the category */
    uint64_t count;  /* in the kind's window; of rising, x */
    double score;    /* the count; of rising, the formula  */
} mr_trending_entry;

/* The best `k`, best first, ties by item id; items with no count, and for rising with a
 * score that is not positive, are left out.  Returns how many in `ret_count`.
 * MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_trending_top(const mr_shard *shard, mr_trending_kind kind,
                                      int64_t at_ms, size_t k,
                                      mr_trending_entry *ret_entries, size_t *ret_count);

/* Append the shard's share for publication: the MR_TRENDING_PUBLISHED first items and the first
 * categories of each kind with all their counts, and what is left out of the items as residual
 * mass.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_trending_encode(const mr_shard *shard, uint64_t epoch,
                                         int64_t at_ms, mr_buffer *buffer);

typedef struct mr_trending_header {
    uint64_t epoch;
    int64_t offset; /* next offset of the shard */
    int64_t watermark_ms;
    int64_t at_ms;
    uint32_t partition;
    uint64_t residual[MR_TRENDING_KINDS]; /* counts of unpublished items (rising: of x) */
} mr_trending_header;

/* MR_ERR_CORRUPT when the bytes are not a published share. */
MR_MUST_USE mr_status mr_trending_read_header(mr_text encoded,
                                              mr_trending_header *ret_header);

/* The best `k` of a subject in the sum of `count` shares.  MR_ERR_CORRUPT if one is damaged;
 * MR_ERR_INVALID for more than MR_TRENDING_PARTITIONS_MAX shares; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_trending_merge(const mr_text *encoded, size_t count,
                                        mr_trending_subject subject,
                                        mr_trending_kind kind, size_t k,
                                        mr_trending_entry *ret_entries,
                                        size_t *ret_count);

#endif
