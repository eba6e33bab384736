/*
 * The ids as bytes: at once, as of a cut, and only the fresh ones.
 *
 * An entry in a payload names its bucket by its place in the payload's head, so neither slots
 * nor hash order outlive the process.
 */
#include "features/dedup_private.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

#define BIRTHS_MAX (UINT64_C(1) << 48) /* a birth and a slot fit 64 bits */

enum { HEAD_BYTES = 36, HEAD_BUCKET_BYTES = 21, BORN_AT = 9, ENTRY_BYTES = 10 };

/* -- encode --------------------------------------------------------------------------------- */

/* The buckets that live as of the watermark, and by their slots where they stand. */
static void put_head(const mr_dedup *dedup, int64_t watermark_ms,
                     uint16_t index_of[MR_DEDUP_SLOTS], mr_buffer *buffer)
{
    memset(index_of, 0, MR_DEDUP_SLOTS * sizeof(*index_of));
    const mr_dedup_bucket *buckets[MR_DEDUP_CLASSES];
    size_t counts[MR_DEDUP_CLASSES];
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        counts[span] =
            mr_dedup_buckets(dedup, (mr_dedup_class)span, watermark_ms, &buckets[span]);
    mr_buffer_put_u64(buffer, dedup->births);
    mr_buffer_put_u64(buffer, dedup->forgotten);
    for (int span = 0; span < MR_DEDUP_CLASSES; span++)
        mr_buffer_put_i64(buffer, dedup->lists[span].evicted_end_ms);
    mr_buffer_put_u32(buffer, (uint32_t)(counts[MR_DEDUP_LONG] + counts[MR_DEDUP_SHORT]));
    uint16_t index = 0;
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        for (size_t i = 0; i < counts[span]; i++) {
            const mr_dedup_bucket *bucket = &buckets[span][i];
            mr_buffer_put_u8(buffer, (uint8_t)span);
            mr_buffer_put_i64(buffer, bucket->number);
            mr_buffer_put_u64(buffer, bucket->born);
            mr_buffer_put_u32(buffer, bucket->count);
            index_of[bucket->slot] = ++index;
        }
    }
}

static void put_entry(uint64_t fingerprint, uint16_t index, mr_buffer *buffer)
{
    mr_buffer_put_u64(buffer, fingerprint);
    mr_buffer_put_u16(buffer, (uint16_t)(index - 1));
}

static void put_table(const mr_dedup_table *table, const uint16_t *index_of,
                      mr_buffer *buffer)
{
    for (uint32_t i = 0; i < MR_DEDUP_PLACES; i++) {
        if (table->fingerprints[i] != 0 && index_of[table->slots[i]] != 0)
            put_entry(table->fingerprints[i], index_of[table->slots[i]], buffer);
    }
}

size_t mr_dedup_encode(const mr_dedup *dedup, int64_t watermark_ms, size_t table,
                       size_t bytes, mr_buffer *buffer)
{
    uint16_t index_of[MR_DEDUP_SLOTS];
    const size_t start = buffer->length;
    put_head(dedup, watermark_ms, index_of, buffer);
    while (table < dedup->table_count && buffer->length - start < bytes &&
           !buffer->failed)
        put_table(&dedup->tables[table++], index_of, buffer);
    return table < dedup->table_count && !buffer->failed ? table : 0;
}

/* -- decode --------------------------------------------------------------------------------- */

typedef struct head_bucket {
    mr_dedup_class span;
    int64_t number;
    uint64_t born;
    uint32_t count;
} head_bucket;

/* Long ones first, each class ascending and above its floor. */
static mr_status read_bucket(const mr_dedup *dedup, int64_t watermark_ms,
                             mr_reader *reader, head_bucket *bucket)
{
    const head_bucket before = *bucket;
    const uint8_t span = mr_reader_u8(reader);
    bucket->number = mr_reader_i64(reader);
    bucket->born = mr_reader_u64(reader);
    bucket->count = mr_reader_u32(reader);
    if (reader->failed || span >= MR_DEDUP_CLASSES || bucket->count == 0 ||
        bucket->number < 0 || bucket->born == 0 || bucket->born > dedup->births)
        return MR_ERR_CORRUPT;
    bucket->span = (mr_dedup_class)span;
    const bool follows = before.born == 0 || bucket->span > before.span ||
                         (bucket->span == before.span && bucket->number > before.number);
    return follows && mr_dedup_bucket_end_ms(dedup, bucket->span, bucket->number) >
                          mr_dedup_floor_ms(dedup, bucket->span, watermark_ms)
               ? MR_OK
               : MR_ERR_CORRUPT;
}

