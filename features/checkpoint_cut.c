#include "features/checkpoint_cut.h"

#include "core/assert.h"
#include "features/checkpoint_blocks.h"

#include <stdlib.h>
#include <string.h>

enum {
    LIST_ENTRIES_MIN = 4096,
    PREFETCH_ROWS = 8,
};

/* -- what changed --------------------------------------------------------------------------- */

void mr_cut_init(mr_cut *ret_cut)
{
    *ret_cut = (mr_cut){.mark = 1};
    ret_cut->rows.is_cut_off = true; /* until a first base has been begun */
    ret_cut->trending.is_cut_off = true;
}

void mr_cut_deinit(mr_cut *cut)
{
    free(cut->rows.indices);
    free(cut->trending.indices);
    free(cut->cut_rows.indices);
    free(cut->cut_trending.indices);
    for (size_t i = 0; i < MR_CUT_STREAMS; i++)
        mr_buffer_deinit(&cut->streams[i]);
    mr_buffer_deinit(&cut->held);
    *cut = (mr_cut){0};
}

size_t mr_cut_bytes(const mr_cut *cut)
{
    return (cut->rows.capacity + cut->trending.capacity + cut->cut_rows.capacity +
            cut->cut_trending.capacity) *
           sizeof(uint32_t);
}

/* Once more than half of all have changed, a base is no dearer than a delta. */
static void note_change(mr_change_list *list, uint32_t index, size_t all)
{
    if (list->is_cut_off)
        return;
    if (list->count == list->capacity) {
        const size_t capacity =
            list->capacity == 0 ? LIST_ENTRIES_MIN : 2 * list->capacity;
        uint32_t *indices = list->count < LIST_ENTRIES_MIN || list->count < all / 2
                                ? realloc(list->indices, capacity * sizeof(*indices))
                                : NULL;
        if (indices == NULL) {
            list->is_cut_off = true;
            return;
        }
        list->indices = indices;
        list->capacity = capacity;
    }
    list->indices[list->count++] = index;
}

/* Whether something that carries `mark`, not the present one, is still to be copied.  Of a base
 * all from the cursor to the end are; of a delta those that carry the older value. */
static bool waits(const mr_cut *cut, mr_cut_phase phase, uint32_t index, uint32_t end,
                  uint8_t mark)
{
    if (cut->phase == MR_CUT_PHASE_NONE || cut->phase > phase)
        return false;
    if (!cut->is_base)
        return mark != 0;
    return index < end && (cut->phase < phase || index >= cut->cursor);
}

void mr_cut_touch_row(mr_shard *shard, uint32_t row)
{
    mr_cut *cut = &shard->cut;
    mr_row_head *head = mr_shard_row(shard, row).head;
    if (waits(cut, MR_CUT_PHASE_ROWS, row, cut->row_end, head->cut_mark))
        mr_checkpoint_put_row(shard, row, cut->streams);
    head->cut_mark = cut->mark;
    note_change(&cut->rows, row, shard->store.row_count);
}

void mr_cut_touch_item(mr_shard *shard, uint32_t item)
{
    mr_cut *cut = &shard->cut;
    mr_trending_item *entry = mr_trending_item_at(&shard->trending, item);
    if (waits(cut, MR_CUT_PHASE_TRENDING, item, cut->item_end, entry->cut_mark))
        mr_checkpoint_put_trending(shard, item, cut->streams);
    entry->cut_mark = cut->mark;
    note_change(&cut->trending, item, mr_id_table_count(shard->names.items));
}

/* -- a cut ---------------------------------------------------------------------------------- */

static bool needs_base(const mr_shard *shard, uint64_t epoch)
{
    const mr_cut *cut = &shard->cut;
    size_t fresh;
    return !mr_dedup_fresh_count(shard->dedup, &fresh) || cut->rows.is_cut_off ||
           cut->trending.is_cut_off || cut->epoch != epoch ||
           cut->segments == MR_CHECKPOINT_SEGMENTS_MAX ||
           cut->segment_bytes > cut->base_bytes / 2;
}

