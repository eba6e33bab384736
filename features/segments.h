/*
 * Segments: who a plan's rules single out, and who is no person.
 *
 * A rule is an expression over a profile's numbers, its levels and stage by name, and the scores
 * rfm.r, rfm.f and rfm.m, which are 1 to 5.  Those depend on all customers, so segments are derived:
 * they are no part of the plan's hash, and no operation reads what is kept of them beside a profile.
 *
 * Units      As features/expression.h.
 * Ownership  The plan's.
 * Threads    Immutable once read; evaluated by the shard's owner.
 * Cost       Some hundred ns a rule and user.
 */
#ifndef MR_FEATURES_SEGMENTS_H
#define MR_FEATURES_SEGMENTS_H

#include "features/expression.h"
#include "features/quintiles.h"
#include "features/shard.h"

enum { MR_SEGMENTS_MAX = 48, MR_SEGMENT_NAME_BYTES_MAX = 48 };

typedef struct mr_segment {
    const char *name;
    const char *meaning;
    mr_expression *where; /* the plan's */
    bool uses_scores;
} mr_segment;

size_t mr_plan_segment_count(const mr_plan *plan);
const mr_segment *mr_plan_segment(const mr_plan *plan, size_t index);

/* Of the names and rules in their order: what is kept by a segment's number is of this. */
uint64_t mr_plan_segments_hash(const mr_plan *plan);

/* Of users that are none: "views_7d >= 2000 and purchases = 0". */
const mr_expression *mr_plan_bot_rule(const mr_plan *plan);

/* Append a rule, or set that of bots; MR_ERR_INVALID with the reason; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_plan_add_segment(mr_plan *plan, const char *name,
                                          const char *meaning, mr_text where,
                                          mr_error *ret_error);
MR_MUST_USE mr_status mr_plan_set_bot_rule(mr_plan *plan, mr_text rule,
                                           mr_error *ret_error);

/* The segments and the bot rule of the default plan, those whose features there are. */
MR_MUST_USE mr_status mr_plan_add_default_segments(mr_plan *plan);
MR_MUST_USE mr_status mr_plan_set_default_bot_rule(mr_plan *plan);

/* Whether a rule holds of a user as of a time; `scores` NULL: there are none. */
bool mr_segment_holds(const mr_shard *shard, uint32_t row, int64_t at_ms,
                      const mr_expression *rule, const int scores[MR_RFM_VALUES]);

/* Who is in segments at all: known, with events, and nobody that the bot rule names. */
bool mr_segments_are_for(const mr_shard *shard, uint32_t row, int64_t at_ms);

/* Where a user stands by some thresholds. */
typedef struct mr_standing {
    uint64_t rules; /* bit i: the i-th rule of the plan holds */
    bool has_scores;
    int scores[MR_RFM_VALUES];
    uint32_t rfm; /* one more than mr_rfm_segment_index(); 0: no scores */
} mr_standing;

void mr_standing_of(const mr_shard *shard, uint32_t row, int64_t at_ms,
                    const mr_quintiles *quintiles, mr_standing *ret_standing);

/* Days since the latest purchase, orders, net spend; false: never bought. */
bool mr_rfm_values_of(const mr_shard *shard, uint32_t row, int64_t at_ms,
                      int64_t ret_values[MR_RFM_VALUES]);

/* The scores of these by the thresholds; false: never bought, or there are no thresholds. */
bool mr_rfm_scores_of(const mr_shard *shard, uint32_t row, int64_t at_ms,
                      const mr_quintiles *quintiles, int ret_scores[MR_RFM_VALUES]);

#endif
