#include "features/checkpoint_format.h"

#include "core/assert.h"
#include "features/checkpoint_cut.h"

#include <string.h>
#include <zstd.h>

enum { COMPRESSION_LEVEL = 1, RAW_BLOCK_HEADER_BYTES = 8, COUNTERS = 16 };

/* -- header ----------------------------------------------------------------------------------- */

static void put_counters(const mr_shard_counters *counters, mr_buffer *buffer)
{
    uint64_t values[COUNTERS];
    _Static_assert(sizeof(values) == sizeof(*counters), "sixteen numbers of 64 bits");
    memcpy(values, counters, sizeof(values));
    for (size_t i = 0; i < COUNTERS; i++)
        mr_buffer_put_u64(buffer, values[i]);
}

static void put_zeros(mr_buffer *buffer, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_buffer_put_u8(buffer, 0);
}

void mr_checkpoint_put_header(const mr_shard *shard, const mr_checkpoint_place *place,
                              mr_buffer *buffer)
{
    const size_t start = buffer->length;
    const mr_text topic = mr_text_from(shard->topic);
    mr_buffer_put_u64(buffer, MR_CHECKPOINT_MAGIC);
    mr_buffer_put_u32(buffer, MR_CHECKPOINT_VERSION);
    mr_buffer_put_u32(buffer, MR_CHECKPOINT_HEADER_BYTES);
    mr_buffer_put_u64(buffer, mr_plan_hash(shard->plan));
    mr_buffer_put_u64(buffer, place->epoch);
    mr_buffer_put_u64(buffer, place->generation);
    mr_buffer_put_u32(buffer, shard->partition);
    mr_buffer_put_u32(buffer, 0); /* seal flags */
    put_zeros(buffer, MR_CHECKPOINT_KEY_ID_BYTES);
    mr_buffer_put_i64(buffer, shard->next_offset);
    mr_buffer_put_i64(buffer, shard->newest_ms);
    mr_buffer_put_i64(buffer, shard->clock_ms);
    put_counters(&shard->counters, buffer);
    mr_buffer_put_u32(buffer, shard->store.row_count);
    mr_buffer_put_u32(buffer, mr_id_table_count(shard->names.items));
    mr_buffer_put_u64(buffer, shard->commerce.totals.customers);
    mr_buffer_put_u64(buffer, shard->outbox.last_sequence);
    mr_buffer_put_u8(buffer, shard->dialect);
    mr_buffer_put_u8(buffer, shard->dialect_profile_length);
    mr_buffer_put(buffer, shard->dialect_profile, shard->dialect_profile_length);
    mr_buffer_put_u8(buffer, (uint8_t)topic.length);
    mr_buffer_put_text(buffer, topic);
    mr_buffer_put_u64(buffer, place->base_generation);
    mr_buffer_put_u64(buffer, place->previous_generation);
    mr_buffer_put_u32(buffer, place->segment);
    mr_buffer_put_i64(buffer, shard->day.cut_offset);
    mr_buffer_put_i64(buffer, shard->day.end_ms);
    put_zeros(buffer,
              start + MR_CHECKPOINT_HEADER_BYTES - sizeof(uint32_t) - buffer->length);
    if (!buffer->failed)
        mr_buffer_put_u32(buffer,
                          mr_crc32c(0, buffer->bytes + start,
                                    MR_CHECKPOINT_HEADER_BYTES - sizeof(uint32_t)));
}

static void get_counters(mr_reader *reader, mr_shard_counters *ret_counters)
{
    uint64_t values[COUNTERS];
    for (size_t i = 0; i < COUNTERS; i++)
        values[i] = mr_reader_u64(reader);
    memcpy(ret_counters, values, sizeof(values));
}

