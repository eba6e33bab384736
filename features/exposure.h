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
#include "core/status.h"
#include "features/shard.h"

#include <stdbool.h>
#include <stddef.h>

enum { MR_EXPOSURE_SOURCE_UNKNOWN = 255 };

typedef struct mr_exposure_key {
    uint32_t day;       /* since the epoch */
    uint32_t placement; /* CRC32C of its name; 0: neither named nor in the id */
    uint8_t source;     /* mr_source, or MR_EXPOSURE_SOURCE_UNKNOWN */
    uint8_t variant;
} mr_exposure_key;

typedef struct mr_exposure {
    mr_exposure_key key;
    bool is_changed; /* since the file that last had it */
    uint64_t impressions;
    uint64_t clicks;
    uint64_t views;
    uint64_t carts;
    uint64_t purchases; /* lines */
    int64_t revenue_minor;
} mr_exposure;

typedef struct mr_exposures {
    mr_exposure *rows; /* by key, ascending */
    size_t count;
    size_t capacity;
} mr_exposures;

void mr_exposures_deinit(mr_exposures *exposures);

/* Room for so many more.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_exposures_reserve(mr_exposures *exposures, size_t more);

/* Where an event counts; false: nowhere. */
bool mr_exposure_key_of(const mr_event *event, int64_t day, mr_exposure_key *ret_key);

/* Count an event for which there is room. */
void mr_exposures_apply(mr_exposures *exposures, const mr_event *event, int64_t day);

/* All rows are in a file now. */
void mr_exposures_forget_changes(mr_exposures *exposures);

/* Add another's row, or take the place of the one that is there; there is room. */
void mr_exposures_add(mr_exposures *exposures, const mr_exposure *row);
void mr_exposures_set(mr_exposures *exposures, const mr_exposure *row);

/* The shard's rows, lent until the next batch. */
const mr_exposures *mr_shard_exposures(const mr_shard *shard);

#endif
