/*
 * Dedup, inside: for the files that make it up.
 *
 * Units      As features/dedup.h.
 * Ownership  As features/dedup.h.
 * Threads    Owner-only.
 * Cost       None of its own.
 */
#ifndef MR_FEATURES_DEDUP_PRIVATE_H
#define MR_FEATURES_DEDUP_PRIVATE_H

#include "features/dedup.h"

enum {
    /* The default cap spread over 1024 sub-tables fills three quarters of each, and neither
     * doubles them nor cleans them often. */
    MR_DEDUP_PLACES = 5504,
    MR_DEDUP_FULL_AT = MR_DEDUP_PLACES / 8 * 7,
    MR_DEDUP_SPLIT_AT = MR_DEDUP_PLACES / 16 * 13, /* live entries left after cleaning */
    MR_DEDUP_CHUNK_TABLES = 38,                    /* as many as fit 2 MiB */
    MR_DEDUP_DEPTH_MAX = 24,

    /* Numbers of buckets, 0 excepted.  Not free are those of live buckets, at most two classes
     * of MR_DEDUP_CLASS_BUCKETS_MAX and a record's lines, and those whose dead entries have
     * not been dropped: a round over all sub-tables takes MR_DEDUP_ROUND new buckets. */
    MR_DEDUP_SLOTS = 16384,
    MR_DEDUP_ROUND = 4096,

    MR_DEDUP_FRESH_CHUNK = 1 << 16,
    MR_DEDUP_FRESH_CHUNKS = MR_DEDUP_FRESH_MAX / MR_DEDUP_FRESH_CHUNK + 1,
};

_Static_assert(2 * MR_DEDUP_CLASS_BUCKETS_MAX + 2 * MR_EVENT_LINES_MAX + MR_DEDUP_ROUND +
                       2 * MR_DEDUP_CLASS_BUCKETS_MAX <
                   MR_DEDUP_SLOTS,
               "a free number is always found");

typedef struct mr_dedup_table {
    uint64_t *fingerprints; /* MR_DEDUP_PLACES of them; 0: empty */
    uint16_t *slots;
    uint32_t count; /* entries, dead ones included                  */
    uint32_t depth; /* bits of the fingerprint all of them share    */
    uint32_t cut;   /* the last cut that has its entries            */
} mr_dedup_table;

typedef struct mr_dedup_list {
    mr_dedup_bucket *buckets; /* ascending by number */
    size_t count;
    size_t capacity;
    int64_t evicted_end_ms;
} mr_dedup_list;

typedef struct mr_dedup_cut {
    bool is_open;
    uint32_t number;
    size_t tables; /* there were at its begin */
    size_t next;
    mr_buffer head;
    mr_buffer early;
    uint16_t
        index_of[MR_DEDUP_SLOTS]; /* place in the head + 1; 0: not alive at the begin */
} mr_dedup_cut;

typedef struct mr_dedup_fresh_entry {
    uint64_t fingerprint;
    uint64_t bucket; /* born << 16 | slot */
} mr_dedup_fresh_entry;

typedef struct mr_dedup_fresh {
    bool is_kept; /* since the first cut          */
    bool is_lost; /* there were too many          */
    mr_dedup_fresh_entry *chunks[MR_DEDUP_FRESH_CHUNKS];
    size_t chunk_count;
    size_t first; /* within the first chunk */
    size_t count;
} mr_dedup_fresh;

struct mr_dedup {
    const mr_dedup_spec *spec;
    int64_t watermark_ms;
    mr_dedup_list lists[MR_DEDUP_CLASSES];
    size_t count; /* of live entries */
    uint64_t births;
    uint64_t forgotten;

    uint32_t *directory; /* 2^depth indices into tables */
    uint32_t depth;
    mr_dedup_table *tables;
    size_t table_count;
    size_t table_capacity;
    uint8_t **chunks; /* of MR_DEDUP_CHUNK_TABLES sub-tables each */
    size_t chunk_count;
    size_t chunk_capacity;
    size_t cleaned; /* the sub-table that a new bucket cleans next */

    uint16_t last_slot;
    uint32_t entries_of[MR_DEDUP_SLOTS]; /* dead ones included */
    bool is_live[MR_DEDUP_SLOTS];

    mr_dedup_cut cut;
    mr_dedup_fresh fresh;

    /* A sub-table while it is filled anew. */
    uint64_t old_fingerprints[MR_DEDUP_PLACES];
    uint16_t old_slots[MR_DEDUP_PLACES];
};

/* -- sub-tables (dedup_table.c) ------------------------------------------------------------- */

MR_MUST_USE mr_status mr_dedup_tables_init(mr_dedup *dedup);
void mr_dedup_tables_deinit(mr_dedup *dedup);
MR_MUST_USE mr_status mr_dedup_tables_reserve(mr_dedup *dedup, size_t ids);
size_t mr_dedup_tables_bytes(const mr_dedup *dedup);

/* The slot its entry says, dead or alive; 0 when there is none. */
uint16_t mr_dedup_tables_find(const mr_dedup *dedup, uint64_t fingerprint);

/* Put the entry, or let a dead one say the new slot. */
void mr_dedup_tables_put(mr_dedup *dedup, uint64_t fingerprint, uint16_t slot);

/* Drop the dead entries of the next sub-tables, so many that a round takes MR_DEDUP_ROUND. */
void mr_dedup_tables_clean(mr_dedup *dedup);

void mr_dedup_tables_check(const mr_dedup *dedup);

/* -- cut (dedup_cut.c) ---------------------------------------------------------------------- */

/* Called before a sub-table changes while a cut is open. */
void mr_dedup_cut_save(mr_dedup *dedup, mr_dedup_table *table);
void mr_dedup_cut_deinit(mr_dedup *dedup);

MR_MUST_USE mr_status mr_dedup_fresh_reserve(mr_dedup *dedup, size_t ids);
void mr_dedup_fresh_put(mr_dedup *dedup, uint64_t fingerprint,
                        const mr_dedup_bucket *bucket);

/* -- buckets (dedup.c) ---------------------------------------------------------------------- */

/* A number of the table is never 0. */
static inline uint64_t mr_dedup_entry_of(uint64_t fingerprint)
{
    return fingerprint == 0 ? 1 : fingerprint;
}

/* Where the bucket stands or would stand. */
size_t mr_dedup_list_place(const mr_dedup_list *list, int64_t number);

/* A new bucket at `place`; reserved before. */
mr_dedup_bucket *mr_dedup_list_insert(mr_dedup *dedup, mr_dedup_list *list, size_t place,
                                      int64_t number, uint64_t born);
void mr_dedup_list_remove(mr_dedup *dedup, mr_dedup_list *list, size_t first,
                          size_t count);
MR_MUST_USE mr_status mr_dedup_list_reserve(mr_dedup_list *list, size_t buckets);

/* MR_TIME_NONE without a watermark. */
int64_t mr_dedup_floor_ms(const mr_dedup *dedup, mr_dedup_class span,
                          int64_t watermark_ms);
int64_t mr_dedup_bucket_end_ms(const mr_dedup *dedup, mr_dedup_class span,
                               int64_t number);

#endif
