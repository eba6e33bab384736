#include "ingest/log_segment.h"

#include "core/assert.h"
#include "core/hash.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define SEGMENT_MAGIC UINT64_C(0x0a31474553524d89) /* "\x89MRSEG1\n" */
#define BATCH_MAGIC UINT32_C(0x3142524d)           /* "MRB1"        */

enum {
    SEGMENT_CRC_AT = MR_SEGMENT_HEADER_BYTES - 4,
    BATCH_CRC_AT = 4, /* the checksum of what follows it */
    BATCH_SUMMED_AT = 8,
    ZSTD_LEVEL = 1,
};

struct mr_batch_codecs {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
};

static void store_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static void store_u64(uint8_t *bytes, uint64_t value)
{
    store_u32(bytes, (uint32_t)value);
    store_u32(bytes + 4, (uint32_t)(value >> 32));
}

void mr_segment_header_encode(const mr_segment_header *header,
                              uint8_t ret_bytes[MR_SEGMENT_HEADER_BYTES])
{
    memset(ret_bytes, 0, MR_SEGMENT_HEADER_BYTES);
    store_u64(&ret_bytes[0], SEGMENT_MAGIC);
    store_u32(&ret_bytes[8], MR_SEGMENT_VERSION);
    store_u32(&ret_bytes[12], header->partition);
    store_u64(&ret_bytes[16], header->topic_id);
    store_u64(&ret_bytes[24], (uint64_t)header->base_offset);
    store_u64(&ret_bytes[32], (uint64_t)header->created_ms);
    /* 40: key id (u32), 44: seal flags (u32), 48: seal (12 bytes): zero in this version. */
    store_u32(&ret_bytes[SEGMENT_CRC_AT], mr_crc32c(0, ret_bytes, SEGMENT_CRC_AT));
}

mr_status mr_segment_header_decode(const void *bytes, size_t length,
                                   mr_segment_header *ret_header)
{
    mr_reader reader = mr_reader_of(bytes, length);
    const uint64_t magic = mr_reader_u64(&reader);
    const uint32_t version = mr_reader_u32(&reader);
    mr_segment_header header;
    header.partition = mr_reader_u32(&reader);
    header.topic_id = mr_reader_u64(&reader);
    header.base_offset = mr_reader_i64(&reader);
    header.created_ms = mr_reader_i64(&reader);
    (void)mr_reader_bytes(&reader, SEGMENT_CRC_AT - reader.position);
    const uint32_t crc = mr_reader_u32(&reader);
    MR_TRY(mr_reader_status(&reader));
    if (magic != SEGMENT_MAGIC || crc != mr_crc32c(0, bytes, SEGMENT_CRC_AT))
        return MR_ERR_CORRUPT;
    if (version > MR_SEGMENT_VERSION)
        return MR_ERR_INVALID;
    if (version != MR_SEGMENT_VERSION || header.base_offset < 0)
        return MR_ERR_CORRUPT;
    *ret_header = header;
    return MR_OK;
}

uint32_t mr_segment_version(const uint8_t bytes[MR_SEGMENT_HEADER_BYTES])
{
    mr_reader reader = mr_reader_of(bytes, MR_SEGMENT_HEADER_BYTES);
    (void)mr_reader_u64(&reader);
    return mr_reader_u32(&reader);
}

static void batch_header_encode(const mr_batch_header *header,
                                uint8_t ret_bytes[MR_BATCH_HEADER_BYTES])
{
    memset(ret_bytes, 0, MR_BATCH_HEADER_BYTES);
    store_u32(&ret_bytes[0], BATCH_MAGIC);
    store_u32(&ret_bytes[8], header->stored_bytes);
    store_u32(&ret_bytes[12], header->raw_bytes);
    store_u64(&ret_bytes[16], (uint64_t)header->base_offset);
    store_u32(&ret_bytes[24], header->record_count);
    store_u32(&ret_bytes[28], header->body_crc);
    store_u64(&ret_bytes[32], (uint64_t)header->max_time_ms);
    store_u64(&ret_bytes[40], header->synced);
    ret_bytes[48] = (uint8_t)header->codec;
    /* 49: reserved (3), 52: key id (u32), 56: reserved (8): zero in this version. */
    store_u32(&ret_bytes[BATCH_CRC_AT],
              mr_crc32c(0, &ret_bytes[BATCH_SUMMED_AT],
                        MR_BATCH_HEADER_BYTES - BATCH_SUMMED_AT));
}

