/*
 * A shard out of the bytes of a base file.
 *
 * Sums keep damage out; the bounds here keep out what a correct sum cannot: a file written by
 * another program, or by one with a bug.  The shard that comes back passes mr_shard_check().
 */
#include "features/checkpoint_format.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { ROWS_RESERVED = 256 };

typedef struct decoder {
    mr_shard *shard;
    const mr_checkpoint_header *header;
    ZSTD_DCtx *decompressor;
    mr_buffer raw;
    uint64_t raw_total;
    uint32_t blocks;
    uint32_t last_kind;
    uint32_t profiles; /* decoded so far */
    uint32_t histories;
    uint32_t trending_items;
    uint64_t events; /* sum over the profiles */
    uint64_t outbox_sequence;
    bool has_links;
} decoder;

static mr_status decode_items(decoder *decoder_, mr_reader *reader)
{
    mr_id_table *items = decoder_->shard->items;
    while (reader->position < reader->length) {
        const mr_text id = mr_reader_text(reader, mr_reader_u8(reader));
        const uint32_t expected = mr_id_table_count(items);
        if (reader->failed || id.length == 0 || id.length > MR_EVENT_ID_BYTES_MAX ||
            expected == decoder_->header->items)
            return MR_ERR_CORRUPT;
        uint32_t index;
        MR_TRY(mr_id_table_put(items, id, &index));
        if (index != expected)
            return MR_ERR_CORRUPT; /* the same id twice */
    }
    return MR_OK;
}

static mr_status reserve_row(mr_shard *shard)
{
    if (shard->store.row_count % ROWS_RESERVED == 0)
        MR_TRY(mr_profile_store_reserve(&shard->store, ROWS_RESERVED));
    return mr_block_pool_reserve(&shard->pool, shard->plan->growth_bytes);
}

static mr_status decode_profiles(decoder *decoder_, mr_reader *reader)
{
    mr_shard *shard = decoder_->shard;
    while (reader->position < reader->length) {
        const uint8_t is_anonymous = mr_reader_u8(reader);
        const mr_text id = mr_reader_text(reader, mr_reader_u8(reader));
        if (reader->failed || is_anonymous > 1 || id.length == 0 ||
            id.length > MR_EVENT_ID_BYTES_MAX ||
            decoder_->profiles == decoder_->header->users)
            return MR_ERR_CORRUPT;
        MR_TRY(reserve_row(shard));
        const uint32_t row = mr_profile_store_put(
            &shard->store, mr_hash_user(&shard->key, id), id, is_anonymous == 1);
        if (row != decoder_->profiles)
            return MR_ERR_CORRUPT; /* the same id twice */
        decoder_->profiles++;
        const mr_row parts = mr_shard_row(shard, row);
        MR_TRY(mr_profile_decode(shard->plan, &shard->pool, parts, reader));
        decoder_->events += parts.head->events;
        shard->live_count += !mr_row_is_empty(parts);
    }
    return MR_OK;
}

static mr_status decode_histories(decoder *decoder_, mr_reader *reader)
{
    mr_shard *shard = decoder_->shard;
    while (reader->position < reader->length) {
        if (decoder_->histories == shard->store.row_count)
            return MR_ERR_CORRUPT;
        MR_TRY(mr_block_pool_reserve(&shard->pool, shard->plan->growth_bytes));
        MR_TRY(mr_history_decode(shard->plan, &shard->pool, shard->items,
                                 mr_shard_row(shard, decoder_->histories++), reader));
        MR_TRY(mr_reader_status(reader));
    }
    return MR_OK;
}

static mr_status decode_hours(mr_block_pool *pool, mr_trending_item *item, uint64_t count,
                              mr_reader *reader)
{
    uint64_t hour = 0;
    uint64_t first_hour = 0;
    uint64_t sum = 0;
    mr_list_start(pool, &item->hours, (size_t)count, sizeof(mr_hour_count));
    for (size_t i = 0; i < (size_t)count; i++) {
        const uint64_t step = mr_reader_varint(reader);
        const uint64_t hour_count = mr_reader_varint(reader);
        if (reader->failed || step > UINT32_MAX - hour || (i > 0 && step == 0) ||
            hour_count == 0 || hour_count > UINT32_MAX)
            return MR_ERR_CORRUPT;
        hour += step;
        first_hour = i == 0 ? hour : first_hour;
        sum += hour_count;
        if (hour - first_hour >= MR_TRENDING_HOURS)
            return MR_ERR_CORRUPT;
        mr_hour_count *place = mr_list_insert(pool, &item->hours, i, sizeof(*place));
        *place = (mr_hour_count){.hour = (uint32_t)hour, .count = (uint32_t)hour_count};
    }
    return sum <= item->ever ? MR_OK : MR_ERR_CORRUPT;
}

