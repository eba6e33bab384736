/*
 * Mailbox: questions to the thread that owns the shards.
 *
 * Profiles belong to one ingest thread and are not locked.  Another thread that wants to look
 * at one posts a letter and waits; the owner answers all waiting letters between two batches.
 * Whoever gives up waiting takes the letter back, and if the owner is answering it at that very
 * moment, waits for the end of the answer, so that a letter can live on the asker's stack.
 *
 * Units      Times in ms.
 * Ownership  The asker owns the letter and whatever its answer function writes to.
 * Threads    ask: any.  serve and is_empty: the owner.
 * Cost       An empty mailbox is one relaxed load for the owner; a letter is two lock rounds.
 */
#ifndef MR_APP_MAILBOX_H
#define MR_APP_MAILBOX_H

#include "core/status.h"

#include <stdbool.h>

typedef struct mr_mailbox mr_mailbox;

/* Runs on the owner's thread with the owner's context and the asker's. */
typedef mr_status mr_mailbox_answer(void *owner, void *question);

MR_MUST_USE mr_status mr_mailbox_create(mr_mailbox **ret_mailbox);
void mr_mailbox_destroy(mr_mailbox *mailbox); /* NULL allowed; nobody waits any more */

/* How to rouse an owner who waits for something else; before the first letter. */
void mr_mailbox_rouse_by(mr_mailbox *mailbox, void (*rouse)(void *context),
                         void *context);

/* The answer's status, or MR_ERR_UNAVAILABLE after `timeout_ms` or when the mailbox closed. */
MR_MUST_USE mr_status mr_mailbox_ask(mr_mailbox *mailbox, mr_mailbox_answer *answer,
                                     void *question, int timeout_ms);

/* Answer every waiting letter. */
void mr_mailbox_serve(mr_mailbox *mailbox, void *owner);

/* Refuse all letters from now on: the owner is about to stop. */
void mr_mailbox_close(mr_mailbox *mailbox);

#endif
