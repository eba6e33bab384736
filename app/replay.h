/*
 * Replay: the whole events log into fresh shards, from the first record to the last.
 *
 * The same decoder and the same shard as the engine's, and nothing else: no checkpoint, no
 * model, no output.  So its state is the engine's log state, its hashes prove a restart right,
 * and training sees what serving saw.
 *
 * A log that is still being written is read up to where each partition ended when the reader
 * got there; later records are left alone.
 *
 * Units      Records and events are counted; offsets as in ingest/log.h.
 * Ownership  mr_replay owns its shards, which borrow the plan, until deinit.
 * Threads    One caller.
 * Cost       The shards' memory, and about a microsecond an event.
 */
#ifndef MR_APP_REPLAY_H
#define MR_APP_REPLAY_H

#include "app/config.h"
#include "app/keys.h"
#include "core/event.h"
#include "features/commerce.h"
#include "features/plan.h"
#include "features/shard.h"
#include "ingest/log.h"

typedef struct mr_replay_options {
    const mr_config *config;
    const mr_keys *keys;
    const mr_plan *plan;
    mr_log *events;
    bool applies_late; /* backfill: records behind the dedup horizon are applied too */
    void (*progress)(void *context,
                     uint64_t records); /* after each batch; NULL allowed */
    void *context;
} mr_replay_options;

typedef struct mr_replay {
    mr_shard **shards; /* by partition */
    uint32_t shard_count;
    uint64_t records;   /* read from the log */
    uint64_t events;    /* lines applied     */
    uint64_t duplicate; /* records */
    uint64_t late;      /* records */
    uint64_t users;
    uint64_t
        items; /* summed over partitions: one that several have seen counts in each */
    uint64_t poison[MR_POISON_KINDS];
    mr_commerce_totals commerce;
} mr_replay;

/*
 * Read every partition from where log.start says (`latest`: the earliest, since nothing would be
 * left) to its end.
 *
 * MR_ERR_GAP, MR_ERR_CORRUPT or MR_ERR_UNAVAILABLE naming partition and offset; MR_ERR_FULL
 * when a shard reaches state.memory_limit; MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_replay_run(const mr_replay_options *options,
                                    mr_replay *ret_replay, mr_error *ret_error);
void mr_replay_deinit(mr_replay *replay); /* an all-zero one is allowed */

/* The records between the first and the last offset held, over all partitions; 0 when a broker
 * has not told yet.  For a progress bar. */
uint64_t mr_replay_records_held(mr_log *events);

#endif