static mr_status decode_trending(decoder *decoder_, mr_reader *reader)
{
    mr_shard *shard = decoder_->shard;
    const uint32_t items = mr_id_table_count(shard->items);
    MR_TRY(mr_trending_reserve(&shard->trending, items));
    while (reader->position < reader->length) {
        const uint64_t ever = mr_reader_varint(reader);
        const uint64_t count = mr_reader_varint(reader);
        if (reader->failed || count > MR_TRENDING_HOURS ||
            decoder_->trending_items == items)
            return MR_ERR_CORRUPT;
        mr_trending_item *item =
            mr_trending_item_at(&shard->trending, decoder_->trending_items++);
        item->ever = ever;
        MR_TRY(mr_block_pool_reserve(&shard->pool, MR_BLOCK_BYTES_MAX));
        MR_TRY(decode_hours(&shard->pool, item, count, reader));
    }
    return MR_OK;
}

static mr_status decode_commerce(decoder *decoder_, mr_reader *reader)
{
    mr_commerce *commerce = &decoder_->shard->commerce;
    while (reader->position < reader->length) {
        mr_commerce_day day = {.day = mr_reader_i64(reader)};
        day.sums.purchases_minor = mr_reader_i64(reader);
        day.sums.refunds_minor = mr_reader_i64(reader);
        day.sums.adjustments_minor = mr_reader_i64(reader);
        day.sums.purchase_lines = mr_reader_u64(reader);
        day.sums.refund_lines = mr_reader_u64(reader);
        day.sums.adjustment_lines = mr_reader_u64(reader);
        day.sums.orders = mr_reader_u64(reader);
        if (reader->failed ||
            (commerce->day_count > 0 && day.day <= commerce->totals.last_day))
            return MR_ERR_CORRUPT;
        MR_TRY(mr_commerce_reserve(commerce, 1));
        mr_commerce_merge_day(commerce, &day);
    }
    return MR_OK;
}

static mr_status decode_outbox(decoder *decoder_, mr_reader *reader)
{
    while (reader->position < reader->length) {
        const uint64_t sequence = mr_reader_varint(reader);
        const uint64_t id_length = mr_reader_varint(reader);
        const uint64_t record_length = mr_reader_varint(reader);
        if (reader->failed || id_length > reader->length ||
            record_length > reader->length ||
            sequence <= decoder_->shard->outbox.last_sequence ||
            sequence > decoder_->header->outbox_sequence)
            return MR_ERR_CORRUPT;
        const mr_text id = mr_reader_text(reader, (size_t)id_length);
        const mr_text record = mr_reader_text(reader, (size_t)record_length);
        MR_TRY(mr_reader_status(reader));
        const mr_status status =
            mr_outbox_put(&decoder_->shard->outbox, sequence, id, record);
        if (status != MR_OK)
            return status == MR_ERR_NO_MEMORY ? status : MR_ERR_CORRUPT;
    }
    return MR_OK;
}

static mr_status decode_derived(decoder *decoder_, mr_reader *reader)
{
    while (reader->position < reader->length) {
        const uint32_t row = mr_reader_u32(reader);
        mr_row_derived derived = {.since_s = mr_reader_u32(reader)};
        derived.permille = mr_reader_u16(reader);
        derived.tier = mr_reader_u8(reader);
        if (reader->failed || row >= decoder_->shard->store.row_count)
            return MR_ERR_CORRUPT;
        memcpy(mr_shard_row(decoder_->shard, row).cold, &derived, sizeof(derived));
    }
    return MR_OK;
}

static mr_status decode_dedup(decoder *decoder_, mr_reader *reader)
{
    const int64_t clock_ms = decoder_->header->clock_ms;
    return mr_dedup_decode(decoder_->shard->dedup,
                           clock_ms == MR_TIME_NONE ? MR_TIME_NONE
                                                    : clock_ms - MR_SHARD_LATENESS_MS,
                           reader);
}

