/*
 * The anonymous ids that were seen with a user, the latest few of them.
 */
#include "features/links.h"

#include <string.h>

static uint8_t class_for(size_t count)
{
    return mr_block_class_of(count * sizeof(uint64_t));
}

const uint64_t *mr_links_noted(const mr_block_pool *pool, mr_row row)
{
    return row.head->noted_count > 0 ? mr_block_at(pool, row.side->noted) : NULL;
}

void mr_links_add_noted(mr_block_pool *pool, mr_row row, uint64_t hash)
{
    const size_t count = row.head->noted_count;
    if (count == MR_LINK_NOTED_MAX) {
        uint64_t *hashes = mr_block_at(pool, row.side->noted);
        memmove(hashes, hashes + 1, (count - 1) * sizeof(*hashes));
        hashes[count - 1] = hash;
        return;
    }
    if (count == 0 || class_for(count) != class_for(count + 1)) {
        uint8_t size_class; /* told by the number: not kept */
        const uint32_t block =
            mr_block_pool_allocate(pool, (count + 1) * sizeof(hash), &size_class);
        if (count > 0)
            memcpy(mr_block_at(pool, block), mr_block_at(pool, row.side->noted),
                   count * sizeof(hash));
        mr_links_forget_noted(pool, row);
        row.side->noted = block;
    }
    uint64_t *hashes = mr_block_at(pool, row.side->noted);
    hashes[count] = hash;
    row.head->noted_count = (count + 1) & 0x3F;
}

void mr_links_forget_noted(mr_block_pool *pool, mr_row row)
{
    const size_t count = row.head->noted_count;
    if (count > 0)
        mr_block_pool_free(pool, row.side->noted, class_for(count));
    row.side->noted = 0;
    row.head->noted_count = 0;
}
