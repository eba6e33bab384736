/*
 * Owned shard: one partition in the hands of an ingest thread.
 *
 * A shard with all that its owner needs around it: decoder, epoch, checkpoint job, dead letters
 * on their way, the users whose results are to be made anew, and the place of its churn sweep.
 * Opening restores the newest valid checkpoint, or resolves the first position and writes it
 * down as generation 0 before the first record is read.
 *
 * Units      Times in ns of the monotonic clock.
 * Ownership  The ingest thread owns it; the checkpoint job is lent while it is under way.
 * Threads    The ingest thread; `job_done` alone is set by the checkpoint thread.
 * Cost       Applying a batch: see features/shard.h; a comparison an event more, to see days end.
 */
#ifndef MR_APP_OWNED_SHARD_H
#define MR_APP_OWNED_SHARD_H

#include "app/batch_slice.h"
#include "app/engine.h"
#include "app/key_sample.h"
#include "app/quintile_board.h"
#include "app/row_queue.h"
#include "app/sweep.h"
#include "core/event.h"
#include "features/checkpoint_cut.h"
#include "ingest/decoder.h"

typedef struct mr_owned_shard {
    mr_engine *engine;
    uint32_t partition;
    mr_shard *shard;
    mr_decoder *decoder;
    uint64_t epoch;
    uint64_t generation; /* of the newest job submitted */
    bool is_owned;       /* false: parked after a revoke */
    bool is_at_end;
    bool is_paused;
    bool
        is_stopped; /* what comes next is lacking or cannot be applied: read no further */
    bool
        is_stale; /* another process has a newer epoch: nothing of it is written any more */
    bool lacks_letters; /* memory ran out for one after its batch was applied: the same */
    int64_t begun_offset; /* to be told to the group once; -1: nothing */
    mr_key_sample keys;
    int64_t retry_ns;      /* while paused: when to try again */
    int64_t checkpoint_ns; /* when the next one is due        */
    int64_t submitted_ns;  /* when the newest one was submitted */
    int64_t tick_ns;       /* when the next tick is due       */
    int64_t checkpointed_offset;

    mr_checkpoint_job job;
    bool is_cutting; /* the job's state is being copied; it has not been submitted */
    bool is_parting; /* revoked: one more checkpoint for whoever comes next         */
    int64_t cut_ns;  /* that the cut has taken so far                               */
    int64_t cut_longest_ns;
    bool job_is_under_way;
    _Atomic bool job_done;
    mr_letter_box dead_letters; /* since the last job was submitted */
    mr_letter_box late;         /* the same                         */

    mr_day_files day_files;
    mr_day_box days;        /* closed since the last job was submitted */
    int64_t day_ns;         /* of the event thread, that the day being cut has taken */
    int64_t day_longest_ns; /* and its longest part */
    mr_batch_slice slice;   /* of a batch that a day ends in           */

    int64_t flush_ns;         /* when changed users were last published              */
    mr_row_queue read_rows;   /* changed, and read lately: their lists are made first */
    mr_row_queue unread_rows; /* changed: their lists are made when there is time     */

    mr_sweep churn_sweep;
    mr_sweep change_sweep;          /* its days are of the plan's zone          */
    mr_rfm_sample rfm_sample;       /* of the users it has looked at          */
    mr_quintile_reading thresholds; /* those there were when it began         */
    int64_t sweep_look_ns;          /* when to look again whether one is due    */
    char swept_version[64];         /* of the model that the churn sweep is by */
} mr_owned_shard;

/* Restore or begin the shard of `partition`; the next offset to read is the shard's.
 * MR_ERR_* with a message that says what to do. */
MR_MUST_USE mr_status mr_owned_shard_open(mr_engine *engine, uint32_t partition,
                                          mr_owned_shard **ret_owned,
                                          mr_error *ret_error);

/* Whether a parked shard may go on: nobody else has checkpointed the partition since. */
bool mr_owned_shard_is_current(const mr_owned_shard *owned);

/* NULL allowed; no job under way. */
void mr_owned_shard_close(mr_owned_shard *owned);

/* Decode and apply records, closing each day that ends among them (features/day_rows.h).  MR_ERR_FULL
 * at the memory limit, or when too many closed days wait for a checkpoint: what has been applied is
 * whole records, and those at the shard's next offset and after it are to be read again.
 * MR_ERR_INVALID, with the reason, when they are not keyed as they must be. */
MR_MUST_USE mr_status mr_owned_shard_apply(mr_owned_shard *owned, mr_event_batch *batch,
                                           const mr_log_record *records, size_t count,
                                           mr_error *ret_error);

/* Whether links wait that an early checkpoint should send: at most one a second, and the time that
 * checkpoints take stays a tenth of all. */
bool mr_owned_shard_links_are_due(const mr_owned_shard *owned, int64_t now_ns);

/* Begin to copy the state as it is now, unless a checkpoint is under way or nothing has happened
 * since the last one.  Of a parked shard no links go out: they are the next owner's.
 * MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_owned_shard_checkpoint(mr_owned_shard *owned);

/* Look at so many rows more of a day that is being cut.  MR_ERR_NO_MEMORY: rows of it are missing,
 * and no checkpoint will pass it. */
MR_MUST_USE mr_status mr_owned_shard_cut_day(mr_owned_shard *owned, uint32_t rows);

/* Go on copying for about `budget_ns`; when all is copied the checkpointer gets it.
 * MR_ERR_NO_MEMORY: the checkpoint is given up, the next one is whole. */
MR_MUST_USE mr_status mr_owned_shard_cut(mr_owned_shard *owned, int64_t budget_ns);

/*
 * Look whether the job is done, and take note.  Returns true when no checkpoint is under way.
 * `ret_oldest_offset` (-1: nothing new) is what the group may be told.
 */
bool mr_owned_shard_harvest(mr_owned_shard *owned, int64_t *ret_oldest_offset);

#endif