/* Make the list's bucket of that number the one the head names. */
static void take_bucket(mr_dedup *dedup, const head_bucket *head)
{
    mr_dedup_list *list = &dedup->lists[head->span];
    const size_t place = mr_dedup_list_place(list, head->number);
    mr_dedup_bucket *bucket = &list->buckets[place];
    const bool is_there = place < list->count && bucket->number == head->number;
    if (!is_there || bucket->born != head->born) {
        if (is_there)
            mr_dedup_list_remove(dedup, list, place, 1);
        bucket = mr_dedup_list_insert(dedup, list, place, head->number, head->born);
    }
    bucket->expected = head->count;
}

/* Forget what the head, now in `expected`, does not name. */
static void drop_unnamed(mr_dedup *dedup)
{
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        mr_dedup_list *list = &dedup->lists[span];
        for (size_t i = list->count; i-- > 0;) {
            if (list->buckets[i].expected == 0)
                mr_dedup_list_remove(dedup, list, i, 1);
        }
    }
}

static mr_status decode_head(mr_dedup *dedup, int64_t watermark_ms, mr_reader *reader)
{
    dedup->births = mr_reader_u64(reader);
    dedup->forgotten = mr_reader_u64(reader);
    bool fits = dedup->births <= BIRTHS_MAX;
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const int64_t end_ms = mr_reader_i64(reader);
        dedup->lists[span].evicted_end_ms = end_ms;
        fits = fits && (end_ms >= 0 || end_ms == MR_TIME_NONE);
    }
    const uint32_t count = mr_reader_u32(reader);
    if (reader->failed || !fits ||
        count > 2 * (MR_DEDUP_CLASS_BUCKETS_MAX + MR_EVENT_LINES_MAX) ||
        count > (reader->length - reader->position) / HEAD_BUCKET_BYTES)
        return MR_ERR_CORRUPT;
    MR_TRY(mr_dedup_reserve(dedup, count));
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        for (size_t i = 0; i < dedup->lists[span].count; i++)
            dedup->lists[span].buckets[i].expected = 0;
    }
    head_bucket bucket = {0};
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        MR_TRY(read_bucket(dedup, watermark_ms, reader, &bucket));
        take_bucket(dedup, &bucket);
        total += bucket.count;
    }
    drop_unnamed(dedup);
    return total <= dedup->spec->entries_max ? MR_OK : MR_ERR_CORRUPT;
}

/* The lists hold just the head's buckets by now, in its order. */
static mr_dedup_bucket *bucket_at(mr_dedup *dedup, size_t index)
{
    mr_dedup_list *lists = dedup->lists;
    return index < lists[MR_DEDUP_LONG].count
               ? &lists[MR_DEDUP_LONG].buckets[index]
               : &lists[MR_DEDUP_SHORT].buckets[index - lists[MR_DEDUP_LONG].count];
}

/* An entry may come twice in the same bucket: a delta repeats what its base has of it. */
static mr_status decode_entry(mr_dedup *dedup, uint64_t fingerprint,
                              mr_dedup_bucket *bucket)
{
    const uint16_t there = mr_dedup_tables_find(dedup, fingerprint);
    if (dedup->is_live[there])
        return there == bucket->slot ? MR_OK : MR_ERR_CORRUPT;
    if (dedup->count == dedup->spec->entries_max)
        return MR_ERR_CORRUPT;
    mr_dedup_tables_put(dedup, fingerprint, bucket->slot);
    bucket->count++;
    dedup->count++;
    return MR_OK;
}

