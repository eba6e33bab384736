/*
 * Profile: one user's row, and what events do to it.
 *
 * An event of a kind that comes all the time touches the head, one line, and the body, which
 * holds what a view changes.  What only rarer events change, purchases above all, lies in an
 * extra part, a block that a profile gets with its first such event: without it all of it reads
 * as zero.  An id of up to MR_ROW_ID_BYTES lies in the head, a longer one in a block.  Lists lie
 * in the block pool.  Everything is an integer; windows and fading are applied when a value is
 * read.
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
#include "features/item_words.h"
#include "features/plan_layout.h"
#include "features/shard.h"

#include <assert.h>
#include <stddef.h>

enum {
    MR_SESSION_GAP_MS = 30 * 60 * 1000,
    MR_DAY_MS = 86400000,
    MR_HOUR_MS = 3600000,
    MR_DAY_SERIES_DAYS_MAX = 1000,
};

enum {
    MR_ROW_ID_BYTES = 16,
    MR_READING_VALUES_MAX = MR_SHARD_HISTORY_MAX * MR_FEATURE_COLUMNS_MAX,
};

/* The texts that rows name by number. */
typedef struct mr_names {
    mr_id_table *items;
    mr_id_table *words;              /* features/words.h */
    const mr_item_words *item_words; /* NULL: none */
} mr_names;

typedef struct mr_row_head {
    union {
        char text[MR_ROW_ID_BYTES];
        uint32_t block; /* of an id longer than that */
    } id;
    int64_t first_ms;
    int64_t newest_ms;
    int64_t applied_ms; /* of the newest record applied */
    int64_t offset;     /* of that record               */
    uint32_t events;
    uint32_t extra_block; /* 0: the extra part is all zero */
    uint16_t sessions;    /* stays at 65535 */
    uint8_t id_length;
    unsigned is_anonymous : 1;
    unsigned is_changed : 1;
    unsigned noted_count : 6; /* see the side */
    uint8_t cut_mark;         /* see features/cut_state.h */
    unsigned churn_tier : 2;  /* of mr_row_derived, as the next two */
    unsigned churn_permille : 10;
    unsigned told : 12;
} mr_row_head;

_Static_assert(sizeof(mr_row_head) == 64, "one cache line");

/* What models say, and what others were told of it, never read by an operation; it lies where the
 * row has room. */
typedef struct mr_row_derived {
    uint32_t since_s; /* one more than the second; 0: never scored */
    uint16_t permille;
    uint8_t tier;
    uint16_t told;          /* mr_shard_told() */
    uint64_t told_segments; /* mr_shard_told_segments() */
} mr_row_derived;

/* What few events touch. */
typedef struct mr_row_side {
    uint32_t churn_since_s; /* of mr_row_derived */
    uint32_t noted; /* a block: anonymous ids seen with this user, as hashes; 0: none */
    uint64_t told_segments; /* of mr_row_derived, too */
} mr_row_side;

/* A day of a series, as it is read; how it is kept stands in day_series.c. */
typedef struct mr_day_sum {
    uint32_t day;
    uint32_t count;
    int64_t sum; /* of a series that only counts 0 */
} mr_day_sum;

typedef struct mr_day_bitmap {
    uint32_t bits
        [4]; /* bit i of them together: newest_day - i; none is set where there is no day */
    uint32_t newest_day;
} mr_day_bitmap;

/* Events by the hour, in a byte each while none has more than MR_HOURS_NARROW_MAX; then in 16 bits
 * each in a block.  The first byte tells which. */
typedef union mr_hours {
    uint8_t counts[MR_PLAN_HOURS];
    struct {
        uint8_t mark; /* 255: the block has them */
        uint8_t spare[3];
        uint32_t block;
    } wide;
} mr_hours;

enum { MR_HOURS_NARROW_MAX = UINT8_MAX - 1 };

typedef struct mr_period_bitmap {
    uint16_t newest_plus_one; /* 0: none */
    uint16_t bits[3];         /* bit i of them together: newest - i */
} mr_period_bitmap;

/* Of visits, whose number and events the head counts: those that are over summed up, and the open
 * one. */
typedef struct mr_visits {
    uint32_t start_s;     /* of the open one                                      */
    uint32_t closed_s;    /* the length of all others together; ends at 2^32 - 1  */
    uint16_t open_events; /* ends at 65535, as the next does                      */
    uint16_t bounces;     /* visits of one event that are over                    */
} mr_visits;

/* Points earned on one day and not spent yet. */
typedef struct mr_point_lot {
    uint32_t day;
    uint32_t points;
} mr_point_lot;

/* What the newest day has earned. */
typedef struct mr_earned {
    uint16_t day_plus_one; /* days end at 65534, in the year 2149 */
    uint16_t points;
} mr_earned;

/* A growth value as of a day, in one number: 48 bits in 1/65536 of a point, then a day plus one. */
typedef struct mr_growth {
    int64_t packed; /* 0: none */
} mr_growth;

