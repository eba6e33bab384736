#include "core/id_table.h"

#include "core/assert.h"
#include "core/prefetch.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_SLOT_BITS = 6,
    FIRST_SEGMENT_BITS = 6, /* segment k holds 2^(6 + k) entries */
    SEGMENTS_MAX = 32 - FIRST_SEGMENT_BITS,
    BLOCK_BYTES_MIN = 1024,
    BLOCK_BYTES_MAX = 1 << 20,
};

/* The whole hash lies in the slot, in halves so that a slot is 12 bytes: a probe looks at
 * an id only when all 64 bits agree, and growing reads nothing but slots. */
typedef struct slot {
    uint32_t hash_high;
    uint32_t hash_low;
    uint32_t index; /* MR_ID_NONE: free */
} slot;

_Static_assert(sizeof(slot) == 12, "what the header's Cost line counts");

typedef struct entry {
    uint64_t hash;
    const char *bytes;
    uint32_t length;
} entry;

/* Id bytes one after the other; blocks are kept until the table goes. */
typedef struct block {
    struct block *next;
    char bytes[];
} block;

struct mr_id_table {
    mr_hash_key key;
    slot *slots;
    unsigned slot_bits; /* 2^slot_bits slots, at most 3/4 of them taken */
    uint32_t count;
    entry *segments[SEGMENTS_MAX];
    block *blocks; /* the newest first */
    size_t block_used;
    size_t block_capacity;
    size_t held_bytes;
};

static size_t slot_count(const mr_id_table *table)
{
    return (size_t)1 << table->slot_bits;
}

/* Top bits: shards and filters tend to use up the low ones. */
static size_t home_of(uint64_t hash, unsigned slot_bits)
{
    return (size_t)(hash >> (64 - slot_bits));
}

/* Segment k begins at index 2^(6 + k) - 2^6, so index + 2^6 names it by its highest bit.
 */
static unsigned segment_of(uint32_t index, size_t *ret_place)
{
    const uint64_t shifted = (uint64_t)index + (1U << FIRST_SEGMENT_BITS);
    const unsigned highest = 63U - (unsigned)__builtin_clzll(shifted);
    *ret_place = (size_t)(shifted - (UINT64_C(1) << highest));
    return highest - FIRST_SEGMENT_BITS;
}

static entry *entry_at(const mr_id_table *table, uint32_t index)
{
    size_t place;
    const unsigned segment = segment_of(index, &place);
    return &table->segments[segment][place];
}

static slot *slots_create(unsigned slot_bits)
{
    const size_t count = (size_t)1 << slot_bits;
    slot *slots = reallocarray(NULL, count, sizeof(*slots));
    if (slots != NULL)
        memset(slots, 0xFF, count * sizeof(*slots)); /* every index MR_ID_NONE */
    return slots;
}

mr_status mr_id_table_create(const mr_hash_key *key, mr_id_table **ret_table)
{
    mr_id_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return MR_ERR_NO_MEMORY;
    table->key = *key;
    table->slot_bits = FIRST_SLOT_BITS;
    table->slots = slots_create(table->slot_bits);
    if (table->slots == NULL)
        goto fail;
    table->held_bytes = sizeof(*table) + slot_count(table) * sizeof(slot);
    *ret_table = table;
    return MR_OK;

fail:
    mr_id_table_destroy(table);
    return MR_ERR_NO_MEMORY;
}

void mr_id_table_destroy(mr_id_table *table)
{
    if (table == NULL)
        return;
    for (block *each = table->blocks; each != NULL;) {
        block *next = each->next;
        free(each);
        each = next;
    }
    for (unsigned i = 0; i < SEGMENTS_MAX; i++)
        free(table->segments[i]);
    free(table->slots);
    free(table);
}

uint32_t mr_id_table_count(const mr_id_table *table)
{
    return table->count;
}

size_t mr_id_table_bytes(const mr_id_table *table)
{
    return table->held_bytes;
}

/* The slot that holds the id, or the free one where it would go. */
static slot *probe(const mr_id_table *table, uint64_t hash, mr_text id)
{
    const size_t mask = slot_count(table) - 1;
    const uint32_t high = (uint32_t)(hash >> 32);
    const uint32_t low = (uint32_t)hash;
    for (size_t at = home_of(hash, table->slot_bits);; at = (at + 1) & mask) {
        slot *here = &table->slots[at];
        if (here->index == MR_ID_NONE)
            return here;
        if (here->hash_high != high || here->hash_low != low)
            continue;
        const entry *known = entry_at(table, here->index);
        if (mr_text_equal((mr_text){.bytes = known->bytes, .length = known->length}, id))
            return here;
    }
}

