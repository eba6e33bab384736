#include "features/profile_store.h"

#include "core/assert.h"
#include "core/prefetch.h"
#include "features/region.h"

#include <stdlib.h>
#include <string.h>

enum {
    TABLE_BYTES = MR_STORE_SLOTS * (int)sizeof(mr_store_slot),
    LINE_BYTES = 64,
    LONG_LIST_BYTES = 512
};

static size_t segment_bytes(const mr_profile_store *store)
{
    return MR_STORE_SEGMENT_ROWS *
           (sizeof(mr_row_head) + store->plan->body_bytes + sizeof(mr_row_side));
}

/* The first bits of the tag choose the directory entry, the last ones the slot. */
static uint32_t tag_of(mr_hash128 hash)
{
    return (uint32_t)(hash.high >> 32);
}

static uint32_t directory_index(const mr_profile_store *store, uint32_t tag)
{
    return store->depth == 0 ? 0 : tag >> (32 - store->depth);
}

static mr_sub_table *table_of(const mr_profile_store *store, uint32_t tag)
{
    return &store->tables[store->directory[directory_index(store, tag)]];
}

static mr_status grow_array(void *array_pointer, size_t *capacity, size_t element_bytes)
{
    void *array;
    memcpy(&array, array_pointer, sizeof(array));
    const size_t larger = *capacity == 0 ? 16 : 2 * *capacity;
    array = realloc(array, larger * element_bytes);
    if (array == NULL)
        return MR_ERR_NO_MEMORY;
    memcpy(array_pointer, &array, sizeof(array));
    *capacity = larger;
    return MR_OK;
}

static mr_store_slot *table_slots(const mr_profile_store *store, size_t table)
{
    uint8_t *chunk = store->chunks[table / MR_STORE_CHUNK_TABLES];
    return (mr_store_slot *)(void *)(chunk + table % MR_STORE_CHUNK_TABLES * TABLE_BYTES);
}

/* Sub-tables that may be started without a failure. */
static mr_status reserve_tables(mr_profile_store *store, size_t more)
{
    while (store->table_capacity < store->table_count + more)
        MR_TRY(
            grow_array(&store->tables, &store->table_capacity, sizeof(*store->tables)));
    while (store->chunk_count * MR_STORE_CHUNK_TABLES < store->table_count + more) {
        if (store->chunk_count == store->chunk_capacity)
            MR_TRY(grow_array(&store->chunks, &store->chunk_capacity,
                              sizeof(*store->chunks)));
        uint8_t *chunk = mr_region_map((size_t)MR_STORE_CHUNK_TABLES * TABLE_BYTES);
        if (chunk == NULL)
            return MR_ERR_NO_MEMORY;
        store->chunks[store->chunk_count++] = chunk;
    }
    return MR_OK;
}

static uint32_t start_table(mr_profile_store *store, uint32_t depth)
{
    const size_t table = store->table_count++;
    store->tables[table] =
        (mr_sub_table){.slots = table_slots(store, table), .depth = depth};
    return (uint32_t)table;
}

mr_status mr_profile_store_init(mr_profile_store *ret_store, const mr_plan *plan,
                                mr_block_pool *pool)
{
    mr_profile_store store = {.plan = plan, .pool = pool};
    store.directory = calloc(1, sizeof(*store.directory));
    if (store.directory == NULL || reserve_tables(&store, 1) != MR_OK) {
        mr_profile_store_deinit(&store);
        return MR_ERR_NO_MEMORY;
    }
    store.directory[0] = start_table(&store, 0);
    *ret_store = store;
    return MR_OK;
}

void mr_profile_store_deinit(mr_profile_store *store)
{
    for (size_t i = 0; i < store->chunk_count; i++)
        mr_region_unmap(store->chunks[i], (size_t)MR_STORE_CHUNK_TABLES * TABLE_BYTES);
    for (size_t i = 0; i < store->segment_count; i++)
        mr_region_unmap(store->segments[i], segment_bytes(store));
    free(store->chunks);
    free(store->segments);
    free(store->tables);
    free(store->directory);
    *store = (mr_profile_store){0};
}

