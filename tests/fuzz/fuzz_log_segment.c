/*
 * Target: the segment's bytes.
 *
 * The input is taken for a segment header, and for a batch (header and body).  What decodes
 * stays within its bounds.  So that a mutation gets past the checksums, the input is also taken
 * for a batch's records themselves, and written: what was written must read back.
 */
#include "core/assert.h"
#include "ingest/log_segment.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decode records until the first that does not parse; all texts lie within the bytes. */
static void read_records(mr_reader records, const mr_batch_header *header)
{
    const char *begin = (const char *)records.bytes;
    const char *end = begin + records.length;
    for (uint32_t i = 0; i < header->record_count; i++) {
        mr_log_header headers[MR_LOG_HEADERS_MAX];
        mr_log_record record;
        if (mr_record_decode(&records, header, i, headers, &record) != MR_OK)
            return;
        MR_ASSERT(record.offset == header->base_offset + i);
        MR_ASSERT(record.header_count <= MR_LOG_HEADERS_MAX);
        MR_ASSERT(record.value.length == 0 ||
                  (record.value.bytes >= begin &&
                   record.value.bytes + record.value.length <= end));
    }
}

static void read_batch(mr_batch_codecs *codecs, const uint8_t *data, size_t size)
{
    static uint8_t scratch[MR_BATCH_RAW_BYTES_MAX];
    mr_batch_header header;
    if (mr_batch_header_decode(data, size, &header) != MR_OK ||
        header.stored_bytes > size - MR_BATCH_HEADER_BYTES)
        return;
    const uint8_t *body = data + MR_BATCH_HEADER_BYTES;
    mr_reader records;
    /* Whether it verifies or not: a forger can make it match. */
    if (mr_batch_open(&header, body, codecs, scratch, &records) == MR_OK)
        read_records(records, &header);
}

static void write_and_read(mr_batch_codecs *codecs, bool compress, const uint8_t *data,
                           size_t size)
{
    static uint8_t scratch[MR_BATCH_RAW_BYTES_MAX];
    const mr_batch_header header = {
        .base_offset = 7, .record_count = 1000, .synced = 64, .max_time_ms = -1};
    const mr_text raw = {.bytes = (const char *)data, .length = (uint32_t)size};
    mr_buffer out = {0};
    mr_batch_header decoded;
    mr_reader records;
    MR_ASSERT(mr_batch_encode(&header, raw, compress ? codecs : NULL, &out) == MR_OK);
    MR_ASSERT(mr_batch_header_decode(out.bytes, out.length, &decoded) == MR_OK);
    MR_ASSERT(out.length == MR_BATCH_HEADER_BYTES + decoded.stored_bytes);
    const uint8_t *body = out.bytes + MR_BATCH_HEADER_BYTES;
    MR_ASSERT(mr_batch_verify(&decoded, body) == MR_OK);
    MR_ASSERT(mr_batch_open(&decoded, body, codecs, scratch, &records) == MR_OK);
    MR_ASSERT(records.length == size);
    MR_ASSERT(size == 0 || memcmp(records.bytes, data, size) == 0);
    MR_ASSERT(decoded.base_offset == 7 && decoded.synced == 64 &&
              decoded.max_time_ms == -1);
    read_records(records, &decoded);
    mr_buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static mr_batch_codecs *codecs;
    if (codecs == NULL)
        codecs = mr_batch_codecs_create();
    MR_ASSERT(codecs != NULL);
    mr_segment_header header;
    if (mr_segment_header_decode(data, size, &header) == MR_OK)
        MR_ASSERT(header.base_offset >= 0);
    read_batch(codecs, data, size);
    if (size <= MR_BATCH_RAW_BYTES_MAX) {
        write_and_read(codecs, false, data, size);
        write_and_read(codecs, true, data, size);
    }
    return 0;
}
