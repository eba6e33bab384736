/*
 * Key sample: do the records' keys keep each user in one partition?
 *
 * The engine rests on a topic keyed by profile id: a user's events lie in one partition, in
 * order.  A topic keyed by something else would be read without an error and split every profile.
 * So the first events after a start are looked at: when most of them have a key that is not
 * their user's, nothing of them is applied.  A topic with one partition cannot split anybody and
 * is not looked at.
 *
 * Units      Records with events.
 * Ownership  A plain value.
 * Threads    Owner-only.
 * Cost       A comparison for each of the first 100 records with events; then nothing.
 */
#ifndef MR_APP_KEY_SAMPLE_H
#define MR_APP_KEY_SAMPLE_H

#include "core/event.h"
#include "core/status.h"
#include "ingest/log.h"

enum { MR_KEY_SAMPLE_LEAST = 20, MR_KEY_SAMPLE_RECORDS = 100 };

/* All zero: nothing was seen yet. */
typedef struct mr_key_sample {
    uint32_t seen;
    uint32_t strange; /* the key is not the profile id */
} mr_key_sample;

/*
 * Look at decoded records.  MR_ERR_INVALID, saying what to do, when more than half of the sample,
 * MR_KEY_SAMPLE_LEAST records or more, are keyed by something else.
 */
MR_MUST_USE mr_status mr_key_sample_take(mr_key_sample *sample,
                                         const mr_event_batch *batch,
                                         const mr_log_record *records, const char *topic,
                                         mr_error *ret_error);

#endif
