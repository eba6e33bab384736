/*
 * Topic walk: every record a topic holds now, once.
 *
 * Reads all partitions from their first record to the end that stands when it is reached, a
 * batch of one partition at a time.  For commands that look through a topic and end.
 *
 * Units      None.
 * Ownership  Borrows the log; a batch is lent for the visit.
 * Threads    The caller's.
 * Cost       A read of the topic.
 */
#ifndef MR_APP_TOPIC_WALK_H
#define MR_APP_TOPIC_WALK_H

#include "ingest/log.h"

enum { MR_TOPIC_WALK_RECORDS = 256 }; /* in one batch, at most */

/* Any status but MR_OK ends the walk and is handed on. */
typedef mr_status mr_topic_visitor(void *context, const mr_log_batch *batch,
                                   mr_error *ret_error);

/* MR_ERR_UNAVAILABLE when the log falls silent before its end; else as the visitor or the
 * log say. */
MR_MUST_USE mr_status mr_topic_walk(mr_log *log, mr_topic_visitor *visitor, void *context,
                                    mr_error *ret_error);

#endif