/* A directory that must double is doubled here, before anything is put. */
static mr_status double_directory(mr_profile_store *store)
{
    const size_t count = (size_t)1 << store->depth;
    uint32_t *directory = malloc(2 * count * sizeof(*directory));
    if (directory == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        directory[2 * i] = directory[2 * i + 1] = store->directory[i];
    free(store->directory);
    store->directory = directory;
    store->depth++;
    return MR_OK;
}

mr_status mr_profile_store_reserve(mr_profile_store *store, size_t rows)
{
    const size_t needed_rows = store->row_count + rows;
    if (needed_rows >= MR_ROW_NONE)
        return MR_ERR_NO_MEMORY;
    while (store->segment_count * MR_STORE_SEGMENT_ROWS < needed_rows) {
        if (store->segment_count == store->segment_capacity)
            MR_TRY(grow_array(&store->segments, &store->segment_capacity,
                              sizeof(*store->segments)));
        uint8_t *segment = mr_region_map(segment_bytes(store));
        if (segment == NULL)
            return MR_ERR_NO_MEMORY;
        store->segments[store->segment_count++] = segment;
    }

    /* Sub-tables are filled evenly, the hash being keyed.  Each may split once, and again for
     * every half table put; two directory bits to spare make room for uneven ones. */
    const size_t splits = rows / (MR_STORE_SPLIT_AT / 2) + 1;
    const size_t once = rows < store->table_count ? rows : store->table_count;
    MR_TRY(reserve_tables(store, once + splits));
    while (store->depth < MR_STORE_DEPTH_MAX &&
           ((size_t)1 << store->depth) * (MR_STORE_SPLIT_AT / 4) < needed_rows)
        MR_TRY(double_directory(store));
    return MR_OK;
}

size_t mr_profile_store_bytes(const mr_profile_store *store)
{
    return store->table_count * (TABLE_BYTES + sizeof(mr_sub_table)) +
           ((size_t)1 << store->depth) * sizeof(*store->directory) +
           store->row_count * (sizeof(mr_row_head) + (size_t)store->plan->body_bytes +
                               sizeof(mr_row_side));
}

static mr_text id_of(const mr_profile_store *store, const mr_row_head *head)
{
    return (mr_text){.bytes = head->id_length <= MR_ROW_ID_BYTES
                                  ? head->id.text
                                  : mr_block_at(store->pool, head->id.block),
                     .length = head->id_length};
}

mr_text mr_profile_store_id(const mr_profile_store *store, uint32_t row)
{
    MR_ASSERT(row < store->row_count);
    return id_of(store, mr_profile_store_row(store, row).head);
}

static bool row_is(const mr_profile_store *store, uint32_t row, mr_text id,
                   bool is_anonymous)
{
    const mr_row_head *head = mr_profile_store_row(store, row).head;
    return head->is_anonymous == is_anonymous && mr_text_equal(id_of(store, head), id);
}

uint32_t mr_profile_store_find(const mr_profile_store *store, mr_hash128 hash, mr_text id,
                               bool is_anonymous)
{
    const uint32_t tag = tag_of(hash);
    const mr_store_slot *slots = table_of(store, tag)->slots;
    for (uint32_t i = tag % MR_STORE_SLOTS; slots[i].row_plus_one != 0;
         i = (i + 1) % MR_STORE_SLOTS) {
        if (slots[i].tag == tag &&
            row_is(store, slots[i].row_plus_one - 1, id, is_anonymous))
            return slots[i].row_plus_one - 1;
    }
    return MR_ROW_NONE;
}

static void place_slot(mr_sub_table *table, mr_store_slot slot)
{
    uint32_t i = slot.tag % MR_STORE_SLOTS;
    while (table->slots[i].row_plus_one != 0)
        i = (i + 1) % MR_STORE_SLOTS;
    table->slots[i] = slot;
    table->count++;
}

/* Half the entries move to a new sub-table.  The old one is emptied into a copy on the stack
 * and filled again: linear probing leaves no holes that way. */
static void split_table(mr_profile_store *store, uint32_t tag)
{
    const uint32_t old_index = store->directory[directory_index(store, tag)];
    const uint32_t depth = store->tables[old_index].depth + 1;
    const uint32_t new_index = start_table(store, depth);
    mr_sub_table *old = &store->tables[old_index];
    mr_sub_table *added = &store->tables[new_index];

    mr_store_slot entries[MR_STORE_SLOTS];
    memcpy(entries, old->slots, sizeof(entries));
    memset(old->slots, 0, sizeof(entries));
    old->count = 0;
    old->depth = depth;
    for (size_t i = 0; i < MR_STORE_SLOTS; i++) {
        if (entries[i].row_plus_one != 0)
            place_slot(entries[i].tag >> (32 - depth) & 1 ? added : old, entries[i]);
    }

    const size_t span = (size_t)1 << (store->depth - depth);
    const size_t first = (directory_index(store, tag) / (2 * span) * 2 + 1) * span;
    for (size_t i = 0; i < span; i++)
        store->directory[first + i] = new_index;
}

static bool can_split(const mr_profile_store *store, const mr_sub_table *table)
{
    return table->count >= MR_STORE_SPLIT_AT && table->depth < store->depth &&
           store->table_count < store->chunk_count * MR_STORE_CHUNK_TABLES &&
           store->table_count < store->table_capacity;
}

static void fill_head(mr_profile_store *store, mr_row_head *head, mr_text id,
                      bool is_anonymous)
{
    MR_ASSERT(id.length > 0);
    MR_ASSERT(id.length <= MR_EVENT_ID_BYTES_MAX);
    *head = (mr_row_head){.id_length = (uint8_t)id.length, .is_anonymous = is_anonymous};
    if (id.length <= MR_ROW_ID_BYTES) {
        memcpy(head->id.text, id.bytes, id.length);
        return;
    }
    uint8_t size_class; /* ids stay: nothing frees the block */
    head->id.block = mr_block_pool_allocate(store->pool, id.length, &size_class);
    memcpy(mr_block_at(store->pool, head->id.block), id.bytes, id.length);
}

static void add_to_index(mr_profile_store *store, uint32_t tag, uint32_t row)
{
    while (can_split(store, table_of(store, tag)))
        split_table(store, tag);
    mr_sub_table *table = table_of(store, tag);
    MR_ASSERT(table->count < MR_STORE_SLOTS - 1); /* one slot stays empty: probes end */
    place_slot(table, (mr_store_slot){.tag = tag, .row_plus_one = row + 1});
}

uint32_t mr_profile_store_put_likely(mr_profile_store *store, uint32_t likely,
                                     mr_hash128 hash, mr_text id, bool is_anonymous)
{
    if (likely != MR_ROW_NONE && row_is(store, likely, id, is_anonymous))
        return likely;
    return mr_profile_store_put(store, hash, id, is_anonymous);
}

uint32_t mr_profile_store_put(mr_profile_store *store, mr_hash128 hash, mr_text id,
                              bool is_anonymous)
{
    const uint32_t found = mr_profile_store_find(store, hash, id, is_anonymous);
    if (found != MR_ROW_NONE)
        return found;

    const uint32_t row = store->row_count++;
    mr_profile_store_place(store, row, id, is_anonymous);
    add_to_index(store, tag_of(hash), row);
    return row;
}

mr_status mr_profile_store_extend(mr_profile_store *store, size_t rows)
{
    MR_TRY(mr_profile_store_reserve(store, rows));
    store->row_count += (uint32_t)rows;
    return MR_OK;
}

void mr_profile_store_place(mr_profile_store *store, uint32_t row, mr_text id,
                            bool is_anonymous)
{
    MR_ASSERT(row < store->segment_count * MR_STORE_SEGMENT_ROWS);
    fill_head(store, mr_profile_store_row(store, row).head, id, is_anonymous);
}

bool mr_profile_store_index(mr_profile_store *store, uint32_t row, mr_hash128 hash)
{
    const bool is_anonymous = mr_profile_store_row(store, row).head->is_anonymous != 0;
    if (mr_profile_store_find(store, hash, mr_profile_store_id(store, row),
                              is_anonymous) != MR_ROW_NONE)
        return false;
    add_to_index(store, tag_of(hash), row);
    return true;
}

void mr_profile_store_prefetch_slot(const mr_profile_store *store, mr_hash128 hash)
{
    const uint32_t tag = tag_of(hash);
    mr_prefetch(&table_of(store, tag)->slots[tag % MR_STORE_SLOTS]);
}

uint32_t mr_profile_store_prefetch_head(const mr_profile_store *store, mr_hash128 hash)
{
    const uint32_t tag = tag_of(hash);
    const mr_store_slot *slots = table_of(store, tag)->slots;
    for (uint32_t i = tag % MR_STORE_SLOTS; slots[i].row_plus_one != 0;
         i = (i + 1) % MR_STORE_SLOTS) {
        if (slots[i].tag != tag)
            continue;
        const mr_row row = mr_profile_store_row(store, slots[i].row_plus_one - 1);
        mr_prefetch_write(row.head);
        for (uint32_t at = 0; at < store->plan->body_bytes; at += LINE_BYTES)
            mr_prefetch_write(row.body + at);
        return slots[i].row_plus_one - 1;
    }
    return MR_ROW_NONE;
}

/* Events mostly append: the end of a list is what will be read and written. */
static void prefetch_tails(mr_row row, const mr_list_tail *tails, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const mr_list *list = mr_row_list(row, tails[i].list_offset);
        if (list->count == 0)
            continue;
        const uint8_t *elements = mr_list_elements(row.pool, list);
        const size_t bytes = list->count * (size_t)tails[i].element_bytes;
        mr_prefetch_write(elements + bytes - 1);
        if (bytes < LONG_LIST_BYTES)
            continue;
        /* A long one is likely at its quota, and gives up an element near its front. */
        mr_prefetch_write(elements);
        mr_prefetch_write(elements + LINE_BYTES);
    }
}