mr_status mr_dedup_decode(mr_dedup *dedup, int64_t watermark_ms, mr_reader *reader)
{
    MR_TRY(decode_head(dedup, watermark_ms, reader));
    const size_t buckets =
        dedup->lists[MR_DEDUP_LONG].count + dedup->lists[MR_DEDUP_SHORT].count;
    const size_t entries = (reader->length - reader->position) / ENTRY_BYTES;
    if (reader->position + entries * ENTRY_BYTES != reader->length)
        return MR_ERR_CORRUPT;
    for (size_t i = 0; i < entries; i++) {
        const uint64_t fingerprint = mr_reader_u64(reader);
        const uint16_t index = mr_reader_u16(reader);
        if (fingerprint == 0 || index >= buckets)
            return MR_ERR_CORRUPT;
        if (i % MR_DEDUP_SPLIT_AT == 0)
            MR_TRY(mr_dedup_tables_reserve(dedup, MR_DEDUP_SPLIT_AT));
        MR_TRY(decode_entry(dedup, fingerprint, bucket_at(dedup, index)));
    }
    return MR_OK;
}

mr_status mr_dedup_decode_end(const mr_dedup *dedup)
{
    for (int span = 0; span < MR_DEDUP_CLASSES; span++) {
        const mr_dedup_list *list = &dedup->lists[span];
        for (size_t i = 0; i < list->count; i++) {
            if (list->buckets[i].count != list->buckets[i].expected)
                return MR_ERR_CORRUPT;
        }
    }
    return MR_OK;
}

/* -- cut ------------------------------------------------------------------------------------ */

void mr_dedup_cut_begin(mr_dedup *dedup, int64_t watermark_ms, bool of_tables)
{
    mr_dedup_cut *cut = &dedup->cut;
    MR_ASSERT(!cut->is_open);
    cut->is_open = true;
    cut->number++;
    cut->tables = of_tables ? dedup->table_count : 0;
    cut->next = 0;
    mr_buffer_clear(&cut->early);
    mr_buffer_clear(&cut->head);
    put_head(dedup, watermark_ms, cut->index_of, &cut->head);
}

static void append(const mr_buffer *from, mr_buffer *to)
{
    if (from->failed)
        to->failed = true;
    else if (from->length > 0)
        mr_buffer_put(to, from->bytes, from->length);
}

void mr_dedup_cut_head(const mr_dedup *dedup, mr_buffer *buffer)
{
    MR_ASSERT(dedup->cut.is_open);
    append(&dedup->cut.head, buffer);
}

void mr_dedup_cut_save(mr_dedup *dedup, mr_dedup_table *table)
{
    mr_dedup_cut *cut = &dedup->cut;
    if (!cut->is_open || table->cut == cut->number ||
        (size_t)(table - dedup->tables) >= cut->tables)
        return;
    table->cut = cut->number;
    put_table(table, cut->index_of, &cut->early);
}

bool mr_dedup_cut_step(mr_dedup *dedup, size_t entries, mr_buffer *buffer)
{
    mr_dedup_cut *cut = &dedup->cut;
    MR_ASSERT(cut->is_open);
    const size_t enough = buffer->length + entries * ENTRY_BYTES;
    append(&cut->early, buffer);
    mr_buffer_clear(&cut->early);
    while (cut->next < cut->tables && !buffer->failed) {
        mr_dedup_table *table = &dedup->tables[cut->next++];
        if (table->cut != cut->number) {
            table->cut = cut->number;
            put_table(table, cut->index_of, buffer);
        }
        if (buffer->length >= enough)
            break;
    }
    return cut->next == cut->tables;
}

void mr_dedup_cut_end(mr_dedup *dedup)
{
    dedup->cut.is_open = false;
    mr_buffer_deinit(&dedup->cut.early);
}

void mr_dedup_cut_deinit(mr_dedup *dedup)
{
    mr_buffer_deinit(&dedup->cut.head);
    mr_buffer_deinit(&dedup->cut.early);
    for (size_t i = 0; i < dedup->fresh.chunk_count; i++)
        free(dedup->fresh.chunks[i]);
}

/* -- fresh ---------------------------------------------------------------------------------- */

static mr_dedup_fresh_entry *fresh_at(const mr_dedup_fresh *fresh, size_t index)
{
    const size_t at = fresh->first + index;
    return &fresh->chunks[at / MR_DEDUP_FRESH_CHUNK][at % MR_DEDUP_FRESH_CHUNK];
}

