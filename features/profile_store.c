#include "features/profile_store.h"

#include "core/assert.h"
#include "features/region.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_BYTES = MR_STORE_SLOTS * (int)sizeof(mr_store_slot) };

static size_t segment_bytes(const mr_profile_store *store)
{
    return MR_STORE_SEGMENT_ROWS * (sizeof(mr_row_head) + store->plan->cold_bytes);
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
           store->row_count * (sizeof(mr_row_head) + (size_t)store->plan->cold_bytes);
}

mr_text mr_profile_store_id(const mr_profile_store *store, uint32_t row)
{
    MR_ASSERT(row < store->row_count);
    const mr_row_head *head = mr_profile_store_row(store, row).head;
    return (mr_text){.bytes = mr_block_at(store->pool, head->id_block),
                     .length = head->id_length};
}

static bool row_is(const mr_profile_store *store, uint32_t row, mr_hash128 hash,
                   mr_text id, bool is_anonymous)
{
    const mr_row_head *head = mr_profile_store_row(store, row).head;
    return head->hash.low == hash.low && head->hash.high == hash.high &&
           head->is_anonymous == is_anonymous &&
           mr_text_equal(mr_profile_store_id(store, row), id);
}

uint32_t mr_profile_store_find(const mr_profile_store *store, mr_hash128 hash, mr_text id,
                               bool is_anonymous)
{
    const uint32_t tag = tag_of(hash);
    const mr_store_slot *slots = table_of(store, tag)->slots;
    for (uint32_t i = tag % MR_STORE_SLOTS; slots[i].row_plus_one != 0;
         i = (i + 1) % MR_STORE_SLOTS) {
        if (slots[i].tag == tag &&
            row_is(store, slots[i].row_plus_one - 1, hash, id, is_anonymous))
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

static void fill_head(mr_profile_store *store, mr_row_head *head, mr_hash128 hash,
                      mr_text id, bool is_anonymous)
{
    MR_ASSERT(id.length > 0);
    MR_ASSERT(id.length <= MR_EVENT_ID_BYTES_MAX);
    uint8_t size_class;
    const uint32_t block = mr_block_pool_allocate(store->pool, id.length, &size_class);
    memcpy(mr_block_at(store->pool, block), id.bytes, id.length);
    *head = (mr_row_head){.hash = hash,
                          .id_block = block,
                          .id_length = (uint8_t)id.length,
                          .id_class = size_class,
                          .is_anonymous = is_anonymous};
}

static void add_to_index(mr_profile_store *store, uint32_t tag, uint32_t row)
{
    while (can_split(store, table_of(store, tag)))
        split_table(store, tag);
    mr_sub_table *table = table_of(store, tag);
    MR_ASSERT(table->count < MR_STORE_SLOTS - 1); /* one slot stays empty: probes end */
    place_slot(table, (mr_store_slot){.tag = tag, .row_plus_one = row + 1});
}

uint32_t mr_profile_store_put(mr_profile_store *store, mr_hash128 hash, mr_text id,
                              bool is_anonymous)
{
    const uint32_t found = mr_profile_store_find(store, hash, id, is_anonymous);
    if (found != MR_ROW_NONE)
        return found;

    const uint32_t row = store->row_count++;
    mr_profile_store_place(store, row, hash, id, is_anonymous);
    add_to_index(store, tag_of(hash), row);
    return row;
}

mr_status mr_profile_store_extend(mr_profile_store *store, size_t rows)
{
    MR_TRY(mr_profile_store_reserve(store, rows));
    store->row_count += (uint32_t)rows;
    return MR_OK;
}

void mr_profile_store_place(mr_profile_store *store, uint32_t row, mr_hash128 hash,
                            mr_text id, bool is_anonymous)
{
    MR_ASSERT(row < store->segment_count * MR_STORE_SEGMENT_ROWS);
    fill_head(store, mr_profile_store_row(store, row).head, hash, id, is_anonymous);
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
    __builtin_prefetch(&table_of(store, tag)->slots[tag % MR_STORE_SLOTS]);
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
        __builtin_prefetch(row.head, 1);
        for (uint32_t at = 0; at < store->plan->cold_bytes; at += 64)
            __builtin_prefetch(row.cold + at, 1);
        return slots[i].row_plus_one - 1;
    }
    return MR_ROW_NONE;
}

void mr_profile_store_prefetch_row(const mr_profile_store *store, uint32_t row_index)
{
    if (row_index == MR_ROW_NONE)
        return;
    const mr_row row = mr_profile_store_row(store, row_index);
    __builtin_prefetch(mr_block_at(store->pool, row.head->id_block));
    const mr_operation *history = store->plan->history;
    const mr_list *list = mr_row_list(row, history->list_offset);
    if (list->block == 0)
        return;
    /* Events mostly append: the end of the list is what will be read and written. */
    const uint8_t *end = (const uint8_t *)mr_block_at(store->pool, list->block) +
                         list->count * sizeof(mr_history_entry);
    __builtin_prefetch(end - sizeof(mr_history_entry), 1);
}

void mr_profile_store_check(const mr_profile_store *store)
{
    size_t slots_used = 0;
    for (size_t t = 0; t < store->table_count; t++) {
        const mr_sub_table *table = &store->tables[t];
        uint32_t count = 0;
        for (size_t i = 0; i < MR_STORE_SLOTS; i++)
            count += table->slots[i].row_plus_one != 0;
        MR_ASSERT(count == table->count);
        MR_ASSERT(table->depth <= store->depth);
        slots_used += count;
    }
    MR_ASSERT(slots_used == store->row_count);
    for (uint32_t row = 0; row < store->row_count; row++) {
        const mr_row_head *head = mr_profile_store_row(store, row).head;
        MR_ASSERT(head->id_length > 0);
        MR_ASSERT(mr_profile_store_find(store, head->hash,
                                        mr_profile_store_id(store, row),
                                        head->is_anonymous) == row);
    }
}
