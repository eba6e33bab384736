#include "features/block_pool.h"

#include "core/assert.h"
#include "features/region.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_MOVED_BYTES = 512, /* so many are moved without a thought */
    LIST_SLACK_SHARE = 16,
};

/* Most lists have one element or two: small sizes are close together, larger ones two or more to
 * a doubling. */
static const uint16_t class_bytes[MR_BLOCK_CLASSES] = {
    8,    16,   24,   32,   40,   48,    56,
    64,   80,   96,   112,  128,  160,   192,
    256,  320,  384,  512,  768,  1024,  1536,
    2048, 3072, 4096, 6144, 8192, 12288, MR_BLOCK_BYTES_MAX,
};

uint8_t mr_block_class_of(size_t bytes)
{
    uint8_t size_class = 0;
    while (class_bytes[size_class] < bytes)
        size_class++;
    return size_class;
}

size_t mr_block_class_bytes(uint8_t size_class)
{
    return class_bytes[size_class];
}

void mr_block_pool_deinit(mr_block_pool *pool)
{
    for (size_t i = 0; i < pool->slab_count; i++)
        mr_region_unmap(pool->slabs[i], MR_BLOCK_SLAB_BYTES);
    free(pool->slabs);
    free(pool->chunks);
    *pool = (mr_block_pool){0};
}

static mr_status add_slab(mr_block_pool *pool)
{
    if (pool->slab_count >= UINT32_MAX / MR_BLOCK_SLAB_UNITS)
        return MR_ERR_NO_MEMORY; /* 32 GiB: handles end here */
    if (pool->slab_count == pool->slab_capacity) {
        const size_t capacity = pool->slab_capacity == 0 ? 16 : 2 * pool->slab_capacity;
        uint8_t **slabs = realloc(pool->slabs, capacity * sizeof(*slabs));
        if (slabs == NULL)
            return MR_ERR_NO_MEMORY;
        pool->slabs = slabs;
        mr_block_chunk *chunks =
            realloc(pool->chunks, capacity * MR_BLOCK_SLAB_CHUNKS * sizeof(*chunks));
        if (chunks == NULL)
            return MR_ERR_NO_MEMORY;
        pool->chunks = chunks;
        pool->slab_capacity = capacity;
    }
    uint8_t *slab = mr_region_map(MR_BLOCK_SLAB_BYTES);
    if (slab == NULL)
        return MR_ERR_NO_MEMORY;
    pool->slabs[pool->slab_count++] = slab;
    if (pool->chunk_count == 0)
        pool->chunk_count = 1;
    return MR_OK;
}

mr_status mr_block_pool_reserve(mr_block_pool *pool, size_t bytes)
{
    /* Each size may have to start a chunk, and the end of one may be too short for a block. */
    const size_t usable = MR_BLOCK_CHUNK_BYTES - MR_BLOCK_BYTES_MAX;
    const size_t needed = bytes / usable + MR_BLOCK_CLASSES + 1;
    while (pool->slab_count * MR_BLOCK_SLAB_CHUNKS + pool->free_chunk_count <
           pool->chunk_count + needed)
        MR_TRY(add_slab(pool));
    return MR_OK;
}

size_t mr_block_pool_bytes(const mr_block_pool *pool)
{
    return pool->chunk_count * (size_t)MR_BLOCK_CHUNK_BYTES +
           pool->slab_capacity *
               (sizeof(*pool->slabs) + MR_BLOCK_SLAB_CHUNKS * sizeof(*pool->chunks));
}

static uint16_t blocks_in_chunk(uint8_t size_class)
{
    return (uint16_t)(MR_BLOCK_CHUNK_BYTES / class_bytes[size_class]);
}

static void put_with_room(mr_block_pool *pool, uint32_t index)
{
    mr_block_chunk *chunk = &pool->chunks[index];
    uint32_t *head = &pool->with_room[chunk->size_class];
    chunk->before = 0;
    chunk->next = *head;
    if (*head != 0)
        pool->chunks[*head].before = index;
    *head = index;
}

static void take_with_room(mr_block_pool *pool, uint32_t index)
{
    const mr_block_chunk *chunk = &pool->chunks[index];
    if (chunk->before != 0)
        pool->chunks[chunk->before].next = chunk->next;
    else
        pool->with_room[chunk->size_class] = chunk->next;
    if (chunk->next != 0)
        pool->chunks[chunk->next].before = chunk->before;
}

/* A chunk that was given back first, else one that was never touched. */
static uint32_t start_chunk(mr_block_pool *pool, uint8_t size_class)
{
    uint32_t index = pool->free_chunks;
    if (index != 0) {
        pool->free_chunks = pool->chunks[index].next;
        pool->free_chunk_count--;
    } else {
        index = pool->chunk_count++;
        MR_ASSERT(index < pool->slab_count * MR_BLOCK_SLAB_CHUNKS);
    }
    pool->chunks[index] = (mr_block_chunk){.size_class = size_class};
    put_with_room(pool, index);
    return index;
}

