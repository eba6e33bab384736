#include "features/checkpoint_blocks.h"

#include "core/assert.h"
#include "features/aggregate.h"

#include <string.h>

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

static void put_plan(const mr_shard *shard, mr_buffer *buffer)
{
    const mr_text text = mr_plan_canonical(shard->plan);
    block_writer writer = open_block(buffer, MR_BLOCK_PLAN);
    mr_buffer_put_u32(buffer, text.length);
    mr_buffer_put_text(buffer, text);
    mr_plan_past_encode(&shard->past, buffer);
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

void mr_checkpoint_put_links(const mr_shard *shard, mr_buffer *buffer)
{
    const mr_links *links = &shard->links;
    block_writer writer = open_block(buffer, MR_BLOCK_LINKS);
    mr_links_encode(shard, buffer);
    for (size_t i = links->first; i < links->end; i++) {
        next_entry(&writer);
        mr_links_encode_entry(shard, &links->entries[i], buffer);
    }
    close_block(&writer);
}

/* What was told of segments by their numbers is of these segments, judged by these thresholds. */
static void put_told_by(const mr_shard *shard, mr_buffer *buffer)
{
    const mr_quintiles *quintiles = &shard->told_by;
    block_writer writer = open_block(buffer, MR_BLOCK_TOLD_BY);
    mr_buffer_put_u64(buffer, mr_plan_segments_hash(shard->plan));
    mr_buffer_put_u64(buffer, quintiles->customers);
    mr_buffer_put_i64(buffer, quintiles->at_ms);
    mr_buffer_put_u64(buffer, quintiles->version);
    for (size_t v = 0; v < MR_RFM_VALUES; v++)
        for (size_t k = 0; k < MR_QUINTILE_THRESHOLDS; k++)
            mr_buffer_put_i64(buffer, quintiles->thresholds[v][k]);
    close_block(&writer);
}

/* All of them, in every file: they are few, and rows in a delta may name any. */
static void put_words(const mr_shard *shard, mr_buffer *buffer)
{
    block_writer writer = open_block(buffer, MR_BLOCK_WORDS);
    for (uint32_t i = 0; i < mr_id_table_count(shard->names.words); i++) {
        const mr_text word = mr_id_table_id(shard->names.words, i);
        next_entry(&writer);
        mr_buffer_put_u8(buffer, (uint8_t)word.length);
        mr_buffer_put_text(buffer, word);
    }
    close_block(&writer);
}

/* A base has all, a delta those that changed since the file before. */
static void put_tally(const mr_tally *tally, mr_block_kind kind, bool is_base,
                      mr_buffer *buffer)
{
    block_writer writer = open_block(buffer, kind);
    for (size_t i = 0; i < tally->count; i++) {
        const mr_tally_row *row = &tally->rows[i];
        if (!is_base && !row->is_changed)
            continue;
        next_entry(&writer);
        for (size_t k = 0; k < MR_TALLY_KEYS; k++)
            mr_buffer_put_varint(buffer, row->key[k]);
        for (size_t v = 0; v < MR_TALLY_VALUES; v++)
            mr_put_signed(buffer, row->values[v]);
    }
    close_block(&writer);
}

void mr_checkpoint_put_start(const mr_shard *shard, const mr_checkpoint_place *place,
                             mr_buffer *buffer)
{
    mr_checkpoint_put_header(shard, place, buffer);
    put_plan(shard, buffer);
    put_words(shard, buffer);
    put_commerce(shard, buffer);
    put_outbox(shard, buffer);
    put_told_by(shard, buffer);
    put_tally(&shard->exposures, MR_BLOCK_EXPOSURES, place->segment == 0, buffer);
    put_tally(&shard->sales, MR_BLOCK_SALES, place->segment == 0, buffer);
}

void mr_checkpoint_put_item(const mr_shard *shard, uint32_t item, mr_buffer *items)
{
    const mr_text id = mr_id_table_id(shard->names.items, item);
    mr_buffer_put_u8(items, (uint8_t)id.length);
    mr_buffer_put_text(items, id);
}

static void put_derived(const mr_shard *shard, uint32_t row, mr_buffer *entries)
{
    const mr_row_derived derived = mr_row_derived_of(mr_shard_row(shard, row));
    if (derived.since_s == 0 && derived.told == 0 && derived.told_segments == 0)
        return;
    mr_buffer_put_u32(entries, row);
    mr_buffer_put_u32(entries, derived.since_s);
    mr_buffer_put_u16(entries, derived.permille);
    mr_buffer_put_u8(entries, derived.tier);
    mr_buffer_put_u32(entries, derived.told);
    mr_buffer_put_u64(entries, derived.told_segments);
}

void mr_checkpoint_put_row(const mr_shard *shard, uint32_t row,
                           mr_buffer streams[MR_CUT_STREAMS])
{
    const mr_row parts = mr_shard_row(shard, row);
    mr_buffer *profiles = &streams[MR_CUT_PROFILES];
    mr_buffer_put_varint(profiles, row);
    mr_buffer_put_u8(profiles, parts.head->is_anonymous);
    mr_buffer_put_u8(profiles, parts.head->id_length);
    mr_buffer_put_text(profiles, mr_shard_user_id(shard, row));
    mr_profile_encode(shard->plan, &shard->pool, parts, profiles);

    mr_buffer *histories = &streams[MR_CUT_HISTORY];
    mr_buffer_put_varint(histories, row);
    mr_history_encode(shard->plan, &shard->pool, parts, histories);
    put_derived(shard, row, &streams[MR_CUT_DERIVED]);
    mr_links_encode_noted(shard, row, &streams[MR_CUT_NOTED]);
}

static void put_item_words(const mr_shard *shard, uint32_t item, mr_buffer *entries)
{
    const mr_item_word *words = shard->item_words.items[item];
    bool has_any = false;
    for (int field = 0; field < MR_ITEM_WORD_FIELDS; field++)
        has_any |= words[field].word_plus_one != 0;
    if (!has_any)
        return;
    mr_buffer_put_varint(entries, item);
    for (int field = 0; field < MR_ITEM_WORD_FIELDS; field++) {
        mr_buffer_put_varint(entries, words[field].word_plus_one);
        mr_buffer_put_varint(entries, words[field].time_s);
    }
}

static void put_item_quality(const mr_shard *shard, uint32_t item, mr_buffer *entries)
{
    const mr_quality *quality = &shard->item_quality.items[item];
    if (mr_quality_is_none(quality))
        return;
    mr_buffer_put_varint(entries, item);
    mr_buffer_put_varint(entries, quality->impressions);
    mr_buffer_put_varint(entries, quality->clicks);
    mr_buffer_put_varint(entries, quality->shares);
    mr_buffer_put_varint(entries, quality->reviews);
    mr_buffer_put_varint(entries, quality->ratings);
    mr_buffer_put_varint(entries, quality->rating_centi);
}

void mr_checkpoint_put_trending(const mr_shard *shard, uint32_t item,
                                mr_buffer streams[MR_CUT_STREAMS])
{
    mr_buffer *entries = &streams[MR_CUT_TRENDING];
    const mr_trending_item *trending = mr_trending_item_at(&shard->trending, item);
    put_item_words(shard, item, &streams[MR_CUT_ITEM_WORDS]);
    put_item_quality(shard, item, &streams[MR_CUT_ITEM_QUALITY]);
    if (trending->ever == 0)
        return;
    const mr_hour_count *hours = mr_list_elements(&shard->pool, &trending->hours);
    mr_buffer_put_varint(entries, item);
    mr_buffer_put_varint(entries, trending->ever);
    mr_buffer_put_varint(entries, trending->hours.count);
    uint32_t before = 0;
    for (size_t h = 0; h < trending->hours.count; h++) {
        mr_buffer_put_varint(entries, hours[h].hour - before);
        mr_buffer_put_varint(entries, hours[h].count);
        before = hours[h].hour;
    }
}

static void put_stream(mr_buffer *stream, mr_block_kind kind, mr_buffer *buffer)
{
    buffer->failed |= stream->failed;
    if (stream->length > 0) {
        block_writer writer = open_block(buffer, kind);
        mr_buffer_put(buffer, stream->bytes, stream->length);
        close_block(&writer);
    }
    mr_buffer_clear(stream);
}

void mr_checkpoint_put_streams(mr_buffer streams[MR_CUT_STREAMS], mr_cut_stream first,
                               mr_cut_stream end, size_t enough, mr_buffer *buffer)
{
    static const mr_block_kind kinds[MR_CUT_STREAMS] = {
        [MR_CUT_ITEMS] = MR_BLOCK_ITEMS,
        [MR_CUT_PROFILES] = MR_BLOCK_PROFILES,
        [MR_CUT_HISTORY] = MR_BLOCK_HISTORY,
        [MR_CUT_DERIVED] = MR_BLOCK_DERIVED,
        [MR_CUT_NOTED] = MR_BLOCK_NOTED,
        [MR_CUT_TRENDING] = MR_BLOCK_TRENDING,
        [MR_CUT_ITEM_WORDS] = MR_BLOCK_ITEM_WORDS,
        [MR_CUT_ITEM_QUALITY] = MR_BLOCK_ITEM_QUALITY,
        [MR_CUT_DEDUP] = MR_BLOCK_DEDUP,
    };
    size_t bytes = 0;
    bool failed = false;
    for (size_t i = first; i < end; i++) {
        bytes += streams[i].length;
        failed |= streams[i].failed;
    }
    if (bytes < enough && !failed)
        return;
    for (size_t i = first; i < end; i++)
        put_stream(&streams[i], kinds[i], buffer);
}
