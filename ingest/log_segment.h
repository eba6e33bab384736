/*
 * Log segment: the bytes of a segment file, and nothing about files.
 *
 * A segment is a header and then batches.  A batch carries two checksums, one over its header
 * and one over its body, so that a damaged length cannot send a reader astray, and `synced`: how
 * many bytes of the file were known to be durable when it was written.  That one number tells a
 * torn tail from damage: if any batch says that the broken place was durable once, it is damage;
 * if none does, nobody was ever told that those bytes are there, and they may be cut.
 *
 * The layout is in docs/FORMATS.md.
 *
 * Units      Offsets count records; positions and sizes are bytes; times ms since the epoch.
 * Ownership  Encoders append to the caller's buffer; decoded texts borrow from the bytes.
 * Threads    Any: pure functions; a codec belongs to one caller at a time.
 * Cost       One pass; CRC32C in hardware; zstd level 1 where asked for.
 */
#ifndef MR_INGEST_LOG_SEGMENT_H
#define MR_INGEST_LOG_SEGMENT_H

#include "core/buffer.h"
#include "ingest/log.h"

enum {
    MR_SEGMENT_VERSION = 1,
    MR_SEGMENT_HEADER_BYTES = 64,
    MR_BATCH_HEADER_BYTES = 64,
    MR_BATCH_RAW_BYTES_MAX = 1 << 20, /* records of one batch before compression */
    MR_BATCH_RECORDS_MAX = 65536,
};

typedef enum mr_batch_codec { MR_CODEC_NONE = 0, MR_CODEC_ZSTD = 1 } mr_batch_codec;

typedef struct mr_segment_header {
    uint64_t topic_id; /* of the topic file, so that a stray segment is recognised */
    uint32_t partition;
    int64_t base_offset; /* as in the file's name */
    int64_t created_ms;
} mr_segment_header;

typedef struct mr_batch_header {
    int64_t base_offset;
    uint32_t record_count;
    uint32_t stored_bytes; /* of the body, after this header      */
    uint32_t raw_bytes;    /* of the records when decompressed    */
    uint32_t body_crc;     /* of the stored bytes                 */
    uint64_t synced;       /* durable bytes of the file before it */
    int64_t max_time_ms;
    mr_batch_codec codec;
} mr_batch_header;

void mr_segment_header_encode(const mr_segment_header *header,
                              uint8_t ret_bytes[MR_SEGMENT_HEADER_BYTES]);

/* MR_ERR_CORRUPT when it is not a segment or its checksum is wrong; MR_ERR_INVALID when a newer
 * program wrote it: every version keeps magic, version and checksum in their places. */
MR_MUST_USE mr_status mr_segment_header_decode(const void *bytes, size_t length,
                                               mr_segment_header *ret_header);
uint32_t mr_segment_version(const uint8_t bytes[MR_SEGMENT_HEADER_BYTES]);

/* MR_ERR_CORRUPT when `length` is short, or magic, checksum or a bound is wrong. */
MR_MUST_USE mr_status mr_batch_header_decode(const void *bytes, size_t length,
                                             mr_batch_header *ret_header);

/* MR_ERR_CORRUPT when the stored bytes do not match the header's checksum. */
MR_MUST_USE mr_status mr_batch_verify(const mr_batch_header *header, const void *body);

/* Compression contexts that are kept; NULL when out of memory. */
typedef struct mr_batch_codecs mr_batch_codecs;
mr_batch_codecs *mr_batch_codecs_create(void);
void mr_batch_codecs_destroy(mr_batch_codecs *codecs); /* NULL allowed */

/*
 * Append one whole batch (header and body) to `out`.  The body is compressed when `codecs` is
 * not NULL and that makes it smaller.  `header`'s base_offset, record_count, synced and
 * max_time_ms are taken, the rest is computed.
 */
MR_MUST_USE mr_status mr_batch_encode(const mr_batch_header *header, mr_text records,
                                      mr_batch_codecs *codecs, mr_buffer *out);

/*
 * The records of a verified body: `body` itself, or decompressed into `scratch`, which has room
 * for header->raw_bytes.  MR_ERR_CORRUPT when it does not decompress to that size.
 */
MR_MUST_USE mr_status mr_batch_open(const mr_batch_header *header, const void *body,
                                    mr_batch_codecs *codecs, void *scratch,
                                    mr_reader *ret_records);

/* Append record number `index` of its batch. */
void mr_record_encode(mr_buffer *out, uint32_t index, const mr_log_entry *entry,
                      int64_t time_ms);

/*
 * The next record of an opened batch, number `index`; headers go to `ret_headers`, which has
 * room for MR_LOG_HEADERS_MAX.  MR_ERR_CORRUPT when it does not parse or is another number.
 */
MR_MUST_USE mr_status mr_record_decode(mr_reader *records, const mr_batch_header *header,
                                       uint32_t index, mr_log_header *ret_headers,
                                       mr_log_record *ret_record);

#endif
