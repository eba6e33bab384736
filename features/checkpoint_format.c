#include "features/checkpoint_format.h"

#include "core/assert.h"

#include <string.h>
#include <zstd.h>

enum { COMPRESSION_LEVEL = 1, RAW_BLOCK_HEADER_BYTES = 8, COUNTERS = 16 };

/* -- encode: on the shard's thread ---------------------------------------------------------- */

/* A block being filled; its length is put in when it closes. */
typedef struct block_writer {
    mr_buffer *buffer;
    size_t start; /* of its payload */
    mr_block_kind kind;
} block_writer;

static block_writer open_block(mr_buffer *buffer, mr_block_kind kind)
{
    mr_buffer_put_u32(buffer, (uint32_t)kind);
    mr_buffer_put_u32(buffer, 0);
    return (block_writer){.buffer = buffer, .start = buffer->length, .kind = kind};
}

static void close_block(block_writer *writer)
{
    mr_buffer *buffer = writer->buffer;
    if (buffer->failed)
        return;
    const uint32_t length = (uint32_t)(buffer->length - writer->start);
    uint8_t *place = buffer->bytes + writer->start - sizeof(length);
    for (size_t i = 0; i < sizeof(length); i++)
        place[i] = (uint8_t)(length >> (8 * i));
}

/* Between two entries: begin another block when this one is long. */
static void next_entry(block_writer *writer)
{
    if (writer->buffer->length - writer->start < MR_CHECKPOINT_BLOCK_BYTES)
        return;
    close_block(writer);
    *writer = open_block(writer->buffer, writer->kind);
}

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

static void put_header(const mr_shard *shard, uint64_t epoch, uint64_t generation,
                       mr_buffer *buffer)
{
    const size_t start = buffer->length;
    const mr_text topic = mr_text_from(shard->topic);
    mr_buffer_put_u64(buffer, MR_CHECKPOINT_MAGIC);
    mr_buffer_put_u32(buffer, MR_CHECKPOINT_VERSION);
    mr_buffer_put_u32(buffer, MR_CHECKPOINT_HEADER_BYTES);
    mr_buffer_put_u64(buffer, mr_plan_hash(shard->plan));
    mr_buffer_put_u64(buffer, epoch);
    mr_buffer_put_u64(buffer, generation);
    mr_buffer_put_u32(buffer, shard->partition);
    mr_buffer_put_u32(buffer, 0); /* seal flags */
    put_zeros(buffer, MR_CHECKPOINT_KEY_ID_BYTES);
    mr_buffer_put_i64(buffer, shard->next_offset);
    mr_buffer_put_i64(buffer, shard->newest_ms);
    mr_buffer_put_i64(buffer, shard->clock_ms);
    put_counters(&shard->counters, buffer);
    mr_buffer_put_u32(buffer, shard->store.row_count);
    mr_buffer_put_u32(buffer, mr_id_table_count(shard->items));
    mr_buffer_put_u64(buffer, shard->commerce.totals.customers);
    mr_buffer_put_u64(buffer, shard->outbox.last_sequence);
    mr_buffer_put_u8(buffer, shard->dialect);
    mr_buffer_put_u8(buffer, shard->dialect_profile_length);
    mr_buffer_put(buffer, shard->dialect_profile, shard->dialect_profile_length);
    mr_buffer_put_u8(buffer, (uint8_t)topic.length);
    mr_buffer_put_text(buffer, topic);
    put_zeros(buffer,
              start + MR_CHECKPOINT_HEADER_BYTES - sizeof(uint32_t) - buffer->length);
    if (!buffer->failed)
        mr_buffer_put_u32(buffer,
                          mr_crc32c(0, buffer->bytes + start,
                                    MR_CHECKPOINT_HEADER_BYTES - sizeof(uint32_t)));
}

