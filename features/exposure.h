/*
 * Exposure: what came of showing recommendations, by day, placement, source and variant.
 *
 * An event that names a placement or carries a recommendation id counts where it was shown: an
 * impression, a click, a view, a cart, a purchase and its value, less that of a refund.  Source
 * and variant are read off the id (docs/FORMATS.md) at the event's position; its MAC is not
 * looked at, because whoever can write events can send an id again.  Only what the event itself
 * carries counts: nobody is credited for a purchase that names nothing.
 *
 * Units      Days of the plan's zone; money in minor units of the reporting currency.
 * Ownership  Plain values in the shard.
 * Threads    The shard's owner.
 * Cost       An event without either: two comparisons.  With one: a search among the rows, most
 *            often at their end.
 */
#ifndef MR_FEATURES_EXPOSURE_H
#define MR_FEATURES_EXPOSURE_H

#include "core/event.h"
#include "features/shard.h"
#include "features/tally.h"

enum { MR_EXPOSURE_SOURCE_UNKNOWN = 255 };

/* The key of a row. */
typedef enum mr_exposure_key {
    MR_EXPOSURE_DAY = 0,   /* since the epoch */
    MR_EXPOSURE_PLACEMENT, /* CRC32C of its name */
    MR_EXPOSURE_SOURCE,    /* mr_source, or MR_EXPOSURE_SOURCE_UNKNOWN */
    MR_EXPOSURE_VARIANT,
} mr_exposure_key;

typedef enum mr_exposure_value {
    MR_EXPOSURE_IMPRESSIONS = 0,
    MR_EXPOSURE_CLICKS,
    MR_EXPOSURE_VIEWS,
    MR_EXPOSURE_CARTS,
    MR_EXPOSURE_PURCHASES, /* lines */
    MR_EXPOSURE_REVENUE,   /* minor units */
} mr_exposure_value;

/* Count an event for which there is room. */
void mr_exposures_apply(mr_tally *exposures, const mr_event *event, int64_t day);

/* The shard's rows, lent until the next batch. */
const mr_tally *mr_shard_exposures(const mr_shard *shard);

#endif
