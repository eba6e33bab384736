#include "app/segment_changes.h"

enum { RFM_SHIFT = MR_SEGMENTS_MAX, RFM_MASK = 15 };
#define RULES_MASK ((UINT64_C(1) << MR_SEGMENTS_MAX) - 1)
#define RULES_NOTED (UINT64_C(1) << 52)  /* those without scores             */
#define SCORES_NOTED (UINT64_C(1) << 53) /* the others, and the RFM segment  */

_Static_assert((RULES_NOTED | SCORES_NOTED | RULES_MASK | (UINT64_C(15) << RFM_SHIFT)) ==
                   MR_TOLD_SEGMENTS_MAX,
               "as the shard keeps it");

static uint64_t rules_by_scores(const mr_plan *plan)
{
    uint64_t rules = 0;
    for (size_t i = 0; i < mr_plan_segment_count(plan); i++)
        rules |= (uint64_t)mr_plan_segment(plan, i)->uses_scores << i;
    return rules;
}

static uint32_t told_rfm(uint64_t told)
{
    return (uint32_t)(told >> RFM_SHIFT) & RFM_MASK;
}

/* Where the user would stand by the thresholds of the look before; without them, by the new ones. */
static mr_standing standing_before(const mr_shard *shard, uint32_t row, int64_t at_ms,
                                   const mr_quintiles *quintiles,
                                   const mr_standing *standing)
{
    const mr_quintiles *before = mr_shard_told_by(shard);
    mr_standing by_before = *standing;
    if (before->customers > 0 && before->version != quintiles->version)
        mr_standing_of(shard, row, at_ms, before, &by_before);
    return by_before;
}

void mr_segment_changes_of(const mr_shard *shard, const mr_plan *plan, uint32_t row,
                           int64_t at_ms, const mr_quintiles *quintiles,
                           mr_segment_changes *ret_changes)
{
    const uint64_t told = mr_shard_told_segments(shard, row);
    const uint64_t by_scores = rules_by_scores(plan);
    const bool has_thresholds = quintiles->customers > 0;
    const bool is_scored = has_thresholds && (told & SCORES_NOTED) != 0;
    mr_segment_changes changes = {.told = told | RULES_NOTED};
    mr_standing now;
    mr_standing_of(shard, row, at_ms, quintiles, &now);

    /* What is new of each; of scores only what is so by the thresholds before, too. */
    uint64_t changed =
        (told & RULES_NOTED) != 0 ? (now.rules ^ told) & RULES_MASK & ~by_scores : 0;
    if (is_scored &&
        (((now.rules ^ told) & by_scores) != 0 || now.rfm != told_rfm(told))) {
        const mr_standing then = standing_before(shard, row, at_ms, quintiles, &now);
        changed |= (now.rules ^ told) & (then.rules ^ told) & by_scores;
        changes.previous_rfm = told_rfm(told);
        if (now.rfm != changes.previous_rfm && then.rfm != changes.previous_rfm)
            changes.rfm = now.rfm;
    }
    changes.entered = changed & now.rules;
    changes.left = changed & ~now.rules;

    const uint64_t judged = has_thresholds ? RULES_MASK : RULES_MASK & ~by_scores;
    changes.told = (changes.told & ~judged) | (now.rules & judged);
    if (has_thresholds)
        changes.told = (changes.told & ~((uint64_t)RFM_MASK << RFM_SHIFT)) |
                       ((uint64_t)now.rfm << RFM_SHIFT) | SCORES_NOTED;
    *ret_changes = changes;
}
