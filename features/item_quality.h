/*
 * Item quality: how an item was received, ever: impressions, clicks, shares, reviews, ratings.
 *
 * Units      Ratings in hundredths.
 * Ownership  Embedded in the shard.
 * Threads    Owner-only.
 * Cost       32 bytes an item; only events of these types look at it.
 */
#ifndef MR_FEATURES_ITEM_QUALITY_H
#define MR_FEATURES_ITEM_QUALITY_H

#include "core/event.h"
#include "core/status.h"
#include "features/shard.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct mr_quality {
    uint32_t impressions; /* each count ends at the largest number */
    uint32_t clicks;
    uint32_t shares;
    uint32_t reviews;
    uint32_t ratings;
    uint64_t rating_centi; /* their sum */
} mr_quality;

typedef struct mr_item_quality {
    mr_quality *items;
    size_t capacity;
} mr_item_quality;

void mr_item_quality_deinit(mr_item_quality *quality);
size_t mr_item_quality_bytes(const mr_item_quality *quality);

/* Room for items 0 .. count - 1, new ones all zero.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_item_quality_reserve(mr_item_quality *quality, size_t count);

/* Whether an event of an item counts here. */
bool mr_item_quality_counts(const mr_event *event);

void mr_item_quality_apply(mr_item_quality *quality, uint32_t item,
                           const mr_event *event);

/* Add another's counts of the item. */
void mr_quality_add(mr_quality *quality, const mr_quality *other);

bool mr_quality_is_none(const mr_quality *quality);

/* Of item 0 .. mr_shard_item_count() - 1, lent until the next batch. */
const mr_quality *mr_shard_item_quality(const mr_shard *shard, uint32_t item);

#endif