static bool batch_header_is_sane(const mr_batch_header *header)
{
    const bool stored_as_is = header->codec == MR_CODEC_NONE;
    return header->base_offset >= 0 && header->record_count > 0 &&
           header->record_count <= MR_BATCH_RECORDS_MAX &&
           header->raw_bytes <= MR_BATCH_RAW_BYTES_MAX &&
           (stored_as_is ? header->stored_bytes == header->raw_bytes
                         : header->codec == MR_CODEC_ZSTD &&
                               header->stored_bytes < header->raw_bytes);
}

mr_status mr_batch_header_decode(const void *bytes, size_t length,
                                 mr_batch_header *ret_header)
{
    if (length < MR_BATCH_HEADER_BYTES)
        return MR_ERR_CORRUPT;
    mr_reader reader = mr_reader_of(bytes, MR_BATCH_HEADER_BYTES);
    if (mr_reader_u32(&reader) != BATCH_MAGIC)
        return MR_ERR_CORRUPT;
    const uint32_t crc = mr_reader_u32(&reader);
    if (crc != mr_crc32c(0, (const uint8_t *)bytes + BATCH_SUMMED_AT,
                         MR_BATCH_HEADER_BYTES - BATCH_SUMMED_AT))
        return MR_ERR_CORRUPT;
    mr_batch_header header;
    header.stored_bytes = mr_reader_u32(&reader);
    header.raw_bytes = mr_reader_u32(&reader);
    header.base_offset = mr_reader_i64(&reader);
    header.record_count = mr_reader_u32(&reader);
    header.body_crc = mr_reader_u32(&reader);
    header.max_time_ms = mr_reader_i64(&reader);
    header.synced = mr_reader_u64(&reader);
    header.codec = (mr_batch_codec)mr_reader_u8(&reader);
    if (!batch_header_is_sane(&header))
        return MR_ERR_CORRUPT;
    *ret_header = header;
    return MR_OK;
}

mr_status mr_batch_verify(const mr_batch_header *header, const void *body)
{
    return mr_crc32c(0, body, header->stored_bytes) == header->body_crc ? MR_OK
                                                                        : MR_ERR_CORRUPT;
}

mr_batch_codecs *mr_batch_codecs_create(void)
{
    mr_batch_codecs *codecs = calloc(1, sizeof(*codecs));
    if (codecs == NULL)
        return NULL;
    codecs->compress = ZSTD_createCCtx();
    codecs->decompress = ZSTD_createDCtx();
    if (codecs->compress == NULL || codecs->decompress == NULL) {
        mr_batch_codecs_destroy(codecs);
        return NULL;
    }
    return codecs;
}

void mr_batch_codecs_destroy(mr_batch_codecs *codecs)
{
    if (codecs == NULL)
        return;
    (void)ZSTD_freeCCtx(codecs->compress);
    (void)ZSTD_freeDCtx(codecs->decompress);
    free(codecs);
}

mr_status mr_batch_encode(const mr_batch_header *header, mr_text records,
                          mr_batch_codecs *codecs, mr_buffer *out)
{
    MR_ASSERT(records.length <= MR_BATCH_RAW_BYTES_MAX);
    mr_batch_header whole = *header;
    whole.codec = MR_CODEC_NONE;
    whole.raw_bytes = records.length;
    whole.stored_bytes = records.length;

    const size_t start = out->length;
    if (mr_buffer_extend(out, MR_BATCH_HEADER_BYTES + (size_t)records.length) == NULL)
        return MR_ERR_NO_MEMORY;
    uint8_t *body = &out->bytes[start + MR_BATCH_HEADER_BYTES];
    if (codecs != NULL && records.length > 1) {
        /* Room for one byte less than the records: what does not get smaller is kept as is. */
        const size_t stored =
            ZSTD_compressCCtx(codecs->compress, body, records.length - 1, records.bytes,
                              records.length, ZSTD_LEVEL);
        if (!ZSTD_isError(stored)) {
            whole.codec = MR_CODEC_ZSTD;
            whole.stored_bytes = (uint32_t)stored;
        }
    }
    if (whole.codec == MR_CODEC_NONE && records.length > 0)
        memcpy(body, records.bytes, records.length);
    whole.body_crc = mr_crc32c(0, body, whole.stored_bytes);
    batch_header_encode(&whole, &out->bytes[start]);
    out->length = start + MR_BATCH_HEADER_BYTES + whole.stored_bytes;
    return MR_OK;
}

