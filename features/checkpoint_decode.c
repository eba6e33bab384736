/*
 * A base or a delta into a shard.
 *
 * Sums keep damage out; the bounds here keep out what a correct sum cannot: a file written by
 * another program, or by one with a bug.  The shard that comes back passes mr_shard_check().
 */
#include "features/checkpoint_decode.h"

#include "features/aggregate.h"
#include "features/checkpoint_reader.h"
#include "features/profile_merge.h"
#include "features/words.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROW_BYTES_MIN = 8, /* no profile and history are encoded shorter */
    PREFETCH_ROWS = 8,
};

typedef struct fresh_row {
    mr_hash128 hash;
    uint32_t row;
} fresh_row;

typedef struct decoder {
    mr_shard *shard;
    const mr_checkpoint_header *header;
    mr_checkpoint_reader *reader;
    uint32_t last_kind;
    uint32_t rows_before; /* of the files before it */
    uint32_t profiles;    /* in this file           */
    uint32_t histories;
    uint32_t trending_items;
    uint32_t words;        /* in this file */
    uint64_t *has_profile; /* a bit a row */
    uint64_t *has_history;
    fresh_row *fresh; /* of the block at hand, not in the index yet */
    size_t fresh_count;
    size_t fresh_capacity;
    bool has_dedup;
    bool has_links;
    uint64_t segments_hash; /* of the segments that others were told of; 0: none */
    uint64_t events;        /* sum over all profiles */
} decoder;

