/*
 * Links, inside: what a shard keeps for them, and what applying a batch does.
 *
 * Everything a batch may need is reserved, and every answer of it read, before the first change;
 * applying then cannot fail.
 *
 * Units      As features/link.h.
 * Ownership  Ids and profiles lie in the shard's block pool.
 * Threads    The shard's owner.
 * Cost       As features/link.h; a batch without links costs a look at each event's two ids.
 */
#ifndef MR_FEATURES_LINKS_H
#define MR_FEATURES_LINKS_H

#include "core/buffer.h"
#include "features/link.h"
#include "features/link_profile.h"

/* The newest sequence applied of those that a partition sent. */
typedef struct mr_link_mark {
    uint64_t sequence;
    uint32_t source;
} mr_link_mark;

typedef struct mr_link_id {
    uint32_t block;
    uint8_t length;
    uint8_t size_class;
} mr_link_id;

typedef struct mr_link_entry {
    uint64_t sequence;
    int64_t time_ms;
    mr_link_id anonymous;
    mr_link_id user;
    mr_link_profile profile; /* none: a request */
} mr_link_entry;

typedef struct mr_links {
    uint64_t last_sequence;
    mr_link_counters counters;
    mr_link_mark *marks; /* by source, ascending */
    size_t mark_count;
    size_t mark_capacity;
    mr_link_entry *entries; /* waiting: first .. end - 1 */
    size_t first;
    size_t end;
    size_t capacity;

    /* Of the batch being applied: its answers' profiles, none for one that does not read. */
    mr_link_profile *answers;
    size_t answer_count;
    size_t answer_next;
    size_t answer_capacity;
} mr_links;

void mr_links_deinit(mr_links *links);
size_t mr_links_bytes(const mr_links *links);

/* ---- a batch (link.c) ---- */

/* What the shard must have in reserve besides what the events need. */
typedef struct mr_links_need {
    size_t rows;
    size_t block_bytes;
} mr_links_need;

/*
 * Read the answers among the records from `first` on, and make room for what waits to be sent.
 *
 * MR_ERR_FULL, MR_ERR_NO_MEMORY.  Either way mr_links_end_batch() follows.
 */
MR_MUST_USE mr_status mr_links_prepare(mr_shard *shard, const mr_event_batch *batch,
                                       size_t first, mr_links_need *ret_need);
void mr_links_end_batch(mr_shard *shard);

/* An event of the profile in `row` was applied: ask for the anonymous one, if it shows a new pair. */
void mr_links_note(mr_shard *shard, uint32_t row, const mr_event *event);

void mr_links_apply(mr_shard *shard, const mr_link *link, int64_t offset);

/* ---- what waits (link_outbox.c) ---- */

MR_MUST_USE mr_status mr_links_reserve(mr_links *links, size_t more);

/* The most bytes of blocks that an entry's ids take. */
size_t mr_links_ids_bytes_max(void);

/* The id's text, lent. */
mr_text mr_links_id(const mr_block_pool *pool, mr_link_id id);

/* With the shard's next sequence; takes `profile`.  Reserved before.  A shard that only replays
 * numbers it and lets it go. */
void mr_links_put(mr_shard *shard, mr_text anonymous_id, mr_text user_id, int64_t time_ms,
                  mr_link_profile profile);

/* ---- checkpoint (link_codec.c) ---- */

/* Numbers, counters and marks; then each entry that waits. */
void mr_links_encode(const mr_shard *shard, mr_buffer *buffer);
void mr_links_encode_entry(const mr_shard *shard, const mr_link_entry *entry,
                           mr_buffer *buffer);
MR_MUST_USE mr_status mr_links_decode(mr_shard *shard, mr_reader *reader);
MR_MUST_USE mr_status mr_links_decode_entry(mr_shard *shard, mr_reader *reader);

/* ---- ids noted (link_noted.c): hashes in a block of the size that their number says ---- */

const uint64_t *mr_links_noted(const mr_block_pool *pool, mr_row row); /* NULL: none */

/* Behind the others; the oldest goes where there are MR_LINK_NOTED_MAX.  Reserved before. */
void mr_links_add_noted(mr_block_pool *pool, mr_row row, uint64_t hash);
void mr_links_forget_noted(mr_block_pool *pool, mr_row row);

/* The ids noted of a row that has any. */
void mr_links_encode_noted(const mr_shard *shard, uint32_t row, mr_buffer *buffer);
MR_MUST_USE mr_status mr_links_decode_noted(mr_shard *shard, mr_reader *reader);

/* Assert the invariants. */
void mr_links_check(const mr_shard *shard);

#endif