typedef struct mr_rating {
    int32_t sum;
    uint32_t run_start_s; /* of the present run of events */
    uint16_t run_events;  /* ends at 65535 */
    uint16_t spare;
} mr_rating;

/* Of an extreme or a mean: how many amounts there were; the least, the largest or their sum. */
typedef struct mr_pair {
    uint64_t count;
    int64_t number; /* 0 without any */
} mr_pair;

_Static_assert(sizeof(mr_history_entry) == 12, "as stated in the plan");

/* Where a row's parts are. */
typedef struct mr_row {
    mr_row_head *head;
    uint8_t *body;
    mr_row_side *side;         /* NULL of a profile on its way */
    const mr_block_pool *pool; /* the extra part lies in it */
} mr_row;

/* What an extra part that is not there reads as: constant, so that to write to it faults. */
extern const uint64_t mr_row_nothing[MR_PLAN_EXTRA_BYTES_MAX / sizeof(uint64_t)];

/* A field by its offset in the plan.  Those of the extra part may be written only after
 * mr_profile_need_extra(). */
static inline void *mr_row_at(mr_row row, uint32_t offset)
{
    if (offset < MR_PLAN_EXTRA)
        return row.body + offset;
    const uint8_t *extra = row.head->extra_block == 0
                               ? (const uint8_t *)mr_row_nothing
                               : mr_block_at(row.pool, row.head->extra_block);
    return (void *)(uintptr_t)(extra + (offset - MR_PLAN_EXTRA));
}

