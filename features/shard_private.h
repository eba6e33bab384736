/*
 * Shard, inside: for the files that make up the shard and its checkpoint.
 *
 * Units      As features/shard.h.
 * Ownership  As features/shard.h.
 * Threads    Owner-only.
 * Cost       None of its own.
 */
#ifndef MR_FEATURES_SHARD_PRIVATE_H
#define MR_FEATURES_SHARD_PRIVATE_H

#include "features/commerce.h"
#include "features/cut_state.h"
#include "features/dedup.h"
#include "features/exposure.h"
#include "features/item_quality.h"
#include "features/links.h"
#include "features/profile_store.h"
#include "features/sales.h"
#include "features/shard.h"
#include "features/trending.h"
#include "features/words.h"

enum {
    MR_TRENDING_HOURS = 192, /* eight days */
    MR_TRENDING_SEGMENT_ITEMS = 4096,
    MR_SHARD_WINDOW_EVENTS =
        32, /* prefetched together: their lines fit the first cache */
    MR_SHARD_DIALECT_BYTES_MAX = 64,
};

#define MR_TRENDING_ON                                                                   \
    (MR_ON(MR_EVENT_VIEW) | MR_ON(MR_EVENT_CLICK) | MR_ON(MR_EVENT_CART_ADD) |           \
     MR_ON(MR_EVENT_WISHLIST) | MR_ON(MR_EVENT_PURCHASE) | MR_ON(MR_EVENT_RATE) |        \
     MR_ON(MR_EVENT_REVIEW) | MR_ON(MR_EVENT_SHARE))

/* -- trending (trending.c) ---------------------------------------------------------------- */

typedef struct mr_hour_count {
    uint32_t hour;
    uint32_t count;
} mr_hour_count;

typedef struct mr_trending_item {
    mr_list hours; /* mr_hour_count, ascending; the MR_TRENDING_HOURS up to its newest */
    uint64_t ever;
    uint8_t cut_mark; /* see features/cut_state.h */
} mr_trending_item;

typedef struct mr_trending {
    mr_trending_item **segments;
    size_t segment_count;
    size_t segment_capacity;
} mr_trending;

void mr_trending_deinit(mr_trending *trending);
MR_MUST_USE mr_status mr_trending_reserve(mr_trending *trending, size_t items);
size_t mr_trending_bytes(const mr_trending *trending);
void mr_trending_add(mr_trending *trending, mr_block_pool *pool, uint32_t item,
                     int64_t time_ms);

static inline mr_trending_item *mr_trending_item_at(const mr_trending *trending,
                                                    uint32_t item)
{
    return &trending->segments[item / MR_TRENDING_SEGMENT_ITEMS]
                              [item % MR_TRENDING_SEGMENT_ITEMS];
}

/* Hours since the epoch, ending at the largest 32-bit number. */
uint32_t mr_time_hour(int64_t time_ms);

/* -- commerce (commerce.c) ----------------------------------------------------------------- */

typedef struct mr_commerce {
    mr_commerce_day *days; /* ascending */
    size_t day_count;
    size_t day_capacity;
    mr_commerce_totals totals;
} mr_commerce;

void mr_commerce_init(mr_commerce *ret_commerce);
void mr_commerce_deinit(mr_commerce *commerce);
MR_MUST_USE mr_status mr_commerce_reserve(mr_commerce *commerce, size_t days);
void mr_commerce_apply(mr_commerce *commerce, const mr_event *event, int64_t day,
                       mr_profile_effect effect, bool is_anonymous);

/* Add a whole day, of another shard or a file, to the day and to all time. */
void mr_commerce_merge_day(mr_commerce *commerce, const mr_commerce_day *day);

/* -- outbox (outbox.c) ---------------------------------------------------------------------- */

typedef struct mr_outbox_entry {
    uint64_t sequence;
    char *bytes; /* id, then record */
    uint32_t id_length;
    uint32_t record_length;
} mr_outbox_entry;

typedef struct mr_outbox {
    mr_outbox_entry *entries;
    size_t first; /* waiting: first .. end - 1 */
    size_t end;
    size_t capacity;
    size_t bytes;
    uint64_t last_sequence;
} mr_outbox;

void mr_outbox_deinit(mr_outbox *outbox);

/* With a sequence above all before.  MR_ERR_FULL, MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_outbox_put(mr_outbox *outbox, uint64_t sequence, mr_text id,
                                    mr_text record);

/* -- the plans before this one (plan_past.c) ------------------------------------------------- */