static mr_status decode_links(decoder *decoder_, mr_reader *reader)
{
    if (!decoder_->has_links)
        MR_TRY(mr_links_decode(decoder_->shard, reader));
    decoder_->has_links = true;
    while (reader->position < reader->length)
        MR_TRY(mr_links_decode_entry(decoder_->shard, reader));
    return MR_OK;
}

static mr_status decode_noted(decoder *decoder_, mr_reader *reader)
{
    while (reader->position < reader->length)
        MR_TRY(mr_links_decode_noted(decoder_->shard, reader));
    return MR_OK;
}

static mr_status decode_payload(decoder *decoder_, uint32_t kind, mr_reader *reader)
{
    switch (kind) {
    case MR_BLOCK_ITEMS: return decode_items(decoder_, reader);
    case MR_BLOCK_PROFILES: return decode_profiles(decoder_, reader);
    case MR_BLOCK_HISTORY: return decode_histories(decoder_, reader);
    case MR_BLOCK_TRENDING: return decode_trending(decoder_, reader);
    case MR_BLOCK_COMMERCE: return decode_commerce(decoder_, reader);
    case MR_BLOCK_OUTBOX: return decode_outbox(decoder_, reader);
    case MR_BLOCK_DERIVED: return decode_derived(decoder_, reader);
    case MR_BLOCK_DEDUP: return decode_dedup(decoder_, reader);
    case MR_BLOCK_LINKS: return decode_links(decoder_, reader);
    case MR_BLOCK_NOTED: return decode_noted(decoder_, reader);
    default: return MR_ERR_CORRUPT; /* the reserved kinds among them */
    }
}

/* One block: its sum, its place, its bytes.  `ret_kind` is MR_BLOCK_END at the last one. */
static mr_status open_block(decoder *decoder_, mr_reader *file, uint32_t *ret_kind)
{
    const uint8_t *block_header = file->bytes + file->position;
    const uint32_t kind = mr_reader_u32(file);
    const uint32_t index = mr_reader_u32(file);
    const uint32_t raw_bytes = mr_reader_u32(file);
    const uint32_t packed_bytes = mr_reader_u32(file);
    const uint32_t crc = mr_reader_u32(file);
    const uint32_t reserved = mr_reader_u32(file);
    const void *payload = mr_reader_bytes(file, packed_bytes);
    if (file->failed || reserved != 0 || index != decoder_->blocks ||
        raw_bytes > MR_CHECKPOINT_BLOCK_BYTES_MAX || kind < decoder_->last_kind ||
        crc != mr_checkpoint_block_crc(decoder_->header->crc, block_header, payload,
                                       packed_bytes))
        return MR_ERR_CORRUPT;
    mr_buffer_clear(&decoder_->raw);
    if (mr_buffer_extend(&decoder_->raw, (size_t)raw_bytes + 1) == NULL)
        return MR_ERR_NO_MEMORY;
    const size_t bytes = ZSTD_decompressDCtx(decoder_->decompressor, decoder_->raw.bytes,
                                             raw_bytes, payload, packed_bytes);
    if (ZSTD_isError(bytes) || bytes != raw_bytes)
        return MR_ERR_CORRUPT;
    decoder_->raw.length = raw_bytes;
    decoder_->last_kind = kind;
    *ret_kind = kind;
    return MR_OK;
}

static mr_status decode_end(const decoder *decoder_, mr_reader *reader,
                            const mr_reader *file)
{
    const uint64_t blocks = mr_reader_u64(reader);
    const uint64_t raw_total = mr_reader_u64(reader);
    return !reader->failed && blocks == decoder_->blocks &&
                   raw_total == decoder_->raw_total && file->position == file->length
               ? MR_OK
               : MR_ERR_CORRUPT;
}

static mr_status decode_blocks(decoder *decoder_, mr_reader *file)
{
    for (;;) {
        uint32_t kind;
        MR_TRY(open_block(decoder_, file, &kind));
        mr_reader reader = mr_reader_of(decoder_->raw.bytes, decoder_->raw.length);
        if (kind == MR_BLOCK_END)
            return decode_end(decoder_, &reader, file);
        MR_TRY(decode_payload(decoder_, kind, &reader));
        decoder_->blocks++;
        decoder_->raw_total += decoder_->raw.length;
    }
}