static mr_status grow_slots(mr_id_table *table)
{
    const unsigned bits = table->slot_bits + 1;
    slot *grown = slots_create(bits);
    if (grown == NULL)
        return MR_ERR_NO_MEMORY;

    const size_t mask = ((size_t)1 << bits) - 1;
    for (size_t i = 0; i < slot_count(table); i++) {
        const slot *old = &table->slots[i];
        if (old->index == MR_ID_NONE)
            continue;
        size_t at = home_of((uint64_t)old->hash_high << 32 | old->hash_low, bits);
        while (grown[at].index != MR_ID_NONE)
            at = (at + 1) & mask;
        grown[at] = *old;
    }
    table->held_bytes += slot_count(table) * sizeof(slot); /* twice as many as before */
    free(table->slots);
    table->slots = grown;
    table->slot_bits = bits;
    return MR_OK;
}

static mr_status need_segment(mr_id_table *table, uint32_t index)
{
    size_t place;
    const unsigned segment = segment_of(index, &place);
    if (table->segments[segment] != NULL)
        return MR_OK;
    const size_t entries = (size_t)1 << (FIRST_SEGMENT_BITS + segment);
    table->segments[segment] = reallocarray(NULL, entries, sizeof(entry));
    if (table->segments[segment] == NULL)
        return MR_ERR_NO_MEMORY;
    table->held_bytes += entries * sizeof(entry);
    return MR_OK;
}

static mr_status need_bytes(mr_id_table *table, size_t length)
{
    if (table->block_capacity - table->block_used >= length)
        return MR_OK;
    size_t capacity = table->block_capacity * 2;
    if (capacity < BLOCK_BYTES_MIN)
        capacity = BLOCK_BYTES_MIN;
    if (capacity > BLOCK_BYTES_MAX)
        capacity = BLOCK_BYTES_MAX;
    if (capacity < length)
        capacity = length;

    block *made = malloc(sizeof(*made) + capacity);
    if (made == NULL)
        return MR_ERR_NO_MEMORY;
    made->next = table->blocks;
    table->blocks = made;
    table->block_used = 0;
    table->block_capacity = capacity;
    table->held_bytes += sizeof(*made) + capacity;
    return MR_OK;
}

/* All that can fail comes before the first change that a caller could see. */
static mr_status need_room(mr_id_table *table, size_t length)
{
    if (table->count == MR_ID_NONE - 1)
        return MR_ERR_FULL;
    if ((size_t)table->count + 1 > slot_count(table) / 4 * 3)
        MR_TRY(grow_slots(table));
    MR_TRY(need_segment(table, table->count));
    return need_bytes(table, length);
}

mr_status mr_id_table_put_hashed(mr_id_table *table, uint64_t hash, mr_text id,
                                 uint32_t *ret_index)
{
    const uint32_t known = probe(table, hash, id)->index;
    if (known != MR_ID_NONE) {
        *ret_index = known;
        return MR_OK;
    }
    MR_TRY(need_room(table, id.length));
    slot *free_slot = probe(table, hash, id); /* again: the slots may have grown */

    char *copy = NULL;
    if (id.length > 0) {
        copy = table->blocks->bytes + table->block_used;
        memcpy(copy, id.bytes, id.length);
        table->block_used += id.length;
    }
    const uint32_t index = table->count++;
    *entry_at(table, index) = (entry){.hash = hash, .bytes = copy, .length = id.length};

    *free_slot = (slot){
        .hash_high = (uint32_t)(hash >> 32), .hash_low = (uint32_t)hash, .index = index};
    *ret_index = index;
    return MR_OK;
}

mr_status mr_id_table_put(mr_id_table *table, mr_text id, uint32_t *ret_index)
{
    return mr_id_table_put_hashed(table, mr_hash_item(&table->key, id), id, ret_index);
}

uint32_t mr_id_table_find_hashed(const mr_id_table *table, uint64_t hash, mr_text id)
{
    return probe(table, hash, id)->index;
}

uint32_t mr_id_table_find(const mr_id_table *table, mr_text id)
{
    return mr_id_table_find_hashed(table, mr_hash_item(&table->key, id), id);
}

void mr_id_table_prefetch(const mr_id_table *table, uint64_t hash)
{
    mr_prefetch(&table->slots[home_of(hash, table->slot_bits)]);
}

uint32_t mr_id_table_prefetch_entry(const mr_id_table *table, uint64_t hash)
{
    const size_t mask = slot_count(table) - 1;
    size_t at = home_of(hash, table->slot_bits);
    while (table->slots[at].index != MR_ID_NONE &&
           table->slots[at].hash_high != (uint32_t)(hash >> 32))
        at = (at + 1) & mask;
    const uint32_t index = table->slots[at].index;
    if (index != MR_ID_NONE)
        mr_prefetch(entry_at(table, index));
    return index;
}

void mr_id_table_prefetch_id(const mr_id_table *table, uint32_t index)
{
    if (index != MR_ID_NONE)
        mr_prefetch(entry_at(table, index)->bytes);
}

mr_text mr_id_table_id(const mr_id_table *table, uint32_t index)
{
    MR_ASSERT(index < table->count);
    const entry *known = entry_at(table, index);
    return (mr_text){.bytes = known->bytes, .length = known->length};
}

uint64_t mr_id_table_hash(const mr_id_table *table, uint32_t index)
{
    MR_ASSERT(index < table->count);
    return entry_at(table, index)->hash;
}
