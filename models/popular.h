/*
 * Popular: how many users have an item, lately.
 *
 * The fallback that is never empty, the first answer to a stranger, and the yardstick every other
 * model must beat.  With times, a vote halves with each half-life of age.
 *
 * Units      Times in seconds; scores in (faded) votes.
 * Ownership  Scores go into the caller's row.
 * Threads    Pure.
 * Cost       One pass; one exp2 a vote when there are times.
 */
#ifndef MR_MODELS_POPULAR_H
#define MR_MODELS_POPULAR_H

#include <stddef.h>
#include <stdint.h>

/*
 * Scores of `ret_scores` (one of each of `item_count` items) from votes: `items[v]` at
 * `times_s[v]`.  Without times, or when `half_life_s` is not positive, plain counts.  Age counts
 * from the newest vote; an item outside is passed over.
 */
void mr_popular_score(const uint32_t *items, const uint32_t *times_s, size_t count,
                      double half_life_s, size_t item_count, float *ret_scores);

#endif
