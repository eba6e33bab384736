/*
 * Dead letter return: what could not be used, sent through the events topic once more.
 *
 * After a mapping or a key was mended: every letter the topic holds now is restored to the record
 * it was and appended to the events.  The letters stay where they are: a second return sends
 * them a second time.
 *
 * Units      Counts of records.
 * Ownership  Borrows both logs.
 * Threads    One caller.
 * Cost       One pass over the dead letter topic.
 */
#ifndef MR_APP_DEAD_LETTER_RETURN_H
#define MR_APP_DEAD_LETTER_RETURN_H

#include "ingest/log.h"

typedef struct mr_dead_letter_counts {
    uint64_t returned;
    uint64_t foreign; /* records of the topic that are no dead letters */
} mr_dead_letter_counts;

/* MR_ERR_* of the logs, with a message. */
MR_MUST_USE mr_status mr_dead_letter_return(mr_log *dead_letters, mr_log *events,
                                            mr_dead_letter_counts *ret_counts,
                                            mr_error *ret_error);

#endif