uint32_t mr_block_pool_allocate(mr_block_pool *pool, size_t bytes, uint8_t *ret_class)
{
    MR_ASSERT(bytes > 0);
    MR_ASSERT(bytes <= MR_BLOCK_BYTES_MAX);
    const uint8_t size_class = mr_block_class_of(bytes);
    uint32_t index = pool->with_room[size_class];
    if (index == 0)
        index = start_chunk(pool, size_class);
    mr_block_chunk *chunk = &pool->chunks[index];
    uint32_t block = chunk->free_block;
    if (block != 0)
        memcpy(&chunk->free_block, mr_block_at(pool, block), sizeof(block));
    else
        block = index * MR_BLOCK_CHUNK_UNITS +
                chunk->cut++ * (uint32_t)(class_bytes[size_class] / MR_BLOCK_UNIT_BYTES);
    if (++chunk->used == blocks_in_chunk(size_class))
        take_with_room(pool, index);
    pool->used_bytes += class_bytes[size_class];
    *ret_class = size_class;
    return block;
}

void mr_block_pool_free(mr_block_pool *pool, uint32_t block, uint8_t size_class)
{
    if (block == 0)
        return;
    const uint32_t index = block / MR_BLOCK_CHUNK_UNITS;
    mr_block_chunk *chunk = &pool->chunks[index];
    MR_ASSERT(chunk->size_class == size_class);
    if (chunk->used-- == blocks_in_chunk(size_class))
        put_with_room(pool, index);
    pool->used_bytes -= class_bytes[size_class];
    if (chunk->used > 0) {
        memcpy(mr_block_at(pool, block), &chunk->free_block, sizeof(block));
        chunk->free_block = block;
        return;
    }
    take_with_room(pool, index);
    chunk->next = pool->free_chunks;
    pool->free_chunks = index;
    pool->free_chunk_count++;
}

/* Move the elements to the start of the block, which makes room behind them. */
static void pull_back(mr_block_pool *pool, mr_list *list, size_t element_bytes)
{
    memmove(mr_block_at(pool, list->block), mr_list_elements(pool, list),
            list->count * element_bytes);
    list->start = 0;
}

static void grow_list(mr_block_pool *pool, mr_list *list, size_t bytes, size_t used)
{
    uint8_t size_class;
    const uint32_t block = mr_block_pool_allocate(pool, bytes, &size_class);
    if (used > 0)
        memcpy(mr_block_at(pool, block), mr_list_elements(pool, list), used);
    mr_block_pool_free(pool, list->block, list->size_class);
    list->block = block;
    list->size_class = size_class;
    list->start = 0;
}

/* Room for one more behind the last.  A block that is almost full is left for a larger one even
 * when a pull back would make room: the next few elements would each ask for another. */
static void make_room(mr_block_pool *pool, mr_list *list, size_t element_bytes)
{
    const size_t start = (size_t)list->start * MR_LIST_START_BYTES;
    const size_t used = list->count * element_bytes;
    const size_t capacity = list->block == 0 ? 0 : class_bytes[list->size_class];
    if (start + used + element_bytes <= capacity)
        return;
    const bool is_cheap = capacity <= LIST_MOVED_BYTES ||
                          capacity == MR_BLOCK_BYTES_MAX ||
                          start >= capacity / LIST_SLACK_SHARE;
    if (used + element_bytes > capacity)
        grow_list(pool, list, used + element_bytes, used);
    else if (is_cheap)
        pull_back(pool, list, element_bytes);
    else
        grow_list(pool, list, capacity + 1, used);
}

void mr_list_start(mr_block_pool *pool, mr_list *list, size_t count, size_t element_bytes)
{
    MR_ASSERT(list->block == 0);
    if (count > 0)
        list->block =
            mr_block_pool_allocate(pool, count * element_bytes, &list->size_class);
}

void *mr_list_insert(mr_block_pool *pool, mr_list *list, size_t index,
                     size_t element_bytes)
{
    MR_ASSERT(index <= list->count);
    make_room(pool, list, element_bytes);
    uint8_t *gap = (uint8_t *)mr_list_elements(pool, list) + index * element_bytes;
    memmove(gap + element_bytes, gap, (list->count - index) * element_bytes);
    list->count++;
    return gap;
}

void mr_list_remove(mr_block_pool *pool, mr_list *list, size_t index, size_t remove,
                    size_t element_bytes)
{
    if (remove == 0)
        return;
    MR_ASSERT(index + remove <= list->count);
    uint8_t *first = mr_list_elements(pool, list);
    const size_t before_bytes = index * element_bytes;
    const size_t gap_bytes = remove * element_bytes;
    const size_t behind_bytes = list->count * element_bytes - before_bytes - gap_bytes;
    const size_t start = list->start + gap_bytes / MR_LIST_START_BYTES;
    if (before_bytes >= behind_bytes) { /* the shorter side moves */
        memmove(first + before_bytes, first + before_bytes + gap_bytes, behind_bytes);
    } else {
        memmove(first + gap_bytes, first, before_bytes);
        if (start > UINT8_MAX)
            memmove(mr_block_at(pool, list->block), first + gap_bytes,
                    before_bytes + behind_bytes);
        list->start = start > UINT8_MAX ? 0 : (uint8_t)start;
    }
    list->count = (uint16_t)(list->count - remove);
}

/* A block more than the elements need: see make_room(). */
size_t mr_list_growth_max(size_t elements_max, size_t element_bytes)
{
    const uint8_t size_class = mr_block_class_of(elements_max * element_bytes);
    return class_bytes[size_class + 1 < MR_BLOCK_CLASSES ? size_class + 1 : size_class];
}
