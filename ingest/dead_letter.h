/*
 * Dead letter: a record that could not be used, kept as it came.  A late record is one more
 * kind of it, in a topic of its own.
 *
 * The entry has the original key, value and headers, and says in headers of its own why and
 * whence: `mr-reason`, `mr-topic`, `mr-partition`, `mr-offset`, `mr-time`.  Its source position is
 * its identity: a crash can write one twice, and a reader that counts by position is not misled.
 *
 * Units      Times in ms since the epoch, as decimal text in the header.
 * Ownership  An entry borrows from the record and from its mr_dead_letter; a letter read back
 *            borrows from the record it was read from.
 * Threads    Any: values.
 * Cost       A few decimal numbers; no allocation.
 */
#ifndef MR_INGEST_DEAD_LETTER_H
#define MR_INGEST_DEAD_LETTER_H

#include "core/event.h"
#include "ingest/log.h"

#define MR_LATE_REASON "late"

enum { MR_DEAD_LETTER_HEADERS = 5, MR_DEAD_LETTER_NUMBER_BYTES = 24 };

/* Storage of one entry: keep it as long as the entry. */
typedef struct mr_dead_letter {
    mr_log_header headers[MR_LOG_HEADERS_MAX];                         /* private */
    char numbers[MR_DEAD_LETTER_HEADERS][MR_DEAD_LETTER_NUMBER_BYTES]; /* private */
} mr_dead_letter;

/* Where a dead letter came from, and why. */
typedef struct mr_dead_letter_source {
    mr_text reason; /* mr_poison_name(), or MR_LATE_REASON */
    mr_text topic;
    uint32_t partition;
    int64_t offset;
    int64_t time_ms;
} mr_dead_letter_source;

/*
 * Make the entry for a record of `topic` and `partition`, to be appended to the dead letters or
 * the late records; `reason` is lent.
 *
 * Original headers beyond MR_LOG_HEADERS_MAX - MR_DEAD_LETTER_HEADERS are left out; those of an
 * earlier dead letter are replaced.
 */
void mr_dead_letter_entry(mr_dead_letter *letter, const mr_log_record *record,
                          const char *topic, uint32_t partition, const char *reason,
                          mr_log_entry *ret_entry);

/* MR_ERR_CORRUPT when the record is not a dead letter. */
MR_MUST_USE mr_status mr_dead_letter_read(const mr_log_record *record,
                                          mr_dead_letter_source *ret_source);

/* The original record as an entry to append again: key, value, its own headers, its time (one
 * before the epoch: the log's clock). */
MR_MUST_USE mr_status mr_dead_letter_restore(mr_dead_letter *letter,
                                             const mr_log_record *record,
                                             mr_log_entry *ret_entry);

#endif
