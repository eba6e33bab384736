#include "features/link_profile.h"

#include "features/profile_merge.h"

#include <string.h>

static size_t row_bytes(const mr_plan *plan)
{
    return sizeof(mr_row_head) + plan->body_bytes;
}

mr_row mr_link_profile_row(const mr_block_pool *pool, mr_link_profile profile)
{
    uint8_t *bytes = mr_block_at(pool, profile.block);
    return (mr_row){.head = (mr_row_head *)(void *)bytes,
                    .body = bytes + sizeof(mr_row_head),
                    .pool = pool};
}

size_t mr_link_profile_bytes_max(const mr_plan *plan)
{
    return mr_list_growth_max(row_bytes(plan), 1) + plan->growth_bytes;
}

static mr_link_profile allocate(const mr_plan *plan, mr_block_pool *pool)
{
    mr_link_profile profile;
    profile.block = mr_block_pool_allocate(pool, row_bytes(plan), &profile.size_class);
    return profile;
}

mr_status mr_link_profile_make(const mr_plan *plan, mr_block_pool *pool,
                               mr_link_profile *ret_profile)
{
    MR_TRY(mr_block_pool_reserve(pool, mr_link_profile_bytes_max(plan)));
    *ret_profile = allocate(plan, pool);
    memset(mr_block_at(pool, ret_profile->block), 0, row_bytes(plan));
    return MR_OK;
}

mr_link_profile mr_link_profile_take(const mr_plan *plan, mr_block_pool *pool, mr_row row)
{
    const mr_link_profile profile = allocate(plan, pool);
    mr_profile_move(plan, row, mr_link_profile_row(pool, profile));
    return profile;
}

void mr_link_profile_free(const mr_plan *plan, mr_block_pool *pool,
                          mr_link_profile profile)
{
    if (profile.block == 0)
        return;
    mr_profile_free_blocks(plan, pool, mr_link_profile_row(pool, profile));
    mr_block_pool_free(pool, profile.block, profile.size_class);
}

void mr_link_profile_encode(const mr_plan *plan, const mr_block_pool *pool,
                            mr_link_profile profile, mr_buffer *buffer)
{
    const mr_row row = mr_link_profile_row(pool, profile);
    mr_profile_encode(plan, pool, row, buffer);
    mr_history_encode(plan, pool, row, buffer);
}

mr_status mr_link_profile_decode(const mr_plan *plan, mr_block_pool *pool,
                                 const mr_names *names, mr_reader *reader,
                                 mr_link_profile *ret_profile)
{
    mr_link_profile profile;
    MR_TRY(mr_link_profile_make(plan, pool, &profile));
    const mr_row row = mr_link_profile_row(pool, profile);
    mr_status status = mr_profile_decode(plan, pool, names, row, reader);
    if (status == MR_OK)
        status = mr_history_decode(plan, pool, names->items, row, reader);
    if (status == MR_OK)
        status = mr_reader_status(reader);
    if (status != MR_OK || mr_row_is_empty(row)) {
        mr_link_profile_free(plan, pool, profile);
        return status != MR_OK ? status : MR_ERR_CORRUPT;
    }
    *ret_profile = profile;
    return MR_OK;
}