static void start_list(mr_change_list *list, mr_change_list *of_cut)
{
    const mr_change_list empty = {.indices = of_cut->indices,
                                  .capacity = of_cut->capacity};
    *of_cut = *list;
    *list = empty;
}

/* A base has the sub-tables, a delta the ids put since the base before it. */
static void begin_ids(mr_shard *shard)
{
    mr_cut *cut = &shard->cut;
    mr_dedup_cut_begin(shard->dedup, mr_shard_watermark_ms(shard), cut->is_base);
    cut->fresh_end = 0;
    if (cut->is_base)
        mr_dedup_fresh_restart(shard->dedup);
    else
        MR_ASSERT(mr_dedup_fresh_count(shard->dedup, &cut->fresh_end));
}

/* Room for a base at once, so that it does not move while it grows; touched only as it fills. */
static void start_buffer(const mr_shard *shard, mr_buffer *buffer)
{
    mr_buffer_clear(buffer);
    if (shard->cut.is_base)
        (void)mr_buffer_extend(buffer, mr_shard_bytes(shard) / 2);
    mr_buffer_clear(buffer);
}

void mr_checkpoint_cut_begin(mr_shard *shard, uint64_t epoch, uint64_t generation,
                             mr_buffer *buffer)
{
    mr_cut *cut = &shard->cut;
    MR_ASSERT(cut->phase == MR_CUT_PHASE_NONE);
    mr_shard_check_counters(shard);
    cut->is_base = needs_base(shard, epoch);
    cut->epoch = epoch;
    cut->cut_generation = generation;
    start_list(&cut->rows, &cut->cut_rows);
    start_list(&cut->trending, &cut->cut_trending);
    cut->mark = cut->mark == 1 ? 2 : 1;
    cut->row_end = shard->store.row_count;
    cut->item_end = mr_id_table_count(shard->names.items);
    cut->cursor = cut->is_base ? 0 : cut->items;
    cut->phase = MR_CUT_PHASE_ITEMS;
    cut->out = buffer;
    begin_ids(shard);

    mr_checkpoint_place place = {.epoch = epoch, .generation = generation};
    place.base_generation = cut->is_base ? generation : cut->base_generation;
    place.previous_generation = cut->is_base ? generation : cut->generation;
    place.segment = cut->is_base ? 0 : cut->segments + 1;
    start_buffer(shard, buffer);
    mr_checkpoint_put_start(shard, &place, buffer);
    mr_tally_forget_changes(&shard->exposures);
    mr_tally_forget_changes(&shard->sales);
    cut->start_bytes = buffer->length;
    mr_buffer_clear(&cut->held);
    mr_checkpoint_put_links(shard, &cut->held);
}

static void next_phase(mr_cut *cut)
{
    cut->phase++;
    cut->cursor = 0;
}

/* The next number of a base, or of a delta's list.  `end` where there are no more. */
static uint32_t index_at(const mr_cut *cut, const mr_change_list *list)
{
    return cut->is_base ? (uint32_t)cut->cursor : list->indices[cut->cursor];
}

static size_t copy_items(mr_shard *shard, size_t entries)
{
    mr_cut *cut = &shard->cut;
    size_t done = 0;
    for (; done < entries && cut->cursor < cut->item_end; done++)
        mr_checkpoint_put_item(shard, (uint32_t)cut->cursor++,
                               &cut->streams[MR_CUT_ITEMS]);
    if (cut->cursor == cut->item_end)
        next_phase(cut);
    return done;
}

/* Rows lie side by side, what hangs on them does not. */
static void prefetch_row(const mr_shard *shard, size_t end)
{
    const mr_cut *cut = &shard->cut;
    const size_t ahead = cut->cursor + PREFETCH_ROWS;
    if (ahead < end)
        mr_profile_store_prefetch_whole(
            &shard->store, cut->is_base ? (uint32_t)ahead : cut->cut_rows.indices[ahead]);
}

