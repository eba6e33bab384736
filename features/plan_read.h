/*
 * Plan reading: a plan out of what its file says, and back.
 *
 *     {"time_zone": "Asia/Shanghai",
 *      "features": [
 *       {"name": "views_7d",    "on": "view",     "aggregate": "count",       "window": "7d"},
 *       {"name": "best_price",  "on": "purchase", "aggregate": "min",         "of": "price"},
 *       {"name": "satisfaction","on": "rate",     "aggregate": "fading_mean", "of": "rating",
 *        "half_life": "30d", "meaning": "What the user thinks of what came."}]}
 *
 * What every profile has (events, first_seen, last_seen, sessions, rfm) is not listed.  What the
 * engine itself reads (purchases, orders, spend, last_purchase, history) is taken from the default
 * plan where the file does not list it, and must mean the same where it does, but for the quotas
 * of the history.  docs/FEATURES.md has all members and aggregates.
 *
 * `currency: EUR` with `rates: {USD: 0.92}` puts amounts of other currencies into one
 * (features/currency.h).
 *
 * Models read the columns of the default plan whose features are there, and one for each other
 * feature that is a number.
 *
 * Units      Windows in whole days or hours, half-lives in days.
 * Ownership  The plan owns copies of all texts; the JSON is borrowed for the call.
 * Threads    Any.
 * Cost       Start-up only.
 */
#ifndef MR_FEATURES_PLAN_READ_H
#define MR_FEATURES_PLAN_READ_H

#include "core/buffer.h"
#include "core/json.h"
#include "features/plan.h"
#include "features/time_zone.h"

/* What is wrong, and where: a path such as features[3].window. */
typedef struct mr_plan_fault {
    char path[96];
    char message[MR_ERROR_MESSAGE_BYTES];
} mr_plan_fault;

/* `root` NULL, or without features: those of the default plan.  `zone` is what its time_zone names;
 * NULL: UTC.  MR_ERR_INVALID with `ret_fault`; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_plan_read(mr_json_value *root, const mr_time_zone *zone,
                                   mr_plan **ret_plan, mr_plan_fault *ret_fault);

/* Append what reads back as the same plan, as YAML: a line a feature.  Of a plan that was parsed
 * from its canonical text meanings and units are empty. */
void mr_plan_write(const mr_plan *plan, mr_buffer *yaml);

#endif
