/*
 * Cut replay: a partition's log once more, stopping at stated times.
 *
 * What a model would have known on a day is what the shard held on that day, so it is made again
 * by the decoder and shard that made it first.  At each cut the visitor sees the shard just
 * before the first record, in the log's order, with an event at or after the cut: nothing later
 * can be in it.  Between cuts it sees every batch after it was applied, to learn what followed.
 *
 * Units      Times in ms of event time.
 * Ownership  Borrows everything for the call; shard and batch are lent to the visitor.
 * Threads    One caller.
 * Cost       That of ingest: about a microsecond an event.
 */
#ifndef MR_APP_CUT_REPLAY_H
#define MR_APP_CUT_REPLAY_H

#include "app/config.h"
#include "core/event.h"
#include "core/hash.h"
#include "features/shard.h"
#include "ingest/log.h"

typedef struct mr_cut_visitor {
    void *context;
    /* Before the first event at or after cuts_ms[cut]; once a cut and partition, in order. */
    mr_status (*cut)(void *context, size_t cut, const mr_shard *shard);
    /* These records have just been applied; neither duplicate nor late lines are among them. */
    mr_status (*applied)(void *context, const mr_shard *shard,
                         const mr_event_batch *batch);
    void (*progress)(void *context, uint64_t records); /* so far, of this partition */
    /* NULL allowed: the records are over; cuts from here on are times that none has reached. */
    void (*ended)(void *context);
} mr_cut_visitor;

typedef struct mr_cut_replay {
    const mr_config *config;
    const mr_buffer *control_key;
    const mr_hash_key *key;
    const mr_plan *plan;
    mr_log *log;
    const int64_t *cuts_ms; /* ascending */
    size_t cut_count;
} mr_cut_replay;

/*
 * Replay `partition` from the first record the log holds up to `end_offset`.
 *
 * MR_ERR_* of the log, MR_ERR_UNAVAILABLE when it stays silent before `end_offset`,
 * MR_ERR_NO_MEMORY, or what the visitor returned.
 */
MR_MUST_USE mr_status mr_cut_replay_run(const mr_cut_replay *replay, uint32_t partition,
                                        int64_t end_offset, const mr_cut_visitor *visitor,
                                        mr_error *ret_error);

#endif
