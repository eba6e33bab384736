/*
 * Batch slice: some records of a batch as a batch of its own.
 *
 * What must be seen between two records, at a cut or at the end of a day, splits a batch there.
 * The events are the batch's own, so what becomes of them is seen in it; what becomes of records
 * is given back by mr_batch_slice_return().
 *
 * Units      Records by their place in the batch.
 * Ownership  The slice owns the copies of records; a part borrows them and the batch's events
 *            until the next one is taken.
 * Threads    Owner-only.
 * Cost       A copy a record, and memory the first time.
 */
#ifndef MR_APP_BATCH_SLICE_H
#define MR_APP_BATCH_SLICE_H

#include "core/event.h"

/* Zero-initialise to start empty. */
typedef struct mr_batch_slice {
    mr_record_verdict *records;
    size_t capacity;
} mr_batch_slice;

void mr_batch_slice_deinit(mr_batch_slice *slice);

/* Records [first, last), at least one.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_batch_slice_take(mr_batch_slice *slice,
                                          const mr_event_batch *batch, size_t first,
                                          size_t last, mr_event_batch *ret_part);

/* What became of the part's records, to the batch it was taken from. */
void mr_batch_slice_return(const mr_event_batch *part, mr_event_batch *batch,
                           size_t first);

/* The latest time among the record's events, whatever becomes of them; INT64_MIN without any. */
int64_t mr_record_newest_ms(const mr_event_batch *batch, const mr_record_verdict *record);

#endif
