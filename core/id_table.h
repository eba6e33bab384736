/*
 * Id table: text ids to dense indices 0, 1, 2 …, and back.
 *
 * Indices are given in the order of first appearance and never change.  The table probes by a
 * keyed 64-bit hash and compares ids in full behind it, so two ids that share a hash get two
 * indices.  It serves shards (items), trainers (users and items) and catalogues.
 *
 * Units      Indices are u32; at most 2^32 - 2 ids.
 * Ownership  The table copies and owns the id bytes; mr_id_table_id() lends for its lifetime
 *            (id bytes do not move when the table grows).
 * Threads    Owner-only while it grows; any readers once nobody puts.
 * Cost       One probe; growth rehashes 12 bytes an id (a segment of ids never moves).
 */
#ifndef MR_CORE_ID_TABLE_H
#define MR_CORE_ID_TABLE_H

#include "core/hash.h"
#include "core/text.h"

#include <stddef.h>
#include <stdint.h>

#define MR_ID_NONE UINT32_MAX

typedef struct mr_id_table mr_id_table;

/* Copies the key. */
MR_MUST_USE mr_status mr_id_table_create(const mr_hash_key *key, mr_id_table **ret_table);
void mr_id_table_destroy(mr_id_table *table); /* NULL allowed */

uint32_t mr_id_table_count(const mr_id_table *table);
size_t mr_id_table_bytes(const mr_id_table *table); /* memory held */

/* The index of `id`, given now if it is new.  MR_ERR_NO_MEMORY: unchanged. */
MR_MUST_USE mr_status mr_id_table_put(mr_id_table *table, mr_text id,
                                      uint32_t *ret_index);

/* The index of `id`, or MR_ID_NONE. */
uint32_t mr_id_table_find(const mr_id_table *table, mr_text id);

/* As above, with mr_hash_item(key, id) already at hand. */
uint32_t mr_id_table_find_hashed(const mr_id_table *table, uint64_t hash, mr_text id);
MR_MUST_USE mr_status mr_id_table_put_hashed(mr_id_table *table, uint64_t hash,
                                             mr_text id, uint32_t *ret_index);

/* Three stages before a find or put, each over a whole batch: the slot; what the slot names, whose
 * index is returned, or MR_ID_NONE; its id. */
void mr_id_table_prefetch(const mr_id_table *table, uint64_t hash);
uint32_t mr_id_table_prefetch_entry(const mr_id_table *table, uint64_t hash);
void mr_id_table_prefetch_id(const mr_id_table *table, uint32_t index);

mr_text mr_id_table_id(const mr_id_table *table, uint32_t index); /* lends */
uint64_t mr_id_table_hash(const mr_id_table *table, uint32_t index);

#endif
