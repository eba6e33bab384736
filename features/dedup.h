/*
 * Dedup: which event ids a shard has applied, for as long as it promises to remember.
 *
 * An id is a 64-bit keyed fingerprint of (event id, line).  It lies in a bucket of event time;
 * a bucket is forgotten whole, either because it lies behind the horizon of its class of event
 * types or because the ids of all buckets together would pass the plan's cap.  What is behind
 * the horizon, or behind the newest bucket the cap took, can no longer be told from a duplicate
 * and is late; so no id is ever applied twice by way of being forgotten behind the watermark.
 *
 * The fingerprints lie in an extendible table: a directory, addressed by their first bits,
 * points to sub-tables that are split when they are full.  An entry names its bucket by a small
 * number and is alive as long as that bucket is: forgetting a bucket touches no entry.  A
 * sub-table drops its dead entries when it is full, before it splits, and one sub-table drops
 * them each time a bucket begins; so nothing is ever swept or rehashed whole.  The alternative,
 * a table a bucket, would make every look-up one miss a live bucket.
 *
 * Within a sub-table entries are ordered by the place they hash to (linear probing, "Robin
 * Hood" [Celis 1986]), so that a miss, the usual case, ends after a few neighbours even when
 * seven eighths are full.
 *
 * Units      Times in ms since the epoch; a bucket is floor(time / width of its class).
 * Ownership  The owner of the mr_dedup; it borrows the specification.
 * Threads    Owner-only.
 * Cost       A put: two dependent misses, prefetched by the batch.  10 bytes a place, 13.7 an id
 *            at the default cap.  Growth: a sub-table of 5504 places is cleaned and split; 32
 *            puts with all the splits among them took 0.5 ms at worst.
 */
#ifndef MR_FEATURES_DEDUP_H
#define MR_FEATURES_DEDUP_H

#include "core/buffer.h"
#include "core/hash.h"
#include "features/plan_layout.h"
#include "features/shard.h"

typedef struct mr_dedup mr_dedup;

typedef struct mr_dedup_bucket {
    int64_t number;
    uint64_t born;     /* which bucket it is of all there ever were, from 1   */
    uint32_t count;    /* ids                                                 */
    uint32_t expected; /* while decoding: what the file says `count` must be  */
    uint16_t slot;     /* what its entries say                                */
} mr_dedup_bucket;

MR_MUST_USE mr_status mr_dedup_create(const mr_dedup_spec *spec, mr_dedup **ret_dedup);
void mr_dedup_destroy(mr_dedup *dedup); /* NULL allowed */

/* Room for `ids` more, so that as many puts cannot fail.  MR_ERR_NO_MEMORY. */
MR_MUST_USE mr_status mr_dedup_reserve(mr_dedup *dedup, size_t ids);

/* The watermark before the next record: forgets the buckets behind the horizons.  It never
 * falls; MR_TIME_NONE: there is none yet. */
void mr_dedup_advance(mr_dedup *dedup, int64_t watermark_ms);

/* Whether an event of the class and time comes too late to be told from a duplicate. */
bool mr_dedup_is_late(const mr_dedup *dedup, mr_dedup_class span, int64_t time_ms);

/* Fetch what find and put of this fingerprint will read. */
void mr_dedup_prefetch(const mr_dedup *dedup, uint64_t fingerprint);

/*
 * Remember a fingerprint.  False when it is remembered already, in whatever class.
 *
 * Takes the oldest buckets away until the cap holds.  A bucket behind the horizon is not begun
 * again: the answer is true and nothing is kept.  Reserved before.
 */
bool mr_dedup_put(mr_dedup *dedup, uint64_t fingerprint, mr_dedup_class span,
                  int64_t time_ms);
bool mr_dedup_has(const mr_dedup *dedup, uint64_t fingerprint);