static bool counters_agree(const mr_checkpoint_header *header)
{
    const mr_shard_counters *c = &header->counters;
    const uint64_t records = c->applied + c->duplicate + c->late + c->poison +
                             c->opted_out + c->erased + c->control + c->gap;
    return c->first_offset >= 0 && header->next_offset >= c->first_offset &&
           (uint64_t)(header->next_offset - c->first_offset) == records &&
           c->late_applied <= c->applied &&
           c->lines == c->lines_applied + c->lines_duplicate + c->lines_late +
                           c->lines_opted_out + c->lines_erased;
}

/* What the header says of the whole, and what the rows add up to. */
static mr_status finish(decoder *decoder_)
{
    mr_shard *shard = decoder_->shard;
    const mr_checkpoint_header *header = decoder_->header;
    const mr_link_counters *links = &shard->links.counters;
    if (decoder_->profiles != header->users || decoder_->histories != header->users ||
        decoder_->trending_items != mr_id_table_count(shard->items) ||
        mr_id_table_count(shard->items) != header->items ||
        decoder_->events != header->counters.lines_applied - links->lines_moved_out +
                                links->lines_moved_in ||
        !counters_agree(header))
        return MR_ERR_CORRUPT;
    MR_TRY(mr_dedup_decode_end(shard->dedup));
    shard->counters = header->counters;
    shard->next_offset = header->next_offset;
    shard->newest_ms = header->newest_ms;
    shard->clock_ms = header->clock_ms;
    shard->commerce.totals.customers = header->customers;
    shard->outbox.last_sequence = header->outbox_sequence;
    mr_shard_set_dialect(shard, header->dialect, header->dialect_profile);

    shard->changed_capacity = (size_t)header->users + 1;
    shard->changed = malloc(shard->changed_capacity * sizeof(*shard->changed));
    return shard->changed != NULL ? MR_OK : MR_ERR_NO_MEMORY;
}

static mr_status create_shard(const mr_checkpoint_header *header, const mr_plan *plan,
                              const mr_hash_key *hash_key, size_t memory_limit_bytes,
                              mr_shard **ret_shard)
{
    char topic[MR_SHARD_TOPIC_BYTES_MAX + 1] = {0};
    if (header->topic.length > 0)
        memcpy(topic, header->topic.bytes, header->topic.length);
    const mr_shard_options options = {.plan = plan,
                                      .hash_key = hash_key,
                                      .topic = topic,
                                      .partition = header->partition,
                                      .memory_limit_bytes = memory_limit_bytes};
    const mr_status status = mr_shard_create(&options, ret_shard);
    return status == MR_ERR_INVALID ? MR_ERR_CORRUPT : status;
}

static mr_status decode_shard(decoder *decoder_, const void *data, size_t bytes)
{
    decoder_->decompressor = ZSTD_createDCtx();
    if (decoder_->decompressor == NULL)
        return MR_ERR_NO_MEMORY;
    mr_reader file = mr_reader_of(data, bytes);
    file.position = MR_CHECKPOINT_HEADER_BYTES;
    MR_TRY(decode_blocks(decoder_, &file));
    return finish(decoder_);
}

mr_status mr_checkpoint_decode(const void *data, size_t bytes, const mr_plan *plan,
                               const mr_hash_key *hash_key, size_t memory_limit_bytes,
                               mr_shard **ret_shard, mr_checkpoint_info *ret_info,
                               mr_error *ret_error)
{
    mr_checkpoint_header header;
    MR_TRY(mr_checkpoint_read_header(data, bytes, &header, ret_error));
    if (header.plan_hash != mr_plan_hash(plan))
        return mr_error_set(
            ret_error, MR_ERR_INVALID,
            "written with plan %016llx, this one is %016llx: start with the "
            "plan it was written with, or rebuild by replay",
            (unsigned long long)header.plan_hash, (unsigned long long)mr_plan_hash(plan));
    decoder decoder_ = {.header = &header};
    mr_status status =
        create_shard(&header, plan, hash_key, memory_limit_bytes, &decoder_.shard);
    if (status == MR_OK)
        status = decode_shard(&decoder_, data, bytes);
    (void)ZSTD_freeDCtx(decoder_.decompressor);
    mr_buffer_deinit(&decoder_.raw);
    if (status != MR_OK) {
        mr_shard_destroy(decoder_.shard);
        return mr_error_set(ret_error, status, "block %u is damaged or does not fit (%s)",
                            decoder_.blocks, mr_status_name(status));
    }
    mr_checkpoint_info_from(&header, bytes, ret_info);
    *ret_shard = decoder_.shard;
    return MR_OK;
}