static mr_checkpoint_header get_header(mr_reader *reader, uint32_t version)
{
    mr_checkpoint_header header = {.version = version,
                                   .plan_hash = mr_reader_u64(reader)};
    header.place.epoch = mr_reader_u64(reader);
    header.place.generation = mr_reader_u64(reader);
    header.partition = mr_reader_u32(reader);
    header.seal_flags = mr_reader_u32(reader);
    (void)mr_reader_bytes(reader, MR_CHECKPOINT_KEY_ID_BYTES);
    header.next_offset = mr_reader_i64(reader);
    header.newest_ms = mr_reader_i64(reader);
    header.clock_ms = mr_reader_i64(reader);
    get_counters(reader, &header.counters);
    header.users = mr_reader_u32(reader);
    header.items = mr_reader_u32(reader);
    header.customers = mr_reader_u64(reader);
    header.outbox_sequence = mr_reader_u64(reader);
    header.dialect = mr_reader_u8(reader);
    header.dialect_profile = mr_reader_text(reader, mr_reader_u8(reader));
    header.topic = mr_reader_text(reader, mr_reader_u8(reader));
    header.place.base_generation = header.place.generation;
    header.place.previous_generation = header.place.generation;
    header.day.end_ms = MR_TIME_NONE;
    if (version == 1)
        return header;
    header.place.base_generation = mr_reader_u64(reader);
    header.place.previous_generation = mr_reader_u64(reader);
    header.place.segment = mr_reader_u32(reader);
    if (version == 2)
        return header;
    header.day.cut_offset = mr_reader_i64(reader);
    header.day.end_ms = mr_reader_i64(reader);
    return header;
}

/* A base names itself, a delta what came before it. */
static bool place_fits(const mr_checkpoint_place *place)
{
    if (place->segment == 0)
        return place->base_generation == place->generation &&
               place->previous_generation == place->generation;
    return place->segment <= MR_CHECKPOINT_SEGMENTS_MAX &&
           place->base_generation <= place->previous_generation &&
           place->previous_generation < place->generation;
}

static bool is_time(int64_t time_ms)
{
    return time_ms >= 0 || time_ms == MR_TIME_NONE;
}

mr_status mr_checkpoint_read_header(const void *data, size_t bytes,
                                    mr_checkpoint_header *ret_header, mr_error *ret_error)
{
    const size_t sum_at = MR_CHECKPOINT_HEADER_BYTES - sizeof(uint32_t);
    if (bytes < MR_CHECKPOINT_HEADER_BYTES)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "shorter than a checkpoint header");
    mr_reader reader = mr_reader_of(data, MR_CHECKPOINT_HEADER_BYTES);
    if (mr_reader_u64(&reader) != MR_CHECKPOINT_MAGIC)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "not a checkpoint file");
    const uint32_t version = mr_reader_u32(&reader);
    if (version < 1 || version > MR_CHECKPOINT_VERSION)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "format version %u, this program reads 1 to %d", version,
                            MR_CHECKPOINT_VERSION);
    mr_reader end = mr_reader_of((const uint8_t *)data + sum_at, sizeof(uint32_t));
    const uint32_t crc = mr_reader_u32(&end);
    if (mr_reader_u32(&reader) != MR_CHECKPOINT_HEADER_BYTES ||
        crc != mr_crc32c(0, data, sum_at))
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "the header's checksum is wrong");
    mr_checkpoint_header header = get_header(&reader, version);
    header.crc = crc;
    if (reader.failed || header.seal_flags != 0 || !place_fits(&header.place) ||
        !is_time(header.newest_ms) || !is_time(header.clock_ms) ||
        !is_time(header.day.end_ms) || header.day.cut_offset < 0 ||
        header.day.cut_offset > header.next_offset ||
        header.dialect_profile.length > MR_SHARD_DIALECT_BYTES_MAX ||
        header.topic.length > MR_SHARD_TOPIC_BYTES_MAX)
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "the header's fields do not fit");
    *ret_header = header;
    return MR_OK;
}