static size_t copy_rows(mr_shard *shard, size_t entries)
{
    mr_cut *cut = &shard->cut;
    const size_t end = cut->is_base ? cut->row_end : cut->cut_rows.count;
    size_t done = 0;
    for (; done < entries && cut->cursor < end; done++) {
        prefetch_row(shard, end);
        const uint32_t row = index_at(cut, &cut->cut_rows);
        mr_row_head *head = mr_shard_row(shard, row).head;
        cut->cursor++;
        if (head->cut_mark == cut->mark)
            continue; /* changed since, and copied before it did */
        mr_checkpoint_put_row(shard, row, cut->streams);
        head->cut_mark = 0;
    }
    if (cut->cursor == end)
        next_phase(cut);
    return done;
}

static size_t copy_trending(mr_shard *shard, size_t entries)
{
    mr_cut *cut = &shard->cut;
    const size_t end = cut->is_base ? cut->item_end : cut->cut_trending.count;
    size_t done = 0;
    for (; done < entries && cut->cursor < end; done++) {
        const uint32_t item = index_at(cut, &cut->cut_trending);
        mr_trending_item *entry = mr_trending_item_at(&shard->trending, item);
        cut->cursor++;
        if (entry->cut_mark == cut->mark)
            continue;
        mr_checkpoint_put_trending(shard, item, cut->streams);
        entry->cut_mark = 0;
    }
    if (cut->cursor == end)
        next_phase(cut);
    return done;
}

/* Each block begins with the buckets.  There is one at least: it says which of them are gone. */
static size_t copy_ids(mr_shard *shard, size_t entries)
{
    mr_cut *cut = &shard->cut;
    mr_buffer *ids = &cut->streams[MR_CUT_DEDUP];
    if (ids->length == 0)
        mr_dedup_cut_head(shard->dedup, ids);
    bool is_whole = false;
    if (cut->is_base) {
        is_whole = mr_dedup_cut_step(shard->dedup, entries, ids);
    } else {
        const size_t left = cut->fresh_end - cut->cursor;
        const size_t count = left < entries ? left : entries;
        mr_dedup_fresh_encode(shard->dedup, cut->cursor, count, ids);
        cut->cursor += count;
        is_whole = cut->cursor == cut->fresh_end;
    }
    if (is_whole || ids->failed) {
        mr_dedup_cut_end(shard->dedup);
        next_phase(cut);
    }
    return entries;
}

/* Items come first in the file, because a history is checked against their ids: links, and rows
 * that change before the items are copied, are held back. */
static void pass_on(mr_cut *cut)
{
    const size_t enough = cut->phase == MR_CUT_PHASE_DONE ? 1 : MR_CHECKPOINT_BLOCK_BYTES;
    mr_checkpoint_put_streams(cut->streams, MR_CUT_ITEMS, MR_CUT_PROFILES, enough,
                              cut->out);
    if (cut->phase == MR_CUT_PHASE_ITEMS) {
        mr_checkpoint_put_streams(cut->streams, MR_CUT_PROFILES, MR_CUT_STREAMS, enough,
                                  &cut->held);
        return;
    }
    if (cut->held.length > 0 || cut->held.failed) {
        mr_checkpoint_put_streams(cut->streams, MR_CUT_ITEMS, MR_CUT_PROFILES, 1,
                                  cut->out);
        mr_buffer_put(cut->out, cut->held.bytes, cut->held.length);
        cut->out->failed |= cut->held.failed;
        mr_buffer_deinit(&cut->held);
    }
    mr_checkpoint_put_streams(cut->streams, MR_CUT_ITEMS, MR_CUT_STREAMS, enough,
                              cut->out);
    cut->cut_bytes = cut->out->length - cut->start_bytes;
}

