/*
 * Log walk: going through one segment file batch by batch.
 *
 * Opening a log, looking for an offset or a time, and reading all walk the same way: take the
 * batch at the position, check it, go past it.  The file may be growing and may end in a half
 * written batch; the walk then stands still and can be asked whether that is damage.
 *
 * Units      Positions and sizes in bytes; offsets count records.
 * Ownership  A walk owns its descriptor; the chunk that holds the bytes is the caller's and is
 *            shared by all walks of one reader.  Lent bytes live until the chunk is loaded again.
 * Threads    Owner-only.
 * Cost       One pread a chunk of 256 KiB.
 */
#ifndef MR_INGEST_LOG_WALK_H
#define MR_INGEST_LOG_WALK_H

#include "ingest/log_directory.h"
#include "ingest/log_segment.h"

/* Bytes of one file, held for the walk that loaded them. */
typedef struct mr_log_chunk {
    uint8_t *bytes;
    size_t length;
    int64_t position; /* of bytes[0] in the file */
    const void *walk; /* whose bytes these are   */
} mr_log_chunk;

enum { MR_LOG_CHUNK_BYTES = MR_BATCH_HEADER_BYTES + MR_BATCH_RAW_BYTES_MAX };

MR_MUST_USE mr_status mr_log_chunk_init(mr_log_chunk *ret_chunk);
void mr_log_chunk_deinit(mr_log_chunk *chunk);

typedef struct mr_log_walk {
    int descriptor; /* -1: closed */
    int64_t base_offset;
    int64_t limit_offset; /* base of the next segment; INT64_MAX when there is none */
    int64_t position;     /* of the batch that comes next                            */
    int64_t next_offset;  /* its first offset                                        */
} mr_log_walk;

/*
 * Stand at the first batch of segment `base_offset`.
 *
 * MR_ERR_NOT_FOUND when there is no such file; MR_ERR_CORRUPT, naming file and byte, when its
 * header is not that of this segment; MR_ERR_INVALID, naming both versions, when it is of a newer
 * one.
 */
MR_MUST_USE mr_status mr_log_walk_open(const char *directory, uint32_t partition,
                                       uint64_t topic_id, int64_t base_offset,
                                       int64_t limit_offset, mr_log_walk *ret_walk,
                                       mr_error *ret_error);
void mr_log_walk_close(mr_log_walk *walk); /* a closed walk is allowed */

/* How much of a batch mr_log_walk_peek() must see. */
typedef enum mr_log_depth { MR_WALK_HEADERS, MR_WALK_BODIES } mr_log_depth;

/*
 * The batch at the position, checked; with MR_WALK_BODIES also its stored bytes.
 *
 * `may_load` false: only from what the chunk already holds, so that bytes lent before stay.
 * MR_ERR_NOT_FOUND: no whole sound batch of this segment stands there (in the chunk).
 * MR_ERR_UNAVAILABLE: the disk did not give the bytes.
 */
MR_MUST_USE mr_status mr_log_walk_peek(mr_log_walk *walk, mr_log_chunk *chunk,
                                       mr_log_depth depth, bool may_load,
                                       mr_batch_header *ret_header,
                                       const void **ret_body);

/* Go past the batch that was peeked at. */
void mr_log_walk_pass(mr_log_walk *walk, const mr_batch_header *header);

/*
 * Go past all batches that end at or before `offset`, by their headers.
 *
 * MR_OK standing at the batch that holds `offset`; MR_ERR_NOT_FOUND standing at the end.
 */
MR_MUST_USE mr_status mr_log_walk_seek(mr_log_walk *walk, mr_log_chunk *chunk,
                                       int64_t offset);

/*
 * Was the place where the walk stands, with no sound batch in it, once durable?
 *
 * Looks at the whole rest of the file for a sound batch that says so.
 */
MR_MUST_USE mr_status mr_log_walk_is_damage(mr_log_walk *walk, mr_log_chunk *chunk,
                                            bool *ret_damage);

/* The file's size now. */
MR_MUST_USE mr_status mr_log_walk_file_bytes(const mr_log_walk *walk, int64_t *ret_bytes);

#endif