void mr_checkpoint_info_from(const mr_checkpoint_header *header, uint64_t bytes,
                             mr_checkpoint_info *ret_info)
{
    *ret_info = (mr_checkpoint_info){
        .epoch = header->place.epoch,
        .generation = header->place.generation,
        .base_generation = header->place.base_generation,
        .segments = header->place.segment,
        .is_delta = header->place.segment > 0,
        .partition = header->partition,
        .next_offset = header->next_offset,
        .watermark_ms = header->clock_ms == MR_TIME_NONE
                            ? MR_TIME_NONE
                            : header->clock_ms - MR_SHARD_LATENESS_MS,
        .plan_hash = header->plan_hash,
        .bytes = bytes,
        .users = header->users,
    };
}

/* -- seal: on any thread -------------------------------------------------------------------- */

uint32_t mr_checkpoint_block_crc(uint32_t header_crc, const uint8_t *block_header,
                                 const void *payload, size_t payload_bytes)
{
    return mr_crc32c(mr_crc32c(header_crc, block_header, 16), payload, payload_bytes);
}

static mr_status seal_block(ZSTD_CCtx *compressor, uint32_t header_crc, uint32_t kind,
                            uint32_t index, const void *raw, size_t raw_bytes,
                            mr_buffer *sealed)
{
    const size_t bound = ZSTD_compressBound(raw_bytes);
    const size_t start = sealed->length;
    if (mr_buffer_extend(sealed, MR_CHECKPOINT_BLOCK_HEADER_BYTES + bound) == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t payload = start + MR_CHECKPOINT_BLOCK_HEADER_BYTES;
    const size_t packed = ZSTD_compressCCtx(compressor, sealed->bytes + payload, bound,
                                            raw, raw_bytes, COMPRESSION_LEVEL);
    if (ZSTD_isError(packed))
        return MR_ERR_NO_MEMORY; /* the room is enough: nothing else can fail */
    sealed->length = start;
    mr_buffer_put_u32(sealed, kind);
    mr_buffer_put_u32(sealed, index);
    mr_buffer_put_u32(sealed, (uint32_t)raw_bytes);
    mr_buffer_put_u32(sealed, (uint32_t)packed);
    const uint32_t crc = mr_checkpoint_block_crc(header_crc, sealed->bytes + start,
                                                 sealed->bytes + payload, packed);
    mr_buffer_put_u32(sealed, crc);
    mr_buffer_put_u32(sealed, 0); /* reserved */
    sealed->length = payload + packed;
    return MR_OK;
}

static mr_status seal_blocks(ZSTD_CCtx *compressor, uint32_t header_crc, mr_reader *raw,
                             mr_buffer *sealed)
{
    uint32_t index = 0;
    uint64_t raw_total = 0;
    while (raw->position < raw->length) {
        const uint32_t kind = mr_reader_u32(raw);
        const uint32_t bytes = mr_reader_u32(raw);
        const void *payload = mr_reader_bytes(raw, bytes);
        MR_TRY(mr_reader_status(raw));
        raw_total += bytes;
        MR_TRY(seal_block(compressor, header_crc, kind, index++, payload, bytes, sealed));
    }
    mr_buffer end = {0};
    mr_buffer_put_u64(&end, index);
    mr_buffer_put_u64(&end, raw_total);
    mr_status status = mr_buffer_status(&end);
    if (status == MR_OK)
        status = seal_block(compressor, header_crc, MR_BLOCK_END, index, end.bytes,
                            end.length, sealed);
    mr_buffer_deinit(&end);
    return status;
}

mr_status mr_checkpoint_seal(const mr_buffer *encoded, mr_buffer *sealed)
{
    mr_checkpoint_header header;
    MR_TRY(mr_checkpoint_read_header(encoded->bytes, encoded->length, &header, NULL));
    mr_buffer_put(sealed, encoded->bytes, MR_CHECKPOINT_HEADER_BYTES);
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    if (compressor == NULL)
        return MR_ERR_NO_MEMORY;
    mr_reader raw = mr_reader_of(encoded->bytes, encoded->length);
    raw.position = MR_CHECKPOINT_HEADER_BYTES;
    const mr_status status = seal_blocks(compressor, header.crc, &raw, sealed);
    (void)ZSTD_freeCCtx(compressor);
    MR_TRY(status);
    return mr_buffer_status(sealed);
}
