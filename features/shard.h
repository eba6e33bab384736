/*
 * Shard: the state of one partition.
 *
 * A shard turns batches of events into profiles and partials.  Its log state is integers
 * and a pure function of the records applied and the plan: apply the same records again,
 * in one batch or in thousands, and the canonical dump (features/canonical_dump.h) is the
 * same bytes. A model's results and the outbox ride along in the checkpoint and are never
 * read by it.
 *
 * Applying a batch hashes all its users first and prefetches in stages (table, row,
 * variable parts), so that the misses of a batch overlap instead of following one
 * another.
 *
 * Rows are dense, 0 .. user_count - 1, in order of first appearance, and keep their
 * number for the shard's lifetime and through checkpoints.  A row whose events all moved
 * to another profile (features/link.h) stays, empty, and is nobody's profile until events
 * come again.
 *
 * Units      Event times in ms since the epoch; money in minor units; sizes in bytes.
 * Ownership  The shard owns its rows.  Ids and texts are lent until the shard is
 * destroyed, changed-row lists until the next apply or clear.  It borrows the plan.
 * Threads    Owner-only: the ingest thread.
 * Cost       Apply: well under a microsecond an event; growth adds a segment or splits
 * one sub-table, 1 ms at most.  Reads are stated one by one.
 */
#ifndef MR_FEATURES_SHARD_H
#define MR_FEATURES_SHARD_H

#include "core/event.h"
#include "core/hash.h"
#include "core/user_state.h"
#include "features/plan.h"
#include "features/quintiles.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mr_shard mr_shard;

#define MR_ROW_NONE UINT32_MAX

/* No time yet: of a shard or profile that has seen no event. */
#define MR_TIME_NONE INT64_MIN

enum {
    MR_SHARD_LATENESS_MS =
        600000, /* the watermark stays this far behind the newest time */
    MR_SHARD_TOPIC_BYTES_MAX = 249 /* as in Kafka */
};

typedef struct mr_shard_options {
    const mr_plan *plan;         /* borrowed, must outlive the shard */
    const mr_hash_key *hash_key; /* copied                           */
    const char *topic;           /* copied                           */
    uint32_t partition;
    size_t memory_limit_bytes; /* 0: none; passed by at most the growth of one batch */
    bool applies_late; /* backfill: too late is applied too, its id unremembered */
    bool is_replay;    /* links it decides on are numbered and not kept to be sent      */
} mr_shard_options;

/* MR_ERR_INVALID for a topic that is empty, too long or not [A-Za-z0-9._-]. */
MR_MUST_USE mr_status mr_shard_create(const mr_shard_options *options,
                                      mr_shard **ret_shard);
void mr_shard_destroy(mr_shard *shard); /* NULL allowed */

/* The first offset a new shard will read.  MR_ERR_INVALID once it has applied a record.
 */
MR_MUST_USE mr_status mr_shard_start_at(mr_shard *shard, int64_t offset);

/* Go on at `offset`, not below the next one: what lies between is gone from the log and counts
 * as gap at once, not only with the next record. */
void mr_shard_skip_to(mr_shard *shard, int64_t offset);

/*
 * Apply a batch of this shard's partition, whole or not at all, and say of each record what
 * came of it.
 *
 * Records below the next offset are dropped (a broker's redelivery costs nothing); a jump
 * in offsets is counted as gap.  A line whose event id was applied within the plan's dedup
 * horizon is a duplicate; one that is older than the horizon is late.
 *
 * MR_ERR_FULL at the memory limit and MR_ERR_NO_MEMORY: no profile, partial, counter or
 * offset has changed; pause and apply the same batch again.  MR_ERR_INVALID for another
 * partition's batch, for offsets that do not rise and for more than MR_EVENT_LINES_MAX lines
 * in a record.
 */
MR_MUST_USE mr_status mr_shard_apply(mr_shard *shard, mr_event_batch *batch);

const mr_plan *mr_shard_plan(const mr_shard *shard);
const char *mr_shard_topic(const mr_shard *shard);
uint32_t mr_shard_partition(const mr_shard *shard);
int64_t mr_shard_next_offset(const mr_shard *shard);
int64_t mr_shard_newest_ms(const mr_shard *shard); /* largest event time; MR_TIME_NONE  */
int64_t mr_shard_watermark_ms(
    const mr_shard *shard); /* of events and ticks; MR_TIME_NONE */
uint32_t mr_shard_user_count(
    const mr_shard *shard); /* rows, anonymous and empty ones included */
uint32_t mr_shard_live_count(const mr_shard *shard); /* of them, not empty: profiles */
uint32_t mr_shard_item_count(const mr_shard *shard); /* items ever seen */
size_t mr_shard_bytes(const mr_shard *shard); /* what the memory limit is held to  */
size_t mr_shard_history_bytes(
    const mr_shard *shard); /* of them, histories; walks all rows */

