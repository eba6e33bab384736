/*
 * Profile JSON: everything known of one user, for people and for the API.
 *
 * One member a feature of the plan, by its name: a number or text for a single value, an array
 * for a list, an object of columns where a row has several.  Money is an exact decimal in the
 * major unit, times and days are ISO 8601 text.
 *
 *     {"user_id":"17850","anonymous":false,"as_of":"2011-12-09T12:50:00.000Z",
 *      "churn":{"probability":0.873,"tier":"critical","since":"…"},
 *      "rfm_scores":{"r":2,"f":5,"m":4},"rfm_segment":"at_risk","segments":["vip","win_back"],
 *      "thresholds_as_of":"2011-12-09T12:49:00.000Z","features":{…}}
 *
 * Units      As said; times UTC.
 * Ownership  Writes to the caller's writer.
 * Threads    Of a shard: its owner.  Of a summary: any.
 * Cost       One visit of the profile.
 */
#ifndef MR_APP_PROFILE_JSON_H
#define MR_APP_PROFILE_JSON_H

#include "core/json.h"
#include "core/user_state.h"
#include "features/quintiles.h"
#include "features/shard.h"

/* One JSON object: the profile of `row` as of `at_ms`.  Scores and segments are by `quintiles`, and
 * null when those have no customers.  Check mr_buffer_status() afterwards. */
void mr_profile_json_write(const mr_shard *shard, uint32_t row, int64_t at_ms,
                           const mr_quintiles *quintiles, mr_json_writer *writer);

/*
 * One JSON object: what a user's summary, the `:s` value, holds of the profile; marked by
 * `"summary":true`, the features under their names, `history` as far as the ids are known.
 */
void mr_profile_json_write_summary(const mr_user_state *state, mr_text user_id,
                                   mr_json_writer *writer);

/* "watch", "at-risk", "critical"; "none" below, NULL for a number that is no tier. */
const char *mr_churn_tier_name(uint8_t tier);

#endif