static void prefetch_extra(const mr_profile_store *store, const mr_row_head *head)
{
    if (head->extra_block == 0)
        return;
    const uint8_t *extra = mr_block_at(store->pool, head->extra_block);
    for (uint32_t at = 0; at < store->plan->extra_bytes; at += LINE_BYTES)
        mr_prefetch_write(extra + at);
    mr_prefetch_write(extra + store->plan->extra_bytes - 1);
}

void mr_profile_store_prefetch_row(const mr_profile_store *store, uint32_t row_index,
                                   uint8_t event_type)
{
    if (row_index == MR_ROW_NONE)
        return;
    const mr_row row = mr_profile_store_row(store, row_index);
    const mr_run *run = &store->plan->runs[event_type];
    prefetch_tails(row, run->body_tails, run->body_tail_count);
    if (row.head->id_length > MR_ROW_ID_BYTES)
        mr_prefetch(mr_block_at(store->pool, row.head->id.block));
    if (run->needs_extra)
        prefetch_extra(store, row.head);
}

/* A processor goes on by itself once a few lines have followed one another. */
void mr_profile_store_prefetch_whole(const mr_profile_store *store, uint32_t row_index)
{
    const mr_row row = mr_profile_store_row(store, row_index);
    const mr_run *run = &store->plan->runs[MR_EVENT_VIEW];
    for (size_t i = 0; i < run->body_tail_count; i++) {
        const mr_list *list = mr_row_list(row, run->body_tails[i].list_offset);
        if (list->count == 0)
            continue;
        const size_t bytes = list->count * (size_t)run->body_tails[i].element_bytes;
        const uint8_t *elements = mr_list_elements(row.pool, list);
        for (size_t at = 0; at < bytes && at < LONG_LIST_BYTES; at += LINE_BYTES)
            mr_prefetch(elements + at);
        mr_prefetch(elements + bytes - 1);
    }
    if (row.head->id_length > MR_ROW_ID_BYTES)
        mr_prefetch(mr_block_at(store->pool, row.head->id.block));
    prefetch_extra(store, row.head);
}
void mr_profile_store_prefetch_side(const mr_profile_store *store, uint32_t row_index)
{
    if (row_index != MR_ROW_NONE)
        mr_prefetch_write(mr_profile_store_row(store, row_index).side);
}