mr_status mr_dedup_fresh_reserve(mr_dedup *dedup, size_t ids)
{
    mr_dedup_fresh *fresh = &dedup->fresh;
    if (!fresh->is_kept || fresh->is_lost)
        return MR_OK;
    const size_t room = MR_DEDUP_FRESH_MAX - fresh->count;
    const size_t end = fresh->first + fresh->count + (ids < room ? ids : room);
    while (fresh->chunk_count * MR_DEDUP_FRESH_CHUNK < end) {
        mr_dedup_fresh_entry *chunk = malloc(MR_DEDUP_FRESH_CHUNK * sizeof(*chunk));
        if (chunk == NULL)
            return MR_ERR_NO_MEMORY;
        fresh->chunks[fresh->chunk_count++] = chunk;
    }
    return MR_OK;
}

void mr_dedup_fresh_put(mr_dedup *dedup, uint64_t fingerprint,
                        const mr_dedup_bucket *bucket)
{
    mr_dedup_fresh *fresh = &dedup->fresh;
    if (!fresh->is_kept || fresh->is_lost)
        return;
    if (fresh->count == MR_DEDUP_FRESH_MAX) {
        fresh->is_lost = true;
        return;
    }
    *fresh_at(fresh, fresh->count++) = (mr_dedup_fresh_entry){
        .fingerprint = fingerprint, .bucket = bucket->born << 16 | bucket->slot};
}

bool mr_dedup_fresh_count(const mr_dedup *dedup, size_t *ret_count)
{
    if (!dedup->fresh.is_kept || dedup->fresh.is_lost)
        return false;
    *ret_count = dedup->fresh.count;
    return true;
}

/* The birth of the head's bucket number `index`, from 1. */
static uint64_t birth_in_head(const mr_dedup_cut *cut, uint16_t index)
{
    mr_reader reader = mr_reader_of(cut->head.bytes, cut->head.length);
    reader.position = HEAD_BYTES + (size_t)(index - 1) * HEAD_BUCKET_BYTES + BORN_AT;
    return mr_reader_u64(&reader);
}

void mr_dedup_fresh_encode(const mr_dedup *dedup, size_t first, size_t count,
                           mr_buffer *buffer)
{
    const mr_dedup_cut *cut = &dedup->cut;
    MR_ASSERT(cut->is_open);
    MR_ASSERT(first + count <= dedup->fresh.count);
    if (cut->head.failed) {
        buffer->failed = true;
        return;
    }
    for (size_t i = first; i < first + count; i++) {
        const mr_dedup_fresh_entry *entry = fresh_at(&dedup->fresh, i);
        const uint16_t index = cut->index_of[entry->bucket & UINT16_MAX];
        if (index != 0 && birth_in_head(cut, index) == entry->bucket >> 16)
            put_entry(entry->fingerprint, index, buffer);
    }
}

void mr_dedup_fresh_forget(mr_dedup *dedup, size_t count)
{
    mr_dedup_fresh *fresh = &dedup->fresh;
    MR_ASSERT(count <= fresh->count);
    fresh->first += count;
    fresh->count -= count;
    const size_t free_chunks = fresh->first / MR_DEDUP_FRESH_CHUNK;
    if (free_chunks == 0)
        return;
    fresh->first %= MR_DEDUP_FRESH_CHUNK;
    /* What was read goes to the end, to be filled again. */
    mr_dedup_fresh_entry *read[MR_DEDUP_FRESH_CHUNKS];
    const size_t rest = fresh->chunk_count - free_chunks;
    memcpy(read, fresh->chunks, free_chunks * sizeof(*read));
    memmove(fresh->chunks, fresh->chunks + free_chunks, rest * sizeof(*read));
    memcpy(fresh->chunks + rest, read, free_chunks * sizeof(*read));
}

void mr_dedup_fresh_restart(mr_dedup *dedup)
{
    dedup->fresh.is_kept = true;
    dedup->fresh.is_lost = false;
    dedup->fresh.first = 0;
    dedup->fresh.count = 0;
}
