#include "features/dedup_private.h"

#include "core/assert.h"
#include "features/region.h"

#include <stdlib.h>
#include <string.h>

enum {
    FINGERPRINTS_BYTES = MR_DEDUP_PLACES * (int)sizeof(uint64_t),
    TABLE_BYTES = FINGERPRINTS_BYTES + MR_DEDUP_PLACES * (int)sizeof(uint16_t),
    CHUNK_BYTES = MR_DEDUP_CHUNK_TABLES * TABLE_BYTES,
};

_Static_assert(TABLE_BYTES % 64 == 0, "sub-tables start on a cache line");
_Static_assert((int)CHUNK_BYTES <= (int)MR_REGION_ALIGNMENT, "a chunk is one huge page");

/* The first bits choose the directory entry, the last 32 the place. */
static size_t directory_index(const mr_dedup *dedup, uint64_t fingerprint)
{
    return dedup->depth == 0 ? 0 : (size_t)(fingerprint >> (64 - dedup->depth));
}

static mr_dedup_table *table_of(const mr_dedup *dedup, uint64_t fingerprint)
{
    return &dedup->tables[dedup->directory[directory_index(dedup, fingerprint)]];
}

static uint32_t home_of(uint64_t fingerprint)
{
    return (uint32_t)((fingerprint & UINT32_MAX) * MR_DEDUP_PLACES >> 32);
}

static uint32_t next_place(uint32_t place)
{
    return place + 1 == MR_DEDUP_PLACES ? 0 : place + 1;
}

/* How far behind its home the entry at `place` stands. */
static uint32_t distance_of(uint64_t fingerprint, uint32_t place)
{
    const uint32_t home = home_of(fingerprint);
    return place >= home ? place - home : place + MR_DEDUP_PLACES - home;
}

/* -- memory --------------------------------------------------------------------------------- */

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

static mr_status reserve_tables(mr_dedup *dedup, size_t more)
{
    while (dedup->table_capacity < dedup->table_count + more)
        MR_TRY(
            grow_array(&dedup->tables, &dedup->table_capacity, sizeof(*dedup->tables)));
    while (dedup->chunk_count * MR_DEDUP_CHUNK_TABLES < dedup->table_count + more) {
        if (dedup->chunk_count == dedup->chunk_capacity)
            MR_TRY(grow_array(&dedup->chunks, &dedup->chunk_capacity,
                              sizeof(*dedup->chunks)));
        uint8_t *chunk = mr_region_map(CHUNK_BYTES);
        if (chunk == NULL)
            return MR_ERR_NO_MEMORY;
        dedup->chunks[dedup->chunk_count++] = chunk;
    }
    return MR_OK;
}

static uint32_t start_table(mr_dedup *dedup, uint32_t depth)
{
    const size_t index = dedup->table_count++;
    uint8_t *bytes = dedup->chunks[index / MR_DEDUP_CHUNK_TABLES] +
                     index % MR_DEDUP_CHUNK_TABLES * TABLE_BYTES;
    dedup->tables[index] =
        (mr_dedup_table){.fingerprints = (uint64_t *)(void *)bytes,
                         .slots = (uint16_t *)(void *)(bytes + FINGERPRINTS_BYTES),
                         .depth = depth};
    return (uint32_t)index;
}

mr_status mr_dedup_tables_init(mr_dedup *dedup)
{
    dedup->directory = calloc(1, sizeof(*dedup->directory));
    if (dedup->directory == NULL)
        return MR_ERR_NO_MEMORY;
    MR_TRY(reserve_tables(dedup, 1));
    dedup->directory[0] = start_table(dedup, 0);
    return MR_OK;
}

void mr_dedup_tables_deinit(mr_dedup *dedup)
{
    for (size_t i = 0; i < dedup->chunk_count; i++)
        mr_region_unmap(dedup->chunks[i], CHUNK_BYTES);
    free(dedup->chunks);
    free(dedup->tables);
    free(dedup->directory);
}

/* A directory that must double is doubled here, before anything is put. */
static mr_status double_directory(mr_dedup *dedup)
{
    const size_t count = (size_t)1 << dedup->depth;
    uint32_t *directory = malloc(2 * count * sizeof(*directory));
    if (directory == NULL)
        return MR_ERR_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        directory[2 * i] = directory[2 * i + 1] = dedup->directory[i];
    free(dedup->directory);
    dedup->directory = directory;
    dedup->depth++;
    return MR_OK;
}