static mr_status decode_items(decoder *decoder_, mr_reader *reader)
{
    mr_id_table *items = decoder_->shard->names.items;
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

/* A delta's begin with those of the files before it. */
static mr_status decode_words(decoder *decoder_, mr_reader *reader)
{
    while (reader->position < reader->length) {
        const mr_text word = mr_reader_text(reader, mr_reader_u8(reader));
        uint32_t number;
        if (reader->failed || word.length == 0 || word.length > MR_EVENT_ID_BYTES_MAX)
            return MR_ERR_CORRUPT;
        const mr_status status =
            mr_words_put(decoder_->shard->names.words, word, &number);
        if (status == MR_ERR_NO_MEMORY)
            return status;
        if (status != MR_OK || number != decoder_->words++)
            return MR_ERR_CORRUPT;
    }
    return MR_OK;
}

/* Whether the bit was clear. */
static bool set_bit(uint64_t *bits, uint32_t index)
{
    const uint64_t bit = UINT64_C(1) << (index % 64);
    const bool was_clear = (bits[index / 64] & bit) == 0;
    bits[index / 64] |= bit;
    return was_clear;
}

static bool has_bit(const uint64_t *bits, uint32_t index)
{
    return (bits[index / 64] >> (index % 64) & 1) != 0;
}

/* In format 1 the n-th entry is row n; since then the entry says so. */
static mr_status row_of(const decoder *decoder_, uint32_t position, mr_reader *reader,
                        uint32_t *ret_row)
{
    const uint64_t row =
        decoder_->header->version == 1 ? position : mr_reader_varint(reader);
    *ret_row = (uint32_t)row;
    return !reader->failed && row < decoder_->shard->store.row_count ? MR_OK
                                                                     : MR_ERR_CORRUPT;
}

static mr_status place_row(decoder *decoder_, uint32_t row, mr_text id, bool is_anonymous)
{
    mr_shard *shard = decoder_->shard;
    if (decoder_->fresh_count == decoder_->fresh_capacity) {
        const size_t capacity =
            decoder_->fresh_capacity == 0 ? 4096 : 2 * decoder_->fresh_capacity;
        fresh_row *fresh = realloc(decoder_->fresh, capacity * sizeof(*fresh));
        if (fresh == NULL)
            return MR_ERR_NO_MEMORY;
        decoder_->fresh = fresh;
        decoder_->fresh_capacity = capacity;
    }
    const mr_hash128 hash = mr_hash_user(&shard->key, id);
    mr_profile_store_place(&shard->store, row, id, is_anonymous);
    decoder_->fresh[decoder_->fresh_count++] = (fresh_row){.hash = hash, .row = row};
    return MR_OK;
}

/* To be filled anew; the id stays. */
static void empty_row(mr_shard *shard, mr_row row)
{
    mr_profile_free_blocks(shard->plan, &shard->pool, row);
    mr_links_forget_noted(&shard->pool, row);
    memset(row.body, 0, shard->plan->body_bytes);
    mr_row_set_derived(row, (mr_row_derived){0});
}

/* A row that this file is the first to have is placed; one that an earlier file had is emptied,
 * and must be of the same id. */
static mr_status start_row(decoder *decoder_, uint32_t row, mr_text id, bool is_anonymous)
{
    mr_shard *shard = decoder_->shard;
    const mr_row parts = mr_shard_row(shard, row);
    MR_TRY(mr_block_pool_reserve(&shard->pool, shard->plan->growth_bytes));
    if (row >= decoder_->rows_before)
        return place_row(decoder_, row, id, is_anonymous);
    if (parts.head->is_anonymous != is_anonymous ||
        !mr_text_equal(mr_shard_user_id(shard, row), id))
        return MR_ERR_CORRUPT;
    decoder_->events -= parts.head->events;
    shard->live_count -= !mr_row_is_empty(parts);
    empty_row(shard, parts);
    return MR_OK;
}

/* The new rows of a block into the index, their slots fetched ahead. */
static mr_status index_fresh(decoder *decoder_)
{
    mr_profile_store *store = &decoder_->shard->store;
    for (size_t i = 0; i < decoder_->fresh_count; i++) {
        if (i + PREFETCH_ROWS < decoder_->fresh_count)
            mr_profile_store_prefetch_slot(store,
                                           decoder_->fresh[i + PREFETCH_ROWS].hash);
        if (!mr_profile_store_index(store, decoder_->fresh[i].row,
                                    decoder_->fresh[i].hash))
            return MR_ERR_CORRUPT; /* the same id twice */
    }
    decoder_->fresh_count = 0;
    return MR_OK;
}

static mr_status decode_profile(decoder *decoder_, mr_reader *reader)
{
    mr_shard *shard = decoder_->shard;
    uint32_t row;
    MR_TRY(row_of(decoder_, decoder_->profiles, reader, &row));
    const uint8_t is_anonymous = mr_reader_u8(reader);
    const mr_text id = mr_reader_text(reader, mr_reader_u8(reader));
    if (reader->failed || is_anonymous > 1 || id.length == 0 ||
        id.length > MR_EVENT_ID_BYTES_MAX || !set_bit(decoder_->has_profile, row))
        return MR_ERR_CORRUPT;
    MR_TRY(start_row(decoder_, row, id, is_anonymous == 1));
    decoder_->profiles++;
    const mr_row parts = mr_shard_row(shard, row);
    MR_TRY(mr_profile_decode(shard->plan, &shard->pool, &shard->names, parts, reader));
    decoder_->events += parts.head->events;
    shard->live_count += !mr_row_is_empty(parts);
    return MR_OK;
}

static mr_status decode_profiles(decoder *decoder_, mr_reader *reader)
{
    while (reader->position < reader->length)
        MR_TRY(decode_profile(decoder_, reader));
    return index_fresh(decoder_);
}

static mr_status decode_histories(decoder *decoder_, mr_reader *reader)
{
    mr_shard *shard = decoder_->shard;
    while (reader->position < reader->length) {
        uint32_t row;
        MR_TRY(row_of(decoder_, decoder_->histories, reader, &row));
        if (!has_bit(decoder_->has_profile, row) || !set_bit(decoder_->has_history, row))
            return MR_ERR_CORRUPT;
        decoder_->histories++;
        MR_TRY(mr_block_pool_reserve(&shard->pool, shard->plan->growth_bytes));
        MR_TRY(mr_history_decode(shard->plan, &shard->pool, shard->names.items,
                                 mr_shard_row(shard, row), reader));
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
    const uint32_t items = mr_id_table_count(shard->names.items);
    MR_TRY(mr_trending_reserve(&shard->trending, items));
    while (reader->position < reader->length) {
        const uint64_t index = decoder_->header->version == 1 ? decoder_->trending_items
                                                              : mr_reader_varint(reader);
        const uint64_t ever = mr_reader_varint(reader);
        const uint64_t count = mr_reader_varint(reader);
        if (reader->failed || count > MR_TRENDING_HOURS || index >= items)
            return MR_ERR_CORRUPT;
        decoder_->trending_items++;
        mr_trending_item *item = mr_trending_item_at(&shard->trending, (uint32_t)index);
        mr_block_pool_free(&shard->pool, item->hours.block, item->hours.size_class);
        *item = (mr_trending_item){.ever = ever};
        MR_TRY(mr_block_pool_reserve(&shard->pool, MR_BLOCK_BYTES_MAX));
        MR_TRY(decode_hours(&shard->pool, item, count, reader));
    }
    return MR_OK;
}

static mr_status decode_item_words(decoder *decoder_, mr_reader *reader)
{
    mr_shard *shard = decoder_->shard;
    const uint32_t items = mr_id_table_count(shard->names.items);
    MR_TRY(mr_item_words_reserve(&shard->item_words, items));
    while (reader->position < reader->length) {
        const uint64_t item = mr_reader_varint(reader);
        for (int field = 0; field < MR_ITEM_WORD_FIELDS; field++) {
            const uint64_t word = mr_reader_varint(reader);
            const uint64_t time_s = mr_reader_varint(reader);
            if (reader->failed || item >= items || time_s > UINT32_MAX ||
                word > mr_id_table_count(shard->names.words))
                return MR_ERR_CORRUPT;
            mr_item_words_put(&shard->item_words, (uint32_t)item, field,
                              (mr_item_word){(uint32_t)time_s, (uint32_t)word});
        }
    }
    return MR_OK;
}

static mr_status decode_item_quality(decoder *decoder_, mr_reader *reader)
{
    mr_shard *shard = decoder_->shard;
    const uint32_t items = mr_id_table_count(shard->names.items);
    MR_TRY(mr_item_quality_reserve(&shard->item_quality, items));
    while (reader->position < reader->length) {
        const uint64_t item = mr_reader_varint(reader);
        uint64_t counts[5];
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
            counts[i] = mr_reader_varint(reader);
            if (counts[i] > UINT32_MAX)
                return MR_ERR_CORRUPT;
        }
        const uint64_t rating_centi = mr_reader_varint(reader);
        if (reader->failed || item >= items)
            return MR_ERR_CORRUPT;
        shard->item_quality.items[item] =
            (mr_quality){(uint32_t)counts[0], (uint32_t)counts[1], (uint32_t)counts[2],
                         (uint32_t)counts[3], (uint32_t)counts[4], rating_centi};
    }
    return MR_OK;
}

static mr_status decode_tally(mr_tally *tally, mr_reader *reader)
{
    while (reader->position < reader->length) {
        mr_tally_row row = {0};
        for (size_t k = 0; k < MR_TALLY_KEYS; k++) {
            const uint64_t key = mr_reader_varint(reader);
            if (key > UINT32_MAX)
                return MR_ERR_CORRUPT;
            row.key[k] = (uint32_t)key;
        }
        for (size_t v = 0; v < MR_TALLY_VALUES; v++)
            row.values[v] = mr_get_signed(reader);
        MR_TRY(mr_reader_status(reader));
        MR_TRY(mr_tally_reserve(tally, 1));
        mr_tally_set(tally, &row);
    }
    return MR_OK;
}

/* Of those the hour or a word that there is. */
static mr_status decode_sales(decoder *decoder_, mr_reader *reader)
{
    mr_tally *sales = &decoder_->shard->sales;
    const uint32_t words = mr_id_table_count(decoder_->shard->names.words);
    MR_TRY(decode_tally(sales, reader));
    for (size_t i = 0; i < sales->count; i++) {
        const uint32_t by = sales->rows[i].key[MR_SALES_BY];
        const uint32_t what = sales->rows[i].key[MR_SALES_WHAT];
        if (by >= MR_SALES_BYS || what > (by == MR_SALES_BY_HOUR ? 23 : words))
            return MR_ERR_CORRUPT;
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
        const uint32_t since_s = mr_reader_u32(reader);
        const uint32_t permille = mr_reader_u16(reader);
        const uint32_t tier = mr_reader_u8(reader);
        const uint32_t told = decoder_->header->version > 2 ? mr_reader_u32(reader) : 0;
        const uint64_t told_segments =
            decoder_->header->version > 3 ? mr_reader_u64(reader) : 0;
        if (reader->failed || row >= decoder_->shard->store.row_count ||
            permille > 1000 || tier > 3 || told > MR_TOLD_MAX ||
            told_segments > MR_TOLD_SEGMENTS_MAX || !has_bit(decoder_->has_profile, row))
            return MR_ERR_CORRUPT;
        mr_row_set_derived(mr_shard_row(decoder_->shard, row),
                           (mr_row_derived){since_s, (uint16_t)permille, (uint8_t)tier,
                                            (uint16_t)told, told_segments});
    }
    return MR_OK;
}

/* What others were told of segments that the plan has no more, or has elsewhere, is forgotten at the
 * end of the file. */
static mr_status decode_told_by(decoder *decoder_, mr_reader *reader)
{
    mr_quintiles *quintiles = &decoder_->shard->told_by;
    decoder_->segments_hash = mr_reader_u64(reader);
    quintiles->customers = mr_reader_u64(reader);
    quintiles->at_ms = mr_reader_i64(reader);
    quintiles->version = mr_reader_u64(reader);
    for (size_t v = 0; v < MR_RFM_VALUES; v++)
        for (size_t k = 0; k < MR_QUINTILE_THRESHOLDS; k++)
            quintiles->thresholds[v][k] = mr_reader_i64(reader);
    return !reader->failed && reader->position == reader->length ? MR_OK : MR_ERR_CORRUPT;
}

static void forget_other_segments(const decoder *decoder_)
{
    mr_shard *shard = decoder_->shard;
    if (decoder_->segments_hash == 0 ||
        decoder_->segments_hash == mr_plan_segments_hash(shard->plan))
        return;
    shard->told_by = (mr_quintiles){.customers = 0};
    for (uint32_t row = 0; row < shard->store.row_count; row++)
        mr_shard_row(shard, row).side->told_segments = 0;
}

static mr_status decode_dedup(decoder *decoder_, mr_reader *reader)
{
    const int64_t clock_ms = decoder_->header->clock_ms;
    decoder_->has_dedup = true;
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
    while (reader->position < reader->length) {
        mr_reader ahead = *reader;
        const uint32_t row = mr_reader_u32(&ahead);
        if (ahead.failed || row >= decoder_->shard->store.row_count ||
            !has_bit(decoder_->has_profile, row))
            return MR_ERR_CORRUPT;
        MR_TRY(mr_links_decode_noted(decoder_->shard, reader));
    }
    return MR_OK;
}

/* The plan the file was written with, whose hash is in its header, and the plans before it. */
static mr_status decode_plan(decoder *decoder_, mr_reader *reader)
{
    const mr_text text = mr_reader_text(reader, mr_reader_u32(reader));
    MR_TRY(mr_reader_status(reader));
    if (decoder_->last_kind != 0 ||
        mr_hash_bytes(text.bytes, text.length) != decoder_->header->plan_hash)
        return MR_ERR_CORRUPT;
    MR_TRY(mr_plan_past_decode(decoder_->shard->plan, &decoder_->shard->past, reader));
    return reader->position == reader->length ? MR_OK : MR_ERR_CORRUPT;
}

static mr_status decode_payload(decoder *decoder_, uint32_t kind, mr_reader *reader)
{
    const bool is_format_1 = decoder_->header->version == 1;
    if (is_format_1 ? kind < decoder_->last_kind || kind > MR_BLOCK_DEDUP
                    : decoder_->last_kind == 0 && kind != MR_BLOCK_PLAN)
        return MR_ERR_CORRUPT;
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
    case MR_BLOCK_PLAN: return decode_plan(decoder_, reader);
    case MR_BLOCK_WORDS: return decode_words(decoder_, reader);
    case MR_BLOCK_ITEM_WORDS: return decode_item_words(decoder_, reader);
    case MR_BLOCK_ITEM_QUALITY: return decode_item_quality(decoder_, reader);
    case MR_BLOCK_EXPOSURES: return decode_tally(&decoder_->shard->exposures, reader);
    case MR_BLOCK_TOLD_BY: return decode_told_by(decoder_, reader);
    case MR_BLOCK_SALES: return decode_sales(decoder_, reader);
    default: return MR_ERR_CORRUPT; /* the reserved kinds among them */
    }
}