/* The buckets of a class that live as of a watermark, ascending; lent until the next put. */
size_t mr_dedup_buckets(const mr_dedup *dedup, mr_dedup_class span, int64_t watermark_ms,
                        const mr_dedup_bucket **ret_buckets);

/* The end of the newest bucket the cap ever took of the class; MR_TIME_NONE. */
int64_t mr_dedup_evicted_end_ms(const mr_dedup *dedup, mr_dedup_class span);

size_t mr_dedup_count(const mr_dedup *dedup); /* ids remembered */

/* Ids the cap took that were not behind the watermark: these alone could be applied twice. */
uint64_t mr_dedup_forgotten(const mr_dedup *dedup);

size_t mr_dedup_bytes(const mr_dedup *dedup);

/* Asserts every invariant; walks all entries. */
void mr_dedup_check(const mr_dedup *dedup);

/* -- in a checkpoint: docs/FORMATS.md, block kind 8 ----------------------------------------- */

/*
 * Append one payload, the head and whole sub-tables from number `table` on, until there are
 * `bytes` or none is left.  Returns the next sub-table, 0 when that was the last.
 */
size_t mr_dedup_encode(const mr_dedup *dedup, int64_t watermark_ms, size_t table,
                       size_t bytes, mr_buffer *buffer);

/*
 * Take in a payload.  Its head replaces the buckets: one that it does not name, or names with
 * another birth, is forgotten; then the entries are put.  So a base is payloads over an empty
 * set, and a delta is payloads over its base.  MR_ERR_CORRUPT, MR_ERR_NO_MEMORY.
 */
MR_MUST_USE mr_status mr_dedup_decode(mr_dedup *dedup, int64_t watermark_ms,
                                      mr_reader *reader);

/* After the last payload: MR_ERR_CORRUPT unless every bucket holds what its head said. */
MR_MUST_USE mr_status mr_dedup_decode_end(const mr_dedup *dedup);

/*
 * The cut: the set as of one moment, written while puts go on.
 *
 * begin notes the live buckets.  Without `of_tables` no sub-table is copied, neither aside nor by
 * step: the cut is then only for the head and mr_dedup_fresh_encode().  Then the head is written, and step copies sub-tables; one that
 * is about to change before its turn is copied aside first, and comes with the next step.  A
 * payload is a head and then any number of entries.
 */
void mr_dedup_cut_begin(mr_dedup *dedup, int64_t watermark_ms, bool of_tables);
void mr_dedup_cut_head(const mr_dedup *dedup, mr_buffer *buffer);

/* Copy about `entries` entries, a sub-table at least.  True when all are copied.  Without
 * memory for what was copied aside `buffer` is marked failed: abandon the cut. */
bool mr_dedup_cut_step(mr_dedup *dedup, size_t entries, mr_buffer *buffer);
void mr_dedup_cut_end(mr_dedup *dedup); /* also abandons one */

enum { MR_DEDUP_FRESH_MAX = 1 << 20 };

/*
 * Fresh: what a delta has to write instead, the entries put since the base's cut began and not
 * forgotten here since, oldest first.
 *
 * At a cut's begin the caller notes how many there are; mr_dedup_fresh_encode() appends those
 * of `first` .. `first` + `count` - 1 that live as of the open cut; when the delta is durable,
 * mr_dedup_fresh_forget() drops them.  Before the first restart, and once there were more than
 * MR_DEDUP_FRESH_MAX, mr_dedup_fresh_count() is false: take a base, and call
 * mr_dedup_fresh_restart() at its begin.  A base that does not become durable is followed by
 * another base.
 */
MR_MUST_USE bool mr_dedup_fresh_count(const mr_dedup *dedup, size_t *ret_count);
void mr_dedup_fresh_encode(const mr_dedup *dedup, size_t first, size_t count,
                           mr_buffer *buffer);
void mr_dedup_fresh_forget(mr_dedup *dedup, size_t count);
void mr_dedup_fresh_restart(mr_dedup *dedup);

#endif
