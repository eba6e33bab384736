/*
 * Trending board: what is popular over all partitions, as an immutable snapshot.
 *
 * Each ingest thread publishes its partition's share to the cache; a board is the merge of all
 * shares found there, other nodes' included.  Requests read the newest board.
 *
 * Units      As features/trending.h; times in ms since the epoch.
 * Ownership  The board owns its texts.
 * Threads    Immutable once made.
 * Cost       Making one: a merge of 1,000 items a partition and kind.
 */
#ifndef MR_APP_TRENDING_BOARD_H
#define MR_APP_TRENDING_BOARD_H

#include "core/arena.h"
#include "features/trending.h"
#include "serving/cache.h"

enum { MR_TRENDING_BOARD_ITEMS = 1000, MR_TRENDING_BOARD_CATEGORIES = 200 };

typedef struct mr_trending_board {
    mr_arena *arena;
    mr_trending_entry entries[MR_TRENDING_KINDS][MR_TRENDING_BOARD_ITEMS];
    size_t count[MR_TRENDING_KINDS];
    mr_trending_entry categories[MR_TRENDING_KINDS][MR_TRENDING_BOARD_CATEGORIES];
    size_t category_count[MR_TRENDING_KINDS];
    uint32_t of;       /* partitions there are          */
    size_t shares;     /* found and whole               */
    int64_t newest_ms; /* newest event of any share; MR_TIME_NONE without one */
} mr_trending_board;

/* Merge the shares of `partitions` partitions that are in the cache; a damaged or missing share
 * is left out.  MR_ERR_UNAVAILABLE when the cache does not answer; MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_trending_board_create(mr_cache *cache, uint32_t partitions,
                                               mr_trending_board **ret_board);
void mr_trending_board_destroy(void *board); /* NULL allowed; fits mr_snapshot_swap() */

#endif
