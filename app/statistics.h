/*
 * Statistics: what the threads of the engine count, for /metrics and the dashboard.
 *
 * Each partition has a block that only its ingest thread writes, with relaxed stores, after
 * each batch; anybody reads.  docs/STATISTICS.md names every figure with its unit.
 *
 * Units      In the names; money in minor units.
 * Ownership  mr_statistics owns the blocks.
 * Threads    One writer a field, any readers: a reading may be of different instants.
 * Cost       A dozen plain stores a batch.
 */
#ifndef MR_APP_STATISTICS_H
#define MR_APP_STATISTICS_H

#include "core/buffer.h"
#include "core/clock.h"
#include "core/histogram.h"
#include "core/json.h"
#include "core/status.h"
#include "features/shard.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct mr_partition_statistics {
    _Atomic bool is_owned;
    _Atomic bool is_caught_up; /* read to the end at least once since it was opened */
    _Atomic int64_t paused;    /* 1: the memory limit is reached */
    _Atomic uint64_t stopped;  /* 1: the log lacks the records that come next       */
    _Atomic int64_t next_offset;
    _Atomic int64_t end_offset;
    _Atomic int64_t watermark_ms;
    _Atomic int64_t newest_ms;
    _Atomic uint64_t users;
    _Atomic uint64_t customers;
    _Atomic uint64_t items;
    _Atomic uint64_t bytes;
    _Atomic uint64_t applied;
    _Atomic uint64_t duplicate;
    _Atomic uint64_t late;
    _Atomic uint64_t poison;
    _Atomic uint64_t opted_out;
    _Atomic uint64_t erased;
    _Atomic uint64_t control;
    _Atomic uint64_t gap;
    _Atomic uint64_t late_applied;
    _Atomic uint64_t unknown_currency;
    _Atomic uint64_t lines_applied;
    _Atomic uint64_t redelivered;
    _Atomic uint64_t ids;
    _Atomic uint64_t ids_forgotten;
    _Atomic int64_t long_horizon_ms;
    _Atomic int64_t short_horizon_ms;
    _Atomic uint64_t outbox;
    _Atomic uint64_t links_waiting;
    _Atomic uint64_t links_requested;
    _Atomic uint64_t links_answered;
    _Atomic uint64_t links_merged;
    _Atomic uint64_t links_dropped;
    _Atomic uint64_t links_refused;
    _Atomic uint64_t generation;
    _Atomic uint64_t checkpoint_failures;
    _Atomic int64_t checkpoint_took_us;
    _Atomic int64_t checkpoint_cut_us;
    _Atomic int64_t checkpoint_pause_us;
    _Atomic uint64_t checkpoint_base_bytes;
    _Atomic uint64_t checkpoint_delta_bytes;
    _Atomic uint64_t checkpoint_bases;
    _Atomic uint64_t checkpoint_deltas;
    _Atomic int64_t checkpoint_wall_ms;
    _Atomic int64_t revenue_minor;
} mr_partition_statistics;

typedef struct mr_statistics {
    mr_partition_statistics *partitions;
    uint32_t partition_count;
    _Atomic uint32_t
        expected_partitions; /* owned before this process is ready; in a group 1 */
    int64_t start_ns;
    _Atomic uint64_t events_this_run; /* event lines applied since the start          */
    _Atomic uint64_t scored;          /* results written ahead of their readers       */
    _Atomic uint64_t lists_first;     /* waiting to be made: of users read lately     */
    _Atomic uint64_t lists_spare;     /* of the others                                */
    _Atomic uint64_t score_deferred;  /* left to the reader: no model yet             */
    _Atomic uint64_t cache_failures;  /* batches the cache did not take               */
    _Atomic uint64_t alerts_seen;
    _Atomic int64_t newest_ms;   /* of all owned partitions                             */
    _Atomic uint64_t rate_milli; /* events a second, averaged over some seconds, x 1000 */
    mr_histogram cut_pause_us;   /* slices of checkpoints, all partitions           */
    _Atomic bool is_cache_down;
    _Atomic bool is_log_down;
    mr_clock data_clock; /* tells newest_ms: the time of a log.clock: data deployment */
} mr_statistics;

MR_MUST_USE mr_status mr_statistics_create(uint32_t partitions,
                                           mr_statistics **ret_statistics);
void mr_statistics_destroy(mr_statistics *statistics); /* NULL allowed */

/* Copy what a shard counts into its partition's block.  The shard's owner. */
void mr_statistics_take(mr_statistics *statistics, const mr_shard *shard);

typedef struct mr_statistics_totals {
    uint64_t owned;
    uint64_t caught_up;
    uint64_t paused;
    uint64_t users;
    uint64_t customers;
    uint64_t items; /* the largest of any partition: shards see the same catalogue */
    uint64_t applied;
    uint64_t lines_applied;
    uint64_t poison;
    int64_t lag_events;
    int64_t revenue_minor;
} mr_statistics_totals;

mr_statistics_totals mr_statistics_sum(const mr_statistics *statistics);

/* Whether what is expected is owned, and all of it has been read to its end once. */
bool mr_statistics_is_caught_up(const mr_statistics *statistics);

/* Prometheus text. */
void mr_statistics_metrics(const mr_statistics *statistics, mr_buffer *text);

/* Members of a JSON object that has been begun. */
void mr_statistics_json(const mr_statistics *statistics, mr_json_writer *writer);

#endif