typedef struct mr_former_plan {
    uint64_t hash;
    int64_t next_offset; /* the first one under the plan that followed */
} mr_former_plan;

typedef struct mr_feature_since {
    uint32_t feature; /* index in the plan */
    int64_t offset;   /* the first one it saw */
    int64_t time_ms;  /* largest event time then; MR_TIME_NONE */
} mr_feature_since;

enum { MR_FORMER_PLANS_MAX = 64 };

/* Of a shard that was migrated; else empty. */
typedef struct mr_plan_past {
    mr_former_plan plans[MR_FORMER_PLANS_MAX]; /* oldest first; the newest 64 */
    size_t plan_count;
    mr_feature_since since
        [MR_PLAN_FEATURES_MAX]; /* by feature; those there from the start are left out */
    size_t since_count;
} mr_plan_past;

void mr_plan_past_encode(const mr_plan_past *past, mr_buffer *buffer);
MR_MUST_USE mr_status mr_plan_past_decode(const mr_plan *plan, mr_plan_past *past,
                                          mr_reader *reader);

/* -- the shard ------------------------------------------------------------------------------ */

struct mr_shard {
    const mr_plan *plan;
    mr_hash_key key;
    char topic[MR_SHARD_TOPIC_BYTES_MAX + 1];
    uint32_t partition;
    size_t memory_limit_bytes;
    size_t window_events; /* MR_SHARD_WINDOW_EVENTS; a benchmark compares others */

    mr_block_pool pool;
    mr_profile_store store;
    mr_names names;
    mr_item_words item_words;
    mr_item_quality item_quality;
    mr_tally exposures;
    mr_tally sales;
    mr_trending trending;
    mr_commerce commerce;
    mr_outbox outbox;
    mr_cut cut;
    mr_plan_past past;
    mr_dedup *dedup;
    bool applies_late;
    mr_links links;
    bool is_replay;

    uint32_t live_count; /* rows that are not empty */
    int64_t next_offset;
    int64_t newest_ms; /* of events                               */
    int64_t clock_ms;  /* of events and ticks                     */
    mr_shard_counters counters;
    uint64_t redelivered;
    uint64_t unknown_currency;
    mr_day_mark day;
    struct mr_day_cut *day_cut; /* borrowed; NULL: none is under way */
    mr_quintiles told_by;
    uint8_t dialect;
    char dialect_profile[MR_SHARD_DIALECT_BYTES_MAX];
    uint8_t dialect_profile_length;

    uint32_t *changed;
    size_t changed_count;
    size_t changed_capacity;

    /* Of the batch being applied, by event. */
    mr_hash128 *hashes;
    uint64_t *fingerprints;
    uint32_t *batch_items;
    size_t batch_capacity;
    uint32_t *batch_rows; /* as the look ahead found them */
    uint32_t (*batch_words)[MR_WORD_FIELDS];
    mr_word_memo word_memo;
};

mr_row mr_shard_row(const mr_shard *shard, uint32_t row);

/* As below, for one that does not carry the present mark. */
void mr_cut_touch_row(mr_shard *shard, uint32_t row);
void mr_cut_touch_item(mr_shard *shard, uint32_t item);

/* As below, while a day's cut is under way. */
void mr_day_cut_touch(mr_shard *shard, uint32_t row);

/*
 * Say that a row is about to change, before it does: a cut under way copies it first, the next
 * one takes it along, and it goes on the list of changed ones, where every row has room.
 */
static inline void mr_shard_touch(mr_shard *shard, uint32_t row)
{
    mr_row_head *head = mr_profile_store_row(&shard->store, row).head;
    if (shard->day_cut != NULL)
        mr_day_cut_touch(shard, row);
    if (head->cut_mark != shard->cut.mark)
        mr_cut_touch_row(shard, row);
    if (head->is_changed)
        return;
    head->is_changed = 1;
    shard->changed[shard->changed_count++] = row;
}

/* The same for a trending item. */
static inline void mr_shard_touch_item(mr_shard *shard, uint32_t item)
{
    if (mr_trending_item_at(&shard->trending, item)->cut_mark != shard->cut.mark)
        mr_cut_touch_item(shard, item);
}

/* The rows of a shard are there: make room for what goes with them.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_shard_end_restore(mr_shard *shard);

/* [A-Za-z0-9._-]{1,249}, and neither "." nor "..": a Kafka topic, and a safe directory name. */
bool mr_topic_is_valid(const char *topic);

#endif
