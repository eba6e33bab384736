/*
 * Decoder: log records to canonical events, in one of the dialects.
 *
 * A decoder belongs to one partition.  With MR_DIALECT_AUTO it looks at the first record,
 * locks to the dialect it sees, and from then on a record of another dialect is poison.
 * Control records (header `mr-control`) are verified and decoded outside the dialect.
 *
 * Bad input never fails a call: it becomes a poison verdict in the batch, with its reason.
 *
 * Units      As core/event.h.
 * Ownership  Events borrow from the records and from the decoder's arena until the next decode.
 * Threads    Owner-only: the ingest thread.
 * Cost       One pass a record, no allocation in steady state.
 */
#ifndef MR_INGEST_DECODER_H
#define MR_INGEST_DECODER_H

#include "core/event.h"
#include "ingest/log.h"

typedef enum mr_dialect {
    MR_DIALECT_AUTO = 0,
    MR_DIALECT_NATIVE, /* the canonical event as JSON, snake_case                          */
    MR_DIALECT_SEGMENT, /* Segment track/identify/page …, v2 names and v1 aliases            */
    MR_DIALECT_CSV, /* one line a record; the columns are the profile's                  */
} mr_dialect;

/* Header of a record whose value names its own dialect, "native", whatever the partition is
 * locked to: events that came over HTTP are stored in canonical form. */
#define MR_DIALECT_HEADER "mr-dialect"

typedef struct mr_decoder mr_decoder;

typedef struct mr_decoder_options {
    mr_dialect dialect;
    const char *
        csv_profile; /* MR_DIALECT_CSV: "online-retail", "cdnow", … (decode_csv.h)      */
    const char
        *topic; /* part of what a control record's MAC covers                      */
    const void *
        control_key; /* security.control_key; NULL: every control record is poison      */
    size_t control_key_bytes;
} mr_decoder_options;

/* "auto", "native", "segment", "csv:online-retail".  MR_ERR_INVALID for another word. */
MR_MUST_USE mr_status mr_dialect_parse(const char *format, mr_dialect *ret_dialect,
                                       const char **ret_csv_profile, mr_error *ret_error);
const char *mr_dialect_name(mr_dialect dialect);

MR_MUST_USE mr_status mr_decoder_create(const mr_decoder_options *options,
                                        mr_decoder **ret_decoder, mr_error *ret_error);
void mr_decoder_destroy(mr_decoder *decoder); /* NULL allowed */

/* The dialect locked to; MR_DIALECT_AUTO while no record has been seen.  A checkpointed shard
 * locks its decoder again before the first record. */
mr_dialect mr_decoder_dialect(const mr_decoder *decoder);
void mr_decoder_lock(mr_decoder *decoder, mr_dialect dialect);

/* Events whose time lay more than MR_CLAMP_AHEAD_MS after their record's log time, so far. */
uint64_t mr_decoder_clamped(const mr_decoder *decoder);

/*
 * Decode `count` records of one partition into `batch` (cleared first).
 *
 * MR_ERR_NO_MEMORY only; the batch then holds nothing.
 */
MR_MUST_USE mr_status mr_decoder_decode(mr_decoder *decoder, uint32_t partition,
                                        const mr_log_record *records, size_t count,
                                        mr_event_batch *batch);

#endif
