/*
 * Profile: one user's row, and what events do to it.
 *
 * The head is the one line every event touches.  Lists lie in the block pool.  Everything is
 * an integer; windows and fading are applied when a value is read.
 *
 * Units      Times in ms; a stored time is one more than its ms, so that zero is "none".
 * Ownership  Rows are the profile store's, blocks the pool's.
 * Threads    Owner-only.
 * Cost       An event runs the operations of its type; each is a few instructions and at most
 *            one shift within a list.
 */
#ifndef MR_FEATURES_PROFILE_H
#define MR_FEATURES_PROFILE_H

#include "core/event.h"
#include "core/hash.h"
#include "core/id_table.h"
#include "features/block_pool.h"
#include "features/plan_layout.h"
#include "features/shard.h"

#include <assert.h>

enum {
    MR_SESSION_GAP_MS = 30 * 60 * 1000,
    MR_DAY_MS = 86400000,
    MR_HOUR_MS = 3600000,
    MR_DAY_SERIES_DAYS_MAX = 1000,
};

typedef struct mr_row_head {
    mr_hash128 hash;
    int64_t first_ms;
    int64_t newest_ms;
    int64_t applied_ms; /* of the newest record applied */
    int64_t offset;     /* of that record               */
    uint32_t id_block;
    uint32_t events;
    uint16_t sessions; /* stays at 65535 */
    uint8_t id_length;
    uint8_t id_class;
    uint8_t is_anonymous;
    uint8_t is_changed;
    uint8_t cut_mark; /* see features/cut_state.h */
    uint8_t spare;
} mr_row_head;

_Static_assert(sizeof(mr_row_head) == 64, "one cache line");

/* First in the cold part: what models say, never read by an operation. */
typedef struct mr_row_derived {
    uint32_t since_s; /* one more than the second; 0: never scored */
    uint16_t permille;
    uint8_t tier;
    uint8_t spare;
} mr_row_derived;

/* Behind it: an mr_list of the anonymous ids seen with this user, as hashes (features/links.h). */
enum { MR_ROW_NOTED_AT = sizeof(mr_row_derived) };

typedef struct mr_day_sum {
    int64_t sum;
    uint32_t day;
    uint32_t count;
} mr_day_sum;

typedef struct mr_day_bitmap {
    uint64_t bits[2];             /* bit i: newest_day - i */
    uint64_t newest_day_plus_one; /* 0: none */
} mr_day_bitmap;

_Static_assert(sizeof(mr_history_entry) == 12, "as stated in the plan");

/* Where a row's parts are. */
typedef struct mr_row {
    mr_row_head *head;
    uint8_t *cold;
} mr_row;

static inline mr_list *mr_row_list(mr_row row, uint32_t offset)
{
    return (mr_list *)(void *)(row.cold + offset);
}

static inline int64_t *mr_row_number(mr_row row, uint32_t offset)
{
    return (int64_t *)(void *)(row.cold + offset);
}

/* No events: it was made for what came to nothing, or its events moved to another profile. */
static inline bool mr_row_is_empty(mr_row row)
{
    return row.head->events == 0;
}

typedef struct mr_profile_effect {
    bool is_first_purchase;
    bool is_new_order;
} mr_profile_effect;

/* Apply one event.  `item` is its index in `items`, or MR_ID_NONE. */
mr_profile_effect mr_profile_apply(const mr_plan *plan, mr_block_pool *pool,
                                   const mr_id_table *items, mr_row row,
                                   const mr_event *event, uint32_t item, int64_t offset);

/* Time in whole seconds, ending at the largest 32-bit number (the year 2106). */
uint32_t mr_time_seconds(int64_t time_ms);

/* -- day series (day_series.c) ----------------------------------------------------------- */

/* Add to a day; days `keep_days` or more before the newest are forgotten. */
void mr_day_series_add(mr_block_pool *pool, mr_list *list, uint16_t keep_days,
                       int64_t day, int64_t amount);

/* Over the days at - days + 1 .. at. */
uint64_t mr_day_series_count(const mr_block_pool *pool, const mr_list *list,
                             int64_t at_day, int64_t days);
int64_t mr_day_series_sum(const mr_block_pool *pool, const mr_list *list, int64_t at_day,
                          int64_t days);

/* Each day's sum times what is left of it, towards zero; days after `at_day` left out. */
int64_t mr_day_series_fading(const mr_block_pool *pool, const mr_list *list,
                             int64_t at_day, uint16_t half_life_days);

void mr_day_bitmap_set(mr_day_bitmap *bitmap, int64_t day);
bool mr_day_bitmap_has(const mr_day_bitmap *bitmap, int64_t day);

/* Active days among at - days + 1 .. at. */
uint32_t mr_day_bitmap_count(const mr_day_bitmap *bitmap, int64_t at_day, int64_t days);

/* -- history (history.c) ----------------------------------------------------------------- */

/* Keep the entry if it is among the latest of its type; order (time, item id, type, weight,
 * session), so that what is kept does not depend on the order of arrival. */
void mr_history_add(mr_block_pool *pool, const mr_id_table *items,
                    const mr_operation *operation, mr_list *list, uint8_t *counts,
                    mr_history_entry entry);

int mr_history_compare(const mr_id_table *items, const mr_history_entry *a,
                       const mr_history_entry *b);

/* -- reading (profile_read.c, plan_vector.c) ---------------------------------------------- */

void mr_profile_visit(const mr_plan *plan, const mr_block_pool *pool,
                      const mr_id_table *items, mr_row row, int64_t at_ms,
                      mr_profile_visitor *visitor, void *context);

void mr_profile_vector(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       int64_t at_ms, float *ret_vector);

/* -- checkpoint form (profile_codec.c) ---------------------------------------------------- */

/* All but the id and the history. */
void mr_profile_encode(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       mr_buffer *buffer);
MR_MUST_USE mr_status mr_profile_decode(const mr_plan *plan, mr_block_pool *pool,
                                        mr_row row, mr_reader *reader);
void mr_history_encode(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       mr_buffer *buffer);
MR_MUST_USE mr_status mr_history_decode(const mr_plan *plan, mr_block_pool *pool,
                                        const mr_id_table *items, mr_row row,
                                        mr_reader *reader);

/* From a row of one plan to an empty row of another. */
typedef struct mr_profile_carry {
    const mr_plan *from;
    const mr_plan *to;
    const mr_block_pool *from_pool;
    mr_block_pool *to_pool;
    const mr_id_table *items;                          /* of both                     */
    const mr_operation *sources[MR_PLAN_FEATURES_MAX]; /* of `from`; NULL: a new one  */
    const mr_series *series[MR_PLAN_SERIES_MAX];       /* the same                    */
    mr_buffer *scratch;
} mr_profile_carry;

/* All but the id and the derived part.  As mr_profile_decode(). */
MR_MUST_USE mr_status mr_profile_carry_over(const mr_profile_carry *carry, mr_row from,
                                            mr_row to);

/* Assert the row's invariants. */
void mr_profile_check(const mr_plan *plan, const mr_block_pool *pool,
                      const mr_id_table *items, mr_row row);

#endif
