/*
 * Profile JSON: everything known of one user, for people and for the API.
 *
 * One member a feature of the plan, by its name: a number or text for a single value, an array
 * for a list, an object of columns where a row has several.  Money is an exact decimal in the
 * major unit, times and days are ISO 8601 text.
 *
 *     {"user_id":"17850","anonymous":false,"as_of":"2011-12-09T12:50:00.000Z",
 *      "churn":{"probability":0.873,"tier":"critical","since":"…"},"features":{…}}
 *
 * Units      As said; times UTC.
 * Ownership  Writes to the caller's writer.
 * Threads    The shard's owner.
 * Cost       One visit of the profile.
 */
#ifndef MR_APP_PROFILE_JSON_H
#define MR_APP_PROFILE_JSON_H

#include "core/json.h"
#include "features/shard.h"

/* One JSON object: the profile of `row` as of `at_ms`.  Check mr_buffer_status() afterwards. */
void mr_profile_json_write(const mr_shard *shard, uint32_t row, int64_t at_ms,
                           mr_json_writer *writer);

/* "watch", "at-risk", "critical"; "none" below, NULL for a number that is no tier. */
const char *mr_churn_tier_name(uint8_t tier);

#endif
