/*
 * Attribution: what came of showing recommendations, and how items were received.
 *
 * Both are sums that shards keep (features/exposure.h, features/item_quality.h), added up over the
 * partitions of a census.  Shares come with the bounds of their 95 % interval by Wilson's score
 * (Wilson 1927), which holds for small counts too.
 *
 * Units      Days of the plan's zone; money in major units.
 * Ownership  Borrows the census.
 * Threads    As app/census.h.
 * Cost       A walk over the rows, or over all items.
 */
#ifndef MR_APP_ATTRIBUTION_H
#define MR_APP_ATTRIBUTION_H

#include "app/census.h"

/* One JSON object: of the last `days`, up to the one of as_of, each placement, source and variant. */
MR_MUST_USE mr_status mr_attribution_write(const mr_census *census, int64_t days,
                                           mr_json_writer *writer);

/* One JSON object: the `limit` items whose click rate is highest at its lower bound; an `item`: it
 * alone. */
MR_MUST_USE mr_status mr_quality_write(const mr_census *census, mr_text item,
                                       size_t limit, mr_json_writer *writer);

#endif