/* Sub-tables are filled evenly, the hash being keyed.  Each may split once, and again for every
 * half table put; directory bits to spare make room for uneven ones. */
mr_status mr_dedup_tables_reserve(mr_dedup *dedup, size_t ids)
{
    if (ids > MR_DEDUP_ENTRIES_MAX)
        return MR_ERR_NO_MEMORY;
    const size_t splits = ids / (MR_DEDUP_SPLIT_AT / 2) + 1;
    const size_t once = ids < dedup->table_count ? ids : dedup->table_count;
    MR_TRY(reserve_tables(dedup, once + splits));
    while (dedup->depth < MR_DEDUP_DEPTH_MAX &&
           ((size_t)1 << dedup->depth) * (MR_DEDUP_SPLIT_AT / 4) < dedup->count + ids)
        MR_TRY(double_directory(dedup));
    return MR_OK;
}

size_t mr_dedup_tables_bytes(const mr_dedup *dedup)
{
    return dedup->table_count * (TABLE_BYTES + sizeof(mr_dedup_table)) +
           ((size_t)1 << dedup->depth) * sizeof(*dedup->directory);
}

/* -- one sub-table -------------------------------------------------------------------------- */

void mr_dedup_prefetch(const mr_dedup *dedup, uint64_t fingerprint)
{
    const uint64_t entry = mr_dedup_entry_of(fingerprint);
    const mr_dedup_table *table = table_of(dedup, entry);
    const uint32_t home = home_of(entry);
    __builtin_prefetch(&table->fingerprints[home], 1);
    __builtin_prefetch(&table->fingerprints[home] + 8, 1); /* most inserts reach there */
    __builtin_prefetch(&table->slots[home], 1);
}

/* Where the entry is or would be put: an entry nearer to its home than this one would be there
 * can only stand behind it. */
static uint32_t find_place(const mr_dedup_table *table, uint64_t fingerprint)
{
    uint32_t place = home_of(fingerprint);
    for (uint32_t distance = 0;; distance++) {
        const uint64_t there = table->fingerprints[place];
        if (there == fingerprint || there == 0 || distance_of(there, place) < distance)
            return place;
        place = next_place(place);
    }
}

/* Put in at `place`, all behind it up to the next empty one moving on by one. */
static void insert_at(mr_dedup_table *table, uint32_t place, uint64_t fingerprint,
                      uint16_t slot)
{
    while (fingerprint != 0) {
        const uint64_t next_fingerprint = table->fingerprints[place];
        const uint16_t next_slot = table->slots[place];
        table->fingerprints[place] = fingerprint;
        table->slots[place] = slot;
        fingerprint = next_fingerprint;
        slot = next_slot;
        place = next_place(place);
    }
    table->count++;
}

uint16_t mr_dedup_tables_find(const mr_dedup *dedup, uint64_t fingerprint)
{
    const mr_dedup_table *table = table_of(dedup, fingerprint);
    const uint32_t place = find_place(table, fingerprint);
    return table->fingerprints[place] == fingerprint ? table->slots[place] : 0;
}

static bool has_dead(const mr_dedup *dedup, const mr_dedup_table *table)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < MR_DEDUP_PLACES; i++)
        live += table->fingerprints[i] != 0 && dedup->is_live[table->slots[i]];
    return live < table->count;
}

/* Fill `low` with its own live entries again; those with the bit of `depth` set go to `high`,
 * which may be the same.  Out of a copy: probing leaves no holes that way. */
static void refill(mr_dedup *dedup, mr_dedup_table *low, mr_dedup_table *high,
                   uint32_t depth)
{
    memcpy(dedup->old_fingerprints, low->fingerprints, sizeof(dedup->old_fingerprints));
    memcpy(dedup->old_slots, low->slots, sizeof(dedup->old_slots));
    memset(low->fingerprints, 0, sizeof(dedup->old_fingerprints));
    low->count = 0;
    for (uint32_t i = 0; i < MR_DEDUP_PLACES; i++) {
        const uint64_t fingerprint = dedup->old_fingerprints[i];
        const uint16_t slot = dedup->old_slots[i];
        if (fingerprint == 0)
            continue;
        if (!dedup->is_live[slot]) {
            dedup->entries_of[slot]--;
            continue;
        }
        const bool is_high = depth > 0 && (fingerprint >> (64 - depth) & 1) != 0;
        mr_dedup_table *table = is_high ? high : low;
        insert_at(table, find_place(table, fingerprint), fingerprint, slot);
    }
}

