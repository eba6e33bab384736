/*
 * Profile store: the rows of a shard, and the index that finds them.
 *
 * The index is extendible: a directory, addressed by the first bits of a 128-bit keyed hash,
 * points to sub-tables of 4096 slots.  A sub-table that is three quarters full is split in two
 * by the next bit, so growth touches one sub-table at a time and nothing is ever rehashed
 * whole.  A slot is 8 bytes, 32 bits of the hash and a row, and holds all that a split needs.
 *
 * Rows are dense and lie in segments: the 64-byte heads of a segment side by side, behind them
 * the bodies, then what few
 * events touch.  A segment is large, so that heads and bodies lie on huge
 * pages: a random row then costs one cache miss and not one more for its page's address.  A row
 * is taken for the right one only when the id itself is equal; of the hash only the slot's 32
 * bits are kept, since an id says all that a hash of it could.
 *
 * A batch is looked up in stages, each of which only prefetches what the next one reads:
 * directory and slot, head and body, the ends of lists and the extra part, the ends of its lists.
 *
 * Units      Rows are u32.
 * Ownership  The store owns rows and ids; rows do not move.
 * Threads    Owner-only.
 * Cost       Find: two dependent cache misses, hidden by the stages; one more for an id longer
 *            than 16 bytes.  Growth: one split (3072 slots of 8 bytes moved) or one mapped
 *            segment, whose pages are filled as rows come.
 */
#ifndef MR_FEATURES_PROFILE_STORE_H
#define MR_FEATURES_PROFILE_STORE_H

#include "features/profile.h"

enum {
    MR_STORE_SLOTS = 4096, /* of a sub-table */
    MR_STORE_SPLIT_AT = MR_STORE_SLOTS / 4 * 3,
    MR_STORE_SEGMENT_ROWS = 65536,
    MR_STORE_DEPTH_MAX = 20, /* tag bits beyond are the position in a sub-table */
    MR_STORE_CHUNK_TABLES = 64,
};

typedef struct mr_store_slot {
    uint32_t tag;
    uint32_t row_plus_one; /* 0: empty */
} mr_store_slot;

typedef struct mr_sub_table {
    mr_store_slot *slots;
    uint32_t count;
    uint32_t depth; /* bits of the hash all its entries share */
} mr_sub_table;

typedef struct mr_profile_store {
    const mr_plan *plan;
    mr_block_pool *pool; /* long ids and extra parts lie in it */

    uint32_t *directory; /* 2^depth indices into tables */
    uint32_t depth;
    mr_sub_table *tables;
    size_t table_count;
    size_t table_capacity;
    uint8_t **chunks; /* of MR_STORE_CHUNK_TABLES sub-tables each */
    size_t chunk_count;
    size_t chunk_capacity;

    uint8_t **segments;
    size_t segment_count;
    size_t segment_capacity;
    uint32_t row_count;
} mr_profile_store;

/* `pool` is borrowed.  Zero is a valid state for deinit. */
MR_MUST_USE mr_status mr_profile_store_init(mr_profile_store *ret_store,
                                            const mr_plan *plan, mr_block_pool *pool);
void mr_profile_store_deinit(mr_profile_store *store);

/* Room for `rows` more rows, so that as many puts cannot fail.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_profile_store_reserve(mr_profile_store *store, size_t rows);

/* Memory of rows and sub-tables in use. */
size_t mr_profile_store_bytes(const mr_profile_store *store);

/* The row of an id, or MR_ROW_NONE. */
uint32_t mr_profile_store_find(const mr_profile_store *store, mr_hash128 hash, mr_text id,
                               bool is_anonymous);

/* The same, made if there is none: its body is zero.  Reserved before.  `likely` is a row that a
 * stage below has found, or MR_ROW_NONE. */
uint32_t mr_profile_store_put_likely(mr_profile_store *store, uint32_t likely,
                                     mr_hash128 hash, mr_text id, bool is_anonymous);
uint32_t mr_profile_store_put(mr_profile_store *store, mr_hash128 hash, mr_text id,
                              bool is_anonymous);

/*
 * Rows for a restore, in which they come in any order: extend makes them, each without an id and
 * not to be found; place gives one its id (reserved in the pool before); index makes it to be
 * found, and returns false where another row has that id.  MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_profile_store_extend(mr_profile_store *store, size_t rows);
void mr_profile_store_place(mr_profile_store *store, uint32_t row, mr_text id,
                            bool is_anonymous);
bool mr_profile_store_index(mr_profile_store *store, uint32_t row, mr_hash128 hash);

/* The stages, in this order, each over a whole batch before the next. */
void mr_profile_store_prefetch_slot(const mr_profile_store *store, mr_hash128 hash);
/* Returns the row whose tag fits, to be handed to the next stage, or MR_ROW_NONE. */
uint32_t mr_profile_store_prefetch_head(const mr_profile_store *store, mr_hash128 hash);
/* Of a row or MR_ROW_NONE: what an event of that type will touch. */
void mr_profile_store_prefetch_row(const mr_profile_store *store, uint32_t row,
                                   uint8_t event_type);
void mr_profile_store_prefetch_lists(const mr_profile_store *store, uint32_t row,
                                     uint8_t event_type);

/* Of a row that will be read from end to end: what hangs on its head and body. */
void mr_profile_store_prefetch_whole(const mr_profile_store *store, uint32_t row);

/* Of events that show two ids, in the same two stages. */
void mr_profile_store_prefetch_side(const mr_profile_store *store, uint32_t row);
void mr_profile_store_prefetch_noted(const mr_profile_store *store, uint32_t row);

static inline mr_row mr_profile_store_row(const mr_profile_store *store, uint32_t row)
{
    uint8_t *segment = store->segments[row / MR_STORE_SEGMENT_ROWS];
    const size_t index = row % MR_STORE_SEGMENT_ROWS;
    uint8_t *bodies = segment + MR_STORE_SEGMENT_ROWS * sizeof(mr_row_head);
    uint8_t *sides = bodies + MR_STORE_SEGMENT_ROWS * (size_t)store->plan->body_bytes;
    return (mr_row){
        .head = (mr_row_head *)(void *)segment + index,
        .body = bodies + index * store->plan->body_bytes,
        .side = (mr_row_side *)(void *)sides + index,
        .pool = store->pool,
    };
}

mr_text mr_profile_store_id(const mr_profile_store *store, uint32_t row);

void mr_profile_store_check(const mr_profile_store *store);

#endif