/*
 * Where the day files of the partition stand (features/day_rows.h): in the checkpoint, and no part
 * of the log state, neither dumped nor hashed.
 */
typedef struct mr_day_mark {
    int64_t
        cut_offset; /* the next offset at the last day cut; 0: none yet              */
    int64_t end_ms; /* the midnight that closes the day; MR_TIME_NONE: no event yet */
} mr_day_mark;

mr_day_mark mr_shard_day_mark(const mr_shard *shard);
void mr_shard_set_day_mark(mr_shard *shard, mr_day_mark mark);

/* How many plans the shard was migrated from. */
size_t mr_shard_former_plans(const mr_shard *shard);

/* Whether the plan's feature began after the shard did, in a migration: then the first offset it
 * has seen, and the largest event time when it began (MR_TIME_NONE: none). */
bool mr_shard_feature_since(const mr_shard *shard, size_t feature, int64_t *ret_offset,
                            int64_t *ret_time_ms);

/* The dialect this partition's decoder is locked to (mr_dialect), kept in the checkpoint.
 */
void mr_shard_set_dialect(mr_shard *shard, uint8_t dialect, mr_text profile);
uint8_t mr_shard_dialect(const mr_shard *shard);
mr_text mr_shard_dialect_profile(const mr_shard *shard);

/*
 * What became of each record, disjoint:
 *
 *   next_offset - first_offset = applied + duplicate + late + poison + opted_out + erased
 *                                + control + gap
 *   lines = lines_applied + lines_duplicate + lines_late + lines_opted_out + lines_erased
 */
typedef struct mr_shard_counters {
    int64_t first_offset;
    uint64_t applied;      /* records with at least one event applied         */
    uint64_t duplicate;    /* all their lines were applied before             */
    uint64_t late;         /* nothing applied, a line older than its horizon  */
    uint64_t poison;       /* not an event                                    */
    uint64_t opted_out;    /* of a user who opted out                         */
    uint64_t erased;       /* not newer than their user's erasure             */
    uint64_t control;      /* ticks and other control records                 */
    uint64_t gap;          /* offsets the log did not hold                    */
    uint64_t late_applied; /* of applied: with a line applied behind the watermark */
    uint64_t lines;        /* events in records that were not poison       */
    uint64_t lines_applied;
    uint64_t lines_duplicate;
    uint64_t lines_late;
    uint64_t lines_opted_out;
    uint64_t lines_erased;
} mr_shard_counters;

void mr_shard_counters_get(const mr_shard *shard, mr_shard_counters *ret_counters);

/* What the shard remembers of the ids it has applied; metrics, of the state as it is. */
typedef struct mr_shard_memory_of_ids {
    uint64_t ids;
    uint64_t forgotten; /* ids the plan's cap took that were not behind the watermark */
    int64_t long_horizon_ms; /* the plan's, or what the cap has left of it */
    int64_t short_horizon_ms;
} mr_shard_memory_of_ids;

void mr_shard_memory_of_ids_get(const mr_shard *shard,
                                mr_shard_memory_of_ids *ret_memory);

/* Records dropped because they were below the next offset; a metric of this process, not
 * state. */
uint64_t mr_shard_redelivered(const mr_shard *shard);

/* Lines in a currency that the plan has no rate for, whose amounts count as nothing; a metric of
 * this process, not state. */
uint64_t mr_shard_unknown_currency(const mr_shard *shard);

/*
 * Both identities, and the invariants of every structure.  Asserts on a broken one.
 * Cost: a walk over the whole state; mr_shard_check_counters() is the two identities
 * alone.
 */
void mr_shard_check(const mr_shard *shard);
void mr_shard_check_counters(const mr_shard *shard);

/* -- rows -------------------------------------------------------------------------------
 */

/* The profile of a user id, or of an anonymous id: two profiles even when the texts are
 * equal. MR_ROW_NONE when there is none, or an empty row. */
uint32_t mr_shard_find(const mr_shard *shard, mr_text user_id);
uint32_t mr_shard_find_anonymous(const mr_shard *shard, mr_text anonymous_id);

mr_text mr_shard_user_id(const mr_shard *shard, uint32_t row);
bool mr_shard_is_anonymous(const mr_shard *shard, uint32_t row);
bool mr_shard_is_empty(const mr_shard *shard, uint32_t row);

/* Rows changed since the last clear, in order of their first change; lent. */
size_t mr_shard_changed(const mr_shard *shard, const uint32_t **ret_rows);
void mr_shard_changed_clear(mr_shard *shard);