static void clean_table(mr_dedup *dedup, mr_dedup_table *table)
{
    if (!has_dead(dedup, table))
        return;
    mr_dedup_cut_save(dedup, table);
    refill(dedup, table, table, 0);
}

static bool can_split(const mr_dedup *dedup, const mr_dedup_table *table)
{
    return table->depth < dedup->depth && table->depth < MR_DEDUP_DEPTH_MAX &&
           dedup->table_count < dedup->chunk_count * MR_DEDUP_CHUNK_TABLES &&
           dedup->table_count < dedup->table_capacity;
}

static void split_table(mr_dedup *dedup, uint64_t fingerprint)
{
    const size_t entry = directory_index(dedup, fingerprint);
    const uint32_t low_index = dedup->directory[entry];
    const uint32_t depth = dedup->tables[low_index].depth + 1;
    const uint32_t high_index = start_table(dedup, depth);
    mr_dedup_table *low = &dedup->tables[low_index];
    mr_dedup_cut_save(dedup, low);
    low->depth = depth;
    refill(dedup, low, &dedup->tables[high_index], depth);

    const size_t span = (size_t)1 << (dedup->depth - depth);
    const size_t first = (entry / (2 * span) * 2 + 1) * span;
    for (size_t i = 0; i < span; i++)
        dedup->directory[first + i] = high_index;
}

/* The sub-table of the fingerprint, with room: cleaned when it is full, split when it is still
 * nearly so. */
static mr_dedup_table *table_with_room(mr_dedup *dedup, uint64_t fingerprint)
{
    mr_dedup_table *table = table_of(dedup, fingerprint);
    while (table->count >= MR_DEDUP_FULL_AT) {
        clean_table(dedup, table);
        if (table->count < MR_DEDUP_SPLIT_AT || !can_split(dedup, table))
            break;
        split_table(dedup, fingerprint);
        table = table_of(dedup, fingerprint);
    }
    MR_ASSERT(table->count < MR_DEDUP_PLACES - 1); /* one place stays empty: probes end */
    return table;
}

void mr_dedup_tables_put(mr_dedup *dedup, uint64_t fingerprint, uint16_t slot)
{
    mr_dedup_table *table = table_with_room(dedup, fingerprint);
    const uint32_t place = find_place(table, fingerprint);
    mr_dedup_cut_save(dedup, table);
    if (table->fingerprints[place] == fingerprint) {
        dedup->entries_of[table->slots[place]]--;
        table->slots[place] = slot;
    } else {
        insert_at(table, place, fingerprint, slot);
    }
    dedup->entries_of[slot]++;
}

void mr_dedup_tables_clean(mr_dedup *dedup)
{
    const size_t count = (dedup->table_count + MR_DEDUP_ROUND - 1) / MR_DEDUP_ROUND;
    for (size_t i = 0; i < count; i++) {
        dedup->cleaned = dedup->cleaned + 1 < dedup->table_count ? dedup->cleaned + 1 : 0;
        clean_table(dedup, &dedup->tables[dedup->cleaned]);
    }
}

static void check_table(const mr_dedup *dedup, const mr_dedup_table *table,
                        uint32_t *entries_of)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MR_DEDUP_PLACES; i++) {
        const uint64_t fingerprint = table->fingerprints[i];
        if (fingerprint == 0)
            continue;
        count++;
        entries_of[table->slots[i]]++;
        MR_ASSERT(find_place(table, fingerprint) == i);
        MR_ASSERT(table_of(dedup, fingerprint) == table);
    }
    MR_ASSERT(count == table->count);
}

void mr_dedup_tables_check(const mr_dedup *dedup)
{
    static const size_t bytes = MR_DEDUP_SLOTS * sizeof(uint32_t);
    uint32_t entries_of[MR_DEDUP_SLOTS] = {0};
    for (size_t i = 0; i < dedup->table_count; i++)
        check_table(dedup, &dedup->tables[i], entries_of);
    MR_ASSERT(memcmp(entries_of, dedup->entries_of, bytes) == 0);
}