bool mr_checkpoint_cut_step(mr_shard *shard, size_t entries)
{
    mr_cut *cut = &shard->cut;
    MR_ASSERT(mr_checkpoint_cut_is_under_way(shard));
    size_t done = 0;
    while (done < entries && cut->phase < MR_CUT_PHASE_DONE) {
        switch (cut->phase) {
        case MR_CUT_PHASE_ITEMS: done += copy_items(shard, entries - done); break;
        case MR_CUT_PHASE_ROWS: done += copy_rows(shard, entries - done); break;
        case MR_CUT_PHASE_TRENDING: done += copy_trending(shard, entries - done); break;
        default: done += copy_ids(shard, entries - done); break;
        }
        pass_on(cut);
    }
    return cut->phase == MR_CUT_PHASE_DONE;
}

void mr_checkpoint_cut_settle(mr_shard *shard, bool is_durable)
{
    mr_cut *cut = &shard->cut;
    MR_ASSERT(cut->phase == MR_CUT_PHASE_DONE);
    cut->phase = MR_CUT_PHASE_NONE;
    if (!is_durable) {
        cut->rows.is_cut_off = true;
        return;
    }
    mr_dedup_fresh_forget(shard->dedup, cut->fresh_end);
    if (cut->is_base) {
        cut->base_generation = cut->cut_generation;
        cut->base_bytes = cut->cut_bytes;
        cut->segments = 0;
        cut->segment_bytes = 0;
    } else {
        cut->segments++;
        cut->segment_bytes += cut->cut_bytes;
    }
    cut->generation = cut->cut_generation;
    cut->items = cut->item_end;
}

bool mr_checkpoint_cut_is_under_way(const mr_shard *shard)
{
    return shard->cut.phase != MR_CUT_PHASE_NONE && shard->cut.phase != MR_CUT_PHASE_DONE;
}

bool mr_checkpoint_cut_is_base(const mr_shard *shard)
{
    return shard->cut.is_base;
}

/* -- everything at once --------------------------------------------------------------------- */

static void put_all(mr_buffer streams[MR_CUT_STREAMS], size_t enough, mr_buffer *buffer)
{
    mr_checkpoint_put_streams(streams, MR_CUT_ITEMS, MR_CUT_STREAMS, enough, buffer);
}

static void put_ids(const mr_shard *shard, mr_buffer streams[MR_CUT_STREAMS],
                    mr_buffer *buffer)
{
    size_t table = 0;
    do {
        table = mr_dedup_encode(shard->dedup, mr_shard_watermark_ms(shard), table,
                                MR_CHECKPOINT_BLOCK_BYTES, &streams[MR_CUT_DEDUP]);
        put_all(streams, 1, buffer);
    } while (table != 0);
}

mr_status mr_checkpoint_encode(const mr_shard *shard, uint64_t epoch, uint64_t generation,
                               mr_buffer *buffer)
{
    const mr_checkpoint_place place = {.epoch = epoch,
                                       .generation = generation,
                                       .base_generation = generation,
                                       .previous_generation = generation};
    mr_buffer streams[MR_CUT_STREAMS] = {{0}};
    const uint32_t items = mr_id_table_count(shard->names.items);
    mr_shard_check_counters(shard);
    mr_buffer_clear(buffer);
    mr_checkpoint_put_start(shard, &place, buffer);
    for (uint32_t item = 0; item < items; item++) {
        mr_checkpoint_put_item(shard, item, &streams[MR_CUT_ITEMS]);
        put_all(streams, MR_CHECKPOINT_BLOCK_BYTES, buffer);
    }
    put_all(streams, 1, buffer);
    mr_checkpoint_put_links(shard, buffer);
    for (uint32_t row = 0; row < shard->store.row_count; row++) {
        mr_checkpoint_put_row(shard, row, streams);
        put_all(streams, MR_CHECKPOINT_BLOCK_BYTES, buffer);
    }
    for (uint32_t item = 0; item < items; item++) {
        mr_checkpoint_put_trending(shard, item, streams);
        put_all(streams, MR_CHECKPOINT_BLOCK_BYTES, buffer);
    }
    put_all(streams, 1, buffer);
    put_ids(shard, streams, buffer);
    for (size_t i = 0; i < MR_CUT_STREAMS; i++)
        mr_buffer_deinit(&streams[i]);
    return mr_buffer_status(buffer);
}