/* The small picture for cache and scoring.  Item ids are lent by the shard. */
void mr_shard_user_state(const mr_shard *shard, uint32_t row, uint64_t epoch,
                         mr_user_state *ret_state);

typedef struct mr_history_entry {
    uint32_t item; /* index in the shard's item table */
    uint32_t time_s;
    uint16_t session; /* of the user, from 1         */
    uint8_t type;     /* mr_event_type               */
    uint8_t weight;   /* quantity clamped to 255, rating in tenths for rate */
} mr_history_entry;

enum { MR_SHARD_HISTORY_MAX = 1000 }; /* sum of the quotas of any plan */

/* Oldest first; the newest `capacity` entries when there are more.  Returns how many. */
size_t mr_shard_history(const mr_shard *shard, uint32_t row,
                        mr_history_entry *ret_entries, size_t capacity);

mr_text mr_shard_item_id(const mr_shard *shard, uint32_t item);
uint32_t mr_shard_item_find(const mr_shard *shard, mr_text item_id); /* MR_ROW_NONE */

/* mr_plan_vector_width() finite values, read as of `at_ms`. */
void mr_shard_vector(const mr_shard *shard, uint32_t row, int64_t at_ms,
                     float *ret_vector);

/* -- the whole profile ------------------------------------------------------------------
 */

typedef struct mr_value {
    mr_value_type type;
    int64_t number;
    mr_text text; /* of MR_VALUE_EVENT, MR_VALUE_ITEM and MR_VALUE_WORD */
} mr_value;

/* `row_count` rows of `feature->column_count` values, row after row; values are lent for
 * the call. */
typedef void mr_profile_visitor(void *context, const mr_feature *feature,
                                const mr_value *values, size_t row_count);

/* Every feature of the plan in the plan's order, read as of `at_ms`. */
void mr_shard_profile_visit(const mr_shard *shard, uint32_t row, int64_t at_ms,
                            mr_profile_visitor *visitor, void *context);

/* -- derived state: kept for the models, never hashed
 * ------------------------------------ */

typedef struct mr_churn_mark {
    uint16_t permille; /* UINT16_MAX when not scored                    */
    uint8_t tier;      /* 0 none, 1 watch, 2 at-risk, 3 critical        */
    int64_t since_ms;  /* of the tier, to the second; 0 when not scored */
} mr_churn_mark;

/* Marks the row as changed, because its small picture is. */
void mr_shard_set_churn(mr_shard *shard, uint32_t row, mr_churn_mark mark);
mr_churn_mark mr_shard_churn(const mr_shard *shard, uint32_t row);

/* What others were last told of the user, of no meaning here; 0: nothing, also after a change of
 * the plan.  Setting it marks the row as changed. */
#define MR_TOLD_MAX ((UINT32_C(1) << 12) - 1)
void mr_shard_set_told(mr_shard *shard, uint32_t row, uint32_t told);
uint32_t mr_shard_told(const mr_shard *shard, uint32_t row);

/* The same of the plan's segments; 0 also once the plan's segments are others. */
#define MR_TOLD_SEGMENTS_MAX ((UINT64_C(1) << 54) - 1)
void mr_shard_set_told_segments(mr_shard *shard, uint32_t row, uint64_t told);
uint64_t mr_shard_told_segments(const mr_shard *shard, uint32_t row);

/* The thresholds that all of it was last judged by; without customers: none. */
void mr_shard_set_told_by(mr_shard *shard, const mr_quintiles *quintiles);
const mr_quintiles *mr_shard_told_by(const mr_shard *shard);

/* -- outbox: alerts wait here until a checkpoint that holds them is durable
 * --------------- */

enum { MR_OUTBOX_ENTRIES_MAX = 1 << 20 };

/* Take a copy and give it the shard's next sequence number, from 1.  MR_ERR_FULL at
 * MR_OUTBOX_ENTRIES_MAX waiting entries, MR_ERR_NO_MEMORY; nothing is put then. */
MR_MUST_USE mr_status mr_shard_outbox_put(mr_shard *shard, mr_text id, mr_text record,
                                          uint64_t *ret_sequence);

/* Return false to stop. */
typedef bool mr_outbox_visitor(void *context, uint64_t sequence, mr_text id,
                               mr_text record);

/* Waiting entries with sequence >= `from`, in order. */
void mr_shard_outbox_pending(const mr_shard *shard, uint64_t from,
                             mr_outbox_visitor *visitor, void *context);
size_t mr_shard_outbox_count(const mr_shard *shard);

/* Everything up to and including `sequence` has been produced. */
void mr_shard_outbox_acknowledge(mr_shard *shard, uint64_t sequence);

#endif
