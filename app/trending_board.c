#include "app/trending_board.h"

#include <stdlib.h>

enum { CACHE_TIMEOUT_MS = 1000, ARENA_BLOCK_BYTES = 64 * 1024, SHARES_A_CALL = 64 };

void mr_trending_board_destroy(void *board)
{
    mr_trending_board *mine = board;
    if (mine == NULL)
        return;
    mr_arena_destroy(mine->arena);
    free(mine);
}

/* Append the shares that are there, without their fences; texts point into `storage`, so that
 * they are made once it has stopped moving. */
static mr_status read_shares(mr_cache *cache, uint32_t partitions, mr_buffer *storage,
                             mr_text *ret_shares, mr_trending_board *board)
{
    size_t count = 0;
    mr_buffer found = {0};
    for (uint32_t from = 0; from < partitions; from += SHARES_A_CALL) {
        char keys[SHARES_A_CALL][MR_CACHE_KEY_TEXT_BYTES];
        mr_text names[SHARES_A_CALL];
        mr_text values[SHARES_A_CALL];
        const uint32_t left = partitions - from;
        const uint32_t n = left < SHARES_A_CALL ? left : SHARES_A_CALL;
        for (uint32_t i = 0; i < n; i++)
            names[i] = mr_cache_trending_key(from + i, keys[i]);
        mr_buffer_clear(&found);
        const mr_status status =
            mr_cache_get_many(cache, names, n, CACHE_TIMEOUT_MS, &found, values);
        if (status != MR_OK) {
            mr_buffer_deinit(&found);
            return status;
        }
        for (uint32_t i = 0; i < n; i++) {
            mr_trending_header header;
            if (values[i].length <= MR_CACHE_FENCE_BYTES)
                continue;
            const mr_text share = {values[i].bytes + MR_CACHE_FENCE_BYTES,
                                   values[i].length - MR_CACHE_FENCE_BYTES};
            if (mr_trending_read_header(share, &header) != MR_OK)
                continue;
            if (board->newest_ms == MR_TIME_NONE || header.at_ms > board->newest_ms)
                board->newest_ms = header.at_ms;
            mr_buffer_put(storage, share.bytes, share.length);
            ret_shares[count++].length = share.length;
        }
    }
    mr_buffer_deinit(&found);
    MR_TRY(mr_buffer_status(storage));
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        ret_shares[i].bytes = (const char *)storage->bytes + at;
        at += ret_shares[i].length;
    }
    board->shares = count;
    return MR_OK;
}

static mr_status merge(mr_trending_board *board, const mr_text *shares,
                       mr_trending_subject subject, mr_trending_kind kind, size_t k,
                       mr_trending_entry *ret_entries, size_t *ret_count)
{
    MR_TRY(mr_trending_merge(shares, board->shares, subject, kind, k, ret_entries,
                             ret_count));
    for (size_t i = 0; i < *ret_count; i++) {
        ret_entries[i].item_id = mr_arena_copy(board->arena, ret_entries[i].item_id);
        if (ret_entries[i].item_id.bytes == NULL)
            return MR_ERR_NO_MEMORY;
    }
    return MR_OK;
}

static mr_status merge_all(mr_trending_board *board, const mr_text *shares)
{
    for (int i = 0; i < MR_TRENDING_KINDS; i++) {
        const mr_trending_kind kind = (mr_trending_kind)i;
        MR_TRY(merge(board, shares, MR_TRENDING_ITEMS, kind, MR_TRENDING_BOARD_ITEMS,
                     board->entries[i], &board->count[i]));
        MR_TRY(merge(board, shares, MR_TRENDING_CATEGORIES, kind,
                     MR_TRENDING_BOARD_CATEGORIES, board->categories[i],
                     &board->category_count[i]));
    }
    return MR_OK;
}

mr_status mr_trending_board_create(mr_cache *cache, uint32_t partitions,
                                   mr_trending_board **ret_board)
{
    mr_trending_board *board = calloc(1, sizeof(*board));
    mr_text *shares = calloc(partitions, sizeof(*shares));
    mr_buffer storage = {0};
    mr_status status = MR_ERR_NO_MEMORY;
    if (board != NULL && shares != NULL) {
        board->newest_ms = MR_TIME_NONE;
        board->of = partitions;
        board->arena = mr_arena_create(ARENA_BLOCK_BYTES);
        if (board->arena != NULL)
            status = read_shares(cache, partitions, &storage, shares, board);
        if (status == MR_OK)
            status = merge_all(board, shares);
    }
    mr_buffer_deinit(&storage);
    free(shares);
    if (status != MR_OK) {
        mr_trending_board_destroy(board);
        return status;
    }
    *ret_board = board;
    return MR_OK;
}