static void put_items(const mr_shard *shard, mr_buffer *buffer)
{
    block_writer writer = open_block(buffer, MR_BLOCK_ITEMS);
    for (uint32_t i = 0; i < mr_id_table_count(shard->items); i++) {
        const mr_text id = mr_id_table_id(shard->items, i);
        next_entry(&writer);
        mr_buffer_put_u8(buffer, (uint8_t)id.length);
        mr_buffer_put_text(buffer, id);
    }
    close_block(&writer);
}

static void put_profiles(const mr_shard *shard, mr_buffer *buffer)
{
    block_writer writer = open_block(buffer, MR_BLOCK_PROFILES);
    for (uint32_t row = 0; row < shard->store.row_count; row++) {
        const mr_row parts = mr_shard_row(shard, row);
        next_entry(&writer);
        mr_buffer_put_u8(buffer, parts.head->is_anonymous);
        mr_buffer_put_u8(buffer, parts.head->id_length);
        mr_buffer_put_text(buffer, mr_shard_user_id(shard, row));
        mr_profile_encode(shard->plan, &shard->pool, parts, buffer);
    }
    close_block(&writer);
    writer = open_block(buffer, MR_BLOCK_HISTORY);
    for (uint32_t row = 0; row < shard->store.row_count; row++) {
        next_entry(&writer);
        mr_history_encode(shard->plan, &shard->pool, mr_shard_row(shard, row), buffer);
    }
    close_block(&writer);
}

static void put_trending(const mr_shard *shard, mr_buffer *buffer)
{
    block_writer writer = open_block(buffer, MR_BLOCK_TRENDING);
    for (uint32_t i = 0; i < mr_id_table_count(shard->items); i++) {
        const mr_trending_item *item = mr_trending_item_at(&shard->trending, i);
        const mr_hour_count *hours = mr_list_elements(&shard->pool, &item->hours);
        next_entry(&writer);
        mr_buffer_put_varint(buffer, item->ever);
        mr_buffer_put_varint(buffer, item->hours.count);
        uint32_t before = 0;
        for (size_t h = 0; h < item->hours.count; h++) {
            mr_buffer_put_varint(buffer, hours[h].hour - before);
            mr_buffer_put_varint(buffer, hours[h].count);
            before = hours[h].hour;
        }
    }
    close_block(&writer);
}

static void put_commerce(const mr_shard *shard, mr_buffer *buffer)
{
    block_writer writer = open_block(buffer, MR_BLOCK_COMMERCE);
    for (size_t i = 0; i < shard->commerce.day_count; i++) {
        const mr_commerce_day *day = &shard->commerce.days[i];
        next_entry(&writer);
        mr_buffer_put_i64(buffer, day->day);
        mr_buffer_put_i64(buffer, day->sums.purchases_minor);
        mr_buffer_put_i64(buffer, day->sums.refunds_minor);
        mr_buffer_put_i64(buffer, day->sums.adjustments_minor);
        mr_buffer_put_u64(buffer, day->sums.purchase_lines);
        mr_buffer_put_u64(buffer, day->sums.refund_lines);
        mr_buffer_put_u64(buffer, day->sums.adjustment_lines);
        mr_buffer_put_u64(buffer, day->sums.orders);
    }
    close_block(&writer);
}

static void put_outbox(const mr_shard *shard, mr_buffer *buffer)
{
    const mr_outbox *outbox = &shard->outbox;
    block_writer writer = open_block(buffer, MR_BLOCK_OUTBOX);
    for (size_t i = outbox->first; i < outbox->end; i++) {
        const mr_outbox_entry *entry = &outbox->entries[i];
        next_entry(&writer);
        mr_buffer_put_varint(buffer, entry->sequence);
        mr_buffer_put_varint(buffer, entry->id_length);
        mr_buffer_put_varint(buffer, entry->record_length);
        mr_buffer_put(buffer, entry->bytes,
                      (size_t)entry->id_length + entry->record_length);
    }
    close_block(&writer);
}