static mr_status decode_blocks(decoder *decoder_)
{
    for (;;) {
        uint32_t kind;
        mr_reader payload;
        MR_TRY(mr_checkpoint_reader_next(decoder_->reader, &kind, &payload));
        if (kind == MR_BLOCK_END)
            return decoder_->last_kind != 0 ? MR_OK : MR_ERR_CORRUPT;
        MR_TRY(decode_payload(decoder_, kind, &payload));
        decoder_->last_kind = kind;
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

/* A base has every row; a delta those it changed and those it made. */
static bool is_complete(const decoder *decoder_)
{
    const mr_checkpoint_header *header = decoder_->header;
    const mr_link_counters *links = &decoder_->shard->links.counters;
    uint32_t made = 0;
    for (uint32_t row = decoder_->rows_before; row < header->users; row++)
        made += has_bit(decoder_->has_profile, row);
    return made == header->users - decoder_->rows_before &&
           decoder_->histories == decoder_->profiles &&
           mr_id_table_count(decoder_->shard->names.items) == header->items &&
           (header->version > 1 ? decoder_->has_dedup && decoder_->has_links
                                : decoder_->trending_items == header->items) &&
           decoder_->events == header->counters.lines_applied - links->lines_moved_out +
                                   links->lines_moved_in &&
           counters_agree(header);
}

/* What the header says of the whole. */
static mr_status finish_file(decoder *decoder_)
{
    mr_shard *shard = decoder_->shard;
    const mr_checkpoint_header *header = decoder_->header;
    if (!is_complete(decoder_))
        return MR_ERR_CORRUPT;
    MR_TRY(mr_dedup_decode_end(shard->dedup));
    shard->counters = header->counters;
    shard->next_offset = header->next_offset;
    shard->newest_ms = header->newest_ms;
    shard->clock_ms = header->clock_ms;
    shard->day = header->day;
    shard->commerce.totals.customers = header->customers;
    shard->outbox.last_sequence = header->outbox_sequence;
    mr_shard_set_dialect(shard, header->dialect, header->dialect_profile);
    forget_other_segments(decoder_);
    return MR_OK;
}

/* Rows and bits for all the file says it has: so many only as its bytes can hold. */
static mr_status start_file(decoder *decoder_)
{
    mr_shard *shard = decoder_->shard;
    const uint32_t users = decoder_->header->users;
    decoder_->rows_before = shard->store.row_count;
    if (users < decoder_->rows_before ||
        users - decoder_->rows_before >
            mr_checkpoint_reader_raw_bytes(decoder_->reader) / ROW_BYTES_MIN ||
        decoder_->header->next_offset < shard->next_offset)
        return MR_ERR_CORRUPT;
    MR_TRY(mr_profile_store_extend(&shard->store, users - decoder_->rows_before));
    const size_t words = (size_t)users / 64 + 1;
    decoder_->has_profile = calloc(words, sizeof(uint64_t));
    decoder_->has_history = calloc(words, sizeof(uint64_t));
    if (decoder_->has_profile == NULL || decoder_->has_history == NULL)
        return MR_ERR_NO_MEMORY;
    mr_commerce_deinit(&shard->commerce);
    mr_commerce_init(&shard->commerce);
    mr_outbox_deinit(&shard->outbox);
    mr_shard_links_acknowledge(shard, UINT64_MAX); /* their blocks are the pool's */
    mr_links_deinit(&shard->links);
    return MR_OK;
}

mr_status mr_checkpoint_decode_file(mr_shard *shard, const mr_checkpoint_header *header,
                                    const mr_checkpoint_file *file, uint64_t *events,
                                    uint32_t *ret_position)
{
    decoder decoder_ = {.shard = shard, .header = header, .events = *events};
    *ret_position = 0;
    MR_TRY(mr_checkpoint_reader_open(file->data, file->bytes, header, &decoder_.reader));
    mr_status status = start_file(&decoder_);
    if (status == MR_OK)
        status = decode_blocks(&decoder_);
    if (status == MR_OK)
        status = finish_file(&decoder_);
    *ret_position = mr_checkpoint_reader_position(decoder_.reader);
    mr_checkpoint_reader_close(decoder_.reader);
    free(decoder_.has_profile);
    free(decoder_.has_history);
    free(decoder_.fresh);
    *events = decoder_.events;
    return status;
}