void mr_profile_store_prefetch_noted(const mr_profile_store *store, uint32_t row_index)
{
    if (row_index == MR_ROW_NONE)
        return;
    const uint32_t noted = mr_profile_store_row(store, row_index).side->noted;
    if (noted != 0)
        mr_prefetch(mr_block_at(store->pool, noted));
}

void mr_profile_store_prefetch_lists(const mr_profile_store *store, uint32_t row_index,
                                     uint8_t event_type)
{
    const mr_run *run = &store->plan->runs[event_type];
    if (row_index == MR_ROW_NONE || run->extra_tail_count == 0)
        return;
    const mr_row row = mr_profile_store_row(store, row_index);
    if (row.head->extra_block != 0)
        prefetch_tails(row, run->extra_tails, run->extra_tail_count);
}

/* Each slot lies in the table its tag leads to, where a probe from its home finds it. */
static void check_slot(const mr_profile_store *store, size_t table_index, size_t place)
{
    const mr_sub_table *table = &store->tables[table_index];
    const mr_store_slot slot = table->slots[place];
    MR_ASSERT(slot.row_plus_one - 1 < store->row_count);
    MR_ASSERT(store->directory[directory_index(store, slot.tag)] == table_index);
    for (size_t i = slot.tag % MR_STORE_SLOTS; i != place; i = (i + 1) % MR_STORE_SLOTS)
        MR_ASSERT(table->slots[i].row_plus_one != 0);
}

void mr_profile_store_check(const mr_profile_store *store)
{
    size_t slots_used = 0;
    uint64_t rows = 0;
    for (size_t t = 0; t < store->table_count; t++) {
        const mr_sub_table *table = &store->tables[t];
        uint32_t count = 0;
        for (size_t i = 0; i < MR_STORE_SLOTS; i++) {
            if (table->slots[i].row_plus_one == 0)
                continue;
            check_slot(store, t, i);
            rows += table->slots[i].row_plus_one;
            count++;
        }
        MR_ASSERT(count == table->count);
        MR_ASSERT(table->depth <= store->depth);
        slots_used += count;
    }
    MR_ASSERT(slots_used == store->row_count);
    MR_ASSERT(rows == (uint64_t)store->row_count * (store->row_count + 1ULL) / 2);
    for (uint32_t row = 0; row < store->row_count; row++)
        MR_ASSERT(mr_profile_store_row(store, row).head->id_length > 0);
}
