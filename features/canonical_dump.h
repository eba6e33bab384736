/*
 * Canonical dump: the log state as text, the same bytes for the same log.
 *
 * One line a value list, `user<TAB>feature<TAB>value...`, users in order of their ids,
 * then the partials summed over the shards.  Neither the partitioning, nor hash order,
 * secret, memory layout or thread count shows.  The two hashes are SHA-256 of such a
 * dump:
 *
 *   features_hash  order-free features and partials: equal for a shuffled or
 * re-partitioned log state_hash     everything, and each partition's offsets and
 * counters: equal for the same log, crashed or not, live or replayed
 *
 * docs/FORMATS.md gives the lines byte for byte.
 *
 * Units      Times in ms; integers in decimal.
 * Ownership  The caller owns the shards and the writer.
 * Threads    The owner of the shards.
 * Cost       A sort of all users, then one pass; for tools and tests, not for the event
 * path.
 */
#ifndef MR_FEATURES_CANONICAL_DUMP_H
#define MR_FEATURES_CANONICAL_DUMP_H

#include "core/hash.h"
#include "core/status.h"
#include "features/shard.h"

typedef enum mr_dump_kind {
    MR_DUMP_ALL = 0,    /* what state_hash covers    */
    MR_DUMP_ORDER_FREE, /* what features_hash covers */
} mr_dump_kind;

/* Whole lines; any status but MR_OK stops the dump and is handed on. */
typedef mr_status mr_dump_writer(void *context, mr_text lines);

/*
 * Dump the shards of one topic and plan, values read as of `at_ms`; MR_TIME_NONE: the
 * largest event time of all of them.
 *
 * MR_ERR_INVALID when the plans or topics differ or a partition stands there twice;
 * MR_ERR_NO_MEMORY; or the writer's.
 */
MR_MUST_USE mr_status mr_canonical_dump(const mr_shard *const *shards, size_t count,
                                        int64_t at_ms, mr_dump_kind kind,
                                        mr_dump_writer *writer, void *context);

/* SHA-256 of the dump of that kind, lower-case hex. */
MR_MUST_USE mr_status mr_canonical_hash(const mr_shard *const *shards, size_t count,
                                        int64_t at_ms, mr_dump_kind kind,
                                        char ret_hex[MR_SHA256_HEX_BYTES]);

#endif