mr_status mr_batch_open(const mr_batch_header *header, const void *body,
                        mr_batch_codecs *codecs, void *scratch, mr_reader *ret_records)
{
    if (header->codec == MR_CODEC_NONE) {
        *ret_records = mr_reader_of(body, header->raw_bytes);
        return MR_OK;
    }
    const size_t raw = ZSTD_decompressDCtx(codecs->decompress, scratch, header->raw_bytes,
                                           body, header->stored_bytes);
    if (ZSTD_isError(raw) || raw != header->raw_bytes)
        return MR_ERR_CORRUPT;
    *ret_records = mr_reader_of(scratch, raw);
    return MR_OK;
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static uint32_t varint_bytes(uint64_t value)
{
    uint32_t bytes = 1;
    for (; value >= 0x80; value >>= 7)
        bytes++;
    return bytes;
}

static uint32_t text_bytes(mr_text text)
{
    return varint_bytes(text.length) + text.length;
}

static void put_text(mr_buffer *out, mr_text text)
{
    mr_buffer_put_varint(out, text.length);
    mr_buffer_put_text(out, text);
}

void mr_record_encode(mr_buffer *out, uint32_t index, const mr_log_entry *entry,
                      int64_t time_ms)
{
    uint32_t bytes = varint_bytes(index) + varint_bytes(zigzag(time_ms)) +
                     text_bytes(entry->key) + text_bytes(entry->value) +
                     varint_bytes(entry->header_count);
    for (uint32_t i = 0; i < entry->header_count; i++)
        bytes += text_bytes(entry->headers[i].name) + text_bytes(entry->headers[i].value);

    mr_buffer_put_varint(out, bytes);
    mr_buffer_put_varint(out, index);
    mr_buffer_put_varint(out, zigzag(time_ms));
    put_text(out, entry->key);
    put_text(out, entry->value);
    mr_buffer_put_varint(out, entry->header_count);
    for (uint32_t i = 0; i < entry->header_count; i++) {
        put_text(out, entry->headers[i].name);
        put_text(out, entry->headers[i].value);
    }
}

static mr_text get_text(mr_reader *reader)
{
    return mr_reader_text(reader, mr_reader_varint(reader));
}

mr_status mr_record_decode(mr_reader *records, const mr_batch_header *header,
                           uint32_t index, mr_log_header *ret_headers,
                           mr_log_record *ret_record)
{
    const uint64_t bytes = mr_reader_varint(records);
    if (records->failed || bytes > records->length - records->position)
        return MR_ERR_CORRUPT;
    mr_reader reader = mr_reader_of(&records->bytes[records->position], bytes);
    const uint64_t delta = mr_reader_varint(&reader);
    mr_log_record record = {.headers = ret_headers};
    record.time_ms = unzigzag(mr_reader_varint(&reader));
    record.key = get_text(&reader);
    record.value = get_text(&reader);
    const uint64_t headers = mr_reader_varint(&reader);
    if (reader.failed || delta != index || headers > MR_LOG_HEADERS_MAX)
        return MR_ERR_CORRUPT;
    for (uint64_t i = 0; i < headers; i++) {
        ret_headers[i].name = get_text(&reader);
        ret_headers[i].value = get_text(&reader);
    }
    if (reader.failed || reader.position != reader.length)
        return MR_ERR_CORRUPT;
    record.header_count = (uint32_t)headers;
    record.offset = header->base_offset + index;
    records->position += bytes;
    *ret_record = record;
    return MR_OK;
}