static void put_derived(const mr_shard *shard, mr_buffer *buffer)
{
    block_writer writer = open_block(buffer, MR_BLOCK_DERIVED);
    for (uint32_t row = 0; row < shard->store.row_count; row++) {
        const mr_row_derived *derived =
            (const mr_row_derived *)(const void *)mr_shard_row(shard, row).cold;
        if (derived->since_s == 0)
            continue;
        next_entry(&writer);
        mr_buffer_put_u32(buffer, row);
        mr_buffer_put_u32(buffer, derived->since_s);
        mr_buffer_put_u16(buffer, derived->permille);
        mr_buffer_put_u8(buffer, derived->tier);
    }
    close_block(&writer);
}

static void put_dedup(const mr_shard *shard, mr_buffer *buffer)
{
    size_t table = 0;
    do {
        block_writer writer = open_block(buffer, MR_BLOCK_DEDUP);
        table = mr_dedup_encode(shard->dedup, mr_shard_watermark_ms(shard), table,
                                MR_CHECKPOINT_BLOCK_BYTES, buffer);
        close_block(&writer);
    } while (table != 0);
}

static void put_links(const mr_shard *shard, mr_buffer *buffer)
{
    const mr_links *links = &shard->links;
    block_writer writer = open_block(buffer, MR_BLOCK_LINKS);
    mr_links_encode(shard, buffer);
    for (size_t i = links->first; i < links->end; i++) {
        next_entry(&writer);
        mr_links_encode_entry(shard, &links->entries[i], buffer);
    }
    close_block(&writer);
    writer = open_block(buffer, MR_BLOCK_NOTED);
    for (uint32_t row = 0; row < shard->store.row_count; row++) {
        next_entry(&writer);
        mr_links_encode_noted(shard, row, buffer);
    }
    close_block(&writer);
}

mr_status mr_checkpoint_encode(const mr_shard *shard, uint64_t epoch, uint64_t generation,
                               mr_buffer *buffer)
{
    mr_shard_check_counters(shard);
    mr_buffer_clear(buffer);
    put_header(shard, epoch, generation, buffer);
    put_items(shard, buffer);
    put_profiles(shard, buffer);
    put_trending(shard, buffer);
    put_commerce(shard, buffer);
    put_outbox(shard, buffer);
    put_derived(shard, buffer);
    put_dedup(shard, buffer);
    put_links(shard, buffer);
    return mr_buffer_status(buffer);
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

/* -- header ----------------------------------------------------------------------------------- */

static void get_counters(mr_reader *reader, mr_shard_counters *ret_counters)
{
    uint64_t values[COUNTERS];
    for (size_t i = 0; i < COUNTERS; i++)
        values[i] = mr_reader_u64(reader);
    memcpy(ret_counters, values, sizeof(values));
}

static mr_checkpoint_header get_header(mr_reader *reader)
{
    mr_checkpoint_header header = {.plan_hash = mr_reader_u64(reader)};
    header.epoch = mr_reader_u64(reader);
    header.generation = mr_reader_u64(reader);
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
    return header;
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
    if (version != MR_CHECKPOINT_VERSION)
        return mr_error_set(ret_error, MR_ERR_CORRUPT,
                            "format version %u, this program reads %d", version,
                            MR_CHECKPOINT_VERSION);
    mr_reader end = mr_reader_of((const uint8_t *)data + sum_at, sizeof(uint32_t));
    const uint32_t crc = mr_reader_u32(&end);
    if (mr_reader_u32(&reader) != MR_CHECKPOINT_HEADER_BYTES ||
        crc != mr_crc32c(0, data, sum_at))
        return mr_error_set(ret_error, MR_ERR_CORRUPT, "the header's checksum is wrong");
    mr_checkpoint_header header = get_header(&reader);
    header.crc = crc;
    if (reader.failed || header.seal_flags != 0 || !is_time(header.newest_ms) ||
        !is_time(header.clock_ms) ||
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
        .epoch = header->epoch,
        .generation = header->generation,
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
