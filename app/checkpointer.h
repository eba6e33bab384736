/*
 * Checkpointer: the thread that makes shard states durable.
 *
 * A shard's owner copies the state into a job and goes on; this thread appends the dead letters
 * and late records that the state has passed, writes the days whose cuts it has passed, then the generation, and only then appends the
 * links and alerts that were decided before it.  So a checkpoint's offset never passes an output
 * that could be lost, and neither link nor alert speaks of a state that could be undone.
 *
 * Units      Times in ns of the monotonic clock.
 * Ownership  A job belongs to the submitter, is lent to the checkpointer by submit, and comes
 *            back through `done`, which runs on the checkpoint thread.
 * Threads    submit: any.  One job a shard at a time: its owner sees to that.
 * Cost       The owner pays the copy of the state; the disk is this thread's business.
 */
#ifndef MR_APP_CHECKPOINTER_H
#define MR_APP_CHECKPOINTER_H

#include "app/day_box.h"
#include "app/letter_box.h"
#include "core/buffer.h"
#include "features/checkpoint.h"
#include "ingest/log.h"

typedef struct mr_checkpoint_job {
    struct mr_checkpoint_job *next; /* the checkpointer's */
    uint32_t partition;
    uint64_t epoch;
    uint64_t generation;
    int64_t next_offset;
    mr_buffer state;               /* of a cut or of mr_checkpoint_encode()             */
    mr_letter_box dead_letters;    /* appended before                                   */
    mr_letter_box late;            /* appended before                                   */
    const mr_day_files *day_files; /* NULL: days are not kept                        */
    mr_day_box days;               /* written before                                    */
    bool has_prepared_days;        /* mr_day_files_prepare() */
    mr_letter_box alerts;          /* appended after                                    */
    uint64_t alerts_sequence;      /* of the newest alert in the box                    */
    mr_letter_box links;           /* appended to the events after, in order            */
    uint64_t links_sequence;       /* of the newest link in the box                     */
    void (*done)(struct mr_checkpoint_job *job, void *context);
    void *context;
    /* What became of it. */
    mr_status status;      /* of the checkpoint itself                           */
    bool alerts_sent;      /* false: they stay in the outbox and are tried again */
    bool links_sent;       /* the same                                           */
    int64_t oldest_offset; /* of the oldest generation kept                      */
    uint64_t bytes;        /* of the state, before it was compressed             */
    int64_t took_ns;
    mr_error error;
} mr_checkpoint_job;

typedef struct mr_checkpointer mr_checkpointer;

/* Borrows the store and the logs. */
MR_MUST_USE mr_status mr_checkpointer_create(const mr_checkpoint_store *store,
                                             mr_log *dead_letters, mr_log *late,
                                             mr_log *events, mr_log *alerts,
                                             mr_checkpointer **ret_checkpointer);

/* Works off what was submitted, then ends.  NULL allowed. */
void mr_checkpointer_destroy(mr_checkpointer *checkpointer);

void mr_checkpointer_submit(mr_checkpointer *checkpointer, mr_checkpoint_job *job);

#endif