static inline mr_list *mr_row_list(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

static inline int64_t *mr_row_number(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

/* How many: never more than the head counts events. */
static inline uint32_t *mr_row_count(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

static inline mr_pair *mr_row_pair(mr_row row, uint32_t offset)
{
    return mr_row_at(row, offset);
}

/* What it says; false without any amount.  Means are towards zero. */
static inline bool mr_pair_number(const mr_pair *pair, mr_aggregate aggregate,
                                  int64_t *ret_number)
{
    if (pair->count == 0)
        return false;
    *ret_number = aggregate == MR_AGGREGATE_MEAN ? pair->number / (int64_t)pair->count
                                                 : pair->number;
    return true;
}

static inline mr_row_derived mr_row_derived_of(mr_row row)
{
    return (mr_row_derived){.since_s = row.side->churn_since_s,
                            .permille = row.head->churn_permille,
                            .tier = row.head->churn_tier,
                            .told = row.head->told,
                            .told_segments = row.side->told_segments};
}

static inline void mr_row_set_derived(mr_row row, mr_row_derived derived)
{
    row.side->churn_since_s = derived.since_s;
    row.head->churn_permille = derived.permille & 0x3FFU;
    row.head->churn_tier = derived.tier & 3U;
    row.head->told = derived.told & 0xFFFU;
    row.side->told_segments = derived.told_segments;
}

/* No events: it was made for what came to nothing, or its events moved to another profile. */
static inline bool mr_row_is_empty(mr_row row)
{
    return row.head->events == 0;
}

typedef struct mr_profile_effect {
    bool is_first_purchase;
    bool is_new_order;
    bool starts_visit;
    int64_t before_ms; /* the latest event's time before this one */
    int64_t local_ms;  /* this one's, on the clock of the plan's zone */
} mr_profile_effect;

/* Give the row its extra part, all zero, if it has none and the plan has one; reserved before. */
void mr_profile_need_extra(const mr_plan *plan, mr_block_pool *pool, mr_row row);

/* Take it back when all of it is zero. */
void mr_profile_drop_empty_extra(const mr_plan *plan, mr_block_pool *pool, mr_row row);

/* Apply one event.  `item` is its number, or MR_ID_NONE; `words` those of its texts by field, of
 * which only what the plan asks for is looked at.  By its address, the row's parts
 * need not be copied as a whole right after they were written one by one: that stalls. */
mr_profile_effect mr_profile_apply(const mr_plan *plan, mr_block_pool *pool,
                                   const mr_names *names, const mr_row *row,
                                   const mr_event *event, uint32_t item,
                                   const uint32_t *words, int64_t offset);

/* Time in whole seconds, ending at the largest 32-bit number (the year 2106). */
uint32_t mr_time_seconds(int64_t time_ms);

/* -- day series (day_series.c) ----------------------------------------------------------- */

/* The day of a time, or the hour where the series is one of hours; 0 .. mr_series_day_max(). */
int64_t mr_series_day(const mr_plan *plan, const mr_series *series, int64_t time_ms);
uint32_t mr_series_day_max(const mr_series *series);

/* Two amounts of a day in one: their sum, or the extreme. */
int64_t mr_day_series_join(const mr_series *series, int64_t a, int64_t b);

/* The extreme over the days at - days + 1 .. at; false without any amount. */
bool mr_day_series_extreme(const mr_block_pool *pool, const mr_series *series,
                           const mr_list *list, int64_t at_day, int64_t days,
                           int64_t *ret_number);

/* Add to a day; days `keep_days` or more before the newest are forgotten. */
void mr_day_series_add(mr_block_pool *pool, const mr_series *series, mr_list *list,
                       int64_t day, int64_t amount);

/* What a day takes in the list, most often; the most bytes that the list can have. */
size_t mr_day_series_slot_bytes(bool has_sums);
size_t mr_day_series_bytes_max(const mr_series *series);

/* The days of a list, at most `keep_days`, oldest first; returns how many. */
size_t mr_day_series_unpack(const mr_block_pool *pool, const mr_series *series,
                            const mr_list *list, mr_day_sum *ret_days);

/* Put days in order, each with a count, into an empty list; reserved before. */
void mr_day_series_pack(mr_block_pool *pool, const mr_series *series, mr_list *list,
                        const mr_day_sum *days, size_t count);

/* Over the days at - days + 1 .. at. */
uint64_t mr_day_series_count(const mr_block_pool *pool, const mr_series *series,
                             const mr_list *list, int64_t at_day, int64_t days);
int64_t mr_day_series_sum(const mr_block_pool *pool, const mr_series *series,
                          const mr_list *list, int64_t at_day, int64_t days);

/* Each day's sum times what is left of it, towards zero; days after `at_day` left out. */
int64_t mr_day_series_fading(const mr_block_pool *pool, const mr_series *series,
                             const mr_list *list, int64_t at_day,
                             uint16_t half_life_days);

/* Means over the same days, each day's amounts weighing what is left of them; towards zero.  False
 * without any amount, or of a series without sums. */
bool mr_day_series_mean(const mr_block_pool *pool, const mr_series *series,
                        const mr_list *list, int64_t at_day, int64_t days,
                        int64_t *ret_mean);
bool mr_day_series_fading_mean(const mr_block_pool *pool, const mr_series *series,
                               const mr_list *list, int64_t at_day,
                               uint16_t half_life_days, int64_t *ret_mean);

void mr_period_bitmap_set(mr_period_bitmap *bitmap, int64_t period);
bool mr_period_bitmap_has(const mr_period_bitmap *bitmap, int64_t period);

void mr_day_bitmap_set(mr_day_bitmap *bitmap, int64_t day);
int64_t mr_day_bitmap_newest(const mr_day_bitmap *bitmap); /* -1: none */
bool mr_day_bitmap_has(const mr_day_bitmap *bitmap, int64_t day);

/* Active days among at - days + 1 .. at. */
uint32_t mr_day_bitmap_count(const mr_day_bitmap *bitmap, int64_t at_day, int64_t days);

/* -- history (aggregate_history.c) ----------------------------------------------------------------- */

/* Keep the entry if it is among the latest of its type; order (time, item id, type, weight,
 * session), so that what is kept does not depend on the order of arrival. */
void mr_history_add(mr_block_pool *pool, const mr_id_table *items,
                    const mr_operation *operation, mr_list *list, uint8_t *counts,
                    mr_history_entry entry);

int mr_history_compare(const mr_id_table *items, const mr_history_entry *a,
                       const mr_history_entry *b);

/* -- reading (profile_read.c, plan_vector.c) ---------------------------------------------- */

void mr_profile_visit(const mr_plan *plan, const mr_block_pool *pool,
                      const mr_names *names, mr_row row, int64_t at_ms,
                      mr_profile_visitor *visitor, void *context);

/* What an expression of the plan comes to; NaN where it is missing.  Money and ratings are in whole
 * units, times in days since the epoch. */
double mr_profile_expression(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                             int64_t at_ms, const mr_operation *operation);

/* The same of any expression; `scores` are those of rfm.r, .f and .m, or NULL. */
double mr_profile_evaluate(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                           int64_t at_ms, const mr_expression *expression,
                           const int *scores);

void mr_profile_vector(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       int64_t at_ms, float *ret_vector);

/* -- checkpoint form (profile_codec.c) ---------------------------------------------------- */

/* All but the id and the history. */
void mr_profile_encode(const mr_plan *plan, const mr_block_pool *pool, mr_row row,
                       mr_buffer *buffer);
MR_MUST_USE mr_status mr_profile_decode(const mr_plan *plan, mr_block_pool *pool,
                                        const mr_names *names, mr_row row,
                                        mr_reader *reader);
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
    const mr_names *names;                             /* of both                     */
    const mr_operation *sources[MR_PLAN_FEATURES_MAX]; /* of `from`; NULL: a new one  */
    const mr_series *series[MR_PLAN_SERIES_MAX];       /* the same                    */
    mr_buffer *scratch;
} mr_profile_carry;

/* All but the id and the derived part.  As mr_profile_decode(). */
MR_MUST_USE mr_status mr_profile_carry_over(const mr_profile_carry *carry, mr_row from,
                                            mr_row to);

/* Assert the row's invariants. */
void mr_profile_check(const mr_plan *plan, const mr_block_pool *pool,
                      const mr_names *names, mr_row row);

#endif
