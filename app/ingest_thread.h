/*
 * Ingest thread: from the log to the profiles.
 *
 * One member of the consumer group with the shards of the partitions it owns.  It polls a batch
 * of one partition, decodes and applies it, and between batches does what else the shards' owner
 * alone may do: answer letters, publish changed users, hand over checkpoints, sweep for churn,
 * append ticks.  No lock is taken on the way of an event.
 *
 * Units      Times in ns of the monotonic clock.
 * Ownership  Owns its reader, shards and mailbox; borrows the engine.
 * Threads    One thread runs it; ask and stop: any.
 * Cost       See features/shard.h and ingest/decoder.h.
 */
#ifndef MR_APP_INGEST_THREAD_H
#define MR_APP_INGEST_THREAD_H

#include "app/engine.h"
#include "app/mailbox.h"
#include "app/owned_shard.h"

typedef struct mr_ingest_thread mr_ingest_thread;

MR_MUST_USE mr_status mr_ingest_thread_create(mr_engine *engine,
                                              mr_ingest_thread **ret_thread,
                                              mr_error *ret_error);

/* Stop after the batch at hand: a last checkpoint of each shard, then leave the group.  NULL
 * allowed. */
void mr_ingest_thread_destroy(mr_ingest_thread *thread);

/* Whether every partition has been read to its end and what was applied is checkpointed. */
bool mr_ingest_thread_is_done(const mr_ingest_thread *thread);

typedef struct mr_user_question {
    mr_text user_id;
    mr_status status; /* of its own: MR_ERR_NOT_FOUND when no shard here has the user */
    mr_owned_shard
        *owned; /* where the user was found                                     */
    uint32_t row;
} mr_user_question;

/* Runs on the ingest thread for a question whose user was found. */
typedef mr_status mr_user_answer(mr_user_question *question);

/*
 * Have `count` questions answered by the ingest thread, each for the shard that holds its user (a
 * user id first, an anonymous one else).  MR_OK with a status a question; MR_ERR_UNAVAILABLE when
 * the thread is too busy.
 */
MR_MUST_USE mr_status mr_ingest_thread_ask(mr_ingest_thread *thread,
                                           mr_user_question *const *questions,
                                           size_t count, mr_user_answer *answer,
                                           int timeout_ms);

#endif
