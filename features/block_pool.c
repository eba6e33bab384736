#include "features/block_pool.h"

#include "core/assert.h"
#include "features/region.h"

#include <stdlib.h>
#include <string.h>

/* Four steps to a doubling keep what is lost in a block under a quarter. */
static const uint16_t class_bytes[MR_BLOCK_CLASSES] = {
    16,
    32,
    48,
    64,
    80,
    96,
    128,
    160,
    192,
    256,
    320,
    384,
    512,
    768,
    1024,
    1536,
    2048,
    3072,
    4096,
    6144,
    8192,
    12288,
    MR_BLOCK_BYTES_MAX,
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
        return MR_ERR_NO_MEMORY; /* 64 GiB: handles end here */
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

static void grow_list(mr_block_pool *pool, mr_list *list, size_t element_bytes)
{
    const size_t used = list->count * element_bytes;
    uint8_t size_class;
    const uint32_t block =
        mr_block_pool_allocate(pool, used + element_bytes, &size_class);
    if (used > 0)
        memcpy(mr_block_at(pool, block), mr_block_at(pool, list->block), used);
    mr_block_pool_free(pool, list->block, list->size_class);
    list->block = block;
    list->size_class = size_class;
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
    if (list->block == 0 ||
        (list->count + 1U) * element_bytes > class_bytes[list->size_class])
        grow_list(pool, list, element_bytes);
    uint8_t *gap = (uint8_t *)mr_block_at(pool, list->block) + index * element_bytes;
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
    uint8_t *gap = (uint8_t *)mr_block_at(pool, list->block) + index * element_bytes;
    memmove(gap, gap + remove * element_bytes,
            (list->count - index - remove) * element_bytes);
    list->count = (uint16_t)(list->count - remove);
}

size_t mr_list_growth_max(size_t elements_max, size_t element_bytes)
{
    return class_bytes[mr_block_class_of(elements_max * element_bytes)];
}
